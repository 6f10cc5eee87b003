# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which identities a fleet should have, from groups, names and variables, and when they are due."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, NEW, NOW, OLD, Fleet, standard


def one(fleet: Fleet, ident: str, intent: str = kit.SITE, **options: Any) -> dict[str, Any]:
    plan = fleet.plan(intent, **options)
    found = [identity for identity in plan["identities"] if identity["id"] == ident]
    assert found, (plan["findings"], [identity["id"] for identity in plan["identities"]])
    return dict(found[0])


def reasons(fleet: Fleet, intent: str = kit.SITE, **options: Any) -> dict[str, str]:
    return {identity["id"]: identity["reason"] for identity in fleet.plan(intent, **options)["identities"]}


class TestNames:
    def test_without_any_variable_names_come_from_the_fqdn(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD)
        identities = {i["id"]: i for i in fleet.plan(kit.RENEW)["identities"]}
        assert set(identities) == {
            "core1/webadmin",
            "core1/callbridge",
            "edge1/webbridge3_https",
            "edge1/webbridge3_c2w",
            "edge1/turn",
        }
        for ident, identity in identities.items():
            assert identity["names"] == [f"{ident.partition('/')[0]}.example.com"]
            assert identity["subject"]["CN"] == identity["names"][0]

    def test_usages_follow_the_guide(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD)
        identities = {i["name"]: i for i in fleet.plan(kit.RENEW)["identities"]}
        assert identities["callbridge"]["eku"] == ["serverAuth", "clientAuth"]
        assert "digitalSignature" in identities["callbridge"]["ku"]
        assert identities["webadmin"]["eku"] == identities["turn"]["eku"] == ["serverAuth"]
        assert identities["webbridge3_c2w"]["roles"] == ["server"]
        assert identities["webbridge3_c2w"]["eku"] == ["serverAuth", "clientAuth"]

    def test_the_c2w_certificate_gets_the_registered_name(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD)
        fleet.clusters[0].registrations[0].update(url="c2w://join.example.com:9999", host="join.example.com")
        fleet.nodes["edge1"].variables["cms_c2w_names"] = ["join.example.com"]
        found = one(fleet, "edge1/webbridge3_c2w")
        assert found["names"] == ["edge1.example.com", "join.example.com"]
        assert "join.example.com" not in one(fleet, "edge1/webbridge3_https")["names"]

    def test_a_web_bridge_registered_by_its_address_gets_the_address(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD)
        address = fleet.nodes["edge1"].address
        fleet.clusters[0].registrations[0].update(url=f"c2w://{address}:9999", host=address)
        assert one(fleet, "edge1/webbridge3_c2w")["names"] == ["edge1.example.com", address]

    def test_a_registered_name_that_the_certificate_lacks_makes_it_due_and_is_cured(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD, ends=150)
        fleet.clusters[0].registrations[0].update(url="c2w://join.example.com:9999", host="join.example.com")
        fleet.nodes["edge1"].variables["cms_c2w_names"] = ["join.example.com"]
        plan = fleet.plan()
        assert reasons(fleet) == {"edge1/webbridge3_c2w": "lacks the name join.example.com"}
        (found,) = kit.findings(plan, "link-broken")
        assert found["cured"]
        assert "join.example.com" in found["found"]

    def test_existing_names_are_kept(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD)
        fleet.give("edge1", "webbridge3_https", OLD, names=("edge1.example.com", "meet.example.com", "10.9.9.9"))
        found = one(fleet, "edge1/webbridge3_https", kit.RENEW)
        assert found["names"] == ["edge1.example.com", "meet.example.com", "10.9.9.9"]

    def test_the_existing_common_name_stays_first(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD)
        fleet.give("edge1", "webbridge3_https", OLD, common_name="meet.example.com", names=("meet.example.com",))
        found = one(fleet, "edge1/webbridge3_https", kit.RENEW)
        assert found["subject"]["CN"] == "meet.example.com"
        assert found["names"] == ["meet.example.com", "edge1.example.com"]

    def test_existing_names_are_dropped_when_the_inventory_says_so(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD)
        fleet.give("edge1", "webbridge3_https", OLD, names=("edge1.example.com", "gone.example.com"))
        fleet.nodes["edge1"].variables["cms_identities"] = {"webbridge3_https": {"keep_names": False}}
        assert one(fleet, "edge1/webbridge3_https", kit.RENEW)["names"] == ["edge1.example.com"]

    def test_names_are_added(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD, ends=150)
        fleet.nodes["core1"].variables["cms_identities"] = {"webadmin": {"names": ["Admin.example.com"]}}
        assert one(fleet, "core1/webadmin")["names"] == ["core1.example.com", "admin.example.com"]
        fleet.run(fleet.plan())
        assert not fleet.plan()["changed"]

    def test_a_wildcard_that_covers_the_node_is_adopted_as_it_is(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD, ends=150)
        fleet.give("edge1", "turn", OLD, names=("*.example.com",), ends=150)
        assert not fleet.plan()["changed"]

    def test_s19_a_host_without_a_name_is_told_how_to_get_one(self) -> None:
        fleet = standard(cores=1, edges=1)
        del fleet.nodes["core1"].variables["cms_domain"]
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert not plan["changed"]
        assert {(e["object"], e["next_step"]) for e in kit.errors(plan)} == {
            ("core1", "set cms_fqdn for the host, or cms_domain for the fleet")
        }

    def test_an_inventory_name_that_is_an_address_is_no_fqdn(self) -> None:
        fleet = Fleet(OLD)
        fleet.add("192.0.2.7", ("webadmin",), variables={"cms_domain": "example.com"})
        fleet.nodes["192.0.2.7"].variables["cms_domain"] = "example.com"
        assert kit.errors(fleet.plan(kit.RENEW))

    def test_the_same_fqdn_twice_is_refused(self) -> None:
        fleet = standard()
        fleet.nodes["core2"].variables["cms_fqdn"] = "core1.example.com"
        plan = fleet.plan(accepted_anchors=CONSENT)
        (found,) = kit.findings(plan, "same-fqdn")
        assert found["object"] == "core1 and core2"
        assert not plan["changed"]

    def test_the_same_address_twice_is_refused(self) -> None:
        fleet = standard()
        fleet.nodes["core2"].address = fleet.nodes["core1"].address
        assert "same-address" in kit.rules_of(fleet.plan(), "error")


