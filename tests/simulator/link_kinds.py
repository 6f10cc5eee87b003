# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of links: who dials whom, with which certificate, what the dialling side verifies, and when it may say so.

What the answering side verifies is its listener's business (``mutual_server``). One class a kind; ``links`` does what
is the same for all.
"""

from __future__ import annotations

import abc
import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from . import certs
from .listeners import load_pair
from .node import Node

if TYPE_CHECKING:
    from .outsiders import Outsider
    from .services.snapshot import Snapshot
    from .world import World


#: Client and kind -> what the client had loaded, its switches, and the TLS context that follows from them.
Cache = dict[tuple[str, str], tuple[Any, ...]]
#: A TLS context, and how the name is looked for.
Tls = tuple[ssl.SSLContext, str | None]

OPTIONS = b"OPTIONS sip:ping SIP/2.0\r\nContent-Length: 0\r\n\r\n"


class LinkError(Exception):
    """A connection that did not come about: the API's word for it, and the detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Target:
    """Something to dial: the API's id or a name, and where.

    ``ready`` says whether both ends are configured by now, ``service`` which one answers where the kind does not.
    """

    client: str
    id: str
    url: str
    ready: bool = True
    service: str = ""

    @property
    def place(self) -> tuple[str, int | None]:
        """Host and port of the URL."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port


class LinkKind(abc.ABC):
    """One kind of link; the class attributes name the services at its ends."""

    name: ClassVar[str]
    client_service: ClassVar[str]
    server_service: ClassVar[str]
    port: ClassVar[int] = 443
    #: What the answering side is called in a reason.
    title: ClassVar[str]
    #: Switches that a TLS context depends on, beside what the client has loaded.
    switches: ClassVar[tuple[str, ...]] = ()

    @abc.abstractmethod
    def targets(self, world: World) -> Iterator[Target]:
        """Every connection that the registrations ask for."""

    @abc.abstractmethod
    def context(self, node: Node, active: Snapshot) -> ssl.SSLContext:
        """The client's TLS: its pair and what it verifies against; LinkError when it has not got what it takes."""

    def name_rule(self, node: Node, active: Snapshot) -> str | None:
        """How the name is looked for in the certificate: san_then_cn, san_or_cn, exact; None when it is not."""
        return None

    async def greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str) -> bool:
        """Hear whether the other side takes this client; it is asked where the other side verifies it."""
        return True

    def tls(self, client: Node | Outsider, cache: Cache) -> Tls:
        """The TLS context for the next handshake, kept while nothing changed, and the rule for the name."""
        node = self.node_of(client)
        active = self.active(node)
        state = (active, *(node.sw[name] for name in self.switches))
        known = cache.get((node.name, self.name))
        if known is None or known[0] is not active or known[1:-1] != state[1:]:
            known = cache[node.name, self.name] = (*state, self.context(node, active))
        return known[-1], self.name_rule(node, active)

    def node_of(self, client: Node | Outsider) -> Node:
        """The client as a node of the fleet."""
        if not isinstance(client, Node):
            raise TypeError(f"{client.name} is no node")
        return client

    def runs(self, client: Node | Outsider) -> bool:
        """Whether the dialling service is up."""
        service = self.node_of(client).services.get(self.client_service)
        return service is not None and service.running

    def active(self, node: Node) -> Snapshot:
        """What the dialling service has loaded; LinkError while it does not run."""
        service = node.services.get(self.client_service)
        if service is None or not service.running or service.active is None:
            title = "Call Bridge" if self.client_service == "callbridge" else self.client_service
            word = "callBridgeNotRunning" if self.client_service == "callbridge" else "notRunning"
            raise LinkError(word, f"the {title} is not running")
        return service.active


