# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet of twelve with every service and every link, from legacy to new CAs: no link is ever down but in a restart.

The default dialect in every run, the others with CERTOPS_SWEEPS=all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulator.dialects import DIALECTS
from tests.sweeps.conftest import SWEEP
from tests.sweeps.drive import Run, Told
from tests.sweeps.fleets import INSTANT, Fleet

FILE = Path(__file__).resolve().parents[1] / "simulator" / "fleets" / "twelve.yml"

#: Restarts of each service on a node, old root to new root. Who is verified and verifies is widened first (8.2).
CORE = {"webadmin": 1, "callbridge": 1, "scheduler": 1}
EDGE = {"webbridge3": 2, "turn": 1}
KINDS = {"c2w", "scheduler", "cluster", "recorder", "streamer"}
WANTED = {
    **{f"core{number}": CORE for number in range(1, 7)},
    **{f"edge{number}": EDGE for number in range(1, 4)},
    "recorder1": {"recorder": 2},
    "streamer1": {"streamer": 2},
    "apps1": {"meetingapps": 1},
}


def twelve(**switches: Any) -> Fleet:
    """Give the fleet of twelve; outsiders, who know the old CA only, are another test's."""
    described = yaml.safe_load(FILE.read_text())
    for part in ("outsiders", "users", "network"):
        described.pop(part, None)
    return Fleet(
        "twelve",
        "every service and every link",
        {**described, "durations": INSTANT, "probe": {"interval_ms": 500}, "switches": switches},
    )


@pytest.mark.timeout(900)
@pytest.mark.parametrize("dialect", list(DIALECTS) if SWEEP else ["default"])
def test_twelve_nodes_move_to_new_cas_and_no_link_is_down_outside_a_restart(tmp_path: Path, dialect: str) -> None:
    with Run(tmp_path, twelve(dialect=dialect)) as run:
        told = run.job()
        assert told.errors == [], told.text
        assert run.cost == WANTED
        assert {
            name: {service: run.control.restarts(name, service) for service in services}
            for name, services in WANTED.items()
        } == WANTED
        assert run.links_stand() == []
        counters = run.control.counters()
        assert counters["total"]["probes_failed_outside_restart"] == 0, counters
        # Every kind of link was there, and was looked at all the time.
        linked = {kind for kind, counted in counters["links"].items() if counted["links"] and counted["probes_ok"]}
        assert linked == KINDS
        again = Told()
        made = run.surveyed_plan("site", again)
        assert made is not None, again.text
        assert made["changed"] is False, made["rounds"]
