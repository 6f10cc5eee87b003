# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links over C2W: who dials the Web Bridges that are registered, and what verifies what (guide 4.5, D.1).

A Call Bridge dials what concerns it, a scheduler every Web Bridge of the database of the Call Bridge beside it.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from typing import Any

from .._services import catalogue
from . import databases
from .databases import Directory
from .given import FleetInput, Host
from .links import Found, Link
from .slots import assigned_chain

KINDS = catalogue.link_kinds(catalogue.REGISTRATIONS)
#: The service that is dialled, and those that dial it.
DIALLED = catalogue.SLOTS[next(kind.presenter for kind in KINDS if kind.name_checked)][0].name
DIALLERS = tuple(dict.fromkeys(kind.verifier for kind in KINDS if kind.verifier != DIALLED))


class _WebBridges:
    """Web Bridges by what a registration may call them: name, address, or a name in their C2W certificate."""

    def __init__(self, hosts: list[Host]) -> None:
        self._slot = next(kind.presenter for kind in KINDS if kind.name_checked)
        self._directory = Directory(hosts, "cms_c2w_names")
        self._certified: dict[str, list[Host]] = {}
        for host in hosts:
            for item in assigned_chain(host, self._slot)[:1]:
                for name in {entry.lower() for entry in [*item["info"]["dns"], *item["info"]["ip"]]}:
                    self._certified.setdefault(name, []).append(host)

    def find(self, entry: dict[str, Any]) -> Host | None:
        """Find the node a registration leads to."""
        dialled = str(entry.get("host") or "").lower()
        known = self._directory.find(dialled)
        if known is not None:
            return known
        named = self._certified.get(dialled, [])
        # A certificate that several Web Bridges share names them all, and so tells none of them apart.
        return named[0] if len(named) == 1 else None


def certificate_behind(given: FleetInput, dialled: str) -> tuple[Host | None, dict[str, Any] | None]:
    """Give the Web Bridge of the inventory that ``dialled`` leads to, and its C2W certificate, where it has one."""
    here = [host for host in given.hosts.values() if DIALLED in host.services]
    host = _WebBridges(here).find({"host": dialled})
    slot = next(kind.presenter for kind in KINDS if kind.name_checked)
    return host, next(iter(assigned_chain(host, slot)), None) if host else None


def find(given: FleetInput, peers: dict[str, tuple[str, ...]]) -> Found:
    """Give the links between those who dial and the Web Bridges, and what leads out of the inventory.

    Where no API of a database could be read, every Web Bridge of the same ``cms_cluster`` counts as registered: too
    many links are safe, too few are not.
    """
    found = Found()
    here = [host for host in given.hosts.values() if DIALLED in host.services]
    web_bridges = _WebBridges(here)
    absent = _WebBridges([host for host in given.skipped_hosts.values() if DIALLED in host.services])
    for dialler in DIALLERS:
        for host in given.hosts.values():
            if dialler in host.services:
                _of_one(given, host, dialler, peers, here, web_bridges, absent, found)
    return found


def _of_one(
    given: FleetInput,
    host: Host,
    dialler: str,
    peers: dict[str, tuple[str, ...]],
    here: list[Host],
    web_bridges: _WebBridges,
    absent: _WebBridges,
    found: Found,
) -> None:
    first = dialler == catalogue.API_SERVICE
    if first:
        entries = databases.registrations(host, peers, given.hosts)
    else:
        source = databases.source_of(host, peers, given.hosts)
        entries = None if source is None else [{**entry, "status": None} for entry in databases.registered(source)]
    pairs: list[tuple[Host, dict[str, Any]]] = []
    if entries is None:
        if first:
            found.blind.append(host.name)
        label = host.variables.get("cms_cluster")
        pairs = [(bridge, {}) for bridge in here if bridge.variables.get("cms_cluster") == label]
    for entry in entries or []:
        bridge = web_bridges.find(entry)
        skipped = absent.find(entry) if bridge is None else None
        if bridge is not None:
            pairs.append((bridge, entry))
            continue
        found.unjudged |= {(host.name, kind.verifier, kind.trust) for kind in KINDS if kind.verifier == dialler}
        if skipped is not None:
            found.left_out.append((host.name, entry["url"], skipped.name))
        else:
            found.foreign_urls.append((host.name, entry["url"]))
    met: set[str] = set()
    for bridge, entry in sorted(pairs, key=lambda pair: (pair[0].name, str(pair[1].get("url")))):
        alias = str(entry.get("url")) if bridge.name in met else ""
        found.links.extend(_pair(host, dialler, bridge, entry, alias))
        met.add(bridge.name)


def _pair(host: Host, dialler: str, bridge: Host, entry: dict[str, Any], alias: str) -> list[Link]:
    """Give the links of who dials and a Web Bridge: each verifies the other."""
    links = []
    for kind in KINDS:
        if dialler not in (kind.verifier, catalogue.presenter_of(kind)):
            continue
        verifier, presenter = (host, bridge) if kind.verifier == dialler else (bridge, host)
        own = bool(entry) and databases.api_of(host) is not None
        links.append(
            Link(
                kind=kind,
                verifier=verifier.name,
                presenter=presenter.name,
                dialled=entry.get("host") if kind.name_checked else None,
                # Only its own API shows the state of a Call Bridge's links, and no API that of a scheduler's.
                via=host.name if own and kind.proof == catalogue.BY_API else None,
                web_bridge_id=entry.get("id"),
                url=entry.get("url"),
                before=entry.get("status"),
                alias=alias,
                known=bool(entry),
                certain=own,
            )
        )
    return links
