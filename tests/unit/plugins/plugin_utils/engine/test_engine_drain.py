# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Call Bridge is drained before its restart, and its load limit is back on every way out (S6)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._engine import drain
from ansible_collections.certops.cms.plugins.plugin_utils._engine.calls import gate
from ansible_collections.certops.cms.plugins.plugin_utils._engine.context import Context
from ansible_collections.certops.cms.plugins.plugin_utils._engine.drain import Drain
from ansible_collections.certops.cms.plugins.plugin_utils._engine.node import Node
from ansible_collections.certops.cms.plugins.plugin_utils._errors import ApiProblem, CallsInProgress, CommandFailed
from tests.unit.plugins.action.acting import act
from tests.unit.plugins.plugin_utils.engine.rollout import Rollout
from tests.unit.simulator.client import Api, eventually

NODES = [
    {"name": "core1", "services": ["webadmin", "callbridge"]},
    {"name": "core2", "services": ["webadmin", "callbridge"]},
    {"name": "edge1", "services": ["webbridge3"]},
]
PUT = "API PUT system/configuration/cluster loadLimit="


@dataclasses.dataclass
class Bench:
    """A fleet and a plan of it."""

    fleet: Rollout
    made: dict[str, Any]

    def context(self, **options: Any) -> Context:
        wanted: dict[str, Any] = {"calls": "wait", "calls_timeout": 20.0, "drain": True, "proof_timeout": 1.0}
        return self.fleet.context(**(wanted | options))

    def drained(self, remarks: list[str] | None = None, **options: Any) -> Drain:
        self.node = Node("core1", lambda: self.fleet.session("core1"))
        return Drain(self.node, self.made, self.context(**options), [] if remarks is None else remarks)

    def drain_and(self, then: Callable[[], None]) -> None:
        """Drain core1, and do something meanwhile."""
        with self.drained() as drained:
            drained.begin()
            then()

    def gate(self, **options: Any) -> None:
        gate("core1", self.made, self.context(**options))

    @property
    def limit(self) -> str:
        limit: str = self.fleet.control.api_objects("core1", "servers").get("core1", {}).get("loadLimit", "")
        return limit

    def set(self, limit: str, balanced: str = "true") -> None:
        api = self.api
        assert api.request("PUT", "system/configuration/cluster", {"loadLimit": limit})[0] == 200
        (group,) = self.fleet.control.api_objects("core1", "callBridgeGroups")
        assert api.request("PUT", f"callBridgeGroups/{group}", {"loadBalancingEnabled": balanced})[0] == 200

    @property
    def api(self) -> Api:
        return Api(self.fleet.fleet, "core1", password="Simulated-1")

    def restore_left(self) -> tuple[list[str], list[str]]:
        context = self.context()
        return drain.restore_left(context.journal, lambda node: context.api(self.made, node))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Rollout(tmp_path_factory.mktemp("drain"), nodes=NODES) as fleet:
        yield Bench(fleet, fleet.plan())


@pytest.fixture
def bench(built: Bench) -> Iterator[Bench]:
    yield built
    control = built.fleet.control
    control.clear_faults()
    for node in ("core1", "core2"):
        control.set_calls(node, 0, 0)
    built.set("")
    built.fleet.journal.drain_ended("core1")


@pytest.mark.parametrize("before", ["", "96000"])
def test_new_calls_go_elsewhere_and_the_old_limit_comes_back(bench: Bench, before: str) -> None:
    bench.set(before)
    bench.fleet.control.set_calls("core1", 3, 0.5)
    with bench.drained() as drained:
        assert bench.limit == before
        drained.begin()
        assert bench.limit == "1"
        bench.gate()
        assert bench.fleet.control.calls("core1") == 0
        assert bench.fleet.control.calls("core2") == 3
    assert bench.limit == before
    assert bench.fleet.journal.drained("core1") is None
    assert [entry["command"] for entry in bench.node.commands] == [f"{PUT}1", f"{PUT}{before}"]


def test_the_journal_knows_the_old_limit_before_it_is_lowered(bench: Bench) -> None:
    bench.set("96000")
    bench.fleet.control.set_fault("core1", {"kind": "api_lost", "match": "/api/v1/system/configuration", "after": 1})
    seen = []
    real = drain.system.set_load_limit

    def watched(*arguments: Any) -> bool:
        seen.append(bench.fleet.journal.drained("core1"))
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drain.system, "set_load_limit", watched)
        with bench.drained() as drained:
            drained.begin()
    assert seen[0] == {"before": 96000, "limit": 1, "plan": bench.made["id"]}
    assert bench.limit == "96000"


