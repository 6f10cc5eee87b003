# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a probe sees, and what counts as proof of a change (S10)."""

from __future__ import annotations

import hashlib
import socket
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL

from ansible_collections.certops.cms.plugins.plugin_utils._engine import probe, prove
from ansible_collections.certops.cms.plugins.plugin_utils._errors import ApiProblem, ProofFailed


def sha256(certificate: Any) -> str:
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
@pytest.mark.parametrize("mutual", [False, True])
def test_the_leaf_is_seen_even_when_a_client_certificate_is_demanded(
    authority: Any, listener: Any, version: int, mutual: bool
) -> None:
    leaf, key = authority.issue("edge1.example.com")
    listener.serve(
        leaf, key, authority.certificate, version=version, client_ca=authority.certificate if mutual else None
    )
    seen = probe.probe_tls("127.0.0.1", listener.port)
    assert seen["state"] == "served"
    assert seen["chain"][0]["sha256"] == sha256(leaf)
    assert "BEGIN CERTIFICATE" in seen["chain"][0]["pem"]
    assert [one["subject"] for one in seen["chain"]] == ["CN=edge1.example.com", "CN=Test Root"]
    assert seen["client_ca_names"] == (["CN=Test Root"] if mutual else None)


def test_a_closed_port_is_unreachable() -> None:
    seen = probe.probe_tls("127.0.0.1", free_port())
    assert seen["state"] == "unreachable"
    assert seen["chain"] == []
    assert "cannot connect" in seen["detail"]


def test_a_service_without_tls_is_told_apart(listener: Any) -> None:
    assert probe.probe_tls("127.0.0.1", listener.port)["state"] == "no_tls"


def test_a_listener_that_stays_silent_ends_the_probe() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        seen = probe.probe_tls("127.0.0.1", silent.getsockname()[1], timeout=0.3)
    assert seen["state"] == "error"
    assert "in time" in seen["detail"]


def test_several_listeners_are_probed_at_once_and_the_result_names_the_place(authority: Any, listener: Any) -> None:
    leaf, key = authority.issue("edge1.example.com")
    listener.serve(leaf, key)
    closed = free_port()
    found = probe.probe_all(
        {
            "webbridge3_https": {"address": "127.0.0.1", "port": listener.port},
            "turn": {"address": "127.0.0.1", "port": closed},
        }
    )
    assert found["webbridge3_https"]["state"] == "served"
    assert found["turn"]["state"] == "unreachable"
    assert (found["turn"]["address"], found["turn"]["port"]) == ("127.0.0.1", closed)


# Proof of a slot -----------------------------------------------------------------------------------------------------


def test_s10_the_expected_leaf_is_proof(authority: Any, listener: Any) -> None:
    leaf, key = authority.issue("edge1.example.com")
    listener.serve(leaf, key)
    place = {"address": "127.0.0.1", "port": listener.port}
    outcome = prove.prove_slot("edge1", "webbridge3_https", place, sha256(leaf), None, wait=1)
    assert outcome["state"] == "proven"
    assert outcome["leaf"]["sha256"] == sha256(leaf)


def test_s10_a_wrong_leaf_is_a_failed_proof(authority: Any, listener: Any) -> None:
    old, old_key = authority.issue("edge1.example.com")
    new, _new_key = authority.issue("edge1.example.com")
    listener.serve(old, old_key)
    place = {"address": "127.0.0.1", "port": listener.port}
    with pytest.raises(ProofFailed, match="still serves"):
        prove.prove_slot("edge1", "webbridge3_https", place, sha256(new), {"state": "served"}, wait=0.5)


def test_s10_losing_what_was_reachable_is_a_failed_proof(authority: Any) -> None:
    place = {"address": "127.0.0.1", "port": free_port()}
    with pytest.raises(ProofFailed, match="does not now"):
        prove.prove_slot("edge1", "turn", place, "00", {"state": "served", "served": "11"}, wait=0.3)


@pytest.mark.parametrize("place", [None, "closed"])
def test_s10_what_was_never_reachable_is_assigned_not_proven(place: str | None) -> None:
    where = {"address": "127.0.0.1", "port": free_port()} if place else None
    outcome = prove.prove_slot("edge1", "turn", where, "00", {"state": "unreachable"}, wait=0.3)
    assert outcome["state"] == "assigned, not proven"


def test_an_unchanged_leaf_must_still_be_the_one_served_before(authority: Any, listener: Any) -> None:
    leaf, key = authority.issue("edge1.example.com")
    listener.serve(leaf, key)
    place = {"address": "127.0.0.1", "port": listener.port}
    before = {"state": "served", "served": sha256(leaf)}
    assert prove.prove_slot("edge1", "turn", place, None, before, wait=1)["state"] == "proven"
    with pytest.raises(ProofFailed):
        prove.prove_slot("edge1", "turn", place, None, {"state": "served", "served": "ff"}, wait=0.3)


# Proof of links ------------------------------------------------------------------------------------------------------


class FakeApi:
    """Says, one after another, the states it was given; the last one stays."""

    def __init__(self, states: list[str | None], monkeypatch: pytest.MonkeyPatch) -> None:
        self.states = states
        self.asked = 0
        self.closed = False
        monkeypatch.setattr(prove.objects, "web_bridges", lambda client: client.read())

    def read(self) -> list[dict[str, Any]]:
        state = self.states[min(self.asked, len(self.states) - 1)]
        self.asked += 1
        if state is None:
            raise ApiProblem("API", "answered HTTP 503", "wait")
        return [{"id": "w1", "url": "c2w://edge1.example.com:9999", "status": state, "reason": None}]

    def close(self) -> None:
        self.closed = True


def link(before: str | None = "success", **other: Any) -> dict[str, Any]:
    return {"id": "core1<edge1 c2w_server", "via": "core1", "web_bridge_id": "w1", "before": before, **other}


def test_s10_a_link_that_comes_back_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi([None, "connectionFailure", "success"], monkeypatch)
    (outcome,) = prove.prove_links([link()], lambda _node: api, wait=10, settle=0)
    assert outcome["state"] == "proven"
    assert api.closed


def test_s10_a_link_must_stay_up_to_be_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi(["success", "connectionFailure"], monkeypatch)
    with pytest.raises(ProofFailed, match="was up before"):
        prove.prove_links([link()], lambda _node: api, wait=1, settle=0.1)


def test_s10_a_link_that_stays_down_is_a_failed_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi(["connectionFailure"], monkeypatch)
    with pytest.raises(ProofFailed, match="core1<edge1"):
        prove.prove_links([link()], lambda _node: api, wait=0.3)


def test_a_link_that_was_down_before_never_fails_the_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi(["connectionFailure"], monkeypatch)
    (outcome,) = prove.prove_links([link(before="connectionFailure")], lambda _node: api, wait=5)
    assert outcome["state"] == "assigned, not proven"
    assert api.asked == 1


@pytest.mark.parametrize("entry", [link(before=None, via=None), link(before=None)])
def test_a_link_that_no_api_shows_is_assigned_not_proven(entry: dict[str, Any]) -> None:
    (outcome,) = prove.prove_links([entry], lambda _node: None, wait=5)
    assert outcome["state"] == "assigned, not proven"
