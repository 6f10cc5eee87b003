# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bytes to and from one node: TCP or a way round, host key, one login, channels. Knows no prompt and no command.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Any

from .._errors import ConnectionFailed, HostKeyProblem, SessionLost
from . import hostkeys, login
from .endpoint import Endpoint
from .proxy import ProxyProcess

try:
    import paramiko
except ImportError:
    pass

__all__ = ["ByteStream", "ChannelRefused", "Endpoint", "Transport"]

USER_KNOWN_HOSTS = "~/.ssh/known_hosts"
_REFUSED_PAUSE = 0.1


class ChannelRefused(ConnectionFailed):
    """The node does not open another channel."""


class _Reasons(logging.Handler):
    """Keep what the server says when it hangs up, which paramiko only logs, and keep its log off the screen."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.disconnect = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record of paramiko."""
        text = record.getMessage()
        if "Disconnect" in text:
            self.disconnect = text.split(":", 1)[-1].strip()


class ByteStream:
    """The bytes of one channel."""

    def __init__(self, channel: Any, node: str) -> None:
        self._channel = channel
        self._node = node

    def read(self, timeout: float) -> bytes | None:
        """Give what has arrived, ``b""`` at the end, None when nothing came in ``timeout`` seconds."""
        self._channel.settimeout(max(timeout, 0.001))
        try:
            return bytes(self._channel.recv(65536))
        except TimeoutError:
            return None
        except (OSError, EOFError):
            return b""

    def write(self, data: bytes, timeout: float) -> None:
        """Send all of ``data``. Raises SessionLost."""
        self._channel.settimeout(timeout)
        try:
            self._channel.sendall(data)
        except (OSError, EOFError) as exc:
            raise SessionLost(
                self._node, "the connection ended while a command was being sent", "look at the node, then run again"
            ) from exc

    def exit_status(self, timeout: float) -> int | None:
        """Give the exit status once the channel has ended; None where the node sends none."""
        self._channel.status_event.wait(timeout)
        status = int(self._channel.exit_status)
        return status if self._channel.exit_status_ready() and status >= 0 else None

    @property
    def ended_in_order(self) -> bool:
        """Say whether the node itself ended the output or the channel; one that ends with its connection just ends."""
        # A node that closes a channel is answered with an end of our own, as nothing else is here.
        return bool(self._channel.eof_received or self._channel.eof_sent)

    def close(self) -> None:
        """Close the channel."""
        try:
            self._channel.close()
        except (OSError, EOFError):
            return


def _hang_up(channel: Any) -> None:
    """Close a channel, also where the connection below it has just gone."""
    with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
        channel.close()


