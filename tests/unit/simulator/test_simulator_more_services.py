# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recorder, streamer, scheduler, MeetingApps, uploader and ``tls``: their lives, their displays, what they refuse."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import certs
from tests.simulator.config import ConfigError, load
from tests.simulator.fleet import SimulatedFleet

from .client import Login, Pair, address_of, commands, definition, served

CORE = {"name": "core1", "services": ["webadmin", "callbridge", "scheduler"]}
EMPTY = {"name": "empty1", "services": []}
MEDIA = {"name": "media1", "services": ["recorder", "streamer", "uploader"]}
APPS = {"name": "apps1", "services": ["meetingapps"]}
WEB = {"name": "edge1", "services": ["webbridge3"]}
NEW = certs.Authority.create("New", 90)

#: Service -> node, commands that need no certificate, how it is given one, the port.
LIVES: dict[str, tuple[list[str], str, str]] = {
    "recorder": (["recorder sip listen a none 6061", "recorder nfs nas:/rec"], "recorder sip certs", "recorder"),
    "streamer": (["streamer sip listen a 6070 6071"], "streamer sip certs", "streamer"),
    "scheduler": (
        ["callbridge listen a", "scheduler https listen a 8445", "scheduler c2w certs f.key f.pem"],
        "scheduler https certs",
        "scheduler",
    ),
    "meetingapps": (["meetingapps https listen a 9445"], "meetingapps https certs", "meetingapps"),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedFleet]:
    nodes = [CORE, EMPTY, MEDIA, APPS, WEB]
    with SimulatedFleet(definition(*nodes), tmp_path_factory.mktemp("more")) as fleet:
        with Login(fleet, "empty1") as login:
            first, second = Pair(NEW, "empty1.example.test", client=True), Pair(NEW, "empty1.example.test")
            for name, pair in (("f", first), ("g", second)):
                for ending, data in (("key", pair.key), ("crt", pair.crt), ("pem", pair.full), ("cer", pair.bundle)):
                    login.put(f"{name}.{ending}", data)
        yield fleet


@pytest.fixture
def fleet(running: SimulatedFleet) -> Iterator[SimulatedFleet]:
    yield running
    running.control.set_switch("all", "dialect", "default")


def switched(fleet: SimulatedFleet, node: str, **positions: Any) -> None:
    for name, position in positions.items():
        fleet.control.set_switch(node, name, position)


def fingerprint(fleet: SimulatedFleet, node: str, name: str) -> str:
    with Login(fleet, node) as login:
        return certs.fingerprint(certs.load_certs(login.get(name))[0])


@pytest.mark.parametrize("service", sorted(LIVES))
def test_a_service_lives_from_nothing_to_a_renewal_and_back(fleet: SimulatedFleet, service: str) -> None:
    setup, assign, port = LIVES[service]
    full = service in ("scheduler", "meetingapps")
    first, second = ("f.key f.pem", "g.key g.pem") if full else ("f.key f.crt f.cer", "g.key g.crt g.cer")
    assert commands(fleet, "empty1", f"{service} enable")[0][-1].endswith("configuration not complete")
    answers = commands(fleet, "empty1", *setup, f"{assign} {first}", f"{service} enable")
    assert [lines for lines in answers[:-1] if lines] == []
    assert answers[-1][-1] == f"SUCCESS: {service.capitalize()} enabled"
    assert all(line.startswith("SUCCESS") for line in answers[-1])
    assert served(fleet, "empty1", port) == fingerprint(fleet, "empty1", "f.crt")
    # stored is not active
    assert commands(fleet, "empty1", f"{assign} {second}", service)[0] == []
    assert any(line.endswith(": g.key") for line in commands(fleet, "empty1", service)[0])
    assert served(fleet, "empty1", port) == fingerprint(fleet, "empty1", "f.crt")
    assert fleet.control.state("empty1")["services"][service]["restart_pending"] is True
    restarts = fleet.control.restarts("empty1", service)
    commands(fleet, "empty1", f"{service} disable", f"{service} enable")
    assert served(fleet, "empty1", port) == fingerprint(fleet, "empty1", "g.crt")
    assert fleet.control.restarts("empty1", service) == restarts + 1
    # a wrong pair, a missing file, nothing
    wrong = first.replace("f.key", "g.key")
    answers = commands(fleet, "empty1", f"{service} disable", f"{assign} {wrong}", f"{service} enable")
    assert "certificate and key do not match" in answers[-1][0]
    assert commands(fleet, "empty1", f"{assign} {first.replace('f.key', 'gone.key')}") == [
        ["FAILURE: file gone.key not found"]
    ]
    answers = commands(fleet, "empty1", f"{assign} none", f"{service} enable")
    assert answers[0] == []
    assert answers[1][-1] == f"FAILURE: {service.capitalize()} configuration not complete"
    with pytest.raises(ConnectionRefusedError):
        served(fleet, "empty1", port)


