# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply one round of a plan to one node, in one login.

The state is read again in that login: what is done already is left alone, what is neither as the plan saw it nor as it
wants it stops the node. What must come first is looked up in the journal (S5).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from .._errors import CertificateProblem, Drift, FileProblem
from .._mmp.session import Session
from .._services import commands
from . import steps
from .change import ServiceChange
from .content import content_of
from .context import Context
from .issue import request_on_node
from .node import Node

SERVICE_STEPS = (*steps.SETTINGS, "disable", "restart", "prove")


def apply_round(
    login: Callable[[], Session], plan: Mapping[str, Any], round_name: str, node: str, context: Context
) -> dict[str, Any]:
    """Do what ``node`` does in a round of the plan, and give the result.

    ``login`` gives the session; a node with nothing to do in the round is not logged in to. Raises CmsError:
    PlanRefused, PreconditionMissing, Drift before anything changed; CommandFailed, NotUnderstood, ProofFailed after the
    old state was put back, or saying that it could not be.
    """
    steps.refuse_blocked(plan, [node])
    work = _Round(Node(node, login), plan, context)
    for batch in steps.batches_of(plan, round_name, node):
        steps.require_done(plan, batch, context.journal)
        work.do(batch)
    return {**work.result(), "node": node, "round": round_name}


def _service_steps(batch: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [step for step in batch["steps"] if step["kind"] in SERVICE_STEPS]


def _service_of(step: Mapping[str, Any]) -> str | None:
    """Give the service a step names; a proof belongs to the service of its batch."""
    service: str | None = step.get("service")
    return service


class _Round:
    def __init__(self, node: Node, plan: Mapping[str, Any], context: Context) -> None:
        self.node = node
        self.plan = plan
        self.context = context
        self.changed = False
        self.resumed = False
        self.proofs: list[dict[str, Any]] = []
        self.remarks: list[str] = []
        self.alarms: list[dict[str, Any]] = []
        self._named: set[str] | None = None

    def result(self) -> dict[str, Any]:
        return {
            "changed": self.changed,
            "resumed": self.resumed,
            "commands": self.node.commands,
            "proofs": self.proofs,
            "remarks": self.remarks,
            "alarms": self.alarms,
        }

    def do(self, batch: Mapping[str, Any]) -> None:
        """Do one batch: its files first, then its services, then what it removes."""
        journal = self.context.journal
        evidence: dict[str, Any] = {
            "service": batch["service"],
            "slots": {},
            "links": {},
            "restarted": False,
            "alarms": [],
        }
        fresh = not journal.is_done(self.plan["id"], batch["id"])
        for step in batch["steps"]:
            if step["kind"] not in (*SERVICE_STEPS, "remove"):
                self._file_step(step)
        for service in dict.fromkeys(_service_of(step) or batch["service"] for step in _service_steps(batch)):
            fresh = self._service(batch, service, evidence) or fresh
        for step in batch["steps"]:
            if step["kind"] == "remove":
                self._remove(step["file"])
        if fresh:
            # What an earlier run proved stays noted as it was when nothing was done now.
            journal.done(self.node.name, batch["id"], self.plan["id"], evidence)

    def _service(self, batch: Mapping[str, Any], service: str, evidence: dict[str, Any]) -> bool:
        """Change one service; say whether anything was done or proven now."""
        mine = [step for step in _service_steps(batch) if (_service_of(step) or batch["service"]) == service]
        change = ServiceChange(self.node, self.plan, {**batch, "service": service, "steps": mine}, self.context)
        self._named = None
        try:
            change.run()
        finally:
            self.changed = self.changed or change.changed
            self.resumed = self.resumed or change.resumed
            self.proofs.extend(change.proofs)
            self.remarks.extend(change.remarks)
            self.alarms.extend(change.alarms)
        found = change.evidence()
        evidence["slots"].update(found["slots"])
        evidence["links"].update(found["links"])
        evidence["alarms"].extend(found["alarms"])
        evidence["restarted"] = evidence["restarted"] or found["restarted"]
        return change.worked

    def _file_step(self, step: Mapping[str, Any]) -> None:
        if step["kind"] == "csr":
            identity = steps.identity_of(self.plan, step["identity"])
            made = request_on_node(self.node, identity, step, self.context)
            self.changed = self.changed or made
            self.resumed = self.resumed or not made
        elif step["kind"] == "upload":
            self._upload(step)
        elif step["kind"] == "check":
            self._check(step)
        else:
            raise AssertionError(f"Contract violation: a step of kind {step['kind']!r}")

    # Files -----------------------------------------------------------------------------------------------------------

    def _upload(self, step: Mapping[str, Any]) -> None:
        """Put a file under a name that nothing uses; the same content there already is an upload that is done (S3)."""
        name, data = str(step["file"]), content_of(self.plan, step, self.context)
        journal = self.context.journal
        if name in self.node.files():
            if self._same(name, data):
                self.resumed = True
                return
            if name not in journal.made_files(self.node.name) or name in self._names():
                raise Drift(
                    f"{self.node.name} file {name}",
                    "is on the node already with another content, and was not put there by this plan",
                    "run the playbook again: a new plan chooses a name that was never used",
                )
            # An upload of ours that was cut short: no setting names it, so nothing can have read it.
        journal.made(self.node.name, [name])
        self.changed = True
        self.node.put(name, data)

    def _same(self, name: str, data: bytes) -> bool:
        if self.node.files()[name] not in (None, len(data)):
            return False
        return hashlib.sha256(self.node.get(name)).digest() == hashlib.sha256(data).digest()

    def _check(self, step: Mapping[str, Any]) -> None:
        """Ask for the node's opinion of a pair and its chain: a clear no stops, anything unclear is a remark."""
        questions = [commands.pki_match(step["key"], step["certificate"])]
        if step.get("bundle"):
            questions.append(commands.pki_verify(step["certificate"], step["bundle"]))
        for question in questions:
            opinion = self.node.says_yes(question)
            if opinion is False:
                raise CertificateProblem(
                    f"{self.node.name} {step['certificate']}",
                    f"the node says no to '{question}'; no setting names the files yet",
                    "look at what the node printed, and upload a key, certificate and bundle that belong together",
                    self.node.commands[-1]["answer"],
                )
            if opinion is None:
                self.remarks.append(f"{self.node.name}: the answer to '{question}' is not understood and was not used")

    def _remove(self, name: str) -> None:
        """Remove a file that this collection made and no setting names (S3, S13); one that is gone is done."""
        journal = self.context.journal
        if name not in self.node.files():
            journal.removed(self.node.name, [name])
            self.resumed = True
            return
        if name not in journal.made_files(self.node.name):
            raise FileProblem(
                f"{self.node.name} file {name}",
                "was not put on the node by this collection, and is not removed",
                "remove it by hand if it is not needed",
            )
        if name in self._names():
            raise Drift(
                f"{self.node.name} file {name}",
                "is named by a setting of the node, and is not removed",
                "run the playbook again: a new plan is made from what is there",
            )
        self.changed = True
        self.node.remove(name)
        journal.removed(self.node.name, [name])

    def _names(self) -> set[str]:
        if self._named is None:
            self._named = self.node.files_named(self.plan["nodes"][self.node.name].get("services") or ())
        return self._named
