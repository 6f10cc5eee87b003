# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which names a new certificate takes over from the one it replaces, and which it must not (S17)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._fleet.plan import make_plan
from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, NEW, OLD, Authority, Fleet, standard
from tests.unit.plugins.plugin_utils.pki import making
from tests.unit.plugins.plugin_utils.pki.making import DAY, NOW

OWN = "edge1.example.com"


def with_names(*names: str, issuer: Authority = NEW, ends: int = 9, **inventory: Any) -> Fleet:
    """A Web Bridge whose web app certificate has names of its own, certified by another CA unless ``issuer`` did."""
    fleet = standard(1, 1, issuer=issuer, ends=ends)
    fleet.give("edge1", "webbridge3_https", OLD, names=(OWN, *names), ends=ends)
    fleet.nodes["edge1"].variables["cms_identities"] = {"webbridge3_https": inventory}
    return fleet


def identity(plan: dict[str, Any], name: str = "edge1/webbridge3_https") -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in plan["identities"] if entry["id"] == name)
    return found


class TestNamesThatOthersCertified:
    def test_s17_they_are_kept_and_told(self) -> None:
        plan = with_names("meet.example.com").plan(accepted_anchors=CONSENT)
        assert identity(plan)["names"] == [OWN, "meet.example.com"]
        (found,) = kit.findings(plan, "names-adopted")
        assert (found["severity"], found["object"]) == ("warning", "edge1 webbridge3_https")
        assert "meet.example.com" in found["found"]
        assert OWN not in found["found"]
        assert "keep_names: false" in found["next_step"]

    def test_names_that_the_inventory_has_are_not_told(self) -> None:
        plan = with_names("meet.example.com", names=["meet.example.com"]).plan(accepted_anchors=CONSENT)
        assert identity(plan)["names"] == [OWN, "meet.example.com"]
        assert not kit.findings(plan, "names-adopted")

    def test_names_that_the_issuer_certified_before_are_not_told(self) -> None:
        plan = with_names("meet.example.com", issuer=OLD).plan()
        assert identity(plan)["names"] == [OWN, "meet.example.com"]
        assert not kit.findings(plan, "names-adopted")

    @pytest.mark.parametrize("other", ["core1.example.com", "CORE1.example.com", "10.0.0.1"])
    def test_no_node_gets_the_name_or_address_of_another(self, other: str) -> None:
        plan = with_names(other, "meet.example.com").plan(accepted_anchors=CONSENT)
        assert identity(plan)["names"] == [OWN, "meet.example.com"]

    def test_not_even_that_of_a_node_left_out(self) -> None:
        fleet = with_names("core2.example.com")
        fleet.add("core2", ("webadmin", "callbridge"))
        fleet.cluster(["core2"], [])
        plan = fleet.plan(accepted_anchors=CONSENT, skipped=["core2"])
        assert identity(plan)["names"] == [OWN]

    def test_a_name_that_another_node_is_dialled_by_is_its_own(self) -> None:
        fleet = with_names("guests.example.com")
        fleet.add("edge2", ("webbridge3",), variables={"cms_c2w_names": ["guests.example.com"]})
        url = "c2w://guests.example.com:9999"
        fleet.clusters[0].registrations.append(
            {"id": "wb-x", "url": url, "host": "guests.example.com", "port": 9999, "status": "success"}
        )
        fleet.give("edge2", "webbridge3_c2w", OLD, names=("edge2.example.com", "guests.example.com"))
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert identity(plan)["names"] == [OWN]
        assert "guests.example.com" in identity(plan, "edge2/webbridge3_c2w")["names"]

    def test_s1_a_wildcard_has_to_be_asked_for(self) -> None:
        plan = with_names("*.example.com").plan(accepted_anchors=CONSENT)
        (found,) = kit.errors(plan)
        assert (found["rule"], found["object"]) == ("inventory", "edge1")
        assert "*.example.com" in found["found"]
        assert "webbridge3_https" in found["found"]
        assert "keep_names: false" in found["next_step"]
        assert not plan["changed"]

    @pytest.mark.parametrize(
        ("inventory", "names"),
        [({"names": ["*.example.com"]}, [OWN, "*.example.com"]), ({"keep_names": False}, [OWN])],
    )
    def test_a_wildcard_that_is_asked_for_or_let_go_is_no_error(
        self, inventory: dict[str, Any], names: list[str]
    ) -> None:
        plan = with_names("*.example.com", **inventory).plan(accepted_anchors=CONSENT)
        assert not kit.errors(plan)
        assert identity(plan)["names"] == names

    def test_a_wildcard_that_the_issuer_certified_before_is_kept(self) -> None:
        plan = with_names("*.example.com", issuer=OLD).plan()
        assert not kit.errors(plan)
        assert identity(plan)["names"] == [OWN, "*.example.com"]

    def test_nothing_is_taken_from_a_certificate_that_its_own_key_signed(self) -> None:
        fleet = standard(1, 1)
        made = making.make(
            OWN, names=(OWN, "vault.example.com"), eku=("serverAuth",), start=NOW - 90 * DAY, end=NOW + 9 * DAY
        )
        fleet.nodes["edge1"].install("webbridge3_https", "by-hand", made, ())
        fleet.nodes["edge1"].start("webbridge3")
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert identity(plan)["names"] == [OWN]


