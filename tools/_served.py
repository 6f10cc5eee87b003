# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at the certificates of a fleet from outside, as a browser would: by a TLS handshake with every service.

A second witness for the demo: it shares no code with the collection.
"""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass

from cryptography import x509
from OpenSSL import SSL, crypto

from tests.simulator.config import FleetConfig

# Port name of the fleet file -> how people call the service.
LISTENERS = {
    "webadmin": {"webadmin": "webadmin"},
    "callbridge": {"sip": "callbridge"},
    "webbridge3": {"https": "webbridge3 https", "c2w": "webbridge3 c2w"},
    "turn": {"turn": "turn"},
}


@dataclass(frozen=True)
class Seen:
    """The leaf that one service showed, or why it showed none."""

    leaf: x509.Certificate | None
    detail: str = ""

    @property
    def expiry(self) -> str:
        return self.leaf.not_valid_after_utc.strftime("%Y-%m-%d") if self.leaf else "-"

    @property
    def issuer(self) -> str:
        return self.leaf.issuer.rfc4514_string() if self.leaf else "-"


def look(address: str, port: int, timeout: float = 5.0) -> Seen:
    """Give the leaf that a listener shows, also when it then ends the handshake for want of a client certificate."""
    leaves: list[x509.Certificate] = []

    def keep(_connection: SSL.Connection, certificate: crypto.X509, _error: int, depth: int, _ok: int) -> bool:
        if depth == 0:
            leaves.append(certificate.to_cryptography())
        return True

    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_PEER, keep)
    try:
        with contextlib.closing(socket.create_connection((address, port), timeout)) as plain:
            plain.settimeout(None)
            connection = SSL.Connection(context, plain)
            connection.set_connect_state()
            with contextlib.suppress(SSL.Error):
                connection.do_handshake()
    except OSError as exc:
        return Seen(None, exc.strerror or str(exc))
    return Seen(leaves[0]) if leaves else Seen(None, "no certificate was shown")


def look_at_all(fleet: FleetConfig) -> dict[tuple[str, str], Seen]:
    """Give (node, service) -> what is served there."""
    return {
        (node.name, service): look(node.address, node.ports[port])
        for node in fleet.nodes.values()
        for name in node.services
        for port, service in LISTENERS[name].items()
    }


def table(before: dict[tuple[str, str], Seen], after: dict[tuple[str, str], Seen]) -> str:
    """Show node, service, old expiry, new expiry, and how that is known."""
    rows = [("node", "service", "old expiry", "new expiry", "proof")]
    for (node, service), now in after.items():
        proof = f"seen in a handshake, issued by {now.issuer}" if now.leaf else f"none: {now.detail}"
        rows.append((node, service, before[node, service].expiry, now.expiry, proof))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
