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
import functools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.certops.cms.plugins.plugin_utils._fleet import given as fleet_given
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.given import FleetInput, Host, IssuerFacts
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.plan import make_plan
from ansible_collections.certops.cms.plugins.plugin_utils._pki import certs, csr
from tests.unit.plugins.plugin_utils.pki import making
from tests.unit.plugins.plugin_utils.pki.making import DAY, NOW, Made

SITE, RENEW, NARROW = fleet_given.SITE, fleet_given.RENEW, fleet_given.NARROW
SERVER, CLIENT = "serverAuth", "clientAuth"

#: service -> slot id -> name of the slot in a survey
SLOTS = {
    "webadmin": {"webadmin": "webadmin"},
    "callbridge": {"callbridge": "callbridge"},
    "webbridge3": {"webbridge3_https": "https", "webbridge3_c2w": "c2w"},
    "turn": {"turn": "turn"},
}
PORTS = {"webadmin": 445, "callbridge": 5061, "webbridge3_https": 443, "webbridge3_c2w": 9999, "turn": 5349}
USAGES = {
    "webadmin": (SERVER,),
    "callbridge": (SERVER, CLIENT),
    "webbridge3_https": (SERVER,),
    "webbridge3_c2w": (SERVER, CLIENT),
    "turn": (SERVER,),
}
FULL_CHAIN = ("webbridge3_https", "webbridge3_c2w")
COMMANDS = {
    "webadmin certs": "webadmin",
    "callbridge certs": "callbridge",
    "webbridge3 https certs": "webbridge3_https",
    "webbridge3 c2w certs": "webbridge3_c2w",
    "turn certs": "turn",
}
TRUST_COMMANDS = {"callbridge trust c2w": ("callbridge", "c2w"), "webbridge3 c2w trust": ("webbridge3", "c2w")}


def service_of(slot: str) -> str:
    return next(service for service, slots in SLOTS.items() if slot in slots)


@dataclasses.dataclass(frozen=True)
class Authority:
    """A CA: what it signs with, and everything from there up to the root."""

    signer: Made
    above: tuple[Made, ...]

    @property
    def root(self) -> Made:
        return self.above[-1]

    @property
    def pems(self) -> list[str]:
        return [made.pem for made in self.above]

    @property
    def fingerprints(self) -> list[str]:
        return [certs.fingerprint(made.cert) for made in self.above]

    def intermediate(self, name: str) -> Authority:
        made = making.make(name, issuer=self.root, ca=True, start=NOW - 100 * DAY, end=NOW + 2000 * DAY)
        return Authority(made, (made, *self.above[-1:]))

    def issue(
        self,
        common_name: str,
        names: Iterable[str] = (),
        eku: Iterable[str] = (SERVER,),
        ends: int = 9,
        lasts: int = 200,
        **more: Any,
    ) -> Made:
        """Issue a certificate that ends in ``ends`` days and lives ``lasts`` days."""
        end = NOW + ends * DAY
        more.setdefault("ku", ("digitalSignature", "keyEncipherment"))
        made: Made = self.signer.issue(
            common_name,
            names=tuple(names) or None,
            eku=tuple(eku),
            start=end - lasts * DAY,
            end=end,
            **more,
        )
        return made


@functools.cache
def authority(name: str, intermediate: bool = False) -> Authority:
    root = making.make(f"{name} Root", ca=True, start=NOW - 1000 * DAY, end=NOW + 3000 * DAY)
    found = Authority(root, (root,))
    return found.intermediate(f"{name} Issuing") if intermediate else found


OLD = authority("Old")
NEW = authority("New", intermediate=True)


