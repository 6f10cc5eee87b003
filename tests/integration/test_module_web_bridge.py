# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module web_bridge on a simulated fleet: register and end that, four times over, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.estate import assert_done, close
from tests.integration.test_module_service import Hand, play, surveyed, task

WEB_BRIDGE = "certops.cms.web_bridge"
EDGE1, EDGE2 = "c2w://edge1.example.test:9999", "c2w://edge2.example.test:9999"
KEYS = {"changed", "registration", "removed", "left", "commands", "proofs", "remarks", "diff"}


@pytest.fixture(scope="module")
def hand(dialect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    made = Hand(tmp_path_factory.mktemp("hand"))
    yield made
    close(made.estate)


def registered(hand: Hand) -> list[tuple[str, str]]:
    """Give URL and group of every registration."""
    found = hand.control.api_objects("core1", "webBridges").values()
    return sorted((item["url"], item.get("callBridgeGroup", "")) for item in found)


def test_register_and_end_it_with_and_without_check_mode(hand: Hand) -> None:
    (group,) = hand.control.api_objects("core1", "callBridgeGroups")
    core = play(
        "core1",
        task("Register", WEB_BRIDGE, {"url": EDGE2, "call_bridge_group": "main-group"}),
        task("End", WEB_BRIDGE, {"url": EDGE1, "state": "absent"}),
    )
    before = registered(hand)
    assert before == [(EDGE1, ""), (EDGE2, "")]
    results = []
    for check in (True, False, True, False):
        since = hand.estate.now()
        done = hand.run(surveyed(), core, check=check, diff=True)
        assert_done(done)
        results.append({name: done.one(task=name) for name in ("Register", "End")})
        changes = hand.estate.seen(since).of("api_changed")
        assert [event["verb"] for event in changes] == (["created", "deleted"] if len(results) == 2 else [])
        assert registered(hand) == (before if len(results) == 1 else [(EDGE2, ""), (EDGE2, group)])
    assert [{result["changed"] for result in run.values()} for run in results] == [{True}, {True}, {False}, {False}]
    for name in ("Register", "End"):
        checked, applied = results[0][name], results[1][name]
        assert set(checked) == set(applied) > KEYS
        assert checked["commands"] == checked["proofs"] == []
    checked, applied = results[0]["Register"], results[1]["Register"]
    assert checked["diff"] == applied["diff"]
    assert f"{EDGE2} for Call Bridge group main-group" in applied["diff"][0]["after"]
    assert [proof["state"] for proof in applied["proofs"]] == ["proven"]
    assert applied["registration"]["id"] in hand.control.api_objects("core1", "webBridges")
    assert [entry["url"] for entry in applied["left"]] == [EDGE2]
    assert [entry["url"] for entry in results[1]["End"]["removed"]] == [EDGE1]
    assert results[2]["Register"]["registration"] == applied["registration"]
    assert hand.estate.seen().restarts == {}


def test_refused_before_anything_is_changed(hand: Hand) -> None:
    edge1 = {"url": EDGE1}
    cases: dict[str, tuple[dict[str, Any], list[str]]] = {
        "No URL of a Web Bridge": ({"url": "https://edge1.example.test:9999"}, ["c2w://HOST:PORT"]),
        "No port": ({"url": "c2w://edge1.example.test"}, ["c2w://HOST:PORT", "listens for C2W"]),
        "Owned": ({**edge1, "owned": ["edge1"]}, ["url 'edge1'"]),
        "Both": ({**edge1, "call_bridge": "core1", "call_bridge_group": "main-group"}, ["both given"]),
        "No such group": ({**edge1, "call_bridge_group": "west"}, ["'west'", "main-group"]),
        "Not its name": (
            {"url": "c2w://edge1:9999"},
            ["the C2W certificate of that Web Bridge (of edge1) is not for edge1", "guide 4.5", "edge1.example.test"],
        ),
    }
    since = hand.estate.now()
    done = hand.run(
        surveyed(),
        play(
            "core1", *(task(name, WEB_BRIDGE, options) for name, (options, _said) in cases.items()), ignore_errors=True
        ),
    )
    for name, (_options, said) in cases.items():
        error = done.one(task=name).get("error")
        assert error, f"{name} was not refused"
        text = f"{error['object']} {error['reason']} {error['next_step']}"
        assert [part for part in said if part not in text] == [], text
    assert hand.estate.seen(since).of("api_changed") == []
