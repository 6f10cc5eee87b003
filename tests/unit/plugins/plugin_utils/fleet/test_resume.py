# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that died anywhere is finished by the next one: same names, nothing issued twice, no restart too many (S15)."""

from __future__ import annotations

import copy
import datetime
import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._fleet.narrow import make_narrow_plan
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.plan import make_plan
from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, NOW, OLD, Fleet, standard
from tests.unit.plugins.plugin_utils.fleet.paper import File


def killed(fleet: Fleet, happened: Callable[[str, str], bool], **options: Any) -> dict[str, Any]:
    """Plan, carry out until something happened, and die there. Give the plan."""
    plan = fleet.plan(**{"accepted_anchors": CONSENT, **options})
    for node, what in fleet.carry_out(plan):
        if happened(node, what):
            return plan
    raise AssertionError("the run ended before it could be killed")


def ends_of(fleet: Fleet, any_generation: bool) -> dict[str, Any]:
    """What an end state looks like: which base name every slot runs with, and what is trusted."""

    def name(file: str | None) -> str:
        return re.sub(r"-g\d+", "", str(file)) if any_generation else str(file)

    return {
        node.name: (
            {slot: name(files["key"]) for slot, files in node.slots.items()},
            {key: name(file) for key, file in node.trusts.items()},
            {slot: kit.info(pems[0])["issuer"] for slot, pems in node.running.items()},
            node.trusting,
            dict(node.enabled),
            node.pending,
        )
        for node in fleet.nodes.values()
    }


def small() -> Fleet:
    fleet = standard(cores=2, edges=1)
    # One identity whose key lives on the control node.
    fleet.nodes["edge1"].variables["cms_identities"] = {"turn": {"key_type": "ecdsa"}}
    return fleet


def acts_of(fleet: Fleet) -> int:
    return len(copy.deepcopy(fleet).run(copy.deepcopy(fleet).plan(accepted_anchors=CONSENT)))


ACTS = acts_of(small())


class TestEveryKill:
    """The whole rollout to a new root, killed after each of its acts in turn."""

    @pytest.mark.parametrize("last", range(0, ACTS, 1 if os.environ.get("CERTOPS_SWEEPS") == "all" else 3))
    def test_s15_a_run_killed_anywhere_is_finished_by_the_next(self, last: int) -> None:
        undisturbed, fleet = small(), small()
        undisturbed.run(undisturbed.plan(accepted_anchors=CONSENT))
        plan = fleet.plan(accepted_anchors=CONSENT)
        what = ""
        for number, act in enumerate(fleet.carry_out(plan)):
            what = act[1]
            if number == last:
                break
        assert not fleet.broken()
        extra = 0
        for _run in range(2):
            again = fleet.plan(accepted_anchors=CONSENT)
            assert not kit.errors(again), kit.errors(again)
            for entry in again["cleared"]:
                del fleet.nodes[entry["node"]].pending[entry["service"]]
            if not again["rounds"]:
                break
            before = {node.name: dict(node.restarts) for node in fleet.nodes.values()}
            for _act in fleet.carry_out(again):
                assert not fleet.broken()
            for node in fleet.nodes.values():
                done = {s: n - before[node.name].get(s, 0) for s, n in node.restarts.items()}
                assert {s: n for s, n in done.items() if n} == again["cost"]["restarts"].get(node.name, {})
        # A name that was noted and perhaps never made is not used again.
        noted = what.startswith("note ")
        assert ends_of(fleet, noted) == ends_of(undisturbed, noted), what
        assert set(fleet.issued.values()) == {1}
        for name, node in fleet.nodes.items():
            for service, number in node.restarts.items():
                extra += number - undisturbed.nodes[name].restarts[service]
        # The one restart that nobody saw and that nothing gives away may have to be repeated: that of a trust.
        assert extra <= (1 if what == "restart webbridge3" else 0), what
        assert not fleet.plan(accepted_anchors=CONSENT)["changed"]


