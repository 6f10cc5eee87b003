# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small appliance on loopback that does exactly what a test scripts: real SSH and SFTP, every byte under control."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from typing import Any

import paramiko

USER = "admin"
PASSWORD = "a-secret-of-the-tests"
#: paramiko sends the reply to a request after it was handled; the work must not overtake it.
_AFTER_REPLY = 0.02


@dataclasses.dataclass
class Script:
    """What the appliance does. ``answers`` maps a command to its text or to a function of the console."""

    users: dict[str, str] = dataclasses.field(default_factory=lambda: {USER: PASSWORD})
    public_key: bytes | None = None
    methods: tuple[str, ...] = ("password",)
    #: Rounds of keyboard-interactive: (instructions, [(question, echo)]). The first answer must be the password.
    rounds: list[tuple[str, list[tuple[str, bool]]]] = dataclasses.field(
        default_factory=lambda: [("", [("Password: ", False)])]
    )
    banner: str = ""
    prompt: str = "cms-a> "
    welcome: str = ""
    echo: bool = True
    newline: str = "\r\n"
    exec_newline: str = "\n"
    wrap: bool = False
    page: int = 0
    pager: str = "--More--"
    exec: bool = True
    exec_status: int | None = 0
    refuse_channels: int = 0
    one_channel: bool = False
    sftp: bool = True
    #: Instead of SFTP: what greets, and then byte by byte without end, or not at all.
    greeting: bytes = b""
    dribble: float = 0.0
    answers: dict[str, str | Callable[[Console], None]] = dataclasses.field(default_factory=dict)
    unknown: str = "unknown command"
    #: Instead of a console: given the raw channel.
    shell: Callable[[Any], None] | None = None
    #: File operations: (operation, name) -> errno to fail with.
    file_faults: dict[tuple[str, str], int] = dataclasses.field(default_factory=dict)
    cut_uploads: int | None = None
    #: Files that have no end, and a name that the list of files repeats without end; each answer takes this long.
    endless: tuple[str, ...] = ()
    endless_list: str = ""
    #: Size and permission bits of files that the list shows beside those that can be read.
    listed: dict[str, tuple[int | None, int | None]] = dataclasses.field(default_factory=dict)
    trickle: float = 0.0


class Console:
    """One shell: reads lines, echoes, answers."""

    def __init__(self, channel: Any, script: Script, width: int, commands: list[str], interactive: bool = True) -> None:
        self.channel = channel
        self.script = script
        self.width = width
        self.commands = commands
        self.interactive = interactive

    def write(self, text: str) -> None:
        newline = self.script.newline if self.interactive else self.script.exec_newline
        self.channel.sendall(text.replace("\n", newline).encode())

    def raw(self, data: bytes) -> None:
        self.channel.sendall(data)

    def read_key(self) -> str:
        data = self.channel.recv(1)
        if not data:
            raise EOFError
        return bytes(data).decode()

    def read_line(self, echo: bool = True, column: int = 0) -> str | None:
        """Read a line; None for Ctrl-C."""
        line = ""
        while True:
            key = self.read_key()
            if key == "\x03":
                self.write("^C\n")
                return None
            if key in "\r\n":
                self.write("\n")
                return line
            line += key
            if echo and self.script.echo:
                self.write(key)
                if self.script.wrap and (column + len(line)) % self.width == 0:
                    self.raw(b" \r")

    def ask(self, question: str, echo: bool = True) -> str | None:
        self.write(question)
        return self.read_line(echo)

    def hang_up(self) -> None:
        self.channel.get_transport().close()
        raise EOFError

    def answer(self, command: str) -> None:
        self.commands.append(command)
        found = self.script.answers.get(command)
        if callable(found):
            found(self)
            return
        text = found if found is not None else self.script.unknown
        if not text:
            return
        self.page(text if text.endswith("\n") else text + "\n")

    def page(self, text: str) -> None:
        if not (self.script.page and self.interactive):
            self.write(text)
            return
        lines = text.splitlines(keepends=True)
        for start in range(0, len(lines), self.script.page):
            self.write("".join(lines[start : start + self.script.page]))
            if start + self.script.page < len(lines):
                self.write(self.script.pager)
                if self.read_key() != " ":
                    return
                self.raw(b"\r" + b" " * len(self.script.pager) + b"\r")

    def loop(self) -> None:
        self.write(self.script.welcome)
        while True:
            self.write(self.script.prompt)
            line = self.read_line(column=len(self.script.prompt))
            if line is None or not line.strip():
                continue
            self.answer(line.strip())


def _attributes(name: str, size: int | None, mode: int | None = stat.S_IFREG | 0o644) -> paramiko.SFTPAttributes:
    entry = paramiko.SFTPAttributes()
    entry.filename, entry.st_size, entry.st_mode = name, size, mode
    return entry