def test_a_recorder_is_shown_as_the_reference_has_it(fleet: SimulatedFleet) -> None:
    assert commands(fleet, "media1", "recorder")[0] == [
        "Enabled                  : true",
        "SIP interfaces           : tcp none, tls a:6061",
        "SIP key file             : media1_recorder.key",
        "SIP certificate file     : media1_recorder.crt",
        "SIP CA Bundle file       : old_ca.pem",
        "SIP traffic trace        : Disabled",
        "NFS domain name          : nfs.example.test",
        "NFS directory            : /recordings",
        "Resolution               : 720p",
        "Call Limit               : none",
    ]


def row(label: str) -> Callable[[list[str]], bool]:
    return lambda lines: any(line.startswith(label) for line in lines)


FORMS: list[tuple[str, str, dict[str, str], str]] = [
    (
        "media1",
        "recorder",
        {"sip_interfaces_off": "interface_none"},
        "SIP interfaces           : tcp a:none, tls a:6061",
    ),
    ("media1", "recorder", {"sip_interfaces_off": "left_out"}, "SIP interfaces           : tls a:6061"),
    ("media1", "streamer", {}, "SIP resolution           : 720p"),
    ("media1", "streamer", {"streamer_resolution": "streamer"}, "Streamer resolution      : 720p"),
    ("core1", "scheduler", {}, "C2W Full chain certificate file       : core1_scheduler.crt"),
    ("core1", "scheduler", {"scheduler_rows": "short"}, "C2W cert      : core1_scheduler.crt"),
    ("core1", "scheduler", {"scheduler_rows": "bare"}, "C2W cert         core1_scheduler.crt"),
    ("core1", "scheduler status", {}, "SUCCESS: scheduler is running"),
    ("core1", "scheduler status", {"scheduler_status": "phrase"}, "scheduler running"),
    ("core1", "scheduler status", {"scheduler_status": "rows"}, "Status                : Running"),
    ("apps1", "meetingapps", {}, "HTTPS listening port               : 9445"),
    ("apps1", "meetingapps", {"meetingapps_rows": "short"}, "Port         : 9445"),
    ("apps1", "meetingapps", {"meetingapps_rows": "bare"}, "Port         9445"),
    ("media1", "uploader", {}, "Meeting Server trust bundle  : old_ca.pem"),
    ("media1", "uploader", {"uploader_rows": "short"}, "cms_trust            : old_ca.pem"),
    ("media1", "uploader", {"uploader_rows": "bare"}, "cms_trust         old_ca.pem"),
    ("media1", "tls sip", {}, "SIP Certificate verification  : disabled"),
    ("media1", "tls sip", {"tls_rows": "short"}, "Verify           : disabled"),
    ("media1", "tls sip", {"tls_rows": "bare", "tls_verify_words": "on_off"}, "Verify         off"),
    ("media1", "tls ldap", {"tls_verify_words": "verb"}, "LDAP Certificate verification  : disable"),
    ("media1", "tls webadmin", {}, "Webadmin Minimum TLS version  : 1.2"),
    ("media1", "tls", {"tls_alone": "everything"}, "Minimum DTLS version           : 1.2"),
]


@pytest.mark.parametrize(("node", "command", "positions", "expected"), FORMS)
def test_what_nobody_has_seen_has_several_forms(
    fleet: SimulatedFleet, node: str, command: str, positions: dict[str, str], expected: str
) -> None:
    switched(fleet, node, **positions)
    assert expected in commands(fleet, node, command)[0]


def test_an_early_recorder_has_fewer_rows(fleet: SimulatedFleet) -> None:
    switched(fleet, "media1", recorder_rows="early_3")
    labels = [line.split(" :")[0].strip() for line in commands(fleet, "media1", "recorder")[0]]
    assert labels[5:] == ["NFS domain name", "NFS directory", "Resolution"]


