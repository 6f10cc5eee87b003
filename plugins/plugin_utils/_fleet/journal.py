# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal: what a run has to know if the one before it died half-way (S15), and what this collection once did.

One file per node, so that Ansible's parallel workers never write the same file. Files hold names, fingerprints and
states; never a key, a password or a passphrase (S4).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import os
import re
from typing import Any

from .._errors import JournalProblem
from . import files
from .files import read_json, safe_name, write_json

#: A setting is stored on the node, and nobody has told the service to read it yet.
STORED = "stored"
#: The service was told to restart; whether it did has not been seen.
RESTARTING = "restarting"

#: How many closed plans are kept for people to read.
KEEP_PLANS = 20
#: How many changes of one setting are remembered, for a rollback.
KEEP_REPLACED = 10


class Journal:
    """The journal of one fleet, in ``state_dir``. A read-only journal (check mode) reads and never writes."""

    def __init__(self, state_dir: str, read_only: bool = False) -> None:
        self.state_dir = state_dir
        self.read_only = read_only

    # Plans -----------------------------------------------------------------------------------------------------------

    def save_plan(self, plan: dict[str, Any]) -> str:
        """Keep ``plan`` where ``apply`` finds it; give the path."""
        path = self._plan_path(plan["id"])
        for node in self._known_nodes():
            data = self._node(node)
            if data["plan"] is not None:
                # What an earlier run proved says nothing about the fleet that this plan was made from.
                data["plan"], data["done"] = None, {}
                self._save(node, data)
        self._write(path, plan)
        self._prune_plans(keep=plan["id"])
        return path

    def load_plan(self, plan_id: str, digest: str | None = None) -> dict[str, Any]:
        """Give the plan of this id. Raises JournalProblem when there is none.

        With ``digest``, as ``digest_of`` gave it when the plan was made, also when it is not that plan any more.
        """
        plan = read_json(self._plan_path(plan_id), digest)
        if not isinstance(plan, dict):
            raise JournalProblem(
                f"plan {plan_id}",
                f"is not in {self.state_dir}",
                "make a plan first with certops.cms.fleet_plan, or run the playbook certops.cms.site",
            )
        return plan

    @staticmethod
    def digest_of(plan: dict[str, Any]) -> str:
        """Give the SHA-256 of the file in which ``plan`` is kept."""
        return files.digest(files.content(plan))

    # Rollouts --------------------------------------------------------------------------------------------------------

    def begin_rollout(self) -> int:
        """Give the number of the rollout that begins; one that did not come to its end goes on under its number."""
        known = self._rollout()
        if not known["open"]:
            known = {"number": known["number"] + 1, "open": True}
            self._write(self._rollout_path(), known)
        return int(known["number"])

    def end_rollout(self) -> None:
        """Note that the rollout came to its end: what is switched from now on belongs to another one."""
        known = self._rollout()
        if known["open"]:
            self._write(self._rollout_path(), {**known, "open": False})

    def last_rollout(self) -> int | None:
        """Give the number of the last rollout; None when there was none."""
        return self._rollout()["number"] or None

    # Write-ahead records ---------------------------------------------------------------------------------------------

    def stored(
        self,
        node: str,
        service: str,
        setting: str,
        record: dict[str, Any],
        replaces: dict[str, Any] | None = None,
    ) -> None:
        """Note, before the command is sent, that ``setting`` of ``service`` is stored and its restart is pending.

        ``replaces`` (``plan``, ``rollout``, ``files``, ``before``, ``was``) is kept for a rollback, also when the
        restart was seen: what the setting was before, and which leaf that held.
        """
        data = self._node(node)
        pending = data["pending"].setdefault(service, {})
        pending[setting] = {**record, "setting": setting, "phase": STORED}
        if replaces is not None:
            known = data["replaced"].setdefault(f"{service}/{setting}", [])
            if known and known[-1]["files"] == replaces["files"]:
                # The same change, taken up again.
                known.pop()
            known.append(replaces)
            del known[:-KEEP_REPLACED]
        self._save(node, data)

    def restarting(self, node: str, service: str) -> None:
        """Note, before the command is sent, that ``service`` is being restarted."""
        data = self._node(node)
        for record in data["pending"].setdefault(service, {"restart": {"setting": "restart"}}).values():
            record["phase"] = RESTARTING
        self._save(node, data)

    def doubted(self, node: str, service: str, trust: str, assigned_file: str) -> None:
        """Note that a link over ``trust``, which ``assigned_file`` holds, could not be proven: it may not be live.

        Nobody of this collection stored it, so only a restart tells; the next plan makes it first (S15).
        """
        setting = f"trust:{trust}"
        data = self._node(node)
        record = {"setting": setting, "files": assigned_file, "before": assigned_file, "phase": STORED, "doubted": True}
        data["pending"].setdefault(service, {})[setting] = record
        self._save(node, data)

    def dropped(self, node: str, service: str, setting: str) -> None:
        """Forget one pending record: what is stored is what runs again, without any restart of ``service``."""
        data = self._node(node)
        records = data["pending"].get(service, {})
        if records.pop(setting, None) is not None:
            if not records:
                del data["pending"][service]
            self._save(node, data)

    def restart_seen(self, node: str, service: str, evidence: str) -> None:
        """Clear the pending records of ``service``: a restart was seen, and ``evidence`` says how."""
        data = self._node(node)
        if data["pending"].pop(service, None) is not None:
            data["last_restart"][service] = evidence
            self._save(node, data)

    def pending(self, node: str) -> dict[str, list[dict[str, Any]]]:
        """Give the write-ahead records of ``node`` that no seen restart has cleared, by service."""
        return {
            service: [records[setting] for setting in sorted(records)]
            for service, records in sorted(self._node(node)["pending"].items())
        }

    # Load limits -----------------------------------------------------------------------------------------------------

    def draining(self, node: str, record: dict[str, Any]) -> None:
        """Note, before it is lowered, the load limit of ``node``: ``before`` (None is unset) and ``limit``."""
        data = self._node(node)
        data["drained"] = record
        self._save(node, data)

    def drain_ended(self, node: str) -> None:
        """Note that the load limit of ``node`` is seen as it was before."""
        data = self._node(node)
        if data["drained"] is not None:
            data["drained"] = None
            self._save(node, data)

    def drained(self, node: str) -> dict[str, Any] | None:
        """Give the note about a load limit that was lowered and is not yet seen back."""
        found: dict[str, Any] | None = self._node(node)["drained"]
        return found

    def all_drained(self) -> dict[str, dict[str, Any]]:
        """Give the notes about load limits of all nodes that have one."""
        found = {node: self.drained(node) for node in self._known_nodes()}
        return {node: record for node, record in found.items() if record is not None}

    # Batches ---------------------------------------------------------------------------------------------------------

    def done(self, node: str, batch_id: str, plan_id: str, evidence: dict[str, Any]) -> None:
        """Note that a batch of a plan is complete; ``evidence`` is what proved it."""
        data = self._node(node)
        if data["plan"] != plan_id:
            data["plan"], data["done"] = plan_id, {}
        data["done"][batch_id] = evidence
        self._save(node, data)

    def is_done(self, plan_id: str, batch_id: str) -> bool:
        """Say whether a batch of this plan is complete. The node is the first part of the batch id."""
        data = self._node(batch_id.split("/", 1)[0])
        return bool(data["plan"] == plan_id and batch_id in data["done"])

    def evidence(self, plan_id: str) -> dict[str, dict[str, Any]]:
        """Give what proved each complete batch of this plan, by batch id."""
        found: dict[str, dict[str, Any]] = {}
        for node in self._known_nodes():
            data = self._node(node)
            if data["plan"] == plan_id:
                found.update(data["done"])
        return found

    # What this collection once did -----------------------------------------------------------------------------------

    def trust_added(self, node: str, service: str, trust: str, sha256s: list[str]) -> None:
        """Note which certificates this collection added to a trust setting: only these may be narrowed (S16)."""
        data = self._node(node)
        key = f"{service}/{trust}"
        merged = sorted({*data["trust_added"].get(key, []), *sha256s})
        if merged != data["trust_added"].get(key):
            data["trust_added"][key] = merged
            self._save(node, data)

    def trusts_added(self, node: str) -> dict[str, list[str]]:
        """Give the fingerprints this collection added, by ``service/trust``."""
        return dict(self._node(node)["trust_added"])

    def replaced(self, node: str) -> dict[str, list[dict[str, Any]]]:
        """Give what settings of ``node`` were before this collection changed them, by ``service/setting``."""
        return dict(self._node(node)["replaced"])

    def made(self, node: str, files: list[str]) -> None:
        """Note that this collection is about to put ``files`` on ``node``: only these may be pruned (S13)."""
        data = self._node(node)
        merged = sorted({*data["made"], *files})
        if merged != data["made"]:
            data["made"] = merged
            self._save(node, data)

    def made_files(self, node: str) -> list[str]:
        """Give the files this collection put on ``node``."""
        return list(self._node(node)["made"])

    def removed(self, node: str, files: list[str]) -> None:
        """Note that ``files`` are gone from ``node``."""
        data = self._node(node)
        data["made"] = [name for name in data["made"] if name not in files]
        self._save(node, data)

    # Files -----------------------------------------------------------------------------------------------------------

    def _node(self, node: str) -> dict[str, Any]:
        data = read_json(self._node_path(node))
        if data is None:
            data = {}
        if not isinstance(data, dict):
            raise JournalProblem(self._node_path(node), "does not hold a journal", "move the file away and run again")
        empty: dict[str, Any] = {
            "node": node,
            "pending": {},
            "plan": None,
            "done": {},
            "trust_added": {},
            "replaced": {},
            "made": [],
            "last_restart": {},
            "drained": None,
        }
        return {**empty, **data}

    def _save(self, node: str, data: dict[str, Any]) -> None:
        self._write(self._node_path(node), data)

    def _write(self, path: str, data: dict[str, Any]) -> None:
        if self.read_only:
            raise AssertionError(f"Contract violation: check mode writes {os.path.basename(path)}")
        write_json(path, data)

    def _rollout(self) -> dict[str, Any]:
        known = read_json(self._rollout_path())
        if known is None:
            return {"number": 0, "open": False}
        if not isinstance(known, dict) or not isinstance(known.get("number"), int) or "open" not in known:
            step = "move the file away; rollback then wants the names of what it is to put back"
            raise JournalProblem(self._rollout_path(), "does not hold the number of a rollout", step)
        return known

    def _rollout_path(self) -> str:
        return os.path.join(self.state_dir, "rollout.json")

    def _node_path(self, node: str) -> str:
        return os.path.join(self.state_dir, "journal", safe_name(node) + ".json")

    def _plan_path(self, plan_id: str) -> str:
        if not re.fullmatch(r"p-[0-9a-f]{12}", plan_id):
            raise JournalProblem(
                f"plan {plan_id!r}", "is not the id of a plan", "give the id that certops.cms.fleet_plan returned"
            )
        return os.path.join(self.state_dir, "plans", plan_id + ".json")

    def _known_nodes(self) -> list[str]:
        folder = os.path.join(self.state_dir, "journal")
        if not os.path.isdir(folder):
            return []
        nodes = []
        for name in sorted(os.listdir(folder)):
            if name.endswith(".json"):
                data = read_json(os.path.join(folder, name))
                if isinstance(data, dict) and "node" in data:
                    nodes.append(data["node"])
        return nodes

    def _prune_plans(self, keep: str) -> None:
        folder = os.path.join(self.state_dir, "plans")
        files = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".json")]
        files.sort(key=os.path.getmtime, reverse=True)
        for path in files[KEEP_PLANS:]:
            if os.path.basename(path) != keep + ".json":
                os.unlink(path)
