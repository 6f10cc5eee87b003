# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text of a node, made fit for a person's terminal.

Certificates, file names, displays and API answers hold whatever their maker wrote, also what a terminal obeys.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Give the text with every character that does not print, line ends included, as an escape such as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
