# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Safety rules in the middle of a change: what is put back, what stops, what waits, what the next run finishes."""

from __future__ import annotations

from typing import Any

from tests.integration.estate import (
    PAIR,
    SITE,
    Estate,
    StartEstate,
    assert_done,
    assert_untouched,
    flat,
    plan_of,
)
from tests.integration.harness import Result, wait_for
from tests.integration.wire import look_at_all

APPLY = "certops.cms.apply"

#: Two Call Bridges and two Web Bridges, all linked: there is always a next node that must stay untouched.
FOUR = {
    **PAIR,
    "nodes": [
        {"name": "core1", "services": ["webadmin", "callbridge"]},
        {"name": "core2", "services": ["webadmin", "callbridge"]},
        {"name": "edge1", "services": ["webbridge3", "turn"]},
        {"name": "edge2", "services": ["webbridge3", "turn"]},
    ],
}


def play(host: str, *tasks: dict[str, Any], **keywords: Any) -> dict[str, Any]:
    common = {"hosts": host, "gather_facts": False, "connection": "certops.cms.mmp"}
    return {"name": f"On {host}", **common, "tasks": list(tasks), **keywords}


def role(name: str, **variables: Any) -> dict[str, Any]:
    tasks_from = variables.pop("tasks_from", None)
    found: dict[str, Any] = {"import_role": {"name": f"certops.cms.{name}"}, "vars": variables}
    if tasks_from:
        found["import_role"]["tasks_from"] = tasks_from
    return found


def failure(result: Result, host: str) -> dict[str, Any]:
    """Give the error of the round that failed on a node."""
    assert result.rc != 0, result.stdout
    (found,) = result.results(action=APPLY, status="failed")
    assert found["host"] == host, result.stdout
    error: dict[str, Any] = found["result"]["error"]
    assert error["next_step"]
    return error


def assert_as_before(made: Estate, node: str, before: dict[str, dict[str, Any]]) -> None:
    """Fail unless every service of a node is as it was: settings, what runs, nothing pending."""
    now = made.describe()[node]["services"]
    for service, facts in before[node]["services"].items():
        assert now[service]["stored"] == facts["stored"], f"{node} {service}"
        assert now[service]["active"] == facts["active"], f"{node} {service}"
        assert now[service]["restart_pending"] is False


def test_s05_no_way_around_the_order(estate: StartEstate) -> None:
    made = estate(PAIR)
    # All is ready for the switch of core1, and edge1 does not trust its new certificate yet.
    ready = made.run(
        [
            play("cms", role("survey")),
            play("cms", role("plan", plan_intent="site")),
            play("cms", role("issue", tasks_from="request")),
            play("cms", role("issue")),
            play("cms", role("stage")),
            play("core1", role("rollout", rollout_round="switch")),
        ]
    )
    error = failure(ready, "core1")
    assert error["kind"] == "PreconditionMissing"
    assert "edge1/widen/webbridge3" in error["reason"]

    files = {"key": "callbridge-g1.key", "certificate": "callbridge-g1.crt", "bundle": "callbridge-g1-bundle.crt"}
    assert set(files.values()) <= set(made.describe()["core1"]["files"])
    single = {"certops.cms.service": {"service": "callbridge", **files}, "name": "Switch"}
    survey = {"certops.cms.node_info": {}, "name": "Survey", "register": "cms_survey"}
    alone = made.run([play("cms", survey), play("core1", single)])
    assert alone.one(task="Switch", status="failed")["error"]["kind"] == "PlanRefused"
    unknowing = made.run([play("core1", single)])
    assert unknowing.one(task="Switch", status="failed")["error"]["kind"] == "PlanRefused"

    assert made.run(SITE, "--limit", "core1").rc != 0
    made.run(SITE, "--tags", "switch,rollout,callbridge")
    made.run(SITE, "--start-at-task", "Carry out the round")
    seen = made.seen()
    assert seen.of("setting_stored") == []
    assert seen.restarts == {}
    assert seen.broken_links == []


