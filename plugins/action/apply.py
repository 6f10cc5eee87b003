# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action of certops.cms.apply: one round of a plan on one node, in one login."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from ansible_collections.certops.cms.plugins.plugin_utils._action import (
    API_SPEC,
    CALLS_SPEC,
    ISSUERS_SPEC,
    STATE_SPEC,
    STORE_SPEC,
    CmsAction,
)
from ansible_collections.certops.cms.plugins.plugin_utils._engine import steps
from ansible_collections.certops.cms.plugins.plugin_utils._engine.context import Context
from ansible_collections.certops.cms.plugins.plugin_utils._engine.execute import apply_round
from ansible_collections.certops.cms.plugins.plugin_utils._engine.issue import ISSUE, issue_all
from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.journal import Journal
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.lock import FleetLock, owner_of
from ansible_collections.certops.cms.plugins.plugin_utils._gather import (
    open_issuers,
    open_store,
    patience,
)
from ansible_collections.certops.cms.plugins.plugin_utils._services import catalogue
from ansible_collections.certops.cms.plugins.plugin_utils._text import printable


class ActionModule(CmsAction):
    """One round of a plan; the round ``issue`` needs no node."""

    libraries = ("cryptography", "paramiko", "OpenSSL", "defusedxml")
    argument_spec: ClassVar[dict[str, Any]] = {
        "plan": {"type": "str", "required": True},
        "digest": {"type": "str"},
        "round": {"type": "str", "required": True},
        "services": {"type": "list", "elements": "str", "choices": list(catalogue.BY_NAME)},
        "proof_timeout": {"type": "int"},
        **STATE_SPEC,
        **STORE_SPEC,
        **ISSUERS_SPEC,
        **API_SPEC,
        **CALLS_SPEC,
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        journal = Journal(self.state_dir, read_only=self.check_mode)
        plan = journal.load_plan(params["plan"], params["digest"])
        name = params["round"]
        if params["services"] is not None:
            plan = steps.only_services(plan, params["services"])
        batches = steps.batches_of(plan, name, self.node)
        wanted = steps.commands_of(batches)
        empty = {
            "node": self.node,
            "round": name,
            "commands": [],
            "proofs": [],
            "remarks": [],
            "alarms": [],
            "resumed": False,
        }
        if self.check_mode:
            steps.refuse_blocked(plan, [self.node])
            result = {**empty, "changed": self._is_left(journal, plan, name, batches), "issued": []}
        else:
            # The run is ansible-playbook itself: this task is a process of its own that ends with it.
            lock = FleetLock(self.state_dir, owner_of(os.getppid()))
            lock.check()
            context = self._context(journal, plan)
            with lock.working(ISSUE if name == ISSUE else self.node), self._turn(plan, name, lock):
                if name == ISSUE:
                    result = {**empty, **issue_all(plan, context)}
                else:
                    done = apply_round(lambda: self.session, plan, name, self.node, context)
                    result = {**empty, **done, "issued": []}
        self.warn_of(result["alarms"])
        result["plan"] = plan["id"]
        result["wanted"] = wanted
        if self.diff_mode:
            result["diff"] = {"prepared": "".join(f"{printable(line)}\n" for line in wanted)}
        return result

    def _is_left(self, journal: Journal, plan: Mapping[str, Any], name: str, batches: list[Mapping[str, Any]]) -> bool:
        """Say by journal and store whether a round still has something to do; the node is not asked."""
        if name == ISSUE:
            store = open_store(self, read_only=True)
            found = [store.get(str(identity["id"]), str(identity["base"])) for identity in plan["identities"]]
            return any(generation is None or generation.issued is None for generation in found)
        return not all(journal.is_done(plan["id"], batch["id"]) for batch in batches)

    @contextlib.contextmanager
    def _turn(self, plan: Mapping[str, Any], name: str, lock: FleetLock) -> Iterator[None]:
        """Wait, before what restarts services, for the other nodes of the cluster: one goes at a time (S6)."""
        if not steps.round_of(plan, name)["serial"]:
            yield
            return
        with lock.one_at_a_time(int((plan["nodes"].get(self.node) or {}).get("cluster", 0))):
            # The run may have been killed meanwhile.
            FleetLock(self.state_dir, owner_of(os.getppid())).check()
            yield

    def _context(self, journal: Journal, plan: Mapping[str, Any]) -> Context:
        issuers = open_issuers(self)

        def issuer(name: str) -> Any:
            if name not in issuers:
                raise BadOption(
                    f"issuer {name!r}",
                    "is not described in cms_issuers, and the plan needs it",
                    "describe it as when the plan was made, or make a new plan",
                )
            return issuers[name]

        return Context(
            journal=journal,
            store=open_store(self, read_only=False),
            now=datetime.datetime.now(datetime.UTC),
            issuers=issuer,
            credentials=self.api_credentials,
            **patience(self),
        )
