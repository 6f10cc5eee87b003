# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports on paper fleets, for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.certops.cms.plugins.plugin_utils._fleet.plan import make_plan
from ansible_collections.certops.cms.plugins.plugin_utils._report.compose import make_report
from tests.unit.plugins.plugin_utils.fleet.kit import NEW, NOW, Fleet, standard
from tests.unit.plugins.plugin_utils.pki.making import DAY, make


def report_on(
    fleet: Fleet,
    soon_days: int = 14,
    fail_on: tuple[str, ...] = (),
    edit: Callable[[dict[str, dict[str, Any]]], None] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Give the report of a fleet, as the action makes it; ``edit`` changes the surveys, by node."""
    given = fleet.given(**more)
    if edit is not None:
        edit({name: host.survey for name, host in given.hosts.items() if host.survey is not None})
    plan = make_plan(given)
    return make_report(given, plan, soon_days=soon_days, fail_on=fail_on, made_by="0.1.0")


def healthy(cores: int = 3, edges: int = 2) -> Fleet:
    """A fleet that wants nothing: certificates of its own CA that end in a hundred days."""
    return standard(cores, edges, ca=NEW, ends=100)


def causes(report: dict[str, Any], rule: str) -> list[dict[str, Any]]:
    return [cause for cause in report["causes"] if cause["rule"] == rule]


def one(report: dict[str, Any], rule: str) -> dict[str, Any]:
    """Give the one cause of a rule."""
    found = causes(report, rule)
    assert len(found) == 1, [(cause["rule"], cause["nodes"], cause["found"]) for cause in report["causes"]]
    return found[0]


def self_signed(common_name: str, ends: int = 100) -> Any:
    return make(common_name, names=(common_name,), start=NOW - 10 * DAY, end=NOW + ends * DAY)


QUOTES = 'quote " and \\ and {brace}'

#: What names of certificates and nodes may hold to hurt whoever shows them.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\x1b[31mred\x1b[0m",
    "\u202egnp.exe",
    "two\nlines",
    "{{ 7 * 7 }}{% raw %}",
    QUOTES,
    "\x00\x07",
)
