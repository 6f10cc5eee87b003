# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a terminal would show: control sequences, rewritten lines, wrapped lines and echoes become plain lines.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import re

_SEQUENCE = re.compile(
    r"\x1b\[(?P<args>[0-9;?>=! ]*)(?P<final>[@-~])"  # CSI
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC, for example a window title
    r"|\x1b[PX^_].{0,4096}?\x1b\\"  # DCS and other strings
    r"|\x1b[()*+#%][0-9A-Za-z]"  # character sets
    r"|\x1b[0-9A-Za-z=<>|}~]",
    re.DOTALL,
)
#: No line of an appliance has more columns; a cursor that is sent further stays here.
_MOST_COLUMNS = 10_000
#: A sequence that has begun and not ended.
_UNFINISHED = re.compile(r"\x1b(?:\[[0-9;?>=! ]*|\][^\x07\x1b]{0,200})?\Z")


def decode(data: bytes) -> str:
    """Decode what the appliance sends: the one place where bytes become text."""
    return data.decode("utf-8", "replace")


def unfinished(data: bytes) -> bytes:
    """Give the beginning of a control sequence in which the data ends, or nothing."""
    found = _UNFINISHED.search(decode(data))
    return found.group(0).encode() if found else b""


def plain_lines(text: str, width: int = 0) -> list[str]:
    """Give the lines as a terminal of ``width`` columns would show them; the last one may be unfinished.

    ``width`` 0: a terminal that never wraps. A line that was broken exactly at the width is joined again.
    """
    shown = [_show(line, width) for line in _UNFINISHED.sub("", text).split("\n")]
    if not width:
        return shown
    joined: list[str] = []
    open_end = False
    for line in shown:
        if open_end:
            joined[-1] += line
        else:
            joined.append(line)
        open_end = len(line) == width
    return joined


def last_line(text: str, width: int = 0) -> str:
    """Give the unfinished last line."""
    return _show(_UNFINISHED.sub("", text.rsplit("\n", 1)[-1]), width)


def _show(line: str, width: int) -> str:
    # Most lines need none of what follows.
    if line.endswith("\r"):
        line = line.rstrip("\r")
    if line.isprintable():
        return line
    cells: list[str] = []
    at = 0
    index = 0
    while index < len(line):
        char = line[index]
        if char == "\x1b":
            found = _SEQUENCE.match(line, index)
            if not found:
                index += 1
                continue
            at = _sequence(cells, at, found, width)
            index = found.end()
            continue
        index += 1
        if char == "\b":
            at = max(at - 1, 0)
        elif char == "\r":
            # Back to the first column of the row of the screen, not of the line: long lines span several rows.
            at = (at - 1) // width * width if width and at else 0
        elif char == "\t" or char.isprintable():
            if at < len(cells):
                cells[at] = char
            else:
                cells.extend(" " * (at - len(cells)))
                cells.append(char)
            at += 1
    return "".join(cells)


def _sequence(cells: list[str], at: int, found: re.Match[str], width: int) -> int:
    """Carry out one control sequence on a line; give the new position."""
    final = found.group("final")
    if not final:
        return at
    args = [int(number[:6]) if number.isdigit() else 0 for number in (found.group("args") or "").split(";")]
    count = max(args[0], 1)
    if final == "K":
        if args[0] == 0:
            del cells[at:]
        elif args[0] == 2:
            cells.clear()
    elif final == "J":
        del cells[0 if args[0] == 2 else at :]
    elif final == "D":
        at = max(at - count, 0)
    elif final == "C":
        at = max(at, min(at + count, _MOST_COLUMNS))
    elif final == "G":
        row = at // width * width if width else 0
        at = row + min(count, _MOST_COLUMNS) - 1
    elif final == "A" and width:
        at = max(at - count * width, 0)
    elif final in "Hf":
        at = 0
    elif final == "P":
        del cells[at : at + count]
    return at


def strip_echo(lines: list[str], command: str, prompt: str = "") -> tuple[list[str], bool]:
    """Remove one echoed command line from the top of the answer, wrapped or not; say whether there was one.

    A line editor that draws its line again shows the prompt before the command.
    """
    wanted = "".join(command.split())
    seen = ""
    for number, line in enumerate(lines):
        if not seen and prompt.strip() and line.startswith(prompt.rstrip()):
            line = line[len(prompt.rstrip()) :]
        seen += "".join(line.split())
        if seen == wanted:
            return lines[number + 1 :], True
        if not wanted.startswith(seen):
            break
    return lines, False