def test_s06_s19_the_first_node_of_a_trust_change_is_a_canary_whatever_ansible_is_told(estate: StartEstate) -> None:
    made = estate(FOUR)
    before = made.describe()
    fault = {"kind": "fail_restart", "match": "webbridge3 restart", "text": "no room for 17 more"}
    made.fleet.control.set_fault("edge1", fault)
    told = {"ANSIBLE_STRATEGY": "free", "ANSIBLE_FORKS": "50", "ANSIBLE_ANY_ERRORS_FATAL": "false"}
    done = made.run(SITE, "--forks", "50", environment=told)
    error = failure(done, "edge1")
    assert error["kind"] == "CommandFailed"
    # S14: what the node printed is in the error.
    assert "FAILURE: no room for 17 more" in " ".join(error["transcript"])
    assert "the old assignment is back and proven" in error["reason"]
    assert_as_before(made, "edge1", before)
    seen = made.seen()
    assert {e["node"] for e in seen.of("setting_stored")} == {"edge1"}
    assert set(seen.restarts) == {"edge1"}
    assert seen.broken_links == []


def test_s06_calls_in_progress_stop_a_restart_or_are_waited_for(estate: StartEstate) -> None:
    made = estate(PAIR)
    control = made.fleet.control
    control.set_calls("core1", 3)
    stopped = made.run(SITE)
    assert failure(stopped, "core1")["kind"] == "CallsInProgress"
    assert "3 call legs are up" in flat(stopped)
    assert control.calls("core1") == 3
    assert control.restarts("core1", "callbridge") == 0
    assert made.seen().of("setting_stored", "core1") == []

    since = made.now()
    waiting = made.start(SITE, extra={"cms_calls": "wait", "cms_calls_timeout": 100})

    def asked() -> bool:
        switching = any(e["event"] == "start" and e["task"].endswith("the round") for e in waiting.events)
        polls = [e for e in made.seen(since).of("api", "core1") if e["path"].endswith("system/status")]
        return (switching and len(polls) > 3) or waiting.process.poll() is not None

    wait_for(asked, "the run asks for calls again and again", 120)
    assert waiting.process.poll() is None, waiting.stdout
    assert control.restarts("core1", "callbridge") == 0
    control.set_calls("core1", 0)
    assert_done(waiting.wait())
    assert made.seen().of("calls_dropped") == []
    assert control.restarts("core1", "callbridge") == 1
    # What the first run had widened is not done again.
    assert control.restarts("edge1", "webbridge3") == 2


def test_s06_calls_drop_only_where_a_person_said_so(estate: StartEstate) -> None:
    made = estate("combined", {"cms_calls": "drop"}, calls=2)
    done = made.run(SITE)
    assert_done(done)
    assert "they will be dropped" in flat(done)
    assert [e["calls"] for e in made.seen().of("calls_dropped")] == [2]


def test_s08_an_answer_that_is_not_understood_stops_the_node_and_the_rollout(estate: StartEstate) -> None:
    made = estate(FOUR)
    before = made.describe()
    fault = {"kind": "garbage", "match": "callbridge certs", "text": "%& entropy 0x17 exhausted"}
    made.fleet.control.set_fault("core1", fault)
    done = made.run(SITE)
    error = failure(done, "core1")
    assert error["kind"] == "NotUnderstood"
    assert "entropy 0x17 exhausted" in " ".join(error["transcript"])
    assert_as_before(made, "core1", before)
    assert_as_before(made, "core2", before)
    seen = made.seen()
    assert "core1" not in seen.restarts
    assert seen.restarts == {"edge1": {"webbridge3": 1}, "edge2": {"webbridge3": 1}}
    assert seen.broken_links == []


