# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logging in, the shell, the exec channel and SFTP, with a real client and every switch that changes them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest

from tests.simulator.fleet import SimulatedFleet

from .client import PASSWORD, Login, Shell, commands, definition, eventually

USERS = [
    {"name": "admin", "password": PASSWORD},
    {"name": "crypto1", "password": PASSWORD, "role": "crypto"},
    {"name": "audit1", "password": PASSWORD, "role": "audit"},
    {"name": "api1", "password": PASSWORD, "role": "api"},
    {"name": "fresh", "password": PASSWORD, "must_change": True},
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedFleet]:
    node = {"name": "node1", "services": ["webadmin"], "lacks": ["turn"]}
    with SimulatedFleet(definition(node, users=USERS), tmp_path_factory.mktemp("session")) as fleet:
        yield fleet


@pytest.fixture
def fleet(running: SimulatedFleet) -> Iterator[SimulatedFleet]:
    yield running
    running.control.clear_faults()
    running.control.set_switch("all", "dialect", "default")


def switch(fleet: SimulatedFleet, **positions: object) -> None:
    for name, position in positions.items():
        fleet.control.set_switch("node1", name, position)


def test_a_password_opens_a_shell_with_welcome_prompt_and_echo(fleet: SimulatedFleet) -> None:
    with Login(fleet, "node1") as login:
        shell = login.shell()
        assert shell.greeting == "Welcome to the simulated Meeting Server\r\nnode1> "
        assert shell.raw("hostname") == "hostname\r\nnode1\r\nnode1> "


@pytest.mark.parametrize("method", ["password", "keyboard_interactive"])
def test_each_login_method_alone_is_enough(fleet: SimulatedFleet, method: str) -> None:
    switch(fleet, login_method=method)
    with Login(fleet, "node1") as login:
        assert login.exec("hostname") == ("node1\n", 0)


def test_a_wrong_password_is_refused_and_logged_without_it(fleet: SimulatedFleet) -> None:
    before = fleet.control.last_event()
    with pytest.raises(paramiko.AuthenticationException):
        Login(fleet, "node1", password="Wrong-Secret")
    events = fleet.control.events(before, "login_failed")
    assert events
    assert events[0]["why"] == "wrong password"
    assert "Wrong-Secret" not in (fleet.directory / "events.jsonl").read_text()


def test_an_uploaded_public_key_logs_in(fleet: SimulatedFleet) -> None:
    key = paramiko.ECDSAKey.generate()
    with Login(fleet, "node1") as login:
        login.put("admin.pub", f"{key.get_name()} {key.get_base64()} admin\n".encode())
    with Login(fleet, "node1", password=None, key=key) as login:
        assert login.exec("hostname")[0] == "node1\n"
    with pytest.raises(paramiko.AuthenticationException):
        Login(fleet, "node1", password=None, key=paramiko.ECDSAKey.generate())
    assert "User supplied SSH keys:" in commands(fleet, "node1", "pki list")[0]


@pytest.mark.parametrize("user", ["api1", "nobody"])
def test_users_without_a_command_line_do_not_get_in(fleet: SimulatedFleet, user: str) -> None:
    with pytest.raises(paramiko.AuthenticationException):
        Login(fleet, "node1", user)


def test_roles_decide_what_may_be_run(fleet: SimulatedFleet) -> None:
    with Login(fleet, "node1", "audit1") as login:
        assert login.exec("webadmin")[0] == "FAILURE: permission denied\n"
    with Login(fleet, "node1", "crypto1") as login:
        assert login.exec("pki list")[0].startswith("User supplied")
        assert login.exec("reboot")[0] == "FAILURE: permission denied\n"
        switch(fleet, crypto_role="pki_only")
        assert login.exec("webadmin")[0] == "FAILURE: permission denied\n"


@pytest.mark.parametrize(
    ("position", "greeting"),
    [("none", "node1> "), ("many_lines", "Maintenance> every Sunday\r\n\r\nnode1> ")],
)
def test_the_welcome_is_a_switch(fleet: SimulatedFleet, position: str, greeting: str) -> None:
    switch(fleet, welcome=position)
    with Login(fleet, "node1") as login:
        assert login.shell().greeting.endswith(greeting)


def test_a_banner_comes_before_authentication(fleet: SimulatedFleet) -> None:
    switch(fleet, banner="many_lines")
    with Login(fleet, "node1") as login:
        transport = login.client.get_transport()
        assert transport is not None
        assert b"as admin> please" in (transport.get_banner() or b"")


