# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""turn: the TURN server and its TLS port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .base import LoadError, Service
from .snapshot import Snapshot

if TYPE_CHECKING:
    from ..mmp import Session


class Turn(Service):
    """TURN; the identity slot is ``tls``."""

    name = "turn"
    title = "TURN"
    restart_switch = "turn_restart"
    slots = ("tls",)
    defaults: ClassVar[Mapping[str, Any]] = {
        "listen": None,
        "tls_port": None,
        "tls_certs": None,
        "credentials": None,
        "short_term": False,
        "short_term_credentials": None,
        "public_ip": None,
        "high_capacity": False,
    }
    description = "Configure the TURN server"
    usage = (
        "turn",
        "turn restart",
        "turn enable",
        "turn disable",
        "turn listen <interface allowed list>",
        "turn listen none",
        "turn tls <port>",
        "turn tls none",
        "turn certs <key-file> <crt-file> [<cert-bundle>]",
        "turn certs none",
        "turn credentials <username> <password> <realm>",
        "turn short_term_credentials_mode (enable|disable)",
        "turn short_term_credentials <shared secret> <realm>",
        "turn public-ip <ip address>",
        "turn public-ip none",
        "turn high_capacity_mode (enable|disable)",
    )

    def rows(self) -> list[tuple[str, Any, int]]:
        """The rows of the display, secrets in clear; a width of 0 is a row without a colon."""
        width = 25
        user, password, realm = self.stored["credentials"] or (None, None, None)
        secret, short_realm = self.stored["short_term_credentials"] or (None, None)
        names = self.certs_of("tls")
        listen = self.stored["listen"] or []
        rows: list[tuple[str, Any, int]] = [
            ("Enabled", self.enabled, width),
            ("Username", user, width),
            ("Password", password, width),
            ("Short term credentials", "Enabled" if self.stored["short_term"] else "Disabled", width),
            ("Shared Secret", secret, width),
            ("Realm", realm or short_realm, width),
            ("Public IP", self.stored["public_ip"], width),
            ("High capacity mode", "Enabled" if self.stored["high_capacity"] else "Disabled", width),
            ("Relay address", self.node.cfg.interfaces[listen[0]] if listen else None, width),
            ("TLS port", self.stored["tls_port"], width),
            ("TLS cert", names[1] if names else None, width),
            ("TLS key", names[0] if names else None, width),
            ("TLS bundle", names[2] if len(names) > 2 else None, width),
        ]
        bare = 0 if self.node.sw.is_("turn_rows", "mixed") else width
        rows += [("Listen interface", interface, bare) for interface in listen]
        return rows

    def public(self, key: str, value: Any) -> Any:
        """Password and shared secret are never logged."""
        if key == "credentials" and isinstance(value, list):
            return [value[0], "*****", value[2]]
        if key == "short_term_credentials" and isinstance(value, list):
            return ["*****", value[1]]
        return value

    def load(self) -> Snapshot:
        """TLS is optional; with a TLS port the pair is needed."""
        if not self.stored["listen"]:
            raise LoadError("listen interface not configured")
        if not self.stored["credentials"] and not self.stored["short_term_credentials"]:
            raise LoadError("credentials not configured")
        snapshot = Snapshot()
        port = self.stored["tls_port"]
        identity = self.load_identity("tls", "Key")
        if port and identity is None:
            raise LoadError("TLS port configured but no key and certificate")
        if port and identity is not None:
            snapshot.identities["tls"] = identity
            snapshot.listen = [("tls", interface, port) for interface in self.stored["listen"]]
        return snapshot

    def success_lines(self, snapshot: Snapshot) -> list[str]:
        """Result texts of a start."""
        lines = ["listen interface configured"]
        if "tls" in snapshot.identities:
            lines.append("Key and certificate pair match")
            if snapshot.identities["tls"].bundle_file:
                lines.append("certificate verified against CA bundle")
        return lines

    async def command(self, session: Session, words: list[str]) -> bool:
        """turn ..."""
        if await self.life(session, words):
            return True
        match words:
            case ["listen", "none"]:
                self.store(session, "listen", None)
            case ["listen", _, *_] if all(self.node.is_interface(word) for word in words[1:]):
                self.store(session, "listen", words[1:])
            case ["tls", "none"]:
                self.store(session, "tls_port", None)
            case ["tls", port] if port.isdigit():
                self.store(session, "tls_port", int(port))
            case ["certs", "none"] | ["certs", _, _] | ["certs", _, _, _]:
                self.store_files(session, "tls_certs", words[1:])
            case ["credentials", _, _, _]:
                self.store(session, "credentials", words[1:])
            case ["short_term_credentials_mode", "enable" | "disable"]:
                self.store(session, "short_term", words[1] == "enable")
            case ["short_term_credentials", _, _]:
                self.store(session, "short_term_credentials", words[1:])
            case ["public-ip", address]:
                self.store(session, "public_ip", None if address == "none" else address)
            case ["high_capacity_mode", "enable" | "disable"]:
                self.store(session, "high_capacity", words[1] == "enable")
            case _:
                return False
        return True
