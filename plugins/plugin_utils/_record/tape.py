# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listen to the bytes of channels as they pass, with their times.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from .._mmp.endpoint import Endpoint
from .._mmp.transport import ByteStream, Transport

SENT, RECEIVED = "sent", "received"
#: Bytes kept of one answer: the longest display has some thousand.
MOST_KEPT = 256 * 1024


@dataclasses.dataclass
class Tape:
    """What went over one channel since the tape was put in."""

    started: float = dataclasses.field(default_factory=time.monotonic)
    parts: list[tuple[str, bytearray]] = dataclasses.field(default_factory=list)
    first: float | None = None
    last: float | None = None
    chunks: int = 0
    cut: bool = False

    def note(self, way: str, data: bytes) -> None:
        """Take bytes that were sent or received."""
        if way == RECEIVED:
            now = round(time.monotonic() - self.started, 3)
            self.first = now if self.first is None else self.first
            self.last = now
            self.chunks += 1
        if not self.parts or self.parts[-1][0] != way:
            self.parts.append((way, bytearray()))
        kept = self.parts[-1][1]
        room = MOST_KEPT - len(kept)
        kept.extend(data[:room])
        self.cut = self.cut or len(data) > room

    @property
    def received(self) -> bytes:
        """Give everything that was received, joined."""
        return b"".join(bytes(data) for way, data in self.parts if way == RECEIVED)


class _Tapped(ByteStream):
    """A channel that tells the tape what passes."""

    def __init__(self, channel: Any, owner: TappedTransport) -> None:
        super().__init__(channel, str(owner.endpoint))
        self._owner = owner

    def read(self, timeout: float) -> bytes | None:
        data = super().read(timeout)
        if data:
            self._owner.tape.note(RECEIVED, data)
        return data

    def write(self, data: bytes, timeout: float) -> None:
        self._owner.tape.note(SENT, data)
        super().write(data, timeout)


class TappedTransport(Transport):
    """A login whose channels for commands are listened to; ``tape`` is the one that is in."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.tape = Tape()

    def _stream(self, channel: Any) -> ByteStream:
        return _Tapped(channel, self)
