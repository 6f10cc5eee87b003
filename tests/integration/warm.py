# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``ansible-playbook`` without its start-up: a process that has Ansible imported forks one process for each run.

What runs is the command line of Ansible, in a process, session, directory and environment of its own. Only imports are
shared: of Ansible and of the libraries, nothing of the collection. Half the computing time of a short run goes into
them.

The server must have the settings of Ansible that a run will have, except for where its home is. Runs with further ones
are started the plain way, see ``harness.Workspace.start``.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parents[2]

# Every process of one playbook run carries this variable with a value of its own, so that all of them can be found.
MARK = "CERTOPS_RUN"
NO_MARK = "0" * 32

#: What a run imports sooner or later, beside the collection.
WARM = (
    "ansible.cli.playbook",
    "ansible.executor.task_executor",
    "ansible.galaxy.collection.concrete_artifact_manager",
    "ansible.plugins.action.debug",
    "ansible.plugins.callback.default",
    "ansible.plugins.filter.core",
    "ansible.plugins.inventory.advanced_host_list",
    "ansible.plugins.inventory.auto",
    "ansible.plugins.inventory.host_list",
    "ansible.plugins.inventory.ini",
    "ansible.plugins.inventory.script",
    "ansible.plugins.inventory.yaml",
    "ansible.plugins.strategy.linear",
    "ansible.plugins.test.core",
    "ansible.plugins.vars.host_group_vars",
    "asyncio",
    "cryptography.hazmat.primitives.serialization.pkcs12",
    "cryptography.x509",
    "concurrent.futures.thread",
    "http.client",
    "jinja2",
    "OpenSSL.SSL",
    "paramiko",
    "ssl",
    "yaml",
)


class Process(Protocol):
    """A running ``ansible-playbook``: as much of subprocess.Popen as the harness needs."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | Any: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...


class WarmProcess:
    """A run that the server forked."""

    def __init__(self, server: WarmServer, pid: int) -> None:
        self._server = server
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Give the exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            self.returncode = self._server.ended(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; subprocess.TimeoutExpired when it does not come in time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("ansible-playbook", timeout or 0)
            time.sleep(0.01)
        return code

    def kill(self) -> None:
        """Kill this one process."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class WarmServer:
    """The client's side of a server; one for each process that runs tests."""

    _running: WarmServer | None = None

    def __init__(self, python: Path, environment: Mapping[str, str]) -> None:
        self._ended: dict[int, int] = {}
        self._home = tempfile.TemporaryDirectory(prefix="warm-")
        home = {"HOME": self._home.name, "ANSIBLE_HOME": f"{self._home.name}/.ansible"}
        self._process = subprocess.Popen(
            [str(python), "-m", "tests.integration.warm"],
            cwd=ROOT,
            env={**environment, **home, MARK: NO_MARK},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @classmethod
    def get(cls, python: Path, environment: Mapping[str, str]) -> WarmServer:
        """Give the server of this process, started if it is not there."""
        if cls._running is None or cls._running._process.poll() is not None:
            cls._running = WarmServer(python, environment)
        return cls._running

    @classmethod
    def stop(cls) -> None:
        """End the server of this process, if there is one."""
        if cls._running is not None:
            with cls._running._process as process:  # closes its pipes, which ends it
                assert process.stdin is not None
            cls._running._home.cleanup()
            cls._running = None

    def start(self, argv: Sequence[str], directory: Path, environment: Mapping[str, str], output: Path) -> WarmProcess:
        """Start a run whose standard output and errors go to a file."""
        request = {
            "argv": [str(word) for word in argv],
            "cwd": str(directory),
            "env": dict(environment),
            "output": str(output),
        }
        return WarmProcess(self, int(self._ask(request)["pid"]))

    def ended(self, pid: int) -> int | None:
        """Give the exit code of a run; None while it runs."""
        if pid not in self._ended:
            self._ended.update({int(key): code for key, code in self._ask({})["ended"].items()})
        return self._ended.get(pid)

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


# The server's side ---------------------------------------------------------------------------------------------------


def _write_mark(mark: str) -> None:
    """Put the mark where /proc shows it: the memory in which this process was given its environment."""
    start, end = (int(field) for field in Path("/proc/self/stat").read_text().rpartition(")")[2].split()[47:49])
    found = ctypes.string_at(start, end - start).find(f"{MARK}={NO_MARK}\0".encode())
    if found < 0 or len(mark) != len(NO_MARK):
        raise RuntimeError("no place for the mark")
    ctypes.memmove(start + found + len(MARK) + 1, mark.encode(), len(mark))


def _become(request: Mapping[str, Any]) -> None:
    """Turn this fork into what a plain start would have given: session, files, directory, environment, settings."""
    os.setsid()
    for number, (path, mode) in enumerate(
        (
            (os.devnull, os.O_RDONLY),
            (request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        )
    ):
        descriptor = os.open(path, mode, 0o644)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.dup2(1, 2)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    _write_mark(request["env"][MARK])
    sys.argv = list(request["argv"])
    constants = importlib.import_module("ansible.constants")
    for name in constants.config.get_configuration_definitions():
        # Settings that name a place in the home of this run. The others are as in the server.
        value = constants.config.get_config_value(name, variables=vars(constants))
        if hasattr(constants, name) and getattr(constants, name) != value:
            constants.set_constant(name, value)


def serve() -> int:
    """Fork a run for each line on standard input, until it ends; gives the exit code in a fork."""
    for name in WARM:
        importlib.import_module(name)
    main = importlib.import_module("ansible.cli.playbook").main
    for line in sys.stdin:
        request = json.loads(line)
        if request:
            pid = os.fork()
            if pid == 0:
                _become(request)
                return int(main() or 0)
            answer: dict[str, Any] = {"pid": pid}
        else:
            answer = {"ended": {}}
            with contextlib.suppress(ChildProcessError):
                while (found := os.waitpid(-1, os.WNOHANG))[0]:
                    answer["ended"][found[0]] = os.waitstatus_to_exitcode(found[1])
        print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(serve())
