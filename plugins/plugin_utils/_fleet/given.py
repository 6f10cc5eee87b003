# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the planner is given, as plain data.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Sequence
from typing import Any

from .._findings import Finding

SITE = "site"
RENEW = "renew"
NARROW = "narrow"
ROLLBACK = "rollback"
INTENTS = (SITE, RENEW, NARROW, ROLLBACK)
#: What brings new generations: what ``rollback`` takes back.
FORWARD = (SITE, RENEW)


@dataclasses.dataclass
class Host:
    """One node as inventory and survey show it.

    ``survey`` is None when the node could not be read; ``why_no_survey`` says why, ``mend`` what helps.
    """

    name: str
    services: tuple[str, ...]
    variables: dict[str, Any]
    survey: dict[str, Any] | None
    why_no_survey: str = ""
    mend: str = ""
    pending: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    made: frozenset[str] = frozenset()
    trusts_added: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    #: The note about a load limit that a run lowered and did not set back: ``before`` and ``limit``.
    drained: dict[str, Any] | None = None
    #: What settings were before this collection changed them, by ``service/setting``, the latest last.
    replaced: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    #: Variables of the host that begin with ``cms_`` and that this collection does not know.
    unknown_variables: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Give the address the node is reached at."""
        if self.survey:
            return str(self.survey["address"])
        return str(self.variables.get("ansible_host") or self.name)

    @property
    def fqdn(self) -> str | None:
        """Give the fully qualified name: ``cms_fqdn``, an inventory name with a dot, or the name in ``cms_domain``."""
        if self.variables.get("cms_fqdn"):
            return str(self.variables["cms_fqdn"]).rstrip(".").lower()
        if "." in self.name and not _is_address(self.name):
            return self.name.rstrip(".").lower()
        if self.variables.get("cms_domain") and not _is_address(self.name):
            return f"{self.name}.{self.variables['cms_domain']}".rstrip(".").lower()
        return None

    def waiting(self, service: str) -> list[dict[str, Any]]:
        """Give the write-ahead records of a service that wait for a restart; a narrower trust only rides along."""
        return [record for record in self.pending.get(service, []) if not record.get("rides")]

    def waiting_slots(self, service: str) -> dict[str, dict[str, Any]]:
        """Give the waiting records of assignments, by slot id."""
        return {
            record["setting"].removeprefix("slot:"): record
            for record in self.waiting(service)
            if record["setting"].startswith("slot:")
        }

    def service(self, name: str) -> dict[str, Any]:
        """Give what the survey says of a service; an absent one where it says nothing."""
        if self.survey is None:
            return {"present": False, "detail": self.why_no_survey}
        found: dict[str, Any] = self.survey["services"].get(name, {"present": False, "detail": "not surveyed"})
        return found

    def certificates(self, file: str | None) -> list[dict[str, Any]]:
        """Give the certificates of a file on the node as ``{"pem", "info"}``; nothing where it was not read."""
        if not file or self.survey is None:
            return []
        entry = self.survey["certificates"].get(file) or {}
        found: list[dict[str, Any]] = entry.get("certificates", [])
        return found

    def served(self, slot_id: str) -> dict[str, Any]:
        """Give what the probe of a slot saw."""
        if self.survey is None:
            return {"state": "unreachable", "chain": [], "detail": self.why_no_survey}
        found: dict[str, Any] = self.survey["served"].get(slot_id) or {"state": "not_probed", "chain": [], "detail": ""}
        return found


@dataclasses.dataclass
class IssuerFacts:
    """What the planner must know of an issuer: ``anchors`` are PEM texts, intermediates first, root last.

    ``will_create`` says that the anchors do not exist yet and come to be when the first certificate is issued.
    ``public`` says that browsers trust it by themselves, ``days`` how long its certificates live where that is known.
    """

    name: str
    kind: str
    anchors: list[str]
    will_create: bool
    validity: str
    findings: Sequence[Finding] = dataclasses.field(default_factory=list)
    public: bool = False
    days: int | None = None


@dataclasses.dataclass(frozen=True)
class Wish:
    """What a person wants ``rollback`` to put back; nothing at all means everything that the last rollout switched.

    ``services`` are names of services, slots or identities. ``to`` is the base name of files that are on the nodes.
    """

    nodes: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    to: str = ""
    reason: str = ""

    @property
    def names_something(self) -> bool:
        """Say whether a person chose what is put back."""
        return bool(self.nodes or self.services or self.to)


@dataclasses.dataclass
class FleetInput:
    """Everything a plan is made from. ``now`` is an argument: the planner never asks the clock."""

    fleet: str
    intent: str
    now: datetime.datetime
    hosts: dict[str, Host]
    issuers: dict[str, IssuerFacts]
    generations: dict[str, list[dict[str, Any]]]
    skipped: frozenset[str] = frozenset()
    #: What the inventory says of the nodes in ``skipped``: their names tell registrations of theirs from foreign ones.
    skipped_hosts: dict[str, Host] = dataclasses.field(default_factory=dict)
    accepted_anchors: frozenset[str] = frozenset()
    narrow_also: frozenset[str] = frozenset()
    rollback: Wish = Wish()
    #: The number of the last rollout that switched something; None where none is known.
    rollout: int | None = None
    #: Nodes and identities that a rollback put back, and that may go on to what the inventory wants.
    roll_forward: frozenset[str] = frozenset()
    calls: str = "stop"
    #: The load limit to which Call Bridges are drained before they restart; None drains none.
    drain: int | None = None
    findings: list[Finding] = dataclasses.field(default_factory=list)
    #: What forbids to keep keys in the store; an error only where the plan has some.
    store_findings: Sequence[Finding] = dataclasses.field(default_factory=list)

    @functools.cached_property
    def put_back(self) -> dict[str, dict[str, Any]]:
        """Give the note of the rollback that put a certificate back, by the SHA-256 of that certificate.

        ``base`` is the generation that it was put back for.
        """
        return {
            sha256: {**generation["put_back"], "base": generation["base"]}
            for generations in self.generations.values()
            for generation in generations
            if generation.get("put_back")
            for sha256 in generation["put_back"]["in_place"]
        }


def _is_address(text: str) -> bool:
    return ":" in text or all(part.isdigit() for part in text.split("."))
