# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rolling back: what was there before comes back by the same rules, twice is once, and killed anywhere is finished."""

from __future__ import annotations

import copy
import json
import os
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._fleet import render
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.given import Wish
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.narrow import make_narrow_plan
from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, NEW, OLD, Fleet, standard

BACK = ["CN=Old Root"]


def back(fleet: Fleet, **options: Any) -> dict[str, Any]:
    """Plan a rollback; keywords of a wish are taken as such."""
    wish = {key: options.pop(key) for key in ("nodes", "services", "to", "reason") if key in options}
    for key in {"nodes", "services"} & set(wish):
        wish[key] = frozenset(wish[key])
    return fleet.plan(kit.ROLLBACK, **{"accepted_anchors": BACK, **options}, rollback=Wish(**wish))


def settings(fleet: Fleet) -> dict[str, Any]:
    return {name: copy.deepcopy(node.slots) for name, node in fleet.nodes.items()}


def carried_out(fleet: Fleet, plan: dict[str, Any]) -> None:
    """Carry a plan out; no link may go down on the way."""
    assert not kit.errors(plan), kit.errors(plan)
    for node, what in fleet.carry_out(plan):
        assert not fleet.broken(), f"{node} {what}"
    assert not any(node.pending for node in fleet.nodes.values())


def narrowed(fleet: Fleet) -> None:
    """Drop the old root from every trust, and let all services read that."""
    fleet.run(make_narrow_plan(fleet.given(kit.NARROW, narrow_also=BACK)))
    for node in fleet.nodes.values():
        node.reboot()
        node.pending.clear()


def only_error(plan: dict[str, Any], rule: str) -> dict[str, Any]:
    (found,) = kit.errors(plan)
    assert found["rule"] == rule, found
    assert not plan["changed"]
    assert found["next_step"]
    return found


@pytest.fixture
def before() -> dict[str, Any]:
    return settings(standard())


@pytest.fixture
def moved() -> Fleet:
    """A fleet that moved from the old root to the new one and trusts both."""
    fleet = standard()
    fleet.run(fleet.plan(accepted_anchors=CONSENT))
    return fleet


@pytest.fixture
def renewed() -> Fleet:
    """A fleet that got new certificates of the CA it had."""
    fleet = standard(ca=NEW)
    fleet.run(fleet.plan())
    return fleet


