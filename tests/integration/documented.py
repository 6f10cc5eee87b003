# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documentation shows: examples of plugins, blocks and commands of pages, and the fields a module promises."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tests.integration.harness import ROOT

PLUGINS = "ansible_collections.certops.cms.plugins"
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("[a-z]*.py"))
CONNECTIONS = sorted(path.stem for path in (ROOT / "plugins" / "connection").glob("[a-z]*.py"))
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *ROOT.glob("roles/*/README.md")])

#: What Ansible or any action adds to a result.
COMMON = {"changed", "deprecations", "diff", "failed", "invocation", "msg", "skip_reason", "warnings"}
#: What a loop adds to the result of each item.
COMMON |= {"ansible_loop_var", "item"}
TYPES: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "path": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "list": list,
    "dict": dict,
}


def documentation(kind: str, plugin: str, part: str) -> Any:
    """Give DOCUMENTATION, EXAMPLES or RETURN of a plugin, parsed; ``kind`` is its folder."""
    return yaml.safe_load(getattr(importlib.import_module(f"{PLUGINS}.{kind}.{plugin}"), part))


def as_plays(example: list[dict[str, Any]], name: str, hosts: str, **keywords: Any) -> list[dict[str, Any]]:
    """Give the plays of an example: those it has, or one around its tasks."""
    common = {"gather_facts": False, "connection": "certops.cms.mmp", **keywords}
    if all("hosts" in entry for entry in example):
        return [{**entry, "name": f"{name}: {entry['name']}", **keywords} for entry in example]
    return [{"name": name, "hosts": hosts, **common, "tasks": example}]


# Pages ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A block of a page between two fences. ``before`` is the text above it, back to the block before."""

    page: str
    language: str
    text: str
    before: str

    @property
    def title(self) -> str:
        """Give page and first word, by which a list names the block."""
        return f"{self.page}: {self.text.split()[0]}"

    @property
    def commands(self) -> list[str]:
        """Give the command lines of a console block, without prompt and comment."""
        lines = [line.removeprefix("$ ") for line in self.text.splitlines() if line.startswith("$ ")]
        return [re.sub(r"\s+# .*$", "", line) for line in lines]

    @property
    def file(self) -> str:
        """Give the file that the line above the block names."""
        named: list[str] = re.findall(r"`([^`]+)`", self.before.strip().splitlines()[-1])
        return named[-1]


def blocks() -> list[Block]:
    """Give every block of every page, in order."""
    found = []
    for page in PAGES:
        end = 0
        text = page.read_text()
        for fence in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            found.append(Block(str(page.relative_to(ROOT)), fence[1], fence[2], text[end : fence.start()]))
            end = fence.end()
    return found


def mentioned() -> set[str]:
    """Give the commands of ansible-doc and make that stand in the running text of the pages."""
    text = "\n".join(page.read_text() for page in PAGES)
    return set(re.findall(r"`((?:ansible-doc|make) [^`]+)`", text))


# Results -------------------------------------------------------------------------------------------------------------


def returned_by(module: str, events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give what a module returned where it ended well, out of the events of a run; of a loop, what each item did."""
    found = [e for e in events if e.get("action") == f"certops.cms.{module}" and e.get("status") == "ok"]
    loops = {(e["host"], e["task"]) for e in found if e["event"] == "item"}
    return [e["result"] for e in found if e["event"] == "item" or (e["host"], e["task"]) not in loops]


def differences(fields: Mapping[str, Any], result: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Say where a result is not as the documentation of its fields says; ``where`` is the way to it."""
    for name in sorted(set(result) - set(fields) - (set() if where else COMMON)):
        if not name.startswith("_ansible"):
            yield f"{where}{name} is not documented"
    for name, field in fields.items():
        if name in result:
            yield from _differs(field, result[name], f"{where}{name}")
        elif field.get("returned") in ("always", "success"):
            yield f"{where}{name} is documented as always there, and is not"


def _differs(field: Mapping[str, Any], value: Any, where: str) -> Iterator[str]:
    kind = str(field.get("type", "str"))
    if kind == "raw" or value is None:
        return
    fits: bool = isinstance(value, TYPES[kind])
    if not fits or (kind == "int" and isinstance(value, bool)):
        yield f"{where} is documented as {kind}, and is {type(value).__name__}"
        return
    below = field.get("contains")
    if kind == "list":
        element = {"type": field.get("elements", "raw"), "contains": below}
        for entry in value:
            yield from _differs(element, entry, f"{where}[]")
    elif below and value:
        yield from differences(below, value, f"{where}.")
