# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draining: lower the load limit of a Call Bridge, so that new calls go to others, and set it back whatever happens.

The old value is in the journal before the limit is lowered, and leaves it when it is seen back: a run that was killed
in between leaves a record, which the next run puts right before anything else. Facts: database and API reference, 5.3.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from .._api import objects, system
from .._api.client import ApiClient
from .._errors import ApiProblem, CmsError, JournalProblem
from .._fleet.journal import Journal
from .context import API_WAIT, WAIT, Context
from .node import Node

#: What a person does where this cannot set the limit back.
BY_HAND = "system/configuration/cluster in Web Admin, Configuration > API"


class Drain(contextlib.AbstractContextManager["Drain"]):
    """The time in which a Call Bridge is kept from taking calls, if that was asked for; ends with the limit set back.

    ``begin`` lowers the limit. Leaving the context, by whatever way, sets it back, also where an earlier run died
    before it could. What could not be set back stays in the journal, and is told with the error, or as a remark.
    """

    def __init__(self, node: Node, plan: Mapping[str, Any], context: Context, remarks: list[str]) -> None:
        self._node = node.name
        self._commands = node.commands
        self._plan = plan
        self._context = context
        self._remarks = remarks

    def begin(self) -> None:
        """Lower the load limit, where that sends calls elsewhere; else say why not. Raises ApiProblem."""
        context = self._context
        client = context.api(self._plan, self._node) if context.drain and context.calls == WAIT else None
        if client is None:
            return
        limit = context.drain_load_limit
        with client:
            settings = system.cluster_settings(client)
            cannot = _cannot(settings, client)
            if cannot:
                told = f"draining cannot move calls and is left out: {cannot}; they are waited for as they are"
                self._remarks.append(f"{self._node}: {told}")
                return
            earlier = context.journal.drained(self._node)
            before = earlier["before"] if earlier else settings["load_limit"]
            if before is not None and before <= limit:
                self._remarks.append(f"{self._node}: its load limit is {before} already, and stays so")
                return
            context.journal.draining(self._node, {"before": before, "limit": limit, "plan": self._plan["id"]})
            self._tell(limit)
            system.set_load_limit(client, limit)

    def _tell(self, limit: int | None) -> None:
        value = "" if limit is None else limit
        self._commands.append({"command": f"API PUT {system.CLUSTER} loadLimit={value}", "answer": []})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        context = self._context
        record = context.journal.drained(self._node)
        if record is None:
            return
        self._tell(record["before"])
        wait = max(API_WAIT, context.proof_timeout)
        trouble = restore(self._node, context.journal, lambda node: context.api(self._plan, node, wait=wait))
        if not trouble:
            return
        if isinstance(error, CmsError):
            error.reason += f"; and {trouble}"
        else:
            self._remarks.append(trouble)


def restore(node: str, journal: Journal, api_of: Callable[[str], ApiClient | None]) -> str:
    """Set the load limit of ``node`` back to what the journal has; give what kept it from that, or nothing.

    A limit that is not the one of the drain was set by somebody else meanwhile, and stays.
    """
    record = journal.drained(node)
    if record is None:
        return ""
    told = (
        f"the load limit of {node} may still be {record['limit']}, so that it takes no calls; the next run sets it back"
        f" to {value_text(record['before'])}, as can be done by hand in {BY_HAND}"
    )
    client = api_of(node)
    if client is None:
        return f"{told} (no way to its API is known)"
    try:
        with client:
            if system.cluster_settings(client)["load_limit"] == record["limit"]:
                system.set_load_limit(client, record["before"])
    except ApiProblem as error:
        return f"{told} ({error.reason})"
    try:
        journal.drain_ended(node)
    except JournalProblem as error:
        return f"the load limit of {node} is back, and this is not in the journal: {error.reason}"
    return ""


def restore_left(journal: Journal, api_of: Callable[[str], ApiClient | None]) -> tuple[list[str], list[str]]:
    """Set every load limit back that a run left lowered; give what was done and what could not be, for people."""
    done, failed = [], []
    for node, record in journal.all_drained().items():
        trouble = restore(node, journal, api_of)
        if trouble:
            failed.append(trouble)
        else:
            was = f"{record['limit']}, which a run that did not come to its end had lowered it to"
            done.append(f"{node}: load limit set back to {value_text(record['before'])} from {was}")
    return done, failed


def value_text(limit: int | None) -> str:
    """Name a load limit for people."""
    return "unset" if limit is None else str(limit)


def _cannot(settings: Mapping[str, Any], client: ApiClient) -> str:
    """Say why a lower limit would send no call to another Call Bridge; nothing when it would."""
    bridges = objects.call_bridges(client)
    own = [bridge for bridge in bridges if bridge["name"] and bridge["name"] == settings["unique_name"]]
    if len(own) != 1:
        return f"its API does not tell which of {len(bridges)} Call Bridges it is"
    group = own[0]["group"]
    if group is None:
        return "it is in no Call Bridge group"
    found = next((one for one in objects.call_bridge_groups(client) if one["id"] == group), None)
    if found is None or found["load_balancing"] is not True:
        return f"load balancing is not on in its Call Bridge group {found['name'] if found else group}"
    if sum(1 for bridge in bridges if bridge["group"] == group) < 2:
        return f"it is the only one in its Call Bridge group {found['name']}, so new calls would be turned away"
    return ""
