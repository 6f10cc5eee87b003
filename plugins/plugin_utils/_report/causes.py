# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes: what the planner found and what the doctor saw, each cause once, with all whom it concerns.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .._findings import ERROR, REMARK, SEVERITIES, WARNING

#: How grave a cause is among those of its severity: what is down now, what comes down soon or at the next restart, the
#: rest.
NOW, NEXT, SOME_TIME = 0, 1, 2

#: Findings about a rollout that would be, and not about the fleet.
_OF_A_RUN = frozenset({"calls-in-progress", "calls-unknown"})

#: Findings that are long and differ in what they go into: the cause of all of them in short.
_IN_SHORT = {
    "anchor-change-without-consent": "is due, and its issuer has another anchor than the certificate it has: those who "
    "verify it have to trust the new CA first",
}


class Blank(enum.Enum):
    """A place in a text that is filled when the causes are put together. Never a template: names hold anything."""

    PEERS = "peers"
    WHAT = "what"
    WHEN = "when"
    COUNT = "count"


Pieces = tuple["str | Blank", ...]


@dataclasses.dataclass(frozen=True)
class Sign:
    """What a diagnosis saw on one node; those alike but for the node make one cause.

    ``explains`` are findings of the planner that this one takes the place of: rule, object, and words that are in it.
    """

    rule: str
    severity: str
    section: str
    gravity: int
    node: str
    found: Pieces
    cure: str
    peers: tuple[str, ...] = ()
    what: tuple[str, ...] = ()
    when: str = ""
    until: str = ""
    count: int = 0
    explains: tuple[tuple[str, str, str], ...] = ()


def put_together(
    signs: Iterable[Sign], findings: Sequence[Mapping[str, Any]], names: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Give the causes, gravest first, as plain data.

    ``names`` maps each node to what it is called: findings that differ in that alone have one cause.
    """
    groups: dict[tuple[Any, ...], list[Sign]] = {}
    for sign in signs:
        key = (sign.rule, sign.severity, sign.section, sign.found, sign.cure)
        groups.setdefault(key, []).append(sign)
    taken: dict[int, set[int]] = {}
    causes: list[dict[str, Any]] = []
    for number, alike in enumerate(groups.values()):
        causes.append(_cause(alike))
        explained = {entry for sign in alike for entry in sign.explains}
        taken[number] = {index for index, finding in enumerate(findings) if _explained(finding, explained)}
        causes[-1]["findings"] = sorted(taken[number])
    everything: set[int] = set().union(*taken.values())
    left = [
        (index, finding)
        for index, finding in enumerate(findings)
        if index not in everything and finding["rule"] not in _OF_A_RUN
    ]
    causes += _from_findings(left, names)
    return sorted(causes, key=_gravest_first)


def _explained(finding: Mapping[str, Any], explained: set[tuple[str, str, str]]) -> bool:
    return any(
        finding["rule"] == rule and finding["object"] == obj and words in finding["found"]
        for rule, obj, words in explained
    )


def _cause(alike: list[Sign]) -> dict[str, Any]:
    first = alike[0]
    peers = sorted({peer for sign in alike for peer in sign.peers})
    times = sorted({day for sign in alike for day in (sign.when, sign.until) if day})
    count = sum(sign.count for sign in alike)
    blanks = {
        Blank.PEERS: listed(peers),
        Blank.WHAT: listed(sorted({what for sign in alike for what in sign.what})),
        Blank.WHEN: times[0] if len(times) == 1 else f"{times[0]} to {times[-1]}" if times else "",
        Blank.COUNT: str(count),
    }
    return {
        "rule": first.rule,
        "severity": first.severity,
        "section": first.section,
        "gravity": first.gravity,
        "nodes": sorted({sign.node for sign in alike}),
        "objects": sorted({sign.node for sign in alike}),
        "peers": peers,
        "found": "".join(blanks[piece] if isinstance(piece, Blank) else piece for piece in first.found),
        "cure": first.cure,
        "first": times[0] if times else None,
    }


def _from_findings(
    left: Sequence[tuple[int, Mapping[str, Any]]], names: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, Any]]:
    """Make causes of findings that no diagnosis explains."""
    groups: dict[tuple[Any, ...], list[tuple[int, Mapping[str, Any], list[str]]]] = {}
    for index, finding in left:
        nodes = _nodes_in(str(finding["object"]), names)
        shape = tuple(_without(str(finding[part]), nodes, names) for part in ("found", "next_step"))
        what = _without(str(finding["object"]), nodes, names)
        if finding["rule"] in _IN_SHORT:
            shape, what = (_IN_SHORT[finding["rule"]], shape[1]), ""
        key = (finding["rule"], finding["severity"], finding["section"], finding["cured"], what, *shape)
        groups.setdefault(key, []).append((index, finding, nodes))
    for key, alike in groups.items():
        found, step = key[-2:]
        if key[0] not in _IN_SHORT and len({str(finding["found"]) for _index, finding, _nodes in alike}) == 1:
            found = str(alike[0][1]["found"])
        if len({str(finding["next_step"]) for _index, finding, _nodes in alike}) == 1:
            step = str(alike[0][1]["next_step"])
        if alike[0][1]["cured"]:
            step = "run certops.cms.site: its plan cures this"
        yield {
            "rule": alike[0][1]["rule"],
            "severity": alike[0][1]["severity"],
            "section": alike[0][1]["section"],
            "gravity": SOME_TIME,
            "nodes": sorted({node for _index, _finding, nodes in alike for node in nodes}),
            "objects": sorted({str(finding["object"]) for _index, finding, _nodes in alike}),
            "peers": [],
            "found": found,
            "cure": step,
            "first": None,
            "findings": [index for index, _finding, _nodes in alike],
        }


def _nodes_in(obj: str, names: Mapping[str, Sequence[str]]) -> list[str]:
    """Give the nodes that the object of a finding names."""
    return [word for word in dict.fromkeys(re.split(r"[\s,<>/:]+", obj)) if word in names]


def _without(text: str, nodes: Iterable[str], names: Mapping[str, Sequence[str]]) -> str:
    """Give a text without what its own nodes are called."""
    called = sorted({name for node in nodes for name in names[node] if name}, key=len, reverse=True)
    for name in called:
        text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", "(node)", text, flags=re.IGNORECASE)
    return text


def _gravest_first(cause: Mapping[str, Any]) -> tuple[Any, ...]:
    rank = {ERROR: 0, WARNING: 1, REMARK: 2}[cause["severity"]]
    return (rank, cause["gravity"], -len(cause["nodes"]), cause["first"] or "~", cause["rule"], cause["found"])


def listed(names: Sequence[str]) -> str:
    """Give names as a person would say them."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def whom(cause: Mapping[str, Any]) -> list[str]:
    """Give whom a cause concerns, a node once with what of it: ``core1 (callbridge, webadmin)``."""
    parts: dict[str, list[str]] = {}
    for obj in cause["objects"]:
        node, _blank, rest = str(obj).partition(" ")
        if node not in cause["nodes"] or "," in rest:
            parts[str(obj)] = []
        elif rest:
            parts.setdefault(node, []).append(rest)
        else:
            parts.setdefault(node, [])
    return [f"{node} ({', '.join(of)})" if of else node for node, of in parts.items()]


def counts(causes: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Count causes by severity."""
    found = dict.fromkeys(SEVERITIES, 0)
    for cause in causes:
        found[cause["severity"]] += 1
    return found
