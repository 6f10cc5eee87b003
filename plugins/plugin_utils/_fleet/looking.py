# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the functions that look for broken rules are given, and what they give.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any

from .._findings import Finding
from .._services import catalogue
from .due import Decision
from .given import FleetInput, Host
from .held import Held, every
from .model import Vouching
from .topology import Topology


@dataclasses.dataclass(frozen=True)
class Against:
    """A finding, and the nodes it stands against; no nodes means the whole fleet."""

    finding: Finding
    hosts: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class View:
    """What a rule may look at: surveys and inventory, links, decisions, and which certificate vouches for which."""

    given: FleetInput
    topology: Topology
    vouching: Vouching
    decisions: Sequence[Decision] = ()

    @functools.cached_property
    def held(self) -> tuple[Held, ...]:
        """Give the certificate of every slot, as it is today and as this plan will make it."""
        return tuple(every(self.given, self.decisions, self.vouching))


@dataclasses.dataclass(frozen=True)
class Broken:
    """What breaks a rule: an object, what was found about it, and the nodes it stands against (none: the fleet).

    ``next_step``, ``severity`` and ``section`` take the place of the rule's own where those are not exact enough.
    ``held`` is the certificate it is about: a fault of one that the plan replaces is cured.
    """

    obj: str
    found: str
    hosts: tuple[str, ...] = ()
    next_step: str = ""
    severity: str = ""
    section: str = ""
    held: Held | None = None


def about(held: Held, found: str, next_step: str = "", *, severity: str = "") -> Broken:
    """Say what is wrong with the certificate of a slot."""
    text = f"as planned, {found}" if held.planned else found
    return Broken(held.label, text, (held.host.name,), next_step, severity, held=held)


def shown(view: View) -> Iterator[tuple[Host, catalogue.Service, dict[str, Any]]]:
    """Give every service that a node should have and has, with what its display says."""
    for host in view.given.hosts.values():
        for name in host.services if host.survey is not None else ():
            state = host.service(name)
            if state.get("present"):
                yield host, catalogue.BY_NAME[name], state
