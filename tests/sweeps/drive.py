# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole job without Ansible, in one process: surveys, plan, rounds; stopped, copied, taken up again.

``Run`` is one run of the playbook ``site`` or ``narrow`` on a fleet. A new one on the same folder is a new process: it
knows what the journal and the store on the disk know, and nothing else.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from ansible_collections.certops.cms.plugins.plugin_utils import _gather
from ansible_collections.certops.cms.plugins.plugin_utils._api import client as api_client
from ansible_collections.certops.cms.plugins.plugin_utils._engine import prove
from ansible_collections.certops.cms.plugins.plugin_utils._engine.survey import ApiAccess, survey
from ansible_collections.certops.cms.plugins.plugin_utils._errors import CmsError, PlanRefused
from ansible_collections.certops.cms.plugins.plugin_utils._findings import from_dict
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import given, narrow, outcome, plan
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.journal import Journal
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.registry import make_issuer
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.store import Store
from ansible_collections.certops.cms.plugins.plugin_utils._mmp import session as sessions
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import Endpoint, Session
from ansible_collections.certops.cms.plugins.plugin_utils._pki import pkcs8
from tests.integration.estate import Seen
from tests.simulator import links
from tests.sweeps.fleets import Fleet
from tests.unit.plugins.plugin_utils.engine.rollout import CA_PASSPHRASE, PASSWORD, STORE_PASSPHRASE, Rollout

SITE, NARROW = "site", "narrow"

#: Seconds of patience where a fault is a silence: with a command, with a restart, with an answer of the API.
COMMAND_TIMEOUT, LONG_TIMEOUT, API_TIMEOUT = 2.0, 4.0, 1.5
#: Seconds of patience everywhere else: a machine that does other things too must not look like a silent node.
PATIENCE = 60.0
#: Seconds in which a proof must come while a fault is in force, and a quarter of them for a first look.
PROOF_TIMEOUT = 5.0


@contextlib.contextmanager
def quick() -> Iterator[None]:
    """Shorten every pause that is made for real appliances; the order of what happens stays as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prove, "FIRST_PAUSE", 0.05)
        patch.setattr(prove, "LONGEST_PAUSE", 0.4)
        _default(patch, prove.prove_links, "settle", 0.15)
        patch.setattr(api_client, "FIRST_PAUSE", 0.1)
        patch.setattr(api_client, "LONGEST_PAUSE", 0.5)
        patch.setattr(sessions, "_RETRY_PAUSE", 0.1)
        # The simulator's own look at a link must not end because the machine is busy.
        patch.setattr(links, "_TIMEOUT", PATIENCE)
        patch.setattr(pkcs8, "ITERATIONS", 1000)
        # Nobody cuts the power here.
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


def _default(patch: pytest.MonkeyPatch, function: Any, name: str, value: float) -> None:
    """Give a keyword of a function another default."""
    patch.setitem(function.__kwdefaults__, name, value)


@contextlib.contextmanager
def impatient(run: Run) -> Iterator[None]:
    """Give up on silence quickly, for a fault that is one."""
    with pytest.MonkeyPatch.context() as patch:
        _default(patch, api_client.ApiClient.__init__, "timeout", API_TIMEOUT)
        patch.setattr(run, "patience", (COMMAND_TIMEOUT, LONG_TIMEOUT))
        yield


@dataclass
class Told:
    """What a run says to a person: errors of rounds, and a refusal with what the plan found."""

    errors: list[CmsError] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Give all of it as one text."""
        return "\n".join([*map(str, self.errors), *self.findings, *self.remarks])


