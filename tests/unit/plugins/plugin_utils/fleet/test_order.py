# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of restarts as such: trust comes before identity, and nothing is split that need not be."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._fleet import order
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.order import Change, Unit
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.topology import Topology
from ansible_collections.certops.cms.plugins.plugin_utils._services import catalogue

Place = tuple[str, str]
SERVICES = ("callbridge", "webbridge3")
PLACES = [(f"n{number}", service) for number in (1, 2, 3) for service in SERVICES]


@st.composite
def change_sets(draw: st.DrawFn) -> list[Change]:
    """Any few services of any few nodes, with any needs, of themselves and in circles too."""
    places = draw(st.lists(st.sampled_from(PLACES), unique=True, min_size=1, max_size=5))
    found = []
    for place in places:
        trust, identity = draw(st.sampled_from([(True, False), (False, True), (True, True)]))
        needs = draw(st.sets(st.sampled_from(PLACES), max_size=4)) if identity else set()
        found.append(Change(*place, trust=trust, identity=identity, needs=needs))
    return found


def cost(units: list[Unit]) -> list[int]:
    """What the restarts hurt, worst first."""
    return sorted((catalogue.BY_NAME[unit.service].hurt for unit in units), reverse=True)


def can_be_ordered(changes: list[Change], split: set[Place]) -> bool:
    """Say whether an order exists when exactly these services restart twice (looked for from scratch)."""
    nodes: dict[tuple[Place, str], set[tuple[Place, str]]] = {}

    def holder(place: Place, part: str) -> tuple[Place, str]:
        return (place, part) if place in split else (place, "")

    by_place = {(change.host, change.service): change for change in changes}
    for place, change in by_place.items():
        for part, there in (("T", change.trust), ("I", change.identity)):
            if there:
                nodes.setdefault(holder(place, part), set())
    for place, change in by_place.items():
        if change.identity:
            needed = {holder(other, "T") for other in change.needs if other in by_place and by_place[other].trust}
            nodes[holder(place, "I")] |= needed - {holder(place, "I")}
    while nodes:
        free = [key for key, after in nodes.items() if not after & nodes.keys()]
        if not free:
            return False
        for key in free:
            del nodes[key]
    return True


@given(change_sets())
def test_s5_every_presenter_comes_after_the_trust_of_its_verifiers(changes: list[Change]) -> None:
    units = order.units(changes)
    trust = {(u.host, u.service): u for u in units if "T" in u.part}
    identity = {(u.host, u.service): u for u in units if "I" in u.part}
    for change in changes:
        place = (change.host, change.service)
        for needed in change.needs & trust.keys() if change.identity else ():
            if trust[needed] is not identity[place]:
                assert trust[needed].level < identity[place].level
                assert trust[needed].key in identity[place].after


@given(change_sets())
def test_everything_happens_once(changes: list[Change]) -> None:
    units = order.units(changes)
    done = sorted((u.host, u.service, part) for u in units for part in u.part)
    wanted = sorted(
        (c.host, c.service, part) for c in changes for part, there in (("T", c.trust), ("I", c.identity)) if there
    )
    assert done == wanted


@given(change_sets())
def test_s6_a_service_restarts_at_most_once_in_a_round(changes: list[Change]) -> None:
    units = order.units(changes)
    places = [(unit.host, unit.service, unit.level) for unit in units]
    assert len(places) == len(set(places))


@given(change_sets())
def test_nothing_is_split_without_need(changes: list[Change]) -> None:
    units = order.units(changes)
    count = {place: sum(1 for u in units if (u.host, u.service) == place) for place in PLACES}
    split = {place for place, number in count.items() if number > 1}
    assert can_be_ordered(changes, split)
    for place in split:
        assert not can_be_ordered(changes, split - {place})


@given(change_sets())
def test_the_same_changes_in_another_order_give_the_same_units(changes: list[Change]) -> None:
    def plain(units: list[Unit]) -> list[tuple[order.UnitKey, int, list[order.UnitKey]]]:
        return [(unit.key, unit.level, sorted(unit.after)) for unit in units]

    assert plain(order.units(changes)) == plain(order.units(list(reversed(changes))))


