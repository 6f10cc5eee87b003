# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every moment of the job at which something can go wrong, and everything that can go wrong there.

The job is run once with nothing wrong. What the simulator logged of it (commands, files, logins, restarts, API
requests) becomes the list of points: a moment, and a fault of the simulator. Each phase of the job (the survey of a
node, a round on a node) is copied before it begins, so that a point needs only its own phase.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.certops.cms.plugins.plugin_utils._fleet.journal import Journal
from tests.simulator.faults import API_KINDS, COMMAND_KINDS, KINDS, LOGIN_KINDS, RESTART_KINDS, SFTP_KINDS
from tests.sweeps.drive import API_TIMEOUT, LONG_TIMEOUT, NARROW, SITE, Run, copy
from tests.sweeps.fleets import Fleet

#: What is run one after the other: a name, and the playbook.
STAGES = (("site", SITE), ("again", SITE), ("narrow", NARROW))

#: Kind of fault -> what it is called in an id, and its options; one kind may go wrong in several ways.
WAYS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    **{kind: ((kind, {}),) for kind in KINDS},
    "silence": (("silence", {}), ("silence_done", {"effect": True})),
    "garbage": (("garbage", {}), ("garbage_done", {"effect": True})),
    "slow_restart": (
        ("slow_restart", {"seconds": 0.8}),
        ("slow_restart_beyond_patience", {"seconds": LONG_TIMEOUT + 1.5}),
    ),
    "cut_upload": (("cut_upload", {}), ("cut_upload_unseen", {"keep_connection": True})),
    "api_slow": (("api_slow", {"seconds": API_TIMEOUT + 0.7}),),
    # What else may be wrong with the form of an answer is tried on the client alone.
    "api_form": (("api_form_truncated", {"text": "truncated"}), ("api_form_odd", {"text": "odd"})),
    # The job only reads, so it is all the same whether a request that was lost took effect.
    "api_lost": (("api_lost", {}),),
}

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

#: An API that is asked again and again: later requests than these find the asker in the same state.
SAME_REQUEST = 2

#: Faults that stand until they are cleared, whatever their count.
STANDING = frozenset({"lockout", "unreachable", "password_change"})

#: Event of the simulator -> the kinds of faults that can strike there.
STRIKES: dict[str, tuple[str, ...]] = {
    "command": COMMAND_KINDS,
    "restart_begin": RESTART_KINDS,
    "sftp_put": ("cut_upload", "disk_full"),
    "sftp_get": ("sftp_drop", "sftp_failure"),
    "sftp_list": ("sftp_drop", "sftp_failure"),
    "sftp_stat": ("sftp_drop", "sftp_failure"),
    "sftp_remove": ("sftp_drop", "sftp_failure"),
    "login": LOGIN_KINDS,
    "api": API_KINDS,
}
assert {kind for kinds in STRIKES.values() for kind in kinds} == set(KINDS), "a fault that nothing is swept with"


def subject(event: dict[str, Any]) -> str:
    """Give what a fault at this event has to match."""
    kind = event["kind"]
    if kind == "command":
        return str(event["command"])
    if kind == "restart_begin":
        return f"{event['service']} {event['verb']}"
    if kind.startswith("sftp_"):
        operation = kind.removeprefix("sftp_")
        file = str(event.get("file", ""))
        return {"list": "list", "put": file}.get(operation, f"{operation} {file}")
    return str(event["user"] if kind == "login" else event["path"])


@dataclass(frozen=True)
class Phase:
    """A part of the job: the survey of a node, or a round on a node."""

    stage: str
    name: str
    node: str

    def __str__(self) -> str:
        return "-".join(filter(None, (self.stage, self.name, self.node)))


@dataclass(frozen=True)
class Point:
    """A fault at the ``number``-th time that something happens on ``node`` in a phase of the job on a fleet.

    ``overall`` counts from the beginning of the stage.
    """

    fleet: str
    phase: Phase
    way: str
    kind: str
    node: str
    event: str
    subject: str
    number: int
    overall: int

    @property
    def id(self) -> str:
        """Name the point: what CERTOPS_SWEEP_POINT is compared with."""
        shorter = _GUID.sub(lambda found: found.group(0)[:8], self.subject)
        words = re.sub(r"[^A-Za-z0-9.]+", "_", shorter).strip("_")
        where = "" if self.node == self.phase.node else f"{self.node}-"
        return f"{self.fleet}-{self.phase}-{self.way}-{where}{words}-{self.number}"

    @property
    def fault(self) -> dict[str, Any]:
        """Give the fault as the simulator takes it when the phase begins."""
        return self._fault(self.number)

    @property
    def fault_from_the_beginning(self) -> dict[str, Any]:
        """Give the fault as the simulator takes it when the stage begins."""
        return self._fault(self.overall)

    def _fault(self, number: int) -> dict[str, Any]:
        options = next(options for way, options in WAYS[self.kind] if way == self.way)
        # File names have no characters that a pattern would take for anything else.
        match = self.subject if self.kind in SFTP_KINDS else f"/^{re.escape(self.subject)}$/"
        return {"kind": self.kind, "match": match, "after": number - 1, **options}


