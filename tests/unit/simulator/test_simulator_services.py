# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Displays, settings stored and active, restarts, refusals: the services, through a shell and on the wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator import certs
from tests.simulator.fleet import SimulatedFleet

from .client import Login, Pair, commands, definition, old_ca, served

CORE = {"name": "core1", "services": ["webadmin", "callbridge"], "calls": 3}
ALL = {"name": "cms1", "services": ["webadmin", "callbridge", "webbridge3", "turn"]}

DISPLAYS = {
    "webadmin": """\
Enabled                 : true
TLS listening interface : a
TLS listening port      : 8443
Key file                : cms1_webadmin.key
Certificate file        : cms1_webadmin.crt
CA Bundle file          : old_ca.pem
HTTP redirect           : Disabled
STATUS                  : webadmin running""",
    "callbridge": """\
Listening interfaces  : a
Preferred interface   : a
Key file              : cms1_callbridge.key
Certificate file      : cms1_callbridge.crt
Address               : none
CA Bundle file        : old_ca.pem
C2W trusted certs                   : old_ca.pem
Callbridge cluster trusted certs    : none
Callbridge trust branding certs     : none
UCM trusted certs         : none
UCM verification mode     : disabled
IMPS trusted certs        : none
IMPS verification mode    : disabled
WC3 JWT Expiry in hours   : 12""",
    "webbridge3": """\
Enabled                               : true
HTTPS listening ports and interfaces  : a:9443
HTTPS Key file                        : cms1_webbridge.key
HTTPS Full chain certificate file     : cms1_webbridge.crt
HTTPS Frame-Ancestors                 : none
HTTP redirect                         : Disabled
C2W listening ports and interfaces    : a:9999
C2W Key file                          : cms1_c2w.key
C2W Full chain certificate file       : cms1_c2w.crt
C2W Trust bundle                      : old_ca.pem
Meetingapps address                   : none
Meetingapps port                      : none
Audio priority flag                   : Enabled
Beta options                          : none""",
}


@pytest.fixture(scope="module")
def combined(tmp_path_factory: pytest.TempPathFactory) -> object:
    with SimulatedFleet(definition(ALL), tmp_path_factory.mktemp("combined")) as fleet:
        yield fleet


@pytest.fixture
def core(tmp_path: Path) -> object:
    with SimulatedFleet(definition(CORE), tmp_path / "state") as fleet:
        yield fleet


def upload(fleet: SimulatedFleet, node: str, **files: bytes) -> None:
    with Login(fleet, node) as login:
        for name, data in files.items():
            login.put(name.replace("__", "."), data)


@pytest.mark.parametrize("service", sorted(DISPLAYS))
def test_a_display_is_spelled_as_the_reference_has_it(combined: SimulatedFleet, service: str) -> None:
    assert "\n".join(commands(combined, "cms1", service)[0]) == DISPLAYS[service]


def test_the_turn_display_shows_secrets_and_a_row_without_colon(combined: SimulatedFleet) -> None:
    lines = commands(combined, "cms1", "turn")[0]
    assert "Password                 : turn-1-secret" in lines
    assert lines[-1] == "Listen interface         a"
    combined.control.set_switch("cms1", "turn_rows", "colon")
    assert commands(combined, "cms1", "turn")[0][-1] == "Listen interface         : a"


@pytest.mark.parametrize(
    ("positions", "service", "expected"),
    [
        ({"unknown_row": "extra_row"}, "webadmin", "Telemetry profile            : standard"),
        ({"unknown_row": "row_without_colon"}, "webadmin", "Telemetry profile     standard"),
        ({"display_words": "other_case"}, "webadmin", "Enabled                 : True"),
        ({"display_padding": "tight"}, "webadmin", "Enabled : true"),
        ({"callbridge_rows": "after_3.9"}, "callbridge", "AV1 Beta                  : disabled"),
        ({"callbridge_rows": "before_3.8"}, "callbridge", "WC3 JWT Expiry in hours   : 12"),
        ({"webbridge3_status": "phrase"}, "webbridge3 status", "webbridge3 running"),
        ({"webbridge3_status": "result_line"}, "webbridge3 status", "SUCCESS: webbridge3 is running"),
        ({"pki_usage": "file_first"}, "pki", "cms1_webadmin.key : webadmin tls"),
    ],
)
def test_switches_change_displays(
    combined: SimulatedFleet, positions: dict[str, str], service: str, expected: str
) -> None:
    combined.control.set_switch("cms1", "dialect", "default")
    for name, position in positions.items():
        combined.control.set_switch("cms1", name, position)
    lines = commands(combined, "cms1", service)[0]
    combined.control.set_switch("cms1", "dialect", "default")
    assert expected in lines
    if positions.get("callbridge_rows") == "before_3.8":
        assert not any(line.startswith("UCM") for line in lines)


