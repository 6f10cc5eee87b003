# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The doctor: each way a fleet is broken gets one line with its cause and its cure (guide chapter 5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugins.plugin_utils.fleet.kit import NEW, NOW, OLD, Fleet, standard
from tests.unit.plugins.plugin_utils.fleet.paper import Node
from tests.unit.plugins.plugin_utils.pki.making import DAY, make
from tests.unit.plugins.plugin_utils.report.kit import causes, healthy, one, report_on, self_signed


def test_a_healthy_fleet_has_no_errors_and_no_warnings() -> None:
    report = report_on(healthy())
    assert {cause["severity"] for cause in report["causes"]} <= {"remark"}, report["causes"]
    assert report["summary"]["links_down"] == 0


# Links ---------------------------------------------------------------------------------------------------------------


def test_a_trust_that_lacks_a_ca_is_one_line_for_all_whom_it_refuses() -> None:
    fleet = healthy()
    for edge in ("edge1", "edge2"):
        fleet.trust(edge, "webbridge3", *OLD.pems)
    report = report_on(fleet)
    found = one(report, "link-untrusted")
    assert found["nodes"] == ["edge1", "edge2"]
    assert "lacks CN=New Issuing" in found["found"]
    assert "so it refuses callbridge of core1, core2 and core3" in found["found"]
    assert "certops.cms.site" in found["cure"]
    assert report["summary"]["links_down"] == 12
    # What the planner says of each link is in it, and no line of its own.
    assert not causes(report, "link-broken")
    assert len(found["findings"]) == 6


def test_a_name_that_is_dialled_and_not_in_the_certificate_is_named() -> None:
    fleet = healthy()
    fleet.give("edge1", "webbridge3_c2w", NEW, ends=100, names=("other.example.com",), common_name="other.example.com")
    found = one(report_on(fleet), "link-wrong-name")
    assert found["nodes"] == ["edge1"]
    assert "dials edge1.example.com" in found["found"]
    assert "other.example.com only" in found["found"]


def test_a_listener_that_does_not_answer_is_the_cause_where_certificates_are_right() -> None:
    fleet = healthy()
    fleet.nodes["edge1"].unprobed.add("webbridge3_c2w")
    given = report_on(_down(fleet, "edge1"))
    found = one(given, "link-no-listener")
    assert found["nodes"] == ["edge1"]
    assert "webbridge3_c2w does not answer with TLS on port 9999" in found["found"]
    assert "core1, core2 and core3" in found["found"]


def test_what_is_stored_and_not_live_is_the_cause_where_certificates_are_right() -> None:
    fleet = healthy()
    fleet.give("edge1", "webbridge3_c2w", NEW, base="later", ends=90, start=False)
    found = one(report_on(_down(fleet, "edge1")), "link-not-restarted")
    assert found["nodes"] == ["edge1"]
    assert "webbridge3 runs with other certificates or trust than it has stored" in found["found"]
    assert found["cure"].startswith("restart webbridge3")


def test_a_link_that_nothing_explains_says_so_and_where_to_look() -> None:
    report = report_on(_down(healthy(), "edge2"))
    found = one(report, "link-down")
    assert found["nodes"] == ["edge2"]
    assert "right on both sides" in found["found"]
    assert "DNS" in found["cure"]


def test_a_trust_whose_ca_certificate_is_over_says_that_it_is_over() -> None:
    fleet = healthy(1, 1)
    ended = make("Ended Root", ca=True, start=NOW - 400 * DAY, end=NOW - DAY)
    leaf = ended.issue("core1.example.com", start=NOW - 10 * DAY, end=NOW + 100 * DAY)
    core = fleet.nodes["core1"]
    core.install("callbridge", "from-ended", leaf, [ended.pem])
    core.start("callbridge")
    fleet.trust("edge1", "webbridge3", ended.pem)
    found = one(report_on(fleet), "link-untrusted")
    assert "only as a certificate that ended on 2026-11-22" in found["found"]


