# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rollout does, in which order, at which cost, and that no link breaks in any state on the way."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, NEW, OLD, Fleet, standard


def carry_out_watching(fleet: Fleet, plan: dict[str, Any]) -> None:
    """Carry a plan out; after every act no link may be down that was up, not even when that node then reboots."""
    before = fleet.broken()
    for node, what in fleet.carry_out(plan):
        assert fleet.broken() <= before, f"{node}: {what} broke {fleet.broken() - before}"
        if node:
            rebooted = fleet.broken_by_reboot(node)
            assert rebooted <= before, f"a reboot of {node} after '{what}' breaks {rebooted - before}"


def restarts(fleet: Fleet) -> dict[str, dict[str, int]]:
    return {node.name: dict(node.restarts) for node in fleet.nodes.values() if node.restarts}


def positions(plan: dict[str, Any]) -> dict[str, int]:
    """The place of every batch in the order of the plan."""
    order = [b["id"] for entry in plan["rounds"] for host in entry["hosts"] for b in entry["batches"][host]]
    return {ident: number for number, ident in enumerate(order)}


class TestNewRoot:
    """Everything moves from an old CA to another one."""

    @pytest.fixture
    def fleet(self) -> Fleet:
        return standard()

    def test_rounds_come_in_the_order_of_the_flow(self, fleet: Fleet) -> None:
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert kit.rounds(plan) == ["request", "issue", "stage", "widen", "switch", "switch-2"]
        assert [entry["serial"] for entry in plan["rounds"]] == [False, False, False, True, True, True]
        assert plan["changed"]
        assert not kit.errors(plan)

    def test_costs_one_call_bridge_restart_and_two_web_bridge_restarts(self, fleet: Fleet) -> None:
        plan = fleet.plan(accepted_anchors=CONSENT)
        wanted: dict[str, dict[str, int]] = {f"core{n}": {"callbridge": 1, "webadmin": 1} for n in (1, 2, 3)}
        wanted |= {f"edge{n}": {"webbridge3": 2, "turn": 1} for n in (1, 2)}
        assert plan["cost"]["restarts"] == wanted
        fleet.run(plan)
        assert restarts(fleet) == wanted

    def test_s5_no_link_breaks_in_any_state_on_the_way(self, fleet: Fleet) -> None:
        assert not fleet.broken()
        carry_out_watching(fleet, fleet.plan(accepted_anchors=CONSENT))
        assert not fleet.broken()
        assert all(kit.info(n.running["callbridge"][0])["issuer"] == "CN=New Issuing" for n in cores(fleet))

    def test_s5_web_bridges_are_widened_before_any_call_bridge_switches(self, fleet: Fleet) -> None:
        plan = fleet.plan(accepted_anchors=CONSENT)
        place = positions(plan)
        for core in ("core1", "core2", "core3"):
            for edge in ("edge1", "edge2"):
                assert place[f"{edge}/widen/webbridge3"] < place[f"{core}/switch/callbridge"]
                assert place[f"{core}/switch/callbridge"] < place[f"{edge}/switch-2/webbridge3"]

    def test_s5_every_switch_requires_the_widening_of_all_its_verifiers(self, fleet: Fleet) -> None:
        batches = batches_by_id(fleet.plan(accepted_anchors=CONSENT))
        widened = {"edge1/widen/webbridge3", "edge2/widen/webbridge3"}
        switched = {f"core{n}/switch/callbridge" for n in (1, 2, 3)}
        for ident in switched:
            assert widened <= set(batches[ident]["requires"])
        for ident in ("edge1/switch-2/webbridge3", "edge2/switch-2/webbridge3"):
            assert switched <= set(batches[ident]["requires"])

    def test_s6_the_first_node_of_a_trust_change_is_a_canary_all_others_require(self, fleet: Fleet) -> None:
        plan = fleet.plan(accepted_anchors=CONSENT)
        widen, switch = plan["rounds"][3:5]
        for entry, service in ((widen, "webbridge3"), (switch, "callbridge")):
            first, *others = entry["hosts"]
            assert entry["waves"] == [1] * len(entry["hosts"])
            for host in others:
                for batch in entry["batches"][host]:
                    assert f"{first}/{entry['name']}/{service}" in batch["requires"]

    def test_s16_every_trust_file_is_a_superset_of_what_is_trusted_now(self, fleet: Fleet) -> None:
        plan = fleet.plan(accepted_anchors=CONSENT)
        before = {name: copy.deepcopy(node.trusting) for name, node in fleet.nodes.items()}
        fleet.run(plan)
        assert len(plan["trusts"]) == 5
        for node in fleet.nodes.values():
            for key, pems in node.trusting.items():
                assert set(before[node.name][key]) < set(pems)
                assert set(NEW.pems) <= set(pems)

    def test_s13_nothing_is_removed(self, fleet: Fleet) -> None:
        before = {name: set(node.files) for name, node in fleet.nodes.items()}
        plan = fleet.plan(accepted_anchors=CONSENT)
        fleet.run(plan)
        assert not kit.steps(plan, "remove")
        assert all(before[name] <= set(node.files) for name, node in fleet.nodes.items())

    def test_s10_every_restart_is_followed_by_a_proof_of_every_listener_and_link(self, fleet: Fleet) -> None:
        plan = fleet.plan(accepted_anchors=CONSENT)
        for batch in batches_by_id(plan).values():
            kinds = [step["kind"] for step in batch["steps"]]
            if "restart" not in kinds:
                continue
            after = batch["steps"][kinds.index("restart") + 1 :]
            proved = {step["slot"] for step in after if step["kind"] == "prove" and step["proof"] == "tls"}
            assert proved == set(kit.SLOTS[batch["service"]])
            links = [link for step in after if step.get("proof") == "link" for link in step["links"]]
            assert bool(links) == (batch["service"] in ("callbridge", "webbridge3"))

    def test_webadmin_and_turn_are_switched_off_before_their_certificates_are_set(self, fleet: Fleet) -> None:
        for batch in batches_by_id(fleet.plan(accepted_anchors=CONSENT)).values():
            if batch["service"] in ("webadmin", "turn"):
                kinds = [step["kind"] for step in batch["steps"]]
                assert kinds == ["disable", "assign", "restart", "prove"]

    def test_the_next_plan_has_nothing_to_do(self, fleet: Fleet) -> None:
        fleet.run(fleet.plan(accepted_anchors=CONSENT))
        for intent in (kit.SITE, kit.RENEW):
            plan = fleet.plan(intent)
            assert not plan["changed"]
            assert not plan["rounds"]
            assert not plan["findings"]

    def test_the_same_holds_when_the_new_ca_does_not_exist_yet(self) -> None:
        fleet = standard(issuer=None)
        fleet.add_issuer("internal", NEW, exists=False)
        for node in fleet.nodes.values():
            node.variables["cms_issuer"] = "internal"
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert all(change["add"] == ["issuer:internal"] for change in plan["trusts"])
        carry_out_watching(fleet, plan)
        assert plan["cost"]["restarts"]["core1"]["callbridge"] == 1
        assert plan["cost"]["restarts"]["edge1"]["webbridge3"] == 2
        assert not fleet.plan()["changed"]


