# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""recorder and streamer: SIP services with a TLS port since 3.0; before, an XMPP recorder with a trust of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .base import LoadError, Service
from .settings import Row, first
from .snapshot import Snapshot

if TYPE_CHECKING:
    from ..mmp import Session


class SipService(Service):
    """Recorder and streamer; the identity slot is ``sip``, in its 2.x form ``tls`` with the trust ``callbridge``."""

    slots = ("sip",)
    sip_verb: ClassVar[str]

    def command_form(self) -> str:
        """``sip``, or ``xmpp`` before 3.0."""
        return "sip" if self.node.at_least("3.0") else "xmpp"

    @property
    def _old(self) -> bool:
        return self.command_form() == "xmpp"

    def help(self) -> tuple[str, ...]:
        """The forms of this version."""
        if not self._old:
            return self.usage
        verbs = ("", " enable", " disable", " listen <interface[:port] allowed list>", " certs <key-file> <crt-file>")
        return tuple(f"{self.name}{verb}" for verb in (*verbs, " certs none", " trust <crt-bundle>", " trust none"))

    def _interfaces(self) -> str | None:
        """One value for both transports."""
        listen = self.stored["sip_listen"]
        if not listen:
            return None
        shown = []
        for transport, port in zip(("tcp", "tls"), listen[1:], strict=True):
            where = f"{listen[0]}:{port}" if port else "none"
            if port or self.node.sw.is_("sip_interfaces_off", "none"):
                shown.append(f"{transport} {where}")
            elif self.node.sw.is_("sip_interfaces_off", "interface_none"):
                shown.append(f"{transport} {listen[0]}:none")
        return ", ".join(shown) or None

    def sip_rows(self, width: int) -> list[Row]:
        """The rows that both services have."""
        names = self.certs_of("sip")
        rows: list[Row] = [
            ("Enabled", self.enabled, width),
            ("SIP interfaces", self._interfaces(), width),
            ("SIP key file", first(names, 0), width),
            ("SIP certificate file", first(names, 1), width),
            ("SIP CA Bundle file", first(names, 2), width),
        ]
        if self.node.sw.is_("recorder_rows", "3.12"):
            rows.append(("SIP traffic trace", "Disabled", width))
        return rows

    def old_rows(self) -> list[Row]:
        """The rows of 2.x."""
        names = self.certs_of("tls")
        listen = " ".join(f"{interface}:{port}" for interface, port in self.stored["listen"] or [])
        width = 24
        return [
            ("Enabled", self.enabled, width),
            ("Interface whitelist", listen or None, width),
            ("Key file", first(names, 0), width),
            ("Certificate file", first(names, 1), width),
            ("Trust bundle", self.stored["callbridge_trust"], width),
        ]

    def load(self) -> Snapshot:
        """A port is needed, and with a TLS port the pair."""
        if self._old:
            return self._load_old()
        listen = self.stored["sip_listen"]
        if not listen or not any(listen[1:]):
            raise LoadError("SIP listen interface not configured")
        interface, tcp, tls = listen
        snapshot = Snapshot([("tcp", interface, tcp)] if tcp else [])
        identity = self.load_identity("sip", "Key")
        if tls and identity is None:
            raise LoadError("SIP TLS port configured but no key and certificate")
        if tls and identity is not None:
            snapshot.listen.append(("sip", interface, tls))
            snapshot.identities["sip"] = identity
        self.load_tls(snapshot, "sip")
        return snapshot

    def _load_old(self) -> Snapshot:
        if not self.stored["listen"]:
            raise LoadError("listen interface not configured")
        identity = self.load_identity("tls", "Key")
        if identity is None:
            raise LoadError("Key and certificate not configured")
        snapshot = Snapshot([("tls", *where) for where in self.stored["listen"]], {"tls": identity})
        trust = self.load_trust("callbridge", "trust")
        if trust is not None:
            snapshot.trust["callbridge"] = trust
        return snapshot

    def success_lines(self, snapshot: Snapshot) -> list[str]:
        """Result texts of a start."""
        lines = []
        for identity in snapshot.identities.values():
            lines.append("Key and certificate pair match")
            if identity.bundle_file:
                lines.append("certificate verified against CA bundle")
        return lines

    def _port(self, word: str) -> bool:
        return word == "none" or word.isdigit()

    async def command(self, session: Session, words: list[str]) -> bool:
        """recorder ... and streamer ..."""
        if await self.life(session, words):
            return True
        match words:
            case ["nfs", where] if self.name == "recorder" and ":" in where:
                self.store(session, "nfs", where)
            case ["resolution", "audio" | "720p" | "1080p" as wanted] if not self.sip_verb:
                self.store(session, "resolution", wanted)
            case ["sip", "resolution", "audio" | "720p" | "1080p" as wanted] if self.sip_verb:
                self.store(session, "resolution", wanted)
            case ["limit", number] if number == "none" or number.isdigit():
                self.store(session, "limit", None if number == "none" else int(number))
            case _:
                return self._listening_old(session, words) if self._old else self._listening(session, words)
        return True

    def _listening(self, session: Session, words: list[str]) -> bool:
        match words:
            case ["sip", "listen", interface, tcp, tls] if (
                self.node.is_interface(interface) and self._port(tcp) and self._port(tls)
            ):
                ports = [None if port == "none" else int(port) for port in (tcp, tls)]
                self.store(session, "sip_listen", [interface, *ports])
            case ["sip", "listen", "none"]:
                self.store(session, "sip_listen", None)
            case ["sip", "certs", "none"] | ["sip", "certs", _, _] | ["sip", "certs", _, _, _]:
                self.store_files(session, "sip_certs", words[2:])
            case _:
                return False
        return True

    def _listening_old(self, session: Session, words: list[str]) -> bool:
        match words:
            case ["listen", "none"]:
                self.store(session, "listen", None)
            case ["listen", _, *_]:
                ports = []
                for word in words[1:]:
                    interface, _colon, port = word.partition(":")
                    if interface != "lo" and not self.node.is_interface(interface):
                        return False
                    ports.append([interface, int(port) if port.isdigit() else 443])
                self.store(session, "listen", ports)
            case ["certs", "none"] | ["certs", _, _]:
                self.store_files(session, "tls_certs", words[1:])
            case ["trust", _]:
                self.store_files(session, "callbridge_trust", words[1:])
            case _:
                return False
        return True