def test_s10_a_service_that_serves_the_old_certificate_gets_its_old_assignment_back(estate: StartEstate) -> None:
    made = estate(FOUR, {"cms_proof_timeout": 5})
    before = made.describe()
    made.fleet.control.set_fault("core1", {"kind": "serve_old_after_restart", "match": "callbridge restart"})
    done = made.run(SITE)
    error = failure(done, "core1")
    assert error["kind"] == "ProofFailed"
    assert "the old assignment is back and proven" in error["reason"]
    assert_as_before(made, "core1", before)
    assert_as_before(made, "core2", before)
    seen = made.seen()
    # The change, and the way back; nothing else of core1 and nothing of core2.
    assert seen.restarts["core1"] == {"callbridge": 2}
    assert "core2" not in seen.restarts
    assert [e for e in seen.of("setting_stored") if e["node"].startswith("edge") and e["setting"] != "c2w_trust"] == []
    assert seen.broken_links == []
    # The same command again, on a node that does what it is told, goes on from there.
    assert_done(made.run(SITE))
    shown = look_at_all(made.describe(), made.own_ca / "root.crt")
    assert {what.faults for what in shown.values()} == {()}


def test_s10_a_port_that_was_never_reached_is_assigned_and_not_proven(estate: StartEstate) -> None:
    made = estate("combined", {"cms_probe": {"turn": {"address": "127.0.0.1", "port": 9}}})
    done = made.run(SITE)
    assert_done(done)
    rows = {row["slot"]: row["proof"] for row in done.one(task="Say what became of the plan")["rows"]}
    assert rows["turn"] == "assigned, not proven"
    assert rows["callbridge"] == "proven"
    assert "assigned, not proven" in flat(done)
    assert {f["rule"] for f in plan_of(done)["findings"]} >= {"not-probed"}


def test_s14_the_error_holds_what_the_node_printed_with_secrets_masked(estate: StartEstate) -> None:
    made = estate(PAIR)
    (password,) = made.fleet.secrets
    text = f"unit 17 says {password} is not welcome"
    made.fleet.control.set_fault("core1", {"kind": "failure_line", "match": "pki csr", "text": text})
    done = made.run(SITE)
    error = failure(done, "core1")
    printed = " ".join(error["transcript"])
    assert "FAILURE: unit 17 says " in printed
    assert "is not welcome" in printed
    assert password not in printed
    assert "unit 17 says" in flat(done)
    assert made.seen().of("setting_stored") == []


def test_s15_what_was_stored_and_not_restarted_is_finished_by_the_next_run(estate: StartEstate) -> None:
    made = estate(PAIR)
    # The node hangs when it is told to restart, and the control node dies: stored is not running.
    made.fleet.control.set_fault("core1", {"kind": "silence", "match": "callbridge restart"})
    running = made.start(SITE)
    running.kill_when(lambda _run: any(e["fault"] == "silence" for e in made.seen().of("fault")), "the restart hangs")
    state = made.describe()["core1"]["services"]["callbridge"]
    assert state["restart_pending"] is True
    assert state["restarts"] == 0
    since = made.now()
    again = made.run(SITE)
    assert_done(again)
    assert made.seen(since).restarts["core1"] == {"callbridge": 1, "webadmin": 1}
    assert made.describe()["core1"]["services"]["callbridge"]["restart_pending"] is False
    shown = look_at_all(made.describe(), made.own_ca / "root.crt")
    assert {what.faults for what in shown.values()} == {()}
    last = made.run(SITE)
    assert_done(last)
    assert last.changed == 0
    assert made.seen().restarts["edge1"] == {"webbridge3": 2, "turn": 1}


def test_s15_a_change_that_others_stored_and_never_restarted_is_found(estate: StartEstate) -> None:
    made = estate(PAIR)
    command = "webbridge3 https certs edge1_c2w.key edge1_c2w.crt"
    assert_done(made.run([play("edge1", {"name": "By hand", "ansible.builtin.raw": command})]))
    since = made.now()
    done = made.run(SITE)
    assert done.rc != 0
    assert "[pending-change-of-others, rule S15]" in flat(done)
    assert_untouched(made.seen(since))