def test_without_echo_only_the_answer_comes(fleet: SimulatedFleet) -> None:
    switch(fleet, echo="off", shell_line_ending="lf")
    with Login(fleet, "node1") as login:
        assert login.shell().raw("hostname") == "node1\nnode1> "


@pytest.mark.parametrize(("position", "prompt"), [("bare", "> "), ("hostname_no_blank", "node1>")])
def test_the_prompt_is_a_switch(fleet: SimulatedFleet, position: str, prompt: str) -> None:
    switch(fleet, prompt=position, welcome="none")
    with Login(fleet, "node1") as login:
        assert login.shell(prompt).greeting == prompt


def test_a_coloured_prompt_carries_escape_sequences(fleet: SimulatedFleet) -> None:
    switch(fleet, ansi="colour_prompt", welcome="none")
    with Login(fleet, "node1") as login:
        assert login.shell("\x1b[0m").greeting == "\x1b[1;32mnode1> \x1b[0m"


def test_long_answers_wrap_at_the_terminal_width_under_the_switch(fleet: SimulatedFleet) -> None:
    switch(fleet, wrap="terminal_width")
    with Login(fleet, "node1") as login:
        text = login.shell(width=20).raw("webadmin")
    assert max(len(line) for line in text.split("\r\n")) <= 20


def test_paging_stops_at_a_marker_until_a_key_comes(fleet: SimulatedFleet) -> None:
    switch(fleet, paging=4)
    with Login(fleet, "node1") as login:
        shell = login.shell()
        first = shell.raw("webadmin", "--More--")
        assert first.count("\r\n") == 5
        shell.type(" ")
        rest = shell.until("node1> ", "--More--")
        assert "STATUS" in rest
        shell.raw("webadmin", "--More--")
        shell.type("q")
        assert "STATUS" not in shell.until("node1> ")


def test_history_tab_and_editing_keys_work(fleet: SimulatedFleet) -> None:
    with Login(fleet, "node1") as login:
        shell = login.shell()
        assert shell.run("hostname") == ["node1"]
        shell.type("\x1b[A\r")
        assert shell.until("node1> ") == "hostname\r\nnode1\r\nnode1> "
        shell.type("hostx\x7fn\t\r")
        assert shell.until("node1> ").endswith("node1\r\nnode1> ")
        shell.type("rubbish\x15hostname\n")
        assert shell.until("node1> ").endswith("node1\r\nnode1> ")
        shell.type("half a comm\x03")
        assert shell.until("^C\r\nnode1> ")
        shell.type("\x04")
        assert shell.channel.recv_exit_status() == 0


def test_type_ahead_is_answered_line_by_line(fleet: SimulatedFleet) -> None:
    with Login(fleet, "node1") as login:
        shell = login.shell()
        shell.type("hostname\rversion\rhostname\r")
        text = shell.until("hostname\r\nnode1\r\nnode1> version\r\n3.9\r\nnode1> hostname\r\nnode1\r\nnode1> ")
        assert text.count("node1> ") == 3


@pytest.mark.parametrize(
    ("positions", "line", "first"),
    [
        ({}, "frobnicate", "frobnicate: command not recognised"),
        ({"unknown_command": "failure_line"}, "frobnicate", "FAILURE: unknown command"),
        ({"unknown_command": "usage"}, "frobnicate", "Usage:"),
        ({}, "webadmin certs one", "Usage:"),
        ({"wrong_arguments": "failure_line"}, "webadmin certs one", "FAILURE: webadmin: wrong arguments"),
        ({}, "turn", "turn: command not recognised"),
        ({"missing_service": "failure_line"}, "turn", "FAILURE: turn is not available on this platform"),
        ({}, 'webadmin certs "a', "FAILURE: unbalanced quotes"),
        ({}, "help webbridge3", "Usage:"),
        ({}, "help callbridge", "Configure CMS callbridge"),
        ({"version_form": "sentence"}, "version", "Cisco Meeting Server version 3.9"),
        ({"version_form": "rows"}, "version", "Version   : 3.9"),
        ({}, "database cluster status", "Status                   : Disabled"),
    ],
)
def test_answers_to_odd_lines(fleet: SimulatedFleet, positions: dict[str, str], line: str, first: str) -> None:
    switch(fleet, **positions)
    assert commands(fleet, "node1", line)[0][0] == first


