# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of the REST API that a plan needs, as plain data.

Facts about the objects: database and API reference, section 5.2. Fields that the server leaves out or empty are None.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from .._errors import CmsError
from .client import OK, UNAVAILABLE, ApiClient, number

NOT_CONFIGURED = "not_configured"

#: What a Call Bridge says about its connection to a Web Bridge.
LINK_STATES = {"success": "success", "connectionfailure": "connectionFailure", "unused": "unused"}
TRUE_WORDS = ("true", "1", "yes", "enabled")
FALSE_WORDS = ("false", "0", "no", "disabled")


def system_status(client: ApiClient) -> dict[str, Any]:
    """Read the version, how long the Call Bridge has run, and how many call legs are up. Raises ApiProblem."""
    root = client.get("system/status")
    found = {
        "software_version": _text(root, "softwareVersion"),
        "uptime_seconds": number(_text(root, "uptimeSeconds")),
        "call_legs_active": number(_text(root, "callLegsActive")),
    }
    if all(value is None for value in found.values()):
        raise client.nonsense("system/status", "holds none of the fields of a status")
    return found


def web_bridges(client: ApiClient) -> list[dict[str, Any]]:
    """Read the registered Web Bridges, each with the state of this Call Bridge's connection to it.

    ``status`` is ``success``, ``connectionFailure`` or ``unused``; None when the server does not say, or says
    something else, which then stands in ``reason``.
    """
    bridges = []
    for ident, element in _members(client, "webBridges", "webBridge"):
        url = _text(element, "url")
        host, port = parse_c2w_url(url or "")
        status, reason = _link_state(client.get(f"webBridges/{ident}/status", missing_ok=True))
        bridges.append(
            {
                "id": ident,
                "url": url,
                "host": host,
                "port": port,
                "call_bridge": _text(element, "callBridge"),
                "call_bridge_group": _text(element, "callBridgeGroup"),
                "status": status,
                "reason": reason,
            }
        )
    return bridges


def call_bridges(client: ApiClient) -> list[dict[str, Any]]:
    """Read the Call Bridges of the cluster; ``address`` is the URL of the peer's Web Admin."""
    return [
        {
            "id": ident,
            "name": _text(element, "name"),
            "address": _text(element, "address"),
            "group": _text(element, "callBridgeGroup"),
        }
        for ident, element in _members(client, "callBridges", "callBridge")
    ]


def call_bridge_groups(client: ApiClient) -> list[dict[str, Any]]:
    """Read the Call Bridge groups; a server that knows no groups has none."""
    return [
        {
            "id": ident,
            "name": _text(element, "name"),
            "load_balancing": _truth(_text(element, "loadBalancingEnabled")),
        }
        for ident, element in _members(client, "callBridgeGroups", "callBridgeGroup", missing_ok=True)
    ]


def survey_api(client: ApiClient | None) -> dict[str, Any]:
    """Read everything a plan needs; never raises: ``state`` and ``detail`` say what came of it.

    ``state`` is ``ok``, ``unavailable``, ``unauthorized``, ``not_configured`` (no client given) or ``nonsense``. In any
    other state than ``ok`` the lists are not complete and mean nothing; ``status`` holds what was read, or Nones.
    """
    found: dict[str, Any] = {
        "state": OK,
        "detail": "",
        "base": client.base if client else None,
        "status": {"software_version": None, "uptime_seconds": None, "call_legs_active": None},
        "web_bridges": [],
        "call_bridges": [],
        "call_bridge_groups": [],
    }
    if client is None:
        return found | {"state": NOT_CONFIGURED, "detail": "no user for the API is set"}
    try:
        found["status"] = system_status(client)
        found["call_bridge_groups"] = call_bridge_groups(client)
        found["call_bridges"] = call_bridges(client)
        found["web_bridges"] = web_bridges(client)
    except CmsError as error:
        found["state"] = client.state if client.state != OK else UNAVAILABLE
        found["detail"] = str(error)
    finally:
        client.close()
    return found


def parse_c2w_url(url: str) -> tuple[str | None, int | None]:
    """Take host and port from ``c2w://host:port``; (None, None) for anything else.

    Names come back in lower case, addresses in their shortest form and without brackets. The port is None when the URL
    has none.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None, None
    if parts.scheme != "c2w" or not host or any(char.isspace() for char in host):
        return None, None
    try:
        return str(ipaddress.ip_address(host)), port
    except ValueError:
        return host.rstrip("."), port


def _members(client: ApiClient, path: str, member: str, *, missing_ok: bool = False) -> list[tuple[str, Element]]:
    """Read a collection and each of its members by its id: the list itself carries the main fields only."""
    members = []
    for element in client.collection(path, member, missing_ok=missing_ok):
        ident = str(element.get("id"))
        if not all(char.isalnum() or char == "-" for char in ident):
            raise client.nonsense(path, "holds an id that is no GUID")
        detail = client.get(f"{path}/{ident}", missing_ok=True)
        if detail is not None and detail.tag.lower() != member.lower():
            raise client.nonsense(f"{path}/{ident}", f"answered with <{detail.tag[:40]}>")
        members.append((ident, element if detail is None else detail))
    return members


def _link_state(root: Element | None) -> tuple[str | None, str | None]:
    """Read the state of a connection; a word nobody knows is not a state."""
    word = _text(root, "status")
    reason = _text(root, "reason") or _text(root, "failureReason")
    if word is None:
        return None, reason
    state = LINK_STATES.get(word.lower())
    if state is None:
        return None, f"unknown status {word[:60]!r}" + (f": {reason}" if reason else "")
    return state, reason


def _truth(word: str | None) -> bool | None:
    """Read a flag; None when it is unset or not understood."""
    if word is None:
        return None
    return True if word.lower() in TRUE_WORDS else False if word.lower() in FALSE_WORDS else None


def _text(root: Element | None, tag: str) -> str | None:
    """Give the text of the first element of this name, None when there is none or it is empty."""
    if root is not None:
        for element in root.iter():
            text = (element.text or "").strip()
            if element.tag.lower() == tag.lower() and text:
                return text
    return None
