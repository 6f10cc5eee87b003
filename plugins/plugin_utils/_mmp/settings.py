# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The displays of settings that several services read: ``tls sip``, ``tls ldap`` (guide 4.8). Nobody has seen them.

Labels are matched by what they speak of. A file is given only where one row and no other can mean it, and a mode that
no known word says is unknown, which counts as verifying.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from typing import Any

from .._errors import NotUnderstood
from . import texts
from .displays import complains
from .empty import is_nothing
from .masking import Masker
from .rows import Row, parse_display


def parse_setting(show: str, text: str, widest: int = 0) -> dict[str, Any]:
    """Read what ``show`` answered: present, trust (a file or None), verify (enabled, disabled, ocsp, or None: unknown).

    A node that does not know the command gives present False and the detail. Raises NotUnderstood for anything else, as
    NothingOrLost where a longer line would tell; ``widest`` is the length of the longest one in other answers.
    """
    display = parse_display(text, widest)
    modes = [row for row in display.rows if texts.SETTING_MODE.search(row.label)]
    trusts = [row for row in display.rows if row not in modes and texts.SETTING_TRUST.search(row.label)]
    if not modes and not trusts:
        detail = complains(text)
        if detail is not None:
            return {"present": False, "detail": detail}
        raise _not_understood(show, "it has no row about trust" if display.rows else "it is empty", text)
    known = [row for row in display.rows if row in modes or row in trusts]
    files = {None if is_nothing(row, display, known, show, text) else _file(show, row, text) for row in trusts}
    if len(files) != 1:
        reason = "it has no row about trust" if not files else "several rows may be the trust, and they differ"
        raise _not_understood(show, reason, text)
    said = {_mode(row) for row in modes}
    return {"present": True, "trust": files.pop(), "verify": said.pop() if len(said) == 1 else None}


def _mode(row: Row) -> str | None:
    """Give the mode a row says; None for a word that is not known or may be cut."""
    if not row.ended or row.continuation:
        return None
    return texts.MODES.get(row.value.strip().lower())


def _file(show: str, row: Row, text: str) -> str | None:
    """Give the file of a row, None where nothing is set. Raises NotUnderstood for what may be half a name."""
    value = row.value
    if value.lower() == texts.NOTHING:
        return None
    base, dot, extension = value.rpartition(".")
    begun = any(known.startswith(f".{extension.lower()}") for known in texts.ASSIGNED_EXTENSIONS)
    legal = f".{extension.lower()}" in texts.ASSIGNED_EXTENSIONS
    whole = row.ended and not row.continuation
    if base and dot and not any(char.isspace() for char in value) and whole and (legal or not begun):
        return value
    raise _not_understood(show, f"the row {row.label!r} has {value!r}, which is no whole name of a file", text)


def _not_understood(show: str, reason: str, text: str) -> NotUnderstood:
    return NotUnderstood(
        f"the display of '{show}'",
        reason,
        f"run '{show}' by hand, and send in a recording (certops.cms.record) so that its form becomes known",
        Masker().text(text).splitlines(),
    )
