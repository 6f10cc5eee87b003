# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action of certops.cms.fleet_plan: make the plan of the whole fleet, print it, take the lock; or close the run."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from ansible.utils.display import Display

from ansible_collections.certops.cms.plugins.plugin_utils._action import (
    ISSUERS_SPEC,
    STATE_SPEC,
    STORE_SPEC,
    CmsAction,
)
from ansible_collections.certops.cms.plugins.plugin_utils._engine import drain
from ansible_collections.certops.cms.plugins.plugin_utils._engine.context import Context
from ansible_collections.certops.cms.plugins.plugin_utils._engine.masking import masked
from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption, PlanRefused
from ansible_collections.certops.cms.plugins.plugin_utils._findings import from_dict, refusal
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import given, narrow, outcome, plan, render
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.journal import Journal
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.lock import FleetLock, owner_of
from ansible_collections.certops.cms.plugins.plugin_utils._gather import (
    GROUP,
    SURVEY_VARIABLE,
    gather,
    moment,
    open_issuers,
    open_store,
)
from ansible_collections.certops.cms.plugins.plugin_utils._text import printable

display = Display()


class ActionModule(CmsAction):
    """One plan for all nodes, made once, whatever host the task runs on."""

    BYPASS_HOST_LOOP = True
    libraries = ("cryptography",)
    argument_spec: ClassVar[dict[str, Any]] = {
        "state": {"type": "str", "choices": ["planned", "closed", "prepared"], "default": "planned"},
        "intent": {"type": "str", "choices": list(given.INTENTS), "default": given.SITE},
        "plan": {"type": "str"},
        "digest": {"type": "str"},
        "skip_nodes": {"type": "list", "elements": "str"},
        "accept_anchors": {"type": "list", "elements": "str"},
        "narrow_also": {"type": "list", "elements": "str"},
        "rollback_nodes": {"type": "list", "elements": "str"},
        "rollback_services": {"type": "list", "elements": "str"},
        "rollback_to": {"type": "str"},
        "rollback_reason": {"type": "str"},
        "roll_forward": {"type": "list", "elements": "str"},
        "calls": {"type": "str", "choices": ["stop", "wait", "drop"]},
        "survey_variable": {"type": "str", "default": SURVEY_VARIABLE},
        "now": {"type": "str"},
        "print": {"type": "bool", "default": True},
        **STATE_SPEC,
        **STORE_SPEC,
        **ISSUERS_SPEC,
    }
    rules: ClassVar[dict[str, Any]] = {"required_if": [("state", "closed", ["plan"])]}

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        if not (self.variables.get("groups") or {}).get(GROUP):
            raise PlanRefused(
                f"group {GROUP}",
                "holds no host, so there is nothing to work on",
                f"name the inventory with -i, and put the Meeting Servers into the group {GROUP} and into the group "
                "of each service they run",
            )
        # The run is ansible-playbook itself: this task is a process of its own that ends with it.
        lock = FleetLock(self.state_dir, owner_of(os.getppid()))
        if params["state"] == "closed":
            return self._close(params["plan"], lock)
        intent = params["intent"]
        if not self.check_mode:
            lock.acquire(params["state"] if params["state"] == "prepared" else intent)
        if params["state"] == "prepared":
            return self._prepare(lock)
        fleet = gather(self, intent, moment(self.params["now"]), params["survey_variable"])
        made = narrow.make_narrow_plan(fleet) if intent == given.NARROW else plan.make_plan(fleet)
        lines = masked([*render.text(made), *self._set_back(made)], self._secrets())
        # A run does what is not blocked and fails at its end; check mode has no end to fail at.
        refused = bool(made["blocked"]) and (self.check_mode or not made["rounds"])
        kept = {**made, "text": lines, **self._rollout(made, refused)}
        if params["print"]:
            display.display("\n".join(["", *lines, ""]))
        if not self.check_mode:
            self._keep(kept, lock, ends_here=refused or not made["rounds"])
        result = {
            **_summary(made, Journal.digest_of(kept)),
            "text": lines,
            "changed": (self.check_mode and (made["changed"] or bool(self._drained))) or bool(self._restored),
        }
        if self.diff_mode:
            result["diff"] = render.diff(made)
        if refused:
            found = (from_dict(data) for data in made["findings"])
            reason, next_step = refusal(finding for finding in found if finding.blocks)
            raise PlanRefused(f"plan {made['id']} of the fleet {made['fleet']}", reason, next_step)
        return result

    def _rollout(self, made: dict[str, Any], refused: bool) -> dict[str, Any]:
        """Give the number of the rollout that a plan belongs to: a run that takes up what one left is of the same."""
        if self.check_mode or refused or made["intent"] not in given.FORWARD:
            return {}
        journal = Journal(self.state_dir)
        if made["rounds"]:
            return {"rollout": journal.begin_rollout()}
        if made["intent"] == given.SITE:
            # Whatever an earlier run left is done.
            journal.end_rollout()
        return {}

    def _keep(self, made: dict[str, Any], lock: FleetLock, ends_here: bool) -> None:
        journal = Journal(self.state_dir)
        for entry in made["cleared"]:
            journal.restart_seen(entry["node"], entry["service"], entry["evidence"])
        if ends_here:
            lock.release()
        else:
            journal.save_plan(made)

    def _prepare(self, lock: FleetLock) -> dict[str, Any]:
        """Make the CAs that do not exist yet, so that others can be told to trust them before anything is switched."""
        issuers = open_issuers(self)
        missing = sorted(name for name, issuer in issuers.items() if issuer.will_create)
        if not self.check_mode:
            for name in missing:
                issuers[name].prepare(moment(self.params["now"]))
            lock.release()
        described = {name: issuer.describe() for name, issuer in issuers.items()}
        lines = [
            f"{name}: {'made now' if name in missing else 'is there'}; root {root.get('subject')}, ends "
            f"{str(root.get('not_after'))[:10]}, SHA-256 {root.get('sha256')}, in {facts.get('path')}"
            for name, facts in sorted(described.items())
            if (root := facts.get("root") or {})
        ]
        if self.params["print"]:
            display.display("\n".join(["", *masked(lines, self._secrets()), ""]))
        return {"changed": bool(missing), "issuers": described, "text": lines}

    def _set_back(self, made: dict[str, Any]) -> list[str]:
        """Set load limits back that a run lowered and did not live to restore; give what to say of it."""
        journal = Journal(self.state_dir, read_only=True)
        self._drained = journal.all_drained()
        self._restored: list[str] = []
        self._still_lowered: list[str] = []
        if self.check_mode or not self._drained:
            return []
        context = Context(
            journal=Journal(self.state_dir),
            store=open_store(self, read_only=True),
            now=moment(self.params["now"]),
            issuers=_no_issuer,
            credentials=self.api_credentials,
        )
        self._restored, self._still_lowered = drain.restore_left(context.journal, lambda node: context.api(made, node))
        for line in self._still_lowered:
            display.warning(printable(line))
        return ["", "Load limits", *(f"  {line}" for line in (*self._restored, *self._still_lowered))]

    def _close(self, plan_id: str, lock: FleetLock) -> dict[str, Any]:
        journal = Journal(self.state_dir, read_only=True)
        made = journal.load_plan(plan_id, self.params["digest"])
        evidence = journal.evidence(plan_id)
        rows = outcome.rows(made, evidence)
        left = self._set_back(made)
        if self.params["print"]:
            display.display("\n".join(["", *outcome.table(rows), *masked(left, self._secrets()), ""]))
        if not self.check_mode:
            lock.release()
        undone = outcome.undone(made, evidence)
        if undone:
            raise PlanRefused(
                f"plan {plan_id}",
                f"is not done: nothing proves {', '.join(undone)}",
                "run the playbook again without --limit and --tags: it takes up what is left",
            )
        if not self.check_mode and made["intent"] in (*given.FORWARD, given.ROLLBACK):
            Journal(self.state_dir).end_rollout()
        if self._still_lowered:
            raise PlanRefused(
                f"plan {plan_id}",
                f"is done, and {'; '.join(self._still_lowered)}",
                f"run again, or set it in {drain.BY_HAND}",
            )
        if made["blocked"]:
            raise PlanRefused(
                f"plan {plan_id}",
                f"is done as far as it could be; left as they were: {', '.join(made['blocked'])}",
                "see the errors at the head of the plan, and run again",
            )
        return {"changed": bool(self._restored), "plan": plan_id, "rows": rows, "table": outcome.table(rows)}


def _no_issuer(name: str) -> Any:
    raise BadOption(f"issuer {name!r}", "is not needed to set a load limit", "report this")


def _summary(made: dict[str, Any], digest: str) -> dict[str, Any]:
    """Give what a playbook needs of a plan: small, because every later task carries it."""
    rounds = {
        entry["name"]: {"name": entry["name"], "hosts": entry["hosts"], "waves": entry["waves"]}
        for entry in made["rounds"]
    }
    return {
        "plan": {
            "id": made["id"],
            "digest": digest,
            "intent": made["intent"],
            "changed": made["changed"],
            "rounds": rounds,
            "serial": [rounds[entry["name"]] for entry in made["rounds"] if entry["serial"]],
            "blocked": made["blocked"],
        },
        "findings": made["findings"],
        "cost": made["cost"],
    }
