# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Safety rules that refuse: what stops a run before it changes anything, or keeps it off a part of the fleet."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.estate import (
    CLUSTERS,
    PAIR,
    RENEW,
    SITE,
    Estate,
    StartEstate,
    assert_done,
    assert_untouched,
    flat,
    plan_of,
)
from tests.integration.harness import Result, wait_for

RAW = "ansible.builtin.raw"


def on(host: str, *tasks: dict[str, Any], **keywords: Any) -> dict[str, Any]:
    """Give a play on a node."""
    common = {"hosts": host, "gather_facts": False, "connection": "certops.cms.mmp"}
    return {"name": f"On {host}", **common, "tasks": list(tasks), **keywords}


def type_in(made: Estate, host: str, *commands: str) -> None:
    """Let somebody else change a node by hand."""
    assert_done(made.run([on(host, *({"name": command, RAW: command} for command in commands))]))


def errors(result: Result) -> dict[str, str]:
    """Give rule -> what was found, for the errors of a plan."""
    findings = plan_of(result)["findings"]
    return {f["rule"]: f["found"] for f in findings if f["severity"] == "error" and not f["cured"]}


def refusal(result: Result) -> str:
    """Give the message of the plan task that failed."""
    assert result.rc != 0, result.stdout
    return str(result.one(action="certops.cms.fleet_plan", status="failed")["msg"])


def test_s01_an_error_keeps_the_run_off_the_node_and_all_that_is_linked_to_it(estate: StartEstate) -> None:
    made = estate(CLUSTERS)
    # Somebody assigned a pair and did not restart: what edge2 serves is not what it is assigned (S15).
    type_in(made, "edge2", "turn certs edge2_c2w.key edge2_c2w.crt old_ca.pem")
    since = made.now()
    done = made.run(SITE)
    seen = made.seen(since)
    assert done.rc != 0
    assert plan_of(done)["plan"]["blocked"] == ["core2", "edge2"]
    assert "pending-change-of-others" in errors(done)
    assert_untouched(seen, ["core2", "edge2"])
    # What is not linked to it gets its certificates, and the end of the run says what was left.
    assert seen.restarts == {"core1": {"callbridge": 1, "webadmin": 1}, "edge1": {"webbridge3": 2, "turn": 1}}
    assert "left as they were: core2, edge2" in flat(done)


def test_s01_a_node_that_cannot_be_reached_blocks_its_link_group_until_it_is_skipped_by_name(
    estate: StartEstate,
) -> None:
    made = estate(PAIR)
    made.fleet.control.set_fault("edge1", {"kind": "unreachable", "count": 0})
    done = made.run(SITE)
    assert "edge1" in refusal(done)
    assert "cms_skip_nodes: [edge1]" in flat(done)
    assert_untouched(made.seen())
    assert not (made.state / "store").exists()
    skipped = made.run(SITE, check=True, extra={"cms_skip_nodes": ["edge1"]})
    assert_done(skipped)
    assert plan_of(skipped)["plan"]["blocked"] == []
    assert "Left out on purpose (cms_skip_nodes), their links are not judged: edge1" in flat(skipped)


def test_s02_s03_a_name_that_is_on_the_node_is_never_used(estate: StartEstate) -> None:
    made = estate(PAIR)
    control = made.fleet.control
    type_in(made, "core1", "pki csr callbridge-g1 CN:somebody.example.test", "pki csr webadmin-g7 CN:x.example.test")
    source = made.workspace.directory / "other.crt"
    source.write_bytes((made.fleet.state / "ca" / "issuing.crt").read_bytes())
    before = {name: facts["sha256"] for name, facts in control.state("core1")["files"].items()}
    since = made.now()
    csr = {"base": "callbridge-g1", "common_name": "core1.example.test"}
    used = {"base": "core1_callbridge", "common_name": "core1.example.test"}
    done = made.run(
        [
            on(
                "core1",
                {"name": "Same base", "certops.cms.csr": csr},
                {"name": "Base in use", "certops.cms.csr": used},
                {"name": "Upload", "certops.cms.pki_file": {"name": "core1_callbridge.crt", "src": str(source)}},
                {"name": "Remove", "certops.cms.pki_file": {"name": "old_ca.pem", "state": "absent"}},
                ignore_errors=True,
            )
        ]
    )
    assert {e["task"] for e in done.results(status="ignored")} == {"Same base", "Base in use", "Upload", "Remove"}
    assert_untouched(made.seen(since))
    shown = made.run(SITE, check=True)
    assert_done(shown)
    assert "pki csr callbridge-g2 " in shown.stdout
    assert "pki csr webadmin-g8 " in shown.stdout
    assert {name: facts["sha256"] for name, facts in control.state("core1")["files"].items()} == before


def test_s08_a_trust_setting_that_the_plan_knows_no_link_for_is_an_error(estate: StartEstate) -> None:
    made = estate(PAIR)
    type_in(made, "core1", "callbridge trust cluster old_ca.pem")
    since = made.now()
    done = made.run(SITE)
    message = refusal(done)
    assert "core1" in message
    assert "[trust-without-link, rule S8]" in flat(done)
    assert_untouched(made.seen(since))


