# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at a fleet from outside: a TLS handshake with every listener, judged by OpenSSL's own chain verification.

A second witness: it shares no code with the collection and none with the simulator.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from OpenSSL import SSL, crypto

#: Service of a node -> its listeners: the port's name in the fleet, and the slot.
LISTENERS = {
    "webadmin": {"webadmin": "webadmin"},
    "callbridge": {"sip": "callbridge"},
    "webbridge3": {"https": "webbridge3_https", "c2w": "webbridge3_c2w"},
    "turn": {"turn": "turn"},
}


@dataclass(frozen=True)
class Shown:
    """What one listener showed. ``faults`` are OpenSSL's words; none means that the chain leads to the root."""

    leaf: x509.Certificate | None
    faults: tuple[str, ...]

    @property
    def names(self) -> set[str]:
        assert self.leaf is not None
        return set(
            self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
                x509.DNSName
            )
        )


def look(address: str, port: int, root: Path | None, timeout: float = 10.0) -> Shown:
    """Shake hands with a listener and verify its chain against ``root`` alone."""
    leaves: list[x509.Certificate] = []
    faults: list[str] = []

    def judge(_connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, fine: int) -> bool:
        if depth == 0 and not leaves:
            leaves.append(certificate.to_cryptography())
        if not fine:
            faults.append(f"OpenSSL verify error {error} at depth {depth}")
        return True  # a listener that wants a client certificate still shows its own

    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_PEER, judge)
    if root is not None:
        context.load_verify_locations(str(root))
    with contextlib.closing(socket.create_connection((address, port), timeout)) as plain:
        plain.settimeout(None)
        connection = SSL.Connection(context, plain)
        connection.set_connect_state()
        with contextlib.suppress(SSL.Error):
            connection.do_handshake()
    return Shown(leaves[0] if leaves else None, tuple(faults))


def look_at_all(nodes: Mapping[str, Mapping[str, Any]], root: Path | None) -> dict[tuple[str, str], Shown]:
    """Give (node, slot) -> what is shown there. ``nodes`` is what the simulator says of each node."""
    return {
        (name, slot): look(node["address"], node["ports"][port], root)
        for name, node in nodes.items()
        for service, listeners in LISTENERS.items()
        if node["services"][service]["running"]
        for port, slot in listeners.items()
    }
