# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot be read is not taken for empty: neither a trust nor a certificate (S1, S16)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._fleet import single
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.narrow import make_narrow_plan
from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, NEW, OLD, RENEW, SITE, Fleet, standard

KEY_INSIDE = "holds a private key, and certificates only are permitted"


def blind(fleet: Fleet, node: str, file: str | None) -> None:
    """Let a file be one that a survey cannot read; what runs has read it long ago."""
    assert file is not None
    fleet.nodes[node].files[file].pems = []
    fleet.nodes[node].files[file].problems = [KEY_INSIDE]


def two_clusters() -> Fleet:
    fleet = Fleet(NEW)
    for letter in "ab":
        fleet.add(f"{letter}core1", ("webadmin", "callbridge"))
        fleet.add(f"{letter}edge1", ("webbridge3",))
        fleet.cluster([f"{letter}core1"], [f"{letter}edge1"])
    return fleet


@pytest.mark.parametrize(("node", "service"), [("aedge1", "webbridge3"), ("acore1", "callbridge")])
def test_s16_a_trust_file_that_cannot_be_read_is_an_error_and_nothing_is_planned_for_its_cluster(
    node: str, service: str
) -> None:
    fleet = two_clusters()
    blind(fleet, node, fleet.nodes[node].trusts[service, "c2w"])
    plan = fleet.plan(accepted_anchors=CONSENT)
    (found,) = kit.findings(plan, "trust-unreadable")
    assert (found["severity"], found["cured"], found["object"]) == ("error", False, node)
    assert KEY_INSIDE in found["found"]
    assert plan["blocked"] == ["acore1", "aedge1"]
    assert {host for entry in plan["rounds"] for host in entry["hosts"]} == {"bcore1", "bedge1"}
    assert {change["node"] for change in plan["trusts"]} == {"bcore1", "bedge1"}


def test_s16_it_is_told_even_where_nothing_would_change() -> None:
    fleet = standard(1, 1, issuer=OLD, ends=150)
    blind(fleet, "edge1", fleet.nodes["edge1"].trusts["webbridge3", "c2w"])
    plan = fleet.plan()
    assert [found["rule"] for found in kit.errors(plan) if found["object"] == "edge1"] == ["trust-unreadable"]
    assert not plan["changed"]


@pytest.mark.parametrize("stored", [None, "webbridge3-other.pem"])
def test_s15_a_link_that_is_up_without_any_trust_that_explains_it_is_an_error(stored: str | None) -> None:
    fleet = standard(1, 1, issuer=OLD, ends=9)
    edge = fleet.nodes["edge1"]
    edge.put("webbridge3-other.pem", "certificate", *NEW.pems)
    # Stored by hand and not restarted: the running service still takes what it took.
    edge.trusts["webbridge3", "c2w"] = stored
    plan = fleet.plan()
    (found,) = kit.findings(plan, "link-up-without-trust")
    assert (found["severity"], found["cured"]) == ("error", False)
    assert found["object"].startswith("edge1<core1")
    assert plan["blocked"] == ["core1", "edge1"]
    assert not plan["changed"]
    assert not plan["trusts"]


def unreadable(slot: str, node: str, ends: int, issuer: kit.Authority = NEW) -> Fleet:
    fleet = standard(1, 1, issuer=issuer, ends=ends)
    blind(fleet, node, fleet.nodes[node].slots[slot]["certificate"])
    return fleet


@pytest.mark.parametrize("intent", [SITE, RENEW])
@pytest.mark.parametrize("ends", [9, 150])
@pytest.mark.parametrize(("node", "slot"), [("core1", "callbridge"), ("edge1", "webbridge3_https"), ("edge1", "turn")])
def test_s17_a_certificate_that_cannot_be_read_is_no_empty_slot(node: str, slot: str, ends: int, intent: str) -> None:
    """A first certificate needs no consent; this is none. And renew must not be silent about it."""
    plan = unreadable(slot, node, ends).plan(intent)
    (found,) = kit.findings(plan, "certificate-unreadable")
    assert (found["severity"], found["cured"], found["object"]) == ("error", False, f"{node} {slot}")
    assert KEY_INSIDE in found["found"]
    assert plan["blocked"] == ["core1", "edge1"]
    assert not plan["identities"]
    assert not plan["changed"]


def test_a_bundle_does_not_stand_in_for_the_certificate_before_it() -> None:
    plan = unreadable("callbridge", "core1", 150, OLD).plan()
    assert kit.findings(plan, "certificate-unreadable")
    assert not any("CN=Old Root" in found["found"] for found in plan["findings"])


def test_s17_consent_does_not_make_it_readable_either() -> None:
    plan = unreadable("callbridge", "core1", 9).plan(accepted_anchors=CONSENT)
    assert [found["rule"] for found in kit.errors(plan)] == ["certificate-unreadable"]
    assert not plan["identities"]


def test_a_bundle_that_cannot_be_read_is_no_reason_to_forget_the_certificate() -> None:
    fleet = standard(1, 1, issuer=OLD, ends=150)
    blind(fleet, "core1", fleet.nodes["core1"].slots["callbridge"]["bundle"])
    plan: dict[str, Any] = fleet.plan()
    assert not kit.findings(plan, "certificate-unreadable")
    assert any(KEY_INSIDE in found["found"] for found in kit.findings(plan, "bundle-form"))
    assert not plan["changed"]


def test_s16_nothing_is_narrowed_where_a_trust_cannot_be_read() -> None:
    fleet = standard(1, 2, issuer=OLD, ends=150)
    fleet.trust("edge1", "webbridge3", *OLD.pems, *NEW.pems)
    assert make_narrow_plan(fleet.given(kit.NARROW, narrow_also=NEW.fingerprints))["changed"]
    blind(fleet, "edge2", fleet.nodes["edge2"].trusts["webbridge3", "c2w"])
    plan = make_narrow_plan(fleet.given(kit.NARROW, narrow_also=NEW.fingerprints))
    assert kit.findings(plan, "trust-unreadable")
    assert not plan["changed"]


class TestOneService:
    """A module that restarts one service must not end a link that lives by what only the running service knows."""

    @staticmethod
    def fleet() -> Fleet:
        fleet = standard(1, 1, issuer=OLD, ends=150)
        fleet.nodes["edge1"].trusts["webbridge3", "c2w"] = None
        fleet.give("edge1", "webbridge3_https", OLD, base="by-hand", ends=150)
        fleet.nodes["edge1"].trusting["webbridge3", "c2w"] = list(OLD.pems)
        return fleet

    def test_s15_a_restart_that_would_end_such_a_link_is_refused(self) -> None:
        fleet = self.fleet()
        files = dict(fleet.nodes["edge1"].slots["webbridge3_https"])
        fleet.nodes["edge1"].slots["webbridge3_https"] = {**files, "key": "edge1-turn.key"}
        plan = single.plan_assignment(fleet.given(), "edge1", "webbridge3_https", files, True)
        (found,) = [entry for entry in kit.errors(plan) if entry["rule"] == "link-would-break"]
        assert found["object"].startswith("edge1<core1")
        assert not plan["changed"]

    def test_s15_to_store_what_the_link_lives_by_is_not(self) -> None:
        plan = single.plan_trust(self.fleet().given(), "edge1", "webbridge3", "c2w", OLD.pems, "widen")
        assert not kit.errors(plan)
        assert plan["changed"]

    def test_s15_to_store_something_else_is(self) -> None:
        plan = single.plan_trust(self.fleet().given(), "edge1", "webbridge3", "c2w", NEW.pems, "widen")
        assert [entry["rule"] for entry in kit.errors(plan)] == ["link-would-break"]
