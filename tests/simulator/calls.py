# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls of a Call Bridge: they last, end, are followed by new ones, and are refused above a load limit."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from . import api_settings

if TYPE_CHECKING:
    from .node import Node

#: What one call leg adds to ``mediaProcessingLoad``.
LEG_LOAD = 250
DEFAULT_BASIS_POINTS = 5000


class Calls:
    """Call legs of one Call Bridge.

    With ``seconds`` each leg ends that long after it began, and whoever hung up is followed by somebody who dials: the
    number stays as it is until new calls are refused. Without, calls are there until somebody sets another number.
    Nothing runs in the background: what happened since the last look is worked out at the next.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.seconds = node.cfg.call_seconds
        self.completed = 0
        self.most = 0
        self._ends: list[float] = []
        self.set(node.cfg.calls)

    def set(self, number: int, seconds: float | None = None) -> None:
        """So many legs that begin now; ``seconds`` 0 makes them endless, None leaves that as it was."""
        if seconds is not None:
            self.seconds = seconds
        now = time.time()
        last = self.seconds or math.inf
        # Not all at once: those who are here began at different times.
        self._ends = [now + last * (index + 1) / number for index in range(number)]
        self.most = max(self.most, number)

    @property
    def number(self) -> int:
        """Legs that are up now."""
        self.settle()
        return len(self._ends)

    @property
    def load(self) -> int:
        """The media processing load."""
        return self.number * LEG_LOAD

    def drop(self) -> int:
        """The Call Bridge goes down; how many legs that ends."""
        dropped = self.number
        self._ends = []
        return dropped

    def settle(self) -> None:
        """Let end what has ended by now, and let those dial who come after."""
        now = time.time()
        while self._ends and min(self._ends) <= now:
            moment = min(self._ends)
            self._ends.remove(moment)
            self.completed += 1
            self._dial(moment)

    def _dial(self, moment: float) -> None:
        for node in (self._node, *self._others()):
            bridge = node.callbridge
            if bridge is None or not bridge.running or not bridge.traffic.takes():
                continue
            if node is not self._node:
                self._node.event("call_moved", to=node.name)
            bridge.traffic.begin(moment)
            return
        self._node.event("call_refused")

    def begin(self, moment: float) -> None:
        """One leg more."""
        self._ends.append(moment + (self.seconds or math.inf))
        self.most = max(self.most, len(self._ends))

    def takes(self) -> bool:
        """Whether a new call is taken: a limit counts only with load balancing in a Call Bridge group."""
        limit = api_settings.server(self._node).get("loadLimit", "")
        if not limit or not api_settings.balanced(self._node):
            return True
        if limit == "0" and self._node.sw.is_("api_load_limit_zero", "unlimited"):
            return True
        points = api_settings.server(self._node).get("newConferenceLoadLimitBasisPoints") or DEFAULT_BASIS_POINTS
        return (len(self._ends) + 1) * LEG_LOAD <= int(limit) * int(points) / 10000

    def _others(self) -> list[Node]:
        if not api_settings.balanced(self._node):
            return []
        return [
            node
            for node in self._node.world.nodes.values()
            if node is not self._node
            and node.cfg.cluster == self._node.cfg.cluster
            and api_settings.group_of(node) == api_settings.group_of(self._node)
        ]
