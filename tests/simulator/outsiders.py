# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The world outside: CUCM, SIP peers, Expressways, directories, Meeting Management. They verify, or they are verified.

Each has a directory of its own, ``DIR/outsiders/NAME``: ``trust.pem`` is what it verifies against, ``pair.pem`` what it
presents. Both are read again at every handshake: people change them, and the fleet does not know.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import certs
from .link_kinds import Cache, LinkError, LinkKind, Target, Tls, ask_options, client_context
from .outside_config import PORT_SERVICES

if TYPE_CHECKING:
    from .certs import Authority
    from .node import Node
    from .outside_config import OutsiderConfig
    from .world import World


class Outsider:
    """One system outside the fleet."""

    def __init__(self, cfg: OutsiderConfig, world: World) -> None:
        self.cfg = cfg
        self.name = cfg.name
        self._world = world
        self.directory = world.directory / "outsiders" / cfg.name
        self._server: asyncio.Server | None = None

    def prepare(self, authority: Authority) -> None:
        """Make what is not there yet: a pair of this authority, and its root or the given file as trust."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        pair, trust = self.directory / "pair.pem", self.directory / "trust.pem"
        if not pair.exists() and (self.cfg.presents or self.cfg.dialled_by):
            key = certs.pooled_key("ecdsa")
            leaf = authority.issue(key.public_key(), self.cfg.fqdn, [], 365, client=True)
            pair.touch(0o600)
            pair.write_bytes(certs.key_pem(key) + certs.cert_pem(leaf, authority.intermediate))
        if not trust.exists() and self.cfg.verifies:
            given = self.cfg.verifies
            trust.write_bytes(certs.cert_pem(authority.root) if given == "legacy" else Path(given).read_bytes())

    async def start(self) -> None:
        """Listen, where Call Bridges dial this outsider."""
        if not self.cfg.dialled_by:
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.directory / "pair.pem")
        self._server = await asyncio.start_server(self._hold, self.cfg.address, self.cfg.port, ssl=context)

    async def restart(self) -> None:
        """Load another pair."""
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    @staticmethod
    async def _hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(4096):
                pass
        except OSError:
            pass
        finally:
            writer.close()

    def event(self, kind: str, **fields: Any) -> None:
        """Write to the fleet's event log under this name."""
        self._world.events.add(kind, self.name, **fields)

    def client_tls(self) -> ssl.SSLContext:
        """What it verifies and presents at this moment; LinkError when its files are no certificates."""
        try:
            trust = (self.directory / "trust.pem").read_bytes() if self.cfg.verifies else None
            context = client_context(trust, partial=False)
            if self.cfg.presents:
                context.load_cert_chain(self.directory / "pair.pem")
        except (OSError, ssl.SSLError) as exc:
            raise LinkError("tlsNegotiationFailure", f"the files of {self.name}: {exc}") from exc
        return context


class OutsideLink(LinkKind):
    """An outsider to a port of a node; it checks chain and name as browsers and CUCM do."""

    name = "outside"
    client_service = ""
    server_service = ""
    title = "server"

    def targets(self, world: World) -> Iterator[Target]:
        """Each port that each outsider connects to, once its service runs."""
        for outsider in world.config.outsiders:
            for name, port in outsider.connects:
                node = world.nodes[name]
                service = node.services.get(PORT_SERVICES[port])
                ready = service is not None and service.running
                scheme = "sips" if port in ("sip", "recorder", "streamer") else "https"
                url = f"{scheme}://{node.cfg.fqdn}:{node.cfg.ports[port]}"
                yield Target(outsider.name, f"{outsider.name}:{name}:{port}", url, ready, PORT_SERVICES[port])

    def tls(self, client: Node | Outsider, cache: Cache) -> Tls:
        """Fresh from its files."""
        if not isinstance(client, Outsider):
            raise TypeError(f"{client.name} is no outsider")
        return client.client_tls(), "san_or_cn" if client.cfg.verifies and client.cfg.host_check else None

    def runs(self, client: Node | Outsider) -> bool:
        """It never rests."""
        return True

    def context(self, node: Any, active: Any) -> ssl.SSLContext:
        """Not asked: there is no service behind an outsider."""
        raise LinkError("notRunning", "an outsider has no service")

    async def greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str) -> bool:
        """SIP is answered, or the Call Bridge did not take the certificate."""
        return await ask_options(reader, writer) if url.startswith("sips:") else True
