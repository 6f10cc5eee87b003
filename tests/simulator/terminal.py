# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The terminal of a shell: line editing, echo, history, Tab, paging, wrapping.

It is its own small line editor so that every switch about echo, line ends, paging and width can be obeyed exactly. A
line ends with CR, LF or both, as clients differ.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import asyncssh

from . import mmp

if TYPE_CHECKING:
    from .node import Node

MARKERS = {"more": "--More--", "arrows": "<--- More --->", "colon": ":"}
_KEYS = {"\x1b[A": "up", "\x1b[B": "down", "\x1bOA": "up", "\x1bOB": "down"}


class Closed(Exception):
    """The other side is gone."""


class Idle(Exception):
    """Nothing was typed for too long."""


class Terminal:
    """Reads keys and writes text on one shell channel."""

    def __init__(self, node: Node, process: Any) -> None:
        self._node = node
        self._process = process
        self._keys: deque[str] = deque()
        self._arrived = asyncio.Event()
        self._pump_task: asyncio.Task[None] | None = None
        self._history: list[str] = []
        self._held: list[str] = []
        self._shown = 0
        self._last_was_cr = False
        self.interrupt = asyncio.Event()
        self.closed = asyncio.Event()
        self.pty = bool(process.term_type)
        self._echo = self.pty and node.sw.is_("echo", "on")
        self._eol = "\r\n" if node.sw.is_("shell_line_ending", "crlf") else "\n"
        width = process.term_size[0]
        self._width = width if width and node.sw.is_("wrap", "terminal_width") and self.pty else 0
        paging = node.sw["paging"]
        self._page = int(paging) if paging != "none" and self.pty else 0
        limit = node.sw["idle_limit"]
        self._idle = None if limit == "none" else float(limit)

    def start(self) -> None:
        """Begin to read keys."""
        self._pump_task = asyncio.get_running_loop().create_task(self._pump())

    def stop(self) -> None:
        """Stop reading."""
        if self._pump_task is not None:
            self._pump_task.cancel()

    async def _pump(self) -> None:
        try:
            while True:
                try:
                    data = await self._process.stdin.read(4096)
                except asyncssh.TerminalSizeChanged:
                    continue
                except (asyncssh.BreakReceived, asyncssh.SignalReceived):
                    data = "\x03"
                if not data:
                    break
                if "\x03" in data:
                    self.interrupt.set()
                self._keys.extend(data)
                self._arrived.set()
        except (asyncssh.Error, OSError):
            pass
        finally:
            self.closed.set()
            self._arrived.set()

    def forget_keys(self) -> None:
        """Drop what was typed ahead, as an interrupt does."""
        self._keys.clear()
        self.interrupt.clear()

    # --- output ----------------------------------------------------------------------------------------------------
    def _write(self, text: str) -> None:
        if not self._process.is_closing():
            try:
                self._process.stdout.write(text)
            except (asyncssh.Error, OSError):
                self.closed.set()

    def put(self, text: str, *, end: bool = True) -> None:
        """Print text; lines beyond a page wait for ``pages``."""
        pieces = [text]
        if self._width and end:
            pieces = [text[i : i + self._width] for i in range(0, len(text), self._width)] or [""]
        for piece in pieces:
            line = piece + (self._eol if end else "")
            if self._page and (self._held or self._shown >= self._page):
                self._held.append(line)
            else:
                self._write(line)
                self._shown += 1

    async def pages(self) -> None:
        """Show what is held back, a page after each blank, a line after each return, nothing more after q."""
        marker = MARKERS[self._node.sw["paging_marker"]]
        while self._held:
            self._write(marker)
            key = await self._key()
            self._write("\r" + " " * len(marker) + "\r")
            if key in ("q", "Q", "\x03"):
                self._held.clear()
                break
            count = 1 if key in ("\r", "\n") else self._page
            for line in self._held[:count]:
                self._write(line)
            del self._held[:count]

    # --- input -----------------------------------------------------------------------------------------------------
    async def _key(self) -> str:
        while not self._keys:
            if self.closed.is_set():
                raise Closed
            self._arrived.clear()
            try:
                async with asyncio.timeout(self._idle):
                    await self._arrived.wait()
            except TimeoutError:
                raise Idle from None
        return self._keys.popleft()

    async def _escape(self) -> str:
        text = "\x1b"
        while len(text) < 8:
            text += await self._key()
            if (len(text) > 2 and text[-1].isalpha()) or text[-1] == "~":
                break
        return _KEYS.get(text, "")

    async def readline(self, prompt: str, *, hidden: bool = False, history: bool = False) -> str | None:
        """Print the prompt and read a line; None after Ctrl-D on an empty line. Closed and Idle end the session."""
        await self.pages()
        self._write(prompt)
        self._shown = 0
        line: list[str] = []
        position = len(self._history)
        column = len(prompt)
        echo = self._echo and not hidden
        while True:
            key = await self._key()
            if key == "\n" and self._last_was_cr:
                self._last_was_cr = False
                continue
            self._last_was_cr = key == "\r"
            if key in "\r\n":
                if self._echo:
                    self._write(self._eol)
                text = "".join(line)
                if history and text.strip():
                    self._history.append(text)
                return text
            if key == "\x03":
                self._write("^C" + self._eol + prompt)
                line.clear()
            elif key == "\x04":
                if not line:
                    return None
            elif key in "\x7f\x08":
                if line:
                    line.pop()
                    if echo:
                        self._write("\b \b")
            elif key == "\x15":
                if echo:
                    self._write("\b \b" * len(line))
                line.clear()
            elif key == "\t":
                self._tab(line, prompt, echo and history)
            elif key == "\x1b":
                move = await self._escape()
                if history and move in ("up", "down"):
                    position = max(0, min(len(self._history), position + (-1 if move == "up" else 1)))
                    if echo:
                        self._write("\b \b" * len(line))
                    line[:] = self._history[position] if position < len(self._history) else ""
                    if echo:
                        self._write("".join(line))
            elif key.isprintable():
                line.append(key)
                if echo:
                    self._write(key)
                    if self._width and (column + len(line)) % self._width == 0:
                        self._write("\r\n")

    def _tab(self, line: list[str], prompt: str, active: bool) -> None:
        if not active:
            return
        text = "".join(line)
        found = mmp.complete(self._node, text)
        last = text.rpartition(" ")[2]
        if len(found) == 1:
            rest = found[0][len(last) :] + " "
            line.extend(rest)
            self._write(rest)
        elif found:
            self._write(self._eol + "  ".join(found) + self._eol + prompt + text)
