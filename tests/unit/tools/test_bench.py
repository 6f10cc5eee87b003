# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the benchmarks make of their numbers: ratios, verdicts, the page, the picture; and what they measure with."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.simulator import config
from tools.bench.__main__ import write
from tools.bench.fleets import definition, processor_seconds
from tools.bench.measure import Spread, changes_of, family, memory_of
from tools.bench.plot import kept_apart, nice_step
from tools.bench.table import ratios, rows, targets


def cost(wall: float, logins: int = 1, nodes: int = 50) -> dict[str, Any]:
    parts = {"wall": wall, "processor": wall * 1.5, "simulator": 0.5, "peak": 70.0, "peak_all": 150.0, "changed": 0}
    return {**parts, "logins": logins, "all_logins": logins * nodes}


@pytest.fixture
def results() -> dict[str, Any]:
    idle = {
        "nodes": 50,
        "renew": [cost(4.0), cost(4.4), cost(6.0)],
        "nothing": [cost(2.0, 0), cost(2.2, 0), cost(2.0, 0)],
        "plain": [cost(1.0), cost(1.0), cost(1.0)],
        "plain_all": [cost(2.0), cost(2.0), cost(2.0)],
    }
    return {
        "scale": "full",
        "when": "2026-11-23",
        "version": "2.19.14",
        "forks": 10,
        "machine": {"Processor": "2 cores", "Python": "3.11.7"},
        "netem": False,
        "idle": {"50": idle},
        "growth": {"10": [cost(2.0)], "50": idle["renew"], "400": [cost(31.0)]},
        "site": {"nodes": 50, "site": cost(80.0, 5), "after": cost(4.5)},
        "delayed": {"nodes": 50, "milliseconds": 50, "plain": cost(3.0), "renew": cost(9.0), "nothing": cost(2.0)},
        "netcommon": {"nodes": 20, "renew": cost(3.0), "netcommon": cost(60.0)},
    }


def verdicts(results: dict[str, Any]) -> dict[str, str]:
    return {target.text: target.verdict for target in targets(results)}


def test_the_ratio_is_taken_round_by_round(results: dict[str, Any]) -> None:
    found = ratios(results["idle"]["50"])
    assert (found.median, found.least, found.most) == pytest.approx((1.375, 4 / 3, 2.0))
    assert ratios(results["idle"]["50"], script="plain_all").median < found.median


def test_targets_that_are_reached_are_met(results: dict[str, Any]) -> None:
    assert set(verdicts(results).values()) == {"met"}


def test_a_target_that_is_not_reached_is_named_as_missed(results: dict[str, Any]) -> None:
    for path in (("idle", "50", "renew", 0, "logins"), ("site", "site", "logins"), ("netcommon", "netcommon", "wall")):
        changed = copy.deepcopy(results)
        place: Any = changed
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = 7
        assert list(verdicts(changed).values()).count("**missed**") == 1


def test_slow_rounds_miss_the_target(results: dict[str, Any]) -> None:
    results["idle"]["50"]["renew"] = [cost(9.0), cost(9.0), cost(4.0)]
    assert [text for text, verdict in verdicts(results).items() if verdict != "met"] == [
        "`renew`, nothing due, 50 nodes: wall time against the floor"
    ]


def test_what_was_not_measured_is_no_target_and_is_said(results: dict[str, Any], tmp_path: Path) -> None:
    results["netcommon"] = None
    assert not any("netcommon" in text for text in verdicts(results))
    write(results, tmp_path / "page.md", tmp_path / "page.svg")
    assert "Not measured in this run." in (tmp_path / "page.md").read_text()


def test_page_and_picture_hold_the_numbers_and_nothing_of_the_machine(results: dict[str, Any], tmp_path: Path) -> None:
    write(results, tmp_path / "page.md", tmp_path / "page.svg")
    text, picture = (tmp_path / "page.md").read_text(), (tmp_path / "page.svg").read_text()
    assert "{" not in text
    assert "| 50 | `renew` | 4.4 | 4.0 to 6.0 |" in text
    assert "| times slower | 20.0 |" in text
    for hidden in (os.uname().nodename, str(Path.cwd())):
        assert hidden not in text + picture
    root = ElementTree.fromstring(picture)
    dots = [element for element in root.iter() if element.tag.endswith("circle")]
    assert len(dots) == 4 * len(results["growth"])
    _x, _y, width, height = map(float, root.attrib["viewBox"].split())
    assert all(0 <= float(dot.attrib["cx"]) <= width and 0 <= float(dot.attrib["cy"]) <= height for dot in dots)


@pytest.mark.parametrize(("most", "step"), [(0, 1), (31, 10), (4.4, 1), (150, 50), (0.07, 0.02), (100, 20)])
def test_steps_of_an_axis_are_round_numbers(most: float, step: float) -> None:
    assert nice_step(most) == pytest.approx(step)


def test_names_of_lines_that_end_together_do_not_touch() -> None:
    assert kept_apart([100.0, 50.0]) == [100.0, 50.0]
    assert kept_apart([52.0, 50.0]) == [65.0, 50.0]


def test_tables_are_markdown() -> None:
    assert rows(["a", "b"], [["x", "1"]]) == "| a | b |\n|---|---:|\n| x | 1 |"


def test_the_middle_of_an_even_number_lies_between() -> None:
    assert Spread.of([4.0, 1.0, 3.0, 2.0]) == Spread(2.5, 1.0, 4.0)


def test_changes_are_read_from_the_recap_alone() -> None:
    text = "changed=9\nPLAY RECAP ***\ncore1 : ok=2 changed=3 failed=0\nedge1 : ok=2 changed=4 failed=0\n"
    assert changes_of(text) == 7
    assert changes_of("changed=9, and it broke") == 0


def test_a_fleet_has_whole_clusters_and_loads() -> None:
    loaded = config.load(definition(405, 210))
    assert len(loaded.nodes) == len({node.address for node in loaded.nodes.values()}) == 405
    assert loaded.registrations["c080"] == ["c2w://c080edge1.example.test:9999", "c2w://c080edge2.example.test:9999"]
    with pytest.raises(ValueError, match="whole clusters"):
        definition(7, 210)


def test_a_process_and_its_children_are_found_with_their_memory() -> None:
    source = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen(
        [sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        found = family(process.pid)
        assert len(found) == 2
        assert all(memory_of(f"/proc/{pid}/smaps_rollup", "Pss") > 0 for pid in found)
        assert processor_seconds(process.pid) >= 0
        process.communicate("\n")
    assert memory_of(f"/proc/{process.pid}/status", "VmHWM") == 0
