# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way to a node: host keys, one credential and one attempt, jump hosts, what goes wrong before a prompt."""

from __future__ import annotations

import base64
import pathlib
import shlex
import socket
import stat
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ansible_collections.certops.cms.plugins.plugin_utils._errors import (
    AuthenticationFailed,
    BadOption,
    ConnectionFailed,
    HostKeyProblem,
    KeyProblem,
    PasswordChangeRequired,
)
from ansible_collections.certops.cms.plugins.plugin_utils._mmp import hostkeys
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.transport import Endpoint, Transport
from tests.unit.plugins.plugin_utils.mmp.appliance import PASSWORD, USER, Appliance
from tests.unit.plugins.plugin_utils.mmp.conftest import know

Start = Callable[..., Appliance]
Point = Callable[..., Endpoint]


def stranger(node: Appliance, **more: Any) -> Endpoint:
    """Give an endpoint whose host key nobody has written down."""
    return Endpoint(
        host="127.0.0.1", port=node.port, user=USER, password=PASSWORD, connect_timeout=5, command_timeout=5, **more
    )


def connect(endpoint: Endpoint) -> list[str]:
    with Transport(endpoint) as transport:
        return transport.notices


# Host keys (S11) -----------------------------------------------------------------------------------------------------


def test_s11_unknown_host_key_is_refused_with_fingerprint_and_the_way_to_add_it(
    appliance: Start, home: pathlib.Path
) -> None:
    node = appliance()
    with pytest.raises(HostKeyProblem) as error:
        connect(stranger(node))
    assert hostkeys.fingerprint(node.host_key.asbytes()) in error.value.reason
    assert f"ssh-keyscan -p {node.port} 127.0.0.1" in error.value.next_step
    assert node.attempts == []
    assert not (home / ".ssh").exists()


def test_fingerprint_is_the_one_that_openssh_prints() -> None:
    key = paramiko.ECDSAKey.generate()
    assert hostkeys.fingerprint(key.asbytes()) == key.fingerprint


def test_known_host_key_is_accepted(appliance: Start, endpoint: Point) -> None:
    assert connect(endpoint(appliance())) == []


@pytest.mark.parametrize("more", [{}, {"accept_new": True}, {"host_key_checking": False}])
def test_s11_changed_host_key_is_always_refused(appliance: Start, endpoint: Point, more: dict[str, bool]) -> None:
    node = appliance()
    point = endpoint(node, **more)
    node.host_key = paramiko.ECDSAKey.generate()
    with pytest.raises(HostKeyProblem, match="not the one known so far"):
        connect(point)
    assert node.attempts == []


def test_unknown_host_key_is_accepted_without_checking_and_not_written(appliance: Start, home: pathlib.Path) -> None:
    connect(stranger(appliance(), host_key_checking=False))
    assert not (home / ".ssh").exists()


def test_new_host_key_is_written_where_it_was_asked_for(appliance: Start, tmp_path: pathlib.Path) -> None:
    node = appliance()
    file = tmp_path / "folder" / "known"
    connect(stranger(node, accept_new=True, known_hosts_file=str(file)))
    first = file.read_text()
    assert first.startswith(f"[127.0.0.1]:{node.port} {node.host_key.get_name()} ")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    connect(stranger(node, known_hosts_file=str(file)))
    connect(stranger(node, accept_new=True, known_hosts_file=str(file)))
    assert file.read_text() == first


def test_check_mode_accepts_a_new_host_key_and_writes_nothing(appliance: Start, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "known"
    connect(stranger(appliance(), accept_new=True, read_only_known_hosts=True, known_hosts_file=str(file)))
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]


def test_host_keys_written_at_the_same_time_are_all_kept(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "known"
    file.write_text("# mine\nelsewhere ssh-ed25519 AAAA")

    def remember(number: int) -> None:
        hostkeys.KnownHosts([], str(file)).remember(f"host{number}", "ssh-ed25519", bytes([number]) * 20)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(remember, range(40)))
    lines = file.read_text().splitlines()
    assert lines[:2] == ["# mine", "elsewhere ssh-ed25519 AAAA"]
    assert {line.split()[0] for line in lines[2:]} == {f"host{number}" for number in range(40)}


def test_symbolic_link_to_known_hosts_stays_one(tmp_path: pathlib.Path) -> None:
    (tmp_path / "real").write_text("")
    (tmp_path / "link").symlink_to("real")
    hostkeys.KnownHosts([], str(tmp_path / "link")).remember("host", "ssh-ed25519", b"x")
    assert (tmp_path / "link").is_symlink()
    assert "host " in (tmp_path / "real").read_text()


