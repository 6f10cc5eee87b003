# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured against each other: the collection, Ansible alone, a plain script, ansible.netcommon."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import signal
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from tools._run import BUILD, ROOT
from tools._simulator import fresh
from tools.bench.fleets import PASSPHRASE, BenchFleet
from tools.bench.measure import Cost, measured

HERE = Path(__file__).resolve().parent
DIRECTORY = BUILD / "bench"
FORKS = 10
_MARK = "CERTOPS_BENCH"
#: The wheel of PyPI that holds ansible.netcommon for a version of ansible-core.
WHEELS = {"2.19": "ansible==12.3.0", "2.21": "ansible==14.5.0"}
_TREES = ("ansible_collections/ansible/netcommon/", "ansible_collections/ansible/utils/")

#: What a user has to add before ansible.netcommon talks to a device that it does not know. It is written down where the
#: wheel is unpacked, because without ansible.netcommon it cannot even be imported.
TERMINAL = """\
import re

from ansible_collections.ansible.netcommon.plugins.plugin_utils.terminal_base import TerminalBase


class TerminalModule(TerminalBase):
    terminal_stdout_re = [re.compile(rb"[\\r\\n]?[\\w.-]+> ?$")]
    terminal_stderr_re = []
"""


class ControlNode:
    """A control node of its own: home, configuration, state of the collection; everything in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = fresh(directory)
        self._mark = uuid.uuid4().hex
        self._runs = 0
        (directory / "home").mkdir()
        (directory / "ansible.cfg").write_text(f"[defaults]\nforks = {FORKS}\nhost_key_checking = true\n")

    def environment(self, **more: str) -> dict[str, str]:
        """Give an environment that holds nothing of the person who runs the benchmarks."""
        home = self.directory / "home"
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "ANSIBLE_HOME": str(home / ".ansible"),
            "ANSIBLE_CONFIG": str(self.directory / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
            "ANSIBLE_NOCOLOR": "1",
            _MARK: self._mark,
            **more,
        }

    def _log(self, name: str) -> Path:
        self._runs += 1
        return self.directory / f"{self._runs:02d}-{name}.log"

    def playbook(self, fleet: BenchFleet, name: str, inventory: Path | None = None, *, forks: int = FORKS) -> Cost:
        """Run a playbook of the collection: site, renew."""
        variables = {
            "cms_issuer": "internal",
            "cms_issuers": {"internal": {"type": "own_ca", "organization": "Example", "passphrase": PASSPHRASE}},
            "cms_store_passphrase": PASSPHRASE,
            "cms_accept_anchors": ["internal"],
            "cms_state_dir": str(self.directory / "state"),
        }
        if name == "renew" and not (self.directory / "state" / "issuers").exists():
            # Nothing is due and nothing was ever issued: what runs on the nodes is adopted.
            variables = {"cms_state_dir": variables["cms_state_dir"]}
        chosen = self.directory / "variables.yml"
        chosen.write_text(yaml.safe_dump(variables))
        command = ["ansible-playbook", "-i", str(inventory or fleet.inventory), "--forks", str(forks)]
        return measured(
            [*command, "-e", f"@{chosen}", f"certops.cms.{name}"], self.environment(), self._log(name), fleet
        )

    def nothing(self, fleet: BenchFleet, inventory: Path | None = None) -> Cost:
        """Run the play whose tasks do nothing."""
        command = ["ansible-playbook", "-i", str(inventory or fleet.inventory), str(HERE / "noop" / "play.yml")]
        environment = self.environment(ANSIBLE_ACTION_PLUGINS=str(HERE / "noop" / "action_plugins"))
        return measured(command, environment, self._log("nothing"), fleet)

    def plain(self, fleet: BenchFleet, inventory: Path | None = None, *, more: bool = False) -> Cost:
        """Run the plain threaded script; with ``more`` it reads listeners and API too."""
        command = [sys.executable, "-m", "tools.bench.plain", str(inventory or fleet.inventory), str(FORKS)]
        return measured([*command, *["--all"] * more], self.environment(), self._log("plain"), fleet)

    def netcommon(self, fleet: BenchFleet, collections: Path) -> Cost:
        """Read the same with ansible.netcommon; its helper processes end with it."""
        folder = fresh(self.directory / "fetched")
        command = ["ansible-playbook", "-i", str(fleet.inventory), "-e", f"bench_folder={folder}"]
        environment = self.environment(
            ANSIBLE_COLLECTIONS_PATH=str(collections),
            ANSIBLE_TERMINAL_PLUGINS=str(collections / "terminal_plugins"),
            ANSIBLE_HOST_KEY_CHECKING="False",
            ANSIBLE_NETWORK_CLI_SSH_TYPE="paramiko",
            ANSIBLE_PERSISTENT_COMMAND_TIMEOUT="60",
            ANSIBLE_PERSISTENT_CONNECT_TIMEOUT="60",
        )
        try:
            cost = measured([*command, str(HERE / "netcommon.yml")], environment, self._log("netcommon"), fleet)
        finally:
            self._end_helpers()
        read = {path.name.split("-", 1)[0] for path in folder.iterdir() if path.stat().st_size}
        if len(read) != fleet.count:
            sys.exit(f"ansible.netcommon read files of {len(read)} of {fleet.count} nodes")
        return cost

    def _end_helpers(self) -> None:
        """End the processes that ansible.netcommon keeps for its connections."""
        wanted = f"{_MARK}={self._mark}".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if wanted in (entry / "environ").read_bytes().split(b"\0"):
                        os.kill(int(entry.name), signal.SIGTERM)


def netcommon_collections() -> Path | None:
    """Get ansible.netcommon and what it needs out of the wheel ``ansible``; None where that cannot be had."""
    target = DIRECTORY / "netcommon"
    if (target / _TREES[0]).is_dir():
        return target
    core = ".".join(importlib.metadata.version("ansible-core").split(".")[:2])
    if core not in WHEELS:
        return None
    download = fresh(DIRECTORY / "download")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(download), WHEELS[core]]
    if subprocess.run(command, check=False).returncode:
        return None
    with zipfile.ZipFile(next(download.glob("ansible-*.whl"))) as wheel:
        wheel.extractall(target, [name for name in wheel.namelist() if name.startswith(_TREES)])
    (target / "terminal_plugins").mkdir()
    (target / "terminal_plugins" / "mmp.py").write_text(TERMINAL)
    return target


def versions() -> Mapping[str, str]:
    """Give the versions of what takes part."""
    names = ("ansible-core", "paramiko", "cryptography", "pyOpenSSL", "asyncssh")
    return {name: importlib.metadata.version(name) for name in names}
