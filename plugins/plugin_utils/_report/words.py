# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words and cleaning that the forms for people share.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._text import printable
from .inventory import ASSIGNED, CHAIN, FILE, SERVED, TRUST

STATES = {"expired": "expired", "soon": "ends soon", "not_yet_valid": "not valid yet", "valid": "valid"}
LINK_STATES = {"up": "up", "down": "down", "unproven": "holds, not proven", "unknown": "not known"}


def clean(data: Any) -> Any:
    """Give a copy of the report in which no text holds anything that does not print: escapes, line ends, RTL marks."""
    if isinstance(data, Mapping):
        return {printable(str(key)): clean(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [clean(value) for value in data]
    return printable(data) if isinstance(data, str) else data


def source(section: str) -> str:
    """Say where a rule comes from."""
    return f"rule {section}" if section.startswith("S") else f"guide {section}"


def uses(certificate: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give (node, what for) of a certificate, each once: slots it is served or assigned in, chains, trusts, files."""
    found: dict[tuple[str, str], None] = {}
    assigned = {(p["node"], p["slot"]) for p in certificate["places"] if p["how"] == ASSIGNED}
    # Not every slot has a listener: what is not served is not live only where another one is.
    stored = {(p["node"], p["slot"]) for p in certificate["places"] if p.get("live") is False}
    for place in certificate["places"]:
        how, node = place["how"], place["node"]
        if how in (SERVED, ASSIGNED):
            key = (node, place["slot"])
            only = " (served only)" if key not in assigned else " (assigned only)" if key in stored else ""
            found[node, f"{place['slot']}{only}"] = None
        elif how == CHAIN:
            found[node, f"chain of {place['slot']}"] = None
        elif how == TRUST:
            found[node, f"{place['service']} {place['trust']} trust"] = None
        elif how == FILE:
            found[node, f"unused file {place['file']}"] = None
    return list(found)


def where(certificate: Mapping[str, Any], most: int = 3) -> str:
    """Say where a certificate is in a few words; many nodes are counted."""
    nodes: dict[str, list[str]] = {}
    for node, use in uses(certificate):
        nodes.setdefault(use, []).append(node)
    return "; ".join(f"{use} of {some(found, most)}" for use, found in nodes.items())


def some(names: Iterable[str], most: int) -> str:
    """List names; those beyond ``most`` are counted."""
    found = list(dict.fromkeys(names))
    if len(found) <= most + 1:
        return ", ".join(found)
    return f"{', '.join(found[:most])} and {len(found) - most} more"


def verifiers(certificate: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give the nodes of the fleet that verify a certificate, each with a word where that is not simply well."""
    found: dict[str, str] = {}
    for entry in certificate["verified_by"]:
        told = {True: "", False: "refuses", None: "not read"}[entry["trusted"]]
        found[entry["node"]] = told if told == "refuses" else found.get(entry["node"]) or told
    return sorted(found.items())


def count(number: int, noun: str) -> str:
    """Give a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def when_due(days: int) -> str:
    """Say how far an end is away."""
    if days < 0:
        return f"{count(-days, 'day')} ago"
    return "today" if days == 0 else f"in {count(days, 'day')}"
