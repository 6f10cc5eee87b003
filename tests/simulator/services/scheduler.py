# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""scheduler: beside a Call Bridge, a TLS client of every Web Bridge, with an HTTPS API where one is configured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .base import LoadError, Service
from .settings import Row, first, table
from .snapshot import Snapshot

if TYPE_CHECKING:
    from ..mmp import Session


class Scheduler(Service):
    """The scheduler; identity slots are ``c2w`` and, where it listens, ``https``, the trust slot is ``c2w``."""

    name = "scheduler"
    title = "Scheduler"
    slots = ("https", "c2w")
    full_chain = True
    restart_switch = "scheduler_restart"
    description = "Configure the scheduler"
    defaults: ClassVar[Mapping[str, Any]] = {
        "https_listen": None,
        "https_certs": None,
        "c2w_certs": None,
        "c2w_trust": None,
        "email_server": None,
        "email_user": None,
        "email_password": None,
    }
    usage = (
        "scheduler",
        "scheduler enable",
        "scheduler disable",
        "scheduler restart",
        "scheduler status",
        "scheduler https listen <interface> <port>",
        "scheduler https listen none",
        "scheduler https certs <key-file> <crt-fullchain-file>",
        "scheduler https certs none",
        "scheduler c2w certs <key-file> <crt-fullchain-file>",
        "scheduler c2w certs none",
        "scheduler c2w trust <crt-bundle>",
        "scheduler c2w trust none",
        "scheduler email server <hostname> <port>",
        "scheduler email username <username>",
    )

    def rows(self) -> list[Row]:
        """The rows of the display."""
        listen = self.stored["https_listen"]
        https, c2w = self.certs_of("https"), self.certs_of("c2w")
        server = self.stored["email_server"]
        return table(
            [
                ("Enabled", "Enabled", self.enabled),
                (
                    "HTTPS listening ports and interfaces",
                    "HTTPS listen",
                    ":".join(str(part) for part in listen) if listen else None,
                ),
                ("HTTPS Key file", "HTTPS key", first(https, 0)),
                ("HTTPS Full chain certificate file", "HTTPS cert", first(https, 1)),
                ("C2W Key file", "C2W key", first(c2w, 0)),
                ("C2W Full chain certificate file", "C2W cert", first(c2w, 1)),
                ("C2W Trust bundle", "C2W trust", self.stored["c2w_trust"]),
                ("Email server", "Email server", ":".join(str(part) for part in server) if server else None),
                ("Email username", "Email user", self.stored["email_user"]),
            ],
            str(self.node.sw["scheduler_rows"]),
        )

    def obstacle(self) -> str | None:
        """It has to sit with a Call Bridge."""
        bridge = self.node.callbridge
        if self.node.sw.is_("scheduler_alone", "accepted") or (bridge is not None and bridge.configured):
            return None
        return "no Call Bridge is configured on this server"

    def load(self) -> Snapshot:
        """The C2W pair is needed; HTTPS is off until it listens. Without a trust no Web Bridge is believed."""
        snapshot = Snapshot()
        identity = self.load_identity("c2w", "C2W key")
        if identity is None:
            raise LoadError("C2W key and certificate not configured")
        snapshot.identities["c2w"] = identity
        listen = self.stored["https_listen"]
        identity = self.load_identity("https", "HTTPS key")
        if listen:
            if identity is None:
                raise LoadError("HTTPS key and certificate not configured")
            snapshot.identities["https"] = identity
            snapshot.listen.append(("https", listen[0], listen[1]))
        trust = self.load_trust("c2w", "C2W trust")
        if trust is not None:
            snapshot.trust["c2w"] = trust
        return snapshot

    def success_lines(self, snapshot: Snapshot) -> list[str]:
        """A line each for pair and chain, HTTPS first."""
        return [
            text
            for slot in self.slots
            if slot in snapshot.identities
            for text in (f"{slot.upper()} Key and certificate pair match", f"{slot.upper()} full chain verifies")
        ]

    def public(self, key: str, value: Any) -> Any:
        """The password of the mail account is not logged."""
        return "*****" if key == "email_password" and value and value != "none" else value

    async def command(self, session: Session, words: list[str]) -> bool:
        """scheduler ..."""
        if await self.life(session, words):
            return True
        match words:
            case ["status"]:
                session.lines(self.status_lines(str(self.node.sw["scheduler_status"])))
            case ["https", "listen", "none"]:
                self.store(session, "https_listen", None)
            case ["https", "listen", interface, port] if self.node.is_interface(interface) and port.isdigit():
                self.store(session, "https_listen", [interface, int(port)])
            case ["https" | "c2w" as slot, "certs", "none"] | ["https" | "c2w" as slot, "certs", _, _]:
                self.store_files(session, f"{slot}_certs", words[2:])
            case ["c2w", "trust", _]:
                self.store_files(session, "c2w_trust", words[2:])
            case ["email", "server", "none"]:
                self.store(session, "email_server", None)
            case ["email", "server", host, port] if port.isdigit():
                self.store(session, "email_server", [host, int(port)])
            case ["email", "username", user]:
                password = await session.ask("Please enter password: ", hidden=True)
                if password is None:
                    session.out("FAILURE: no password was given")
                    return True
                self.stored["email_password"] = password
                self.store(session, "email_user", user)
            case _:
                return False
        return True
