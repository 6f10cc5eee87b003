# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules look at what a plan would bring: what is wrong is told before anything is issued, what is mended is cured."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._fleet.plan import make_plan
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.rules_public import most_days
from ansible_collections.certops.cms.plugins.plugin_utils._services import catalogue
from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import CLIENT, CONSENT, NEW, OLD, SERVER, Fleet, standard
from tests.unit.plugins.plugin_utils.pki import making
from tests.unit.plugins.plugin_utils.pki.making import DAY, NOW
from tests.unit.rules.fleets import PUBLIC, due, pair, quiet, self_signed, variables


def one(plan: dict[str, Any], rule: str) -> dict[str, Any]:
    (found,) = kit.findings(plan, rule)
    return found


class TestNamesThatPeersWant:
    def test_a_name_that_lync_wants_is_asked_for_and_cures_the_fault_of_today(self) -> None:
        fleet = quiet()
        variables(fleet, cms_lync_fqdn="Pool.example.com")
        plan = fleet.plan()
        (identity,) = plan["identities"]
        assert identity["subject"]["CN"] == "pool.example.com"
        assert {"pool.example.com", "core1.example.com"} <= set(identity["names"])
        assert one(plan, "lync-name")["cured"]
        fleet.run(plan)
        assert fleet.plan()["findings"] == []
        assert not fleet.plan()["changed"]

    def test_an_inventory_that_contradicts_itself_is_refused_before_anything_is_issued(self) -> None:
        fleet = due()
        variables(
            fleet, cms_lync_fqdn="pool.example.com", cms_identities={"callbridge": {"common_name": "a.example.com"}}
        )
        found = one(fleet.plan(), "lync-name")
        assert (found["severity"], found["cured"]) == ("error", False)
        assert found["found"].startswith("as planned, has the common name a.example.com")

    def test_the_web_app_and_the_expressway_get_their_names(self) -> None:
        fleet = quiet()
        variables(fleet, "edge1", cms_web_app_fqdn="join.example.com", cms_expressway_name="proxy.example.com")
        plan = fleet.plan()
        (identity,) = plan["identities"]
        assert identity["subject"]["CN"] == "join.example.com"
        assert {"join.example.com", "proxy.example.com", "edge1.example.com"} <= set(identity["names"])
        cured = {found["rule"] for found in plan["findings"] if found["cured"]}
        assert cured == {"web-app-name", "web-app-common-name", "expressway-name"}
        fleet.run(plan)
        assert {found["rule"] for found in fleet.plan()["findings"]} == {"public-ca-wanted"}
        assert not fleet.plan()["changed"]

    def test_a_certificate_for_several_services_keeps_its_common_name(self) -> None:
        fleet = quiet()
        both = {"web": {"slots": ["webbridge3_https", "turn"]}}
        variables(fleet, "edge1", cms_web_app_fqdn="join.example.com", cms_identities=both)
        plan = fleet.plan()
        assert plan["identities"][0]["subject"]["CN"] == "edge1.example.com"
        assert not [found for found in kit.findings(plan, "web-app-common-name") if not found["cured"]]

    @pytest.mark.parametrize("value", ["pool", "*.example.com", "a b.example.com", "10.0.0.1", 7, ["pool.example.com"]])
    def test_what_is_no_fqdn_is_refused(self, value: Any) -> None:
        fleet = quiet()
        variables(fleet, cms_lync_fqdn=value)
        assert "cms_lync_fqdn" in one(fleet.plan(), "inventory")["found"]

    def test_a_wildcard_that_covers_the_web_app_is_enough_for_browsers_and_not_for_the_expressway(self) -> None:
        fleet = quiet()
        fleet.give("edge1", "webbridge3_https", OLD, ends=150, names=("*.example.com", "edge1.example.com"))
        variables(fleet, "edge1", cms_web_app_fqdn="join.example.com", cms_expressway_name="proxy.example.com")
        rules = kit.rules_of(fleet.plan(kit.RENEW))
        assert "web-app-name" not in rules
        assert "expressway-name" in rules


