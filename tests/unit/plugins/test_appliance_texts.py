# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each text of the appliance stands in one place, and docs/appliance-texts.md says which of them nobody has seen.

What is looked for is written from the reference; where it may stand is said here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._mmp import texts
from ansible_collections.certops.cms.plugins.plugin_utils._services import catalogue, commands
from tests.simulator.switches import SWITCHES
from tests.unit.plugins.plugin_utils.mmp import legal

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = ROOT / "plugins"
TEXTS, COMMANDS = "_mmp/texts.py", "_services/commands.py"
#: The rows of the catalogue, by what they are about.
CATALOGUE = {f"_services/{name}.py" for name in ("catalogue", "media", "webapps")}
#: A vocabulary of single words, which says nothing about what the appliance prints.
VOCABULARY = "_record/words.py"
DOCUMENTATION = ("DOCUMENTATION", "EXAMPLES", "RETURN")

_SERVICE = r"(?:pki|webadmin|callbridge|webbridge3?|turn|recorder|streamer|uploader|scheduler|meetingapps|tls|user)"
_VERB = (
    r"(?:list|inspect|match|verify|csr|unlock|selfsigned|sign|certs|trust|listen|enable|disable|restart|status|https|c2w"
    r"|tls|credentials|info|add|sip|ldap|ucm|imps)"
)
COMMAND = re.compile(rf"(?<![\w-]){_SERVICE} {_VERB}(?![\w-])")
RESULT = re.compile(r"SUCCESS|FAILURE|^Usage:|-- ?(?i:more) ?--|pair match")


def spelled(path: Path) -> Iterator[str]:
    """Give the texts in a file, its documentation left out."""
    tree = ast.parse(path.read_text())
    left_out: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left_out.add(id(node.value))
        names = [target.id for target in getattr(node, "targets", []) if isinstance(target, ast.Name)]
        if isinstance(node, ast.Assign) and set(names) & set(DOCUMENTATION):
            left_out |= {id(below) for below in ast.walk(node.value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node.value


ALL = [
    (path.relative_to(PLUGINS / "plugin_utils").as_posix() if "plugin_utils" in path.parts else path.name, text)
    for path in sorted(PLUGINS.rglob("*.py"))
    for text in spelled(path)
    if path.name != Path(VOCABULARY).name
]


def test_commands_are_spelled_in_their_tables_only() -> None:
    found = {place for place, text in ALL if COMMAND.search(text)}
    # SECRET_COMMANDS are patterns with blanks of any width, and so no spelled commands.
    assert found == {*CATALOGUE, COMMANDS}


def test_results_are_spelled_in_the_texts_only() -> None:
    assert {place for place, text in ALL if RESULT.search(text)} == {TEXTS}


@pytest.mark.parametrize("service", sorted(legal.LABEL_ROWS))
def test_every_label_of_the_reference_stands_in_the_catalogue_only_and_once_for_its_service(service: str) -> None:
    rows = [label.lower() for label in catalogue.BY_NAME[service].rows]
    for label, kind in legal.LABEL_ROWS[service] if not catalogue.BY_NAME[service].words else ():
        # How the rows of single listeners are called is not known: they are recognised by a word in them.
        if kind != "one row each":
            assert rows.count(label.lower()) == 1, label
        places = {place for place, text in ALL if text == label and " " in label}
        assert places <= CATALOGUE, label


def test_every_row_means_something_that_is_there() -> None:
    for service in catalogue.SERVICES:
        meanings = {catalogue.ENABLED, catalogue.STATUS, catalogue.UNUSED}
        meanings |= {f"{slot.name} {part}" for slot in service.slots for part in catalogue.SLOT_ROWS}
        own = {f"{trust.name} trust" for trust in service.trusts if not trust.show}
        hosts = {f"{trust.name} host" for trust in service.trusts}
        rows = {*service.rows.values(), *service.words.values()}
        assert rows <= meanings | own | hosts
        needed = {f"{slot.name} {part}" for slot in service.slots for part in ("key", "certificate")}
        assert needed | own <= rows


# The page ------------------------------------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "appliance-texts.md").read_text()


def table(title: str) -> list[list[str]]:
    text = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    return rows[1:]


def test_the_page_names_every_text_there_is_and_none_that_is_not() -> None:
    named = [name for row in table("What is not known") for name in re.findall(r"`texts\.([A-Z_]+)`", row[1])]
    named += re.findall(r"`texts\.([A-Z_]+)`", PAGE.split("## What has been seen")[1])
    assert sorted(named) == sorted(set(named))
    assert set(named) == {name for name in vars(texts) if name.isupper()}


def test_the_page_names_switches_and_places_that_exist() -> None:
    rows = table("What is not known")
    assert rows
    for what, where, switches, basis in rows:
        assert what
        assert basis in ("recalled", "inferred", "unknown"), what
        for name in re.findall(r"`commands\.([A-Z_]+)`", where):
            assert hasattr(commands, name)
        for name in re.findall(r"`catalogue\.([A-Z0-9_]+)`", where):
            assert hasattr(catalogue, name)
        assert re.search(r"`(?:texts|commands|catalogue)\.", where)
        for name in re.findall(r"`([a-z0-9_]+)`", switches):
            assert name in SWITCHES, name
