# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A row of the table of rules.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from .._findings import SEVERITIES, Finding


@dataclasses.dataclass(frozen=True)
class Rule:
    """One rule. ``section`` is a section of the certificate guide or a safety rule; ``about`` one line for people.

    ``severity`` is the gravest a finding of it has, ``also`` those it may have besides. ``lowerable`` says that the
    inventory may lower it for a host with a reason (``cms_rules``). ``look`` finds what breaks it in a fleet; without
    one it is found where certificates are read, issued or planned with. ``skips`` are intents it says nothing about.
    """

    id: str
    severity: str
    section: str
    about: str
    next_step: str
    look: Callable[[Any], Any] | None = None
    also: tuple[str, ...] = ()
    lowerable: bool = False
    skips: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not {self.severity, *self.also} <= set(SEVERITIES):
            raise AssertionError(f"Contract violation: severities of the rule {self.id!r}")

    def finding(self, obj: str, found: str, next_step: str = "", *, severity: str = "", section: str = "") -> Finding:
        """Say that it is broken: by what, how, and what helps there where the table's own step is not exact enough."""
        grave = severity or self.severity
        if grave not in (self.severity, *self.also):
            raise AssertionError(f"Contract violation: a finding of {self.id!r} with the severity {grave!r}")
        return Finding(grave, self.id, section or self.section, obj, found, next_step or self.next_step)
