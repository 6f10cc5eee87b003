# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A legacy start: an old CA signs everything, certificates end soon, links work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import certs
from .certs import Authority
from .config import ConfigError
from .node import write_private

if TYPE_CHECKING:
    from .node import Node
    from .services.base import Service
    from .world import World


#: Service, trust slot, name of the file, and whose certificates are in it when leaves are pinned.
_PINS = (
    ("callbridge", "c2w", "webbridges", ("c2w",)),
    ("webbridge3", "c2w", "callbridges", ("callbridge", "scheduler")),
    ("scheduler", "c2w", "webbridges", ("c2w",)),
    ("callbridge", "cluster", "webadmins", ("webadmin",)),
    ("uploader", "cms", "webadmins", ("webadmin",)),
    ("tls", "sip", "sip", ("callbridge", "recorder", "streamer")),
)


class LegacyWorld:
    """Makes what an administrator made years ago; the old CA stays in ``DIR/ca``, its keys under the passphrase."""

    def __init__(self, world: World) -> None:
        self._legacy = world.config.legacy
        self.authority = Authority.create(self._legacy.ca_name, self._legacy.days_left)
        self._joint = "_" if self._legacy.names == "underscore" else "-"
        self._pinned: dict[str, bytes] = {}
        folder = world.directory / "ca"
        folder.mkdir(exist_ok=True, mode=0o700)
        self._keep(folder)

    def _keep(self, folder: Path) -> None:
        passphrase = self._legacy.ca_passphrase.encode()
        write_private(folder / "root.crt", certs.cert_pem(self.authority.root))
        write_private(folder / "issuing.crt", certs.cert_pem(self.authority.intermediate))
        write_private(folder / "root.key", certs.key_pem(self.authority.root_key, passphrase=passphrase))
        write_private(folder / "issuing.key", certs.key_pem(self.authority.key, passphrase=passphrase))

    @property
    def bundle(self) -> bytes:
        """Intermediate, then root."""
        return certs.cert_pem(self.authority.intermediate, self.authority.root)

    def _name(self, node: Node, what: str, ending: str) -> str:
        return f"{node.name}{self._joint}{what}.{ending}"

    def _issue(self, node: Node, what: str, *, client: bool = False, chain: bool = False) -> list[str]:
        days = self._legacy.days_left if node.cfg.days_left is None else node.cfg.days_left
        key = certs.pooled_key(self._legacy.key)
        leaf = self.authority.issue(key.public_key(), node.cfg.fqdn, [], days, client=client)
        names = [self._name(node, what, "key"), self._name(node, what, "crt")]
        node.files.write(names[0], certs.key_pem(key))
        node.files.write(names[1], certs.cert_pem(leaf) + (self.bundle if chain else b""))
        self._pinned[f"{node.name}:{what}"] = certs.cert_pem(leaf)
        return names

    def _bundle(self, node: Node) -> str:
        name = f"old{self._joint}ca.pem"
        if not node.files.exists(name):
            node.files.write(name, self.bundle)
        return name

    def configure(self, node: Node) -> None:
        """Files and settings of one node; nothing is loaded yet."""
        if node.cfg.services:
            self._bundle(node)
        for name in node.cfg.services:
            service = node.services[name]
            service.stored.update(getattr(self, f"_{name}")(node))
        for kind, verify in (("sip", self._legacy.sip_verify), ("ldap", self._legacy.ldap_verify)):
            if verify and set(node.cfg.services) & {"callbridge", "recorder", "streamer"}:
                node.tls.stored.update({f"{kind}_trust": self._bundle(node), f"{kind}_verify": verify})

    def _webadmin(self, node: Node) -> dict[str, Any]:
        names = self._issue(node, "webadmin")
        return {"listen": ["a", node.cfg.ports["webadmin"]], "tls_certs": [*names, self._bundle(node)]}

    def _callbridge(self, node: Node) -> dict[str, Any]:
        names = self._issue(node, "callbridge", client=True)
        bundle = self._bundle(node)
        return {
            "listen": ["a"],
            "prefer": "a",
            "callbridge_certs": [*names, bundle],
            "c2w_trust": bundle,
            "cluster_trust": bundle if self._legacy.cluster_trust else None,
        }

    def _webbridge3(self, node: Node) -> dict[str, Any]:
        return {
            "https_listen": [["a", node.cfg.ports["https"]]],
            "https_certs": self._issue(node, "webbridge", chain=True),
            "c2w_listen": [["a", node.cfg.ports["c2w"]]],
            "c2w_certs": self._issue(node, "c2w", chain=True),
            "c2w_trust": self._bundle(node),
        }

    def _turn(self, node: Node) -> dict[str, Any]:
        return {
            "listen": ["a"],
            "tls_port": node.cfg.ports["turn"],
            "tls_certs": [*self._issue(node, "turn"), self._bundle(node)],
            "credentials": ["turnuser", f"turn-{node.world.config.seed}-secret", node.world.config.domain],
        }

    def _recorder(self, node: Node) -> dict[str, Any]:
        return {**self._sip(node, "recorder"), "nfs": f"nfs.{node.world.config.domain}:/recordings"}

    def _streamer(self, node: Node) -> dict[str, Any]:
        return self._sip(node, "streamer")

    def _sip(self, node: Node, what: str) -> dict[str, Any]:
        names = self._issue(node, what, client=True)
        bundle = self._bundle(node)
        if not node.at_least("3.0"):
            where = [["a", node.cfg.ports[what]]]
            return {"listen": where, "tls_certs": names, "callbridge_trust": bundle}
        return {"sip_listen": ["a", None, node.cfg.ports[what]], "sip_certs": [*names, bundle]}

    def _scheduler(self, node: Node) -> dict[str, Any]:
        names = self._issue(node, "scheduler", client=True, chain=True)
        return {
            "https_listen": ["a", node.cfg.ports["scheduler"]],
            "https_certs": names,
            "c2w_certs": names,
            "c2w_trust": self._bundle(node),
        }

    def _meetingapps(self, node: Node) -> dict[str, Any]:
        secret = f"apps-{node.world.config.seed}-secret"
        for other in node.world.nodes.values():
            if "webbridge3" in other.cfg.services and other.cfg.cluster == node.cfg.cluster:
                other.services["webbridge3"].stored["meetingapps"] = [
                    node.cfg.fqdn,
                    node.cfg.ports["meetingapps"],
                    secret,
                ]
        return {
            "https_listen": ["a", node.cfg.ports["meetingapps"]],
            "https_certs": self._issue(node, "meetingapps", chain=True),
            "shared_secret": secret,
        }

    def _uploader(self, node: Node) -> dict[str, Any]:
        world = node.world
        bridges = [other for other in world.nodes.values() if {"webadmin", "callbridge"} <= set(other.cfg.services)]
        if not bridges:
            raise ConfigError(f"node {node.name}: an uploader needs a node with webadmin and callbridge")
        same = [other for other in bridges if other.cfg.cluster == node.cfg.cluster] or bridges
        user = world.config.users[0]
        return {
            "nfs": f"nfs.{world.config.domain}:/recordings",
            "cms_host": same[0].cfg.fqdn,
            "cms_port": same[0].cfg.ports["webadmin"],
            "cms_user": user.name,
            "cms_password": user.password,
            "cms_trust": self._bundle(node),
        }

    def pin(self, nodes: list[Node]) -> None:
        """With ``trust: leaf`` every trust that this start sets holds leaves instead of the CA."""
        if self._legacy.trust != "leaf":
            return
        for service, slot, name, presented in _PINS:
            text = b"".join(pem for key, pem in sorted(self._pinned.items()) if key.partition(":")[2] in presented)
            file = f"pinned{self._joint}{name}.pem"
            for node in nodes:
                part = node.parts.get(service)
                asked = part is not None and (service == "tls" or service in node.cfg.services)
                if part is not None and asked and text and part.stored.get(f"{slot}_trust"):
                    node.files.write(file, text)
                    part.stored[f"{slot}_trust"] = file

    @staticmethod
    def load(service: Service) -> None:
        """Take what is configured as running, without a restart."""
        snapshot, lines = service.prepare()
        if snapshot is None:
            raise ValueError(f"{service.node.name}: {'; '.join(lines)}")
        service.active = snapshot
        service.enabled = True
        service.running = True
