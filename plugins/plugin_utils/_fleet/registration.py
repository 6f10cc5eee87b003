# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done so that a Web Bridge is registered as wanted, or not at all: plain data in, plain data out.

A registration is told by where its URL leads and by whom it is for: the same Web Bridge may stand there once for each
of two groups. All others are somebody else's and stay, but those that were named as one's own and are to be purged.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

PRESENT, ABSENT = "present", "absent"

#: Says whether two URLs lead to the same place.
Same = Callable[[str | None, str | None], bool]


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A registration: ``call_bridge`` and ``call_bridge_group`` are ids, empty for none, None for whatever it is.

    ``owned`` are further URLs under which the same Web Bridge was registered; ``purge`` takes them away.
    """

    url: str
    call_bridge: str | None = None
    call_bridge_group: str | None = None
    state: str = PRESENT
    purge: bool = False
    owned: tuple[str, ...] = ()

    def is_for(self, entry: Mapping[str, Any]) -> bool:
        """Say whether a registration is for those this one is for."""
        return all(
            wanted is None or (entry.get(name) or "") == wanted
            for name, wanted in (("call_bridge", self.call_bridge), ("call_bridge_group", self.call_bridge_group))
        )


@dataclasses.dataclass(frozen=True)
class Change:
    """What is to be done: ``keep`` is as wanted, ``create`` is made, ``update`` changes from the first to the second.

    ``remove`` go when all else is proven. ``left`` are like what is wanted and stay, because nobody said otherwise.
    """

    keep: Mapping[str, Any] | None = None
    create: Mapping[str, Any] | None = None
    update: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None
    remove: tuple[Mapping[str, Any], ...] = ()
    left: tuple[Mapping[str, Any], ...] = ()

    @property
    def changed(self) -> bool:
        """Say whether anything has to be done."""
        return bool(self.create or self.update or self.remove)


def change(entries: Sequence[Mapping[str, Any]], wanted: Wanted, same: Same) -> Change:
    """Compare what is registered with what is wanted."""
    here = [entry for entry in entries if same(entry.get("url"), wanted.url)]
    matching = [entry for entry in here if wanted.is_for(entry)]
    owned = [entry for entry in entries if entry in here or any(same(entry.get("url"), url) for url in wanted.owned)]
    if wanted.state == ABSENT:
        gone = [entry for entry in entries if entry in matching or (wanted.purge and entry in owned)]
        return Change(remove=tuple(gone), left=_without(owned, gone))
    if matching:
        others = _without(owned, matching[:1])
        return Change(keep=matching[0], remove=others if wanted.purge else (), left=() if wanted.purge else others)
    if wanted.purge and owned:
        # Its id, and whatever else is set there, lives on.
        return Change(update=(owned[0], _as_wanted(wanted, owned[0])), remove=tuple(owned[1:]))
    return Change(create=_as_wanted(wanted, {}), left=tuple(owned))


def lines(entries: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> list[str]:
    """Describe registrations for a diff, a line each; ``names`` are those of Call Bridges and groups, by id."""
    return sorted(line(entry, names) for entry in entries)


def line(entry: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Describe a registration in a line."""
    bridge, group = entry.get("call_bridge"), entry.get("call_bridge_group")
    whom = f"Call Bridge {names.get(bridge, bridge)}" if bridge else ""
    whom = whom or (f"Call Bridge group {names.get(group, group)}" if group else "all Call Bridges")
    return f"{entry.get('url') or '(no URL)'} for {whom}"


def after(entries: Sequence[Mapping[str, Any]], done: Change) -> list[Mapping[str, Any]]:
    """Give the registrations as they will be."""
    left = [entry for entry in entries if entry not in done.remove]
    if done.update:
        left = [done.update[1] if entry is done.update[0] else entry for entry in left]
    return [*left, done.create] if done.create else left


def _as_wanted(wanted: Wanted, old: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields of a registration; what is not wanted in particular stays, unless it contradicts."""
    found = {"url": wanted.url, "call_bridge": wanted.call_bridge, "call_bridge_group": wanted.call_bridge_group}
    if wanted.call_bridge is None:
        found["call_bridge"] = None if wanted.call_bridge_group else old.get("call_bridge")
    if wanted.call_bridge_group is None:
        found["call_bridge_group"] = None if wanted.call_bridge else old.get("call_bridge_group")
    return {name: value or None for name, value in found.items()}


def _without(
    entries: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]
) -> tuple[Mapping[str, Any], ...]:
    return tuple(entry for entry in entries if entry not in others)
