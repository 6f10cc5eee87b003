# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A change is sent once; what became of it is read where its answer was lost."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._api import system
from ansible_collections.certops.cms.plugins.plugin_utils._errors import ApiProblem

from .conftest import Reply, WebAdmin, xml

CLUSTER = "system/configuration/cluster"
OK = Reply()
REFUSED = Reply(400, b'<?xml version="1.0"?><failureDetails><invalidOperation /></failureDetails>')


class Limit:
    """A server with a load limit."""

    def __init__(self, web_admin: WebAdmin, limit: str = "", answers: dict[str, list[Reply]] | None = None) -> None:
        self.web_admin = web_admin
        web_admin.routes |= {"PUT " + CLUSTER: [OK], "POST " + CLUSTER: [REFUSED], **(answers or {})}
        web_admin.act = self._set
        self._show(limit)

    def _set(self, _method: str, _path: str, body: str) -> None:
        self._show(parse_qs(body, keep_blank_values=True)["loadLimit"][0])

    def _show(self, limit: str) -> None:
        self.limit = limit
        self.web_admin.routes[CLUSTER] = [
            xml(f"<cluster><uniqueName>core1</uniqueName><loadLimit>{limit}</loadLimit></cluster>")
        ]

    def set(self, limit: int | None, **options: Any) -> bool:
        with self.web_admin.client(**options) as client:
            return system.set_load_limit(client, limit)


def test_a_setting_is_sent_as_a_form_and_unset_by_an_empty_value(web_admin: WebAdmin) -> None:
    server = Limit(web_admin)
    assert server.set(7)
    assert server.set(None)
    assert web_admin.changes == [("PUT", CLUSTER, "loadLimit=7"), ("PUT", CLUSTER, "loadLimit=")]
    assert web_admin.handshakes == 2


def test_what_is_so_already_is_not_sent(web_admin: WebAdmin) -> None:
    assert not Limit(web_admin, "7").set(7)
    assert web_admin.changes == []


def test_a_server_that_wants_post_gets_it(web_admin: WebAdmin) -> None:
    server = Limit(web_admin, answers={"PUT " + CLUSTER: [REFUSED], "POST " + CLUSTER: [OK]})
    assert server.set(7)
    assert [method for method, _path, _body in web_admin.changes] == ["PUT", "POST"]
    assert server.limit == "7"


@pytest.mark.parametrize(
    "lost",
    [
        Reply(mute=True),
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n<?xml"),
        Reply(raw=b"\x00\x00"),
        Reply(500),
        Reply(body=b"<html><body>a proxy</body></html>"),
    ],
    ids=["silence", "cut", "no HTTP", "500", "web page"],
)
def test_a_lost_answer_is_not_a_reason_to_send_again_what_was_done(web_admin: WebAdmin, lost: Reply) -> None:
    # The server does what it is told unless it answers 500.
    server = Limit(web_admin, answers={"PUT " + CLUSTER: [lost, OK]})
    assert server.set(7)
    assert len(web_admin.changes) == (2 if lost.status == 500 else 1)
    assert server.limit == "7"


def test_a_change_whose_answer_is_lost_says_so(web_admin: WebAdmin) -> None:
    web_admin.routes["DELETE webBridges/x"] = [Reply(mute=True)]
    with web_admin.client(wait=5) as client, pytest.raises(ApiProblem, match="not known") as caught:
        client.send("DELETE", "webBridges/x")
    assert caught.value.lost
    assert len(web_admin.changes) == 1


def test_a_connection_that_the_server_ended_meanwhile_is_made_anew(web_admin: WebAdmin) -> None:
    web_admin.routes |= {"a": [Reply(body=b"<a/>", hang_up=True)], "PUT b": [OK]}
    with web_admin.client() as client:
        client.get("a")
        for _look in range(200):
            if client._connection.ended():
                break
            web_admin.stopping.wait(0.01)
        client.send("PUT", "b", {})
    assert (web_admin.handshakes, len(web_admin.changes)) == (2, 1)