class TestSubject:
    def test_the_existing_subject_is_kept(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD)
        fleet.give("core1", "webadmin", OLD, organization="Example Ltd")
        found = one(fleet, "core1/webadmin", kit.RENEW)
        assert found["subject"] == {"CN": "core1.example.com", "O": "Example Ltd"}
        (step,) = [s for s in kit.steps(fleet.plan(kit.RENEW), "csr", "core1") if s["identity"] == "core1/webadmin"]
        assert step["command"] == 'pki csr webadmin-g1 CN:core1.example.com O:"Example Ltd"'

    def test_a_wanted_subject_replaces_it_and_settles(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD, ends=150)
        config = {"webadmin": {"subject": {"O": "Example", "OU": "UC", "L": "Oslo", "ST": "Oslo", "C": "no"}}}
        fleet.nodes["core1"].variables["cms_identities"] = config
        found = one(fleet, "core1/webadmin")
        assert found["reason"] == "has another subject than wanted"
        assert found["subject"]["C"] == "NO"
        (step,) = kit.steps(fleet.plan(), "csr")
        assert step["command"] == "pki csr webadmin-g1 CN:core1.example.com OU:UC O:Example L:Oslo ST:Oslo C:NO"
        # The CA of the kit leaves the rest of the subject out; asking again would give the same.
        fleet.run(fleet.plan())
        assert not fleet.plan()["changed"]

    def test_names_beside_the_common_name_are_asked_for_in_one_list(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD, ends=150)
        fleet.nodes["core1"].variables["cms_identities"] = {"webadmin": {"names": ["a.example.com", "10.0.0.9"]}}
        (step,) = kit.steps(fleet.plan(), "csr")
        assert step["command"] == "pki csr webadmin-g1 CN:core1.example.com subjectAltName:a.example.com,10.0.0.9"


