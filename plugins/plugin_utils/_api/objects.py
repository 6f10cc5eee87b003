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

from .._errors import ApiProblem, CmsError
from .answers import text_of, truth
from .client import OK, UNAVAILABLE, ApiClient
from .system import alarms, cluster_settings, load, system_status

NOT_CONFIGURED = "not_configured"

#: What a Call Bridge says about its connection to a Web Bridge.
LINK_STATES = {"success": "success", "connectionfailure": "connectionFailure", "unused": "unused"}


def web_bridges(client: ApiClient, *, status: bool = True) -> list[dict[str, Any]]:
    """Read the registered Web Bridges, each with the state of this Call Bridge's connection to it.

    ``status`` is ``success``, ``connectionFailure`` or ``unused``; None when the server does not say, or says
    something else, which then stands in ``reason``. Without ``status`` nobody is asked for it.
    """
    bridges = []
    for ident, element in _members(client, "webBridges", "webBridge", ("url", "callBridge", "callBridgeGroup")):
        url = text_of(element, "url")
        host, port = parse_c2w_url(url or "")
        root = client.get(f"webBridges/{ident}/status", missing_ok=True) if status else None
        state, reason = link_state(root)
        bridges.append(
            {
                "id": ident,
                "url": url,
                "host": host,
                "port": port,
                "call_bridge": text_of(element, "callBridge"),
                "call_bridge_group": text_of(element, "callBridgeGroup"),
                "status": state,
                "reason": reason,
            }
        )
    return bridges


def call_bridges(client: ApiClient) -> list[dict[str, Any]]:
    """Read the Call Bridges of the cluster; ``address`` is the URL of the peer's Web Admin."""
    return [
        {
            "id": ident,
            "name": text_of(element, "name"),
            "address": text_of(element, "address"),
            "group": text_of(element, "callBridgeGroup"),
        }
        for ident, element in _members(client, "callBridges", "callBridge", ("name", "address", "callBridgeGroup"))
    ]


def call_bridge_groups(client: ApiClient) -> list[dict[str, Any]]:
    """Read the Call Bridge groups; a server that knows no groups has none."""
    return [
        {
            "id": ident,
            "name": text_of(element, "name"),
            "load_balancing": truth(text_of(element, "loadBalancingEnabled")),
        }
        for ident, element in _members(
            client, "callBridgeGroups", "callBridgeGroup", ("name", "loadBalancingEnabled"), missing_ok=True
        )
    ]


def turn_servers(client: ApiClient, *, status: bool = False) -> list[dict[str, Any]]:
    """Read the TURN servers that the Call Bridges use, with their addresses; never their credentials.

    With ``status`` each has what the server says of its hosts in ``hosts``: ``address`` and ``reachable``, None where
    it does not say. Without, no more than the list is asked for.
    """
    found = []
    for ident, element in _members(client, "turnServers", "turnServer", ("serverAddress",), missing_ok=True):
        entry: dict[str, Any] = {
            "id": ident,
            "server_address": text_of(element, "serverAddress"),
            "client_address": text_of(element, "clientAddress"),
        }
        if status:
            root = client.get(f"turnServers/{ident}/status", missing_ok=True)
            entry["hosts"] = [_turn_host(one) for one in (root.iter() if root is not None else ()) if one.tag == "host"]
        found.append(entry)
    return found


def _turn_host(element: Element) -> dict[str, Any]:
    """Read what is said of one address of a TURN server, as attributes or as elements: nobody knows their names."""
    said = {name.lower(): value for name, value in element.attrib.items()}
    said |= {one.tag.lower(): (one.text or "").strip() for one in element if (one.text or "").strip()}
    return {"address": said.get("address"), "reachable": truth(said.get("reachable"))}


#: What a survey reads beside what every plan needs. A server that lacks one of them is as good as any.
_MORE = {
    "alarms": alarms,
    "load": load,
    "cluster": cluster_settings,
    "turn_servers": turn_servers,
}


def survey_api(client: ApiClient | None, *, more: bool = True) -> dict[str, Any]:
    """Read everything a plan needs; never raises: ``state`` and ``detail`` say what came of it.

    ``state`` is ``ok``, ``unavailable``, ``unauthorized``, ``not_configured`` (no client given) or ``nonsense``. In any
    other state than ``ok`` the lists are not complete and mean nothing; ``status`` holds what was read, or Nones.
    With ``more`` the alarms, the load, the settings in the cluster and the TURN servers are read too, each None where
    that was not possible: ``unread`` says why, and the state is what it is without them.
    """
    found: dict[str, Any] = {
        "state": OK,
        "detail": "",
        "base": client.base if client else None,
        "status": {"software_version": None, "uptime_seconds": None, "call_legs_active": None},
        "web_bridges": [],
        "call_bridges": [],
        "call_bridge_groups": [],
        **dict.fromkeys(_MORE),
        "unread": {},
    }
    if client is None:
        return found | {"state": NOT_CONFIGURED, "detail": "no user for the API is set"}
    try:
        found["status"] = system_status(client)
        found["call_bridge_groups"] = call_bridge_groups(client)
        found["call_bridges"] = call_bridges(client)
        found["web_bridges"] = web_bridges(client)
        if more:
            _read_more(client, found)
    except CmsError as error:
        found["state"] = client.state if client.state != OK else UNAVAILABLE
        found["detail"] = str(error)
    finally:
        client.close()
    return found


def _read_more(client: ApiClient, found: dict[str, Any]) -> None:
    for name, read in _MORE.items():
        try:
            found[name] = read(client)
        except ApiProblem as error:
            found["unread"][name] = error.reason
            if not error.failures:
                # Not this object is the trouble, but the way to it: nothing else would come either, only later.
                found["unread"] |= dict.fromkeys((other for other in _MORE if found[other] is None), error.reason)
                return


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


def _members(
    client: ApiClient, path: str, member: str, needed: tuple[str, ...], *, missing_ok: bool = False
) -> list[tuple[str, Element]]:
    """Read a collection; and each of its members by its id where the list lacks one of the fields ``needed``.

    The list carries the main fields only, which differ between collections. A field that it has, if only empty, need
    not be asked for again.
    """
    members = []
    for element in client.collection(path, member, missing_ok=missing_ok):
        ident = str(element.get("id"))
        if not all(char.isalnum() or char == "-" for char in ident):
            raise client.nonsense(path, "holds an id that is no GUID")
        if {tag.lower() for tag in needed} <= {child.tag.lower() for child in element}:
            members.append((ident, element))
            continue
        detail = client.get(f"{path}/{ident}", missing_ok=True)
        if detail is not None and detail.tag.lower() != member.lower():
            raise client.nonsense(f"{path}/{ident}", f"answered with <{detail.tag[:40]}>")
        members.append((ident, element if detail is None else detail))
    return members


def link_state(root: Element | None) -> tuple[str | None, str | None]:
    """Read the state of a connection and why it is down; a word nobody knows is not a state."""
    word = text_of(root, "status")
    reason = text_of(root, "reason") or text_of(root, "failureReason")
    if word is None:
        return None, reason
    state = LINK_STATES.get(word.lower())
    if state is None:
        return None, f"unknown status {word[:60]!r}" + (f": {reason}" if reason else "")
    return state, reason
