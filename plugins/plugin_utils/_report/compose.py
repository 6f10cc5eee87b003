# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as plain data: what the JSON file holds and what every other form is drawn from (docs/report.md).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from .._fleet.given import FleetInput, Host
from . import inventory
from .case import DOWN, UNKNOWN, Case
from .causes import Sign, counts, put_together
from .diagnoses import of_dates, of_links, of_pairs, of_services
from .tidiness import alarms, of_alarms, of_browsers, of_chains, of_leftovers, unused_files

#: Raised when a consumer of the JSON file has to change; a key more is no change.
SCHEMA = 1

#: What may make a run of the report fail, for cron.
ERRORS, WARNINGS, EXPIRED, SOON, UNREAD = "error", "warning", inventory.EXPIRED, inventory.SOON, "unread"
FAIL_ON = (ERRORS, WARNINGS, EXPIRED, SOON, UNREAD)

_DIAGNOSES = (
    of_links,
    of_dates,
    of_pairs,
    of_services,
    of_browsers,
    of_chains,
    of_alarms,
    of_leftovers,
)


def make_report(
    given: FleetInput, plan: dict[str, Any], *, soon_days: int, fail_on: Iterable[str], made_by: str
) -> dict[str, Any]:
    """Give the report of a fleet as plain data.

    ``plan`` is what the planner made of ``given``. ``soon_days`` are the days before its end in which a certificate
    counts as soon to expire; ``fail_on`` (of ``FAIL_ON``) says what makes ``verdict.fails`` true; ``made_by`` is the
    version of the collection.
    """
    case = Case(given, plan, soon_days)
    signs: list[Sign] = [sign for diagnose in _DIAGNOSES for sign in diagnose(case)]
    causes = put_together(signs, plan["findings"], _names(given))
    listed = inventory.certificates(case)
    links = [_link(case, link) for link in case.topology.links]
    nodes = [_node(case, host) for host in given.hosts.values()]
    report = {
        "kind": "certops.cms.report",
        "schema": SCHEMA,
        "made_by": made_by,
        "made_at": given.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "fleet": given.fleet,
        "soon_days": soon_days,
        "plan": {
            "id": plan["id"],
            "intent": plan["intent"],
            "changed": plan["changed"],
            "blocked": plan["blocked"],
            "skipped": plan["skipped"],
            "identities": [
                {"id": entry["id"], "base": entry["base"], "reason": entry["reason"], "slots": entry["slots"]}
                for entry in plan["identities"]
            ],
        },
        "summary": _summary(causes, listed, links, nodes),
        "causes": causes,
        "findings": plan["findings"],
        "certificates": listed,
        "links": links,
        "nodes": nodes,
    }
    report["verdict"] = _verdict(report, frozenset(fail_on))
    return report


def _names(given: FleetInput) -> dict[str, list[str]]:
    return {name: [name, host.fqdn or "", host.address] for name, host in given.hosts.items()}


def _link(case: Case, link: Any) -> dict[str, Any]:
    state = case.state_of(link)
    return {
        "id": link.id,
        "kind": link.kind.name,
        "verifier": link.verifier,
        "verifies_with": f"{link.kind.verifier} {link.kind.trust}",
        "presenter": link.presenter,
        "presents": link.kind.presenter,
        "dialled": link.dialled,
        "url": link.url,
        "api": link.before,
        "assumed": link.assumed,
        "state": state,
        "faults": [] if state == UNKNOWN else case.faults(link),
    }


def _node(case: Case, host: Host) -> dict[str, Any]:
    survey = host.survey or {}
    api = survey.get("api") or {}
    kinds = Counter(entry["kind"] for entry in (survey.get("files") or {}).values())
    other = survey.get("other_certificates")
    return {
        "name": host.name,
        "address": host.address,
        "fqdn": host.fqdn,
        "read": host.survey is not None,
        "why": host.why_no_survey,
        "version": survey.get("version"),
        "cluster": case.topology.clusters[host.name],
        "groups": list(host.services),
        "services": {
            name: {"enabled": state.get("enabled"), "running": state.get("running")}
            for name, state in (survey.get("services") or {}).items()
            if state.get("present")
        },
        "api": api.get("state"),
        "calls": (api.get("status") or {}).get("call_legs_active"),
        "alarms": alarms(host),
        "files": dict(sorted(kinds.items())),
        "unused": unused_files(case, host) if survey else [],
        "unread_files": sorted(
            name
            for entries in (survey.get("certificates") or {}, other or {})
            for name, entry in entries.items()
            if not entry["certificates"]
        ),
        "whole": other is not None,
    }


def _summary(
    causes: list[dict[str, Any]],
    listed: list[dict[str, Any]],
    links: list[dict[str, Any]],
    nodes: list[dict[str, Any]],
) -> dict[str, Any]:
    in_use = [entry for entry in listed if entry["in_use"]]
    states = Counter(entry["state"] for entry in in_use if entry["used_by"])
    ahead = [entry for entry in in_use if entry["used_by"] and entry["state"] != EXPIRED]
    first = ahead[0] if ahead else None
    return {
        "nodes": len(nodes),
        "nodes_unread": sum(1 for node in nodes if not node["read"]),
        "certificates": len(listed),
        "certificates_in_use": len(in_use),
        "expired": states[EXPIRED],
        "soon": states[SOON],
        "links": len(links),
        "links_down": sum(1 for link in links if link["state"] == DOWN),
        "causes": counts(causes),
        "next_end": None
        if first is None
        else {"not_after": first["not_after"], "days_left": first["days_left"], "used_by": first["used_by"]},
    }


def _verdict(report: Mapping[str, Any], fail_on: frozenset[str]) -> dict[str, Any]:
    """Say whether a run that shows this report should fail, and why."""
    summary = report["summary"]
    told = {
        ERRORS: (summary["causes"]["error"], "error"),
        WARNINGS: (summary["causes"]["warning"], "warning"),
        EXPIRED: (summary["expired"], "expired certificate"),
        SOON: (summary["soon"], f"certificate that ends within {report['soon_days']} days"),
        UNREAD: (summary["nodes_unread"], "node that could not be read"),
    }
    because = [
        f"{number} {what}" if number == 1 else f"{number} {_plural(what)}"
        for name, (number, what) in told.items()
        if name in fail_on and number
    ]
    return {"fail_on": [name for name in FAIL_ON if name in fail_on], "fails": bool(because), "because": because}


def _plural(what: str) -> str:
    for word in ("error", "warning", "certificate", "node"):
        if what == word or what.startswith(f"{word} that"):
            return what.replace(word, f"{word}s", 1).replace(" ends ", " end ")
    return f"{what}s"