def test_a_setting_is_silent_shown_at_once_and_serves_only_after_the_restart(core: SimulatedFleet) -> None:
    pair = Pair(old_ca(core), "core1.example.test", client=True)
    upload(core, "core1", new__key=pair.key, new__crt=pair.crt, new__pem=pair.bundle)
    before = served(core, "core1", "sip")
    stored, display = commands(core, "core1", "callbridge certs new.key new.crt new.pem", "callbridge")
    assert stored == []
    assert "Key file              : new.key" in display
    assert served(core, "core1", "sip") == before
    state = core.control.state("core1")["services"]["callbridge"]
    assert state["restart_pending"] is True
    assert state["active"]["identities"]["callbridge"]["fingerprint"] == before
    assert commands(core, "core1", "callbridge restart")[0] == [
        "SUCCESS: listen interface configured",
        "SUCCESS: Key and certificate pair match",
        "SUCCESS: certificate verified against CA bundle",
    ]
    assert served(core, "core1", "sip") == pair.fingerprint
    assert core.control.state("core1")["services"]["callbridge"]["restart_pending"] is False


def test_a_callbridge_restart_drops_the_calls_and_is_counted(core: SimulatedFleet) -> None:
    assert core.control.calls("core1") == 3
    commands(core, "core1", "callbridge restart")
    assert core.control.calls("core1") == 0
    assert [event["calls"] for event in core.control.events(kind="calls_dropped")] == [3]
    assert core.control.restarts("core1", "callbridge") == 1
    core.control.set_calls("core1", 5)
    assert core.control.calls("core1") == 5


@pytest.mark.parametrize(("position", "up"), [("service_down", False), ("keeps_old", True)])
def test_a_wrong_pair_is_refused_with_the_documented_line(tmp_path: Path, position: str, up: bool) -> None:
    with SimulatedFleet(definition(CORE, switches={"wrong_pair_at_restart": position}), tmp_path / "s") as fleet:
        before = served(fleet, "core1", "sip")
        lines = commands(
            fleet, "core1", "callbridge certs core1_webadmin.key core1_callbridge.crt", "callbridge restart"
        )
        assert lines[1] == [
            "SUCCESS: listen interface configured",
            "FAILURE: Key and certificate problem: certificate and key do not match",
        ]
        assert fleet.control.state("core1")["services"]["callbridge"]["running"] is up
        if up:
            assert served(fleet, "core1", "sip") == before
        else:
            with pytest.raises(ConnectionRefusedError):
                served(fleet, "core1", "sip")


def test_webadmin_is_disabled_set_and_enabled(core: SimulatedFleet) -> None:
    pair = Pair(old_ca(core), "core1.example.test")
    upload(core, "core1", wa2__key=pair.key, wa2__crt=pair.crt)
    answers = commands(
        core, "core1", "webadmin disable", "webadmin", "webadmin certs wa2.key wa2.crt", "webadmin enable", "webadmin"
    )
    assert answers[0] == []
    assert {"Enabled                 : false", "STATUS                  : webadmin not running"} <= set(answers[1])
    assert answers[3] == ["SUCCESS: TLS interface and port configured", "SUCCESS: Key and certificate pair match"]
    assert not any(line.startswith("CA Bundle file") for line in answers[4])
    assert served(core, "core1", "webadmin") == pair.fingerprint
    assert core.control.restarts("core1", "webadmin") == 1


