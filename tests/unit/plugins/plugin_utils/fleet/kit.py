# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet on paper: nodes with files, stored settings and what their services run with, surveyed as the real ones are.

What is served is what is assigned, unless a test says otherwise. Links are judged here by walking signatures, names
and dates, and not by anything of the planner's.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ansible_collections.certops.cms.plugins.plugin_utils._fleet import given as fleet_given
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.given import FleetInput, Host, IssuerFacts
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.plan import make_plan
from ansible_collections.certops.cms.plugins.plugin_utils._pki import certs
from tests.unit.plugins.plugin_utils.fleet.acting import Acting
from tests.unit.plugins.plugin_utils.fleet.paper import (
    CLIENT,
    NEW,
    OLD,
    PORTS,
    SERVER,
    SLOTS,
    TRUSTS,
    USAGES,
    Authority,
    File,
    Node,
    authority,
    entry_of,
    fingerprint,
    info,
    load,
    make_csr,
    service_of,
    verifies,
)
from tests.unit.plugins.plugin_utils.pki.making import DAY, NOW, Made

__all__ = [
    "CLIENT",
    "CONSENT",
    "DAY",
    "NARROW",
    "NEW",
    "NOW",
    "OLD",
    "RENEW",
    "ROLLBACK",
    "SERVER",
    "SITE",
    "SLOTS",
    "USAGES",
    "Authority",
    "File",
    "Fleet",
    "Node",
    "authority",
    "errors",
    "findings",
    "fingerprint",
    "info",
    "make_csr",
    "make_plan",
    "rounds",
    "rules_of",
    "service_of",
    "standard",
    "steps",
]

SITE, RENEW, NARROW, ROLLBACK = fleet_given.INTENTS
CONSENT = ("internal",)


@dataclasses.dataclass
class Cluster:
    """Call Bridges of one database, and what they have registered: (url, host, restrictions)."""

    cores: list[str]
    registrations: list[dict[str, Any]]


