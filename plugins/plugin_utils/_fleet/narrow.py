# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of ``narrow``: drop trust that nothing needs any more, prune old generations (S13, S16).

Only what this collection added, or what a person named, is dropped, and only when the fleet is healthy without it.
A narrower trust waits for the next restart that happens anyway.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from typing import Any

from .._findings import REMARK, Finding
from .._rules.found import find
from .._services import catalogue
from . import lowered, names, outside, pending, rules, table, written
from .given import FleetInput, Host
from .looking import View
from .model import State, TrustKey, Vouching, today, trust_file
from .plan import SCHEMA, plan_id
from .steps import users_in
from .topology import Link, Topology, build
from .trusts import TrustChange, file_name, readers

NARROW_ROUND = "narrow"


def make_narrow_plan(given: FleetInput) -> dict[str, Any]:
    """Make the plan that narrows the trust of a fleet and prunes files.

    ``given.narrow_also`` names certificates, by fingerprint or by subject, that this collection did not add.
    """
    given, cleared = pending.settle(given)
    topology = build(given)
    vouching = Vouching(given)
    state = today(given, topology, vouching)
    found = [
        *table.judge(View(given, topology, vouching)),
        *rules.about_services(given, topology),
        *rules.about_trust_files(given, topology),
        *outside.about_registrations(given, topology, set(), set()),
        *outside.about_peers(topology, set()),
        *lowered.refused(given),
    ]
    findings = [*given.findings, *(against.finding for against in lowered.lower(found, given))]
    findings += _unhealthy(given, topology, state)
    blocked = sorted(given.hosts) if any(finding.blocks for finding in findings) else []
    changes, removes = ([], {}) if blocked else _narrowed(given, topology, state, vouching, findings)
    batches = {} if blocked else _batches(given, changes, removes)
    hosts = [name for name in given.hosts if name in batches]
    rounds = (
        [{"name": NARROW_ROUND, "serial": False, "hosts": hosts, "waves": [len(hosts)], "batches": batches}]
        if hosts
        else []
    )
    plan: dict[str, Any] = {
        "schema": SCHEMA,
        "intent": given.intent,
        "fleet": given.fleet,
        "findings": [finding.as_dict() for finding in sorted(set(findings))],
        "blocked": blocked,
        "skipped": sorted(given.skipped),
        "identities": [],
        "trusts": [{**written.trust(change, vouching), "removes": removes[change.key]} for change in changes],
        "rounds": rounds,
        "links": [link.as_dict() for link in topology.links],
        "nodes": {host.name: written.node(host, [], topology) for host in given.hosts.values() if host.survey},
        "certificates": written.pems(changes, vouching),
        "cost": {"restarts": {}},
        "cleared": cleared,
        "external_verifiers": [],
        "changed": bool(rounds),
    }
    plan["id"] = plan_id(plan)
    return plan


def _unhealthy(given: FleetInput, topology: Topology, state: State) -> list[Finding]:
    """Narrow only after everything has switched and been seen healthy (reference: rollout rules, 8.2)."""
    findings = []
    for link in topology.links:
        if given.hosts[link.verifier].survey is None or given.hosts[link.presenter].survey is None:
            continue
        for fault in state.faults(link, given.now):
            step = link.mend if link.assumed else "run certops.cms.site first, and narrow later"
            findings.append(find("link-broken", link.id, fault, step, section="S5"))
    for host in given.hosts.values():
        for service in host.pending:
            if host.waiting(service):
                found = "an earlier run stored settings and did not see the restart"
                findings.append(find("restart-pending", f"{host.name} {service}", found))
    return findings


def _together(keys: list[TrustKey]) -> str:
    """Name several trust settings, nodes with the same one in one breath."""
    nodes: dict[tuple[str, str], list[str]] = {}
    for host, service, name in keys:
        nodes.setdefault((service, name), []).append(host)
    return "; ".join(f"{', '.join(hosts)} {service} {name}" for (service, name), hosts in nodes.items())


def _settings(topology: Topology) -> list[tuple[list[TrustKey], list[Link]]]:
    """Give every trust setting that links need, with those links; one that several services read once."""
    found: dict[tuple[str, str], tuple[list[TrustKey], list[Link]]] = {}
    for key, links in sorted(topology.by_trust.items()):
        keys, needing = found.setdefault((key[0], catalogue.BY_NAME[key[1]].trust(key[2]).command), ([], []))
        keys.append(key)
        needing.extend(links)
    return list(found.values())


