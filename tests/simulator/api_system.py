# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the API says of a single server: status, load, alarms, database, cluster settings, calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from . import api, api_settings
from .alarms import Alarm

if TYPE_CHECKING:
    from .api import Request, Response
    from .node import Node


#: The settings of ``system/configuration/cluster``, and what the server takes where none is set.
SETTINGS = {
    "uniqueName": "",
    "peerLinkBitRate": "",
    "participantLimit": "",
    "loadLimit": "",
    "newConferenceLoadLimitBasisPoints": "5000",
    "existingConferenceLoadLimitBasisPoints": "8000",
    "maxPeerVideoStreams": "",
}


def page(node: Node, request: Request, total: int) -> tuple[int, int]:
    """First and last (not included) member of the page that is asked for; no page is longer than the cap."""

    def number(name: str, default: int) -> int:
        value = request.query.get(name, "")
        return int(value) if value.isdigit() else default

    cap = int(node.sw["api_page_cap"])
    offset = min(number("offset", 0), total)
    return offset, min(offset + min(number("limit", cap), cap), total)


def listing(plural: str, total: int, members: list[str]) -> Response:
    """One page of a collection."""
    return api.Response(200, f'{api.PROLOGUE}<{plural} total="{total}">{"".join(members)}</{plural}>')


def inside(node: Node, fields: dict[str, str]) -> str:
    """The elements of an object; how an unset one looks is a switch."""
    shown = []
    for key, value in fields.items():
        if value or node.sw.is_("api_unset", "empty"):
            shown.append(api.element(key, value))
        elif node.sw.is_("api_unset", "self_closing"):
            shown.append(f"<{key} />")
    return "".join(shown)


def whole(node: Node, name: str, fields: dict[str, str], attributes: str = "") -> Response:
    """An object by itself."""
    return api.Response(200, f"{api.PROLOGUE}<{name}{attributes}>{inside(node, fields)}</{name}>")


def truth(node: Node, value: bool) -> str:
    """A flag in the words of this server."""
    words = {"true": ("false", "true"), "1": ("0", "1"), "yes": ("no", "yes"), "enabled": ("disabled", "enabled")}
    return words[str(node.sw["api_truth"])][value]


def _status(node: Node, _request: Request) -> Response:
    callbridge = node.callbridge
    began = node.booted_at
    if callbridge is not None and node.sw.is_("api_uptime", "restarts"):
        began = callbridge.started_at
    calls = callbridge.calls if callbridge is not None else 0
    clustered = len(node.world.cluster_of(node).collection("callBridges")) > 1
    fields = {
        "softwareVersion": node.cfg.version,
        "uptimeSeconds": str(int(time.time() - began)),
        "cdrTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "activated": truth(node, True),
        "clusterEnabled": truth(node, clustered),
        "cdrCorrelatorIndex": "0",
        "callLegsActive": str(calls),
        "callLegsMaxActive": str(callbridge.traffic.most if callbridge is not None else 0),
        "callLegsCompleted": str(callbridge.traffic.completed if callbridge is not None else 0),
        "audioBitRateOutgoing": "0",
        "audioBitRateIncoming": "0",
        "videoBitRateOutgoing": "0",
        "videoBitRateIncoming": "0",
    }
    return whole(node, "status", fields)


def _load(node: Node, _request: Request) -> Response:
    load = node.callbridge.traffic.load if node.callbridge is not None else 0
    return whole(node, "load", {"mediaProcessingLoad": str(load)})


def _alarm(node: Node, alarm: Alarm) -> str:
    fields = {"type": alarm.type, "activeTimeSeconds": str(int(time.time() - alarm.since)), **alarm.fields}
    if node.sw.is_("api_alarm_details", "few"):
        fields.pop("url", None)
    if node.sw.is_("api_alarm_form", "attributes"):
        said = "".join(f" {key}={quoteattr(value)}" for key, value in fields.items())
        return f'<alarm id="{alarm.id}"{said} />'
    return f'<alarm id="{alarm.id}">{inside(node, fields)}</alarm>'


def _alarms(node: Node, request: Request) -> Response:
    alarms = [_alarm(node, alarm) for alarm in node.alarms.current()]
    begin, end = page(node, request, len(alarms))
    return listing("alarms", len(alarms), alarms[begin:end])


def _database(_node: Node, _request: Request) -> Response:
    return api.Response(200, f'{api.PROLOGUE}<database clustered="disabled"></database>')


def _calls(plural: str) -> Callable[[Node, Request], Response]:
    def respond(node: Node, request: Request) -> Response:
        calls = node.callbridge.calls if node.callbridge is not None else 0
        begin, end = page(node, request, calls)
        single = plural[:-1]
        members = [
            f'<{single} id="{node.world.guid(single, node.name, str(i))}"></{single}>' for i in range(begin, end)
        ]
        return listing(plural, calls, members)

    return respond


def _cluster(node: Node, _request: Request) -> Response:
    kept = {"uniqueName": node.name, **api_settings.server(node)}
    return whole(node, "cluster", {key: kept.get(key) or default for key, default in SETTINGS.items()})


def set_cluster(node: Node, request: Request) -> Response:
    """Change settings of this server; an empty value unsets one. Nothing is taken of a request that has a bad one."""
    for key, value in request.form.items():
        if key not in SETTINGS:
            return api.failure("parameterError", {"parameter": key, "error": "unrecognisedParameter"})
        if value and key != "uniqueName" and not (value.isascii() and value.isdigit() and len(value) < 10):
            return api.failure("parameterError", {"parameter": key, "error": "invalidValue"})
        if key.endswith("BasisPoints") and int(value or 0) > 10000:
            return api.failure("parameterError", {"parameter": key, "error": "invalidValue"})
    kept = node.world.cluster_of(node).collection("servers").setdefault(node.name, {})
    for key, value in request.form.items():
        kept[key] = value
        if not value:
            del kept[key]
    return api.Response(200)


OBJECTS: dict[tuple[str, ...], Callable[[Node, Request], Response]] = {
    ("system", "status"): _status,
    ("system", "load"): _load,
    ("system", "alarms"): _alarms,
    ("system", "database"): _database,
    ("system", "configuration", "cluster"): _cluster,
    ("calllegs",): _calls("callLegs"),
    ("calls",): _calls("calls"),
    ("participants",): _calls("participants"),
}
SETTINGS_PATH = ("system", "configuration", "cluster")


def handle(node: Node, user: str, request: Request, path: tuple[str, ...]) -> Response:
    """Answer a request for one of the objects above."""
    if request.method == "GET":
        return OBJECTS[path](node, request)
    takes = {"put": ("PUT",), "post": ("POST",), "both": ("PUT", "POST")}[str(node.sw["api_cluster_method"])]
    if path != SETTINGS_PATH or request.method not in takes:
        return api.failure("invalidOperation")
    answer = set_cluster(node, request)
    if answer.status == 200:
        node.world.cluster_of(node).save()
        node.event("api_changed", user=user, verb="modified", object="/".join(path), form=dict(request.form))
    return answer
