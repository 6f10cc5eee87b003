# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The session and the parsers against the second witness: a simulated node, in every position of what is unknown."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._errors import (
    AuthenticationFailed,
    CommandFailed,
    ConnectionFailed,
    FileProblem,
    NoPrompt,
    NotUnderstood,
    PasswordChangeRequired,
    SessionLost,
)
from ansible_collections.certops.cms.plugins.plugin_utils._mmp import displays, settings
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import CONFIRM, Session
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.transport import Endpoint
from ansible_collections.certops.cms.plugins.plugin_utils._services.catalogue import BY_NAME
from tests.simulator.dialects import DIALECTS
from tests.simulator.fleet import SimulatedFleet
from tests.simulator.switches import SWITCHES

PASSWORD = "Simulated-of-the-tests-1"
CONFIG: dict[str, Any] = {
    "domain": "example.test",
    "start": "legacy",
    "users": [{"name": "admin", "password": PASSWORD, "role": "admin"}],
    "durations": {"restart": 0.1, "service": 0.05, "api_start": 0.05, "reboot": 0.3},
    "legacy": {"days_left": 12, "sip_verify": "enable"},
    "nodes": [
        {
            "name": "cms1",
            "services": ["webadmin", "callbridge", "webbridge3", "turn", "scheduler"],
            "lacks": ["recorder"],
        },
        {"name": "cms2", "services": ["recorder", "streamer", "uploader"]},
        {"name": "cms3", "services": ["meetingapps"]},
    ],
}

SERVICES_OF: dict[str, list[str]] = {cfg["name"]: cfg["services"] for cfg in CONFIG["nodes"]}

#: What a session may meet: the switches that change bytes on the way or the form of an answer.
SESSION_SWITCHES = [
    "echo",
    "shell_line_ending",
    "exec_line_ending",
    "wrap",
    "welcome",
    "unknown_row",
    "exec_exit_status",
    "expiry_notice",
    "prompt",
    "ansi",
    "banner",
    "login_method",
    "exec_channel",
    "channel_pacing",
    "display_words",
    "display_padding",
    "nothing_set",
    "callbridge_rows",
    "turn_rows",
    "redirect_value",
    "version_form",
    "pki_list_order",
    "pki_csr_dots",
    "setting_accepted",
    "enable_when_enabled",
]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedFleet]:
    with SimulatedFleet(CONFIG, tmp_path_factory.mktemp("fleet")) as running:
        yield running


@pytest.fixture
def node(fleet: SimulatedFleet) -> Iterator[SimulatedFleet]:
    """Give the fleet with every switch and fault at its start."""
    fleet.control.clear_faults("all")
    fleet.control.set_switch("all", "dialect", "default")
    # Not what these tests are about, and three seconds long.
    fleet.control.set_switch("all", "callbridge_restart", 0.1)
    yield fleet
    fleet.control.clear_faults("all")


@pytest.fixture
def login(node: SimulatedFleet) -> Iterator[Callable[..., Session]]:
    opened: list[Session] = []
    hosts = node.inventory()["all"]["children"]["cms"]["hosts"]

    def make(name: str = "cms1", **more: Any) -> Session:
        host = hosts[name]
        endpoint = Endpoint(
            host=host["ansible_host"],
            port=host["ansible_port"],
            user="admin",
            password=PASSWORD,
            known_hosts_file=str(pathlib.Path(node.directory) / "known_hosts"),
            # Just above what the simulated node refuses.
            pacing=0.03,
            connect_timeout=5,
            command_timeout=5,
            long_timeout=10,
        )
        opened.append(Session(dataclasses.replace(endpoint, **more)))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def check_everything(one: Session, name: str) -> None:
    """Read every display, store a setting, make a CSR, move a file: one login."""
    here = {service: BY_NAME[service] for service in ("webadmin", "callbridge", "webbridge3", "turn")}
    read = {service: displays.parse_service(row, one.show(row.show)) for service, row in here.items()}
    slots = {(service, slot): read[service]["slots"][slot] for service, row in here.items() for slot in _slots(row)}
    assert all(found["key"].endswith(".key") and found["certificate"] for found in slots.values())
    assert all(port["port"] for found in slots.values() for port in found["listen"])
    assert all(found["listen"] for found in slots.values())
    assert read["webadmin"]["enabled"] is True
    assert read["webadmin"]["running"] is True
    assert read["webbridge3"]["enabled"] is True
    assert read["turn"]["enabled"] is True
    assert read["callbridge"]["trusts"]["c2w"]
    assert read["webbridge3"]["trusts"]["c2w"]
    assert not any(found["unknown_trusts"] for found in read.values())
    assert displays.parse_version(one.show("version"))
    listed = displays.parse_pki_list(one.show("pki list"))
    assert displays.files_named(read["callbridge"]) <= set(listed)
    one.run(f"pki csr {name} CN:{name}.example.test", long=True)
    assert one.get(f"{name}.csr").startswith(b"-----BEGIN CERTIFICATE REQUEST-----")
    one.put(f"{name}-trust.pem", one.get(read["callbridge"]["trusts"]["c2w"]))
    assert f"{name}-trust.pem" in one.listdir()
    one.store(f"callbridge trust c2w {read['callbridge']['trusts']['c2w']}")
    bridge = read["callbridge"]["slots"]["callbridge"]
    parts = [bridge[part] for part in ("key", "certificate", "bundle") if bridge[part]]
    one.store(" ".join(["callbridge certs", *parts]))
    one.remove(f"{name}-trust.pem")
    for made_file in (f"{name}.key", f"{name}.csr"):
        one.remove(made_file)
    assert one.logins == 1


