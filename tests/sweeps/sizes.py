# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sizes of the sweeps, for people to read and for the page of the project's quality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any


def of(reports: Iterable[Any]) -> dict[str, Any]:
    """Count the points of each sweep by kind and by what became of them; empty when no test was one of a sweep."""
    found: dict[str, Any] = {}
    for report in reports:
        facts = dict(report.user_properties)
        if report.when != "call" or "sweep" not in facts:
            continue
        sweep = found.setdefault(
            str(facts["sweep"]), {"points": 0, "passed": 0, "seconds": 0.0, "kinds": {}, "became": {}}
        )
        sweep["points"] += 1
        sweep["passed"] += report.outcome == "passed"
        sweep["seconds"] = round(sweep["seconds"] + report.duration, 1)
        kind = sweep["kinds"].setdefault(str(facts["kind"]), {"points": 0, "passed": 0})
        kind["points"] += 1
        kind["passed"] += report.outcome == "passed"
        became = Counter(sweep["became"])
        became[str(facts.get("became", "failed"))] += 1
        sweep["became"] = dict(sorted(became.items()))
    return found


def table(found: dict[str, Any]) -> list[str]:
    """Give the sizes as lines."""
    lines = []
    for name, sweep in sorted(found.items()):
        lines.append(
            f"{name}: {sweep['passed']} of {sweep['points']} points passed, {sweep['seconds']:.0f} seconds of work"
        )
        lines += [
            f"    {kind:30} {facts['passed']:5} of {facts['points']}" for kind, facts in sorted(sweep["kinds"].items())
        ]
        lines += [f"    became: {became:60} {number:5}" for became, number in sweep["became"].items()]
    return lines
