# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rule is lowered for a host with a reason, and the reason is shown; nothing else lowers it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils import _findings
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import render, table
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.narrow import make_narrow_plan
from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import OLD, SERVER, Fleet, standard
from tests.unit.rules.fleets import quiet, variables

WHY = "it has no web app and no trunk"
RULE = "eku-client-missing"


def fleet_with_a_fault() -> Fleet:
    """Core1 cannot be a TLS client, and its other certificate is due."""
    fleet = standard(2, 1, issuer=OLD, ends=150)
    fleet.give("core1", "callbridge", OLD, ends=150, eku=(SERVER,))
    fleet.give("core1", "webadmin", OLD, ends=9)
    return fleet


def lowering(fleet: Fleet, *hosts: str, rule: str = RULE, severity: str = "warning", reason: Any = WHY) -> None:
    for host in hosts:
        variables(fleet, host, cms_rules={rule: {"severity": severity, "reason": reason}})


def test_an_error_blocks_until_it_is_lowered_and_says_then_why() -> None:
    fleet = fleet_with_a_fault()
    (before,) = kit.errors(fleet.plan(kit.RENEW))
    assert before["rule"] == RULE
    lowering(fleet, "core1")
    plan = fleet.plan(kit.RENEW)
    assert kit.errors(plan) == []
    assert plan["changed"]
    (found,) = kit.findings(plan, RULE)
    assert found == {**before, "severity": "warning", "lowered_from": "error", "lowered_because": WHY}


def test_the_plan_shows_what_was_lowered_from_what_and_why() -> None:
    fleet = fleet_with_a_fault()
    lowering(fleet, "core1")
    text = "\n".join(render.text(fleet.plan(kit.RENEW)))
    assert "Errors:" not in text
    assert f"lowered from error by cms_rules: {WHY}" in text


def test_a_finding_as_text_says_it_too() -> None:
    fleet = fleet_with_a_fault()
    lowering(fleet, "core1")
    (data,) = kit.findings(fleet.plan(kit.RENEW), RULE)
    told = str(_findings.from_dict(data))
    assert told.startswith("warning [")
    assert told.endswith(f"(lowered from error by cms_rules: {WHY})")


def test_it_is_lowered_for_that_host_and_that_rule_alone() -> None:
    fleet = fleet_with_a_fault()
    fleet.give("core2", "callbridge", OLD, ends=150, eku=(SERVER,))
    lowering(fleet, "core1")
    (error,) = kit.errors(fleet.plan(kit.RENEW))
    assert error["object"] == "core2 callbridge"
    variables(fleet, "core1", cms_rules={"weak-key": {"severity": "remark", "reason": WHY}})
    assert {error["object"] for error in kit.errors(fleet.plan(kit.RENEW))} == {"core1 callbridge", "core2 callbridge"}


def test_what_stands_against_several_nodes_needs_the_word_of_each() -> None:
    fleet = standard(2, 1, issuer=OLD)
    fleet.issuers["internal"] = dataclasses.replace(fleet.issuers["internal"], anchors=kit.authority("X").pems)
    rule = "anchor-change-without-consent"
    assert kit.findings(fleet.plan(), rule)
    lowering(fleet, "core1", rule=rule)
    assert "cannot be lowered" in kit.findings(fleet.plan(), "inventory")[0]["found"]


def test_a_remark_that_was_lowered_is_grouped_by_its_reason() -> None:
    fleet = standard(2, 1, issuer=OLD, ends=150)
    for host in ("core1", "core2"):
        fleet.give(host, "callbridge", OLD, ends=150, eku=(SERVER,))
    lowering(fleet, "core1", severity="remark", reason="first reason")
    lowering(fleet, "core2", severity="remark", reason="second reason")
    text = "\n".join(render.text(fleet.plan(kit.RENEW)))
    assert "first reason" in text
    assert "second reason" in text


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({RULE: {"severity": "warning"}}, "has no reason"),
        ({RULE: {"severity": "warning", "reason": "  "}}, "has no reason"),
        ({RULE: {"severity": "warning", "reason": None}}, "has no reason"),
        ({RULE: {"severity": "warning", "reason": ["x"]}}, "has no reason"),
        ({RULE: {"severity": "none", "reason": WHY}}, "has the severity 'none'"),
        ({RULE: {"severity": "error", "reason": WHY}}, "has the severity 'error'"),
        ({RULE: {"reason": WHY}}, "has the severity None"),
        ({RULE: {"severity": "remark", "reason": WHY, "until": "2027"}}, "is not understood"),
        ({RULE: "warning"}, "is not understood"),
        ({"eku-client-mising": {"severity": "warning", "reason": WHY}}, "is no rule"),
        ({"link-broken": {"severity": "warning", "reason": WHY}}, "cannot be lowered"),
        ({"node-not-surveyed": {"severity": "warning", "reason": WHY}}, "cannot be lowered"),
        ({"turn-ca": {"severity": "warning", "reason": WHY}}, "is a warning anyway"),
        ([RULE], "is not a dictionary"),
    ],
)
def test_what_cannot_be_used_is_an_error_of_the_inventory_and_lowers_nothing(rules: Any, told: str) -> None:
    fleet = fleet_with_a_fault()
    variables(fleet, "core1", cms_rules=rules)
    plan = fleet.plan(kit.RENEW)
    (refused,) = kit.findings(plan, "inventory")
    assert (refused["severity"], refused["object"]) == ("error", "core1")
    assert told in refused["found"]
    assert refused["next_step"]
    assert kit.findings(plan, RULE)[0]["severity"] == "error"
    assert not plan["changed"]


def test_a_rule_that_does_not_exist_is_told_with_the_one_that_is_like_it() -> None:
    fleet = quiet()
    lowering(fleet, "core1", rule="eku-client-mising")
    assert "did you mean eku-client-missing?" in kit.findings(fleet.plan(), "inventory")[0]["next_step"]


@pytest.mark.parametrize("rule", [rule for rule in table.RULES if rule.lowerable], ids=lambda rule: rule.id)
def test_every_rule_that_is_lowerable_can_be_lowered(rule: Any) -> None:
    fleet = quiet()
    lowering(fleet, "core1", rule=rule.id, severity="remark")
    assert not kit.findings(fleet.plan(), "inventory")


def test_narrow_takes_the_same_words() -> None:
    fleet = standard(1, 1, issuer=OLD, ends=150)
    lowering(fleet, "core1", reason="")
    plan = make_narrow_plan(fleet.given(kit.NARROW))
    assert "has no reason" in kit.findings(plan, "inventory")[0]["found"]
    assert not plan["changed"]
