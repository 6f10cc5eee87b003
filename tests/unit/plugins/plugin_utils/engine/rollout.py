# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole rollout without Ansible: a simulated fleet, the planner and the engine in one process."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from ansible_collections.certops.cms.plugins.plugin_utils._engine.context import Context
from ansible_collections.certops.cms.plugins.plugin_utils._engine.execute import apply_round
from ansible_collections.certops.cms.plugins.plugin_utils._engine.issue import issue_all
from ansible_collections.certops.cms.plugins.plugin_utils._engine.survey import ApiAccess, survey
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import given, plan
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.journal import Journal
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.registry import make_issuer
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.store import Store
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import Endpoint, Session
from tests.simulator.fleet import SimulatedFleet

PASSWORD = "Simulated-1"
STORE_PASSPHRASE = "of-the-store-1"
CA_PASSPHRASE = "of-the-issuer-1"

FLEET: dict[str, Any] = {
    "domain": "example.test",
    "start": "legacy",
    "legacy": {"days_left": 12},
    "users": [{"name": "admin", "password": PASSWORD}],
    "durations": {"restart": 0.2, "service": 0.1, "api_start": 0.1, "settle": 1.0},
    "nodes": [
        {"name": "core1", "services": ["webadmin", "callbridge"]},
        {"name": "edge1", "services": ["webbridge3", "turn"]},
    ],
}


class Rollout:
    """A fleet with its control node, in ``folder``."""

    def __init__(self, folder: Path, **overrides: Any) -> None:
        self.folder = folder
        self.state = str(folder / "state")
        self.fleet = SimulatedFleet({**FLEET, **overrides}, folder / "fleet")
        self.nodes = self.fleet.config.nodes
        self.journal = Journal(self.state)
        self.store = Store(f"{self.state}/store", STORE_PASSPHRASE)
        self.issuer = make_issuer("internal", {"type": "own_ca", "passphrase": CA_PASSPHRASE}, self.state)
        self.variables: dict[str, Any] = {"cms_issuer": "internal"}
        self.results: list[dict[str, Any]] = []
        self.transcript: list[str] = []

    def __enter__(self) -> Rollout:
        self.fleet.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.fleet.__exit__(kind, error, trace)

    @property
    def control(self) -> Any:
        return self.fleet.control

    def session(self, node: str, password: str = PASSWORD) -> Session:
        cfg = self.nodes[node]
        endpoint = Endpoint(
            host=cfg.address,
            port=cfg.ports["ssh"],
            user="admin",
            password=password,
            host_key_checking=False,
            name=node,
            long_timeout=20,
        )
        return Session(endpoint, self.transcript.append)

    def survey(self, node: str, **options: Any) -> dict[str, Any]:
        cfg = self.nodes[node]
        given_options: dict[str, Any] = {
            "host": node,
            "address": cfg.address,
            "services_expected": cfg.services,
            "probe": {},
            "api_access": ApiAccess("admin", PASSWORD),
            "now": datetime.datetime.now(datetime.UTC),
            "files_of_interest": self._in_flight(node),
            "made": self.journal.made_files(node),
        }
        with self.session(node) as session:
            return survey(session, **{**given_options, **options})

    def plan(self, intent: str = "site", **more: Any) -> dict[str, Any]:
        """Survey all nodes and make a plan, as the playbooks do; ``more`` are parts of what the planner is given."""
        now = datetime.datetime.now(datetime.UTC)
        hosts = {
            name: given.Host(
                name,
                cfg.services,
                {"ansible_host": cfg.address, "cms_fqdn": cfg.fqdn, **self.variables},
                self.survey(name),
                pending=self.journal.pending(name),
                made=frozenset(self.journal.made_files(name)),
                trusts_added=self.journal.trusts_added(name),
                drained=self.journal.drained(name),
                replaced=self.journal.replaced(name),
            )
            for name, cfg in self.nodes.items()
        }
        issuer = self.issuer
        facts = given.IssuerFacts(
            "internal", "own_ca", issuer.anchors(), issuer.will_create, issuer.validity, issuer.check(now)
        )
        generations = {
            identity: [self._generation(fact) for fact in known]
            for identity, known in self.store.all_generations().items()
        }
        made = plan.make_plan(
            given.FleetInput(
                "cms",
                intent,
                now,
                hosts,
                {"internal": facts},
                generations,
                rollout=self.journal.last_rollout(),
                **{"accepted_anchors": frozenset(["internal"]), **more},
            )
        )
        if made["rounds"] and intent in given.FORWARD:
            made["rollout"] = self.journal.begin_rollout()
        for entry in made["cleared"]:
            self.journal.restart_seen(entry["node"], entry["service"], entry["evidence"])
        return made

    def context(self, **overrides: Any) -> Context:
        options: dict[str, Any] = {
            "journal": self.journal,
            "store": self.store,
            "now": datetime.datetime.now(datetime.UTC),
            "issuers": lambda _name: self.issuer,
            "credentials": lambda _node: ("admin", PASSWORD),
            "proof_timeout": 8.0,
            "alarm_timeout": 8.0,
            "reconnect_timeout": 10.0,
        }
        return Context(**{**options, **overrides})

    def apply(self, made: dict[str, Any], name: str, node: str, **overrides: Any) -> dict[str, Any]:
        """Apply one round to one node."""
        with self.session(node) as session:
            result = apply_round(lambda: session, made, name, node, self.context(**overrides))
        self.results.append(result)
        return result

    def issue(self, made: dict[str, Any]) -> dict[str, Any]:
        result = issue_all(made, self.context())
        self.results.append(result)
        return result

    def run(self, made: dict[str, Any], until: str | None = None, after: str | None = None) -> None:
        """Apply the rounds of a plan, all or up to (not including) ``until``, and from behind ``after`` on."""
        waiting = after is not None
        for entry in made["rounds"]:
            if entry["name"] == until:
                return
            if not waiting:
                if entry["name"] == "issue":
                    self.issue(made)
                for node in entry["hosts"]:
                    self.apply(made, entry["name"], node)
            waiting = waiting and entry["name"] != after

    def links_up(self) -> bool:
        """Say whether a fresh handshake of every link succeeds."""
        return all(link["ok"] for link in self.control.probe_links())

    def restarts(self) -> dict[str, int]:
        return {
            f"{name} {service}": self.control.restarts(name, service)
            for name, cfg in self.nodes.items()
            for service in cfg.services
        }

    def _in_flight(self, node: str) -> list[str]:
        found: list[str] = []
        replaced = self.journal.replaced(node)
        for records in [*self.journal.pending(node).values(), *replaced.values()]:
            for record in records:
                before = record.get("before")
                values = list(before.values()) if isinstance(before, dict) else [before]
                found += [str(value) for value in values if value]
        return found

    def _generation(self, facts: dict[str, Any]) -> dict[str, Any]:
        generation = self.store.get(facts["identity"], facts["base"])
        chain: list[str] = []
        if generation is not None and generation.issued is not None:
            chain = [generation.issued.leaf_pem, *generation.issued.chain_pems]
        found = {key: facts[key] for key in ("base", "state", "request", "leaf")}
        return {**found, "chain": chain, "put_back": facts.get("put_back")}


StartRollout = Callable[..., Rollout]
