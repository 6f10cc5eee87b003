# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificates of a fleet as rules look at them: what each slot has today, and what the plan will give it.

What does not exist yet is described by its request and its issuer, so that it is judged before it is issued.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from .._services import catalogue
from .due import Decision
from .given import FleetInput, Host, IssuerFacts
from .model import Vouching, anchors_of, assigned_chain, parse_time
from .wanted import Identity


@dataclasses.dataclass(frozen=True)
class Held:
    """The certificate of a slot: today's, or (``planned``) the one it will have when the plan is carried out.

    ``names`` are its alternative names in lower case. ``usages`` and ``key_usages`` are None where the extension is
    absent, which restricts nothing. ``days`` is the lifetime, None where nobody knows it yet; ``chain`` describes
    leaf and CAs in the order in which they are sent. ``anchors`` vouch for it. ``replaced`` marks a certificate of
    today that the plan replaces. ``issuer`` is the issuer that the inventory names.
    """

    host: Host
    service: catalogue.Service
    slot: catalogue.Slot
    slot_id: str
    identity: Identity | None
    planned: bool
    replaced: bool
    common_name: str | None
    names: frozenset[str]
    usages: tuple[str, ...] | None
    key_usages: tuple[str, ...] | None
    key_type: str
    self_signed: bool
    public: bool
    issued: datetime.datetime
    days: int | None
    chain: tuple[dict[str, Any], ...]
    anchors: frozenset[str]
    issuer: IssuerFacts | None

    @property
    def label(self) -> str:
        """Name the slot in findings."""
        return f"{self.host.name} {self.slot_id}"

    @property
    def wildcards(self) -> list[str]:
        """Give the names with a wildcard."""
        return sorted(name for name in {*self.names, (self.common_name or "").lower()} if "*" in name)


def every(given: FleetInput, decisions: Sequence[Decision], vouching: Vouching) -> Iterator[Held]:
    """Give what every slot in use has today, as far as it can be read, and what it will have."""
    identities = {slot: decision.identity for decision in decisions for slot in decision.identity.slots}
    renewed = {slot: decision for decision in decisions if decision.reason for slot in decision.slots}
    for host in given.hosts.values():
        for name in host.services if host.survey is not None else ():
            service = catalogue.BY_NAME[name]
            for slot in service.slots:
                slot_id = catalogue.slot_id(service, slot)
                place = (host.name, slot_id)
                identity = identities.get(place)
                issuer = given.issuers.get(identity.issuer or "") if identity else None
                base = {"host": host, "service": service, "slot": slot, "slot_id": slot_id}
                base |= {"identity": identity, "issuer": issuer}
                chain = [item["info"] for item in assigned_chain(host, slot_id)]
                if chain:
                    replaced = place in renewed and not renewed[place].finishes
                    yield _real(chain, vouching, given, base | {"planned": False, "replaced": replaced})
                if place in renewed and renewed[place].back:
                    chain = [vouching.info(sha256) for sha256 in vouching.add(renewed[place].back[place].chain)]
                    # It was issued long ago, whoever is named to issue now.
                    yield _real(chain, vouching, given, base | {"planned": True, "replaced": False, "issuer": None})
                elif place in renewed and issuer is not None and not renewed[place].finishes:
                    decision = renewed[place]
                    planned = base | {"planned": True, "replaced": False}
                    if decision.leaf is not None and decision.chain:
                        chain = [vouching.info(sha256) for sha256 in vouching.add(decision.chain)]
                        yield _real(chain, vouching, given, planned)
                    else:
                        yield _requested(decision.identity, issuer, given, vouching, planned)


def _real(chain: Sequence[dict[str, Any]], vouching: Vouching, given: FleetInput, base: dict[str, Any]) -> Held:
    """Describe a certificate that exists, with the chain that is sent with it."""
    leaf = chain[0]
    begin, end = parse_time(leaf["not_before"]), parse_time(leaf["not_after"])
    anchors = vouching.above(leaf["sha256"])
    public = vouching.is_public(leaf["sha256"]) or any(
        issuer.public and anchors & set(vouching.anchors[issuer.name]) for issuer in given.issuers.values()
    )
    return Held(
        **base,
        common_name=leaf["common_name"],
        names=frozenset(name.lower() for name in [*leaf["dns"], *leaf["ip"], *leaf["email"]]),
        usages=None if leaf["extended_key_usage"] is None else tuple(leaf["extended_key_usage"]),
        key_usages=None if leaf["key_usage"] is None else tuple(leaf["key_usage"]),
        key_type=str(leaf["key_type"]),
        self_signed=bool(leaf["self_signed"]),
        public=public,
        issued=begin,
        days=round((end - begin) / datetime.timedelta(days=1)),
        chain=tuple(chain),
        anchors=anchors,
    )


def _requested(
    identity: Identity, issuer: IssuerFacts, given: FleetInput, vouching: Vouching, base: dict[str, Any]
) -> Held:
    """Describe a certificate that is to be issued, by what is asked for and by the CA that will sign it."""
    chain = [{}, *(vouching.info(sha256) for sha256 in vouching.anchors[issuer.name])]
    key = identity.key
    return Held(
        **base,
        common_name=identity.common_name,
        names=frozenset(name.lower() for name in identity.names),
        usages=tuple(identity.eku),
        key_usages=tuple(identity.ku),
        key_type=f"{str(key['type']).upper()} {key['size']}",
        self_signed=False,
        public=issuer.public,
        issued=given.now,
        days=issuer.days,
        chain=tuple(chain),
        anchors=anchors_of(issuer, vouching),
    )
