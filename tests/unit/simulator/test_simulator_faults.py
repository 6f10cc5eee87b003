# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults: each strikes where it should, as often as it should, and leaves the documented state behind."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator

import paramiko
import pytest

from tests.simulator.control import ControlError
from tests.simulator.faults import KINDS, FaultError, Faults, FaultSpec
from tests.simulator.fleet import SimulatedFleet

from .client import Login, Pair, address_of, commands, definition, eventually, old_ca, served


@pytest.fixture
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedFleet]:
    node = {"name": "core1", "services": ["webadmin", "callbridge"], "calls": 2}
    with SimulatedFleet(definition(node), tmp_path_factory.mktemp("faults")) as running:
        yield running


def fault(fleet: SimulatedFleet, kind: str, **more: object) -> None:
    fleet.control.set_fault("core1", {"kind": kind, **more})


def stored(fleet: SimulatedFleet) -> object:
    return fleet.control.state("core1")["services"]["callbridge"]["stored"]["prefer"]


@pytest.mark.parametrize(("kind", "after"), [("drop_before", "a"), ("drop_after", "b")])
@pytest.mark.parametrize("via", ["shell", "exec"])
def test_the_connection_is_lost_before_or_after_the_command(
    fleet: SimulatedFleet, kind: str, after: str, via: str
) -> None:
    fault(fleet, kind, match="callbridge prefer")
    with Login(fleet, "core1") as login:
        if via == "shell":
            shell = login.shell()
            assert shell.run("hostname") == ["core1"]
            with pytest.raises((EOFError, OSError)):
                shell.run("callbridge prefer b")
        else:
            assert login.exec("callbridge prefer b")[1] == -1
    assert stored(fleet) == after
    assert commands(fleet, "core1", "callbridge prefer b")[0] == []


def test_a_restart_goes_on_when_its_connection_is_lost(fleet: SimulatedFleet) -> None:
    fault(fleet, "drop_after", match="callbridge restart")
    with Login(fleet, "core1") as login, pytest.raises((EOFError, OSError)):
        login.shell().run("callbridge restart")
    assert eventually(lambda: fleet.control.events(kind="restart_end"))
    assert fleet.control.state("core1")["services"]["callbridge"]["running"]


def test_a_restart_goes_on_when_the_client_is_killed(fleet: SimulatedFleet) -> None:
    fault(fleet, "slow_restart", match="callbridge", seconds=0.3)
    with Login(fleet, "core1") as login:
        shell = login.shell()
        shell.type("callbridge restart\r")
        assert eventually(lambda: fleet.control.events(kind="restart_begin"))
    assert eventually(lambda: fleet.control.events(kind="restart_end"))[0]["ok"] is True


def test_the_switch_lost_connection_loses_the_session_of_a_callbridge_restart(fleet: SimulatedFleet) -> None:
    fleet.control.set_switch("core1", "callbridge_restart", "lost_connection")
    with Login(fleet, "core1") as login, pytest.raises((EOFError, OSError)):
        login.shell().run("callbridge restart")
    assert eventually(lambda: fleet.control.events(kind="restart_end"))[0]["ok"] is True


def test_failure_lines_and_garbage_have_no_effect_unless_told(fleet: SimulatedFleet) -> None:
    fault(fleet, "failure_line", match="callbridge prefer", text="out of cheese")
    fault(fleet, "garbage", match="callbridge prefer")
    fault(fleet, "garbage", match="callbridge prefer", text="?!", effect=True)
    answers = commands(fleet, "core1", "callbridge prefer b", "callbridge prefer c")
    assert answers[0] == ["FAILURE: out of cheese"]
    assert "token" in answers[1][0]
    assert stored(fleet) == "a"
    assert commands(fleet, "core1", "callbridge prefer d")[0] == ["?!"]
    assert stored(fleet) == "d"