def test_calls_that_do_not_end_in_time_leave_the_limit_as_it_was(bench: Bench) -> None:
    bench.set("96000")
    bench.fleet.control.set_calls("core1", 2, 0)
    with pytest.raises(CallsInProgress, match="carries 2 call legs after 1 seconds"):
        bench.drain_and(lambda: bench.gate(calls_timeout=1.0))
    assert bench.limit == "96000"


@pytest.mark.parametrize("error", [KeyboardInterrupt, AssertionError])
def test_whatever_ends_the_wait_the_limit_comes_back(bench: Bench, error: type[BaseException]) -> None:
    def end() -> None:
        raise error

    with pytest.raises(error):
        bench.drain_and(end)
    assert bench.limit == ""


def test_what_cannot_be_set_back_is_told_and_waits_in_the_journal(bench: Bench) -> None:
    bench.set("96000")

    def api_is_gone() -> None:
        bench.fleet.control.set_fault("core1", {"kind": "api_500", "count": 0})
        bench.gate()

    with pytest.raises(CallsInProgress) as caught:
        bench.drain_and(api_is_gone)
    assert "its API cannot be read" in caught.value.reason
    assert "the load limit of core1 may still be 1" in caught.value.reason
    assert "sets it back to 96000" in caught.value.reason
    assert bench.limit == "1"
    done, failed = bench.restore_left()
    assert (done, len(failed)) == ([], 1)
    bench.fleet.control.clear_faults()
    done, failed = bench.restore_left()
    assert failed == []
    assert done == [
        "core1: load limit set back to 96000 from 1, which a run that did not come to its end had lowered it to"
    ]
    assert bench.limit == "96000"
    assert bench.restore_left() == ([], [])


def test_a_limit_that_cannot_be_set_back_after_a_good_change_is_a_remark(bench: Bench) -> None:
    remarks: list[str] = []
    with bench.drained(remarks) as drained:
        drained.begin()
        bench.fleet.control.set_fault("core1", {"kind": "api_500", "count": 0})
    assert "may still be 1" in remarks[0]


def test_a_run_that_died_is_known_by_the_next_which_keeps_the_first_value(bench: Bench) -> None:
    bench.set("96000")
    bench.drained().begin()
    # Here the process is gone.
    assert bench.limit == "1"
    plan = bench.fleet.plan()
    (finding,) = [found for found in plan["findings"] if found["rule"] == "load-limit-lowered"]
    assert (finding["object"], finding["severity"]) == ("core1 callbridge", "warning")
    assert finding["found"] == "a run that did not come to its end lowered its load limit to 1; it was 96000"
    with bench.drained() as drained:
        drained.begin()
        assert bench.fleet.journal.drained("core1")["before"] == 96000
    assert bench.limit == "96000"


def test_what_somebody_else_set_meanwhile_stays(bench: Bench) -> None:
    with bench.drained() as drained:
        drained.begin()
        bench.set("5000")
    assert bench.limit == "5000"
    assert bench.fleet.journal.drained("core1") is None


def test_without_load_balancing_it_says_that_calls_cannot_be_moved(bench: Bench) -> None:
    bench.set("", balanced="false")
    remarks: list[str] = []
    since = bench.fleet.control.last_event()
    with bench.drained(remarks) as drained:
        drained.begin()
        bench.gate()
    why = "load balancing is not on in its Call Bridge group main-group"
    assert remarks == [f"core1: draining cannot move calls and is left out: {why}; they are waited for as they are"]
    assert bench.fleet.control.events(since, "api_changed") == []