class TestTakingUp:
    """What an earlier run left is used, step by step."""

    def test_after_the_request_on_the_node(self) -> None:
        fleet = standard()
        first = killed(fleet, lambda _n, what: what.startswith("pki csr"))
        second = fleet.plan(accepted_anchors=CONSENT)
        one = next(i for i in second["identities"] if i["resume"] == "requested")
        assert one["base"] == next(i["base"] for i in first["identities"] if i["id"] == one["id"])
        assert sum(not step["resume"] for step in kit.steps(second, "csr")) == len(second["identities"]) - 1

    def test_after_the_request_reached_the_store(self) -> None:
        fleet = standard()
        first = killed(fleet, lambda _n, what: what == "done edge2/request")
        second = fleet.plan(accepted_anchors=CONSENT)
        assert kit.rounds(second) == ["issue", "stage", "widen", "switch", "switch-2"]
        assert bases(second) == bases(first)

    def test_after_issuing(self) -> None:
        fleet = standard()
        first = killed(fleet, lambda node, what: node == "core1" and what.startswith("note callbridge"))
        second = fleet.plan(accepted_anchors=CONSENT)
        assert kit.rounds(second) == ["stage", "widen", "switch", "switch-2"]
        assert bases(second) == bases(first)
        fleet.run(second)
        assert set(fleet.issued.values()) == {1}

    def test_after_the_trust_files_are_on_the_nodes(self) -> None:
        fleet = standard()
        first = killed(fleet, lambda _n, what: what == "done edge2/stage")
        second = fleet.plan(accepted_anchors=CONSENT)
        assert {t["file"] for t in second["trusts"]} == {t["file"] for t in first["trusts"]}
        assert not fleet.broken()

    def test_s15_stored_certificates_are_restarted_once_and_not_issued_again(self) -> None:
        fleet = standard(issuer=OLD)
        killed(fleet, lambda _n, what: what.startswith("callbridge certs"), intent=kit.RENEW)
        plan = fleet.plan(kit.RENEW)
        assert plan["cost"]["restarts"]["core1"]["callbridge"] == 1
        assert "core1/callbridge" in {i["id"] for i in plan["identities"] if i["resume"] == "issued"}
        assert not any(s["file"].startswith("callbridge") for s in kit.steps(plan, "upload", "core1"))
        fleet.run(plan)
        assert fleet.issued["core1/callbridge"] == 1
        assert fleet.nodes["core1"].restarts["callbridge"] == 1
        assert not fleet.plan(kit.RENEW)["changed"]

    def test_s15_the_proof_after_a_finished_restart_is_of_what_is_assigned(self) -> None:
        fleet = standard(issuer=OLD)
        killed(fleet, lambda _n, what: what.startswith("callbridge certs"), intent=kit.RENEW)
        proof = next(s for s in kit.steps(fleet.plan(kit.RENEW), "prove", "core1") if s.get("slot") == "callbridge")
        assert proof["identity"] == "core1/callbridge"

    def test_s15_what_the_store_does_not_know_is_proven_by_the_leaf_that_is_assigned(self) -> None:
        fleet = standard(issuer=OLD)
        killed(fleet, lambda _n, what: what.startswith("callbridge certs"), intent=kit.RENEW)
        fleet.generations.clear()
        proof = next(s for s in kit.steps(fleet.plan(kit.RENEW), "prove", "core1") if s.get("slot") == "callbridge")
        assert proof["identity"] is None
        assert proof["leaf"] == kit.fingerprint(fleet.nodes["core1"].certificates("callbridge")[0])

    def test_s15_a_stored_trust_is_restarted_for_before_the_presenter_switches(self) -> None:
        fleet = standard()
        killed(fleet, lambda node, what: node == "edge1" and what.startswith("webbridge3 c2w trust"))
        plan = fleet.plan(accepted_anchors=CONSENT)
        batches = {b["id"]: b for e in plan["rounds"] for h in e["hosts"] for b in e["batches"][h]}
        widen = batches["edge1/widen/webbridge3"]
        assert "trust" not in {step["kind"] for step in widen["steps"]}
        assert "restart" in {step["kind"] for step in widen["steps"]}
        assert "edge1/widen/webbridge3" in batches["core1/switch/callbridge"]["requires"]

    def test_s15_the_record_is_cleared_when_the_probe_shows_what_is_assigned(self) -> None:
        fleet = standard(issuer=OLD)
        killed(fleet, lambda _n, what: what == "restart callbridge", intent=kit.RENEW)
        plan = fleet.plan(kit.RENEW)
        assert [(e["node"], e["service"]) for e in plan["cleared"]] == [("core1", "callbridge")]
        assert "core1" not in plan["cost"]["restarts"] or "callbridge" not in plan["cost"]["restarts"]["core1"]

    def test_s15_a_trust_stored_together_with_a_certificate_that_is_served_was_read_too(self) -> None:
        fleet = standard()
        killed(fleet, lambda node, what: (node, what) == ("core1", "restart callbridge"))
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert ("core1", "callbridge") in {(e["node"], e["service"]) for e in plan["cleared"]}
        assert "callbridge" not in plan["cost"]["restarts"]["core1"]

    def test_s15_a_trust_stored_after_somebody_restarted_still_waits(self) -> None:
        fleet = standard()
        killed(fleet, lambda node, what: (node, what) == ("core1", "note trust:c2w"))
        fleet.nodes["core1"].start("callbridge")
        fleet.nodes["core1"].trusts["callbridge", "c2w"] = "callbridge-c2w-trust-g1.pem"
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert ("core1", "callbridge") not in {(e["node"], e["service"]) for e in plan["cleared"]}
        assert plan["cost"]["restarts"]["core1"]["callbridge"] == 1

    def test_a_web_admin_that_was_switched_off_and_not_on_again_is_switched_on(self) -> None:
        fleet = standard(issuer=OLD)
        killed(fleet, lambda _n, what: what == "webadmin disable", intent=kit.RENEW)
        assert not fleet.nodes["core1"].enabled["webadmin"]
        plan = fleet.plan(kit.RENEW)
        fleet.run(plan)
        assert fleet.nodes["core1"].enabled["webadmin"]
        assert not fleet.plan(kit.RENEW)["changed"]

    def test_planning_changes_nothing_of_what_it_was_given(self) -> None:
        fleet = standard(issuer=OLD)
        killed(fleet, lambda _n, what: what == "restart callbridge", intent=kit.RENEW)
        given = fleet.given(kit.RENEW)
        before = copy.deepcopy(given)
        first, second = make_plan(given), make_plan(given)
        assert given == before
        assert first == second


