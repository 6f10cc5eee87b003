# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A legacy start: an old CA signs everything, certificates end soon, links work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import certs
from .certs import Authority
from .node import write_private

if TYPE_CHECKING:
    from .node import Node
    from .services.base import Service
    from .world import World


class LegacyWorld:
    """Makes what an administrator made years ago; the old CA stays in ``DIR/ca``, its keys under the passphrase."""

    def __init__(self, world: World) -> None:
        self._legacy = world.config.legacy
        self._authority = Authority.create(self._legacy.ca_name, self._legacy.days_left)
        self._joint = "_" if self._legacy.names == "underscore" else "-"
        self._pinned: dict[str, bytes] = {}
        folder = world.directory / "ca"
        folder.mkdir(exist_ok=True, mode=0o700)
        self._keep(folder)

    def _keep(self, folder: Path) -> None:
        passphrase = self._legacy.ca_passphrase.encode()
        write_private(folder / "root.crt", certs.cert_pem(self._authority.root))
        write_private(folder / "issuing.crt", certs.cert_pem(self._authority.intermediate))
        write_private(folder / "root.key", certs.key_pem(self._authority.root_key, passphrase=passphrase))
        write_private(folder / "issuing.key", certs.key_pem(self._authority.key, passphrase=passphrase))

    @property
    def bundle(self) -> bytes:
        """Intermediate, then root."""
        return certs.cert_pem(self._authority.intermediate, self._authority.root)

    def _name(self, node: Node, what: str, ending: str) -> str:
        return f"{node.name}{self._joint}{what}.{ending}"

    def _issue(self, node: Node, what: str, *, client: bool = False, chain: bool = False) -> list[str]:
        days = self._legacy.days_left if node.cfg.days_left is None else node.cfg.days_left
        key = certs.pooled_key(self._legacy.key)
        leaf = self._authority.issue(key.public_key(), node.cfg.fqdn, [], days, client=client)
        names = [self._name(node, what, "key"), self._name(node, what, "crt")]
        node.files.write(names[0], certs.key_pem(key))
        node.files.write(names[1], certs.cert_pem(leaf) + (self.bundle if chain else b""))
        self._pinned[f"{node.name}:{what}"] = certs.cert_pem(leaf)
        return names

    def configure(self, node: Node) -> None:
        """Files and settings of one node; nothing is loaded yet."""
        services = node.cfg.services
        ports = node.cfg.ports
        bundle = f"old{self._joint}ca.pem"
        if services:
            node.files.write(bundle, self.bundle)
        if "webadmin" in services:
            names = self._issue(node, "webadmin")
            node.services["webadmin"].stored.update(listen=["a", ports["webadmin"]], tls_certs=[*names, bundle])
        if "callbridge" in services:
            names = self._issue(node, "callbridge", client=True)
            node.services["callbridge"].stored.update(
                listen=["a"], prefer="a", callbridge_certs=[*names, bundle], c2w_trust=bundle
            )
        if "webbridge3" in services:
            node.services["webbridge3"].stored.update(
                https_listen=[["a", ports["https"]]],
                https_certs=self._issue(node, "webbridge", chain=True),
                c2w_listen=[["a", ports["c2w"]]],
                c2w_certs=self._issue(node, "c2w", chain=True),
                c2w_trust=bundle,
            )
        if "turn" in services:
            names = self._issue(node, "turn")
            node.services["turn"].stored.update(
                listen=["a"],
                tls_port=ports["turn"],
                tls_certs=[*names, bundle],
                credentials=["turnuser", f"turn-{node.world.config.seed}-secret", node.world.config.domain],
            )

    def pin(self, nodes: list[Node]) -> None:
        """With ``trust: leaf`` both sides of C2W trust leaves instead of the CA."""
        if self._legacy.trust != "leaf":
            return
        bridges = b"".join(pem for key, pem in sorted(self._pinned.items()) if key.endswith(":callbridge"))
        webs = b"".join(pem for key, pem in sorted(self._pinned.items()) if key.endswith(":c2w"))
        for node in nodes:
            for service, text, name in (("callbridge", webs, "webbridges"), ("webbridge3", bridges, "callbridges")):
                if service in node.cfg.services and text:
                    file = f"pinned{self._joint}{name}.pem"
                    node.files.write(file, text)
                    node.services[service].stored["c2w_trust"] = file

    @staticmethod
    def load(service: Service) -> None:
        """Take what is configured as running, without a restart."""
        snapshot, lines = service.prepare()
        if snapshot is None:
            raise ValueError(f"{service.node.name}: {'; '.join(lines)}")
        service.active = snapshot
        service.enabled = True
        service.running = True
