# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A link, and whether its verifying side verifies at all: what every way of finding links builds on.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from .._services import catalogue
from .given import Host

TrustKey = tuple[str, str, str]


@dataclasses.dataclass(frozen=True)
class Link:
    """One verifying side, one presenting side, the trust setting between them (reference: rollout rules, 8.2).

    ``dialled`` is the name the verifier dials, where it checks it. ``via`` is the node whose API shows the state of the
    link. ``known`` says that somebody shows that the link exists, ``certain`` that this is reason enough to trust.
    """

    kind: catalogue.LinkKind
    verifier: str
    presenter: str
    dialled: str | None
    via: str | None
    web_bridge_id: str | None
    url: str | None
    before: str | None
    #: Tells a further registration of the same Web Bridge from the first.
    alias: str = ""
    known: bool = True
    certain: bool = True

    @property
    def id(self) -> str:
        """Name the link the same way in every run."""
        name = f"{self.verifier}<{self.presenter} {self.kind.name}"
        return f"{name} {self.alias}" if self.alias else name

    @property
    def assumed(self) -> bool:
        """Say whether nobody shows this link: then it may not exist at all."""
        return not self.known

    @property
    def mend(self) -> str:
        """Say what helps when this link does not hold."""
        if not self.assumed:
            return "run certops.cms.site, which widens trust and renews what a link needs"
        verifies = catalogue.BY_NAME[self.kind.verifier].trust(self.kind.trust)
        if verifies.verifies == catalogue.BY_MODE:
            return (
                f"look at '{verifies.show}' on {self.verifier}: whether it verifies could not be read; no trust is "
                "widened for a link that is only assumed"
            )
        return (
            "make the API readable (cms_api_user, cms_api_password), or say with cms_cluster which nodes belong "
            "together; no trust is widened for a link that is only assumed"
        )

    @property
    def trust_key(self) -> TrustKey:
        """Give (node, service, trust) of the verifying side."""
        return (self.verifier, self.kind.verifier, self.kind.trust)

    @property
    def slot_key(self) -> tuple[str, str]:
        """Give (node, slot id) of the presenting side."""
        return (self.presenter, self.kind.presenter)

    def as_dict(self) -> dict[str, Any]:
        """Give the link as plain data for the plan."""
        return {
            "id": self.id,
            "kind": self.kind.name,
            "verifier": list(self.trust_key),
            "presenter": list(self.slot_key),
            "dialled": self.dialled,
            "via": self.via,
            "web_bridge_id": self.web_bridge_id,
            "url": self.url,
            "before": self.before,
            "proof": self.kind.proof,
        }


@dataclasses.dataclass
class Found:
    """What one way of finding links found.

    ``ties`` are nodes that belong together though nothing is verified between them. ``unjudged`` are trust settings
    that are also for somebody who takes no part in the plan. The rest is as in ``Topology``.
    """

    links: list[Link] = dataclasses.field(default_factory=list)
    ties: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    unjudged: set[TrustKey] = dataclasses.field(default_factory=set)
    foreign_urls: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    blind: list[str] = dataclasses.field(default_factory=list)
    left_out: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)


def verifies(host: Host, service: str, trust: str) -> bool | None:
    """Say whether a trust setting of a node verifies anybody now; None where that is not known."""
    row = catalogue.BY_NAME[service].trust(trust)
    if row.verifies == catalogue.ALWAYS:
        return True
    if host.survey is None:
        return None
    state = host.service(service)
    if row.show and row.show in (state.get("not_understood") or {}):
        return None
    if row.verifies == catalogue.BY_MODE:
        if trust not in (state.get("trusts") or {}):
            # The node has no such command.
            return False
        mode = (state.get("verify") or {}).get(trust)
        if mode is None:
            # Who trusts nobody and verifies would take no call at all.
            return None if (state.get("trusts") or {}).get(trust) else False
        return bool(mode != "disabled")
    running = [r.get("before") for r in host.pending.get(service, []) if r["setting"] == f"trust:{trust}"]
    return any([(state.get("trusts") or {}).get(trust), *running])


def same_cluster(one: Host, other: Host) -> bool:
    """Say whether two nodes may belong together, by ``cms_cluster``: who has none belongs to everybody."""
    labels = {host.variables.get("cms_cluster") for host in (one, other)} - {None}
    return len(labels) < 2


def at_least(version: str | None, wanted: tuple[int, ...]) -> bool:
    """Say whether a version is ``wanted`` or later; one that is not known counts as later."""
    numbers = re.findall(r"[0-9]+", version or "")
    return not numbers or tuple(int(number) for number in numbers[: len(wanted)]) >= wanted