_DEFAULTS: Mapping[str, Any] = {
    "sip_listen": None,
    "sip_certs": None,
    "resolution": "720p",
    "limit": None,
    "listen": None,
    "tls_certs": None,
    "callbridge_trust": None,
}


class Recorder(SipService):
    """The recorder; what it records goes to an NFS share."""

    name = "recorder"
    title = "Recorder"
    description = "Configure the recorder"
    sip_verb = ""
    defaults: ClassVar[Mapping[str, Any]] = {**_DEFAULTS, "nfs": None}
    usage = (
        "recorder",
        "recorder enable",
        "recorder disable",
        "recorder sip listen <interface> <tcp-port|none> <tls-port|none>",
        "recorder sip certs <key-file> <crt-file> [<crt-bundle>]",
        "recorder sip certs none",
        "recorder nfs <hostname/IP>:<directory>",
        "recorder resolution <audio|720p|1080p>",
        "recorder limit <number|none>",
    )

    def rows(self) -> list[Row]:
        """The rows of the display."""
        if self._old:
            return self.old_rows()
        width = 25
        host, _colon, folder = (self.stored["nfs"] or ":").partition(":")
        rows = [
            *self.sip_rows(width),
            ("NFS domain name", host or None, width),
            ("NFS directory", folder or None, width),
            ("Resolution", self.stored["resolution"], width),
        ]
        if self.node.sw.is_("recorder_rows", "3.12"):
            rows.append(("Call Limit", self.stored["limit"], width))
        return rows


class Streamer(SipService):
    """The streamer."""

    name = "streamer"
    title = "Streamer"
    description = "Configure the streamer"
    sip_verb = "sip"
    defaults: ClassVar[Mapping[str, Any]] = _DEFAULTS
    usage = (
        "streamer",
        "streamer enable",
        "streamer disable",
        "streamer sip listen <interface> <tcp-port|none> <tls-port|none>",
        "streamer sip certs <key-file> <crt-file> [<crt-bundle>]",
        "streamer sip certs none",
        "streamer sip resolution <audio|720p|1080p>",
        "streamer limit <number|none>",
    )

    def rows(self) -> list[Row]:
        """The rows of the display."""
        if self._old:
            return self.old_rows()
        width = 25
        label = {"sip": "SIP resolution", "streamer": "Streamer resolution"}[str(self.node.sw["streamer_resolution"])]
        rows = [*self.sip_rows(width), (label, self.stored["resolution"], width)]
        if self.node.sw.is_("recorder_rows", "3.12"):
            rows.append(("Call Limit", self.stored["limit"], width))
        return rows
