# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch sweep: the whole job under every answer the appliance might give where nobody knows the answer.

Each position of each switch by itself, through exec channels and through the shell, and random dialects, which set
every switch at once. A switch that is added to the simulator is swept without a word here.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.switches import SWITCHES, Switch
from tests.sweeps import surveys
from tests.sweeps.conftest import PICKED, SEED, SWEEP
from tests.sweeps.drive import Run
from tests.sweeps.fleets import PAIR, Fleet

RANDOM = int(os.environ.get("CERTOPS_SWEEP_RANDOM", "200" if SWEEP else "4"))
SAMPLE = 10

#: What a survey says differently under a position, rightly: what the node says besides is kept, and known as unknown.
SAYS: dict[str, str] = {
    "unknown_row": r"/services/\w+/unknown_rows",
    "callbridge_rows": r"/services/callbridge/unknown_rows",
    "sftp_other_files": r"/files/(cms\.lic|live\.json)/(kind|size)",
}
#: What was said before the first prompt, and the prompt, are passed on as they are.
ALWAYS = r"/notices|/prompt"

#: Positions under which the job cannot be done, with what the refusal says. There are none: where the appliance refuses
#: one way, there is another.
IMPOSSIBLE: dict[tuple[str, str], str] = {}


@dataclasses.dataclass(frozen=True)
class Setting:
    """Switches in force on all nodes, beside where exec channels stand."""

    name: str
    switch: str
    position: str | float
    shell: bool

    @property
    def id(self) -> str:
        return f"{self.name}-{'shell' if self.shell else 'exec'}"


def positions(switch: Switch) -> list[str | float]:
    """Give every position but the default; of a range of numbers those that are drawn."""
    found: list[str | float] = [*switch.positions, *switch.drawn]
    return [position for position in found if position != switch.default]


def settings() -> list[Setting]:
    """Give every position of every switch, and the random dialects."""
    found = [
        Setting(f"{name}.{position}", name, position, shell)
        for name, switch in SWITCHES.items()
        for position in positions(switch)
        for shell in ((False, True) if name != "exec_channel" else (False,))
    ]
    chance = random.Random(SEED)
    # In `make test` the same seeds every time; the full sweep has those and more.
    dialects = [f"random:{SEED}-{number}" for number in range(RANDOM)]
    drawn = [Setting(dialect.replace(":", "."), "dialect", dialect, False) for dialect in dialects]
    if PICKED:
        return [one for one in [*found, *drawn] if fnmatch.fnmatchcase(one.id, PICKED)]
    return [*(found if SWEEP else chance.sample(found, SAMPLE)), *drawn]


def fleet_for(setting: Setting) -> Fleet:
    """Give the pair; where it is about how long a restart takes, the switch says so and not the fleet."""
    definition: dict[str, Any] = {**PAIR.definition}
    if setting.switch == "callbridge_restart":
        definition["durations"] = {k: v for k, v in definition["durations"].items() if k != "restart"}
    if setting.shell:
        definition["switches"] = {"exec_channel": "refused"}
    return dataclasses.replace(PAIR, definition=definition)


def rightly(setting: Setting, path: str) -> bool:
    """Say whether a survey may say something else here."""
    says = SAYS.values() if setting.switch == "dialect" else [SAYS.get(setting.switch, ALWAYS)]
    return any(re.fullmatch(pattern, path) for pattern in [ALWAYS, *says])


@pytest.mark.parametrize("setting", settings(), ids=lambda setting: setting.id)
def test_the_job_is_done_whatever_the_appliance_says(
    setting: Setting, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("sweep", "switches")
    record_property("kind", "random dialect" if setting.switch == "dialect" else "one position")
    with Run(tmp_path / "fleet", fleet_for(setting)) as run:
        before = {node: run.survey_of(node) for node in run.nodes}
        run.control.set_switch("all", setting.switch, setting.position)
        since = run.now()
        strange = {
            f"{node}{path}": values
            for node in run.nodes
            for path, values in surveys.differences(before[node], run.survey_of(node)).items()
            if not rightly(setting, path)
        }
        assert strange == {}
        told = run.job()
        if (setting.switch, str(setting.position)) in IMPOSSIBLE:
            record_property("became", "refused")
            assert re.search(IMPOSSIBLE[setting.switch, str(setting.position)], told.text)
            assert run.seen(since).changes == []
            return
        ended = bool(told.errors) and impatient_node(run)
        if ended:
            # Two seconds without a word are nothing on a busy machine: then the session ends, and the job is run again.
            run.fresh()
            told = run.job()
        record_property("became", "ended by the idle limit, then done" if ended else "done")
        assert not told.errors, told.text
        assert run.links_stand() == []
        assert run.seen(since).broken_links == []
        assert ended or run.seen(since).restarts == run.cost
        assert_moved(run)
        assert_nothing_is_left(run)


def impatient_node(run: Run) -> bool:
    """Say whether the nodes end sessions that are idle for a moment."""
    return any(state["switches"]["idle_limit"] != "none" for state in run.describe().values())


def assert_moved(run: Run) -> None:
    """Fail unless every service runs what is assigned to it, and that is of the new CA."""
    for place, facts in run.end_state().items():
        if place.endswith(" files") or not facts["running"]:
            continue
        assert (facts["enabled"], facts["restart_pending"], facts["good"]) == (True, False, True), place
        for slot, leaves in facts["running leaves"].items():
            assert leaves[0].endswith("by CN=Meeting Server Internal CA Intermediate"), (place, slot, leaves)
        for slot, (_file, subjects) in facts["running trust"].items():
            assert any("CN=Meeting Server Internal CA by" in subject for subject in subjects), (place, slot, subjects)


def assert_nothing_is_left(run: Run) -> None:
    """Fail unless another run finds nothing to do and nobody to restart, and changes nothing."""
    since, image = run.now(), run.image()
    run.fresh()
    told = run.job()
    assert not told.errors, told.text
    assert run.cost == {}
    assert run.seen(since).changes == []
    assert run.image() == image
    assert all(not run.journal.pending(node) for node in run.nodes)
