# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shake hands with TLS listeners as a client that trusts one CA: ``look.py ROOT NAME ADDRESS PORT...``.

OpenSSL judges chain and dates against ROOT alone; the certificate must be for NAME. Prints what each port shows as
JSON, and ends with 1 when one of them would not do. Nothing of the collection takes part.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL, crypto


def look(root: str, name: str, address: str, port: int) -> dict[str, str]:
    """Give end, issuer and fingerprint of the certificate that a port shows, and what is wrong with it, if anything."""
    leaves: list[x509.Certificate] = []
    faults: list[str] = []

    def judge(_connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, _fine: int) -> bool:
        if error:
            faults.append(f"OpenSSL's error {error} at depth {depth}")
        if depth == 0 and not leaves:
            leaves.append(certificate.to_cryptography())
        return True  # the listener for C2W ends the handshake for want of our certificate, and shows its own before

    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.load_verify_locations(root)
    context.set_verify(SSL.VERIFY_PEER, judge)
    try:
        with contextlib.closing(socket.create_connection((address, port), timeout=10)) as plain:
            plain.settimeout(None)
            connection = SSL.Connection(context, plain)
            connection.set_connect_state()
            with contextlib.suppress(SSL.Error):
                connection.do_handshake()
    except OSError as exc:
        return {"fault": str(exc)}
    if not leaves:
        return {"fault": "no certificate was shown"}
    (leaf,) = leaves
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if name not in names.get_values_for_type(x509.DNSName):
        faults.append(f"is not for {name}")
    shown = {
        "not_after": leaf.not_valid_after_utc.isoformat(),
        "issuer": leaf.issuer.rfc4514_string(),
        "sha256": leaf.fingerprint(SHA256()).hex(),
    }
    return {**shown, "fault": ", ".join(faults)} if faults else shown


def main() -> int:
    root, name, address, *ports = sys.argv[1:]
    shown = {port: look(root, name, address, int(port)) for port in ports}
    print(json.dumps(shown, indent=1))
    return int(any("fault" in found for found in shown.values()))


if __name__ == "__main__":
    sys.exit(main())
