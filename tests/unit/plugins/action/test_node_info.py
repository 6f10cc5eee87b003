# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The survey as data and as text: the same, and without secrets in both."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.action import node_info
from ansible_collections.certops.cms.plugins.plugin_utils._engine.masking import MASK
from tests.unit.plugins.action.acting import act

PASSWORD = 'a "quoted" password'
FOUND = {"schema": 1, "host": "core1", "notices": [f"someone typed {PASSWORD} here"], "files": {"a.crt": {"size": 1}}}


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_info, "look", lambda _action, **_options: FOUND)


def read(form: str) -> dict[str, Any]:
    return act("node_info", {"form": form}, variables={"ansible_password": PASSWORD})


def test_both_forms_say_the_same_without_secrets() -> None:
    data, text = read("data"), read("text")
    assert "survey_text" not in data
    assert "survey" not in text
    assert json.loads(text["survey_text"]) == data["survey"] == {**FOUND, "notices": [f"someone typed {MASK} here"]}


def test_data_is_the_form_for_people() -> None:
    assert act("node_info", {})["survey"]["host"] == "core1"