class TestNotTakingUp:
    """What does not fit any more is left alone, under its own name."""

    def test_a_request_for_other_names_is_not_used(self) -> None:
        fleet = standard()
        killed(fleet, lambda _n, what: what == "done edge2/request")
        fleet.nodes["core1"].variables["cms_identities"] = {"callbridge": {"names": ["meet.example.com"]}}
        plan = fleet.plan(accepted_anchors=CONSENT)
        by_id = {identity["id"]: identity for identity in plan["identities"]}
        assert by_id["core1/callbridge"]["base"] == "callbridge-g2"
        assert by_id["core1/callbridge"]["resume"] == "new"
        assert by_id["core2/callbridge"]["base"] == "callbridge-g1"

    @pytest.mark.parametrize(
        "config",
        [{"names": ["meet.example.com"]}, {"keep_names": False}, {"subject": {"O": "Example"}}],
        ids=["more names", "fewer names", "another subject"],
    )
    def test_a_request_on_the_node_for_something_else_is_not_used(self, config: dict[str, Any]) -> None:
        fleet = standard()
        fleet.give("core1", "callbridge", OLD, names=("core1.example.com", "old.example.com"))
        killed(fleet, lambda _n, what: what.startswith("pki csr callbridge-g1"))
        assert fleet.plan(accepted_anchors=CONSENT)["identities"][1]["resume"] == "requested"
        fleet.nodes["core1"].variables["cms_identities"] = {"callbridge": config}
        plan = fleet.plan(accepted_anchors=CONSENT)
        identity = next(i for i in plan["identities"] if i["id"] == "core1/callbridge")
        assert (identity["base"], identity["resume"]) == ("callbridge-g2", "new")

    def test_a_request_that_this_collection_did_not_make_is_not_used(self) -> None:
        fleet = standard()
        node = fleet.nodes["core1"]
        node.put("callbridge-g1.key", "key")
        csr = kit.make_csr({"CN": "core1.example.com"}, ["core1.example.com"])
        node.files["callbridge-g1.csr"] = kit.File("csr", csr=csr)
        identity = next(i for i in fleet.plan(accepted_anchors=CONSENT)["identities"] if i["id"] == "core1/callbridge")
        assert (identity["base"], identity["resume"]) == ("callbridge-g2", "new")

    def test_s3_not_even_when_the_survey_shows_it(self) -> None:
        given = standard().given(accepted_anchors=CONSENT)
        survey = given.hosts["core1"].survey or {}
        survey["files"]["callbridge-g1.key"] = {"kind": "key", "size": 1}
        survey["files"]["callbridge-g1.csr"] = {"kind": "csr", "size": 1}
        survey["csrs"]["callbridge-g1.csr"] = kit.make_csr({"CN": "core1.example.com"}, ["core1.example.com"])
        identity = next(i for i in make_plan(given)["identities"] if i["id"] == "core1/callbridge")
        assert (identity["base"], identity["resume"]) == ("callbridge-g2", "new")

    @pytest.mark.parametrize("moment", ["done edge2/request", "issue turn-g1"])
    def test_a_generation_whose_key_is_gone_from_its_node_is_not_used(self, moment: str) -> None:
        fleet = standard()
        killed(fleet, lambda _n, what: what == moment)
        del fleet.nodes["core1"].files["callbridge-g1.key"]
        identity = next(i for i in fleet.plan(accepted_anchors=CONSENT)["identities"] if i["id"] == "core1/callbridge")
        assert (identity["base"], identity["resume"]) == ("callbridge-g2", "new")

    def test_a_certificate_of_a_ca_that_was_set_up_anew_is_not_used(self) -> None:
        fleet = standard()
        killed(fleet, lambda _n, what: what == "issue turn-g1")
        fleet.add_issuer("internal", kit.authority("Newest"))
        identity = next(i for i in fleet.plan(accepted_anchors=CONSENT)["identities"] if i["id"] == "core1/callbridge")
        assert (identity["base"], identity["resume"]) == ("callbridge-g2", "new")

    def test_a_certificate_that_became_due_meanwhile_is_not_used(self) -> None:
        fleet = standard()
        killed(fleet, lambda _n, what: what.startswith("note webadmin"))
        late = NOW + datetime.timedelta(days=190)
        plan = fleet.plan(accepted_anchors=CONSENT, now=late)
        assert {i["base"] for i in plan["identities"] if i["name"] == "callbridge"} == {"callbridge-g2"}


