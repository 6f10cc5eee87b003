# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of the API become the plain data of the survey, whatever the server leaves out."""

from __future__ import annotations

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._api import objects

from .conftest import Reply, WebAdmin, xml

STATUS = (
    "<status><softwareVersion>3.9</softwareVersion><uptimeSeconds>120</uptimeSeconds><activated>true</activated>"
    "<callLegsActive>4</callLegsActive></status>"
)
EMPTY = {
    "callBridges": '<callBridges total="0"></callBridges>',
    "callBridgeGroups": '<callBridgeGroups total="0"></callBridgeGroups>',
    "webBridges": '<webBridges total="0"></webBridges>',
}
MORE = {
    "system/alarms": '<alarms total="0"></alarms>',
    "system/load": "<load><mediaProcessingLoad>0</mediaProcessingLoad></load>",
    "system/configuration/cluster": "<cluster><uniqueName>core1</uniqueName></cluster>",
    "turnServers": '<turnServers total="0"></turnServers>',
}


def set_up(web_admin: WebAdmin, **bodies: str) -> None:
    for path, body in ({"system/status": STATUS} | EMPTY | bodies).items():
        web_admin.routes[path] = [xml(body)]


def test_the_whole_survey_in_one_connection(web_admin: WebAdmin) -> None:
    set_up(
        web_admin,
        **{
            "callBridges": '<callBridges total="1"><callBridge id="cb-1"><name>core1</name></callBridge></callBridges>',
            "callBridges/cb-1": '<callBridge id="cb-1"><name>core1</name><address>https://core1.example.com:445</address>'
            "<sipDomain></sipDomain><callBridgeGroup>g-1</callBridgeGroup></callBridge>",
            "callBridgeGroups": '<callBridgeGroups total="1"><callBridgeGroup id="g-1"><name>east</name>'
            "<loadBalancingEnabled>true</loadBalancingEnabled></callBridgeGroup></callBridgeGroups>",
            "webBridges": '<webBridges total="2"><webBridge id="w-1"><url>c2w://edge1.example.com:9999</url></webBridge>'
            '<webBridge id="w-2"><url>c2w://[2001:db8::2]:9998</url><callBridge>cb-1</callBridge><callBridgeGroup />'
            "</webBridge></webBridges>",
            "webBridges/w-1": '<webBridge id="w-1"><url>c2w://edge1.example.com:9999</url>'
            "<callBridge></callBridge><callBridgeGroup>g-1</callBridgeGroup></webBridge>",
            "system/alarms": '<alarms total="1"><alarm id="a-1"><type>webBridgeConnectionFailure</type>'
            "<activeTimeSeconds>90</activeTimeSeconds><failureReason>tlsNegotiationFailure</failureReason></alarm></alarms>",
            "system/load": "<load><mediaProcessingLoad>500</mediaProcessingLoad></load>",
            "system/configuration/cluster": "<cluster><uniqueName>core1</uniqueName><loadLimit></loadLimit>"
            "<newConferenceLoadLimitBasisPoints>5000</newConferenceLoadLimitBasisPoints>"
            "<participantLimit>20</participantLimit></cluster>",
            "turnServers": '<turnServers total="1"><turnServer id="t-1"><serverAddress>turn.example.com</serverAddress>'
            "<clientAddress /></turnServer></turnServers>",
            "webBridges/w-1/status": "<webBridge><status>success</status></webBridge>",
            "webBridges/w-2/status": "<webBridge><status>connectionFailure</status>"
            "<reason>tlsNegotiationFailure</reason></webBridge>",
        },
    )
    found = objects.survey_api(web_admin.client())
    assert found == {
        "state": "ok",
        "detail": "",
        "base": f"https://127.0.0.1:{web_admin.port}",
        "status": {"software_version": "3.9", "uptime_seconds": 120, "call_legs_active": 4},
        "web_bridges": [
            {
                "id": "w-1",
                "url": "c2w://edge1.example.com:9999",
                "host": "edge1.example.com",
                "port": 9999,
                "call_bridge": None,
                "call_bridge_group": "g-1",
                "status": "success",
                "reason": None,
            },
            {
                "id": "w-2",
                "url": "c2w://[2001:db8::2]:9998",
                "host": "2001:db8::2",
                "port": 9998,
                "call_bridge": "cb-1",
                "call_bridge_group": None,
                "status": "connectionFailure",
                "reason": "tlsNegotiationFailure",
            },
        ],
        "call_bridges": [
            {"id": "cb-1", "name": "core1", "address": "https://core1.example.com:445", "group": "g-1"},
        ],
        "call_bridge_groups": [{"id": "g-1", "name": "east", "load_balancing": True}],
        "alarms": [
            {
                "id": "a-1",
                "type": "webBridgeConnectionFailure",
                "active_seconds": 90,
                "details": {"failurereason": "tlsNegotiationFailure"},
            }
        ],
        "load": 500,
        "cluster": {
            "unique_name": "core1",
            "load_limit": None,
            "new_conference_basis_points": 5000,
            "existing_conference_basis_points": None,
            "participant_limit": 20,
        },
        "turn_servers": [{"id": "t-1", "server_address": "turn.example.com", "client_address": None}],
        "unread": {},
    }
    assert web_admin.handshakes == 1
    # What the lists said already was not asked for again: the group, and one of the Web Bridges, by their ids.
    assert len(web_admin.requests) == 12


