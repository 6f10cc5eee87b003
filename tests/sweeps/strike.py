# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a fault strike at one point of the job, and judge what comes of it: then, and after running again."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.certops.cms.plugins.plugin_utils._errors import CmsError
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.journal import Journal
from tests.integration.estate import Seen
from tests.sweeps.drive import PATIENCE, PROOF_TIMEOUT, Run, Told, copy, differences, impatient
from tests.sweeps.points import STAGES, STANDING, Phased, Point, Recording, plan_of

INTENTS = dict(STAGES)

#: What the simulator prints for these faults: the error of a run that failed on it has it (S14).
PRINTED = {"garbage": "0x7f3a", "failure_line": "something went wrong", "fail_restart": "failed to start"}

#: Services are down here until the old settings are put back: that is what the fault is. And a node that says SUCCESS
#: and goes on with the trust it had is found out when the other side of the link switches; that is put back then, and
#: the next run sees the old trust and restarts it.
LIES = frozenset({"serve_old_after_restart"})
OUTAGES = frozenset({"fail_restart"}) | LIES

#: Ways to be silent for longer than anybody waits.
SILENCES = frozenset({"silence", "silence_done", "slow_restart_beyond_patience", "api_slow"})

#: Images of fleets that were brought to the right end by running again, in this process.
_proven: set[tuple[str, str, str]] = set()


@dataclass
class Judgement:
    """What came of a point: ``refused``, ``failed`` or ``done`` by the run it struck, and all that was wrong."""

    point: Point
    struck: bool = True
    first: str = "done"
    again: str = "run"
    wrong: list[str] = field(default_factory=list)
    told: str = ""

    def blame(self, what: str, found: object) -> None:
        """Note what is wrong, if anything is found."""
        if found:
            self.wrong.append(f"{what}: {found}")


def strike(recording: Recording, point: Point, folder: Path) -> Judgement:
    """Carry the job on from before the phase of the point with its fault in force, then run again twice without."""
    phased = recording.phases[point.phase]
    judgement = Judgement(point)
    copy(phased.folder, folder)
    try:
        with Run(folder, recording.fleet) as run:
            _judge(recording, phased, run, judgement)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return judgement


def _judge(recording: Recording, phased: Phased, run: Run, judgement: Judgement) -> None:
    point = judgement.point
    before = run.describe()
    run.control.set_fault(point.node, point.fault)
    since = run.now()
    told = Told()
    run.proof_timeout = PROOF_TIMEOUT
    with impatient(run) if point.way in SILENCES else contextlib.nullcontext():
        same = _first(recording, phased, run, told)
    run.proof_timeout = PATIENCE
    left = run.control.state(point.node)["faults"]
    judgement.struck = point.kind in STANDING or not left
    # How often a service is asked again depends on how fast it comes up.
    judgement.blame("the fault never struck", not judgement.struck and point.event != "api")
    run.control.clear_faults()
    seen = run.seen(since)
    judgement.told = told.text
    judgement.first = "failed" if told.errors else "done"
    image = run.image()
    judgement.blame("links are down", run.links_stand())
    if point.kind not in OUTAGES:
        judgement.blame("links broke outside restarts", run.seen(since).broken_links)
    judgement.blame("written over", _written_over(seen, before))
    judgement.blame("not as it should be after the first run", _unwell(run, before, lies=point.kind in LIES))
    judgement.blame("restarted more than announced", _too_many(seen, run, told))
    _judge_words(judgement, run, told, seen)
    if same:
        judgement.again = "as recorded"
        return
    proof = (recording.fleet.name, point.phase.stage, image)
    if proof in _proven:
        judgement.again = "known"
        return
    _again(recording, run, judgement)
    if not judgement.wrong:
        _proven.add(proof)


def _first(recording: Recording, phased: Phased, run: Run, told: Told) -> bool:
    """Run as far as it goes; say whether all is as it was with nothing wrong, and so what follows is, too."""
    stage, name, node = phased.phase.stage, phased.phase.name, phased.phase.node
    if name == "survey":
        made = run.surveyed_plan(INTENTS[stage], told)
        if made is None:
            return False
        if _same_plan(made, phased, run) and run.links_stand() == []:
            return True
        run.rounds(made, told)
        return False
    made = plan_of(run.state, phased.plan)
    run.cost = made["cost"]["restarts"]
    run.one(made, name, node, told)
    if not told.errors and run.image() == phased.after:
        return True
    run.rounds(made, told, behind=(name, node))
    return False


