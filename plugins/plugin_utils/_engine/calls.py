# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls in progress are a gate, not a number: a restart that drops them waits, stops, or was allowed to (S6).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._api import system
from .._errors import ApiProblem, CallsInProgress
from .context import DROP, WAIT, Context
from .prove import Pace

_STEP = "run again when the calls have ended, or set cms_calls to wait or drop"


def gate(node: str, plan: Mapping[str, Any], context: Context) -> None:
    """Come back when the Call Bridge of ``node`` may restart; raise CallsInProgress when it may not.

    What cannot be known counts as calls: only ``drop`` goes ahead without knowing.
    """
    if context.calls == DROP:
        return
    client = context.api(plan, node)
    if client is None:
        raise _unknown(node, "no way to its API is known")
    pace = Pace(context.calls_timeout if context.calls == WAIT else 0.0, longest=15.0)
    try:
        while True:
            calls = _calls(node, client)
            if calls == 0:
                return
            if not pace.again():
                break
    finally:
        client.close()
    waited = f" after {context.calls_timeout:.0f} seconds of waiting" if context.calls == WAIT else ""
    raise CallsInProgress(
        f"{node} callbridge",
        f"carries {calls} call leg{'s' if calls != 1 else ''}{waited}, and a restart drops them",
        _STEP,
    )


def _calls(node: str, client: Any) -> int:
    try:
        found = system.system_status(client)["call_legs_active"]
    except ApiProblem as error:
        raise _unknown(node, f"its API cannot be read: {error.reason}") from error
    if found is None:
        raise _unknown(node, "its API does not say")
    return int(found)


def _unknown(node: str, why: str) -> CallsInProgress:
    return CallsInProgress(
        f"{node} callbridge",
        f"may carry calls, which a restart would drop: {why}",
        "make the API readable (cms_api_user, cms_api_password), or set cms_calls to drop",
    )
