# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read all nodes of an inventory with a plain threaded script: ``python -m tools.bench.plain INVENTORY THREADS``.

What somebody would write who knows paramiko, wants each node's displays and certificate files, and nothing else: one
login, one shell, SFTP on the same login. Channels are opened no faster than the collection does. With ``--all`` it also
looks at what the listeners serve and reads the REST API, as a survey does.
"""

from __future__ import annotations

import base64
import http.client
import re
import socket
import ssl
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import paramiko
import yaml

DISPLAYS = ("version", "webadmin", "callbridge", "webbridge3", "turn", "pki list")
DISPLAYS_OF_A_CALL_BRIDGE = ("tls sip", "tls ldap")
#: Seconds between two channels, and of silence after which a first prompt is complete: those of the collection.
PACING = 0.05
QUIET = 0.1
_FILE = re.compile(r"[-\w]+\.(?:crt|pem)\b")
_LISTENERS = {"callbridge": (8443, 5061), "webbridge3": (9443, 9999, 5349)}
_ID = re.compile(r'<(?:webBridge|callBridge|callBridgeGroup) id="([-0-9a-f]+)"')


class Shell:
    """A shell on a node, read until its prompt comes back."""

    def __init__(self, client: paramiko.SSHClient) -> None:
        self._channel = client.invoke_shell("dumb", 4096, 1000)
        self._prompt = self._read(b"").splitlines()[-1]

    def _read(self, end: bytes) -> bytes:
        data = b""
        while not end or not data.endswith(end):
            self._channel.settimeout(30 if end or not data else QUIET)
            try:
                chunk = self._channel.recv(65536)
            except TimeoutError:
                if end:
                    raise
                return data
            if not chunk:
                raise EOFError("the node ended the shell")
            data += chunk
        return data

    def show(self, command: str) -> str:
        """Type a command and give what came before the next prompt."""
        self._channel.sendall(command.encode() + b"\n")
        return self._read(b"\n" + self._prompt).decode()


def read_node(host: Mapping[str, Any], more: bool) -> int:
    """Log in, read displays and files, and give the number of bytes."""
    client = paramiko.SSHClient()
    client.load_host_keys(host["ansible_mmp_known_hosts_file"])
    login = {"username": host["ansible_user"], "password": host["ansible_password"]}
    client.connect(host["ansible_host"], host["ansible_port"], **login, allow_agent=False, look_for_keys=False)
    try:
        shell = Shell(client)
        shown = {display: shell.show(display) for display in DISPLAYS}
        if _FILE.search(shown["callbridge"]):
            shown |= {display: shell.show(display) for display in DISPLAYS_OF_A_CALL_BRIDGE}
        time.sleep(PACING)
        sftp = client.open_sftp()
        there = {entry.filename for entry in sftp.listdir_attr(".")}
        named = {name for display in DISPLAYS[1:5] for name in _FILE.findall(shown[display])}
        files = {}
        for name in sorted(named & there):
            with sftp.open(name) as stream:
                files[name] = stream.read()
    finally:
        client.close()
    if not files or "Certificate" not in "".join(shown.values()):
        raise RuntimeError(f"{host['ansible_host']}: less was read than a node shows")
    return sum(map(len, [*shown.values(), *files.values()])) + (_look(host, shown) if more else 0)


def _look(host: Mapping[str, Any], shown: Mapping[str, str]) -> int:
    """Look at the listeners of a node, and read its API if it has one."""
    running = "callbridge" if _FILE.search(shown["callbridge"]) else "webbridge3"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    read = sum(_leaf(context, host["ansible_host"], port) for port in _LISTENERS[running])
    return read + (sum(map(len, _api(context, host))) if running == "callbridge" else 0)


def _leaf(context: ssl.SSLContext, address: str, port: int) -> int:
    try:
        with socket.create_connection((address, port), 5) as plain, context.wrap_socket(plain) as secure:
            return len(secure.getpeercert(True) or b"")
    except ssl.SSLError:
        # A listener that demands a client certificate.
        return 0


def _api(context: ssl.SSLContext, host: Mapping[str, Any]) -> Iterator[str]:
    token = base64.b64encode(f"{host['ansible_user']}:{host['ansible_password']}".encode()).decode()
    connection = http.client.HTTPSConnection(host["ansible_host"], 8443, timeout=5, context=context)

    def get(path: str) -> str:
        connection.request("GET", f"/api/v1/{path}", headers={"Authorization": f"Basic {token}"})
        return connection.getresponse().read().decode()

    yield get("system/status")
    for collection in ("callBridgeGroups", "callBridges", "webBridges"):
        listed = get(collection)
        yield listed
        for ident in _ID.findall(listed):
            yield get(f"{collection}/{ident}")
            if collection == "webBridges":
                yield get(f"{collection}/{ident}/status")
    connection.close()


def main() -> int:
    """Read all nodes and print how much that was."""
    inventory, threads, more = Path(sys.argv[1]), int(sys.argv[2]), "--all" in sys.argv[3:]
    group = yaml.safe_load(inventory.read_text())["all"]["children"]["cms"]
    hosts = [{**group["vars"], **variables} for variables in group["hosts"].values()]
    with ThreadPoolExecutor(threads) as pool:
        sizes = list(pool.map(lambda host: read_node(host, more), hosts))
    print(f"{len(sizes)} nodes, {sum(sizes)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