class Run(Rollout):
    """One run, or a sequence of runs, on the fleet in ``folder``."""

    def __init__(self, folder: Path, fleet: Fleet) -> None:
        super().__init__(folder, **fleet.definition)
        self.described = fleet
        self.variables = {"cms_issuer": "internal", **fleet.variables}
        self.phase: Callable[[str, str], None] = lambda _kind, _node: None
        self.cost: dict[str, dict[str, int]] = {}
        self.patience = (PATIENCE, PATIENCE)
        self.proof_timeout = PATIENCE

    def __enter__(self) -> Run:
        super().__enter__()
        assert self.fleet.fleet is not None
        for node in self.fleet.fleet.world.nodes.values():
            # These servers have been up for long: a young uptime would look like a restart.
            node.booted_at -= 10_000
            if node.callbridge is not None:
                node.callbridge.started_at -= 10_000
        return self

    def session(self, node: str, password: str = PASSWORD) -> Session:
        cfg = self.nodes[node]
        endpoint = Endpoint(
            host=cfg.address,
            port=cfg.ports["ssh"],
            user="admin",
            password=password,
            host_key_checking=False,
            name=node,
            connect_timeout=PATIENCE,
            command_timeout=self.patience[0],
            long_timeout=self.patience[1],
            pacing=0.03,
        )
        return Session(endpoint, self.transcript.append)

    # The parts of a run ----------------------------------------------------------------------------------------------

    def job(self, intent: str = SITE) -> Told:
        """Do all of it; what goes wrong is told, not raised."""
        told = Told()
        made = self.surveyed_plan(intent, told)
        if made is not None:
            self.rounds(made, told)
        return told

    def surveyed_plan(self, intent: str, told: Told) -> dict[str, Any] | None:
        """Survey all nodes and make the plan, as the playbooks do; None when it is refused."""
        hosts = {}
        for name, cfg in self.nodes.items():
            self.phase("survey", name)
            hosts[name] = self._host(name, cfg)
        self.phase("plan", "")
        made = self._plan(intent, hosts)
        told.findings += [str(from_dict(found)) for found in made["findings"]]
        for entry in made["cleared"]:
            self.journal.restart_seen(entry["node"], entry["service"], entry["evidence"])
        if made["rounds"] and intent in given.FORWARD:
            made["rollout"] = self.journal.begin_rollout()
        self.cost = made["cost"]["restarts"]
        if made["rounds"]:
            self.journal.save_plan(made)
        if made["blocked"] and not made["rounds"]:
            found = [from_dict(finding) for finding in made["findings"]]
            blocking = [finding for finding in found if finding.blocks]
            told.errors.append(
                PlanRefused(f"plan {made['id']}", f"{blocking[0].object}: {blocking[0].found}", blocking[0].next_step)
            )
            return None
        return made

    def _host(self, name: str, cfg: Any) -> given.Host:
        try:
            result: dict[str, Any] = {"survey": self.survey_of(name)}
        except CmsError as error:
            result = {"failed": True, "msg": str(error), "error": error.as_dict()}
        survey_, why, mend = _gather._survey(result)
        return given.Host(
            name,
            cfg.services,
            {"ansible_host": cfg.address, "cms_fqdn": cfg.fqdn, **self.variables},
            survey_,
            why,
            mend,
            pending=self.journal.pending(name),
            made=frozenset(self.journal.made_files(name)),
            trusts_added=self.journal.trusts_added(name),
            replaced=self.journal.replaced(name),
        )

    def survey_of(self, name: str) -> dict[str, Any]:
        """Survey one node."""
        cfg = self.nodes[name]
        with self.session(name) as session:
            return survey(
                session,
                host=name,
                address=cfg.address,
                services_expected=cfg.services,
                probe={},
                api_access=ApiAccess("admin", PASSWORD),
                now=datetime.datetime.now(datetime.UTC),
                files_of_interest=self._in_flight(name),
                made=self.journal.made_files(name),
            )

    def _plan(self, intent: str, hosts: dict[str, given.Host]) -> dict[str, Any]:
        now = datetime.datetime.now(datetime.UTC)
        issuer = self.issuer
        facts = given.IssuerFacts(
            "internal", "own_ca", issuer.anchors(), issuer.will_create, issuer.validity, issuer.check(now)
        )
        generations = {
            identity: [self._generation(fact) for fact in known]
            for identity, known in self.store.all_generations().items()
        }
        fleet = given.FleetInput(
            "cms",
            intent,
            now,
            hosts,
            {"internal": facts},
            generations,
            accepted_anchors=frozenset(["internal"]),
            narrow_also=frozenset(self.described.narrow_also),
            rollout=self.journal.last_rollout(),
        )
        return narrow.make_narrow_plan(fleet) if intent == NARROW else plan.make_plan(fleet)

    def rounds(self, made: dict[str, Any], told: Told, behind: tuple[str, str] | None = None) -> None:
        """Apply all rounds, or those behind one node in one round. As in the playbooks, an error ends the run with its
        round, and at once where nodes take turns."""
        waiting = behind is not None
        for entry in made["rounds"]:
            if entry["name"] == "issue" and not waiting:
                self.phase("issue", "")
                self._tell(told, lambda: self.issue(made))
            for node in entry["hosts"]:
                if not waiting and not (told.errors and entry["serial"]):
                    self.phase(entry["name"], node)
                    self.one(made, entry["name"], node, told)
                waiting = waiting and (entry["name"], node) != behind
            if told.errors:
                return
        self.phase("close", "")
        undone = outcome.undone(made, self.journal.evidence(made["id"]))
        if undone:
            told.errors.append(PlanRefused(f"plan {made['id']}", f"is not done: {', '.join(undone)}", "run again"))

    def one(self, made: dict[str, Any], name: str, node: str, told: Told) -> None:
        """Apply one round to one node."""
        self._tell(told, lambda: self.apply(made, name, node))

    def fresh(self) -> None:
        """Forget everything: what follows is a new process, which knows what lies on the disk."""
        self.journal = Journal(self.state)
        self.store = Store(f"{self.state}/store", STORE_PASSPHRASE)
        self.issuer = make_issuer("internal", {"type": "own_ca", "passphrase": CA_PASSPHRASE}, self.state)

    @staticmethod
    def _tell(told: Told, work: Callable[[], dict[str, Any]]) -> None:
        try:
            result = work()
        except CmsError as error:
            told.errors.append(error)
        else:
            told.remarks += result["remarks"]

    def context(self, **overrides: Any) -> Any:
        return super().context(
            **{"proof_timeout": self.proof_timeout, "alarm_timeout": 1.0, "reconnect_timeout": 6.0, **overrides}
        )

    # What is there ---------------------------------------------------------------------------------------------------

    def seen(self, since: int = 0) -> Seen:
        """Give what the simulator saw."""
        return Seen(self.control.events(since))

    def now(self) -> int:
        """Give the number of the newest event."""
        return int(self.control.last_event())

    def describe(self) -> dict[str, dict[str, Any]]:
        """Give the state of every node, as the simulator has it."""
        return {name: self.control.state(name) for name in self.nodes}

    def links_stand(self, seconds: float = 8.0) -> list[str]:
        """Give the links that do not come up again within some seconds: none, where all is well."""
        until = time.monotonic() + seconds
        while True:
            down = [f"{link['url']}: {link['detail']}" for link in self.control.probe_links() if not link["ok"]]
            if not down or time.monotonic() > until:
                return down
            time.sleep(0.2)

    def image(self) -> str:
        """Give a digest of everything that a later run can depend on: of each node, and of the control node."""
        found: dict[str, Any] = {}
        for name, state in self.describe().items():
            found[name] = {"files": {file: facts["sha256"] for file, facts in state["files"].items()}}
            for service, facts in state["services"].items():
                found[name][service] = {key: facts[key] for key in ("enabled", "running", "stored", "active")}
        root = Path(self.state)
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.name != "lock.json":
                found[str(path.relative_to(root))] = _digest(path)
        return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()

    def end_state(self) -> dict[str, Any]:
        """Give what ``end_state`` below says of this fleet."""
        return end_state(self.describe(), self.fleet.directory)

    def secrets(self) -> list[str]:
        """Give what must never be told."""
        return [PASSWORD, STORE_PASSPHRASE, CA_PASSPHRASE, "PRIVATE KEY-----", "turn-1-secret"]