class TestDescriptions:
    """What cannot be used is an error that names the host, the option and what is allowed; nothing happens."""

    @pytest.mark.parametrize(
        ("variables", "told", "allowed"),
        [
            ({"cms_identities": ["callbridge"]}, "not a dictionary", "dictionary"),
            ({"cms_identities": {"callbridge": "x"}}, "cms_identities.callbridge is not a dictionary", "dictionary"),
            ({"cms_identities": {"callbridge": {"nmes": ["x"]}}}, "unknown options: nmes", "names"),
            ({"cms_identities": {"callbridge": {"names": "a.example.com"}}}, "names is 'a.example.com'", "list"),
            ({"cms_identities": {"x": {"slots": ["sip"]}}}, "slots is ['sip']", "callbridge, meetingapps"),
            ({"cms_identities": {"x": {"slots": "callbridge"}}}, "slots is 'callbridge'", "list"),
            ({"cms_identities": {"callbridge": {"subject": {"X": "y"}}}}, "subject is {'X': 'y'}", "emailAddress"),
            ({"cms_identities": {"callbridge": {"subject": "O=x"}}}, "subject is 'O=x'", "dictionary"),
            ({"cms_identities": {"callbridge": {"key_type": "dsa"}}}, "key_type is 'dsa'", "rsa or ecdsa"),
            ({"cms_identities": {"callbridge": {"key_size": "big"}}}, "key_size is 'big'", "2048"),
            ({"cms_identities": {"callbridge": {"key_size": "secp256r1"}}}, "type rsa and size secp256r1", "4096"),
            ({"cms_identities": {"callbridge": {"key_location": "cloud"}}}, "key_location is 'cloud'", "control"),
            ({"cms_identities": {"callbridge": {"renew_before": "soon"}}}, "renew_before is 'soon'", "30d"),
            ({"cms_identities": {"callbridge": {"names": ["no good"]}}}, "'no good' cannot be a name", "correct"),
            ({"cms_identities": {"callbridge": {"subject": {"O": 'a"b'}}}}, "cannot take", "double quotes"),
            (
                {"cms_identities": {"callbridge": {"key_type": "ecdsa", "key_location": "node"}}},
                "'pki csr' makes none",
                "control",
            ),
            (
                {"cms_identities": {"callbridge": {"shared": True, "key_location": "node"}}},
                "cannot be made on one of them",
                "S4",
            ),
            ({"cms_renew_before": "14 moons"}, "cms_renew_before is '14 moons'", "30d"),
            ({"cms_key_size": 512}, "cms_key_size is 512", "2048"),
            ({"cms_key_type": "ed25519"}, "cms_key_type is 'ed25519'", "rsa"),
            ({"cms_subject": ["O"]}, "cms_subject is ['O']", "dictionary"),
            ({"cms_c2w_names": "a"}, "cms_c2w_names is 'a'", "list"),
        ],
        ids=lambda value: str(value)[:50] if isinstance(value, dict) else "",
    )
    def test_s1_what_cannot_be_used_is_refused(self, variables: dict[str, Any], told: str, allowed: str) -> None:
        fleet = standard(cores=1, edges=1)
        fleet.nodes["core1"].variables.update(variables)
        plan = fleet.plan(accepted_anchors=CONSENT)
        found = kit.errors(plan)
        assert any(told in error["found"] and allowed in error["next_step"] for error in found), found
        assert all(error["object"] == "core1" for error in found)
        assert not plan["changed"]

    def test_a_missing_issuer_is_an_error_only_for_what_is_due(self) -> None:
        fleet = standard(issuer=None, ends=150)
        assert {found["severity"] for found in fleet.plan()["findings"]} == {"warning"}
        fleet.give("core1", "webadmin", OLD, ends=5)
        (found,) = kit.errors(fleet.plan())
        assert found["object"] == "core1 webadmin"
        assert found["next_step"] == "set cms_issuer and cms_issuers"

    def test_an_issuer_that_nobody_describes_is_named_with_those_that_exist(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD)
        fleet.nodes["core1"].variables["cms_issuer"] = "intern"
        (found,) = kit.findings(fleet.plan(), "unknown-issuer")
        assert "core1" in found["found"]
        assert next(iter(fleet.authorities)) in found["next_step"]

    def test_two_identities_with_the_same_file_names_are_refused(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD)
        fleet.nodes["core1"].variables["cms_identities"] = {
            "cms.web": {"slots": ["webadmin"]},
            "cms_web": {"slots": ["callbridge"]},
        }
        assert "names-collide" in kit.rules_of(fleet.plan(), "error")