def test_unwritable_known_hosts_file_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostKeyProblem, match="cannot be written down"):
        hostkeys.KnownHosts([], str(tmp_path / "file" / "known")).remember("host", "ssh-ed25519", b"x")


def test_known_key_type_is_asked_for_so_that_a_second_host_key_is_no_stranger(
    appliance: Start, endpoint: Point, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = appliance()
    node.host_key = paramiko.RSAKey.generate(2048)
    point = endpoint(node)
    other = paramiko.ECDSAKey.generate()
    add = paramiko.Transport.add_server_key

    def both(self: Any, key: Any) -> None:
        add(self, key)
        add(self, other)

    monkeypatch.setattr(paramiko.Transport, "add_server_key", both)
    connect(point)


@pytest.mark.parametrize(
    ("line", "host", "verdict"),
    [
        ("cms.example.com ssh-ed25519 {key}", "cms.example.com", hostkeys.KNOWN),
        ("cms.example.com,10.0.0.1 ssh-ed25519 {key} comment", "10.0.0.1", hostkeys.KNOWN),
        ("CMS.example.com ssh-ed25519 {key}", "cms.example.com", hostkeys.KNOWN),
        ("*.example.com ssh-ed25519 {key}", "cms.example.com", hostkeys.KNOWN),
        ("*.example.com,!cms.example.com ssh-ed25519 {key}", "cms.example.com", hostkeys.UNKNOWN),
        ("[cms.example.com]:2222 ssh-ed25519 {key}", "[cms.example.com]:2222", hostkeys.KNOWN),
        ("[cms.example.com]:2222 ssh-ed25519 {key}", "cms.example.com", hostkeys.UNKNOWN),
        ("cms.example.com ssh-ed25519 {other}", "cms.example.com", hostkeys.CHANGED),
        ("cms.example.com ssh-rsa {other}", "cms.example.com", hostkeys.CHANGED),
        ("@revoked * ssh-ed25519 {key}", "cms.example.com", hostkeys.REVOKED),
        ("@cert-authority * ssh-ed25519 {key}", "cms.example.com", hostkeys.UNKNOWN),
        ("# cms.example.com ssh-ed25519 {key}", "cms.example.com", hostkeys.UNKNOWN),
        ("cms.example.com ssh-ed25519", "cms.example.com", hostkeys.UNKNOWN),
        ("cms.example.com ssh-ed25519 !!!", "cms.example.com", hostkeys.UNKNOWN),
        ("|1|nonsense|x ssh-ed25519 {key}", "cms.example.com", hostkeys.UNKNOWN),
        ("{hashed} ssh-ed25519 {key}", "cms.example.com", hostkeys.KNOWN),
        ("{hashed} ssh-ed25519 {key}", "other.example.com", hostkeys.UNKNOWN),
    ],
)
def test_known_hosts_lines_mean_what_they_mean_to_openssh(
    tmp_path: pathlib.Path, line: str, host: str, verdict: str
) -> None:
    file = tmp_path / "known"
    hashed = paramiko.HostKeys.hash_host("cms.example.com")
    file.write_text(line.format(key="a2V5", other="b3RoZXI=", hashed=hashed) + "\n")
    assert hostkeys.KnownHosts([str(file)], str(file)).verdict(host, b"key") == verdict


# One credential, one attempt (S12) -----------------------------------------------------------------------------------


@pytest.mark.parametrize("methods", [("password",), ("password", "keyboard-interactive"), ("keyboard-interactive",)])
def test_s12_password_is_offered_once_by_one_method(appliance: Start, endpoint: Point, methods: Any) -> None:
    node = appliance(methods=methods)
    connect(endpoint(node))
    assert len(node.attempts) == 1


@pytest.mark.parametrize("methods", [("password",), ("password", "keyboard-interactive"), ("keyboard-interactive",)])
def test_s12_refused_password_is_not_tried_again(appliance: Start, endpoint: Point, methods: Any) -> None:
    node = appliance(methods=methods)
    with pytest.raises(AuthenticationFailed, match="one attempt was made") as error:
        connect(endpoint(node, password="wrong-secret-1"))
    assert len(node.attempts) == 1
    assert "lock" in error.value.next_step
    assert "wrong-secret-1" not in str(error.value)


def key_file(folder: pathlib.Path, key: Any, form: Any, passphrase: bytes | None = None) -> pathlib.Path:
    protection: Any = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    file = folder / "key"
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, protection))
    return file


