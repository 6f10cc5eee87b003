# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The REST API on the Web Admin listener, spelled as published."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.simulator.fleet import SimulatedFleet

from .client import PASSWORD, Api, commands, definition, eventually, value

USERS = [
    {"name": "admin", "password": PASSWORD},
    {"name": "api1", "password": PASSWORD, "role": "api"},
    {"name": "app1", "password": PASSWORD, "role": "appadmin"},
    {"name": "audit1", "password": PASSWORD, "role": "audit"},
    {"name": "crypto1", "password": PASSWORD, "role": "crypto"},
    {"name": "fresh", "password": PASSWORD, "role": "api", "must_change": True},
]
NODES: list[dict[str, Any]] = [
    {"name": "core1", "services": ["webadmin", "callbridge"], "calls": 2},
    {"name": "core2", "services": ["webadmin", "callbridge"]},
    {"name": "edge1", "services": ["webadmin", "webbridge3"]},
    {"name": "edge2", "services": ["webbridge3"]},
]


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


def ids(xml: str) -> list[str]:
    return re.findall(r'id="([0-9a-f-]{36})"', xml)


def test_status_is_one_line_of_xml_with_the_documented_type(fleet: SimulatedFleet) -> None:
    status, headers, body = Api(fleet, "core1").request("GET", "system/status")
    assert (status, headers["Content-Type"]) == (200, "text/xml")
    assert body.startswith('<?xml version="1.0"?><status><softwareVersion>3.9</softwareVersion>')
    assert "\n" not in body
    assert value(body, "callLegsActive") == "2"
    assert value(body, "clusterEnabled") == "true"


@pytest.mark.parametrize("user", ["admin", "api1", "app1"])
def test_administrators_and_api_users_get_in(fleet: SimulatedFleet, user: str) -> None:
    assert Api(fleet, "core1", user).request("GET", "system/load")[0] == 200


@pytest.mark.parametrize(
    ("user", "password"),
    [("admin", "wrong"), ("audit1", PASSWORD), ("crypto1", PASSWORD), ("nobody", PASSWORD), ("fresh", PASSWORD)],
)
def test_others_get_401_with_an_empty_body(fleet: SimulatedFleet, user: str, password: str) -> None:
    status, headers, body = Api(fleet, "core1", user, password).request("GET", "system/status")
    assert (status, body) == (401, "")
    assert headers["WWW-Authenticate"].startswith("Basic ")


def test_without_credentials_401_or_403(fleet: SimulatedFleet) -> None:
    api = Api(fleet, "core1")
    assert api.request("GET", "system/status", authorised=False)[0] == 401
    fleet.control.set_switch("core1", "api_unauthorised", 403)
    assert api.request("GET", "system/status", authorised=False)[0] == 403


def test_collections_show_main_fields_and_objects_the_rest(fleet: SimulatedFleet) -> None:
    api = Api(fleet, "core1")
    body = api.get("callBridges")
    assert body.startswith('<?xml version="1.0"?><callBridges total="2"><callBridge id="')
    assert "<address>" not in body
    one = api.get(f"callBridges/{ids(body)[0]}")
    assert value(one, "address") == f"https://core1.example.test:{api.ports['webadmin']}"
    assert value(one, "callBridgeGroup") == ids(api.get("callBridgeGroups"))[0]
    assert api.get("recorders") == '<?xml version="1.0"?><recorders total="0"></recorders>'
    assert api.get("callbridges") == body
    assert value(api.get("system/configuration/cluster"), "uniqueName") == "core1"


def test_paging_gives_every_member_once(fleet: SimulatedFleet) -> None:
    fleet.control.set_switch("core1", "api_page_cap", 1)
    api = Api(fleet, "core1")
    pages = [api.get(f"webBridges?limit=10&offset={offset}") for offset in range(2)]
    assert all('total="2"' in page for page in pages)
    assert len({item for page in pages for item in ids(page)}) == 2
    assert ids(api.get("webBridges?offset=2")) == []


def test_web_bridges_are_shared_by_the_cluster_and_have_a_status_per_bridge(fleet: SimulatedFleet) -> None:
    first, second = Api(fleet, "core1"), Api(fleet, "core2")
    assert first.get("webBridges") == second.get("webBridges")
    bridge = next(i for i in ids(first.get("webBridges")) if "edge1" in first.get(f"webBridges/{i}"))
    assert value(first.get(f"webBridges/{bridge}"), "url") == "c2w://edge1.example.test:9999"
    assert value(first.get(f"webBridges/{bridge}/status"), "status") == "success"
    commands(fleet, "edge1", "webbridge3 disable")
    assert eventually(lambda: value(first.get(f"webBridges/{bridge}/status"), "status") == "connectionFailure")
    assert value(first.get(f"webBridges/{bridge}/status"), "failureReason") == "connectFailure"
    assert "webBridgeConnectionFailure" in first.get("system/alarms")
    commands(fleet, "edge1", "webbridge3 enable")
    assert eventually(lambda: value(first.get(f"webBridges/{bridge}/status"), "status") == "success")
    assert eventually(lambda: 'total="0"' in first.get("system/alarms"))


