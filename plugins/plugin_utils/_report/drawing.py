# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The geometry of the two pictures of the page: the timeline of expiries and the links. Numbers only; no markup.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._services import catalogue
from .words import some, uses

# The timeline ---------------------------------------------------------------------------------------------------------

_WIDTH, _LEFT, _PAST, _RIGHT = 960, 150, 84, 24
_LANE, _TOP, _BOTTOM = 38, 26, 26
#: Certificates of a lane that are nearer to each other than this are one mark.
_STEP = 20
_TICKS = (
    *((7, "1 week"), (14, "2 weeks"), (30, "1 month"), (60, "2 m"), (90, "3 m"), (182, "6 m"), (365, "1 year")),
    *((365 * years, f"{years} y") for years in (2, 5, 10, 20, 50)),
)

_WORST = ("expired", "soon", "not_yet_valid", "valid")


def timeline(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the marks of the timeline: one lane per slot and one for CAs, the time from today on a logarithmic scale.

    None when nothing in use has an end.
    """
    lanes: dict[str, list[Mapping[str, Any]]] = {}
    for entry in report["certificates"]:
        slots = list(dict.fromkeys(use["slot"] for use in entry["used_by"]))
        for slot in slots or (["CA certificates"] if entry["ca"] and entry["in_use"] else []):
            lanes.setdefault(slot, []).append(entry)
    if not lanes:
        return None
    order = [name for name in (*catalogue.SLOTS, "CA certificates") if name in lanes]
    furthest = max(60, max(entry["days_left"] for found in lanes.values() for entry in found))
    height = _TOP + _LANE * len(order) + _BOTTOM
    ticks = [(days, label) for days, label in _TICKS if days <= furthest]
    return {
        "width": _WIDTH,
        "height": height,
        "left": _LEFT,
        "now": _LEFT + _PAST,
        "right": _WIDTH - _RIGHT,
        "top": _TOP,
        "bottom": height - _BOTTOM,
        "soon": _x(report["soon_days"], furthest),
        "soon_days": report["soon_days"],
        "ticks": [{"x": _x(days, furthest), "label": label} for days, label in _spread(ticks, furthest)],
        "lanes": [
            {
                "name": name,
                "y": _TOP + _LANE * number + _LANE / 2,
                "line": _TOP + _LANE * (number + 1),
                "marks": _marks(lanes[name], furthest, name),
            }
            for number, name in enumerate(order)
        ],
    }


def _x(days: float, furthest: float) -> float:
    """Give the place of a day: near ones are far apart, and what is over is in a field of its own."""
    start = _LEFT + _PAST
    if days < 0:
        return start - 14 - (_PAST - 28) * min(1.0, math.log1p(-days) / math.log1p(365))
    return start + (_WIDTH - _RIGHT - start) * math.log1p(days / 6) / math.log1p(max(furthest, 1) / 6)


def _spread(ticks: Sequence[tuple[int, str]], furthest: float) -> list[tuple[int, str]]:
    """Leave out labels that would stand on each other."""
    found: list[tuple[int, str]] = []
    for days, label in ticks:
        if not found or _x(days, furthest) - _x(found[-1][0], furthest) > 56:
            found.append((days, label))
    return found


def _marks(entries: Iterable[Mapping[str, Any]], furthest: float, lane: str) -> list[dict[str, Any]]:
    groups: dict[tuple[bool, int], list[Mapping[str, Any]]] = {}
    for entry in entries:
        past = entry["days_left"] < 0
        groups.setdefault((past, round(_x(entry["days_left"], furthest) / _STEP)), []).append(entry)
    found = []
    for group in groups.values():
        state = next(state for state in _WORST if any(entry["state"] == state for entry in group))
        places = [_x(entry["days_left"], furthest) for entry in group]
        first, last = group[0]["not_after"][:10], group[-1]["not_after"][:10]
        holders = [node for entry in group for node, use in uses(entry) if use.startswith(lane)]
        what = some(holders or [entry["subject"] for entry in group], 12)
        found.append(
            {
                "x": round(sum(places) / len(places), 1),
                "r": round(min(16.0, 6 + 2.2 * math.log2(len(group)) + (len(group) > 1)), 1),
                "count": len(group),
                "state": state,
                "title": f"{first if first == last else f'{first} to {last}'}: {what}",
            }
        )
    return found


# The links ------------------------------------------------------------------------------------------------------------

_PILL, _PITCH, _MARGIN, _GAP = 132, 30, 26, 84
_STATES = ("down", "unknown", "up", "unproven")


def clusters(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give a picture for each cluster that has links, those with faults first.

    Call Bridges stand on the left, who talks to them on the right. The links of two nodes are one line in the worst
    state of them all, where one that is up speaks for those that nobody saw.
    """
    members: dict[int, list[Mapping[str, Any]]] = {}
    for node in report["nodes"]:
        members.setdefault(node["cluster"], []).append(node)
    of_node = {node["name"]: number for number, nodes in members.items() for node in nodes}
    lines: dict[int, dict[tuple[str, str], list[Mapping[str, Any]]]] = {}
    for link in report["links"]:
        ends = sorted((link["verifier"], link["presenter"]))
        lines.setdefault(of_node[ends[0]], {}).setdefault((ends[0], ends[1]), []).append(link)
    found = [_cluster(members[number], between) for number, between in lines.items()]
    return sorted(found, key=lambda picture: (_STATES.index(picture["state"]), picture["nodes"][0]["name"]))


def _cluster(
    nodes: Sequence[Mapping[str, Any]], between: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]
) -> dict[str, Any]:
    linked = {name for ends in between for name in ends}
    left = [node for node in nodes if node["name"] in linked and "callbridge" in node["groups"]]
    right = [node for node in nodes if node["name"] in linked and "callbridge" not in node["groups"]]
    rows = max(len(left), len(right))
    width = 2 * _MARGIN + 2 * _PILL + _GAP
    height = rows * _PITCH + 12
    places: dict[str, tuple[int, float]] = {}
    for side, column in enumerate((left, right)):
        step = height / max(1, len(column))
        for number, node in enumerate(column):
            places[node["name"]] = (side, step * (number + 0.5))
    lines = [_line(places, ends, links) for ends, links in between.items()]
    lines.sort(key=lambda line: -_STATES.index(line["state"]))
    counted = {state: sum(1 for line in lines if line["state"] == state) for state in _STATES}
    told = {"down": "down", "unknown": "not known", "unproven": "not proven", "up": "up"}
    return {
        "width": width,
        "height": height,
        "pill": _PILL,
        "nodes": [
            {
                "name": node["name"],
                "short": _short(node["name"]),
                "x": _MARGIN if places[node["name"]][0] == 0 else width - _MARGIN - _PILL,
                "y": round(places[node["name"]][1], 1),
                "read": node["read"],
            }
            for node in (*left, *right)
        ],
        "lines": lines,
        "state": next((state for state in _STATES if counted[state]), "up"),
        "told": ", ".join(f"{number} {told[state]}" for state, number in counted.items() if number),
        "names": some([node["name"] for node in (*left, *right)], 12),
    }