class Fleet(Acting):
    """Nodes, clusters, the store and what the inventory says."""

    def __init__(self, issuer: Authority | None = None, name: str = "internal") -> None:
        self.nodes: dict[str, Node] = {}
        self.clusters: list[Cluster] = []
        self.generations: dict[str, list[dict[str, Any]]] = {}
        self.authorities: dict[str, Authority] = {}
        self.issuers: dict[str, IssuerFacts] = {}
        self.issued: Counter[str] = Counter()
        self.done: set[str] = set()
        self.rollout: int | None = None
        if issuer is not None:
            self.add_issuer(name, issuer)

    def add_issuer(self, name: str, issuer: Authority, exists: bool = True) -> None:
        self.authorities[name] = issuer
        self.issuers[name] = IssuerFacts(name, "own_ca", issuer.pems if exists else [], not exists, "200 days")

    # Building --------------------------------------------------------------------------------------------------------

    def add(self, name: str, services: Iterable[str], ca: Authority = OLD, ends: int = 9, **more: Any) -> Node:
        """Add a node with certificates from ``ca`` in every slot, as an administrator named them years ago."""
        node = Node(name, tuple(services), f"10.0.0.{len(self.nodes) + 1}", **more)
        node.variables.setdefault("cms_domain", "example.com")
        if self.authorities:
            node.variables.setdefault("cms_issuer", next(iter(self.authorities)))
        self.nodes[name] = node
        for service in node.services:
            node.enabled[service] = True
            for slot in SLOTS[service]:
                self.give(name, slot, ca, ends=ends)
        if "callbridge" in services:
            self.trust(name, "callbridge", *ca.pems[-1:])
        for service in ("webbridge3", "scheduler"):
            if service in services:
                self.trust(name, service, *ca.pems[-1:])
        node.reboot()
        return node

    def give(self, name: str, slot: str, ca: Authority, base: str = "", start: bool = True, **how: Any) -> Made:
        """Give a slot a certificate from ``ca``."""
        node = self.nodes[name]
        how.setdefault("eku", USAGES[slot])
        how.setdefault("names", (node.fqdn,))
        leaf = ca.issue(how.pop("common_name", node.fqdn), **how)
        node.install(slot, base or f"{name}-{slot}".replace("_", "-"), leaf, ca.pems)
        if start:
            node.start(service_of(slot))
        return leaf

    def trust(self, name: str, service: str, *pems: str, file: str = "old-trust.pem", trust: str = "c2w") -> None:
        """Let a service trust exactly these certificates."""
        node = self.nodes[name]
        name_of_file = f"{service}-{file}" if trust == "c2w" else f"{service}-{trust}-{file}"
        node.put(name_of_file, "certificate", *pems)
        node.trusts[service, trust] = name_of_file
        node.start(service)

    def verify_sip(self, name: str, *pems: str, mode: str = "enabled") -> None:
        """Let all that speaks SIP on a node verify the other side by exactly these certificates."""
        node = self.nodes[name]
        node.put("sip-trust.pem", "certificate", *pems)
        node.sip_verify = mode
        for service in ("callbridge", "recorder", "streamer"):
            if service in node.services:
                node.trusts[service, "sip"] = "sip-trust.pem"
                node.start(service)

    def cluster(self, cores: Iterable[str], edges: Iterable[str]) -> Cluster:
        """Let Call Bridges form a cluster and register Web Bridges by their names."""
        number = len(self.clusters)
        made = Cluster(
            list(cores),
            [
                {"id": f"wb-{number}-{index}", "url": f"c2w://{host}:9999", "host": host, "port": 9999}
                for index, host in enumerate(self.nodes[edge].fqdn for edge in edges)
            ],
        )
        self.clusters.append(made)
        return made

    # What the planner is given ---------------------------------------------------------------------------------------

    def given(self, intent: str = SITE, now: datetime.datetime = NOW, **more: Any) -> FleetInput:
        skipped = frozenset(more.pop("skipped", ()))
        hosts = {node.name: self._host(node) for node in self.nodes.values() if node.name not in skipped}
        for option in ("accepted_anchors", "narrow_also", "roll_forward"):
            more[option] = frozenset(more.get(option, ()))
        return FleetInput(
            fleet="cms",
            intent=intent,
            now=now,
            hosts=copy.deepcopy(hosts),
            issuers=copy.deepcopy(self.issuers),
            generations=copy.deepcopy(self.generations),
            skipped=skipped,
            rollout=self.rollout,
            skipped_hosts={
                node.name: dataclasses.replace(self._host(node), survey=None)
                for node in self.nodes.values()
                if node.name in skipped
            },
            **more,
        )

    def plan(self, intent: str = SITE, **more: Any) -> dict[str, Any]:
        return make_plan(self.given(intent, **more))

    def _host(self, node: Node) -> Host:
        return Host(
            name=node.name,
            services=node.services if node.groups is None else node.groups,
            variables={**node.variables, "ansible_host": node.address},
            survey=None if node.unreachable else self._survey(node),
            why_no_survey=node.unreachable,
            pending={service: [r[key] for key in sorted(r)] for service, r in sorted(node.pending.items())},
            made=frozenset(node.made),
            trusts_added=dict(node.trust_added),
            replaced=node.replaced,
        )

    def _survey(self, node: Node) -> dict[str, Any]:
        services: dict[str, Any] = {}
        read: set[str] = set()
        for service, slots in SLOTS.items():
            if service not in node.services or service in node.missing:
                services[service] = {"present": False, "detail": "unknown command"}
                continue
            shown = {}
            for slot, name in slots.items():
                files = node.slots.get(slot) or {"key": None, "certificate": None, "bundle": None}
                listen = [{"interface": "a", "port": PORTS[slot]}] if slot in node.slots and PORTS[slot] else []
                shown[name] = {**files, "listen": listen}
                read |= {str(files[part]) for part in ("certificate", "bundle") if files[part]}
            trusts: dict[str, str | None] = dict.fromkeys(TRUSTS.get(service, ()))
            trusts |= {trust: file for (owner, trust), file in node.trusts.items() if owner == service}
            trusts |= {trust: file for (owner, trust), file in node.foreign_trusts.items() if owner == service}
            read |= {file for file in trusts.values() if file}
            services[service] = {
                "present": True,
                "enabled": node.enabled.get(service, True),
                "running": node.enabled.get(service, True),
                "slots": shown,
                "trusts": trusts,
                "unknown_rows": node.unknown_rows.get(service, []),
                "unknown_trusts": node.unknown_trusts.get(service, []),
            }
            if "sip" in trusts:
                known = node.sip_verify in ("enabled", "disabled", "ocsp")
                services[service]["verify"] = {"sip": node.sip_verify if known else None}
            if service == "uploader":
                services[service]["hosts"] = {"cms": node.uploads_to, "rev": None}
        read |= {name for name in node.made if "-trust-" in name}
        in_flight = [record for records in node.pending.values() for record in records.values()]
        for record in [*in_flight, *(entry for entries in node.replaced.values() for entry in entries)]:
            before = record.get("before")
            read |= set(filter(None, before.values() if isinstance(before, dict) else [before]))
        return {
            "schema": 1,
            "host": node.name,
            "address": node.address,
            "taken_at": "2026-11-23T15:00:00Z",
            "prompt": node.name,
            "version": node.version,
            "files": {name: {"kind": file.kind, "size": 1} for name, file in sorted(node.files.items())},
            "certificates": {
                name: {"certificates": [entry_of(pem) for pem in file.pems], "problems": file.problems}
                for name, file in sorted(node.files.items())
                if name in read and file.kind == "certificate"
            },
            "csrs": {
                name: file.csr
                for name, file in sorted(node.files.items())
                if file.kind == "csr" and name in node.made and not _answered(name, node.files)
            },
            "services": services,
            "served": {
                slot: self._served(node, slot)
                for service in node.services
                for slot in SLOTS[service]
                if slot in node.slots and node.enabled.get(service, True) and PORTS[slot]
            },
            "api": self._api(node),
            "matches": self._matches(node),
            "logins": 1,
            "notices": list(node.notices),
        }

    @staticmethod
    def _matches(node: Node) -> dict[str, Any]:
        """What the node says of the pairs that slots had before: that they fit, unless a test says otherwise."""
        entries = [entry["before"] for entries in node.replaced.values() for entry in entries]
        pairs = {(e["key"], e["certificate"]): True for e in entries if isinstance(e, dict) and e["key"]}
        return {f"pki match {k} {c}": [fits, "words"] for (k, c), fits in {**pairs, **node.matches}.items()}

    def _served(self, node: Node, slot: str) -> dict[str, Any]:
        place = {"address": node.address, "port": PORTS[slot], "client_ca_names": None}
        if slot in node.unprobed:
            return {**place, "state": "unreachable", "chain": [], "detail": "connection refused"}
        chain = [{"pem": pem, **info(pem)} for pem in node.running.get(slot, [])]
        return {**place, "state": "served" if chain else "no_tls", "chain": chain, "detail": ""}

    def _api(self, node: Node) -> dict[str, Any]:
        empty: dict[str, Any] = {"web_bridges": [], "call_bridges": [], "call_bridge_groups": [], "status": {}}
        if "callbridge" not in node.services:
            return {"state": "not_configured", "detail": "the node runs no Call Bridge", "base": None, **empty}
        if node.api != "ok":
            return {"state": node.api, "detail": f"the API is {node.api}", "base": None, **empty}
        cluster = next((found for found in self.clusters if node.name in found.cores), None)
        bridges = []
        for entry in cluster.registrations if cluster else []:
            web = next((other for other in self.nodes.values() if other.fqdn == entry["host"]), None)
            up = web is not None and not self.faults(node.name, web.name)
            state = {"status": "success" if up else "connectionFailure", "reason": None}
            bridges.append({"call_bridge": None, "call_bridge_group": None, **state, **entry})
        return {
            "state": "ok",
            "detail": "",
            "base": f"https://{node.address}:445",
            "status": {"software_version": "3.9", "uptime_seconds": 1, "call_legs_active": node.calls},
            "web_bridges": bridges,
            "call_bridges": [
                {"id": f"cb-{name}", "name": name, "address": f"https://{self.nodes[name].fqdn}:445/", "group": None}
                for name in (cluster.cores if cluster else [])
            ],
            "call_bridge_groups": [],
        }

    # Links, judged independently -------------------------------------------------------------------------------------

    def pairs(self) -> list[tuple[str, str]]:
        """Every registered pair of Call Bridge and Web Bridge."""
        return [
            (core, edge.name)
            for cluster in self.clusters
            for core in cluster.cores
            for entry in cluster.registrations
            for edge in self.nodes.values()
            if edge.fqdn == entry["host"] and core in self.nodes
        ]

    def faults(self, core: str, edge: str, now: datetime.datetime = NOW) -> list[str]:
        """Say why the C2W connection of a pair does not come up, both directions looked at."""
        bridge, web = self.nodes[core], self.nodes[edge]
        found = []
        shown = web.running.get("webbridge3_c2w") or []
        if not verifies(shown, bridge.trusting.get(("callbridge", "c2w"), []), now):
            found.append(f"{core} does not trust {edge}")
        if shown and not certs.matches_name(load(shown[0]), web.fqdn):
            found.append(f"{edge} shows a certificate for another name")
        if not verifies(bridge.running.get("callbridge") or [], web.trusting.get(("webbridge3", "c2w"), []), now):
            found.append(f"{edge} does not trust {core}")
        return found

    def broken(self, now: datetime.datetime = NOW) -> set[tuple[str, str]]:
        return {pair for pair in self.pairs() if self.faults(*pair, now=now)}

    def broken_by_reboot(self, name: str) -> set[tuple[str, str]]:
        """The links that would be down if a node started anew now, with whatever is stored on it."""
        node = self.nodes[name]
        running, trusting = dict(node.running), dict(node.trusting)
        node.reboot()
        found = self.broken()
        node.running, node.trusting = running, trusting
        return found


