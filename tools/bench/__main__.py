# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the benchmarks: ``python -m tools.bench [quick|plan|render]``; a full run writes docs/benchmarks.md."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tools._run import ROOT, heading
from tools.bench.contenders import DIRECTORY
from tools.bench.plans import measured
from tools.bench.plot import picture
from tools.bench.suite import FULL, QUICK, measure_all
from tools.bench.table import idle_table, middle, page, plan_table, ratio_table, site_table, target_table, targets

PAGE, PICTURE = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "benchmarks.svg"


def drawn(growth: dict[str, Any]) -> str:
    """Draw how time and memory grow."""

    def line(part: str) -> list[tuple[float, float]]:
        return [(float(count), middle(costs, part)) for count, costs in growth.items()]

    return picture(
        "Time and memory of a run with nothing to do, by number of nodes",
        [
            ("Seconds", [("processor", line("processor")), ("wall", line("wall"))]),
            ("Memory, MiB", [("all together", line("peak_all")), ("largest process", line("peak"))]),
        ],
    )


def write(results: dict[str, Any], page_file: Path = PAGE, picture_file: Path = PICTURE) -> None:
    """Write page and picture."""
    page_file.write_text(page(results))
    picture_file.write_text(drawn(results["growth"]))


def main() -> int:
    """Measure and print; 1 where a node was logged in to too often. Times are told and never fail."""
    mode = sys.argv[1] if len(sys.argv) > 1 else "full"
    if mode == "render":
        write(json.loads((DIRECTORY / "results.json").read_text()))
        return 0
    if mode == "plan":
        print(plan_table(measured()))
        return 0
    started = time.monotonic()
    results = measure_all(QUICK if mode == "quick" else FULL)
    if mode == "full":
        write(results)
    heading("Results")
    site = site_table(results["site"])
    print("\n\n".join([idle_table(results), ratio_table(results), site, target_table(results)]))
    print(f"\nIt took {time.monotonic() - started:.0f} seconds.")
    return int(any(not target.met for target in targets(results) if "logins" in target.text))


if __name__ == "__main__":
    sys.exit(main())
