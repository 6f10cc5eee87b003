# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links between the Call Bridges of a cluster: each reaches the others through their Web Admins (guide 4.9).

A peer is verified only where ``callbridge trust cluster`` is set; from 3.4 its address has to be a name in its Web
Admin certificate, exactly.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterator

from .._services import catalogue
from . import databases
from .databases import Directory
from .given import FleetInput, Host
from .links import Found, Link, at_least, verifies

KINDS = catalogue.link_kinds(catalogue.PEERS)


def find(given: FleetInput, peers: dict[str, tuple[str, ...]]) -> Found:
    """Give the links of every Call Bridge that verifies its peers."""
    found = Found()
    call_bridges = [host for host in given.hosts.values() if catalogue.API_SERVICE in host.services]
    directory = Directory(call_bridges)
    called: dict[str, Host] = {}
    for host in call_bridges:
        for name in databases.called(host):
            called.setdefault(name, host)
    for kind in KINDS:
        for host in call_bridges:
            if verifies(host, kind.verifier, kind.trust) is not False:
                found.links.extend(_of_one(given, kind, host, peers, directory, called, found))
    return found


def _of_one(
    given: FleetInput,
    kind: catalogue.LinkKind,
    host: Host,
    peers: dict[str, tuple[str, ...]],
    directory: Directory,
    called: dict[str, Host],
    found: Found,
) -> Iterator[Link]:
    source = databases.source_of(host, peers, given.hosts)
    named = bool(kind.name_checked) and at_least((host.survey or {}).get("version"), kind.names_from)
    if source is None:
        label = host.variables.get("cms_cluster")
        for other in given.hosts.values():
            mine = catalogue.API_SERVICE in other.services and other.variables.get("cms_cluster") == label
            if other is not host and mine:
                yield _link(kind, host, other, None, known=False, certain=False)
        return
    own = databases.api_of(host) is not None
    for entry in source["call_bridges"]:
        address = databases.host_in(entry)
        peer = directory.find(address) or called.get(address or str(entry.get("name") or "").lower())
        if peer is None:
            found.unjudged.add((host.name, kind.verifier, kind.trust))
        elif peer is not host:
            yield _link(kind, host, peer, address if named and address else None, known=True, certain=own)


def _link(
    kind: catalogue.LinkKind, host: Host, other: Host, dialled: str | None, *, known: bool, certain: bool
) -> Link:
    return Link(
        kind=kind,
        verifier=host.name,
        presenter=other.name,
        dialled=dialled,
        via=None,
        web_bridge_id=None,
        url=None,
        before=None,
        known=known,
        certain=certain,
    )