class TestSameCa:
    """A renewal under a CA that everybody trusts."""

    def test_costs_one_restart_each_and_changes_no_trust(self) -> None:
        fleet = standard(issuer=OLD)
        plan = fleet.plan(kit.RENEW)
        assert kit.rounds(plan) == ["request", "issue", "stage", "switch"]
        assert not plan["trusts"]
        assert not plan["external_verifiers"]
        carry_out_watching(fleet, plan)
        assert restarts(fleet)["core1"] == {"callbridge": 1, "webadmin": 1}
        assert restarts(fleet)["edge1"] == {"webbridge3": 1, "turn": 1}

    def test_a_new_intermediate_under_the_same_root_changes_no_trust(self) -> None:
        fleet = standard(issuer=OLD.intermediate("Second Issuing"))
        plan = fleet.plan(kit.RENEW)
        assert not kit.errors(plan)
        assert not plan["trusts"]
        carry_out_watching(fleet, plan)
        assert restarts(fleet)["edge2"]["webbridge3"] == 1
        assert "Second Issuing" in kit.info(fleet.nodes["edge2"].running["webbridge3_c2w"][1])["subject"]

    def test_a_new_intermediate_where_only_the_old_one_is_trusted_widens(self) -> None:
        first, second = OLD.intermediate("First Issuing"), OLD.intermediate("Second Issuing")
        fleet = standard(ca=first, issuer=second)
        for node in fleet.nodes.values():
            for key in node.trusts:
                fleet.trust(node.name, key[0], first.signer.pem)
        assert not fleet.broken()
        plan = fleet.plan(kit.RENEW)
        assert "widen" in kit.rounds(plan)
        carry_out_watching(fleet, plan)
        assert not fleet.broken()

    def test_pinned_leaves_make_every_renewal_a_trust_change(self) -> None:
        fleet = standard(issuer=OLD)
        bridges = [node.running["callbridge"][0] for node in cores(fleet)]
        webs = [fleet.nodes[name].running["webbridge3_c2w"][0] for name in ("edge1", "edge2")]
        for node in fleet.nodes.values():
            for key in list(node.trusts):
                fleet.trust(node.name, key[0], *(webs if key[0] == "callbridge" else bridges))
        assert not fleet.broken()
        plan = fleet.plan(kit.RENEW)
        assert kit.rounds(plan)[-3:] == ["widen", "switch", "switch-2"]
        carry_out_watching(fleet, plan)
        assert restarts(fleet)["core2"]["callbridge"] == 1
        assert restarts(fleet)["edge2"]["webbridge3"] == 2
        assert not fleet.broken()

    def test_one_due_call_bridge_leaves_everything_else_alone(self) -> None:
        fleet = standard(issuer=OLD, ends=150)
        fleet.give("core2", "callbridge", OLD, ends=5)
        plan = fleet.plan(kit.RENEW)
        assert [identity["id"] for identity in plan["identities"]] == ["core2/callbridge"]
        carry_out_watching(fleet, plan)
        assert restarts(fleet) == {"core2": {"callbridge": 1}}

    def test_one_due_call_bridge_under_a_new_root_widens_web_bridges_only(self) -> None:
        fleet = standard(ends=150)
        fleet.give("core2", "callbridge", OLD, ends=5)
        issuer = fleet.nodes["core2"].variables["cms_issuer"]
        for node in fleet.nodes.values():
            del node.variables["cms_issuer"]
        fleet.nodes["core2"].variables["cms_identities"] = {"callbridge": {"issuer": issuer}}
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert [identity["id"] for identity in plan["identities"]] == ["core2/callbridge"]
        carry_out_watching(fleet, plan)
        assert restarts(fleet) == {
            "core2": {"callbridge": 1},
            "edge1": {"webbridge3": 1},
            "edge2": {"webbridge3": 1},
        }


