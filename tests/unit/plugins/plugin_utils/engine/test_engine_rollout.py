# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rounds of real plans on a simulated fleet: done once, proven, taken up again, refused, put back."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._engine.change import ServiceChange
from ansible_collections.certops.cms.plugins.plugin_utils._engine.execute import apply_round
from ansible_collections.certops.cms.plugins.plugin_utils._errors import (
    CallsInProgress,
    CommandFailed,
    Drift,
    IssuerProblem,
    PlanRefused,
    PreconditionMissing,
    ProofFailed,
    StoreProblem,
)
from tests.unit.plugins.plugin_utils.engine import rollout as rollouts
from tests.unit.plugins.plugin_utils.engine.rollout import Rollout, StartRollout

ONCE = {"core1 webadmin": 1, "core1 callbridge": 1, "edge1 webbridge3": 2, "edge1 turn": 1}


class Killed(BaseException):
    """Stands for kill -9: nothing of ours gets to handle it."""


def slots(fleet: Rollout, node: str, service: str) -> Any:
    """Give what a node's display says of the slots and trusts of a service."""
    state = fleet.survey(node)["services"][service]
    return state["slots"], state["trusts"]


def keys_in(folder: Path) -> list[str]:
    """Find unencrypted private keys in the files below a folder."""
    texts = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return [name for name, data in texts.items() if b"BEGIN PRIVATE KEY" in data or b"BEGIN RSA PRIVATE" in data]


# The whole way -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["default", "chatty", "old"])
def test_a_rollout_to_a_new_root_restarts_no_more_than_planned_and_ends_with_nothing_to_do(
    rollout: StartRollout, dialect: str
) -> None:
    fleet = rollout(switches={"dialect": dialect})
    made = fleet.plan()
    fleet.run(made)
    assert fleet.restarts() == ONCE
    assert fleet.links_up()
    proofs = [proof for result in fleet.results for proof in result.get("proofs", [])]
    assert {proof["state"] for proof in proofs} == {"proven"}
    assert all(not fleet.journal.pending(node) for node in fleet.nodes)
    again = fleet.plan()
    assert not again["changed"]
    # A renewal under the same CA, S16: what was added to trusts is known, to be narrowed one day.
    assert fleet.journal.trusts_added("edge1")["webbridge3/c2w"]


def test_evidence_names_the_new_end_and_the_proof_of_every_slot(rollout: StartRollout) -> None:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made)
    evidence = fleet.journal.evidence(made["id"])
    shown = {slot: facts for entry in evidence.values() for slot, facts in entry.get("slots", {}).items()}
    assert set(shown) == {"webadmin", "callbridge", "webbridge3_https", "webbridge3_c2w", "turn"}
    assert {facts["state"] for facts in shown.values()} == {"proven"}
    assert all(facts["not_after"] > "2026" for facts in shown.values())


def test_a_round_that_is_done_changes_nothing_when_applied_again(rollout: StartRollout) -> None:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made)
    evidence = fleet.journal.evidence(made["id"])
    before = fleet.restarts()
    for entry in made["rounds"]:
        if entry["name"] == "issue":
            assert fleet.issue(made)["changed"] is False
        for node in entry["hosts"]:
            result = fleet.apply(made, entry["name"], node)
            assert (result["changed"], result["resumed"]) == (False, True)
    assert fleet.restarts() == before
    assert fleet.journal.evidence(made["id"]) == evidence


def test_each_round_takes_one_login(rollout: StartRollout) -> None:
    fleet = rollout()
    made = fleet.plan()
    logins = fleet.control.login_count("edge1")
    fleet.run(made)
    rounds = [entry for entry in made["rounds"] if "edge1" in entry["hosts"]]
    assert fleet.control.login_count("edge1") - logins == len(rounds)