class TestPeers:
    def plan(self, fleet: Fleet, **more: Any) -> dict[str, Any]:
        given = fleet.given(**more)
        for host in given.hosts.values():
            for entry in (host.survey or {})["api"]["call_bridges"]:
                entry["address"] = f"https://{given.hosts[entry['name']].address}:445"
        return make_plan(given)

    def test_a_name_in_the_certificate_is_enough_also_when_it_is_an_address(self) -> None:
        fleet = pair()
        for name, node in fleet.nodes.items():
            if "webadmin" in node.services:
                fleet.give(name, "webadmin", OLD, ends=150, names=(node.fqdn, node.address))
        assert self.plan(fleet)["findings"] == []

    def test_a_new_certificate_that_drops_the_address_is_told_before_it_is_issued(self) -> None:
        fleet = standard(2, 1, issuer=OLD, ends=150)
        for name, node in fleet.nodes.items():
            if "webadmin" in node.services:
                fleet.give(name, "webadmin", OLD, ends=9, names=(node.fqdn, node.address))
                variables(fleet, name, cms_identities={"webadmin": {"keep_names": False}})
        found = kit.findings(self.plan(fleet), "peer-name")
        assert {entry["object"] for entry in found} == {"core1 webadmin", "core2 webadmin"}
        assert all(entry["found"].startswith("as planned, is not for 10.0.0.") for entry in found)


class TestPublicCas:
    @pytest.mark.parametrize(
        ("day", "severity"), [(datetime.date(2027, 3, 14), "warning"), (datetime.date(2027, 3, 15), "error")]
    )
    def test_the_day_decides_whether_a_public_ca_is_a_warning_or_an_error(
        self, day: datetime.date, severity: str
    ) -> None:
        fleet = due()
        fleet.issuers["internal"] = dataclasses.replace(fleet.issuers["internal"], public=True)
        now = datetime.datetime.combine(day, datetime.time(12), datetime.UTC)
        found = one(fleet.plan(now=now), "public-ca-without-client")
        assert (found["severity"], found["object"]) == (severity, "core1 callbridge")
        assert "2027-03-15" in found["found"]

    @pytest.mark.parametrize(
        ("day", "severity"), [(datetime.date(2026, 7, 7), "warning"), (datetime.date(2026, 7, 8), "error")]
    )
    def test_one_that_stopped_earlier_is_an_error_earlier(self, day: datetime.date, severity: str) -> None:
        root = making.root("R1", organization="Let's Encrypt", start=NOW - 1000 * DAY, end=NOW + 3000 * DAY)
        fleet = standard(1, 1, ca=kit.Authority(root, (root,)), issuer=kit.Authority(root, (root,)), ends=-139)
        fleet.issuers["internal"] = dataclasses.replace(fleet.issuers["internal"], public=True)
        now = datetime.datetime.combine(day, datetime.time(12), datetime.UTC)
        found = one(fleet.plan(now=now), "public-ca-without-client")
        assert (found["severity"], found["object"]) == (severity, "core1 callbridge")
        assert "2026-07-08" in found["found"]

    def test_a_public_certificate_of_today_is_told_before_it_falls_due(self) -> None:
        fleet = quiet()
        fleet.issuers["internal"] = dataclasses.replace(fleet.issuers["internal"], public=True)
        found = one(fleet.plan(), "public-ca-without-client")
        assert (found["severity"], found["object"]) == ("warning", "core1 callbridge")

    def test_a_certificate_that_says_it_is_public_and_moves_to_a_private_ca_is_no_fault(self) -> None:
        fleet = quiet()
        fleet.give("core1", "callbridge", OLD, ends=150, extra=PUBLIC)
        assert not kit.findings(fleet.plan(), "public-ca-without-client")

    def test_what_browsers_meet_may_be_for_servers_only(self) -> None:
        fleet = due()
        fleet.issuers["web"] = dataclasses.replace(fleet.issuers["internal"], name="web", public=True)
        fleet.authorities["web"] = fleet.authorities["internal"]
        variables(fleet, "edge1", cms_identities={"webbridge3_https": {"issuer": "web"}, "turn": {"issuer": "web"}})
        assert not kit.errors(fleet.plan())

    @pytest.mark.parametrize(
        ("issued", "days"),
        [
            (datetime.date(2026, 3, 14), 398),
            (datetime.date(2026, 3, 15), 200),
            (datetime.date(2027, 3, 14), 200),
            (datetime.date(2027, 3, 15), 100),
            (datetime.date(2029, 3, 14), 100),
            (datetime.date(2029, 3, 15), 47),
        ],
    )
    def test_the_lifetime_is_that_of_the_day_of_issue(self, issued: datetime.date, days: int) -> None:
        assert most_days(issued) == days
        fleet = quiet()
        end = datetime.datetime.combine(issued, datetime.time(), datetime.UTC) + days * DAY
        for more, expected in ((0, False), (1, True)):
            usages = {"eku": (SERVER,), "ku": ("digitalSignature",), "extra": PUBLIC}
            span = {"start": end - days * DAY, "end": end + more * DAY}
            leaf = OLD.signer.issue("edge1.example.com", **usages, **span)
            fleet.nodes["edge1"].install("turn", f"turn-{more}", leaf, OLD.pems)
            fleet.nodes["edge1"].start("turn")
            found = kit.findings(fleet.plan(kit.RENEW, now=end - DAY), "public-lifetime")
            assert bool(found) is expected

    def test_an_issuer_that_would_issue_for_too_long_is_refused(self) -> None:
        fleet = due()
        fleet.issuers["internal"] = dataclasses.replace(fleet.issuers["internal"], public=True, days=397)
        found = kit.findings(fleet.plan(), "public-lifetime")
        assert {entry["severity"] for entry in found} == {"error"}
        assert all("may live 200" in entry["found"] for entry in found)

    def test_a_private_ca_may_issue_for_as_long_as_it_likes(self) -> None:
        fleet = due()
        fleet.issuers["internal"] = dataclasses.replace(fleet.issuers["internal"], days=3000)
        assert not kit.findings(fleet.plan(), "public-lifetime")

    def test_turn_moves_with_the_web_bridge(self) -> None:
        assert not kit.findings(standard(1, 2).plan(accepted_anchors=CONSENT), "turn-ca")
        fleet = standard(1, 2)
        for edge in ("edge1", "edge2"):
            variables(fleet, edge, cms_identities={"turn": {"issuer": "other"}})
        fleet.add_issuer("other", kit.authority("Other"))
        found = kit.findings(fleet.plan(accepted_anchors=[*CONSENT, "other"]), "turn-ca")
        assert {entry["object"] for entry in found} == {"edge1 turn", "edge2 turn"}
        assert all(entry["found"].startswith("as planned, ") for entry in found)


