# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is linked to whom: links from registrations, and the clusters that links and shared settings make.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from .._services import catalogue
from .given import FleetInput, Host


@dataclasses.dataclass(frozen=True)
class Link:
    """One verifying side, one presenting side, the trust setting between them (reference: rollout rules, 8.2).

    ``dialled`` is the host in the ``c2w://`` URL. ``via`` is the node whose API shows the state of the link.
    """

    kind: catalogue.LinkKind
    verifier: str
    presenter: str
    dialled: str | None
    via: str | None
    web_bridge_id: str | None
    url: str | None
    before: str | None
    #: Tells a further registration of the same Web Bridge from the first.
    alias: str = ""

    @property
    def id(self) -> str:
        """Name the link the same way in every run."""
        name = f"{self.verifier}<{self.presenter} {self.kind.name}"
        return f"{name} {self.alias}" if self.alias else name

    @property
    def assumed(self) -> bool:
        """Say whether no API shows this link: then it may not exist at all."""
        return self.url is None

    @property
    def mend(self) -> str:
        """Say what helps when this link does not hold."""
        if self.assumed:
            return (
                "make the API readable (cms_api_user, cms_api_password), or say with cms_cluster which nodes belong "
                "together; no trust is widened for a link that is only assumed"
            )
        return "run certops.cms.site, which widens trust and renews what a link needs"

    @property
    def trust_key(self) -> tuple[str, str, str]:
        """Give (node, service, trust) of the verifying side."""
        return (self.verifier, self.kind.verifier, self.kind.trust)

    @property
    def slot_key(self) -> tuple[str, str]:
        """Give (node, slot id) of the presenting side."""
        return (self.presenter, self.kind.presenter)

    def as_dict(self) -> dict[str, Any]:
        """Give the link as plain data for the plan."""
        return {
            "id": self.id,
            "kind": self.kind.name,
            "verifier": list(self.trust_key),
            "presenter": list(self.slot_key),
            "dialled": self.dialled,
            "via": self.via,
            "web_bridge_id": self.web_bridge_id,
            "url": self.url,
            "before": self.before,
        }


@dataclasses.dataclass
class Topology:
    """The links of a fleet, the clusters they make, and the registrations that lead out of the inventory."""

    links: list[Link]
    clusters: dict[str, int]
    foreign_urls: list[tuple[str, str]]
    blind: list[str]
    #: (Call Bridge, registered URL, node left out on purpose)
    left_out: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)
    #: (Call Bridge, a peer in its database, the node that is left out or None when the inventory does not know it)
    absent_peers: list[tuple[str, str, str | None]] = dataclasses.field(default_factory=list)

    def links_of(self, host: str) -> list[Link]:
        """Give the links that ``host`` is an end of."""
        return [link for link in self.links if host in (link.verifier, link.presenter)]

    def is_judged(self, host: str, service: str) -> bool:
        """Say whether all other ends of the links of a service are known, so that its trust can be judged whole."""
        if service == "callbridge":
            return not any(host == entry[0] for entry in [*self.foreign_urls, *self.left_out])
        members = set(self.cluster_of(host))
        return not any(entry[0] in members for entry in self.absent_peers)

    def cluster_of(self, host: str) -> list[str]:
        """Give the nodes of the cluster that ``host`` belongs to, itself included."""
        return [name for name, number in self.clusters.items() if number == self.clusters[host]]


def build(given: FleetInput) -> Topology:
    """Work out links and clusters from the registrations that the Call Bridges' API shows.

    Where no API of a Call Bridge could be read, every Call Bridge counts as linked to every Web Bridge of its
    ``cms_cluster`` (one cluster unless the inventory says otherwise): too many links are safe, too few are not.
    """
    hosts = given.hosts
    call_bridges = [host for host in hosts.values() if "callbridge" in host.services]
    web_bridges = [host for host in hosts.values() if "webbridge3" in host.services]
    databases = _databases(call_bridges)
    links: list[Link] = []
    foreign: list[tuple[str, str]] = []
    blind: list[str] = []
    left_out: list[tuple[str, str, str]] = []
    absent = [host for host in given.skipped_hosts.values() if "webbridge3" in host.services]
    for call_bridge in call_bridges:
        registrations = _registrations(call_bridge, databases, hosts)
        if registrations is None:
            blind.append(call_bridge.name)
            pairs: list[tuple[Host, dict[str, Any]]] = [
                (bridge, {})
                for bridge in web_bridges
                if bridge.variables.get("cms_cluster") == call_bridge.variables.get("cms_cluster")
            ]
        else:
            pairs = []
            for entry in registrations:
                bridge = _find(entry, web_bridges)
                skipped = _find(entry, absent) if bridge is None else None
                if bridge is not None:
                    pairs.append((bridge, entry))
                elif skipped is not None:
                    left_out.append((call_bridge.name, entry["url"], skipped.name))
                else:
                    foreign.append((call_bridge.name, entry["url"]))
        met: set[str] = set()
        for bridge, entry in sorted(pairs, key=lambda pair: (pair[0].name, str(pair[1].get("url")))):
            links.extend(_pair(call_bridge, bridge, entry, str(entry.get("url")) if bridge.name in met else ""))
            met.add(bridge.name)
    unique = {link.id: link for link in links}
    ordered = [unique[key] for key in sorted(unique)]
    return Topology(
        links=ordered,
        clusters=_clusters(given, ordered, databases),
        foreign_urls=sorted(set(foreign)),
        blind=blind,
        left_out=sorted(set(left_out)),
        absent_peers=_absent_peers(given, call_bridges, web_bridges, ordered),
    )


