# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a service has loaded: keys and chains as they were at its last start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .. import certs


@dataclass
class Identity:
    """A key and a chain as they were read at the last start."""

    key_file: str
    cert_file: str
    bundle_file: str | None
    key: bytes
    chain: bytes

    @property
    def leaf(self) -> Any:
        """The end entity certificate."""
        return certs.load_certs(self.chain)[0]

    @property
    def usable(self) -> bool:
        """Whether key and certificate belong together."""
        try:
            return certs.same_key(certs.load_key(self.key), self.leaf)
        except (ValueError, TypeError):
            return False


@dataclass
class Snapshot:
    """Everything a running service has loaded."""

    listen: list[tuple[str, str, int]] = field(default_factory=list)  # slot, interface, port
    identities: dict[str, Identity] = field(default_factory=dict)
    trust: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # slot -> file name, text
    options: dict[str, Any] = field(default_factory=dict)

    def fingerprints(self) -> dict[str, str]:
        """Slot -> SHA-256 of the leaf."""
        return {slot: certs.fingerprint(identity.leaf) for slot, identity in self.identities.items()}

    def describe(self) -> dict[str, Any]:
        """Plain data without any key: what is active, for the control socket and the event log."""
        return {
            "listen": [f"{slot} {interface}:{port}" for slot, interface, port in self.listen],
            "identities": {
                slot: {
                    "files": [name for name in (item.key_file, item.cert_file, item.bundle_file) if name],
                    "fingerprint": certs.fingerprint(item.leaf),
                    "not_after": item.leaf.not_valid_after_utc.isoformat(),
                    "usable": item.usable,
                }
                for slot, item in self.identities.items()
            },
            "trust": {
                slot: {"file": name, "fingerprints": [certs.fingerprint(item) for item in certs.load_certs(data)]}
                for slot, (name, data) in self.trust.items()
            },
            "options": dict(self.options),
        }

    def to_dict(self) -> dict[str, Any]:
        """For the node's private state directory: keys included."""
        return {
            "listen": [list(item) for item in self.listen],
            "identities": {
                slot: [item.key_file, item.cert_file, item.bundle_file, item.key.decode(), item.chain.decode()]
                for slot, item in self.identities.items()
            },
            "trust": {slot: [name, data.decode()] for slot, (name, data) in self.trust.items()},
            "options": self.options,
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Snapshot:
        """Back from the state directory."""
        return cls(
            [(str(slot), str(interface), int(port)) for slot, interface, port in raw["listen"]],
            {
                slot: Identity(item[0], item[1], item[2], item[3].encode(), item[4].encode())
                for slot, item in raw["identities"].items()
            },
            {slot: (item[0], item[1].encode()) for slot, item in raw["trust"].items()},
            dict(raw["options"]),
        )
