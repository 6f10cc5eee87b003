# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one login shows of a node, and what is never read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._errors import AuthenticationFailed
from tests.unit.plugins.plugin_utils.engine import rollout as rollouts
from tests.unit.plugins.plugin_utils.engine.rollout import Rollout

DISPLAYS = ("version", "pki list", "pki", "webadmin", "callbridge", "webbridge3", "turn")
#: Displays of services that only some nodes run, and of settings that several services read.
MORE = ("meetingapps", "recorder", "streamer", "scheduler", "uploader", "tls sip", "tls ldap")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    """One fleet for all tests here: a survey changes nothing."""
    with Rollout(tmp_path_factory.mktemp("survey")) as started:
        yield started


def changing(commands: list[str]) -> list[str]:
    """Give the commands that are no display."""
    return [one for one in commands if one not in (*DISPLAYS, *MORE)]


def test_a_survey_takes_one_login_and_only_displays(fleet: Rollout) -> None:
    since = fleet.control.last_event()
    logins = fleet.control.login_count("core1")
    found = fleet.survey("core1")
    assert found["logins"] == 1
    assert fleet.control.login_count("core1") - logins == 1
    assert changing(fleet.control.commands("core1", since)) == []
    json.dumps(found)


def test_a_survey_shows_services_files_certificates_listeners_and_api(fleet: Rollout) -> None:
    core, edge = fleet.survey("core1"), fleet.survey("edge1")
    assert core["version"] == "3.9"
    slot = core["services"]["callbridge"]["slots"]["callbridge"]
    assert core["files"][slot["key"]]["kind"] == "key"
    leaf = core["certificates"][slot["certificate"]]["certificates"][0]["info"]["sha256"]
    assert core["served"]["callbridge"]["chain"][0]["sha256"] == leaf
    assert edge["served"]["webbridge3_c2w"]["state"] == "served"
    assert core["api"]["state"] == "ok"
    assert [bridge["status"] for bridge in core["api"]["web_bridges"]] == ["success"]
    assert edge["api"]["state"] == "not_configured"
    # Services the node does not use are shown all the same, and nothing of them is probed.
    assert core["services"]["turn"]["slots"]["turn"]["certificate"] is None
    assert "turn" not in core["served"]


@pytest.mark.parametrize("padding", ["documented", "tight", "wide"])
@pytest.mark.parametrize("nothing", ["blank", "blank_trimmed"])
def test_a_fresh_node_that_prints_nothing_for_nothing_is_understood(tmp_path: Path, padding: str, nothing: str) -> None:
    with Rollout(tmp_path, start="empty") as fresh:
        words = {node: fresh.survey(node)["services"] for node in fresh.nodes}
        fresh.control.set_switch("all", "nothing_set", nothing)
        fresh.control.set_switch("all", "display_padding", padding)
        for node, services in words.items():
            assert told(fresh.survey(node)["services"]) == told(services)


def told(services: dict[str, Any]) -> dict[str, Any]:
    """Leave out the rows that are only handed on."""
    return {name: {key: state[key] for key in state if key != "unknown_rows"} for name, state in services.items()}


def test_s4_no_key_is_ever_downloaded(fleet: Rollout) -> None:
    fleet.transcript.clear()
    found = fleet.survey("edge1")
    keys = {name for name, entry in found["files"].items() if entry["kind"] == "key"}
    downloaded = {line.removeprefix("(download of ").rstrip(")") for line in fleet.transcript if "download of" in line}
    assert downloaded
    assert keys
    assert not keys & downloaded


def test_s4_a_key_in_a_certificate_file_is_dropped_and_told(fleet: Rollout) -> None:
    with fleet.session("edge1") as session:
        data = session.get("edge1_turn.key")
        session.put("mixed.pem", session.get("edge1_turn.crt") + data)
    found = fleet.survey("edge1", files_of_interest=["mixed.pem"])
    entry = found["certificates"]["mixed.pem"]
    assert entry["certificates"] == []
    assert "private key" in entry["problems"][0]
    assert "PRIVATE KEY" not in json.dumps(found)


