# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""meetingapps: file sharing of the web app, an HTTPS service that browsers reach directly."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .base import LoadError, Service
from .settings import Row, first, table
from .snapshot import Snapshot

if TYPE_CHECKING:
    from ..mmp import Session


class MeetingApps(Service):
    """MeetingApps; the identity slot is ``https``."""

    name = "meetingapps"
    title = "Meetingapps"
    slots = ("https",)
    full_chain = True
    description = "Configure MeetingApps"
    defaults: ClassVar[Mapping[str, Any]] = {"https_listen": None, "https_certs": None, "shared_secret": None}
    usage = (
        "meetingapps",
        "meetingapps enable",
        "meetingapps disable",
        "meetingapps https listen <interface> <port>",
        "meetingapps https listen none",
        "meetingapps https certs <key-file> <crt-fullchain-file>",
        "meetingapps https certs none",
        "meetingapps gensecret",
    )

    def rows(self) -> list[Row]:
        """The rows of the display: interface, address and port, the pair; never the secret."""
        interface, port = self.stored["https_listen"] or (None, None)
        names = self.certs_of("https")
        return table(
            [
                ("Enabled", "Enabled", self.enabled),
                ("HTTPS listening interface", "Interface", interface),
                ("HTTPS listening address", "Address", self.node.cfg.interfaces[interface] if interface else None),
                ("HTTPS listening port", "Port", port),
                ("HTTPS Key file", "Key", first(names, 0)),
                ("HTTPS Full chain certificate file", "Certificate", first(names, 1)),
            ],
            str(self.node.sw["meetingapps_rows"]),
        )

    def obstacle(self) -> str | None:
        """It wants a server of its own; whether the server insists is not known."""
        bridge = self.node.callbridge
        if self.node.sw.is_("meetingapps_beside_callbridge", "accepted") or bridge is None or not bridge.configured:
            return None
        return "MeetingApps needs a server of its own"

    def load(self) -> Snapshot:
        """Listener and pair are both needed."""
        listen = self.stored["https_listen"]
        if not listen:
            raise LoadError("HTTPS listen interface not configured")
        identity = self.load_identity("https", "HTTPS key")
        if identity is None:
            raise LoadError("HTTPS key and certificate not configured")
        return Snapshot([("https", listen[0], listen[1])], {"https": identity})

    def success_lines(self, snapshot: Snapshot) -> list[str]:
        """A line each for pair and chain."""
        return ["HTTPS Key and certificate pair match", "HTTPS full chain verifies"]

    def public(self, key: str, value: Any) -> Any:
        """The secret is shown by gensecret, once."""
        return "*****" if key == "shared_secret" and value and value != "none" else value

    def _gensecret(self, session: Session) -> None:
        secret = secrets.token_urlsafe(24)
        self.stored["shared_secret"] = secret
        self.node.event("setting_stored", service=self.name, setting="shared_secret", value="*****")
        self.node.save()
        forms = {"alone": secret, "row": f"Secret: {secret}", "sentence": f"Generated secret {secret}"}
        session.out(forms[str(self.node.sw["meetingapps_secret"])])

    async def command(self, session: Session, words: list[str]) -> bool:
        """meetingapps ..."""
        if await self.life(session, words):
            return True
        match words:
            case ["https", "listen", "none"]:
                self.store(session, "https_listen", None)
            case ["https", "listen", interface, port] if self.node.is_interface(interface) and port.isdigit():
                self.store(session, "https_listen", [interface, int(port)])
            case ["https", "certs", "none"] | ["https", "certs", _, _]:
                self.store_files(session, "https_certs", words[2:])
            case ["gensecret"]:
                self._gensecret(session)
            case _:
                return False
        return True
