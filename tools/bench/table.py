# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the measured numbers mean: ratios, targets, and the page docs/benchmarks.md."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.bench.fleets import DURATIONS
from tools.bench.measure import Spread

#: The licence header of this file, for the files that are written.
HEADER = "\n".join(line.removeprefix("# ") for line in Path(__file__).read_text().splitlines()[:3])

MOST_OF_FLOOR = 1.5
LEAST_OF_NETCOMMON = 15.0
MOST_LOGINS = 6

_PAGE = Path(__file__).resolve().parent / "page.md"


@dataclasses.dataclass(frozen=True)
class Target:
    """One target: what was to be reached, and what was."""

    text: str
    wanted: str
    reached: str
    met: bool

    @property
    def verdict(self) -> str:
        return "met" if self.met else "**missed**"


def rows(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown; all columns but the first are numbers."""
    table = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    return "\n".join([*table, *("| " + " | ".join(line) + " |" for line in lines)])


def middle(costs: Sequence[dict[str, Any]], part: str) -> float:
    """Give the median of a part of several costs."""
    return Spread.of([cost[part] for cost in costs]).median


def ratios(idle: dict[str, Any], part: str = "wall", script: str = "plain") -> Spread:
    """Give what ``renew`` takes against the floor, round by round."""
    rounds = zip(idle["renew"], idle["nothing"], idle[script], strict=True)
    return Spread.of([renew[part] / (nothing[part] + plain[part]) for renew, nothing, plain in rounds])


def targets(results: dict[str, Any]) -> list[Target]:
    """Say which targets were reached."""
    found = []
    for count, idle in results["idle"].items():
        ratio = ratios(idle).median
        logins = max(cost["logins"] for cost in idle["renew"])
        found += [
            Target(
                f"`renew`, nothing due, {count} nodes: wall time against the floor",
                f"at most {MOST_OF_FLOOR}",
                f"{ratio:.2f}",
                ratio <= MOST_OF_FLOOR,
            ),
            Target(f"`renew`, nothing due, {count} nodes: logins per node", "1", str(logins), logins == 1),
        ]
    if results.get("netcommon"):
        ratio = netcommon_ratio(results["netcommon"])
        found.append(
            Target(
                "the same survey with `ansible.netcommon`: times slower",
                f"at least {LEAST_OF_NETCOMMON:.0f}",
                f"{ratio:.1f}",
                ratio >= LEAST_OF_NETCOMMON,
            )
        )
    site = results["site"]
    logins = site["site"]["logins"]
    text = f"`site`, old root to new root, {site['nodes']} nodes: most logins of a node"
    found.append(Target(text, f"at most {MOST_LOGINS}", str(logins), logins <= MOST_LOGINS))
    return found


def netcommon_ratio(measured: dict[str, Any]) -> float:
    """Give how many times slower ansible.netcommon is."""
    return float(measured["netcommon"]["wall"] / measured["renew"]["wall"])


def target_table(results: dict[str, Any]) -> str:
    """Write the table of the targets."""
    lines = [[target.text, target.wanted, target.reached, target.verdict] for target in targets(results)]
    return rows(["Target", "wanted", "measured", ""], lines)


def _cost_line(name: str, costs: Sequence[dict[str, Any]]) -> list[str]:
    wall = Spread.of([cost["wall"] for cost in costs])
    return [
        name,
        f"{wall.median:.1f}",
        f"{wall.least:.1f} to {wall.most:.1f}" if len(costs) > 1 else "",
        f"{middle(costs, 'processor'):.1f}",
        f"{middle(costs, 'simulator'):.1f}",
    ]


def idle_table(results: dict[str, Any]) -> str:
    """Write what the runs took with nothing due."""
    names = {
        "renew": "`renew`",
        "nothing": "two empty tasks",
        "plain": "plain script",
        "plain_all": "plain script that reads all",
    }
    lines = [
        [count, *_cost_line(text, idle[name])]
        for count, idle in results["idle"].items()
        for name, text in names.items()
    ]
    return rows(["nodes", "run", "wall, median", "least to most", "processor", "simulator meanwhile"], lines)


def ratio_table(results: dict[str, Any]) -> str:
    """Write ``renew`` against the floor, by clock and by processor."""
    lines = []
    for count, idle in results["idle"].items():
        for script, text in (
            ("plain", "two empty tasks + plain script"),
            ("plain_all", "the same, the script reads all"),
        ):
            wall, processor = ratios(idle, "wall", script), ratios(idle, "processor", script)
            lines.append(
                [count, text, f"{wall.median:.2f}", f"{wall.least:.2f} to {wall.most:.2f}", f"{processor.median:.2f}"]
            )
    return rows(["nodes", "`renew` against", "ratio of wall", "least to most", "ratio of processor"], lines)


def site_table(site: dict[str, Any]) -> str:
    """Write what a rollout took."""
    lines = []
    for name, text in (("site", "`site`"), ("after", "`renew` after it")):
        cost = site[name]
        lines.append(
            [
                text,
                f"{cost['wall']:.1f}",
                f"{cost['wall'] / site['nodes']:.2f}",
                f"{cost['processor']:.1f}",
                f"{cost['simulator']:.1f}",
                str(cost["logins"]),
                f"{cost['all_logins'] / site['nodes']:.2f}",
                f"{cost['peak']:.0f}",
                f"{cost['peak_all']:.0f}",
            ]
        )
    heads = ["run", "wall", "per node", "processor", "simulator", "most logins", "logins per node"]
    return rows([*heads, "most MiB in one process", "all together"], lines)


def growth_table(growth: dict[str, Any]) -> str:
    """Write time and memory by number of nodes."""
    lines = [
        [
            count,
            f"{middle(costs, 'wall'):.1f}",
            f"{middle(costs, 'wall') / int(count):.2f}",
            f"{middle(costs, 'processor'):.1f}",
            f"{middle(costs, 'peak'):.0f}",
            f"{middle(costs, 'peak_all'):.0f}",
        ]
        for count, costs in growth.items()
    ]
    heads = ["nodes", "wall", "per node", "processor", "most MiB in one process", "all together"]
    return rows(heads, lines)


def plan_table(plans: list[dict[str, Any]]) -> str:
    """Write the processor time of plans by number of links."""
    lines = [
        [
            f"{one['clusters']} of {one['cores']} Call Bridges",
            str(one["nodes"]),
            str(one["links"]),
            str(one["restarts"]),
            f"{one['seconds']:.2f}",
            f"{1000 * one['seconds'] / one['links']:.2f}",
        ]
        for one in plans
    ]
    return rows(["clusters", "nodes", "links", "restarts", "processor", "milliseconds per link"], lines)


def _delay_note(delayed: dict[str, Any] | None, netem: bool) -> str:
    if delayed is None:
        return "Not measured in this run."
    why = (
        "The kernel could delay packets itself here" if netem else "The kernel here has no netem, which delays packets"
    )
    return (
        f"A relay in front of {delayed['nodes']} nodes adds {delayed['milliseconds']} ms to every round trip, and"
        f" one round trip\nto every connection, as TCP would. {why};\nthe relay takes processor time of its own."
    )


def page(results: dict[str, Any]) -> str:
    """Write docs/benchmarks.md."""
    delayed, netcommon = results.get("delayed"), results.get("netcommon")
    nothing = "Not measured in this run."
    runs = (("renew", "`renew`"), ("nothing", "two empty tasks"), ("plain", "plain script"))
    return _PAGE.read_text().format(
        when=results["when"],
        version=results["version"],
        forks=results["forks"],
        machine=rows(["Machine", ""], [[name, value] for name, value in results["machine"].items()]),
        targets=target_table(results),
        idle=idle_table(results),
        ratios=ratio_table(results),
        nodes=netcommon["nodes"] if netcommon else 0,
        netcommon=rows(
            ["run", "wall", "", "processor", "simulator"],
            [
                _cost_line("`renew`", [netcommon["renew"]]),
                _cost_line("`ansible.netcommon`", [netcommon["netcommon"]]),
                ["times slower", f"{netcommon_ratio(netcommon):.1f}", "", "", ""],
            ],
        )
        if netcommon
        else nothing,
        site_nodes=results["site"]["nodes"],
        restart=DURATIONS["restart"],
        site=site_table(results["site"]),
        growth=growth_table(results["growth"]) if results["growth"] else nothing,
        plans=plan_table(results["plans"]) if results.get("plans") else nothing,
        delay_note=_delay_note(delayed, results["netem"]),
        delayed=rows(
            ["run", "wall", "", "processor", "simulator"],
            [_cost_line(text, [delayed[name]]) for name, text in runs] if delayed else [],
        )
        if delayed
        else "",
    )
