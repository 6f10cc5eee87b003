# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prove a change by connecting (S10): the right leaf is served, and the links that worked work again.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from .._api import objects
from .._errors import ApiProblem, ProofFailed
from . import probe

PROVEN = "proven"
NOT_PROVEN = "assigned, not proven"

#: Seconds to wait for a listener that nobody could reach before the change either.
PATIENCE_WITH_THE_UNREACHABLE = 10.0
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 3.0
#: A link must be seen up twice, this many seconds apart: its state may be that of the connection before the restart.
SETTLE = 1.0

#: Gives a client for the API of a node, or None when nothing is known to reach it with.
ApiFor = Callable[[str], Any]


class Pace:
    """Asking again and again until a moment: short pauses first, longer ones later, none past the moment."""

    def __init__(
        self,
        seconds: float,
        longest: float = LONGEST_PAUSE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._until = clock() + seconds
        self._longest = longest
        self._pause = FIRST_PAUSE

    @property
    def left(self) -> float:
        """Give the seconds that are left."""
        return self._until - self._clock()

    def again(self) -> bool:
        """Wait a little and say whether to ask once more."""
        if self.left <= 0:
            return False
        self._sleep(min(self._pause, self.left))
        self._pause = min(self._pause * 1.6, self._longest)
        return True


def prove_slot(
    node: str,
    slot: str,
    place: Mapping[str, Any] | None,
    expected: str | None,
    before: Mapping[str, Any] | None,
    *,
    wait: float,
    timeout: float = probe.PROBE_TIMEOUT,
) -> dict[str, Any]:
    """Wait up to ``wait`` seconds until the slot serves the leaf with SHA-256 ``expected``.

    ``place`` is where the slot listens, ``before`` what the same probe saw before the change (``state``, ``served``).
    ``expected`` None means that the leaf does not change: then it is the one served before. A place that cannot be
    reached before or after the change is *assigned, not proven*, and so is a leaf that there is nothing to compare
    with. A wrong leaf, or the loss of what was there, raises ProofFailed.
    """
    obj = f"{node} {slot}"
    earlier = dict(before or {})
    had = earlier.get("state") == probe.SERVED
    wanted = expected or earlier.get("served")
    if not place or not place.get("port"):
        return _outcome("slot", obj, slot, NOT_PROVEN, "there is no address and port to connect to")
    where = f"{place['address']} port {place['port']}"
    pace = Pace(wait if had else min(wait, PATIENCE_WITH_THE_UNREACHABLE))
    while True:
        seen = probe.probe_tls(str(place["address"]), int(place["port"]), min(timeout, max(pace.left, 1.0)))
        leaf = probe.leaf_of(seen)
        if leaf is not None and wanted in (None, leaf["sha256"]):
            known = wanted is not None
            detail = f"{where} serves {_leaf_text(leaf)}" + ("" if known else "; which one it should be is not known")
            outcome = _outcome("slot", obj, slot, PROVEN if known else NOT_PROVEN, detail)
            return {**outcome, "leaf": _leaf_facts(leaf)}
        if not pace.again():
            break
    if leaf is not None:
        raise ProofFailed(
            obj,
            f"{where} still serves {_leaf_text(leaf)} and not the certificate that was assigned (SHA-256 {wanted})",
            "look at the service's log on the node, and whether something else listens there",
        )
    if had:
        raise ProofFailed(
            obj,
            f"{where} served a certificate before the change and does not now: {seen['detail']}",
            "look at the service's status and log on the node",
        )
    return _outcome(
        "slot", obj, slot, NOT_PROVEN, f"{seen['detail']}; it could not be reached before the change either"
    )


def prove_gone(
    node: str, slot: str, place: Mapping[str, Any] | None, before: Mapping[str, Any], *, wait: float
) -> dict[str, Any]:
    """Wait up to ``wait`` seconds until a slot no longer serves the leaf it served ``before``. Raises ProofFailed."""
    obj = f"{node} {slot}"
    if not place or not place.get("port") or before.get("state") != probe.SERVED:
        return _outcome("slot", obj, slot, NOT_PROVEN, "there was nothing to see of it before")
    where = f"{place['address']} port {place['port']}"
    pace = Pace(wait)
    while True:
        leaf = probe.leaf_of(probe.probe_tls(str(place["address"]), int(place["port"]), max(pace.left, 1.0)))
        if leaf is None or leaf["sha256"] != before.get("served"):
            return _outcome("slot", obj, slot, PROVEN, f"{where} no longer serves the certificate that was taken away")
        if not pace.again():
            raise ProofFailed(
                obj,
                f"{where} still serves {_leaf_text(leaf)}, which was taken away",
                "look at the service's log on the node, and whether something else listens there",
            )


def prove_links(
    links: list[Mapping[str, Any]], api_for: ApiFor, *, wait: float, settle: float = SETTLE
) -> list[dict[str, Any]]:
    """Wait up to ``wait`` seconds until every link that was up before the change is up again.

    ``links`` are entries of the plan's ``links``. Their state is read from the API of the node in ``via``. A link that
    was not up before is reported and never fails; one that no API shows is *assigned, not proven*. Raises ProofFailed.
    """
    outcomes: dict[str, dict[str, Any]] = {}
    waiting = {link["id"]: link for link in links}
    for link in links:
        if not link.get("via") or not link.get("web_bridge_id"):
            outcomes[link["id"]] = _link(link, NOT_PROVEN, "no API shows the state of this link")
            del waiting[link["id"]]
    clients = {via: api_for(via) for via in sorted({str(link["via"]) for link in waiting.values()})}
    up_since: dict[str, float] = {}
    states: dict[str, tuple[str | None, str]] = {}
    pace = Pace(wait)
    try:
        while waiting:
            for via, client in clients.items():
                if any(link["via"] == via for link in waiting.values()):
                    states.update(_states(via, client, waiting))
            for ident, link in list(waiting.items()):
                state, detail = states[ident]
                if state != "success":
                    up_since.pop(ident, None)
                    if link.get("before") == "success":
                        continue
                    # It did not work before either: look once, do not wait for it.
                    outcomes[ident] = _link(link, NOT_PROVEN, f"{detail}; it was not up before the change either")
                    del waiting[ident]
                elif time.monotonic() - up_since.setdefault(ident, time.monotonic()) >= settle:
                    outcomes[ident] = _link(link, PROVEN, detail)
                    del waiting[ident]
            if waiting and not pace.again():
                break
    finally:
        for client in clients.values():
            if client is not None:
                client.close()
    down = [ident for ident in waiting if states[ident][0] != "success"]
    if down:
        failed = ProofFailed(
            f"link {down[0]}",
            f"was up before the change and is not now: {states[down[0]][1]}",
            "look at the event log of the Call Bridge, and compare both trust settings of the link with what is served",
        )
        failed.links = tuple(down)
        raise failed
    outcomes |= {ident: _link(link, PROVEN, states[ident][1]) for ident, link in waiting.items()}
    return [outcomes[link["id"]] for link in links]


def _states(via: str, client: Any, waiting: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str | None, str]]:
    """Read the states of the links that the API of one node shows."""
    mine = {ident: link for ident, link in waiting.items() if link["via"] == via}
    if client is None:
        return dict.fromkeys(mine, (None, f"the API of {via} is not set up"))
    try:
        bridges = {bridge["id"]: bridge for bridge in objects.web_bridges(client)}
    except ApiProblem as error:
        return dict.fromkeys(mine, (None, f"the API of {via} cannot be read ({error.reason})"))
    found: dict[str, tuple[str | None, str]] = {}
    for ident, link in mine.items():
        bridge = bridges.get(link["web_bridge_id"])
        if bridge is None:
            found[ident] = (None, f"{via} no longer knows the Web Bridge {link.get('url')}")
            continue
        reason = f" ({bridge['reason']})" if bridge.get("reason") else ""
        found[ident] = (bridge["status"], f"{via} says {bridge['status'] or 'nothing'}{reason} of {bridge['url']}")
    return found


def _link(link: Mapping[str, Any], state: str, detail: str) -> dict[str, Any]:
    return _outcome("link", f"link {link['id']}", str(link["id"]), state, detail)


def _outcome(kind: str, obj: str, ident: str, state: str, detail: str) -> dict[str, Any]:
    return {kind: ident, "object": obj, "state": state, "detail": detail}


def _leaf_text(leaf: Mapping[str, Any]) -> str:
    return f"{leaf['subject']}, valid until {leaf['not_after']}, SHA-256 {leaf['sha256']}"


def _leaf_facts(leaf: Mapping[str, Any]) -> dict[str, Any]:
    return {key: leaf[key] for key in ("sha256", "subject", "issuer", "not_before", "not_after")}
