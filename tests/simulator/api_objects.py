# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of the REST API that a rollout reads, and a few it may write."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import api

if TYPE_CHECKING:
    from .api import Request, Response
    from .node import Node
    from .world import Cluster

VERSION = "3.9"

# collection -> member element, fields in the list, fields of an object, required at creation
COLLECTIONS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "callBridges": ("callBridge", ("name",), ("name", "address", "sipDomain", "callBridgeGroup"), ("name",)),
    "callBridgeGroups": (
        "callBridgeGroup",
        ("name",),
        (
            "name",
            "loadBalancingEnabled",
            "loadBalanceLyncCalls",
            "loadBalanceOutgoingCalls",
            "loadBalanceUserCalls",
            "loadBalanceIndirectCalls",
        ),
        (),
    ),
    "webBridges": ("webBridge", ("url",), ("url", "tenant", "tenantGroup", "callBridge", "callBridgeGroup"), ("url",)),
    "turnServers": (
        "turnServer",
        ("serverAddress", "clientAddress"),
        ("serverAddress", "clientAddress", "username", "type", "numRegistrations", "tcpPortNumberOverride",
         "callBridge", "callBridgeGroup"),
        (),
    ),
    "coSpaces": ("coSpace", ("name",), ("name", "uri", "callId"), ()),
    "recorders": ("recorder", ("url",), ("url", "callBridge", "callBridgeGroup"), ()),
    "streamers": ("streamer", ("url",), ("url", "callBridge", "callBridgeGroup"), ()),
}  # fmt: skip

_SPELLING = {name.lower(): name for name in COLLECTIONS}


def _page(node: Node, request: Request, total: int) -> tuple[int, int]:
    def number(name: str, default: int) -> int:
        value = request.query.get(name, "")
        return int(value) if value.isdigit() else default

    cap = int(node.sw["api_page_cap"])
    offset = min(number("offset", 0), total)
    return offset, min(offset + min(number("limit", cap), cap), total)


def _listing(plural: str, total: int, members: list[str]) -> Response:
    return api.Response(200, f'{api.PROLOGUE}<{plural} total="{total}">{"".join(members)}</{plural}>')


def _status(node: Node, _request: Request) -> Response:
    callbridge = node.callbridge
    began = node.booted_at
    if callbridge is not None and node.sw.is_("api_uptime", "restarts"):
        began = callbridge.started_at
    calls = callbridge.calls if callbridge is not None else 0
    clustered = len(node.world.cluster_of(node).collection("callBridges")) > 1
    fields = {
        "softwareVersion": VERSION,
        "uptimeSeconds": str(int(time.time() - began)),
        "cdrTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "activated": "true",
        "clusterEnabled": "true" if clustered else "false",
        "cdrCorrelatorIndex": "0",
        "callLegsActive": str(calls),
        "callLegsMaxActive": str(calls),
        "callLegsCompleted": "0",
        "audioBitRateOutgoing": "0",
        "audioBitRateIncoming": "0",
        "videoBitRateOutgoing": "0",
        "videoBitRateIncoming": "0",
    }
    return _object("status", fields)


def _object(name: str, fields: dict[str, str], attributes: str = "") -> Response:
    inner = "".join(api.element(key, value) for key, value in fields.items())
    return api.Response(200, f"{api.PROLOGUE}<{name}{attributes}>{inner}</{name}>")


def _load(node: Node, _request: Request) -> Response:
    calls = node.callbridge.calls if node.callbridge is not None else 0
    return _object("load", {"mediaProcessingLoad": str(calls * 250)})


def _alarms(node: Node, request: Request) -> Response:
    alarms = []
    for link in node.world.links_of(node.name):
        if link.status == "connectionFailure":
            identifier = node.world.guid("alarm", node.name, link.id)
            seconds = int(time.time() - link.since)
            inner = api.element("type", "webBridgeConnectionFailure") + api.element("activeTimeSeconds", str(seconds))
            inner += api.element("failureReason", link.reason)
            alarms.append(f'<alarm id="{identifier}">{inner}</alarm>')
    begin, end = _page(node, request, len(alarms))
    return _listing("alarms", len(alarms), alarms[begin:end])


def _cluster(node: Node, _request: Request) -> Response:
    return _object(
        "cluster",
        {
            "uniqueName": node.name,
            "peerLinkBitRate": "",
            "participantLimit": "",
            "loadLimit": node.world.cluster_of(node).collection("loadLimits").get(node.name, {}).get("loadLimit", ""),
            "newConferenceLoadLimitBasisPoints": "5000",
            "existingConferenceLoadLimitBasisPoints": "8000",
            "maxPeerVideoStreams": "",
        },
    )


def _database(_node: Node, _request: Request) -> Response:
    return api.Response(200, f'{api.PROLOGUE}<database clustered="disabled"></database>')


def _calls(plural: str) -> Callable[[Node, Request], Response]:
    def respond(node: Node, request: Request) -> Response:
        calls = node.callbridge.calls if node.callbridge is not None else 0
        begin, end = _page(node, request, calls)
        single = plural[:-1]
        members = [
            f'<{single} id="{node.world.guid(single, node.name, str(i))}"></{single}>' for i in range(begin, end)
        ]
        return _listing(plural, calls, members)

    return respond


