# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Alarms are compared before and after a change: what is new and stays is told, and fails nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._engine.alarms import Alarms
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import outcome
from tests.unit.plugins.plugin_utils.engine.rollout import Rollout
from tests.unit.simulator.client import Api, eventually

Bench = tuple[Rollout, dict[str, Any]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Rollout(tmp_path_factory.mktemp("alarms")) as fleet:
        yield fleet, fleet.plan()


@pytest.fixture
def bench(built: Bench) -> Iterator[Bench]:
    yield built
    built[0].control.clear_faults()
    built[0].control.clear_alarms()
    built[0].control.set_switch("all", "dialect", "default")


def alarms(bench: Bench, node: str = "core1", via: str | None = None, **options: Any) -> Alarms:
    return Alarms(node, [via], bench[1], bench[0].context(**({"alarm_timeout": 0.5} | options)))


def test_what_was_there_before_is_nobodys_fault(bench: Bench) -> None:
    control = bench[0].control
    control.raise_alarm("core1", "fanTooLoud")
    watched = alarms(bench)
    watched.look()
    # It comes again, under another id, and counts from the beginning.
    control.clear_alarms("core1")
    control.raise_alarm("core1", "fanTooLoud")
    assert watched.new() == []


@pytest.mark.parametrize("form", ["elements", "attributes"])
def test_what_is_new_and_stays_is_told_whatever_its_type(bench: Bench, form: str) -> None:
    control = bench[0].control
    control.set_switch("core1", "api_alarm_form", form)
    watched = alarms(bench)
    watched.look()
    control.raise_alarm("core1", "neverSeenBefore", fields={"module": "7"})
    control.raise_alarm("core1", "olderThanTheChange", age=600)
    (new,) = watched.new()
    assert new["text"] == "core1: new alarm neverSeenBefore (module 7)"
    assert (new["node"], new["type"], new["details"]) == ("core1", "neverSeenBefore", {"module": "7"})


def test_what_passes_within_the_time_is_not_told(bench: Bench) -> None:
    watched = alarms(bench, alarm_timeout=10.0)
    watched.look()
    bench[0].control.raise_alarm("core1", "outOfMemory", seconds=1.0)
    assert watched.new() == []


def test_a_change_of_an_edge_is_seen_on_the_call_bridge_that_shows_its_links(bench: Bench) -> None:
    watched = alarms(bench, "edge1", "core1")
    watched.look()
    bench[0].control.raise_alarm("core1", "webBridgeConnectionFailure")
    assert [alarm["node"] for alarm in watched.new()] == ["core1"]


def test_where_nobody_could_look_before_age_decides(bench: Bench) -> None:
    control = bench[0].control
    control.set_fault("core1", {"kind": "api_500"})
    watched = alarms(bench)
    watched.look()
    control.raise_alarm("core1", "long", age=60)
    control.raise_alarm("core1", "short")
    assert [alarm["type"] for alarm in watched.new()] == ["short"]


def test_alarms_that_cannot_be_read_after_the_change_are_a_remark(bench: Bench) -> None:
    watched = alarms(bench)
    watched.look()
    bench[0].control.set_fault("core1", {"kind": "api_500", "count": 0})
    assert watched.new() == []
    assert watched.remarks == ["core1: its alarms could not be read after the change"]


def test_without_a_look_before_or_an_api_nothing_is_asked(bench: Bench) -> None:
    since = bench[0].control.last_event()
    assert alarms(bench).new() == []
    watched = alarms(bench, "edge1")
    watched.look()
    assert watched.new() == []
    assert bench[0].control.events(since, "api") == []


def test_a_rollout_tells_new_alarms_and_goes_on(bench: Bench) -> None:
    fleet, made = bench
    fleet.control.raise_alarm("core1", "fanTooLoud", age=3600)
    fleet.control.set_fault("core1", {"kind": "alarm_after_restart", "match": "callbridge", "text": "somethingNew"})
    fleet.run(made, until="switch")
    result = fleet.apply(made, "switch", "core1", alarm_timeout=0.5)
    assert [alarm["text"] for alarm in result["alarms"]] == ["core1: new alarm somethingNew"]
    rows = outcome.rows(made, fleet.journal.evidence(made["id"]))
    assert [row for row in rows if row["slot"] == "(alarm)"] == [
        {"node": "core1", "slot": "(alarm)", "before": "", "after": "", "proof": "new: somethingNew"}
    ]
    assert eventually(
        lambda: Api(fleet.fleet, "core1", password="Simulated-1").request("GET", "system/status")[0] == 200
    )
