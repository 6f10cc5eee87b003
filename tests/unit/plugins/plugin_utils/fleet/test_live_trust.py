# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which trust runs, as far as anybody can tell: stored is not running, and no proof is no trust (S5, S15, S16)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._engine import doubts
from ansible_collections.certops.cms.plugins.plugin_utils._errors import ProofFailed
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.given import FleetInput
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.journal import Journal
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.plan import make_plan
from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, NEW, OLD, Authority, Fleet, standard
from tests.unit.plugins.plugin_utils.pki import making
from tests.unit.plugins.plugin_utils.pki.making import DAY, NOW

TRUST = ("webbridge3", "c2w")


def telling(fleet: Fleet, **options: Any) -> FleetInput:
    """What the planner is given where Web Bridges name the CAs they take client certificates from."""
    given = fleet.given(**options)
    for node in fleet.nodes.values():
        if "webbridge3" in node.services:
            told = [kit.info(pem) for pem in node.trusting[TRUST]]
            served = (given.hosts[node.name].survey or {})["served"]["webbridge3_c2w"]
            served["client_ca_ids"] = [info["subject_id"] for info in told]
            served["client_ca_names"] = [info["subject"] for info in told]
    return given


def store(fleet: Fleet, name: str, service: str, *pems: str) -> None:
    """Store a trust by hand, and leave the service as it runs."""
    node = fleet.nodes[name]
    file = node.put(f"{service}-by-hand.pem", "certificate", *pems)
    node.trusts[service, "c2w"] = file


def states(fleet: Fleet, plan: dict[str, Any]) -> Iterator[set[tuple[str, str]]]:
    for _act in fleet.carry_out(plan):
        yield fleet.broken()


def position(plan: dict[str, Any], host: str, service: str) -> int:
    """The number of the first round that restarts a service."""
    serial = [entry for entry in plan["rounds"] if entry["serial"]]
    return next(
        number
        for number, entry in enumerate(serial)
        for batch in entry["batches"].get(host, [])
        if batch["service"] == service
    )


class TestWhatTheListenerNames:
    def test_s15_what_is_stored_and_not_named_is_made_live_before_a_new_certificate_needs_it(self) -> None:
        fleet = standard(2, 1)
        store(fleet, "edge1", "webbridge3", *OLD.pems, *NEW.pems)
        plan = make_plan(telling(fleet, accepted_anchors=CONSENT))
        assert not kit.errors(plan)
        (change,) = (change for change in plan["trusts"] if change["node"] == "edge1")
        assert (change["stored"], change["file"], change["add"]) == (True, "webbridge3-by-hand.pem", [])
        assert position(plan, "edge1", "webbridge3") < position(plan, "core1", "callbridge")
        assert not any(step["file"] == change["file"] for step in kit.steps(plan, "trust"))
        assert not any(states(fleet, plan))
        assert not kit.errors(fleet.plan())

    def test_s15_where_nobody_needs_it_nothing_restarts(self) -> None:
        fleet = standard(2, 1, issuer=OLD, ends=150)
        store(fleet, "edge1", "webbridge3", *OLD.pems, *NEW.pems)
        assert not make_plan(telling(fleet))["changed"]

    def test_s15_what_is_named_and_not_stored_is_a_change_of_others(self) -> None:
        fleet = standard(1, 1, issuer=OLD, ends=9)
        fleet.trust("edge1", "webbridge3", *OLD.pems, *NEW.pems)
        store(fleet, "edge1", "webbridge3", *OLD.pems)
        plan = make_plan(telling(fleet))
        (found,) = kit.findings(plan, "pending-trust-of-others")
        assert (found["severity"], found["cured"], found["object"]) == ("error", False, "edge1")
        assert "CN=New Root" in found["found"]
        assert not plan["changed"]

    def test_s15_a_narrower_trust_of_ours_that_waits_is_none_of_others(self) -> None:
        fleet = standard(1, 1, issuer=OLD, ends=150)
        fleet.trust("edge1", "webbridge3", *OLD.pems, *NEW.pems)
        edge = fleet.nodes["edge1"]
        wide = edge.trusts[TRUST]
        store(fleet, "edge1", "webbridge3", *OLD.pems)
        record = {"setting": "trust:c2w", "before": wide, "files": edge.trusts[TRUST], "phase": "stored", "rides": True}
        edge.pending["webbridge3"] = {"trust:c2w": record}
        plan = make_plan(telling(fleet))
        assert not kit.errors(plan)
        assert not plan["changed"]

    def test_where_stored_and_named_agree_nothing_is_said(self) -> None:
        fleet = standard(2, 2, issuer=OLD, ends=150)
        plan = make_plan(telling(fleet))
        assert not plan["changed"]
        assert not kit.rules_of(plan, "error")