def test_s4_the_whole_of_a_node_is_its_certificates_and_what_it_says_of_its_pairs(fleet: Rollout) -> None:
    with fleet.session("edge1") as session:
        certificate, key = session.get("edge1_turn.crt"), session.get("edge1_turn.key")
        session.put("unused.crt", certificate)
        session.put("hidden.crt", certificate + key)
        session.put("open.pem", key)
    since = fleet.control.last_event()
    fleet.transcript.clear()
    found = fleet.survey("edge1", whole=True)
    downloaded = {line.removeprefix("(download of ").rstrip(")") for line in fleet.transcript if "download of" in line}
    others = found["other_certificates"]
    assert len(others["unused.crt"]["certificates"]) == 1
    assert others["hidden.crt"]["certificates"] == []
    assert "PRIVATE KEY" not in json.dumps(found)
    # Its name leaves open what it holds, and nobody asked for it.
    assert others["open.pem"]["problems"] == ["not read: its name does not say that it holds no key"]
    keys = {name for name, entry in found["files"].items() if entry["kind"] == "key"}
    assert not downloaded & {*keys, "open.pem"}
    assert not set(others) & set(found["certificates"])
    assert {slot: pair["matches"] for slot, pair in found["pairs"].items()} == dict.fromkeys(found["served"], True)
    assert found["logins"] == 1
    assert all(one.startswith("pki match ") for one in changing(fleet.control.commands("edge1", since)))
    assert "other_certificates" not in fleet.survey("edge1")


def test_a_certificate_file_that_is_missing_or_broken_is_a_problem_not_an_end(fleet: Rollout) -> None:
    with fleet.session("edge1") as session:
        session.put("broken.crt", b"no certificate\n")
    found = fleet.survey("edge1", files_of_interest=["broken.crt", "absent.crt"])
    assert found["certificates"]["broken.crt"]["problems"]
    assert "absent.crt" not in found["certificates"]


def test_a_listener_is_looked_for_where_the_inventory_says(fleet: Rollout) -> None:
    place = {"address": "127.0.0.1", "port": 1}
    found = fleet.survey("edge1", probe={"turn": place})
    assert found["served"]["turn"]["state"] == "unreachable"
    assert (found["served"]["turn"]["address"], found["served"]["turn"]["port"]) == ("127.0.0.1", 1)


def test_without_probing_no_listener_is_connected_to(fleet: Rollout) -> None:
    assert fleet.survey("edge1", probe=None)["served"] == {}


def test_without_a_user_the_api_is_not_asked(fleet: Rollout) -> None:
    assert fleet.survey("core1", api_access=None)["api"]["state"] == "not_configured"


def test_s11_the_api_gets_no_password_from_a_web_admin_that_is_not_the_assigned_one(
    fleet: Rollout, tmp_path: Path
) -> None:
    edge = fleet.nodes["edge1"]
    # Something else answers where Web Admin should be.
    place = {"address": edge.address, "port": edge.ports["https"]}
    found = fleet.survey("core1", probe={"webadmin": place})
    assert found["api"]["state"] == "unavailable"
    assert "no credentials were sent" in found["api"]["detail"]


def test_only_requests_that_wait_for_a_certificate_are_read(fleet: Rollout) -> None:
    with fleet.session("core1") as session:
        session.run("pki csr waiting-g1 CN:core1.example.test", long=True)
        session.run("pki csr answered-g1 CN:core1.example.test", long=True)
        session.put("answered-g1.crt", b"in any form\n")
    made = ["waiting-g1.csr", "waiting-g1.key", "answered-g1.csr", "answered-g1.key"]
    found = fleet.survey("core1", made=made)
    assert list(found["csrs"]) == ["waiting-g1.csr"]
    assert found["csrs"]["waiting-g1.csr"]["subject"] == "CN=core1.example.test"


def test_s12_a_wrong_password_is_tried_once(fleet: Rollout) -> None:
    since = fleet.control.last_event()
    with pytest.raises(AuthenticationFailed), fleet.session("core1", password="wrong-" + rollouts.PASSWORD) as session:
        session.show("version")
    failures: list[Any] = fleet.control.events(since, "login_failed", "core1")
    assert len(failures) == 1
