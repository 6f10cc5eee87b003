# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job through the front door, on the demo fleet: look, roll out, nothing to do, narrow, renew, prune."""

from __future__ import annotations

import pytest

from tests.integration.estate import announced, plan_of
from tests.integration.life import CORES, EDGES, OLD_ISSUING, OLD_ROOT, Life, Stage

# The whole life of a fleet is what every dialect must carry.
pytestmark = pytest.mark.every_dialect

SLOTS = {(node, slot) for node in CORES for slot in ("webadmin", "callbridge")} | {
    (node, slot) for node in EDGES for slot in ("webbridge3_https", "webbridge3_c2w", "turn")
}
NEW_ROOT, NEW_ISSUING = (
    "CN=Meeting Server Internal CA,O=Example",
    "CN=Meeting Server Internal CA Intermediate,O=Example",
)
ONE_EACH = dict.fromkeys([*CORES, *EDGES], 1)


def assert_nothing_to_do(stage: Stage) -> None:
    assert stage.result.rc == 0, stage.result.stdout
    assert stage.result.changed == 0
    assert stage.seen.changes == []
    assert stage.seen.logins == ONE_EACH
    assert "nothing to do on 5 nodes" in stage.result.stdout


def test_check_mode_prints_the_plan_that_the_run_carries_out(life: Life) -> None:
    check, run = life["check"].result, life["site"].result
    assert check.rc == 0, check.stdout
    assert check.changed > 0
    shown, done = plan_of(check), plan_of(run)
    assert shown["plan"]["id"] == done["plan"]["id"]
    assert shown["text"] == done["text"]
    for line in shown["text"]:
        assert line in check.stdout
        assert line in run.stdout


def test_the_plan_names_every_command_that_is_sent_to_change_something(life: Life) -> None:
    text = "\n".join(plan_of(life["check"].result)["text"])
    seen = life["site"].seen
    changing = ("pki csr", "webadmin ", "callbridge ", "webbridge3 ", "turn ")
    sent = [command for node in (*CORES, *EDGES) for command in seen.commands(node) if command.startswith(changing)]
    assert len(sent) > 40
    assert [command for command in sent if command not in text and not command.endswith(" status")] == []
    assert [e["file"] for e in seen.of("sftp_put") if f"upload {e['file']}" not in text] == []


def test_check_mode_touches_neither_nodes_nor_control_node(life: Life) -> None:
    check = life["check"]
    assert check.seen.changes == []
    assert check.seen.logins == ONE_EACH
    # No state folder, no known_hosts, no plan, no lock.
    assert check.here == []


def test_a_rollout_to_a_new_root_loses_no_link(life: Life) -> None:
    site = life["site"]
    assert site.result.rc == 0, site.result.stdout
    assert site.seen.broken_links == []
    # A probe without a client certificate is refused; no Call Bridge ever is.
    assert {e["why"] for e in site.seen.of("c2w_rejected")} <= {"peer did not return a certificate"}


def test_a_rollout_to_a_new_root_restarts_as_announced(life: Life) -> None:
    core, edge = {"callbridge": 1, "webadmin": 1}, {"webbridge3": 2, "turn": 1}
    expected = {**dict.fromkeys(CORES, core), **dict.fromkeys(EDGES, edge)}
    assert life["site"].seen.restarts == expected
    assert announced(life["site"].result) == expected


def test_a_rollout_takes_few_logins(life: Life) -> None:
    assert max(life["site"].seen.logins.values()) <= 6


def test_every_service_serves_a_new_certificate_that_openssl_verifies(life: Life) -> None:
    before, after = life["check"].shown, life["site"].shown
    assert set(before) == set(after) == SLOTS
    for (node, slot), shown in after.items():
        old = before[node, slot].leaf
        assert shown.leaf is not None, f"{node} {slot} shows nothing"
        assert old is not None
        assert shown.faults == (), f"{node} {slot}"
        assert shown.leaf.serial_number != old.serial_number
        assert shown.leaf.public_key() != old.public_key()
        assert shown.leaf.issuer.rfc4514_string() == NEW_ISSUING
        assert f"{node}.example.test" in shown.names


