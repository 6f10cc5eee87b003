# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links: real TLS connections that are kept, and a prober that makes fresh ones; ``link_kinds`` says which."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from cryptography import x509

from .link_kinds import KINDS, Cache, LinkError, LinkKind, Target, name_fits
from .node import Node
from .outsiders import OutsideLink, Outsider

if TYPE_CHECKING:
    from .world import World

_TIMEOUT = 5.0
_RETRY = 0.3


class Link:
    """One connection of one kind: a client that dials, and the server behind the name as far as the fleet knows it."""

    def __init__(self, world: World, kind: LinkKind, client: Node | Outsider, target: Target) -> None:
        host, port = target.place
        self.tls = kind
        self.kind = kind.name
        self.client = client
        self.id = target.id
        self.url = target.url
        self.host = host
        self.port = port or kind.port
        self.server_service = target.service or kind.server_service
        self.server = world.behind(self.host, self.port)
        self.status = "unused"
        self.reason = ""
        self.detail = ""
        self.since = time.time()
        self.was_up = False
        self.counts: Counter[str] = Counter()
        self.kick = asyncio.Event()
        self._last_failure = ("", 0.0)

    @property
    def server_name(self) -> str | None:
        """The node or outsider that is dialled."""
        return self.server.name if self.server is not None else None

    def excused(self, begin: float, end: float) -> bool:
        """Whether a failure between these moments falls into a restart of either end, or a command switched it off."""
        for node, name in ((self.client, self.tls.client_service), (self.server, self.server_service)):
            if not isinstance(node, Node):
                continue
            service = node.services.get(name)
            if node.in_window(begin, end) or (service is not None and service.off_by_command):
                return True
        return False

    def _event(self, event: str, **fields: Any) -> None:
        self.client.event(event, link=self.kind, server=self.server_name or self.host, url=self.url, **fields)

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
        excused = self.excused(begin, end)
        self.counts["probes_failed"] += 1
        if not excused:
            self.counts["probes_failed_outside_restart"] += 1
            self.counts["probes_failed_before_first_success"] += not self.was_up
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
        return {
            "kind": self.kind,
            "client": self.client.name,
            "server": self.server_name,
            "id": self.id,
            "url": self.url,
            "status": self.status,
            "reason": self.reason,
            "detail": self.detail,
            "since": round(self.since, 3),
            **{name: self.counts[name] for name in COUNTS},
        }


#: What is counted for each link, and for the fleet.
COUNTS = (
    "probes_ok",
    "probes_failed",
    "probes_failed_outside_restart",
    "probes_failed_before_first_success",
)