class TestDoubt:
    """Where nobody names what it trusts, only a link that fails tells."""

    @pytest.fixture
    def fleet(self) -> Fleet:
        fleet = standard(2, 1)
        store(fleet, "edge1", "webbridge3", *OLD.pems, *NEW.pems)
        return fleet

    @staticmethod
    def doubt(fleet: Fleet, state_dir: Path) -> None:
        journal = Journal(str(state_dir))
        journal.doubted("edge1", *TRUST, str(fleet.nodes["edge1"].trusts[TRUST]))
        records = journal.pending("edge1")["webbridge3"]
        fleet.nodes["edge1"].pending["webbridge3"] = {record["setting"]: record for record in records}

    def test_nothing_known_speaks_against_the_trust_before(self, fleet: Fleet) -> None:
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert not any(change["node"] == "edge1" for change in plan["trusts"])
        assert any(broken for broken in states(fleet, plan))

    def test_s15_a_doubted_trust_is_restarted_before_anything_relies_on_it(self, fleet: Fleet, tmp_path: Path) -> None:
        self.doubt(fleet, tmp_path)
        plan = fleet.plan(accepted_anchors=CONSENT)
        assert not kit.errors(plan)
        (change,) = (change for change in plan["trusts"] if change["node"] == "edge1")
        assert change["stored"]
        assert change["reason"] == "a link over it could not be proven: perhaps it is stored and not live"
        assert position(plan, "edge1", "webbridge3") < position(plan, "core1", "callbridge")
        assert not any(states(fleet, plan))
        assert "webbridge3" not in fleet.nodes["edge1"].pending
        assert not fleet.plan()["changed"]

    def test_s15_a_link_that_is_up_does_not_contradict_a_doubt(self, fleet: Fleet, tmp_path: Path) -> None:
        self.doubt(fleet, tmp_path)
        rules = kit.rules_of(fleet.plan(accepted_anchors=CONSENT))
        assert not rules & {"link-up-without-trust", "link-broken", "pending-trust-of-others"}

    def test_s15_a_doubt_is_settled_even_where_nothing_else_is_due(self, tmp_path: Path) -> None:
        fleet = standard(1, 1, issuer=OLD, ends=150)
        self.doubt(fleet, tmp_path)
        plan = fleet.plan()
        assert plan["cost"]["restarts"] == {"edge1": {"webbridge3": 1}}
        assert not any(states(fleet, plan))
        assert not fleet.plan()["changed"]

    def test_s16_a_doubted_trust_that_has_to_be_wider_keeps_what_is_stored(self, tmp_path: Path) -> None:
        fleet = standard(1, 1)
        self.doubt(fleet, tmp_path)
        plan = fleet.plan(accepted_anchors=CONSENT)
        (change,) = (change for change in plan["trusts"] if change["node"] == "edge1")
        assert set(change["keep"]) == set(OLD.fingerprints)
        assert not any(states(fleet, plan))

    def test_s15_a_seen_restart_ends_the_doubt(self, tmp_path: Path) -> None:
        journal = Journal(str(tmp_path))
        journal.doubted("edge1", *TRUST, "trust.pem")
        assert journal.pending("edge1")["webbridge3"][0]["doubted"]
        journal.restart_seen("edge1", "webbridge3", "SUCCESS")
        assert journal.pending("edge1") == {}

    def test_the_doubt_falls_on_the_verifier_of_the_new_certificate(self, fleet: Fleet) -> None:
        plan = fleet.plan(accepted_anchors=CONSENT)
        links = [link["id"] for link in plan["links"]]
        batch = next(
            batch
            for entry in plan["rounds"]
            for batch in entry["batches"].get("core1", [])
            if batch["service"] == "callbridge" and any(step["kind"] == "assign" for step in batch["steps"])
        )
        found = doubts.of(plan, batch, "core1", links)
        assert found == [("edge1", *TRUST, "webbridge3-by-hand.pem")]
        assert doubts.of(plan, batch, "core1", [link for link in links if "core1" not in link]) == []

    def test_no_doubt_falls_on_a_trust_that_the_plan_restarted(self) -> None:
        plan = standard(2, 1).plan(accepted_anchors=CONSENT)
        links = [link["id"] for link in plan["links"]]
        for entry in plan["rounds"]:
            for host, batches in entry["batches"].items():
                assert not any(doubts.of(plan, batch, host, links) for batch in batches)

    def test_s14_the_error_says_what_the_next_run_does(self) -> None:
        failed = ProofFailed("link x", "was up before the change and is not now", "look at the event log")
        told = doubts.told(failed, [("edge1", *TRUST, "t.pem")])
        assert "webbridge3 c2w trust of edge1" in told.reason
        assert "it restarts webbridge3 on edge1 first" in told.next_step
        assert "look at the event log" in told.next_step
        assert doubts.told(failed, []) is failed


