# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control channel: JSON lines over a unix socket in the state directory, for tests and for people."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .faults import FaultError, FaultSpec
from .links import COUNTS
from .switches import SwitchError

if TYPE_CHECKING:
    from .fleet import Fleet
    from .node import Node

_LIMIT = 100  # a unix socket's path is short
_BUFFER = 64 * 1024 * 1024


class ControlError(Exception):
    """The simulator refused or cannot be reached."""


class ControlServer:
    """Serves the control socket of a running fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._server: asyncio.AbstractServer | None = None
        self._folder: str | None = None

    async def start(self) -> None:
        """Listen; the socket's path stands in DIR/control.addr."""
        path = str(self._fleet.directory.resolve() / "control.sock")
        if len(path) > _LIMIT:
            self._folder = tempfile.mkdtemp(prefix="cms-")
            path = f"{self._folder}/control.sock"
        if os.path.exists(path):
            os.unlink(path)
        self._server = await asyncio.start_unix_server(self._serve, path, limit=_BUFFER)
        os.chmod(path, 0o600)
        (self._fleet.directory / "control.addr").write_text(path, encoding="utf-8")

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                try:
                    request = json.loads(line)
                    method = getattr(self, f"do_{request['method']}", None)
                    if method is None:
                        raise ControlError(f"unknown method {request['method']!r}")
                    answer: dict[str, Any] = {"result": await method(**request.get("arguments", {}))}
                except (ControlError, FaultError, SwitchError, TypeError, KeyError, ValueError) as exc:
                    answer = {"error": f"{exc}"}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    def _node(self, name: str) -> Node:
        try:
            return self._fleet.world.nodes[name]
        except KeyError:
            raise ControlError(f"no node {name!r}; nodes: {', '.join(self._fleet.world.nodes)}") from None

    def _nodes(self, name: str) -> list[Node]:
        return list(self._fleet.world.nodes.values()) if name == "all" else [self._node(name)]

    # --- reading -----------------------------------------------------------------------------------------------------
    async def do_events(self, since: int = 0, kind: str | None = None, node: str | None = None) -> Any:
        return self._fleet.world.events.since(since, kind, node)

    async def do_last_event(self) -> Any:
        return self._fleet.world.events.last

    async def do_nodes(self) -> Any:
        return list(self._fleet.world.nodes)

    async def do_state(self, node: str) -> Any:
        return self._node(node).describe()

    async def do_links(self, kind: str | None = None) -> Any:
        return [link.describe() for link in self._fleet.links.links(kind)]

    async def do_probe_links(self, kind: str | None = None) -> Any:
        return [await self._fleet.links.probe(link) for link in self._fleet.links.links(kind)]

    async def do_counters(self) -> Any:
        kinds = self._fleet.links.counters()
        nodes = self._fleet.world.nodes.values()
        restarts = {node.name: {s.name: s.restarts for s in node.services.values() if s.restarts} for node in nodes}
        return {
            "links": kinds,
            "total": {name: sum(counts[name] for counts in kinds.values()) for name in ("links", "up", *COUNTS)},
            "restarts": {node: services for node, services in restarts.items() if services},
        }

    async def do_restart_outsider(self, name: str) -> Any:
        found = self._fleet.world.outsiders.get(name)
        if found is None:
            raise ControlError(f"no outsider {name!r}; outsiders: {', '.join(self._fleet.world.outsiders)}")
        await found.restart()

    async def do_login_count(self, node: str) -> Any:
        return sum(sum(item.logins.values()) for item in self._nodes(node))

    async def do_commands(self, node: str, since: int = 0) -> Any:
        return [event["command"] for event in self._fleet.world.events.since(since, "command", self._node(node).name)]

    async def do_restarts(self, node: str, service: str) -> Any:
        found = self._node(node).services.get(service)
        if found is None:
            raise ControlError(f"node {node} has no service {service!r}")
        return found.restarts

    async def do_calls(self, node: str) -> Any:
        return self._bridge(node).calls

    # --- changing ----------------------------------------------------------------------------------------------------
    async def do_set_fault(self, node: str, fault: dict[str, Any]) -> Any:
        numbers = []
        for item in self._nodes(node):
            spec = FaultSpec.from_dict(fault)
            numbers.append(item.faults.add(spec))
            item.event("fault_set", fault=spec.kind, match=spec.match, count=spec.count)
            await self._fleet.doors[item.name].refresh()
        return numbers

    async def do_clear_faults(self, node: str = "all", kind: str | None = None) -> Any:
        for item in self._nodes(node):
            item.faults.clear(kind)
            if kind in (None, "lockout"):
                item.locked_until.clear()
                item.failed_logins.clear()
            await self._fleet.doors[item.name].refresh()
        return None

    async def do_set_switch(self, node: str, name: str, value: Any) -> Any:
        for item in self._nodes(node):
            item.sw.set(name, value)
            item.event("switch_set", switch=name, value=value)
        return None

    async def do_set_calls(self, node: str, calls: int, seconds: float | None = None) -> Any:
        self._bridge(node).traffic.set(int(calls), seconds)
        return None

    async def do_raise_alarm(self, node: str, alarm: str, age: float, seconds: float, fields: dict[str, str]) -> Any:
        return [item.alarms.set(alarm, age=age, seconds=seconds, fields=fields) for item in self._nodes(node)]

    async def do_clear_alarms(self, node: str, alarm: str | None = None) -> Any:
        for item in self._nodes(node):
            item.alarms.clear(alarm)
        return None

    async def do_api_objects(self, node: str, collection: str) -> Any:
        item = self._node(node)
        return item.world.cluster_of(item).collection(collection)

    async def do_shutdown(self) -> Any:
        asyncio.get_running_loop().call_later(0.05, self._fleet.end.set)
        return None

    def _bridge(self, node: str) -> Any:
        bridge = self._node(node).callbridge
        if bridge is None:
            raise ControlError(f"node {node} has no Call Bridge")
        return bridge


