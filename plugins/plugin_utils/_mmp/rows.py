# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The grammar all status displays share: ``label<blanks>:<blanks>value``, with every liberty that has been seen.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable

from . import terminal, texts
from .masking import split_row


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a display; the value of a secret row is masked from the start."""

    label: str
    value: str
    #: Whether the line was ended: otherwise the text may have been cut in it.
    ended: bool = True
    #: The line that follows, when it is no row: where lines were wrapped, the value goes on with it.
    continuation: str = ""
    #: For a row without a value: the columns a line needs before the first sign of a value would be seen in it. None
    #: where nobody can tell.
    lead: int | None = None

    @functools.cached_property
    def key(self) -> str:
        """Give the label as it is compared: without regard to case and to the width of its blanks."""
        return fold(self.label)

    @property
    def setting(self) -> str | None:
        """Give the value, or None where nothing is configured."""
        return None if self.value.lower() in ("", texts.NOTHING) else self.value


@dataclasses.dataclass(frozen=True)
class Display:
    """The rows of a display in their order, and the lines that are no rows."""

    rows: tuple[Row, ...]
    stray: tuple[str, ...]
    #: The columns of the longest line of the node: what is cut or wrapped at a width has no longer one.
    widest: int = 0

    def all(self, labels: Iterable[str]) -> list[Row]:
        """Give every row that has one of these labels: a label that repeats is a list."""
        keys = {fold(label) for label in labels}
        return [row for row in self.rows if row.key in keys]


def fold(label: str) -> str:
    """Give a label in the form in which labels are compared."""
    return " ".join(label.lower().split())


def parse_display(text: str, beside: int = 0) -> Display:
    """Read a display. A row splits at the first colon with a blank on a side, else at the first wide gap.

    A text that does not end its last line may have been cut in it. ``beside`` is the length of the longest line in
    other answers of the node.
    """
    rows: list[Row] = []
    stray: list[str] = []
    *lines, rest = terminal.plain_lines(text)
    gap = max(map(_gap, lines), default=1)
    for number, whole in enumerate([*lines, rest]):
        line = texts.PAGER_MARK.sub("", whole)
        if not line.strip():
            continue
        ended = number < len(lines)
        parts = split_row(line)
        listens = texts.LISTEN_ROW.match(line.strip()) if parts is None and ended else None
        if listens:
            parts = listens[1], listens[2]
        if parts is None or not parts[0]:
            stray.append(line.strip())
            if rows and not rows[-1].continuation:
                rows[-1] = dataclasses.replace(rows[-1], continuation=line.strip())
            continue
        label, value = parts
        if texts.SECRET_LABEL.search(label) and value.lower() not in ("", texts.NOTHING):
            value = texts.MASK
        lead = None if value or "\t" in whole or ":" not in whole else max(len(whole), len(whole.rstrip()) + gap)
        rows.append(Row(label, value, ended=ended, lead=lead))
    return Display(tuple(rows), tuple(stray), max(widest(text), beside))


def widest(text: str) -> int:
    """Give the columns of the longest line of an answer."""
    return max((len(line.rstrip()) for line in terminal.plain_lines(text)), default=0)


def _gap(line: str) -> int:
    """Give the blanks between the colon and the value of a row; one where it has none."""
    parts = split_row(line)
    head = line.rstrip().removesuffix(parts[1]) if parts and parts[1] else ""
    return max(len(head) - len(head.rstrip()), 1) if head.rstrip().endswith(":") else 1
