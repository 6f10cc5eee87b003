# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time per fleet (S18)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._errors import JournalProblem, LockHeld
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.lock import FleetLock, owner_of


def lock_of(folder: Path, **other: Any) -> FleetLock:
    return FleetLock(str(folder), {**owner_of(os.getpid()), **other})


@pytest.fixture
def sleeper() -> Any:
    """A living process that is not this one."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.communicate(b"\n")


def test_s18_a_living_run_is_named(tmp_path: Path, sleeper: Any) -> None:
    FleetLock(str(tmp_path), owner_of(sleeper.pid)).acquire("site")
    with pytest.raises(LockHeld) as caught:
        lock_of(tmp_path).acquire("renew")
    assert f"site, process {sleeper.pid}" in caught.value.reason
    assert str(tmp_path / "lock.json") in caught.value.next_step


def test_s18_a_dead_run_is_taken_over(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        FleetLock(str(tmp_path), owner_of(process.pid)).acquire("site")
        process.communicate(b"\n")
    mine = lock_of(tmp_path)
    mine.acquire("site")
    mine.check()


def test_s18_another_process_with_the_same_number_is_not_that_run(tmp_path: Path) -> None:
    lock_of(tmp_path, started="1").acquire("site")
    lock_of(tmp_path).acquire("site")


def test_s18_a_run_from_before_the_machine_started_anew_is_dead(tmp_path: Path) -> None:
    lock_of(tmp_path, boot="another boot").acquire("site")
    lock_of(tmp_path).acquire("site")


def test_s18_a_run_on_another_machine_counts_as_alive(tmp_path: Path) -> None:
    lock_of(tmp_path, host="elsewhere.example.com", pid=1).acquire("site")
    with pytest.raises(LockHeld, match=r"elsewhere\.example\.com"):
        lock_of(tmp_path).acquire("site")


def test_s18_a_worker_that_outlived_its_run_keeps_others_out(tmp_path: Path) -> None:
    """A killed ansible-playbook leaves a worker behind that is still restarting a node."""
    script = (
        "import sys; from ansible_collections.certops.cms.plugins.plugin_utils._fleet.lock import FleetLock;\n"
        "with FleetLock(sys.argv[1], {}).working('core1'): print('works', flush=True); input()"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "works\n"
        with pytest.raises(LockHeld) as caught:
            lock_of(tmp_path).acquire("site")
        assert f"process {worker.pid}" in caught.value.reason
        assert "core1" in caught.value.reason
        worker.communicate("\n")
    lock_of(tmp_path).acquire("site")


def test_workers_of_one_run_do_not_keep_each_other_out(tmp_path: Path) -> None:
    lock = lock_of(tmp_path)
    lock.acquire("site")
    with lock.working("core1"):
        lock_of(tmp_path).acquire("a change of core2")


def test_a_run_may_take_its_own_lock_again(tmp_path: Path) -> None:
    mine = lock_of(tmp_path)
    mine.acquire("site")
    mine.acquire("site")
    mine.release()
    assert not (tmp_path / "lock.json").exists()


def test_s18_a_run_without_the_lock_is_told_to_start_again(tmp_path: Path) -> None:
    with pytest.raises(LockHeld, match="is not locked by this run"):
        lock_of(tmp_path).check()
    lock_of(tmp_path, host="elsewhere", pid=1).acquire("site")
    with pytest.raises(LockHeld):
        lock_of(tmp_path).check()


def test_only_the_owner_gives_it_back(tmp_path: Path) -> None:
    lock_of(tmp_path, host="elsewhere", pid=1).acquire("site")
    lock_of(tmp_path).release()
    assert json.loads((tmp_path / "lock.json").read_text(encoding="utf-8"))["host"] == "elsewhere"


def test_giving_back_what_was_never_taken_makes_nothing(tmp_path: Path) -> None:
    lock_of(tmp_path / "never").release()
    assert not (tmp_path / "never").exists()


def test_s18_of_many_that_ask_at_once_one_gets_it(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from ansible_collections.certops.cms.plugins.plugin_utils._errors import LockHeld\n"
        "from ansible_collections.certops.cms.plugins.plugin_utils._fleet.lock import FleetLock, owner_of\n"
        "sys.stdin.readline()\n"
        "try:\n"
        "    FleetLock(sys.argv[1], owner_of(os.getpid())).acquire('site')\n"
        "    print('mine', flush=True)\n"
        "except LockHeld:\n"
        "    print('held', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for _number in range(4)
    ]
    for run in runs:
        assert run.stdin is not None
        run.stdin.write("go\n")
        run.stdin.flush()
    said = [run.stdout.readline().strip() for run in runs if run.stdout is not None]
    for run in runs:
        run.communicate("end\n")
    assert sorted(said) == ["held", "held", "held", "mine"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(JournalProblem, match="cannot be locked"):
        lock_of(tmp_path / "file" / "state").acquire("site")
