# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load limits and calls, alarms, settings of a server, and every way in which an answer may look."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.faults import FaultError, FaultSpec
from tests.simulator.fleet import SimulatedFleet

from .client import PASSWORD, Api, commands, definition, eventually, value

USERS = [
    {"name": "admin", "password": PASSWORD},
    {"name": "app1", "password": PASSWORD, "role": "appadmin"},
]
NODES: list[dict[str, Any]] = [
    {"name": "core1", "services": ["webadmin", "callbridge"]},
    {"name": "core2", "services": ["webadmin", "callbridge"]},
    {"name": "edge1", "services": ["webadmin", "webbridge3", "turn"]},
]
CLUSTER = "system/configuration/cluster"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedFleet]:
    with SimulatedFleet(definition(*NODES, users=USERS), tmp_path_factory.mktemp("api")) as fleet:
        eventually(lambda: all(link["status"] == "success" for link in fleet.control.links()))
        eventually(lambda: Api(fleet, "core1").request("GET", "system/status")[0] == 200)
        eventually(lambda: Api(fleet, "core2").request("GET", "system/status")[0] == 200)
        yield fleet


@pytest.fixture
def fleet(running: SimulatedFleet) -> Iterator[SimulatedFleet]:
    yield running
    running.control.clear_faults()
    running.control.set_switch("all", "dialect", "default")
    running.control.clear_alarms()
    for node in ("core1", "core2"):
        running.control.set_calls(node, 0, 0)
        Api(running, node).request("PUT", CLUSTER, {"loadLimit": "", "participantLimit": ""})


def ids(xml: str) -> list[str]:
    return re.findall(r'id="([0-9a-f-]{36})"', xml)


def groups(fleet: SimulatedFleet, balanced: str) -> None:
    api = Api(fleet, "core1")
    (group,) = ids(api.get("callBridgeGroups"))
    assert api.request("PUT", f"callBridgeGroups/{group}", {"loadBalancingEnabled": balanced})[0] == 200


# Calls ---------------------------------------------------------------------------------------------------------------


def test_calls_with_a_duration_go_on_until_new_ones_are_refused(fleet: SimulatedFleet) -> None:
    api, control = Api(fleet, "core1"), fleet.control
    control.set_calls("core1", 3, 0.1)
    time.sleep(0.4)
    assert control.calls("core1") == 3
    assert int(value(api.get("system/status"), "callLegsCompleted")) >= 6
    assert value(api.get("system/load"), "mediaProcessingLoad") == "750"
    assert api.request("PUT", CLUSTER, {"loadLimit": "1"})[0] == 200
    assert eventually(lambda: control.calls("core1") == 0, 3)
    # Call control finds the other bridge of the group.
    assert control.calls("core2") == 3
    assert len(control.events(kind="call_moved", node="core1")) == 3


def test_without_load_balancing_a_limit_moves_nobody(fleet: SimulatedFleet) -> None:
    groups(fleet, "false")
    fleet.control.set_calls("core1", 2, 0.05)
    Api(fleet, "core1").request("PUT", CLUSTER, {"loadLimit": "1"})
    time.sleep(0.3)
    assert fleet.control.calls("core1") == 2
    groups(fleet, "true")


@pytest.mark.parametrize(("position", "left"), [("nothing", 0), ("unlimited", 2)])
def test_what_a_limit_of_zero_means_is_a_switch(fleet: SimulatedFleet, position: str, left: int) -> None:
    fleet.control.set_switch("core1", "api_load_limit_zero", position)
    fleet.control.set_calls("core1", 2, 0.05)
    Api(fleet, "core1").request("PUT", CLUSTER, {"loadLimit": "0"})
    time.sleep(0.3)
    assert fleet.control.calls("core1") == left


def test_with_no_bridge_left_a_call_is_refused(fleet: SimulatedFleet) -> None:
    for node in ("core1", "core2"):
        Api(fleet, node).request("PUT", CLUSTER, {"loadLimit": "1"})
    since = fleet.control.last_event()
    fleet.control.set_calls("core1", 1, 0.05)
    assert eventually(lambda: fleet.control.calls("core1") == 0)
    assert len(fleet.control.events(since, "call_refused", "core1")) == 1