def test_links_that_are_only_assumed_are_no_errors() -> None:
    fleet = healthy()
    for core in ("core1", "core2", "core3"):
        fleet.nodes[core].api = "unavailable"
    fleet.trust("edge1", "webbridge3", *OLD.pems)
    found = one(report_on(fleet), "link-untrusted")
    assert found["severity"] == "warning"
    assert "assumed" in found["found"]


def _down(fleet: Fleet, edge: str) -> Fleet:
    """Let the API say that the links to a Web Bridge are down, whatever its certificates say."""
    for cluster in fleet.clusters:
        for entry in cluster.registrations:
            if entry["host"].startswith(f"{edge}."):
                entry["status"] = "connectionFailure"
    return fleet


# Dates ---------------------------------------------------------------------------------------------------------------


def test_an_expired_certificate_says_since_when_and_who_refuses_it() -> None:
    fleet = healthy()
    fleet.give("core1", "callbridge", NEW, ends=-3)
    report = report_on(fleet)
    found = one(report, "expired")
    assert (found["severity"], found["nodes"]) == ("error", ["core1"])
    assert found["found"] == "the certificate of callbridge expired on 2026-11-20; refused by edge1 and edge2"
    assert found["cure"] == "run certops.cms.renew: it is due and on its list"
    assert not causes(report, "certificate-expired")
    assert not causes(report, "link-broken")


def test_what_ends_soon_is_one_line_for_nodes_with_one_cause_and_names_those_outside() -> None:
    found = causes(report_on(standard(3, 1, ca=NEW, ends=9), soon_days=10), "expires-soon")
    assert [cause["nodes"] for cause in found] == [["core1", "core2", "core3"], ["edge1"]]
    assert {cause["severity"] for cause in found} == {"warning"}
    assert any("Meeting Management" in cause["found"] for cause in found)


def test_days_that_count_as_soon_are_the_users() -> None:
    fleet = healthy(1, 1)
    assert not causes(report_on(fleet, soon_days=100), "expires-soon")
    assert causes(report_on(fleet, soon_days=101), "expires-soon")


def test_a_ca_that_ends_takes_everything_below_it_along() -> None:
    fleet = healthy(1, 1)
    ending = make("Ending Root", ca=True, start=NOW - 400 * DAY, end=NOW + 5 * DAY)
    leaf = ending.issue("core1.example.com", start=NOW - 10 * DAY, end=NOW + 100 * DAY)
    fleet.nodes["core1"].install("webadmin", "from-ending", leaf, [ending.pem])
    fleet.nodes["core1"].start("webadmin")
    found = one(report_on(fleet), "ca-expires-soon")
    assert "CN=Ending Root in the chain of webadmin ends on 2026-11-28" in found["found"]


@pytest.mark.parametrize(
    ("variables", "cure"),
    [({"cms_issuer": None}, "name who issues it"), ({"cms_renew_before": "1d"}, "nothing yet")],
)
def test_the_cure_of_an_end_is_what_will_become_of_it(variables: dict[str, Any], cure: str) -> None:
    fleet = standard(1, 1, ca=NEW, ends=9)
    for node in fleet.nodes.values():
        node.variables.update(variables)
    assert {found["cure"][: len(cure)] for found in causes(report_on(fleet), "expires-soon")} == {cure}


def test_a_node_with_errors_is_told_to_clear_them_before_anything_is_renewed() -> None:
    fleet = standard(1, 1, ca=NEW, ends=9)
    fleet.nodes["core1"].unknown_trusts["callbridge"] = [["Odd trust", "odd.pem"]]
    assert all("clear the errors" in found["cure"] for found in causes(report_on(fleet), "expires-soon"))


# Browsers and chains -------------------------------------------------------------------------------------------------