class LinkKeeper:
    """Keeps the connections of a whole fleet."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kinds = {name: kind for name, kind in KINDS.items() if name in world.config.links}
        if "outside" in world.config.links:
            self._kinds["outside"] = OutsideLink()
        self._links: dict[tuple[str, str, str, str], tuple[Link, asyncio.Task[None]]] = {}
        self._contexts: Cache = {}
        self._gone: dict[str, Counter[str]] = {}
        self._prober: asyncio.Task[None] | None = None
        self._started = False
        # A large fleet does not shake hands all at once, and its Web Bridges come first.
        self._gates = {name: asyncio.Semaphore(8) if name == "c2w" else asyncio.Semaphore(2) for name in self._kinds}
        world.links_changed = self.changed
        world.links_of = self.links_of

    # --- the set of links --------------------------------------------------------------------------------------------
    def sync(self) -> None:
        """Make the links what the registrations say; one that nobody configured yet comes when both ends are."""
        wanted: dict[tuple[str, str, str, str], tuple[LinkKind, Target]] = {}
        for kind in self._kinds.values():
            for target in kind.targets(self._world):
                wanted[kind.name, target.client, target.id, target.url] = (kind, target)
        for key in [key for key in self._links if key not in wanted]:
            link, task = self._links.pop(key)
            task.cancel()
            self._gone.setdefault(link.kind, Counter()).update(link.counts)
        for key, (kind, target) in wanted.items():
            if key not in self._links and target.ready:
                link = Link(self._world, kind, self._world.end(target.client), target)
                self._links[key] = (link, asyncio.get_running_loop().create_task(self._keep(link)))

    def changed(self, node: str, service: str) -> None:
        """A service came or went, or the database changed: its own links are made anew, broken ones to it tried."""
        if self._world.stopping or not self._started:
            return
        self.sync()
        for link, _task in self._links.values():
            own = link.client.name == node and link.tls.client_service == service
            other = link.server_name == node and link.server_service == service
            if own or (other and link.status != "success"):
                link.kick.set()

    def links_of(self, node: str) -> list[Link]:
        """Links that one node dials."""
        return [link for link, _task in self._links.values() if link.client.name == node]

    def links(self, kind: str | None = None) -> list[Link]:
        """All links, or those of one kind."""
        return [link for link, _task in self._links.values() if kind in (None, link.kind)]

    def counters(self) -> dict[str, dict[str, int]]:
        """Kind -> links, links that are up, and what was counted, links that are gone included."""
        result = {}
        for name in self._kinds:
            links = self.links(name)
            counts = sum((link.counts for link in links), Counter(self._gone.get(name, Counter())))
            up = sum(link.status == "success" for link in links)
            result[name] = {"links": len(links), "up": up, **{count: counts[count] for count in COUNTS}}
        return result

    # --- one connection ----------------------------------------------------------------------------------------------
    async def connect(self, link: Link) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A fresh handshake; LinkError says why it failed."""
        context, rule = link.tls.tls(link.client, self._contexts)
        address = self._world.resolve(link.host)
        title = link.tls.title
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
            if not name_fits(x509.load_der_x509_certificate(presented), link.host, rule):
                raise LinkError("tlsNegotiationFailure", f"the certificate is not for {link.host}")
            async with asyncio.timeout(_TIMEOUT):
                taken = await link.tls.greet(reader, opened, link.url)
            if not taken:
                raise LinkError("tlsNegotiationFailure", f"the {title} refused the certificate of {link.client.name}")
            return reader, opened
        except LinkError:
            await _close(writer)
            raise
        except ssl.SSLCertVerificationError as exc:
            raise LinkError("tlsNegotiationFailure", f"{title} certificate: {exc.verify_message}") from exc
        except ssl.SSLError as exc:
            await _close(writer)
            raise LinkError("tlsNegotiationFailure", f"the {title} refused: {exc.reason}") from exc
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as exc:
            await _close(writer)
            raise LinkError("connectFailure", type(exc).__name__) from exc

    async def _keep(self, link: Link) -> None:
        while not self._world.stopping:
            link.kick.clear()
            if not link.tls.runs(link.client):
                try:
                    link.tls.tls(link.client, self._contexts)
                except LinkError as exc:
                    link.change("unused", exc)
                await link.kick.wait()
                continue
            begin = time.monotonic()
            try:
                async with self._gates[link.kind]:
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
                    error = LinkError("connectFailure", f"the {link.tls.title} closed the connection")
                    link.change("connectionFailure", error)
            finally:
                closed.cancel()
                kicked.cancel()
                await _close(writer)

    # --- the prober --------------------------------------------------------------------------------------------------
    async def probe(self, link: Link) -> dict[str, Any]:
        """One fresh handshake, counted; a failure is logged."""
        begin = time.monotonic()
        result: dict[str, Any] = {
            "kind": link.kind,
            "client": link.client.name,
            "server": link.server_name,
            "url": link.url,
            "ok": True,
            "reason": "",
            "detail": "",
        }
        try:
            _reader, writer = await self.connect(link)
        except LinkError as exc:
            link.probe_failed(exc, begin, time.monotonic())
            result.update(ok=False, reason=exc.reason, detail=exc.detail)
        else:
            link.counts["probes_ok"] += 1
            await _close(writer)
        return result

    async def _probe_all(self) -> None:
        """Every interval the links to Web Bridges, and a third of the others: those break less often."""
        interval = self._world.config.probe_ms / 1000
        turn = 0
        while not self._world.stopping:
            others = [link for link in self.links() if link.kind != "c2w"]
            links = self.links("c2w") + (others[turn % 3 :: 3] if len(others) > 3 else others)
            turn += 1
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
