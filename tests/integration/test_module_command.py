# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module command on a simulated node."""

from __future__ import annotations

from typing import Any

from tests.integration.conftest import RunPlaybook, StartFleet

COMMAND = "certops.cms.command"


def play(*tasks: dict[str, Any], **keywords: Any) -> list[dict[str, Any]]:
    connection = {"ansible_connection": "certops.cms.mmp", **keywords.pop("vars", {})}
    return [
        {"name": "Play", "hosts": "cms", "gather_facts": False, "vars": connection, "tasks": list(tasks), **keywords}
    ]


def tasks(**more: Any) -> list[dict[str, Any]]:
    return [
        {"name": "Show", COMMAND: {"command": "callbridge"}},
        {"name": "Restart", COMMAND: {"command": "callbridge restart"}},
        {"name": "Hurry", COMMAND: {"command": "no such command"}, "ignore_errors": True},
    ]


def test_check_apply_check_apply(fleet: StartFleet, playbook: RunPlaybook) -> None:
    control = fleet("combined").control
    before = control.call("restarts", node="cms1", service="callbridge")
    for check in (True, False, True, False):
        done = playbook(play(*tasks()), check=check)
        assert done.rc == 0, done.stdout
        show, restart, strange = (done.one(task=task) for task in ("Show", "Restart", "Hurry"))
        assert (show["changed"], show["sent"]) == (False, True)
        assert any(line.startswith("Listening interfaces") for line in show["stdout_lines"])
        assert (restart["changed"], restart["sent"]) == (True, not check)
        said = [result["text"] for result in restart["results"] if result["ok"]]
        assert ("Key and certificate pair match" in said) is not check
        # A command nobody knows might change something, so that check mode does not send it.
        assert ("error" in strange) is not check
    assert control.call("restarts", node="cms1", service="callbridge") - before == 2


def test_questions_failures_and_silence(fleet: StartFleet, playbook: RunPlaybook) -> None:
    simulated = fleet("combined")
    control = simulated.control
    control.call(
        "set_fault", node="cms1", fault={"kind": "failure_line", "match": "turn restart", "text": "no, not now"}
    )
    control.call("set_fault", node="cms1", fault={"kind": "silence", "match": "webbridge3 restart"})
    done = playbook(
        play(
            {"name": "Unasked", COMMAND: {"command": "reboot"}},
            {"name": "Failing", COMMAND: {"command": "turn restart"}},
            {"name": "Silent", COMMAND: {"command": "webbridge3 restart", "timeout": 1}},
            ignore_errors=True,
        )
    )
    assert done.rc == 0, done.stdout
    unasked, failing, silent = (done.one(task=task)["error"] for task in ("Unasked", "Failing", "Silent"))
    assert unasked["kind"] == "UnexpectedPrompt"
    assert "(Y/n)" in unasked["reason"]
    assert failing["kind"] == "CommandFailed"
    assert failing["object"] == "cms1, command 'turn restart'"
    assert "FAILURE: no, not now" in failing["transcript"]
    assert silent["kind"] == "NoPrompt"
    assert all(error["next_step"] for error in (unasked, failing, silent))
    assert control.events(kind="reboot_begin") == []


def test_s9_a_confirmed_question_gets_its_capital_letter(fleet: StartFleet, playbook: RunPlaybook) -> None:
    control = fleet("combined").control
    done = playbook(
        play(
            {"name": "Display", COMMAND: {"command": "webadmin", "confirm": True}},
            {"name": "Reboot", COMMAND: {"command": "reboot", "confirm": True}, "ignore_errors": True},
        )
    )
    assert done.one(task="Display")["changed"] is False
    assert len(control.events(kind="reboot_begin")) == 1
