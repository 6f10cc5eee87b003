# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan: the ordered steps that take the surveyed fleet to the wanted one, as plain data.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from .._findings import ERROR, WARNING, Finding
from .._rules.found import find
from .._services import catalogue
from . import due, inventory, lowered, order, outside, pending, rollback, rounds, rules, table, trusts, written
from .due import Decision
from .given import ROLLBACK, FleetInput
from .looking import Against, View
from .model import Shown, SlotKey, State, TrustKey, Vouching, parse_time, shown_now, today
from .order import BOTH, IDENTITY, TRUST, Change, Unit
from .topology import Link, Topology, build
from .trusts import TrustChange
from .wanted import identities

SCHEMA = 1

#: Rounds of restarts that the playbook has plays for.
MOST_ROUNDS = 6
#: A certificate that ends within this time counts as expired where a restart meets it: a rollout takes hours.
ABOUT_TO_END = datetime.timedelta(days=1)


def make_plan(given: FleetInput) -> dict[str, Any]:
    """Make the plan of a fleet for ``site``, ``renew`` or ``rollback``.

    Takes surveys, inventory, issuers, store and journal as plain data; gives a plan as plain data (see docs/plan.md).
    Raises nothing for what is wrong with the fleet: that is a finding. Errors block the cluster they stand against.
    """
    return _Planner(given).plan()