# Settings of a server ------------------------------------------------------------------------------------------------


def test_cluster_settings_are_per_server_and_unset_by_an_empty_value(fleet: SimulatedFleet) -> None:
    first, second = Api(fleet, "core1"), Api(fleet, "core2")
    assert first.request("PUT", CLUSTER, {"loadLimit": "96000", "participantLimit": "20"})[0] == 200
    assert (value(first.get(CLUSTER), "loadLimit"), value(second.get(CLUSTER), "loadLimit")) == ("96000", "")
    assert value(first.get(CLUSTER), "newConferenceLoadLimitBasisPoints") == "5000"
    assert first.request("PUT", CLUSTER, {"loadLimit": ""})[0] == 200
    assert value(first.get(CLUSTER), "loadLimit") == ""
    assert value(first.get(CLUSTER), "participantLimit") == "20"
    changed = fleet.control.events(kind="api_changed", node="core1")
    assert changed[-1]["form"] == {"loadLimit": ""}


@pytest.mark.parametrize(
    "form", [{"loadLimit": "much"}, {"loadLimit": "-1"}, {"newConferenceLoadLimitBasisPoints": "10001"}, {"colour": ""}]
)
def test_a_bad_setting_changes_nothing(fleet: SimulatedFleet, form: dict[str, str]) -> None:
    api = Api(fleet, "core1")
    status, _headers, body = api.request("PUT", CLUSTER, {"participantLimit": "7", **form})
    assert status == 400
    assert f'<failureDetails><parameterError parameter="{next(iter(form))}"' in body
    assert value(api.get(CLUSTER), "participantLimit") == ""


@pytest.mark.parametrize(("position", "put", "post"), [("put", 200, 400), ("post", 400, 200), ("both", 200, 200)])
def test_the_method_that_sets_them_is_a_switch(fleet: SimulatedFleet, position: str, put: int, post: int) -> None:
    fleet.control.set_switch("core1", "api_cluster_method", position)
    api = Api(fleet, "core1")
    assert api.request("PUT", CLUSTER, {"loadLimit": "7"})[0] == put
    assert api.request("POST", CLUSTER, {"loadLimit": ""})[0] == post


# Alarms --------------------------------------------------------------------------------------------------------------


def test_a_broken_link_raises_an_alarm_that_ends_with_it(fleet: SimulatedFleet) -> None:
    api = Api(fleet, "core1")
    commands(fleet, "edge1", "webbridge3 disable")
    assert eventually(lambda: 'total="1"' in api.get("system/alarms"))
    body = api.get("system/alarms")
    assert value(body, "type") == "webBridgeConnectionFailure"
    assert value(body, "failureReason") == "connectFailure"
    assert int(value(body, "activeTimeSeconds")) < 10
    fleet.control.set_switch("core1", "api_alarm_details", "many")
    assert value(api.get("system/alarms"), "url").startswith("c2w://edge1")
    commands(fleet, "edge1", "webbridge3 enable")
    assert eventually(lambda: 'total="0"' in api.get("system/alarms"))


def test_a_peer_whose_web_admin_is_gone_raises_an_alarm(fleet: SimulatedFleet) -> None:
    api = Api(fleet, "core1")
    commands(fleet, "core2", "webadmin disable")
    assert eventually(lambda: "callBridgeConnectionFailure" in api.get("system/alarms"))
    assert value(api.get("system/alarms"), "failureReason") == "connectFailure"
    commands(fleet, "core2", "webadmin enable")
    assert eventually(lambda: 'total="0"' in api.get("system/alarms"))


def test_an_odd_alarm_and_its_two_forms(fleet: SimulatedFleet) -> None:
    api = Api(fleet, "core1")
    fleet.control.raise_alarm("core1", "fanTooLoud", age=3600, fields={"fan": "2"})
    body = api.get("system/alarms")
    assert (value(body, "type"), value(body, "activeTimeSeconds"), value(body, "fan")) == ("fanTooLoud", "3600", "2")
    fleet.control.set_switch("core1", "api_alarm_form", "attributes")
    assert re.search(
        r'<alarm id="[^"]+" type="fanTooLoud" activeTimeSeconds="360\d" fan="2" />', api.get("system/alarms")
    )
    fleet.control.clear_alarms("core1", "fanTooLoud")
    assert 'total="0"' in api.get("system/alarms")


