# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start a simulated fleet for a person, and stop it however the tool ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from tools._run import ROOT, shown

DEMO_FLEET = ROOT / "tests" / "simulator" / "fleets" / "demo.yml"
GROUP_VARS = Path(__file__).resolve().parent / "demo_group_vars.yml"


def serve_command(fleet: Path, directory: Path, *more: str) -> list[str]:
    """Give the command that serves a fleet with all it writes in one directory."""
    return [
        sys.executable,
        "-m",
        "tests.simulator",
        "serve",
        "--fleet",
        str(fleet),
        "--state",
        str(directory / "state"),
        "--inventory",
        str(directory / "inventory.yml"),
        "--ready-file",
        str(directory / "ready"),
        "--parent-pid",
        str(os.getpid()),
        *more,
    ]


def fresh(directory: Path) -> Path:
    """Give an empty directory."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


@contextlib.contextmanager
def simulated_fleet(fleet: Path, directory: Path, *more: str, max_seconds: int) -> Iterator[Path]:
    """Serve a fleet in the background and give the path of its inventory; it stops when the block is left.

    ``more`` are further options of ``python -m tests.simulator serve``.
    """

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)  # an exception, so that the blocks around are left in order

    previous = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    (directory / "group_vars").mkdir(exist_ok=True)
    shutil.copy(GROUP_VARS, directory / "group_vars" / "cms.yml")
    log = directory / "simulator.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            serve_command(fleet, directory, "--max-seconds", str(max_seconds), *more),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 60
        while not (directory / "ready").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"The simulated fleet did not start. It printed:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        print(f"The simulated fleet runs (process {process.pid}); its log is {shown(log)}", flush=True)
        yield directory / "inventory.yml"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for number, handler in previous.items():
            signal.signal(number, handler)
