# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real ``ansible-playbook`` runs on a simulated fleet: start, watch, kill, and read what happened.

The fixtures of conftest.py hand these out. Nothing here knows how the collection works.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.integration.dialects import Spoken
from tests.integration.warm import MARK, Process, WarmServer
from tests.simulator.control import Control

ROOT = Path(__file__).resolve().parents[2]
# The environment that pytest runs in is the one under test: .venv, or one that tools/pythons.py made.
PROGRAMS = Path(sys.prefix) / "bin"
COLLECTIONS = ROOT / ".venv" / "collections"
FLEETS = ROOT / "tests" / "simulator" / "fleets"
CALLBACKS = Path(__file__).resolve().parent / "callback_plugins"

# Where coverage counts, it tells by this name what was reached inside ansible-playbook.
INSIDE_ANSIBLE = "ansible"

Predicate = Callable[["Running"], bool]


class HarnessError(AssertionError):
    """A fleet or a playbook did not do what the test needs to go on; says what it printed."""


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30.0, pause: float = 0.02) -> None:
    """Wait until a condition holds; HarnessError with ``what`` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise HarnessError(f"not within {seconds:.0f} seconds: {what}")
        time.sleep(pause)


# Fleets --------------------------------------------------------------------------------------------------------------


@dataclass
class Fleet:
    """A simulated fleet that runs in a process of its own."""

    directory: Path
    definition: Mapping[str, Any]
    process: subprocess.Popen[bytes]

    @property
    def inventory(self) -> Path:
        return self.directory / "inventory.yml"

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @cached_property
    def control(self) -> Control:
        """The way to read the fleet's state and event log, and to set faults while it runs."""
        return Control(self.state)

    @property
    def secrets(self) -> list[str]:
        """Give every password that the definition holds."""
        users = self.definition.get("users") or []
        return [str(user["password"]) for user in users if user.get("password")]

    @property
    def log(self) -> str:
        """Give what the simulator printed."""
        return (self.directory / "simulator.log").read_text(errors="replace")

    def stop(self) -> None:
        """End the simulator; harmless when it has ended already."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)


def read_definition(source: str | Path | Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Give a fleet as a dictionary: from one, from a file, or by the name of a file in tests/simulator/fleets."""
    if isinstance(source, Mapping):
        definition = dict(source)
    else:
        path = FLEETS / f"{source}.yml" if isinstance(source, str) and not source.endswith(".yml") else Path(source)
        definition = yaml.safe_load(path.read_text())
    # Other workers and other checkouts test on the same machine: each fleet takes a loopback network that is free.
    return {**definition, "network": "auto", **overrides}


def start_fleet(definition: Mapping[str, Any], directory: Path, *, max_seconds: int = 1200) -> Fleet:
    """Start a simulated fleet and wait until every listener of it answers."""
    definition = {"dialect": Spoken.now, **definition}
    directory.mkdir(parents=True)
    fleet_file, ready = directory / "fleet.yml", directory / "ready"
    fleet_file.write_text(yaml.safe_dump(dict(definition), sort_keys=False))
    command = [sys.executable, "-m", "tests.simulator", "serve"]
    command += ["--fleet", str(fleet_file), "--state", str(directory / "state")]
    command += ["--inventory", str(directory / "inventory.yml"), "--ready-file", str(ready)]
    command += ["--parent-pid", str(os.getpid()), "--max-seconds", str(max_seconds)]
    with (directory / "simulator.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    fleet = Fleet(directory, definition, process)
    try:
        wait_for(lambda: ready.exists() or process.poll() is not None, "the simulated fleet is ready", 60)
        if process.poll() is not None:
            raise HarnessError(f"the simulator ended with {process.returncode}:\n{fleet.log}")
    except HarnessError:
        fleet.stop()
        raise
    return fleet


# Playbook runs -------------------------------------------------------------------------------------------------------


def marked_processes(mark: str) -> list[int]:
    """Give the ids of all processes that carry a mark in their environment.

    Ansible's workers each start a session of their own, so neither a process group nor a session finds them.
    """
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


@dataclass
class Result:
    """What a finished (or killed) playbook run left behind."""

    rc: int
    stdout: str
    events: list[dict[str, Any]]

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """Give per host: ok, changed, unreachable, failures, skipped, rescued, ignored. Empty for a killed run."""
        return next((event["hosts"] for event in reversed(self.events) if event["event"] == "stats"), {})

    @property
    def changed(self) -> int:
        """Count the changed results of all hosts."""
        return sum(counts["changed"] for counts in self.recap.values())

    @property
    def failures(self) -> dict[str, str]:
        """Give host -> message of the first result that failed or was unreachable."""
        found: dict[str, str] = {}
        for event in self.events:
            if event["event"] == "result" and event["status"] in ("failed", "unreachable"):
                found.setdefault(event["host"], str(event["result"].get("msg", "")))
        return found

    def results(self, *, task: str = "", action: str = "", host: str = "", status: str = "") -> list[dict[str, Any]]:
        """Give the results whose task name contains ``task`` and whose other parts are as given."""
        return [
            event
            for event in self.events
            if event["event"] == "result"
            and task in event["task"]
            and action in ("", event["action"])
            and host in ("", event["host"])
            and status in ("", event["status"])
        ]

    def one(self, **parts: str) -> dict[str, Any]:
        """Give what a module returned in the only result that fits."""
        found = self.results(**parts)
        if len(found) != 1:
            raise HarnessError(f"{len(found)} results fit {parts}, one was expected:\n{self.stdout}")
        returned: dict[str, Any] = found[0]["result"]
        return returned


@dataclass
class Running:
    """A playbook run that is under way."""

    process: Process
    directory: Path
    mark: str
    timeout: float
    secrets: Sequence[str] = ()
    killed: bool = field(default=False, init=False)

    @property
    def stdout(self) -> str:
        return (self.directory / "stdout").read_text(errors="replace")

    @property
    def events(self) -> list[dict[str, Any]]:
        """Give what the run did so far, see callback_plugins/record.py."""
        record = self.directory / "record.jsonl"
        text = record.read_text() if record.exists() else ""
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def kill(self) -> None:
        """Kill every process of the run at once, as a power cut on the control node would."""
        self.killed = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGSTOP)  # so that it cannot start another worker meanwhile
        # A process that is just becoming another program shows no environment for a moment, so one look is not enough.
        quiet = 0
        while quiet < 5:
            pids = [pid for pid in marked_processes(self.mark) if pid != self.process.pid]
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            quiet = 0 if pids else quiet + 1
            time.sleep(0.01)
        self.process.kill()
        self.process.wait(10)

    def kill_when(self, moment: Predicate, what: str = "the moment to kill") -> Result:
        """Kill the run as soon as a predicate holds. A run that ends before that is no failure: look at ``rc``."""
        wait_for(lambda: moment(self) or self.process.poll() is not None, what, self.timeout, pause=0.005)
        if self.process.poll() is None:
            self.kill()
        return self.wait()

    def wait(self) -> Result:
        """Wait for the end, look for secrets in all that was printed or recorded, and give the result."""
        try:
            self.process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise HarnessError(f"the playbook did not end within {self.timeout:.0f} seconds:\n{self.stdout}") from None
        result = Result(self.process.returncode, self.stdout, self.events)
        reveal_nothing(result.stdout + json.dumps(result.events), self.secrets)
        return result