class TestSharing:
    """One identity for several services and nodes (guide 4.1)."""

    @pytest.fixture
    def fleet(self) -> Fleet:
        fleet = standard(cores=2, edges=2, issuer=NEW)
        config = {"site": {"shared": True, "slots": ["callbridge", "webadmin", "webbridge3_https", "webbridge3_c2w"]}}
        for node in fleet.nodes.values():
            node.variables["cms_identities"] = config
        return fleet

    def test_one_certificate_names_all_its_nodes(self, fleet: Fleet) -> None:
        found = one(fleet, "shared/site", accepted_anchors=CONSENT)
        assert found["base"] == "site-g1"
        assert set(found["names"]) >= {f"{name}.example.com" for name in ("core1", "core2", "edge1", "edge2")}
        assert found["nodes"] == ["core1", "core2", "edge1", "edge2"]
        assert found["eku"] == ["serverAuth", "clientAuth"]

    def test_s4_its_key_lives_on_the_control_node_and_travels_to_each_node(self, fleet: Fleet) -> None:
        plan = fleet.plan(accepted_anchors=CONSENT)
        found = one(fleet, "shared/site", accepted_anchors=CONSENT)
        assert found["key"]["where"] == "control"
        assert not [step for step in kit.steps(plan, "csr") if step["identity"] == "shared/site"]
        for name in ("core1", "core2", "edge1", "edge2"):
            keys = [s for s in kit.steps(plan, "upload", name) if s["content"].get("part") == "key"]
            assert [step["file"] for step in keys] == ["site-g1.key"]

    def test_s4_a_key_made_on_a_node_is_never_uploaded(self) -> None:
        plan = standard().plan(accepted_anchors=CONSENT)
        assert all(identity["key"]["where"] == "node" for identity in plan["identities"])
        assert not [step for step in kit.steps(plan, "upload") if step["content"].get("part") == "key"]

    def test_s5_it_switches_without_breaking_a_link(self, fleet: Fleet) -> None:
        for node, what in fleet.carry_out(fleet.plan(accepted_anchors=CONSENT)):
            assert not fleet.broken(), f"{node} {what}"
        assert (
            len(
                {
                    kit.fingerprint(n.running["callbridge"][0])
                    for n in fleet.nodes.values()
                    if "callbridge" in n.services
                }
            )
            == 1
        )
        assert not fleet.plan()["changed"]

    def test_descriptions_that_differ_are_refused(self, fleet: Fleet) -> None:
        fleet.nodes["core2"].variables["cms_identities"] = {"site": {"shared": True, "slots": ["callbridge"]}}
        assert any("differently" in error["found"] for error in kit.errors(fleet.plan(accepted_anchors=CONSENT)))

    def test_s1_a_shared_identity_waits_for_a_node_that_cannot_be_read(self, fleet: Fleet) -> None:
        fleet.nodes["core2"].unreachable = "no route to host"
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert not plan["changed"]

    def test_several_services_of_one_node_may_share_without_leaving_it(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD)
        fleet.nodes["core1"].variables["cms_identities"] = {"core": {"slots": ["callbridge", "webadmin"]}}
        found = one(fleet, "core1/core", kit.RENEW)
        assert found["key"]["where"] == "node"
        assert found["slots"] == [["core1", "webadmin"], ["core1", "callbridge"]]


class TestKeys:
    def test_ecdsa_keys_are_made_on_the_control_node(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD)
        fleet.nodes["edge1"].variables["cms_key_type"] = "ecdsa"
        found = one(fleet, "edge1/turn", kit.RENEW)
        assert found["key"] == {"where": "control", "type": "ecdsa", "size": "secp256r1"}
        assert found["ku"] == ["digitalSignature"]

    def test_long_rsa_keys_are_made_on_the_control_node(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD)
        fleet.nodes["core1"].variables["cms_key_size"] = "3072"
        assert one(fleet, "core1/webadmin", kit.RENEW)["key"] == {"where": "control", "type": "rsa", "size": 3072}

    def test_another_type_of_key_is_a_change(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD, ends=150)
        fleet.nodes["core1"].variables["cms_identities"] = {"webadmin": {"key_type": "rsa"}}
        assert reasons(fleet) == {"core1/webadmin": "has a ECDSA secp256r1 key, wanted is rsa"}


