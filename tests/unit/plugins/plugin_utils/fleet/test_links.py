# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links of every kind: trust before identity, no more restarts than the table of the reference has (8.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._fleet.narrow import make_narrow_plan
from tests.unit.plugins.plugin_utils.fleet import kit, mesh
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, NEW, OLD, Fleet

Make = Callable[[], Fleet]


def roll_out(fleet: Fleet, **how: Any) -> dict[str, dict[str, int]]:
    """Carry a plan out act by act: no link that is verified may be down after any of them; give the restarts."""
    plan = fleet.plan(accepted_anchors=CONSENT, **how)
    assert kit.errors(plan) == []
    for node, what in fleet.carry_out(plan):
        assert not mesh.broken(fleet), f"after {what} on {node}"
    counted = {name: dict(node.restarts) for name, node in fleet.nodes.items() if node.restarts}
    assert plan["cost"]["restarts"] == counted
    again = fleet.plan(accepted_anchors=CONSENT, **how)
    assert (again["changed"], kit.errors(again)) == (False, [])
    return counted


def most(counted: dict[str, dict[str, int]]) -> dict[str, int]:
    """The most restarts of each service on any node."""
    found: dict[str, int] = {}
    for services in counted.values():
        for service, number in services.items():
            found[service] = max(found.get(service, 0), number)
    return found


ONCE = dict.fromkeys(("webadmin", "callbridge", "webbridge3", "turn", "recorder", "streamer", "scheduler"), 1)


# The rows of the table -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [False, True])
def test_a_renewal_under_the_trusted_ca_restarts_each_service_once(together: bool) -> None:
    counted = roll_out(mesh.whole(issuer=OLD, together=together))
    assert most(counted) == {**ONCE, "meetingapps": 1}
    assert "up1" not in counted


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("pinned", [False, True])
def test_a_new_root_restarts_call_bridges_once_and_who_they_verify_twice(together: bool, pinned: bool) -> None:
    fleet = mesh.whole(together=together)
    if pinned:
        mesh.pin(fleet)
    counted = most(roll_out(fleet))
    assert counted["callbridge"] == 1
    assert counted["webbridge3"] == 2
    assert (counted["recorder"], counted["streamer"]) == (2, 2)
    assert {counted[service] for service in ("webadmin", "turn", "meetingapps", "uploader", "scheduler")} == {1}


def test_a_renewal_where_leaves_are_pinned_is_a_change_of_trust() -> None:
    fleet = mesh.whole(issuer=OLD)
    mesh.pin(fleet)
    counted = most(roll_out(fleet))
    assert (counted["callbridge"], counted["webbridge3"], counted["recorder"], counted["scheduler"]) == (1, 2, 2, 1)
    assert counted["uploader"] == 1


def test_a_new_intermediate_under_the_trusted_root_needs_no_widening() -> None:
    counted = roll_out(mesh.whole(issuer=OLD.intermediate("Old Second")))
    assert most(counted) == {**ONCE, "meetingapps": 1}