def _line(
    places: Mapping[str, tuple[int, float]], ends: tuple[str, str], links: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    state = next(state for state in _STATES if any(link["state"] == state for link in links))
    (one, y1), (other, y2) = sorted((places[ends[0]], places[ends[1]]))
    near, far = _MARGIN + _PILL, _MARGIN + _PILL + _GAP
    if one != other:
        path = f"M{near} {y1:.1f}L{far} {y2:.1f}"
    else:
        # Nodes of one column are joined by a bow on its outer side; a node with itself by a small one.
        edge, out = (_MARGIN, -1) if one == 0 else (far + _PILL, 1)
        if ends[0] == ends[1]:
            y1, y2 = y1 - 7, y2 + 7
        bow = out * min(_MARGIN - 4, 10 + abs(y2 - y1) / 8)
        path = f"M{edge} {y1:.1f}C{edge + bow * 1.3:.1f} {y1:.1f} {edge + bow * 1.3:.1f} {y2:.1f} {edge} {y2:.1f}"
    return {
        "path": path,
        "state": state,
        "assumed": all(link["assumed"] for link in links),
        "title": "; ".join(
            dict.fromkeys(
                f"{link['verifier']} ({link['verifies_with']}) verifies {link['presenter']} ({link['presents']}): "
                f"{', '.join([link['state'], *link['faults']])}"
                for link in links
            )
        ),
    }


def _short(name: str) -> str:
    """Give as much of a name as its place holds; the first label where that tells more."""
    label = name.split(".", 1)[0]
    shown = name if len(name) <= 17 else label
    return shown if len(shown) <= 17 else f"{shown[:16]}…"
