# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A few points of the fault sweep through ``ansible-playbook``: what a person sees, and what running again does."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.estate import CA_PASSPHRASE, SITE, StartEstate, assert_done, estates, flat
from tests.sweeps.conftest import PICKED, SEED, SWEEP, recordings
from tests.sweeps.drive import differences, end_state
from tests.sweeps.fleets import PAIR
from tests.sweeps.points import Point
from tests.sweeps.strike import PRINTED, SILENCES
from tests.unit.plugins.plugin_utils.engine.rollout import FLEET

#: One point of each of these is drawn.
WAYS = ("drop_after", "failure_line", "cut_upload", "fail_restart")
SAMPLE = int(os.environ.get("CERTOPS_SWEEP_DOORS", "20" if SWEEP else str(len(WAYS))))


def doors() -> list[Point]:
    """Draw the points; what a silent node costs in time is for the sweep in one process."""
    chance = random.Random(f"{SEED} front door")
    points = [
        point
        for point in recordings().points()
        if point.fleet == PAIR.name
        and point.phase.stage == "site"
        and point.event != "api"
        and point.way not in SILENCES
    ]
    # Every way is there, unless somebody picked points by their names.
    ways = [way for way in WAYS if not PICKED or any(point.way == way for point in points)]
    drawn = [chance.choice([point for point in points if point.way == way]) for way in ways]
    rest = [point for point in points if point not in drawn]
    drawn += chance.sample(rest, min(len(rest), max(0, SAMPLE - len(drawn))))
    return drawn[:SAMPLE]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Hand every drawn point to the test."""
    metafunc.parametrize("door", [pytest.param(door, id=door.id) for door in doors()])


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[StartEstate]:
    yield from estates(tmp_path)


def test_a_person_is_told_and_the_same_command_again_does_the_rest(
    door: Point, estate: StartEstate, record_property: Callable[[str, object], None]
) -> None:
    record_property("sweep", "faults, ansible-playbook")
    record_property("kind", door.way)
    issuers = {"internal": {"type": "own_ca", "passphrase": CA_PASSPHRASE}}
    made = estate({**FLEET, **PAIR.definition}, {"cms_issuers": issuers}, durations=PAIR.definition["durations"])
    made.fleet.control.set_fault(door.node, door.fault_from_the_beginning)
    first = made.run(SITE)
    struck = not made.fleet.control.state(door.node)["faults"]
    assert struck or door.kind in ("lockout", "unreachable", "password_change"), first.stdout
    record_property("became", "failed, then done" if first.rc else "done")
    if first.rc:
        told = flat(first)
        assert "next step" in told.lower()
        assert door.node in told
        assert PRINTED.get(door.kind, "") in told
    else:
        assert first.failures == {}
    made.fleet.control.clear_faults()
    assert all(link["ok"] for link in made.fleet.control.probe_links())
    if door.kind != "fail_restart":
        assert made.seen().broken_links == []

    assert_done(made.run(SITE))
    assert differences(end_state(made.describe(), made.fleet.state), recordings().ends(PAIR.name)["site"]) == {}
    since = made.now()
    third = made.run(SITE)
    assert_done(third)
    assert third.changed == 0
    assert made.seen(since).changes == []