def _slots(service: Any) -> list[str]:
    return [slot.name for slot in service.slots]


@pytest.mark.parametrize("channel", ["auto", "exec", "shell"])
@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_every_dialect_is_understood(
    node: SimulatedFleet, login: Callable[..., Session], dialect: str, channel: str
) -> None:
    node.control.set_switch("all", "dialect", dialect)
    if dialect == "exec-less" and channel == "exec":
        with pytest.raises(ConnectionFailed, match="exec"):
            login(channel=channel).show("webadmin")
        return
    check_everything(login(channel=channel), f"d-{dialect}-{channel}")


#: Displays that nobody has seen, by the switches that say what they may look like.
FORMS = ["recorder_rows", "streamer_resolution", "scheduler_rows", "meetingapps_rows", "uploader_rows", "tls_rows"]
FORMS += ["tls_verify_words", "sip_interfaces_off", "unknown_row", "display_words", "display_padding"]


@pytest.mark.parametrize(
    ("switch", "position"),
    [("dialect", name) for name in DIALECTS]
    + [(name, position) for name in FORMS for position in SWITCHES[name].positions],
)
def test_displays_that_nobody_has_seen_are_read_right_in_every_form(
    node: SimulatedFleet, login: Callable[..., Session], switch: str, position: Any
) -> None:
    node.control.set_switch("all", switch, position)
    for name in ("cms1", "cms2", "cms3"):
        one = login(name)
        for service in SERVICES_OF[name]:
            if service in ("webadmin", "callbridge", "webbridge3", "turn"):
                continue
            read = displays.parse_service(BY_NAME[service], one.show(service))
            if not read["present"]:
                assert "unknown" in read["detail"].lower() or "not" in read["detail"].lower()
                continue
            assert read["enabled"] is True, service
            for slot in read["slots"].values():
                assert slot["key"].startswith(name)
                assert slot["certificate"].startswith(name)
            assert read["trusts"].get("c2w" if service == "scheduler" else "cms", "old_ca.pem").endswith(".pem")
            assert not read["unknown_trusts"]
        if name != "cms3":
            found = settings.parse_setting("tls sip", one.show("tls sip"))
            assert (found["trust"], found["verify"]) == ("old_ca.pem", "enabled")


@pytest.mark.parametrize("channel", ["auto", "shell"])
@pytest.mark.parametrize(
    ("switch", "position"),
    [
        (name, position)
        for name in SESSION_SWITCHES
        for position in SWITCHES[name].positions
        if position != SWITCHES[name].default
    ]
    + [("paging", 3), ("paging", 10)],
)
def test_every_position_of_a_switch_is_understood(
    node: SimulatedFleet, login: Callable[..., Session], switch: str, position: Any, channel: str
) -> None:
    node.control.set_switch("all", switch, position)
    check_everything(login(channel=channel), f"s-{switch.replace('_', '-')}-{position}".replace(".", "-")[:40])