@dataclasses.dataclass
class File:
    kind: str
    pems: list[str] = dataclasses.field(default_factory=list)
    csr: Any = None
    problems: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Node:
    """One Meeting Server on paper. ``slots`` and ``trusts`` are stored settings, ``running`` and ``trusting`` what the
    services read when they started."""

    name: str
    services: tuple[str, ...]
    address: str
    groups: tuple[str, ...] | None = None
    variables: dict[str, Any] = dataclasses.field(default_factory=dict)
    files: dict[str, File] = dataclasses.field(default_factory=dict)
    slots: dict[str, dict[str, str | None]] = dataclasses.field(default_factory=dict)
    trusts: dict[tuple[str, str], str | None] = dataclasses.field(default_factory=dict)
    running: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    trusting: dict[tuple[str, str], list[str]] = dataclasses.field(default_factory=dict)
    enabled: dict[str, bool] = dataclasses.field(default_factory=dict)
    restarts: Counter[str] = dataclasses.field(default_factory=Counter)
    keys: dict[str, Any] = dataclasses.field(default_factory=dict)
    # The journal.
    pending: dict[str, dict[str, dict[str, Any]]] = dataclasses.field(default_factory=dict)
    made: set[str] = dataclasses.field(default_factory=set)
    trust_added: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    # What a survey shows besides.
    unreachable: str = ""
    unprobed: set[str] = dataclasses.field(default_factory=set)
    foreign_trusts: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    unknown_rows: dict[str, list[list[str]]] = dataclasses.field(default_factory=dict)
    unknown_trusts: dict[str, list[list[str]]] = dataclasses.field(default_factory=dict)
    missing: set[str] = dataclasses.field(default_factory=set)
    api: str = "ok"
    calls: int = 0
    notices: list[str] = dataclasses.field(default_factory=list)

    @property
    def fqdn(self) -> str:
        return str(self.variables.get("cms_fqdn") or f"{self.name}.example.com")

    def put(self, name: str, kind: str, *pems: str) -> str:
        self.files[name] = File(kind, list(pems))
        return name

    def certificates(self, slot: str) -> list[str]:
        """The certificates of the files that a slot names, leaf first."""
        files = self.slots.get(slot) or {}
        return [
            pem
            for part in ("certificate", "bundle")
            if files.get(part) in self.files
            for pem in self.files[str(files[part])].pems
        ]

    def start(self, service: str) -> None:
        """Let a service read its settings."""
        for slot in SLOTS[service]:
            if slot in self.slots:
                self.running[slot] = self.certificates(slot)
        for key, file in self.trusts.items():
            if key[0] == service:
                self.trusting[key] = list(self.files[file].pems) if file in self.files else []

    def reboot(self) -> None:
        for service in self.services:
            if self.enabled.get(service, True):
                self.start(service)

    def install(self, slot: str, base: str, leaf: Made, chain: Iterable[str]) -> None:
        """Put key, certificate and chain on the node and assign them."""
        self.put(f"{base}.key", "key")
        if slot in FULL_CHAIN:
            self.put(f"{base}.crt", "certificate", leaf.pem, *chain)
            self.slots[slot] = {"key": f"{base}.key", "certificate": f"{base}.crt", "bundle": None}
        else:
            self.put(f"{base}.crt", "certificate", leaf.pem)
            self.put(f"{base}-bundle.crt", "certificate", *chain)
            files = {"key": f"{base}.key", "certificate": f"{base}.crt", "bundle": f"{base}-bundle.crt"}
            self.slots[slot] = dict(files)


@dataclasses.dataclass
class Cluster:
    """Call Bridges of one database, and what they have registered: (url, host, restrictions)."""

    cores: list[str]
    registrations: list[dict[str, Any]]


