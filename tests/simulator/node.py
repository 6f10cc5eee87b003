# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One simulated Meeting Server: files, services, users, switches, faults, and what survives on disk."""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .alarms import Alarms
from .config import NodeConfig, User, version_key
from .faults import Faults
from .listeners import Listeners
from .services.base import Service
from .services.callbridge import CallBridge
from .services.meetingapps import MeetingApps
from .services.scheduler import Scheduler
from .services.settings import Settings
from .services.sip_service import Recorder, Streamer
from .services.tls import Tls
from .services.turn import Turn
from .services.uploader import Uploader
from .services.webadmin import WebAdmin
from .services.webbridge3 import WebBridge3
from .switches import Switchboard

if TYPE_CHECKING:
    from .world import World

SERVICE_CLASSES: tuple[type[Service], ...] = (
    WebAdmin, CallBridge, WebBridge3, Turn, Recorder, Streamer, Uploader, Scheduler, MeetingApps,
)  # fmt: skip
PKI_ENDINGS = (".key", ".crt", ".cer", ".pem", ".der", ".csr")
OTHER_FILES = {"cms.lic": b"# simulated licence\n", "live.json": b'{"simulated": true}\n'}


def write_private(path: Path, data: bytes) -> None:
    """Write through a temporary file, readable by the owner only."""
    temporary = path.with_name(f".{path.name}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
    os.replace(temporary, path)


class Files:
    """The flat file area of a node, as SFTP shows it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(path.name for path in self.root.iterdir() if path.is_file() and not path.name.startswith("."))

    def pki_names(self) -> list[str]:
        """Keys, certificates and CSRs: what pki list shows."""
        return [name for name in self.names() if name.endswith(PKI_ENDINGS)]

    def exists(self, name: str) -> bool:
        """Whether there is such a file; a name with a path never exists."""
        return bool(name) and "/" not in name and not name.startswith(".") and (self.root / name).is_file()

    def read(self, name: str) -> bytes:
        """The whole file."""
        return (self.root / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Create or replace."""
        write_private(self.root / name, data)


class Node:
    """Everything that belongs to one node. ``world`` is what it shares with the fleet."""

    def __init__(self, cfg: NodeConfig, world: World, directory: Path) -> None:
        self.cfg = cfg
        self.name = cfg.name
        self.world = world
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.files = Files(directory / "files")
        self.sw = Switchboard(cfg.switches)
        self.faults = Faults(cfg.faults)
        self.listeners = Listeners(self)
        self.alarms = Alarms(self)
        self.hostname = cfg.name
        self.new_hostname: str | None = None
        self.booted_at = time.time()
        self.rebooting = False
        self.restored = False
        self.passwords: dict[str, str] = {}
        self.changed: set[str] = set()
        self.failed_logins: dict[str, int] = {}
        self.locked_until: dict[str, float] = {}
        self.logins: dict[str, int] = {}
        self.sessions: dict[str, int] = {}
        self.windows: list[list[Any]] = []
        self.services: dict[str, Service] = {
            kind.name: kind(self) for kind in SERVICE_CLASSES if kind.name not in cfg.lacks
        }
        self.tls = Tls(self)
        self.random = random.Random(f"{world.config.seed}:{cfg.name}")
        for name, data in OTHER_FILES.items():
            if not self.files.exists(name):
                self.files.write(name, data)

    # --- services -----------------------------------------------------------------------------------------------
    @property
    def callbridge(self) -> CallBridge | None:
        """The Call Bridge service, if this platform has one."""
        service = self.services.get("callbridge")
        return service if isinstance(service, CallBridge) else None

    @property
    def webbridge3(self) -> WebBridge3 | None:
        """The Web Bridge service, if this platform has one."""
        service = self.services.get("webbridge3")
        return service if isinstance(service, WebBridge3) else None

    @property
    def parts(self) -> dict[str, Settings]:
        """Services and what has settings but runs nothing, by their first word."""
        return {**self.services, self.tls.name: self.tls}

    def at_least(self, version: str) -> bool:
        """Whether this node's version is that one or later."""
        return version_key(self.cfg.version) >= version_key(version)

    def is_interface(self, word: str) -> bool:
        """Whether the word names an interface."""
        return word in self.cfg.interfaces

    def duration(self, name: str) -> float:
        """Seconds, from the fleet file; the Call Bridge's restart may come from its switch."""
        durations = self.world.config.durations
        if name == "restart" and "restart" not in durations:
            value = self.sw["callbridge_restart"]
            return 3.0 if value == "lost_connection" else float(value)
        return durations[name]

    def files_in_use(self) -> dict[str, list[str]]:
        """File name -> settings that name it."""
        used: dict[str, list[str]] = {}
        for part in self.parts.values():
            for name, where in part.files_in_use().items():
                used.setdefault(name, []).extend(where)
        return used

    async def start(self) -> None:
        """Bring up what was running; a node with SSH only is fine."""
        for service in self.services.values():
            if service.running and service.active is not None:
                service.running = False
                await service.up(service.active)

    async def stop(self) -> None:
        """Close all listeners; what ran is remembered as running."""
        for service in self.services.values():
            await self.listeners.close(service.name)

    def links_changed(self, service: str = "callbridge") -> None:
        """Tell the link keeper that a service of this node came or went, or that the API's objects changed."""
        self.world.links_changed(self.name, service)

    def c2w_connections(self) -> int:
        """Number of Call Bridges connected to this node's Web Bridge."""
        return self.listeners.c2w_connections()

    # --- restart windows ----------------------------------------------------------------------------------------
    @contextmanager
    def window(self, service: str) -> Iterator[None]:
        """The time in which this node's own restart excuses a broken link."""
        entry = [service, time.monotonic(), None]
        self.windows.append(entry)
        try:
            yield
        finally:
            entry[2] = time.monotonic()
            del self.windows[:-50]

    def in_window(self, begin: float, end: float) -> bool:
        """Whether [begin, end] (monotonic) touches a restart of this node, with the settle time after it."""
        settle = self.duration("settle")
        return any(start <= end and (stop is None or stop + settle >= begin) for _service, start, stop in self.windows)

    # --- users --------------------------------------------------------------------------------------------------
    def user(self, name: str) -> User | None:
        """The user of this name."""
        return next((user for user in self.world.config.users if user.name == name), None)

    def password_ok(self, name: str, password: str) -> bool:
        """Compare with the password in force (one changed on the node is kept as a salted digest)."""
        user = self.user(name)
        if user is None:
            return False
        if name in self.passwords:
            return self.passwords[name] == self.digest(name, password)
        return bool(user.password) and user.password == password

    def digest(self, name: str, password: str) -> str:
        """Digest under which a changed password is kept."""
        return hashlib.pbkdf2_hmac("sha256", password.encode(), f"{self.name}:{name}".encode(), 2000).hex()

    def must_change(self, name: str) -> bool:
        """Whether this user has to set a new password before anything else."""
        if name in self.changed:
            return False
        user = self.user(name)
        fault = self.faults.standing("password_change")
        return bool((user and user.must_change) or (fault and fault.fits(name)))

    def set_password(self, name: str, password: str) -> None:
        """Take a new password."""
        self.passwords[name] = self.digest(name, password)
        self.changed.add(name)
        self.faults.clear("password_change")
        self.event("password_changed", user=name)
        self.save()

    def failed_login(self, name: str, why: str, source: str) -> None:
        """Count a failure; too many lock the user."""
        self.failed_logins[name] = self.failed_logins.get(name, 0) + 1
        limit = self.world.config.rules.get("max_failed_logins", 0)
        if limit and self.failed_logins[name] >= limit:
            self.locked_until[name] = time.time() + self.duration("lockout")
        self.event("login_failed", user=name, why=why, source=source)

    def locked(self, name: str) -> bool:
        """Whether the user is locked out, by failures or by a fault."""
        fault = self.faults.standing("lockout")
        return bool(fault and fault.fits(name)) or self.locked_until.get(name, 0.0) > time.time()

    # --- events and state ---------------------------------------------------------------------------------------
    def event(self, kind: str, **fields: Any) -> None:
        """Write to the fleet's event log under this node's name."""
        self.world.events.add(kind, self.name, **fields)

    def describe(self) -> dict[str, Any]:
        """Plain data for the control socket: never keys or passwords."""
        used = self.files_in_use()
        files = {}
        for name in self.files.names():
            data = self.files.read(name)
            files[name] = {
                "size": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                "used_by": sorted(set(used.get(name, []))),
            }
        return {
            "node": self.name,
            "fqdn": self.cfg.fqdn,
            "hostname": self.hostname,
            "address": self.cfg.address,
            "ports": dict(self.cfg.ports),
            "rebooting": self.rebooting,
            "sessions": sum(self.sessions.values()),
            "logins": sum(self.logins.values()),
            "files": files,
            "services": {name: service.describe() for name, service in self.services.items()},
            "settings": {self.tls.name: self.tls.describe()},
            "version": self.cfg.version,
            "switches": {**self.sw.as_dict(), "dialect": self.sw.dialect},
            "faults": self.faults.as_list(),
            "listening": self.listeners.describe(),
        }

    def save(self) -> None:
        """Write what must survive a stop of the simulator."""
        state = {
            "hostname": self.hostname,
            "new_hostname": self.new_hostname,
            "passwords": self.passwords,
            "changed": sorted(self.changed),
            "calls": self.callbridge.calls if self.callbridge else 0,
            "services": {name: service.to_dict() for name, service in self.services.items()},
            "tls": self.tls.to_dict(),
        }
        write_private(self.directory / "state.json", json.dumps(state).encode())

    def restore(self) -> bool:
        """Read what an earlier run left; False when there is nothing."""
        path = self.directory / "state.json"
        if not path.exists():
            return False
        state = json.loads(path.read_bytes())
        self.hostname = state["hostname"]
        self.new_hostname = state["new_hostname"]
        self.passwords = dict(state["passwords"])
        self.changed = set(state["changed"])
        for name, raw in state["services"].items():
            if name in self.services:
                self.services[name].from_dict(raw)
        if "tls" in state:
            self.tls.from_dict(state["tls"])
        if self.callbridge is not None:
            self.callbridge.traffic.set(state["calls"])
        self.restored = True
        return True