class TestTheSubject:
    @staticmethod
    def with_country(country: str) -> dict[str, Any]:
        given = standard(1, 1, issuer=OLD, ends=9).given()
        for entry in (given.hosts["core1"].survey or {})["certificates"].values():
            for item in entry["certificates"]:
                attributes = {**item["info"]["subject_attributes"], "C": country}
                item["info"] = {**item["info"], "subject_attributes": attributes}
        return make_plan(given)

    def test_a_country_in_small_letters_is_asked_for_in_large_ones(self) -> None:
        commands = [step["command"] for step in kit.steps(self.with_country("de"), "csr", "core1")]
        assert commands
        assert all("C:DE" in command for command in commands)

    def test_so_is_one_of_the_inventory(self) -> None:
        fleet = standard(1, 1, issuer=OLD, ends=9)
        fleet.nodes["core1"].variables["cms_subject"] = {"C": "de", "O": "Example"}
        commands = [step["command"] for step in kit.steps(fleet.plan(), "csr", "core1")]
        assert commands
        assert all("C:DE" in command for command in commands)

    @pytest.mark.parametrize(
        "variables",
        [
            {"cms_fqdn": "a" * 40 + "." + "b" * 40 + ".example.com"},
            {"cms_subject": {"C": "Germany", "O": "Example"}},
        ],
    )
    def test_s1_what_no_request_can_carry_is_an_error_of_the_plan(self, variables: dict[str, Any]) -> None:
        fleet = standard(1, 1, issuer=OLD, ends=9)
        keep = {"keep_names": False}
        fleet.nodes["core1"].variables |= {**variables, "cms_identities": {"callbridge": keep, "webadmin": keep}}
        plan = fleet.plan()
        found = [entry for entry in kit.errors(plan) if entry["object"] == "core1"]
        assert {entry["rule"] for entry in found} <= {"country-code", "subject-unusable"}
        assert all(any(name in entry["found"] for entry in found) for name in ("callbridge", "webadmin"))
        assert not plan["changed"]


class TestTwoRegistrations:
    def test_a_web_bridge_with_two_registrations_keeps_both_names_and_both_links(self) -> None:
        fleet = standard(1, 1, issuer=OLD, ends=9)
        hosts = [f"{name}.example.com" for name in ("b", "c")]
        fleet.nodes["edge1"].variables["cms_c2w_names"] = hosts
        fleet.clusters[0].registrations[:] = [
            {"id": f"wb-{host}", "url": f"c2w://{host}:9999", "host": host, "port": 9999, "status": "success"}
            for host in hosts
        ]
        fleet.give("edge1", "webbridge3_c2w", OLD, names=(OWN, *hosts))
        plan = fleet.plan()
        assert not kit.errors(plan)
        assert set(hosts) <= set(identity(plan, "edge1/webbridge3_c2w")["names"])
        ids = [link["id"] for link in plan["links"]]
        assert len(ids) == len(set(ids)) == 4
        assert {link["web_bridge_id"] for link in plan["links"]} == {f"wb-{host}" for host in hosts}
        proven = {link for step in kit.steps(plan, "prove") for link in step.get("links", [])}
        assert proven == set(ids)
