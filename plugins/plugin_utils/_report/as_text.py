# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as text for people: what is wrong first, then everything there is, in columns.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from .causes import whom
from .words import LINK_STATES, clean, count, some, source, uses, verifiers, when_due

WIDTH = 118

#: Line and its style: an empty one, ``head``, or a severity. What a style looks like is not decided here.
Line = tuple[str, str]
PLAIN, HEAD = "", "head"

_TITLES = {"error": "Errors", "warning": "Warnings", "remark": "Remarks"}


def lines(report: dict[str, Any]) -> list[Line]:
    """Give all lines with their styles. They hold nothing that a terminal would obey."""
    cleaned = clean(report)
    return [
        *_head(cleaned),
        *_causes(cleaned, most=24),
        *_certificates(cleaned),
        *_links(cleaned),
        *_nodes(cleaned),
    ]


def summary(report: dict[str, Any]) -> list[Line]:
    """Give what a run prints: the head and the causes."""
    cleaned = clean(report)
    return [*_head(cleaned), *_causes(cleaned, most=12)]


def text(report: dict[str, Any]) -> str:
    """Give the text file."""
    return "".join(f"{line.rstrip()}\n" for line, _style in lines(report))


def _head(report: dict[str, Any]) -> Iterator[Line]:
    found = report["summary"]
    made = report["made_at"].replace("T", " ").replace("Z", " UTC")
    yield f"Certificates of the fleet {report['fleet']}, {made}", HEAD
    unread = f" ({found['nodes_unread']} could not be read)" if found["nodes_unread"] else ""
    expired, soon = found["expired"], found["soon"]
    nodes, used = count(found["nodes"], "node"), count(found["certificates_in_use"], "certificate")
    ends = f"{expired} expired, {soon} within {report['soon_days']} days"
    yield f"{nodes}{unread}; {used} in use, {ends}; {count(found['links'], 'link')}, {found['links_down']} down", PLAIN
    following = found["next_end"]
    if following:
        users = some((f"{use['node']} {use['slot']}" for use in following["used_by"]), 3)
        yield f"Next to end: {users}, {following['not_after'][:10]}, {when_due(following['days_left'])}", PLAIN
    if not report["causes"]:
        yield "Nothing is wrong.", PLAIN


def _causes(report: dict[str, Any], most: int) -> Iterator[Line]:
    for severity, title in _TITLES.items():
        found = [cause for cause in report["causes"] if cause["severity"] == severity]
        if found:
            yield "", PLAIN
            yield f"{title} ({len(found)})", severity
        for cause in found:
            told = f"{some(whom(cause), most)}: {cause['found']}  [{cause['rule']}, {source(cause['section'])}]"
            yield from ((line, PLAIN) for line in _wrapped("  ", told, "    "))
            yield from ((line, PLAIN) for line in _wrapped("    -> ", cause["cure"], "       "))


def _wrapped(first: str, told: str, others: str) -> list[str]:
    return textwrap.wrap(
        told,
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _certificates(report: dict[str, Any]) -> Iterator[Line]:
    rows, styles = [], []
    for entry in report["certificates"]:
        grouped: dict[str, list[str]] = {}
        for node, use in uses(entry):
            grouped.setdefault(use, []).append(node)
        trusting = [f"{name} ({told})" if told else name for name, told in verifiers(entry)]
        for number, (use, nodes) in enumerate(grouped.items()):
            first = number == 0
            rows.append(
                [
                    entry["not_after"][:10] if first else "",
                    str(entry["days_left"]) if first else "",
                    some(nodes, 3),
                    use,
                    entry["subject"] if first else "",
                    entry["issuer"] if first and not entry["self_signed"] else "self-signed" if first else "",
                    some([*trusting, *entry["outside"]], 2) if first else "",
                ]
            )
            styles.append({"expired": "error", "soon": "warning"}.get(entry["state"], PLAIN))
    yield from _table(
        "Certificates, the earliest end first",
        ["ENDS", "DAYS", "NODE", "USE", "SUBJECT", "ISSUER", "VERIFIED BY"],
        rows,
        styles,
        [10, 6, 34, 44, 44, 40, 60],
    )


def _links(report: dict[str, Any]) -> Iterator[Line]:
    order = {"down": 0, "unknown": 1, "unproven": 2, "up": 3}
    found = sorted(report["links"], key=lambda link: (order[link["state"]], link["id"]))
    rows = [
        [
            LINK_STATES[link["state"]] + (" (assumed)" if link["assumed"] else ""),
            link["verifier"],
            link["verifies_with"],
            link["presenter"],
            link["presents"],
            ", ".join(link["faults"]),
        ]
        for link in found
    ]
    styles = ["error" if link["state"] == "down" else PLAIN for link in found]
    columns = ["STATE", "VERIFIER", "WITH ITS TRUST", "PRESENTER", "SHOWS", "WRONG"]
    yield from _table("Links", columns, rows, styles, [28, 34, 24, 34, 24, 60])


def _nodes(report: dict[str, Any]) -> Iterator[Line]:
    rows, styles = [], []
    for node in report["nodes"]:
        off = [name for name, state in node["services"].items() if state["enabled"] is False]
        running = [name for name in node["services"] if name not in off and name in node["groups"]]
        alarms = ", ".join(alarm["type"] for alarm in node["alarms"])
        rows.append(
            [
                node["name"],
                node["address"],
                node["version"] or "",
                ", ".join(running) if node["read"] else f"not read: {node['why']}",
                "" if node["calls"] is None else str(node["calls"]),
                alarms,
                str(len(node["unused"])) if node["read"] else "",
            ]
        )
        styles.append(PLAIN if node["read"] else "error")
    columns = ["NODE", "ADDRESS", "VERSION", "SERVICES", "CALLS", "ALARMS", "UNUSED FILES"]
    yield from _table("Nodes", columns, rows, styles, [34, 40, 12, 90, 6, 50, 12])


def _table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str], most: Sequence[int]
) -> Iterator[Line]:
    if not rows:
        return
    shown = [[_cut(cell, most[place]) for place, cell in enumerate(row)] for row in rows]
    used = [place for place in range(len(columns)) if any(row[place] for row in shown)]
    widths = {place: max(len(columns[place]), *(len(row[place]) for row in shown)) for place in used}
    yield "", PLAIN
    yield title, HEAD
    yield _columns([columns[place] for place in used], [widths[place] for place in used]), PLAIN
    for row, style in zip(shown, styles, strict=True):
        yield _columns([row[place] for place in used], [widths[place] for place in used]), style


def _columns(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  " + "  ".join(
        cell.rjust(width) if cell.lstrip("-").isdigit() else cell.ljust(width)
        for cell, width in zip(cells, widths, strict=True)
    )


def _cut(cell: str, most: int) -> str:
    return cell if len(cell) <= most else f"{cell[: most - 3]}..."
