# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the nodes of a fleet share: configuration, event log, names, the API databases, hooks between parts."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .config import FleetConfig
from .events import EventLog

if TYPE_CHECKING:
    from .links import Link
    from .node import Node
    from .outsiders import Outsider

_NAMESPACE = uuid.UUID("6f1c0f5e-6a0b-4c84-9a0e-3f1d7b1e2c55")


class Cluster:
    """The API database that the Call Bridges of one cluster share."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path
        self.objects: dict[str, dict[str, dict[str, str]]] = {}
        if path.exists():
            self.objects = json.loads(path.read_text(encoding="utf-8"))

    @property
    def fresh(self) -> bool:
        """Nothing was ever stored here."""
        return not self.objects

    def collection(self, name: str) -> dict[str, dict[str, str]]:
        """Objects of one kind by id."""
        return self.objects.setdefault(name, {})

    def save(self) -> None:
        """Write to the state directory."""
        self._path.write_text(json.dumps(self.objects, indent=1), encoding="utf-8")


class World:
    """Shared by all nodes of a fleet."""

    def __init__(self, config: FleetConfig, directory: Path) -> None:
        self.config = config
        self.directory = directory
        self.events = EventLog(directory / "events.jsonl")
        self.nodes: dict[str, Node] = {}
        self.outsiders: dict[str, Outsider] = {}
        self.clusters: dict[str, Cluster] = {}
        self.links_changed: Callable[[str, str], None] = lambda _node, _service: None
        self.links_of: Callable[[str], list[Link]] = lambda _node: []
        self.reboot: Callable[[Node], Any] = lambda _node: None
        self.stopping = False
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task that belongs to the fleet, not to a connection."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            error = task.exception()
            if error is not None and type(error).__name__ != "Dropped":
                self.events.add("simulator_error", why=f"{type(error).__name__}: {error}")

    async def cancel_all(self) -> None:
        """End all tasks of the fleet."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def guid(self, *parts: str) -> str:
        """A lower-case GUID that is the same in every run with the same seed."""
        return str(uuid.uuid5(_NAMESPACE, ":".join([str(self.config.seed), *parts])))

    def resolve(self, host: str) -> str | None:
        """The fleet's own name table: FQDN or node name -> address; an address is itself."""
        for node in self.nodes.values():
            if host.lower() in (node.cfg.fqdn.lower(), node.name.lower()):
                return node.cfg.address
        for outsider in self.outsiders.values():
            if host.lower() in (outsider.cfg.fqdn.lower(), outsider.name.lower()):
                return outsider.cfg.address
        if host.replace(".", "").isdigit() or ":" in host:
            return host
        return None

    def end(self, name: str) -> Node | Outsider:
        """The node or outsider of this name."""
        return self.nodes[name] if name in self.nodes else self.outsiders[name]

    def behind(self, host: str, port: int) -> Node | Outsider | None:
        """The node or outsider that answers there, as far as the fleet knows one."""
        known: list[Node | Outsider] = [*self.nodes.values(), *self.outsiders.values()]
        for end in known:
            if host.lower() in (end.cfg.fqdn.lower(), end.name.lower()):
                return end
        address = self.resolve(host)
        for node in self.nodes.values():
            if address in node.cfg.interfaces.values() and port in node.cfg.ports.values():
                return node
        return None

    def cluster_of(self, node: Node) -> Cluster:
        """The database of this node's cluster."""
        name = node.cfg.cluster
        if name not in self.clusters:
            folder = self.directory / "clusters"
            folder.mkdir(exist_ok=True)
            self.clusters[name] = Cluster(name, folder / f"{name}.json")
            if self.clusters[name].fresh and self.config.start == "legacy":
                self._fill(self.clusters[name])
        return self.clusters[name]

    def _fill(self, cluster: Cluster) -> None:
        bridges = cluster.collection("callBridges")
        for node in self.nodes.values():
            if node.cfg.cluster == cluster.name and "callbridge" in node.cfg.services:
                bridges[self.guid("callBridge", node.name)] = {
                    "name": node.name,
                    "address": f"https://{node.cfg.fqdn}:{node.cfg.ports['webadmin']}",
                    "sipDomain": "",
                    "callBridgeGroup": "",
                }
        group = self.guid("group", cluster.name)
        cluster.collection("callBridgeGroups")[group] = {
            "name": f"{cluster.name}-group",
            "loadBalancingEnabled": "true",
        }
        for bridge in bridges.values():
            bridge["callBridgeGroup"] = group
        for url in self.config.registrations.get(cluster.name, []):
            cluster.collection("webBridges")[self.guid("webBridge", cluster.name, url)] = {"url": url}
        cluster.save()
