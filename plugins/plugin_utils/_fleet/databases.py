# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the API of Call Bridges says about who shares a database, who is whose peer, and what is registered.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._services import catalogue
from .given import Host
from .slots import assigned_chain


class Directory:
    """Nodes by everything they are called in addresses: inventory name, FQDN, address, further names."""

    def __init__(self, hosts: Iterable[Host], further: str = "") -> None:
        self._named: dict[str, Host] = {}
        for host in hosts:
            names = [host.name.lower(), host.fqdn, host.address.lower()]
            names += [str(name).lower() for name in (host.variables.get(further) or [] if further else [])]
            for name in names:
                if name:
                    self._named.setdefault(name, host)

    def find(self, name: str) -> Host | None:
        """Give the node that is called so."""
        return self._named.get(name.lower())


def api_of(host: Host) -> dict[str, Any] | None:
    """Give what the API of a node says; None where it could not be read."""
    if host.survey is None:
        return None
    api: dict[str, Any] = host.survey.get("api") or {}
    return api if api.get("state") == "ok" else None


def is_peer(entry: dict[str, Any], host: Host) -> bool:
    """Say whether an entry of ``callBridges`` is ``host``: its address is that of the peer's Web Admin."""
    name = host_in(entry)
    if not name:
        return str(entry.get("name") or "").lower() in (host.name.lower(), (host.fqdn or "").split(".", 1)[0])
    return name in {host.name.lower(), host.fqdn, host.address.lower()}


def host_in(entry: dict[str, Any]) -> str:
    """Give the host in the address of an entry of ``callBridges``."""
    name = str(entry.get("address") or "").lower().split("://", 1)[-1].split("/", 1)[0]
    return name[1:].split("]", 1)[0] if name.startswith("[") else name.rsplit(":", 1)[0] if ":" in name else name


def called(host: Host) -> frozenset[str]:
    """Give everything a Call Bridge may be called in the database: its names, its address, and its Web Admin's."""
    names = {host.name.lower(), host.address.lower()}
    if host.fqdn:
        names |= {host.fqdn, host.fqdn.split(".", 1)[0]}
    for item in assigned_chain(host, catalogue.API_FRONT)[:1]:
        names |= {name.lower() for name in [*item["info"]["dns"], *item["info"]["ip"]]}
    return frozenset(names)


def databases_of(call_bridges: list[Host]) -> dict[str, tuple[str, ...]]:
    """Give, for each Call Bridge, its peers in the same database: those whose API lists the same Call Bridge ids."""
    by_content: dict[tuple[str, ...], list[Host]] = {}
    unread = []
    for host in call_bridges:
        api = api_of(host)
        if api is None:
            unread.append(host)
        elif api["call_bridges"]:
            by_content.setdefault(tuple(sorted(entry["id"] for entry in api["call_bridges"])), []).append(host)
    peers: dict[str, tuple[str, ...]] = {}
    for members in by_content.values():
        everyone = list(members)
        listed = [entry for host in members for entry in (api_of(host) or {"call_bridges": []})["call_bridges"]]
        everyone += [host for host in unread if any(is_peer(entry, host) for entry in listed)]
        for host in everyone:
            peers[host.name] = tuple(other.name for other in everyone if other is not host)
    return peers


def source_of(
    call_bridge: Host, databases: dict[str, tuple[str, ...]], hosts: dict[str, Host]
) -> dict[str, Any] | None:
    """Give what the API says of the database of a Call Bridge: its own, else a peer's; None when none could be read.

    Call Bridges of a cluster share one database, so what one shows is true for all.
    """
    own = api_of(call_bridge)
    if own is not None:
        return own
    found = (api_of(hosts[peer]) for peer in databases.get(call_bridge.name, ()))
    return next((api for api in found if api is not None), None)


def registered(source: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the ``c2w://`` registrations of a database."""
    return [entry for entry in source["web_bridges"] if str(entry.get("url") or "").startswith("c2w://")]


def registrations(
    call_bridge: Host, databases: dict[str, tuple[str, ...]], hosts: dict[str, Host]
) -> list[dict[str, Any]] | None:
    """Give the ``c2w://`` registrations that concern a Call Bridge; None when no API of its database could be read.

    A registration may be narrowed to one Call Bridge or one group.
    """
    source = source_of(call_bridge, databases, hosts)
    if source is None:
        return None
    me = next((entry for entry in source["call_bridges"] if is_peer(entry, call_bridge)), None)
    found = []
    for entry in registered(source):
        if me is not None:
            if entry.get("call_bridge") and entry["call_bridge"] != me["id"]:
                continue
            if entry.get("call_bridge_group") and me.get("group") and entry["call_bridge_group"] != me["group"]:
                continue
        # The state of a link is what the Call Bridge itself says, not what a peer says of its own link.
        found.append(entry if source is api_of(call_bridge) else {**entry, "status": None})
    return found