def public(key: Any) -> bytes:
    text = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return bytes(paramiko.PKey.from_type_string(*_parts(text)).asbytes())


def _parts(text: bytes) -> tuple[str, bytes]:
    kind, blob = text.split()[:2]
    return kind.decode(), base64.b64decode(blob)


@pytest.mark.parametrize("form", [serialization.PrivateFormat.OpenSSH, serialization.PrivateFormat.PKCS8])
@pytest.mark.parametrize("passphrase", [None, b"phrase-of-the-tests"])
@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_private_key_is_offered_instead_of_the_password(
    appliance: Start, endpoint: Point, tmp_path: pathlib.Path, kind: str, passphrase: bytes | None, form: Any
) -> None:
    key: Any = {
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
    }[kind]()
    node = appliance(methods=("publickey", "password"), public_key=public(key))
    file = key_file(tmp_path, key, form, passphrase)
    connect(endpoint(node, private_key_file=str(file), passphrase=passphrase.decode() if passphrase else None))
    assert set(node.attempts) == {"publickey"}


def test_s12_refused_key_is_not_followed_by_the_password(
    appliance: Start, endpoint: Point, tmp_path: pathlib.Path
) -> None:
    node = appliance(methods=("publickey", "password"), public_key=b"other")
    file = key_file(tmp_path, ed25519.Ed25519PrivateKey.generate(), serialization.PrivateFormat.OpenSSH)
    with pytest.raises(AuthenticationFailed):
        connect(endpoint(node, private_key_file=str(file)))
    assert set(node.attempts) == {"publickey"}


def test_password_is_used_where_keys_are_not_taken(appliance: Start, endpoint: Point, tmp_path: pathlib.Path) -> None:
    node = appliance()
    file = key_file(tmp_path, ed25519.Ed25519PrivateKey.generate(), serialization.PrivateFormat.OpenSSH)
    connect(endpoint(node, private_key_file=str(file)))
    assert node.attempts == ["password"]


def test_key_nobody_takes_is_an_error_without_an_attempt(
    appliance: Start, endpoint: Point, tmp_path: pathlib.Path
) -> None:
    node = appliance()
    file = key_file(tmp_path, ed25519.Ed25519PrivateKey.generate(), serialization.PrivateFormat.OpenSSH)
    with pytest.raises(AuthenticationFailed, match="nothing was tried"):
        connect(endpoint(node, private_key_file=str(file), password=None))
    assert node.attempts == []


@pytest.mark.parametrize("passphrase", [None, "wrong-phrase-1"])
def test_locked_private_key_is_noticed_before_connecting(
    appliance: Start, endpoint: Point, tmp_path: pathlib.Path, passphrase: str | None
) -> None:
    node = appliance()
    key = ec.generate_private_key(ec.SECP256R1())
    file = key_file(tmp_path, key, serialization.PrivateFormat.OpenSSH, b"right")
    with pytest.raises(KeyProblem) as error:
        connect(endpoint(node, private_key_file=str(file), passphrase=passphrase))
    assert "wrong-phrase-1" not in str(error.value)
    assert node.connections == 0


def test_file_that_is_no_private_key_is_named(appliance: Start, endpoint: Point, tmp_path: pathlib.Path) -> None:
    (tmp_path / "key").write_text("no key")
    with pytest.raises(KeyProblem, match="key"):
        connect(endpoint(appliance(), private_key_file=str(tmp_path / "key")))
    with pytest.raises(BadOption, match="private_key_file"):
        connect(endpoint(appliance(), private_key_file=str(tmp_path / "none")))


@pytest.mark.parametrize("missing", [{"user": ""}, {"password": None}])
def test_missing_credential_is_named_before_connecting(
    appliance: Start, endpoint: Point, missing: dict[str, Any]
) -> None:
    node = appliance()
    with pytest.raises(BadOption, match="set ansible_"):
        connect(endpoint(node, **missing))
    assert node.connections == 0


# Questions at the login ----------------------------------------------------------------------------------------------


def test_password_change_in_keyboard_interactive_is_not_answered(appliance: Start, endpoint: Point) -> None:
    node = appliance(
        methods=("keyboard-interactive",),
        rounds=[("", [("Password: ", False)]), ("Your password has expired", [("New password: ", False)])],
    )
    with pytest.raises(PasswordChangeRequired) as error:
        connect(endpoint(node))
    assert "Your password has expired" in error.value.transcript
    assert node.responses == [[PASSWORD]]


