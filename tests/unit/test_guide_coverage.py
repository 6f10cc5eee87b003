# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The walk through the certificate guide, docs/guide-coverage.md: no section left out, and all that it names exists."""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
from pathlib import Path

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._fleet import table
from ansible_collections.certops.cms.plugins.plugin_utils._issuers import registry

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "guide-coverage.md"
DONE, CHECKED, LEFT, NOT_YET = STATES = ("done", "checked", "left to people", "not yet")

#: The headings of the guide (3.9) below which an administrator is asked for something, in its order. The others only
#: introduce what follows.
SECTIONS = [
    *("1.2.1", "1.2.2", "1.2.3", "1.2.4", "1.2.5"),
    *("2.1", "2.2"),
    *("3", "3.1", "3.1.1", "3.1.2", "3.1.3", "3.1.4", "3.1.5", "3.2", "3.3"),
    *("4", "4.1", "4.2", "4.3", "4.4", "4.4.1", "4.5", "4.6", "4.7", "4.7.1", "4.7.2", "4.8", "4.9"),
    *("5.1", "5.2", "5.3"),
    *("6",),
    *("A.1", "A.1.1", "A.2.1", "A.2.2", "A.2.3", "A.3", "A.4", "A.5"),
    *("B", "C", "D.1", "D.2"),
]


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the page; ``tests`` are path and name of each."""

    section: str
    asks: str
    state: str
    by: str
    tests: tuple[tuple[str, str], ...]


def rows() -> list[Row]:
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("| ") else []
        if not cells or cells[0] in ("Section", "State", *STATES):
            continue
        section, asks, state, by, tests = cells
        links = re.findall(r"\[(\w+)\]\(\.\./([\w./-]+)\)", tests)
        assert tests == "<br>".join(f"[{name}](../{path})" for name, path in links), tests
        found.append(Row(section, asks, state, by, tuple((path, name) for name, path in links)))
    return found


ROWS = rows()


@functools.cache
def functions(path: str) -> frozenset[str]:
    """The tests of a file."""
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def parts() -> set[str]:
    """The full names of modules, roles and playbooks."""
    paths = [
        *(ROOT / "plugins" / "modules").glob("*.py"),
        *(ROOT / "playbooks").glob("*.yml"),
        *(path for path in (ROOT / "roles").iterdir() if path.is_dir()),
    ]
    return {f"certops.cms.{path.stem}" for path in paths}


def variables() -> set[str]:
    """The variables that docs/variables.md explains."""
    return set(re.findall(r"`(cms_\w+)`", (ROOT / "docs" / "variables.md").read_text()))


def test_each_section_that_asks_for_something_is_there_in_the_order_of_the_guide() -> None:
    assert list(dict.fromkeys(row.section for row in ROWS)) == SECTIONS


def test_no_section_is_walked_through_twice() -> None:
    order = [SECTIONS.index(row.section) for row in ROWS]
    assert order == sorted(order)
    asked = [(row.section, row.asks) for row in ROWS]
    assert len(set(asked)) == len(asked)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section} {row.asks}")
def test_a_row_says_what_becomes_of_it_and_shows_it(row: Row) -> None:
    assert row.state in STATES
    assert row.asks
    assert row.by, "by what, why not, or what is missing"
    if row.state in (DONE, CHECKED):
        assert row.tests, "nothing shows it"
    if row.state == NOT_YET:
        assert not row.tests, "what a test shows is there"


def test_every_test_that_is_named_exists() -> None:
    named = {test for row in ROWS for test in row.tests}
    assert all(path.startswith("tests/") and name.startswith("test_") for path, name in named)
    assert {(path, name) for path, name in named if name not in functions(path)} == set()


def test_everything_else_that_is_named_exists() -> None:
    known = {*parts(), *table.BY_ID, *registry.TYPES, *variables()}
    named = {(row.section, name) for row in ROWS for name in re.findall(r"`([^`]*)`", row.by)}
    # What holds a blank is a command of the appliance.
    assert {(section, name) for section, name in named if " " not in name and name not in known} == set()


def test_what_is_called_a_role_is_one() -> None:
    roles = {f"certops.cms.{path.name}" for path in (ROOT / "roles").iterdir() if path.is_dir()}
    called = set()
    for row in ROWS:
        for number, first, second in re.findall(r"\brole(s?) `([^`]+)`(?:, `([^`]+)`)?", row.by):
            called |= {first, second} if number else {first}
    assert called
    assert called <= roles


def test_the_page_says_what_every_state_means() -> None:
    explained = re.findall(r"^\| (done|checked|left to people|not yet) \| ", PAGE.read_text(), re.MULTILINE)
    assert tuple(explained) == STATES


def test_every_section_that_a_rule_names_is_walked_through() -> None:
    of_the_guide = {rule.section for rule in table.RULES if not re.fullmatch(r"S\d+", rule.section)}
    walked = {part for section in SECTIONS for part in (section, section.rpartition(".")[0])}
    assert of_the_guide <= walked
