# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The harness itself: what it reads from a run, how it kills one, and that it notices a secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.conftest import RunPlaybook, StartFleet, StartPlaybook
from tests.integration.harness import ROOT, HarnessError, Running, Workspace, marked_processes, wait_for

ONE_NODE = {
    "start": "empty",
    "users": [{"name": "admin", "password": "Simulated-1"}],
    "nodes": [{"name": "core1", "services": ["webadmin"]}],
}


@pytest.mark.xdist_group("together")
def test_tests_that_share_a_fleet_run_in_one_worker(request: pytest.FixtureRequest) -> None:
    # xdist goes by the name; without it every worker would start the shared fleet and make the same runs.
    grouped = getattr(request.config.option, "loadgroup", False)
    assert request.node.nodeid.endswith("@together") == grouped


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


@pytest.mark.parametrize("environment", [None, {"OF_ITS_OWN": "yes"}], ids=["warm", "plain"])
def test_a_run_has_a_home_and_settings_of_its_own(
    workspace: Workspace, playbook: RunPlaybook, environment: dict[str, str] | None
) -> None:
    names = ("HOME", "ANSIBLE_HOME", "OF_ITS_OWN")
    words = [f"{name}={{{{ lookup('env', '{name}') }}}}" for name in names]
    words.append("{{ lookup('config', 'DEFAULT_LOCAL_TMP') }}")
    done = playbook(local_play({"name": "Say", "ansible.builtin.debug": {"msg": words}}), environment=environment)
    home, ansible_home, own, temporary = done.one(task="Say")["msg"]
    assert home == f"HOME={workspace.home}"
    assert ansible_home == f"ANSIBLE_HOME={workspace.home}/.ansible"
    assert own == f"OF_ITS_OWN={'yes' if environment else ''}"
    assert temporary.startswith(f"{workspace.home}/.ansible/tmp/")


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


def test_fleets_run_side_by_side(fleet: StartFleet) -> None:
    first, second = fleet(ONE_NODE), fleet(ONE_NODE, nodes=[{"name": "edge1", "services": ["turn"]}])
    assert first.control.nodes() == ["core1"]
    assert second.control.nodes() == ["edge1"]


def test_a_fleet_that_cannot_start_says_why(fleet: StartFleet) -> None:
    with pytest.raises(HarnessError, match="unknown colour"):
        fleet(ONE_NODE, colour="blue")


def test_a_fleet_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import os; from pathlib import Path; from tests.integration.harness import *; "
        f"made = start_fleet(read_definition({ONE_NODE!r}, {{}}), Path({str(tmp_path / 'fleet')!r})); "
        "print(made.process.pid, flush=True); os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    simulator = Path("/proc") / done.stdout.strip()
    wait_for(lambda: not simulator.exists(), "the simulator is gone", 15)