@pytest.mark.parametrize(
    ("name", "form", "why"),
    [
        ("core1", {"callBridgeGroup": ""}, "it is in no Call Bridge group"),
        ("core2", {"callBridgeGroup": ""}, "it is the only one in its Call Bridge group main-group"),
        ("core1", {"name": "renamed"}, "its API does not tell which of 2 Call Bridges it is"),
    ],
)
def test_a_call_bridge_that_has_no_other_beside_it_is_not_drained(
    bench: Bench, name: str, form: dict[str, str], why: str
) -> None:
    bridges = bench.fleet.control.api_objects("core1", "callBridges")
    ident, old = next((ident, item) for ident, item in bridges.items() if item["name"] == name)
    assert bench.api.request("PUT", f"callBridges/{ident}", form)[0] == 200
    remarks: list[str] = []
    with bench.drained(remarks) as drained:
        drained.begin()
        assert bench.limit == ""
    assert why in remarks[0]
    bench.api.request("PUT", f"callBridges/{ident}", {key: old[key] for key in form})


def test_a_limit_that_is_lower_already_stays(bench: Bench) -> None:
    bench.set("40")
    remarks: list[str] = []
    with bench.drained(remarks, drain_load_limit=100) as drained:
        drained.begin()
    assert bench.limit == "40"
    assert remarks == ["core1: its load limit is 40 already, and stays so"]


@pytest.mark.parametrize("options", [{"drain": False}, {"calls": "stop"}, {"calls": "drop"}])
def test_nobody_is_drained_unasked(bench: Bench, options: dict[str, Any]) -> None:
    since = bench.fleet.control.last_event()
    with bench.drained(**options) as drained:
        drained.begin()
    assert bench.fleet.control.events(since, "api", "core1") == []


def test_an_api_that_refuses_the_limit_stops_before_anything_changes(bench: Bench) -> None:
    bench.fleet.control.set_fault(
        "core1", {"kind": "api_500", "match": "/api/v1/system/configuration", "after": 1, "count": 4}
    )
    with pytest.raises(ApiProblem):
        bench.drain_and(lambda: None)


@pytest.mark.parametrize("check", [True, False])
def test_closing_a_run_sets_back_what_was_left(bench: Bench, check: bool) -> None:
    bench.set("96000")
    bench.drained().begin()
    made = {**bench.made, "rounds": [], "blocked": []}
    bench.fleet.journal.save_plan(made)
    hosts = {name: {"ansible_user": "admin", "ansible_password": "Simulated-1"} for name in bench.fleet.nodes}
    known = {"groups": {"cms": list(hosts)}, "hostvars": hosts, "inventory_hostname": "localhost"}
    options = {"state": "closed", "plan": made["id"], "state_dir": bench.fleet.state, "print": False}
    result = act("fleet_plan", options, check=check, variables=known)
    assert "msg" not in result, result["msg"]
    assert result["changed"] is not check
    assert bench.limit == ("1" if check else "96000")
    assert (bench.fleet.journal.drained("core1") is None) is not check
    bench.set("96000")


def test_closing_a_run_fails_while_a_limit_is_still_lowered(bench: Bench) -> None:
    bench.drained().begin()
    made = {**bench.made, "rounds": [], "blocked": [], "nodes": {}}
    bench.fleet.journal.save_plan(made)
    known = {"groups": {"cms": ["core1"]}, "hostvars": {"core1": {}}, "inventory_hostname": "localhost"}
    options = {"state": "closed", "plan": made["id"], "state_dir": bench.fleet.state, "print": False}
    result = act("fleet_plan", options, variables=known)
    assert result["failed"]
    assert "the load limit of core1 may still be 1" in result["msg"]


def test_a_whole_change_is_drained_and_one_that_is_put_back_too(bench: Bench) -> None:
    fleet, control = bench.fleet, bench.fleet.control
    bench.set("96000")
    made = fleet.plan()
    fleet.run(made, until="switch")
    control.set_calls("core1", 2, 0.3)
    control.set_fault("core1", {"kind": "fail_restart", "match": "callbridge"})
    options = {"calls": "wait", "calls_timeout": 20.0, "drain": True}
    with pytest.raises(CommandFailed, match="the old assignment is back") as caught:
        fleet.apply(made, "switch", "core1", **options)
    assert "load limit" not in caught.value.reason
    assert bench.limit == "96000"
    assert eventually(lambda: bench.api.request("GET", "system/status")[0] == 200)

    control.set_calls("core1", 2, 0.3)
    result = fleet.apply(made, "switch", "core1", **options)
    assert result["changed"]
    assert bench.limit == "96000"
    assert control.events(kind="calls_dropped") == []
    said = [entry["command"] for entry in result["commands"]]
    assert said[0] == f"{PUT}1"
    assert said.index("callbridge restart") < said.index(f"{PUT}96000")
