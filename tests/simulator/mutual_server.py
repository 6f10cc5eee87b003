# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS that demands and verifies the client's certificate: C2W of a Web Bridge, SIP where ``tls sip verify`` is on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cryptography import x509
from OpenSSL import SSL, crypto

from . import certs

if TYPE_CHECKING:
    from .node import Node
    from .services.snapshot import Identity


class Protocol:
    """What is spoken after the handshake: a greeting, and the answer to what comes."""

    def __init__(self, name: str, service: str, greeting: bytes, answer: Callable[[bytes], bytes]) -> None:
        self.name = name
        self.service = service
        self.greeting = greeting
        self.answer = answer


class MutualServer:
    """One port: its TLS context and its connections.

    Verification is OpenSSL's for clients: extended key usage, key usage and Netscape type as in section 2.2 of the
    guide, dates, and a chain that may end at any certificate of the trust file when pinning is allowed.
    """

    def __init__(
        self,
        node: Node,
        identity: Identity,
        trust: bytes,
        protocol: Protocol,
        *,
        pinning: bool,
        versions: tuple[int, int],
    ) -> None:
        self.node = node
        self.speaks = protocol
        self.connections: set[_Connection] = set()
        self.closed = False
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(versions[0])
        context.set_max_proto_version(versions[1])
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET)
        chain = certs.load_certs(identity.chain)
        key: Any = certs.load_key(identity.key)
        context.use_privatekey(key)
        context.use_certificate(chain[0])
        for item in chain[1:]:
            context.add_extra_chain_cert(item)
        store = context.get_cert_store()
        trusted: list[x509.Certificate] = certs.load_certs(trust) if trust else []
        if store is not None:
            for item in trusted:
                store.add_cert(crypto.X509.from_cryptography(item))
            if pinning:
                store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        if node.sw.is_("c2w_ca_names", "sent"):
            for item in trusted:
                context.add_client_ca(item)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._verified)
        self._context = context

    @staticmethod
    def _verified(connection: SSL.Connection, certificate: Any, number: int, depth: int, ok: int) -> bool:
        if not ok:
            connection.set_app_data((number, depth))
        return bool(ok)

    def protocol(self) -> _Connection:
        """For loop.create_server."""
        return _Connection(self, SSL.Connection(self._context, None))

    @property
    def established(self) -> int:
        """Connections that passed the handshake."""
        return sum(item.done for item in self.connections)

    def abort_all(self) -> None:
        """Cut every connection, and those that were being accepted."""
        self.closed = True
        for item in list(self.connections):
            item.abort()


class _Connection(asyncio.Protocol):
    """One connection: bytes in, TLS machine, bytes out."""

    def __init__(self, server: MutualServer, tls: SSL.Connection) -> None:
        self._server = server
        self._tls = tls
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.done = False
        tls.set_accept_state()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._server.connections.add(self)
        self._timer = asyncio.get_running_loop().call_later(10, self.abort)
        if self._server.closed:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        self._tls.bio_write(data)
        try:
            if not self.done:
                self._tls.do_handshake()
                self.done = True
                if self._timer is not None:
                    self._timer.cancel()
                self._send(self._server.speaks.greeting)
            while True:
                self._send(self._server.speaks.answer(self._tls.recv(4096)))
        except SSL.WantReadError:
            pass
        except SSL.Error as exc:
            self._flush()
            if not self.done:
                self._rejected(exc)
            self._transport.close()
            return
        self._flush()

    def _send(self, data: bytes) -> None:
        if data:
            self._tls.send(data)

    def _rejected(self, exc: Exception) -> None:
        reason = self._tls.get_app_data()
        why = "no client certificate or handshake refused"
        if reason is not None:
            why = f"client certificate: {VERIFY_REASONS.get(reason[0], f'error {reason[0]}')} at depth {reason[1]}"
        elif exc.args and isinstance(exc.args[0], list) and exc.args[0]:
            why = str(exc.args[0][-1][-1])
        speaks = self._server.speaks
        self._server.node.event(f"{speaks.name}_rejected", service=speaks.service, why=why)

    def _flush(self) -> None:
        while self._transport is not None:
            try:
                self._transport.write(self._tls.bio_read(16384))
            except (SSL.WantReadError, SSL.Error):
                return

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()


VERIFY_REASONS = {
    2: "unable to get issuer certificate",
    9: "certificate is not yet valid",
    10: "certificate has expired",
    18: "self-signed certificate",
    19: "self-signed certificate in certificate chain",
    20: "unable to get local issuer certificate",
    21: "unable to verify the first certificate",
    24: "invalid CA certificate",
    26: "unsuitable certificate purpose",
    32: "key usage does not include certificate signing",
    79: "invalid CA certificate",
}
