# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings that several services of a node read (``tls sip``): stored once, live in each after its own restart.

Whoever stores one notes it for all of them, so that a run that dies between two restarts leaves nobody behind (S15).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._fleet.journal import Journal
from .._services import catalogue
from .steps import TRUST, Setting


def shows_of(service: catalogue.Service, batch: Mapping[str, Any], pending: Iterable[str]) -> tuple[str, ...]:
    """Give the displays beside that of a service which its batch, or what is pending for it, needs."""
    trusts = {str(step["trust"]) for step in batch["steps"] if step["kind"] == TRUST}
    trusts |= {name.removeprefix("trust:") for name in pending if name.startswith("trust:")}
    known = {trust.name: trust.show for trust in service.trusts}
    return tuple(dict.fromkeys(known[name] for name in sorted(trusts) if known.get(name)))


def users_of(step: Mapping[str, Any]) -> dict[str, bool]:
    """Give the other services that read the setting of a step; True: theirs waits for no restart, it rides along."""
    return {str(user["service"]): bool(user["rides"]) for user in step.get("users") or []}


def others_of(service: catalogue.Service, setting: Setting) -> list[str]:
    """Give the other services of the catalogue that read a setting."""
    show = service.trust(setting.trust).show if setting.trust is not None else ""
    return [row.name for row in catalogue.SERVICES if row is not service and show and show in row.shows]


def note_stored(
    journal: Journal, node: str, users: Mapping[str, bool], setting: Setting, record: Mapping[str, Any], old: Any
) -> None:
    """Note, before the command is sent, that a setting is stored for others too, each with what it runs with."""
    for user, rides in users.items():
        earlier = _record(journal, node, user, setting)
        running = earlier.get("before", old) if earlier is not None else old
        journal.stored(node, user, setting.name, {**record, "before": running, "rides": rides})


def note_back(
    journal: Journal, node: str, users: Iterable[str], setting: Setting, record: Mapping[str, Any], new: Any
) -> None:
    """Note that a setting goes back to what it was: who has restarted with the new one has to restart again."""
    for user in users:
        earlier = _record(journal, node, user, setting)
        running = new if earlier is None else earlier.get("before")
        if running == record["files"]:
            journal.dropped(node, user, setting.name)
        else:
            journal.stored(node, user, setting.name, {**record, "before": running})


def _record(journal: Journal, node: str, service: str, setting: Setting) -> dict[str, Any] | None:
    records = journal.pending(node).get(service, [])
    return next((record for record in records if record["setting"] == setting.name), None)