@pytest.mark.parametrize(("dialect", "works"), [("default", False), ("chatty", True)])
def test_a_restart_that_nobody_documents_is_there_or_is_not(fleet: SimulatedFleet, dialect: str, works: bool) -> None:
    switched(fleet, "media1", undocumented_restart="exists" if works else "missing")
    switched(fleet, "core1", scheduler_restart="exists" if works else "missing")
    answers = commands(fleet, "media1", "recorder restart", "uploader restart")
    answers += commands(fleet, "core1", "scheduler restart")
    assert [lines[:1] != ["Usage:"] for lines in answers] == [works] * 3


def test_a_port_without_tls_is_plain_and_needs_no_certificate(fleet: SimulatedFleet) -> None:
    lines = commands(fleet, "empty1", "streamer sip certs none", "streamer sip listen a 6070 none", "streamer enable")
    assert lines[-1] == ["SUCCESS: Streamer enabled"]
    assert "streamer/tcp" in " ".join(fleet.control.state("empty1")["listening"])
    lines = commands(fleet, "empty1", "streamer disable", "streamer sip listen a none 6071", "streamer enable")
    assert lines[-1] == [
        "FAILURE: SIP TLS port configured but no key and certificate",
        "FAILURE: Streamer configuration not complete",
    ]


def test_the_resolution_stands_where_each_service_has_it(fleet: SimulatedFleet) -> None:
    answers = commands(
        fleet, "empty1", "recorder resolution 1080p", "recorder sip resolution 1080p", "streamer sip resolution 1080p"
    )
    assert [lines[:1] for lines in answers] == [[], ["Usage:"], []]


def test_meetingapps_answers_a_ping(fleet: SimulatedFleet) -> None:
    address, ports = address_of(fleet, "apps1")
    context = ssl.create_default_context(cadata=(fleet.directory / "ca" / "root.crt").read_text())
    context.check_hostname = False
    for path, status in (("/api/ping", 200), ("/api/other", 404)):
        connection = http.client.HTTPSConnection(address, ports["meetingapps"], context=context, timeout=20)
        connection.request("GET", path)
        assert connection.getresponse().status == status
        connection.close()


@pytest.mark.parametrize(("position", "words"), [("alone", 1), ("row", 2), ("sentence", 3)])
def test_gensecret_makes_another_each_time(fleet: SimulatedFleet, position: str, words: int) -> None:
    switched(fleet, "apps1", meetingapps_secret=position)
    first, second = (lines[0].split() for lines in commands(fleet, "apps1", *["meetingapps gensecret"] * 2))
    assert len(first) == words
    assert first != second


def test_secrets_of_these_services_are_in_no_event_state_or_command_list(fleet: SimulatedFleet) -> None:
    secret = "Upload-Secret-5"
    switched(fleet, "media1", uploader_password="twice")
    with Login(fleet, "media1") as login:
        shell = login.shell()
        shell.raw("uploader cms password", "Password: ")
        shell.raw(secret, "again: ")
        shell.raw(secret)
        shell.raw(f"uploader rev password {secret}")
    with Login(fleet, "core1") as login:
        shell = login.shell()
        shell.raw("scheduler email username sched", "password: ")
        shell.raw(secret)
    generated = commands(fleet, "apps1", "meetingapps gensecret")[0][0]
    nodes = ("core1", "media1", "apps1", "edge1")
    seen = (fleet.directory / "events.jsonl").read_text()
    seen += "".join(str(fleet.control.state(node)) + str(fleet.control.commands(node)) for node in nodes)
    seen += str(commands(fleet, "media1", "uploader")) + str(commands(fleet, "apps1", "meetingapps"))
    assert "uploader rev password *****" in seen
    for text in (secret, generated, "apps-1-secret"):
        assert text not in seen
    assert fleet.control.state("media1")["services"]["uploader"]["stored"]["cms_password"] == "*****"


