# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The alarms of a node: those that its broken links raise, and those that were set."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .node import Node

#: Kind of link -> the alarm that its failure raises.
OF_LINKS = {
    "c2w": "webBridgeConnectionFailure",
    "cluster": "callBridgeConnectionFailure",
    "recorder": "recorderUnavailable",
    "streamer": "streamerUnavailable",
}


@dataclass
class Alarm:
    """One alarm; ``since`` and ``until`` are seconds of the clock, ``fields`` what depends on its type."""

    id: str
    type: str
    since: float
    until: float = math.inf
    fields: dict[str, str] = field(default_factory=dict)


class Alarms:
    """The alarms of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._numbers = itertools.count(1)
        self._set: list[Alarm] = []

    def set(self, kind: str, *, age: float = 0.0, seconds: float = 0.0, fields: dict[str, str] | None = None) -> str:
        """Raise an alarm that has been active for ``age`` seconds, for ``seconds`` more (0: until it is cleared)."""
        now = time.time()
        identifier = self._node.world.guid("alarm", self._node.name, kind, str(next(self._numbers)))
        self._set.append(Alarm(identifier, kind, now - age, now + seconds if seconds else math.inf, fields or {}))
        self._node.event("alarm_set", alarm=kind)
        return identifier

    def clear(self, kind: str | None = None) -> None:
        """Clear the alarms that were set, or those of one type."""
        self._set = [alarm for alarm in self._set if kind is not None and alarm.type != kind]

    def current(self) -> list[Alarm]:
        """Every alarm that is active now."""
        now = time.time()
        return [*self._of_links(), *(alarm for alarm in self._set if alarm.until > now)]

    def _of_links(self) -> list[Alarm]:
        found = []
        for link in self._node.world.links_of(self._node.name):
            kind = OF_LINKS.get(link.kind)
            if kind is None or link.status != "connectionFailure":
                continue
            parts = ["alarm", self._node.name, link.id]
            if self._node.sw.is_("api_alarm_ids", "new_each_time"):
                parts.append(str(link.since))
            fields = {"failureReason": link.reason, "url": link.url}
            found.append(Alarm(self._node.world.guid(*parts), kind, link.since, fields=fields))
        return found
