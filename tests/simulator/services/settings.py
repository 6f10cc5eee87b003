# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stores settings and shows them: every service, and ``tls``, which runs nothing itself."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from ..mmp import Session
    from ..node import Node

Row = tuple[str, Any, int]


class Settings(abc.ABC):
    """One first word of the command line with the settings behind it."""

    name: ClassVar[str]
    usage: ClassVar[tuple[str, ...]]
    description: ClassVar[str] = ""
    defaults: ClassVar[Mapping[str, Any]]

    def __init__(self, node: Node) -> None:
        self.node = node
        self.stored: dict[str, Any] = dict(self.defaults)

    @abc.abstractmethod
    def rows(self) -> list[Row]:
        """Label, value and label width of every row of the display; a width of 0 is a row without a colon."""

    @abc.abstractmethod
    async def command(self, session: Session, words: list[str]) -> bool:
        """Run one command (words after the first); False means wrong arguments."""

    def help(self) -> tuple[str, ...]:
        """The usage lines of this node: a version may have others."""
        return self.usage

    def store(self, session: Session, key: str, value: Any) -> None:
        """Store one setting and answer as its switch says."""
        self.stored[key] = value
        shown = "none" if value is None else value
        self.node.event("setting_stored", service=self.name, setting=key, value=self.public(key, shown))
        self.node.save()
        if self.node.sw.is_("setting_accepted", "success_line"):
            session.out("SUCCESS: setting stored")

    def public(self, key: str, value: Any) -> Any:
        """A setting as it may be logged."""
        return value

    def store_files(self, session: Session, key: str, names: list[str]) -> None:
        """Store file names; a missing file is refused unless its switch says otherwise."""
        if names == ["none"]:
            self.store(session, key, None)
            return
        if self.node.sw.is_("setting_missing_file", "failure_line"):
            missing = [name for name in names if not self.node.files.exists(name)]
            if missing:
                for name in missing:
                    session.out(f"FAILURE: file {name} not found")
                return
        self.store(session, key, names if key.endswith("_certs") else names[0])

    def files_in_use(self) -> dict[str, list[str]]:
        """File name -> the stored settings that name it."""
        used: dict[str, list[str]] = {}
        for key, value in self.stored.items():
            if key.endswith("_certs"):
                for name in value or []:
                    used.setdefault(name, []).append(f"{self.name} {key[:-6]}")
            elif key.endswith("_trust") and value:
                used.setdefault(value, []).append(f"{self.name} {key[:-6]} trust")
        return used

    def describe(self) -> dict[str, Any]:
        """Plain data for the control socket."""
        return {"stored": {key: self.public(key, value) for key, value in self.stored.items()}}

    def to_dict(self) -> dict[str, Any]:
        """For the state directory."""
        return {"stored": self.stored}

    def from_dict(self, raw: dict[str, Any]) -> None:
        """Back from the state directory."""
        self.stored.update(raw["stored"])


def table(rows: list[tuple[str, str, Any]], position: str) -> list[Row]:
    """The rows of a display that nobody has seen: long label, short label, value.

    ``position`` says which: ``long`` labels, built like those of webbridge3; ``short`` ones; or ``bare``, short ones
    without a colon.
    """
    if position == "long":
        width = max(len(long) for long, _short, _value in rows) + 2
        return [(long, value, width) for long, _short, value in rows]
    width = max(len(short) for _long, short, _value in rows) + 2 if position == "short" else 0
    return [(short, value, width) for _long, short, value in rows]


def first(names: list[str], index: int) -> str | None:
    """The name at this place of a pair, if there is one."""
    return names[index] if len(names) > index else None
