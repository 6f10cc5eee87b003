# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recipes of docs/contributing.md and docs/appliance-texts.md: each diff, applied to a copy, does what is said."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "contributing.md").read_text()
TEXTS_PAGE = (ROOT / "docs" / "appliance-texts.md").read_text()
#: A recipe is short: added lines, those of an issuer's file among them.
MOST_LINES = 80

Apply = Callable[..., "Copy"]


def section(page: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"the page has no section {title!r}"
    return found.group(1)


def block(text: str, language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


class Copy:
    """A copy of the collection with one diff applied."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "ansible_collections" / "certops" / "cms"
        ignored = shutil.ignore_patterns("__pycache__", "output", "integration")
        for name in ("plugins", "tests", "meta"):
            shutil.copytree(ROOT / name, self.tree / name, ignore=ignored)
        self.environment = {**os.environ, "PYTHONPATH": f"{folder}:{self.tree}", "PYTHONDONTWRITEBYTECODE": "1"}

    def apply(self, diff: str) -> Copy:
        # Outside any repository, so that git takes the folder for what it is.
        lonely = {**self.environment, "GIT_CEILING_DIRECTORIES": str(self.tree.parent)}
        command = ["git", "apply", "--verbose", "-"]
        done = subprocess.run(
            command, cwd=self.tree, input=diff, capture_output=True, text=True, env=lonely, check=False
        )
        assert done.returncode == 0, done.stderr
        return self

    def run(self, *command: str, given: str = "") -> str:
        full = [sys.executable, "-W", "error", *command]
        done = subprocess.run(
            full, cwd=self.tree, input=given, capture_output=True, text=True, env=self.environment, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def recipe(self, name: str, given: str = "") -> Any:
        return json.loads(self.run("-m", f"tests.unit.recipes.{name}", given=given))


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "copy")


def test_every_recipe_is_one_short_diff() -> None:
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    assert titles == ["A service", "An issuer", "A rule", "A text of the appliance", "A switch of the simulator"]
    for title in titles:
        added = [line for line in block(section(PAGE, title), "diff").splitlines() if re.match(r"\+(?!\+\+)", line)]
        assert 0 < len(added) <= MOST_LINES, title


def test_a_service_is_a_row(copy: Copy) -> None:
    text = section(PAGE, "A service")
    found = copy.apply(block(text, "diff")).recipe("service", block(text, "text"))
    shown = found["survey"]
    assert shown["enabled"] is True
    assert shown["slots"] == {
        "xmpp": {
            "key": "xmpp.key",
            "certificate": "xmpp.crt",
            "bundle": "corp.pem",
            "listen": [{"interface": "a", "port": 5222}, {"interface": "b", "port": 5222}],
        }
    }
    assert shown["unknown_rows"] == []
    assert found["errors"] == []
    assert found["identities"] == [[["xmpp1", "xmpp"]]]
    sent = [command.partition(" xmpp-")[0] for command in found["commands"]]
    assert sent == ["pki csr", "xmpp certs", "xmpp restart"]
    assert "xmpp" in found["choices"]
    copy.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/plugins/action/test_argument_specs.py")


def test_an_issuer_is_a_file_and_its_name(copy: Copy, tmp_path: Path) -> None:
    found = copy.apply(block(section(PAGE, "An issuer"), "diff")).recipe("issuer", str(tmp_path))
    assert found == {"chain": 2, "errors": []}


def test_a_rule_is_an_entry(copy: Copy) -> None:
    copy.apply(block(section(PAGE, "A rule"), "diff"))
    (finding,) = copy.recipe("rule")
    assert (finding["severity"], finding["section"], finding["object"]) == ("remark", "4.1", "edge1 turn")
    assert finding["found"] == "names 21 hosts"
    assert finding["next_step"].startswith("have several smaller ones")


def test_a_text_is_a_line(copy: Copy) -> None:
    said = "This platform does not offer turn\n"
    assert "refused" in copy.recipe("text", said)
    copy.apply(block(section(PAGE, "A text of the appliance"), "diff"))
    assert copy.recipe("text", said) == {"present": False, "detail": said.strip()}


def test_a_label_is_a_line(copy: Copy) -> None:
    display = "Enabled : true\nTLS cert : t.crt\nTLS private key : t.key\nTLS bundle : none\nListening interface  a\n"
    assert "refused" in copy.recipe("text", display)
    copy.apply(block(section(TEXTS_PAGE, "How to correct one"), "diff"))
    assert copy.recipe("text", display)["slots"]["turn"]["key"] == "t.key"


def test_a_switch_is_an_entry_and_a_question(copy: Copy, tmp_path: Path) -> None:
    copy.apply(block(section(PAGE, "A switch of the simulator"), "diff"))
    folder = tmp_path / "fleet"
    folder.mkdir()
    found = copy.recipe("switch", str(folder))
    heading = "User supplied certificates and keys:\n"
    assert heading in found["words"]
    assert found["none"] == found["words"].replace(heading, "")