def _show(node: Node, slot: str, made: Any, chain: list[str]) -> None:
    node.install(slot, f"{node.name}-shown", made, chain)
    node.reboot()


def test_a_self_signed_certificate_is_untrusted_by_browsers() -> None:
    fleet = healthy()
    for edge in ("edge1", "edge2"):
        _show(fleet.nodes[edge], "webbridge3_https", self_signed(f"{edge}.example.com"), [])
    found = one(report_on(fleet), "untrusted-self-signed")
    assert (found["severity"], found["section"], found["nodes"]) == ("warning", "5.1", ["edge1", "edge2"])
    assert "browsers of web app users" in found["found"]


def test_a_certificate_for_another_name_makes_browsers_warn() -> None:
    fleet = healthy(1, 1)
    fleet.give("edge1", "webbridge3_https", NEW, ends=100, names=("old.example.com",), common_name="old.example.com")
    found = one(report_on(fleet), "untrusted-name")
    assert found["nodes"] == ["edge1"]
    assert "webbridge3_https" in found["found"]


def test_a_name_of_cms_identities_is_a_name_that_it_may_be_for() -> None:
    fleet = healthy(1, 1)
    fleet.give("edge1", "webbridge3_https", NEW, ends=100, names=("join.example.com",), common_name="join.example.com")
    fleet.nodes["edge1"].variables["cms_identities"] = {"webbridge3_https": {"common_name": "join.example.com"}}
    assert not causes(report_on(fleet), "untrusted-name")


def test_a_public_service_under_ones_own_ca_is_a_remark() -> None:
    found = causes(report_on(healthy(1, 1)), "untrusted-own-ca")
    assert {cause["severity"] for cause in found} == {"remark"}
    assert all("CN=New Root" in cause["found"] for cause in found)


def test_a_leaf_without_the_certificate_of_its_intermediate_is_an_incomplete_chain() -> None:
    fleet = healthy(1, 1)
    leaf = NEW.signer.issue("edge1.example.com", end=NOW + 100 * DAY)
    node = fleet.nodes["edge1"]
    _show(node, "turn", leaf, [])
    found = one(report_on(fleet), "chain-incomplete")
    assert "turn serves its certificate without that of its CA CN=New Issuing" in found["found"]
    assert "bundle" in found["cure"]


def test_a_leaf_of_a_root_needs_no_chain() -> None:
    fleet = healthy(1, 1)
    leaf = NEW.root.issue("edge1.example.com", end=NOW + 100 * DAY)
    _show(fleet.nodes["edge1"], "turn", leaf, [])
    assert not causes(report_on(fleet), "chain-incomplete")


# Pairs, services, leftovers ------------------------------------------------------------------------------------------


def test_a_pair_that_does_not_match_is_named_before_the_service_meets_it() -> None:
    fleet = healthy(1, 1)
    pair = {"key": "a.key", "certificate": "b.crt", "matches": False, "said": "no"}
    unclear = {**pair, "matches": None}

    def edit(surveys: dict[str, dict[str, Any]]) -> None:
        surveys["core1"]["pairs"] = {"callbridge": pair, "webadmin": unclear}

    found = one(report_on(fleet, edit=edit), "pair-does-not-match")
    assert found["found"] == "callbridge: the key a.key does not belong to the certificate b.crt"


def test_assigned_and_not_served_is_told() -> None:
    fleet = healthy(1, 1)
    fleet.give("core1", "webadmin", NEW, base="later", ends=90, start=False)
    found = one(report_on(fleet), "pending-change-of-others")
    assert found["nodes"] == ["core1"]
    assert "restart webadmin" in found["cure"]


def test_a_restart_that_nobody_saw_is_told() -> None:
    fleet = healthy(1, 1)
    fleet.nodes["edge1"].pending["webbridge3"] = {
        "trust:c2w": {"setting": "trust:c2w", "before": "webbridge3-old-trust.pem", "phase": "stored"}
    }
    found = one(report_on(fleet), "restart-pending")
    assert "webbridge3" in found["found"]