def _pair(call_bridge: Host, bridge: Host, entry: dict[str, Any], alias: str) -> list[Link]:
    """Give the two links of a Call Bridge and a Web Bridge: each verifies the other (guide 4.5)."""
    links = []
    for kind in catalogue.LINK_KINDS:
        verifier, presenter = (call_bridge, bridge) if kind.verifier == "callbridge" else (bridge, call_bridge)
        links.append(
            Link(
                kind=kind,
                verifier=verifier.name,
                presenter=presenter.name,
                dialled=entry.get("host") if kind.name_checked else None,
                # Only its own API shows the state of a Call Bridge's links.
                via=call_bridge.name if entry and _api(call_bridge) else None,
                web_bridge_id=entry.get("id"),
                url=entry.get("url"),
                before=entry.get("status"),
                alias=alias,
            )
        )
    return links


def _registrations(
    call_bridge: Host, databases: dict[str, tuple[str, ...]], hosts: dict[str, Host]
) -> list[dict[str, Any]] | None:
    """Give the ``c2w://`` registrations that concern a Call Bridge; None when no API of its database could be read.

    Call Bridges of a cluster share one database, so what one shows is true for all. A registration may be narrowed to
    one Call Bridge or one group.
    """
    own = _api(call_bridge)
    source = own
    if source is None:
        for peer in databases.get(call_bridge.name, ()):
            source = _api(hosts[peer])
            if source is not None:
                break
    if source is None:
        return None
    me = next((entry for entry in source["call_bridges"] if _is_peer(entry, call_bridge)), None)
    found = []
    for entry in source["web_bridges"]:
        if not str(entry.get("url") or "").startswith("c2w://"):
            continue
        if me is not None:
            if entry.get("call_bridge") and entry["call_bridge"] != me["id"]:
                continue
            if entry.get("call_bridge_group") and me.get("group") and entry["call_bridge_group"] != me["group"]:
                continue
        # The state of a link is what the Call Bridge itself says, not what a peer says of its own link.
        found.append(entry if source is own else {**entry, "status": None})
    return found


def _api(host: Host) -> dict[str, Any] | None:
    if host.survey is None:
        return None
    api: dict[str, Any] = host.survey.get("api") or {}
    return api if api.get("state") == "ok" else None


def _is_peer(entry: dict[str, Any], host: Host) -> bool:
    """Say whether an entry of ``callBridges`` is ``host``: its address is that of the peer's Web Admin."""
    name = _host_in(entry)
    if not name:
        return str(entry.get("name") or "").lower() in (host.name.lower(), (host.fqdn or "").split(".", 1)[0])
    return name in {host.name.lower(), host.fqdn, host.address.lower()}


def _host_in(entry: dict[str, Any]) -> str:
    """Give the host in the address of an entry of ``callBridges``."""
    name = str(entry.get("address") or "").lower().split("://", 1)[-1].split("/", 1)[0]
    return name[1:].split("]", 1)[0] if name.startswith("[") else name.rsplit(":", 1)[0] if ":" in name else name


