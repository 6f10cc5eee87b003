# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module trust on a simulated fleet, and a move to another CA by hand: widen, switch, narrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.estate import assert_done, close
from tests.integration.test_module_service import SERVICE, TRUST, Hand, play, surveyed, task
from tests.simulator import certs

OLD = ["CN=Example Old Issuing CA,O=Example", "CN=Example Old Root CA,O=Example"]
NEW = ["CN=Example New Issuing CA,O=Example", "CN=Example New Root CA,O=Example"]
KEYS = {"changed", "findings", "text", "commands", "proofs", "remarks", "service", "trust", "diff"}


@pytest.fixture(scope="module")
def hand(dialect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    made = Hand(tmp_path_factory.mktemp("hand"))
    yield made
    close(made.estate)


@pytest.fixture(scope="module")
def new_ca() -> certs.Authority:
    return certs.Authority.create("Example New", 300)


def pem(*certificates: Any) -> str:
    return certs.cert_pem(*certificates).decode()


def test_widen_switch_narrow_by_hand(hand: Hand, new_ca: certs.Authority) -> None:
    both = [pem(new_ca.intermediate, new_ca.root)]
    edges = play("cms_webbridge3", task("Widen", TRUST, {"service": "webbridge3", "certificates": both}))
    core = play("core1", task("Core", TRUST, {"service": "callbridge", "certificates": both}))
    old = {node: hand.stored(node, "webbridge3")["c2w_trust"] for node in ("edge1", "edge2")}
    results = []
    for check in (True, False, True, False):
        since = hand.estate.now()
        done = hand.run(surveyed(), edges, core, check=check, diff=True)
        assert_done(done)
        results.append({**{node: done.one(task="Widen", host=node) for node in old}, "core1": done.one(task="Core")})
        seen = hand.estate.seen(since)
        if len(results) == 2:
            assert seen.restarts == {"edge1": {"webbridge3": 1}, "edge2": {"webbridge3": 1}, "core1": {"callbridge": 1}}
            assert seen.broken_links == []
            order = [event["node"] for event in seen.of("restart_begin")]
            ends = [event["seq"] for event in seen.of("restart_end")]
            assert order[:2] in (["edge1", "edge2"], ["edge2", "edge1"])
            # The second Web Bridge is not touched before the first one is proven.
            assert min(seen.order(kind="setting_stored", node=order[1])) > ends[0]
        else:
            assert seen.changes == []
    assert [{result["changed"] for result in run.values()} for run in results] == [{True}, {True}, {False}, {False}]
    for node, service in (("edge1", "webbridge3"), ("edge2", "webbridge3"), ("core1", "callbridge")):
        checked, applied = results[0][node], results[1][node]
        assert set(checked) == set(applied) > KEYS
        assert (checked["text"], checked["diff"]) == (applied["text"], applied["diff"])
        assert checked["commands"] == checked["proofs"] == []
        file = f"{service}-c2w-trust-g1.pem"
        assert hand.stored(node, service)["c2w_trust"] == file
        assert hand.estate.trusted(node, service) == sorted([*OLD, *NEW])
        assert file in applied["diff"][0]["after"]
        assert applied["commands"][0]["command"] == f"sftp put {file}"
        states = {proof["link"]: proof["state"] for proof in applied["proofs"] if "link" in proof}
        assert len(states) == (4 if node == "core1" else 2)
        assert set(states.values()) == {"proven"}
    # The files that were named before stay on the node (S13).
    assert set(old.values()) <= set(hand.control.state("edge1")["files"])

    bridge = {"service": "callbridge", **hand.certificate("core1", new_ca)}
    c2w = {node: {"service": "webbridge3", "slot": "c2w", **hand.certificate(node, new_ca, chain=True)} for node in old}
    narrow = {"service": "webbridge3", "mode": "narrow", "certificates": [pem(hand.old_ca.root)]}
    since = hand.estate.now()
    done = hand.run(
        surveyed(),
        play(
            "edge1",
            task(
                "Too early",
                TRUST,
                {**narrow, "certificates": [pem(hand.old_ca.root, hand.old_ca.intermediate)]},
                ignore_errors=True,
            ),
        ),
        play("core1", task("Core switches", SERVICE, bridge)),
        play("edge1", task("Stale", TRUST, narrow, ignore_errors=True)),
        surveyed(),
        *(play(node, task(f"{node} switches", SERVICE, options)) for node, options in c2w.items()),
        surveyed(),
        play("edge1", task("Narrow", TRUST, narrow)),
        play("edge2", task("Exact", TRUST, {**narrow, "mode": "exact", "certificates": [pem(new_ca.root)]})),
    )
    assert_done(done)
    early = done.one(task="Too early")["error"]
    assert "edge1<core1 c2w_client" in early["reason"]
    stale = done.one(task="Stale")["error"]
    assert (stale["kind"], stale["object"]) == ("PreconditionMissing", "core1 callbridge")
    assert done.changed == 5
    seen = hand.estate.seen(since)
    assert seen.broken_links == []
    assert hand.links_up()
    assert hand.served()["core1", "callbridge"] == hand.leaf("core1", bridge["certificate"])
    for node, options in c2w.items():
        assert hand.served()[node, "webbridge3_c2w"] == hand.leaf(node, options["certificate"])
    assert hand.estate.trusted("edge1", "webbridge3") == sorted([OLD[0], *NEW])
    assert hand.estate.trusted("edge2", "webbridge3") == [NEW[1]]


def test_refused_before_anything_is_stored(hand: Hand) -> None:
    held = hand.estate.certificates("edge1", hand.stored("edge1", "webbridge3")["c2w_trust"])
    issuer = hand.estate.certificates("core1", hand.stored("core1", "callbridge")["callbridge_certs"][1])[0].issuer
    # The Call Bridge's certificate hangs from a CA and its root: one of them is enough, both must not go.
    vouching = [one for one in held if one.subject == issuer]
    above = [one for one in held if any(one.subject == lower.issuer and one != lower for lower in vouching)]
    needed, everything = [pem(*vouching, *above)], [pem(*held)]
    web = {"service": "webbridge3"}
    unread = pem(hand.old_ca.root).replace("MII", "@@@", 1)
    cases: dict[str, tuple[dict[str, Any], list[str]]] = {
        "No such trust": ({**web, "trust": "cluster", "certificates": needed}, ["'cluster'", "webbridge3", "c2w"]),
        "No certificate": ({**web, "certificates": [needed[0], "Web Bridges"]}, ["certificates, entry 2"]),
        "Damaged": ({**web, "certificates": [unread]}, ["certificates, entry 1"]),
        "Needed": (
            {**web, "mode": "narrow", "certificates": needed},
            ["edge1<core1 c2w_client", "leave a certificate"],
        ),
        "All": (
            {**web, "mode": "narrow", "certificates": everything},
            ["edge1 webbridge3 c2w", "would hold no certificate"],
        ),
        "None": ({**web, "mode": "exact", "certificates": []}, ["certificates is missing", "say state: absent"]),
    }
    never = {**web, "survey_variable": "nobody_registered_this", "certificates": needed}
    since = hand.estate.now()
    done = hand.run(
        surveyed(),
        play("edge1", *(task(name, TRUST, options) for name, (options, _error) in cases.items()), ignore_errors=True),
        play("edge1", task("Nobody looked", TRUST, never), ignore_errors=True),
    )
    for name, (_options, said) in cases.items():
        error = done.one(task=name).get("error")
        assert error, f"{name} was not refused"
        text = f"{error['object']} {error['reason']} {error['next_step']}"
        missing = [part for part in said if part not in text]
        assert not missing, f"{name}: {missing} not in: {text}"
        assert error["next_step"]
    assert (
        "core1: is linked to edge1, and how it is set up is not known"
        in done.one(task="Nobody looked")["error"]["reason"]
    )
    assert hand.estate.seen(since).changes == []


def test_s10_a_trust_that_breaks_a_restart_is_put_back(hand: Hand) -> None:
    before = hand.stored("edge2", "webbridge3")["c2w_trust"]
    leaf = pem(hand.estate.certificates("core1", hand.stored("core1", "callbridge")["callbridge_certs"][1])[0])
    pinned = {"service": "webbridge3", "certificates": [leaf]}
    hand.control.set_fault("edge2", {"kind": "fail_restart", "match": "webbridge3", "text": "C2W failed to start"})
    done = hand.run(
        surveyed(),
        play("edge2", task("Fails", TRUST, pinned, ignore_errors=True), task("Pinned", TRUST, pinned)),
    )
    assert_done(done)
    error = done.one(task="Fails")["error"]
    assert "C2W failed to start" in error["reason"]
    assert error["reason"].endswith("the old assignment is back and proven")
    pinned_now = done.one(task="Pinned")
    assert pinned_now["changed"]
    assert {proof["state"] for proof in pinned_now["proofs"]} == {"proven"}
    assert hand.stored("edge2", "webbridge3")["c2w_trust"] != before
    assert "CN=core1.example.test,O=Example" in hand.estate.trusted("edge2", "webbridge3")
    assert hand.links_up()
