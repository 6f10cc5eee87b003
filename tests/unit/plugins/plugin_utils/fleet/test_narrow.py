# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Narrowing: only what this collection added or a person named, only in a healthy fleet, and without a restart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._findings import ERROR, Finding
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import render
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.narrow import make_narrow_plan
from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, NEW, OLD, Fleet, standard

NEWEST = kit.authority("Newest")


def narrowed(fleet: Fleet, **options: Any) -> dict[str, Any]:
    return make_narrow_plan(fleet.given(kit.NARROW, **options))


@pytest.fixture
def moved() -> Fleet:
    """A fleet that moved from the old root to the new one and trusts both."""
    fleet = standard()
    fleet.run(fleet.plan(accepted_anchors=CONSENT))
    return fleet


@pytest.fixture
def moved_twice(moved: Fleet) -> Fleet:
    """The same fleet, moved on to a third root: what the second one needed was added by this collection."""
    moved.add_issuer("newest", NEWEST)
    for node in moved.nodes.values():
        node.variables["cms_issuer"] = "newest"
    moved.run(moved.plan(accepted_anchors=["newest"]))
    assert not moved.broken()
    return moved


class TestTrust:
    def test_s16_what_was_there_before_this_collection_stays(self, moved: Fleet) -> None:
        plan = narrowed(moved)
        assert not plan["trusts"]
        assert not kit.errors(plan)

    def test_what_was_there_before_is_told_once_for_each_certificate_with_all_who_trust_it(self, moved: Fleet) -> None:
        told = [finding for finding in narrowed(moved)["findings"] if finding["rule"] == "trust-not-ours"]
        assert len(told) == len(OLD.fingerprints)
        assert {finding["object"] for finding in told} == {
            "core1, core2, core3 callbridge c2w; edge1, edge2 webbridge3 c2w"
        }
        for sha in OLD.fingerprints:
            assert any(sha in finding["next_step"] for finding in told)

    def test_s16_what_a_person_names_is_dropped(self, moved: Fleet) -> None:
        plan = narrowed(moved, narrow_also=["CN=Old Root"])
        assert len(plan["trusts"]) == 5
        assert all(trust["removes"] == ["CN=Old Root"] for trust in plan["trusts"])
        by_fingerprint = narrowed(moved, narrow_also=OLD.fingerprints)
        assert by_fingerprint["trusts"] == plan["trusts"]

    def test_s16_what_this_collection_added_and_nothing_needs_is_dropped(self, moved_twice: Fleet) -> None:
        plan = narrowed(moved_twice)
        assert {tuple(sorted(trust["removes"])) for trust in plan["trusts"]} == {("CN=New Issuing", "CN=New Root")}
        kept = {sha for trust in plan["trusts"] for sha in trust["keep"]}
        assert set(OLD.fingerprints) | set(NEWEST.fingerprints) == kept

    def test_s16_what_is_presented_today_keeps_what_vouches_for_it(self, moved: Fleet) -> None:
        plan = narrowed(moved, narrow_also=["CN=New Root"])
        assert not plan["trusts"]
        assert kit.rules_of(plan) == {"trust-still-needed", "trust-not-ours"}

    def test_a_narrower_trust_waits_for_the_next_restart(self, moved_twice: Fleet) -> None:
        restarts = {name: dict(node.restarts) for name, node in moved_twice.nodes.items()}
        plan = narrowed(moved_twice)
        assert plan["cost"]["restarts"] == {}
        assert not kit.steps(plan, "restart")
        assert all(step["rides"] for step in kit.steps(plan, "trust"))
        moved_twice.run(plan)
        assert {name: dict(node.restarts) for name, node in moved_twice.nodes.items()} == restarts
        for node in moved_twice.nodes.values():
            node.reboot()
        assert not moved_twice.broken()

    def test_the_next_plans_have_nothing_to_do(self, moved_twice: Fleet) -> None:
        moved_twice.run(narrowed(moved_twice))
        assert not narrowed(moved_twice)["changed"]
        assert not moved_twice.plan()["changed"]
        assert not moved_twice.plan(kit.RENEW)["changed"]

    def test_a_narrower_trust_that_waits_is_no_gap_in_the_next_rollout(self, moved_twice: Fleet) -> None:
        moved_twice.run(narrowed(moved_twice))
        for node in moved_twice.nodes.values():
            node.variables["cms_issuer"] = "internal"
        for name, what in moved_twice.carry_out(moved_twice.plan(accepted_anchors=CONSENT)):
            assert not moved_twice.broken(), f"{name} {what}"
        assert not moved_twice.plan()["changed"]
        assert not any(node.pending for node in moved_twice.nodes.values())

    def test_s3_the_trust_that_still_runs_is_not_removed(self, moved_twice: Fleet) -> None:
        moved_twice.run(narrowed(moved_twice))
        moved_twice.run(narrowed(moved_twice))
        for node in moved_twice.nodes.values():
            for records in node.pending.values():
                for record in records.values():
                    assert record["before"] in node.files


