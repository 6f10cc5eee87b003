# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet to play with: what it refuses with which words, and the page that says what can be done with it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.simulator.__main__ import main as simulator
from tests.simulator.control import Control
from tests.simulator.dialects import DIALECTS
from tests.simulator.faults import KINDS
from tools import fleet
from tools._simulator import DEMO_FLEET, fresh, simulated_fleet

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "simulator.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["no-such.yml"], "no-such.yml: .*No such file"), (["--dialect", "none"], "dialect 'none' is none of default")],
)
def test_what_cannot_be_started_is_said_in_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=said):
        fleet.main(arguments, tmp_path)


def test_the_commands_of_the_page_work_and_a_second_fleet_leaves_the_first_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = re.findall(r"^\$ python -m tests\.simulator (.*)$", PAGE, re.MULTILINE)
    directory = fresh(tmp_path / "fleet")
    with simulated_fleet(DEMO_FLEET, directory, "--network", "auto", "--dialect", "old", max_seconds=120):
        with pytest.raises(SystemExit, match=r"runs in .* already\. Next step: use it"):
            fleet.main([], directory)
        for command in typed:
            words = shlex.split(command.replace("build/fleet/state", str(directory / "state")))
            status = simulator_with(words)
            assert status == 0, (command, capsys.readouterr().err)
        assert Control(directory / "state").calls("core1") == 5


def simulator_with(words: list[str]) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["simulator", *words])
        return simulator()


def test_the_page_names_every_dialect_and_every_fault() -> None:
    named = set(re.findall(r"`([a-z0-9_-]+)`", PAGE))
    assert set(DIALECTS) | set(KINDS) <= named
