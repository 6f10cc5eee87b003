# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What blocks a plan, how far the block reaches, what is cured, and what needs a person's consent."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._findings import ERROR, WARNING, Finding
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.given import FleetInput
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.plan import make_plan
from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, NEW, NOW, OLD, Fleet, standard
from tests.unit.plugins.plugin_utils.pki.making import DAY


def two_clusters(issuer: kit.Authority = NEW) -> Fleet:
    fleet = Fleet(issuer)
    for letter in "ab":
        fleet.add(f"{letter}core1", ("webadmin", "callbridge"))
        fleet.add(f"{letter}edge1", ("webbridge3", "turn"))
        fleet.cluster([f"{letter}core1"], [f"{letter}edge1"])
    return fleet


def touched(plan: dict[str, Any]) -> set[str]:
    return {host for entry in plan["rounds"] for host in entry["hosts"]}


class TestS1:
    def test_s1_an_error_blocks_its_cluster_and_no_other(self) -> None:
        fleet = two_clusters()
        fleet.nodes["aedge1"].unreachable = "connection timed out"
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert plan["blocked"] == ["acore1", "aedge1"]
        assert touched(plan) == {"bcore1", "bedge1"}
        assert {n for i in plan["identities"] for n in i["nodes"]} == {"bcore1", "bedge1"}
        assert {t["node"] for t in plan["trusts"]} == {"bcore1", "bedge1"}
        assert set(plan["cost"]["restarts"]) == {"bcore1", "bedge1"}

    def test_s1_an_unreachable_node_says_why_and_how_to_leave_it_out(self) -> None:
        fleet = standard()
        fleet.nodes["edge2"].unreachable = "wrong password"
        plan = fleet.plan(accepted_anchors=CONSENT)
        (found,) = kit.errors(plan)
        assert (found["rule"], found["object"]) == ("node-not-surveyed", "edge2")
        assert "wrong password" in found["found"]
        assert "cms_skip_nodes: [edge2]" in found["next_step"]
        assert not plan["changed"]
        assert not kit.findings(plan, "links-assumed")

    def test_s1_a_node_left_out_on_purpose_does_not_block_and_is_reported(self) -> None:
        fleet = standard()
        fleet.nodes["edge2"].unreachable = "wrong password"
        plan = fleet.plan(accepted_anchors=CONSENT, skipped=["edge2"])
        assert not kit.errors(plan)
        assert plan["skipped"] == ["edge2"]
        assert touched(plan) == {"core1", "core2", "core3", "edge1"}
        assert any("edge2" in found["found"] for found in kit.findings(plan, "link-left-out"))

    def test_s1_a_call_bridge_left_out_is_reported_by_those_it_verifies(self) -> None:
        fleet = standard()
        plan = fleet.plan(accepted_anchors=CONSENT, skipped=["core3"])
        assert not kit.errors(plan)
        assert any("core3" in found["found"] for found in kit.findings(plan, "link-left-out"))

    def test_s8_trust_for_a_node_left_out_is_no_unknown_trust(self) -> None:
        fleet = standard(cores=1, edges=1)
        assert not kit.errors(fleet.plan(accepted_anchors=CONSENT, skipped=["edge1"]))
        assert not kit.errors(fleet.plan(accepted_anchors=CONSENT, skipped=["core1"]))

    def test_s1_a_fault_of_today_that_the_plan_cures_does_not_block(self) -> None:
        fleet = standard(issuer=OLD, ends=150)
        fleet.trust("core1", "callbridge", *NEW.pems)
        assert fleet.broken() == {("core1", "edge1"), ("core1", "edge2")}
        plan = fleet.plan()
        assert not kit.errors(plan)
        assert {f["cured"] for f in kit.findings(plan, "link-broken")} == {True}
        fleet.run(plan)
        assert not fleet.broken()
        assert not fleet.plan()["findings"]

    def test_s1_a_fault_of_today_that_the_plan_does_not_cure_blocks(self) -> None:
        fleet = standard(issuer=OLD, ends=150)
        fleet.give("edge1", "webbridge3_c2w", OLD, names=("other.example.com",), ends=150)
        assert not kit.errors(fleet.plan(kit.SITE))
        plan = fleet.plan(kit.RENEW)
        assert {f["object"] for f in kit.findings(plan, "link-broken")} == {
            f"core{n}<edge1 c2w_server" for n in (1, 2, 3)
        }
        assert plan["blocked"] == ["core1", "core2", "core3", "edge1", "edge2"]

    def test_s1_a_wanted_state_that_would_break_a_link_is_refused(self) -> None:
        fleet = standard(issuer=OLD)
        fleet.give("edge1", "webbridge3_c2w", OLD, names=("edge1.example.com", "join.example.com"))
        fleet.clusters[0].registrations[0].update(url="c2w://join.example.com:9999", host="join.example.com")
        assert not kit.errors(fleet.plan(kit.RENEW))
        # The name is registered, so it is asked for whatever the inventory drops.
        fleet.nodes["edge1"].variables["cms_identities"] = {"webbridge3_c2w": {"keep_names": False}}
        plan = fleet.plan(kit.RENEW)
        assert not kit.errors(plan)
        assert "join.example.com" in next(i for i in plan["identities"] if i["name"] == "webbridge3_c2w")["names"]

    @pytest.mark.parametrize("severity", [ERROR, WARNING])
    def test_s1_what_the_gathering_found_blocks_everything_if_it_is_an_error(self, severity: str) -> None:
        given = standard().given(accepted_anchors=CONSENT)
        given.findings.append(Finding(severity, "host-outside-fleet", "S19", "x", "is outside", "put it in"))
        plan = make_plan(given)
        assert plan["changed"] == (severity != ERROR)
        assert bool(plan["blocked"]) == (severity == ERROR)

    def test_s1_what_the_issuer_says_blocks_those_who_need_it(self) -> None:
        fleet = two_clusters()
        fleet.add_issuer("other", kit.authority("Other"))
        fault = Finding(ERROR, "ca-expired", "3.3", "issuer other", "its root expired", "renew the root")
        fleet.issuers["other"].findings.append(fault)
        for name in ("bcore1", "bedge1"):
            fleet.nodes[name].variables["cms_issuer"] = "other"
        plan = fleet.plan(accepted_anchors=["internal", "other"])
        assert plan["blocked"] == ["bcore1", "bedge1"]
        assert touched(plan) == {"acore1", "aedge1"}

    def test_s1_what_the_walk_over_all_states_finds_blocks_like_any_other_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With trust and identity in the wrong order the plan is refused, not printed as if it would be done."""
        from ansible_collections.certops.cms.plugins.plugin_utils._fleet import order

        def heedless(changes: Any) -> list[order.Unit]:
            return [
                order.Unit(change.host, change.service, part, level=1 if change.service == "webbridge3" else 0)
                for change in changes
                for part in ["TI" if change.trust and change.identity else "T" if change.trust else "I"]
            ]

        monkeypatch.setattr(order, "units", heedless)
        plan = standard().plan(accepted_anchors=CONSENT)
        assert kit.findings(plan, "link-would-break-on-the-way")
        assert plan["blocked"] == ["core1", "core2", "core3", "edge1", "edge2"]
        assert not plan["rounds"]
        assert not plan["changed"]

    def test_s19_an_empty_fleet_is_refused(self) -> None:
        plan = Fleet(OLD).plan()
        (found,) = kit.errors(plan)
        assert (found["rule"], found["object"]) == ("group-empty", "group cms")

    def test_s19_a_host_without_any_service_is_told(self) -> None:
        fleet = standard(issuer=OLD, ends=150)
        fleet.add("spare", (), groups=())
        plan = fleet.plan()
        assert kit.rules_of(plan, "warning") == {"no-service"}

    def test_s8_a_service_group_whose_node_lacks_the_service_is_refused(self) -> None:
        fleet = standard()
        fleet.nodes["core1"].groups = ("webadmin", "callbridge", "turn")
        plan = fleet.plan(accepted_anchors=CONSENT)
        (found,) = kit.errors(plan)
        assert (found["rule"], found["object"]) == ("service-missing", "core1")
        assert "cms_turn" in found["found"]
        assert not plan["changed"]


class TestS8:
    def test_s8_a_trust_that_is_no_link_of_the_plan_is_refused(self) -> None:
        """A Call Bridge that verifies its peers and has none: who is it that it waits for?"""
        fleet = standard(1, 1, issuer=OLD)
        fleet.nodes["core1"].put("peers.pem", "certificate", *OLD.pems)
        fleet.nodes["core1"].foreign_trusts["callbridge", "cluster"] = "peers.pem"
        plan = fleet.plan(kit.RENEW)
        (found,) = kit.errors(plan)
        assert found["rule"] == "trust-without-link"
        assert "'callbridge trust cluster' names peers.pem" in found["found"]
        assert not plan["changed"]

    def test_s8_a_trust_setting_that_nobody_knows_is_refused(self) -> None:
        fleet = standard(issuer=OLD)
        fleet.nodes["core1"].unknown_trusts["callbridge"] = [["Moon trusted certs", "moon.pem"]]
        (found,) = kit.errors(fleet.plan(kit.RENEW))
        assert found["rule"] == "trust-unknown"
        assert "Moon trusted certs" in found["found"]

    def test_s8_a_row_that_nobody_knows_is_remarked(self) -> None:
        fleet = standard(issuer=OLD)
        fleet.nodes["core1"].unknown_rows["callbridge"] = [["Moon phase", "full"]]
        plan = fleet.plan(kit.RENEW)
        assert plan["changed"]
        assert "unknown-row" in kit.rules_of(plan, "remark")

    def test_a_notice_at_login_is_passed_on(self) -> None:
        fleet = standard(issuer=OLD)
        fleet.nodes["core1"].notices = ["password expires in 5 days"]
        assert "password expires" in kit.findings(fleet.plan(kit.RENEW), "login-notice")[0]["found"]

    def test_s5_a_web_bridge_outside_the_inventory_blocks_only_what_would_change_for_it(self) -> None:
        fleet = standard(issuer=OLD, ends=150)
        entry = {"id": "wb-x", "url": "c2w://far.example.com:9999", "host": "far.example.com", "port": 9999}
        fleet.clusters[0].registrations.append(entry)
        plan = fleet.plan()
        assert not kit.errors(plan)
        assert kit.rules_of(plan, "warning") == {"registration-outside-inventory"}
        fleet.give("core1", "callbridge", OLD, ends=5)
        assert kit.rules_of(fleet.plan(), "error") == {"registration-outside-inventory"}

    def test_s5_a_call_bridge_outside_the_inventory_blocks_a_change_of_trust(self) -> None:
        fleet = standard()
        given = fleet.given(accepted_anchors=CONSENT)
        add_peer(given)
        plan = make_plan(given)
        assert kit.rules_of(plan, "error") == {"peer-outside-inventory"}
        assert not plan["changed"]

    def test_s5_a_call_bridge_outside_the_inventory_is_a_warning_while_no_trust_changes(self) -> None:
        fleet = standard(issuer=OLD)
        given = fleet.given(kit.RENEW)
        add_peer(given)
        plan = make_plan(given)
        assert kit.rules_of(plan, "warning") == {"peer-outside-inventory"}
        assert plan["changed"]

    def test_a_peer_is_known_by_its_name_or_by_its_web_admin_too(self) -> None:
        fleet = standard()
        given = fleet.given(accepted_anchors=CONSENT)
        for host in given.hosts.values():
            for entry in (host.survey or {})["api"]["call_bridges"]:
                entry["address"] = "https://198.51.100.7:445"
        assert not kit.errors(make_plan(given))


def add_peer(given: FleetInput) -> None:
    for host in given.hosts.values():
        api = (host.survey or {})["api"]
        if api["state"] == "ok":
            stranger = {"id": "cb-x", "name": "far", "address": "https://far.example.com", "group": None}
            api["call_bridges"].append(stranger)


class TestS15:
    def test_s15_a_change_that_others_stored_and_never_made_live_is_refused(self) -> None:
        fleet = standard(issuer=OLD, ends=150)
        fleet.give("core1", "webadmin", OLD, base="webadmin2027", start=False, ends=190)
        plan = fleet.plan(kit.RENEW)
        (found,) = kit.errors(plan)
        assert (found["rule"], found["object"]) == ("pending-change-of-others", "core1")
        assert "webadmin2027.crt is assigned" in found["found"]
        assert "restart webadmin" in found["next_step"]

    def test_s15_a_change_of_others_is_seen_beside_a_narrower_trust_of_ours(self) -> None:
        fleet = standard(issuer=OLD, ends=150)
        record = {"setting": "trust:c2w", "rides": True, "before": "callbridge-old-trust.pem", "phase": "stored"}
        fleet.nodes["core1"].pending = {"callbridge": {"trust:c2w": record}}
        fleet.give("core1", "callbridge", OLD, base="callbridge2027", start=False, ends=190)
        assert kit.rules_of(fleet.plan(kit.RENEW), "error") == {"pending-change-of-others"}

    def test_s15_a_narrower_trust_waits_and_causes_no_restart(self) -> None:
        fleet = standard(issuer=OLD, ends=150)
        record = {"setting": "trust:c2w", "rides": True, "before": "callbridge-old-trust.pem", "phase": "stored"}
        fleet.nodes["core1"].pending = {"callbridge": {"trust:c2w": record}}
        plan = fleet.plan()
        assert not plan["changed"]
        assert not plan["findings"]

    def test_a_narrower_trust_does_not_switch_on_what_somebody_switched_off(self) -> None:
        fleet = standard(issuer=OLD)
        record = {"setting": "trust:c2w", "rides": True, "before": "webbridge3-old-trust.pem", "phase": "stored"}
        node = fleet.nodes["edge1"]
        node.pending = {"webbridge3": {"trust:c2w": record}}
        node.enabled["webbridge3"] = False
        plan = fleet.plan(kit.RENEW)
        assert "webbridge3" not in plan["cost"]["restarts"]["edge1"]

    def test_s10_what_cannot_be_probed_is_remarked_and_done(self) -> None:
        fleet = standard(issuer=OLD)
        fleet.nodes["edge1"].unprobed = {"webbridge3_c2w"}
        plan = fleet.plan(kit.RENEW)
        (found,) = kit.findings(plan, "not-probed")
        assert found["severity"] == "remark"
        assert "cms_probe.webbridge3_c2w" in found["next_step"]
        assert plan["nodes"]["edge1"]["before"]["webbridge3_c2w"]["state"] == "unreachable"
        fleet.run(plan)
        assert not fleet.plan(kit.RENEW)["changed"]


class TestS17:
    def test_s17_site_without_consent_keeps_what_is_valid_and_remarks_it(self) -> None:
        fleet = standard(ends=150)
        plan = fleet.plan()
        assert not plan["changed"]
        assert {f["severity"] for f in plan["findings"]} == {"remark"}
        kept = kit.findings(plan, "issuer-kept")
        assert len(kept) == 12
        assert all("cms_accept_anchors: [internal]" in found["next_step"] for found in kept)

    def test_s17_site_without_consent_refuses_what_is_due_and_lists_who_else_verifies(self) -> None:
        fleet = standard()
        plan = fleet.plan()
        assert not plan["changed"]
        by_object = {f["object"]: f for f in kit.findings(plan, "anchor-change-without-consent")}
        assert len(by_object) == 12
        told = by_object["core1 callbridge"]["found"]
        assert "CUCM and other SIP peers" in told
        assert "Lync" in told
        assert "Active Directory" in told
        assert "Expressway" in by_object["edge1 webbridge3_https"]["found"]
        assert "Meeting Management" in by_object["core1 webadmin"]["found"]

    def test_s17_with_consent_the_plan_still_lists_who_else_verifies(self) -> None:
        plan = standard().plan(accepted_anchors=CONSENT)
        assert "CUCM and other SIP peers" in plan["external_verifiers"]

    def test_s17_consent_is_for_one_issuer(self) -> None:
        fleet = standard()
        fleet.add_issuer("other", kit.authority("Other"))
        fleet.nodes["core1"].variables["cms_issuer"] = "other"
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert {f["object"] for f in kit.errors(plan)} == {"core1 webadmin", "core1 callbridge"}

    @pytest.mark.parametrize("accepted", [(), CONSENT])
    def test_s17_renew_never_changes_an_anchor(self, accepted: tuple[str, ...]) -> None:
        plan = standard().plan(kit.RENEW, accepted_anchors=accepted)
        assert not plan["changed"]
        (first, *_others) = kit.findings(plan, "anchor-change-without-consent")
        assert first["next_step"].startswith("certops.cms.renew never changes an anchor")

    def test_s17_renew_leaves_valid_certificates_of_other_issuers_in_peace(self) -> None:
        plan = standard(ends=150).plan(kit.RENEW)
        assert not plan["changed"]
        assert not plan["findings"]

    def test_s17_a_first_certificate_needs_no_consent(self) -> None:
        fleet = standard(ends=150)
        for node in fleet.nodes.values():
            node.variables.pop("cms_issuer")
        node = fleet.nodes["core1"]
        node.variables["cms_issuer"] = "internal"
        node.variables["cms_identities"] = {"callbridge": {"issuer": "internal"}}
        del node.slots["webadmin"], node.running["webadmin"]
        plan = fleet.plan()
        assert [i["id"] for i in plan["identities"]] == ["core1/webadmin"]
        assert not plan["external_verifiers"]


class TestCertificatesOfToday:
    """Broken certificates that are in use: told with object, reason and next step; nothing linked changes."""

    def test_a_bundle_in_the_wrong_form_is_a_warning(self) -> None:
        fleet = standard(issuer=OLD, ends=150)
        fleet.nodes["core1"].files["core1-callbridge-bundle.crt"].problems = ["has blank lines between certificates"]
        (found,) = fleet.plan()["findings"]
        assert (found["severity"], found["object"]) == ("warning", "core1 core1-callbridge-bundle.crt")

    def test_a_chain_that_does_not_build_blocks_a_renewal_elsewhere(self) -> None:
        fleet = standard(issuer=OLD, ends=150)
        fleet.nodes["core1"].put("core1-callbridge-bundle.crt", "certificate", *NEW.pems)
        fleet.nodes["core1"].start("callbridge")
        fleet.give("edge1", "turn", OLD, ends=3)
        plan = fleet.plan(kit.RENEW)
        assert any(error["object"] == "core1 callbridge" for error in kit.errors(plan))
        assert not plan["changed"]

    def test_a_certificate_that_is_not_valid_yet_is_an_error(self) -> None:
        fleet = standard(issuer=OLD, ends=150)
        fleet.give("core1", "webadmin", OLD, ends=300, lasts=200)
        plan = fleet.plan(kit.RENEW)
        assert any(error["object"] == "core1 webadmin" for error in kit.errors(plan))

    def test_files_in_use_with_an_underscore_are_remarked(self) -> None:
        fleet = standard(issuer=OLD, ends=150)
        fleet.give("core1", "webadmin", OLD, base="core1_webadmin", ends=150)
        (found,) = fleet.plan()["findings"]
        assert (found["severity"], found["rule"]) == ("remark", "old-file-name")
        assert "core1_webadmin" in found["found"]

    def test_s2_new_names_were_never_used_before(self) -> None:
        fleet = standard(issuer=OLD)
        node = fleet.nodes["core1"]
        node.put("callbridge-g7.csr", "csr")
        node.put("callbridge-g4-bundle.crt", "certificate", *OLD.pems)
        node.made = {"webadmin-g3.key"}
        plan = fleet.plan(kit.RENEW)
        bases = {i["id"]: i["base"] for i in plan["identities"]}
        assert bases["core1/callbridge"] == "callbridge-g8"
        assert bases["core1/webadmin"] == "webadmin-g4"

    def test_s2_new_names_are_letters_digits_hyphens_and_one_dot(self) -> None:
        fleet = standard()
        fleet.nodes["core1"].variables["cms_identities"] = {"Front Door_1": {"slots": ["webadmin"]}}
        plan = fleet.plan(accepted_anchors=CONSENT)
        for step in kit.steps(plan, "upload"):
            base, dot, extension = step["file"].partition(".")
            assert dot
            assert base.replace("-", "").isalnum()
            assert extension in ("crt", "pem", "key")
        assert "front-door-1-g1" in {i["base"] for i in plan["identities"]}

    def test_s3_no_file_that_a_setting_names_is_written_or_removed(self) -> None:
        fleet = standard()
        plan = fleet.plan(accepted_anchors=CONSENT)
        for name in fleet.nodes:
            written = {step["file"] for step in kit.steps(plan, "upload", name)}
            written |= {f"{step['base']}.key" for step in kit.steps(plan, "csr", name)}
            assert not written & fleet.named(name)
            assert not written & set(fleet.nodes[name].files)

    def test_the_moment_is_an_argument(self) -> None:
        fleet = standard(issuer=OLD, ends=150)
        assert not fleet.plan(kit.RENEW)["changed"]
        assert fleet.plan(kit.RENEW, now=NOW + 130 * DAY)["changed"]