class TestDeterminism:
    def test_the_same_input_gives_the_same_plan(self) -> None:
        fleet = standard()
        assert fleet.plan(accepted_anchors=CONSENT) == fleet.plan(accepted_anchors=CONSENT)

    def test_another_moment_with_the_same_decisions_gives_the_same_id(self) -> None:
        fleet = standard()
        later = fleet.plan(accepted_anchors=CONSENT, now=NOW + datetime.timedelta(days=2))
        assert later["id"] == fleet.plan(accepted_anchors=CONSENT)["id"]

    def test_another_decision_gives_another_id(self) -> None:
        fleet = standard()
        first = fleet.plan(accepted_anchors=CONSENT)["id"]
        fleet.nodes["core1"].variables["cms_identities"] = {"callbridge": {"names": ["meet.example.com"]}}
        assert fleet.plan(accepted_anchors=CONSENT)["id"] != first

    def test_a_plan_is_plain_data(self) -> None:
        plan = standard().plan(accepted_anchors=CONSENT)
        assert json.loads(json.dumps(plan)) == plan

    def test_what_only_issuing_can_know_is_not_in_a_plan(self) -> None:
        fleet = standard()
        before = fleet.plan(accepted_anchors=CONSENT)
        assert not any("PRIVATE" in json.dumps(step) for step in kit.steps(before))
        assert all("sha256" not in identity for identity in before["identities"])


def bases(plan: dict[str, Any]) -> dict[str, str]:
    return {identity["id"]: identity["base"] for identity in plan["identities"]}


@pytest.mark.parametrize("moment", ["note callbridge-c2w-trust-g2.pem", "upload callbridge-c2w-trust-g2.pem"])
def test_s15_a_narrowing_that_was_killed_takes_up_the_file_it_began(moment: str) -> None:
    fleet = standard()
    fleet.run(fleet.plan(accepted_anchors=CONSENT))
    first = make_narrow_plan(fleet.given(kit.NARROW, narrow_also=["CN=Old Root"]))
    next(what for _node, what in fleet.carry_out(first) if what == moment)
    second = make_narrow_plan(fleet.given(kit.NARROW, narrow_also=["CN=Old Root"]))
    assert [trust["file"] for trust in second["trusts"]] == [trust["file"] for trust in first["trusts"]]
    fleet.run(second)
    assert not make_narrow_plan(fleet.given(kit.NARROW))["rounds"]


TRUST_FILE = "callbridge-c2w-trust-g1.pem"


@pytest.mark.parametrize(
    ("file", "ours", "expected"),
    [
        # Noted and never uploaded: its name was not used.
        (None, True, TRUST_FILE),
        # Cut in the middle of the upload: no service can have read it.
        (File("certificate", problems=["it ends in the middle"]), True, TRUST_FILE),
        # Whole, with something else in it: somebody may have assigned it since.
        (File("certificate", OLD.pems), True, "callbridge-c2w-trust-g2.pem"),
        (File("certificate", problems=["it ends in the middle"]), False, "callbridge-c2w-trust-g2.pem"),
    ],
    ids=["noted", "cut", "whole", "of somebody else"],
)
def test_s2_a_trust_file_gets_a_name_that_no_service_can_have_read(
    file: File | None, ours: bool, expected: str
) -> None:
    fleet = standard()
    if file is not None:
        fleet.nodes["core1"].files[TRUST_FILE] = file
    if ours:
        fleet.nodes["core1"].made.add(TRUST_FILE)
    plan = fleet.plan(accepted_anchors=CONSENT)
    named = {trust["file"] for trust in plan["trusts"] if (trust["node"], trust["service"]) == ("core1", "callbridge")}
    assert named == {expected}