@pytest.mark.parametrize("channel", ["exec", "shell"])
@pytest.mark.parametrize("position", SWITCHES["unknown_command"].positions)
def test_service_the_node_lacks_is_told_from_a_cut_display(
    node: SimulatedFleet, login: Callable[..., Session], position: str, channel: str
) -> None:
    node.control.set_switch("all", "unknown_command", position)
    one = login(channel=channel)
    found = displays.parse_service(BY_NAME["webadmin"], one.show("recorder"))
    assert found["present"] is False
    with pytest.raises(CommandFailed if position == "failure_line" else NotUnderstood):
        one.store("recorder enable")


@pytest.mark.parametrize("channel", ["exec", "shell"])
@pytest.mark.parametrize("position", SWITCHES["wrong_arguments"].positions)
def test_wrong_arguments_are_no_success(
    node: SimulatedFleet, login: Callable[..., Session], position: str, channel: str
) -> None:
    node.control.set_switch("all", "wrong_arguments", position)
    with pytest.raises((CommandFailed, NotUnderstood)):
        login(channel=channel).store("callbridge certs")


@pytest.mark.parametrize("service", ["callbridge restart", "webadmin restart", "webbridge3 restart"])
@pytest.mark.parametrize("channel", ["auto", "shell"])
def test_restart_is_waited_for(node: SimulatedFleet, login: Callable[..., Session], service: str, channel: str) -> None:
    assert login(channel=channel).store(service, long=True).succeeded


@pytest.mark.parametrize("channel", ["auto", "shell"])
def test_restart_that_loses_the_connection_can_be_followed(
    node: SimulatedFleet, login: Callable[..., Session], channel: str
) -> None:
    node.control.set_switch("all", "callbridge_restart", "lost_connection")
    one = login(channel=channel)
    with pytest.raises(SessionLost):
        one.store("callbridge restart", long=True)
    one.reconnect(10)
    assert displays.parse_service(BY_NAME["callbridge"], one.show("callbridge"))["present"]
    assert one.logins == 2


@pytest.mark.parametrize("words", SWITCHES["pki_match_words"].positions)
def test_second_opinion_of_the_node_is_read(node: SimulatedFleet, login: Callable[..., Session], words: str) -> None:
    node.control.set_switch("all", "pki_match_words", words)
    node.control.set_switch("all", "pki_verify_words", words)
    one = login()
    bridge = displays.parse_service(BY_NAME["callbridge"], one.show("callbridge"))["slots"]["callbridge"]
    other = displays.parse_service(BY_NAME["webadmin"], one.show("webadmin"))["slots"]["webadmin"]

    def ask(command: str) -> bool | None:
        return displays.read_yes_no(one.show(command))

    good = {True, None} if words == "opaque" else {True}
    bad = {False, None} if words == "opaque" else {False}
    assert ask(f"pki match {bridge['key']} {bridge['certificate']}") in good
    assert ask(f"pki match {other['key']} {bridge['certificate']}") in bad
    assert ask(f"pki verify {bridge['certificate']} {bridge['bundle']}") in good


def test_s4_of_the_head_of_a_file_no_more_is_asked_for_than_was_wanted(
    node: SimulatedFleet, login: Callable[..., Session]
) -> None:
    one = login()
    one.put("head.pem", bytes(range(64)) * 1024)
    assert one.head("head.pem", 7) == bytes(range(7))
    assert one.head("head.pem", 38) == bytes(range(38))
    one.put("short.pem", b"abc")
    assert one.head("short.pem", 38) == b"abc"
    with pytest.raises(FileProblem, match="there is no such file"):
        one.head("none.pem", 7)


@pytest.mark.parametrize("method", SWITCHES["login_method"].positions)
def test_wrong_password_costs_one_attempt(node: SimulatedFleet, login: Callable[..., Session], method: str) -> None:
    node.control.set_switch("all", "login_method", method)
    since = node.control.last_event()
    with pytest.raises(AuthenticationFailed, match="one attempt"):
        login(password="wrong-one").show("webadmin")
    refused = [event for event in node.control.events(since=since) if event["kind"] == "login_failed"]
    assert len(refused) == 1
    login().show("webadmin")


