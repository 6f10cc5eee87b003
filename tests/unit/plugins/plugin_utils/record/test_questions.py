# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked: nothing that could change a node, and exactly what docs/recording.md says."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.action.command import only_displays
from ansible_collections.certops.cms.plugins.plugin_utils._api.client import ApiClient
from ansible_collections.certops.cms.plugins.plugin_utils._api.objects import survey_api
from ansible_collections.certops.cms.plugins.plugin_utils._record import questions
from ansible_collections.certops.cms.plugins.plugin_utils._record.questions import NO_FILE, NO_WORD, Question
from tests.simulator import mmp
from tests.simulator.node import SERVICE_CLASSES

ROOT = Path(__file__).resolve().parents[5]
PAGE = (ROOT / "docs" / "recording.md").read_text()


def slot(name: str, bundle: str | None = "ca.pem") -> dict[str, Any]:
    return {"key": f"{name}.key", "certificate": f"{name}.crt", "bundle": bundle, "listen": []}


SERVICES: dict[str, dict[str, Any]] = {
    "webadmin": {"slots": {"webadmin": slot("wa")}, "trusts": {}},
    "callbridge": {"slots": {"callbridge": slot("cb", None)}, "trusts": {"c2w": "wb-trust.pem", "cluster": None}},
    "turn": {"present": False},
}


def refused_on_purpose(question: Question) -> bool:
    return NO_WORD in question.command or NO_FILE in question.command


@pytest.mark.parametrize(
    "question", [*questions.fixed(), *questions.about_files(SERVICES)], ids=lambda one: one.command
)
def test_every_command_only_displays_or_is_refused(question: Question) -> None:
    if not refused_on_purpose(question):
        # The module command has a list of its own, by which check mode sends a command.
        assert only_displays(question.command)


def test_the_word_that_is_refused_is_no_word_of_the_appliance_and_the_beginning_of_none() -> None:
    usages = [usage for service in SERVICE_CLASSES for usage in service.usage]
    usages += [usage for _run, _about, lines in mmp.COMMANDS.values() for usage in lines]
    words = {word for usage in usages for word in re.findall(r"[a-z0-9_-]+", usage)}
    assert len(words) > 50
    assert not [word for word in words if word.startswith(NO_WORD) or NO_WORD.startswith(word)]


@pytest.mark.parametrize("question", list(filter(refused_on_purpose, questions.fixed())), ids=lambda one: one.command)
def test_the_word_never_stands_where_a_setting_takes_a_free_value(question: Question) -> None:
    """``hostname WORD`` would set one. Alone, or right behind a command that has keywords there, it cannot."""
    known, _blank, rest = question.command.partition(" ")
    assert known in (NO_WORD, "version", "webadmin", "pki", "help")
    assert rest in ("", NO_WORD) or rest.split()[0] in ("inspect", "match")


def test_a_key_is_named_to_match_and_to_nothing_else() -> None:
    asked = [question.command for question in questions.about_files(SERVICES)]
    assert [command for command in asked if ".key" in command and not command.startswith("pki match ")] == []
    assert "pki match wa.key wa.crt" in asked
    assert "pki match wa.key cb.crt" in asked
    assert "pki verify cb.crt wb-trust.pem" in asked
    assert len(asked) == len(set(asked))


def test_a_file_name_that_is_no_bare_name_is_not_typed_back() -> None:
    odd = {"webadmin": {"slots": {"webadmin": slot("wa; reboot")}, "trusts": {"c2w": 'x"y.pem'}}}
    assert [question.command for question in questions.about_files(odd)] == ["pki inspect ca.pem"]


def test_the_api_is_asked_what_is_listed() -> None:
    asked: list[str] = []

    class Noting(ApiClient):
        def get(self, path: str, **_how: Any) -> Any:
            asked.append(path)
            raise self.nonsense(path, "is not read here")

        def collection(self, name: str, member: str, **_how: Any) -> Any:
            return self.get(name)

    tree = ast.parse((ROOT / "plugins" / "plugin_utils" / "_api" / "objects.py").read_text())
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    survey_api(Noting("192.0.2.1", 443, "u", "p", pins=["00"]), more=False)
    listed = {path.partition("/<")[0] for path in questions.API_PATHS}
    assert set(asked) <= listed
    assert listed - {"system/status"} <= texts
    assert not texts & {"calls", "users", "coSpaces", "participants", "callLegs", "system/profiles", "ldapServers"}


# The page ------------------------------------------------------------------------------------------------------------


def block(name: str) -> str:
    """Give what stands behind a marker of the page, up to the next empty line after it."""
    return PAGE.split(f"<!-- {name}: compared with the code by a test -->")[1].lstrip("\n").split("\n\n")[0]


def rows(name: str) -> list[tuple[str, str]]:
    lines = [line for line in block(name).splitlines() if line.startswith("|")][2:]
    return [(first.strip(), second.strip()) for first, second in (line.strip("|").split(" | ", 1) for line in lines)]


def test_the_page_lists_every_command_with_its_purpose() -> None:
    asked = [(f"`{question.command}`", question.purpose) for question in questions.fixed()]
    asked += [(f"`{form}`", purpose) for form, purpose in questions.ABOUT_FILES.items()]
    assert rows("commands") == asked


def test_every_question_about_files_has_a_form_that_is_listed() -> None:
    forms = {form.split(" <")[0] for form in questions.ABOUT_FILES}
    assert {" ".join(q.command.split()[:2]) for q in questions.about_files(SERVICES)} == forms


def test_the_page_lists_what_is_read_of_the_api() -> None:
    assert re.findall(r"^- `(.*)`$", block("api"), re.MULTILINE) == list(questions.API_PATHS)


def test_the_page_lists_what_is_never_read() -> None:
    assert rows("never") == list(questions.NEVER.items())


def test_what_is_never_sent_is_not_sent() -> None:
    sent = {question.command.split()[0] for question in [*questions.fixed(), *questions.about_files(SERVICES)]}
    never = {word for text in questions.NEVER.values() for word in re.findall(r"`([a-z0-9]+)(?: [a-z]+)?`", text)}
    assert {"user", "ipv4", "hostname", "ssh"} <= never
    assert not sent & never
