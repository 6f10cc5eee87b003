# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The layers of docs/architecture.md: arrows point down only, and each layer knows only what it may."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
UTILS = ROOT / "plugins" / "plugin_utils"

TABLES = {"_errors", "_findings", "_rules", "_services", "_text"}
#: What each layer may import of the others.
ALLOWED = {
    "_text": set(),
    "_errors": {"_text"},
    "_findings": {"_text"},
    "_rules": {"_findings"},
    "_services": set(),
    "_pki": TABLES,
    "_mmp": TABLES,
    "_api": TABLES,
    "_issuers": TABLES | {"_pki"},
    "_fleet": TABLES | {"_pki"},
    "_engine": TABLES | {"_pki", "_mmp", "_api", "_issuers", "_fleet"},
    "_report": TABLES | {"_pki", "_fleet"},
    "_record": TABLES | {"_pki", "_mmp", "_api"},
}
#: What the actions share stands above the layers.
ABOVE = {"_action", "_gather", "_look", "_made", "_opinion", "_single"}
#: Third-party packages that only these layers may know.
KNOWN_BY = {
    "paramiko": {"_mmp"},
    "jinja2": {"_report"},
    "ansible": {"_action", "_gather", "_single"},
    "OpenSSL": {"_engine"},
    "cryptography": {"_pki", "_issuers", "_engine", "_mmp"},
}


def modules() -> list[Path]:
    return sorted(UTILS.rglob("*.py"))


def layer_of(path: Path) -> str:
    part = path.relative_to(UTILS).parts[0]
    return part.removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Give what a module imports: absolute names, and relative ones as ``plugin_utils`` layers with a dot before."""
    here = path.relative_to(UTILS).with_suffix("").parts
    package = here if path.name == "__init__.py" else here[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1]
            module = tuple((node.module or "").split(".")) if node.module else ()
            found = (*above, *module)
            yield from ("." + (found or (alias.name,))[0] for alias in node.names)


def test_every_layer_is_known_here() -> None:
    assert {layer_of(path) for path in modules()} == {*ALLOWED, *ABOVE}


@pytest.mark.parametrize(
    "path",
    [path for path in modules() if layer_of(path) in ALLOWED],
    ids=lambda path: str(path.relative_to(UTILS)),
)
def test_arrows_between_layers_point_down_only(path: Path) -> None:
    layer = layer_of(path)
    others = {name[1:] for name in imports(path) if name.startswith(".")} - {layer}
    assert others <= ALLOWED[layer], f"{layer} imports {sorted(others - ALLOWED[layer])}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(UTILS)))
def test_libraries_are_known_where_they_belong_only(path: Path) -> None:
    for name in imports(path):
        library = name.split(".")[0]
        if library in KNOWN_BY:
            assert layer_of(path) in KNOWN_BY[library], f"{path.name} knows {library}"


def test_no_layer_reaches_the_collection_by_its_full_name() -> None:
    for path in modules():
        assert not [name for name in imports(path) if name.startswith("ansible_collections")], path


def test_simulator_is_a_witness_of_its_own() -> None:
    for path in sorted((ROOT / "tests" / "simulator").rglob("*.py")):
        text = path.read_text()
        assert "ansible_collections" not in text, path
        assert not any(name.split(".")[0] == "plugins" for name in _absolute(path)), path


def _absolute(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module)