@pytest.mark.parametrize(("position", "good", "bad"), [("zero", 0, 0), ("one_on_failure", 0, 1), ("none", -1, -1)])
def test_the_exit_status_of_exec_is_a_switch(fleet: SimulatedFleet, position: str, good: int, bad: int) -> None:
    switch(fleet, exec_exit_status=position, exec_line_ending="crlf")
    with Login(fleet, "node1") as login:
        assert login.exec("hostname") == ("node1\r\n", good)
        assert login.exec("pki inspect none.crt") == ("FAILURE: file none.crt not found\r\n", bad)


def test_exec_can_be_refused_while_the_shell_works(fleet: SimulatedFleet) -> None:
    switch(fleet, exec_channel="refused")
    with Login(fleet, "node1") as login:
        with pytest.raises(paramiko.SSHException):
            login.exec("hostname")
        assert login.shell().run("hostname") == ["node1"]


def test_channels_opened_too_fast_are_refused(fleet: SimulatedFleet) -> None:
    with Login(fleet, "node1") as login:
        transport = login.client.get_transport()
        assert transport is not None
        channels = []
        with ThreadPoolExecutor(6) as pool:
            waiting = [pool.submit(transport.open_session) for _number in range(6)]
            for future in waiting:
                try:
                    channels.append(future.result(20))
                except paramiko.SSHException:
                    continue
        assert len(channels) < 6
        assert login.exec("hostname")[0] == "node1\n"


def test_the_nth_session_of_a_user_is_refused(fleet: SimulatedFleet) -> None:
    assert eventually(lambda: fleet.control.state("node1")["sessions"] == 0)
    switch(fleet, session_limit=2)
    with Login(fleet, "node1"), pytest.raises((paramiko.SSHException, EOFError)):
        Login(fleet, "node1").exec("hostname")
    eventually(lambda: fleet.control.events(kind="login_failed")[-1]["why"] == "session limit")
    assert eventually(lambda: fleet.control.state("node1")["sessions"] == 0)
    with Login(fleet, "node1") as login:
        assert login.exec("hostname")[0] == "node1\n"


def test_a_small_y_aborts_or_is_asked_again(fleet: SimulatedFleet) -> None:
    with Login(fleet, "node1") as login:
        shell = login.shell()
        assert shell.raw("reboot", "(Y/n) ")
        assert "Rebooting" not in shell.raw("y")
        switch(fleet, small_y="asks_again")
        shell.raw("reboot", "(Y/n) ")
        shell.raw("y", "(Y/n) ")
        shell.raw("n")


def test_a_question_in_exec_is_refused_under_the_switch(fleet: SimulatedFleet) -> None:
    switch(fleet, exec_confirmation="refuses")
    with Login(fleet, "node1") as login:
        assert login.exec("reboot")[0] == "FAILURE: confirmation needed\n"


def test_a_notice_about_the_password_comes_before_the_prompt(fleet: SimulatedFleet) -> None:
    switch(fleet, expiry_notice="one_line", welcome="none")
    with Login(fleet, "node1") as login:
        assert login.shell().greeting == "Your password will expire in 5 days\r\nnode1> "


def test_a_new_user_has_to_set_a_password_before_anything_else(tmp_path: Path) -> None:
    with SimulatedFleet(definition({"name": "node1"}, users=USERS), tmp_path / "s") as fleet:
        with Login(fleet, "node1", "fresh") as login:
            assert "expired" in login.exec("hostname")[0]
            with pytest.raises(paramiko.SSHException):
                login.sftp()
            time.sleep(0.05)
            shell = Shell(login.client, "")
            assert "expired" in shell.until("New password: ")
            shell.raw("Another-Secret-2", "New password again: ")
            assert shell.raw("Another-Secret-2", "node1> ").startswith("\r\nPassword changed")
        with pytest.raises(paramiko.AuthenticationException):
            Login(fleet, "node1", "fresh")
        with Login(fleet, "node1", "fresh", "Another-Secret-2") as login:
            assert login.exec("hostname")[0] == "node1\n"
        assert "Another-Secret-2" not in "".join(path.read_text() for path in (tmp_path / "s").rglob("*.json*"))


def test_passwd_changes_the_password_through_hidden_questions(tmp_path: Path) -> None:
    with SimulatedFleet(definition({"name": "node1"}), tmp_path / "s") as fleet:
        with Login(fleet, "node1") as login:
            shell = login.shell()
            shell.raw("passwd", "Old password: ")
            echoed = shell.raw(PASSWORD, "New password: ")
            shell.raw("Another-Secret-2", "New password again: ")
            assert "SUCCESS: password changed" in shell.raw("Another-Secret-2")
            assert PASSWORD not in echoed
        with Login(fleet, "node1", password="Another-Secret-2") as login:
            assert login.exec("hostname")[1] == 0