def end_state(nodes: Mapping[str, Mapping[str, Any]], directory: Path) -> dict[str, Any]:
    """Give all that two fleets must agree on that were brought to the same end: settings, files, what runs.

    ``nodes`` is what the simulator says of each, ``directory`` where it keeps them.
    """
    found: dict[str, Any] = {}
    for name, state in nodes.items():
        folder = directory / "nodes" / name / "files"
        found[f"{name} files"] = sorted(state["files"])
        for service, facts in state["services"].items():
            kept: dict[str, Any] = {key: facts[key] for key in ("enabled", "running", "restart_pending", "stored")}
            active = facts["active"] or {"identities": {}, "trust": {}}
            slots, trusts = active["identities"], active["trust"]
            kept["running files"] = {slot: item["files"] for slot, item in slots.items()}
            kept["running leaves"] = {slot: _subjects(folder / item["files"][1])[:1] for slot, item in slots.items()}
            kept["running trust"] = {
                slot: [item["file"], sorted(_subjects(folder / item["file"]))] for slot, item in trusts.items()
            }
            kept["good"] = all(item["usable"] for item in slots.values())
            found[f"{name} {service}"] = kept
    return found


def _subjects(file: Path) -> list[str]:
    return [
        f"{one.subject.rfc4514_string()} by {one.issuer.rfc4514_string()}"
        for one in x509.load_pem_x509_certificates(file.read_bytes())
    ]


def _digest(path: Path) -> str:
    data = path.read_bytes()
    if path.parent.name == "journal":
        content = json.loads(data)
        # Nothing reads what showed the last restart; it is for people.
        content.pop("last_restart", None)
        data = json.dumps(content, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()


def copy(source: Path, target: Path) -> None:
    """Copy fleet and control node, as they lie on the disk, to where another run finds them."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("events.jsonl", "control.*", ".*.tmp"))


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Give what two end states do not agree on."""
    return {key: (one.get(key), other.get(key)) for key in sorted({*one, *other}) if one.get(key) != other.get(key)}
