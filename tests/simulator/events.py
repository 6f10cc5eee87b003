# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event log: one JSON object a line, in the state directory and in memory. Never a secret in it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

#: Commands that prompt for a secret: whatever somebody types behind them is one.
_PROMPTED = "|".join(
    (
        r"passwd",
        r"user\s+add\s+\S+\s+\S+",
        r"pki\s+unlock\s+\S+",
        r"uploader\s+(?:cms|rev)\s+password",
        r"scheduler\s+email\s+username\s+\S+",
    )
)
_SECRET_ARGUMENTS = (
    # command prefix, number of words that may be shown after it (the rest but the last `tail` words is masked)
    (re.compile(r"^(\s*turn\s+credentials\s+\S+\s+)(\S+)(.*)$", re.I), r"\1*****\3"),
    (re.compile(r"^(\s*turn\s+short_term_credentials\s+)(\S+)(.*)$", re.I), r"\1*****\3"),
    (re.compile(r"^(\s*webbridge3\s+meetingapps\s+add\s+\S+\s+\S+\s+)(\S+)(.*)$", re.I), r"\1*****\3"),
    (re.compile(rf"^(\s*(?:{_PROMPTED})\s+)(.+)$", re.I), r"\1*****"),
)


def mask(command: str) -> str:
    """The command line with every secret argument replaced by stars."""
    quoted = command
    if '"' in command:
        # a quoted secret counts as one word
        quoted = re.sub(r'"[^"]*"', lambda found: found.group(0).replace(" ", "\x00"), command)
    for pattern, replacement in _SECRET_ARGUMENTS:
        quoted = pattern.sub(replacement, quoted)
    return quoted.replace("\x00", " ")


class EventLog:
    """Append-only; ``since`` is the sequence number after which events are wanted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._events: list[dict[str, Any]] = []
        self.listeners: list[Callable[[dict[str, Any]], None]] = []
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    self._events.append(json.loads(line))
                except ValueError:
                    continue
        self._seq = max((int(event["seq"]) for event in self._events), default=0)
        self._file: TextIO = path.open("a", encoding="utf-8")

    def add(self, kind: str, node: str = "", **fields: Any) -> dict[str, Any]:
        """Write one event and return it."""
        self._seq += 1
        event = {"seq": self._seq, "time": round(time.time(), 4), "node": node, "kind": kind, **fields}
        self._events.append(event)
        if not self._file.closed:
            self._file.write(json.dumps(event, sort_keys=False) + "\n")
            self._file.flush()
        for listener in self.listeners:
            listener(event)
        return event

    def since(self, seq: int = 0, kind: str | None = None, node: str | None = None) -> list[dict[str, Any]]:
        """Events after ``seq``, optionally of one kind and one node."""
        return [
            event
            for event in self._events
            if event["seq"] > seq
            and (kind is None or event["kind"] == kind)
            and (node is None or event["node"] == node)
        ]

    @property
    def last(self) -> int:
        """The sequence number of the newest event."""
        return self._seq

    def close(self) -> None:
        """Close the file; later events stay in memory only."""
        self._file.close()
