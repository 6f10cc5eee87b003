# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of one change share: survey, plan of that change, execution under the lock, result.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping
from typing import Any

from ._action import API_SPEC, CALLS_SPEC, STATE_SPEC, CmsAction
from ._engine.context import Context
from ._engine.execute import apply_round
from ._engine.probe import SERVED, leaf_of, probe_tls
from ._engine.steps import batches_of
from ._errors import BadOption, PlanRefused, PreconditionMissing
from ._findings import from_dict, refusal
from ._fleet import render, single
from ._fleet.given import SITE, FleetInput
from ._fleet.journal import Journal
from ._fleet.lock import FleetLock, owner_of
from ._gather import SURVEY_VARIABLE, gather, open_store, patience
from ._look import look
from ._pki import bundles
from ._services import catalogue

SINGLE_SPEC: dict[str, Any] = {
    "survey_variable": {"type": "str", "default": SURVEY_VARIABLE},
    "proof_timeout": {"type": "int"},
    **STATE_SPEC,
    **API_SPEC,
    **CALLS_SPEC,
}


class SingleChange(CmsAction):
    """Base of the actions that change one setting of one node, with the same care as a plan of the fleet."""

    libraries = ("cryptography", "paramiko", "OpenSSL", "defusedxml")

    def change(self, make: Callable[[FleetInput], dict[str, Any]], forms: Mapping[str, str]) -> dict[str, Any]:
        """Survey this node, make the plan with ``make``, carry it out unless in check mode, and give the result.

        ``forms`` names certificate files on the node that are to be read, and the form each must have (_pki.bundles).
        """
        if self.check_mode:
            return self._change(make, forms)
        # The lock stays with this run of ansible-playbook, which may have taken it for a plan; it ends with it.
        lock = FleetLock(self.state_dir, owner_of(os.getppid()))
        lock.acquire(f"a change of {self.node}")
        with lock.one_at_a_time(), lock.working(self.node):
            return self._change(make, forms)

    def _change(self, make: Callable[[FleetInput], dict[str, Any]], forms: Mapping[str, str]) -> dict[str, Any]:
        journal = Journal(self.state_dir, read_only=self.check_mode)
        now = datetime.datetime.now(datetime.UTC)
        fleet = gather(self, SITE, now, self.params["survey_variable"])
        if self.node not in fleet.hosts:
            raise BadOption(self.node, "is not in the group cms", "put it into the group cms of the inventory")
        fleet.hosts[self.node].survey = self._survey(now, forms)
        plan = make(fleet)
        findings = [from_dict(data) for data in plan["findings"]]
        result: dict[str, Any] = {
            "changed": plan["changed"],
            "findings": plan["findings"],
            "commands": [],
            "proofs": [],
            "remarks": [],
            "alarms": [],
            "text": render.text(plan),
        }
        if self.diff_mode:
            result["diff"] = render.diff(plan)
        blocking = [finding for finding in findings if finding.blocks]
        if blocking:
            raise PlanRefused(self.node, *refusal(blocking))
        if plan["changed"]:
            self._look_again(plan)
        if plan["changed"] and not self.check_mode:
            done = apply_round(lambda: self.session, plan, single.ROUND, self.node, self._context(journal, now))
            result.update({key: done[key] for key in ("commands", "proofs", "remarks", "alarms")})
            self.warn_of(done["alarms"])
        return result

    def _survey(self, now: datetime.datetime, forms: Mapping[str, str]) -> dict[str, Any]:
        found = look(self, files=forms, now=now)
        for name, form in forms.items():
            # A survey tells the form from names of this collection's making; a person may have chosen any.
            entry = found["certificates"].get(name) or {}
            if entry.get("certificates"):
                entry["problems"] = bundles.problems(self.session.get(name), form, name)
        return found

    def _look_again(self, plan: Mapping[str, Any]) -> None:
        """Refuse when a linked node shows other certificates than its survey: then its links were judged wrongly (S5).

        That is what a change of it earlier in the same run leaves. The Web Admins that show the state of links are
        pinned to what was surveyed, so a proof would fail there as well.
        """
        work = [step for batch in batches_of(plan, single.ROUND, self.node) for step in batch["steps"]]
        proven = {ident for step in work for ident in step.get("links") or []}
        places = {(str(link["via"]), catalogue.API_FRONT) for link in plan["links"] if link["id"] in proven}
        for step in work:
            if step["kind"] == "trust":
                trust = [self.node, step["service"], step["trust"]]
                places |= {
                    (link["presenter"][0], link["presenter"][1]) for link in plan["links"] if link["verifier"] == trust
                }
        for host, slot in sorted(places):
            entry = plan["nodes"].get(host) or {"before": {}, "probe": {}}
            before, place = entry["before"].get(slot) or {}, entry["probe"].get(slot)
            if host == self.node or before.get("state") != SERVED or not place:
                continue
            seen = leaf_of(probe_tls(str(place["address"]), int(place["port"])))
            if seen is not None and seen["sha256"] != before["served"]:
                raise PreconditionMissing(
                    f"{host} {slot}",
                    f"no longer serves the certificate it was surveyed with, so its links to {self.node} are not known",
                    "survey all nodes again (certops.cms.node_info) after a change of one that others are linked to",
                )

    def _context(self, journal: Journal, now: datetime.datetime) -> Context:
        def no_issuer(name: str) -> Any:
            raise BadOption(f"issuer {name!r}", "is not needed for a single change", "report this")

        return Context(
            journal=journal,
            store=open_store(self, read_only=True),
            now=now,
            issuers=no_issuer,
            credentials=self.api_credentials,
            **patience(self),
        )
