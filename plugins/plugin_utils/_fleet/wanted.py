# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which identities a fleet should have, and which of them need a new generation, with the reason.

With no variables at all there is one identity for each slot of each node, named after its FQDN. What exists is
adopted: its names, its subject and its kind of issuer stay unless the inventory says otherwise (S17).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from .._errors import BadOption
from .._pki import csr
from .._services import catalogue, commands
from . import described
from .described import KEY_SIZES, SUBJECT_ATTRIBUTES, Problem
from .given import FleetInput, Host
from .model import SlotKey, Vouching, assigned_chain
from .slots import slots_of
from .topology import Topology

#: What an argument of the command line can hold between double quotes.
_SENDABLE = re.compile(r'[^"\\\x00-\x1f\x7f]+')


@dataclasses.dataclass
class Identity:
    """A key, a certificate and a chain for one purpose, as the inventory wants it."""

    id: str
    name: str
    slots: list[SlotKey]
    shared: bool
    config: dict[str, Any]
    common_name: str = ""
    names: list[str] = dataclasses.field(default_factory=list)
    subject: dict[str, str] = dataclasses.field(default_factory=dict)
    roles: list[str] = dataclasses.field(default_factory=list)
    eku: list[str] = dataclasses.field(default_factory=list)
    ku: list[str] = dataclasses.field(default_factory=list)
    key: dict[str, Any] = dataclasses.field(default_factory=dict)
    issuer: str | None = None
    #: Names that another issuer certified, and that the new certificate keeps.
    adopted: list[str] = dataclasses.field(default_factory=list)
    #: A slot names a certificate that cannot be read.
    unreadable: bool = False
    #: The leaf each slot is assigned now (CertInfo), or None.
    current: dict[SlotKey, dict[str, Any] | None] = dataclasses.field(default_factory=dict)

    @property
    def hosts(self) -> list[str]:
        """Give the nodes that need the files of this identity."""
        return list(dict.fromkeys(host for host, _slot in self.slots))

    @property
    def leaf(self) -> dict[str, Any] | None:
        """Give the certificate that a new generation replaces: the one that ends first."""
        leaves = [info for info in self.current.values() if info]
        return min(leaves, key=lambda info: str(info["not_after"])) if leaves else None

    def request(self) -> dict[str, Any]:
        """Give what a request for this identity says, in the form the store keeps and compares."""
        return {
            "subject": self.subject,
            "names": sorted(self.names),
            "eku": sorted(self.eku),
            "ku": sorted(self.ku),
            "key": self.key,
            "issuer": self.issuer,
        }


def identities(given: FleetInput, topology: Topology, vouching: Vouching) -> tuple[list[Identity], list[Problem]]:
    """Give the identities of the fleet, and what is wrong with their description."""
    found: dict[str, Identity] = {}
    problems: list[Problem] = []
    for host in given.hosts.values():
        if host.survey is None:
            continue
        problems.extend(described.problems(host))
        for slot_id in slots_of(host):
            name, config = described.config_of(host, slot_id)
            shared = bool(config.get("shared"))
            key = f"shared/{name}" if shared else f"{host.name}/{name}"
            identity = found.setdefault(key, Identity(key, name, [], shared, config))
            if identity.config != config:
                problems.append(
                    Problem(
                        host.name,
                        f"{name!r} is shared, and cms_identities describes it differently on {identity.hosts[0]}",
                        "describe a shared identity once, in the variables of a group that all its nodes are in",
                    )
                )
            identity.slots.append((host.name, slot_id))
            chain = assigned_chain(host, slot_id)
            identity.current[host.name, slot_id] = chain[0]["info"] if chain else None
            if not chain and _names_a_file(host, slot_id):
                identity.unreadable = True
    owners = _owners(given, topology)
    for identity in found.values():
        problems.extend(_complete(identity, given, topology, vouching, owners))
    return list(found.values()), problems


def _names_a_file(host: Host, slot_id: str) -> bool:
    service, slot = catalogue.SLOTS[slot_id]
    return bool(((host.service(service.name).get("slots") or {}).get(slot.name) or {}).get("certificate"))