def test_objects_are_made_changed_and_deleted(fleet: SimulatedFleet) -> None:
    api = Api(fleet, "core1")
    status, headers, body = api.request("POST", "webBridges", {"url": "c2w://nowhere.example.test:9999"})
    assert (status, body) == (200, "")
    where = headers["Location"].removeprefix("/api/v1/")
    assert re.fullmatch(r"webBridges/[0-9a-f-]{36}", where)
    assert eventually(lambda: value(api.get(f"{where}/status"), "status") == "connectionFailure")
    assert value(api.get(f"{where}/status"), "failureReason") == "dnsFailure"
    assert api.request("PUT", where, {"url": "c2w://edge2.example.test:9999"})[0] == 200
    assert eventually(lambda: value(api.get(f"{where}/status"), "status") == "success")
    assert api.request("DELETE", where)[0] == 200
    assert "webBridgeDoesNotExist" in api.request("GET", where)[2]


@pytest.mark.parametrize(
    ("method", "path", "form", "reason"),
    [
        ("GET", "noSuchThing", None, "unrecognisedObject"),
        ("POST", "webBridges", {}, "parameterError"),
        ("POST", "webBridges", {"url": "ftp://x"}, "parameterError"),
        ("POST", "webBridges", {"colour": "red"}, "parameterError"),
        ("POST", "system/status", {}, "invalidOperation"),
        ("POST", "callBridges", {"name": "core1"}, "duplicateCallBridgeName"),
        ("GET", "webBridges/6c1f6f0e-2a55-4c0e-9b0e-0d6f6a0e7a11", None, "webBridgeDoesNotExist"),
    ],
)
def test_failures_name_their_reason(
    fleet: SimulatedFleet, method: str, path: str, form: dict[str, str] | None, reason: str
) -> None:
    status, _headers, body = Api(fleet, "core1").request(method, path, form)
    assert status == 400
    assert body.startswith(f'<?xml version="1.0"?><failureDetails><{reason}')


def test_a_missing_object_may_be_404(fleet: SimulatedFleet) -> None:
    fleet.control.set_switch("core1", "api_missing_object", 404)
    assert Api(fleet, "core1").request("GET", "webBridges/6c1f6f0e-2a55-4c0e-9b0e-0d6f6a0e7a11")[0] == 404


@pytest.mark.parametrize(
    ("position", "status", "other"), [("503", 503, 503), ("status_only", 200, 404), ("404", 404, 404)]
)
def test_a_node_without_a_call_bridge_process(fleet: SimulatedFleet, position: str, status: int, other: int) -> None:
    fleet.control.set_switch("edge1", "api_without_callbridge", position)
    api = Api(fleet, "edge1")
    assert api.request("GET", "system/status")[0] == status
    assert api.request("GET", "webBridges")[0] == other


def test_503_while_the_call_bridge_starts_then_a_young_uptime(fleet: SimulatedFleet) -> None:
    api = Api(fleet, "core2")
    fleet.control.set_fault("core2", {"kind": "slow_restart", "seconds": 0.5})
    seen = set()
    before = fleet.control.last_event()

    def poll() -> bool:
        seen.add(api.request("GET", "system/status")[0])
        return bool(fleet.control.events(before, kind="restart_end"))

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(commands, fleet, "core2", "callbridge restart")
        assert eventually(poll)
        waiting.result(20)
    assert 503 in seen
    assert eventually(lambda: api.request("GET", "system/status")[0] == 200)
    assert int(value(api.get("system/status"), "uptimeSeconds")) < 10


@pytest.mark.parametrize("position", ["chunked", "gzip"])
def test_answers_may_be_chunked_or_compressed(fleet: SimulatedFleet, position: str) -> None:
    fleet.control.set_switch("core1", "api_transfer", position)
    _status, headers, body = Api(fleet, "core1").request("GET", "callBridges")
    assert headers["Transfer-Encoding"] == "chunked"
    text = gzip.decompress(body.encode("latin-1")).decode() if position == "gzip" else body
    assert '<callBridges total="2">' in text


@pytest.mark.parametrize("root", ["webBridge", "status", "webBridgeStatus"])
def test_the_root_of_a_link_status_is_a_switch(fleet: SimulatedFleet, root: str) -> None:
    fleet.control.set_switch("core1", "api_link_status", root)
    api = Api(fleet, "core1")
    assert f"<{root}" in api.get(f"webBridges/{ids(api.get('webBridges'))[0]}/status")


def test_api_faults(fleet: SimulatedFleet) -> None:
    api = Api(fleet, "core1")
    fleet.control.set_fault("core1", {"kind": "api_500", "match": "/api/v1/system/status"})
    assert api.request("GET", "system/load")[0] == 200
    assert api.request("GET", "system/status")[0] == 500
    assert api.request("GET", "system/status")[0] == 200
    fleet.control.set_fault("core1", {"kind": "api_garbage"})
    assert "</status>" not in api.request("GET", "system/status")[2]
    fleet.control.set_fault("core1", {"kind": "api_slow", "seconds": 0.05})
    assert api.request("GET", "system/status")[0] == 200
    assert fleet.control.events(kind="fault")[-1]["fault"] == "api_slow"


def test_a_web_admin_that_is_off_has_no_api(fleet: SimulatedFleet) -> None:
    commands(fleet, "core2", "webadmin disable")
    with pytest.raises(ConnectionRefusedError):
        Api(fleet, "core2").get("system/status")
    commands(fleet, "core2", "webadmin enable")
    assert Api(fleet, "core2").request("GET", "system/status")[0] == 200
