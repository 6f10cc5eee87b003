# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which displays a survey asks a node for: those its groups call for, and others where the node gives reason to.

Every display costs a pause, on every node, in every run. A service needs files; so one that the inventory does not name
is asked for where the node has certificates that no display named so far accounts for, and the node's own account of
who uses which file (``pki``) may narrow that down. What nobody understands of such a service is told, and stops no node
that does not depend on it.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import NotUnderstood
from .._mmp import displays, texts
from .._mmp.session import Session
from .._services import catalogue, commands
from .node import add_settings, parsed, read_display, setting

NOT_ASKED = "not asked: the node is in no group that calls for it, and all its files are accounted for"


class Looks:
    """What the displays of one node say, each asked for once."""

    def __init__(self, session: Session, host: str, expected: Iterable[str]) -> None:
        self._session = session
        self._host = host
        self._expected = set(expected)
        self._settings: dict[str, dict[str, Any]] = {}
        self.services: dict[str, dict[str, Any]] = {}

    def first(self) -> None:
        """Read what is looked at on every such node. Raises NotUnderstood for what the groups call for."""
        for row in catalogue.SERVICES:
            if row.everywhere or row.name in self._expected:
                self._read(row)

    def rest(self, kinds: Mapping[str, str], made: Iterable[str]) -> None:
        """Read the others where there is reason to; ``kinds`` are the files of the node, ``made`` those of ours."""
        open_rows = [row for row in catalogue.SERVICES if row.name not in self.services]
        named = {file for state in self.services.values() for file in displays.files_named(state)}
        ours = set(made)
        left = [
            name
            for name, kind in kinds.items()
            if kind != "csr" and name.lower().endswith(texts.ASSIGNED_EXTENSIONS) and name not in ours | named
        ]
        asked = {row.name for row in open_rows} if left else set()
        if asked:
            told = self._told_in_use()
            asked &= told if told is not None else asked
        for row in open_rows:
            if row.name in asked:
                self._read(row)
            else:
                self.services[row.name] = {"present": False, "detail": NOT_ASKED}
        self.services = {row.name: self.services[row.name] for row in catalogue.SERVICES}

    def _told_in_use(self) -> set[str] | None:
        """Give the services that ``pki`` names; None where it says less than is known already."""
        words = set(re.findall(r"[a-z0-9]+", self._session.show(commands.PKI).lower()))
        known = {name for name, state in self.services.items() if displays.files_named(state)}
        return words & set(catalogue.BY_NAME) if known and known <= words else None

    def _read(self, row: catalogue.Service) -> None:
        if row.everywhere or row.name in self._expected:
            found = read_display(self._session, row, self._host, ())
        else:
            found = self._read_other(row)
        if found["present"]:
            used = row.name in self._expected or not row.everywhere
            add_settings(found, row, {show: self._setting(show) for show in row.shows if used})
            strange = {show: self._settings[show]["problem"] for show in row.shows if "problem" in self._get(show)}
            if strange and used:
                found["not_understood"] = strange
        self.services[row.name] = found

    def _read_other(self, row: catalogue.Service) -> dict[str, Any]:
        """Read a service that no group calls for; what is not understood of it is told, with the files it may name."""
        text = self._session.show(row.show)
        try:
            found = parsed(self._session, row, text)
        except NotUnderstood as error:
            files = sorted(displays.files_in(text))
            return {
                "present": False,
                "detail": f"its display is not understood: {error.reason}",
                "unknown_rows": [["display", file] for file in files],
            }
        return found

    def _get(self, show: str) -> dict[str, Any]:
        return self._settings.get(show) or {}

    def _setting(self, show: str) -> dict[str, Any]:
        if show not in self._settings:
            try:
                self._settings[show] = setting(self._session, show)
            except NotUnderstood as error:
                self._settings[show] = {"present": False, "detail": error.reason, "problem": error.reason}
        return self._settings[show]