def _adopted(
    identity: Identity, given: FleetInput, vouching: Vouching, owners: dict[str, set[str]]
) -> tuple[list[str], list[Problem]]:
    """Give the names of the certificates that are replaced and that the new one keeps, and what speaks against it.

    What the issuer certified before, it certifies again. Of what others certified, a node does not get the name of
    another node, a wildcard only when the inventory names it, and nothing out of a self-signed certificate: whoever
    has a node must not choose what the issuer certifies.
    """
    own = {
        str(name).lower()
        for name in [*(identity.config.get("names") or []), identity.config.get("common_name")]
        if name
    }
    issuer = given.issuers.get(identity.issuer or "")
    mine = set(identity.hosts)
    kept: list[str] = []
    problems = []
    for (host, slot_id), info in identity.current.items():
        if info is None:
            continue
        certified = issuer is not None and bool(vouching.above(info["sha256"]) & set(vouching.anchors[issuer.name]))
        for name in [entry.lower() for entry in [*info["dns"], *info["ip"]]]:
            if certified or name in own:
                kept.append(name)
            elif info["self_signed"] or owners.get(name, mine) - mine:
                continue
            elif name.startswith("*."):
                problems.append(
                    Problem(
                        host,
                        f"the certificate of {slot_id} carries the wildcard {name}, and another issuer certified it",
                        f"list in cms_identities.{identity.name}.names what it still needs, or set keep_names: false",
                    )
                )
            else:
                kept.append(name)
                identity.adopted.append(name)
    return kept, problems if identity.config.get("keep_names", True) and not own else []


def _owners(given: FleetInput, topology: Topology) -> dict[str, set[str]]:
    """Give the nodes that each name belongs to: what they are called, and what they are dialled by."""
    found: dict[str, set[str]] = {}
    for host in [*given.hosts.values(), *given.skipped_hosts.values()]:
        for name in (host.fqdn, host.address, host.name):
            if name:
                found.setdefault(name.lower(), set()).add(host.name)
    for link in topology.links:
        if link.dialled:
            found.setdefault(link.dialled.lower(), set()).add(link.presenter)
    return found


def _complete(
    identity: Identity, given: FleetInput, topology: Topology, vouching: Vouching, owners: dict[str, set[str]]
) -> list[Problem]:
    """Fill in names, subject, usages, key and issuer."""
    hosts = [given.hosts[name] for name in identity.hosts]
    config = identity.config
    problems: list[Problem] = []
    nameless = [host.name for host in hosts if host.fqdn is None]
    for name in nameless:
        problems.append(
            Problem(name, f"has no fully qualified name, so {identity.name} cannot be named", "", "no-fqdn")
        )
    identity.issuer = config.get("issuer") or _first(hosts, "cms_issuer")
    leaf = identity.leaf
    adopt = bool(config.get("keep_names", True)) and leaf is not None
    names = [host.fqdn for host in hosts if host.fqdn]
    names += _dialled(identity, topology)
    peers = named_by_peers(identity, given)
    names += peers.values()
    names += [str(name) for name in config.get("names") or []]
    if adopt:
        kept, against = _adopted(identity, given, vouching, owners)
        problems.extend(against)
        identity.adopted = [name for name in dict.fromkeys(identity.adopted) if name not in {n.lower() for n in names}]
        names += kept
    identity.common_name = _common_name(identity, hosts, adopt, {name.lower() for name in names}, peers)
    ordered = list(dict.fromkeys(name.lower() for name in [identity.common_name, *names] if name))
    asked_for = {str(name).lower() for name in [identity.common_name, *(config.get("names") or [])]}
    # A name that was adopted and that no request can carry (an underscore, say) is let go; one asked for is a mistake.
    identity.names = [name for name in ordered if _is_name(name) or name in asked_for]
    for name in identity.names:
        if not _is_name(name):
            found = f"{name!r} cannot be a name of {identity.name}: it is no DNS name, IP address or e-mail address"
            step = f"correct cms_fqdn, or cms_identities.{identity.name}"
            problems.append(Problem(identity.hosts[0], found, step, "name-malformed"))
    identity.subject = _subject(identity, hosts, adopt)
    for key, value in identity.subject.items():
        if not _SENDABLE.fullmatch(value):
            found = f"the subject attribute {key} of {identity.name} is {value!r}, which the command line cannot take"
            step = "leave out double quotes, backslashes and control characters"
            problems.append(Problem(identity.hosts[0], found, step, "subject-unusable"))
    slots = [catalogue.SLOTS[slot_id][1] for _host, slot_id in identity.slots]
    identity.roles = [role for role in (catalogue.SERVER, catalogue.CLIENT) if any(role in s.roles for s in slots)]
    asked = [role for role in (catalogue.SERVER, catalogue.CLIENT) if any(role in s.requested_roles for s in slots)]
    identity.eku = [f"{role}Auth" for role in asked]
    identity.key = _key(identity, hosts)
    # keyEncipherment means nothing for an ECDSA key; digitalSignature is what DTLS needs (guide 2.1).
    identity.ku = ["digitalSignature"] + (["keyEncipherment"] if identity.key["type"] == "rsa" else [])
    sizes = KEY_SIZES[identity.key["type"]]
    if identity.key["size"] not in sizes:
        problems.append(
            Problem(
                identity.hosts[0],
                f"{identity.name} wants a key of type {identity.key['type']} and size {identity.key['size']}",
                "use a size that goes with the type: " + ", ".join(str(size) for size in sizes),
                "key-unusable",
            )
        )
    elif identity.key["where"] == "node" and identity.key["type"] != "rsa":
        problems.append(
            Problem(
                identity.hosts[0],
                f"{identity.name} wants an ECDSA key made on the node; '{commands.PKI_CSR}' makes none (guide A.2)",
                "set key_location: control for it, or key_type: rsa",
                "key-unusable",
            )
        )
    elif identity.key["where"] == "node" and identity.shared:
        problems.append(
            Problem(
                identity.hosts[0],
                f"{identity.name} is shared between nodes, so its key cannot be made on one of them",
                "leave key_location out, or set it to control (guide 4.1; safety rule S4)",
                "key-unusable",
            )
        )
    if not problems:
        try:
            csr.Request.of(identity.subject, identity.names, identity.roles, identity.eku, identity.ku)
        except BadOption as exc:
            rule = {"C": "country-code", "subjectAltName": "name-malformed"}.get(exc.obj, "subject-unusable")
            found = f"{identity.name} cannot be requested: {exc.obj} {exc.reason}"
            problems.append(Problem(identity.hosts[0], found, exc.next_step, rule))
    return problems