class TestPruning:
    def test_s13_old_generations_go_and_what_is_in_use_or_was_not_made_here_stays(self, moved_twice: Fleet) -> None:
        before = {name: set(node.files) for name, node in moved_twice.nodes.items()}
        plan = narrowed(moved_twice)
        moved_twice.run(plan)
        core = moved_twice.nodes["core1"]
        gone = before["core1"] - set(core.files)
        assert {"callbridge-g1.key", "callbridge-g1.crt", "callbridge-g1.csr", "callbridge-g1-bundle.crt"} <= gone
        assert "core1-callbridge.key" in core.files
        for name, node in moved_twice.nodes.items():
            assert not (before[name] - set(node.files)) & moved_twice.named(name)
            assert all("-g1" in file for file in before[name] - set(node.files))

    def test_s13_nothing_is_pruned_while_the_first_generation_is_in_use(self, moved: Fleet) -> None:
        assert not narrowed(moved)["changed"]

    def test_a_file_that_others_put_under_such_a_name_stays(self, moved_twice: Fleet) -> None:
        node = moved_twice.nodes["core1"]
        node.made.discard("callbridge-g1.crt")
        moved_twice.run(narrowed(moved_twice))
        assert "callbridge-g1.crt" in node.files

    def test_a_generation_that_is_newer_than_the_one_in_use_stays(self, moved_twice: Fleet) -> None:
        node = moved_twice.nodes["core1"]
        node.put("callbridge-g9.key", "key")
        node.made.add("callbridge-g9.key")
        moved_twice.run(narrowed(moved_twice))
        assert "callbridge-g9.key" in node.files


class TestRefusing:
    def test_s5_a_broken_link_forbids_it(self, moved_twice: Fleet) -> None:
        moved_twice.trust("core1", "callbridge", *OLD.pems)
        plan = narrowed(moved_twice)
        assert kit.rules_of(plan, "error") == {"link-broken"}
        assert not plan["changed"]

    def test_s15_a_pending_restart_forbids_it(self, moved_twice: Fleet) -> None:
        running = moved_twice.nodes["core1"].trusts["callbridge", "c2w"]
        record = {"setting": "trust:c2w", "before": running, "phase": "stored"}
        moved_twice.nodes["core1"].pending = {"callbridge": {"trust:c2w": record}}
        plan = narrowed(moved_twice)
        (found,) = kit.errors(plan)
        assert (found["rule"], found["object"]) == ("restart-pending", "core1 callbridge")
        assert not plan["changed"]

    def test_s1_a_node_that_cannot_be_read_forbids_it(self, moved_twice: Fleet) -> None:
        moved_twice.nodes["edge2"].unreachable = "timed out"
        assert not narrowed(moved_twice)["changed"]

    def test_s1_what_the_gathering_found_forbids_it(self, moved_twice: Fleet) -> None:
        given = moved_twice.given(kit.NARROW)
        given.findings.append(Finding(ERROR, "host-outside-fleet", "S19", "x", "is outside", "put it in"))
        assert not make_narrow_plan(given)["changed"]

    def test_s16_trust_that_somebody_left_out_may_need_stays(self, moved_twice: Fleet) -> None:
        plan = narrowed(moved_twice, skipped=["edge2"])
        assert {trust["node"] for trust in plan["trusts"]} == {"edge1"}
        assert {f["object"] for f in kit.findings(plan, "trust-not-judged")} == {
            f"core{n} callbridge c2w" for n in (1, 2, 3)
        }
        plan = narrowed(moved_twice, skipped=["core3"])
        assert {trust["node"] for trust in plan["trusts"]} == {"core1", "core2"}

    def test_s16_trust_that_is_for_somebody_outside_the_inventory_stays(self, moved_twice: Fleet) -> None:
        entry = {"id": "wb-x", "url": "c2w://far.example.com:9999", "host": "far.example.com", "port": 9999}
        moved_twice.clusters[0].registrations.append(entry)
        assert {trust["node"] for trust in narrowed(moved_twice)["trusts"]} == {"edge1", "edge2"}


def test_the_plan_is_plain_data_and_reads_well(moved_twice: Fleet) -> None:
    plan = narrowed(moved_twice)
    assert json.loads(json.dumps(plan)) == plan
    assert narrowed(moved_twice)["id"] == plan["id"]
    text = "\n".join(render.text(plan))
    assert "drops CN=New Issuing, CN=New Root" in text
    assert "Cost: no restart." in text
    assert NEW.root.pem not in text
