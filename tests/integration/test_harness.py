# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The harness itself: what it reads from a run, how it kills one, and that it notices a secret."""

from __future__ import annotations

import pytest

from tests.integration.conftest import RunPlaybook, StartPlaybook
from tests.integration.harness import HarnessError, Running, marked_processes


def local_play(*tasks: dict[str, object]) -> list[dict[str, object]]:
    return [{"name": "Local", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": list(tasks)}]


def test_a_run_gives_its_results_and_counts(playbook: RunPlaybook) -> None:
    done = playbook(
        local_play(
            {"name": "Say", "ansible.builtin.debug": {"msg": "{{ word }}"}},
            {"name": "Change", "ansible.builtin.debug": {"msg": "x"}, "changed_when": True},
        ),
        extra={"word": "hello"},
    )
    assert done.rc == 0
    assert done.one(task="Say")["msg"] == "hello"
    assert done.recap["localhost"]["ok"] == 2
    assert done.changed == 1
    assert done.failures == {}


def test_a_failed_run_says_which_host_and_why(playbook: RunPlaybook) -> None:
    done = playbook(local_play({"name": "Fail", "ansible.builtin.fail": {"msg": "no reason"}}))
    assert done.rc == 2
    assert done.failures == {"localhost": "no reason"}


def test_check_mode_reaches_the_tasks(playbook: RunPlaybook) -> None:
    tasks = local_play({"name": "Say", "ansible.builtin.debug": {"msg": "{{ ansible_check_mode }}"}})
    assert playbook(tasks, check=True).one(task="Say")["msg"] is True
    assert playbook(tasks).one(task="Say")["msg"] is False


def test_a_killed_run_leaves_no_process_behind(start_playbook: StartPlaybook) -> None:
    running = start_playbook(
        local_play(
            {"name": "First", "ansible.builtin.debug": {"msg": "x"}},
            {"name": "Sleep", "ansible.builtin.command": {"cmd": "sleep 600"}},
        )
    )

    def sleeping(run: Running) -> bool:
        return any(event["event"] == "start" and event["task"] == "Sleep" for event in run.events)

    done = running.kill_when(sleeping)
    assert done.rc == -9
    assert len(done.results(task="First")) == 1
    assert done.recap == {}
    assert marked_processes(running.mark) == []


@pytest.mark.parametrize("text", ["-----BEGIN PRIVATE KEY-----", "correct horse"])
def test_a_secret_in_the_output_fails_the_test(start_playbook: StartPlaybook, text: str) -> None:
    running = start_playbook(local_play({"name": "Say", "ansible.builtin.debug": {"msg": text}}))
    running.secrets = ("correct horse",)
    with pytest.raises(HarnessError, match="printed or returned") as caught:
        running.wait()
    assert "correct horse" not in str(caught.value)
