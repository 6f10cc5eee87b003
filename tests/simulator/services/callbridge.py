# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""callbridge: the Call Bridge, its SIP TLS listener, its C2W trust and its calls."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..calls import Calls
from .base import LoadError, Service
from .snapshot import Snapshot

if TYPE_CHECKING:
    from ..mmp import Session
    from ..node import Node


class CallBridge(Service):
    """The Call Bridge; the identity slot is ``callbridge``, trust slots are c2w, cluster, branding, edge."""

    name = "callbridge"
    title = "Callbridge"
    slots = ("callbridge",)
    can_disable = False
    defaults: ClassVar[Mapping[str, Any]] = {
        "listen": None,
        "prefer": None,
        "callbridge_certs": None,
        "c2w_trust": None,
        "cluster_trust": None,
        "branding_trust": None,
        "edge_trust": None,
        "edge": None,
        "ucm_trust": None,
        "imps_trust": None,
        "ucm_verify": False,
        "imps_verify": False,
        "ucm_peers": None,
        "imps_peers": None,
        "av1": False,
        "wc3jwt": 12,
    }
    description = "Configure CMS callbridge"
    usage = (
        "callbridge listen <interface allowed list>",
        "callbridge prefer <interface>",
        "callbridge certs <key-file> <crt-file> [<cert-bundle>]",
        "callbridge certs none",
        "callbridge trust c2w <bundle>",
        "callbridge trust c2w none",
        "callbridge add edge <ip address>:<port>",
        "callbridge del edge",
        "callbridge trust edge <trusted edge certificate bundle>",
        "callbridge trust cluster none",
        "callbridge trust cluster <trusted cluster certificate bundle>",
        "callbridge restart",
    )

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.traffic = Calls(node)
        self.started_at = time.time()
        self.on_start = self._came_up
        self.on_stop = self._went_down

    def rows(self) -> list[tuple[str, Any, int]]:
        """The three blocks of the display, each with its own padding."""
        names = self.certs_of("callbridge")
        rows: list[tuple[str, Any, int]] = [
            ("Listening interfaces", " ".join(self.stored["listen"] or []) or None, 22),
            ("Preferred interface", self.stored["prefer"], 22),
            ("Key file", names[0] if names else None, 22),
            ("Certificate file", names[1] if names else None, 22),
            ("Address", None, 22),
        ]
        if len(names) > 2:
            rows.append(("CA Bundle file", names[2], 22))
        rows += [
            ("C2W trusted certs", self.stored["c2w_trust"], 36),
            ("Callbridge cluster trusted certs", self.stored["cluster_trust"], 36),
            ("Callbridge trust branding certs", self.stored["branding_trust"], 36),
        ]
        version = self.node.sw["callbridge_rows"]
        if version != "before_3.8":
            rows += [
                ("UCM trusted certs", self.stored["ucm_trust"], 26),
                ("UCM verification mode", "enabled" if self.stored["ucm_verify"] else "disabled", 26),
                ("IMPS trusted certs", self.stored["imps_trust"], 26),
                ("IMPS verification mode", "enabled" if self.stored["imps_verify"] else "disabled", 26),
            ]
        rows.append(("WC3 JWT Expiry in hours", self.stored["wc3jwt"], 26))
        if version == "after_3.9":
            rows += [
                ("AV1 Beta", "enabled" if self.stored["av1"] else "disabled", 26),
                ("Edge trusted certs", self.stored["edge_trust"], 26),
            ]
        return rows

    @property
    def configured(self) -> bool:
        """Whether this node has a Call Bridge process at all."""
        return bool(self.stored["listen"])

    def load(self) -> Snapshot:
        """An interface is needed, a pair is not."""
        if not self.stored["listen"]:
            raise LoadError("listen interface not configured")
        listen: list[tuple[str, str, int]] = []
        snapshot = Snapshot(listen)
        identity = self.load_identity("callbridge", "Key")
        if identity is not None:
            snapshot.identities["callbridge"] = identity
            port = self.node.cfg.ports["sip"]
            listen.extend(("callbridge", interface, port) for interface in self.stored["listen"])
        for slot in ("c2w", "cluster", "branding", "edge", "ucm", "imps"):
            trust = self.load_trust(slot, f"{slot} trust")
            if trust is not None:
                snapshot.trust[slot] = trust
        for peer in ("ucm", "imps"):
            snapshot.options[f"{peer}_verify"] = self.stored[f"{peer}_verify"]
        self.load_tls(snapshot, "sip")
        self.load_tls(snapshot, "ldap")
        return snapshot

    def prepare(self) -> tuple[Snapshot | None, list[str]]:
        """A Call Bridge with a bad pair still says that its interface is configured."""
        snapshot, lines = super().prepare()
        if snapshot is None and self.stored["listen"]:
            lines.insert(0, "SUCCESS: listen interface configured")
        return snapshot, lines

    def success_lines(self, snapshot: Snapshot) -> list[str]:
        """The two documented lines, and the bundle's."""
        lines = ["listen interface configured"]
        if "callbridge" in snapshot.identities:
            lines.append("Key and certificate pair match")
            if snapshot.identities["callbridge"].bundle_file:
                lines.append("certificate verified against CA bundle")
        return lines

    def duration(self) -> float:
        """As the fleet file or the switch says."""
        return self.node.duration("restart")

    def _came_up(self) -> None:
        """Uptime starts again."""
        self.started_at = time.time()

    def _went_down(self) -> None:
        """All calls on this bridge are gone."""
        dropped = self.traffic.drop()
        if dropped:
            self.node.event("calls_dropped", service=self.name, calls=dropped)

    @property
    def calls(self) -> int:
        """Call legs that are up now."""
        return self.traffic.number

    def api_ready(self) -> bool:
        """Whether the API answers: up, and a little while after the start."""
        return self.running and time.time() - self.started_at >= self.node.duration("api_start")

    def _files(self, session: Session, key: str, words: list[str]) -> bool:
        if len(words) != 1:
            return False
        self.store_files(session, key, words)
        return True

    async def command(self, session: Session, words: list[str]) -> bool:
        """callbridge ..."""
        match words:
            case []:
                session.display(self)
            case ["restart"]:
                if self.node.sw["callbridge_restart"] == "lost_connection":
                    session.drop_soon()
                session.lines(await self.restart())
            case ["enable"] if self.node.sw.is_("callbridge_enable", "accepted"):
                session.lines([])
            case ["listen", "none"]:
                self.store(session, "listen", None)
            case ["listen", _, *_] if all(self.node.is_interface(word) for word in words[1:]):
                self.store(session, "listen", words[1:])
            case ["prefer", interface] if self.node.is_interface(interface):
                self.store(session, "prefer", interface)
            case ["certs", "none"] | ["certs", _, _] | ["certs", _, _, _]:
                self.store_files(session, "callbridge_certs", words[1:])
            case ["trust", "c2w" | "cluster" | "branding" | "edge", _]:
                return self._files(session, f"{words[1]}_trust", words[2:])
            case ["ucm" | "imps", *_] if self.node.sw.is_("callbridge_rows", "before_3.8"):
                return False
            case ["ucm" | "imps", "add", _, _, _]:
                self.store(session, f"{words[0]}_peers", [*(self.stored[f"{words[0]}_peers"] or []), words[2]])
            case ["ucm" | "imps", "del", host]:
                kept = [name for name in self.stored[f"{words[0]}_peers"] or [] if name != host]
                self.store(session, f"{words[0]}_peers", kept or None)
            case ["ucm", host, "axl_service", "status"]:
                known = host in (self.stored["ucm_peers"] or [])
                session.out(f"AXL service of {host}: {'not reachable' if known else 'not configured'}")
            case ["av1", "enable" | "disable"] if self.node.sw.is_("callbridge_rows", "after_3.9"):
                self.store(session, "av1", words[1] == "enable")
            case ["ucm" | "imps", "certs", _]:
                return self._files(session, f"{words[0]}_trust", words[2:])
            case ["ucm" | "imps", "verify", "enable" | "disable"]:
                self.store(session, f"{words[0]}_verify", words[2] == "enable")
            case ["wc3jwt", "expiry", hours] if hours.isdigit():
                self.store(session, "wc3jwt", int(hours))
            case ["add", "edge", where] if re.fullmatch(r"\S+:\d+", where):
                self.store(session, "edge", where)
            case ["del", "edge"]:
                self.store(session, "edge", None)
            case _:
                return False
        return True

    def describe(self) -> dict[str, Any]:
        """With the number of calls."""
        return {**super().describe(), "calls": self.calls}
