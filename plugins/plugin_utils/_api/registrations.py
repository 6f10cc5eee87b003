# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make, change and remove registrations of Web Bridges (guide D.2); each is sent once, and read where in doubt.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._errors import ApiProblem
from .answers import is_missing
from .client import ApiClient
from .objects import link_state, parse_c2w_url, web_bridges

PATH = "webBridges"

#: The fields of a registration, and what they are called in the API.
FIELDS = {"url": "url", "call_bridge": "callBridge", "call_bridge_group": "callBridgeGroup"}

Entry = Mapping[str, Any]


def form_of(entry: Entry) -> dict[str, str]:
    """Give the fields of a registration as the API takes them; what is None is empty, which unsets it."""
    return {field: str(entry.get(name) or "") for name, field in FIELDS.items()}


def same_place(one: str | None, other: str | None) -> bool:
    """Say whether two ``c2w://`` URLs lead to the same host and port, however they are spelled."""
    place = parse_c2w_url(one or "")
    return place[0] is not None and place == parse_c2w_url(other or "")


def create(client: ApiClient, entry: Entry) -> str:
    """Register a Web Bridge and give the id. Raises ApiProblem."""
    before = {bridge["id"] for bridge in _listed(client)}
    form = {field: value for field, value in form_of(entry).items() if value}

    def made() -> str | None:
        return next(
            (b["id"] for b in _listed(client) if b["id"] not in before and same_place(b["url"], entry["url"])), None
        )

    where: list[str | None] = []
    found = _settle(lambda: where.append(client.send("POST", PATH, form)), made)
    named = where[0].removeprefix(f"{PATH}/") if where and where[0] and where[0].startswith(f"{PATH}/") else None
    if named:
        return named
    found = found or made()
    if found is None:
        raise _not_so(client, f"{PATH}: the registration that was made is not in the list")
    return found


def update(client: ApiClient, ident: str, entry: Entry) -> None:
    """Change a registration to the fields of ``entry``. Raises ApiProblem."""

    def done() -> bool:
        found = next((bridge for bridge in _listed(client) if bridge["id"] == ident), None)
        return found is not None and form_of(found) == form_of(entry)

    _settle(lambda: client.send("PUT", f"{PATH}/{ident}", form_of(entry)), done)


def delete(client: ApiClient, ident: str) -> None:
    """Remove a registration; one that is gone is removed. Raises ApiProblem."""

    def gone() -> bool:
        return all(bridge["id"] != ident for bridge in _listed(client))

    try:
        _settle(lambda: client.send("DELETE", f"{PATH}/{ident}"), gone)
    except ApiProblem as error:
        if not is_missing(error):
            raise


def state_of(client: ApiClient, ident: str) -> tuple[str | None, str | None]:
    """Read what this Call Bridge says of its connection to a registered Web Bridge, and why. Raises ApiProblem."""
    return link_state(client.get(f"{PATH}/{ident}/status", missing_ok=True))


def _listed(client: ApiClient) -> list[dict[str, Any]]:
    return web_bridges(client, status=False)


def _settle(send: Callable[[], Any], look: Callable[[], Any]) -> Any:
    """Send a change; where its answer was lost, look whether it is so, and send it once more only if not.

    Gives what was seen where somebody had to look. Raises ApiProblem.
    """
    for last in (False, True):
        try:
            send()
        except ApiProblem as error:
            if not error.lost:
                raise
            seen = look()
            if seen:
                return seen
            if last:
                raise
        else:
            break
    return None


def _not_so(client: ApiClient, what: str) -> ApiProblem:
    return ApiProblem(f"API {client.base}", what, "look at Configuration > API, webBridges in Web Admin")
