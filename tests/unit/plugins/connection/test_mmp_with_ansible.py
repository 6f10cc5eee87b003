# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real runs of ``ansible`` over the connection plugin."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.plugins.plugin_utils.mmp.appliance import PASSWORD, USER, Appliance, Script

ROOT = pathlib.Path(__file__).resolve().parents[4]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def node() -> Iterator[Appliance]:
    one = Appliance(Script(answers={"version": "3.9\n", "webadmin": "Enabled : true\n", "x": "FAILURE: no\n"}))
    yield one
    one.stop()


@pytest.fixture
def ansible(tmp_path: pathlib.Path, node: Appliance) -> Run:
    """Run ``ansible`` against the node with more arguments and variables."""
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{node.port} {node.host_key.get_name()} {node.host_key.get_base64()}\n")

    def run(*arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        everything = {
            "ansible_connection": "certops.cms.mmp",
            "ansible_host": "127.0.0.1",
            "ansible_port": node.port,
            "ansible_user": USER,
            "ansible_password": PASSWORD,
            "ansible_mmp_known_hosts_file": known,
            **variables,
        }
        inventory = tmp_path / "inventory"
        inventory.write_text("core1 " + " ".join(f"{name}='{value}'" for name, value in everything.items()) + "\n")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_HOME": str(tmp_path / "ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
        }
        program = pathlib.Path(sys.executable).parent / "ansible"
        return subprocess.run(
            [str(program), "-i", str(inventory), "core1", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
            env=environment,
            check=False,
        )

    return run


def test_raw_prints_the_display_in_one_login(ansible: Run, node: Appliance) -> None:
    done = ansible("-m", "ansible.builtin.raw", "-a", "webadmin")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Enabled : true" in done.stdout
    assert node.attempts == ["password"]


def test_raw_fails_on_a_failure_line(ansible: Run) -> None:
    done = ansible("-m", "ansible.builtin.raw", "-a", "x")
    assert done.returncode == 2
    assert "FAILURE: no" in done.stdout


def test_wrong_password_makes_the_host_unreachable_after_one_attempt(ansible: Run, node: Appliance) -> None:
    done = ansible("-vvvv", "-m", "ansible.builtin.raw", "-a", "webadmin", ansible_password="wrong-secret-1")
    assert "UNREACHABLE" in done.stdout
    # Ansible adds the causes of an error to it; the same sentence twice in a line helps nobody.
    assert max(line.count("one attempt was made") for line in done.stdout.splitlines()) == 1
    assert node.attempts == ["password"]
    assert "wrong-secret-1" not in done.stdout + done.stderr


def test_unknown_host_key_makes_the_host_unreachable(ansible: Run, node: Appliance) -> None:
    done = ansible("-m", "ansible.builtin.raw", "-a", "webadmin", ansible_mmp_known_hosts_file="/dev/null")
    assert "UNREACHABLE" in done.stdout
    assert "ssh-keyscan" in done.stdout
    assert node.attempts == []


def test_no_password_at_any_verbosity(ansible: Run) -> None:
    done = ansible("-vvvvvv", "-m", "ansible.builtin.raw", "-a", "webadmin")
    assert done.returncode == 0
    assert "webadmin" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr


def test_module_that_needs_python_on_the_node_is_told_so(ansible: Run, node: Appliance) -> None:
    done = ansible("-m", "ansible.builtin.ping")
    assert done.returncode != 0
    assert "gather_facts: false" in done.stdout + done.stderr
    assert node.commands == []


def test_become_of_a_whole_play_does_no_harm(ansible: Run) -> None:
    done = ansible("-b", "-m", "ansible.builtin.raw", "-a", "webadmin")
    assert done.returncode == 0, done.stdout
    assert "Enabled : true" in done.stdout