def test_s09_a_question_that_no_step_expects_gets_no_answer(estate: StartEstate) -> None:
    made = estate("combined")
    reboot = {"command": "reboot"}
    done = made.run([on("cms1", {"name": "Reboot", "certops.cms.command": reboot}, ignore_errors=True)])
    assert done.one(task="Reboot")["error"]["kind"] == "UnexpectedPrompt"
    assert made.seen().of("reboot_begin") == []
    assert made.describe()["cms1"]["rebooting"] is False


def test_s11_an_unknown_host_key_ends_it_before_the_password_is_sent(estate: StartEstate) -> None:
    made = estate(PAIR)
    keys = made.workspace.directory / "known_hosts"
    lines = (made.fleet.state / "known_hosts").read_text().splitlines()
    # core1 is not in the file, edge1 is there with the key of core1.
    keys.write_text(f"{lines[1].split()[0]} {' '.join(lines[0].split()[1:])}\n")
    before = keys.read_text()
    done = made.run(SITE, extra={"ansible_mmp_known_hosts_file": str(keys)})
    assert done.rc != 0
    surveys = done.results(action="certops.cms.node_info")
    assert {e["host"]: e["result"]["error"]["kind"] for e in surveys} == dict.fromkeys(
        ("core1", "edge1"), "HostKeyProblem"
    )
    assert made.seen().of("login") == made.seen().of("login_failed") == []
    assert keys.read_text() == before
    assert_untouched(made.seen())


def test_s11_a_web_admin_that_shows_another_certificate_gets_no_credentials(estate: StartEstate) -> None:
    made = estate(PAIR)
    type_in(made, "core1", "webadmin certs core1_callbridge.key core1_callbridge.crt old_ca.pem")
    since = made.now()
    done = made.run(SITE, check=True)
    assert made.seen(since).of("api", "core1") == []
    survey = json.loads(done.one(action="certops.cms.node_info", host="core1")["survey_text"])
    assert survey["api"]["state"] != "ok"


def test_s12_a_wrong_password_is_tried_once(estate: StartEstate) -> None:
    made = estate(PAIR)
    made.workspace.secrets.append("Not-this-1")
    agent = {"SSH_AUTH_SOCK": str(made.workspace.directory / "no-agent")}
    done = made.run(SITE, extra={"ansible_password": "Not-this-1"}, environment=agent)
    assert "core1" in refusal(done)
    failed = made.seen().of("login_failed")
    assert sorted(e["node"] for e in failed) == ["core1", "edge1"]
    assert made.seen().of("login") == []


def test_s17_renew_never_changes_an_anchor(estate: StartEstate) -> None:
    made = estate(PAIR)
    done = made.run(RENEW)
    assert "certops.cms.renew never changes an anchor" in refusal(done)
    assert_untouched(made.seen())


def test_s17_another_anchor_takes_a_consent_that_lists_who_must_know(estate: StartEstate) -> None:
    made = estate(PAIR)
    done = made.run(SITE, extra={"cms_accept_anchors": None})
    message = refusal(done)
    assert "cms_accept_anchors: [internal]" in message
    for outside in ("CUCM", "SIP peers", "Lync", "Active Directory", "Expressway", "Meeting Management"):
        assert outside in message
    assert_untouched(made.seen())
    assert not (made.state / "issuers").exists()


def test_s17_what_exists_and_is_valid_keeps_its_issuer(estate: StartEstate) -> None:
    made = estate(PAIR, {"cms_accept_anchors": None}, legacy={"days_left": 300, "ca_name": "Example Old"})
    done = made.run(SITE)
    assert_done(done)
    assert done.changed == 0
    assert {f["rule"] for f in plan_of(done)["findings"]} >= {"issuer-kept"}
    assert_untouched(made.seen())


def test_s18_a_second_run_on_the_same_fleet_is_refused(estate: StartEstate) -> None:
    made = estate(PAIR)
    first = made.start(SITE)
    wait_for(
        lambda: made.seen().of("csr_made") != [] or first.process.poll() is not None,
        "the first run holds the lock",
        120,
    )
    second = made.run(SITE)
    assert first.process.poll() is None, "the first run ended before the second was refused"
    assert "is being worked on by another run" in refusal(second)
    result = first.wait()
    assert_done(result)
    assert made.seen().restarts == {"core1": {"callbridge": 1, "webadmin": 1}, "edge1": {"webbridge3": 2, "turn": 1}}
    assert not (made.state / "lock.json").exists()


def test_s19_a_limited_run_plans_nothing_because_hosts_are_missing(estate: StartEstate) -> None:
    made = estate(PAIR)
    done = made.run(SITE, "--limit", "core1")
    message = refusal(done)
    assert "edge1" in message
    assert "was not surveyed in this run" in message
    assert made.seen().logins == {"core1": 1}
    assert_untouched(made.seen())
