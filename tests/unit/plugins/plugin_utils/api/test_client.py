# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API client keeps its one credential for the right server, and takes no answer for good that is not one."""

from __future__ import annotations

import base64
import gzip
import ssl

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._api import client as client_module
from ansible_collections.certops.cms.plugins.plugin_utils._api.client import ApiClient
from ansible_collections.certops.cms.plugins.plugin_utils._errors import ApiProblem, BadOption

from .conftest import PASSWORD, XML, Reply, WebAdmin, xml

STATUS = "<status><softwareVersion>3.9</softwareVersion><uptimeSeconds>12</uptimeSeconds></status>"
SECRETS = (PASSWORD, base64.b64encode(f"api-reader:{PASSWORD}".encode()).decode())


def page(offset: int, count: int, total: int) -> Reply:
    members = "".join(f'<callBridge id="id-{offset + i}"><name>n</name></callBridge>' for i in range(count))
    return xml(f'<callBridges total="{total}">{members}</callBridges>')


def test_reads_an_object_with_basic_authentication(web_admin: WebAdmin) -> None:
    web_admin.routes["system/status"] = [xml(STATUS)]
    with web_admin.client() as client:
        root = client.get("system/status")
    assert root is not None
    assert root.findtext("softwareVersion") == "3.9"
    assert web_admin.requests == [("/api/v1/system/status", f"Basic {SECRETS[1]}")]
    assert client.state == "ok"


def test_uses_one_connection_for_many_requests(web_admin: WebAdmin) -> None:
    web_admin.routes["system/status"] = [xml(STATUS)]
    with web_admin.client() as client:
        for _number in range(5):
            client.get("system/status")
    assert (client.connections, web_admin.handshakes, len(web_admin.requests)) == (1, 1, 5)


def test_s11_a_wrong_pin_sends_no_credentials(web_admin: WebAdmin) -> None:
    web_admin.routes["system/status"] = [xml(STATUS)]
    with web_admin.client(pins={"ab" * 32}) as client, pytest.raises(ApiProblem) as caught:
        client.get("system/status")
    assert web_admin.requests == []
    assert web_admin.fingerprint in str(caught.value)
    assert client.state == "unavailable"


