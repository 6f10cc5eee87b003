# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Alarms before and after a change: what is new and stays is told, whatever its type. It fails nothing.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from .._api import system
from .._errors import ApiProblem
from .context import Context
from .prove import Pace

#: Between two looks at alarms that may pass by themselves.
LONGEST_PAUSE = 10.0


class Alarms:
    """The alarms that a change of ``node`` may raise: there, and where the links of the change show their state.

    ``vias`` are the nodes whose APIs show those links. A node whose API is not set up has no alarms to show.
    """

    def __init__(self, node: str, vias: Iterable[str | None], plan: Mapping[str, Any], context: Context) -> None:
        self._plan = plan
        self._context = context
        self._where = sorted({node, *(via for via in vias if via)})
        self._before: dict[str, list[dict[str, Any]] | None] = {}
        self._began: float | None = None
        self.remarks: list[str] = []

    def look(self) -> None:
        """Look before the change, once, where there is an API to look at."""
        if self._began is None:
            self._began = time.monotonic()
            self._before = {where: self._read(where) for where in self._where if self._has_api(where)}

    def new(self) -> list[dict[str, Any]]:
        """Look after the change, again while something is new and may pass by itself; give what is new and stays.

        Each is a dictionary with ``node``, ``type``, ``active_seconds``, ``details``, ``text``.
        """
        if self._began is None:
            return []
        pace = Pace(self._context.alarm_timeout, longest=LONGEST_PAUSE)
        left = dict.fromkeys(self._before, True)
        found: dict[str, list[dict[str, Any]]] = {}
        while True:
            for where in [where for where, more in left.items() if more]:
                shown = self._read(where)
                if shown is not None:
                    found[where] = self._since(where, shown)
                    left[where] = bool(found[where])
            if not any(left.values()) or not pace.again():
                break
        self.remarks += [
            f"{where}: its alarms could not be read after the change" for where in left if where not in found
        ]
        return [alarm for where in sorted(found) for alarm in found[where]]

    def _has_api(self, where: str) -> bool:
        return bool((self._plan["nodes"].get(where) or {}).get("api"))

    def _since(self, where: str, shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
        seconds = time.monotonic() - (self._began or 0.0)
        return [
            {
                "node": where,
                **{key: alarm[key] for key in ("type", "active_seconds", "details")},
                "text": f"{where}: new alarm {system.alarm_text(alarm)}",
            }
            for alarm in system.alarms_since(self._before[where], shown, seconds)
        ]

    def _read(self, where: str) -> list[dict[str, Any]] | None:
        """Read the alarms of a node; None when it does not show any."""
        client = self._context.api(self._plan, where)
        if client is None:
            return None
        try:
            with client:
                return system.alarms(client)
        except ApiProblem:
            return None