class Fleet:
    """Nodes, clusters, the store and what the inventory says."""

    def __init__(self, issuer: Authority | None = None, name: str = "internal") -> None:
        self.nodes: dict[str, Node] = {}
        self.clusters: list[Cluster] = []
        self.generations: dict[str, list[dict[str, Any]]] = {}
        self.authorities: dict[str, Authority] = {}
        self.issuers: dict[str, IssuerFacts] = {}
        self.shared_keys: dict[str, Any] = {}
        self.issued: Counter[str] = Counter()
        self.done: set[str] = set()
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
        if "webbridge3" in services:
            self.trust(name, "webbridge3", *ca.pems[-1:])
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

    def trust(self, name: str, service: str, *pems: str, file: str = "old-trust.pem") -> None:
        """Let a service trust exactly these certificates."""
        node = self.nodes[name]
        name_of_file = f"{service}-{file}"
        node.put(name_of_file, "certificate", *pems)
        node.trusts[service, "c2w"] = name_of_file
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
        for option in ("accepted_anchors", "narrow_also"):
            more[option] = frozenset(more.get(option, ()))
        return FleetInput(
            fleet="cms",
            intent=intent,
            now=now,
            hosts=copy.deepcopy(hosts),
            issuers=copy.deepcopy(self.issuers),
            generations=copy.deepcopy(self.generations),
            skipped=skipped,
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
                listen = [{"interface": "a", "port": PORTS[slot]}] if slot in node.slots else []
                shown[name] = {**files, "listen": listen}
                read |= {str(files[part]) for part in ("certificate", "bundle") if files[part]}
            trusts = {trust: file for (owner, trust), file in node.trusts.items() if owner == service}
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
        read |= {name for name in node.made if "-trust-" in name}
        for records in node.pending.values():
            for record in records.values():
                before = record.get("before")
                read |= set(filter(None, before.values() if isinstance(before, dict) else [before]))
        return {
            "schema": 1,
            "host": node.name,
            "address": node.address,
            "taken_at": "2026-11-23T15:00:00Z",
            "prompt": node.name,
            "version": "3.9",
            "files": {name: {"kind": file.kind, "size": 1} for name, file in sorted(node.files.items())},
            "certificates": {
                name: {"certificates": [_entry(pem) for pem in file.pems], "problems": file.problems}
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
                if slot in node.slots and node.enabled.get(service, True)
            },
            "api": self._api(node),
            "logins": 1,
            "notices": list(node.notices),
        }

    def _served(self, node: Node, slot: str) -> dict[str, Any]:
        place = {"address": node.address, "port": PORTS[slot], "client_ca_names": None}
        if slot in node.unprobed:
            return {**place, "state": "unreachable", "chain": [], "detail": "connection refused"}
        chain = [{"pem": pem, **_info(pem)} for pem in node.running.get(slot, [])]
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
        if shown and not certs.matches_name(_load(shown[0]), web.fqdn):
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

    # Carrying out a plan ---------------------------------------------------------------------------------------------

    def carry_out(self, plan: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Do what a plan says, one small act after the other; each is yielded as (node, what) after it happened.

        Whoever stops taking acts has killed the run there. Settings are noted before they are stored, restarts before
        they happen and after they were seen, as the engine does it.
        """
        self.done = set()
        for entry in plan["rounds"]:
            if entry["name"] == "issue":
                for identity in plan["identities"]:
                    if self._issue(identity):
                        yield "", f"issue {identity['base']}"
            for host in entry["hosts"]:
                for batch in entry["batches"][host]:
                    missing = set(batch["requires"]) - self.done
                    assert not missing, f"{batch['id']} comes before {missing}"
                    yield from self._batch(plan, self.nodes[host], batch)
                    self.done.add(batch["id"])
                    yield host, f"done {batch['id']}"

    def run(self, plan: dict[str, Any]) -> list[tuple[str, str]]:
        return list(self.carry_out(plan))

    def _batch(self, plan: dict[str, Any], node: Node, batch: dict[str, Any]) -> Iterator[tuple[str, str]]:
        service = batch["service"]
        waiting = any(not record.get("rides") for record in node.pending.get(service, {}).values())
        settings = [step for step in batch["steps"] if step["kind"] in ("assign", "trust")]
        left = [step for step in settings if self._setting(node, step) != _target(step)]
        restart = bool(left) or waiting or not settings
        for step in batch["steps"]:
            kind = step["kind"]
            if kind == "csr" and not step["resume"]:
                node.made |= {f"{step['base']}.key", f"{step['base']}.csr"}
                yield node.name, "note the files"
                self._pki_csr(node, step["command"])
                yield node.name, step["command"]
            if kind == "csr":
                self._keep_request(plan, node, step)
                yield node.name, "keep the request"
            elif kind == "upload":
                node.made.add(step["file"])
                yield node.name, f"note {step['file']}"
                self._upload(plan, node, step)
                yield node.name, f"upload {step['file']}"
            elif kind == "remove":
                assert step["file"] not in self.named(node.name)
                del node.files[step["file"]]
                node.made.discard(step["file"])
                yield node.name, f"remove {step['file']}"
            elif kind == "disable" and restart and node.enabled[service]:
                self._restarting(node, service)
                yield node.name, "note the restart"
                node.enabled[service] = False
                yield node.name, step["command"]
            elif kind in ("assign", "trust") and step in left:
                yield from self._set(plan, node, batch, step)
            elif kind == "restart" and restart:
                self._restarting(node, service)
                yield node.name, "note the restart"
                node.enabled[service] = True
                node.start(service)
                node.restarts[service] += 1
                yield node.name, f"restart {service}"
                node.pending.pop(service, None)
                yield node.name, "note that it was seen"
            elif kind == "prove" and step["proof"] == "tls":
                self._prove(plan, node, step)
        if not any(step["kind"] == "restart" for step in batch["steps"]) and service and not node.enabled[service]:
            node.pending.pop(service, None)

    def _prove(self, plan: dict[str, Any], node: Node, step: dict[str, Any]) -> None:
        """The leaf that must be served is that of the new identity, the one the step names, or the one before."""
        leaf = _info(node.running[step["slot"]][0])["sha256"]
        if step["identity"]:
            wanted = self.generation(plan, step["identity"])["leaf"]["sha256"]
        else:
            wanted = step.get("leaf") or self._given_by(plan, node, step["slot"])
        assert wanted in (None, leaf), f"{node.name} {step['slot']} serves another leaf than the plan expects"

    def _given_by(self, plan: dict[str, Any], node: Node, slot: str) -> str | None:
        """A later restart of the same plan must find what the plan itself assigned, else what was there before."""
        for identity in plan["identities"]:
            if [node.name, slot] in identity["slots"] and node.slots[slot]["key"] == identity["files"]["key"]:
                return str(self.generation(plan, identity["id"])["leaf"]["sha256"])
        return plan["nodes"][node.name]["before"][slot]["served"]  # type: ignore[no-any-return]

    def _setting(self, node: Node, step: dict[str, Any]) -> Any:
        if step["kind"] == "trust":
            return node.trusts.get((step["service"], step["trust"]))
        return node.slots.get(step["slot"])

    def _set(
        self, plan: dict[str, Any], node: Node, batch: dict[str, Any], step: dict[str, Any]
    ) -> Iterator[tuple[str, str]]:
        """Store one setting: what the command says, not what the step's other fields say."""
        setting = f"slot:{step['slot']}" if step["kind"] == "assign" else f"trust:{step['trust']}"
        records = node.pending.setdefault(step["service"], {})
        before = records[setting]["before"] if setting in records else step["before"]
        assert self._setting(node, step) in (step["before"], before, None) or not any((step["before"] or {}).values())
        records[setting] = {
            "setting": setting,
            "plan": plan["id"],
            "batch": batch["id"],
            "files": _target(step),
            "before": before,
            "command": step["command"],
            "phase": "stored",
            "rides": bool(step.get("rides")),
        }
        yield node.name, f"note {setting}"
        command, files = _split_command(step["command"])
        assert all(file in node.files for file in files), f"{step['command']} names a file that is not there"
        if command in TRUST_COMMANDS:
            node.trusts[TRUST_COMMANDS[command]] = files[0]
        else:
            key, certificate, *rest = files
            assert node.files[key].kind == "key"
            node.slots[COMMANDS[command]] = {"key": key, "certificate": certificate, "bundle": next(iter(rest), None)}
        yield node.name, step["command"]
        if step["kind"] == "trust":
            for change in plan["trusts"]:
                if (change["node"], change["service"], change["trust"]) == (node.name, step["service"], step["trust"]):
                    added = node.trust_added.setdefault(f"{step['service']}/{step['trust']}", [])
                    added += [sha for sha in self._fingerprints(change["add"]) if sha not in added]

    @staticmethod
    def _restarting(node: Node, service: str) -> None:
        for record in node.pending.setdefault(service, {"restart": {"setting": "restart"}}).values():
            record["phase"] = "restarting"

    def _fingerprints(self, entries: Iterable[str]) -> list[str]:
        return [
            sha
            for entry in entries
            for sha in (self.authorities[entry[7:]].fingerprints if entry.startswith("issuer:") else [entry])
        ]

    def named(self, host: str) -> set[str]:
        """The files that settings of a node name."""
        node = self.nodes[host]
        return {f for files in node.slots.values() for f in files.values() if f} | {
            f for f in node.trusts.values() if f
        }

    # Keys, requests, issuing -----------------------------------------------------------------------------------------

    def _pki_csr(self, node: Node, command: str) -> None:
        base = command.split()[2]
        assert not any(name.partition(".")[0] == base for name in node.files), f"{base} exists already"
        node.put(f"{base}.key", "key")
        node.keys[base] = ec.generate_private_key(ec.SECP256R1())
        attributes = dict(part.split(":", 1) for part in _words(command)[3:])
        names = [attributes["CN"], *filter(None, attributes.pop("subjectAltName", "").split(","))]
        subject = {key: value.strip('"') for key, value in attributes.items()}
        node.files[f"{base}.csr"] = File("csr", csr=make_csr(subject, names, node.keys[base]))

    def _keep_request(self, plan: dict[str, Any], node: Node, step: dict[str, Any]) -> None:
        identity = next(found for found in plan["identities"] if found["id"] == step["identity"])
        assert identity["base"] == step["base"]
        known = self.generations.setdefault(identity["id"], [])
        if all(generation["base"] != step["base"] for generation in known):
            facts = {"base": step["base"], "state": "requested", "request": copy.deepcopy(identity["request"])}
            known.append({**facts, "leaf": None, "chain": []})

    def _issue(self, identity: dict[str, Any]) -> bool:
        known = self.generations.setdefault(identity["id"], [])
        found = next((g for g in known if g["base"] == identity["base"]), None)
        if found is None:
            assert identity["key"]["where"] == "control", "the key of this identity is made on its node"
            found = {"base": identity["base"], "state": "requested", "request": copy.deepcopy(identity["request"])}
            known.append(found)
        if found["state"] == "issued":
            return False
        issuer = self.authorities[identity["issuer"]]
        self.issuers[identity["issuer"]] = dataclasses.replace(
            self.issuers[identity["issuer"]], anchors=issuer.pems, will_create=False
        )
        leaf = issuer.issue(
            identity["subject"]["CN"], names=identity["names"], eku=identity["eku"], ends=200, ku=identity["ku"]
        )
        found.update(state="issued", leaf=_info(leaf.pem), chain=[leaf.pem, *issuer.pems])
        self.issued[identity["id"]] += 1
        return True

    def generation(self, plan: dict[str, Any], ident: str) -> dict[str, Any]:
        identity = next(found for found in plan["identities"] if found["id"] == ident)
        return next(g for g in self.generations[ident] if g["base"] == identity["base"])

    def _upload(self, plan: dict[str, Any], node: Node, step: dict[str, Any]) -> None:
        content = step["content"]
        if "trust" in content:
            change = plan["trusts"][content["trust"]]
            pems = [plan["certificates"][sha] for sha in change["keep"]]
            for entry in change["add"]:
                known = entry.startswith("issuer:")
                pems += self.authorities[entry[7:]].pems if known else [plan["certificates"][entry]]
            new = File("certificate", pems)
        elif content["part"] == "key":
            new = File("key")
        else:
            leaf, *chain = self.generation(plan, content["identity"])["chain"]
            new = File(
                "certificate", {"certificate": [leaf], "bundle": chain, "fullchain": [leaf, *chain]}[content["part"]]
            )
        old = node.files.get(step["file"])
        assert old is None or (step["file"] not in self.named(node.name)) or old.pems == new.pems, "S3"
        node.files[step["file"]] = new


def verifies(shown: list[str], trusted: list[str], now: datetime.datetime = NOW) -> bool:
    """Say whether a presented chain leads to something trusted, by signatures and dates."""
    return _verifies(tuple(shown), tuple(trusted), now)


@functools.cache
def _verifies(shown: tuple[str, ...], trusted: tuple[str, ...], now: datetime.datetime) -> bool:
    if not shown:
        return False
    ends = {fingerprint(pem) for pem in trusted}
    pool = [_load(pem) for pem in [*shown[1:], *trusted]]
    ahead, seen = [_load(shown[0])], set()
    while ahead:
        current = ahead.pop()
        if not current.not_valid_before_utc <= now < current.not_valid_after_utc:
            continue
        sha256 = certs.fingerprint(current)
        if sha256 in ends:
            return True
        if sha256 in seen:
            continue
        seen.add(sha256)
        ahead += [parent for parent in pool if parent.subject == current.issuer and _signed(current, parent)]
    return False


def _signed(child: x509.Certificate, parent: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(parent)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


@functools.cache
def _load(pem: str) -> x509.Certificate:
    return certs.load_certificates(pem.encode(), "kit")[0]


@functools.cache
def _info(pem: str) -> dict[str, Any]:
    return certs.describe(_load(pem))


def info(pem: str) -> dict[str, Any]:
    return copy.deepcopy(_info(pem))


def fingerprint(pem: str) -> str:
    return str(_info(pem)["sha256"])


def _entry(pem: str) -> dict[str, Any]:
    return {"pem": pem, "info": _info(pem)}


def make_csr(subject: dict[str, str], names: Iterable[str], key: Any = None) -> dict[str, Any]:
    """A request as a survey shows it; ``pki csr`` never asks for usages."""
    request = csr.Request.of(subject, names)
    builder = x509.CertificateSigningRequestBuilder().subject_name(csr.subject_name(request))
    builder = builder.add_extension(x509.SubjectAlternativeName(csr.general_names(request)), critical=False)
    made = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    text = made.public_bytes(serialization.Encoding.PEM).decode()
    shown = csr.describe_csr(text)
    return {"pem": text, **{part: shown[part] for part in ("spki_sha256", "subject", "dns", "ip")}}


def _answered(name: str, files: dict[str, File]) -> bool:
    base = name.removesuffix(".csr")
    return f"{base}.crt" in files or f"{base}-fullchain.crt" in files


def _words(command: str) -> list[str]:
    """Split a command at blanks outside quotes."""
    words, quoted = [""], False
    for char in command:
        quoted ^= char == '"'
        if char == " " and not quoted:
            words.append("")
        else:
            words[-1] += char
    return words


def _split_command(text: str) -> tuple[str, list[str]]:
    for command in [*COMMANDS, *TRUST_COMMANDS]:
        if text.startswith(command + " "):
            return command, text[len(command) :].split()
    raise AssertionError(f"no such command: {text}")


def _target(step: dict[str, Any]) -> Any:
    return step["file"] if step["kind"] == "trust" else step["files"]


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


CONSENT = ("internal",)


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