def test_an_uploader_is_told_everything_and_only_then_runs(fleet: SimulatedFleet) -> None:
    told = ["uploader nfs nas:/rec", "uploader cms host core1.example.test", "uploader cms port 8443"]
    answers = commands(fleet, "empty1", *told, "uploader cms user admin", "uploader enable")
    assert answers[-1] == ["FAILURE: CMS password not configured", "FAILURE: Uploader configuration not complete"]
    with Login(fleet, "empty1") as login:
        shell = login.shell()
        shell.raw("uploader cms password", "Password: ")
        shell.raw("Upload-Secret-6")
        switched(fleet, "empty1", uploader_without_trust="refused")
        assert shell.run("uploader enable")[0] == "FAILURE: CMS trust bundle not configured"
        switched(fleet, "empty1", uploader_without_trust="unverified")
        assert shell.run("uploader enable") == ["SUCCESS: Uploader enabled"]
        shell.run("uploader cms trust f.cer")
        assert fleet.control.state("empty1")["services"]["uploader"]["restart_pending"] is True
        shell.run("uploader disable")


def test_where_a_service_may_run(fleet: SimulatedFleet) -> None:
    refused = ["FAILURE: no Call Bridge is configured on this server", "FAILURE: Scheduler configuration not complete"]
    assert commands(fleet, "apps1", "scheduler enable")[0] == refused
    switched(fleet, "apps1", scheduler_alone="accepted")
    assert commands(fleet, "apps1", "scheduler enable")[0][0] == "FAILURE: C2W key and certificate not configured"
    switched(fleet, "core1", meetingapps_beside_callbridge="refused")
    assert commands(fleet, "core1", "meetingapps enable")[0][0] == "FAILURE: MeetingApps needs a server of its own"
    add = "webbridge3 meetingapps add apps1.example.test 9445 Apps-Secret-4"
    assert commands(fleet, "edge1", add)[0] == ["FAILURE: webbridge3 must be disabled first"]
    switched(fleet, "edge1", meetingapps_while_enabled="accepted")
    assert commands(fleet, "edge1", add)[0] == []


def test_tls_settings_are_in_force_when_their_service_restarts(fleet: SimulatedFleet) -> None:
    def active(service: str) -> dict[str, Any]:
        options: dict[str, Any] = fleet.control.state("core1")["services"][service]["active"]["options"]
        return options

    answers = commands(
        fleet,
        "core1",
        "tls sip trust old_ca.pem",
        "tls sip verify ocsp",
        "tls ldap verify enable",
        "tls webadmin min-tls-version 1.3",
        "tls min-dtls-version 1.2",
    )
    assert answers == [[]] * 5
    stored = fleet.control.state("core1")["settings"]["tls"]["stored"]
    assert (stored["sip_trust"], stored["sip_verify"]) == ("old_ca.pem", "ocsp")
    assert (active("callbridge")["sip_verify"], active("webadmin")["webadmin_min"]) == ("disable", "1.2")
    assert "tls sip trust" in fleet.control.state("core1")["files"]["old_ca.pem"]["used_by"]
    commands(fleet, "core1", "callbridge restart", "webadmin restart")
    assert (active("callbridge")["sip_verify"], active("callbridge")["ldap_verify"]) == ("ocsp", "enable")
    assert fleet.control.state("core1")["services"]["callbridge"]["active"]["trust"]["sip"]["file"] == "old_ca.pem"
    address, ports = address_of(fleet, "core1")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode, old.maximum_version = False, ssl.CERT_NONE, ssl.TLSVersion.TLSv1_2
    connection = http.client.HTTPSConnection(address, ports["webadmin"], context=old, timeout=20)
    with pytest.raises(ssl.SSLError):
        connection.request("GET", "/")
    commands(fleet, "core1", "tls sip verify disable", "tls webadmin min-tls-version 1.2", "webadmin restart")
    served(fleet, "core1", "webadmin")


def test_a_tls_trust_that_is_gone_stops_its_service_only_where_it_is_used(fleet: SimulatedFleet) -> None:
    switched(fleet, "core1", setting_missing_file="accepted")
    answers = commands(
        fleet,
        "core1",
        "tls ldap verify disable",
        "tls ldap trust gone.pem",
        "callbridge restart",
        "tls ldap verify enable",
        "callbridge restart",
    )
    assert all(line.startswith("SUCCESS") for line in answers[2])
    assert answers[4][-1] == "FAILURE: tls ldap trust problem: file gone.pem not found"
    commands(fleet, "core1", "tls ldap trust none", "tls ldap verify disable", "callbridge restart")


@pytest.mark.parametrize(("position", "usage"), [("accepted", False), ("wrong_arguments", True)])
def test_1_3_came_later(fleet: SimulatedFleet, position: str, usage: bool) -> None:
    switched(fleet, "apps1", tls_1_3=position)
    assert bool(commands(fleet, "apps1", "tls sip min-tls-version 1.3")[0]) is usage
    for line in ("tls", "tls sip verify maybe", "tls webadmin trust f.pem", "tls sip min-tls-version 0.9"):
        assert commands(fleet, "apps1", line)[0][0] == "Usage:"