class TestTheWayBack:
    def test_everything_the_last_rollout_switched_goes_back_and_no_link_goes_down(
        self, moved: Fleet, before: dict[str, Any]
    ) -> None:
        restarts = {name: node.restarts.copy() for name, node in moved.nodes.items()}
        plan = back(moved)
        # The old root is trusted still, so nothing has to be widened, and nothing is issued.
        assert kit.rounds(plan) == ["switch"]
        assert plan["identities"] == plan["trusts"] == []
        carried_out(moved, plan)
        assert settings(moved) == before
        for name, node in moved.nodes.items():
            assert dict(node.restarts - restarts[name]) == plan["cost"]["restarts"][name]
            assert set(plan["cost"]["restarts"][name].values()) == {1}
        assert set(moved.issued.values()) == {1}

    def test_a_second_run_has_nothing_to_do(self, moved: Fleet) -> None:
        moved.run(back(moved))
        again = back(moved)
        assert not again["changed"]
        assert not kit.errors(again)

    def test_s5_trust_that_was_narrowed_is_widened_first(self, moved: Fleet, before: dict[str, Any]) -> None:
        narrowed(moved)
        assert not moved.broken()
        plan = back(moved)
        assert kit.rounds(plan) == ["stage", "widen", "switch", "switch-2"]
        # A superset of what is trusted now (S16).
        for trust in plan["trusts"]:
            assert set(trust["keep"]) == set(NEW.fingerprints)
            assert trust["adds"] == BACK
        carried_out(moved, plan)
        assert settings(moved) == before
        assert not back(moved)["changed"]

    def test_a_renewal_goes_back_without_any_consent(self, renewed: Fleet) -> None:
        plan = back(renewed, accepted_anchors=[])
        carried_out(renewed, plan)
        assert settings(renewed) == settings(standard(ca=NEW))
        assert plan["external_verifiers"] == []

    def test_the_plan_is_plain_data_and_reads_well(self, moved: Fleet) -> None:
        plan = back(moved, reason="CUCM refuses the new ones")
        assert json.loads(json.dumps(plan)) == plan
        assert back(moved, reason="CUCM refuses the new ones")["id"] == plan["id"]
        text = " ".join(" ".join(render.text(plan)).split())
        assert "12 certificates put back, 0 trust settings changed, 10 restarts" in text
        assert "go back to the certificates from before" in text
        assert "with CN=core1.example.com, issued by CN=Old Root, ends 2026-12-02" in text
        assert "goes back to what it had before (CUCM refuses the new ones)" in text
        assert "must trust the old CA before the switch: Meeting Management" in text
        assert "new certificate" not in text
        assert {entry["before_header"] for entry in render.diff(plan)} == {f"{name} (now)" for name in moved.nodes}

    def test_s3_a_second_rollout_goes_back_by_one_generation(self, moved: Fleet) -> None:
        first = settings(moved)
        moved.add_issuer("newest", kit.authority("Newest"))
        for node in moved.nodes.values():
            node.variables["cms_issuer"] = "newest"
        moved.run(moved.plan(accepted_anchors=["newest"]))
        # The name of an issuer that has the anchor says it as well as the anchor's subject.
        carried_out(moved, back(moved, accepted_anchors=["internal"]))
        assert settings(moved) == first
        assert not back(moved, accepted_anchors=["internal"])["changed"]

    def test_a_trust_of_pinned_leaves_is_widened_by_the_leaf(self) -> None:
        fleet = Fleet(NEW)
        fleet.add("core1", ("webadmin", "callbridge"))
        fleet.add("edge1", ("webbridge3",))
        fleet.cluster(["core1"], ["edge1"])
        old = fleet.give("core1", "callbridge", OLD)
        fleet.trust("edge1", "webbridge3", old.pem)
        fleet.run(fleet.plan(accepted_anchors=CONSENT))
        # Somebody took the old leaf out of the trust again, and pinned the new one.
        fleet.trust("edge1", "webbridge3", fleet.nodes["core1"].running["callbridge"][0], file="pinned.pem")
        assert not fleet.broken()
        carried_out(fleet, back(fleet, services=["callbridge", "webbridge3"]))
        assert kit.fingerprint(old.pem) == kit.fingerprint(fleet.nodes["core1"].running["callbridge"][0])


def acts_of(fleet: Fleet) -> int:
    return len(fleet.run(back(fleet)))


def small(narrow: bool = True) -> Fleet:
    fleet = standard(cores=2, edges=1)
    fleet.run(fleet.plan(accepted_anchors=CONSENT))
    if narrow:
        narrowed(fleet)
    return fleet


STEP = 1 if os.environ.get("CERTOPS_SWEEPS") == "all" else 5


class TestKilled:
    @pytest.mark.parametrize("last", range(0, acts_of(small()), STEP))
    def test_s15_a_rollback_killed_anywhere_is_finished_by_the_next(self, last: int) -> None:
        fleet = small()
        for number, _act in enumerate(fleet.carry_out(back(fleet))):
            if number == last:
                break
        assert not fleet.broken()
        for _run in range(2):
            again = back(fleet)
            assert not kit.errors(again), kit.errors(again)
            for entry in again["cleared"]:
                del fleet.nodes[entry["node"]].pending[entry["service"]]
            carried_out(fleet, again)
        assert settings(fleet) == settings(standard(cores=2, edges=1))
        assert not back(fleet)["changed"]
        assert not fleet.plan(accepted_anchors=CONSENT)["changed"]

    @pytest.mark.parametrize("last", range(2, 76, STEP))
    def test_s15_a_rollout_killed_anywhere_can_be_taken_back(self, last: int) -> None:
        fleet = standard(cores=2, edges=1)
        for number, _act in enumerate(fleet.carry_out(fleet.plan(accepted_anchors=CONSENT))):
            if number == last:
                break
        for _run in range(2):
            plan = back(fleet)
            assert not kit.errors(plan), kit.errors(plan)
            for entry in plan["cleared"]:
                del fleet.nodes[entry["node"]].pending[entry["service"]]
            carried_out(fleet, plan)
        assert settings(fleet) == settings(standard(cores=2, edges=1))
        assert {node.enabled[s] for node in fleet.nodes.values() for s in node.services} == {True}
        assert not back(fleet)["changed"]

    def test_s15_what_is_stored_and_never_ran_goes_back_before_a_restart_makes_it_live(self) -> None:
        fleet = standard(cores=1, edges=1)
        for node, what in fleet.carry_out(fleet.plan(accepted_anchors=CONSENT)):
            if node == "core1" and what.startswith("callbridge certs"):
                break
        assert fleet.nodes["core1"].pending["callbridge"]
        plan = back(fleet)
        carried_out(fleet, plan)
        assert fleet.nodes["core1"].slots == standard(cores=1, edges=1).nodes["core1"].slots