class TestDue:
    @pytest.mark.parametrize(
        ("before", "ends", "lasts", "due"),
        [
            (None, 29, 397, True),
            (None, 31, 397, False),
            (None, 19, 60, True),
            (None, 21, 60, False),
            ("30d", 29, 200, True),
            ("30d", 31, 200, False),
            ("720h", 29, 200, True),
            ("720h", 31, 200, False),
            ("33%", 65, 200, True),
            ("33%", 67, 200, False),
            ("60d", 50, 200, True),
            ("1d", 0, 200, True),
            ("1d", -5, 200, True),
        ],
    )
    def test_renewal_begins_at_the_wanted_time(self, before: str | None, ends: int, lasts: int, due: bool) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD, ends=190)
        fleet.give("core1", "webadmin", OLD, ends=ends, lasts=lasts)
        if before:
            fleet.nodes["core1"].variables["cms_renew_before"] = before
        plan = fleet.plan(kit.RENEW)
        assert [i["id"] for i in plan["identities"]] == (["core1/webadmin"] if due else [])

    def test_what_an_identity_says_wins(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD, ends=50)
        fleet.nodes["core1"].variables.update(
            cms_renew_before="60d", cms_identities={"webadmin": {"renew_before": "10d"}}
        )
        assert set(reasons(fleet, kit.RENEW)) == {"core1/callbridge"}

    def test_expired_is_always_due_and_cured(self) -> None:
        fleet = standard(issuer=OLD, ends=-3)
        plan = fleet.plan(kit.RENEW)
        assert reasons(fleet, kit.RENEW)["core1/webadmin"] == "expired on 2026-11-20"
        assert not kit.errors(plan)
        assert all(f["cured"] for f in kit.findings(plan, "link-broken"))
        fleet.run(plan)
        assert not fleet.broken()

    def test_the_reason_counts_the_days(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD, ends=190)
        fleet.give("core1", "webadmin", OLD, ends=1)
        assert reasons(fleet)["core1/webadmin"] == "expires on 2026-11-24, in 1 day"
        later = NOW + datetime.timedelta(hours=20)
        assert reasons(fleet, now=later)["core1/webadmin"] == "expires on 2026-11-24, within a day"

    def test_renew_leaves_alone_what_is_only_otherwise_than_wanted(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD, ends=150)
        fleet.nodes["core1"].variables["cms_identities"] = {"webadmin": {"names": ["more.example.com"]}}
        assert not fleet.plan(kit.RENEW)["changed"]
        assert fleet.plan(kit.SITE)["changed"]

    def test_an_empty_slot_is_filled_by_site_and_remarked_by_renew(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD, ends=150)
        node = fleet.nodes["core1"]
        del node.slots["webadmin"], node.running["webadmin"]
        assert reasons(fleet) == {"core1/webadmin": "no certificate is assigned yet (core1 webadmin)"}
        plan = fleet.plan(kit.RENEW)
        assert not plan["changed"]
        assert kit.rules_of(plan, "remark") == {"no-certificate"}

    def test_turn_without_tls_is_left_without_a_certificate(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD, ends=150)
        del fleet.nodes["edge1"].slots["turn"], fleet.nodes["edge1"].running["turn"]
        assert not fleet.plan()["changed"]

    def test_a_call_bridge_certificate_without_client_usage_is_replaced_by_site(self) -> None:
        fleet = standard(cores=1, edges=1, issuer=OLD, ends=150)
        fleet.give("core1", "callbridge", OLD, eku=(kit.SERVER,), ends=150)
        assert reasons(fleet) == {"core1/callbridge": "lacks the usage clientAuth"}
        assert not kit.errors(fleet.plan())
        blocked = fleet.plan(kit.RENEW)
        assert not blocked["changed"]
        assert any("clientAuth" in error["found"] for error in kit.errors(blocked))