class TestSelfSigned:
    def test_where_a_ca_is_needed_it_is_an_error_from_the_catalogue_alone(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The database cluster takes no self-signed certificate: what says so is a word in its row."""
        service, slot = catalogue.SLOTS["webadmin"]
        row = dataclasses.replace(service, slots=(dataclasses.replace(slot, ca_signed=True),))
        monkeypatch.setitem(catalogue.BY_NAME, "webadmin", row)
        fleet = quiet()
        self_signed(fleet, "core1", "webadmin")
        assert one(fleet.plan(kit.RENEW), "self-signed-refused")["severity"] == "error"

    def test_inside_it_is_a_remark_and_for_browsers_a_warning(self) -> None:
        fleet = quiet()
        self_signed(fleet, "core1", "webadmin")
        self_signed(fleet, "edge1", "webbridge3_https")
        found = {entry["object"]: entry["severity"] for entry in kit.findings(fleet.plan(kit.RENEW), "self-signed")}
        assert found == {"core1 webadmin": "remark", "edge1 webbridge3_https": "warning"}


class TestUsages:
    def test_cucm_takes_no_certificate_without_usages_and_one_with_both(self) -> None:
        fleet = quiet()
        variables(fleet, cms_cucm=True)
        assert not kit.findings(fleet.plan(), "cucm-usages")
        fleet.give("core1", "callbridge", OLD, ends=150, eku=(CLIENT,))
        found = one(fleet.plan(kit.RENEW), "cucm-usages")
        assert found["object"] == "core1 callbridge"

    def test_what_the_plan_replaces_is_cured(self) -> None:
        fleet = quiet()
        variables(fleet, cms_cucm=True)
        fleet.give("core1", "callbridge", OLD, ends=9, eku=(CLIENT,))
        assert one(fleet.plan(), "cucm-usages")["cured"]

    def test_an_issuer_with_usable_cas_is_not_spoken_of(self) -> None:
        assert not kit.findings(standard(1, 1, issuer=NEW).plan(accepted_anchors=CONSENT), "issuer-chain-refused")