def test_too_many_failures_lock_the_user_out(tmp_path: Path) -> None:
    with SimulatedFleet(definition({"name": "node1"}, rules={"max_failed_logins": 2}), tmp_path / "s") as fleet:
        for _attempt in range(2):
            with pytest.raises(paramiko.AuthenticationException):
                Login(fleet, "node1", password="wrong")
        with pytest.raises(paramiko.AuthenticationException):
            Login(fleet, "node1")
        assert fleet.control.events(kind="login_failed")[-1]["why"] == "locked out"
        fleet.control.clear_faults("node1", "lockout")
        Login(fleet, "node1").client.close()


def test_an_idle_session_ends_by_itself(fleet: SimulatedFleet) -> None:
    switch(fleet, idle_limit=0.2)
    with Login(fleet, "node1") as login:
        shell = login.shell()
        assert shell.channel.recv_exit_status() == 0


def test_the_listing_shows_files_and_hides_others_under_the_switch(fleet: SimulatedFleet) -> None:
    with Login(fleet, "node1") as login, login.sftp() as sftp:
        names = sftp.listdir(".")
        assert {"cms.lic", "live.json", "node1_webadmin.key"} <= set(names)
        switch(fleet, sftp_other_files="hidden")
        assert "live.json" not in sftp.listdir("/")


def test_files_go_up_and_down_whole(fleet: SimulatedFleet) -> None:
    data = bytes(range(256)) * 700
    with Login(fleet, "node1") as login:
        login.put("blob.pem", data)
        assert login.get("/blob.pem") == data
        with login.sftp() as sftp:
            sftp.remove("blob.pem")
            assert "blob.pem" not in sftp.listdir(".")
    kinds = [event["kind"] for event in fleet.control.events() if event.get("file") == "blob.pem"]
    # Whether a client looks at a file before it reads it is the client's business.
    assert [kind for kind in kinds if kind != "sftp_stat"] == ["sftp_put", "sftp_get", "sftp_remove"]


def test_what_sftp_refuses(fleet: SimulatedFleet) -> None:
    with Login(fleet, "node1") as login, login.sftp() as sftp:
        for refused in (
            lambda: sftp.mkdir("folder"),
            lambda: sftp.rename("cms.lic", "other.lic"),
            lambda: sftp.remove("live.json"),
            lambda: sftp.open("live.json", "w"),
            lambda: sftp.open("../state.json"),
            lambda: sftp.open("folder/a.pem", "w"),
            lambda: sftp.symlink("/etc/passwd", "a.pem"),
        ):
            with pytest.raises(OSError, match=r"."):
                refused()


def test_files_in_use_are_protected_under_the_switches(fleet: SimulatedFleet) -> None:
    switch(fleet, sftp_delete_in_use="permission_denied", sftp_overwrite_in_use="permission_denied")
    with Login(fleet, "node1") as login:
        original = login.get("node1_webadmin.crt")
        with login.sftp() as sftp:
            with pytest.raises(PermissionError):
                sftp.remove("node1_webadmin.crt")
            with pytest.raises(PermissionError):
                sftp.open("node1_webadmin.crt", "w")
        assert login.get("node1_webadmin.crt") == original


def test_logins_are_counted(fleet: SimulatedFleet) -> None:
    before = fleet.control.login_count("node1")
    for _attempt in range(3):
        Login(fleet, "node1").client.close()
    assert fleet.control.login_count("node1") == before + 3


def test_a_reboot_takes_the_node_away_and_brings_the_new_name(tmp_path: Path) -> None:
    with SimulatedFleet(definition({"name": "node1", "services": ["webadmin"]}), tmp_path / "s") as fleet:
        assert commands(fleet, "node1", "hostname renamed", "hostname") == [
            ["A reboot is required for the change to take effect"],
            ["node1"],
        ]
        with Login(fleet, "node1") as login:
            shell = login.shell()
            shell.raw("reboot", "(Y/n) ")
            shell.type("Y\r")
            with pytest.raises((EOFError, OSError)):
                shell.until("never")
        assert eventually(lambda: fleet.control.events(kind="reboot_end"))
        with Login(fleet, "node1") as login:
            assert login.shell("renamed> ").run("hostname") == ["renamed"]
        assert fleet.control.restarts("node1", "webadmin") == 1
