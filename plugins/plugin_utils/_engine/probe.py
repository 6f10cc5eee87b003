# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at what a TLS listener serves, whatever it then says about us.

The ``ssl`` module of Python cannot show the server's leaf when the handshake fails because a client certificate was
demanded (TLS 1.2). pyOpenSSL's verify callback sees the leaf on its way.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import hashlib
import ipaddress
import select
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .._errors import MissingLibrary
from .._pki import certs

try:
    from OpenSSL import SSL
except ImportError:
    pass

SERVED = "served"
UNREACHABLE = "unreachable"
NO_TLS = "no_tls"
FAILED = "error"

#: Seconds for one probe, from the first packet to the end of the handshake.
PROBE_TIMEOUT = 5.0
#: Listeners looked at at the same time; one node has a handful.
PARALLEL_PROBES = 8

# What OpenSSL says when the other side answers with something that is no TLS record.
_NOT_TLS = ("wrong version number", "packet length too long", "http request", "unknown protocol", "bad record type")


def probe_tls(
    address: str, port: int, timeout: float = PROBE_TIMEOUT, server_name: str | None = None
) -> dict[str, Any]:
    """Connect with TLS 1.2 or 1.3 and give what is served; never takes longer than ``timeout`` seconds.

    The result has ``state`` (``served``, ``unreachable``, ``no_tls``, ``error``), ``chain`` (CertInfo with ``pem``,
    leaf first), ``detail`` and ``client_ca_names`` (who may issue client certificates, when the listener says so) with
    ``client_ca_ids`` (SHA-256 of those names as DER, as in CertInfo's ``subject_id``).
    Nothing is verified here: what is served is compared with what should be. Raises MissingLibrary only.
    """
    if "SSL" not in globals():
        raise MissingLibrary("the TLS probe", "the library pyOpenSSL is not installed", "pip install pyOpenSSL")
    until = time.monotonic() + timeout
    try:
        plain = socket.create_connection((address, port), timeout=timeout)
    except OSError as error:
        reason = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        return _result(UNREACHABLE, detail=f"cannot connect to {address} port {port}: {reason}")
    with plain:
        return _handshake(plain, until, server_name)


def probe_all(places: dict[str, dict[str, Any]], timeout: float = PROBE_TIMEOUT) -> dict[str, dict[str, Any]]:
    """Probe several listeners at once; ``places`` and the result go by slot id, and the result names the place."""
    if not places:
        return {}
    with ThreadPoolExecutor(max_workers=min(PARALLEL_PROBES, len(places))) as pool:
        running = {
            slot: pool.submit(probe_tls, str(place["address"]), int(place["port"]), timeout)
            for slot, place in places.items()
        }
        return {
            slot: {"address": places[slot]["address"], "port": places[slot]["port"], **future.result()}
            for slot, future in running.items()
        }


def leaf_of(probed: dict[str, Any]) -> dict[str, Any] | None:
    """Give the leaf a probe saw."""
    chain = probed.get("chain") or []
    leaf: dict[str, Any] | None = chain[0] if chain else None
    return leaf


def _handshake(plain: socket.socket, until: float, server_name: str | None) -> dict[str, Any]:
    seen: list[Any] = []

    def look(_connection: Any, certificate: Any, _error: int, depth: int, _ok: int) -> bool:
        if depth == 0 and not seen:
            seen.append(certificate.to_cryptography())
        return True

    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    # A fleet that is about to be cured may serve SHA-1 or short keys: see them instead of failing on them.
    context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    context.set_verify(SSL.VERIFY_PEER, look)
    plain.setblocking(False)
    connection = SSL.Connection(context, plain)
    if server_name and not _is_address(server_name):
        connection.set_tlsext_host_name(server_name.encode("idna"))
    connection.set_connect_state()
    state, detail = _shake(connection, plain, until)
    chain = _chain(connection) or seen
    if not chain:
        return _result(state, detail=detail)
    authorities = connection.get_client_ca_list()
    names = [_name_text(name) for name in authorities]
    ids = [hashlib.sha256(name.der()).hexdigest() for name in authorities]
    return _result(
        SERVED,
        chain=[{**certs.describe(certificate), "pem": certs.to_pem(certificate)} for certificate in chain],
        detail=detail,
        client_ca_names=names or None,
        client_ca_ids=ids or None,
    )


def _shake(connection: Any, plain: socket.socket, until: float) -> tuple[str, str]:
    """Shake hands until it is done, fails, or the time is up; give the state without a leaf, and what happened."""
    while True:
        try:
            connection.do_handshake()
            return SERVED, ""
        except SSL.WantReadError:
            waiting: tuple[list[Any], list[Any]] = ([plain], [])
        except SSL.WantWriteError:
            waiting = ([], [plain])
        except SSL.ZeroReturnError:
            return FAILED, "the other side ended the handshake"
        except SSL.SysCallError as error:
            return FAILED, f"the connection ended during the handshake ({error.args[-1]})"
        except SSL.Error as error:
            reason = "; ".join(str(entry[-1]) for entry in (error.args[0] if error.args else ()) if entry)
            if any(text in reason for text in _NOT_TLS):
                return NO_TLS, "what answers there does not speak TLS"
            return FAILED, f"the handshake failed: {reason or 'no reason given'}"
        left = until - time.monotonic()
        if left <= 0 or not any(select.select(*waiting, [], left)):
            return FAILED, "the handshake did not end in time"


def _chain(connection: Any) -> list[Any]:
    return [certificate.to_cryptography() for certificate in connection.get_peer_cert_chain() or []]


def _name_text(name: Any) -> str:
    return ",".join(
        f"{key.decode('utf-8', 'replace')}={value.decode('utf-8', 'replace')}"
        for key, value in reversed(name.get_components())
    )


def _result(
    state: str,
    *,
    chain: list[dict[str, Any]] | None = None,
    detail: str = "",
    client_ca_names: list[str] | None = None,
    client_ca_ids: list[str] | None = None,
) -> dict[str, Any]:
    return {
        "state": state,
        "chain": chain or [],
        "detail": detail,
        "client_ca_names": client_ca_names,
        "client_ca_ids": client_ca_ids,
    }


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