@pytest.mark.parametrize(
    ("positions", "lines", "served_new"),
    [
        ({}, 3, False),
        ({"enable_when_enabled": "nothing"}, 0, False),
        ({"enable_applies": "yes"}, 3, True),
        ({"webadmin_enabled_line": "small"}, 4, False),
    ],
)
def test_enable_on_an_enabled_service(tmp_path: Path, positions: dict[str, str], lines: int, served_new: bool) -> None:
    with SimulatedFleet(definition(CORE, switches=positions), tmp_path / "s") as fleet:
        pair = Pair(old_ca(fleet), "core1.example.test")
        upload(fleet, "core1", n__key=pair.key, n__crt=pair.crt, n__pem=pair.bundle)
        answers = commands(fleet, "core1", "webadmin certs n.key n.crt n.pem", "webadmin enable")
        assert len(answers[1]) == lines
        assert (served(fleet, "core1", "webadmin") == pair.fingerprint) is served_new


def test_an_edge_starts_with_a_line_for_each_pair_and_chain(combined: SimulatedFleet) -> None:
    assert commands(combined, "cms1", "webbridge3 disable", "webbridge3 enable")[1] == [
        "SUCCESS: HTTPS Key and certificate pair match",
        "SUCCESS: HTTPS full chain verifies",
        "SUCCESS: C2W Key and certificate pair match",
        "SUCCESS: C2W full chain verifies",
        "SUCCESS: Webbridge3 enabled",
    ]
    assert commands(combined, "cms1", "turn disable", "turn enable")[1][-1] == "SUCCESS: TURN enabled"


def test_enabling_something_incomplete_fails_with_two_lines(tmp_path: Path) -> None:
    with SimulatedFleet(definition(CORE, start="empty"), tmp_path / "s") as fleet:
        answers = commands(fleet, "core1", "turn enable", "webadmin enable", "callbridge restart", "webbridge3 restart")
        assert answers == [
            ["FAILURE: listen interface not configured", "FAILURE: TURN configuration not complete"],
            ["FAILURE: TLS interface and port not configured", "FAILURE: Webadmin configuration not complete"],
            ["FAILURE: listen interface not configured"],
            ["FAILURE: webbridge3 is not enabled"],
        ]
        fleet.control.set_switch("core1", "failure_detail", "one_line")
        assert len(commands(fleet, "core1", "turn enable")[0]) == 1


def test_an_empty_node_is_brought_up_by_hand(tmp_path: Path) -> None:
    authority = certs.Authority.create("New", 90)
    with SimulatedFleet(definition(CORE, start="empty"), tmp_path / "s") as fleet:
        pair = Pair(authority, "core1.example.test", client=True)
        upload(fleet, "core1", cb__key=pair.key, cb__crt=pair.crt)
        answers = commands(
            fleet,
            "core1",
            "webadmin listen a 8443",
            "webadmin certs cb.key cb.crt",
            "webadmin enable",
            "callbridge listen a",
            "callbridge certs cb.key cb.crt",
            "callbridge restart",
        )
        assert not any(line.startswith("FAILURE") for lines in answers for line in lines)
        assert served(fleet, "core1", "webadmin") == served(fleet, "core1", "sip") == pair.fingerprint


def test_a_missing_file_is_refused_or_fails_later(tmp_path: Path) -> None:
    with SimulatedFleet(definition(CORE), tmp_path / "s") as fleet:
        assert commands(fleet, "core1", "callbridge trust c2w gone.pem")[0] == ["FAILURE: file gone.pem not found"]
        fleet.control.set_switch("core1", "setting_missing_file", "accepted")
        fleet.control.set_switch("core1", "setting_accepted", "success_line")
        answers = commands(fleet, "core1", "callbridge trust c2w gone.pem", "callbridge restart")
        assert answers[0] == ["SUCCESS: setting stored"]
        assert answers[1][-1] == "FAILURE: c2w trust problem: file gone.pem not found"