class Transport:
    """One SSH connection to one node. ``open`` makes exactly one login."""

    def __init__(self, endpoint: Endpoint) -> None:
        login.require_paramiko()
        self.endpoint = endpoint
        self.notices: list[str] = []
        self._ssh: Any = None
        self._proxy: ProxyProcess | None = None
        self._jump: Transport | None = None
        self._reasons = _Reasons()
        self._last_channel = 0.0

    def __repr__(self) -> str:
        return f"Transport({self.endpoint}, {'open' if self.is_open else 'closed'})"

    def __enter__(self) -> Transport:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Say whether the login still stands."""
        return bool(self._ssh is not None and self._ssh.is_active() and self._ssh.is_authenticated())

    @property
    def last_words(self) -> str:
        """Give what the server said when it hung up, if anything."""
        return self._reasons.disconnect

    @property
    def software(self) -> str:
        """Give the line with which the server named its SSH software, empty before it did."""
        return str(getattr(self._ssh, "remote_version", "") or "")

    def open(self) -> None:
        """Connect, check the host key, log in once.

        Raises ConnectionFailed, HostKeyProblem, AuthenticationFailed, BadOption, KeyProblem.
        """
        endpoint = self.endpoint
        # Read before connecting: an unreadable key or known_hosts file must not cost a connection.
        credential = login.Credential(endpoint)
        known = hostkeys.KnownHosts(
            [USER_KNOWN_HOSTS, *filter(None, [endpoint.known_hosts_file])],
            endpoint.known_hosts_file or USER_KNOWN_HOSTS,
        )
        try:
            self._negotiate(known)
            self._check_host_key(known)
            self.notices = credential.log_in(self._ssh, lambda: self.last_words)
        except BaseException:
            self.close()
            raise
        # An idle login behind a firewall must not be forgotten while a service restarts.
        self._ssh.set_keepalive(30)

    def _negotiate(self, known: hostkeys.KnownHosts) -> None:
        endpoint = self.endpoint
        ssh = None
        try:
            ssh = paramiko.Transport(self._socket())
            ssh.logger = logging.Logger("certops.cms.mmp", logging.INFO)
            ssh.logger.addHandler(self._reasons)
            ssh.banner_timeout = ssh.handshake_timeout = ssh.auth_timeout = endpoint.connect_timeout
            ssh.channel_timeout = endpoint.command_timeout
            self._ssh = ssh
            self._prefer_known_types(known)
            ssh.start_client(timeout=endpoint.connect_timeout)
        except (paramiko.SSHException, EOFError, OSError) as exc:
            detail = self.last_words or (self._proxy.said() if self._proxy else "") or str(exc) or type(exc).__name__
            raise ConnectionFailed(
                str(endpoint),
                f"no SSH session could be agreed on: {detail}",
                "check that this is the SSH port of the node and that it takes another connection",
            ) from exc
        if not ssh.initial_kex_done:
            raise ConnectionFailed(
                str(endpoint),
                f"no SSH session was agreed on in {endpoint.connect_timeout:g} seconds",
                "check that this is the SSH port of the node, or raise the connect timeout",
            )

    def _prefer_known_types(self, known: hostkeys.KnownHosts) -> None:
        """Ask for a key type we know, or a node with several host keys would look like a stranger."""
        types = known.key_types(hostkeys.host_name(self.endpoint.host, self.endpoint.port))
        if "ssh-rsa" in types:
            types += ["rsa-sha2-512", "rsa-sha2-256"]
        options = self._ssh.get_security_options()
        offered = list(options.key_types)
        options.key_types = [name for name in offered if name in types] + [
            name for name in offered if name not in types
        ]

    def _check_host_key(self, known: hostkeys.KnownHosts) -> None:
        endpoint = self.endpoint
        key = self._ssh.get_remote_server_key()
        blob, key_type = bytes(key.asbytes()), str(key.get_name())
        host = hostkeys.host_name(endpoint.host, endpoint.port)
        verdict = known.verdict(host, blob)
        shown = f"{key_type} {hostkeys.fingerprint(blob)}"
        if verdict == hostkeys.KNOWN:
            return
        if verdict in (hostkeys.CHANGED, hostkeys.REVOKED):
            places = [entry.where for entry in known.about(host)]
            lines, files = ", ".join(places), dict.fromkeys(place.rpartition(":")[0] for place in places)
            forget = "; ".join(f"ssh-keygen -f {file} -R '{host}'" for file in files)
            raise HostKeyProblem(
                str(endpoint),
                f"the host key {shown} is {'not the one known so far' if verdict == hostkeys.CHANGED else 'revoked'}"
                f" ({lines}); nothing was sent to it",
                f"find out why it changed; if it is right, remove the old key with: {forget}",
            )
        if not endpoint.host_key_checking:
            return
        if not endpoint.accept_new:
            raise HostKeyProblem(
                str(endpoint),
                f"the host key {shown} is not known",
                f"compare the fingerprint with the node's console, then add the key with:"
                f" ssh-keyscan -p {endpoint.port} {endpoint.host} >> {known.writable}"
                " (or let new keys be accepted with the option host_key_auto_add)",
            )
        if not endpoint.read_only_known_hosts:
            known.remember(host, key_type, blob)

    # The way ---------------------------------------------------------------------------------------------------------

    def _socket(self) -> Any:
        endpoint = self.endpoint
        if endpoint.proxy_command:
            self._proxy = ProxyProcess(endpoint, endpoint.proxy_command)
            return self._proxy.socket
        if endpoint.proxy_jump:
            return self._through_jump(endpoint.proxy_jump)
        try:
            return socket.create_connection((endpoint.host, endpoint.port), timeout=endpoint.connect_timeout)
        except TimeoutError as exc:
            raise ConnectionFailed(
                str(endpoint),
                f"no answer in {endpoint.connect_timeout:g} seconds",
                "check address, routing and firewall, or raise the connect timeout",
            ) from exc
        except OSError as exc:
            raise ConnectionFailed(
                str(endpoint),
                f"cannot be reached: {exc.strerror or exc}",
                "check address and port, and that the node is up",
            ) from exc

    def _through_jump(self, jump: Endpoint) -> Any:
        self._jump = Transport(jump)
        self._jump.open()
        target = (self.endpoint.host, self.endpoint.port)
        try:
            return self._jump._ssh.open_channel(
                "direct-tcpip", target, ("127.0.0.1", 0), timeout=self.endpoint.connect_timeout
            )
        except (paramiko.SSHException, EOFError, OSError) as exc:
            raise ConnectionFailed(
                str(self.endpoint),
                f"the jump host {jump} does not reach it: {exc}",
                "check that the jump host may forward to the node's address and port",
            ) from exc

    # Channels --------------------------------------------------------------------------------------------------------

    def open_exec(self, command: str) -> ByteStream:
        """Run one command in a channel of its own, without a terminal. Raises ChannelRefused or SessionLost."""
        channel = self._channel("exec")
        try:
            channel.set_combine_stderr(True)
            channel.exec_command(command)
        except (paramiko.SSHException, EOFError, OSError) as exc:
            channel.close()
            raise self._refusal("exec", exc) from exc
        return self._stream(channel)

    def open_shell(self, width: int, height: int) -> ByteStream:
        """Open a shell on a terminal of this size. Raises ChannelRefused or SessionLost."""
        channel = self._channel("shell")
        try:
            channel.get_pty(term="dumb", width=width, height=height)
            channel.set_combine_stderr(True)
            channel.invoke_shell()
        except (paramiko.SSHException, EOFError, OSError) as exc:
            channel.close()
            raise self._refusal("shell", exc) from exc
        return self._stream(channel)

    def _stream(self, channel: Any) -> ByteStream:
        """Give the bytes of a channel; the recorder listens in here."""
        return ByteStream(channel, str(self.endpoint))

    def open_sftp(self, timeout: float) -> Any:
        """Open SFTP on this login; gives paramiko's client. Raises ChannelRefused or SessionLost."""
        channel = self._channel("sftp")
        # The timeout of a channel begins anew with every byte, so a node could greet without end.
        watch = threading.Timer(timeout, _hang_up, [channel])
        watch.daemon = True
        watch.start()
        try:
            channel.settimeout(timeout)
            channel.invoke_subsystem("sftp")
            client = paramiko.SFTPClient(channel)
        except (paramiko.SSHException, paramiko.SFTPError, struct.error, LookupError, EOFError, OSError) as exc:
            channel.close()
            raise self._refusal("sftp", exc) from exc
        finally:
            watch.cancel()
        channel.settimeout(timeout)
        return client

    def _channel(self, kind: str) -> Any:
        """Open a channel, not too soon after the one before; once more when it is refused."""
        last: Exception | None = None
        for pause in (0.0, _REFUSED_PAUSE):
            wait = max(pause, self._last_channel + self.endpoint.pacing - time.monotonic())
            if wait > 0:
                time.sleep(wait)
            if not self.is_open:
                break
            self._last_channel = time.monotonic()
            try:
                return self._ssh.open_session(timeout=self.endpoint.command_timeout)
            except (paramiko.SSHException, EOFError, OSError) as exc:
                last = exc
        raise self._refusal(kind, last) from last

    def _refusal(self, kind: str, exc: Exception | None) -> ConnectionFailed | SessionLost:
        if not self.is_open:
            said = f" ({self.last_words})" if self.last_words else ""
            return SessionLost(
                str(self.endpoint), f"the node ended the connection{said}", "look at the node, then run again"
            )
        return ChannelRefused(
            str(self.endpoint),
            f"the node refuses a channel for {kind}: {exc}",
            "close other sessions of this user, or choose another kind of channel",
        )

    def close(self) -> None:
        """Hang up, and everything that was opened on the way."""
        if self._ssh is not None:
            # The thread that reads holds the socket for a while; without this the node would count the login that long.
            with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
                self._ssh.sock.shutdown(socket.SHUT_RDWR)
            self._ssh.close()
            # A transport that never became active closes nothing by itself.
            self._ssh.sock.close()
        if self._proxy is not None:
            self._proxy.close()
            self._proxy = None
        if self._jump is not None:
            self._jump.close()
            self._jump = None
