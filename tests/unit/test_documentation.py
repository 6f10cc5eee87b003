# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages in docs/ against what is there: variables, promises, links."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._services import catalogue
from tools import conformance, coverage, quality, rules
from tools.mutation import survivors
from tools.mutation.__main__ import GROUPS, all_mutants

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *ROOT.glob("roles/*/README.md")])
#: Names that look like variables and are groups, or what a task registers.
NO_VARIABLES = {"cms_survey", "cms_plan", *(service.group for service in catalogue.SERVICES)}


def variables_read() -> set[str]:
    """Give the inventory variables that the plugins read: texts in the code, documentation blocks left out."""
    found = set()
    for path in (ROOT / "plugins").rglob("*.py"):
        if path.parent.name in ("modules", "doc_fragments"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and re.fullmatch(r"cms_[a-z0-9_]*[a-z0-9]", text):
                found.add(text)
    return found - NO_VARIABLES


def test_every_variable_is_documented() -> None:
    page = (ROOT / "docs" / "variables.md").read_text()
    missing = {name for name in variables_read() if f"`{name}`" not in page}
    assert not missing


def test_every_documented_variable_is_read() -> None:
    page = (ROOT / "docs" / "variables.md").read_text()
    rows = {
        name for line in page.splitlines() if line.startswith("|") for name in re.findall(r"`(cms_[a-z0-9_]+)`", line)
    }
    assert rows - variables_read() == set()


def test_every_target_of_make_stands_on_the_page_about_development() -> None:
    targets = set(re.findall(r"^([a-z-]+):.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    page = (ROOT / "docs" / "development.md").read_text()
    assert targets - {"help"} - set(re.findall(r"`make ([a-z-]+)", page)) == set()


def test_the_page_about_conformance_shows_the_list_of_differences() -> None:
    assert (ROOT / "docs" / "conformance.md").read_text() == conformance.page(), "run make conformance-page"


def test_the_page_about_rules_shows_the_table() -> None:
    assert (ROOT / "docs" / "rules.md").read_text() == rules.page(), "run make rules-page"


def test_the_page_about_quality_shows_the_lists_of_the_repository() -> None:
    text = (ROOT / "docs" / "quality.md").read_text()
    assert quality.page(text, quality.WRITTEN_FROM_LISTS) == text, "run make quality-page"


def test_what_no_test_reaches_is_explained_for_functions_that_exist() -> None:
    for path, names in coverage.explained().items():
        known = set(coverage.places(ROOT / path).values())
        assert set(names) - {""} <= known, path
        assert all(names.values()), path


def test_a_survivor_is_a_mutant_that_exists_and_has_a_word() -> None:
    known = {mutant.name for group in GROUPS for mutant in all_mutants(group)}
    explained = survivors.load().explained
    assert set(explained) <= known
    assert all(explained.values())


def promised() -> list[str]:
    page = (ROOT / "docs" / "safety.md").read_text()
    return re.findall(r"^\| (S\d+) \|", page, re.MULTILINE)


def rules_with_a_test() -> Iterator[str]:
    for path in (ROOT / "tests").rglob("test_*.py"):
        yield from re.findall(r"def test_(s\d+)_", path.read_text())


@pytest.mark.parametrize("rule", promised())
def test_every_promise_has_a_test_of_its_name(rule: str) -> None:
    number = int(rule[1:])
    assert {f"s{number}", f"s{number:02}"} & set(rules_with_a_test())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target