def test_s4_keys_of_the_control_node_reach_the_node_and_lie_open_nowhere(rollout: StartRollout) -> None:
    fleet = rollout()
    fleet.variables["cms_key_location"] = "control"
    made = fleet.plan()
    fleet.run(made)
    assert fleet.restarts() == ONCE
    assert any(name.endswith("-g1.key") for name in fleet.control.state("edge1")["files"])
    assert not keys_in(Path(fleet.state))
    said = repr(fleet.results) + "\n".join(fleet.transcript) + repr(fleet.journal.evidence(made["id"]))
    for secret in (rollouts.PASSWORD, rollouts.STORE_PASSPHRASE, rollouts.CA_PASSPHRASE, "PRIVATE KEY"):
        assert secret not in said


# What must come first ------------------------------------------------------------------------------------------------


def test_s5_a_presenter_does_not_switch_before_its_verifier_trusts(rollout: StartRollout) -> None:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made, until="widen")
    logins = fleet.control.login_count("core1")
    with pytest.raises(PreconditionMissing, match="edge1/widen/webbridge3"):
        fleet.apply(made, "switch", "core1")
    assert fleet.control.login_count("core1") == logins


def test_s1_a_blocked_node_is_not_even_logged_in_to(rollout: StartRollout) -> None:
    fleet = rollout()
    made = fleet.plan()
    error = {
        "severity": "error",
        "rule": "link-broken",
        "section": "4.5",
        "object": "edge1",
        "found": "it is broken",
        "next_step": "mend it",
        "cured": False,
    }
    blocked = {**made, "findings": [*made["findings"], error], "blocked": ["core1", "edge1"]}
    with pytest.raises(PlanRefused, match="mend it"):
        apply_round(lambda: pytest.fail("logged in"), blocked, "request", "core1", fleet.context())
    with pytest.raises(PlanRefused):
        fleet.issue(blocked)


def test_a_setting_that_somebody_changed_meanwhile_stops_the_node_unchanged(rollout: StartRollout) -> None:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made, until="widen")
    with fleet.session("edge1") as session:
        session.store("webbridge3 c2w trust none")
    before = fleet.restarts()
    with pytest.raises(Drift, match="trust:c2w"):
        fleet.apply(made, "widen", "edge1")
    assert fleet.restarts() == before
    assert not fleet.journal.pending("edge1")


def test_s3_a_name_that_came_into_use_meanwhile_is_never_written_to(rollout: StartRollout) -> None:
    fleet = rollout()
    made = fleet.plan()
    with fleet.session("core1") as session:
        session.put("webadmin-g1.crt", b"somebody else's\n")
    with pytest.raises(Drift, match="webadmin-g1"):
        fleet.apply(made, "request", "core1")
    assert not any(command.startswith("pki csr webadmin") for command in fleet.control.commands("core1"))
    with fleet.session("core1") as session:
        assert session.get("webadmin-g1.crt") == b"somebody else's\n"


def test_s3_an_upload_onto_a_foreign_file_is_refused(rollout: StartRollout) -> None:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made, until="stage")
    with fleet.session("core1") as session:
        session.put("callbridge-c2w-trust-g1.pem", b"somebody else's\n")
    with pytest.raises(Drift, match="callbridge-c2w-trust-g1"):
        fleet.apply(made, "stage", "core1")


def test_an_upload_that_was_cut_short_is_finished_by_the_next_run(rollout: StartRollout) -> None:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made, until="stage")
    fleet.control.set_fault("edge1", {"kind": "cut_upload", "match": "webbridge3-c2w-trust-g1.pem"})
    with pytest.raises(Exception, match="webbridge3-c2w-trust-g1"):
        fleet.apply(made, "stage", "edge1")
    result = fleet.apply(made, "stage", "edge1")
    assert result["resumed"]
    assert "sftp put webbridge3-c2w-trust-g1.pem" in [entry["command"] for entry in result["commands"]]