@dataclass
class Phased:
    """A phase as it was when nothing went wrong: where its copy lies, and the image of everything after it."""

    phase: Phase
    folder: Path
    plan: str = ""
    before: str = ""
    after: str = ""
    named: dict[str, set[str]] = field(default_factory=dict)


@dataclass
class Recording:
    """The whole job on one fleet with nothing wrong."""

    fleet: Fleet
    phases: dict[Phase, Phased]
    points: list[Point]
    ends: dict[str, dict[str, Any]]
    plans: dict[str, str]
    happened: Counter[str]


def record(folder: Path, fleet: Fleet) -> Recording:
    """Run the job once and write down all of it. Raises AssertionError when it does not end well by itself."""
    recording = Recording(fleet, {}, [], {}, {}, Counter())
    live = folder / "live"
    with Run(live, fleet) as run:
        for stage, intent in STAGES:
            _record_stage(recording, run, folder, stage, intent)
    return recording


def _record_stage(recording: Recording, run: Run, folder: Path, stage: str, intent: str) -> None:
    begun: list[tuple[Phased, int]] = []

    def phase(name: str, node: str) -> None:
        image = run.image()
        if begun:
            begun[-1][0].after = image
        place = Phase(stage, name, node)
        phased = Phased(place, folder / str(place), before=image)
        if node:
            copy(run.folder, phased.folder)
            recording.phases[place] = phased
        begun.append((phased, run.now()))

    run.fresh()
    run.phase = phase
    told = run.job(intent)
    assert not told.errors, told.text
    assert run.links_stand() == []
    if begun[-1][0].phase.name != "end":
        phase("end", "")
    if stage == "again":
        assert not run.cost, "the second run has something to do"
    recording.ends[stage] = run.end_state()
    plans = sorted(Path(run.state, "plans").glob("p-*.json"), key=lambda path: path.stat().st_mtime_ns)
    recording.plans[stage] = plans[-1].stem
    marks = [number for _phased, number in begun]
    before: Counter[tuple[str, ...]] = Counter()
    for (phased, since), until in zip(begun, [*marks[1:], run.now()], strict=True):
        phased.plan = recording.plans[stage]
        events = [event for event in run.control.events(since) if event["seq"] <= until]
        recording.points += _points(recording, phased.phase, events, before)


def _points(
    recording: Recording, phase: Phase, events: list[dict[str, Any]], before: Counter[tuple[str, ...]]
) -> Iterator[Point]:
    """Give the points of a phase; ``before`` counts what happened in the stage so far, and goes on."""
    times: Counter[tuple[str, ...]] = Counter()
    for event in events:
        if event["kind"] not in STRIKES:
            continue
        recording.happened[event["kind"]] += 1
        what = (event["node"], event["kind"], subject(event))
        times[what] += 1
        before[what] += 1
        if event["kind"] == "api" and times[what] > SAME_REQUEST:
            continue
        for kind in STRIKES[event["kind"]]:
            if kind == "expiry_notice" and recording.fleet.name != "shell":
                continue  # only a shell has a place for it
            for way, _options in WAYS[kind]:
                yield Point(recording.fleet.name, phase, way, kind, *what, times[what], before[what])


def distinct(points: list[Point]) -> list[Point]:
    """Leave out what is the same as another point for certain.

    - The survey before ``narrow`` reads the same nodes, in the same state, as the one of the run before it.
    - Where only the way of a command differs (``shell``), files and the API are reached as on ``pair``.
    - With two of each (``twins``), surveys, requests and uploads are those of ``pair`` once more; what differs is the
      turns that nodes take, and the upload of a key that they share.
    """
    return [point for point in points if _is_distinct(point)]


def _is_distinct(point: Point) -> bool:
    phase = point.phase
    if (phase.stage, phase.name) == ("narrow", "survey"):
        return False
    if point.fleet == "shell":
        return point.event in ("command", "login", "restart_begin")
    if point.fleet == "twins":
        return phase.name in ("widen", "switch", "switch-2") or (phase.name, phase.node) == ("stage", "edge1")
    return True


def plan_of(state: str, ident: str) -> dict[str, Any]:
    """Read a plan that an earlier process kept."""
    return Journal(state).load_plan(ident)
