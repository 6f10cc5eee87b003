# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small CA and TLS listeners for the tests of the engine."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto

from tests.unit.plugins.plugin_utils.engine.rollout import Rollout

NOW = datetime.datetime(2026, 11, 23, 12, 0, tzinfo=datetime.UTC)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


class Authority:
    """A CA that issues what a test needs."""

    def __init__(self, name: str = "Test Root") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._build(self.name, self.key.public_key(), ca=True, names=[])

    def issue(
        self, common_name: str, *, names: list[str] | None = None, public_key: Any = None
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        return self._build(subject, public_key or key.public_key(), ca=False, names=names or [common_name]), key

    def _build(self, subject: x509.Name, public_key: Any, *, ca: bool, names: list[str]) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - datetime.timedelta(days=1))
            .not_valid_after(NOW + datetime.timedelta(days=90))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            entries: list[x509.GeneralName] = []
            for name in names:
                try:
                    entries.append(x509.IPAddress(ipaddress.ip_address(name)))
                except ValueError:
                    entries.append(x509.DNSName(name))
            builder = builder.add_extension(x509.SubjectAlternativeName(entries), critical=False)
        return builder.sign(self.key, hashes.SHA256())


class Listener:
    """A TLS listener on a loopback port; ``serve`` changes what it serves from the next connection on."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.port = self._socket.getsockname()[1]
        self._context: SSL.Context | None = None
        self._stop = threading.Event()
        self.connections = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def serve(
        self,
        certificate: x509.Certificate,
        key: ec.EllipticCurvePrivateKey,
        *extra: x509.Certificate,
        client_ca: x509.Certificate | None = None,
        version: int = SSL.TLS1_3_VERSION,
    ) -> None:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        context.use_certificate(certificate)
        context.use_privatekey(key)
        for one in extra:
            context.add_extra_chain_cert(one)
        if client_ca is not None:
            store = context.get_cert_store()
            store.add_cert(crypto.X509.from_cryptography(client_ca))
            context.add_client_ca(client_ca)
            context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        self._context = context

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                plain, _address = self._socket.accept()
            except TimeoutError:
                continue
            self.connections += 1
            plain.settimeout(2)
            with plain:
                if self._context is None:
                    plain.sendall(b"220 not TLS, nothing to see here\r\n")
                    plain.recv(1024)
                    continue
                connection = SSL.Connection(self._context, plain)
                connection.set_accept_state()
                plain.setblocking(True)
                try:
                    connection.do_handshake()
                    connection.recv(1)
                except SSL.Error:
                    continue


@pytest.fixture
def rollout(tmp_path: Path) -> Iterator[Callable[..., Rollout]]:
    """``rollout(switches={...})`` starts a simulated fleet; keywords replace parts of its definition."""
    with contextlib.ExitStack() as stack:

        def start(**overrides: Any) -> Rollout:
            return stack.enter_context(Rollout(tmp_path, **overrides))

        yield start


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def make_authority() -> Callable[[str], Authority]:
    return Authority


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()