class _Handle(paramiko.SFTPHandle):
    def __init__(self, owner: Appliance, name: str, flags: int) -> None:
        super().__init__(flags)
        self.owner, self.name = owner, name
        self.data = io.BytesIO(b"" if flags & os.O_TRUNC else owner.files.get(name, b""))
        self.written = bool(flags & (os.O_WRONLY | os.O_RDWR))

    def read(self, offset: int, length: int) -> bytes | int:
        if self.name in self.owner.script.endless:
            time.sleep(self.owner.script.trickle)
            return b"A" * (1 if self.owner.script.trickle else length)
        self.data.seek(offset)
        return self.data.read(length)

    def write(self, offset: int, data: bytes) -> int:
        fault = self.owner.script.file_faults.get(("write", self.name))
        if fault:
            return paramiko.SFTPServer.convert_errno(fault)
        self.data.seek(offset)
        self.data.write(data)
        return paramiko.SFTP_OK

    def stat(self) -> Any:
        return _attributes(self.name, len(self.data.getvalue()))

    def close(self) -> None:
        if self.written:
            self.owner.files[self.name] = self.data.getvalue()[: self.owner.script.cut_uploads]


class _EndlessList(list[paramiko.SFTPAttributes]):
    """A folder whose every next page is there; paramiko's server takes pages with slices."""

    def __init__(self, name: str, pause: float) -> None:
        super().__init__()
        self._entry, self._pause = _attributes(name, 1), pause

    def __getitem__(self, place: Any) -> Any:
        if place.start:
            return self
        time.sleep(self._pause)
        return [self._entry] * 16


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, server: Any, owner: Appliance) -> None:
        super().__init__(server)
        self.owner = owner

    def _fault(self, operation: str, path: str) -> int:
        fault = self.owner.script.file_faults.get((operation, path.strip("/")))
        return int(paramiko.SFTPServer.convert_errno(fault)) if fault else 0

    def list_folder(self, path: str) -> Any:
        if self.owner.script.endless_list:
            return _EndlessList(self.owner.script.endless_list, self.owner.script.trickle)
        folder = _attributes("logs", 4096, stat.S_IFDIR | 0o755)
        listed = self.owner.script.listed
        shown = [
            _attributes(name, size, None if mode is None else stat.S_IFREG | mode)
            for name, (size, mode) in listed.items()
        ]
        here = (_attributes(name, len(data)) for name, data in self.owner.files.items() if name not in listed)
        return [folder, *shown, *here]

    def stat(self, path: str) -> Any:
        name = path.strip("/")
        if name not in self.owner.files:
            return paramiko.SFTPServer.convert_errno(errno.ENOENT)
        return _attributes(name, len(self.owner.files[name]))

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:
        name = path.strip("/")
        if not flags & os.O_CREAT and name not in self.owner.files:
            return paramiko.SFTPServer.convert_errno(errno.ENOENT)
        return self._fault("open", path) or _Handle(self.owner, name, flags)

    def remove(self, path: str) -> int:
        name = path.strip("/")
        if name not in self.owner.files:
            return int(paramiko.SFTPServer.convert_errno(errno.ENOENT))
        fault = self._fault("remove", path)
        if not fault:
            del self.owner.files[name]
        return fault


class _Greeter(paramiko.SubsystemHandler):
    def __init__(self, channel: Any, name: str, server: Any, owner: Appliance) -> None:
        super().__init__(channel, name, server)
        self.script = owner.script

    def start_subsystem(self, name: str, transport: Any, channel: Any) -> None:
        with contextlib.suppress(OSError, EOFError):
            channel.sendall(self.script.greeting)
            while self.script.dribble and not channel.closed:
                time.sleep(self.script.dribble)
                channel.sendall(b"\x00")


