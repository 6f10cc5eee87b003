# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan: the ordered steps that take the surveyed fleet to the wanted one, as plain data.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from .._findings import ERROR, WARNING, Finding
from .._services import catalogue
from . import due, order, rules, steps, trusts, written
from .due import Decision
from .given import FleetInput, Host
from .model import SlotKey, State, TrustKey, Vouching, assigned_chain, today
from .order import BOTH, IDENTITY, TRUST, Change, Unit
from .rules import Against
from .topology import Topology, build
from .trusts import TrustChange
from .wanted import identities

SCHEMA = 1
REQUEST, ISSUE, STAGE = "request", "issue", "stage"


def make_plan(given: FleetInput) -> dict[str, Any]:
    """Make the plan of a fleet for ``site`` or ``renew``.

    Takes surveys, inventory, issuers, store and journal as plain data; gives a plan as plain data (see docs/plan.md).
    Raises nothing for what is wrong with the fleet: that is a finding. Errors block the cluster they stand against.
    """
    return _Planner(given).plan()


class _Planner:
    def __init__(self, given: FleetInput) -> None:
        self.given = given
        self.topology: Topology = build(given)
        self.vouching = Vouching(given)
        self.against: list[Against] = [Against(finding) for finding in given.findings]
        self.decisions: list[Decision] = []
        self.changes: list[TrustChange] = []
        self.waiting: dict[TrustKey, set[SlotKey]] = {}

    def plan(self) -> dict[str, Any]:
        given = self.given
        self._decide()
        self.state = today(given, self.topology, self.vouching)
        self.cleared, self.unfinished = self._pending()
        self._look()
        blocked = self._blocked()
        self.decisions = [d for d in self.decisions if not blocked & set(d.identity.hosts)]
        self.changes = [c for c in self.changes if c.key[0] not in blocked]
        units = order.units(self._unit_changes(blocked))
        rounds = self._rounds(units)
        self._walk(units, rounds)
        findings = sorted({against.finding for against in self.against}, key=_severity_first)
        plan = {
            "schema": SCHEMA,
            "intent": given.intent,
            "fleet": given.fleet,
            "findings": [finding.as_dict() for finding in findings],
            "blocked": sorted(self._blocked()),
            "skipped": sorted(given.skipped),
            "identities": [written.identity(d, given) for d in self.decisions if d.reason],
            "trusts": [written.trust(change, self.vouching) for change in self.changes],
            "rounds": rounds,
            "links": [link.as_dict() for link in self.topology.links],
            "nodes": {h.name: written.node(h, self.decisions) for h in given.hosts.values() if h.survey},
            "certificates": written.pems(self.changes, self.vouching),
            "cost": {"restarts": written.restarts(units, given)},
            "cleared": self.cleared,
            "external_verifiers": written.external_verifiers(self.decisions),
            "changed": bool(rounds),
        }
        plan["id"] = plan_id(plan)
        return plan

    # Deciding --------------------------------------------------------------------------------------------------------

    def _decide(self) -> None:
        found, problems = identities(self.given, self.topology)
        for host, text, next_step in problems:
            self.against.append(Against(Finding(ERROR, "inventory", "3.1", host, text, next_step), (host,)))
        wrong = {host for host, _text, _next in problems}
        for identity in found:
            if wrong & set(identity.hosts):
                self.decisions.append(Decision(identity))
                continue
            decision, findings = due.decide(identity, self.given, self.vouching)
            self.decisions.append(decision)
            self.against += [Against(finding, tuple(identity.hosts)) for finding in findings]
        for name in sorted({d.identity.issuer for d in self.decisions if d.reason and d.identity.issuer}):
            issuer = self.given.issuers.get(name)
            users = tuple(h for d in self.decisions if d.reason and d.identity.issuer == name for h in d.identity.hosts)
            self.against += [Against(finding, users) for finding in (issuer.findings if issuer else [])]

    def _pending(self) -> tuple[list[dict[str, str]], dict[SlotKey, Any]]:
        """Split the write-ahead records into those a restart is seen for, and those that still wait (S15)."""
        cleared: list[dict[str, str]] = []
        open_slots = trusts.unfinished(self.given, self.vouching)
        for host in self.given.hosts.values():
            for service, records in list(host.pending.items()):
                if host.survey is None:
                    continue
                slot_ids = [r["setting"].partition(":")[2] for r in records if r["setting"].startswith("slot:")]
                if len(slot_ids) == len(records) and all(_serves_assigned(host, slot_id) for slot_id in slot_ids):
                    cleared.append(
                        {
                            "node": host.name,
                            "service": service,
                            "evidence": "the probe of " + ", ".join(slot_ids) + " shows the assigned certificate",
                        }
                    )
                    del host.pending[service]
                    for slot_id in slot_ids:
                        open_slots.pop((host.name, slot_id), None)
        return cleared, open_slots

    # Looking ---------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Work out the trust changes, and collect the findings of today, marking those the plan cures."""
        given, topology = self.given, self.topology
        self.new = {**self.unfinished, **trusts.planned(given, self.decisions, self.vouching)}
        self.changes, self.waiting = trusts.changes(
            given, topology, self.decisions, self.new, self.state, self.vouching
        )
        touched = {host for host, _slot in self.new} | {change.key[0] for change in self.changes}
        self.against += rules.about_inventory(given)
        self.against += rules.about_services(given, topology)
        self.against += rules.about_registrations(given, topology, touched)
        self.against += rules.about_files(given)
        self.against += rules.about_calls(given, sorted({h for h, s in self.new if s == "callbridge"}))
        renewed = {f"{host} {slot}" for decision in self.decisions if decision.reason for host, slot in decision.slots}
        for against in rules.about_identities(given, self.decisions, self.vouching):
            cured = any(against.finding.object.startswith(label) for label in renewed)
            finding = against.finding.as_cured() if cured and against.finding.severity != "remark" else against.finding
            self.against.append(Against(finding, against.hosts))
        self._links()

    def _links(self) -> None:
        """Judge every link today and in the wanted end state (S1)."""
        end = self.state.copy()
        end.slots.update(self.new)
        for change in self.changes:
            end.trusts[change.key] = change.content
        for link in self.topology.links:
            ends = (link.verifier, link.presenter)
            if any(self.given.hosts[name].survey is None for name in ends):
                continue
            then = end.faults(link, self.given.now)
            for fault in self.state.faults(link, self.given.now):
                finding = Finding(
                    ERROR,
                    "link-broken",
                    link.kind.section,
                    link.id,
                    fault,
                    "run certops.cms.site, which widens trust and renews what a link needs",
                )
                self.against.append(Against(finding if then else finding.as_cured(), ends))
            if then and not self.state.faults(link, self.given.now):
                finding = Finding(
                    ERROR,
                    "link-would-break",
                    "S1",
                    link.id,
                    "; ".join(then),
                    "correct the inventory (names, issuers) so that the wanted state keeps this link",
                )
                self.against.append(Against(finding, ends))

    def _blocked(self) -> set[str]:
        """Give the nodes that must not be changed: those an error stands against, and all that are linked to them."""
        blocked: set[str] = set()
        for against in self.against:
            if not against.finding.blocks:
                continue
            if not against.hosts:
                return set(self.given.hosts)
            for host in against.hosts:
                if host in self.topology.clusters:
                    blocked |= set(self.topology.cluster_of(host))
        while True:
            # An identity that is shared with a blocked node waits for it, and so does everything linked to its nodes.
            more = {
                member
                for decision in self.decisions
                if decision.reason and blocked & set(decision.identity.hosts)
                for host in decision.identity.hosts
                for member in self.topology.cluster_of(host)
            }
            if more <= blocked:
                return blocked
            blocked |= more

    # Ordering --------------------------------------------------------------------------------------------------------

    def _unit_changes(self, blocked: set[str]) -> Iterable[Change]:
        found: dict[tuple[str, str], Change] = {}

        def at(host: str, service: str) -> Change:
            return found.setdefault((host, service), Change(host, service))

        for change in self.changes:
            at(change.key[0], change.key[1]).trust = True
        for name, slot_id in self.new:
            if name not in blocked:
                at(name, catalogue.SLOTS[slot_id][0].name).identity = True
        for host in self.given.hosts.values():
            for service, records in host.pending.items():
                trust_only = all(record["setting"].startswith("trust:") for record in records)
                if host.name not in blocked and host.survey is not None and not trust_only:
                    at(host.name, service).identity = True
        for key, slots in self.waiting.items():
            for name, slot_id in slots:
                place = (name, catalogue.SLOTS[slot_id][0].name)
                if place in found:
                    found[place].needs.add(key[:2])
        return found.values()

    def _rounds(self, units: list[Unit]) -> list[dict[str, Any]]:
        decisions = [decision for decision in self.decisions if decision.reason]
        rounds: list[dict[str, Any]] = []
        requests: dict[str, list[dict[str, Any]]] = {}
        for decision in decisions:
            found = steps.request_steps(decision)
            if found:
                requests.setdefault(decision.identity.hosts[0], []).extend(found)
        if requests:
            rounds.append(self._parallel(REQUEST, requests, "keys and requests are made; nothing is interrupted"))
        if any(decision.resume != due.ISSUED for decision in decisions):
            rounds.append({"name": ISSUE, "serial": False, "hosts": [], "waves": [], "batches": {}})
        stage: dict[str, list[dict[str, Any]]] = {}
        for host in self.given.hosts.values():
            found = steps.stage_steps(host, decisions, list(enumerate(self.changes)))
            if found:
                stage[host.name] = found
        if stage:
            rounds.append(self._parallel(STAGE, stage, "files are uploaded under new names; nothing is interrupted"))
        names_of_levels = _level_names(units)
        ids = {unit.key: f"{unit.host}/{names_of_levels[unit.level]}/{unit.service}" for unit in units}
        for level in sorted(names_of_levels):
            rounds.append(self._serial(names_of_levels[level], [u for u in units if u.level == level], ids))
        return rounds

    def _parallel(self, name: str, work: dict[str, list[dict[str, Any]]], cost: str) -> dict[str, Any]:
        batches = {
            host: [
                {
                    "id": f"{host}/{name}",
                    "service": None,
                    "steps": found,
                    "requires": [],
                    "cost": cost,
                    "gate_calls": False,
                    "reason": "",
                }
            ]
            for host, found in work.items()
        }
        return {"name": name, "serial": False, "hosts": list(work), "waves": [len(work)], "batches": batches}

    def _serial(self, name: str, units: list[Unit], ids: dict[order.UnitKey, str]) -> dict[str, Any]:
        by_host: dict[str, list[Unit]] = {}
        for unit in units:
            by_host.setdefault(unit.host, []).append(unit)
        for found in by_host.values():
            found.sort(key=lambda unit: (unit.service == "webadmin", catalogue.BY_NAME[unit.service].hurt))
        # What hurts least goes first; the inventory's order decides between equals.
        position = {host: number for number, host in enumerate(self.given.hosts)}
        ordered = sorted(
            by_host, key=lambda host: (max(catalogue.BY_NAME[u.service].hurt for u in by_host[host]), position[host])
        )
        canary = any(TRUST in unit.part for unit in units)
        hosts, sizes = order.waves(ordered, self.topology, canary)
        batches: dict[str, list[dict[str, Any]]] = {}
        first = [ids[unit.key] for unit in by_host[hosts[0]] if TRUST in unit.part]
        for host in hosts:
            batches[host] = []
            for unit in by_host[host]:
                requires = {ids[key] for key in unit.after}
                if canary and host != hosts[0]:
                    requires |= set(first)
                batches[host].append(self._batch(unit, ids[unit.key], sorted(requires)))
        return {"name": name, "serial": True, "hosts": hosts, "waves": sizes, "batches": batches}

    def _batch(self, unit: Unit, batch_id: str, requires: list[str]) -> dict[str, Any]:
        service = catalogue.BY_NAME[unit.service]
        host = self.given.hosts[unit.host]
        reasons = []
        if TRUST in unit.part:
            reasons += [change.reason for change in self.changes if change.key[:2] == (unit.host, unit.service)]
        if IDENTITY in unit.part:
            reasons += [
                f"{decision.identity.name}: {decision.reason}"
                for decision in self.decisions
                if decision.reason
                and any(h == unit.host and catalogue.SLOTS[s][0] is service for h, s in decision.slots)
            ]
        if host.pending.get(unit.service):
            reasons.append("an earlier run stored settings and did not see the restart: this finishes it")
        runs = steps.restarts(host, service)
        return {
            "id": batch_id,
            "service": unit.service,
            "steps": steps.unit_steps(unit, self.given, self.topology, self.decisions, self.changes),
            "requires": requires,
            "cost": service.restart_cost if runs else "nothing: the service is switched off",
            "gate_calls": service.drops_calls and runs,
            "reason": "; ".join(dict.fromkeys(reasons)),
        }

    def _walk(self, units: list[Unit], rounds: list[dict[str, Any]]) -> None:
        """Judge every state on the way: a link that holds today must hold after each unit (S1, S5)."""
        state = self.state.copy()
        by_place = {(u.host, u.service, u.level): u for u in units}
        level_of = {name: level for level, name in _level_names(units).items()}
        for entry in rounds:
            for host in entry["hosts"] if entry["serial"] else []:
                for batch in entry["batches"][host]:
                    unit = by_place[host, batch["service"], level_of[entry["name"]]]
                    self._enter(state, unit)
                    self._compare(state, batch["id"])

    def _enter(self, state: State, unit: Unit) -> None:
        if unit.part in (TRUST, BOTH):
            for change in self.changes:
                if change.key[:2] == (unit.host, unit.service):
                    state.trusts[change.key] = change.content
        if unit.part in (IDENTITY, BOTH):
            for (host, slot_id), shown in self.new.items():
                if host == unit.host and catalogue.SLOTS[slot_id][0].name == unit.service:
                    state.slots[host, slot_id] = shown

    def _compare(self, state: State, after: str) -> None:
        for link in self.topology.links:
            if self.state.faults(link, self.given.now):
                continue
            faults = state.faults(link, self.given.now)
            if faults:
                finding = Finding(
                    ERROR,
                    "link-would-break-on-the-way",
                    "S5",
                    link.id,
                    f"after {after}: " + "; ".join(faults),
                    "nothing was changed; report this plan, it should not have come to be",
                )
                self.against.append(Against(finding, (link.verifier, link.presenter)))