def test_silence_ends_with_ctrl_c_or_the_connection(fleet: SimulatedFleet) -> None:
    fault(fleet, "silence", match="callbridge prefer", count=2)
    with Login(fleet, "core1") as login:
        shell = login.shell()
        shell.channel.settimeout(0.4)
        with pytest.raises(TimeoutError):
            shell.run("callbridge prefer b")
        shell.channel.settimeout(20)
        shell.type("\x03")
        assert "^C" in shell.until("core1> ")
        assert shell.run("hostname") == ["core1"]
        shell.type("callbridge prefer b\r")
    assert stored(fleet) == "a"


def test_a_failed_restart_leaves_the_service_down(fleet: SimulatedFleet) -> None:
    fault(fleet, "fail_restart", match="callbridge restart", text="could not bind")
    assert commands(fleet, "core1", "callbridge restart")[0] == ["FAILURE: could not bind"]
    with pytest.raises(ConnectionRefusedError):
        served(fleet, "core1", "sip")
    assert commands(fleet, "core1", "callbridge restart")[0][-1].startswith("SUCCESS")
    served(fleet, "core1", "sip")


def test_serving_the_old_certificate_after_a_restart_that_said_success(fleet: SimulatedFleet) -> None:
    pair = Pair(old_ca(fleet), "core1.example.test", client=True)
    before = served(fleet, "core1", "sip")
    fault(fleet, "serve_old_after_restart", match="callbridge")
    with Login(fleet, "core1") as login:
        login.put("n.key", pair.key)
        login.put("n.crt", pair.crt)
    answers = commands(fleet, "core1", "callbridge certs n.key n.crt", "callbridge restart", "callbridge")
    assert answers[1][-1] == "SUCCESS: Key and certificate pair match"
    assert "Key file              : n.key" in answers[2]
    assert served(fleet, "core1", "sip") == before
    assert fleet.control.state("core1")["services"]["callbridge"]["restart_pending"] is True
    commands(fleet, "core1", "callbridge restart")
    assert served(fleet, "core1", "sip") == pair.fingerprint


@pytest.mark.parametrize("keep", [False, True])
def test_an_upload_cut_short(fleet: SimulatedFleet, keep: bool) -> None:
    fault(fleet, "cut_upload", match="*.pem", keep_connection=keep)
    data = b"x" * 20000
    with Login(fleet, "core1") as login:
        login.put("fine.key", data)
        if keep:
            with login.sftp() as sftp:
                sftp.putfo(io.BytesIO(data), "cut.pem", confirm=False)
        else:
            with pytest.raises((EOFError, OSError, paramiko.SSHException)):
                login.put("cut.pem", data)
    files = fleet.control.state("core1")["files"]
    assert files["fine.key"]["size"] == 20000
    assert 0 < files["cut.pem"]["size"] < 20000


def test_a_full_disk(fleet: SimulatedFleet) -> None:
    fault(fleet, "disk_full", match="new.*")
    with Login(fleet, "core1") as login:
        with pytest.raises(OSError, match=r"."):
            login.put("new.pem", b"x" * 100)
        login.put("new.pem", b"x" * 100)
    assert fleet.control.state("core1")["files"]["new.pem"]["size"] == 100


@pytest.mark.parametrize("operation", ["get old_ca.pem", "stat old_ca.pem", "list"])
@pytest.mark.parametrize("kind", ["sftp_drop", "sftp_failure"])
def test_a_file_that_cannot_be_read_or_looked_at(fleet: SimulatedFleet, kind: str, operation: str) -> None:
    what, _blank, name = operation.partition(" ")

    def work(login: Login) -> object:
        sftp = login.client.open_sftp()
        return {"get": lambda: sftp.open(name).read(), "stat": lambda: sftp.stat(name), "list": sftp.listdir}[what]()

    fault(fleet, kind, match=operation)
    with Login(fleet, "core1") as login, pytest.raises((OSError, EOFError, paramiko.SSHException)):
        work(login)
    with Login(fleet, "core1") as login:
        assert work(login)


@pytest.mark.parametrize("kind", ["sftp_drop", "sftp_failure"])
def test_a_file_that_cannot_be_removed_stays(fleet: SimulatedFleet, kind: str) -> None:
    fault(fleet, kind, match="remove old_ca.pem")
    with Login(fleet, "core1") as login, pytest.raises((OSError, EOFError, paramiko.SSHException)):
        login.client.open_sftp().remove("old_ca.pem")
    assert "old_ca.pem" in fleet.control.state("core1")["files"]


