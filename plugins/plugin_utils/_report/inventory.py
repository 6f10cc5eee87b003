# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every certificate of every node: where it is, until when, who uses it, what verifies it.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._fleet.given import Host
from .._services import catalogue
from .case import Case

#: Where a certificate of a node is seen.
SERVED, ASSIGNED, CHAIN, TRUST, FILE = "served", "assigned", "chain", "trust", "file"

EXPIRED, SOON, NOT_YET, VALID = "expired", "soon", "not_yet_valid", "valid"

#: What of a certificate's description is in the report.
_FACTS = (
    "subject",
    "common_name",
    "issuer",
    "serial",
    "dns",
    "ip",
    "not_before",
    "not_after",
    "key_type",
    "signature_hash",
    "extended_key_usage",
    "ca",
    "self_signed",
)


def certificates(case: Case) -> list[dict[str, Any]]:
    """Give each certificate once, with all its places, by its end, the earliest first."""
    places: dict[str, list[dict[str, Any]]] = {}
    for sha256, place in _places(case):
        known = places.setdefault(sha256, [])
        if place not in known[-8:]:
            known.append(place)
    trusted_by = _trusted_by(case)
    verified_by = _verified_by(case, trusted_by)
    found = []
    for sha256, where in places.items():
        info = case.infos[sha256]
        used = sorted({(p["node"], p["slot"]) for p in where if p["how"] in (SERVED, ASSIGNED)})
        shown = {(p["node"], p["slot"]) for p in where if p["how"] == SERVED}
        outside = [who for _node, slot in used for who in catalogue.SLOTS[slot][1].outside]
        found.append(
            {
                "sha256": sha256,
                **{fact: info[fact] for fact in _FACTS},
                "days_left": case.days_left(info["not_after"]),
                "state": state_of(case, info),
                "in_use": any(place["how"] != FILE for place in where),
                "places": where,
                "used_by": [
                    {"node": node, "slot": slot, "served": (node, slot) in shown, "key": _key(case, node, slot)}
                    for node, slot in used
                ],
                "verified_by": [entry for key in used for entry in verified_by.get((sha256, *key), [])],
                "outside": list(dict.fromkeys(outside)),
            }
        )
    return sorted(found, key=lambda entry: (entry["not_after"], entry["subject"], entry["sha256"]))


def state_of(case: Case, info: dict[str, Any]) -> str:
    """Say how a certificate stands today by its dates."""
    if case.is_over(info["not_after"]):
        return EXPIRED
    if case.days_left(info["not_before"]) >= 0:
        return NOT_YET
    return SOON if case.is_soon(info["not_after"]) else VALID


def _places(case: Case) -> Iterator[tuple[str, dict[str, Any]]]:
    for host in case.given.hosts.values():
        if host.survey is None:
            continue
        yield from _served(host)
        yield from _assigned(host)
        for name, state in host.survey["services"].items():
            for trust, file in sorted((state.get("trusts") or {}).items()):
                for item in host.certificates(file):
                    place = {"node": host.name, "how": TRUST, "service": name, "trust": trust, "file": file}
                    yield item["info"]["sha256"], place
        for file, entry in (host.survey.get("other_certificates") or {}).items():
            for item in entry["certificates"]:
                yield item["info"]["sha256"], {"node": host.name, "how": FILE, "file": file}


def _served(host: Host) -> Iterator[tuple[str, dict[str, Any]]]:
    for slot_id, served in ((host.survey or {}).get("served") or {}).items():
        for number, item in enumerate(served.get("chain") or []):
            where = f"{served.get('address')}:{served.get('port')}"
            place = {"node": host.name, "how": CHAIN if number else SERVED, "slot": slot_id, "at": where}
            yield item["sha256"], place


def _assigned(host: Host) -> Iterator[tuple[str, dict[str, Any]]]:
    for slot_id, (service, slot) in catalogue.SLOTS.items():
        files = (host.service(service.name).get("slots") or {}).get(slot.name) or {}
        shown = host.served(slot_id).get("chain") or []
        for part in ("certificate", "bundle"):
            for number, item in enumerate(host.certificates(files.get(part))):
                sha256 = item["info"]["sha256"]
                place = {"node": host.name, "how": ASSIGNED, "slot": slot_id, "file": files[part]}
                if number or part == "bundle":
                    place["how"] = CHAIN
                elif shown and shown[0]["sha256"] != sha256:
                    place["live"] = False
                yield sha256, place


def _key(case: Case, node: str, slot_id: str) -> str | None:
    service, slot = catalogue.SLOTS[slot_id]
    files = (case.given.hosts[node].service(service.name).get("slots") or {}).get(slot.name) or {}
    return str(files["key"]) if files.get("key") else None


def _trusted_by(case: Case) -> dict[tuple[str, str, str], frozenset[str]]:
    """Give what every trust setting that a link depends on holds, as it runs."""
    return {link.trust_key: case.state.trusts.get(link.trust_key, frozenset()) for link in case.topology.links}


def _verified_by(
    case: Case, trusted_by: dict[tuple[str, str, str], frozenset[str]]
) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """Give by certificate, node and slot who verifies it, by which setting and file, and whether that trusts it."""
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for link in case.topology.links:
        seen = case.seen.get(link.slot_key)
        if seen is None:
            continue
        node, service, trust = link.trust_key
        shown = case.state.slots.get(link.slot_key)
        by = (shown.vouched_by if shown else frozenset()) & trusted_by[link.trust_key]
        files = case.given.hosts[node].service(service).get("trusts") or {}
        entry = {
            "node": node,
            "service": service,
            "trust": trust,
            "file": files.get(trust),
            "link": link.id,
            # Nobody knows what a node trusts that could not be read.
            "trusted": bool(by) if case.given.hosts[node].survey is not None else None,
            "by": sorted(case.infos[sha256]["subject"] for sha256 in by if sha256 in case.infos),
        }
        found.setdefault((seen.leaf["sha256"], *link.slot_key), []).append(entry)
    return found