def _narrowed(
    given: FleetInput, topology: Topology, state: State, vouching: Vouching, findings: list[Finding]
) -> tuple[list[TrustChange], dict[TrustKey, list[str]]]:
    changes: list[TrustChange] = []
    removes: dict[TrustKey, list[str]] = {}
    named = {names.comparable(entry) for entry in given.narrow_also}
    met: set[str] = set()
    left: dict[str, list[TrustKey]] = {}
    for keys, links in _settings(topology):
        key = keys[0]
        host = given.hosts[key[0]]
        if host.survey is None or any(given.hosts[link.presenter].survey is None for link in links):
            continue
        if not all(topology.is_judged(*one) for one in keys):
            text = "is also for somebody who takes no part in this plan, so nothing is dropped from it"
            findings.append(find("trust-not-judged", " ".join(key), text, severity=REMARK))
            continue
        file = trust_file(host, key[1], key[2])
        held = vouching.add(item["pem"] for item in host.certificates(file))
        shown = [state.slots[link.slot_key] for link in links]
        needed = {sha for entry in shown if entry for sha in entry.vouched_by}
        met |= set(held) | {names.comparable(str(vouching.info(sha)["subject"])) for sha in held}
        added = {sha for one in keys for sha in host.trusts_added.get(f"{one[1]}/{one[2]}", [])}
        droppable = [sha for sha in held if sha in added or _is_named(sha, named, vouching)]
        drop = [sha for sha in droppable if sha not in needed]
        kept_for_use = [sha for sha in droppable if sha in needed and _is_named(sha, named, vouching)]
        for sha in kept_for_use:
            text = f"{vouching.info(sha)['subject']} was named to be dropped, but what is presented today needs it"
            findings.append(find("trust-still-needed", " ".join(key), text))
        for sha in held:
            if sha not in needed and sha not in droppable:
                left.setdefault(sha, []).append(key)
        keep = [sha for sha in held if sha not in drop]
        if not drop or not keep:
            continue
        new = file_name(given, key, file, frozenset(keep), vouching)
        removes[key] = sorted(str(vouching.info(sha)["subject"]) for sha in drop)
        users = readers(host, key[1], key[2])
        changes.append(TrustChange(key, new, sorted(keep), [], file, "nothing needs it any more", users=users))
    # Once for each certificate, however many nodes trust it.
    findings += [
        find(
            "trust-not-ours",
            _together(keys),
            f"still trusted: {vouching.info(sha)['subject']}, which nothing needs and this collection did not add",
            f"to drop it, name it: cms_narrow_also: ['{sha}']",
        )
        for sha, keys in left.items()
    ]
    findings += [
        find("trust-not-found", f"cms_narrow_also {entry!r}", "no trust of the fleet holds such a certificate")
        for entry in sorted(given.narrow_also)
        if names.comparable(entry) not in met
    ]
    return changes, removes


def _is_named(sha256: str, named: set[str], vouching: Vouching) -> bool:
    return sha256 in named or names.comparable(str(vouching.info(sha256)["subject"])) in named


def _batches(
    given: FleetInput, changes: list[TrustChange], removes: dict[TrustKey, list[str]]
) -> dict[str, list[dict[str, Any]]]:
    batches: dict[str, list[dict[str, Any]]] = {}
    for host in given.hosts.values():
        if host.survey is None:
            continue
        steps: list[dict[str, Any]] = []
        mine = [(index, change) for index, change in enumerate(changes) if change.key[0] == host.name]
        for index, change in mine:
            steps.append({"kind": "upload", "file": change.file, "content": {"trust": index}})
            steps.append(
                {
                    "kind": "trust",
                    "service": change.key[1],
                    "trust": change.key[2],
                    "command": f"{catalogue.BY_NAME[change.key[1]].trust(change.key[2]).command} {change.file}",
                    "file": change.file,
                    "before": change.before,
                    "rides": True,
                    **users_in(change),
                }
            )
        for file in _old_files(host):
            steps.append({"kind": "remove", "file": file, "why": "an old generation that no setting names"})
        if steps:
            batches[host.name] = [
                {
                    "id": f"{host.name}/{NARROW_ROUND}",
                    "service": None,
                    "steps": steps,
                    "requires": [],
                    "cost": "nothing: a narrower trust waits for the next restart",
                    "gate_calls": False,
                    "reason": "; ".join(dict.fromkeys(change.reason for _index, change in mine)),
                }
            ]
    return batches


def _old_files(host: Host) -> list[str]:
    """Give files this collection made whose generation is older than one in use, and that nothing names (S3)."""
    survey = host.survey or {}
    in_use = set()
    for name, state in survey["services"].items():
        for files in (state.get("slots") or {}).values():
            in_use |= {files.get(part) for part in ("key", "certificate", "bundle")}
        in_use |= set((state.get("trusts") or {}).values())
        for trust in state.get("trusts") or {}:
            in_use.add(_active(host, name, trust))
    newest: dict[str, int] = {}
    for name in in_use:
        stem, number = _split(name or "")
        if number:
            newest[stem] = max(newest.get(stem, 0), number)
    found = []
    for name in sorted(host.made):
        stem, number = _split(name)
        if name in survey["files"] and name not in in_use and number and number < newest.get(stem, 0):
            found.append(name)
    return found


def _active(host: Host, service: str, trust: str) -> str | None:
    for record in host.pending.get(service, []):
        if record["setting"] == f"trust:{trust}" and record.get("before"):
            return str(record["before"])
    return None


def _split(name: str) -> tuple[str, int | None]:
    """Split a file name into the stem of its generation and the number."""
    stem, _g, rest = name.rpartition("-g")
    number = names.generation_of(name, stem) if stem and rest else None
    return stem, number