class TestChoosing:
    def test_a_node_that_was_not_chosen_keeps_what_it_has(self, moved: Fleet, before: dict[str, Any]) -> None:
        now = settings(moved)
        carried_out(moved, back(moved, nodes=["core2"]))
        assert settings(moved) == {**now, "core2": before["core2"]}

    @pytest.mark.parametrize("service", ["webbridge3_c2w", "webbridge3"])
    def test_services_and_slots_can_be_chosen(self, moved: Fleet, before: dict[str, Any], service: str) -> None:
        plan = back(moved, nodes=["edge1"], services=[service])
        carried_out(moved, plan)
        gone = {step["slot"] for step in kit.steps(plan, "assign")}
        assert gone == ({service} if "_" in service else {"webbridge3_c2w", "webbridge3_https"})
        node = moved.nodes["edge1"]
        assert {slot for slot in node.slots if node.slots[slot] == before["edge1"][slot]} == gone
        assert not back(moved, nodes=["edge1"], services=[service])["changed"]

    def test_s5_a_verifier_that_would_have_to_be_widened_must_be_chosen_too(self, moved: Fleet) -> None:
        narrowed(moved)
        plan = back(moved, nodes=["core1"])
        assert {f["rule"] for f in kit.errors(plan)} == {"rollback-together"}
        found = kit.errors(plan)[0]
        assert "edge1 does not trust what core1 callbridge goes back to" in found["found"]
        assert "cms_rollback_nodes: [core1, edge1]" in found["next_step"]
        assert not plan["changed"]
        every = ["core1", "core2", "core3", "edge1", "edge2"]
        carried_out(moved, back(moved, nodes=every, services=["callbridge", "webbridge3"]))

    def test_one_certificate_of_several_nodes_goes_back_as_a_whole(self) -> None:
        fleet = standard(cores=1, edges=2)
        web = {"web": {"shared": True, "slots": ["webbridge3_https"], "common_name": "join.example.com"}}
        for name in ("edge1", "edge2"):
            fleet.nodes[name].variables["cms_identities"] = web
        fleet.run(fleet.plan(accepted_anchors=CONSENT))
        found = only_error(back(fleet, nodes=["edge1"]), "rollback-together")
        assert "edge2 webbridge3_https would keep it" in found["found"]
        assert "cms_rollback_nodes: [edge1, edge2]" in found["next_step"]
        carried_out(fleet, back(fleet, nodes=["edge1", "edge2"], services=["web"]))
        assert not back(fleet, services=["web"])["changed"]
        # Taken together they hold two certificates again, and stay so: one certificate for both is what was put back.
        assert not fleet.plan(accepted_anchors=CONSENT)["changed"]

    @pytest.mark.parametrize(
        ("wish", "obj", "step"),
        [
            ({"nodes": ["core9"]}, "cms_rollback_nodes core9", "correct or remove it"),
            ({"services": ["callbrigde"]}, "cms_rollback_services callbrigde", "slots or identities: callbridge, "),
            ({"to": "callbridge-g7"}, "the fleet", "pki list"),
            ({"to": "callbridge-g1", "services": ["webadmin"]}, "webadmin", "pki list"),
            ({"to": "../../etc/x", "nodes": ["core1"]}, "core1", "pki list"),
        ],
    )
    def test_a_name_of_nothing_is_refused(self, moved: Fleet, wish: dict[str, Any], obj: str, step: str) -> None:
        plan = back(moved, **wish)
        (found,) = kit.errors(plan)
        assert found["object"] == obj
        assert step in found["next_step"]
        assert not plan["changed"]

    def test_what_a_single_step_changed_since_stays_unless_it_is_chosen(self, moved: Fleet) -> None:
        node = moved.nodes["core1"]
        ours = copy.deepcopy(node.slots["callbridge"])
        moved.give("core1", "callbridge", NEW, base="by-hand", ends=100)
        step = {"plan": "p-0", "rollout": None, "files": node.slots["callbridge"], "before": ours, "was": None}
        node.replaced["callbridge/slot:callbridge"].append(copy.deepcopy(step))
        plan = back(moved)
        assert [f["object"] for f in kit.findings(plan, "rollback-changed-since")] == ["core1 callbridge"]
        assert not [step for step in kit.steps(plan, "assign", "core1") if step["slot"] == "callbridge"]
        carried_out(moved, back(moved, nodes=["core1"], services=["callbridge"]))
        assert node.slots["callbridge"] == ours


