# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault sweep: every command, file, login, restart and API request of the job, and every fault there.

After the fault the links stand, the error said what to do; after running again the end is the right one, with no more
restarts than announced, and then there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.sweeps.conftest import RecordingOf
from tests.sweeps.points import Point
from tests.sweeps.strike import strike


def test_a_fault_is_told_leaves_the_links_and_is_mended_by_running_again(
    point: Point, recording_of: RecordingOf, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("sweep", "faults")
    record_property("kind", point.way)
    judgement = strike(recording_of(point.fleet), point, tmp_path / "fleet")
    record_property("became", f"{judgement.first}; running again: {judgement.again}")
    assert judgement.wrong == [], judgement.told
