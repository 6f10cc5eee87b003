# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is linked to whom, and what counts as one cluster."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._fleet import topology
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.topology import Topology
from tests.unit.plugins.plugin_utils.fleet.kit import OLD, Fleet, standard


def build(fleet: Fleet, **options: Any) -> Topology:
    return topology.build(fleet.given(**options))


def pairs(found: Topology) -> set[tuple[str, str]]:
    return {(link.verifier, link.presenter) for link in found.links}


def test_every_call_bridge_is_linked_both_ways_to_every_registered_web_bridge() -> None:
    found = build(standard())
    wanted = {(f"core{c}", f"edge{e}") for c in (1, 2, 3) for e in (1, 2)}
    assert pairs(found) == wanted | {(edge, core) for core, edge in wanted}
    assert len(found.links) == 12
    assert {link.via for link in found.links} == {"core1", "core2", "core3"}
    assert {link.before for link in found.links} == {"success"}
    assert set(found.clusters.values()) == {0}


def test_only_the_call_bridge_checks_a_name() -> None:
    found = build(standard())
    assert {link.dialled for link in found.links if link.kind.verifier == "callbridge"} == {
        "edge1.example.com",
        "edge2.example.com",
    }
    assert {link.dialled for link in found.links if link.kind.verifier == "webbridge3"} == {None}


def test_a_registration_for_one_call_bridge_links_only_that_one() -> None:
    fleet = standard()
    fleet.clusters[0].registrations[1]["call_bridge"] = "cb-core2"
    found = pairs(build(fleet))
    assert ("core2", "edge2") in found
    assert ("core1", "edge2") not in found
    assert ("core1", "edge1") in found


def test_a_registration_for_a_group_links_its_members_and_those_whose_group_is_unknown() -> None:
    fleet = standard()
    given = fleet.given()
    for host in given.hosts.values():
        api = (host.survey or {})["api"]
        for entry in api["call_bridges"]:
            entry["group"] = {"core1": "one", "core2": "two"}.get(entry["name"])
        for entry in api["web_bridges"]:
            entry["call_bridge_group"] = "one"
    found = pairs(topology.build(given))
    assert ("core1", "edge1") in found
    assert ("core2", "edge1") not in found
    assert ("core3", "edge1") in found


def test_a_call_bridge_without_api_is_linked_as_its_peers_say_and_cannot_be_proven() -> None:
    fleet = standard()
    fleet.nodes["core2"].api = "unauthorized"
    found = build(fleet)
    assert len(found.links) == 12
    assert found.blind == []
    assert {link.via for link in found.links if "core2" in (link.verifier, link.presenter)} == {None}


def test_without_any_api_call_bridges_are_linked_to_all_web_bridges_of_their_cluster() -> None:
    fleet = standard()
    for node in fleet.nodes.values():
        node.api = "unavailable"
    fleet.add("other", ("webbridge3",), variables={"cms_cluster": "lab"})
    found = build(fleet)
    assert found.blind == ["core1", "core2", "core3"]
    assert len(found.links) == 12
    assert found.clusters["other"] != found.clusters["edge1"]


@pytest.mark.parametrize(
    "host", ["EDGE1.example.com", "edge1", "10.0.0.4", "join.example.com"], ids=["fqdn", "name", "address", "variable"]
)
def test_a_registration_finds_its_web_bridge(host: str) -> None:
    fleet = standard()
    fleet.nodes["edge1"].variables["cms_c2w_names"] = ["Join.example.com"]
    fleet.clusters[0].registrations[0].update(host=host.lower(), url=f"c2w://{host}:9999")
    found = build(fleet)
    assert ("core1", "edge1") in pairs(found)
    assert not found.foreign_urls


def test_a_registration_finds_its_web_bridge_by_a_name_in_its_certificate() -> None:
    fleet = standard()
    fleet.give("edge1", "webbridge3_c2w", OLD, names=("edge1.example.com", "join.example.com"))
    fleet.clusters[0].registrations[0].update(host="join.example.com", url="c2w://join.example.com:9999")
    assert ("core1", "edge1") in pairs(build(fleet))


def test_a_name_that_several_certificates_share_tells_nothing() -> None:
    fleet = standard()
    for edge in ("edge1", "edge2"):
        fleet.give(edge, "webbridge3_c2w", OLD, names=("join.example.com",))
    fleet.clusters[0].registrations[0].update(host="join.example.com", url="c2w://join.example.com:9999")
    found = build(fleet)
    assert {url for _core, url in found.foreign_urls} == {"c2w://join.example.com:9999"}


def test_registrations_of_older_kinds_are_no_links() -> None:
    fleet = standard()
    fleet.clusters[0].registrations[0].update(url="https://edge1.example.com:443")
    assert ("core1", "edge1") not in pairs(build(fleet))


def test_clusters_that_share_nothing_are_apart() -> None:
    fleet = Fleet(OLD)
    for letter in "ab":
        fleet.add(f"{letter}core1", ("webadmin", "callbridge"))
        fleet.add(f"{letter}core2", ("webadmin", "callbridge"))
        fleet.cluster([f"{letter}core1", f"{letter}core2"], [])
    found = build(fleet)
    assert found.cluster_of("acore1") == ["acore1", "acore2"]
    assert found.clusters["acore1"] != found.clusters["bcore1"]


def test_a_label_ties_nodes_together() -> None:
    fleet = Fleet(OLD)
    for name, label in (("turn1", "x"), ("turn2", "x"), ("turn3", "y")):
        fleet.add(name, ("turn",), variables={"cms_cluster": label})
    found = build(fleet)
    assert found.cluster_of("turn1") == ["turn1", "turn2"]


def test_s6_without_groups_all_nodes_of_a_service_are_one_group() -> None:
    fleet = Fleet(OLD)
    for name in ("turn1", "turn2"):
        fleet.add(name, ("turn",))
    assert build(fleet).cluster_of("turn1") == ["turn1", "turn2"]


def test_the_same_links_come_in_the_same_order() -> None:
    fleet = standard()
    first = [link.id for link in build(fleet).links]
    fleet.nodes = dict(reversed(fleet.nodes.items()))
    assert [link.id for link in build(fleet).links] == first == sorted(first)
