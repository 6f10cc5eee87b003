# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All links of a fleet on paper, worked out from what its nodes are set to, and judged by signatures, names and dates.

Nothing here is the planner's: who is linked to whom is written from the reference (rollout rules, 8.2).
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator

from ansible_collections.certops.cms.plugins.plugin_utils._pki import certs
from tests.unit.plugins.plugin_utils.fleet.kit import NEW, NOW, OLD, Authority, Fleet, Node
from tests.unit.plugins.plugin_utils.fleet.paper import load, verifies


@dataclasses.dataclass(frozen=True)
class Line:
    """Who verifies, by which trust, what whom presents, and the name that must be in it."""

    verifier: str
    trust: tuple[str, str]
    presenter: str
    slot: str
    name: str | None = None
    exact: bool = False


def lines(fleet: Fleet) -> Iterator[Line]:
    """Every link that is verified as things run now."""
    for cluster in fleet.clusters:
        edges = [node for node in fleet.nodes.values() if node.fqdn in {e["host"] for e in cluster.registrations}]
        for core in cluster.cores:
            for edge in edges:
                for service in ("callbridge", "scheduler"):
                    if service in fleet.nodes[core].services:
                        slot = {"callbridge": "callbridge", "scheduler": "scheduler_c2w"}[service]
                        yield Line(core, (service, "c2w"), edge.name, "webbridge3_c2w", edge.fqdn)
                        yield Line(edge.name, ("webbridge3", "c2w"), core, slot)
            if fleet.nodes[core].trusting.get(("callbridge", "cluster")):
                for other in cluster.cores:
                    if other != core:
                        yield Line(core, ("callbridge", "cluster"), other, "webadmin", fleet.nodes[other].fqdn, True)
    for core in fleet.nodes.values():
        for media in fleet.nodes.values():
            for service in ("recorder", "streamer"):
                if "callbridge" in core.services and service in media.services:
                    if core.sip_verify != "disabled":
                        yield Line(core.name, ("callbridge", "sip"), media.name, service)
                    if media.sip_verify != "disabled":
                        yield Line(media.name, (service, "sip"), core.name, "callbridge")
        if core.uploads_to and core.trusting.get(("uploader", "cms")):
            (named,) = (node.name for node in fleet.nodes.values() if node.fqdn == core.uploads_to)
            yield Line(core.name, ("uploader", "cms"), named, "webadmin")


def holds(fleet: Fleet, line: Line, now: datetime.datetime = NOW) -> bool:
    """Say whether a link comes up."""
    shown = fleet.nodes[line.presenter].running.get(line.slot) or []
    if not verifies(shown, fleet.nodes[line.verifier].trusting.get(line.trust, []), now):
        return False
    if line.name is None:
        return True
    if line.exact:
        return line.name in {name.lower() for name in certs.describe(load(shown[0]))["dns"]}
    return bool(certs.matches_name(load(shown[0]), line.name))


def broken(fleet: Fleet) -> list[Line]:
    """The links that are down."""
    return [line for line in lines(fleet) if not holds(fleet, line)]


def whole(
    cores: int = 2,
    edges: int = 2,
    ca: Authority = OLD,
    issuer: Authority | None = NEW,
    ends: int = 9,
    together: bool = False,
    cluster: bool = True,
    sip: bool = True,
) -> Fleet:
    """A fleet with every service and every link, all from ``ca``; ``together`` puts what speaks SIP on one node."""
    fleet = Fleet(issuer)
    names = [f"core{number}" for number in range(1, cores + 1)]
    for name in names:
        fleet.add(name, ("webadmin", "callbridge", "scheduler"), ca, ends)
    for number in range(1, edges + 1):
        fleet.add(f"edge{number}", ("webbridge3", "turn"), ca, ends)
    media = [("rec1", ("recorder", "streamer"))] if together else [("rec1", ("recorder",)), ("str1", ("streamer",))]
    for name, services in media:
        fleet.add(name, services, ca, ends)
    fleet.add("app1", ("meetingapps",), ca, ends)
    fleet.add("up1", ("uploader",), ca, ends, uploads_to=fleet.nodes["core1"].fqdn)
    fleet.trust("up1", "uploader", *ca.pems[-1:], trust="cms")
    fleet.cluster(names, [f"edge{number}" for number in range(1, edges + 1)])
    for name in names if cluster else ():
        fleet.trust(name, "callbridge", *ca.pems[-1:], trust="cluster")
    for name in [*names, *(name for name, _services in media)] if sip else ():
        fleet.verify_sip(name, *ca.pems[-1:])
    assert not broken(fleet)
    return fleet


def pin(fleet: Fleet) -> None:
    """Let every trust hold the very leaves it is shown today, and no CA (guide 1.2.5)."""
    held: dict[tuple[str, tuple[str, str]], list[str]] = {}
    for line in lines(fleet):
        leaf = fleet.nodes[line.presenter].running[line.slot][0]
        held.setdefault((line.verifier, line.trust), []).append(leaf)
    for (name, (service, trust)), leaves in held.items():
        node: Node = fleet.nodes[name]
        file = f"{service}-{trust}-pins.pem" if trust != "sip" else "sip-pins.pem"
        known = node.files[file].pems if file in node.files else []
        node.put(file, "certificate", *dict.fromkeys([*known, *leaves]))
        node.trusts[service, trust] = file
    for node in fleet.nodes.values():
        if node.sip_verify != "disabled":
            for service in ("callbridge", "recorder", "streamer"):
                if service in node.services:
                    node.trusts[service, "sip"] = "sip-pins.pem"
        node.reboot()
    assert not broken(fleet)
