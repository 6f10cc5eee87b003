# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same server says the same, however it says it; an answer that is wrong in its form is no answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._api.client import ApiClient
from ansible_collections.certops.cms.plugins.plugin_utils._api.objects import survey_api
from ansible_collections.certops.cms.plugins.plugin_utils._api.system import set_load_limit
from tests.simulator.api_faults import FORMS
from tests.simulator.fleet import SimulatedFleet
from tests.simulator.switches import DIALECTS, SWITCHES
from tests.unit.simulator.client import PASSWORD, definition, eventually, served

NODES: list[dict[str, Any]] = [
    {"name": "core1", "services": ["webadmin", "callbridge"]},
    {"name": "core2", "services": ["webadmin", "callbridge"]},
    {"name": "edge1", "services": ["webbridge3", "turn"]},
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedFleet]:
    with SimulatedFleet(definition(*NODES), tmp_path_factory.mktemp("forms")) as fleet:
        assert eventually(lambda: all(link["status"] == "success" for link in fleet.control.links()))
        yield fleet


@pytest.fixture
def fleet(running: SimulatedFleet) -> Iterator[SimulatedFleet]:
    yield running
    running.control.clear_faults()
    running.control.clear_alarms()
    running.control.set_switch("all", "dialect", "default")


def client(fleet: SimulatedFleet, **options: Any) -> ApiClient:
    state = fleet.control.state("core1")
    pins = [served(fleet, "core1", "webadmin")]
    return ApiClient(state["address"], state["ports"]["webadmin"], "admin", PASSWORD, pins=pins, timeout=3, **options)


def survey(fleet: SimulatedFleet) -> dict[str, Any]:
    found = survey_api(client(fleet))
    # Which moment it was is no matter of form.
    found["status"].pop("uptime_seconds")
    for alarm in found["alarms"] or ():
        alarm["active_seconds"] = alarm["active_seconds"] is not None
        alarm.pop("id")
    return found


@pytest.mark.parametrize("dialect", [*DIALECTS, *(f"random:{seed}" for seed in range(1, 9))])
def test_every_dialect_says_the_same(fleet: SimulatedFleet, dialect: str) -> None:
    fleet.control.raise_alarm("core1", "fanTooLoud", age=50, fields={"fan": "2"})
    expected = survey(fleet)
    fleet.control.set_switch("all", "dialect", dialect)
    assert expected["state"] == "ok"
    assert expected["alarms"] == [{"type": "fanTooLoud", "active_seconds": True, "details": {"fan": "2"}}]
    assert survey(fleet) == expected


@pytest.mark.parametrize("position", SWITCHES["api_cluster_method"].positions)
def test_a_limit_is_set_and_unset_by_whichever_method(fleet: SimulatedFleet, position: str) -> None:
    fleet.control.set_switch("core1", "api_cluster_method", position)
    with client(fleet) as api:
        assert set_load_limit(api, 1)
        assert fleet.control.api_objects("core1", "servers")["core1"] == {"loadLimit": "1"}
        assert set_load_limit(api, None)
        assert fleet.control.api_objects("core1", "servers")["core1"] == {}


@pytest.mark.parametrize("effect", [True, False])
def test_a_limit_is_set_once_although_the_answer_is_lost(fleet: SimulatedFleet, effect: bool) -> None:
    since = fleet.control.last_event()
    with client(fleet) as api:
        fleet.control.set_fault("core1", {"kind": "api_lost", "effect": effect, "after": 1})
        assert set_load_limit(api, 5)
        set_load_limit(api, None)
    assert [event["form"] for event in fleet.control.events(since, "api_changed")] == [
        {"loadLimit": "5"},
        {"loadLimit": ""},
    ]


@pytest.mark.parametrize("path", ["/api/v1/system/status", "/api/v1/webBridges", "/api/v1/system/alarms"])
@pytest.mark.parametrize("form", FORMS)
def test_s8_a_form_that_is_wrong_is_no_answer(fleet: SimulatedFleet, form: str, path: str) -> None:
    expected = survey(fleet)
    fleet.control.set_fault("core1", {"kind": "api_form", "text": form, "match": path})
    found = survey(fleet)
    if form == "odd":
        assert found == expected
    elif path.endswith("alarms"):
        assert (found["state"], found["alarms"]) == ("ok", None)
        assert found["unread"]["alarms"]
    else:
        assert found["state"] in ("nonsense", "unavailable")
        assert "Next step" in found["detail"]
