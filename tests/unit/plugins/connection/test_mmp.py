# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection plugin: variables become an endpoint, commands become rc and output, errors say what next."""

from __future__ import annotations

import pathlib
import stat
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from ansible import constants
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.playbook.play_context import PlayContext

from ansible_collections.certops.cms.plugins.connection import mmp
from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption
from ansible_collections.certops.cms.plugins.plugin_utils._mmp import hostkeys
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.transport import Endpoint
from tests.unit.plugins.plugin_utils.mmp.appliance import PASSWORD, USER, Appliance, Script

NAME = "certops.cms.mmp"
Open = Callable[..., mmp.Connection]


@pytest.fixture(autouse=True)
def home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    options = yaml.safe_load(mmp.DOCUMENTATION)["options"]
    constants.config.initialize_plugin_configuration_definitions("connection", NAME, options)
    return folder


@pytest.fixture
def connection() -> Iterator[Open]:
    """Give a connection with the given variables, as the task executor makes it."""
    opened: list[mmp.Connection] = []

    def make(check: bool = False, **variables: Any) -> mmp.Connection:
        context = PlayContext()
        context.check_mode = check
        one = mmp.Connection(context)
        one._load_name = NAME
        one.set_options(var_options={"inventory_hostname": "core1", "ansible_user": USER, **variables})
        opened.append(one)
        return one

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def appliance() -> Iterator[Callable[..., Appliance]]:
    started: list[Appliance] = []

    def start(**script: Any) -> Appliance:
        started.append(Appliance(Script(**script)))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def way_to(node: Appliance, home: pathlib.Path, **more: Any) -> dict[str, Any]:
    """Give the variables of a known node."""
    hostkeys.KnownHosts([], str(home / ".ssh" / "known_hosts")).remember(
        f"[127.0.0.1]:{node.port}", node.host_key.get_name(), node.host_key.asbytes()
    )
    return {"ansible_host": "127.0.0.1", "ansible_port": node.port, "ansible_password": PASSWORD, **more}


# Options -------------------------------------------------------------------------------------------------------------


