# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is linked to whom: the links of a fleet, and the clusters that links and shared settings make.

How links of one kind are found stands in ``links_*``; each is given plain data and gives a ``Found``.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from .._services import catalogue
from . import databases, links_c2w, links_peers, links_sip, links_uploads
from .given import FleetInput, Host
from .links import Found, Link, TrustKey

__all__ = ["FINDERS", "Found", "Link", "Topology", "build"]

#: How links are found, by the word of the catalogue.
FINDERS = {
    catalogue.REGISTRATIONS: links_c2w.find,
    catalogue.PEERS: links_peers.find,
    catalogue.SIP: links_sip.find,
    catalogue.UPLOADS: links_uploads.find,
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
    #: Trust settings that are also for somebody who takes no part.
    unjudged: frozenset[TrustKey] = frozenset()

    @functools.cached_property
    def _by_host(self) -> dict[str, list[Link]]:
        found: dict[str, list[Link]] = {}
        for link in self.links:
            for end in dict.fromkeys((link.verifier, link.presenter)):
                found.setdefault(end, []).append(link)
        return found

    @functools.cached_property
    def by_trust(self) -> dict[TrustKey, list[Link]]:
        """Give the links by the trust setting that verifies them."""
        found: dict[TrustKey, list[Link]] = {}
        for link in self.links:
            found.setdefault(link.trust_key, []).append(link)
        return found

    @functools.cached_property
    def by_slot(self) -> dict[tuple[str, str], list[Link]]:
        """Give the links by the slot that presents in them."""
        found: dict[tuple[str, str], list[Link]] = {}
        for link in self.links:
            found.setdefault(link.slot_key, []).append(link)
        return found

    @functools.cached_property
    def _members(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for name, number in self.clusters.items():
            found.setdefault(number, []).append(name)
        return found

    def links_of(self, host: str) -> list[Link]:
        """Give the links that ``host`` is an end of."""
        return self._by_host.get(host, [])

    def is_judged(self, host: str, service: str, trust: str) -> bool:
        """Say whether all other ends of the links of a trust setting are known, so that it can be judged whole."""
        if (host, service, trust) in self.unjudged:
            return False
        if not any(kind.found_by == catalogue.REGISTRATIONS for kind in _kinds(service, trust)):
            return True
        if service != links_c2w.DIALLED:
            return True
        # A Call Bridge that takes no part may be verified here too.
        members = set(self.cluster_of(host))
        return not any(entry[0] in members for entry in self.absent_peers)

    def cluster_of(self, host: str) -> list[str]:
        """Give the nodes of the cluster that ``host`` belongs to, itself included."""
        return self._members[self.clusters[host]]


def _kinds(service: str, trust: str) -> list[catalogue.LinkKind]:
    return [kind for kind in catalogue.LINK_KINDS if (kind.verifier, kind.trust) == (service, trust)]


def build(given: FleetInput) -> Topology:
    """Work out links and clusters from what inventory and surveys show."""
    call_bridges = [host for host in given.hosts.values() if catalogue.API_SERVICE in host.services]
    peers = databases.databases_of(call_bridges)
    found = [finder(given, peers) for finder in FINDERS.values()]
    unique = {link.id: link for one in found for link in one.links}
    ordered = [unique[key] for key in sorted(unique)]
    ties = [tie for one in found for tie in one.ties]
    return Topology(
        links=ordered,
        clusters=_clusters(given, ordered, ties, peers),
        foreign_urls=sorted({url for one in found for url in one.foreign_urls}),
        blind=[name for one in found for name in one.blind],
        left_out=sorted({entry for one in found for entry in one.left_out}),
        absent_peers=_absent_peers(given, call_bridges, ordered),
        unjudged=frozenset(key for one in found for key in one.unjudged),
    )


def _absent_peers(given: FleetInput, call_bridges: list[Host], links: list[Link]) -> list[tuple[str, str, str | None]]:
    """Give the Call Bridges that take no part in this plan and have, or may have, links to Web Bridges of it."""
    absent = [host for host in given.skipped_hosts.values() if catalogue.API_SERVICE in host.services]
    here = frozenset[str]().union(*(databases.called(host) for host in call_bridges))
    found: set[tuple[str, str, str | None]] = set()
    for call_bridge in call_bridges:
        for entry in (databases.api_of(call_bridge) or {"call_bridges": []})["call_bridges"]:
            shown = {databases.host_in(entry), str(entry.get("name") or "").lower()} - {""}
            if not shown & here:
                known = next((host.name for host in absent if shown & databases.called(host)), None)
                found.add((call_bridge.name, str(entry.get("name") or entry.get("address") or entry["id"]), known))
    web_bridges = [host for host in given.hosts.values() if links_c2w.DIALLED in host.services]
    linked = {link.presenter for link in links if link.kind in links_c2w.KINDS}
    for bridge in web_bridges:
        if bridge.name not in linked:
            found |= {(bridge.name, host.name, host.name) for host in absent}
    return sorted(found, key=str)


def _clusters(
    given: FleetInput, links: list[Link], ties: list[tuple[str, str]], peers: dict[str, tuple[str, ...]]
) -> dict[str, int]:
    """Number the clusters: nodes that a link, a database, or a redundancy group ties together."""
    parent = {name: name for name in given.hosts}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    def tie(one: str, other: str) -> None:
        parent[root(other)] = root(one)

    pairs = [*((link.verifier, link.presenter) for link in links), *ties]
    pairs += [(host, others[0]) for host, others in peers.items() if others]
    for one, other in pairs:
        tie(one, other)
    _tie_loose(given, {end for pair in pairs for end in pair} | set(peers), tie)
    numbers: dict[str, int] = {}
    return {name: numbers.setdefault(root(name), len(numbers)) for name in given.hosts}


def _tie_loose(given: FleetInput, tied: set[str], tie: Any) -> None:
    """Tie nodes that nothing tells apart: without API or groups all nodes of a service count as one group (S6)."""
    first: dict[tuple[str, Any], str] = {}
    for host in given.hosts.values():
        label = host.variables.get("cms_cluster")
        if label is not None:
            tie(first.setdefault(("label", label), host.name), host.name)
            continue
        if host.name in tied:
            continue
        for service in host.services:
            if service != catalogue.API_FRONT or len(host.services) == 1:
                tie(first.setdefault((service, None), host.name), host.name)
