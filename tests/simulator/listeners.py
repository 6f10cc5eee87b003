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

from . import api
from .c2w_server import C2wServer

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


def server_context(identity: Identity) -> ssl.SSLContext:
    """TLS 1.2 or later with this pair and its chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_pair(context, identity)
    return context


async def _discard(_node: Node, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass


async def _page(_node: Node, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    body = b"<!doctype html><title>web app</title>"
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    await writer.drain()


HANDLERS: dict[tuple[str, str], Handler] = {
    ("webadmin", "tls"): api.serve,
    ("callbridge", "callbridge"): _discard,
    ("webbridge3", "https"): _page,
    ("turn", "tls"): _discard,
}


class _Open:
    """One open port with its connections."""

    def __init__(self, service: str, slot: str, address: str, port: int) -> None:
        self.service = service
        self.slot = slot
        self.address = address
        self.port = port
        self.server: Any = None
        self.c2w: C2wServer | None = None
        self.writers: set[asyncio.StreamWriter] = set()
        self.closed = False

    async def close(self) -> None:
        self.closed = True
        if self.server is not None:
            self.server.close()
        if self.c2w is not None:
            self.c2w.abort_all()
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
            address = self._node.cfg.interfaces[interface]
            identity = snapshot.identities.get(slot)
            if (address, port) in bound or identity is None:
                continue
            bound.add((address, port))
            entry = _Open(service.name, slot, address, port)
            try:
                await self._bind(entry, identity, service)
            except OSError as exc:
                self._node.event("listener_error", service=service.name, where=f"{address}:{port}", why=str(exc))
                continue
            self._open.append(entry)

    async def _bind(self, entry: _Open, identity: Identity, service: Service) -> None:
        loop = asyncio.get_running_loop()
        if not identity.usable:
            entry.server = await asyncio.start_server(self._hang_up, entry.address, entry.port)
            return
        if entry.slot == "c2w":
            trust = service.active.trust.get("c2w") if service.active else None
            entry.c2w = C2wServer(self._node, identity, trust[1] if trust else b"")
            entry.server = await loop.create_server(entry.c2w.protocol, entry.address, entry.port)
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

        entry.server = await asyncio.start_server(
            connected, entry.address, entry.port, ssl=server_context(identity), ssl_handshake_timeout=10
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
        return sum(item.c2w.established for item in self._open if item.c2w is not None)

    def describe(self) -> list[str]:
        """Open ports, as ``service/slot address:port``."""
        return [f"{item.service}/{item.slot} {item.address}:{item.port}" for item in self._open]