def reveal_nothing(text: str, secrets: Iterable[str]) -> None:
    """Fail when a private key or one of the secrets stands in a text; does not repeat the secret."""
    if "PRIVATE KEY-----" in text:
        raise HarnessError("a private key was printed or returned")
    for number, secret in enumerate(secrets):
        if secret in text:
            raise HarnessError(f"secret number {number} was printed or returned")


@dataclass
class Workspace:
    """A control node of its own: home, Ansible configuration, and everything that runs write."""

    directory: Path
    runs: list[Running] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True)
        (self.directory / "ansible.cfg").write_text("[defaults]\n")

    @property
    def home(self) -> Path:
        return self.directory / "home"

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Give an environment that holds nothing of the person who runs the tests."""
        passed_on = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        if passed_on:
            passed_on["COVERAGE_CONTEXT"] = INSIDE_ANSIBLE
        return {
            **passed_on,
            "PATH": f"{PROGRAMS}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_HOME": str(self.home / ".ansible"),
            "ANSIBLE_CONFIG": str(self.directory / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            "ANSIBLE_NOCOLOR": "1",
            **(extra or {}),
        }

    def start(
        self,
        playbook: str | Path | Sequence[Mapping[str, Any]],
        *args: str,
        inventory: str | Path,
        check: bool = False,
        diff: bool = False,
        extra: Mapping[str, Any] | None = None,
        verbosity: int = 0,
        environment: Mapping[str, str] | None = None,
        timeout: float = 240.0,
    ) -> Running:
        """Start ``ansible-playbook`` on a playbook of the collection, a file, or a list of plays."""
        directory = self.directory / f"run{len(self.runs)}"
        directory.mkdir()
        if not isinstance(playbook, (str, Path)):
            written = directory / "playbook.yml"
            written.write_text(yaml.safe_dump([dict(play) for play in playbook], sort_keys=False))
            playbook = written
        command = [str(PROGRAMS / "ansible-playbook"), "-i", str(inventory), str(playbook), *args]
        if extra:
            (directory / "extra.yml").write_text(yaml.safe_dump(dict(extra), sort_keys=False))
            command += ["-e", f"@{directory / 'extra.yml'}"]
        command += ["--check"] * check + ["--diff"] * diff + [f"-{'v' * verbosity}"] * bool(verbosity)
        mark = uuid.uuid4().hex
        env = self.environment({**(environment or {}), MARK: mark, "CERTOPS_RECORD": str(directory / "record.jsonl")})
        process = self._start(command, env, directory / "stdout", warm=not environment)
        running = Running(process, directory, mark, timeout, tuple(self.secrets))
        self.runs.append(running)
        return running

    def _start(self, command: Sequence[str], environment: Mapping[str, str], output: Path, *, warm: bool) -> Process:
        """Start a command, from the warm server where the settings of Ansible are its own."""
        if warm and not any(name.startswith("COVERAGE_") for name in environment):
            server = WarmServer.get(PROGRAMS / "python", environment)
            return server.start(command, self.directory, environment, output)
        with output.open("wb") as descriptor:
            return subprocess.Popen(
                command,
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def command(
        self, *argv: str, environment: Mapping[str, str] | None = None, timeout: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Run another tool of the environment (ansible-doc, ansible-inventory, ...) and give what it printed."""
        return subprocess.run(
            [str(PROGRAMS / argv[0]), *argv[1:]],
            cwd=self.directory,
            env=self.environment({"ANSIBLE_CALLBACKS_ENABLED": "", **(environment or {})}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def files(self) -> Iterator[Path]:
        """Give every file that the runs left in the home of the control node."""
        return (path for path in self.home.rglob("*") if path.is_file())

    def close(self) -> None:
        """Kill what still runs."""
        for running in self.runs:
            if running.process.poll() is None:
                running.kill()
