# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles: specification, defaults, tasks and README say the same, and the playbooks give what the roles want."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text()) if path.exists() else {}


def specification(role: str) -> dict[str, Any]:
    found: dict[str, Any] = loaded(ROOT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]
    return found


def options(role: str) -> dict[str, Any]:
    """Give the options of all entry points of a role."""
    return {name: option for point in specification(role).values() for name, option in point["options"].items()}


def readme(role: str) -> str:
    return (ROOT / "roles" / role / "README.md").read_text()


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_point_is_specified(role: str) -> None:
    assert {path.stem for path in (ROOT / "roles" / role / "tasks").glob("*.yml")} == set(specification(role))


@pytest.mark.parametrize("role", ROLES)
def test_the_readme_lists_the_options_and_nothing_else(role: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", readme(role), re.MULTILINE)
    assert sorted(rows) == sorted(options(role))
    assert ("has no variables of its own" in readme(role)) == (not rows)


@pytest.mark.parametrize("role", ROLES)
def test_the_readme_says_of_an_option_what_the_specification_says(role: str) -> None:
    for name, told in re.findall(r"^\| `(\w+)` \| (.+) \|$", readme(role), re.MULTILINE):
        specified = re.sub(r"[A-Z]\(([^)]+)\)", r"`\1`", options(role)[name]["description"])
        assert told.rstrip(".").lower() == specified.rstrip(".").lower()


@pytest.mark.parametrize("role", ROLES)
def test_the_defaults_are_those_of_the_specification(role: str) -> None:
    specified = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert (loaded(ROOT / "roles" / role / "defaults" / "main.yml") or {}) == specified
    assert not [name for name, option in options(role).items() if option.get("required") and name in specified]


@pytest.mark.parametrize("role", ROLES)
def test_the_tasks_use_the_options_and_no_other_variable_of_the_role(role: str) -> None:
    tasks = "\n".join(path.read_text() for path in (ROOT / "roles" / role / "tasks").glob("*.yml"))
    # What the role registers or sets is not for the user to give.
    own = set(re.findall(r"register: (\w+)", tasks)) | set(re.findall(r"set_fact:\n\s+(\w+):", tasks))
    handed_on = {"plan_summary"}
    used = set(re.findall(rf"\b({role}_\w+)\b", tasks)) - own - handed_on
    assert used == set(options(role))


@pytest.mark.parametrize("role", ROLES)
def test_one_sentence_says_what_a_role_does(role: str) -> None:
    (short, *_others) = [point["short_description"] for point in specification(role).values()]
    assert loaded(ROOT / "roles" / role / "meta" / "main.yml")["galaxy_info"]["description"] == short
    assert short in " ".join(readme(role).split())


def test_the_intents_of_the_plan_are_those_of_its_module() -> None:
    text = (ROOT / "plugins" / "modules" / "fleet_plan.py").read_text()
    documentation = yaml.safe_load(text.partition('DOCUMENTATION = r"""')[2].partition('"""')[0])
    intent = documentation["options"]["intent"]
    given = options("plan")["plan_intent"]
    assert (given["choices"], given["default"]) == (intent["choices"], intent["default"])


def roles_called() -> list[tuple[str, str, set[str]]]:
    """Give playbook, role and the names of the variables, for each role that a playbook calls."""
    found = []
    for path in sorted((ROOT / "playbooks").rglob("*.yml")):
        for play in yaml.safe_load(path.read_text()):
            for task in play.get("tasks", []):
                call = task.get("ansible.builtin.import_role")
                if call:
                    found.append((path.name, call["name"].rpartition(".")[2], set(task.get("vars", {}))))
    return found


@pytest.mark.parametrize(("playbook", "role", "given"), roles_called())
def test_a_playbook_gives_a_role_what_it_wants(playbook: str, role: str, given: set[str]) -> None:
    wanted = {name for name, option in options(role).items() if option.get("required")}
    assert wanted <= given <= set(options(role)), playbook


def test_a_playbook_gives_nothing_to_another_that_no_role_knows() -> None:
    known = {name for role in ROLES for name in options(role)}
    for path in (ROOT / "playbooks").rglob("*.yml"):
        for play in yaml.safe_load(path.read_text()):
            if "ansible.builtin.import_playbook" in play:
                assert set(play.get("vars", {})) <= known
