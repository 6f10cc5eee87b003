# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The REST API on the Web Admin listener: HTTP by hand, XML as published."""

from __future__ import annotations

import asyncio
import base64
import binascii
import gzip
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape, quoteattr

from . import api_faults, api_objects
from .faults import API_KINDS

if TYPE_CHECKING:
    from .node import Node

PROLOGUE = '<?xml version="1.0"?>'
REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
           500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip


@dataclass
class Request:
    """One request, taken apart."""

    method: str
    path: list[str]
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]
    target: str


@dataclass
class Response:
    """Status, XML body (empty means none) and further headers."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    form: str = ""


class Unanswered(Exception):
    """The connection ends without an answer."""


def failure(reason: str, attributes: dict[str, str] | None = None, status: int = 400) -> Response:
    """failureDetails with one reason element."""
    extra = "".join(f" {name}={quoteattr(value)}" for name, value in (attributes or {}).items())
    return Response(status, f"{PROLOGUE}<failureDetails><{reason}{extra} /></failureDetails>")


def element(name: str, value: str) -> str:
    """A text element; unset is a pair of tags."""
    return f"<{name}>{escape(value)}</{name}>"


async def _read(reader: asyncio.StreamReader) -> Request | None:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3:
        return None
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    body = await reader.readexactly(min(length, 1_000_000)) if length else b""
    target = urlsplit(parts[1])
    return Request(
        parts[0].upper(),
        [piece for piece in target.path.split("/") if piece],
        dict(parse_qsl(target.query, keep_blank_values=True)),
        dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)),
        headers,
        target.path,
    )


def _user(node: Node, request: Request) -> str | None:
    scheme, _blank, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _colon, password = base64.b64decode(token, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    user = node.user(name)
    roles = ("admin", "api", "appadmin") if node.sw.is_("api_appadmin", "accepted") else ("admin", "api")
    if user is None or user.role not in roles or node.must_change(name) or node.locked(name):
        return None
    return name if node.password_ok(name, password) else None


def _without_callbridge(node: Node, path: list[str]) -> Response | None:
    """What a node answers that has no Call Bridge process, or one that is not up yet; None means go on."""
    callbridge = node.callbridge
    if callbridge is not None and callbridge.configured:
        return None if callbridge.api_ready() else Response(503)
    position = node.sw["api_without_callbridge"]
    if position == "503":
        return Response(503)
    if position == "status_only" and [piece.lower() for piece in path[2:]] in (
        ["system", "status"],
        ["system", "database"],
    ):
        return None
    return failure("unrecognisedObject", status=404)


async def answer(node: Node, request: Request) -> Response:
    """The response to one request; Unanswered when the connection is lost instead, before or after it took effect."""
    fault = node.faults.take(API_KINDS, request.target)
    if fault is None:
        return _answer(node, request)
    node.event("fault", fault=fault.kind, path=request.target)
    if fault.kind == "api_500":
        return Response(500)
    if fault.kind == "api_garbage":
        return Response(200, fault.text or '<?xml version="1.0"?><status><softwareVersion>3.9')
    if fault.kind == "api_lost":
        if fault.effect:
            _answer(node, request)
        raise Unanswered
    if fault.kind == "api_slow":
        await asyncio.sleep(fault.seconds)
        return _answer(node, request)
    form = fault.text or api_faults.FORMS[0]
    response = Response(503) if form == "503" else _answer(node, request)
    status, body, headers = api_faults.spoil(form, response.status, response.body)
    return Response(status, body, {**response.headers, **headers}, form)


def _answer(node: Node, request: Request) -> Response:
    if [piece.lower() for piece in request.path[:2]] != ["api", "v1"]:
        if not request.path and request.method == "GET":
            return Response(200, "<html><title>Web Admin</title></html>", {"Content-Type": "text/html"})
        return Response(404)
    user = _user(node, request)
    if user is None:
        status = int(node.sw["api_unauthorised"])
        return Response(status, "", {"WWW-Authenticate": 'Basic realm="API"'} if status == 401 else {})
    early = _without_callbridge(node, request.path)
    if early is not None:
        return early
    return api_objects.handle(node, user, request)


def _encode(node: Node, response: Response) -> tuple[bytes, bool]:
    """What is sent, and whether the connection ends after it."""
    headers = {"Content-Type": "text/xml"} if response.body else {}
    headers.update(response.headers)
    body = response.body.encode("utf-8")
    position = "plain" if response.form else node.sw["api_transfer"]
    if position == "gzip" and body:
        body = gzip.compress(body)
        headers["Content-Encoding"] = "gzip"
    if position in ("chunked", "gzip"):
        headers["Transfer-Encoding"] = "chunked"
        middle = len(body) // 2
        body = (
            b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:middle], body[middle:]) if part)
            + b"0\r\n\r\n"
        )
    else:
        headers["Content-Length"] = str(len(body))
    head = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Other')}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    head, body, ends = api_faults.cut(response.form, head, body)
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body, ends


async def serve(node: Node, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One HTTP connection, request after request."""
    while True:
        request = await _read(reader)
        if request is None:
            return
        try:
            response = await answer(node, request)
        except Unanswered:
            return
        node.event("api", method=request.method, path=request.target, status=response.status)
        sent, ends = _encode(node, response)
        writer.write(sent)
        await writer.drain()
        if ends or request.headers.get("connection", "").lower() == "close":
            return