def test_s11_the_pin_is_checked_again_on_a_second_connection(
    web_admin: WebAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    web_admin.routes["system/status"] = [Reply(body=(XML + STATUS).encode(), headers={"Connection": "close"})]
    with web_admin.client() as client:
        client.get("system/status")
        # Another certificate answers on the same port from now on.
        monkeypatch.setattr(ssl.SSLSocket, "getpeercert", lambda *_args, **_options: b"another certificate")
        with pytest.raises(ApiProblem, match="not the one read over SSH"):
            client.get("system/status")
    assert len(web_admin.requests) == 1


def test_s11_a_ca_verifies_chain_and_name(web_admin: WebAdmin) -> None:
    web_admin.routes["system/status"] = [xml(STATUS)]
    with web_admin.client(pins=(), ca_pem=web_admin.ca_pem) as client:
        assert client.get("system/status") is not None


def test_s11_a_name_that_the_certificate_lacks_sends_no_credentials(web_admin: WebAdmin) -> None:
    client = ApiClient("localhost", web_admin.port, "u", PASSWORD, ca_pem=web_admin.ca_pem, timeout=5)
    with client, pytest.raises(ApiProblem, match="not accepted"):
        client.get("system/status")
    assert web_admin.requests == []


def test_s11_without_pin_or_ca_there_is_no_client(web_admin: WebAdmin) -> None:
    with pytest.raises(ApiProblem, match="nothing to verify"):
        web_admin.client(pins=())


def test_a_ca_that_is_no_pem_is_refused(web_admin: WebAdmin) -> None:
    with pytest.raises(ApiProblem, match="cannot be read"):
        web_admin.client(pins=(), ca_pem="not a certificate")


@pytest.mark.parametrize("status", [401, 403])
def test_s12_a_refused_login_is_not_tried_again(web_admin: WebAdmin, status: int) -> None:
    web_admin.routes["system/status"] = [Reply(status, headers={"WWW-Authenticate": 'Basic realm="x"'})]
    with web_admin.client(wait=60) as client:
        for path in ("system/status", "webBridges"):
            with pytest.raises(ApiProblem, match="unauthorized"):
                client.get(path)
    assert client.state == "unauthorized"
    assert len(web_admin.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(web_admin: WebAdmin, status: int) -> None:
    other = f"https://127.0.0.1:{web_admin.port}/elsewhere"
    web_admin.routes["system/status"] = [Reply(status, headers={"Location": other})]
    with web_admin.client() as client, pytest.raises(ApiProblem, match="redirect"):
        client.get("system/status")
    assert [path for path, _headers in web_admin.requests] == ["/api/v1/system/status"]


def test_503_is_asked_again_until_the_call_bridge_has_started(web_admin: WebAdmin) -> None:
    pauses: list[float] = []
    web_admin.routes["system/status"] = [Reply(503), Reply(503), Reply(503), xml(STATUS)]
    with web_admin.client(wait=60, sleep=pauses.append) as client:
        assert client.get("system/status") is not None
    assert pauses == [1.0, 2.0, 4.0]
    assert client.state == "ok"


def test_503_ends_at_the_deadline(web_admin: WebAdmin) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    web_admin.routes["system/status"] = [Reply(503)]
    with web_admin.client(wait=20, sleep=sleep, clock=lambda: now[0]) as client, pytest.raises(ApiProblem, match="503"):
        client.get("system/status")
    assert now[0] <= 20
    assert client.state == "unavailable"


def test_without_a_wait_503_fails_at_once(web_admin: WebAdmin) -> None:
    web_admin.routes["system/status"] = [Reply(503)]
    with web_admin.client() as client, pytest.raises(ApiProblem, match="Call Bridge has started"):
        client.get("system/status")
    assert len(web_admin.requests) == 1


def test_a_connection_that_the_server_closed_is_opened_again(web_admin: WebAdmin) -> None:
    web_admin.routes["system/status"] = [Reply(body=(XML + STATUS).encode(), hang_up=True)]
    with web_admin.client() as client:
        for _number in range(3):
            assert client.get("system/status") is not None
    assert client.connections == 3


def test_a_closed_port_is_reported_with_the_next_step(web_admin: WebAdmin) -> None:
    web_admin.stop()
    with web_admin.client() as client, pytest.raises(ApiProblem, match="Web Admin is enabled"):
        client.get("system/status")
    assert client.state == "unavailable"


def test_pages_are_read_until_the_total_though_they_are_short(web_admin: WebAdmin) -> None:
    def answer(path: str) -> Reply:
        offset = int(path.rpartition("offset=")[2])
        return page(offset, min(3, 8 - offset), 8)

    web_admin.fallback = answer
    with web_admin.client() as client:
        found = client.collection("callBridges", "callBridge")
    assert [element.get("id") for element in found] == [f"id-{i}" for i in range(8)]
    assert [path.rpartition("offset=")[2] for path, _headers in web_admin.requests] == ["0", "3", "6"]


@pytest.mark.parametrize(
    "reply",
    [
        page(0, 0, 5),
        xml("<callBridges>no total</callBridges>"),
        xml('<callBridges total="many"></callBridges>'),
        xml('<callBridges total="99999999"></callBridges>'),
        xml('<callBridges total="1"><other id="x"/></callBridges>'),
        xml('<callBridges total="1"><callBridge/></callBridges>'),
        xml('<spaces total="0"></spaces>'),
    ],
)
def test_a_collection_that_does_not_add_up_is_nonsense(web_admin: WebAdmin, reply: Reply) -> None:
    web_admin.routes["callBridges"] = [reply]
    with web_admin.client() as client, pytest.raises(ApiProblem):
        client.collection("callBridges", "callBridge")
    assert client.state == "nonsense"
    assert len(web_admin.requests) == 1


def test_the_same_page_again_and_again_ends(web_admin: WebAdmin) -> None:
    web_admin.routes["callBridges"] = [page(0, 2, 6)]
    with web_admin.client() as client, pytest.raises(ApiProblem, match="6 members and gives 2"):
        client.collection("callBridges", "callBridge")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"certainly not XML",
        b"<html><body>Sign in</body></html>",
        b"\xff\xfe\x00\x01garbage",
        b"<status><softwareVersion>3.9</softwareVersion>",
        b'<?xml version="1.0" encoding="nonesuch"?><status/>',
        b'<!DOCTYPE s [<!ENTITY a "b">]><status>&a;</status>',
        b'<!DOCTYPE s SYSTEM "file:///etc/hostname"><status/>',
    ],
)
def test_what_is_not_the_xml_of_a_meeting_server_is_nonsense(web_admin: WebAdmin, body: bytes) -> None:
    web_admin.routes["system/status"] = [Reply(body=body)]
    with web_admin.client() as client, pytest.raises(ApiProblem):
        client.get("system/status")
    assert client.state == "nonsense"


