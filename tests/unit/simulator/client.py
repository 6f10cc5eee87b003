# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real clients for the simulator's tests: paramiko for SSH and SFTP, the standard library for TLS and HTTP."""

from __future__ import annotations

import base64
import io
import re
import socket
import ssl
import time
from collections.abc import Callable
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import paramiko
from cryptography import x509

from tests.simulator import certs
from tests.simulator.fleet import SimulatedFleet

PASSWORD = "Simulated-Password-1"
DURATIONS = {
    "restart": 0.15,
    "service": 0.1,
    "api_start": 0.1,
    "csr": 0.02,
    "settle": 0.4,
    "reboot": 0.3,
    "lockout": 60,
}


def definition(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Give a fleet with quick restarts; without nodes, a core and an edge."""
    return {
        "users": [{"name": "admin", "password": PASSWORD}],
        "durations": DURATIONS,
        "legacy": {"key": "ecdsa"},
        "probe": {"interval_ms": 40},
        "nodes": list(nodes)
        or [
            {"name": "core1", "services": ["webadmin", "callbridge"], "calls": 3},
            {"name": "edge1", "services": ["webbridge3", "turn"]},
        ],
        **more,
    }


def eventually(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Give the condition's first true value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


def address_of(fleet: SimulatedFleet, node: str) -> tuple[str, dict[str, int]]:
    """Give a node's address and ports."""
    state = fleet.control.state(node)
    return state["address"], state["ports"]


class Shell:
    """An interactive shell, read up to the prompt."""

    def __init__(self, client: paramiko.SSHClient, prompt: str, width: int = 500, term: str = "vt100") -> None:
        self.channel = client.invoke_shell(term=term, width=width, height=24)
        self.channel.settimeout(20)
        self.prompt = prompt
        self.greeting = self.until(prompt) if prompt else ""

    def until(self, *ends: str) -> str:
        text = ""
        while not any(text.endswith(end) for end in ends):
            data = self.channel.recv(65536)
            if not data:
                raise EOFError(text)
            text += data.decode()
        return text

    def type(self, keys: str) -> None:
        """Send keys without waiting."""
        self.channel.sendall(keys.encode())

    def raw(self, line: str, *ends: str) -> str:
        """Send a line and give everything up to the prompt (or to other ends)."""
        self.type(line + "\r")
        return self.until(*(ends or (self.prompt,)))

    def run(self, line: str) -> list[str]:
        """Give the lines of an answer, without echo and prompt."""
        lines = self.raw(line).replace("\r\n", "\n").split("\n")[:-1]
        return lines[1:] if lines and lines[0] == line else lines


class Login:
    """One login."""

    def __init__(
        self,
        fleet: SimulatedFleet,
        node: str,
        user: str = "admin",
        password: str | None = PASSWORD,
        key: paramiko.PKey | None = None,
    ) -> None:
        address, ports = address_of(fleet, node)
        self.node = node
        self.client = paramiko.SSHClient()
        self.client.load_host_keys(str(fleet.directory / "known_hosts"))
        try:
            self.client.connect(
                address, ports["ssh"], user, password, pkey=key, allow_agent=False, look_for_keys=False, timeout=20
            )
        except BaseException:
            self.client.close()
            raise

    def __enter__(self) -> Login:
        return self

    def __exit__(self, *_details: object) -> None:
        self.client.close()

    def shell(self, prompt: str | None = None, **options: Any) -> Shell:
        return Shell(self.client, f"{self.node}> " if prompt is None else prompt, **options)

    def exec(self, line: str) -> tuple[str, int]:
        """Give output and exit status of an exec channel."""
        time.sleep(0.05)
        _stdin, stdout, _stderr = self.client.exec_command(line, timeout=20)
        return stdout.read().decode(), stdout.channel.recv_exit_status()

    def sftp(self) -> paramiko.SFTPClient:
        time.sleep(0.05)
        return self.client.open_sftp()

    def put(self, name: str, data: bytes) -> None:
        with self.sftp() as sftp:
            sftp.putfo(io.BytesIO(data), name)

    def get(self, name: str) -> bytes:
        with self.sftp() as sftp, sftp.open(name) as stream:
            return stream.read()


def commands(fleet: SimulatedFleet, node: str, *lines: str) -> list[list[str]]:
    """Run commands in one shell and give their answers."""
    with Login(fleet, node) as login:
        shell = login.shell()
        return [shell.run(line) for line in lines]


def presented(address: str, port: int, context: ssl.SSLContext | None = None) -> x509.Certificate:
    """Give the leaf a TLS port serves."""
    if context is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((address, port), 10) as plain, context.wrap_socket(plain) as tls:
        return x509.load_der_x509_certificate(tls.getpeercert(True) or b"")


def served(fleet: SimulatedFleet, node: str, port: str) -> str:
    """Give the fingerprint of the leaf at one of a node's ports."""
    address, ports = address_of(fleet, node)
    return certs.fingerprint(presented(address, ports[port]))


def old_ca(fleet: SimulatedFleet) -> certs.Authority:
    """Give the old CA of a legacy fleet, unlocked."""
    folder = Path(fleet.directory) / "ca"

    def key(name: str) -> Any:
        return certs.load_key((folder / name).read_bytes(), b"old-ca-passphrase")

    return certs.Authority(
        certs.load_certs((folder / "root.crt").read_bytes())[0],
        key("root.key"),
        certs.load_certs((folder / "issuing.crt").read_bytes())[0],
        key("issuing.key"),
    )


class Pair:
    """A key, a leaf and its chain, made on the control node."""

    def __init__(
        self, authority: certs.Authority, fqdn: str, *names: str, days: float = 90, client: bool = False
    ) -> None:
        key = certs.pooled_key("ecdsa")
        self.leaf = authority.issue(key.public_key(), fqdn, list(names), days, client=client)
        self.key = certs.key_pem(key)
        self.crt = certs.cert_pem(self.leaf)
        self.bundle = certs.cert_pem(authority.intermediate, authority.root)
        self.full = self.crt + self.bundle
        self.fingerprint = certs.fingerprint(self.leaf)


class Api:
    """The REST API of a node."""

    def __init__(self, fleet: SimulatedFleet, node: str, user: str = "admin", password: str = PASSWORD) -> None:
        self.address, self.ports = address_of(fleet, node)
        self.token = base64.b64encode(f"{user}:{password}".encode()).decode()

    def request(
        self, method: str, path: str, form: dict[str, str] | None = None, authorised: bool = True
    ) -> tuple[int, dict[str, str], str]:
        """Give status, headers and body."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = HTTPSConnection(self.address, self.ports["webadmin"], context=context, timeout=20)
        headers = {"Authorization": f"Basic {self.token}"} if authorised else {}
        body = None
        if form is not None:
            body = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, f"/api/v1/{path}", body, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read().decode("latin-1")
        finally:
            connection.close()

    def get(self, path: str) -> str:
        status, _headers, body = self.request("GET", path)
        if status != 200:
            raise AssertionError(f"{path}: {status} {body}")
        return body


def value(xml: str, name: str) -> str:
    """Give the text of the first element of that name."""
    found = re.search(f"<{name}>([^<]*)</{name}>", xml)
    if found is None:
        raise AssertionError(f"no {name} in {xml}")
    return found.group(1)
