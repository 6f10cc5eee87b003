# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of changes: trust before identity (S5), as few restarts as the links allow, one node at a time (S6).

A unit is one restart of one service on one node. It may carry a change of trust (T), of identity (I), or both. Where
units need each other in a circle, the service whose restart hurts least is split into two restarts; with Call Bridges
and Web Bridges that is the Web Bridge (reference: rollout rules, 8.2).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from .._services import catalogue
from .topology import Topology

TRUST, IDENTITY, BOTH = "T", "I", "TI"
UnitKey = tuple[str, str, str]


@dataclasses.dataclass
class Change:
    """What one service of one node has to change; ``needs`` are the (node, service) whose trust must come first."""

    host: str
    service: str
    trust: bool = False
    identity: bool = False
    needs: set[tuple[str, str]] = dataclasses.field(default_factory=set)
    #: Slot ids whose new identity must be there with the first restart, whatever that restart is for.
    early: set[str] = dataclasses.field(default_factory=set)


@dataclasses.dataclass
class Unit:
    """One restart: ``part`` says whether it carries trust, identity or both; ``after`` are the units before it.

    ``early`` are slots that a restart for trust carries, and that the one for identity finds done.
    """

    host: str
    service: str
    part: str
    after: set[UnitKey] = dataclasses.field(default_factory=set)
    level: int = 0
    early: frozenset[str] = frozenset()

    def carries(self, slot_id: str) -> bool:
        """Say whether the new identity of a slot of this service comes with this restart."""
        if self.part == BOTH:
            return True
        return (slot_id in self.early) == (self.part == TRUST)

    @property
    def key(self) -> UnitKey:
        """Identify the unit."""
        return (self.host, self.service, self.part)


def units(changes: Iterable[Change]) -> list[Unit]:
    """Turn changes into units with as few restarts as the links allow, each with its level (0 first)."""
    found: dict[UnitKey, Unit] = {}
    for part in _apart(list(changes)):
        found.update(_split_as_needed(part))
    _levels(found)
    return sorted(found.values(), key=lambda unit: (unit.level, unit.key))


def _apart(changes: list[Change]) -> list[list[Change]]:
    """Sort changes into those that need each other, directly or through others; so do clusters fall apart."""
    by_place: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        by_place.setdefault((change.host, change.service), []).append(change)
    near: dict[tuple[str, str], set[tuple[str, str]]] = {place: set() for place in by_place}
    for change in changes:
        for place in change.needs & near.keys():
            near[change.host, change.service].add(place)
            near[place].add((change.host, change.service))
    found: list[list[Change]] = []
    seen: set[tuple[str, str]] = set()
    for first in by_place:
        together: list[Change] = []
        ahead = [first]
        while ahead:
            place = ahead.pop()
            if place not in seen:
                seen.add(place)
                together += by_place[place]
                ahead += sorted(near[place])
        if together:
            found.append(together)
    return found


def _split_as_needed(changes: list[Change]) -> dict[UnitKey, Unit]:
    """Make units of changes, and split those that stand in a circle, what hurts least first."""
    split: set[tuple[str, str]] = set()
    while True:
        found = _make(changes, split)
        circle = _circle(found)
        if not circle:
            break
        # Only what carries trust and identity can stand in a circle: others wait for it, or wait for nothing.
        least = min((found[key] for key in circle), key=lambda unit: (_hurt(unit.service), unit.key))
        split.add((least.host, least.service))
    for place in sorted(split, key=lambda place: (-_hurt(place[1]), place)):
        # What was split early may not have to be, now that others are.
        whole = _make(changes, split - {place})
        if not _circle(whole):
            found = whole
            split.remove(place)
    return found


def _hurt(service: str) -> int:
    return catalogue.BY_NAME[service].hurt


def _make(changes: list[Change], split: set[tuple[str, str]]) -> dict[UnitKey, Unit]:
    found: dict[UnitKey, Unit] = {}
    trust_unit: dict[tuple[str, str], UnitKey] = {}
    identity_unit: dict[tuple[str, str], UnitKey] = {}
    for change in changes:
        place = (change.host, change.service)
        if change.trust and change.identity and place not in split:
            parts = [BOTH]
        else:
            parts = ([TRUST] if change.trust else []) + ([IDENTITY] if change.identity else [])
        for part in parts:
            early = frozenset(change.early) if len(parts) == 2 else frozenset()
            unit = Unit(change.host, change.service, part, early=early)
            found[unit.key] = unit
            if TRUST in part:
                trust_unit[place] = unit.key
            if IDENTITY in part:
                identity_unit[place] = unit.key
        if len(parts) == 2:
            found[identity_unit[place]].after.add(trust_unit[place])
    for change in changes:
        presenter = identity_unit.get((change.host, change.service))
        if presenter is None:
            continue
        for place in change.needs:
            if place in trust_unit and trust_unit[place] != presenter:
                found[presenter].after.add(trust_unit[place])
    return found


def _circle(found: dict[UnitKey, Unit]) -> set[UnitKey]:
    """Give the units of one circle, or nothing."""
    remaining = {key: set(unit.after) for key, unit in found.items()}
    while True:
        free = [key for key, after in remaining.items() if not after & remaining.keys()]
        if not free:
            break
        for key in free:
            del remaining[key]
    if not remaining:
        return set()
    # What is left hangs on a circle; walking backwards from anywhere ends in it.
    walked: list[UnitKey] = []
    key = min(remaining)
    while key not in walked:
        walked.append(key)
        key = min(remaining[key] & remaining.keys())
    return set(walked[walked.index(key) :])


def _levels(found: dict[UnitKey, Unit]) -> None:
    done: set[UnitKey] = set()
    level = 0
    while len(done) < len(found):
        ready = [unit for key, unit in found.items() if key not in done and unit.after <= done]
        for unit in ready:
            unit.level = level
        done |= {unit.key for unit in ready}
        level += 1
    _settle(found)


def _settle(found: dict[UnitKey, Unit]) -> None:
    """Move units that no link ties to the last round their node is in anyway, so that a node is visited less often."""
    tied = {key for unit in found.values() for key in unit.after} | {key for key, unit in found.items() if unit.after}
    last: dict[str, int] = {}
    for unit in found.values():
        if unit.key in tied:
            last[unit.host] = max(last.get(unit.host, 0), unit.level)
    widening = max((unit.level for unit in found.values() if unit.part == TRUST and unit.key in tied), default=-1)
    for unit in found.values():
        if unit.key not in tied:
            # A node that is in no tied round waits until the widening of the others has been proven.
            unit.level = last.get(unit.host, widening + 1)


def waves(hosts: list[str], topology: Topology, canary: bool) -> tuple[list[str], list[int]]:
    """Order ``hosts`` into waves: nodes of one wave share no cluster, so no link and no redundancy group (S19).

    With ``canary`` the first wave is a single node (S6). Give the hosts in their order, and the sizes of the waves.
    """
    queues: dict[int, list[str]] = {}
    for host in hosts:
        queues.setdefault(topology.clusters[host], []).append(host)
    ordered: list[str] = []
    sizes: list[int] = []
    if canary and len(queues) > 1:
        first = queues[topology.clusters[hosts[0]]].pop(0)
        ordered.append(first)
        sizes.append(1)
    while any(queues.values()):
        wave = [queue.pop(0) for queue in queues.values() if queue]
        ordered += wave
        sizes.append(len(wave))
    return ordered, sizes
