# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the recorder does with nodes that behave like no other: it notes it, answers nothing, and goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._errors import PasswordChangeRequired, SessionLost
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.endpoint import Endpoint
from ansible_collections.certops.cms.plugins.plugin_utils._record import recording
from ansible_collections.certops.cms.plugins.plugin_utils._record.listener import Account, Heard, Listener
from ansible_collections.certops.cms.plugins.plugin_utils._record.masking import Mask
from tests.unit.plugins.plugin_utils.mmp.appliance import PASSWORD, USER, Appliance, Console, Script

WEBADMIN = """\
Enabled                 : true
TLS listening interface : a
TLS listening port      : 8443
Key file                : wa.key
Certificate file        : wa.pem
CA Bundle file          : none
HTTP redirect           : Disabled
STATUS                  : webadmin running
"""
Start = Callable[..., tuple[Appliance, Endpoint]]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Appliance] = []

    def begin(**script: Any) -> tuple[Appliance, Endpoint]:
        answers = {"version": "3.9", "webadmin": WEBADMIN, **script.pop("answers", {})}
        one = Appliance(Script(answers=answers, **script))
        started.append(one)
        return one, Endpoint(
            host="127.0.0.1",
            port=one.port,
            user=USER,
            password=PASSWORD,
            host_key_checking=False,
            connect_timeout=5,
            command_timeout=1,
            pacing=0,
        )

    yield begin
    for one in started:
        one.stop()


def heard(account: Account, command: str, channel: str) -> Heard:
    return next(one for one in account.heard if one.question.command == command and one.channel == channel)


def composed(account: Account) -> dict[str, Any]:
    return recording.compose(account, recording.About((), (), "2026-11-23", {}), Mask())


def test_a_question_is_recorded_and_not_answered(start: Start) -> None:
    replies: list[str | None] = []

    def ask(console: Console) -> None:
        replies.append(console.ask("Really show the streamer? (Y/n) "))

    appliance, endpoint = start(answers={"streamer": ask}, exec=False)
    account = Listener(endpoint).listen()
    found = heard(account, "streamer", "shell")
    assert b"(Y/n)" in found.tape.received
    assert found.outcome == "the node asked something; it was not answered"
    # Ctrl-C, and no letter before it.
    assert replies == [None]
    assert heard(account, "uploader", "shell").outcome == "ended"
    assert len(appliance.attempts) == 1


def test_a_question_in_an_exec_channel_is_not_answered_either(start: Start) -> None:
    replies: list[str | None] = []

    def ask(console: Console) -> None:
        console.write("New password: ")
        replies.append(console.read_line())

    _appliance, endpoint = start(answers={"database cluster status": ask})
    account = Listener(endpoint).listen()
    assert heard(account, "database cluster status", "exec").outcome == "the node asked something; it was not answered"
    assert replies == []
    assert heard(account, "uploader", "exec").outcome == "ended"


def test_a_prompt_of_another_form_is_in_the_recording(start: Start) -> None:
    _appliance, endpoint = start(prompt="cms-a# ")
    account = Listener(endpoint).listen()
    assert account.shells[0].received.endswith(b"cms-a# ")
    assert [what for what, _why in account.failed] == ["the shell"]
    assert heard(account, "webadmin", "exec").outcome == "ended"


def test_a_private_key_behind_the_name_of_a_certificate_is_dropped(start: Start) -> None:
    appliance, endpoint = start()
    appliance.files["wa.pem"] = b"-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\n"
    account = Listener(endpoint).listen()
    assert account.files == {}
    assert account.failed == [("wa.pem", "it holds a private key; its content was dropped unread")]


@pytest.mark.parametrize("name", ["wa.key", "wa.p12", "wa.pfx"])
def test_a_key_that_a_setting_names_as_a_certificate_is_not_opened(start: Start, name: str) -> None:
    appliance, endpoint = start(answers={"webadmin": WEBADMIN.replace("wa.pem", name)})
    appliance.script.file_faults[("open", name)] = 13
    appliance.files[name] = b"never read"
    account = Listener(endpoint).listen()
    # Had it been opened, the node would have refused, and that would be a failure.
    assert account.failed == []
    assert account.files == {}


def test_what_the_collection_does_not_understand_is_named_on_top(start: Start) -> None:
    strange = {"callbridge": "Everything is fine", "version": "none of your business", "pki list": "wa.key"}
    _appliance, endpoint = start(answers=strange)
    found = composed(Listener(endpoint).listen())
    assert [one["what"] for one in found["summary"]["not_understood"]] == ["callbridge", "version"]


def test_a_new_password_that_is_wanted_ends_it_and_leaves_what_was_said(start: Start) -> None:
    def demand(channel: Any) -> None:
        channel.sendall(b"Your password has expired\r\nNew password: ")
        channel.recv(1)

    _appliance, endpoint = start(exec=False, shell=demand)
    account = Listener(endpoint).listen()
    assert isinstance(account.cut_short, PasswordChangeRequired)
    assert b"New password: " in account.shells[0].received
    assert composed(account)["summary"]["cut_short"]


def test_a_node_that_hangs_up_twice_is_left_alone(start: Start) -> None:
    appliance, endpoint = start(answers={"recorder": Console.hang_up, "streamer": Console.hang_up})
    account = Listener(endpoint).listen()
    assert isinstance(account.cut_short, SessionLost)
    assert (account.logins, len(appliance.attempts)) == (2, 2)


def test_an_endless_answer_is_cut_and_said_so(start: Start) -> None:
    _appliance, endpoint = start(answers={"help": "word\n" * 80_000})
    found = composed(Listener(endpoint).listen())
    one = next(entry for entry in found["commands"] if entry["command"] == "help" and entry["channel"] == "exec")
    assert one["cut"] == "the answer was longer than is kept"
    assert len(one["received"]) < 600_000
