# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C2W links: each Call Bridge's real mutual TLS connections to the registered Web Bridges, and the prober."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cryptography import x509

from . import certs
from .listeners import load_pair

if TYPE_CHECKING:
    from .node import Node
    from .services.snapshot import Snapshot
    from .world import World

_TIMEOUT = 5.0
_RETRY = 0.3


class LinkError(Exception):
    """A connection that did not come about: the API's word for it, and the detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Link:
    """One Call Bridge to one registered Web Bridge."""

    def __init__(self, world: World, callbridge: Node, identifier: str, url: str) -> None:
        parts = urlsplit(url)
        self.world = world
        self.callbridge = callbridge
        self.id = identifier
        self.url = url
        self.host = parts.hostname or ""
        self.port = parts.port or 9999
        self.status = "unused"
        self.reason = ""
        self.detail = ""
        self.since = time.time()
        self.was_up = False
        self.probes_ok = 0
        self.probes_failed = 0
        self.kick = asyncio.Event()
        self._last_failure = ("", 0.0)

    @property
    def webbridge(self) -> Node | None:
        """The node behind the URL, as far as the fleet knows one."""
        address = self.world.resolve(self.host)
        for node in self.world.nodes.values():
            if self.host.lower() in (node.cfg.fqdn.lower(), node.name.lower()):
                return node
        for node in self.world.nodes.values():
            if address in node.cfg.interfaces.values() and node.cfg.ports["c2w"] == self.port:
                return node
        return None

    def excused(self, begin: float, end: float) -> bool:
        """Whether a failure between these moments falls into a restart of either end, or a command switched it off."""
        if self.callbridge.in_window(begin, end):
            return True
        other = self.webbridge
        if other is None:
            return False
        return other.in_window(begin, end) or bool(other.webbridge3 and other.webbridge3.off_by_command)

    def _event(self, kind: str, **fields: Any) -> None:
        other = self.webbridge
        self.callbridge.event(kind, webbridge=other.name if other else self.host, url=self.url, **fields)

    def change(self, status: str, error: LinkError | None = None, begin: float | None = None) -> None:
        """Take a new status; up and down are events."""
        now = time.monotonic()
        before = self.status
        self.reason = error.reason if error else ""
        self.detail = error.detail if error else ""
        if status == before:
            return
        self.status = status
        self.since = time.time()
        excused = self.excused(now if begin is None else begin, now)
        if status == "success":
            self.was_up = True
            self._event("link_up", during_restart=excused)
        elif before == "success":
            self._event("link_down", during_restart=excused, reason=self.reason, detail=self.detail)
        else:
            self._event("link_failing", during_restart=excused, reason=self.reason, detail=self.detail)

    def probe_failed(self, error: LinkError, begin: float, end: float) -> None:
        """Count a failed probe and log it, the same failure at most once a second."""
        self.probes_failed += 1
        excused = self.excused(begin, end)
        key = f"{error}:{excused}"
        if key == self._last_failure[0] and end - self._last_failure[1] < 1.0:
            return
        self._last_failure = (key, end)
        self._event(
            "link_probe",
            ok=False,
            during_restart=excused,
            was_up=self.was_up,
            reason=error.reason,
            detail=error.detail,
        )

    def describe(self) -> dict[str, Any]:
        """Plain data for the control socket."""
        other = self.webbridge
        return {
            "callbridge": self.callbridge.name,
            "webbridge": other.name if other else None,
            "id": self.id,
            "url": self.url,
            "status": self.status,
            "reason": self.reason,
            "detail": self.detail,
            "since": round(self.since, 3),
            "probes_ok": self.probes_ok,
            "probes_failed": self.probes_failed,
        }


class LinkKeeper:
    """Keeps the connections of all Call Bridges of a fleet."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._links: dict[tuple[str, str, str], tuple[Link, asyncio.Task[None]]] = {}
        self._contexts: dict[str, tuple[Snapshot, str, ssl.SSLContext]] = {}
        self._prober: asyncio.Task[None] | None = None
        self._started = False
        self._gate = asyncio.Semaphore(8)  # a large fleet does not shake hands all at once
        world.links_changed = self.changed
        world.links_of = self.links_of

    # --- the set of links --------------------------------------------------------------------------------------------
    def sync(self) -> None:
        """Make the links what the API databases say."""
        wanted: dict[tuple[str, str, str], tuple[Node, str, str]] = {}
        for node in self._world.nodes.values():
            if node.callbridge is None or not node.callbridge.configured:
                continue
            cluster = self._world.cluster_of(node)
            own = next((i for i, o in cluster.collection("callBridges").items() if o.get("name") == node.name), "")
            group = cluster.collection("callBridges").get(own, {}).get("callBridgeGroup", "")
            for identifier, item in cluster.collection("webBridges").items():
                url = item.get("url", "")
                if not url.startswith("c2w://"):
                    continue
                if item.get("callBridge") and item["callBridge"] != own:
                    continue
                if item.get("callBridgeGroup") and item["callBridgeGroup"] != group:
                    continue
                wanted[node.name, identifier, url] = (node, identifier, url)
        for key in [key for key in self._links if key not in wanted]:
            self._links.pop(key)[1].cancel()
        for key, (node, identifier, url) in wanted.items():
            if key not in self._links:
                link = Link(self._world, node, identifier, url)
                self._links[key] = (link, asyncio.get_running_loop().create_task(self._keep(link)))

    def changed(self, node: str, service: str) -> None:
        """A service came or went, or the database changed."""
        if self._world.stopping or not self._started:
            return
        self.sync()
        for link, _task in self._links.values():
            if service == "callbridge" and link.callbridge.name == node:
                link.kick.set()

    def links_of(self, node: str, _kind: str = "c2w") -> list[Link]:
        """Links of one Call Bridge."""
        return [link for link, _task in self._links.values() if link.callbridge.name == node]

    def links(self) -> list[Link]:
        """All links."""
        return [link for link, _task in self._links.values()]

    # --- one connection ----------------------------------------------------------------------------------------------
    def _context(self, node: Node) -> ssl.SSLContext:
        callbridge = node.callbridge
        if callbridge is None or not callbridge.running or callbridge.active is None:
            raise LinkError("callBridgeNotRunning", "the Call Bridge is not running")
        pinning = str(node.sw["c2w_pinning"])
        known = self._contexts.get(node.name)
        if known is not None and known[0] is callbridge.active and known[1] == pinning:
            return known[2]
        trust = callbridge.active.trust.get("c2w")
        if trust is None:
            raise LinkError("tlsNegotiationFailure", "no C2W trust is set on the Call Bridge")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if pinning == "allowed":
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=trust[1].decode())
        identity = callbridge.active.identities.get("callbridge")
        if identity is not None and identity.usable:
            load_pair(context, identity)
        self._contexts[node.name] = (callbridge.active, pinning, context)
        return context

    async def connect(self, link: Link) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A fresh mutual handshake; LinkError says why it failed."""
        context = self._context(link.callbridge)
        address = self._world.resolve(link.host)
        if address is None:
            raise LinkError("dnsFailure", f"{link.host} is unknown")
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(_TIMEOUT):
                reader, opened = await asyncio.open_connection(
                    address, link.port, ssl=context, server_hostname=link.host
                )
            writer = opened
            presented = opened.get_extra_info("ssl_object").getpeercert(binary_form=True)
            leaf = x509.load_der_x509_certificate(presented)
            if not certs.host_matches(leaf, link.host, str(link.callbridge.sw["c2w_host_check"])):
                raise LinkError("tlsNegotiationFailure", f"the certificate is not for {link.host}")
            async with asyncio.timeout(_TIMEOUT):
                greeting = await reader.read(4)
            if greeting != b"C2W\n":
                raise LinkError("tlsNegotiationFailure", "the Web Bridge refused the Call Bridge's certificate")
            return reader, opened
        except LinkError:
            await _close(writer)
            raise
        except ssl.SSLCertVerificationError as exc:
            raise LinkError("tlsNegotiationFailure", f"Web Bridge certificate: {exc.verify_message}") from exc
        except ssl.SSLError as exc:
            await _close(writer)
            raise LinkError("tlsNegotiationFailure", f"the Web Bridge refused: {exc.reason}") from exc
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as exc:
            await _close(writer)
            raise LinkError("connectFailure", type(exc).__name__) from exc

    async def _keep(self, link: Link) -> None:
        while not self._world.stopping:
            link.kick.clear()
            callbridge = link.callbridge.callbridge
            if callbridge is None or not callbridge.running:
                link.change("unused", LinkError("callBridgeNotRunning", "the Call Bridge is not running"))
                await link.kick.wait()
                continue
            begin = time.monotonic()
            try:
                async with self._gate:
                    reader, writer = await self.connect(link)
            except LinkError as exc:
                link.change("connectionFailure", exc, begin)
                with contextlib.suppress(asyncio.TimeoutError):
                    async with asyncio.timeout(_RETRY):
                        await link.kick.wait()
                continue
            link.change("success", None, begin)
            closed = asyncio.ensure_future(reader.read())
            kicked = asyncio.ensure_future(link.kick.wait())
            try:
                await asyncio.wait({closed, kicked}, return_when=asyncio.FIRST_COMPLETED)
                if closed.done():
                    closed.exception()
                    link.change(
                        "connectionFailure", LinkError("connectFailure", "the Web Bridge closed the connection")
                    )
            finally:
                closed.cancel()
                kicked.cancel()
                await _close(writer)

    # --- the prober --------------------------------------------------------------------------------------------------
    async def probe(self, link: Link) -> dict[str, Any]:
        """One fresh handshake, counted; a failure is logged."""
        begin = time.monotonic()
        result: dict[str, Any] = {
            "callbridge": link.callbridge.name,
            "url": link.url,
            "ok": True,
            "reason": "",
            "detail": "",
        }
        other = link.webbridge
        result["webbridge"] = other.name if other else None
        try:
            _reader, writer = await self.connect(link)
        except LinkError as exc:
            link.probe_failed(exc, begin, time.monotonic())
            result.update(ok=False, reason=exc.reason, detail=exc.detail)
        else:
            link.probes_ok += 1
            await _close(writer)
        return result

    async def _probe_all(self) -> None:
        interval = self._world.config.probe_ms / 1000
        while not self._world.stopping:
            links = self.links()
            begin = time.monotonic()
            for link in links:
                await self.probe(link)
                await asyncio.sleep(max(0.9 * interval / len(links), 0.015))
            await asyncio.sleep(max(interval - (time.monotonic() - begin), 0.02))

    def start(self) -> None:
        """Make the links and start probing."""
        self._started = True
        self.sync()
        if self._world.config.probe_ms > 0:
            self._prober = asyncio.get_running_loop().create_task(self._probe_all())

    async def stop(self) -> None:
        """End everything."""
        tasks = [task for _link, task in self._links.values()]
        if self._prober is not None:
            tasks.append(self._prober)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._links.clear()


async def _close(writer: asyncio.StreamWriter | None) -> None:
    if writer is None:
        return
    writer.transport.abort()
    await asyncio.sleep(0)
