# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module documents exactly the options its action takes: nothing else would notice a difference."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[4]
PLUGINS = "ansible_collections.certops.cms.plugins"
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
COMPARED = ("type", "elements", "required", "default", "choices", "aliases", "options")


def fragment(name: str) -> dict[str, Any]:
    """Load a fragment of this collection, such as ``certops.cms.state.store``."""
    module, _dot, part = name.removeprefix("certops.cms.").partition(".")
    loaded = importlib.import_module(f"{PLUGINS}.doc_fragments.{module}").ModuleDocFragment
    found: dict[str, Any] = yaml.safe_load(getattr(loaded, part.upper() or "DOCUMENTATION"))
    return found


def documented(module: str) -> dict[str, Any]:
    """Give the options of a module's documentation, its fragments included."""
    text = importlib.import_module(f"{PLUGINS}.modules.{module}").DOCUMENTATION
    doc = yaml.safe_load(text)
    options: dict[str, Any] = {}
    names = doc.get("extends_documentation_fragment") or []
    for name in [names] if isinstance(names, str) else names:
        options.update(fragment(name).get("options") or {})
    for name, option in (doc.get("options") or {}).items():
        # As Ansible merges them: what the module says of an option, and what a fragment adds to it.
        options[name] = {**options.get(name, {}), **option}
    return options


def comparable(options: dict[str, Any]) -> dict[str, Any]:
    """Bring documented options and an argument spec into one form."""
    found = {}
    for name, given in options.items():
        entry = {
            "type": given.get("type", "str"),
            "elements": given.get("elements"),
            "required": bool(given.get("required", False)),
            "default": given.get("default"),
            "choices": list(given["choices"]) if given.get("choices") else None,
            "aliases": sorted(given.get("aliases") or []),
        }
        below = given.get("suboptions") or given.get("options")
        entry["options"] = comparable(below) if below else None
        found[name] = entry
    return found


@pytest.mark.parametrize("module", MODULES)
def test_a_module_documents_exactly_the_options_of_its_action(module: str) -> None:
    action = importlib.import_module(f"{PLUGINS}.action.{module}").ActionModule
    assert comparable(action.argument_spec) == comparable(documented(module))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_states_its_attributes(module: str) -> None:
    doc = yaml.safe_load(importlib.import_module(f"{PLUGINS}.modules.{module}").DOCUMENTATION)
    assert doc["module"] == module
    assert {"check_mode", "diff_mode", "idempotent"} <= set(doc["attributes"])
    assert "certops.cms.attributes.action_group" in doc["extends_documentation_fragment"]


def test_every_module_is_in_the_action_group() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    assert set(MODULES) <= set(runtime["action_groups"]["cms"])
