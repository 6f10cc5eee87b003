# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Web Admin on loopback: real TLS, answers set by each test, every request remembered."""

from __future__ import annotations

import dataclasses
import datetime
import http.server
import ipaddress
import pathlib
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.certops.cms.plugins.plugin_utils._api.client import ApiClient

XML = '<?xml version="1.0"?>'
PASSWORD = "a-secret-of-the-tests"


@dataclasses.dataclass
class Reply:
    """One answer: a status, a body, more headers, raw bytes instead of HTTP, or a pause in seconds per byte."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    raw: bytes | None = None
    drip: float = 0.0
    hang_up: bool = False
    #: Read the request and end the connection.
    mute: bool = False


def xml(text: str) -> Reply:
    return Reply(body=(XML + text).encode(), headers={"Content-Type": "text/xml"})


class QuietServer(http.server.ThreadingHTTPServer):
    """A server that says nothing about clients that hang up: many tests do."""

    daemon_threads = True

    def handle_error(self, *_args: Any) -> None:
        """Say nothing."""


class WebAdmin:
    """A server whose answers come from ``routes``: path -> replies, the last one again and again."""

    def __init__(self, pem: pathlib.Path, fingerprint: str, ca_pem: str) -> None:
        self.fingerprint = fingerprint
        self.ca_pem = ca_pem
        self.routes: dict[str, list[Reply]] = {}
        self.fallback: Callable[[str], Reply] | None = None
        self.requests: list[tuple[str, str | None]] = []
        #: Changes: method, path below /api/v1/ and body.
        self.changes: list[tuple[str, str, str]] = []
        #: What a change does, called before its answer is sent.
        self.act: Callable[[str, str, str], None] = lambda _method, _path, _body: None
        self.handshakes = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def handle(self) -> None:
                outer.handshakes += 1
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True

            def do_GET(self) -> None:
                outer.requests.append((self.path, self.headers.get("Authorization")))
                self._send(outer.reply(self.path))

            def _change(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                change = (self.command, self.path.removeprefix("/api/v1/"), body)
                outer.changes.append(change)
                reply = outer.reply(f"{self.command} {change[1]}")
                if reply.status < 400:
                    outer.act(*change)
                self._send(reply)

            def do_PUT(self) -> None:
                self._change()

            def do_POST(self) -> None:
                self._change()

            def do_DELETE(self) -> None:
                self._change()

            def _send(self, reply: Reply) -> None:
                if reply.mute:
                    self.close_connection = True
                    return
                if reply.raw is not None:
                    self.wfile.write(reply.raw)
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if not reply.drip:
                    self.wfile.write(reply.body)
                for index in range(len(reply.body) if reply.drip else 0):
                    if outer.stopping.wait(reply.drip):
                        break
                    self.wfile.write(reply.body[index : index + 1])
                    self.wfile.flush()
                self.close_connection = reply.hang_up

            def log_message(self, *_args: Any) -> None:
                """Say nothing."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.stopping = threading.Event()
        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def reply(self, path: str) -> Reply:
        bare = path.removeprefix("/api/v1/")
        replies = self.routes.get(bare) or self.routes.get(bare.partition("?")[0])
        if replies:
            return replies.pop(0) if len(replies) > 1 else replies[0]
        return self.fallback(bare) if self.fallback else Reply(404)

    def client(self, **options: Any) -> ApiClient:
        defaults: dict[str, Any] = {"pins": {self.fingerprint}, "timeout": 5.0, "sleep": lambda _seconds: None}
        return ApiClient("127.0.0.1", self.port, "api-reader", PASSWORD, **(defaults | options))

    def stop(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="session")
def server_identity(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, str, str]:
    """Make a self-signed certificate for 127.0.0.1: PEM file with key, fingerprint, certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "core1.example.com")])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_pem = cert.public_bytes(serialization.Encoding.PEM)
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + cert_pem
    )
    return path, cert.fingerprint(hashes.SHA256()).hex(), cert_pem.decode()


@pytest.fixture
def web_admin(server_identity: tuple[pathlib.Path, str, str]) -> Iterator[WebAdmin]:
    server = WebAdmin(*server_identity)
    yield server
    server.stop()