def client_context(trust: bytes | None, *, partial: bool = True) -> ssl.SSLContext:
    """A client's context that verifies against these certificates; None verifies nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # names are looked at afterwards, as the node's switches say
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if trust is None:
        context.verify_mode = ssl.CERT_NONE
        return context
    if partial:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if trust:
        context.load_verify_locations(cadata=trust.decode())
    return context


def _present(context: ssl.SSLContext, active: Snapshot, slot: str) -> ssl.SSLContext:
    identity = active.identities.get(slot)
    if identity is not None and identity.usable:
        load_pair(context, identity)
    return context


def _bridges(world: World) -> Iterator[tuple[Node, str, dict[str, Any]]]:
    """Every node with a Call Bridge that is configured, with its own entry in ``callBridges``."""
    for node in world.nodes.values():
        if node.callbridge is not None and node.callbridge.configured:
            entries = world.cluster_of(node).collection("callBridges")
            own = next((i for i, item in entries.items() if item.get("name") == node.name), "")
            yield node, own, entries.get(own, {})


def _web_bridges(world: World) -> Iterator[tuple[Node, str, str]]:
    """Every Call Bridge with the id and URL of each Web Bridge that it is to reach."""
    for node, own, entry in _bridges(world):
        for identifier, item in world.cluster_of(node).collection("webBridges").items():
            url = item.get("url", "")
            if not url.startswith("c2w://"):
                continue
            if item.get("callBridge") and item["callBridge"] != own:
                continue
            if item.get("callBridgeGroup") and item["callBridgeGroup"] != entry.get("callBridgeGroup", ""):
                continue
            yield node, identifier, url


class C2w(LinkKind):
    """A Call Bridge to a registered Web Bridge."""

    name = "c2w"
    client_service = "callbridge"
    server_service = "webbridge3"
    port = 9999
    title = "Web Bridge"
    switches = ("c2w_pinning",)
    identity: ClassVar[str] = "callbridge"

    def targets(self, world: World) -> Iterator[Target]:
        for node, identifier, url in _web_bridges(world):
            yield Target(node.name, identifier, url)

    def context(self, node: Node, active: Snapshot) -> ssl.SSLContext:
        trust = active.trust.get("c2w")
        if trust is None:
            title = "Call Bridge" if self.client_service == "callbridge" else self.client_service
            raise LinkError("tlsNegotiationFailure", f"no C2W trust is set on the {title}")
        context = client_context(trust[1], partial=node.sw.is_("c2w_pinning", "allowed"))
        return _present(context, active, self.identity)

    def name_rule(self, node: Node, active: Snapshot) -> str | None:
        return str(node.sw["c2w_host_check"])

    async def greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str) -> bool:
        return await reader.read(4) == b"C2W\n"


class SchedulerC2w(C2w):
    """A scheduler, which reads the registrations of its Call Bridge, to each of those Web Bridges."""

    name = "scheduler"
    client_service = "scheduler"
    identity = "c2w"

    def targets(self, world: World) -> Iterator[Target]:
        for node, identifier, url in _web_bridges(world):
            scheduler = node.services.get("scheduler")
            if scheduler is not None:
                yield Target(node.name, identifier, url, scheduler.enabled)


class Peer(LinkKind):
    """A Call Bridge to the Web Admin of another one of its cluster, verified where ``callbridge trust cluster`` is."""

    name = "cluster"
    client_service = "callbridge"
    server_service = "webadmin"
    title = "peer's Web Admin"

    def targets(self, world: World) -> Iterator[Target]:
        for node, own, _entry in _bridges(world):
            for identifier, item in world.cluster_of(node).collection("callBridges").items():
                if identifier != own and item.get("address", "").startswith("https://"):
                    yield Target(node.name, identifier, item["address"])

    def context(self, node: Node, active: Snapshot) -> ssl.SSLContext:
        trust = active.trust.get("cluster")
        return client_context(trust[1] if trust else None)

    def name_rule(self, node: Node, active: Snapshot) -> str | None:
        position = node.sw["cluster_name_check"]
        if "cluster" not in active.trust or position == "none":
            return None
        return "exact" if position == "exact" else "san_or_cn"


class SipLink(LinkKind):
    """A Call Bridge to a recorder or streamer of its dial plan; each side verifies where its ``tls sip verify`` is."""

    client_service = "callbridge"
    port = 5061
    switches = ("sip_pinning",)

    def targets(self, world: World) -> Iterator[Target]:
        for node, _own, _entry in _bridges(world):
            for name in world.config.dial_plan.get(node.cfg.cluster, []):
                other = world.nodes[name]
                service = other.services.get(self.server_service)
                if service is None or self.server_service not in other.cfg.services or not other.at_least("3.0"):
                    continue
                url = f"sips://{other.cfg.fqdn}:{other.cfg.ports[self.server_service]}"
                yield Target(node.name, f"{self.name}:{name}", url, service.enabled)

    def context(self, node: Node, active: Snapshot) -> ssl.SSLContext:
        context = client_context(_verified(active, "sip"), partial=node.sw.is_("sip_pinning", "allowed"))
        if active.options.get("sip_min") == "1.3":
            context.minimum_version = ssl.TLSVersion.TLSv1_3
        return _present(context, active, "callbridge")

    def name_rule(self, node: Node, active: Snapshot) -> str | None:
        checked = _verified(active, "sip") is not None and node.sw.is_("sip_host_check", "checked")
        return "san_or_cn" if checked else None

    async def greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str) -> bool:
        return await ask_options(reader, writer)


async def ask_options(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Whether a SIP server answers; one that refuses the certificate hangs up."""
    writer.write(OPTIONS)
    await writer.drain()
    return (await reader.read(512)).startswith(b"SIP/2.0 200")


