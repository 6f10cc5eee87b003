# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find a row of the table by its id.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from .._findings import Finding
from . import certificates, issuing, planning, rolling_back
from .rule import Rule

#: The rules that are found where certificates are read, issued and planned with.
RULES: tuple[Rule, ...] = (*planning.RULES, *issuing.RULES, *certificates.RULES, *rolling_back.RULES)
BY_ID: dict[str, Rule] = {rule.id: rule for rule in RULES}


def find(rule: str, obj: str, found: str, next_step: str = "", *, severity: str = "", section: str = "") -> Finding:
    """Say that a rule of the table is broken. What is not given is what the table says."""
    return BY_ID[rule].finding(obj, found, next_step, severity=severity, section=section)