def _answered(name: str, files: dict[str, File]) -> bool:
    base = name.removesuffix(".csr")
    return f"{base}.crt" in files or f"{base}-fullchain.crt" in files


# What most tests start from ------------------------------------------------------------------------------------------


def standard(
    cores: int = 3,
    edges: int = 2,
    ca: Authority = OLD,
    issuer: Authority | None = NEW,
    ends: int = 9,
    core_ends: dict[str, int] | None = None,
) -> Fleet:
    """Core nodes (Web Admin, Call Bridge) and edge nodes (Web Bridge, TURN) in one cluster, all from ``ca``."""
    fleet = Fleet(issuer)
    for number in range(1, cores + 1):
        name = f"core{number}"
        fleet.add(name, ("webadmin", "callbridge"), ca, (core_ends or {}).get(name, ends))
    for number in range(1, edges + 1):
        fleet.add(f"edge{number}", ("webbridge3", "turn"), ca, ends)
    fleet.cluster(
        [f"core{number}" for number in range(1, cores + 1)], [f"edge{number}" for number in range(1, edges + 1)]
    )
    return fleet


def rounds(plan: dict[str, Any]) -> list[str]:
    return [entry["name"] for entry in plan["rounds"]]


def errors(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [f for f in plan["findings"] if f["severity"] == "error" and not f["cured"]]


def rules_of(plan: dict[str, Any], severity: str | None = None) -> set[str]:
    return {f["rule"] for f in plan["findings"] if severity in (None, f["severity"])}


def findings(plan: dict[str, Any], rule: str) -> list[dict[str, Any]]:
    return [f for f in plan["findings"] if f["rule"] == rule]


def steps(plan: dict[str, Any], kind: str | None = None, host: str | None = None) -> list[dict[str, Any]]:
    return [
        step
        for entry in plan["rounds"]
        for name, batches in entry["batches"].items()
        for batch in batches
        for step in batch["steps"]
        if kind in (None, step["kind"]) and host in (None, name)
    ]
