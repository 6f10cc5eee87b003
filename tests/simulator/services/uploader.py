# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""uploader: brings recordings from the share to Vbrick Rev; a TLS client of a Web Admin and of Rev, it has no port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .base import LoadError, Service
from .settings import Row, table
from .snapshot import Snapshot

if TYPE_CHECKING:
    from ..mmp import Session


class Uploader(Service):
    """The uploader; trust slots are ``cms`` and ``rev``, it has no identity."""

    name = "uploader"
    title = "Uploader"
    slots = ()
    description = "Configure the uploader"
    defaults: ClassVar[Mapping[str, Any]] = {
        "nfs": None,
        **{f"{end}_{part}": None for end in ("cms", "rev") for part in ("host", "port", "user", "password", "trust")},
    }
    usage = (
        "uploader",
        "uploader enable",
        "uploader disable",
        "uploader nfs <hostname/IP>:<directory>",
        *(
            f"uploader {end} {form}"
            for end in ("cms", "rev")
            for form in ("host <hostname>", "port <port>", "user <username>", "password", "trust <crt-bundle>|none")
        ),
    )

    def rows(self) -> list[Row]:
        """Sentence labels for what is configured, snake_case ones for what the uploader does by default."""
        titles = {"cms": "Meeting Server", "rev": "Vbrick Rev"}
        rows: list[tuple[str, str, Any]] = [("Enabled", "enabled", self.enabled), ("NFS", "nfs", self.stored["nfs"])]
        for end, title in titles.items():
            rows += [
                (f"{title} host", f"{end}_host", self.stored[f"{end}_host"]),
                (f"{title} port", f"{end}_port", self.stored[f"{end}_port"]),
                (f"{title} user", f"{end}_user", self.stored[f"{end}_user"]),
                (f"{title} password", f"{end}_password", "set" if self.stored[f"{end}_password"] else None),
                (f"{title} trust bundle", f"{end}_trust", self.stored[f"{end}_trust"]),
            ]
        shown = [("comments", False), ("ratings", False), ("delete_after_upload", True)]
        rows += [(name, name, value) for name, value in shown]
        return table(rows, str(self.node.sw["uploader_rows"]))

    def load(self) -> Snapshot:
        """Both ends are needed; without a trust it depends on its switch."""
        for key, what in (("nfs", "NFS share"), ("cms_host", "CMS host"), ("cms_user", "CMS user")):
            if not self.stored[key]:
                raise LoadError(f"{what} not configured")
        if not self.stored["cms_password"]:
            raise LoadError("CMS password not configured")
        snapshot = Snapshot(options={"cms": f"{self.stored['cms_host']}:{self.stored['cms_port'] or 443}"})
        for end in ("cms", "rev"):
            trust = self.load_trust(end, f"{end} trust")
            if trust is not None:
                snapshot.trust[end] = trust
        if "cms" not in snapshot.trust and self.node.sw.is_("uploader_without_trust", "refused"):
            raise LoadError("CMS trust bundle not configured")
        return snapshot

    def success_lines(self, snapshot: Snapshot) -> list[str]:
        """Nothing beside the closing line of enable."""
        return []

    def public(self, key: str, value: Any) -> Any:
        """Passwords are not logged."""
        return "*****" if key.endswith("_password") and value and value != "none" else value

    async def _password(self, session: Session, end: str) -> None:
        first = await session.ask("Password: ", hidden=True)
        twice = self.node.sw.is_("uploader_password", "twice")
        again = await session.ask("Password again: ", hidden=True) if twice and first else first
        if not first:
            session.out("FAILURE: no password was given")
        elif first != again:
            session.out("FAILURE: passwords do not match")
        else:
            self.store(session, f"{end}_password", first)

    async def command(self, session: Session, words: list[str]) -> bool:
        """uploader ..."""
        if await self.life(session, words):
            return True
        match words:
            case ["nfs", where] if ":" in where or where == "none":
                self.store(session, "nfs", None if where == "none" else where)
            case ["cms" | "rev" as end, "host" | "user" as part, value]:
                self.store(session, f"{end}_{part}", None if value == "none" else value)
            case ["cms" | "rev" as end, "port", port] if port.isdigit():
                self.store(session, f"{end}_port", int(port))
            case ["cms" | "rev" as end, "password"]:
                await self._password(session, end)
            case ["cms" | "rev" as end, "trust", _]:
                self.store_files(session, f"{end}_trust", words[2:])
            case _:
                return False
        return True