@pytest.mark.parametrize("questions", [[("Token: ", True)], [("Password: ", False), ("Token: ", False)]])
def test_other_questions_are_not_answered(appliance: Start, endpoint: Point, questions: Any) -> None:
    node = appliance(methods=("keyboard-interactive",), rounds=[("", questions)])
    with pytest.raises(AuthenticationFailed, match="something else"):
        connect(endpoint(node))
    assert node.responses == []


def test_password_asked_for_again_is_not_sent_again(appliance: Start, endpoint: Point) -> None:
    question = ("", [("Password: ", False)])
    node = appliance(methods=("keyboard-interactive",), rounds=[question, question])
    with pytest.raises(AuthenticationFailed, match="once more"):
        connect(endpoint(node))
    assert node.responses == [[PASSWORD]]


def test_banner_and_instructions_are_notices(appliance: Start, endpoint: Point) -> None:
    node = appliance(
        banner="Keep out\r\n\r\nAll is logged",
        methods=("keyboard-interactive",),
        rounds=[("", [("Password: ", False)]), ("password expires in 3 days", [])],
    )
    assert connect(endpoint(node)) == ["Keep out", "All is logged", "password expires in 3 days"]


# What goes wrong before -----------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_closed_port_is_a_failed_connection() -> None:
    with pytest.raises(ConnectionFailed, match="refused"):
        connect(Endpoint("127.0.0.1", free_port(), USER, PASSWORD))


def test_unknown_name_is_a_failed_connection() -> None:
    with pytest.raises(ConnectionFailed, match="cannot be reached"):
        connect(Endpoint("no-such-host.invalid", 22, USER, PASSWORD))


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-gone\r\n"])
def test_port_without_ssh_is_a_failed_connection(words: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _address = listener.accept()
            client.sendall(words)
            client.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(ConnectionFailed, match="SSH"):
            connect(Endpoint("127.0.0.1", listener.getsockname()[1], USER, PASSWORD, connect_timeout=3))
        thread.join()


def test_silent_port_is_given_up(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(ConnectionFailed):
        connect(Endpoint("127.0.0.1", listener.getsockname()[1], USER, PASSWORD, connect_timeout=0.5))
    # paramiko would print a traceback of its own.
    assert capfd.readouterr().err == ""


# Ways round ----------------------------------------------------------------------------------------------------------


def test_jump_host_leads_to_the_node(appliance: Start, endpoint: Point, home: pathlib.Path) -> None:
    node = appliance()
    jump = appliance(users={"jumper": "other-secret-2"})
    know(jump, home)
    way = Endpoint("127.0.0.1", jump.port, "jumper", "other-secret-2", connect_timeout=5)
    connect(endpoint(node, proxy_jump=way))
    assert list(jump.forwards.values()) == [("127.0.0.1", node.port)]
    assert (jump.attempts, node.attempts) == (["password"], ["password"])


def test_unknown_key_of_a_jump_host_is_refused(appliance: Start, endpoint: Point) -> None:
    node, jump = appliance(), appliance()
    with pytest.raises(HostKeyProblem):
        connect(endpoint(node, proxy_jump=stranger(jump)))
    assert (jump.attempts, node.connections) == ([], 0)


def test_proxy_command_leads_to_the_node(appliance: Start, endpoint: Point, tmp_path: pathlib.Path) -> None:
    node = appliance()
    script = tmp_path / "way.py"
    script.write_text(
        "import socket, sys, threading\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def up():\n"
        "    while data := sys.stdin.buffer.raw.read(4096): s.sendall(data)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while data := s.recv(4096): sys.stdout.buffer.write(data); sys.stdout.buffer.flush()\n"
    )
    connect(endpoint(node, proxy_command=f"{shlex.join([sys.executable, str(script)])} %h %p"))
    assert node.attempts == ["password"]


def test_proxy_command_that_fails_is_quoted(appliance: Start, endpoint: Point) -> None:
    words = shlex.join([sys.executable, "-c", "import sys; sys.exit('no way to %h')"])
    with pytest.raises(ConnectionFailed, match=r"no way to 127\.0\.0\.1"):
        connect(endpoint(appliance(), proxy_command=words))
    with pytest.raises(ConnectionFailed, match="cannot be started"):
        connect(endpoint(appliance(), proxy_command="/no/such/program %h"))