@pytest.mark.parametrize("where", SWITCHES["password_change"].positions)
@pytest.mark.parametrize("method", ["password", "keyboard_interactive"])
@pytest.mark.parametrize("channel", ["auto", "shell"])
def test_forced_password_change_is_reported_and_not_answered(
    node: SimulatedFleet, login: Callable[..., Session], where: str, method: str, channel: str
) -> None:
    node.control.set_switch("all", "password_change", where)
    node.control.set_switch("all", "login_method", method)
    node.control.set_fault("all", {"kind": "password_change", "count": 0})
    with pytest.raises(PasswordChangeRequired):
        login(channel=channel).show("webadmin")


def test_session_limit_is_reported(node: SimulatedFleet, login: Callable[..., Session]) -> None:
    login().show("webadmin")
    node.control.set_switch("all", "session_limit", 1)
    with pytest.raises((AuthenticationFailed, ConnectionFailed, SessionLost)) as error:
        login().show("webadmin")
    assert "ession" in str(error.value)


def test_a_login_that_is_over_does_not_stand_in_the_way_of_the_next_one(
    node: SimulatedFleet, login: Callable[..., Session]
) -> None:
    node.control.set_switch("all", "session_limit", 2)
    for _attempt in range(15):
        with login() as one:
            assert one.show("version")


@pytest.mark.parametrize("fault", [None, "drop_after"])
def test_a_channel_that_the_node_closes_without_a_status_is_told_from_a_lost_connection(
    node: SimulatedFleet, login: Callable[..., Session], fault: str | None
) -> None:
    node.control.set_switch("all", "exec_exit_status", "none")
    if fault:
        node.control.set_fault("all", {"kind": fault, "match": "callbridge"})
    stream = login().open().open_exec("callbridge")
    while stream.read(5):
        pass
    assert stream.ended_in_order is (fault is None)


@pytest.mark.parametrize("channel", ["exec", "shell"])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_cut_connection_is_a_lost_session(
    node: SimulatedFleet, login: Callable[..., Session], kind: str, channel: str
) -> None:
    one = login(channel=channel)
    one.show("webadmin")
    node.control.set_fault("all", {"kind": kind, "match": "callbridge"})
    with pytest.raises(SessionLost):
        one.show("callbridge")
    one.reconnect(5)
    assert one.show("callbridge")


@pytest.mark.parametrize("channel", ["exec", "shell"])
def test_prompt_that_never_comes_ends_at_the_deadline(
    node: SimulatedFleet, login: Callable[..., Session], channel: str
) -> None:
    node.control.set_fault("all", {"kind": "silence", "match": "callbridge"})
    one = login(channel=channel)
    with pytest.raises(NoPrompt):
        one.run("callbridge", timeout=0.5)
    assert one.show("webadmin")


@pytest.mark.parametrize("channel", ["exec", "shell"])
def test_garbage_is_not_a_success(node: SimulatedFleet, login: Callable[..., Session], channel: str) -> None:
    node.control.set_fault("all", {"kind": "garbage", "match": "callbridge trust"})
    with pytest.raises(NotUnderstood):
        login(channel=channel).store("callbridge trust c2w none")


def test_short_upload_and_full_disk_are_noticed(node: SimulatedFleet, login: Callable[..., Session]) -> None:
    one = login()
    for kind in ("cut_upload", "disk_full"):
        node.control.set_fault("all", {"kind": kind, "keep_connection": True})
        with pytest.raises(FileProblem):
            one.put(f"{kind.replace('_', '-')}.pem", b"x" * 5000)
        node.control.clear_faults("all")


def test_upload_cut_with_the_connection_is_a_lost_session(node: SimulatedFleet, login: Callable[..., Session]) -> None:
    node.control.set_fault("all", {"kind": "cut_upload"})
    one = login()
    with pytest.raises(SessionLost, match="replace what arrived in part"):
        one.put("cut-upload.pem", b"x" * 5000)
    one.reconnect(5)
    one.remove("cut-upload.pem")


@pytest.mark.parametrize("position", ["asks_again", "aborts"])
def test_confirmation_gets_a_capital_y(node: SimulatedFleet, login: Callable[..., Session], position: str) -> None:
    node.control.set_switch("all", "small_y", position)
    one = login()
    with contextlib.suppress(SessionLost):
        one.run("reboot", answer=CONFIRM, long=True)
    one.reconnect(10)
    assert one.show("webadmin")
