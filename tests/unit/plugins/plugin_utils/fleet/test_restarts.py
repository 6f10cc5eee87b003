# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes with which restart, and how many rounds of restarts there may be (S5, S6)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, NEW, OLD, Fleet, authority, standard


def batches(plan: dict[str, Any], host: str, service: str) -> list[list[dict[str, Any]]]:
    """The steps of each restart of a service, in their order."""
    return [
        batch["steps"]
        for entry in plan["rounds"]
        for batch in entry["batches"].get(host, [])
        if batch["service"] == service
    ]


def assigned(steps: list[dict[str, Any]]) -> list[str]:
    return [step["slot"] for step in steps if step["kind"] == "assign"]


class TestExpiredBesideALink:
    @staticmethod
    def fleet(ends: int) -> Fleet:
        """Links that hold, and a web app certificate of the same service that does not any more."""
        fleet = standard(2, 2)
        fleet.give("edge1", "webbridge3_https", OLD, ends=ends)
        return fleet

    @pytest.mark.parametrize("ends", [-30, -1, 0, 1])
    def test_the_first_restart_brings_the_new_certificate(self, ends: int) -> None:
        """A service may refuse to start with an expired certificate, and then its links would be gone."""
        fleet = self.fleet(ends)
        plan = fleet.plan(accepted_anchors=CONSENT)
        first, second = batches(plan, "edge1", "webbridge3")
        assert assigned(first) == ["webbridge3_https"]
        assert [step["kind"] for step in first if step["kind"] in ("assign", "trust", "restart")] == [
            "assign",
            "trust",
            "restart",
        ]
        assert assigned(second) == ["webbridge3_c2w"]
        assert [step["identity"] for step in first if step.get("slot") == "webbridge3_https" and "proof" in step] == [
            "edge1/webbridge3_https"
        ]
        for _act in fleet.carry_out(plan):
            assert not fleet.broken()
        assert fleet.nodes["edge1"].restarts["webbridge3"] == 2
        assert not fleet.plan()["changed"]

    def test_the_reason_is_told_with_that_restart(self) -> None:
        plan = self.fleet(-1).plan(accepted_anchors=CONSENT)
        reasons = [
            batch["reason"]
            for entry in plan["rounds"]
            for batch in entry["batches"].get("edge1", [])
            if batch["service"] == "webbridge3"
        ]
        assert "webbridge3_https: expired on" in reasons[0]
        assert "expired" not in reasons[1]

    @pytest.mark.parametrize("ends", [2, 9])
    def test_what_still_lasts_waits_for_its_round(self, ends: int) -> None:
        first, second = batches(self.fleet(ends).plan(accepted_anchors=CONSENT), "edge1", "webbridge3")
        assert assigned(first) == []
        assert sorted(assigned(second)) == ["webbridge3_c2w", "webbridge3_https"]

    def test_other_nodes_are_not_concerned(self) -> None:
        first, second = batches(self.fleet(-1).plan(accepted_anchors=CONSENT), "edge2", "webbridge3")
        assert assigned(first) == []
        assert sorted(assigned(second)) == ["webbridge3_c2w", "webbridge3_https"]

    def test_with_a_single_restart_all_comes_at_once(self) -> None:
        fleet = standard(1, 1, issuer=OLD)
        fleet.give("edge1", "webbridge3_https", OLD, ends=-1)
        (only,) = batches(fleet.plan(), "edge1", "webbridge3")
        assert sorted(assigned(only)) == ["webbridge3_c2w", "webbridge3_https"]

    @pytest.mark.parametrize("killed_at", range(0, 60, 3))
    def test_s15_a_run_killed_on_the_way_is_finished(self, killed_at: int) -> None:
        fleet = self.fleet(-1)
        for number, _act in enumerate(fleet.carry_out(fleet.plan(accepted_anchors=CONSENT))):
            if number == killed_at:
                break
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert not kit.errors(plan)
        for _act in fleet.carry_out(plan):
            assert not fleet.broken()
        assert not fleet.plan()["changed"]


class TestRounds:
    @staticmethod
    def row(length: int) -> Fleet:
        """Nodes in a row, each the verifier of the one before it: what each presents is new to the next one only."""
        cas = [authority(f"Row {number}") for number in range(length)]
        fleet = Fleet()
        names = [f"{'core' if number % 2 == 0 else 'edge'}{number}" for number in range(length)]
        for number, name in enumerate(names):
            fleet.add_issuer(f"row{number}", cas[number])
            services = ("callbridge",) if name.startswith("core") else ("webbridge3",)
            fleet.add(name, services, variables={"cms_issuer": f"row{number}"})
            later = [pem for ca in cas[number + 1 :] for pem in ca.pems]
            fleet.trust(name, services[0], *OLD.pems, *later)
        for number, name in enumerate(names):
            if name.startswith("core"):
                fleet.cluster([name], [names[near] for near in (number - 1, number + 1) if 0 <= near < length])
        return fleet

    @classmethod
    def plan(cls, length: int) -> dict[str, Any]:
        return cls.row(length).plan(accepted_anchors=[f"row{number}" for number in range(length)])

    def test_six_rounds_of_restarts_are_what_the_playbook_has_plays_for(self) -> None:
        plan = self.plan(6)
        assert not kit.errors(plan)
        assert len([entry for entry in plan["rounds"] if entry["serial"]]) == 6

    def test_s1_more_are_refused(self) -> None:
        plan = self.plan(8)
        (found,) = kit.findings(plan, "too-many-rounds")
        assert (found["severity"], found["cured"]) == ("error", False)
        assert "8 rounds" in found["found"]
        assert "one part of the fleet at a time" in found["next_step"]
        assert not plan["changed"]

    def test_s1_what_needs_no_more_goes_on(self) -> None:
        fleet = self.row(8)
        fleet.add_issuer("internal", NEW)
        fleet.add("xcore", ("callbridge",), variables={"cms_issuer": "internal"})
        fleet.add("xedge", ("webbridge3",), variables={"cms_issuer": "internal"})
        fleet.cluster(["xcore"], ["xedge"])
        plan = fleet.plan(accepted_anchors=["internal", *(f"row{number}" for number in range(8))])
        assert kit.findings(plan, "too-many-rounds")
        assert {host for entry in plan["rounds"] for host in entry["hosts"]} == {"xcore", "xedge"}
        for _act in fleet.carry_out(plan):
            assert not fleet.broken()


class TestTimeBeforeTheEnd:
    @pytest.mark.parametrize(
        ("before", "lasts", "told"),
        [
            (None, 20, False),
            ("30d", 200, False),
            ("133d", 200, False),
            ("134d", 200, True),
            ("400d", 200, True),
            ("66%", 200, False),
            ("67%", 200, True),
        ],
    )
    def test_a_time_longer_than_two_thirds_of_the_lifetime_is_told(
        self, before: str | None, lasts: int, told: bool
    ) -> None:
        fleet = standard(1, 1, issuer=OLD, ends=150)
        fleet.give("core1", "callbridge", OLD, ends=lasts, lasts=lasts)
        fleet.nodes["core1"].variables["cms_identities"] = {"callbridge": {"renew_before": before} if before else {}}
        plan = fleet.plan()
        found = [entry for entry in kit.findings(plan, "renew-before-capped") if entry["object"] == "core1 callbridge"]
        assert bool(found) == told
        assert {entry["severity"] for entry in found} <= {"warning"}
        assert all(str(before) in entry["found"] for entry in found)
        assert not kit.errors(plan)
