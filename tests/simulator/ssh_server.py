# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The SSH door of a node: authentication, limits, and what a channel becomes."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncssh

from .pki_commands import public_keys
from .sftp import NodeSftp
from .shell import execute, shell

if TYPE_CHECKING:
    from .node import Node

_BANNER = "Authorised users only.\n"
_BANNERS = f"""{"*" * 32}
*  Authorised users only.      *
*  login: as admin> please     *
{"*" * 32}
"""
_CLI_ROLES = ("admin", "crypto", "audit")
_PACE = 0.025  # seconds between channels below which one is refused


def host_key(directory: Path) -> asyncssh.SSHKey:
    """The node's host key, made once and kept on disk."""
    path = directory / "host_key"
    if path.exists():
        return asyncssh.read_private_key(str(path))
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(path))
    path.chmod(0o600)
    return key


class _Process(asyncssh.SSHServerProcess[str]):
    """A channel: shell, exec (where it is accepted) or SFTP."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        super().__init__(server.run, server.sftp, 3, False)

    def exec_requested(self, command: str) -> bool:
        """Refused under one position of exec_channel."""
        if self._server.node.sw.is_("exec_channel", "refused"):
            self._server.node.event("exec_refused", user=self._server.user)
            return False
        return bool(super().exec_requested(command))

    def subsystem_requested(self, subsystem: str) -> bool:
        """SFTP only, and not before an expired password was changed."""
        if self._server.node.must_change(self._server.user):
            return False
        return bool(super().subsystem_requested(subsystem))


class _Server(asyncssh.SSHServer):
    """One connection."""

    def __init__(self, door: SshDoor) -> None:
        self.door = door
        self.node: Node = door.node
        self.user = ""
        self.connection: Any = None
        self._counted = False
        self._last_channel = 0.0
        self._old_password = ""

    # --- connection ---------------------------------------------------------------------------------------------
    def connection_made(self, conn: Any) -> None:
        """A client is there."""
        self.connection = conn
        self.door.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self.door.connections.discard(self.connection)
        if self._counted:
            self.node.sessions[self.user] -= 1

    # --- authentication -----------------------------------------------------------------------------------------
    def begin_auth(self, username: str) -> bool:
        """Every user has to prove who it is; a banner comes first."""
        self.user = username
        self._let_ask_again()
        banner = {"none": "", "one_line": _BANNER, "many_lines": _BANNERS}[self.node.sw["banner"]]
        if banner:
            self.connection.send_auth_banner(banner)
        return True

    def _let_ask_again(self) -> None:
        """Accept another request for the authentication service, as OpenSSH does: paramiko sends one per method."""
        self.connection._next_service = b"ssh-userauth"

    def _source(self) -> str:
        peer = self.connection.get_extra_info("peername")
        return str(peer[0]) if peer else ""

    def _refused(self, username: str) -> str:
        """Why this user cannot log in whatever it presents; empty if it can."""
        user = self.node.user(username)
        if self.node.locked(username):
            return "locked out"
        if self.node.faults.standing("refuse_login") and self.node.faults.take("refuse_login", username):
            return "refused by a fault"
        if user is None:
            return "unknown user"
        if user.role not in _CLI_ROLES:
            return f"role {user.role} has no command line"
        return ""

    def _check(self, username: str, password: str) -> bool:
        why = self._refused(username)
        if not why and not self.node.password_ok(username, password):
            why = "wrong password"
        if why:
            self.node.failed_login(username, why, self._source())
            return False
        self._old_password = password
        return True

    def password_auth_supported(self) -> bool:
        """Unless only keyboard-interactive is offered."""
        self._let_ask_again()
        return not self.node.sw.is_("login_method", "keyboard_interactive")

    def validate_password(self, username: str, password: str) -> bool:
        """Check, and perhaps demand a new one."""
        if not self._check(username, password):
            return False
        if self.node.must_change(username) and self.node.sw.is_("password_change", "at_login"):
            raise asyncssh.PasswordChangeRequired("Your password has expired, please set a new password")
        return True

    def change_password(self, username: str, old_password: str, new_password: str) -> bool:
        """The client answered the demand."""
        if not new_password or not self._check(username, old_password):
            return False
        self.node.set_password(username, new_password)
        return True

    def kbdint_auth_supported(self) -> bool:
        """Unless only passwords are taken."""
        return not self.node.sw.is_("login_method", "password")

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        """One hidden question."""
        self._old_password = ""
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: Any) -> Any:
        """The password, and perhaps a new one."""
        if self._old_password:
            if len(responses) == 2 and responses[0] and responses[0] == responses[1]:
                self.node.set_password(username, responses[0])
                return True
            return False
        if len(responses) != 1 or not self._check(username, responses[0]):
            return False
        if self.node.must_change(username) and self.node.sw.is_("password_change", "at_login"):
            instruction = "Your password has expired, please set a new password"
            return "", instruction, "", [("New password: ", False), ("New password again: ", False)]
        return True

    def public_key_auth_supported(self) -> bool:
        """Always offered."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Keys of the fleet file and of an uploaded <user>.pub."""
        user = self.node.user(username)
        if user is None or user.role not in _CLI_ROLES or self.node.locked(username):
            return False
        wanted = key.export_public_key().split()[:2]
        lines = [*user.public_keys, *public_keys(self.node, username)]
        return any(line.encode().split()[:2] == wanted for line in lines)

    def auth_completed(self) -> None:
        """Logged in; the session limit may end it at once."""
        node = self.node
        self.user = self.connection.get_extra_info("username") or self.user
        count = node.sessions.get(self.user, 0) + 1
        limit = node.sw["session_limit"]
        rule = node.world.config.rules.get("max_sessions", 0)
        if (limit != "none" and count >= int(limit)) or (rule and count > rule):
            node.event("login_failed", user=self.user, why="session limit", source=self._source())
            self.connection.disconnect(asyncssh.DISC_TOO_MANY_CONNECTIONS, "Too many sessions")
            return
        self._counted = True
        node.sessions[self.user] = count
        node.logins[self.user] = node.logins.get(self.user, 0) + 1
        node.failed_logins.pop(self.user, None)
        node.event("login", user=self.user, source=self._source(), logins=sum(node.logins.values()))

    # --- channels -----------------------------------------------------------------------------------------------
    def session_requested(self) -> Any:
        """A channel; one opened too fast after another is refused under a switch."""
        now = time.monotonic()
        too_fast = now - self._last_channel < _PACE
        self._last_channel = now
        if too_fast and self.node.sw.is_("channel_pacing", "refuse_fast"):
            self.node.event("channel_refused", user=self.user)
            return False
        return _Process(self)

    async def run(self, process: Any) -> None:
        """Shell or exec."""
        if process.command is not None:
            await execute(self.node, self.user, process, self.connection, process.command)
        else:
            await shell(self.node, self.user, process, self.connection)

    def sftp(self, chan: Any) -> NodeSftp:
        """The SFTP server of this login."""
        return NodeSftp(chan, self.node, self.user)