KINDS: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "c2w": ({"cluster": False, "sip": False}, {"callbridge": 1, "webbridge3": 2, "scheduler": 1, "webadmin": 1}),
    "cluster": ({"cluster": True, "sip": False}, {"callbridge": 1, "webbridge3": 2, "webadmin": 1}),
    "sip": ({"cluster": False, "sip": True}, {"callbridge": 1, "recorder": 2, "streamer": 2}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_alone_costs_no_more(kind: str) -> None:
    options, wanted = KINDS[kind]
    counted = most(roll_out(mesh.whole(**options)))
    assert {service: counted[service] for service in wanted} == wanted
    if kind != "sip":
        assert (counted["recorder"], counted["streamer"]) == (1, 1)


def test_one_certificate_for_everything_of_a_node_restarts_each_of_its_services_as_often_as_before() -> None:
    fleet = mesh.whole()
    slots = {"all": {"slots": ["webadmin", "callbridge", "scheduler_c2w", "scheduler_https"]}}
    for name in ("core1", "core2"):
        fleet.nodes[name].variables["cms_identities"] = slots
    counted = roll_out(fleet)
    assert counted["core1"] == {"callbridge": 1, "scheduler": 1, "webadmin": 1}


# Who verifies --------------------------------------------------------------------------------------------------------


def kinds(plan: dict[str, Any]) -> set[str]:
    return {link["kind"] for link in plan["links"]}


def test_nothing_is_linked_where_nothing_is_verified() -> None:
    plan = mesh.whole(cluster=False, sip=False).plan(kit.RENEW)
    assert kinds(plan) == {"c2w_server", "c2w_client", "scheduler_server", "scheduler_client", "uploader"}


def test_a_side_verifies_where_its_own_mode_says_so() -> None:
    fleet = mesh.whole()
    fleet.nodes["rec1"].sip_verify = "disabled"
    plan = fleet.plan(kit.RENEW)
    assert {"recorder_server", "streamer_server", "streamer_client"} <= kinds(plan)
    assert "recorder_client" not in kinds(plan)


@pytest.mark.parametrize("mode", ["ocsp", "enabled"])
def test_both_words_for_verification_count(mode: str) -> None:
    fleet = mesh.whole()
    for name in ("core1", "core2", "rec1", "str1"):
        fleet.nodes[name].sip_verify = mode
    assert most(roll_out(fleet))["recorder"] == 2


def test_a_mode_that_nobody_knows_counts_as_verifying_and_is_told() -> None:
    fleet = mesh.whole()
    fleet.nodes["core1"].sip_verify = "strange"
    plan = fleet.plan(accepted_anchors=CONSENT)
    (found,) = kit.findings(plan, "verify-mode-unknown")
    assert (found["object"], found["severity"]) == ("core1", "warning")
    widened = {(change["node"], change["service"], change["trust"]) for change in plan["trusts"]}
    assert ("core1", "callbridge", "sip") in widened


def test_s8_a_display_that_is_not_understood_stops_what_hangs_on_it() -> None:
    fleet = mesh.whole()
    given = fleet.given(accepted_anchors=frozenset(CONSENT))
    survey = given.hosts["core1"].survey
    assert survey is not None
    survey["services"]["callbridge"]["not_understood"] = {"tls sip": "it has no row about trust"}
    plan = kit.make_plan(given)
    (found,) = kit.errors(plan)
    assert (found["rule"], found["object"]) == ("display-not-understood", "core1")
    assert not any(entry["serial"] and "core1" in entry["hosts"] for entry in plan["rounds"])


def test_one_setting_of_two_services_has_one_file_that_both_restart_for() -> None:
    fleet = mesh.whole(together=True)
    plan = fleet.plan(accepted_anchors=CONSENT)
    changes = [change for change in plan["trusts"] if change["node"] == "rec1"]
    assert {change["service"] for change in changes} == {"recorder", "streamer"}
    assert len({change["file"] for change in changes}) == 1
    uploads = [step for step in kit.steps(plan, "upload", "rec1") if "trust" in step["content"]]
    assert len(uploads) == 1
    assert roll_out(fleet)["rec1"] == {"recorder": 2, "streamer": 2}


@pytest.mark.parametrize("acts", range(0, 60, 5))
def test_s15_killed_between_the_restarts_of_two_services_the_next_run_finishes_both(acts: int) -> None:
    fleet = mesh.whole(cores=1, edges=1, together=True, cluster=False)
    plan = fleet.plan(accepted_anchors=CONSENT)
    for number, (node, what) in enumerate(fleet.carry_out(plan)):
        assert not mesh.broken(fleet), f"after {what} on {node}"
        if number >= acts * 2:
            break
    roll_out_again(fleet)


def roll_out_again(fleet: Fleet) -> None:
    plan = fleet.plan(accepted_anchors=CONSENT)
    assert kit.errors(plan) == []
    for node, what in fleet.carry_out(plan):
        assert not mesh.broken(fleet), f"after {what} on {node}"
    assert not fleet.plan(accepted_anchors=CONSENT)["changed"]
    assert not any(records for node in fleet.nodes.values() for records in node.pending.values())


# Names ---------------------------------------------------------------------------------------------------------------


def peers_at_addresses(fleet: Fleet, version: str) -> dict[str, Any]:
    """The plan where Call Bridges name their peers by address, as the vendor's own design shows it."""
    for node in fleet.nodes.values():
        node.version = version
    given = fleet.given(accepted_anchors=frozenset(CONSENT))
    for host in given.hosts.values():
        for entry in (host.survey or {})["api"]["call_bridges"]:
            entry["address"] = f"https://{fleet.nodes[entry['name']].address}:445"
    return kit.make_plan(given)


def test_a_peer_is_dialled_by_a_name_in_its_certificate_from_3_4_on() -> None:
    plan = peers_at_addresses(mesh.whole(), "3.4")
    broken = kit.findings(plan, "link-broken")
    assert broken
    assert all("cluster_peer" in found["object"] and "10.0.0." in found["found"] for found in broken)
    # The new Web Admin certificate names the address, so it mends what is broken.
    assert all(found["cured"] for found in broken)
    names = {name for one in plan["identities"] if one["name"] == "webadmin" for name in one["names"]}
    assert {"10.0.0.1", "10.0.0.2"} <= names


@pytest.mark.parametrize("version", ["3.3.1", "2.9"])
def test_before_3_4_nobody_looks_at_the_name(version: str) -> None:
    plan = peers_at_addresses(mesh.whole(), version)
    assert kit.findings(plan, "link-broken") == []
    assert not any("10.0.0." in name for one in plan["identities"] for name in one["names"])


def test_a_wildcard_is_no_exact_name() -> None:
    fleet = mesh.whole(issuer=OLD, ends=150)
    fleet.give("core1", "webadmin", OLD, ends=150, names=("*.example.com",), common_name="*.example.com")
    found = kit.findings(fleet.plan(kit.RENEW), "link-broken")
    assert ["core1.example.com" in one["found"] for one in found] == [True]


# What is not as it should be -----------------------------------------------------------------------------------------


def test_s5_what_would_break_a_link_on_the_wanted_side_is_refused() -> None:
    """Nobody consented to another anchor for the recorder's peers, so nothing of theirs moves."""
    plan = mesh.whole().plan()
    assert not plan["changed"]
    assert {found["rule"] for found in kit.errors(plan)} == {"anchor-change-without-consent"}


def test_a_recorder_that_trusts_nobody_today_is_cured() -> None:
    fleet = mesh.whole()
    fleet.verify_sip("rec1", *NEW.pems[-1:])
    plan = fleet.plan(accepted_anchors=CONSENT)
    assert kit.errors(plan) == []
    assert {found["object"] for found in kit.findings(plan, "link-broken") if found["cured"]} == {
        "rec1<core1 recorder_client",
        "rec1<core2 recorder_client",
    }


def test_a_node_that_is_down_blocks_all_that_are_linked_to_it() -> None:
    fleet = mesh.whole()
    fleet.nodes["rec1"].unreachable = "no answer"
    plan = fleet.plan(accepted_anchors=CONSENT)
    assert {"core1", "core2", "edge1", "edge2", "rec1", "str1"} <= set(plan["blocked"])
    touched = {host for entry in plan["rounds"] for host in entry["hosts"]}
    assert touched <= {"app1"}


def test_labels_say_which_recorder_belongs_to_whom() -> None:
    fleet = mesh.whole()
    for name in ("core1", "core2", "edge1", "edge2", "rec1"):
        fleet.nodes[name].variables["cms_cluster"] = "north"
    fleet.nodes["str1"].variables["cms_cluster"] = "south"
    found = kinds(fleet.plan(kit.RENEW))
    assert "recorder_server" in found
    assert not {"streamer_server", "streamer_client"} & found


def test_an_uploader_whose_host_nobody_knows_is_refused() -> None:
    fleet = mesh.whole(issuer=OLD)
    fleet.nodes["up1"].uploads_to = "elsewhere.example.net"
    (found,) = kit.errors(fleet.plan(kit.RENEW))
    assert (found["rule"], found["object"]) == ("trust-without-link", "up1")


def test_two_call_bridge_restarts_only_where_call_bridges_verify_their_own_certificate() -> None:
    """Web Admin's certificate is not the Call Bridge's, so cluster trust costs no second restart."""
    fleet = mesh.whole(cores=6, edges=1)
    assert most(roll_out(fleet))["callbridge"] == 1


def test_narrow_drops_what_was_added_everywhere_and_breaks_nothing() -> None:
    fleet = mesh.whole(together=True)
    roll_out(fleet)
    named = [mesh.certs.describe(mesh.load(pem))["subject"] for pem in OLD.pems]
    plan = make_narrow_plan(fleet.given(kit.NARROW, narrow_also=named))
    assert kit.errors(plan) == []
    narrowed = {(change["service"], change["trust"]) for change in plan["trusts"]}
    assert {("callbridge", "c2w"), ("callbridge", "cluster"), ("scheduler", "c2w"), ("uploader", "cms")} <= narrowed
    fleet.run(plan)
    # One file for the setting that recorder and streamer read; it rides along for both.
    assert [change["file"] for change in plan["trusts"] if change["node"] == "rec1"] == ["tls-sip-trust-g2.pem"]
    assert {"recorder", "streamer"} <= set(fleet.nodes["rec1"].pending)
    for node in fleet.nodes.values():
        node.reboot()
    assert not mesh.broken(fleet)
