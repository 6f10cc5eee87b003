# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collections of the REST API that the Call Bridges of a cluster share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from . import api, api_settings, api_system

if TYPE_CHECKING:
    from .api import Request, Response
    from .node import Node
    from .world import Cluster

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

FLAGS = ("loadBalancingEnabled", "loadBalanceLyncCalls", "loadBalanceOutgoingCalls", "loadBalanceUserCalls",
         "loadBalanceIndirectCalls")  # fmt: skip
#: Fields that name an object of another collection.
REFERENCES = {"callBridge": "callBridges", "callBridgeGroup": "callBridgeGroups"}

_SPELLING = {name.lower(): name for name in COLLECTIONS}


def _link_status(node: Node, identifier: str) -> Response:
    # A scheduler beside the Call Bridge dials the same registrations; the API speaks for the Call Bridge.
    links = (item for item in node.world.links_of(node.name) if item.kind == "c2w")
    link = next((item for item in links if item.id == identifier), None)
    fields = {"status": link.status if link else "unused"}
    if link is not None and link.status == "connectionFailure" and not node.sw.is_("api_link_reason", "none"):
        fields[str(node.sw["api_link_reason"])] = link.reason
    root = str(node.sw["api_link_status"])
    return api_system.whole(node, root, fields, f' id="{identifier}"' if root == "webBridge" else "")


def _turn_status(node: Node, identifier: str, item: dict[str, str]) -> Response:
    """Whether the TURN server answers; the names of the fields are nobody's."""
    host = item.get("serverAddress", "")
    address = node.world.resolve(host) if host else None
    port = item.get("tcpPortNumberOverride") or "3478"
    up = any(
        address in other.cfg.interfaces.values() and other.services["turn"].running
        for other in node.world.nodes.values()
        if "turn" in other.services
    )
    fields = {"address": address or host, "port": port, "reachable": api_system.truth(node, up)}
    if up:
        fields["roundTripTimeMs"] = "1"
    if node.sw.is_("api_turn_status", "attributes"):
        said = "".join(f" {key}={quoteattr(value)}" for key, value in fields.items())
        inner = f"<host{said} />"
    else:
        inner = f"<host>{api_system.inside(node, fields)}</host>"
    return api.Response(200, f'{api.PROLOGUE}<turnServer id="{identifier}">{inner}</turnServer>')


def _shown(node: Node, name: str, item: dict[str, str], fields: tuple[str, ...]) -> dict[str, str]:
    """Fields of an object in the words of this server."""
    found = {}
    for key in fields:
        value = item.get(key, "")
        found[key] = api_system.truth(node, value in api_settings.TRUE_WORDS) if value and key in FLAGS else value
    return found


def _members(node: Node, request: Request, name: str, cluster: Cluster) -> Response:
    single, listed, fields, _required = COLLECTIONS[name]
    objects = cluster.collection(name)
    begin, end = api_system.page(node, request, len(objects))
    members = []
    for identifier, item in list(objects.items())[begin:end]:
        keys = fields if node.sw.is_("api_list_fields", "all") else listed
        inner = api_system.inside(node, _shown(node, name, item, keys))
        members.append(f'<{single} id="{identifier}">{inner}</{single}>')
    return api_system.listing(name, len(objects), members)


def _bad_value(name: str, key: str, value: str, cluster: Cluster) -> bool:
    """Whether a value makes no sense for its field."""
    if key in REFERENCES:
        return value not in cluster.collection(REFERENCES[key])
    if key in FLAGS:
        return value not in ("true", "false")
    if name == "webBridges" and key == "url":
        try:
            parts = urlsplit(value)
            return parts.scheme not in ("c2w", "https") or not parts.hostname or parts.port == 0
        except ValueError:
            return True
    return False


def _bad_field(name: str, form: dict[str, str], cluster: Cluster, *, creating: bool) -> Response | None:
    _single, _listed, fields, required = COLLECTIONS[name]
    allowed = (*fields, "password") if name == "turnServers" else fields
    for key, value in form.items():
        if key not in allowed:
            return api.failure("parameterError", {"parameter": key, "error": "unrecognisedParameter"})
        if value and _bad_value(name, key, value, cluster):
            return api.failure("parameterError", {"parameter": key, "error": "invalidValue"})
    for key in required:
        if creating and not form.get(key):
            return api.failure("parameterError", {"parameter": key, "error": "missing"})
    return None


def _create(node: Node, request: Request, user: str, name: str, cluster: Cluster) -> Response:
    bad = _bad_field(name, request.form, cluster, creating=True)
    if bad is not None:
        return bad
    objects = cluster.collection(name)
    if name == "callBridges" and any(item.get("name") == request.form["name"] for item in objects.values()):
        return api.failure("duplicateCallBridgeName")
    identifier = node.world.guid(name, cluster.name, str(len(objects)), str(time.time_ns()))
    objects[identifier] = {key: value for key, value in request.form.items() if key != "password"}
    _written(node, cluster, user, "created", f"{name}/{identifier}")
    where = f"/api/v1/{name}/{identifier}"
    if node.sw.is_("api_location", "absolute"):
        where = f"https://{request.headers.get('host', node.cfg.fqdn)}{where}"
    return api.Response(200, "", {} if node.sw.is_("api_location", "left_out") else {"Location": where})


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
    if tail == ["status"] and name == "turnServers" and request.method == "GET":
        return _turn_status(node, identifier, objects[identifier])
    if tail == ["updatecustomization"] and name == "webBridges" and request.method == "POST":
        return api.Response(200)
    if tail:
        return api.failure("unrecognisedObject")
    if request.method == "GET":
        return api_system.whole(node, single, _shown(node, name, objects[identifier], fields), f' id="{identifier}"')
    if request.method == "PUT":
        bad = _bad_field(name, request.form, cluster, creating=False)
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
    if request.method != "GET":
        # What happened until now happened under what was set until now.
        for other in node.world.nodes.values():
            if other.callbridge is not None:
                other.callbridge.traffic.settle()
    if lowered in api_system.OBJECTS:
        return api_system.handle(node, user, request, lowered)
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
