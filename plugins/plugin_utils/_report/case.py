# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the doctor looks at: the fleet, its plan, who is linked to whom, and what every slot shows today.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

from .._fleet import model, pending, topology
from .._fleet.given import FleetInput, Host
from .._fleet.topology import Link
from .._services import catalogue

UP, DOWN, UNPROVEN, UNKNOWN = "up", "down", "unproven", "unknown"

#: Why a link does not hold, as far as certificates decide it.
NOTHING_SHOWN, UNTRUSTED, WRONG_NAME, EXPIRED = "nothing shown", "untrusted", "wrong name", "expired"


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a slot shows: the leaf that is served, or where no probe saw one the leaf that is assigned."""

    host: Host
    service: catalogue.Service
    slot: catalogue.Slot
    slot_id: str
    leaf: dict[str, Any]
    #: Certificates after the leaf, as they came; from files where nothing was served.
    chain: list[dict[str, Any]]
    served: bool


class Case:
    """A fleet as the doctor finds it. Takes the planner's input and its plan; plain data, no clock, no disk."""

    def __init__(self, given: FleetInput, plan: dict[str, Any], soon_days: int) -> None:
        self.given, _cleared = pending.settle(given)
        self.plan = plan
        self.soon_days = soon_days
        self.now = given.now
        self.topology = topology.build(self.given)
        self.vouching = model.Vouching(self.given)
        #: Every certificate that was read, by fingerprint.
        self.infos: dict[str, dict[str, Any]] = dict(self._infos())
        self.state = model.today(self.given, self.topology, self.vouching)
        self.seen: dict[tuple[str, str], Seen] = {(one.host.name, one.slot_id): one for one in self._shown()}
        self.planned: dict[tuple[str, str], dict[str, Any]] = {
            (str(node), str(slot)): identity for identity in plan["identities"] for node, slot in identity["slots"]
        }
        self.blocked = frozenset(plan["blocked"])

    def days_left(self, not_after: str) -> int:
        """Give whole days until a time; below zero once it has passed, also by less than a day."""
        return int((model.parse_time(not_after) - self.now) // datetime.timedelta(days=1))

    def is_soon(self, not_after: str) -> bool:
        """Say whether a time lies ahead, and within the days that count as soon."""
        return 0 <= self.days_left(not_after) < self.soon_days

    def is_over(self, not_after: str) -> bool:
        """Say whether a time has passed."""
        return self.days_left(not_after) < 0

    # Links -----------------------------------------------------------------------------------------------------------

    def state_of(self, link: Link) -> str:
        """Say how a link is: what the API of its Call Bridge says counts, else what the certificates say."""
        if any(self.given.hosts[name].survey is None for name in (link.verifier, link.presenter)):
            return UNKNOWN
        if link.before == "success":
            return UP
        if link.before == "connectionFailure":
            return DOWN
        return DOWN if self.faults(link) else UNPROVEN

    def faults(self, link: Link) -> list[str]:
        """Say which of the things that certificates decide are wrong with a link today."""
        shown = self.state.slots.get(link.slot_key)
        if shown is None:
            return [NOTHING_SHOWN]
        found = []
        if not self.state.trusts_what_it_sees(link):
            found.append(UNTRUSTED)
        if link.kind.name_checked and link.dialled and not model.link_name_fits(link, shown.names):
            found.append(WRONG_NAME)
        if shown.not_after is not None and shown.not_after <= self.now:
            found.append(EXPIRED)
        return found

    def verifiers(self, host: str, slot_id: str) -> list[str]:
        """Give the nodes that verify what a slot shows."""
        return sorted({link.verifier for link in self.topology.links if link.slot_key == (host, slot_id)})

    def pairs(self) -> list[list[Link]]:
        """Give the links of two services of two nodes together: each verifies the other over one connection."""
        found: dict[tuple[Any, ...], list[Link]] = {}
        for link in self.topology.links:
            services = frozenset({link.kind.verifier, catalogue.SLOTS[link.kind.presenter][0].name})
            found.setdefault((frozenset({link.verifier, link.presenter}), services, link.alias), []).append(link)
        return list(found.values())

    # Slots -----------------------------------------------------------------------------------------------------------

    def _infos(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for issuer in self.vouching.anchors.values():
            yield from ((sha256, self.vouching.info(sha256)) for sha256 in issuer)
        for host in self.given.hosts.values():
            survey = host.survey or {}
            for served in (survey.get("served") or {}).values():
                yield from ((item["sha256"], item) for item in served.get("chain") or [])
            for part in ("other_certificates", "certificates"):
                for entry in (survey.get(part) or {}).values():
                    yield from ((item["info"]["sha256"], item["info"]) for item in entry.get("certificates") or [])

    def _shown(self) -> Iterator[Seen]:
        for host in self.given.hosts.values():
            if host.survey is None:
                continue
            for slot_id, (service, slot) in catalogue.SLOTS.items():
                state = host.service(service.name)
                if not state.get("present") or state.get("enabled") is False:
                    continue
                served = host.served(slot_id).get("chain") or []
                assigned = [item["info"] for item in model.assigned_chain(host, slot_id)]
                chain = served or assigned
                if chain:
                    yield Seen(host, service, slot, slot_id, chain[0], chain[1:], bool(served))