def test_a_restart_may_raise_an_alarm_that_passes(fleet: SimulatedFleet) -> None:
    fault = {"kind": "alarm_after_restart", "match": "callbridge", "text": "outOfMemory", "seconds": 1.5}
    fleet.control.set_fault("core1", fault)
    commands(fleet, "core1", "callbridge restart")
    api = Api(fleet, "core1")
    assert eventually(lambda: "outOfMemory" in api.request("GET", "system/alarms")[2])
    assert eventually(lambda: 'total="0"' in api.request("GET", "system/alarms")[2])


@pytest.mark.parametrize(("position", "same"), [("stable", True), ("new_each_time", False)])
def test_whether_an_alarm_keeps_its_id_is_a_switch(fleet: SimulatedFleet, position: str, same: bool) -> None:
    fleet.control.set_switch("core1", "api_alarm_ids", position)
    api, seen = Api(fleet, "core1"), []
    for _time in range(2):
        commands(fleet, "edge1", "webbridge3 disable")
        assert eventually(lambda: 'total="1"' in api.get("system/alarms"))
        seen += ids(api.get("system/alarms"))
        commands(fleet, "edge1", "webbridge3 enable")
        assert eventually(lambda: 'total="0"' in api.get("system/alarms"))
    assert (seen[0] == seen[1]) is same


# Objects -------------------------------------------------------------------------------------------------------------


def test_turn_servers_and_whether_they_answer(fleet: SimulatedFleet) -> None:
    api = Api(fleet, "core1")
    form = {"serverAddress": "edge1.example.test", "username": "turnuser", "password": "not shown", "type": "cms"}
    where = api.request("POST", "turnServers", form)[1]["Location"].removeprefix("/api/v1/")
    assert "not shown" not in api.get(where)
    assert value(api.get(f"{where}/status"), "reachable") == "true"
    fleet.control.set_switch("core1", "api_turn_status", "attributes")
    assert re.search(r'<turnServer id="[^"]+"><host address="127[^>]+ reachable="true"', api.get(f"{where}/status"))
    commands(fleet, "edge1", "turn disable")
    assert 'reachable="false"' in api.get(f"{where}/status")
    commands(fleet, "edge1", "turn enable")
    assert api.request("DELETE", where)[0] == 200


@pytest.mark.parametrize(
    ("path", "form", "parameter"),
    [
        ("webBridges", {"url": "c2w://"}, "url"),
        ("webBridges", {"url": "c2w://edge1:99999"}, "url"),
        ("webBridges", {"url": "c2w://edge1:9999", "callBridge": "nobody"}, "callBridge"),
        ("webBridges", {"url": "c2w://edge1:9999", "callBridgeGroup": "nobody"}, "callBridgeGroup"),
        ("callBridgeGroups", {"loadBalancingEnabled": "perhaps"}, "loadBalancingEnabled"),
    ],
)
def test_a_value_that_makes_no_sense_names_its_parameter(
    fleet: SimulatedFleet, path: str, form: dict[str, str], parameter: str
) -> None:
    status, _headers, body = Api(fleet, "core1").request("POST", path, form)
    assert status == 400
    assert f'<parameterError parameter="{parameter}" error="invalidValue"' in body


@pytest.mark.parametrize("position", ["relative", "absolute", "left_out"])
def test_where_what_was_made_is_said_in_three_ways(fleet: SimulatedFleet, position: str) -> None:
    fleet.control.set_switch("core1", "api_location", position)
    api = Api(fleet, "core1")
    headers = api.request("POST", "coSpaces", {"name": position})[1]
    if position == "left_out":
        assert "Location" not in headers
    else:
        start = "/api/v1/" if position == "relative" else f"https://{api.address}:{api.ports['webadmin']}/api/v1/"
        assert re.fullmatch(re.escape(start) + "coSpaces/[0-9a-f-]{36}", headers["Location"])