class TestNamed:
    def test_a_person_names_the_files(self, moved: Fleet) -> None:
        first = settings(moved)
        moved.add_issuer("newest", kit.authority("Newest"))
        for node in moved.nodes.values():
            node.variables["cms_issuer"] = "newest"
        moved.run(moved.plan(accepted_anchors=["newest"]))
        legacy = back(moved, nodes=["core1"], to="core1-callbridge")
        assert [step["files"]["key"] for step in kit.steps(legacy, "assign")] == ["core1-callbridge.key"]
        carried_out(moved, legacy)
        assert not back(moved, nodes=["core1"], to="core1-callbridge")["changed"]
        # A rollback that names nothing leaves what is further back already.
        assert not back(moved, nodes=["core1"], services=["callbridge"])["changed"]
        carried_out(moved, back(moved, services=["callbridge"], to="callbridge-g1", accepted_anchors=CONSENT))
        assert {name: moved.nodes[name].slots["callbridge"] for name in ("core1", "core2")} == {
            name: first[name]["callbridge"] for name in ("core1", "core2")
        }

    def test_files_of_ours_are_known_without_a_journal(self, renewed: Fleet) -> None:
        for node in renewed.nodes.values():
            node.replaced.clear()
        renewed.rollout = None
        found = only_error(back(renewed), "rollback-unknown")
        assert "cms_rollback_to" in found["next_step"]
        found = only_error(back(renewed, nodes=["core1"], services=["callbridge"]), "rollback-unknown")
        assert "one of: callbridge-g1" in found["next_step"]
        assert not back(renewed, nodes=["core1"], to="callbridge-g1")["changed"]


