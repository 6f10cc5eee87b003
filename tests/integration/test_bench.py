# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmarks run, and count what they should; what they time is for people to judge."""

from __future__ import annotations

from pathlib import Path

from tools.bench.__main__ import write
from tools.bench.suite import SMOKE, measure_all


def test_a_handful_of_nodes_is_measured_with_the_logins_that_are_promised(tmp_path: Path) -> None:
    results = measure_all(SMOKE, tmp_path)
    idle, site, delayed = results["idle"]["5"], results["site"], results["delayed"]
    for cost in (idle["renew"][0], idle["plain"][0], idle["plain_all"][0], delayed["renew"], site["after"]):
        assert (cost["logins"], cost["all_logins"], cost["changed"]) == (1, 5, 0)
    assert idle["nothing"][0]["all_logins"] == 0
    assert site["site"]["changed"] > 0
    assert 1 < site["site"]["logins"] <= 6
    write({**results, "growth": {"5": idle["renew"]}}, tmp_path / "page.md", tmp_path / "page.svg")
    assert str(tmp_path) not in (tmp_path / "page.md").read_text()
