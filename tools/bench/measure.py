# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a command and say what it cost: wall clock, processor time of all its processes, memory."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.bench.fleets import BenchFleet

#: Seconds between two looks at the memory of a run.
_LOOK = 0.4
_MIB = 1024.0


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one run cost. Times in seconds, memory in MiB.

    ``processor`` is user and system time of the command and of all processes it waited for, ``simulator`` that of the
    simulated fleet meanwhile. ``peak`` is the most memory that one process had, ``peak_all`` the most of all of them
    together, with shared pages counted once, as far as looking now and then can tell. ``logins`` are those of the node
    with the most.
    """

    wall: float
    processor: float
    simulator: float
    peak: float
    peak_all: float
    logins: int = 0
    all_logins: int = 0
    changed: int = 0


@dataclasses.dataclass(frozen=True)
class Spread:
    """Several numbers of the same thing: the one in the middle, the least and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread:
        """Sum up at least one number."""
        return cls(statistics.median(numbers), min(numbers), max(numbers))


class _Memory(threading.Thread):
    """Looks at a process and its descendants now and then, until ``done`` is set."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self.done = threading.Event()
        self.peak_all = 0.0

    def run(self) -> None:
        while not self.done.wait(_LOOK):
            together = sum(memory_of(f"/proc/{pid}/smaps_rollup", "Pss") for pid in family(self._pid))
            self.peak_all = max(self.peak_all, together)


def memory_of(path: str, row: str) -> float:
    """Read a row of a file of /proc that is in kB, and give it in MiB; 0 for a process that has just ended."""
    with contextlib.suppress(OSError):
        for line in Path(path).read_text().splitlines():
            if line.startswith(f"{row}:"):
                return int(line.split()[1]) / _MIB
    return 0.0


def family(pid: int) -> list[int]:
    """Give a process and all its descendants."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def measured(
    command: Sequence[str], environment: Mapping[str, str], log: Path, fleet: BenchFleet, *, may_fail: bool = False
) -> Cost:
    """Run a command on a fleet to its end and say what it cost; its output goes to ``log``.

    A command that fails ends the benchmarks, unless it ``may_fail``.
    """
    since, simulator = fleet.moment(), fleet.processor
    with log.open("wb") as output:
        started = time.monotonic()
        process = subprocess.Popen(
            list(command), env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        memory = _Memory(process.pid)
        memory.start()
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    memory.done.set()
    memory.join()
    text = log.read_text(errors="replace")
    if process.returncode and not may_fail:
        sys.exit(f"{' '.join(command)} failed with exit status {process.returncode}:\n{text[-4000:]}")
    logins = fleet.logins(since)
    return Cost(
        wall=wall,
        processor=usage.ru_utime + usage.ru_stime,
        simulator=fleet.processor - simulator,
        peak=usage.ru_maxrss / _MIB,
        peak_all=memory.peak_all,
        logins=max(logins.values()),
        all_logins=sum(logins.values()),
        changed=changes_of(text),
    )


def changes_of(text: str) -> int:
    """Count the changes that the recap of a playbook run names; 0 where there is no recap."""
    recap = text.rpartition("PLAY RECAP")[2] if "PLAY RECAP" in text else ""
    return sum(int(word.removeprefix("changed=")) for word in recap.split() if word.startswith("changed="))
