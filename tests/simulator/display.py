# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Status displays as text: paddings, odd rows, words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .node import Node
    from .services.settings import Row


def plain(value: Any) -> str:
    """A value as a display shows it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


_OTHER_CASE = {"true": "True", "false": "False", "none": "None"}
_SWAP = {"Enabled": "enabled", "Disabled": "disabled", "enabled": "Enabled", "disabled": "Disabled"}


def render(node: Node, rows: list[Row]) -> list[str]:
    """The lines of a display under the node's switches."""
    other_case = node.sw.is_("display_words", "other_case")
    padding = node.sw["display_padding"]
    nothing = node.sw["nothing_set"]
    lines = []
    for label, value, width in rows:
        # Without a colon and a value nobody would take it for a row.
        text = "" if value is None and width and nothing != "none" else plain(value)
        if other_case:
            text = _OTHER_CASE.get(text, _SWAP.get(text, text))
        if padding == "tight":
            width = len(label) + 1 if width else 0
        elif padding == "wide":
            width = width + 9 if width else 0
        line = f"{label:<{width}}: {text}" if width else f"{label}         {text}"
        lines.append(line.rstrip() if nothing == "blank_trimmed" else line)
    position = node.sw["unknown_row"]
    if position != "none":
        where = node.random.randrange(len(lines) + 1)
        row = "Telemetry profile            : standard" if position == "extra_row" else "Telemetry profile     standard"
        lines.insert(where, row)
    return lines