def _same_plan(made: dict[str, Any], phased: Phased, run: Run) -> bool:
    """Say whether a plan is that of the run with nothing wrong; when nothing is to be done there is none to compare."""
    if phased.phase.stage == "again":
        return not made["rounds"] and run.image() == phased.before
    return bool(made["id"] == phased.plan)


def _again(recording: Recording, run: Run, judgement: Judgement) -> None:
    """Run again without the fault: the right end. And once more: nothing to do."""
    stage = judgement.point.phase.stage
    since = run.now()
    run.fresh()
    told = run.job(INTENTS[stage])
    if told.errors:
        judgement.blame("the second run failed", told.text)
        return
    seen = run.seen(since)
    judgement.blame("restarted more than announced by the second run", _too_many(seen, run, told))
    judgement.blame("the end differs", differences(run.end_state(), recording.ends[stage]))
    judgement.blame("links are down at the end", run.links_stand())
    judgement.blame("links broke outside restarts in the second run", run.seen(since).broken_links)
    since = run.now()
    run.fresh()
    told = run.job(INTENTS[stage])
    judgement.blame("the third run failed", "\n".join(map(str, told.errors)))
    judgement.blame("the third run changed", run.seen(since).changes)
    waiting = {node: _waiting(run.journal, node) for node in run.nodes if _waiting(run.journal, node)}
    judgement.blame("still pending", waiting)


def _waiting(journal: Journal, node: str) -> list[Any]:
    return [record for records in journal.pending(node).values() for record in records if not record.get("rides")]


# What must never be --------------------------------------------------------------------------------------------------


def _written_over(seen: Seen, before: dict[str, Any]) -> list[str]:
    """Give the files that were written or removed while a setting named them (S3)."""
    named = {(node, file) for node, state in before.items() for file, f in state["files"].items() if f["used_by"]}
    found = []
    for event in seen.events:
        if event["kind"] == "setting_stored" and isinstance(event["value"], (list, str)):
            values = event["value"] if isinstance(event["value"], list) else [event["value"]]
            named |= {(event["node"], str(value)) for value in values}
        if event["kind"] in ("sftp_put", "sftp_remove") and (event["node"], event["file"]) in named:
            found.append(f"{event['kind']} {event['node']} {event['file']}")
        if event["kind"] == "csr_made" and any((event["node"], file) in named for file in map(str, event.values())):
            found.append(f"csr_made {event}")
    return found


def _unwell(run: Run, before: dict[str, Any], lies: bool) -> list[str]:
    """Give the services that do not run, or do not run what they show though no journal knows of it."""
    found = []
    for node, state in run.describe().items():
        pending = run.journal.pending(node)
        for service, facts in state["services"].items():
            earlier = before[node]["services"][service]
            if earlier["running"] and not (facts["running"] and facts["enabled"]):
                found.append(f"{node} {service} is down")
            known = bool(pending.get(service)) or earlier["restart_pending"] or lies
            if facts["restart_pending"] and not known:
                found.append(f"{node} {service} does not run what is stored, and the journal does not know")
    return found


def _too_many(seen: Seen, run: Run, told: Told) -> dict[str, Any]:
    """Give the services that restarted more often than the plan announced; a way back may take one restart more."""
    return {
        f"{node} {service}": number
        for node, services in seen.restarts.items()
        for service, number in services.items()
        if number > run.cost.get(node, {}).get(service, 0) + bool(told.errors)
    }


def _judge_words(judgement: Judgement, run: Run, told: Told, seen: Seen) -> None:
    """Look at what a person is told: object, reason, next step, what the node printed, and no secret."""
    point = judgement.point
    everything = "\n".join([told.text, *run.transcript, repr(run.results)])
    judgement.blame("a secret is told", [secret[:4] for secret in run.secrets() if secret in everything])
    for error in told.errors:
        if not isinstance(error, CmsError) or not (error.obj and error.reason and error.next_step):
            judgement.blame("an error without its parts", repr(error))
    if not told.errors:
        return
    judgement.blame("the error does not name the node", "" if _names(point, run, told.text) else told.text)
    printed = PRINTED.get(point.kind)
    if printed and seen.of("fault") and printed not in told.text:
        judgement.blame("what the node printed is not told", told.text)


def _names(point: Point, run: Run, text: str) -> bool:
    return point.node in text or run.nodes[point.node].address in text