class SshDoor:
    """Listens for one node; closed while the node is unreachable or reboots."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.key = host_key(node.directory)
        self.connections: set[Any] = set()
        self._listener: Any = None
        self._lock = asyncio.Lock()

    @property
    def known_host(self) -> str:
        """The line for a known_hosts file."""
        public = self.key.export_public_key().decode().split()
        address, port = self.node.cfg.address, self.node.cfg.ports["ssh"]
        where = address if port == 22 else f"[{address}]:{port}"
        return f"{where} {public[0]} {public[1]}"

    async def refresh(self) -> None:
        """Open or close as the node's state says."""
        async with self._lock:
            closed = self.node.rebooting or self.node.faults.standing("unreachable") is not None
            if closed and self._listener is not None:
                self._listener.close()
                self._listener = None
                self.cut()
            elif not closed and self._listener is None:
                self._listener = await asyncssh.listen(
                    self.node.cfg.address,
                    self.node.cfg.ports["ssh"],
                    server_factory=lambda: _Server(self),
                    server_host_keys=[self.key],
                    line_editor=False,
                    encoding="utf-8",
                    errors="replace",
                    login_timeout=60,
                    gss_host=None,
                    reuse_address=True,
                )

    def cut(self) -> None:
        """Cut every connection."""
        for connection in list(self.connections):
            connection.abort()

    async def close(self) -> None:
        """For good."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.cut()
        await asyncio.sleep(0)