class TestRefusing:
    def refused(self, fleet: Fleet, rule: str, **options: Any) -> dict[str, Any]:
        return only_error(back(fleet, nodes=["core1"], services=["callbridge"], **options), rule)

    @pytest.mark.parametrize(("ends", "told"), [(-1, "expired on 2026-11-22"), (0, "within a day")])
    def test_a_certificate_that_is_at_its_end(self, ends: int, told: str) -> None:
        fleet = standard()
        fleet.give("core1", "callbridge", OLD, ends=ends, lasts=200)
        fleet.run(fleet.plan(accepted_anchors=CONSENT))
        errors = kit.errors(back(fleet, nodes=["core1"], services=["callbridge"]))
        found = next(f for f in errors if f["rule"] == "rollback-expired")
        assert found["object"] == "core1 callbridge"
        assert told in found["found"] or ends == 0
        assert "certops.cms.site" in found["next_step"]

    @pytest.mark.parametrize("part", ["key", "certificate", "bundle"])
    def test_a_file_that_is_gone(self, moved: Fleet, before: dict[str, Any], part: str) -> None:
        name = before["core1"]["callbridge"][part]
        del moved.nodes["core1"].files[name]
        found = self.refused(moved, "rollback-file-gone")
        assert name in found["found"]
        assert "certops.cms.narrow" in found["next_step"]

    def test_a_file_that_holds_another_certificate_now(self, moved: Fleet) -> None:
        other = OLD.issue("core1.example.com", names=["core1.example.com"], eku=kit.USAGES["callbridge"])
        moved.nodes["core1"].put("core1-callbridge.crt", "certificate", other.pem)
        assert "another certificate" in self.refused(moved, "rollback-file-changed")["found"]

    def test_a_file_that_cannot_be_read(self, moved: Fleet) -> None:
        moved.nodes["core1"].put("core1-callbridge.crt", "certificate")
        moved.nodes["core1"].files["core1-callbridge.crt"].problems = ["it is empty"]
        assert "it is empty" in self.refused(moved, "certificate-unreadable")["found"]

    def test_a_key_that_does_not_fit(self, moved: Fleet) -> None:
        moved.nodes["core1"].matches["core1-callbridge.key", "core1-callbridge.crt"] = False
        assert "core1-callbridge.key" in self.refused(moved, "key-mismatch")["found"]

    def test_an_answer_about_the_key_that_nobody_understands_is_told(self, moved: Fleet) -> None:
        moved.nodes["core1"].matches["core1-callbridge.key", "core1-callbridge.crt"] = None
        plan = back(moved, nodes=["core1"], services=["callbridge"])
        assert kit.rules_of(plan, "warning") == {"key-match-unknown"}
        assert plan["changed"]

    def test_s17_another_anchor_without_consent(self, moved: Fleet) -> None:
        found = self.refused(moved, "anchor-change-without-consent", accepted_anchors=CONSENT)
        assert "CUCM and other SIP peers" in found["found"]
        assert found["next_step"].endswith("cms_accept_anchors: ['CN=Old Root']")
        # Nobody outside meets the certificate of C2W.
        assert back(moved, services=["webbridge3_c2w"], accepted_anchors=[])["changed"]

    def test_s5_trust_that_is_gone(self, moved: Fleet) -> None:
        narrowed(moved)
        for node in moved.nodes.values():
            for file in node.files.values():
                file.pems = [pem for pem in file.pems if kit.fingerprint(pem) not in OLD.fingerprints]
        plan = back(moved, services=["callbridge", "webbridge3"])
        assert "rollback-trust-gone" in {f["rule"] for f in kit.errors(plan)}
        found = next(f for f in kit.errors(plan) if f["rule"] == "rollback-trust-gone")
        assert "CN=Old Root" in found["found"]
        assert "certops.cms.trust" in found["next_step"]
        assert not plan["changed"]

    def test_what_neither_journal_nor_person_knows(self, moved: Fleet) -> None:
        moved.give("core1", "callbridge", NEW, base="by-hand", ends=100)
        found = self.refused(moved, "rollback-unclear")
        assert "by-hand.crt" in found["found"]
        assert "cms_rollback_to, one of: callbridge-g1" in found["next_step"]

    def test_there_was_no_certificate_before(self, moved: Fleet) -> None:
        empty = {"key": None, "certificate": None, "bundle": None}
        moved.nodes["core1"].replaced["callbridge/slot:callbridge"][-1]["before"] = empty
        assert "nothing to go back to" in self.refused(moved, "rollback-nothing-before")["found"]
        plan = back(moved)
        assert kit.rules_of(plan, "warning") == {"rollback-nothing-before"}
        assert plan["changed"]

    def test_s15_what_is_stored_elsewhere_and_not_running(self, moved: Fleet) -> None:
        running = moved.nodes["edge1"].slots["webbridge3_https"]
        record = {"setting": "slot:webbridge3_https", "before": running, "phase": "stored"}
        moved.give("edge1", "webbridge3_https", NEW, base="later", start=False, ends=100)
        moved.nodes["edge1"].pending = {"webbridge3": {"slot:webbridge3_https": record}}
        plan = back(moved, nodes=["edge1"], services=["webbridge3_c2w"])
        (found,) = kit.errors(plan)
        assert (found["rule"], found["object"]) == ("restart-pending", "edge1 webbridge3")
        assert not plan["changed"]

    def test_s1_a_node_that_cannot_be_read_blocks_what_is_linked_to_it(self, moved: Fleet) -> None:
        moved.nodes["edge2"].unreachable = "timed out"
        assert not back(moved)["changed"]
        assert back(moved, skipped=["edge2"])["changed"]

    def test_s5_a_name_that_is_dialled_and_that_the_old_certificate_does_not_have(self) -> None:
        fleet = standard(cores=1, edges=1)
        fleet.give("edge1", "webbridge3_c2w", OLD, names=["other.example.com"], common_name="other.example.com")
        fleet.run(fleet.plan(accepted_anchors=CONSENT))
        assert not fleet.broken()
        found = only_error(back(fleet, services=["webbridge3_c2w"]), "link-would-break")
        assert "edge1.example.com" in found["found"]
        assert "leave edge1 out" in found["next_step"]