def test_the_trusts_of_callbridge_that_are_no_link_here_are_loaded_too(fleet: SimulatedFleet) -> None:
    commands(
        fleet,
        "core1",
        "callbridge ucm certs old_ca.pem",
        "callbridge imps certs old_ca.pem",
        "callbridge ucm verify enable",
        "callbridge trust branding old_ca.pem",
        "callbridge trust edge old_ca.pem",
        "callbridge add edge 192.0.2.7:443",
        "callbridge ucm add cucm.example.test axl presence",
        "callbridge restart",
    )
    active = fleet.control.state("core1")["services"]["callbridge"]["active"]
    assert {"ucm", "imps", "branding", "edge"} <= set(active["trust"])
    assert (active["options"]["ucm_verify"], active["options"]["imps_verify"]) == (True, False)
    assert "UCM verification mode     : enabled" in commands(fleet, "core1", "callbridge")[0]
    switched(fleet, "core1", callbridge_rows="before_3.8")
    assert commands(fleet, "core1", "callbridge ucm certs none")[0][0] == "Usage :"
    switched(fleet, "core1", callbridge_rows="after_3.9")
    assert "AV1 Beta                  : enabled" in commands(fleet, "core1", "callbridge av1 enable", "callbridge")[1]


def node_of(version: str, *services: str, **more: Any) -> dict[str, Any]:
    return {"name": "n", "services": list(services), "version": version, **more}


@pytest.mark.parametrize(
    ("node", "lacking"),
    [
        (node_of("3.1"), {"uploader", "scheduler", "meetingapps"}),
        (node_of("3.4"), {"meetingapps"}),
        (node_of("3.12"), set()),
        (node_of("dialect", dialect="old"), {"scheduler", "meetingapps"}),
        (node_of("dialect"), set()),
    ],
)
def test_a_version_lacks_what_came_later(node: dict[str, Any], lacking: set[str]) -> None:
    assert set(load(definition(node)).nodes["n"].lacks) == lacking


@pytest.mark.parametrize("node", [node_of("3.2", "scheduler"), node_of("new"), {"name": "n", "version": 3.9}])
def test_a_version_that_makes_no_sense_is_refused(node: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="node n"):
        load(definition(node))


def test_before_3_0_a_recorder_listens_for_xmpp_and_verifies_call_bridges_itself(tmp_path: Path) -> None:
    with SimulatedFleet(definition(node_of("2.9", "recorder")), tmp_path / "s") as fleet:
        answers = commands(fleet, "n", "version", "recorder", "recorder sip certs none", "scheduler")
        assert answers[0] == ["2.9"]
        assert "Trust bundle            : old_ca.pem" in answers[1]
        assert "    recorder trust <crt-bundle>" in answers[2]
        assert answers[3] == ["scheduler: command not recognised"]
        address, ports = address_of(fleet, "n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(address, ports["recorder"], context=context, timeout=20)
        with pytest.raises(ssl.SSLError):
            connection.connect()
        answers = commands(
            fleet, "n", "recorder disable", "recorder listen a:6061 lo:8443", "recorder trust none", "recorder"
        )
        assert "Interface whitelist     : a:6061 lo:8443" in answers[3]


def test_tls_settings_and_these_services_survive_a_stop(tmp_path: Path) -> None:
    config = definition(CORE, MEDIA, APPS, WEB)
    with SimulatedFleet(config, tmp_path / "s") as fleet:
        commands(fleet, "media1", "tls sip verify enable", "streamer disable")
        before = served(fleet, "apps1", "meetingapps")
    with SimulatedFleet(config, tmp_path / "s") as fleet:
        state = fleet.control.state("media1")
        assert state["settings"]["tls"]["stored"]["sip_verify"] == "enable"
        assert (state["services"]["recorder"]["running"], state["services"]["streamer"]["running"]) == (True, False)
        assert served(fleet, "apps1", "meetingapps") == before


@pytest.mark.parametrize("bad", [{"sip_verify": "perhaps"}, {"cluster_trusts": True}])
def test_a_legacy_key_that_makes_no_sense_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="legacy"):
        load(definition(CORE, legacy=bad))
