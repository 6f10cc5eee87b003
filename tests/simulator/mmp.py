# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command interpreter of a node: words, permissions, help, and where each command goes."""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from . import admin_commands, pki_commands
from .display import render
from .events import mask

if TYPE_CHECKING:
    from .faults import FaultSpec
    from .node import Node
    from .services.settings import Row, Settings

Handler = Callable[["Session", list[str]], Awaitable[bool]]

COMMANDS: dict[str, tuple[Handler, str, tuple[str, ...]]] = {
    "pki": (pki_commands.run, pki_commands.DESCRIPTION, pki_commands.USAGE),
    **{name: (handler, about, usage) for name, (handler, about, usage) in admin_commands.COMMANDS.items()},
}


class Dropped(Exception):
    """The connection is to be cut now."""


class Session(abc.ABC):
    """One login's channel to the interpreter; shell and exec differ in how they print and ask."""

    def __init__(self, node: Node, user: str, via: str) -> None:
        self.node = node
        self.user = user
        self.via = via
        self.printed: list[str] = []
        self.muted = False
        self.stuck = False

    @abc.abstractmethod
    def emit(self, text: str, *, end: bool) -> None:
        """Bring text to the other side, with a line break after it or without."""

    def out(self, text: str) -> None:
        """Print one line."""
        self.printed.append(text)
        if not self.muted:
            self.emit(text, end=True)

    def raw(self, text: str) -> None:
        """Print text as it is, without a line break after it."""
        if not self.muted:
            self.emit(text, end=False)

    def mute(self) -> None:
        """Nothing of what follows is printed."""
        self.muted = True

    @abc.abstractmethod
    async def ask(self, prompt: str, *, hidden: bool = False) -> str | None:
        """Ask for a line; None when nobody can answer."""

    @abc.abstractmethod
    def drop_soon(self) -> None:
        """Lose the connection, the command goes on."""

    def lines(self, lines: list[str]) -> None:
        """Print several lines."""
        for line in lines:
            self.out(line)

    def display(self, part: Settings) -> None:
        """Print a status display."""
        self.table(part.rows())

    def table(self, rows: list[Row]) -> None:
        """Print rows as a status display has them."""
        self.lines(render(self.node, rows))

    async def confirm(self, question: str) -> bool:
        """A question that wants a capital Y."""
        if self.via == "exec":
            position = self.node.sw["exec_confirmation"]
            if position == "assumes_yes":
                return True
            if position == "refuses":
                self.out("FAILURE: confirmation needed")
                return False
        while True:
            reply = await self.ask(f"{question} (Y/n) ")
            if reply is not None and reply.strip() == "Y":
                return True
            if reply is None or reply.strip() != "y" or self.node.sw.is_("small_y", "aborts"):
                return False


class Unbalanced(ValueError):
    """A quote without its partner."""


def split(line: str) -> list[str]:
    """Words of a command line; double quotes keep blanks together, anywhere in a word."""
    words: list[str] = []
    current: list[str] = []
    quoted = False
    started = False
    for char in line:
        if char == '"':
            quoted = not quoted
            started = True
        elif char.isspace() and not quoted:
            if started:
                words.append("".join(current))
            current, started = [], False
        else:
            current.append(char)
            started = True
    if quoted:
        raise Unbalanced(line)
    if started:
        words.append("".join(current))
    return words


def usage_lines(node: Node, name: str, *, describe: bool = True) -> list[str]:
    """The usage text of a command."""
    if name in node.parts:
        about, usage = node.parts[name].description, node.parts[name].help()
    else:
        _handler, about, usage = COMMANDS[name]
    lines = [about] if about and describe else []
    lines.append("Usage :" if name == "callbridge" else "Usage:")
    return lines + [f"    {line}" for line in usage]


def names(node: Node) -> list[str]:
    """All commands of this node."""
    return sorted([*node.parts, *COMMANDS, "help", "exit"])


def complete(node: Node, text: str) -> list[str]:
    """Words that Tab can put at the end of the text."""
    before, _blank, last = text.rpartition(" ")
    head = before.split()
    if not head:
        return [name for name in names(node) if name.startswith(last)]
    usages: tuple[str, ...] = ()
    if head[0] in node.parts:
        usages = node.parts[head[0]].help()
    elif head[0] in COMMANDS:
        usages = COMMANDS[head[0]][2]
    found = set()
    for usage in usages:
        words = usage.split()
        if words[: len(head)] == head and len(words) > len(head) and words[len(head)][0].isalnum():
            found.add(words[len(head)])
    return sorted(word for word in found if word.startswith(last))


