# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interactive shell and the exec channel of a node."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncssh

from . import mmp
from .terminal import Closed, Idle, Terminal

if TYPE_CHECKING:
    from .node import Node

_WELCOME = "Welcome to the simulated Meeting Server"
_MANY = [_WELCOME, "", "This system is for authorised use only.", "Maintenance> every Sunday", ""]
_NOTICE = "Your password will expire in 5 days"


class ShellSession(mmp.Session):
    """One command typed in a shell."""

    def __init__(self, node: Node, user: str, terminal: Terminal, connection: Any) -> None:
        super().__init__(node, user, "shell")
        self._terminal = terminal
        self._connection = connection

    def emit(self, text: str, *, end: bool) -> None:
        """Into the terminal, page by page if it pages."""
        self._terminal.put(text, end=end)

    async def ask(self, prompt: str, *, hidden: bool = False) -> str | None:
        """A question in the shell."""
        try:
            return await self._terminal.readline(prompt, hidden=hidden)
        except (Closed, Idle):
            return None

    def drop_soon(self) -> None:
        """Lose the connection shortly."""
        self.mute()
        asyncio.get_running_loop().call_later(0.1, self._connection.abort)


class ExecSession(mmp.Session):
    """One command in an exec channel."""

    def __init__(self, node: Node, user: str, process: Any, connection: Any) -> None:
        super().__init__(node, user, "exec")
        self._process = process
        self._connection = connection
        self._eol = "\r\n" if node.sw.is_("exec_line_ending", "crlf") else "\n"

    def emit(self, text: str, *, end: bool) -> None:
        """Straight out."""
        if not self._process.is_closing():
            self._process.stdout.write(text + (self._eol if end else ""))

    async def ask(self, prompt: str, *, hidden: bool = False) -> str | None:
        """Only where the switch says that exec asks."""
        if not self.node.sw.is_("exec_confirmation", "asks"):
            return None
        self.raw(prompt)
        try:
            line: str = await self._process.stdin.readline()
        except (asyncssh.Error, OSError):
            return None
        return line.rstrip("\r\n") if line else None

    def drop_soon(self) -> None:
        """Lose the connection shortly."""
        self.mute()
        asyncio.get_running_loop().call_later(0.1, self._connection.abort)


def prompt_of(node: Node) -> str:
    """The prompt as the switches say."""
    text = {"hostname": f"{node.hostname}> ", "hostname_no_blank": f"{node.hostname}>", "bare": "> "}[node.sw["prompt"]]
    return f"\x1b[1;32m{text}\x1b[0m" if node.sw.is_("ansi", "colour_prompt") else text


async def shell(node: Node, user: str, process: Any, connection: Any) -> None:
    """A shell from welcome to exit."""
    terminal = Terminal(node, process)
    terminal.start()
    try:
        if node.sw.is_("welcome", "one_line"):
            terminal.put(_WELCOME)
        elif node.sw.is_("welcome", "many_lines"):
            for line in _MANY:
                terminal.put(line)
        if node.must_change(user) and not await _change_password(node, user, terminal):
            return
        notice = node.faults.take("expiry_notice", user)
        if notice is not None or node.sw.is_("expiry_notice", "one_line"):
            terminal.put((notice.text if notice else "") or _NOTICE)
        while True:
            typed = await terminal.readline(prompt_of(node), history=True)
            if typed is None or typed.strip() in ("exit", "quit", "logout"):
                return
            await _command(node, user, typed, terminal, connection)
            await terminal.pages()
    except Idle:
        terminal.put("")
        node.event("session_idle", user=user)
    except (Closed, asyncssh.Error, OSError):
        pass
    finally:
        terminal.stop()
        _finish(process, 0)


async def _command(node: Node, user: str, line: str, terminal: Terminal, connection: Any) -> None:
    """Run a line in a task of the node's own: it ends what it began even if the client goes away."""
    session = ShellSession(node, user, terminal, connection)
    task = node.world.spawn(mmp.run(session, line))
    terminal.interrupt.clear()
    interrupted = asyncio.ensure_future(terminal.interrupt.wait())
    closed = asyncio.ensure_future(terminal.closed.wait())
    try:
        await asyncio.wait({task, interrupted, closed}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        interrupted.cancel()
        closed.cancel()
    if not task.done():
        session.mute()
        if session.stuck:
            task.cancel()
        if terminal.closed.is_set():
            raise Closed
        terminal.forget_keys()
        terminal.put("^C")
        return
    try:
        task.result()
    except mmp.Dropped:
        connection.abort()
        raise Closed from None


async def _change_password(node: Node, user: str, terminal: Terminal) -> bool:
    terminal.put("Your password has expired, please set a new password")
    for _attempt in range(3):
        first = await terminal.readline("New password: ", hidden=True)
        second = await terminal.readline("New password again: ", hidden=True)
        if first is None or second is None:
            return False
        if first and first == second:
            node.set_password(user, first)
            terminal.put("Password changed")
            return True
        terminal.put("Passwords do not match")
    return False


async def execute(node: Node, user: str, process: Any, connection: Any, command: str) -> None:
    """An exec channel."""
    session = ExecSession(node, user, process, connection)
    if node.must_change(user):
        session.out("Your password has expired, please log in to set a new one")
        _finish(process, 1)
        return
    task = node.world.spawn(mmp.run(session, command))
    closed = asyncio.ensure_future(process.wait_closed())
    await asyncio.wait({task, closed}, return_when=asyncio.FIRST_COMPLETED)
    closed.cancel()
    if not task.done():
        session.mute()
        if session.stuck:
            task.cancel()
        return
    try:
        task.result()
    except mmp.Dropped:
        connection.abort()
        return
    failed = any(line.startswith("FAILURE") for line in session.printed)
    position = node.sw["exec_exit_status"]
    if position == "none":
        process.close()
    else:
        _finish(process, 1 if failed and position == "one_on_failure" else 0)


def _finish(process: Any, status: int) -> None:
    try:
        if not process.is_closing():
            process.exit(status)
    except (asyncssh.Error, OSError):
        return
