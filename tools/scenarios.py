# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the scenarios of extensions/molecule, some at once: ``python -m tools.scenarios [--jobs 2] [scenario...]``.

Molecule's own ``--workers`` shares one fleet among all scenarios; here each has its own.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools._run import BUILD, ROOT, heading, shown

SCENARIOS = ROOT / "extensions" / "molecule"
LOGS = BUILD / "molecule"


def all_scenarios() -> list[str]:
    """Give the scenarios, the one that takes longest first."""
    return sorted((path.parent.name for path in SCENARIOS.glob("*/molecule.yml")), key=lambda name: name != "default")


def test(scenario: str) -> tuple[int, Path]:
    """Run ``molecule test`` on a scenario; give its exit status and its log."""
    log = LOGS / f"{scenario}.log"
    started = time.monotonic()
    with log.open("wb") as output:
        status = subprocess.run(
            ["molecule", "test", "--scenario-name", scenario],
            cwd=ROOT,
            env={**os.environ, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    seconds = time.monotonic() - started
    print(f"{scenario}: {'failed' if status else 'passed'} in {seconds:.0f} seconds, {shown(log)}", flush=True)
    return status, log


def main() -> int:
    parser = argparse.ArgumentParser("python -m tools.scenarios", description="Run Molecule scenarios.")
    parser.add_argument("--jobs", type=int, default=2, help="how many scenarios run at once (2)")
    parser.add_argument("scenario", nargs="*", help="without one, all run")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    LOGS.mkdir(parents=True, exist_ok=True)
    heading("molecule test")
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(test, options.scenario or all_scenarios()))
    for status, log in results:
        if status:
            print(f"\n{log.read_text(errors='replace')}")
    failed = sum(1 for status, _log in results if status)
    print(f"{len(results) - failed} scenarios passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
