# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole fleet: built from its file, run in a loop or in a thread of its own."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from . import config as fleet_config
from .certs import Authority
from .config import FleetConfig
from .control import Control, ControlServer
from .inventory import inventory, known_hosts
from .legacy import LegacyWorld
from .links import LinkKeeper
from .node import Node
from .outsiders import Outsider
from .ssh_server import SshDoor
from .world import World

T = TypeVar("T")


class Fleet:
    """The nodes of a fleet and everything around them; lives in one event loop."""

    def __init__(self, config: FleetConfig, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.config = config
        self.directory = directory
        self.world = World(config, directory)
        self.world.reboot = self._reboot
        for cfg in config.nodes.values():
            self.world.nodes[cfg.name] = Node(cfg, self.world, directory / "nodes" / cfg.name)
        self.world.outsiders = {cfg.name: Outsider(cfg, self.world) for cfg in config.outsiders}
        self.doors = {name: SshDoor(node) for name, node in self.world.nodes.items()}
        self.links = LinkKeeper(self.world)
        self.control = ControlServer(self)
        self.end = asyncio.Event()
        self._prepare()

    def _prepare(self) -> None:
        nodes = list(self.world.nodes.values())
        fresh = [node for node in nodes if not node.restore()]
        authority: Authority | None = None
        if fresh and self.config.start == "legacy":
            old = LegacyWorld(self.world)
            authority = old.authority
            for node in fresh:
                old.configure(node)
            old.pin(fresh)
            for node in fresh:
                for name in node.cfg.services:
                    old.load(node.services[name])
        for node in fresh:
            node.save()
        if self.world.outsiders:
            # In an empty world outsiders have a CA of their own; what they have already stays as it is.
            authority = authority or Authority.create("Outside", 365)
            for outsider in self.world.outsiders.values():
                outsider.prepare(authority)
        known_hosts(self, self.directory / "known_hosts")

    async def start(self) -> None:
        """Open everything."""
        for node in self.world.nodes.values():
            await node.start()
        for outsider in self.world.outsiders.values():
            await outsider.start()
        for door in self.doors.values():
            await door.refresh()
        self.links.start()
        await self.control.start()
        self.world.events.add("fleet_started", nodes=sorted(self.world.nodes), dialects=self._dialects())

    def _dialects(self) -> list[str]:
        return sorted({node.sw.dialect for node in self.world.nodes.values()})

    async def stop(self) -> None:
        """Close everything; what ran is remembered as running."""
        self.world.stopping = True
        await self.control.stop()
        await self.links.stop()
        for door in self.doors.values():
            await door.close()
        await self.world.cancel_all()
        for outsider in self.world.outsiders.values():
            await outsider.stop()
        for node in self.world.nodes.values():
            await node.stop()
            node.save()
        await asyncio.sleep(0.05)  # what was cut is closed in the next turns of the loop
        self.world.events.add("fleet_stopped")
        self.world.events.close()

    def inventory(self) -> dict[str, Any]:
        """The Ansible inventory of this fleet."""
        return inventory(self)

    def _reboot(self, node: Node) -> None:
        if not node.rebooting:
            node.rebooting = True
            self.world.spawn(self._rebooting(node))

    async def _rebooting(self, node: Node) -> None:
        node.event("reboot_begin")
        up = [service for service in node.services.values() if service.enabled]
        with node.window("reboot"):
            await asyncio.sleep(0.05)
            await self.doors[node.name].refresh()
            for service in up:
                service.restarts += 1
                await service.down()
            await asyncio.sleep(node.duration("reboot"))
            if node.new_hostname:
                node.hostname, node.new_hostname = node.new_hostname, None
            for service in up:
                snapshot, _lines = service.prepare()
                if snapshot is not None:
                    await service.up(snapshot)
            node.booted_at = time.time()
            node.rebooting = False
            await self.doors[node.name].refresh()
        node.save()
        node.event("reboot_end")


class SimulatedFleet:
    """A fleet in a thread, for tests::

        with SimulatedFleet({...}, tmp_path) as fleet:
            fleet.control.state("core1")

    ``config`` is what a fleet file holds. Unless it names a network, every fleet gets a loopback network of its own.
    """

    def __init__(
        self, config: dict[str, Any] | str | Path, state_dir: str | Path | None = None, **options: Any
    ) -> None:
        if isinstance(config, dict) and "network" not in config and "network" not in options:
            options["network"] = "auto"
        self._own = state_dir is None
        self.directory = Path(tempfile.mkdtemp(prefix="fleet-") if state_dir is None else state_dir)
        self.config = fleet_config.load(config, state=self.directory, **options)
        self._thread = threading.Thread(target=self._run, name="simulated-fleet", daemon=True)
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.fleet: Fleet | None = None

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as exc:  # handed to the thread that waits
            self._error = exc
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.fleet = Fleet(self.config, self.directory)
        quiet(self._loop)
        try:
            await self.fleet.start()
            self._ready.set()
            await self.fleet.end.wait()
        finally:
            await self.fleet.stop()

    def __enter__(self) -> SimulatedFleet:
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self.fleet is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self.fleet.end.set)
        self._thread.join(30)
        if self._thread.is_alive():
            raise RuntimeError("the simulated fleet did not stop")
        if self._own:
            shutil.rmtree(self.directory, ignore_errors=True)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something in the fleet's own loop and give what it returns."""
        if self._loop is None:
            raise RuntimeError("the fleet is not running")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    @property
    def control(self) -> Control:
        """A client of this fleet's control socket."""
        return Control(self.directory)

    def inventory(self) -> dict[str, Any]:
        """The Ansible inventory of this fleet."""
        if self.fleet is None:
            raise RuntimeError("the fleet is not running")
        return self.fleet.inventory()


def quiet(loop: asyncio.AbstractEventLoop) -> None:
    """A broken connection of a test client is no news: the event log has what matters."""
    loop.set_exception_handler(lambda _loop, _context: None)