class TestAfterwards:
    @pytest.fixture
    def gone_back(self, renewed: Fleet) -> Fleet:
        renewed.run(back(renewed, reason="CUCM refuses them"))
        return renewed

    @pytest.mark.parametrize("intent", [kit.SITE, kit.RENEW])
    def test_nothing_rolls_forward_by_itself_although_it_is_due(self, gone_back: Fleet, intent: str) -> None:
        plan = gone_back.plan(intent)
        assert not plan["changed"]
        held = kit.findings(plan, "rolled-back")
        assert len(held) == 12
        told = next(f for f in held if f["object"] == "core1 callbridge")
        assert told["severity"] == "warning"
        assert "in place of callbridge-g1 (CUCM refuses them)" in told["found"]
        assert "2026-11-25; it ends on 2026-12-02" in told["found"]
        assert "cms_roll_forward" in told["next_step"]

    def test_in_its_last_days_it_is_renewed_and_not_with_what_was_rolled_back(self, gone_back: Fleet) -> None:
        plan = gone_back.plan(kit.RENEW, now=kit.NOW + 3 * kit.DAY)
        assert {identity["base"].rpartition("-")[2] for identity in plan["identities"]} == {"g2"}
        assert len(plan["identities"]) == 12

    @pytest.mark.parametrize(
        ("consent", "number"), [("all", 12), ("core1", 2), ("core1/callbridge", 1), ("callbridge", 3)]
    )
    def test_a_person_lets_it_go_on_and_it_takes_up_what_it_had(
        self, gone_back: Fleet, consent: str, number: int
    ) -> None:
        plan = gone_back.plan(roll_forward=[consent])
        assert [i["base"].rpartition("-")[2] for i in plan["identities"]] == ["g1"] * number
        assert {i["resume"] for i in plan["identities"]} == {"issued"}
        carried_out(gone_back, plan)
        assert not gone_back.plan()["changed"]
        assert set(gone_back.issued.values()) == {1}
        # And back again.
        carried_out(gone_back, back(gone_back))
        assert settings(gone_back) == settings(standard(ca=NEW))

    def test_a_consent_for_nobody_is_refused(self, gone_back: Fleet) -> None:
        plan = gone_back.plan(roll_forward=["core9"])
        assert only_error(plan, "unknown-identity")["object"] == "cms_roll_forward 'core9'"

    def test_s17_a_move_to_another_anchor_waits_for_the_consent_too(self, moved: Fleet) -> None:
        moved.run(back(moved))
        assert not moved.plan(accepted_anchors=CONSENT)["changed"]
        carried_out(moved, moved.plan(accepted_anchors=CONSENT, roll_forward=["all"]))
        assert not moved.plan(accepted_anchors=CONSENT)["changed"]

    def test_s13_narrow_leaves_what_was_rolled_back(self, gone_back: Fleet) -> None:
        plan = make_narrow_plan(gone_back.given(kit.NARROW))
        assert not kit.steps(plan, "remove")