def _absent_peers(
    given: FleetInput, call_bridges: list[Host], web_bridges: list[Host], links: list[Link]
) -> list[tuple[str, str, str | None]]:
    """Give the Call Bridges that take no part in this plan and have, or may have, links to Web Bridges of it."""
    absent = [host for host in given.skipped_hosts.values() if "callbridge" in host.services]
    here = frozenset[str]().union(*(_called(host) for host in call_bridges))
    found: set[tuple[str, str, str | None]] = set()
    for call_bridge in call_bridges:
        for entry in (_api(call_bridge) or {"call_bridges": []})["call_bridges"]:
            shown = {_host_in(entry), str(entry.get("name") or "").lower()} - {""}
            if not shown & here:
                known = next((host.name for host in absent if shown & _called(host)), None)
                found.add((call_bridge.name, str(entry.get("name") or entry.get("address") or entry["id"]), known))
    linked = {link.presenter for link in links}
    for bridge in web_bridges:
        if bridge.name not in linked:
            found |= {(bridge.name, host.name, host.name) for host in absent}
    return sorted(found, key=str)


def _called(host: Host) -> frozenset[str]:
    """Give everything a Call Bridge may be called in the database: its names, its address, and its Web Admin's."""
    names = {host.name.lower(), host.address.lower()}
    if host.fqdn:
        names |= {host.fqdn, host.fqdn.split(".", 1)[0]}
    for item in assigned_certificates(host, "webadmin", "webadmin")[:1]:
        names |= {name.lower() for name in [*item["info"]["dns"], *item["info"]["ip"]]}
    return frozenset(names)


def assigned_certificates(host: Host, service: str, slot: str) -> list[dict[str, Any]]:
    """Give the certificates of the file that a slot names."""
    files = (host.service(service).get("slots") or {}).get(slot) or {}
    return host.certificates(files.get("certificate"))


def _databases(call_bridges: list[Host]) -> dict[str, tuple[str, ...]]:
    """Give, for each Call Bridge, its peers in the same database: those whose API lists the same Call Bridge ids."""
    by_content: dict[tuple[str, ...], list[Host]] = {}
    unread = []
    for host in call_bridges:
        api = _api(host)
        if api is None:
            unread.append(host)
        elif api["call_bridges"]:
            by_content.setdefault(tuple(sorted(entry["id"] for entry in api["call_bridges"])), []).append(host)
    peers: dict[str, tuple[str, ...]] = {}
    for members in by_content.values():
        everyone = list(members)
        listed = [entry for host in members for entry in (_api(host) or {"call_bridges": []})["call_bridges"]]
        everyone += [host for host in unread if any(_is_peer(entry, host) for entry in listed)]
        for host in everyone:
            peers[host.name] = tuple(other.name for other in everyone if other is not host)
    return peers


def _find(entry: dict[str, Any], web_bridges: list[Host]) -> Host | None:
    """Find the node a registration leads to: by name, by address, or by a name in its C2W certificate."""
    dialled = str(entry.get("host") or "").lower()
    for host in web_bridges:
        names = {host.name.lower(), host.fqdn, host.address.lower()}
        names |= {str(name).lower() for name in host.variables.get("cms_c2w_names") or []}
        if dialled in names:
            return host
    named = []
    for host in web_bridges:
        leaf = next(iter(assigned_certificates(host, "webbridge3", "c2w")), None)
        if leaf and dialled in {name.lower() for name in [*leaf["info"]["dns"], *leaf["info"]["ip"]]}:
            named.append(host)
    # A certificate that several Web Bridges share names them all, and so tells none of them apart.
    return named[0] if len(named) == 1 else None


def _clusters(given: FleetInput, links: list[Link], databases: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """Number the clusters: nodes that a link, a database, or a redundancy group ties together."""
    parent = {name: name for name in given.hosts}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    def tie(one: str, other: str) -> None:
        parent[root(other)] = root(one)

    for link in links:
        tie(link.verifier, link.presenter)
    for host, peers in databases.items():
        for peer in peers:
            tie(host, peer)
    _tie_loose(given, links, databases, tie)
    numbers: dict[str, int] = {}
    return {name: numbers.setdefault(root(name), len(numbers)) for name in given.hosts}


def _tie_loose(given: FleetInput, links: list[Link], databases: dict[str, tuple[str, ...]], tie: Any) -> None:
    """Tie nodes that nothing tells apart: without API or groups all nodes of a service count as one group (S6)."""
    linked = {end for link in links for end in (link.verifier, link.presenter)}
    first: dict[tuple[str, Any], str] = {}
    for host in given.hosts.values():
        label = host.variables.get("cms_cluster")
        if label is not None:
            tie(first.setdefault(("label", label), host.name), host.name)
            continue
        if host.name in linked or host.name in databases:
            continue
        for service in host.services:
            if service != "webadmin" or len(host.services) == 1:
                tie(first.setdefault((service, None), host.name), host.name)