def permitted(node: Node, user: str, words: list[str]) -> bool:
    """Whether the user's role may run this command."""
    found = node.user(user)
    role = found.role if found else ""
    if role == "admin":
        return True
    if words[0] in ("help", "version", "hostname", "uptime", "exit", "passwd"):
        return True
    if role != "crypto":
        return False
    position = node.sw["crypto_role"]
    if words[0] == "pki" or position == "everything":
        return True
    return position == "pki_and_settings" and words[0] in node.parts


def _wrong(session: Session, name: str) -> None:
    if session.node.sw.is_("wrong_arguments", "failure_line"):
        session.out(f"FAILURE: {name}: wrong arguments")
    else:
        session.lines(usage_lines(session.node, name, describe=False))


def _unknown(session: Session, name: str) -> str:
    position = session.node.sw["unknown_command"]
    if position == "failure_line":
        session.out("FAILURE: unknown command")
    elif position == "usage":
        session.lines(["Usage:", *(f"    {item}" for item in names(session.node))])
    else:
        session.out(f"{name}: command not recognised")
    return "unknown"


async def run(session: Session, line: str) -> None:
    """Run one command line to its end, whatever happens to the connection. Dropped when a fault cuts it."""
    node = session.node
    try:
        words = split(line)
    except Unbalanced:
        node.event("command", user=session.user, via=session.via, command=mask(line))
        session.out("FAILURE: unbalanced quotes")
        node.event("answer", result="failure")
        return
    if not words:
        return
    node.event("command", user=session.user, via=session.via, command=mask(line.strip()))
    fault = _command_fault(node, line.strip())
    if fault is not None and fault.kind == "drop_before":
        raise Dropped
    if fault is not None and not fault.effect and fault.kind in ("failure_line", "garbage", "silence"):
        await _misbehave(session, fault)
        return
    if fault is not None and fault.kind == "drop_after":
        session.mute()
    result = await _dispatch(session, words)
    node.event("answer", command=mask(line.strip()), result=result)
    if fault is not None and fault.kind == "drop_after":
        raise Dropped
    if fault is not None:
        await _misbehave(session, fault)


def _command_fault(node: Node, line: str) -> FaultSpec | None:
    fault = node.faults.take(("drop_before", "drop_after", "silence", "failure_line", "garbage"), line)
    if fault is not None:
        node.event("fault", fault=fault.kind, command=mask(line))
    return fault


async def _misbehave(session: Session, fault: FaultSpec) -> None:
    if fault.kind == "failure_line":
        session.out(f"FAILURE: {fault.text or 'something went wrong'}")
    elif fault.kind == "garbage":
        session.out(fault.text or "@@ 0x7f3a: \x01?? {%] unexpected token")
    else:
        session.node.event("answer", result="silence")
        session.stuck = True
        await asyncio.sleep(fault.seconds or 3600)


async def _dispatch(session: Session, words: list[str]) -> str:
    node = session.node
    name = words[0].lower()
    if name == "help":
        return _help(session, words[1:])
    if name in node.cfg.lacks:
        if node.sw.is_("missing_service", "failure_line"):
            session.out(f"FAILURE: {name} is not available on this platform")
            return "failure"
        return _unknown(session, words[0])
    if name not in node.parts and name not in COMMANDS:
        return _unknown(session, words[0])
    if not permitted(node, session.user, [name]):
        session.out("FAILURE: permission denied")
        return "denied"
    before = len(session.printed)
    if name in node.parts:
        known = await node.parts[name].command(session, words[1:])
    else:
        known = await COMMANDS[name][0](session, words[1:])
    if not known:
        _wrong(session, name)
        return "usage"
    return _kind(session.printed[before:])


def _kind(lines: list[str]) -> str:
    if any(line.startswith("FAILURE") for line in lines):
        return "failure"
    if any(line.startswith("SUCCESS") for line in lines):
        return "success"
    return "text" if lines else "silent"


def _help(session: Session, words: list[str]) -> str:
    if not words:
        session.lines(names(session.node))
        return "text"
    name = words[0].lower()
    if name not in session.node.parts and name not in COMMANDS:
        return _unknown(session, words[0])
    session.lines(usage_lines(session.node, name))
    return "text"
