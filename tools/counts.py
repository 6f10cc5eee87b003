# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Add up what pytest wrote as JUnit XML: ``python -m tools.counts unit.xml integration.xml``.

The last line is ``N passed, N failed`` (and skipped, if any). A report that is missing or unreadable is a failure: the
tests behind it did not run to their end.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def counts_of(report: Path) -> Counter[str]:
    """Give how many tests of one report passed, failed and were skipped."""
    counts: Counter[str] = Counter()
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        counts.update(passed=int(suite.get("tests", 0)) - failed - skipped, failed=failed, skipped=skipped)
    return counts


def sentence(counts: Counter[str]) -> str:
    words = f"{counts['passed']} passed, {counts['failed']} failed"
    return words + (f", {counts['skipped']} skipped" if counts["skipped"] else "")


def main() -> int:
    total: Counter[str] = Counter()
    missing = False
    print()
    for report in map(Path, sys.argv[1:]):
        try:
            counts = counts_of(report)
        except (OSError, ElementTree.ParseError) as exc:
            print(f"{report.stem}: no report ({exc}); the tests did not run to their end")
            missing = True
            continue
        print(f"{report.stem}: {sentence(counts)}")
        total += counts
    print(sentence(total))
    return int(missing or total["failed"] > 0 or total["passed"] == 0)


if __name__ == "__main__":
    sys.exit(main())
