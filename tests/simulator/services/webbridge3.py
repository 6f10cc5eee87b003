# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""webbridge3: the web app's HTTPS side and the C2W side for Call Bridges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .base import LoadError, Service
from .snapshot import Snapshot

if TYPE_CHECKING:
    from ..mmp import Session


class WebBridge3(Service):
    """Web Bridge 3; identity slots are ``https`` and ``c2w``, the trust slot is ``c2w``."""

    name = "webbridge3"
    title = "Webbridge3"
    slots = ("https", "c2w")
    full_chain = True
    restart_switch = None
    defaults: ClassVar[Mapping[str, Any]] = {
        "https_listen": None,
        "https_certs": None,
        "frame_ancestors": None,
        "http_redirect": None,
        "c2w_listen": None,
        "c2w_certs": None,
        "c2w_trust": None,
        "meetingapps": None,
        "options": None,
    }
    usage = (
        "webbridge3",
        "webbridge3 restart",
        "webbridge3 enable",
        "webbridge3 disable",
        "webbridge3 https listen <interface:port allowed list>",
        "webbridge3 https certs <key-file> <crt-fullchain-file>",
        "webbridge3 https certs none",
        "webbridge3 https frame-ancestors <frame-ancestors space-separated string>",
        "webbridge3 http-redirect (enable [port]|disable)",
        "webbridge3 c2w listen <interface:port allowed list>",
        "webbridge3 c2w certs <key-file> <crt-fullchain-file>",
        "webbridge3 c2w certs none",
        "webbridge3 c2w trust <crt-bundle>",
        "webbridge3 c2w trust none",
        "webbridge3 options <space-separated options>",
        "webbridge3 options none",
        "webbridge3 status",
        "webbridge3 meetingapps add <hostname> <port> <secret>",
        "webbridge3 meetingapps del",
    )

    def rows(self) -> list[tuple[str, Any, int]]:
        """The rows of the display."""
        width = 38
        https = self.certs_of("https")
        c2w = self.certs_of("c2w")
        redirect = self.stored["http_redirect"]
        shown = "Disabled"
        if redirect:
            shown = f"Enabled, Port:{redirect}" if self.node.sw.is_("redirect_value", "word_and_port") else "Enabled"
        apps = self.stored["meetingapps"] or [None, None]
        return [
            ("Enabled", self.enabled, width),
            ("HTTPS listening ports and interfaces", self._listen("https"), width),
            ("HTTPS Key file", https[0] if https else None, width),
            ("HTTPS Full chain certificate file", https[1] if https else None, width),
            ("HTTPS Frame-Ancestors", self.stored["frame_ancestors"], width),
            ("HTTP redirect", shown, width),
            ("C2W listening ports and interfaces", self._listen("c2w"), width),
            ("C2W Key file", c2w[0] if c2w else None, width),
            ("C2W Full chain certificate file", c2w[1] if c2w else None, width),
            ("C2W Trust bundle", self.stored["c2w_trust"], width),
            ("Meetingapps address", apps[0], width),
            ("Meetingapps port", apps[1], width),
            ("Audio priority flag", "Enabled", width),
            ("Beta options", self.stored["options"], width),
        ]

    def _listen(self, slot: str) -> str | None:
        return " ".join(f"{interface}:{port}" for interface, port in self.stored[f"{slot}_listen"] or []) or None

    def load(self) -> Snapshot:
        """Both listeners, both pairs; a missing C2W trust lets nobody in but does not stop the start."""
        snapshot = Snapshot()
        for slot in self.slots:
            title = slot.upper()
            if not self.stored[f"{slot}_listen"]:
                raise LoadError(f"{title} listen interface not configured")
            identity = self.load_identity(slot, f"{title} key" if slot == "https" else "C2W key")
            if identity is None:
                raise LoadError(f"{title} key and certificate not configured")
            snapshot.identities[slot] = identity
            snapshot.listen += [(slot, interface, port) for interface, port in self.stored[f"{slot}_listen"]]
        trust = self.load_trust("c2w", "C2W trust")
        if trust is not None:
            snapshot.trust["c2w"] = trust
        return snapshot

    def success_lines(self, snapshot: Snapshot) -> list[str]:
        """A line each for pair and chain, HTTPS first."""
        lines = []
        for slot in self.slots:
            lines += [f"{slot.upper()} Key and certificate pair match", f"{slot.upper()} full chain verifies"]
        return lines

    def _ports(self, words: list[str]) -> list[list[Any]] | None:
        ports = []
        for word in words:
            interface, colon, port = word.partition(":")
            if not colon or not self.node.is_interface(interface) or not port.isdigit():
                return None
            ports.append([interface, int(port)])
        return ports or None

    @property
    def _firm(self) -> bool:
        return self.node.sw.is_("meetingapps_while_enabled", "refused")

    def public(self, key: str, value: Any) -> Any:
        """The secret shared with MeetingApps is not logged."""
        if key == "meetingapps" and isinstance(value, list):
            return [*value[:2], "*****"]
        return value

    async def command(self, session: Session, words: list[str]) -> bool:
        """webbridge3 ..."""
        if await self.life(session, words):
            return True
        match words:
            case ["status"]:
                connections = f"C2W connections       : {self.node.c2w_connections()}"
                session.lines(self.status_lines(str(self.node.sw["webbridge3_status"]), connections))
            case ["https" | "c2w", "listen", "none"]:
                self.store(session, f"{words[0]}_listen", None)
            case ["https" | "c2w", "listen", _, *_]:
                ports = self._ports(words[2:])
                if ports is None:
                    return False
                self.store(session, f"{words[0]}_listen", ports)
            case ["https" | "c2w", "certs", "none"] | ["https" | "c2w", "certs", _, _]:
                self.store_files(session, f"{words[0]}_certs", words[2:])
            case ["c2w", "trust", _]:
                self.store_files(session, "c2w_trust", words[2:])
            case ["https", "frame-ancestors", *rest] if rest:
                self.store(session, "frame_ancestors", None if rest == ["none"] else " ".join(rest))
            case ["http-redirect", "disable"]:
                self.store(session, "http_redirect", None)
            case ["http-redirect", "enable"]:
                self.store(session, "http_redirect", 80)
            case ["http-redirect", "enable", port] if port.isdigit():
                self.store(session, "http_redirect", int(port))
            case ["options", *rest] if rest:
                self.store(session, "options", None if rest == ["none"] else " ".join(rest))
            case ["meetingapps", "add" | "del", *_] if self.running and self._firm:
                session.out("FAILURE: webbridge3 must be disabled first")
            case ["meetingapps", "add", _, port, _] if port.isdigit():
                self.store(session, "meetingapps", [words[2], int(port), words[4]])
            case ["meetingapps", "del"]:
                self.store(session, "meetingapps", None)
            case _:
                return False
        return True
