# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A single change by hand is judged by the same links as a plan of the fleet, and is no way around S5."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._fleet import single
from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import CLIENT, NEW, OLD, SERVER, Authority, Fleet, standard
from tests.unit.plugins.plugin_utils.pki.making import DAY, NOW, Made

FULL = ("webbridge3_https", "webbridge3_c2w")


class Hand:
    """Someone who changes one setting of a fleet on paper."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.read: dict[str, list[str]] = {}

    def lay(self, host: str, slot: str, ca: Authority = OLD, base: str = "hand", **how: Any) -> dict[str, str | None]:
        """Put a key and certificates on a node that no setting names yet; give the files of an assignment."""
        node = self.fleet.nodes[host]
        how.setdefault("eku", kit.USAGES[slot])
        leaf = ca.issue(node.fqdn, names=how.pop("names", (node.fqdn,)), ends=how.pop("ends", 90), **how)
        node.put(f"{base}.key", "key")
        chain = [leaf.pem, *ca.pems] if slot in FULL else [leaf.pem]
        files: dict[str, str | None] = {
            "key": f"{base}.key",
            "certificate": node.put(f"{base}.crt", "certificate", *chain),
            "bundle": None if slot in FULL else node.put(f"{base}-bundle.crt", "certificate", *ca.pems),
        }
        self.read.setdefault(host, []).extend(str(name) for name in files.values() if name and not name.endswith("key"))
        return files

    def given(self, **more: Any) -> Any:
        """What the planner is given, with the files that were laid on nodes read by the survey."""
        given = self.fleet.given(**more)
        for host, names in self.read.items():
            survey = given.hosts[host].survey
            assert survey is not None
            for name in names:
                file = self.fleet.nodes[host].files[name]
                entries = [{"pem": pem, "info": kit.info(pem)} for pem in file.pems]
                survey["certificates"][name] = {"certificates": entries, "problems": file.problems}
        return given

    def assign(self, host: str, slot: str, files: dict[str, Any], matches: bool | None = True, **more: Any) -> Any:
        return single.plan_assignment(self.given(**more), host, slot, files, matches)

    def trust(self, host: str, service: str, *pems: str, mode: str = single.WIDEN, **more: Any) -> Any:
        return single.plan_trust(self.given(**more), host, service, "c2w", pems, mode)

    def stored(self, host: str, setting: str, before: Any, **more: Any) -> None:
        """Note that an earlier run stored a setting and was killed before the restart."""
        service = kit.service_of(setting.partition(":")[2]) if setting.startswith("slot:") else more.pop("service")
        record = {"setting": setting, "before": before, "phase": "stored", **more}
        self.fleet.nodes[host].pending.setdefault(service, {})[setting] = record


@pytest.fixture
def hand() -> Hand:
    return Hand(standard())


def refused(plan: dict[str, Any], rule: str) -> list[dict[str, Any]]:
    """Give the errors of a rule, of a plan that changes nothing because of them."""
    assert not plan["changed"]
    assert plan["rounds"] == []
    found = [finding for finding in kit.errors(plan) if finding["rule"] == rule]
    assert found, kit.errors(plan)
    return found


def kinds(plan: dict[str, Any]) -> list[str]:
    """Give what changes something, and its proofs, in order."""
    return [step["kind"] for step in kit.steps(plan) if step["kind"] != "check"]


class TestAssignment:
    @pytest.mark.parametrize("slot", ["webadmin", "callbridge", "webbridge3_https", "webbridge3_c2w", "turn"])
    def test_settings_stand_between_switching_off_and_restart_and_are_proven(self, hand: Hand, slot: str) -> None:
        host = "core1" if slot in ("webadmin", "callbridge") else "edge1"
        files = hand.lay(host, slot)
        plan = hand.assign(host, slot, files)
        assert kit.errors(plan) == []
        first = ["disable"] if slot in ("webadmin", "turn") else []
        assert kinds(plan)[: len(first) + 3] == [*first, "assign", "restart", "prove"]
        assert plan["cost"]["restarts"] == {host: {kit.service_of(slot): 1}}
        proof = next(step for step in kit.steps(plan, "prove") if step.get("slot") == slot)
        assert proof["leaf"] == kit.fingerprint(hand.fleet.nodes[host].files["hand.crt"].pems[0])
        hand.fleet.run(plan)
        assert hand.fleet.broken() == set()
        assert not hand.assign(host, slot, files)["changed"]

    def test_another_slot_of_the_service_and_the_links_are_proven_too(self, hand: Hand) -> None:
        plan = hand.assign("edge1", "webbridge3_https", hand.lay("edge1", "webbridge3_https"))
        proofs = kit.steps(plan, "prove")
        assert [step.get("slot") for step in proofs] == ["webbridge3_https", "webbridge3_c2w", None]
        assert len(proofs[-1]["links"]) == 6

    def test_a_slot_that_was_empty_is_proven_too(self, hand: Hand) -> None:
        del hand.fleet.nodes["edge1"].slots["turn"]
        plan = hand.assign("edge1", "turn", hand.lay("edge1", "turn"))
        assert [step["slot"] for step in kit.steps(plan, "prove")] == ["turn"]

    def test_a_service_that_is_switched_off_stays_off(self, hand: Hand) -> None:
        hand.fleet.nodes["edge1"].enabled["turn"] = False
        plan = hand.assign("edge1", "turn", hand.lay("edge1", "turn"))
        assert kinds(plan) == ["assign"]
        assert plan["cost"]["restarts"] == {}

    def test_s5_an_identity_that_a_verifier_does_not_trust_is_refused_with_every_link(self, hand: Hand) -> None:
        plan = hand.assign("edge1", "webbridge3_c2w", hand.lay("edge1", "webbridge3_c2w", NEW))
        found = refused(plan, "link-would-break")
        assert [finding["object"] for finding in found] == [f"core{n}<edge1 c2w_server" for n in (1, 2, 3)]
        assert "core1 does not trust what edge1 presents" in found[0]["found"]
        assert "certops.cms.trust" in found[0]["next_step"]

    def test_s5_a_link_that_is_broken_today_is_no_excuse(self, hand: Hand) -> None:
        hand.fleet.give("edge1", "webbridge3_c2w", OLD, ends=-1)
        plan = hand.assign("edge1", "webbridge3_c2w", hand.lay("edge1", "webbridge3_c2w", NEW))
        assert len(refused(plan, "link-would-break")) == 3
        mended = hand.assign("edge1", "webbridge3_c2w", hand.lay("edge1", "webbridge3_c2w", OLD, "mended"))
        assert mended["changed"]

    def test_s5_a_trust_that_is_stored_and_never_restarted_does_not_count(self, hand: Hand) -> None:
        for number in (1, 2, 3):
            name = f"core{number}"
            before = hand.fleet.nodes[name].trusts["callbridge", "c2w"]
            hand.fleet.trust(name, "callbridge", *OLD.pems, *NEW.pems, file="wider.pem")
            if number == 2:
                hand.stored(name, "trust:c2w", before, service="callbridge")
        plan = hand.assign("edge1", "webbridge3_c2w", hand.lay("edge1", "webbridge3_c2w", NEW))
        assert [finding["object"] for finding in refused(plan, "link-would-break")] == ["core2<edge1 c2w_server"]

    def test_s5_a_node_of_the_cluster_that_was_not_surveyed_is_an_error(self, hand: Hand) -> None:
        hand.fleet.nodes["core3"].unreachable = "it was not surveyed in this run"
        plan = hand.assign("edge1", "webbridge3_c2w", hand.lay("edge1", "webbridge3_c2w"))
        assert [finding["object"] for finding in refused(plan, "node-not-surveyed")] == ["core3"]

    def test_s5_a_registration_outside_the_inventory_is_an_error_for_its_call_bridge(self, hand: Hand) -> None:
        away = {"id": "wb-x", "url": "c2w://far.example.net:9999", "host": "far.example.net", "port": 9999}
        hand.fleet.clusters[0].registrations.append(away)
        plan = hand.assign("core1", "callbridge", hand.lay("core1", "callbridge"))
        assert "far.example.net" in refused(plan, "registration-outside-inventory")[0]["found"]
        assert hand.assign("core1", "webadmin", hand.lay("core1", "webadmin", base="admin"))["changed"]

    def test_a_name_that_is_dialled_and_missing_is_refused(self, hand: Hand) -> None:
        files = hand.lay("edge1", "webbridge3_c2w", names=("other.example.com",))
        found = refused(hand.assign("edge1", "webbridge3_c2w", files), "link-would-break")
        assert "edge1.example.com" in found[0]["found"]

    def test_a_pinned_leaf_is_trust_enough(self, hand: Hand) -> None:
        files = hand.lay("edge1", "webbridge3_c2w", NEW)
        leaf = hand.fleet.nodes["edge1"].files["hand.crt"].pems[0]
        for number in (1, 2, 3):
            hand.fleet.trust(f"core{number}", "callbridge", *OLD.pems, leaf, file="pinned.pem")
        assert hand.assign("edge1", "webbridge3_c2w", files)["changed"]

    @pytest.mark.parametrize(
        ("how", "rule"),
        [
            ({"eku": (SERVER,)}, "eku"),
            ({"ends": -1}, "expired"),
            ({"start": NOW + DAY}, "not-yet"),
        ],
    )
    def test_a_certificate_that_breaks_the_guide_is_refused(self, hand: Hand, how: dict[str, Any], rule: str) -> None:
        files = hand.lay("core1", "callbridge", **{key: how[key] for key in how if key != "start"})
        if "start" in how:
            leaf: Made = OLD.signer.issue("core1.example.com", eku=(SERVER, CLIENT), start=how["start"])
            hand.fleet.nodes["core1"].files["hand.crt"].pems = [leaf.pem]
        plan = hand.assign("core1", "callbridge", files)
        assert not plan["changed"]
        assert any(rule in finding["rule"] for finding in kit.errors(plan)), kit.errors(plan)

    def test_a_chain_that_does_not_build_is_refused(self, hand: Hand) -> None:
        files = hand.lay("core1", "webadmin", NEW)
        hand.fleet.nodes["core1"].files["hand-bundle.crt"].pems = OLD.pems
        assert not hand.assign("core1", "webadmin", files)["changed"]

    def test_a_key_that_does_not_match_is_refused_and_an_unclear_answer_is_not(self, hand: Hand) -> None:
        files = hand.lay("edge1", "turn")
        found = refused(hand.assign("edge1", "turn", files, matches=False), "key-mismatch")
        assert "hand.key" in found[0]["found"]
        unclear = hand.assign("edge1", "turn", files, matches=None)
        assert unclear["changed"]
        assert kit.steps(unclear, "assign")
        assert "hand.key" in next(f["found"] for f in unclear["findings"] if f["rule"] == "key-match-unknown")

    @pytest.mark.parametrize("part", ["key", "certificate", "bundle"])
    def test_a_missing_file_is_named(self, hand: Hand, part: str) -> None:
        files = {**hand.lay("edge1", "turn"), part: "gone.pem"}
        found = refused(hand.assign("edge1", "turn", files), "file-missing")
        assert [finding["object"] for finding in found] == ["edge1 gone.pem"]
        assert part in found[0]["found"]

    def test_a_file_in_the_wrong_form_is_refused(self, hand: Hand) -> None:
        files = hand.lay("edge1", "turn")
        hand.fleet.nodes["edge1"].files["hand-bundle.crt"].problems = ["there are blank lines"]
        assert refused(hand.assign("edge1", "turn", files), "bundle-form")[0]["object"] == "edge1 hand-bundle.crt"

    @pytest.mark.parametrize(("part", "name"), [("key", "turn.txt"), ("certificate", "turn.csr"), ("key", ".key")])
    def test_an_extension_that_the_guide_does_not_permit_is_refused(self, hand: Hand, part: str, name: str) -> None:
        files = {**hand.lay("edge1", "turn"), part: name}
        node = hand.fleet.nodes["edge1"]
        node.files[name] = node.files["hand.key" if part == "key" else "hand.crt"]
        assert any(name in finding["object"] for finding in kit.errors(hand.assign("edge1", "turn", files)))
        assert not hand.assign("edge1", "turn", files)["changed"]

    def test_a_host_outside_the_group_of_the_service_is_refused(self, hand: Hand) -> None:
        hand.fleet.nodes["core1"].groups = ("webadmin",)
        plan = hand.assign("core1", "callbridge", hand.lay("core1", "callbridge"))
        assert "cms_callbridge" in refused(plan, "service-not-in-inventory")[0]["found"]

    def test_a_node_without_the_service_is_refused(self, hand: Hand) -> None:
        hand.fleet.nodes["edge1"].missing.add("turn")
        assert refused(hand.assign("edge1", "turn", hand.lay("edge1", "turn")), "service-missing")


class TestStoredIsNotRunning:
    def test_s15_what_an_earlier_run_stored_is_restarted_and_proven(self, hand: Hand) -> None:
        before = dict(hand.fleet.nodes["edge1"].slots["turn"])
        files = hand.lay("edge1", "turn")
        hand.fleet.nodes["edge1"].slots["turn"] = dict(files)
        hand.stored("edge1", "slot:turn", before)
        plan = hand.assign("edge1", "turn", files)
        assert kinds(plan) == ["disable", "assign", "restart", "prove"]

    def test_s15_a_narrower_trust_that_rides_along_is_no_reason_to_restart(self, hand: Hand) -> None:
        hand.stored("edge1", "trust:c2w", "old.pem", service="webbridge3", rides=True)
        files = dict(hand.fleet.nodes["edge1"].slots["webbridge3_c2w"])
        assert not hand.assign("edge1", "webbridge3_c2w", files)["changed"]
        assert not hand.trust("edge1", "webbridge3", *OLD.pems)["changed"]

    @pytest.mark.parametrize("mine", [True, False])
    def test_s15_what_others_stored_must_not_become_live_by_the_way(self, hand: Hand, mine: bool) -> None:
        files = hand.lay("edge1", "webbridge3_https", base="others")
        hand.fleet.nodes["edge1"].slots["webbridge3_https"] = dict(files)
        if not mine:
            files = hand.lay("edge1", "webbridge3_c2w")
        plan = hand.assign("edge1", "webbridge3_https" if mine else "webbridge3_c2w", files)
        found = refused(plan, "pending-change-of-others")
        assert found[0]["object"] == "edge1 webbridge3_https"
        replaced = hand.lay("edge1", "webbridge3_https", base="replaced")
        assert hand.assign("edge1", "webbridge3_https", replaced)["changed"]

    def test_s5_a_restart_for_a_trust_must_not_make_a_stored_identity_live_too_early(self, hand: Hand) -> None:
        before = dict(hand.fleet.nodes["edge1"].slots["webbridge3_c2w"])
        hand.fleet.nodes["edge1"].slots["webbridge3_c2w"] = dict(hand.lay("edge1", "webbridge3_c2w", NEW))
        hand.stored("edge1", "slot:webbridge3_c2w", before)
        plan = hand.trust("edge1", "webbridge3", *NEW.pems)
        assert {finding["object"] for finding in refused(plan, "link-would-break")} == {
            f"core{n}<edge1 c2w_server" for n in (1, 2, 3)
        }


class TestTrust:
    @pytest.mark.parametrize(("host", "service"), [("edge1", "webbridge3"), ("core1", "callbridge")])
    def test_s16_widening_is_a_superset_under_a_new_name(self, hand: Hand, host: str, service: str) -> None:
        before = hand.fleet.nodes[host].trusts[service, "c2w"]
        plan = hand.trust(host, service, *NEW.pems)
        assert kinds(plan)[:3] == ["upload", "trust", "restart"]
        assert set(kinds(plan)[3:]) == {"prove"}
        step = kit.steps(plan, "trust")[0]
        assert (step["before"], step["file"]) == (before, f"{service}-c2w-trust-g1.pem")
        hand.fleet.run(plan)
        held = {kit.fingerprint(pem) for pem in hand.fleet.nodes[host].trusting[service, "c2w"]}
        assert held == {*OLD.fingerprints, *NEW.fingerprints}
        assert hand.fleet.broken() == set()
        assert not hand.trust(host, service, *NEW.pems)["changed"]

    def test_s16_what_cannot_be_read_cannot_be_widened(self, hand: Hand) -> None:
        hand.fleet.nodes["edge1"].files["webbridge3-old-trust.pem"].pems = []
        found = refused(hand.trust("edge1", "webbridge3", *NEW.pems), "trust-unreadable")
        assert found[0]["object"] == "edge1 webbridge3-old-trust.pem"

    def test_narrowing_refuses_what_a_presenter_needs_and_drops_what_nobody_does(self, hand: Hand) -> None:
        hand.fleet.trust("edge1", "webbridge3", *OLD.pems, *NEW.pems, file="wide.pem")
        found = refused(hand.trust("edge1", "webbridge3", *OLD.pems, mode=single.NARROW), "link-would-break")
        assert [finding["object"] for finding in found] == [f"edge1<core{n} c2w_client" for n in (1, 2, 3)]
        plan = hand.trust("edge1", "webbridge3", *NEW.pems, mode=single.NARROW)
        assert any("New Root" in subject for subject in plan["trusts"][0]["removes"])
        hand.fleet.run(plan)
        assert hand.fleet.nodes["edge1"].trusting["webbridge3", "c2w"] == OLD.pems
        assert not hand.trust("edge1", "webbridge3", *NEW.pems, mode=single.NARROW)["changed"]

    def test_exact_holds_just_these(self, hand: Hand) -> None:
        hand.fleet.trust("edge1", "webbridge3", *OLD.pems, file="wide.pem")
        assert refused(hand.trust("edge1", "webbridge3", *NEW.pems, mode=single.EXACT), "link-would-break")
        plan = hand.trust("edge1", "webbridge3", *OLD.pems, *NEW.pems, mode=single.EXACT)
        hand.fleet.run(plan)
        assert len(hand.fleet.nodes["edge1"].trusting["webbridge3", "c2w"]) == 3

    def test_s8_a_trust_that_the_display_does_not_show_is_not_overwritten(self, hand: Hand) -> None:
        plan = single.plan_trust(hand.given(), "core1", "callbridge", "ucm", NEW.pems, single.WIDEN)
        assert refused(plan, "trust-not-shown")

    def test_a_trust_without_certificates_is_refused(self, hand: Hand) -> None:
        assert refused(hand.trust("edge1", "webbridge3", mode=single.EXACT), "trust-empty")
        assert refused(hand.trust("edge1", "webbridge3", *OLD.pems, mode=single.NARROW), "trust-empty")

    def test_a_leaf_can_be_pinned(self, hand: Hand) -> None:
        shown = hand.fleet.nodes["core1"].running["callbridge"][0]
        plan = hand.trust("edge1", "webbridge3", shown)
        assert plan["trusts"][0]["add"] == [kit.fingerprint(shown)]
        hand.fleet.run(plan)
        assert hand.fleet.broken() == set()

    def test_half_of_what_is_missing_may_be_added(self, hand: Hand) -> None:
        for number in (1, 2):
            hand.fleet.give(f"core{number}", "callbridge", kit.authority(f"Stranger {number}"))
        plan = hand.trust("edge1", "webbridge3", *kit.authority("Stranger 1").pems)
        assert plan["changed"]

    def test_a_setting_that_serves_no_link_of_the_inventory_says_so(self, hand: Hand) -> None:
        hand.fleet.clusters[0].registrations.clear()
        plan = hand.trust("edge1", "webbridge3", *NEW.pems)
        assert plan["changed"]
        assert kit.findings(plan, "trust-without-link")[0]["severity"] == "warning"

    def test_s16_nothing_is_dropped_that_somebody_outside_the_inventory_may_need(self, hand: Hand) -> None:
        away = {"id": "wb-x", "url": "c2w://far.example.net:9999", "host": "far.example.net", "port": 9999}
        hand.fleet.clusters[0].registrations.append(away)
        hand.fleet.trust("core1", "callbridge", *OLD.pems, *NEW.pems, file="wide.pem")
        plan = hand.trust("core1", "callbridge", *NEW.pems, mode=single.NARROW)
        assert "New Root" in refused(plan, "trust-not-judged")[0]["found"]
        assert hand.trust("core1", "callbridge", *kit.authority("Third").pems)["changed"]

    def test_s15_a_trust_that_was_stored_and_never_restarted_is_finished(self, hand: Hand) -> None:
        before = hand.fleet.nodes["edge1"].trusts["webbridge3", "c2w"]
        node = hand.fleet.nodes["edge1"]
        node.trusts["webbridge3", "c2w"] = node.put("wider.pem", "certificate", *OLD.pems, *NEW.pems)
        hand.stored("edge1", "trust:c2w", before, service="webbridge3")
        plan = hand.trust("edge1", "webbridge3", *NEW.pems)
        assert plan["changed"]
        assert kit.steps(plan, "restart")

    def test_the_next_change_gets_the_next_name(self, hand: Hand) -> None:
        hand.fleet.nodes["edge1"].made.add("webbridge3-c2w-trust-g4.pem")
        assert hand.trust("edge1", "webbridge3", *NEW.pems)["trusts"][0]["file"] == "webbridge3-c2w-trust-g5.pem"


@pytest.mark.parametrize("other", ["webadmin", "turn"])
def test_ids_derive_from_what_is_done(hand: Hand, other: str) -> None:
    wide = hand.trust("edge1", "webbridge3", *NEW.pems)["id"]
    assert hand.trust("edge1", "webbridge3", *NEW.pems)["id"] == wide
    host = "core1" if other == "webadmin" else "edge1"
    assert hand.assign(host, other, hand.lay(host, other))["id"] != wide