def plan_id(plan: dict[str, Any]) -> str:
    """Derive the id of a plan from what it does and what it was made from, never from the clock."""
    essence = {
        "intent": plan["intent"],
        "fleet": plan["fleet"],
        "rounds": [
            {
                "name": entry["name"],
                "hosts": entry["hosts"],
                "waves": entry["waves"],
                "steps": {h: [[b["id"], b["steps"]] for b in found] for h, found in entry["batches"].items()},
            }
            for entry in plan["rounds"]
        ],
        "identities": [[i["id"], i["base"], i["request"]] for i in plan["identities"]],
        "trusts": [[t["node"], t["service"], t["trust"], t["file"], t["keep"], t["add"]] for t in plan["trusts"]],
    }
    text = json.dumps(essence, sort_keys=True, separators=(",", ":"))
    return "p-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def _level_names(units: list[Unit]) -> dict[int, str]:
    """Name the rounds: ``widen`` while only trust changes, then ``switch``, ``switch-2``, ..."""
    found: dict[int, str] = {}
    widens = switches = 0
    for level in sorted({unit.level for unit in units}):
        if all(unit.part == TRUST for unit in units if unit.level == level):
            widens += 1
            found[level] = "widen" if widens == 1 else f"widen-{widens}"
        else:
            switches += 1
            found[level] = "switch" if switches == 1 else f"switch-{switches}"
    return found


def _serves_assigned(host: Host, slot_id: str) -> bool:
    served, chain = host.served(slot_id), assigned_chain(host, slot_id)
    return bool(
        served.get("state") == "served"
        and served.get("chain")
        and chain
        and served["chain"][0]["sha256"] == chain[0]["info"]["sha256"]
    )


def _severity_first(finding: Finding) -> tuple[Any, ...]:
    rank = {ERROR: 0, WARNING: 1}.get(finding.severity, 2)
    return (finding.cured, rank, finding.object, finding.rule, finding.found)