class TestAssumedLinks:
    @staticmethod
    def blind(*labels: str, issuer: Authority = OLD, ends: int = 150) -> Fleet:
        """Two clusters with pinned peers, and no API that tells them apart."""
        fleet = Fleet(issuer)
        for letter in "ab":
            core = fleet.add(f"{letter}core1", ("webadmin", "callbridge"), ends=ends)
            edge = fleet.add(f"{letter}edge1", ("webbridge3",), ends=ends)
            fleet.cluster([core.name], [edge.name])
            fleet.trust(core.name, "callbridge", edge.running["webbridge3_c2w"][0])
            fleet.trust(edge.name, "webbridge3", core.running["callbridge"][0])
            core.api = "unauthorized"
            for node in (core, edge):
                node.variables |= {"cms_cluster": letter} if labels else {}
        return fleet

    @pytest.mark.parametrize("labels", [(), ("labelled",)])
    def test_s16_an_assumed_link_is_no_reason_to_trust_anybody(self, labels: tuple[str, ...]) -> None:
        plan = self.blind(*labels).plan(calls="drop")
        assert not plan["trusts"]
        assert not plan["changed"]
        assert not kit.errors(plan)
        assert {found["severity"] for found in kit.findings(plan, "links-assumed")} == {"warning"}

    def test_a_link_that_may_not_exist_is_no_error_when_it_does_not_hold(self) -> None:
        plan = self.blind().plan(calls="drop")
        found = kit.findings(plan, "link-broken")
        assert {tuple(sorted(entry["object"].split()[0].split("<"))) for entry in found} == {
            ("acore1", "bedge1"),
            ("aedge1", "bcore1"),
        }
        assert {entry["severity"] for entry in found} == {"warning"}
        assert all("cms_cluster" in entry["next_step"] for entry in found)

    def test_s16_trust_is_not_widened_on_a_guess(self) -> None:
        plan = self.blind(issuer=NEW, ends=9).plan(calls="drop", accepted_anchors=CONSENT)
        found = kit.findings(plan, "links-assumed")
        assert {entry["severity"] for entry in found} == {"error"}
        assert all("cms_cluster" in entry["next_step"] for entry in found)
        assert not plan["changed"]

    def test_s16_with_labels_each_cluster_is_widened_on_its_own(self) -> None:
        fleet = self.blind("labelled", issuer=NEW, ends=9)
        plan = fleet.plan(calls="drop", accepted_anchors=CONSENT)
        assert not kit.errors(plan)
        assert {found["severity"] for found in kit.findings(plan, "links-assumed")} == {"warning"}
        assert not any(states(fleet, plan))
        for letter, stranger in ("ab", "ba"):
            other = fleet.nodes[f"{stranger}edge1"]
            trusted = {kit.fingerprint(pem) for pem in fleet.nodes[f"{letter}core1"].trusting["callbridge", "c2w"]}
            assert kit.fingerprint(other.running["webbridge3_c2w"][0]) not in trusted


