# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan says: each finding names its object, the reason and the next step, whatever is wrong (S1, S14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._findings import SEVERITIES
from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, NEW, OLD, Fleet, standard


def silent_api(fleet: Fleet) -> None:
    for node in fleet.nodes.values():
        node.api = "unauthorized"


class TestCalls:
    @pytest.mark.parametrize("calls", ["stop", "wait"])
    def test_s6_a_restart_that_may_meet_calls_nobody_can_count_is_refused(self, calls: str) -> None:
        fleet = standard(1, 1, issuer=OLD)
        silent_api(fleet)
        plan = fleet.plan(calls=calls)
        (found,) = kit.findings(plan, "calls-unknown")
        assert (found["severity"], found["cured"], found["object"]) == ("error", False, "core1 callbridge")
        assert f"cms_calls is {calls}" in found["found"]
        assert "cms_calls to drop" in found["next_step"]
        assert not plan["changed"]

    def test_s6_who_drops_calls_need_not_count_them(self) -> None:
        fleet = standard(1, 1, issuer=OLD)
        silent_api(fleet)
        plan = fleet.plan(calls="drop")
        assert not kit.findings(plan, "calls-unknown")
        assert plan["changed"]

    def test_s6_without_such_a_restart_nobody_asks(self) -> None:
        fleet = standard(1, 1, issuer=OLD, ends=150)
        fleet.give("core1", "webadmin", OLD, ends=9)
        silent_api(fleet)
        plan = fleet.plan()
        assert not kit.errors(plan)
        assert plan["cost"]["restarts"] == {"core1": {"webadmin": 1}}


class TestTrustOfOutsiders:
    @pytest.mark.parametrize("trust", ["ucm", "imps", "branding"])
    def test_it_is_remarked_and_stays(self, trust: str) -> None:
        fleet = standard(1, 1)
        core = fleet.nodes["core1"]
        core.foreign_trusts["callbridge", trust] = core.put("outside.pem", "certificate", *OLD.pems)
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert not kit.errors(plan)
        (found,) = kit.findings(plan, "trust-of-outsiders")
        assert (found["severity"], found["object"]) == ("remark", "core1")
        assert "outside.pem" in found["found"]
        assert {step["trust"] for step in kit.steps(plan, "trust")} == {"c2w"}
        assert not any("none" in step["command"].split() for step in kit.steps(plan, "trust"))


def _unreachable(fleet: Fleet) -> None:
    fleet.nodes["edge1"].unreachable = "connection timed out"


def _no_name(fleet: Fleet) -> None:
    fleet.nodes["core1"].variables["cms_domain"] = None


def _bad_options(fleet: Fleet) -> None:
    fleet.nodes["core1"].variables |= {"cms_renew_before": "soon", "cms_identities": {"callbridge": {"nmaes": []}}}


def _strange_trust(fleet: Fleet) -> None:
    fleet.nodes["core1"].unknown_trusts["callbridge"] = [["Moon trusted certs", "moon.pem"]]
    fleet.nodes["core1"].unknown_rows["callbridge"] = [["Moon phase", "full"]]
    fleet.nodes["core1"].foreign_trusts["callbridge", "cluster"] = "peers.pem"


def _broken_links(fleet: Fleet) -> None:
    fleet.trust("core1", "callbridge", *NEW.pems)


def _unknown_ends(fleet: Fleet) -> None:
    entry = {"id": "wb-x", "url": "c2w://far.example.com:9999", "host": "far.example.com", "port": 9999}
    fleet.clusters[0].registrations.append(entry)
    fleet.nodes["core2"].unprobed |= {"callbridge"}


def _unreadable(fleet: Fleet) -> None:
    for name in ("edge1-webbridge3-c2w.crt", "webbridge3-old-trust.pem"):
        fleet.nodes["edge1"].files[name].pems = []
        fleet.nodes["edge1"].files[name].problems = ["no certificate in it"]


def _changed_by_hand(fleet: Fleet) -> None:
    fleet.give("core1", "callbridge", OLD, base="by-hand", start=False)
    fleet.nodes["edge1"].trusts["webbridge3", "c2w"] = None
    fleet.nodes["core2"].calls = 4
    fleet.nodes["core2"].notices = ["password expires in 5 days"]


def _expired(fleet: Fleet) -> None:
    for slot in ("webbridge3_https", "webbridge3_c2w"):
        fleet.give("edge1", slot, OLD, ends=-3, names=("edge1.example.com", "*.example.com"), eku=("clientAuth",))


@pytest.mark.parametrize("options", [{}, {"accepted_anchors": CONSENT}, {"intent": kit.RENEW}])
@pytest.mark.parametrize(
    "spoil",
    [
        silent_api,
        _unreachable,
        _no_name,
        _bad_options,
        _strange_trust,
        _broken_links,
        _unknown_ends,
        _unreadable,
        _changed_by_hand,
        _expired,
    ],
)
def test_s14_every_finding_names_object_reason_and_next_step(
    spoil: Callable[[Fleet], None], options: dict[str, Any]
) -> None:
    fleet = standard(2, 2)
    spoil(fleet)
    found = fleet.plan(**options)["findings"]
    assert found
    for entry in found:
        assert entry["severity"] in SEVERITIES
        for part in ("rule", "section", "object", "found", "next_step"):
            assert entry[part].strip(), entry
            assert "None" not in entry[part], entry
        assert len(entry["next_step"].split()) > 1
        assert not entry["next_step"].endswith((".", ":", ",", ";"))
        assert entry["rule"] == entry["rule"].lower()
        assert " " not in entry["rule"]
