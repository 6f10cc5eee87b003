# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a node is and with which one credential to log in.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import shutil
from collections.abc import Iterator

from .._errors import BadOption

CHANNELS = ("auto", "exec", "shell")


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A node (or a jump host), its one credential, and how patient to be. Times are seconds.

    ``read_only_known_hosts`` is for check mode: an accepted new host key is then not written down.
    A private key is used where the server takes public keys; else the password, once.
    """

    host: str
    port: int = 22
    user: str = ""
    password: str | None = dataclasses.field(default=None, repr=False)
    private_key_file: str | None = None
    passphrase: str | None = dataclasses.field(default=None, repr=False)
    known_hosts_file: str | None = None
    host_key_checking: bool = True
    accept_new: bool = False
    read_only_known_hosts: bool = False
    proxy_jump: Endpoint | None = None
    proxy_command: str | None = dataclasses.field(default=None, repr=False)
    connect_timeout: float = 15.0
    command_timeout: float = 30.0
    long_timeout: float = 180.0
    channel: str = "auto"
    pacing: float = 0.05
    name: str = ""

    def __post_init__(self) -> None:
        if self.channel not in CHANNELS:
            raise BadOption("channel", f"{self.channel!r} is not one of {', '.join(CHANNELS)}", "choose one of them")
        if not 0 < self.port < 65536:
            raise BadOption("port", f"{self.port} is not a TCP port", "give the SSH port of the node, 22 as a rule")
        for option in ("connect_timeout", "command_timeout", "long_timeout"):
            if getattr(self, option) <= 0:
                raise BadOption(option, "it must be longer than nothing", "give a number of seconds")
        if self.proxy_jump and self.proxy_command:
            raise BadOption(
                "proxy_jump", "a jump host and a proxy command are both set", "keep the one that reaches the node"
            )

    def __str__(self) -> str:
        address = f"{self.host}:{self.port}"
        return f"{self.name} ({address})" if self.name and self.name != self.host else address

    def secrets(self) -> Iterator[str]:
        """Give every secret of this endpoint and of its jump hosts."""
        for value in (self.password, self.passphrase):
            if value:
                yield value
        if self.proxy_jump:
            yield from self.proxy_jump.secrets()


@dataclasses.dataclass(frozen=True)
class SshArguments:
    """What matters here of ``ansible_ssh_common_args`` and its relatives."""

    proxy_jump: str | None = None
    proxy_command: str | None = None
    strict_host_key_checking: str | None = None
    known_hosts_file: str | None = None


def parse_ssh_arguments(*arguments: str | None) -> SshArguments:
    """Find jump host, proxy command and host key settings in OpenSSH arguments; the first mention wins."""
    found: dict[str, str] = {}
    for text in arguments:
        try:
            words = shlex.split(text or "")
        except ValueError as exc:
            raise BadOption("ansible_ssh_common_args", f"cannot be read ({exc})", "close its quotes") from exc
        for name, value in _options(words):
            found.setdefault(name, value)
    jump, command = found.get("proxyjump"), found.get("proxycommand")
    known = found.get("userknownhostsfile")
    return SshArguments(
        proxy_jump=jump if jump and jump.lower() != "none" else None,
        proxy_command=command if command and command.lower() != "none" else None,
        strict_host_key_checking=found.get("stricthostkeychecking", "").lower() or None,
        known_hosts_file=shlex.split(known)[0] if known and known.strip() else None,
    )


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    rest = iter(words)
    for word in rest:
        if word.startswith("-J"):
            yield "proxyjump", word[2:] or next(rest, "")
        elif word.startswith("-o"):
            name, _sep, value = _keyword(word[2:] or next(rest, ""))
            yield name.lower(), value


def _keyword(text: str) -> tuple[str, str, str]:
    parts = re.match(r"\s*(\w+)(\s*=\s*|\s+)(.*)$", text, re.DOTALL)
    return (parts.group(1), parts.group(2), parts.group(3).strip()) if parts else (text, "", "")


def split_hop(hop: str) -> tuple[str | None, str, int]:
    """Split ``user@host:port`` (IPv6 in brackets) into user, host and port."""
    parts = re.fullmatch(r"(?:ssh://)?(?:(.+)@)?(\[[0-9A-Fa-f:.%\w]+\]|[^:@\[\]\s]+)(?::(\d{1,5}))?/?", hop.strip())
    if not parts or parts.group(2).startswith("-"):
        raise BadOption("proxy_jump", f"{hop!r} is not a jump host", "write it as user@host:port")
    return parts.group(1), parts.group(2).strip("[]"), int(parts.group(3) or 22)


def jump_through(
    target: Endpoint,
    hops: str,
    *,
    password: str | None = None,
    private_key_file: str | None = None,
    passphrase: str | None = None,
) -> Endpoint:
    """Give the endpoint, reached through one or several jump hosts (``user@host:port,...``).

    With a credential for the jump hosts this collection logs in to them itself. Without one it leaves them to the
    OpenSSH client, so that the agent and ~/.ssh/config of the user apply to the jump hosts, as they do in Ansible.
    The node's own credential is never offered to a jump host.
    """
    parsed = [split_hop(hop) for hop in hops.split(",") if hop.strip()]
    if not parsed:
        return target
    if not (password or private_key_file):
        return dataclasses.replace(target, proxy_command=_openssh_hop(target, parsed), proxy_jump=None)
    jump: Endpoint | None = None
    for user, host, port in parsed:
        if not user:
            raise BadOption("proxy_jump", f"no user is named for {host}", "write it as user@host:port")
        jump = dataclasses.replace(
            target,
            host=host,
            port=port,
            user=user,
            password=password,
            private_key_file=private_key_file,
            passphrase=passphrase,
            proxy_jump=jump,
            proxy_command=None,
            name="",
        )
    return dataclasses.replace(target, proxy_jump=jump, proxy_command=None)


def _openssh_hop(target: Endpoint, hops: list[tuple[str | None, str, int]]) -> str:
    if not shutil.which("ssh"):
        raise BadOption(
            "proxy_jump",
            "without a password or key for the jump host the OpenSSH client is needed, and it is not installed",
            "install it, or give the jump host's own credential",
        )
    words = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={max(1, round(target.connect_timeout))}"]
    if not target.host_key_checking:
        words += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    else:
        # A jump host is never added silently: in check mode nothing may be written at all.
        words += ["-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no"]
    user, host, port = hops[-1]
    if len(hops) > 1:
        words += ["-J", ",".join(f"{f'{u}@' if u else ''}{f'[{h}]' if ':' in h else h}:{p}" for u, h, p in hops[:-1])]
    words += ["-W", "[%h]:%p" if ":" in target.host else "%h:%p"]
    if port != 22:
        words += ["-p", str(port)]
    if user:
        words += ["-l", user]
    return shlex.join([*words, "--", host])