SYSTEM: dict[tuple[str, ...], Callable[[Node, Request], Response]] = {
    ("system", "status"): _status,
    ("system", "load"): _load,
    ("system", "alarms"): _alarms,
    ("system", "database"): _database,
    ("system", "configuration", "cluster"): _cluster,
    ("calllegs",): _calls("callLegs"),
    ("calls",): _calls("calls"),
    ("participants",): _calls("participants"),
}


def _link_status(node: Node, identifier: str) -> Response:
    link = next((item for item in node.world.links_of(node.name) if item.id == identifier), None)
    fields = {"status": link.status if link else "unused"}
    if link is not None and link.status == "connectionFailure":
        fields["failureReason"] = link.reason
    root = str(node.sw["api_link_status"])
    return _object(root, fields, f' id="{identifier}"' if root == "webBridge" else "")


def _members(node: Node, request: Request, name: str, cluster: Cluster) -> Response:
    single, listed, _fields, _required = COLLECTIONS[name]
    objects = cluster.collection(name)
    begin, end = _page(node, request, len(objects))
    members = []
    for identifier, item in list(objects.items())[begin:end]:
        inner = "".join(api.element(key, item.get(key, "")) for key in listed)
        members.append(f'<{single} id="{identifier}">{inner}</{single}>')
    return _listing(name, len(objects), members)


def _bad_field(name: str, form: dict[str, str], *, creating: bool) -> Response | None:
    _single, _listed, fields, required = COLLECTIONS[name]
    allowed = (*fields, "password") if name == "turnServers" else fields
    for key, value in form.items():
        if key not in allowed:
            return api.failure("parameterError", {"parameter": key, "error": "unrecognisedParameter"})
        if name == "webBridges" and key == "url" and value and not value.startswith(("c2w://", "https://")):
            return api.failure("parameterError", {"parameter": key, "error": "invalidValue"})
    for key in required:
        if creating and not form.get(key):
            return api.failure("parameterError", {"parameter": key, "error": "missing"})
    return None


def _create(node: Node, request: Request, user: str, name: str, cluster: Cluster) -> Response:
    bad = _bad_field(name, request.form, creating=True)
    if bad is not None:
        return bad
    objects = cluster.collection(name)
    if name == "callBridges" and any(item.get("name") == request.form["name"] for item in objects.values()):
        return api.failure("duplicateCallBridgeName")
    identifier = node.world.guid(name, cluster.name, str(len(objects)), str(time.time_ns()))
    objects[identifier] = {key: value for key, value in request.form.items() if key != "password"}
    _written(node, cluster, user, "created", f"{name}/{identifier}")
    return api.Response(200, "", {"Location": f"/api/v1/{name}/{identifier}"})


def _written(node: Node, cluster: Cluster, user: str, verb: str, what: str) -> None:
    cluster.save()
    node.event("api_changed", user=user, verb=verb, object=what)
    node.links_changed()


def _one(node: Node, request: Request, user: str, name: str, cluster: Cluster, rest: list[str]) -> Response:
    single, _listed, fields, _required = COLLECTIONS[name]
    identifier = rest[0].lower()
    objects = cluster.collection(name)
    if identifier not in objects:
        return api.failure(f"{single}DoesNotExist", status=int(node.sw["api_missing_object"]))
    tail = [piece.lower() for piece in rest[1:]]
    if tail == ["status"] and name == "webBridges" and request.method == "GET":
        return _link_status(node, identifier)
    if tail == ["updatecustomization"] and name == "webBridges" and request.method == "POST":
        return api.Response(200)
    if tail:
        return api.failure("unrecognisedObject")
    if request.method == "GET":
        item = objects[identifier]
        shown = {key: item.get(key, "") for key in fields if key in item or key in _listed}
        return _object(single, shown, f' id="{identifier}"')
    if request.method == "PUT":
        bad = _bad_field(name, request.form, creating=False)
        if bad is not None:
            return bad
        for key, value in request.form.items():
            if key == "password":
                continue
            objects[identifier][key] = value
        _written(node, cluster, user, "modified", f"{name}/{identifier}")
        return api.Response(200)
    if request.method == "DELETE":
        del objects[identifier]
        _written(node, cluster, user, "deleted", f"{name}/{identifier}")
        return api.Response(200)
    return api.failure("invalidOperation")


def handle(node: Node, user: str, request: Request) -> Response:
    """Answer an authenticated request to a node whose Call Bridge is up."""
    path = request.path[2:]
    lowered = tuple(piece.lower() for piece in path)
    cluster = node.world.cluster_of(node)
    if lowered in SYSTEM:
        if request.method == "PUT" and lowered == ("system", "configuration", "cluster"):
            limits = cluster.collection("loadLimits").setdefault(node.name, {})
            limits["loadLimit"] = request.form.get("loadLimit", limits.get("loadLimit", ""))
            _written(node, cluster, user, "modified", "system/configuration/cluster")
            return api.Response(200)
        return SYSTEM[lowered](node, request) if request.method == "GET" else api.failure("invalidOperation")
    if not lowered or lowered[0] not in _SPELLING:
        return api.failure("unrecognisedObject")
    name = _SPELLING[lowered[0]]
    if len(path) > 1:
        return _one(node, request, user, name, cluster, path[1:])
    if request.method == "GET":
        return _members(node, request, name, cluster)
    if request.method == "POST":
        return _create(node, request, user, name, cluster)
    return api.failure("invalidOperation")