def test_503_is_tried_again_while_the_call_bridge_starts(web_admin: WebAdmin) -> None:
    web_admin.routes["POST webBridges"] = [Reply(503), Reply(headers={"Location": "/api/v1/webBridges/w-1"})]
    with web_admin.client(wait=30) as client:
        assert client.send("POST", "webBridges", {"url": "c2w://a:1"}) == "webBridges/w-1"


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/api/v1/webBridges/w-1", "webBridges/w-1"),
        ("https://core1.example.com:445/api/v1/webBridges/w-1", "webBridges/w-1"),
        ("/somewhere/else", None),
        (None, None),
    ],
)
def test_where_a_post_made_something(web_admin: WebAdmin, location: str | None, path: str | None) -> None:
    web_admin.routes["POST webBridges"] = [Reply(headers={"Location": location} if location else {})]
    with web_admin.client() as client:
        assert client.send("POST", "webBridges", {"url": "c2w://a:1"}) == path


def test_what_the_server_refuses_is_named(web_admin: WebAdmin) -> None:
    body = b'<failureDetails><parameterError parameter="url" error="invalidValue" /></failureDetails>'
    web_admin.routes["POST webBridges"] = [Reply(400, body)]
    with web_admin.client() as client, pytest.raises(ApiProblem, match="parameter=url, error=invalidValue") as caught:
        client.send("POST", "webBridges", {"url": "x"})
    assert caught.value.failures == ("parameterError",)
    assert not caught.value.lost


@pytest.mark.parametrize("status", [301, 401])
def test_s12_a_change_is_not_sent_elsewhere_or_twice(web_admin: WebAdmin, status: int) -> None:
    web_admin.routes["PUT x"] = [Reply(status, headers={"Location": "https://elsewhere.example.com/"})]
    with web_admin.client(wait=30) as client:
        for _again in range(2):
            with pytest.raises(ApiProblem):
                client.send("PUT", "x", {})
    assert len(web_admin.changes) == (1 if status == 401 else 2)


def test_a_limit_that_will_not_stay_is_an_error(web_admin: WebAdmin) -> None:
    server = Limit(web_admin)
    web_admin.act = lambda *_change: None
    with pytest.raises(ApiProblem, match="is not 7 after it was set so"):
        server.set(7)


# Alarms --------------------------------------------------------------------------------------------------------------


def alarm(kind: str, seconds: int | None = 5, **details: str) -> dict[str, Any]:
    return {"id": "", "type": kind, "active_seconds": seconds, "details": details}


def test_attributes_and_elements_say_the_same(web_admin: WebAdmin) -> None:
    web_admin.routes["system/alarms"] = [
        xml(
            '<alarms total="3"><alarm id="1" type="fan" activeTimeSeconds="7" fan="2" />'
            "<alarm id='2'><type>fan</type><activeTimeSeconds>7</activeTimeSeconds><fan>2</fan></alarm>"
            "<alarm id='3'><host name='a'>b</host></alarm></alarms>"
        )
    ]
    with web_admin.client() as client:
        one, other, odd = system.alarms(client)
    assert one == {"id": "1", "type": "fan", "active_seconds": 7, "details": {"fan": "2"}}
    assert {**other, "id": "1"} == one
    assert odd == {"id": "3", "type": "unknown", "active_seconds": None, "details": {"host": "b", "host.name": "a"}}
    assert system.alarm_text(one) == "fan (fan 2)"


@pytest.mark.parametrize(
    ("before", "after", "new"),
    [
        ([], [], 0),
        ([], [alarm("a")], 1),
        ([alarm("a", 900)], [alarm("a", 910)], 0),
        # A restart begins the count anew, and may find another reason; it is the same trouble.
        ([alarm("a", 900, failurereason="x")], [alarm("a", 2, failurereason="y")], 0),
        ([alarm("a", url="c2w://one")], [alarm("a", url="c2w://one"), alarm("a", url="c2w://two")], 1),
        ([alarm("a")], [alarm("a"), alarm("a")], 1),
        ([alarm("a")], [alarm("b")], 1),
        # Older than the change: somebody else's.
        ([], [alarm("a", 61)], 0),
        ([], [alarm("a", None)], 1),
        (None, [alarm("a", 61), alarm("b", 59)], 1),
    ],
)
def test_new_alarms_are_those_that_the_change_may_have_raised(
    before: list[dict[str, Any]] | None, after: list[dict[str, Any]], new: int
) -> None:
    assert len(system.alarms_since(before, after, 57.5)) == new