def test_what_an_issuer_gets_wrong_never_comes_near_a_node(
    rollout: StartRollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made, until="issue")
    issue = fleet.issuer.issue
    other = next(entry for entry in made["identities"] if entry["name"] == "turn")
    wanted = fleet.store.get(other["id"], other["base"])
    assert wanted is not None
    monkeypatch.setattr(fleet.issuer, "issue", lambda _wanted, now: issue(wanted.wanted, now))
    with pytest.raises(IssuerProblem, match="another key"):
        fleet.issue(made)
    # One that is good is kept all the same, and the next run issues only the others.
    kept = fleet.store.get(other["id"], other["base"])
    assert kept is not None
    assert kept.issued is not None
    with pytest.raises((PreconditionMissing, StoreProblem)):
        fleet.apply(made, "stage", "core1")


# Calls ---------------------------------------------------------------------------------------------------------------


def test_s6_calls_stop_the_restart_before_anything_is_stored(rollout: StartRollout) -> None:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made, until="switch")
    fleet.control.set_calls("core1", 3)
    with pytest.raises(CallsInProgress, match="3 call legs"):
        fleet.apply(made, "switch", "core1")
    assert slots(fleet, "core1", "callbridge")[0]["callbridge"]["certificate"] == "core1_callbridge.crt"
    assert not fleet.journal.pending("core1")
    assert fleet.control.calls("core1") == 3


def test_s6_calls_are_waited_for(rollout: StartRollout) -> None:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made, until="switch")
    fleet.control.set_calls("core1", 3)
    hang_up = threading.Timer(1.0, lambda: fleet.control.set_calls("core1", 0))
    hang_up.start()
    result = fleet.apply(made, "switch", "core1", calls="wait", calls_timeout=30.0)
    hang_up.join()
    assert result["changed"]


def test_s6_unknown_calls_count_as_calls_and_drop_goes_ahead(rollout: StartRollout) -> None:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made, until="switch")
    with pytest.raises(CallsInProgress, match="may carry calls"):
        fleet.apply(made, "switch", "core1", credentials=lambda _node: None)
    fleet.control.set_calls("core1", 3)
    assert fleet.apply(made, "switch", "core1", calls="drop")["changed"]


# What goes wrong -----------------------------------------------------------------------------------------------------


def test_s10_a_service_that_goes_on_with_the_old_certificate_gets_its_old_assignment_back(
    rollout: StartRollout,
) -> None:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made, until="switch")
    fleet.control.set_fault("core1", {"kind": "serve_old_after_restart", "match": "callbridge"})
    with pytest.raises(ProofFailed, match="the old assignment is back and proven"):
        fleet.apply(made, "switch", "core1", proof_timeout=2.0)
    files, trusts = slots(fleet, "core1", "callbridge")
    assert files["callbridge"]["certificate"] == "core1_callbridge.crt"
    assert trusts["c2w"] == "old_ca.pem"
    assert not fleet.journal.pending("core1")
    assert fleet.links_up()
    # Web Admin comes after the Call Bridge in this round and was never touched.
    assert fleet.restarts()["core1 webadmin"] == 0


@pytest.mark.parametrize(
    ("node", "service", "line"), [("core1", "webadmin", "webadmin enable"), ("edge1", "turn", "turn enable")]
)
def test_s10_a_restart_that_fails_puts_the_old_assignment_back(
    rollout: StartRollout, node: str, service: str, line: str
) -> None:
    fleet = rollout()
    made = fleet.plan()
    before = slots(fleet, node, service)
    last = "switch" if node == "core1" else "switch-2"
    fleet.run(made, until=last)
    fleet.control.set_fault(node, {"kind": "fail_restart", "match": f"{service} enable"})
    with pytest.raises(CommandFailed, match="the old assignment is back and proven") as caught:
        fleet.apply(made, last, node)
    assert any("FAILURE" in text for text in caught.value.transcript)
    assert slots(fleet, node, service) == before
    assert not fleet.journal.pending(node)
    # Mended, the same command again ends where it should.
    fleet.run(fleet.plan())
    assert not fleet.plan()["changed"]


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
@pytest.mark.parametrize("command", ["callbridge certs", "callbridge restart", "webadmin disable", "webadmin enable"])
def test_a_connection_that_breaks_with_a_command_costs_a_login_and_no_more(
    rollout: StartRollout, kind: str, command: str
) -> None:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made, until="switch")
    fleet.control.set_fault("core1", {"kind": kind, "match": command})
    result = fleet.apply(made, "switch", "core1", proof_timeout=6.0)
    assert {proof["state"] for proof in result["proofs"]} == {"proven"}
    assert fleet.restarts()["core1 callbridge"] == 1
    assert fleet.restarts()["core1 webadmin"] == 1
    assert not fleet.journal.pending("core1")


