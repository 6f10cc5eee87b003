# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which trusts a failed proof of a link throws doubt on: stored is not running, and no display tells (S15).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import ProofFailed
from . import steps

#: Node, service, trust setting, and the file that is assigned there.
Doubt = tuple[str, str, str, str]


def of(plan: Mapping[str, Any], batch: Mapping[str, Any], node: str, links: Iterable[str]) -> list[Doubt]:
    """Give the trusts that hold what ``node`` now presents, and over which ``links`` are down.

    Only a new certificate of this batch counts, and only a trust that the plan found as it should be and so did not
    restart: what the plan restarts is live.
    """
    down = set(links)
    presented = {step["slot"] for step in batch["steps"] if step["kind"] == steps.ASSIGN}
    restarted = {(change["node"], change["service"], change["trust"]) for change in plan["trusts"]}
    found: list[Doubt] = []
    for link in plan["links"]:
        verifier, service, trust = link["verifier"]
        presenter, slot = link["presenter"]
        file = (plan["nodes"].get(verifier) or {}).get("trusts", {}).get(f"{service}/{trust}")
        mine = presenter == node and slot in presented
        if link["id"] in down and mine and file and (verifier, service, trust) not in restarted:
            found.append((verifier, service, trust, str(file)))
    return list(dict.fromkeys(found))


def told(error: ProofFailed, found: list[Doubt]) -> ProofFailed:
    """Give the error with the doubt in it, and with what the next run does about it."""
    if not found:
        return error
    names = ", ".join(f"{service} {trust} trust of {node}" for node, service, trust, _file in found)
    services = ", ".join(dict.fromkeys(f"{service} on {node}" for node, service, _trust, _file in found))
    more = ProofFailed(
        error.obj,
        f"{error.reason}; perhaps what is stored is not live there: {names}",
        f"run the playbook again: it restarts {services} first, so that what is stored there is live; if the link "
        f"fails then too, {error.next_step}",
        error.transcript,
    )
    more.links = error.links
    return more
