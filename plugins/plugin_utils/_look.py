# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The survey of the node a task is about: what inventory, journal and options say of how to read it.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from ._action import CmsAction
from ._api.client import ApiClient
from ._engine.survey import ApiAccess, api_client, survey
from ._errors import ApiProblem, BadOption
from ._fleet import previous
from ._fleet.given import Host
from ._fleet.journal import Journal
from ._gather import plain
from ._mmp.session import quote
from ._opinion import pair_matches
from ._services import catalogue, commands


def look(
    action: CmsAction,
    *,
    services: Iterable[str] | None = None,
    probe: bool = True,
    api: bool = True,
    files: Iterable[str] = (),
    whole: bool = False,
    now: datetime.datetime | None = None,
    back: bool = False,
) -> dict[str, Any]:
    """Survey the node of ``action`` in one login, and change nothing.

    ``services`` it is expected to run are those of its groups unless given. ``files`` are certificate files to read
    besides those that settings name and that changes in flight replaced. With ``back`` those that a rollback may need
    are read too, and ``matches`` says what the node says of their keys; ``whole`` reads every other one, and asks
    whether the keys and certificates in use belong together. Raises CmsError.
    """
    journal = Journal(action.state_dir, read_only=True)
    in_flight = {name for records in journal.pending(action.node).values() for r in records for name in _replaced(r)}
    if services is None:
        groups = action.variables.get("group_names") or []
        services = [row.name for row in catalogue.SERVICES if row.group in groups]
    credentials = action.api_credentials(action.node) if api else None
    base = str(action.variable("cms_rollback_to") or "")
    replaced = journal.replaced(action.node)
    found = survey(
        action.session,
        host=action.node,
        address=str(action.variable("ansible_host") or action.node),
        services_expected=services,
        probe=_places(action) if probe else None,
        api_access=ApiAccess(*credentials) if credentials else None,
        now=now or datetime.datetime.now(datetime.UTC),
        files_of_interest=sorted({*in_flight, *files, *(previous.to_read(replaced, base) if back else ())}),
        made=journal.made_files(action.node),
        whole=whole,
    )
    if back:
        host = Host(action.node, tuple(services), {}, found, replaced=replaced)
        found["matches"] = {
            commands.pki_match(*pair): pair_matches(host, *pair, lambda *names: _ask(action, *names))
            for pair in previous.pairs_to_ask(host, base)
        }
    return found


def _ask(action: CmsAction, key: str, certificate: str) -> str:
    answer: str = action.session.show(commands.pki_match(quote(key), quote(certificate)))
    return answer


def api_of(action: CmsAction) -> ApiClient:
    """Give a client for the REST API of the node of ``action``, pinned to what is read over SSH (S11).

    Raises ApiProblem where there is none, CmsError for a node that cannot be read.
    """
    credentials = action.api_credentials(action.node)
    if credentials is None:
        raise ApiProblem(
            f"API of {action.node}", "no user for it is set", "set cms_api_user and cms_api_password, or those of SSH"
        )
    front = catalogue.API_FRONT
    found = look(action, services=(), probe=False, api=False)
    records = Journal(action.state_dir, read_only=True).pending(action.node).get(catalogue.SLOTS[front][0].name, [])
    earlier = [name for record in records if record["setting"] == f"slot:{front}" for name in _replaced(record)]
    return api_client(found, _places(action), ApiAccess(*credentials), earlier=earlier)


def _places(action: CmsAction) -> Mapping[str, Any]:
    """Give where slots are reached from here, where the inventory says that (``cms_probe``)."""
    places = plain(action.variable("cms_probe") or {})
    if not isinstance(places, Mapping) or not all(isinstance(place, Mapping) for place in places.values()):
        raise BadOption("cms_probe", "is not a dictionary of places", "give slot: {address: ..., port: ...}")
    unknown = sorted(set(places) - set(catalogue.SLOTS))
    if unknown:
        raise BadOption(f"cms_probe.{unknown[0]}", "is no slot", f"use {', '.join(catalogue.SLOTS)}")
    sip_port = action.variable("cms_sip_port")
    return {**places, "callbridge": {"port": sip_port, **places.get("callbridge", {})}} if sip_port else places


def _replaced(record: Mapping[str, Any]) -> list[str]:
    """Give the certificate files that a change in flight replaced: the running service may still have them."""
    before = record.get("before")
    if isinstance(before, Mapping):
        return [str(before[part]) for part in ("certificate", "bundle") if before.get(part)]
    return [str(before)] if before else []