def test_the_closing_table_says_what_became_of_each_service(life: Life) -> None:
    table = life["site"].result.one(task="Say what became of the plan")["rows"]
    proven = {(row["node"], row["slot"]) for row in table if row["proof"] == "proven"}
    assert proven == SLOTS
    trusts = {row["node"]: row["proof"] for row in table if "trust" in row["slot"]}
    assert trusts == {**dict.fromkeys(CORES, "4 of 4 links proven"), **dict.fromkeys(EDGES, "6 of 6 links proven")}
    for row in table:
        assert f"{row['node']}  {row['slot']}" in life["site"].result.stdout


def test_the_same_command_again_changes_nothing_and_logs_in_once_per_node(life: Life) -> None:
    assert_nothing_to_do(life["again"])


def test_renew_with_nothing_due_logs_in_once_per_node(life: Life) -> None:
    assert_nothing_to_do(life["nothing due"])


def test_narrow_without_a_name_drops_nothing_that_was_there_before(life: Life) -> None:
    assert_nothing_to_do(life["narrow unnamed"])


def test_narrow_drops_the_old_ca_that_a_person_named_and_nothing_else(life: Life) -> None:
    wide, narrow = life["site"], life["narrow"]
    assert narrow.result.rc == 0, narrow.result.stdout
    for node, service in [*((core, "callbridge") for core in CORES), *((edge, "webbridge3") for edge in EDGES)]:
        assert wide.subjects(node, service) == sorted([OLD_ROOT, OLD_ISSUING, NEW_ROOT, NEW_ISSUING])
        assert narrow.subjects(node, service) == sorted([NEW_ROOT, NEW_ISSUING])


def test_narrow_interrupts_nothing(life: Life) -> None:
    assert life["narrow"].seen.restarts == {}
    assert life["prune"].seen.restarts == {}
    assert life.seen.broken_links == []


def test_after_narrow_there_is_nothing_to_do(life: Life) -> None:
    assert_nothing_to_do(life["narrowed"])
    assert_nothing_to_do(life["end"])


def test_a_renewal_under_the_same_ca_costs_one_restart_each_and_changes_no_trust(life: Life) -> None:
    renewal = life["renewal"]
    assert renewal.result.rc == 0, renewal.result.stdout
    core, edge = {"callbridge": 1, "webadmin": 1}, {"webbridge3": 1, "turn": 1}
    assert renewal.seen.restarts == {**dict.fromkeys(CORES, core), **dict.fromkeys(EDGES, edge)}
    assert announced(renewal.result) == renewal.seen.restarts
    assert [e for e in renewal.seen.of("setting_stored") if e["setting"] == "c2w_trust"] == []
    assert renewal.seen.broken_links == []
    for key, shown in renewal.shown.items():
        earlier = life["site"].shown[key].leaf
        assert shown.faults == (), key
        assert shown.leaf is not None
        assert earlier is not None
        assert shown.leaf.serial_number != earlier.serial_number


def test_a_narrower_trust_becomes_live_with_the_restart_that_happens_anyway(life: Life) -> None:
    wide = [OLD_ROOT, OLD_ISSUING, NEW_ROOT, NEW_ISSUING]
    for stage, expected in (("narrow", wide), ("renewal", [NEW_ROOT, NEW_ISSUING])):
        for node, service in (("core1", "callbridge"), ("edge1", "webbridge3")):
            assert life[stage].subjects(node, service, running=True) == sorted(expected), f"{stage} {node}"


def test_pruning_removes_old_generations_and_nothing_else(life: Life) -> None:
    before, after = life["renewal"], life["prune"]
    for node, state in after.nodes.items():
        gone = set(before.nodes[node]["files"]) - set(state["files"])
        assert gone, node
        assert {name for name in gone if before.nodes[node]["files"][name]["used_by"]} == set()
        assert {name for name in gone if "-g" not in name} == set()
        # What was there before the collection came is not its to remove.
        assert {name for name in life["check"].nodes[node]["files"] if name not in state["files"]} == set()


def test_at_the_end_every_link_is_up_and_nothing_waits(life: Life) -> None:
    links = life["end"].links
    assert [link for link in links if not link["ok"]] == []
    assert [(link["client"], link["server"]) for link in links if link["kind"] == "c2w"] == [
        (core, edge) for core in CORES for edge in EDGES
    ]
    for name, state in life["end"].nodes.items():
        for service, facts in state["services"].items():
            assert facts["restart_pending"] is False, f"{name} {service}"
