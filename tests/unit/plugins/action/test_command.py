# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module command: what counts as a change, what is answered, and what fails."""

from __future__ import annotations

import pytest

from ansible_collections.certops.cms.plugins.action.command import only_displays
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import CONFIRM
from tests.unit.plugins.action.acting import FakeSession, act


@pytest.mark.parametrize(
    "command",
    [
        "callbridge",
        " webadmin ",
        "webbridge3 status",
        "pki",
        "pki list",
        "pki  match a.key a.crt",
        "version",
        "help pki",
    ],
)
def test_a_command_that_only_displays_is_known(command: str) -> None:
    assert only_displays(command)


@pytest.mark.parametrize(
    "command",
    ["callbridge restart", "pki csr a CN:b", "pki unlock a.key", "webadmin statuses", "tls sip trust a.pem", "x"],
)
def test_everything_else_may_change_something(command: str) -> None:
    assert not only_displays(command)


def test_a_display_runs_in_check_mode_and_changes_nothing() -> None:
    session = FakeSession()
    result = act("command", {"command": "webadmin"}, session, check=True)
    assert result["changed"] is False
    assert result["sent"] is True
    assert result["stdout_lines"][0].startswith("Enabled")
    assert session.sent == ["webadmin"]


def test_a_change_is_not_sent_in_check_mode_and_keeps_the_keys_of_the_result() -> None:
    session = FakeSession({"callbridge restart": "SUCCESS: listen interface configured"})
    checked = act("command", {"command": "callbridge restart"}, session, check=True)
    assert (checked["changed"], checked["sent"], checked["stdout"]) == (True, False, "")
    assert session.sent == []
    done = act("command", {"command": "callbridge restart"}, session)
    assert done["results"] == [{"ok": True, "text": "listen interface configured"}]
    assert set(done) == set(checked)


def test_s14_a_failure_line_fails_with_every_line() -> None:
    lines = "SUCCESS: listen interface configured\nFAILURE: no key\nFAILURE: Callbridge configuration not complete"
    result = act("command", {"command": "callbridge restart"}, FakeSession({"callbridge restart": lines}))
    assert result["failed"] is True
    assert result["error"]["kind"] == "CommandFailed"
    assert "no key; Callbridge configuration not complete" in result["msg"]
    assert result["error"]["transcript"] == lines.splitlines()
    assert [entry["ok"] for entry in result["results"]] == [True, False, False]


def test_s8_a_command_the_node_does_not_know_fails() -> None:
    result = act("command", {"command": "callbrige"}, FakeSession())
    assert result["failed"] is True
    assert result["error"]["kind"] == "NotUnderstood"


def test_s9_a_capital_y_is_offered_only_when_confirmed() -> None:
    session = FakeSession({"reboot": ""})
    act("command", {"command": "reboot"}, session)
    assert [answer.pattern.search("Are you sure? (Y/n)") for answer in session.expected] == [None]
    act("command", {"command": "reboot", "confirm": True}, session)
    assert session.expected == [CONFIRM]


def test_answers_are_secret_and_in_the_order_of_the_questions() -> None:
    session = FakeSession({"pki unlock": "the passphrase open-sesame was right"})
    args = {"command": "pki unlock a.key", "answers": [{"prompt": "(?i)password", "answer": "open-sesame"}]}
    result = act("command", args, session)
    assert [(answer.text, answer.secret) for answer in session.expected] == [("open-sesame", True)]
    assert "open-sesame" not in str(result)


def test_a_prompt_that_is_no_regular_expression_is_told() -> None:
    session = FakeSession()
    args = {"command": "passwd", "answers": [{"prompt": "password (again", "answer": "x"}]}
    result = act("command", args, session)
    assert "answers, entry 1, prompt 'password (again'" in result["msg"]
    assert session.sent == []


def test_a_secret_on_the_command_line_is_not_in_the_result() -> None:
    result = act("command", {"command": "turn credentials relay hush-hush example.com"}, FakeSession(), check=True)
    assert "hush-hush" not in str(result)