class _Door(paramiko.ServerInterface):
    def __init__(self, owner: Appliance) -> None:
        self.owner = owner
        self.width = 80
        self.channels: set[int] = set()
        self._round = 0

    def get_allowed_auths(self, username: str) -> str:
        return ",".join(self.owner.script.methods)

    def get_banner(self) -> Any:
        return (self.owner.script.banner or None, "en")

    def _verdict(self, method: str, good: bool) -> int:
        self.owner.attempts.append(method)
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_auth_none(self, username: str) -> int:
        return paramiko.AUTH_FAILED

    def check_auth_password(self, username: str, password: str) -> int:
        if "password" not in self.owner.script.methods:
            return paramiko.AUTH_FAILED
        return self._verdict("password", self.owner.script.users.get(username) == password)

    def check_auth_publickey(self, username: str, key: Any) -> int:
        return self._verdict("publickey", key.asbytes() == self.owner.script.public_key)

    def check_auth_interactive(self, username: str, submethods: str) -> Any:
        self.owner.attempts.append("keyboard-interactive")
        self._user, self._round = username, 0
        return self._question()

    def _question(self) -> Any:
        instructions, questions = self.owner.script.rounds[self._round]
        return paramiko.InteractiveQuery("", instructions, *questions)

    def check_auth_interactive_response(self, responses: list[str]) -> Any:
        self.owner.responses.append(list(responses))
        if self._round == 0 and responses != [self.owner.script.users.get(self._user)]:
            return paramiko.AUTH_FAILED
        self._round += 1
        if self._round < len(self.owner.script.rounds):
            return self._question()
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        script = self.owner.script
        if script.refuse_channels:
            script.refuse_channels -= 1
            return paramiko.OPEN_FAILED_RESOURCE_SHORTAGE
        if script.one_channel and any(not channel.closed for channel in self.owner.open_channels):
            return paramiko.OPEN_FAILED_RESOURCE_SHORTAGE
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_UNKNOWN_CHANNEL_TYPE

    def check_channel_direct_tcpip_request(self, chanid: int, origin: Any, destination: Any) -> int:
        self.owner.forwards[chanid] = destination
        return paramiko.OPEN_SUCCEEDED

    def check_channel_pty_request(
        self, channel: Any, term: Any, width: int, height: int, pixelwidth: int, pixelheight: int, modes: Any
    ) -> bool:
        self.width = width
        return True

    def check_channel_shell_request(self, channel: Any) -> bool:
        self.owner.start(self._shell, channel)
        return True

    def check_channel_exec_request(self, channel: Any, command: bytes) -> bool:
        if not self.owner.script.exec:
            return False
        self.owner.start(self._exec, channel, command.decode())
        return True

    def check_channel_subsystem_request(self, channel: Any, name: str) -> bool:
        return self.owner.script.sftp and super().check_channel_subsystem_request(channel, name)

    def _shell(self, channel: Any) -> None:
        time.sleep(_AFTER_REPLY)
        if self.owner.script.shell:
            self.owner.script.shell(channel)
            return
        self.owner.shells += 1
        Console(channel, self.owner.script, self.width, self.owner.commands).loop()

    def _exec(self, channel: Any, command: str) -> None:
        time.sleep(_AFTER_REPLY)
        console = Console(channel, self.owner.script, 0, self.owner.commands, interactive=False)
        self.owner.execs += 1
        console.answer(command)
        if self.owner.script.exec_status is not None:
            channel.send_exit_status(self.owner.script.exec_status)
        channel.close()


class Appliance:
    """The server; counts what happened to it."""

    def __init__(self, script: Script | None = None, host_key: Any = None) -> None:
        self.script = script or Script()
        self.host_key = host_key or paramiko.ECDSAKey.generate()
        self.files: dict[str, bytes] = {}
        self.commands: list[str] = []
        self.attempts: list[str] = []
        self.responses: list[list[str]] = []
        self.forwards: dict[int, Any] = {}
        self.open_channels: list[Any] = []
        self.connections = 0
        self.shells = 0
        self.execs = 0
        self._transports: list[Any] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.start(self._accept)

    def start(self, work: Callable[..., None], *arguments: Any) -> None:
        def guarded() -> None:
            try:
                work(*arguments)
            except (EOFError, OSError, paramiko.SSHException):
                # The client went away: most tests end like that.
                return

        thread = threading.Thread(target=guarded, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            connection, _address = self._listener.accept()
            self.connections += 1
            transport = paramiko.Transport(connection)
            self._transports.append(transport)
            transport.add_server_key(self.host_key)
            if self.script.greeting:
                transport.set_subsystem_handler("sftp", _Greeter, owner=self)
            else:
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, sftp_si=_Files, owner=self)
            self.start(self._serve, transport)

    def _serve(self, transport: Any) -> None:
        transport.start_server(server=_Door(self))
        while transport.is_active():
            channel = transport.accept(1)
            if channel is None:
                continue
            self.open_channels.append(channel)
            destination = self.forwards.get(channel.get_id())
            if destination:
                self.start(self._forward, channel, destination)

    def _forward(self, channel: Any, destination: tuple[str, int]) -> None:
        with socket.create_connection(destination) as onward:
            self.start(self._pump, onward.recv, channel.sendall)
            self._pump(channel.recv, onward.sendall)

    @staticmethod
    def _pump(read: Callable[[int], bytes], write: Callable[[bytes], Any]) -> None:
        while data := read(4096):
            write(data)

    def cut(self) -> None:
        """Hang up on everybody."""
        for transport in self._transports:
            transport.close()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            # Without this a thread that waits in accept would keep the port open.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(0.5)