@pytest.mark.parametrize("kind", ["refuse_login", "lockout"])
def test_a_login_that_is_refused(fleet: SimulatedFleet, kind: str) -> None:
    fault(fleet, kind)
    with pytest.raises((paramiko.AuthenticationException, paramiko.SSHException)):
        Login(fleet, "core1")
    if kind == "refuse_login":
        Login(fleet, "core1").client.close()
        return
    with pytest.raises((paramiko.AuthenticationException, paramiko.SSHException)):
        Login(fleet, "core1")
    fleet.control.clear_faults("core1")
    Login(fleet, "core1").client.close()


def test_an_unreachable_node_has_no_ssh_port_and_cuts_sessions(fleet: SimulatedFleet) -> None:
    address, ports = address_of(fleet, "core1")
    with Login(fleet, "core1") as login:
        shell = login.shell()
        fault(fleet, "unreachable")
        with pytest.raises((EOFError, OSError)):
            shell.run("hostname")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, ports["ssh"]), 5)
    fleet.control.clear_faults("core1")
    assert commands(fleet, "core1", "hostname") == [["core1"]]


@pytest.mark.parametrize("position", ["in_shell", "at_login"])
def test_a_forced_password_change(fleet: SimulatedFleet, position: str) -> None:
    fleet.control.set_switch("core1", "password_change", position)
    fault(fleet, "password_change")
    if position == "at_login":
        with pytest.raises((paramiko.AuthenticationException, paramiko.SSHException)):
            Login(fleet, "core1")
        return
    with Login(fleet, "core1") as login:
        greeting = login.shell("New password: ").greeting
    assert "core1> " not in greeting


def test_a_notice_of_expiry(fleet: SimulatedFleet) -> None:
    fault(fleet, "expiry_notice", text="Your password expires tomorrow")
    with Login(fleet, "core1") as login:
        assert "expires tomorrow" in login.shell().greeting


def test_counts_and_patterns() -> None:
    faults = Faults([])
    faults.add(FaultSpec("drop_before", match="pki csr", count=2, after=1))
    faults.add(FaultSpec("garbage", match="/^turn (dis|en)able$/", count=0))
    assert [bool(faults.take("drop_before", "pki csr x")) for _number in range(4)] == [False, True, True, False]
    assert faults.take("drop_before", "pki list") is None
    assert all(faults.take("garbage", "turn enable") for _number in range(5))
    assert faults.take("garbage", "turn enable now") is None
    faults.clear("garbage")
    assert faults.take("garbage", "turn enable") is None


@pytest.mark.parametrize("bad", [{}, {"kind": "earthquake"}, {"kind": "silence", "colour": "red"}, "silence"])
def test_nonsense_is_refused(bad: object) -> None:
    with pytest.raises(FaultError):
        FaultSpec.from_dict(bad)


def test_the_control_channel_refuses_nonsense(fleet: SimulatedFleet) -> None:
    for call in (
        lambda: fleet.control.state("nowhere"),
        lambda: fleet.control.set_fault("core1", {"kind": "earthquake"}),
        lambda: fleet.control.set_switch("core1", "echo", "loud"),
        lambda: fleet.control.restarts("core1", "toaster"),
        lambda: fleet.control.call("no_such_method"),
    ):
        with pytest.raises(ControlError):
            call()


def test_the_fault_kinds_of_the_issue_exist() -> None:
    assert {
        "drop_before", "drop_after", "refuse_login", "cut_upload", "disk_full", "slow_restart", "fail_restart",
        "serve_old_after_restart", "silence", "failure_line", "garbage", "unreachable", "password_change", "lockout",
        "expiry_notice", "api_500", "api_garbage", "api_slow", "sftp_drop", "sftp_failure",
        "alarm_after_restart", "api_form", "api_lost",
    } == set(KINDS)  # fmt: skip
