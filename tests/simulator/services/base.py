# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every service has in common: settings stored and active, loading, checking, restarting."""

from __future__ import annotations

import abc
import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from .. import certs
from ..chain import ChainError, verify
from .settings import Settings
from .snapshot import Identity, Snapshot

if TYPE_CHECKING:
    from ..mmp import Session
    from ..node import Node


class LoadError(Exception):
    """What is stored cannot be loaded; the message is the text after ``FAILURE: ``."""


class Service(Settings):
    """One service of one node.

    ``stored`` is what the display shows. ``active`` is what runs; it changes at a start only. ``running`` says whether
    listeners should be up.
    """

    title: ClassVar[str]
    slots: ClassVar[tuple[str, ...]]
    full_chain: ClassVar[bool] = False
    can_disable: ClassVar[bool] = True
    #: The switch that says whether there is a restart command; None where it is documented.
    restart_switch: ClassVar[str | None] = "undocumented_restart"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.enabled = False
        self.active: Snapshot | None = None
        self.running = False
        self.off_by_command = False
        self.restarts = 0
        self.lock = asyncio.Lock()
        self.on_start: Callable[[], None] | None = None
        self.on_stop: Callable[[], None] | None = None

    # --- to be filled in by each service ---------------------------------------------------------------------------
    @abc.abstractmethod
    def load(self) -> Snapshot:
        """Read what is stored; LoadError when it cannot be loaded."""

    @abc.abstractmethod
    def success_lines(self, snapshot: Snapshot) -> list[str]:
        """The texts after ``SUCCESS: `` of a start that worked."""

    # --- loading ---------------------------------------------------------------------------------------------------
    def certs_of(self, slot: str) -> list[str]:
        """File names assigned to an identity slot: key, certificate and perhaps a bundle."""
        return list(self.stored.get(f"{slot}_certs") or [])

    def load_identity(self, slot: str, title: str) -> Identity | None:
        """The identity of a slot, checked; None when nothing is assigned."""
        names = self.certs_of(slot)
        if not names:
            return None
        problem = f"{title} and certificate problem"
        data = {}
        for name in names:
            if not self.node.files.exists(name):
                raise LoadError(f"{problem}: file {name} not found")
            data[name] = self.node.files.read(name)
        try:
            key = certs.load_key(data[names[0]])
        except TypeError:
            raise LoadError(f"{problem}: key file {names[0]} is password protected") from None
        except ValueError:
            raise LoadError(f"{problem}: {names[0]} is not a private key") from None
        try:
            chain = certs.load_certs(data[names[1]])
        except ValueError:
            raise LoadError(f"{problem}: {names[1]} is not a certificate") from None
        if not certs.same_key(key, chain[0]):
            raise LoadError(f"{problem}: certificate and key do not match")
        expired = chain[0].not_valid_after_utc < dt.datetime.now(dt.UTC)
        if expired and self.node.sw.is_("expired_at_restart", "refused"):
            raise LoadError(f"{problem}: certificate has expired")
        bundle = names[2] if len(names) > 2 else None
        if bundle is not None:
            try:
                chain += [item for item in certs.load_certs(data[bundle]) if item not in chain]
            except ValueError:
                raise LoadError(f"CA bundle problem: {bundle} is not a certificate") from None
        self._check_chain(slot, chain, bundle)
        return Identity(names[0], names[1], bundle, certs.key_pem(key), certs.cert_pem(*chain))

    def _check_chain(self, slot: str, chain: list[Any], bundle: str | None) -> None:
        if self.node.sw.is_("chain_at_restart", "accepted") or (bundle is None and not self.full_chain):
            return
        trusted = [item for item in chain[1:] if item.issuer == item.subject] if self.full_chain else chain[1:]
        if self.full_chain and len(chain) == 1 and chain[0].issuer == chain[0].subject:
            trusted = chain
        try:
            verify(chain[0], chain[1:], trusted, partial=not self.full_chain, any_time=True)
        except ChainError as exc:
            what = f"{slot.upper()} full chain does not verify" if self.full_chain else "certificate not verified"
            raise LoadError(f"{what}: {exc}") from exc

    def load_trust(self, slot: str, title: str) -> tuple[str, bytes] | None:
        """File name and certificates of a trust setting; None when it is not set."""
        name = self.stored.get(f"{slot}_trust")
        return self.trust_file(name, title) if name else None

    def trust_file(self, name: str, title: str) -> tuple[str, bytes]:
        """A trust file's name and its certificates."""
        if not self.node.files.exists(name):
            raise LoadError(f"{title} problem: file {name} not found")
        try:
            items = certs.load_certs(self.node.files.read(name))
        except ValueError:
            raise LoadError(f"{title} problem: {name} is not a certificate") from None
        return name, certs.cert_pem(*items)

    def load_tls(self, snapshot: Snapshot, kind: str) -> None:
        """What ``tls <kind>`` says at this moment: it is in force from this start on."""
        tls = self.node.tls
        snapshot.options[f"{kind}_verify"] = tls.stored[f"{kind}_verify"]
        snapshot.options[f"{kind}_min"] = tls.stored[f"{kind}_min"]
        name = tls.stored[f"{kind}_trust"]
        if name and (tls.verifies(kind) or self.node.files.exists(name)):
            snapshot.trust[kind] = self.trust_file(name, f"tls {kind} trust")

    # --- starting and stopping ---------------------------------------------------------------------------------------
    def prepare(self) -> tuple[Snapshot | None, list[str]]:
        """Load what is stored: the snapshot and the result lines; None when it failed."""
        try:
            snapshot = self.load()
        except LoadError as exc:
            lines = [f"FAILURE: {exc}"]
            if self.can_disable and self.node.sw.is_("failure_detail", "two_lines"):
                lines.append(f"FAILURE: {self.title} configuration not complete")
            return None, lines
        return snapshot, [f"SUCCESS: {text}" for text in self.success_lines(snapshot)]

    def enabled_line(self) -> list[str]:
        """The closing line of enable, as its switch says."""
        position = self.node.sw["webadmin_enabled_line" if self.name == "webadmin" else "enabled_line"]
        if position == "absent":
            return []
        title = self.title[0].upper() if position == "capital" else self.title[0].lower()
        return [f"SUCCESS: {title}{self.title[1:]} enabled"]

    def duration(self) -> float:
        """Seconds a start takes."""
        return self.node.duration("service")

    async def down(self) -> None:
        """Stop the listeners; ``active`` stays as the memory of what ran."""
        self.running = False
        await self.node.listeners.close(self.name)
        if self.on_stop is not None:
            self.on_stop()
        self.node.links_changed(self.name)

    async def up(self, snapshot: Snapshot) -> None:
        """Run a snapshot: from now on this is what the wire shows."""
        before = self.active.fingerprints() if self.active else {}
        self.active = snapshot
        self.running = True
        self.enabled = True
        await self.node.listeners.open(self)
        after = snapshot.fingerprints()
        described = snapshot.describe()
        self.node.event(
            "active_changed" if before != after else "active",
            service=self.name,
            before=before,
            after=after,
            trust={slot: item["fingerprints"] for slot, item in described["trust"].items()},
        )
        if self.on_start is not None:
            self.on_start()
        self.node.links_changed(self.name)

    async def restart(self, *, verb: str = "restart") -> list[str]:
        """Take the service down, load what is stored, bring it up; returns the result lines."""
        async with self.lock:
            return await self._restart(verb)

    async def _restart(self, verb: str) -> list[str]:
        line = f"{self.name} {verb}"
        faults = self.node.faults
        slow = faults.take("slow_restart", line)
        fail = faults.take("fail_restart", line)
        old = faults.take("serve_old_after_restart", line)
        alarm = faults.take("alarm_after_restart", line)
        snapshot, lines = self.prepare()
        if snapshot is None and self.running and self.node.sw.is_("wrong_pair_at_restart", "keeps_old"):
            return lines
        if verb == "restart" or self.running:
            self.restarts += 1
        self.node.event("restart_begin", service=self.name, verb=verb, restarts=self.restarts)
        with self.node.window(self.name):
            self.off_by_command = False
            await self.down()
            await asyncio.sleep(self.duration() + (slow.seconds if slow else 0.0))
            # read again: what counts is what is there when the service starts
            snapshot, lines = self.prepare()
            if fail is not None:
                self.node.event("fault", fault="fail_restart", service=self.name)
                snapshot, lines = None, [f"FAILURE: {fail.text or self.title + ' failed to start'}"]
            if snapshot is not None:
                if old is not None and self.active is not None:
                    self.node.event("fault", fault="serve_old_after_restart", service=self.name)
                    snapshot = self.active
                await self.up(snapshot)
            elif self.can_disable and verb == "enable":
                self.enabled = False
        if alarm is not None:
            self.node.alarms.set(alarm.text or "somethingNew", seconds=alarm.seconds)
        self.node.event("restart_end", service=self.name, ok=snapshot is not None)
        self.node.save()
        return lines

    def obstacle(self) -> str | None:
        """Why this service may not be enabled on this node, whatever is configured."""
        return None

    async def enable(self) -> list[str]:
        """The command enable: starts a service that is off; on one that is on it depends on switches."""
        obstacle = None if self.running else self.obstacle()
        if obstacle is not None:
            return [f"FAILURE: {obstacle}", f"FAILURE: {self.title} configuration not complete"]
        if self.enabled and self.running:
            if self.node.sw.is_("enable_applies", "yes"):
                lines = await self.restart(verb="enable")
                return lines + self._closing(lines)
            if self.node.sw.is_("enable_when_enabled", "nothing"):
                return []
            _snapshot, lines = self.prepare()
            return lines + self._closing(lines)
        lines = await self.restart(verb="enable")
        return lines + self._closing(lines)

    def _closing(self, lines: list[str]) -> list[str]:
        return [] if any(line.startswith("FAILURE") for line in lines) else self.enabled_line()

    async def disable(self) -> list[str]:
        """The command disable: listeners go away at once."""
        async with self.lock:
            if self.running:
                self.restarts += 1
                self.node.event("disabled", service=self.name, restarts=self.restarts)
            self.enabled = False
            self.off_by_command = True
            await self.down()
            self.node.save()
        return []

    async def life(self, session: Session, words: list[str]) -> bool:
        """The display, enable, disable, and restart where there is one; False when it is another command."""
        match words:
            case []:
                session.display(self)
            case ["enable"]:
                session.lines(await self.enable())
            case ["disable"]:
                session.lines(await self.disable())
            case ["restart"] if self.restart_switch is None or self.node.sw.is_(self.restart_switch, "exists"):
                session.lines(await self.restart() if self.enabled else [f"FAILURE: {self.name} is not enabled"])
            case _:
                return False
        return True

    def status_lines(self, position: str, *more: str) -> list[str]:
        """What ``status`` says, in one of three forms."""
        state = "running" if self.running else "not running"
        if position == "rows":
            return [f"Status                : {'Running' if self.running else 'Stopped'}", *more]
        if position == "phrase":
            return [f"{self.name} {state}"]
        return [f"{'SUCCESS' if self.running else 'FAILURE'}: {self.name} is {state}"]

    # --- files -------------------------------------------------------------------------------------------------------
    def files_in_use(self) -> dict[str, list[str]]:
        """File name -> the settings that name it, stored or active."""
        used = super().files_in_use()
        if self.active is not None and self.running:
            for slot, item in self.active.identities.items():
                for name in (item.key_file, item.cert_file, item.bundle_file):
                    if name and f"{self.name} {slot}" not in used.get(name, []):
                        used.setdefault(name, []).append(f"{self.name} {slot}")
        return used

    async def key_replaced(self, name: str, key: bytes) -> None:
        """A key file was replaced by pki csr: the running service takes the new key at once and breaks."""
        if self.active is None or not self.running:
            return
        identities = dict(self.active.identities)
        for slot, item in self.active.identities.items():
            if item.key_file == name:
                identities[slot] = replace(item, key=key)
        if identities == self.active.identities:
            return
        self.active = replace(self.active, identities=identities)
        self.node.event("service_broken", service=self.name, file=name, why="the key was replaced by pki csr")
        await self.node.listeners.close(self.name)
        await self.node.listeners.open(self)
        self.node.links_changed(self.name)
        self.node.save()

    # --- state -------------------------------------------------------------------------------------------------------
    def describe(self) -> dict[str, Any]:
        """Plain data for the control socket."""
        pending = False
        snapshot, _lines = self.prepare()
        if self.running:
            pending = snapshot is None or self.active is None or snapshot.to_dict() != self.active.to_dict()
        return {
            "enabled": self.enabled,
            "running": self.running,
            "restarts": self.restarts,
            "restart_pending": pending,
            **super().describe(),
            "active": self.active.describe() if self.active is not None and self.running else None,
        }

    def to_dict(self) -> dict[str, Any]:
        """For the state directory."""
        return {
            **super().to_dict(),
            "enabled": self.enabled,
            "running": self.running,
            "off_by_command": self.off_by_command,
            "restarts": self.restarts,
            "active": self.active.to_dict() if self.active else None,
        }

    def from_dict(self, raw: dict[str, Any]) -> None:
        """Back from the state directory."""
        super().from_dict(raw)
        self.enabled = raw["enabled"]
        self.running = raw["running"]
        self.off_by_command = raw["off_by_command"]
        self.restarts = raw["restarts"]
        self.active = Snapshot.from_dict(raw["active"]) if raw["active"] else None