def c2w(bridges: int, webs: int, web_also_identity: bool = True, bridge_also_identity: bool = True) -> list[Change]:
    """All Call Bridges and Web Bridges of a cluster, each verifying each (guide 4.5)."""
    cores = [(f"core{n}", "callbridge") for n in range(bridges)]
    edges = [(f"edge{n}", "webbridge3") for n in range(webs)]
    found = [Change(*core, trust=web_also_identity, identity=bridge_also_identity, needs=set(edges)) for core in cores]
    found += [Change(*edge, trust=bridge_also_identity, identity=web_also_identity, needs=set(cores)) for edge in edges]
    return found


def test_a_new_root_restarts_call_bridges_once_and_web_bridges_twice() -> None:
    for bridges, webs in itertools.product((1, 2, 5), repeat=2):
        units = order.units(c2w(bridges, webs))
        assert cost(units) == [90] * bridges + [40] * (2 * webs)
        assert [u.level for u in units if u.service == "callbridge"] == [1] * bridges


def test_one_sided_changes_restart_everything_once() -> None:
    assert cost(order.units(c2w(3, 2, web_also_identity=False))) == [90] * 3 + [40] * 2
    assert cost(order.units(c2w(3, 2, bridge_also_identity=False))) == [90] * 3 + [40] * 2


def test_call_bridges_that_verify_each_other_restart_twice() -> None:
    cores = [(f"core{n}", "callbridge") for n in range(3)]
    units = order.units([Change(*core, trust=True, identity=True, needs=set(cores) - {core}) for core in cores])
    # The last one may carry both: when it switches, all others trust it already, and it trusts them.
    assert len(units) == 5
    assert {unit.level for unit in units if unit.part == "T"} == {0}


def test_a_split_that_a_later_one_makes_needless_is_taken_back() -> None:
    core2, core3, edge2 = ("core2", "callbridge"), ("core3", "callbridge"), ("edge2", "webbridge3")
    units = order.units(
        [
            Change(*core2, trust=True, identity=True, needs={edge2, core3}),
            Change(*core3, trust=True, identity=True, needs={core2}),
            Change(*edge2, trust=True, identity=True, needs={core2}),
        ]
    )
    assert [(unit.host, unit.part) for unit in units if unit.part != "TI"] == [("core2", "T"), ("core2", "I")]


def test_a_node_that_verifies_itself_needs_one_restart() -> None:
    units = order.units([Change("core1", "callbridge", True, True, {("core1", "callbridge")})])
    assert [unit.part for unit in units] == ["TI"]


def test_what_no_link_ties_joins_the_last_round_its_node_is_in() -> None:
    changes = [*c2w(1, 1), Change("core0", "webadmin", identity=True), Change("edge0", "turn", identity=True)]
    level = {(unit.service, unit.part): unit.level for unit in order.units(changes)}
    assert level["webadmin", "I"] == level["callbridge", "TI"] == 1
    assert level["turn", "I"] == level["webbridge3", "I"] == 2


def topology_of(clusters: dict[str, int]) -> Topology:
    return Topology([], clusters, [], [])


@given(st.lists(st.integers(min_value=0, max_value=4), min_size=1, max_size=12), st.booleans())
def test_s19_no_two_nodes_of_a_wave_share_a_cluster(numbers: list[int], canary: bool) -> None:
    clusters = {f"n{index}": number for index, number in enumerate(numbers)}
    hosts, sizes = order.waves(list(clusters), topology_of(clusters), canary)
    assert sorted(hosts) == sorted(clusters)
    assert sum(sizes) == len(hosts)
    assert hosts[0] == "n0"
    if canary:
        assert sizes[0] == 1
    start = 0
    for size in sizes:
        wave = [clusters[host] for host in hosts[start : start + size]]
        assert len(set(wave)) == len(wave)
        start += size


@given(st.lists(st.integers(min_value=0, max_value=3), min_size=1, max_size=10))
def test_nodes_of_a_cluster_keep_their_order(numbers: list[int]) -> None:
    clusters = {f"n{index}": number for index, number in enumerate(numbers)}
    hosts, _sizes = order.waves(list(clusters), topology_of(clusters), canary=True)
    for number in set(numbers):
        members = [host for host in clusters if clusters[host] == number]
        assert [host for host in hosts if clusters[host] == number] == members
