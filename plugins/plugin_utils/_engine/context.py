# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the engine is given beside the plan: journal, store, ways to the API, and how long to wait.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping
from typing import Any

from .._api.client import ApiClient
from .._errors import PreconditionMissing
from .._fleet.journal import Journal
from .._issuers.base import Issuer
from .._issuers.store import Generation, Store
from .._services import catalogue

STOP, WAIT, DROP = "stop", "wait", "drop"

#: Seconds an API that answers 503 is asked again: its Call Bridge is starting.
API_WAIT = 20.0


@dataclasses.dataclass
class Context:
    """Everything a round needs besides the plan and the session.

    ``store`` is the issuers' store. ``issuers`` gives an issuer by name. ``credentials`` gives user and password of the
    API of a node, or None. Times are in seconds.
    """

    journal: Journal
    store: Store
    now: datetime.datetime
    issuers: Callable[[str], Issuer]
    credentials: Callable[[str], tuple[str, str] | None]
    calls: str = STOP
    calls_timeout: float = 3600.0
    proof_timeout: float = 60.0
    alarm_timeout: float = 180.0
    drain: bool = False
    drain_load_limit: int = 1
    reconnect_timeout: float = 120.0

    def api(self, plan: Mapping[str, Any], node: str, *, wait: float = API_WAIT) -> ApiClient | None:
        """Give a client for the API of a node; None when the plan or the inventory knows no way to it.

        Its Web Admin is pinned to the leaf the survey read over SSH, and to the one this plan gives it (S11).
        """
        entry = (plan["nodes"].get(node) or {}).get("api")
        credentials = self.credentials(node)
        if not entry or credentials is None:
            return None
        pins = [*entry["pins"], *self._new_pins(plan, node)]
        if not pins:
            return None
        return ApiClient(entry["base_host"], int(entry["port"]), *credentials, pins=pins, wait=wait)

    def generation(self, identity: Mapping[str, Any]) -> Generation:
        """Give the generation of an identity of the plan, once it is issued. Raises PreconditionMissing before."""
        found = self.store.get(str(identity["id"]), str(identity["base"]))
        if found is None or found.issued is None:
            raise PreconditionMissing(
                f"{identity['id']} {identity['base']}",
                "has not been issued yet",
                "let the round 'issue' of the plan run first: run the whole playbook",
            )
        return found

    def leaf_sha256(self, identity: Mapping[str, Any]) -> str:
        """Give the fingerprint of the leaf that was issued for an identity of the plan."""
        return str(self.generation(identity).facts["sha256"])

    def _new_pins(self, plan: Mapping[str, Any], node: str) -> list[str]:
        found = []
        for identity in plan["identities"]:
            if [node, catalogue.API_FRONT] in [list(slot) for slot in identity["slots"]]:
                generation = self.store.get(str(identity["id"]), str(identity["base"]))
                if generation is not None and generation.issued is not None:
                    found.append(str(generation.facts["sha256"]))
        return found