@pytest.mark.parametrize("what", ["encrypted", "not_a_key", "not_a_certificate", "bundle_of_others"])
def test_files_that_do_not_fit_are_refused_at_the_restart(core: SimulatedFleet, what: str) -> None:
    pair = Pair(old_ca(core), "core1.example.test")
    other = certs.Authority.create("Other", 90)
    files = {"x__key": pair.key, "x__crt": pair.crt, "x__pem": pair.bundle}
    if what == "encrypted":
        files["x__key"] = certs.key_pem(certs.load_key(pair.key), passphrase=b"Pass-Phrase-9")
    elif what == "not_a_key":
        files["x__key"] = b"hello\n"
    elif what == "not_a_certificate":
        files["x__crt"] = pair.key
    else:
        files["x__pem"] = certs.cert_pem(other.intermediate, other.root)
    upload(core, "core1", **files)
    last = commands(core, "core1", "webadmin disable", "webadmin certs x.key x.crt x.pem", "webadmin enable")[-1]
    assert last[0].startswith("FAILURE: ")
    assert core.control.state("core1")["services"]["webadmin"]["running"] is False


@pytest.mark.parametrize(("position", "ok"), [("accepted", True), ("refused", False)])
def test_an_expired_certificate_at_a_restart(tmp_path: Path, position: str, ok: bool) -> None:
    with SimulatedFleet(definition(CORE, switches={"expired_at_restart": position}), tmp_path / "s") as fleet:
        pair = Pair(old_ca(fleet), "core1.example.test", days=-1)
        upload(fleet, "core1", x__key=pair.key, x__crt=pair.crt)
        lines = commands(fleet, "core1", "callbridge certs x.key x.crt", "callbridge restart")[1]
        assert all(line.startswith("SUCCESS") for line in lines) is ok


def test_overwriting_a_file_in_use_changes_nothing_until_the_restart(core: SimulatedFleet) -> None:
    pair = Pair(old_ca(core), "core1.example.test", client=True)
    before = served(core, "core1", "sip")
    upload(core, "core1", core1_callbridge__key=pair.key, core1_callbridge__crt=pair.crt)
    assert served(core, "core1", "sip") == before
    assert core.control.state("core1")["services"]["callbridge"]["restart_pending"] is True
    commands(core, "core1", "callbridge restart")
    assert served(core, "core1", "sip") == pair.fingerprint


def test_certs_none_takes_the_listener_away(core: SimulatedFleet) -> None:
    assert commands(core, "core1", "callbridge certs none", "callbridge restart")[1] == [
        "SUCCESS: listen interface configured"
    ]
    with pytest.raises(ConnectionRefusedError):
        served(core, "core1", "sip")


def test_secrets_are_in_no_event_state_or_command_list(combined: SimulatedFleet) -> None:
    secrets = ["Turn-Secret-7", "Shared-Secret-8", "Apps-Secret-9", "turn-1-secret"]
    commands(
        combined,
        "cms1",
        f"turn credentials user {secrets[0]} example.test",
        f'turn credentials user "{secrets[0]} and more" example.test',
        f"turn short_term_credentials {secrets[1]} example.test",
        f"webbridge3 meetingapps add apps.example.test 5000 {secrets[2]}",
        "turn",
    )
    seen = (combined.directory / "events.jsonl").read_text()
    seen += str(combined.control.state("cms1")) + str(combined.control.commands("cms1"))
    assert "turn credentials user *****" in seen
    for secret in [*secrets, "and more", "PRIVATE KEY", "Simulated-Password"]:
        assert secret not in seen


def test_a_bridge_without_restart_commands_shows_usage(combined: SimulatedFleet) -> None:
    combined.control.set_switch("cms1", "webadmin_restart", "missing")
    combined.control.set_switch("cms1", "turn_restart", "missing")
    answers = commands(combined, "cms1", "webadmin restart", "turn restart", "callbridge enable")
    combined.control.set_switch("cms1", "dialect", "default")
    assert [lines[0] for lines in answers] == ["Usage:", "Usage:", "Usage :"]
    assert commands(combined, "cms1", "webadmin restart", "turn restart")[0][-1].startswith("SUCCESS")
