# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rounds of a plan: what happens on all nodes at once, and what happens in waves, each with its batches.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from typing import Any

from .._services import catalogue
from . import due, order, steps
from .due import Decision
from .given import FleetInput
from .order import TRUST, Unit, UnitKey
from .topology import Topology
from .trusts import TrustChange

REQUEST, ISSUE, STAGE = "request", "issue", "stage"


def build(
    given: FleetInput,
    topology: Topology,
    decisions: list[Decision],
    changes: list[TrustChange],
    units: list[Unit],
) -> list[dict[str, Any]]:
    """Give the rounds that carry out decisions, trust changes and units, in their order."""
    return _Rounds(given, topology, [decision for decision in decisions if decision.reason], changes).build(units)


def level_names(units: list[Unit]) -> dict[int, str]:
    """Name the rounds of units: ``widen`` while only trust changes, then ``switch``, ``switch-2``, ..."""
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


class _Rounds:
    def __init__(
        self, given: FleetInput, topology: Topology, decisions: list[Decision], changes: list[TrustChange]
    ) -> None:
        self.given = given
        self.topology = topology
        self.decisions = decisions
        self._decided: dict[str, list[Decision]] = {}
        for decision in decisions:
            for host in dict.fromkeys(name for name, _slot in decision.slots):
                self._decided.setdefault(host, []).append(decision)
        self._changed: dict[str, list[tuple[int, TrustChange]]] = {}
        for index, change in enumerate(changes):
            self._changed.setdefault(change.key[0], []).append((index, change))

    def build(self, units: list[Unit]) -> list[dict[str, Any]]:
        rounds: list[dict[str, Any]] = []
        requests: dict[str, list[dict[str, Any]]] = {}
        for decision in self.decisions:
            found = steps.request_steps(decision)
            if found:
                requests.setdefault(decision.identity.hosts[0], []).extend(found)
        if requests:
            rounds.append(_parallel(REQUEST, requests, "keys and requests are made; nothing is interrupted"))
        if any(decision.resume != due.ISSUED for decision in self.decisions):
            rounds.append({"name": ISSUE, "serial": False, "hosts": [], "waves": [], "batches": {}})
        stage: dict[str, list[dict[str, Any]]] = {}
        for host in self.given.hosts.values():
            found = steps.stage_steps(host, self._decided.get(host.name, []), self._changed.get(host.name, []))
            if found:
                stage[host.name] = found
        if stage:
            rounds.append(_parallel(STAGE, stage, "files are uploaded under new names; nothing is interrupted"))
        names = level_names(units)
        ids = {unit.key: f"{unit.host}/{names[unit.level]}/{unit.service}" for unit in units}
        for level in sorted(names):
            rounds.append(self._serial(names[level], [unit for unit in units if unit.level == level], ids))
        return rounds

    def _serial(self, name: str, units: list[Unit], ids: dict[UnitKey, str]) -> dict[str, Any]:
        by_host: dict[str, list[Unit]] = {}
        for unit in units:
            by_host.setdefault(unit.host, []).append(unit)
        for found in by_host.values():
            # The API is what calls are counted and links are proven with, so what it is reached through comes last.
            found.sort(key=lambda unit: (unit.service == catalogue.API_FRONT, catalogue.BY_NAME[unit.service].hurt))
        # What hurts least goes first; the inventory's order decides between equals.
        position = {host: number for number, host in enumerate(self.given.hosts)}
        ordered = sorted(
            by_host, key=lambda host: (max(catalogue.BY_NAME[u.service].hurt for u in by_host[host]), position[host])
        )
        trusting = [host for host in ordered if any(TRUST in unit.part for unit in by_host[host])]
        if trusting:
            # The canary is the first to show whether the new trust works, so it comes before all others (S6).
            ordered.remove(trusting[0])
            ordered.insert(0, trusting[0])
        hosts, sizes = order.waves(ordered, self.topology, bool(trusting))
        proven = {ids[unit.key] for unit in by_host[hosts[0]] if TRUST in unit.part}
        batches = {}
        for host in hosts:
            canary = set() if host == hosts[0] else proven
            batches[host] = [
                self._batch(unit, ids[unit.key], sorted({ids[key] for key in unit.after} | canary))
                for unit in by_host[host]
            ]
        return {"name": name, "serial": True, "hosts": hosts, "waves": sizes, "batches": batches}

    def _batch(self, unit: Unit, batch_id: str, requires: list[str]) -> dict[str, Any]:
        service = catalogue.BY_NAME[unit.service]
        host = self.given.hosts[unit.host]
        decisions = self._decided.get(unit.host, [])
        changes = [change for _index, change in self._changed.get(unit.host, [])]
        reasons: list[str] = []
        if TRUST in unit.part:
            reasons += [change.reason for change in changes if change.key[1] == unit.service]
        named: dict[str, list[str]] = {}
        for decision in decisions:
            mine = [s for h, s in decision.slots if h == unit.host and catalogue.SLOTS[s][0] is service]
            if any(unit.carries(slot_id) for slot_id in mine):
                named.setdefault(str(decision.reason), []).append(decision.identity.name)
        reasons += [f"{', '.join(who)}: {reason}" for reason, who in named.items()]
        going_back = {slot for decision in self.decisions for slot in decision.back}
        undone = any(h == unit.host and catalogue.SLOTS[s][0] is service for h, s in going_back)
        waits = not undone and any(not record.get("doubted") for record in host.waiting(unit.service))
        if waits and not any("did not see the restart" in reason for reason in reasons):
            reasons.append("an earlier run stored settings and did not see the restart: this finishes it")
        runs = steps.restarts(host, service)
        return {
            "id": batch_id,
            "service": unit.service,
            "steps": steps.unit_steps(unit, self.given, self.topology, decisions, changes),
            "requires": requires,
            "cost": service.restart_cost if runs else "nothing: the service is switched off",
            "gate_calls": service.drops_calls and runs,
            "reason": "; ".join(reasons),
            "reasons": reasons,
        }


def _parallel(name: str, work: dict[str, list[dict[str, Any]]], cost: str) -> dict[str, Any]:
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