class TestWhatVouches:
    def test_s16_a_trust_that_pins_is_given_a_leaf_and_no_ca(self) -> None:
        """A Web Bridge that took another certificate by hand: the Call Bridge that pinned the old one gets the new."""
        fleet = standard(1, 1, issuer=OLD, ends=150)
        fleet.trust("core1", "callbridge", fleet.nodes["edge1"].running["webbridge3_c2w"][0])
        leaf = fleet.give("edge1", "webbridge3_c2w", OLD, base="by-hand", ends=150)
        assert fleet.broken()
        plan = fleet.plan()
        (change,) = plan["trusts"]
        assert (change["node"], change["add"]) == ("core1", [kit.fingerprint(leaf.pem)])
        fleet.run(plan)
        assert not fleet.broken()

    def test_an_expired_ca_vouches_for_nothing(self) -> None:
        root = making.make("Gone Root", ca=True, start=NOW - 1000 * DAY, end=NOW - DAY)
        fleet = standard(1, 1, ca=Authority(root, (root,)), issuer=OLD, ends=150)
        for node in fleet.nodes.values():
            for name, file in node.files.items():
                if file.kind == "certificate" and "trust" not in name:
                    file.pems = [pem for pem in file.pems if pem != root.pem]
            node.reboot()
        assert fleet.broken()
        plan = fleet.plan()
        assert kit.findings(plan, "link-broken")
        assert {"core1", "edge1"} <= {end.split()[0].split("<")[0] for end in _objects(plan, "link-broken")}

    def test_s16_what_a_probe_shows_beside_the_leaf_never_becomes_trust(self) -> None:
        fleet = standard(1, 1, issuer=None, ends=150)
        fleet.nodes["core1"].trusts["callbridge", "c2w"] = None
        fleet.nodes["core1"].start("callbridge")
        given = fleet.given()
        evil = making.make("Evil Root", ca=True, start=NOW - 10 * DAY, end=NOW + 3000 * DAY)
        cross = making.make("Old Root", issuer=evil, ca=True, end=NOW + 2000 * DAY, key=OLD.root.key)
        served = (given.hosts["edge1"].survey or {})["served"]["webbridge3_c2w"]
        served["chain"] += [{"pem": made.pem, **kit.info(made.pem)} for made in (cross, evil)]
        plan = make_plan(given)
        (change,) = plan["trusts"]
        assert change["adds"] == ["CN=Old Root"]
        assert set(change["add"]) == set(OLD.fingerprints)
        assert all(kit.fingerprint(pem) in OLD.fingerprints for pem in plan["certificates"].values())

    def test_s5_a_resumed_run_widens_as_the_first_one_did(self) -> None:
        """A root that was renewed under its own name and key: what the first run chose to add, the second adds too."""
        old = making.make("Same Root", ca=True, start=NOW - 1000 * DAY, end=NOW + 5 * DAY)
        new = making.make("Same Root", ca=True, start=NOW - 10 * DAY, end=NOW + 3000 * DAY, key=old.key)
        fleet = standard(1, 1, ca=Authority(old, (old,)), issuer=Authority(new, (new,)), ends=4)
        first = fleet.plan()
        for _node, _what in fleet.carry_out(copy.deepcopy(first)):
            issued = [known for known in fleet.generations.values() if any(g["state"] == "issued" for g in known)]
            if len(issued) == len(first["identities"]):
                break
        second = fleet.plan()
        assert [change["add"] for change in second["trusts"]] == [change["add"] for change in first["trusts"]]
        fleet.run(second)
        assert not fleet.broken()
        assert not fleet.broken(now=NOW + 6 * DAY)


class TestPins:
    def test_s11_the_api_is_pinned_to_what_was_read_over_ssh(self) -> None:
        given = standard(1, 1, issuer=OLD, ends=9).given()
        survey = given.hosts["core1"].survey or {}
        evil = making.make("Evil", names=("core1.example.com",), start=NOW - 10 * DAY, end=NOW + 300 * DAY)
        survey["served"]["webadmin"]["chain"] = [{"pem": evil.pem, **kit.info(evil.pem)}]
        pins = make_plan(given)["nodes"]["core1"]["api"]["pins"]
        (assigned,) = survey["certificates"]["core1-webadmin.crt"]["certificates"]
        assert pins == [assigned["info"]["sha256"]]

    def test_s11_what_a_pending_assignment_replaced_may_be_served_still(self) -> None:
        fleet = standard(1, 1, issuer=OLD, ends=150)
        core = fleet.nodes["core1"]
        before = dict(core.slots["webadmin"])
        old = kit.fingerprint(core.running["webadmin"][0])
        new = fleet.give("core1", "webadmin", OLD, base="webadmin-g1", start=False, ends=150)
        record = {"setting": "slot:webadmin", "before": before, "files": core.slots["webadmin"], "phase": "stored"}
        core.pending["webadmin"] = {"slot:webadmin": record}
        pins = fleet.plan()["nodes"]["core1"]["api"]["pins"]
        assert pins == sorted([old, kit.fingerprint(new.pem)])


def _objects(plan: dict[str, Any], rule: str) -> list[str]:
    return [found["object"] for found in kit.findings(plan, rule)]
