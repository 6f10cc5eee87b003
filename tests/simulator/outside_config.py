# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a fleet file says about the world around the fleet: outsiders, and the dial plan to recorders and streamers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Port of a node -> the service that listens there, for outsiders that connect to it.
PORT_SERVICES = {
    "webadmin": "webadmin", "sip": "callbridge", "https": "webbridge3", "turn": "turn",
    "recorder": "recorder", "streamer": "streamer", "scheduler": "scheduler", "meetingapps": "meetingapps",
}  # fmt: skip
KINDS = ("cucm", "sip", "lync", "ldap", "expressway", "meeting_management", "browser")
_PORT = 6636
_KEYS = {"name", "kind", "fqdn", "connects", "verifies", "presents", "host_check", "dialled_by"}


@dataclass(frozen=True)
class OutsiderConfig:
    """One system outside the fleet.

    ``connects`` are nodes and names of their ports. ``verifies`` is a file of certificates, the word legacy for the old
    CA's root, or empty. ``presents`` gives it a certificate for itself. ``dialled_by`` are nodes whose Call Bridge is
    its LDAP client.
    """

    name: str
    kind: str
    fqdn: str
    address: str
    port: int
    connects: tuple[tuple[str, str], ...] = ()
    verifies: str = ""
    presents: bool = False
    host_check: bool = True
    dialled_by: tuple[str, ...] = ()


def outsiders(raw: Any, nodes: Mapping[str, Any], domain: str, base: str | None) -> tuple[OutsiderConfig, ...]:
    """The outsiders of a fleet file; ValueError says what is wrong. Without a base all are on 127.0.0.1."""
    found: list[OutsiderConfig] = []
    for index, entry in enumerate(raw or []):
        name = str(entry.get("name", "")) if isinstance(entry, dict) else ""
        if not name or set(entry) - _KEYS:
            raise ValueError(f"outsiders: each has a name and of {', '.join(sorted(_KEYS))} what it needs")
        if name in nodes or name in {other.name for other in found}:
            raise ValueError(f"outsider {name}: the name is taken")
        kind = str(entry.get("kind", "sip"))
        if kind not in KINDS:
            raise ValueError(f"outsider {name}: kind {kind!r} is none of {', '.join(KINDS)}")
        connects = []
        for item in entry.get("connects") or []:
            node, _colon, port = str(item).partition(":")
            if node not in nodes or port not in PORT_SERVICES:
                raise ValueError(f"outsider {name}: {item!r} is no node:port; ports: {', '.join(PORT_SERVICES)}")
            connects.append((node, port))
        dialled_by = tuple(str(item) for item in entry.get("dialled_by") or ())
        for node in dialled_by:
            if node not in nodes:
                raise ValueError(f"outsider {name}: there is no node {node!r}")
        found.append(
            OutsiderConfig(
                name,
                kind,
                str(entry.get("fqdn", f"{name}.{domain}")),
                f"{base}.{250 - index}" if base else "127.0.0.1",
                _PORT,
                tuple(connects),
                str(entry.get("verifies") or ""),
                bool(entry.get("presents", False)),
                bool(entry.get("host_check", True)),
                dialled_by,
            )
        )
    return tuple(found)


def dial_plan(raw: Any, nodes: Mapping[str, Any]) -> dict[str, list[str]]:
    """Cluster -> recorders and streamers that its Call Bridges dial; by default those of the same cluster."""
    plan: dict[str, list[str]] = {}
    for node in nodes.values():
        if {"recorder", "streamer"} & set(node.services):
            plan.setdefault(node.cluster, []).append(node.name)
    if raw is None:
        return plan
    if not isinstance(raw, dict):
        raise ValueError("dial_plan: cluster -> names of nodes with a recorder or streamer")
    for cluster, names in raw.items():
        for name in names or []:
            if name not in nodes:
                raise ValueError(f"dial_plan: there is no node {name!r}")
        plan[str(cluster)] = [str(name) for name in names or []]
    return plan
