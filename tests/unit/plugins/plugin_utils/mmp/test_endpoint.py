# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Endpoints: options that are checked, secrets that stay inside, jump hosts as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.endpoint import (
    Endpoint,
    jump_through,
    parse_ssh_arguments,
    split_hop,
)
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.proxy import expand

NODE = Endpoint("10.0.0.1", 22, "admin", "hidden-1", passphrase="hidden-2")


def test_repr_hides_every_secret() -> None:
    point = jump_through(NODE, "me@jump", password="hidden-3")
    assert "hidden" not in repr(point) + str(point)
    assert set(point.secrets()) == {"hidden-1", "hidden-2", "hidden-3"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 0},
        {"port": 70000},
        {"channel": "telnet"},
        {"connect_timeout": 0},
        {"command_timeout": -1},
        {"long_timeout": 0},
        {"proxy_jump": NODE, "proxy_command": "x"},
    ],
)
def test_option_that_cannot_be_used_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadOption, match=next(iter(wrong))):
        Endpoint("10.0.0.1", **wrong)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("jump", (None, "jump", 22)),
        ("me@jump", ("me", "jump", 22)),
        ("me@jump:2222", ("me", "jump", 2222)),
        ("[2001:db8::1]:2222", (None, "2001:db8::1", 2222)),
        ("ssh://me@jump:2222", ("me", "jump", 2222)),
        ("me@example.com@jump", ("me@example.com", "jump", 22)),
    ],
)
def test_jump_host_is_read_as_openssh_does(text: str, parts: Any) -> None:
    assert split_hop(text) == parts


@pytest.mark.parametrize("text", ["", "me@", "jump:port", "-oProxyCommand=x", "me@-x", "a b"])
def test_text_that_is_no_jump_host_is_refused(text: str) -> None:
    with pytest.raises(BadOption):
        split_hop(text)


@pytest.mark.parametrize(
    ("text", "jump", "command"),
    [
        ("-J me@jump", "me@jump", None),
        ("-Jme@jump", "me@jump", None),
        ("-o ProxyJump=me@jump:2222 -C", "me@jump:2222", None),
        ("-oProxyJump=me@jump", "me@jump", None),
        ("-o 'ProxyJump me@jump'", "me@jump", None),
        ("-o ProxyCommand='ssh -W %h:%p -q me@jump'", None, "ssh -W %h:%p -q me@jump"),
        ('-o ProxyCommand="ssh -W %h:%p jump" -o proxyjump=x', "x", "ssh -W %h:%p jump"),
        ("-o ProxyJump=none -o ProxyCommand=none", None, None),
        ("-o ProxyJump=first -o ProxyJump=second", "first", None),
        ("-C -o ControlMaster=auto -o ControlPersist=60s", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_jump_hosts_are_found_in_ssh_arguments(text: str | None, jump: str | None, command: str | None) -> None:
    found = parse_ssh_arguments(text)
    assert (found.proxy_jump, found.proxy_command) == (jump, command)


def test_host_key_settings_are_found_in_ssh_arguments() -> None:
    found = parse_ssh_arguments("-o StrictHostKeyChecking=No", "-o UserKnownHostsFile=/dev/null")
    assert (found.strict_host_key_checking, found.known_hosts_file) == ("no", "/dev/null")


def test_open_quote_in_ssh_arguments_is_named() -> None:
    with pytest.raises(BadOption, match="quotes"):
        parse_ssh_arguments("-o 'ProxyJump=x")


def test_jump_hosts_with_a_credential_are_logged_in_to_one_after_the_other() -> None:
    point = jump_through(NODE, "one@first,two@second:2222", password="hidden-3")
    second = point.proxy_jump
    assert second is not None
    assert (second.user, second.host, second.port, second.password) == ("two", "second", 2222, "hidden-3")
    first = second.proxy_jump
    assert first is not None
    assert (first.user, first.host, first.proxy_jump) == ("one", "first", None)
    # The node's own secrets stay with the node.
    assert (first.passphrase, second.passphrase) == (None, None)


def test_jump_host_with_a_credential_needs_a_user() -> None:
    with pytest.raises(BadOption, match="no user"):
        jump_through(NODE, "jump", password="hidden-3")


def test_jump_hosts_without_a_credential_are_left_to_openssh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    words = expand(NODE, jump_through(NODE, "one@first,two@second:2222").proxy_command or "")
    assert words[0] == "ssh"
    assert words[words.index("-W") + 1] == "10.0.0.1:22"
    assert words[words.index("-J") + 1] == "one@first:22"
    assert words[-6:] == ["-p", "2222", "-l", "two", "--", "second"]
    assert "BatchMode=yes" in words
    assert "StrictHostKeyChecking=yes" in words


def test_openssh_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(BadOption, match="OpenSSH"):
        jump_through(NODE, "jump")


def test_proxy_command_gets_host_port_and_user() -> None:
    assert expand(NODE, "exec nc -X 5 %h %p %r 100%% '%h %x'") == [
        "nc",
        "-X",
        "5",
        "10.0.0.1",
        "22",
        "admin",
        "100%",
        "10.0.0.1 %x",
    ]


@pytest.mark.parametrize("command", ["", "exec", "nc '%h"])
def test_proxy_command_that_cannot_be_read_is_named(command: str) -> None:
    with pytest.raises(BadOption, match="proxy_command"):
        expand(NODE, command)
