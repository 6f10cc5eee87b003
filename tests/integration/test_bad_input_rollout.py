# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes that are not as the plan needs them, and nodes that fail in the middle of it.

A run that fails leaves every linked node as it was; the tests share one fleet, and the next run goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.bad_input import Bench, printed, says, stopped
from tests.integration.dialects import Spoken
from tests.simulator import certs


@pytest.fixture(scope="module")
def bench(dialect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("rollout"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def state(bench: Bench) -> str:
    """One state folder for the runs that go on where the one before them failed."""
    return str(bench.folder() / "state")


@pytest.fixture(autouse=True)
def no_faults(bench: Bench) -> Iterator[None]:
    yield
    bench.control.clear_faults()
    bench.control.set_switch("all", "dialect", Spoken.now)


# What a node shows ---------------------------------------------------------------------------------------------------


def test_a_trust_that_is_no_link_of_the_plan_stops_site(bench: Bench) -> None:
    bench.mmp("core1", "callbridge trust cluster old_ca.pem")
    with bench.untouched():
        result = bench.run()
    bench.mmp("core1", "callbridge trust cluster none")
    says(
        stopped(result),
        "core1: 'callbridge trust cluster' names old_ca.pem, and the plan knows no link that it is for",
        "put the other side into the inventory",
        "('callbridge trust cluster none')",
    )


def test_a_row_that_nobody_has_seen_is_remarked_and_tolerated(bench: Bench) -> None:
    bench.control.set_switch("core1", "unknown_row", "extra_row")
    bench.control.set_switch("edge1", "unknown_row", "row_without_colon")
    with bench.untouched():
        result = bench.run(check=True)
    assert result.rc == 0, result.stdout
    for node, service in (("core1", "callbridge"), ("edge1", "webbridge3")):
        _found, step = printed(result, node, f"{service} shows a row that is not known: 'Telemetry profile'")
        assert "nothing depends on it" in step
    assert result.changed == 1


def test_a_change_that_somebody_stored_and_never_made_live_stops_site(bench: Bench) -> None:
    bench.mmp("core1", "callbridge certs core1_webadmin.key core1_webadmin.crt old_ca.pem")
    with bench.untouched():
        result = bench.run()
    bench.mmp("core1", "callbridge certs core1_callbridge.key core1_callbridge.crt old_ca.pem")
    says(
        stopped(result),
        "core1: callbridge serves the certificate CN=core1.example.test,O=Example",
        "core1_webadmin.crt is assigned",
        "restart callbridge yourself when that change is wanted, or assign what is served",
    )


def test_a_call_bridge_without_client_auth_is_told_and_cured(bench: Bench) -> None:
    """The plan replaces the certificate anyway, so its fault stops nothing."""
    path = bench.node_folder("core1") / "core1_callbridge.crt"
    was = path.read_bytes()
    key = certs.load_key(path.with_suffix(".key").read_bytes())
    path.write_bytes(certs.cert_pem(bench.old_ca().issue(key.public_key(), "core1.example.test", [], 12)))
    bench.mmp("core1", "callbridge restart")
    result = bench.run(check=True)
    path.write_bytes(was)
    bench.mmp("core1", "callbridge restart")
    assert result.rc == 0, result.stdout
    cured = result.stdout[result.stdout.index("Cured by this plan:") :]
    assert "core1 callbridge: certificate CN=core1.example.test,O=Example: has the extended key usage" in cured
    assert "it needs clientAuth" in " ".join(cured.split())


def test_a_rule_is_lowered_for_a_host_with_a_reason_that_the_plan_shows(bench: Bench) -> None:
    reason = "the pool is moved to core1 next week"
    core1 = {
        "cms_lync_fqdn": "pool.example.test",
        "cms_identities": {"callbridge": {"common_name": "core1.example.test"}},
    }
    with bench.untouched():
        refused = bench.run(hosts={"core1": {**core1, "cms_rules": {"lync-name": {"severity": "warning"}}}})
    says(
        stopped(refused),
        "core1 callbridge: as planned, has the common name core1.example.test",
        "core1: cms_rules.lync-name has no reason",
    )
    rules = {"lync-name": {"severity": "warning", "reason": reason}}
    with bench.untouched():
        lowered = bench.run(hosts={"core1": {**core1, "cms_rules": rules}}, check=True)
    assert lowered.rc == 0, lowered.stdout
    assert "Errors:" not in lowered.stdout
    found, step = printed(lowered, "core1 callbridge", "as planned, has the common name core1.example.test")
    assert f"lowered from error by cms_rules: {reason}" in f"{found} {step}"


# What a node does in the middle --------------------------------------------------------------------------------------


def test_a_failure_line_for_a_request(bench: Bench) -> None:
    bench.control.set_fault("core1", {"kind": "failure_line", "match": "pki csr callbridge", "text": "no random bits"})
    with bench.untouched(files=True):
        result = bench.run()
    says(stopped(result), "command 'pki csr callbridge-g", "no random bits", "The appliance printed: ")


@pytest.mark.parametrize("keep", [False, True], ids=["the connection breaks", "the connection stays"])
def test_an_upload_that_is_cut_short(bench: Bench, state: str, keep: bool) -> None:
    bench.control.set_fault(
        "edge1", {"kind": "cut_upload", "match": "*trust*.pem", "keep_connection": keep, "count": 0}
    )
    with bench.untouched(files=True):
        result = bench.run(cms_state_dir=state)
    reason = "the upload is short: " if keep else "the connection ended"
    says(stopped(result), "file webbridge3-c2w-trust-g", reason, "run again")


def test_a_failure_line_for_a_setting(bench: Bench, state: str) -> None:
    bench.control.set_fault("edge1", {"kind": "failure_line", "match": "webbridge3 c2w trust", "text": "not today"})
    with bench.untouched(files=True):
        result = bench.run(cms_state_dir=state)
    says(
        stopped(result),
        "command 'webbridge3 c2w trust webbridge3-c2w-trust-g",
        "the old settings are back, and the service was never restarted",
        "The appliance printed: FAILURE: not today",
    )


@pytest.mark.parametrize(
    ("fault", "parts"),
    [
        (
            {"kind": "fail_restart", "match": "webbridge3 restart", "text": "Webbridge3 is tired"},
            ["edge1 webbridge3: 'webbridge3 restart' failed: Webbridge3 is tired", "The appliance printed: FAILURE: "],
        ),
        (
            {"kind": "silence", "match": "webbridge3 restart", "count": 2},
            ["command 'webbridge3 restart': the ", " in 2 seconds", "ansible_mmp_long_timeout"],
        ),
        (
            {"kind": "garbage", "match": "webbridge3 restart", "text": "Guru meditation"},
            ["edge1 webbridge3: 'webbridge3 restart' answered something unknown", "Guru meditation"],
        ),
    ],
    ids=["a failure line", "silence", "an answer nobody knows"],
)
def test_a_restart_that_fails(bench: Bench, state: str, fault: dict[str, Any], parts: list[str]) -> None:
    bench.control.set_fault("edge1", fault)
    before = bench.control.state("edge1")["services"]["webbridge3"]
    with bench.untouched("core1", files=True):
        result = bench.run(cms_state_dir=state, ansible_mmp_long_timeout=2)
    says(stopped(result), *parts, "the old assignment is back and proven")
    after = bench.control.state("edge1")["services"]["webbridge3"]
    assert (after["stored"], after["active"]) == (before["stored"], before["active"])


def test_after_all_of_this_site_goes_through(bench: Bench, state: str) -> None:
    result = bench.run(cms_state_dir=state)
    assert result.rc == 0, result.stdout
    assert {link["status"] for link in bench.control.links()} == {"success"}
