# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a certificate has to be renewed. Every function is told what time it is.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Mapping
from typing import Any

from .._errors import BadOption

_DEFAULT_TIME = datetime.timedelta(days=30)
#: More than this share of the lifetime is never kept in reserve: a certificate fresh from the CA must not be due.
_LARGEST_SHARE = 2 / 3
_FORM = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*(d|h|%)")


@dataclasses.dataclass(frozen=True)
class RenewBefore:
    """How long before its end a certificate is renewed: a time, a share of its lifetime, or the smaller of both."""

    time: datetime.timedelta | None = None
    share: float | None = None

    def reserve(self, lifetime: datetime.timedelta) -> datetime.timedelta:
        """Give the time before the end, for a certificate of this lifetime."""
        parts = [lifetime * _LARGEST_SHARE]
        if self.time is not None:
            parts.append(self.time)
        if self.share is not None:
            parts.append(lifetime * self.share)
        return max(min(parts), datetime.timedelta(0))


#: The smaller of 30 days and a third of the lifetime.
DEFAULT = RenewBefore(_DEFAULT_TIME, 1 / 3)


def parse_renew_before(value: str | None) -> RenewBefore:
    """Read ``30d``, ``720h`` or ``33%``; nothing gives the default. Raises ``BadOption`` for anything else."""
    if value is None:
        return DEFAULT
    match = _FORM.fullmatch(str(value).strip().lower())
    number = float(match.group(1)) if match else 0.0
    if match is None or number <= 0 or (match.group(2) == "%" and number >= 100):
        raise BadOption(
            "renew_before",
            f"{value!r} is not a time before the end of a certificate",
            "write days, hours, or a share of the lifetime below 100: 30d, 720h, 33%",
        )
    if match.group(2) == "%":
        return RenewBefore(share=number / 100)
    return RenewBefore(datetime.timedelta(**{"days" if match.group(2) == "d" else "hours": number}))


def renew_at(
    not_before: datetime.datetime, not_after: datetime.datetime, policy: RenewBefore = DEFAULT
) -> datetime.datetime:
    """Give the moment from which a certificate is due.

    A time that is longer than two thirds of the lifetime counts as two thirds, or every run would renew again.
    """
    return not_after - policy.reserve(not_after - not_before)


def capped(info: Mapping[str, Any], policy: RenewBefore) -> bool:
    """Say whether a policy asks for more of a certificate's lifetime than is ever kept in reserve."""
    lifetime = datetime.datetime.fromisoformat(info["not_after"]) - datetime.datetime.fromisoformat(info["not_before"])
    asked = [policy.time] if policy.time is not None else []
    asked += [lifetime * policy.share] if policy.share is not None else []
    return bool(asked) and min(asked) > lifetime * _LARGEST_SHARE


def is_due(info: Mapping[str, Any], policy: RenewBefore, now: datetime.datetime) -> bool:
    """Say whether a certificate (as ``describe`` gives it) is due; an expired one always is."""
    not_before = datetime.datetime.fromisoformat(info["not_before"])
    not_after = datetime.datetime.fromisoformat(info["not_after"])
    return now >= min(renew_at(not_before, not_after, policy), not_after)