class _Planner:
    def __init__(self, given: FleetInput) -> None:
        given, self.cleared = pending.settle(given)
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
        self._look()
        blocked, units, planned = self._ordered()
        findings = sorted({against.finding for against in self.against}, key=_severity_first)
        plan = {
            "schema": SCHEMA,
            "intent": given.intent,
            "fleet": given.fleet,
            "findings": [finding.as_dict() for finding in findings],
            "blocked": sorted(blocked),
            "skipped": sorted(given.skipped),
            "identities": [written.identity(d, given) for d in self.decisions if d.reason and not d.back],
            "back": [written.way_back(d, given.rollback.reason) for d in self.decisions if d.back],
            "trusts": [written.trust(change, self.vouching) for change in self.changes],
            "rounds": planned,
            "links": [link.as_dict() for link in self.topology.links],
            "nodes": {h.name: written.node(h, self.decisions, self.topology) for h in given.hosts.values() if h.survey},
            "certificates": written.pems(self.changes, self.vouching),
            "cost": {"restarts": written.restarts(units, given)},
            "cleared": self.cleared,
            "creates": sorted(
                {
                    name
                    for name in (d.identity.issuer for d in self.decisions if d.reason and not d.back)
                    if name in given.issuers and given.issuers[name].will_create
                }
            ),
            "external_verifiers": written.external_verifiers(self.decisions),
            "changed": bool(planned),
        }
        plan["id"] = plan_id(plan)
        return plan

    # Deciding --------------------------------------------------------------------------------------------------------

    def _decide(self) -> None:
        if self.given.intent == ROLLBACK:
            self.decisions, against = rollback.decide(self.given, self.topology, self.vouching)
            self.against += against
            return
        found, problems = identities(self.given, self.topology, self.vouching)
        for host, text, next_step, rule in problems:
            self.against.append(Against(find(rule, host, text, next_step), (host,)))
        wrong = {problem.host for problem in problems}
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
        here = (d.identity for d in self.decisions if d.reason and d.identity.key["where"] == "control")
        keepers = tuple(host for identity in here for host in identity.hosts)
        if keepers:
            self.against += [Against(finding, keepers) for finding in self.given.store_findings]

    # Looking ---------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Work out the trust changes, and collect the findings of today, marking those the plan cures."""
        given, topology = self.given, self.topology
        self.stored = trusts.unfinished(given, self.vouching)
        self.new = {**self.stored, **trusts.planned(given, self.decisions, self.vouching)}
        for slot in self._still_running():
            # What was stored over it never becomes live.
            self.stored.pop(slot, None)
        self.changes, self.waiting = trusts.changes(
            given, topology, self.decisions, self.new, self.state, self.vouching
        )
        touched = {host for host, _slot in self.new} | {change.key[0] for change in self.changes}
        self.against += table.judge(View(given, topology, self.vouching, self.decisions))
        self.against += rules.about_services(given, topology)
        if given.intent != ROLLBACK:
            self.against += inventory.about_issuers(given, self.decisions)
            self.against += inventory.about_going_on(given, self.decisions)
        self.against += inventory.about_unmanaged(given)
        self.against += inventory.about_variables(given)
        self.against += lowered.refused(given)
        self.against += rules.about_trust_files(given, topology)
        widened = {name for change in self.changes for name in topology.cluster_of(change.key[0])}
        self.against += outside.about_registrations(given, topology, touched, {c.key[0] for c in self.changes})
        self.against += outside.about_peers(topology, widened)
        self.against += rules.about_calls(given, self._calls_end_on())
        self.against += rules.about_drained(given)
        renewed = {f"{host} {slot}" for decision in self.decisions if decision.reason for host, slot in decision.slots}
        for against in rules.about_identities(given, self.decisions, self.vouching):
            cured = any(against.finding.object.startswith(label) for label in renewed)
            finding = against.finding.as_cured() if cured and against.finding.severity != "remark" else against.finding
            self.against.append(Against(finding, against.hosts))
        self._links()

    def _calls_end_on(self) -> list[str]:
        """Give the nodes where a service restarts that drops calls."""
        places = {(host, catalogue.SLOTS[slot][0].name) for host, slot in self.new}
        places |= {change.key[:2] for change in self.changes}
        return sorted({host for host, service in places if catalogue.BY_NAME[service].drops_calls})

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
            if self._contradicts(link):
                continue
            for fault in self.state.faults(link, self.given.now):
                severity = WARNING if link.assumed else ERROR
                finding = find("link-broken", link.id, fault, link.mend, severity=severity, section=link.kind.section)
                self.against.append(Against(finding if then else finding.as_cured(), ends))
            if then and not self.state.faults(link, self.given.now):
                step = ""
                if self.given.intent == ROLLBACK:
                    what = "what it had before does not fit this link any more"
                    step = f"leave {link.presenter} out of the rollback: {what}"
                self.against.append(Against(find("link-would-break", link.id, "; ".join(then), step), ends))

    def _contradicts(self, link: Link) -> bool:
        """Find a link that is up although nothing that could be read explains it: then the picture is wrong (S8)."""
        waits = any(record["setting"].startswith("trust:") for record in self._records(link))
        if link.before != "success" or waits or self.state.trusts_what_it_sees(link):
            return False
        finding = find(
            "link-up-without-trust",
            link.id,
            f"the link is up, and the {link.kind.verifier} {link.kind.trust} trust that {link.verifier} has stored "
            "does not explain it: what runs is not what is stored, or the file could not be read",
            f"compare '{link.kind.verifier}' on {link.verifier} with its trust file: store what is really trusted, "
            "restart the service yourself, and run again",
        )
        self.against.append(Against(finding, (link.verifier, link.presenter)))
        return True

    def _records(self, link: Link) -> list[dict[str, Any]]:
        return self.given.hosts[link.verifier].pending.get(link.kind.verifier, [])

    def _blocked(self) -> set[str]:
        """Give the nodes that must not be changed: those an error stands against, and all that are linked to them."""
        self.against = lowered.lower(self.against, self.given)
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

    def _ordered(self) -> tuple[set[str], list[Unit], list[dict[str, Any]]]:
        """Order what may be changed. What the walk over all states finds blocks its cluster as any other error does."""
        blocked = self._blocked()
        while True:
            self.decisions = [d for d in self.decisions if not blocked & set(d.identity.hosts)]
            self.changes = [change for change in self.changes if change.key[0] not in blocked]
            units = order.units(self._unit_changes(blocked))
            planned = rounds.build(self.given, self.topology, self.decisions, self.changes, units)
            self._walk(units, planned)
            self._count(planned)
            after = self._blocked() | blocked
            if after == blocked:
                return blocked, units, planned
            blocked = after

    def _count(self, planned: list[dict[str, Any]]) -> None:
        """Refuse rounds that no play of the playbook would carry out."""
        beyond = [entry for entry in planned if entry["serial"]][MOST_ROUNDS:]
        hosts = tuple(dict.fromkeys(host for entry in beyond for host in entry["hosts"]))
        if hosts:
            finding = find(
                "too-many-rounds",
                ", ".join(hosts),
                f"their links wait for each other in a row that takes {MOST_ROUNDS + len(beyond)} rounds of restarts, "
                f"and the playbook has plays for {MOST_ROUNDS}",
            )
            self.against.append(Against(finding, hosts))

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
            for service in host.pending:
                trust_only = all(record["setting"].startswith("trust:") for record in host.waiting(service))
                if host.name not in blocked and host.survey is not None and not trust_only:
                    at(host.name, service).identity = True
        for key, slots in self.waiting.items():
            for name, slot_id in slots:
                place = (name, catalogue.SLOTS[slot_id][0].name)
                if place in found:
                    found[place].needs.add(key[:2])
        for name, slot_id in [*self._hindering(), *self._still_running()]:
            place = (name, catalogue.SLOTS[slot_id][0].name)
            if place in found:
                found[place].early.add(slot_id)
        return found.values()

    def _hindering(self) -> Iterable[SlotKey]:
        """Give slots of no link that get a new certificate because theirs is at its end: no start may meet that one.

        A service may refuse to start with an expired certificate, so a restart for trust alone would end it.
        """
        linked = {link.slot_key for link in self.topology.links}
        for decision in self.decisions:
            for slot in decision.slots if decision.reason and not decision.finishes else ():
                leaf = decision.identity.current[slot]
                if slot not in linked and leaf and parse_time(leaf["not_after"]) <= self.given.now + ABOUT_TO_END:
                    yield slot

    def _still_running(self) -> list[SlotKey]:
        """Give slots that go back to what they run with still, because what was stored over it never became live (S15).

        They do so with the first restart, whatever that restart is for.
        """
        return [
            slot
            for decision in self.decisions
            for slot, back in decision.back.items()
            if slot[1] in self.given.hosts[slot[0]].waiting_slots(catalogue.SLOTS[slot[1]][0].name)
            and (self._runs(slot) or "") == back.leaf["sha256"]
        ]

    def _runs(self, slot: SlotKey) -> str | None:
        shown = shown_now(self.given.hosts[slot[0]], slot[1], self.vouching)
        return shown.leaf if shown else None

    def _walk(self, units: list[Unit], planned: list[dict[str, Any]]) -> None:
        """Judge every state on the way: a link that holds today must hold after each unit (S1, S5)."""
        state, topology = self.state.copy(), self.topology
        held = {link.id for link in topology.links if not self.state.faults(link, self.given.now)}
        by_place = {(u.host, u.service, u.level): u for u in units}
        changes: dict[tuple[str, str], list[TrustChange]] = {}
        for change in self.changes:
            changes.setdefault(change.key[:2], []).append(change)
        stored, new = _by_place(self.stored), _by_place(self.new)
        level_of = {name: level for level, name in rounds.level_names(units).items()}
        for entry in planned:
            for host in entry["hosts"] if entry["serial"] else []:
                for batch in entry["batches"][host]:
                    unit = by_place[host, batch["service"], level_of[entry["name"]]]
                    place = (unit.host, unit.service)
                    for change in changes.get(place, []) if unit.part in (TRUST, BOTH) else []:
                        state.trusts[change.key] = change.content
                    # Whatever is stored already becomes live with the first restart, whatever that restart is for.
                    state.slots.update(stored.get(place, {}))
                    if unit.part in (IDENTITY, BOTH):
                        state.slots.update(new.get(place, {}))
                    # Only the links of this node can be otherwise than after the batch before.
                    self._compare(state, [link for link in topology.links_of(host) if link.id in held], batch["id"])

    def _compare(self, state: State, links: list[Link], after: str) -> None:
        for link in links:
            faults = state.faults(link, self.given.now)
            if faults:
                finding = find("link-would-break-on-the-way", link.id, f"after {after}: " + "; ".join(faults))
                self.against.append(Against(finding, (link.verifier, link.presenter)))


def _by_place(slots: dict[SlotKey, Shown]) -> dict[tuple[str, str], dict[SlotKey, Shown]]:
    """Sort what slots will show by node and service."""
    found: dict[tuple[str, str], dict[SlotKey, Shown]] = {}
    for (host, slot_id), shown in slots.items():
        found.setdefault((host, catalogue.SLOTS[slot_id][0].name), {})[host, slot_id] = shown
    return found


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


def _severity_first(finding: Finding) -> tuple[Any, ...]:
    rank = {ERROR: 0, WARNING: 1}.get(finding.severity, 2)
    return (finding.cured, rank, finding.object, finding.rule, finding.found)
