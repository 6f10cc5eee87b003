# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rollback put back stays: no run rolls it forward by itself before its last days.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import datetime
from typing import Any

from .._findings import REMARK, WARNING, Finding
from .._pki import validity
from .._rules.found import find
from .given import FleetInput
from .model import parse_time
from .wanted import Identity

#: The word that stands for everything in ``cms_roll_forward``.
ALL = "all"
#: How long before its end such a certificate is due. Often it was due before it was put back, and would go at once.
LAST_DAYS = validity.RenewBefore(datetime.timedelta(days=7), 1 / 3)


def note_of(identity: Identity, given: FleetInput) -> dict[str, Any] | None:
    """Give the note of the rollback whose certificates an identity has now; None where that did not happen."""
    notes = (given.put_back.get(info["sha256"]) for info in identity.current.values() if info)
    return next((note for note in notes if note is not None), None)


def may_go_on(identity: Identity, given: FleetInput) -> bool:
    """Say whether a person let an identity go on to what the inventory wants (``cms_roll_forward``)."""
    return bool(given.roll_forward & {ALL, identity.id, identity.name, *identity.hosts})


def finding(identity: Identity, note: dict[str, Any], wanted: str | None) -> Finding:
    """Say that an identity stays, and how it goes on. ``wanted`` says why it would get another certificate now."""
    why = f" ({note['reason']})" if note["reason"] else ""
    leaf = identity.leaf
    until = ""
    if leaf is not None:
        last = validity.renew_at(parse_time(leaf["not_before"]), parse_time(leaf["not_after"]), LAST_DAYS)
        until = f" until {last:%Y-%m-%d}; it ends on {leaf['not_after'][:10]}"
    return find(
        "rolled-back",
        identity.id.replace("/", " "),
        f"was put back in place of {note['base']}{why}, and stays{until}"
        + (f". Without that it would get another one: {wanted}" if wanted else ""),
        severity=WARNING if wanted else REMARK,
    )