def test_what_is_not_http_is_nonsense(web_admin: WebAdmin) -> None:
    web_admin.routes["system/status"] = [Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n")]
    with web_admin.client() as client, pytest.raises(ApiProblem):
        client.get("system/status")
    assert client.state == "nonsense"


@pytest.mark.parametrize("zipped", [False, True])
def test_a_body_without_end_is_cut_off(web_admin: WebAdmin, monkeypatch: pytest.MonkeyPatch, zipped: bool) -> None:
    monkeypatch.setattr(client_module, "BODY_LIMIT", 1000)
    body = b"<status>" + b"x" * 20_000 + b"</status>"
    headers = {"Content-Encoding": "gzip"} if zipped else {}
    web_admin.routes["system/status"] = [Reply(body=gzip.compress(body) if zipped else body, headers=headers)]
    with web_admin.client() as client, pytest.raises(ApiProblem, match="longer than 1000 bytes"):
        client.get("system/status")


def test_a_gzip_answer_is_read(web_admin: WebAdmin) -> None:
    body = gzip.compress((XML + STATUS).encode())
    web_admin.routes["system/status"] = [Reply(body=body, headers={"Content-Encoding": "gzip"})]
    with web_admin.client() as client:
        assert client.get("system/status") is not None


def test_an_answer_that_trickles_ends_with_the_timeout(web_admin: WebAdmin) -> None:
    # Each byte comes well within the timeout; all of them would take minutes.
    web_admin.routes["system/status"] = [Reply(body=b"<status>" + b" " * 5000 + b"</status>", drip=0.1)]
    with web_admin.client(timeout=0.5) as client, pytest.raises(ApiProblem, match="in time"):
        client.get("system/status")
    assert client.state == "unavailable"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(400, body=(XML + "<failureDetails><parameterError /></failureDetails>").encode()), "parameterError"),
        (xml("<failureDetails><databaseNotReady /></failureDetails>"), "databaseNotReady"),
        (Reply(500, body=b"<html>Oops"), "HTTP 500"),
    ],
)
def test_the_reason_of_a_failure_is_told(web_admin: WebAdmin, reply: Reply, told: str) -> None:
    web_admin.routes["system/status"] = [reply]
    with web_admin.client() as client, pytest.raises(ApiProblem, match=told):
        client.get("system/status")
    assert client.state == "unavailable"


@pytest.mark.parametrize("element", ["unrecognisedObject", "webBridgeDoesNotExist"])
def test_a_missing_object_may_be_missing(web_admin: WebAdmin, element: str) -> None:
    body = (XML + f"<failureDetails><{element} /></failureDetails>").encode()
    web_admin.routes["webBridges/x"] = [Reply(400, body=body)]
    with web_admin.client() as client:
        assert client.get("webBridges/x", missing_ok=True) is None
        with pytest.raises(ApiProblem, match="no such object"):
            client.get("webBridges/x")


def test_s4_no_error_and_no_repr_holds_the_password(web_admin: WebAdmin) -> None:
    texts = []
    for reply in (Reply(401), Reply(302), Reply(503), Reply(body=b"?"), Reply(raw=b"?")):
        web_admin.routes["system/status"] = [reply]
        with web_admin.client() as client, pytest.raises(ApiProblem) as caught:
            client.get("system/status")
        texts += [str(caught.value), repr(caught.value), repr(client), client.detail]
    assert not [text for text in texts for secret in SECRETS if secret in text]


def test_a_user_with_a_colon_is_refused(web_admin: WebAdmin) -> None:
    with pytest.raises(BadOption, match="colon"):
        ApiClient("127.0.0.1", web_admin.port, "a:b", PASSWORD, pins={web_admin.fingerprint})


def test_an_ipv6_host_stands_in_brackets() -> None:
    assert ApiClient("2001:db8::1", 445, "u", PASSWORD, pins={"00" * 32}).base == "https://[2001:db8::1]:445"
