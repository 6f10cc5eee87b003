# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows without a value: nothing is set, or the value was lost.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Sequence

from .._errors import NotUnderstood
from . import texts
from .masking import Masker
from .rows import Display, Row


class NothingOrLost(NotUnderstood):
    """A row without a value that a longer line of the node would explain.

    Where a node prints a line of ``columns`` or more, in whatever answer, it cuts and wraps no narrower than that.
    """

    columns = 0


def is_nothing(row: Row, display: Display, known: Sequence[Row], show: str, text: str, last: bool = False) -> bool:
    """Say whether a row of the display ``show`` has no value because nothing is set.

    So it is where its line ended, does not go on in the next one, and is followed by another of the ``known`` rows, so
    that nothing was cut off after it (``last``: a display has none after it); where no known row has the word for
    nothing, which a node would print here too; and where some line is longer, so that none is cut or wrapped where the
    value would stand. Raises NothingOrLost where only the longer line is missing.
    """
    if row.value or not row.ended or row.continuation or row.lead is None:
        return False
    place = next(at for at, one in enumerate(known) if one is row)
    if any(one.value.lower() == texts.NOTHING for one in known) or not (known[place + 1 :] or last):
        return False
    if display.widest > row.lead:
        return True
    error = NothingOrLost(
        f"the display of '{show}'",
        f"the row {row.label!r} is empty: nothing is set, or its value was cut off",
        f"run '{show}' by hand and compare; if the row is empty there too, send in a recording of the node",
        Masker().text(text).splitlines(),
    )
    error.columns = 1 + max(one.lead or 0 for one in known)
    raise error
