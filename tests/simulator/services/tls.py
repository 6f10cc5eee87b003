# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""tls: trust, verification and lowest versions of SIP, LDAP, Web Admin and DTLS; in force when their user restarts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .settings import Row, Settings, table

if TYPE_CHECKING:
    from ..mmp import Session

_VERSIONS = ("1.0", "1.1", "1.2", "1.3")
_WORDS = {
    "word": {"disable": "disabled", "enable": "enabled", "ocsp": "ocsp"},
    "verb": {"disable": "disable", "enable": "enable", "ocsp": "ocsp"},
    "on_off": {"disable": "off", "enable": "on", "ocsp": "ocsp"},
}


class Tls(Settings):
    """Settings of the node that Call Bridge, recorder, streamer and Web Admin load when they start."""

    name = "tls"
    description = "Configure TLS"
    defaults: ClassVar[Mapping[str, Any]] = {
        "sip_trust": None,
        "sip_verify": "disable",
        "sip_min": "1.2",
        "ldap_trust": None,
        "ldap_verify": "disable",
        "ldap_min": "1.2",
        "webadmin_min": "1.2",
        "dtls_min": "1.2",
    }
    usage = (
        "tls <sip|ldap>",
        "tls <sip|ldap> trust <crt-bundle>",
        "tls <sip|ldap> trust none",
        "tls <sip|ldap> verify enable|disable|ocsp",
        "tls <sip|ldap|webadmin> min-tls-version <minimum version string>",
        "tls min-dtls-version <minimum version string>",
    )

    def verifies(self, kind: str) -> bool:
        """Whether the other side's certificate is looked at; OCSP asks on top of it, and nobody answers here."""
        return bool(self.stored[f"{kind}_verify"] != "disable")

    def _rows(self, kind: str) -> list[tuple[str, str, Any]]:
        title = kind.upper()
        minimum = (f"{title} Minimum TLS version", "Min TLS version", self.stored[f"{kind}_min"])
        if kind == "webadmin":
            return [("Webadmin Minimum TLS version", *minimum[1:])]
        verify = _WORDS[str(self.node.sw["tls_verify_words"])][self.stored[f"{kind}_verify"]]
        return [
            (f"{title} Trust bundle", "Trust", self.stored[f"{kind}_trust"]),
            (f"{title} Certificate verification", "Verify", verify),
            minimum,
        ]

    def rows(self) -> list[Row]:
        """Everything, as a bare ``tls`` shows it where it shows anything."""
        rows = [row for kind in ("sip", "ldap", "webadmin") for row in self._rows(kind)]
        return table([*rows, ("Minimum DTLS version", "Min DTLS version", self.stored["dtls_min"])], self._form)

    @property
    def _form(self) -> str:
        return str(self.node.sw["tls_rows"])

    def _version(self, word: str) -> bool:
        return word in _VERSIONS and (word != "1.3" or self.node.sw.is_("tls_1_3", "accepted"))

    async def command(self, session: Session, words: list[str]) -> bool:
        """tls ..."""
        match words:
            case [] if self.node.sw.is_("tls_alone", "everything"):
                session.display(self)
            case ["sip" | "ldap" | "webadmin" as kind]:
                session.table(table(self._rows(kind), self._form))
            case ["sip" | "ldap" as kind, "trust", _]:
                self.store_files(session, f"{kind}_trust", words[2:])
            case ["sip" | "ldap" as kind, "verify", "enable" | "disable" | "ocsp" as mode]:
                self.store(session, f"{kind}_verify", mode)
            case ["sip" | "ldap" | "webadmin" as kind, "min-tls-version", version] if self._version(version):
                self.store(session, f"{kind}_min", version)
            case ["min-dtls-version", version] if self._version(version):
                self.store(session, "dtls_min", version)
            case _:
                return False
        return True