def _verified(active: Snapshot, kind: str) -> bytes | None:
    """What ``tls <kind>`` has a client verify against; None when it verifies nothing."""
    if active.options.get(f"{kind}_verify", "disable") == "disable":
        return None
    trust = active.trust.get(kind)
    return trust[1] if trust else b""


class RecorderLink(SipLink):
    """To a recorder."""

    name = "recorder"
    server_service = "recorder"
    title = "recorder"


class StreamerLink(SipLink):
    """To a streamer."""

    name = "streamer"
    server_service = "streamer"
    title = "streamer"


class UploaderLink(LinkKind):
    """An uploader to the Web Admin it is told, verified against ``uploader cms trust``."""

    name = "uploader"
    client_service = "uploader"
    server_service = "webadmin"
    title = "Web Admin"

    def targets(self, world: World) -> Iterator[Target]:
        for node in world.nodes.values():
            service = node.services.get("uploader")
            if service is not None and service.active is not None and "cms" in service.active.options:
                yield Target(node.name, "cms", f"https://{service.active.options['cms']}", service.enabled)

    def context(self, node: Node, active: Snapshot) -> ssl.SSLContext:
        trust = active.trust.get("cms")
        return client_context(trust[1] if trust else None)

    def name_rule(self, node: Node, active: Snapshot) -> str | None:
        checked = "cms" in active.trust and node.sw.is_("uploader_host_check", "checked")
        return "san_or_cn" if checked else None


class LdapLink(LinkKind):
    """A Call Bridge to a directory server outside, verified where ``tls ldap verify`` is."""

    name = "ldap"
    client_service = "callbridge"
    server_service = ""
    port = 636
    title = "directory server"
    switches = ("sip_pinning",)

    def targets(self, world: World) -> Iterator[Target]:
        for outsider in world.config.outsiders:
            for name in outsider.dialled_by:
                bridge = world.nodes[name].callbridge
                ready = bridge is not None and bridge.configured
                yield Target(name, f"ldap:{outsider.name}", f"ldaps://{outsider.fqdn}:{outsider.port}", ready)

    def context(self, node: Node, active: Snapshot) -> ssl.SSLContext:
        return client_context(_verified(active, "ldap"), partial=node.sw.is_("sip_pinning", "allowed"))

    def name_rule(self, node: Node, active: Snapshot) -> str | None:
        checked = _verified(active, "ldap") is not None and node.sw.is_("sip_host_check", "checked")
        return "san_or_cn" if checked else None


KINDS: dict[str, LinkKind] = {
    kind.name: kind
    for kind in (C2w(), SchedulerC2w(), Peer(), RecorderLink(), StreamerLink(), UploaderLink(), LdapLink())
}


def name_fits(leaf: Any, host: str, rule: str | None) -> bool:
    """Whether the certificate is for this host under a rule of ``LinkKind.name_rule``."""
    if rule is None:
        return True
    if rule == "exact":
        return certs.host_matches(leaf, host, "san_or_cn", wildcards=False)
    return certs.host_matches(leaf, host, rule)
