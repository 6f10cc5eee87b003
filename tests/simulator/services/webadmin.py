# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""webadmin: the HTTPS interface that also carries the REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .base import LoadError, Service
from .snapshot import Snapshot

if TYPE_CHECKING:
    from ..mmp import Session


class WebAdmin(Service):
    """Web Admin; the identity slot is ``tls``."""

    name = "webadmin"
    title = "Webadmin"
    restart_switch = "webadmin_restart"
    slots = ("tls",)
    defaults: ClassVar[Mapping[str, Any]] = {"listen": None, "tls_certs": None, "http_redirect": False}
    description = "Configure the web administration interface"
    usage = (
        "webadmin",
        "webadmin restart",
        "webadmin enable",
        "webadmin disable",
        "webadmin listen <interface> <port>",
        "webadmin listen none",
        "webadmin certs <key-file> <crt-file> [<cert-bundle>]",
        "webadmin certs none",
        "webadmin http-redirect (enable|disable)",
        "webadmin status",
    )

    def rows(self) -> list[tuple[str, Any, int]]:
        """The rows of the display."""
        listen = self.stored["listen"]
        names = self.certs_of("tls")
        width = 24
        rows: list[tuple[str, Any, int]] = [
            ("Enabled", self.enabled, width),
            ("TLS listening interface", listen[0] if listen else None, width),
            ("TLS listening port", listen[1] if listen else None, width),
            ("Key file", names[0] if names else None, width),
            ("Certificate file", names[1] if names else None, width),
        ]
        if len(names) > 2:
            rows.append(("CA Bundle file", names[2], width))
        rows.append(("HTTP redirect", "Enabled" if self.stored["http_redirect"] else "Disabled", width))
        rows.append(("STATUS", self.status(), width))
        return rows

    def status(self) -> str:
        """The phrase of the STATUS row."""
        return "webadmin running" if self.running else "webadmin not running"

    def load(self) -> Snapshot:
        """Listener and pair are both needed."""
        if not self.stored["listen"]:
            raise LoadError("TLS interface and port not configured")
        identity = self.load_identity("tls", "Key")
        if identity is None:
            raise LoadError("Key and certificate not configured")
        interface, port = self.stored["listen"]
        options = {"webadmin_min": self.node.tls.stored["webadmin_min"]}
        return Snapshot([("tls", interface, port)], {"tls": identity}, options=options)

    def success_lines(self, snapshot: Snapshot) -> list[str]:
        """Result texts of a start."""
        lines = ["TLS interface and port configured", "Key and certificate pair match"]
        if snapshot.identities["tls"].bundle_file:
            lines.append("certificate verified against CA bundle")
        return lines

    async def command(self, session: Session, words: list[str]) -> bool:
        """webadmin ..."""
        if await self.life(session, words):
            return True
        match words:
            case ["status"]:
                session.out(self.status())
            case ["listen", "none"]:
                self.store(session, "listen", None)
            case ["listen", interface, port] if self.node.is_interface(interface) and port.isdigit():
                self.store(session, "listen", [interface, int(port)])
            case ["certs", "none"]:
                self.store_files(session, "tls_certs", ["none"])
            case ["certs", _, _] | ["certs", _, _, _]:
                self.store_files(session, "tls_certs", words[1:])
            case ["http-redirect", "enable" | "disable"]:
                self.store(session, "http_redirect", words[1] == "enable")
            case _:
                return False
        return True