@pytest.mark.parametrize("victim", ["_disable", "_set", "_restart", "_prove"])
def test_s15_a_run_that_was_killed_is_finished_by_the_next_one(
    rollout: StartRollout, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made, until="switch")
    whole = getattr(ServiceChange, victim)

    def killed(change: ServiceChange, argument: Any) -> None:
        whole(change, argument)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ServiceChange, victim, killed)
        with pytest.raises(Killed):
            fleet.apply(made, "switch", "core1")
    fleet.run(fleet.plan())
    assert not fleet.plan()["changed"]
    assert all(not fleet.journal.pending(node) for node in fleet.nodes)
    assert fleet.links_up()
    assert fleet.restarts() == ONCE


def test_s15_the_record_is_written_before_the_command_is_sent(
    rollout: StartRollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made, until="switch")
    seen: list[Any] = []

    def killed(*_arguments: Any) -> None:
        seen.append(fleet.journal.pending("core1"))
        raise Killed

    monkeypatch.setattr("ansible_collections.certops.cms.plugins.plugin_utils._engine.node.Node.store", killed)
    with pytest.raises(Killed):
        fleet.apply(made, "switch", "core1")
    (record,) = seen[0]["callbridge"]
    assert record["setting"] == "slot:callbridge"
    assert record["phase"] == "stored"
    assert record["before"]["certificate"] == "core1_callbridge.crt"


def test_s8_an_unknown_answer_to_a_setting_is_judged_by_the_display(rollout: StartRollout) -> None:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made, until="switch")
    fleet.control.set_fault("core1", {"kind": "garbage", "match": "callbridge certs", "effect": True})
    result = fleet.apply(made, "switch", "core1")
    assert any("unknown" in remark for remark in result["remarks"])
    assert {proof["state"] for proof in result["proofs"]} == {"proven"}


def test_a_plan_of_narrow_rides_and_removes_what_nothing_names(rollout: StartRollout) -> None:
    fleet = rollout()
    fleet.run(fleet.plan())
    with fleet.session("core1") as session:
        named = session.get("callbridge-g1.crt")
    fleet.journal.made("core1", ["callbridge-g0.crt"])
    with fleet.session("core1") as session:
        session.put("callbridge-g0.crt", named)
    step = {"kind": "remove", "file": "callbridge-g0.crt"}
    in_use = {"kind": "remove", "file": "callbridge-g1.crt"}
    batch = {"id": "core1/narrow", "service": None, "requires": [], "gate_calls": False, "reason": "", "cost": ""}
    made = fleet.plan()

    def narrow(wanted: dict[str, Any]) -> dict[str, Any]:
        rounds = [{"name": "narrow", "hosts": ["core1"], "batches": {"core1": [{**batch, "steps": [wanted]}]}}]
        return {**made, "rounds": rounds}

    assert fleet.apply(narrow(step), "narrow", "core1")["changed"]
    assert "callbridge-g0.crt" not in fleet.control.state("core1")["files"]
    assert not fleet.apply(narrow(step), "narrow", "core1")["changed"]
    with pytest.raises(Drift, match="named by a setting"):
        fleet.apply(narrow(in_use), "narrow", "core1")