def test_a_trust_file_with_a_leaf_that_nothing_shows_is_told() -> None:
    fleet = healthy(2, 1)
    gone = OLD.issue("core9.example.com", ends=50)
    for core in ("core1", "core2"):
        fleet.trust(core, "callbridge", *NEW.pems, gone.pem)
    found = one(report_on(fleet), "trust-unused")
    assert found["nodes"] == ["core1", "core2"]
    assert "CN=core9.example.com" in found["found"]
    assert "nothing shows any more" in found["found"]


def test_unused_files_are_counted_and_those_of_a_plan_are_none() -> None:
    fleet = healthy(2, 1)
    for core in ("core1", "core2"):
        fleet.nodes[core].put("old.crt", "certificate", OLD.pems[0])
        fleet.nodes[core].put("old.key", "key")
    report = report_on(fleet)
    found = one(report, "files-unused")
    assert found["found"].startswith("4 files")
    assert found["nodes"] == ["core1", "core2"]
    assert report["nodes"][0]["unused"] == ["old.crt", "old.key"]


def test_alarms_are_told_whatever_their_type() -> None:
    fleet = healthy(1, 1)
    report = report_on(fleet)
    assert not causes(report, "alarm")

    def edit(surveys: dict[str, dict[str, Any]]) -> None:
        surveys["core1"]["api"]["alarms"] = [
            {"type": "somethingNew", "details": {"failurereason": "tlsNegotiationFailure"}}
        ]

    found = one(report_on(fleet, edit=edit), "alarm")
    assert found["found"] == "its API raises the alarm somethingNew (tlsNegotiationFailure)"


# Putting together ----------------------------------------------------------------------------------------------------


def test_nodes_that_cannot_be_read_for_one_reason_are_one_line() -> None:
    fleet = healthy(12, 1)
    for number in range(1, 13):
        fleet.nodes[f"core{number}"].unreachable = f"core{number}: no answer in time"
    found = one(report_on(fleet), "node-not-surveyed")
    assert found["nodes"] == sorted(f"core{number}" for number in range(1, 13))
    assert "core" not in found["found"]


def test_a_change_of_anchor_that_nobody_consented_to_is_one_line_for_all_identities() -> None:
    found = one(report_on(standard(3, 2)), "anchor-change-without-consent")
    assert found["nodes"] == ["core1", "core2", "core3", "edge1", "edge2"]
    assert "cms_accept_anchors: [internal]" in found["cure"]


def test_the_gravest_comes_first() -> None:
    fleet = standard(3, 2, ca=NEW, ends=9)
    fleet.give("core1", "callbridge", NEW, ends=-3)
    fleet.nodes["core2"].put("old.crt", "certificate", OLD.pems[0])
    report = report_on(fleet)
    ranks = [("error", "warning", "remark").index(cause["severity"]) for cause in report["causes"]]
    assert ranks == sorted(ranks)
    assert report["causes"][0]["rule"] == "expired"


def test_every_finding_of_the_plan_is_in_a_cause_or_about_the_run_that_would_be() -> None:
    fleet = standard(3, 2)
    fleet.nodes["core1"].calls = 3
    fleet.trust("edge1", "webbridge3", *NEW.pems)
    fleet.nodes["edge2"].unreachable = "no answer"
    report = report_on(fleet, accepted_anchors=("internal",))
    told = {index for cause in report["causes"] for index in cause["findings"]}
    left = {finding["rule"] for index, finding in enumerate(report["findings"]) if index not in told}
    assert left <= {"calls-in-progress", "calls-unknown"}


def test_what_the_plan_cures_is_told_with_the_plan_as_its_cure() -> None:
    fleet = standard(1, 1, ca=NEW, ends=-2)
    report = report_on(fleet)
    assert all(cause["cure"] for cause in report["causes"])
    assert causes(report, "expired")