def _dialled(identity: Identity, topology: Topology) -> list[str]:
    """Give the names under which verifiers dial the slots of an identity (guide 4.5)."""
    links = [link for slot in dict.fromkeys(identity.slots) for link in topology.by_slot.get(slot, [])]
    return [link.dialled for link in sorted(links, key=lambda link: link.id) if link.dialled]


def named_by_peers(identity: Identity, given: FleetInput) -> dict[str, str]:
    """Give the names under which peers outside look for an identity, by peer (guide 3.1.1, 3.1.2)."""
    found: dict[str, str] = {}
    for host, slot_id in identity.slots:
        for peer in catalogue.SLOTS[slot_id][1].peers:
            name = described.variable(given.hosts[host], catalogue.PEER_NAMES.get(peer, ""))
            if name:
                found.setdefault(peer, name)
    return found


def peers_common_name(identity: Identity, peers: dict[str, str]) -> str | None:
    """Give the common name that a peer insists on: Lync always, browsers on a certificate for the web app alone."""
    alone = len({slot_id for _host, slot_id in identity.slots}) == 1
    return peers.get(catalogue.LYNC) or (peers.get(catalogue.WEB_APP) if alone else None)


def _common_name(identity: Identity, hosts: list[Host], adopt: bool, names: set[str], peers: dict[str, str]) -> str:
    if identity.config.get("common_name"):
        return str(identity.config["common_name"])
    configured = (identity.config.get("subject") or {}).get("CN")
    if configured:
        return str(configured)
    insisted = peers_common_name(identity, peers)
    if insisted:
        return insisted
    leaf = identity.leaf
    if adopt and leaf and leaf["common_name"] and leaf["common_name"].lower() in names:
        return str(leaf["common_name"])
    # One certificate for several components names the domain, and lists the components (guide 3.1).
    if identity.shared and hosts[0].variables.get("cms_domain"):
        return str(hosts[0].variables["cms_domain"])
    return hosts[0].fqdn or ""


def _subject(identity: Identity, hosts: list[Host], adopt: bool) -> dict[str, str]:
    given = {**(described.variable(hosts[0], "cms_subject") or {}), **identity.config.get("subject", {})}
    leaf = identity.leaf
    if not given and adopt and leaf:
        given = {key: value for key, value in leaf["subject_attributes"].items() if _SENDABLE.fullmatch(value)}
    given["CN"] = identity.common_name
    if given.get("C"):
        given["C"] = str(given["C"]).upper()
    return {key: str(given[key]) for key in SUBJECT_ATTRIBUTES if given.get(key)}


def _key(identity: Identity, hosts: list[Host]) -> dict[str, Any]:
    kind = str(identity.config.get("key_type") or _first(hosts, "cms_key_type") or "rsa")
    size = identity.config.get("key_size") or _first(hosts, "cms_key_size") or KEY_SIZES[kind][0]
    where = identity.config.get("key_location") or _first(hosts, "cms_key_location")
    if not where:
        # A key that is made on its node never leaves it (S4); what a node cannot make is made here.
        where = "control" if identity.shared or kind != "rsa" or size != KEY_SIZES["rsa"][0] else "node"
    return {"where": where, "type": kind, "size": size}


def _first(hosts: list[Host], variable: str) -> Any:
    values = (described.variable(host, variable) for host in hosts)
    return next((value for value in values if value is not None), None)


def _is_name(text: str) -> bool:
    try:
        csr.kind_of_name(text)
    except BadOption:
        return False
    return True
