# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings that are taken back: refused while a link needs them, carried out where nothing breaks (S5, S16)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._fleet.removal import plan_no_certificate, plan_no_trust
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.single import plan_trust
from tests.unit.plugins.plugin_utils.fleet import kit, mesh
from tests.unit.plugins.plugin_utils.fleet.kit import NEW, OLD, Fleet


def commands(plan: dict[str, Any]) -> list[str]:
    return [
        text for step in kit.steps(plan) for text in [*step.get("commands", []), *filter(None, [step.get("command")])]
    ]


def no_trust(fleet: Fleet, host: str, service: str, trust: str) -> dict[str, Any]:
    return plan_no_trust(fleet.given(), host, service, trust)


def no_certificate(fleet: Fleet, host: str, slot: str) -> dict[str, Any]:
    return plan_no_certificate(fleet.given(), host, slot)


# Trust ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "service", "trust"),
    [
        ("core1", "callbridge", "c2w"),
        ("edge1", "webbridge3", "c2w"),
        ("core1", "scheduler", "c2w"),
        ("rec1", "recorder", "sip"),
    ],
)
def test_trust_that_a_link_is_verified_by_stays(host: str, service: str, trust: str) -> None:
    plan = no_trust(mesh.whole(), host, service, trust)
    assert not plan["changed"]
    found = kit.findings(plan, "link-would-break")
    assert found
    assert all("does not trust" in one["found"] for one in found)


def test_without_cluster_trust_nobody_is_verified_so_nothing_breaks() -> None:
    fleet = mesh.whole()
    plan = no_trust(fleet, "core1", "callbridge", "cluster")
    assert kit.errors(plan) == []
    assert commands(plan) == ["callbridge trust cluster none", "callbridge restart"]


def test_trust_that_is_not_set_is_left_alone() -> None:
    plan = no_trust(mesh.whole(cluster=False), "core1", "callbridge", "cluster")
    assert (plan["changed"], kit.errors(plan)) == (False, [])


def test_sip_trust_goes_where_nothing_is_verified_and_those_outside_are_told_of() -> None:
    fleet = mesh.whole(together=True)
    for name in ("core1", "core2", "rec1"):
        fleet.nodes[name].sip_verify = "disabled"
    plan = no_trust(fleet, "rec1", "recorder", "sip")
    assert kit.errors(plan) == []
    assert commands(plan) == ["recorder disable", "tls sip trust none", "recorder enable"]
    # The streamer reads the same setting; for it the change waits.
    (step,) = kit.steps(plan, "trust")
    assert step["users"] == [{"service": "streamer", "rides": True}]
    assert "CUCM" in kit.findings(plan, "trust-of-outsiders-removed")[0]["found"]


# Certificates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "slot"),
    [("core1", "callbridge"), ("edge1", "webbridge3_c2w"), ("core1", "scheduler_c2w"), ("core1", "webadmin")],
)
def test_a_certificate_that_a_link_presents_stays(host: str, slot: str) -> None:
    plan = no_certificate(mesh.whole(), host, slot)
    assert not plan["changed"]
    assert "presents no certificate" in kit.findings(plan, "link-would-break")[0]["found"]


def test_a_service_that_is_on_keeps_what_it_needs() -> None:
    fleet = mesh.whole()
    (found,) = kit.errors(no_certificate(fleet, "app1", "meetingapps"))
    assert (found["rule"], found["object"]) == ("service-needs-certificate", "app1 meetingapps")
    assert "'meetingapps disable'" in found["next_step"]
    fleet.nodes["app1"].enabled["meetingapps"] = False
    plan = no_certificate(fleet, "app1", "meetingapps")
    assert kit.errors(plan) == []
    assert commands(plan) == ["meetingapps https certs none"]


def test_a_slot_without_a_certificate_is_left_alone() -> None:
    fleet = mesh.whole()
    fleet.nodes["app1"].enabled["meetingapps"] = False
    del fleet.nodes["app1"].slots["meetingapps"]
    plan = no_certificate(fleet, "app1", "meetingapps")
    assert (plan["changed"], kit.errors(plan)) == (False, [])


def test_a_call_bridge_that_nobody_verifies_gives_its_certificate_back_with_a_restart() -> None:
    fleet = kit.Fleet()
    fleet.add("lone", ("webadmin", "callbridge"))
    plan = no_certificate(fleet, "lone", "callbridge")
    assert kit.errors(plan) == []
    assert commands(plan) == ["callbridge certs none", "callbridge restart"]
    assert [step["proof"] for step in kit.steps(plan, "prove")] == ["gone"]


# Turned on -----------------------------------------------------------------------------------------------------------


def test_cluster_trust_is_not_turned_on_while_a_peer_would_not_be_taken() -> None:
    fleet = mesh.whole(cluster=False)
    wrong = plan_trust(fleet.given(), "core1", "callbridge", "cluster", NEW.pems[-1:], "widen")
    assert {one["rule"] for one in kit.errors(wrong)} == {"link-would-break"}
    right = plan_trust(fleet.given(), "core1", "callbridge", "cluster", OLD.pems[-1:], "widen")
    assert kit.errors(right) == []
    assert right["changed"]
