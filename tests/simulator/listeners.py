# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real TLS listeners of a node: they serve exactly what a service has loaded."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL

from . import api
from .mutual_server import MutualServer, Protocol
from .services.sip_service import SipService

if TYPE_CHECKING:
    from .node import Node
    from .services.base import Service
    from .services.snapshot import Identity

Handler = Callable[["Node", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def load_pair(context: ssl.SSLContext, identity: Identity) -> None:
    """Load a pair into a context; the standard module takes files only, so it passes through a private one."""
    descriptor, path = tempfile.mkstemp(prefix="pair-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(identity.key + identity.chain)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)


def server_context(identity: Identity, lowest: str = "1.2") -> ssl.SSLContext:
    """TLS 1.2 or later with this pair and its chain, 1.3 where ``tls`` says so; nothing older is spoken here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if lowest == "1.3" else ssl.TLSVersion.TLSv1_2
    load_pair(context, identity)
    return context


async def _discard(_node: Node, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass


def _sip_answer(data: bytes) -> bytes:
    return b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n" if data.startswith(b"OPTIONS ") else b""


async def _sip(_node: Node, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(_sip_answer(data))
        await writer.drain()


async def _respond(writer: asyncio.StreamWriter, status: str, kind: str, body: bytes) -> None:
    writer.write(f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n".encode())
    writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    await writer.drain()


async def _ping(_node: Node, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if head.startswith(b"GET /api/ping "):
        await _respond(writer, "200 OK", "application/json", b'{"status": "ok"}')
    else:
        await _respond(writer, "404 Not Found", "text/plain", b"")


async def _unauthorised(_node: Node, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await _respond(writer, "401 Unauthorized", "text/plain", b"")


async def _page(_node: Node, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await _respond(writer, "200 OK", "text/html", b"<!doctype html><title>web app</title>")


HANDLERS: dict[tuple[str, str], Handler] = {
    ("webadmin", "tls"): api.serve,
    ("callbridge", "callbridge"): _sip,
    ("webbridge3", "https"): _page,
    ("turn", "tls"): _discard,
    ("recorder", "tcp"): _sip,
    ("recorder", "sip"): _sip,
    ("streamer", "tcp"): _sip,
    ("streamer", "sip"): _sip,
    ("scheduler", "https"): _unauthorised,
    ("meetingapps", "https"): _ping,
}


class _Open:
    """One open port with its connections."""

    def __init__(self, service: str, slot: str, address: str, port: int) -> None:
        self.service = service
        self.slot = slot
        self.address = address
        self.port = port
        self.server: Any = None
        self.mutual: MutualServer | None = None
        self.writers: set[asyncio.StreamWriter] = set()
        self.closed = False

    async def close(self) -> None:
        self.closed = True
        if self.server is not None:
            self.server.close()
        if self.mutual is not None:
            self.mutual.abort_all()
        for writer in list(self.writers):
            writer.transport.abort()
        await asyncio.sleep(0)


class Listeners:
    """The open ports of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._open: list[_Open] = []

    async def open(self, service: Service) -> None:
        """Open the ports of a running service; a port that cannot be bound is an event, not an error."""
        snapshot = service.active
        if snapshot is None:
            return
        bound = set()
        for slot, interface, port in snapshot.listen:
            address = self._node.cfg.interfaces.get(interface, self._node.cfg.address)  # lo, before 3.0
            identity = snapshot.identities.get(slot)
            if (address, port) in bound or (identity is None and slot != "tcp"):
                continue
            bound.add((address, port))
            entry = _Open(service.name, slot, address, port)
            try:
                await self._bind(entry, identity, service)
            except OSError as exc:
                self._node.event("listener_error", service=service.name, where=f"{address}:{port}", why=str(exc))
                continue
            self._open.append(entry)

    def _mutual(self, service: Service, slot: str, identity: Identity) -> MutualServer | None:
        """The server of a port that asks for a certificate; None where nobody does."""
        snapshot = service.active
        if snapshot is None:
            return None
        lowest = SSL.TLS1_2_VERSION
        if slot == "c2w":
            trust = snapshot.trust.get("c2w")
            speaks = Protocol("c2w", service.name, b"C2W\n", lambda data: data)
            highest = SSL.TLS1_2_VERSION if self._node.sw.is_("c2w_tls", "1.2") else SSL.TLS1_3_VERSION
            pinning = self._node.sw.is_("c2w_pinning", "allowed")
        elif slot == "tls" and isinstance(service, SipService):
            trust = snapshot.trust.get("callbridge")
            speaks = Protocol("sip", service.name, b"", lambda _data: b"")
            highest, pinning = SSL.TLS1_2_VERSION, False
        elif snapshot.options.get("sip_verify", "disable") != "disable":
            trust = snapshot.trust.get("sip")
            speaks = Protocol("sip", service.name, b"", _sip_answer)
            lowest = SSL.TLS1_3_VERSION if snapshot.options.get("sip_min") == "1.3" else lowest
            highest, pinning = SSL.TLS1_3_VERSION, self._node.sw.is_("sip_pinning", "allowed")
        else:
            return None
        return MutualServer(
            self._node, identity, trust[1] if trust else b"", speaks, pinning=pinning, versions=(lowest, highest)
        )

    async def _bind(self, entry: _Open, identity: Identity | None, service: Service) -> None:
        loop = asyncio.get_running_loop()
        if identity is not None and not identity.usable:
            entry.server = await asyncio.start_server(self._hang_up, entry.address, entry.port)
            return
        entry.mutual = None if identity is None else self._mutual(service, entry.slot, identity)
        if entry.mutual is not None:
            entry.server = await loop.create_server(entry.mutual.protocol, entry.address, entry.port)
            return
        handler = HANDLERS[entry.service, entry.slot]

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if entry.closed:
                writer.transport.abort()
                return
            entry.writers.add(writer)
            try:
                await handler(self._node, reader, writer)
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
                pass
            finally:
                entry.writers.discard(writer)
                with contextlib.suppress(OSError, RuntimeError):
                    writer.close()

        options = service.active.options if service.active else {}
        lowest = str(options.get("webadmin_min" if service.name == "webadmin" else "sip_min", "1.2"))
        context = None if identity is None else server_context(identity, lowest)
        entry.server = await asyncio.start_server(
            connected,
            entry.address,
            entry.port,
            ssl=context,
            ssl_handshake_timeout=None if context is None else 10,
        )

    @staticmethod
    async def _hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async def close(self, service: str) -> None:
        """Close the ports of a service and cut its connections."""
        for entry in [item for item in self._open if item.service == service]:
            self._open.remove(entry)
            await entry.close()

    def c2w_connections(self) -> int:
        """Call Bridges connected right now."""
        return sum(item.mutual.established for item in self._open if item.slot == "c2w" and item.mutual is not None)

    def describe(self) -> list[str]:
        """Open ports, as ``service/slot address:port``."""
        return [f"{item.service}/{item.slot} {item.address}:{item.port}" for item in self._open]