def test_defaults_are_careful(connection: Open) -> None:
    assert connection().endpoint() == Endpoint(host="core1", user=USER)
    point = connection().endpoint()
    assert point.host_key_checking
    assert not point.accept_new


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ansible_host": "10.0.0.1"}, {"host": "10.0.0.1"}),
        ({"ansible_port": "2222"}, {"port": 2222}),
        ({"ansible_ssh_user": "other"}, {"user": "other"}),
        ({"ansible_password": "s3"}, {"password": "s3"}),
        ({"ansible_ssh_pass": "s3"}, {"password": "s3"}),
        ({"ansible_ssh_password": "s3"}, {"password": "s3"}),
        ({"ansible_ssh_private_key_file": "/k"}, {"private_key_file": "/k"}),
        ({"ansible_private_key_file": "/k"}, {"private_key_file": "/k"}),
        ({"ansible_ssh_private_key_passphrase": "p"}, {"passphrase": "p"}),
        ({"ansible_private_key_passphrase": "p"}, {"passphrase": "p"}),
        ({"ansible_host_key_checking": "no"}, {"host_key_checking": False}),
        ({"ansible_ssh_host_key_checking": False}, {"host_key_checking": False}),
        ({"ansible_ssh_common_args": "-o StrictHostKeyChecking=no"}, {"host_key_checking": False}),
        ({"ansible_ssh_extra_args": "-o StrictHostKeyChecking=accept-new"}, {"accept_new": True}),
        ({"ansible_ssh_args": "-o UserKnownHostsFile=/f"}, {"known_hosts_file": "/f"}),
        ({"ansible_mmp_known_hosts_file": "/f"}, {"known_hosts_file": "/f"}),
        ({"ansible_mmp_host_key_auto_add": True}, {"accept_new": True}),
        ({"ansible_mmp_proxy_command": "nc %h %p"}, {"proxy_command": "nc %h %p"}),
        ({"ansible_ssh_common_args": "-o ProxyCommand='nc %h %p'"}, {"proxy_command": "nc %h %p"}),
        ({"ansible_mmp_connect_timeout": 3}, {"connect_timeout": 3.0}),
        ({"ansible_mmp_command_timeout": 4}, {"command_timeout": 4.0}),
        ({"ansible_command_timeout": 4}, {"command_timeout": 4.0}),
        ({"ansible_mmp_long_timeout": 5}, {"long_timeout": 5.0}),
        ({"ansible_mmp_channel": "shell"}, {"channel": "shell"}),
        ({"ansible_mmp_pacing": 0.2}, {"pacing": 0.2}),
    ],
)
def test_variables_people_know_from_ssh_work(
    connection: Open, variables: dict[str, Any], expected: dict[str, Any]
) -> None:
    point = connection(**variables).endpoint()
    assert {name: getattr(point, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("name", "value", "option"),
    [
        ("ANSIBLE_HOST_KEY_CHECKING", "False", "host_key_checking"),
        ("ANSIBLE_MMP_KNOWN_HOSTS_FILE", "/f", "known_hosts_file"),
        ("ANSIBLE_REMOTE_PORT", "2222", "port"),
        ("ANSIBLE_MMP_CHANNEL", "exec", "channel"),
    ],
)
def test_environment_works(
    connection: Open, monkeypatch: pytest.MonkeyPatch, name: str, value: str, option: str
) -> None:
    monkeypatch.setenv(name, value)
    assert str(getattr(connection().endpoint(), option)) == value


def test_jump_host_with_its_own_password(connection: Open) -> None:
    point = connection(
        ansible_password="s3", ansible_mmp_proxy_jump="me@jump:2222", ansible_mmp_proxy_jump_password="j4"
    ).endpoint()
    jump = point.proxy_jump
    assert jump is not None
    assert (jump.user, jump.host, jump.port, jump.password) == ("me", "jump", 2222, "j4")


@pytest.mark.parametrize("args", ["-o ProxyJump=me@jump", "-J me@jump", "-o ProxyCommand=x -o ProxyJump=me@jump"])
def test_jump_host_of_ssh_arguments_goes_through_openssh(
    connection: Open, monkeypatch: pytest.MonkeyPatch, args: str
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    command = connection(ansible_ssh_common_args=args).endpoint().proxy_command or ""
    assert command.startswith("ssh ")
    assert command.endswith("-l me -- jump")


def test_option_that_cannot_be_used_is_named(connection: Open) -> None:
    with pytest.raises(BadOption, match="port"):
        connection(ansible_port=70000).endpoint()


def test_secrets_are_told_for_masking(connection: Open) -> None:
    one = connection(ansible_password="s3", ansible_private_key_passphrase="p4")
    assert set(one.secrets) == {"s3", "p4"}


# Commands ------------------------------------------------------------------------------------------------------------


def test_command_gives_rc_and_output(connection: Open, appliance: Callable[..., Appliance], home: pathlib.Path) -> None:
    node = appliance(answers={"version": "3.9\n", "turn": "Enabled : true\nPassword : clear-text-9\n"})
    one = connection(**way_to(node, home))
    assert one.exec_command("version") == (0, b"3.9\n", b"")
    assert one.exec_command("turn") == (0, b"Enabled : true\nPassword : ********\n", b"")
    assert node.attempts == ["password"]


@pytest.mark.parametrize("printed", ["FAILURE: no\n", "SUCCESS: a\nFAILURE: b\n", "unknown command\n", "Usage:\n  x\n"])
def test_failure_and_misunderstanding_are_rc_1(
    connection: Open, appliance: Callable[..., Appliance], home: pathlib.Path, printed: str
) -> None:
    node = appliance(answers={"version": "3.9\n", "x": printed})
    assert connection(**way_to(node, home)).exec_command("x") == (1, printed.encode(), b"")


@pytest.mark.parametrize(
    "command",
    ["( umask 77 && mkdir -p x )", "echo ~admin", "/bin/sh -c 'echo'", "/usr/bin/python3 x.py", "sudo -n x", "rm -f x"],
)
def test_posix_commands_of_ansible_never_reach_the_node(
    connection: Open, appliance: Callable[..., Appliance], home: pathlib.Path, command: str
) -> None:
    node = appliance()
    with pytest.raises(AnsibleError, match="gather_facts"):
        connection(**way_to(node, home)).exec_command(command)
    assert node.connections == 0


def test_node_that_is_not_reached_is_unreachable(
    connection: Open, appliance: Callable[..., Appliance], home: pathlib.Path
) -> None:
    node = appliance()
    variables = way_to(node, home)
    with pytest.raises(AnsibleConnectionFailure, match="one attempt was made"):
        connection(**{**variables, "ansible_password": "wrong-secret-1"}).exec_command("version")
    node.stop()
    with pytest.raises(AnsibleConnectionFailure, match="Next step"):
        connection(**variables).exec_command("version")


def test_question_is_a_failure_of_the_task_and_not_of_the_host(
    connection: Open, appliance: Callable[..., Appliance], home: pathlib.Path
) -> None:
    def asking(console: Any) -> None:
        console.ask("Sure? (Y/n) ")

    node = appliance(answers={"version": "3.9\n", "reboot": asking})
    with pytest.raises(AnsibleError, match="no step expects") as error:
        connection(**way_to(node, home)).exec_command("reboot")
    assert not isinstance(error.value, AnsibleConnectionFailure)


def test_become_is_ignored(connection: Open) -> None:
    one = connection()
    one.set_become_plugin(object())
    assert one.become is None


def test_connection_can_be_closed_and_used_again(
    connection: Open, appliance: Callable[..., Appliance], home: pathlib.Path
) -> None:
    node = appliance(answers={"version": "3.9\n"})
    one = connection(**way_to(node, home))
    one.exec_command("version")
    one.reset()
    one.exec_command("version")
    assert node.attempts == ["password", "password"]


# Files ---------------------------------------------------------------------------------------------------------------


def test_files_go_both_ways(
    connection: Open, appliance: Callable[..., Appliance], home: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    node = appliance()
    one = connection(**way_to(node, home))
    (tmp_path / "a.pem").write_bytes(b"content\x00")
    one.put_file(str(tmp_path / "a.pem"), "/a.pem")
    assert node.files == {"a.pem": b"content\x00"}
    one.fetch_file("a.pem", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == b"content\x00"
    assert stat.S_IMODE((tmp_path / "back").stat().st_mode) == 0o600


def test_file_for_a_folder_is_refused(
    connection: Open, appliance: Callable[..., Appliance], home: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "a.pem").write_bytes(b"content")
    with pytest.raises(AnsibleError, match="without folders"):
        connection(**way_to(appliance(), home)).put_file(str(tmp_path / "a.pem"), "/tmp/x/a.pem")


def test_missing_file_is_a_failure_of_the_task(
    connection: Open, appliance: Callable[..., Appliance], home: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    one = connection(**way_to(appliance(), home))
    with pytest.raises(AnsibleError, match="no such file"):
        one.fetch_file("none.pem", str(tmp_path / "back"))
    assert not (tmp_path / "back").exists()
    with pytest.raises(AnsibleError, match=r"cannot be read"):
        one.put_file(str(tmp_path / "none"), "a.pem")


# Check mode ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [True, False])
def test_known_hosts_are_not_written_in_check_mode(
    connection: Open, appliance: Callable[..., Appliance], tmp_path: pathlib.Path, check: bool
) -> None:
    node = appliance(answers={"version": "3.9\n"})
    known = tmp_path / "known"
    one = connection(
        check,
        ansible_host="127.0.0.1",
        ansible_port=node.port,
        ansible_password=PASSWORD,
        ansible_mmp_host_key_auto_add=True,
        ansible_mmp_known_hosts_file=str(known),
    )
    one.exec_command("version")
    assert known.exists() is not check
