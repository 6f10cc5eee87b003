# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of rules is whole: each rule is broken by a test, each rule that the code names has a row."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._findings import REMARK, SEVERITIES
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import table
from ansible_collections.certops.cms.plugins.plugin_utils._rules.rule import Rule
from tests.unit.rules import certificates, fleets, rollbacks

ROOT = Path(__file__).resolve().parents[3]
UTILS = ROOT / "plugins" / "plugin_utils"
#: Rules of safety protect links, keys and runs: no reason of anybody makes it right to break one of them.
SAFETY = re.compile(r"S\d+")


def broken(rule: str, folder: Path) -> list[dict[str, Any]]:
    if rule in certificates.OF_ISSUERS:
        return certificates.of_issuer(folder, rule)
    if rule in certificates.OF_GATHERING:
        return certificates.of_gathering(folder, rule)
    return {**fleets.BREAKS, **certificates.BREAKS, **rollbacks.BREAKS}[rule]()


def test_each_rule_of_the_table_has_a_test_that_breaks_it() -> None:
    tested = [*fleets.BREAKS, *certificates.BREAKS, *rollbacks.BREAKS]
    tested += [*certificates.OF_ISSUERS, *certificates.OF_GATHERING]
    assert sorted(tested) == sorted(table.BY_ID)
    assert len(table.BY_ID) == len(table.RULES)


@pytest.mark.parametrize("rule", table.RULES, ids=lambda rule: rule.id)
def test_what_breaks_a_rule_is_found_and_told(rule: Rule, tmp_path: Path) -> None:
    found = [finding for finding in broken(rule.id, tmp_path) if finding["rule"] == rule.id]
    assert found
    for finding in found:
        assert finding["severity"] in (rule.severity, *rule.also)
        for part in ("section", "object", "found", "next_step"):
            assert finding[part].strip()
            assert "None" not in finding[part].replace("common name None", ""), finding


def test_a_fleet_without_faults_breaks_no_rule() -> None:
    assert fleets.found(fleets.quiet().plan()) == []
    assert fleets.found(fleets.pair().plan()) == []


@pytest.mark.parametrize("rule", table.RULES, ids=lambda rule: rule.id)
def test_a_row_says_what_a_reader_needs(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+|inventory", rule.id)
    assert rule.severity in SEVERITIES
    assert all(SEVERITIES.index(rule.severity) != SEVERITIES.index(other) for other in rule.also)
    assert re.fullmatch(r"S\d+|[1-6](\.\d+)*|[A-D](\.\d)?", rule.section)
    for text in (rule.about, rule.next_step):
        assert len(text.split()) > 1
        assert not text.endswith(".")
        assert text[0].islower() or not text.split()[0].isalpha() or text.split()[0] in PROPER


PROPER = ("Unified", "MeetingApps", "TURN", "RSA")


def test_no_rule_of_safety_can_be_lowered() -> None:
    assert not [rule.id for rule in table.RULES if rule.lowerable and SAFETY.fullmatch(rule.section)]
    assert not [rule.id for rule in table.RULES if rule.lowerable and rule.severity == REMARK]
    links = {rule.id for rule in table.RULES if "link" in rule.id or "trust" in rule.id or "anchor" in rule.id}
    assert not [rule for rule in links if table.BY_ID[rule].lowerable]


# What the code names -------------------------------------------------------------------------------------------------

#: Calls whose first text is the id of a rule.
NAMING = {"find", "finding", "Problem", "_against", "_say", "_problem", "error", "warn", "stop", "Finding"}
KEBAB = re.compile(r"[a-z]+(?:-[a-z]+)+")
#: Modules that keep rules as rows of texts.
ROWS = ("form_rules", "web_pki_rules", "meeting_server_rules", "acceptance", "name_constraints", "chain", "profiles")
#: Texts in those modules that look like an id and are none.
NO_RULES: set[str] = set()


def texts(node: ast.expr) -> Iterator[str]:
    """Give the texts that an expression may be; a role in a text of its own is both roles."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "{role}" for part in node.values]
        whole = "".join(str(part) for part in parts)
        yield from (whole.replace("{role}", role) for role in ("client", "server"))
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


def named(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for argument in node.args[:2] if name in NAMING else ():
                found |= {text for text in texts(argument) if KEBAB.fullmatch(text)}
        elif isinstance(node, ast.Tuple) and path.stem in ROWS:
            found |= {text for part in node.elts[:2] for text in texts(part) if KEBAB.fullmatch(text)}
    return found - NO_RULES


def test_every_rule_that_the_code_names_is_in_the_table() -> None:
    for path in [*sorted(UTILS.rglob("*.py")), *sorted((ROOT / "plugins" / "action").glob("*.py"))]:
        assert named(path) <= set(table.BY_ID), path


def test_every_rule_of_the_table_is_looked_for_somewhere() -> None:
    code = [path for path in UTILS.rglob("*.py") if "_rules" not in path.parts]
    code += list((ROOT / "plugins" / "action").glob("*.py"))
    everything = {text for path in code for node in ast.walk(ast.parse(path.read_text())) for text in _any(node)}
    for rule in table.RULES:
        assert rule.look is not None or rule.id in everything, rule.id


def _any(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.Constant, ast.JoinedStr)):
        yield from texts(node)


def test_findings_are_made_from_the_table_alone() -> None:
    """Beside the rows, only the profiles make findings of their own, from rows that a test holds to the table."""
    made = {
        path.relative_to(UTILS).as_posix()
        for path in UTILS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding"
    }
    assert made == {"_rules/rule.py", "_findings.py", "_pki/profiles.py", "_issuers/acceptance.py"}