@pytest.mark.parametrize(
    ("position", "form"), [("empty", "<loadLimit></loadLimit>"), ("self_closing", "<loadLimit />"), ("left_out", "")]
)
def test_what_is_unset_looks_in_three_ways(fleet: SimulatedFleet, position: str, form: str) -> None:
    fleet.control.set_switch("core1", "api_unset", position)
    assert f"<participantLimit />{form}".replace("<participantLimit />", "") in Api(fleet, "core1").get(CLUSTER)
    assert ("loadLimit" in Api(fleet, "core1").get(CLUSTER)) is bool(form)


@pytest.mark.parametrize("word", ["true", "1", "yes", "enabled"])
def test_a_flag_has_four_words(fleet: SimulatedFleet, word: str) -> None:
    fleet.control.set_switch("core1", "api_truth", word)
    api = Api(fleet, "core1")
    assert value(api.get("system/status"), "activated") == word
    assert value(api.get(f"callBridgeGroups/{ids(api.get('callBridgeGroups'))[0]}"), "loadBalancingEnabled") == word


def test_a_list_may_show_all_fields(fleet: SimulatedFleet) -> None:
    fleet.control.set_switch("core1", "api_list_fields", "all")
    assert "<address>https://core1" in Api(fleet, "core1").get("callBridges")


@pytest.mark.parametrize("position", ["failureReason", "reason", "none"])
def test_why_a_link_is_down_is_called_differently(fleet: SimulatedFleet, position: str) -> None:
    fleet.control.set_switch("core1", "api_link_reason", position)
    api = Api(fleet, "core1")
    where = api.request("POST", "webBridges", {"url": "c2w://nowhere.example.test:9999"})[1]["Location"][8:]
    assert eventually(lambda: "connectionFailure" in api.get(f"{where}/status"))
    assert ("dnsFailure" in api.get(f"{where}/status")) is (position != "none")
    assert position == "none" or value(api.get(f"{where}/status"), position) == "dnsFailure"
    api.request("DELETE", where)


def test_an_application_administrator_may_be_refused(fleet: SimulatedFleet) -> None:
    fleet.control.set_switch("core1", "api_appadmin", "refused")
    assert Api(fleet, "core1", "app1").request("GET", "system/status")[0] == 401


# Faults --------------------------------------------------------------------------------------------------------------


def test_answers_that_are_wrong_in_their_form(fleet: SimulatedFleet) -> None:
    api = Api(fleet, "core1")

    def ask(form: str) -> tuple[int, dict[str, str], str]:
        fleet.control.set_fault("core1", {"kind": "api_form", "text": form})
        return api.request("GET", "system/status")

    assert ask("redirect")[0] == 302
    assert ask("503")[0] == 503
    assert ask("html")[1]["Content-Type"] == "text/html"
    assert "<!DOCTYPE" in ask("doctype")[2]
    assert "<!ENTITY" in ask("entities")[2]
    assert "\xff\xfe" in ask("not_utf8")[2]
    odd = ask("odd")[2]
    assert "<introducedLater" in odd
    assert value(odd, "softwareVersion") == "3.9"
    assert ask("short_length")[2].count("<") < odd.count("<")
    for cut in ("truncated", "long_length"):
        with pytest.raises(http.client.IncompleteRead):
            ask(cut)
    assert api.request("GET", "system/status")[0] == 200
    with pytest.raises(FaultError):
        FaultSpec.from_dict({"kind": "api_form", "text": "crooked"})


@pytest.mark.parametrize("effect", [True, False])
def test_an_answer_is_lost_before_or_after_the_request_took_effect(fleet: SimulatedFleet, effect: bool) -> None:
    api = Api(fleet, "core1")
    fleet.control.set_fault("core1", {"kind": "api_lost", "effect": effect})
    with pytest.raises(ConnectionError):
        api.request("PUT", CLUSTER, {"loadLimit": "5"})
    assert value(api.get(CLUSTER), "loadLimit") == ("5" if effect else "")