class Control:
    """The client; every method is one question to the running fleet. ControlError when it is refused."""

    def __init__(self, state_dir: str | Path, timeout: float = 60.0) -> None:
        self._directory = Path(state_dir)
        self._timeout = timeout

    def call(self, method: str, **arguments: Any) -> Any:
        """Ask and return the result."""
        try:
            address = (self._directory / "control.addr").read_text(encoding="utf-8").strip()
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(self._timeout)
                client.connect(address)
                client.sendall(json.dumps({"method": method, "arguments": arguments}).encode() + b"\n")
                with client.makefile("rb") as stream:
                    line = stream.readline()
        except OSError as exc:
            raise ControlError(f"no simulator answers in {self._directory}: {exc}") from exc
        if not line:
            raise ControlError("the simulator closed the control connection")
        answer = json.loads(line)
        if "error" in answer:
            raise ControlError(answer["error"])
        return answer["result"]

    def events(self, since: int = 0, kind: str | None = None, node: str | None = None) -> list[dict[str, Any]]:
        """Events after a sequence number, of one kind, of one node."""
        result: list[dict[str, Any]] = self.call("events", since=since, kind=kind, node=node)
        return result

    def last_event(self) -> int:
        """Sequence number of the newest event."""
        return int(self.call("last_event"))

    def nodes(self) -> list[str]:
        """Names of the nodes."""
        return list(self.call("nodes"))

    def state(self, node: str) -> dict[str, Any]:
        """Files, services (stored and active), switches, faults of a node; never keys or passwords."""
        result: dict[str, Any] = self.call("state", node=node)
        return result

    def links(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Every link, or those of one kind, with status, reason and probe counts."""
        result: list[dict[str, Any]] = self.call("links", kind=kind)
        return result

    def probe_links(self, kind: str | None = None) -> list[dict[str, Any]]:
        """A fresh handshake on every link, or on those of one kind, now."""
        result: list[dict[str, Any]] = self.call("probe_links", kind=kind)
        return result

    def counters(self) -> dict[str, Any]:
        """``links`` by kind and ``total``: how many, up, probes that went well or failed; ``restarts`` by node.

        ``probes_failed_outside_restart`` are those that no restart of either end excuses, of which
        ``probes_failed_before_first_success`` are of links that never were up.
        """
        result: dict[str, Any] = self.call("counters")
        return result

    def restart_outsider(self, name: str) -> None:
        """Have an outsider load the pair that lies in its directory now."""
        self.call("restart_outsider", name=name)

    def set_fault(self, node: str, fault: dict[str, Any]) -> list[int]:
        """Put a fault in force on a node or on ``all``."""
        return list(self.call("set_fault", node=node, fault=fault))

    def clear_faults(self, node: str = "all", kind: str | None = None) -> None:
        """Take faults away."""
        self.call("clear_faults", node=node, kind=kind)

    def set_switch(self, node: str, name: str, value: Any) -> None:
        """Put a switch (or ``dialect``) into a position, on a node or on ``all``."""
        self.call("set_switch", node=node, name=name, value=value)

    def set_calls(self, node: str, calls: int, seconds: float | None = None) -> None:
        """Set the number of calls on a Call Bridge, and how long each lasts (0: without end)."""
        self.call("set_calls", node=node, calls=calls, seconds=seconds)

    def raise_alarm(
        self, node: str, alarm: str, *, age: float = 0.0, seconds: float = 0.0, fields: dict[str, str] | None = None
    ) -> None:
        """Raise an alarm, active for ``age`` seconds already and for ``seconds`` more (0: until it is cleared)."""
        self.call("raise_alarm", node=node, alarm=alarm, age=age, seconds=seconds, fields=fields or {})

    def clear_alarms(self, node: str = "all", alarm: str | None = None) -> None:
        """Clear the alarms that were raised by hand or by a fault."""
        self.call("clear_alarms", node=node, alarm=alarm)

    def api_objects(self, node: str, collection: str) -> dict[str, dict[str, str]]:
        """What the database of a node's cluster holds of one collection (``servers``: settings of single servers)."""
        result: dict[str, dict[str, str]] = self.call("api_objects", node=node, collection=collection)
        return result

    def calls(self, node: str) -> int:
        """Calls on a Call Bridge."""
        return int(self.call("calls", node=node))

    def login_count(self, node: str = "all") -> int:
        """Logins since the fleet started, of a node or of all."""
        return int(self.call("login_count", node=node))

    def commands(self, node: str, since: int = 0) -> list[str]:
        """Commands a node was given, secrets masked."""
        return list(self.call("commands", node=node, since=since))

    def restarts(self, node: str, service: str) -> int:
        """How often a service of a node was taken down."""
        return int(self.call("restarts", node=node, service=service))

    def shutdown(self) -> None:
        """Stop the fleet."""
        self.call("shutdown")
