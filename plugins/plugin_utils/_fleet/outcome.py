# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of a plan: node, service, end before, end after, proof.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from typing import Any

from .._services import catalogue
from .._text import printable

_COLUMNS = (("node", "node"), ("slot", "service"), ("before", "ended"), ("after", "ends now"), ("proof", "proof"))


def rows(plan: dict[str, Any], evidence: dict[str, dict[str, Any]]) -> list[dict[str, str]]:
    """Give one row for each slot that got a new certificate, and one for each trust that was changed."""
    found = []
    for entry in plan["rounds"]:
        for host in entry["hosts"]:
            for batch in entry["batches"][host]:
                proof = evidence.get(batch["id"])
                for step in batch["steps"]:
                    if step["kind"] == "assign":
                        found.append(_slot(plan, host, step, proof))
                    elif step["kind"] == "trust":
                        found.append(_trust(plan, host, step, proof))
                    elif step["kind"] == "restart" and not _has_settings(batch):
                        row = {"node": host, "slot": step["service"], "before": "", "after": ""}
                        found.append({**row, "proof": "restarted" if proof else "not done"})
                found += [row for row in _alarms(proof) if row not in found]
    return sorted(found, key=lambda row: (row["node"], row["slot"]))


def undone(plan: dict[str, Any], evidence: dict[str, dict[str, Any]]) -> list[str]:
    """Give the ids of the batches that no evidence says were carried out."""
    batches = (batch for entry in plan["rounds"] for found in entry["batches"].values() for batch in found)
    return [batch["id"] for batch in batches if batch["id"] not in evidence]


def _slot(plan: dict[str, Any], host: str, step: dict[str, Any], proof: dict[str, Any] | None) -> dict[str, str]:
    before = plan["nodes"].get(host, {}).get("before", {}).get(step["slot"]) or {}
    row = {"node": host, "slot": step["slot"], "before": str(before.get("not_after") or "none")[:10]}
    if proof is None:
        return {**row, "after": row["before"], "proof": "not done"}
    shown = (proof.get("slots") or {}).get(step["slot"]) or {}
    return {**row, "after": str(shown.get("not_after") or "?")[:10], "proof": str(shown.get("state") or "assigned")}


def _alarms(proof: dict[str, Any] | None) -> list[dict[str, str]]:
    """Give a row for each alarm that was new after a change and did not pass."""
    return [
        {"node": alarm["node"], "slot": "(alarm)", "before": "", "after": "", "proof": f"new: {alarm['type']}"}
        for alarm in (proof or {}).get("alarms") or ()
    ]


def _trust(plan: dict[str, Any], host: str, step: dict[str, Any], proof: dict[str, Any] | None) -> dict[str, str]:
    key = [host, step["service"], step["trust"]]
    shown_by = {link.get("proof") for link in plan["links"] if link["verifier"] == key}
    links = (proof or {}).get("links") or {}
    up = sum(1 for state in links.values() if state == "proven")
    told = f"{up} of {len(links)} links proven" if links else "set"
    if shown_by == {catalogue.BY_LISTENER}:
        # What is trusted is in force; that it is taken no API shows (S10).
        told = "assigned, not proven"
    if step.get("rides"):
        told = "stored, waits for the next restart"
    row = {"node": host, "slot": f"{step['service']} {step['trust']} trust", "before": "", "after": ""}
    return {**row, "proof": told if proof is not None else "not done"}


def _has_settings(batch: dict[str, Any]) -> bool:
    return any(step["kind"] in ("assign", "trust") for step in batch["steps"])


def table(found: list[dict[str, str]]) -> list[str]:
    """Give rows as an aligned table of text, whatever nodes and certificates say."""
    found = [{key: printable(value) for key, value in row.items()} for row in found]
    widths = {key: max([len(title), *(len(row[key]) for row in found)]) for key, title in _COLUMNS}
    lines = ["  ".join(f"{title:<{widths[key]}}" for key, title in _COLUMNS).rstrip()]
    lines.append("  ".join("-" * widths[key] for key, _title in _COLUMNS))
    lines += ["  ".join(f"{row[key]:<{widths[key]}}" for key, _title in _COLUMNS).rstrip() for row in found]
    return lines
