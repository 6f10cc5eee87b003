# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules that the inventory lowers for a host, each with a reason that is shown (``cms_rules``).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from .._findings import REMARK, SEVERITIES, WARNING
from .._rules.found import find
from . import table
from .given import FleetInput, Host
from .looking import Against

_FORM = "write {severity: warning or remark, reason: why it is all right there}"


@dataclasses.dataclass(frozen=True)
class Lowering:
    """What a finding of a rule weighs on a host instead, and why."""

    severity: str
    reason: str


def read(host: Host) -> tuple[dict[str, Lowering], list[tuple[str, str]]]:
    """Give the rules that are lowered for a host, by id, and what of ``cms_rules`` is refused, with what helps."""
    described = host.variables.get("cms_rules")
    if described is None:
        return {}, []
    if not isinstance(described, dict):
        return {}, [
            ("cms_rules is not a dictionary", f"give a dictionary: the id of a rule (docs/rules.md), and {_FORM}")
        ]
    found: dict[str, Lowering] = {}
    refused: list[tuple[str, str]] = []
    for name, config in described.items():
        wrong = _refusal(str(name), config)
        if wrong is None:
            found[str(name)] = Lowering(config["severity"], str(config["reason"]).strip())
        else:
            refused.append((f"cms_rules.{name} {wrong[0]}", wrong[1]))
    return found, refused


def _refusal(name: str, config: Any) -> tuple[str, str] | None:
    rule = table.BY_ID.get(name)
    if rule is None:
        near = difflib.get_close_matches(name, table.BY_ID, 1)
        return "is no rule", f"did you mean {near[0]}?" if near else "take an id from docs/rules.md"
    if not rule.lowerable:
        return (
            f"cannot be lowered: it holds that {rule.about}",
            "take it out, and put right what the rule finds; docs/rules.md says which rules can be lowered",
        )
    if not isinstance(config, dict) or set(config) - {"severity", "reason"}:
        return "is not understood", _FORM
    if config.get("severity") not in (WARNING, REMARK):
        return f"has the severity {config.get('severity')!r}", _FORM
    if SEVERITIES.index(config["severity"]) <= SEVERITIES.index(rule.severity):
        return f"is a {rule.severity} anyway", "take it out, or lower it to remark"
    reason = config.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        return "has no reason", "say in reason why it is all right there: whoever reads the plan sees it"
    return None


def refused(given: FleetInput) -> Iterator[Against]:
    """Find what is written in ``cms_rules`` and cannot be used."""
    for host in given.hosts.values():
        for found, next_step in read(host)[1]:
            yield Against(find("inventory", host.name, found, next_step, section="S1"), (host.name,))


def lower(against: Iterable[Against], given: FleetInput) -> list[Against]:
    """Lower findings as the inventory says; where one stands against several nodes, all of them have to say so."""
    rules = {host.name: read(host)[0] for host in given.hosts.values() if host.variables.get("cms_rules")}
    if not rules:
        return list(against)
    return [_one(item, rules, given) for item in against]


def _one(item: Against, rules: dict[str, dict[str, Lowering]], given: FleetInput) -> Against:
    finding = item.finding
    said = [rules.get(host, {}).get(finding.rule) for host in item.hosts or given.hosts]
    lowerings = [one for one in said if one is not None]
    if not lowerings or len(lowerings) < len(said):
        return item
    severity = min((one.severity for one in lowerings), key=SEVERITIES.index)
    if SEVERITIES.index(severity) <= SEVERITIES.index(finding.severity):
        return item
    reasons = "; ".join(dict.fromkeys(one.reason for one in lowerings))
    return dataclasses.replace(item, finding=finding.as_lowered(severity, reasons))
