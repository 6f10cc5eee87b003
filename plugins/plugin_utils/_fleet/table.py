# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of rules, whole: what each is called, how grave it is, where it stands, what to do, and what looks for it.

Adding a rule is adding an entry to one of the modules here and the function that looks (docs/contributing.md). Rules
that are found where certificates are read, issued and planned with have no such function, and a row in ``_rules``.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterator

from .._findings import REMARK
from .._rules import found as found_elsewhere
from .._rules.rule import Rule
from . import rules_files, rules_names, rules_nodes, rules_public, rules_usage
from .looking import Against, View

#: Every rule there is: docs/rules.md lists them in this order.
RULES: tuple[Rule, ...] = (
    *rules_nodes.RULES,
    *rules_names.RULES,
    *rules_usage.RULES,
    *rules_public.RULES,
    *rules_files.RULES,
    *found_elsewhere.RULES,
)
BY_ID: dict[str, Rule] = {rule.id: rule for rule in RULES}


def judge(view: View) -> Iterator[Against]:
    """Check a fleet against the rules that have a function that looks.

    A fault of a certificate that the plan replaces is cured, unless the new one has it too: then that one is told.
    """
    for rule in RULES:
        if rule.look is None or view.given.intent in rule.skips:
            continue
        found = list(rule.look(view))
        stay = {broken.obj for broken in found if broken.held is not None and broken.held.planned}
        for broken in found:
            finding = rule.finding(
                broken.obj, broken.found, broken.next_step, severity=broken.severity, section=broken.section
            )
            if broken.held is not None and broken.held.replaced:
                if broken.obj in stay or finding.severity == REMARK:
                    continue
                finding = finding.as_cured()
            yield Against(finding, broken.hosts)
