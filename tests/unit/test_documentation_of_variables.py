# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of docs/variables.md against what the code takes, and what modules and connection say of variables."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.certops.cms.plugins.plugin_utils._fleet.described import HOST_OPTIONS, IDENTITY_OPTIONS
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.own_ca import Settings
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.registry import TYPES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "variables.md").read_text()
DOCUMENTED = sorted((ROOT / "plugins").glob("modules/[a-z]*.py")) + sorted(
    (ROOT / "plugins").glob("doc_fragments/*.py")
)


def table(heading: str) -> dict[str, str]:
    """Give name -> second column of the first table whose first column is headed so."""
    rows = PAGE.partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    found: dict[str, str] = {}
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        names, values = re.findall(r"`([^`]+)`", cells[0]), [part.strip(" `") for part in cells[1].split(", ")]
        for number, name in enumerate(names):
            found[name] = values[number] if len(values) == len(names) else cells[1].strip(" `")
    return found


def every_variable() -> dict[str, str]:
    """Give variable -> default, of all tables of variables."""
    found: dict[str, str] = {}
    for cell, default in re.findall(r"^\| ((?:`cms_\w+`(?:, )?)+) \|([^|]*)\|", PAGE, re.MULTILINE):
        names, values = re.findall(r"`(\w+)`", cell), default.split(", ")
        for number, name in enumerate(names):
            found[name] = (values[number] if len(values) == len(names) else default).strip()
    return found


def test_the_options_of_an_identity_are_those_that_are_taken() -> None:
    assert set(table("Option")) == set(IDENTITY_OPTIONS)


@pytest.mark.parametrize("kind", TYPES)
def test_the_options_of_an_issuer_are_those_that_are_taken(kind: str) -> None:
    assert set(table(f"Option of `type: {kind}`")) == set(TYPES[kind].options)


def test_the_defaults_of_an_issuer_are_those_of_the_code() -> None:
    shown = table("Option of `type: own_ca`")
    for field in dataclasses.fields(Settings):
        if field.name not in ("path", "passphrase"):
            default = "" if field.default is None else field.default
            assert shown[field.name] == (str(default).lower() if isinstance(default, bool) else str(default))


def test_the_variables_of_a_host_are_in_the_tables() -> None:
    assert set(HOST_OPTIONS) <= set(every_variable())


@pytest.mark.parametrize("path", DOCUMENTED, ids=lambda path: path.stem)
def test_a_module_says_of_a_variable_what_the_page_says(path: Path) -> None:
    text = " ".join(path.read_text().split())
    shown = every_variable()
    assert set(re.findall(r"the variable C\((cms_\w+)\)", text)) <= set(shown)
    for name, default in re.findall(r"the variable C\((cms_\w+)\); without it (V\([^)]+\)|\d+)\.", text):
        assert shown[name].strip("`") == default.removeprefix("V(").removesuffix(")"), name


def connection() -> tuple[dict[str, Any], ast.Module]:
    module = importlib.import_module("ansible_collections.certops.cms.plugins.connection.mmp")
    source = (ROOT / "plugins" / "connection" / "mmp.py").read_text()
    options: dict[str, Any] = yaml.safe_load(module.DOCUMENTATION)["options"]
    return options, ast.parse(source)


def test_the_connection_reads_exactly_the_options_that_it_documents() -> None:
    options, tree = connection()
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    asked = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "get_option"
        and isinstance(node.args[0], ast.Constant)
    }
    assert asked <= set(options)
    assert set(options) <= texts


def test_every_option_of_the_connection_has_a_variable_of_its_own() -> None:
    options, _tree = connection()
    shared = {"remote_user": "user", "ssh_args": None, "ssh_common_args": None, "ssh_extra_args": None}
    for name, option in options.items():
        variables = [entry["name"] for entry in option["vars"]]
        own = shared.get(name, name)
        assert own is None or f"ansible_mmp_{own}" in variables, name