def test_an_unused_registration_and_a_status_that_the_server_lacks(web_admin: WebAdmin) -> None:
    set_up(
        web_admin,
        webBridges='<webBridges total="2"><webBridge id="a"><url>https://old.example.com</url></webBridge>'
        '<webBridge id="b"></webBridge></webBridges>',
        **{"webBridges/a/status": "<webBridgeStatus><status>unused</status></webBridgeStatus>"},
    )
    with web_admin.client() as client:
        first, second = objects.web_bridges(client)
    assert (first["status"], first["host"], first["url"]) == ("unused", None, "https://old.example.com")
    assert (second["status"], second["reason"], second["url"]) == (None, None, None)


def test_s8_an_unknown_status_is_not_a_state(web_admin: WebAdmin) -> None:
    set_up(
        web_admin,
        webBridges='<webBridges total="1"><webBridge id="a"></webBridge></webBridges>',
        **{"webBridges/a/status": "<webBridge><status>sleeping</status></webBridge>"},
    )
    with web_admin.client() as client:
        (bridge,) = objects.web_bridges(client)
    assert bridge["status"] is None
    assert "sleeping" in bridge["reason"]


def test_a_server_without_groups_has_none(web_admin: WebAdmin) -> None:
    set_up(web_admin)
    web_admin.routes["callBridgeGroups"] = [Reply(404)]
    assert objects.survey_api(web_admin.client())["state"] == "ok"


def test_a_count_of_calls_that_is_no_number_is_unknown(web_admin: WebAdmin) -> None:
    set_up(
        web_admin,
        **{"system/status": "<status><uptimeSeconds>1</uptimeSeconds><callLegsActive>-</callLegsActive></status>"},
    )
    found = objects.survey_api(web_admin.client())
    assert found["status"]["call_legs_active"] is None