class TestShapes:
    """Other fleets than core and edge."""

    def test_s5_a_combined_node_keeps_the_order(self) -> None:
        fleet = Fleet(NEW)
        for name in ("all1", "all2"):
            fleet.add(name, ("webadmin", "callbridge", "webbridge3", "turn"))
        fleet.cluster(["all1", "all2"], ["all1", "all2"])
        assert not fleet.broken()
        plan = fleet.plan(accepted_anchors=CONSENT)
        carry_out_watching(fleet, plan)
        assert restarts(fleet)["all1"] == {"webbridge3": 2, "callbridge": 1, "webadmin": 1, "turn": 1}
        assert not fleet.plan()["changed"]

    def test_a_fleet_of_one_node(self) -> None:
        fleet = Fleet(NEW)
        fleet.add("all1", ("webadmin", "callbridge", "webbridge3", "turn"))
        fleet.cluster(["all1"], ["all1"])
        carry_out_watching(fleet, fleet.plan(accepted_anchors=CONSENT))
        assert restarts(fleet)["all1"] == {"webbridge3": 2, "callbridge": 1, "webadmin": 1, "turn": 1}
        assert not fleet.broken()

    def test_s19_waves_hold_one_node_of_each_cluster_after_a_canary(self) -> None:
        fleet = two_clusters()
        plan = fleet.plan(accepted_anchors=CONSENT)
        cluster = {name: name[0] for name in fleet.nodes}
        for entry in plan["rounds"]:
            if not entry["serial"]:
                continue
            assert sum(entry["waves"]) == len(entry["hosts"])
            if any(has(batch, "trust") for batches in entry["batches"].values() for batch in batches):
                assert entry["waves"][0] == 1
                assert any(has(batch, "trust") for batch in entry["batches"][entry["hosts"][0]])
            start = 0
            for size in entry["waves"]:
                wave = entry["hosts"][start : start + size]
                assert len({cluster[name] for name in wave}) == len(wave)
                start += size
        assert max(entry["waves"] for entry in plan["rounds"] if entry["name"] == "switch") >= [1, 2]
        carry_out_watching(fleet, plan)
        assert not fleet.broken()

    def test_s6_the_canary_of_a_round_changes_a_trust_even_where_gentler_services_share_the_round(self) -> None:
        fleet = two_clusters()
        # A TURN server of its own cluster hurts least and changes no trust.
        fleet.add("t1", ("turn",), ends=9)
        plan = fleet.plan(accepted_anchors=CONSENT)
        for entry in plan["rounds"]:
            trusting = [h for h in entry["hosts"] if any(has(b, "trust") for b in entry["batches"][h])]
            if entry["serial"] and trusting:
                assert entry["hosts"][0] in trusting
                assert entry["waves"][0] == 1

    def test_without_api_all_nodes_count_as_one_cluster(self) -> None:
        fleet = two_clusters()
        for node in fleet.nodes.values():
            node.api = "unavailable"
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert all(entry["waves"] == [1] * len(entry["hosts"]) for entry in plan["rounds"] if entry["serial"])
        assert len(plan["links"]) == 2 * 4 * 2
        assert kit.findings(plan, "links-assumed")
        carry_out_watching(fleet, plan)

    def test_unknown_groups_and_turn_only_nodes_go_one_at_a_time(self) -> None:
        fleet = Fleet(OLD)
        for number in (1, 2, 3):
            fleet.add(f"turn{number}", ("turn",))
        plan = fleet.plan(kit.RENEW)
        assert plan["rounds"][-1]["waves"] == [1, 1, 1]

    def test_a_service_that_is_switched_off_gets_its_certificate_and_stays_off(self) -> None:
        fleet = standard(issuer=OLD)
        node = fleet.nodes["edge1"]
        node.enabled["turn"] = False
        plan = fleet.plan(kit.RENEW)
        turn = batches_by_id(plan)["edge1/switch/turn"]
        assert [step["kind"] for step in turn["steps"]] == ["assign"]
        assert "turn" not in plan["cost"]["restarts"]["edge1"]
        assert "service-off" in kit.rules_of(plan, "remark")
        fleet.run(plan)
        assert not node.enabled["turn"]
        assert not fleet.plan(kit.RENEW)["changed"]

    def test_s6_calls_are_a_gate_on_call_bridge_restarts_only(self) -> None:
        fleet = standard()
        fleet.nodes["core1"].calls = 7
        plan = fleet.plan(accepted_anchors=CONSENT)
        gated = {ident for ident, batch in batches_by_id(plan).items() if batch["gate_calls"]}
        assert gated == {f"core{n}/switch/callbridge" for n in (1, 2, 3)}
        (found,) = kit.findings(plan, "calls-in-progress")
        assert found["object"] == "core1 callbridge"
        assert "7 call legs" in found["found"]
        assert "stops" in found["found"]

    def test_s6_calls_on_a_call_bridge_that_only_widens_its_trust_are_told_too(self) -> None:
        fleet = standard(ends=150)
        for core in ("core1", "core2", "core3"):
            del fleet.nodes[core].variables["cms_issuer"]
        fleet.nodes["core1"].calls = 2
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert plan["cost"]["restarts"]["core1"] == {"callbridge": 1}
        assert kit.findings(plan, "calls-in-progress")


def cores(fleet: Fleet) -> list[kit.Node]:
    return [node for node in fleet.nodes.values() if "callbridge" in node.services]


def two_clusters() -> Fleet:
    fleet = Fleet(NEW)
    for letter in "ab":
        for number in (1, 2):
            fleet.add(f"{letter}core{number}", ("webadmin", "callbridge"))
        fleet.add(f"{letter}edge1", ("webbridge3", "turn"))
        fleet.cluster([f"{letter}core1", f"{letter}core2"], [f"{letter}edge1"])
    return fleet


def batches_by_id(plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        batch["id"]: batch for entry in plan["rounds"] for host in entry["hosts"] for batch in entry["batches"][host]
    }


def has(batch: dict[str, Any], kind: str) -> bool:
    return any(step["kind"] == kind for step in batch["steps"])
