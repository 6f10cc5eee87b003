# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the proofs of one service of one node need out of the plan: where, which leaf, which links (S10).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import CertificateProblem, FileProblem, ProofFailed
from .._pki import certs
from .._services import catalogue
from . import prove, steps
from .context import Context
from .node import Node
from .steps import Setting


class Proofs:
    """The proofs of one service. ``plan``, ``node`` and ``service`` say of what."""

    def __init__(self, plan: Mapping[str, Any], node: Node, service: catalogue.Service, context: Context) -> None:
        self._plan = plan
        self._node = node
        self._service = service
        self._context = context
        self._entry: Mapping[str, Any] = plan["nodes"][node.name]

    def slot(self, slot: str, identity: str | None, display: Mapping[str, Any], *, hurry: bool = False) -> Any:
        """Wait for the leaf a slot must serve; ``hurry`` waits a quarter of the time. Raises ProofFailed."""
        return prove.prove_slot(
            self._node.name,
            slot,
            (self._entry.get("probe") or {}).get(slot),
            self._expected(slot, identity, display),
            (self._entry.get("before") or {}).get(slot),
            wait=self._context.proof_timeout / (4 if hurry else 1),
        )

    def gone(self, slot: str) -> dict[str, Any]:
        """Wait until a slot no longer serves what it served before. Raises ProofFailed."""
        before = (self._entry.get("before") or {}).get(slot) or {}
        return prove.prove_gone(self._node.name, slot, self._place(slot), before, wait=self._context.proof_timeout)

    def links(self, idents: Iterable[str]) -> list[dict[str, Any]]:
        """Wait for links to be up again. Raises ProofFailed."""
        wanted = set(idents)
        return prove.prove_links(
            [link for link in self._plan["links"] if link["id"] in wanted],
            lambda via: self._context.api(self._plan, via),
            wait=self._context.proof_timeout,
        )

    def as_before(self, batch: Mapping[str, Any], display: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Prove that a service is as it was before a batch: what was served then, and its links. Raises ProofFailed."""
        found = []
        for row in self._service.slots:
            slot = catalogue.slot_id(self._service, row)
            if ((self._entry.get("before") or {}).get(slot) or {}).get("state") == "served":
                found.append(self.slot(slot, None, display))
        for step in batch["steps"]:
            if step["kind"] == "prove" and step["proof"] == "link":
                found.extend(self.links(step["links"]))
        return found

    def leaf_served(
        self, batch: Mapping[str, Any], display: Mapping[str, Any], *, new: bool, hurry: bool = True
    ) -> bool:
        """Say whether a slot serves the new leaf of this batch, or the old one: only a restart can have brought it."""
        for step in batch["steps"]:
            if (
                step["kind"] == steps.ASSIGN
                and self._place(step["slot"])
                and (step["files"].get("certificate") or not new)
            ):
                try:
                    outcome = self.slot(step["slot"], step["identity"] if new else None, display, hurry=hurry)
                except ProofFailed:
                    return False
                if outcome["state"] == prove.PROVEN:
                    return True
        return False

    def _place(self, slot: str) -> Any:
        return (self._entry.get("probe") or {}).get(slot)

    def _expected(self, slot: str, identity: str | None, display: Mapping[str, Any]) -> str | None:
        """Give the leaf a slot must serve: of its new identity, or the one in the file that it is assigned now."""
        if identity is not None:
            return self._context.leaf_sha256(steps.identity_of(self._plan, identity))
        file = Setting(self._service.name, f"slot:{slot}").shown(display)["certificate"]
        if not file:
            return None
        try:
            return certs.fingerprint(certs.load_certificates(self._node.get(file), file)[0])
        except (CertificateProblem, FileProblem):
            # Then what was served before the change is what must be served after it.
            return None
