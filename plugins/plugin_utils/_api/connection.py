# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One verified HTTPS connection to Web Admin that the API is read through.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import hashlib
import http.client
import select
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .._errors import ApiProblem

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class BoundedSocket(ssl.SSLSocket):
    """A TLS socket whose reads end at a moment, however slowly the other side trickles."""

    read_until: float | None = None

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        """Read like the base class, within what is left of the time."""
        if self.read_until is not None:
            left = self.read_until - time.monotonic()
            if left <= 0:
                raise TimeoutError("the answer did not end in time")
            self.settimeout(left)
        return super().recv_into(buffer, nbytes, flags)


class VerifiedConnection(http.client.HTTPSConnection):
    """An HTTPS connection that looks at the server's certificate before anything is sent.

    ``http.client`` connects again by itself when the server had closed the connection, so the check sits in
    ``connect``: no way of connecting leads around it.
    """

    def __init__(
        self, host: str, port: int, context: ssl.SSLContext, timeout: float, check: Callable[[bytes | None], None]
    ) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._check = check
        self._seconds = timeout
        self.handshakes = 0
        self.used = False
        self.sent = False

    def connect(self) -> None:
        """Connect, shake hands, and give up when the certificate is not the expected one."""
        super().connect()
        self.used = False
        self.handshakes += 1
        try:
            sock = self.sock
            self._check(sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None)
        except ApiProblem:
            self.close()
            raise

    def ended(self) -> bool:
        """Say whether the other side has ended this connection, as far as can be told without sending anything.

        Whatever arrives unasked for counts: there is nothing to be read before a request.
        """
        sock = self.sock
        if not isinstance(sock, ssl.SSLSocket):
            return True
        return bool(sock.pending() or any(select.select([sock], [], [], 0)))

    def start_clock(self) -> None:
        """Give the next answer its time from now on."""
        if isinstance(self.sock, BoundedSocket):
            self.sock.settimeout(self._seconds)
            self.sock.read_until = time.monotonic() + self._seconds


def tls_context(pinned: bool, ca_pem: str | None, obj: str) -> ssl.SSLContext:
    """Build the client side of TLS 1.2 or later: verified against ``ca_pem``, or left to the pin check (S11)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = BoundedSocket
    if pinned:
        # Names and dates say nothing about a certificate that was read from the node itself over SSH.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context.load_verify_locations(cadata=ca_pem)
    except (ssl.SSLError, ValueError) as error:
        raise ApiProblem(
            obj,
            "the CA certificates to verify Web Admin with cannot be read",
            "give them as PEM, one or more certificates in one text",
        ) from error
    # An intermediate, or the server's own certificate, is as good an anchor as a root (guide 1.2.5).
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def pin_check(pins: frozenset[str], obj: str) -> Callable[[bytes | None], None]:
    """Give the check that lets only a leaf through whose fingerprint is among ``pins`` (SHA-256 of DER, hex)."""

    def check(leaf: bytes | None) -> None:
        if not pins:
            return
        seen = hashlib.sha256(leaf).hexdigest() if leaf else "none"
        if seen not in pins:
            raise ApiProblem(
                obj,
                f"Web Admin presents the certificate with SHA-256 {seen}, which is not the one read over SSH"
                f" ({', '.join(sorted(pins))}); no credentials were sent",
                "find out what answers on this address; if Web Admin has not restarted since its certificate was"
                " assigned, restart it",
            )

    return check