@pytest.mark.parametrize(
    ("path", "reply", "state"),
    [
        ("system/status", Reply(401), "unauthorized"),
        ("system/status", Reply(503), "unavailable"),
        ("system/status", Reply(404), "unavailable"),
        ("system/status", xml("<status></status>"), "nonsense"),
        ("webBridges", Reply(body=b"not XML"), "nonsense"),
        ("webBridges", xml('<webBridges total="1"><webBridge id="../x"/></webBridges>'), "nonsense"),
        ("callBridges", Reply(404), "unavailable"),
        ("callBridges", Reply(raw=b"gone"), "nonsense"),
        ("callBridgeGroups", Reply(500), "unavailable"),
    ],
)
def test_the_survey_never_raises(web_admin: WebAdmin, path: str, reply: Reply, state: str) -> None:
    set_up(web_admin)
    web_admin.routes[path] = [reply]
    found = objects.survey_api(web_admin.client())
    assert found["state"] == state
    assert "Next step" in found["detail"]
    assert set(found) == {
        "state", "detail", "base", "status", "web_bridges", "call_bridges", "call_bridge_groups",
        "alarms", "load", "cluster", "turn_servers", "unread",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "reply", "unread"),
    [
        ("system/alarms", xml("<failureDetails><unrecognisedObject /></failureDetails>"), {"alarms"}),
        ("system/alarms", xml('<alarms total="many"></alarms>'), {"alarms", "load", "cluster", "turn_servers"}),
        (
            "system/configuration/cluster",
            xml("<cluster><loadLimit>a lot</loadLimit></cluster>"),
            {"cluster", "turn_servers"},
        ),
        ("turnServers", Reply(500), {"turn_servers"}),
    ],
)
def test_what_only_some_plans_need_may_be_missing(
    web_admin: WebAdmin, path: str, reply: Reply, unread: set[str]
) -> None:
    set_up(web_admin, **MORE)
    web_admin.routes[path] = [reply]
    found = objects.survey_api(web_admin.client())
    assert found["state"] == "ok"
    assert {name for name in ("alarms", "load", "cluster", "turn_servers") if found[name] is None} == unread
    assert set(found["unread"]) == unread


def test_a_recording_asks_for_no_more_than_every_plan_needs(web_admin: WebAdmin) -> None:
    set_up(web_admin, **MORE)
    assert objects.survey_api(web_admin.client(), more=False)["state"] == "ok"
    asked = {path.removeprefix("/api/v1/").partition("?")[0] for path, _credentials in web_admin.requests}
    assert asked == {"system/status", *EMPTY}


@pytest.mark.parametrize(
    "host",
    [
        '<host address="192.0.2.9" reachable="YES" rtt="3" />',
        "<host><address>192.0.2.9</address><reachable>true</reachable></host>",
    ],
)
def test_turn_servers_say_whether_they_answer(web_admin: WebAdmin, host: str) -> None:
    set_up(web_admin, **MORE)
    web_admin.routes["turnServers"] = [xml('<turnServers total="1"><turnServer id="t"></turnServer></turnServers>')]
    web_admin.routes["turnServers/t"] = [
        xml('<turnServer id="t"><serverAddress>192.0.2.9</serverAddress><username>not kept</username></turnServer>')
    ]
    web_admin.routes["turnServers/t/status"] = [xml(f'<turnServer id="t">{host}<host /></turnServer>')]
    with web_admin.client() as client:
        (found,) = objects.turn_servers(client, status=True)
    assert found["server_address"] == "192.0.2.9"
    assert "not kept" not in str(found)
    assert found["hosts"] == [{"address": "192.0.2.9", "reachable": True}, {"address": None, "reachable": None}]


def test_without_a_client_the_api_is_not_configured() -> None:
    assert objects.survey_api(None)["state"] == "not_configured"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("c2w://edge1.example.com:9999", ("edge1.example.com", 9999)),
        ("C2W://Edge1.Example.COM:9999", ("edge1.example.com", 9999)),
        (" c2w://10.0.0.1:443/ ", ("10.0.0.1", 443)),
        ("c2w://[2001:DB8:0:0::1]:9999", ("2001:db8::1", 9999)),
        ("c2w://edge1.example.com", ("edge1.example.com", None)),
        ("c2w://edge1.example.com.:9999", ("edge1.example.com", 9999)),
        ("https://edge1.example.com:9999", (None, None)),
        ("c2w://edge1.example.com:99999", (None, None)),
        ("c2w://[2001:db8::1:9999", (None, None)),
        ("c2w://", (None, None)),
        ("c2w://two words:1", (None, None)),
        ("", (None, None)),
    ],
)
def test_c2w_urls(url: str, expected: tuple[str | None, int | None]) -> None:
    assert objects.parse_c2w_url(url) == expected
