# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session: commands with results, exec and shell, questions, files, one login, a transcript without secrets."""

from __future__ import annotations

import errno
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._errors import (
    AuthenticationFailed,
    BadOption,
    CommandFailed,
    ConnectionFailed,
    FileProblem,
    NoPrompt,
    NotUnderstood,
    PasswordChangeRequired,
    SessionLost,
    UnexpectedPrompt,
)
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.channel import run_exec
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.masking import Masker
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import CONFIRM, Answer, Session, quote
from tests.unit.plugins.plugin_utils.mmp.appliance import PASSWORD, Appliance, Console

Start = Callable[..., Appliance]
Open = Callable[..., Session]

WEBADMIN = "Enabled                 : true\nTLS listening interface : b\nKey file                : wa.key\n"
RESTARTED = "SUCCESS: listen interface configured\nSUCCESS: Key and certificate pair match\n"
MISMATCH = (
    "FAILURE: Key and certificate problem: certificate and key do not match\n"
    "FAILURE: Callbridge configuration not complete\n"
)
BOTH = pytest.mark.parametrize("channel", ["exec", "shell"])


@BOTH
def test_display_is_given_as_printed(appliance: Start, session: Open, channel: str) -> None:
    node = appliance(answers={"webadmin": WEBADMIN})
    assert session(node, channel=channel).show("webadmin") == WEBADMIN


@BOTH
def test_results_are_told_from_other_lines(appliance: Start, session: Open, channel: str) -> None:
    node = appliance(answers={"callbridge restart": "restarting\n" + RESTARTED})
    reply = session(node, channel=channel).run("callbridge restart", long=True)
    assert reply.results == ((True, "listen interface configured"), (True, "Key and certificate pair match"))
    assert reply.others == ("restarting",)
    assert reply.succeeded


@BOTH
def test_one_failure_line_fails_the_command_and_all_lines_are_in_the_error(
    appliance: Start, session: Open, channel: str
) -> None:
    node = appliance(answers={"callbridge restart": "SUCCESS: listen interface configured\n" + MISMATCH})
    with pytest.raises(CommandFailed) as error:
        session(node, channel=channel).run("callbridge restart")
    assert error.value.transcript == ["SUCCESS: listen interface configured", *MISMATCH.splitlines()]
    assert "do not match" in error.value.reason


def test_without_check_a_failure_is_only_told(appliance: Start, session: Open) -> None:
    node = appliance(answers={"callbridge restart": MISMATCH})
    assert session(node).run("callbridge restart", check=False).failed


@BOTH
def test_silence_is_acceptance_of_a_setting(appliance: Start, session: Open, channel: str) -> None:
    node = appliance(answers={"callbridge certs a.key a.crt": ""})
    assert session(node, channel=channel).store("callbridge certs a.key a.crt").lines == ()


@pytest.mark.parametrize(
    "printed", ["SUCCESS: stored\n", "A restart is required for this to take effect\n", "....\n..\n"]
)
def test_success_and_known_notices_are_acceptance(appliance: Start, session: Open, printed: str) -> None:
    node = appliance(answers={"callbridge certs a.key a.crt": printed})
    session(node).store("callbridge certs a.key a.crt")


@BOTH
@pytest.mark.parametrize(
    "printed",
    [
        "Usage:\n    callbridge certs <key> <crt> [<bundle>]\n",
        "Set the certificates\nUsage :\n    callbridge certs\n",
        "unknown command\n",
        "callbridge: no idea what you mean\n",
    ],
)
def test_s8_what_is_not_understood_is_not_success(appliance: Start, session: Open, channel: str, printed: str) -> None:
    node = appliance(answers={"callbridge certs a.key a.crt": printed})
    with pytest.raises(NotUnderstood) as error:
        session(node, channel=channel).store("callbridge certs a.key a.crt")
    assert error.value.transcript == printed.splitlines()


def test_help_may_print_a_usage_text(appliance: Start, session: Open) -> None:
    node = appliance(answers={"help turn": "Usage:\n    turn\n    turn enable\n"})
    assert session(node).run("help turn").understood


# Exec or shell -------------------------------------------------------------------------------------------------------


def test_auto_uses_exec_where_it_works(appliance: Start, session: Open) -> None:
    node = appliance(answers={"version": "3.9", "webadmin": WEBADMIN})
    with session(node) as one:
        one.show("webadmin")
        one.show("webadmin")
    assert (node.execs, node.shells) == (3, 0)
    assert node.commands == ["version", "webadmin", "webadmin"]


def test_auto_falls_back_to_the_shell_where_exec_is_refused(appliance: Start, session: Open) -> None:
    node = appliance(exec=False, answers={"webadmin": WEBADMIN})
    assert session(node).show("webadmin") == WEBADMIN
    assert node.commands == ["webadmin"]


@pytest.mark.parametrize("printed", ["", "exec is not supported\n", "This service allows interactive logins only\n"])
def test_auto_does_not_take_an_empty_exec_for_a_success(appliance: Start, session: Open, printed: str) -> None:
    def version(console: Console) -> None:
        console.write("3.9\n" if console.interactive else printed)

    node = appliance(answers={"version": version, "callbridge certs a.key a.crt": ""})
    session(node).store("callbridge certs a.key a.crt")
    # Not carried out in an exec channel that leads nowhere, but in the shell.
    assert (node.execs, node.shells) == (1, 1)


def test_channels_refused_once_are_tried_again(appliance: Start, session: Open) -> None:
    node = appliance(refuse_channels=1, answers={"version": "3.9\n"})
    assert session(node, channel="exec").show("version") == "3.9\n"


def test_exec_without_fallback_says_that_it_is_refused(appliance: Start, session: Open) -> None:
    with pytest.raises(ConnectionFailed, match="exec"):
        session(appliance(exec=False), channel="exec").show("version")


@pytest.mark.parametrize("status", [0, 1, None])
def test_exit_status_is_kept_and_not_judged(appliance: Start, session: Open, status: int | None) -> None:
    node = appliance(exec_status=status, answers={"version": "3.9\n"})
    reply = session(node, channel="exec").run("version")
    assert reply.exit_status == status
    assert reply.lines == ("3.9",)


def test_one_login_for_commands_and_files(appliance: Start, session: Open) -> None:
    node = appliance(answers={"version": "3.9\n"})
    with session(node) as one:
        assert one.logins == 0
        one.show("version")
        one.learn_prompt()
        one.put("a.pem", b"content")
        one.listdir()
        assert one.logins == 1
    assert node.connections == 1
    assert node.attempts == ["password"]


def test_node_with_one_channel_at_a_time_is_served(appliance: Start, session: Open) -> None:
    node = appliance(exec=False, one_channel=True, answers={"webadmin": WEBADMIN})
    one = session(node)
    one.show("webadmin")
    one.put("a.pem", b"content")
    assert node.files == {"a.pem": b"content"}


# The shell -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("echo", [True, False])
@pytest.mark.parametrize("newline", ["\r\n", "\n"])
@pytest.mark.parametrize("prompt", ["cms-a> ", "CMS.x_1>", "> "])
def test_echo_and_line_ends_do_not_matter(
    appliance: Start, session: Open, echo: bool, newline: str, prompt: str
) -> None:
    node = appliance(echo=echo, newline=newline, prompt=prompt, answers={"webadmin": WEBADMIN, "turn": ""})
    one = session(node, channel="shell")
    for _time in range(3):
        assert one.show("webadmin") == WEBADMIN
        assert one.show("turn") == ""
    assert one.prompt == prompt.strip().rstrip(">")


def test_value_that_ends_like_a_prompt_does_not_end_the_answer(appliance: Start, session: Open) -> None:
    def tricky(console: Console) -> None:
        console.write("Welcome text : <b>\nHost name : cms-a>\nother>\ncms-b> \n")
        console.write("> \nLast : row\n")

    node = appliance(answers={"webadmin": tricky})
    assert session(node, channel="shell").show("webadmin").endswith("Last : row\n")


def test_answer_without_line_end_is_complete(appliance: Start, session: Open) -> None:
    def dots(console: Console) -> None:
        console.write(".....\n...")

    assert session(appliance(answers={"pki csr x": dots}), channel="shell").show("pki csr x") == ".....\n..."


def test_colours_and_rewritten_lines_are_shown_as_a_terminal_would(appliance: Start, session: Open) -> None:
    def colourful(console: Console) -> None:
        console.raw(b"\x1b[1mEnabled\x1b[0m : fal\b\b\btrue\x1b[K\r\n10%\r100%\r\n\x1b]0;title\x07Key : a.key\r\n")

    node = appliance(answers={"webadmin": colourful})
    assert session(node, channel="shell").show("webadmin") == "Enabled : true\n100%\nKey : a.key\n"


def test_echo_wrapped_at_the_width_is_removed(appliance: Start, session: Open) -> None:
    command = "pki csr edge CN:edge.example.com subjectAltName:" + ",".join(f"n{i}.example.com" for i in range(400))
    node = appliance(wrap=True, answers={command: "SUCCESS: created\n"})
    assert session(node, channel="shell").run(command).lines == ("SUCCESS: created",)


def test_banner_welcome_and_expiry_notice_are_kept_as_notices(appliance: Start, session: Open) -> None:
    node = appliance(
        banner="Authorised use only\n",
        welcome="Welcome to the CMS>\n\n> a quoted line\nYour password expires in 5 days\n",
        answers={"webadmin": WEBADMIN},
    )
    one = session(node, channel="shell")
    assert one.show("webadmin") == WEBADMIN
    assert one.notices == [
        "Authorised use only",
        "Welcome to the CMS>",
        "> a quoted line",
        "Your password expires in 5 days",
    ]


@pytest.mark.parametrize("marker", ["--More--", "<--- More --->", "-- more --"])
def test_pages_are_turned(appliance: Start, session: Open, marker: str) -> None:
    text = "".join(f"row {number} : value\n" for number in range(25))
    node = appliance(page=10, pager=marker, answers={"webadmin": text})
    one = session(node, channel="shell")
    assert one.show("webadmin") == text
    assert one.show("webadmin") == text


def test_log_line_between_commands_is_no_part_of_an_answer(appliance: Start, session: Open) -> None:
    waiting = threading.Event()

    def late(console: Console) -> None:
        console.write(WEBADMIN)

        def interrupt() -> None:
            waiting.wait(5)
            console.write("\n*** somebody logged in ***\n" + console.script.prompt)
            sent.set()

        threading.Thread(target=interrupt, daemon=True).start()

    sent = threading.Event()
    node = appliance(answers={"webadmin": late, "turn": "Enabled : true\n"})
    one = session(node, channel="shell")
    one.show("webadmin")
    waiting.set()
    sent.wait(5)
    assert one.show("turn") == "Enabled : true\n"


@pytest.mark.parametrize(
    "asked",
    [
        "You must change your password now.\nPlease enter new password: ",
        "Password has expired\nNew password:",
        "password has expired\nEnter old password ",
    ],
)
def test_forced_password_change_is_recognised_and_never_answered(appliance: Start, session: Open, asked: str) -> None:
    received: list[bytes] = []

    def shell(channel: Any) -> None:
        channel.sendall(asked.replace("\n", "\r\n").encode())
        while data := channel.recv(100):
            received.append(data)

    with pytest.raises(PasswordChangeRequired) as error:
        session(appliance(shell=shell), channel="shell").show("webadmin")
    assert "new password" in error.value.reason
    assert received == []


def test_lockout_told_in_the_shell_is_no_lost_session(appliance: Start, session: Open) -> None:
    def shell(channel: Any) -> None:
        channel.sendall(b"Account locked, too many failed logins\r\n")
        channel.close()

    with pytest.raises(AuthenticationFailed, match="lock"):
        session(appliance(shell=shell), channel="shell").show("webadmin")


def test_prompt_that_never_comes_is_an_error_with_what_was_printed(appliance: Start, session: Open) -> None:
    def shell(channel: Any) -> None:
        channel.sendall(b"Welcome\r\ncms-a# ")
        channel.recv(1)

    with pytest.raises(NoPrompt) as error:
        session(appliance(shell=shell), channel="shell", command_timeout=0.5).show("webadmin")
    assert error.value.transcript == ["Welcome", "cms-a#"]


def test_command_that_does_not_end_is_left_and_the_shell_is_usable(appliance: Start, session: Open) -> None:
    def slow(console: Console) -> None:
        console.write("working\n")
        console.read_line(echo=False)

    node = appliance(answers={"ping": slow, "turn": "Enabled : true\n"})
    one = session(node, channel="shell")
    with pytest.raises(NoPrompt) as error:
        one.run("ping", timeout=0.5)
    assert "working" in error.value.transcript
    assert one.show("turn") == "Enabled : true\n"


# Questions -----------------------------------------------------------------------------------------------------------


def confirmed(console: Console) -> None:
    typed = console.ask("WARNING: data will be lost.\nAre you sure? (Y/n) ")
    console.write("SUCCESS: removed\n" if typed == "Y" else "FAILURE: aborted\n")


@pytest.mark.parametrize("echo", [True, False])
def test_expected_question_gets_a_capital_y(appliance: Start, session: Open, echo: bool) -> None:
    node = appliance(echo=echo, answers={"database cluster remove": confirmed, "version": "3.9\n"})
    one = session(node)
    reply = one.run("database cluster remove", answer=CONFIRM)
    assert reply.results == ((True, "removed"),)
    assert reply.others == ("WARNING: data will be lost.",)
    # The question needed the shell; ordinary commands still need none.
    assert node.execs == 0


@BOTH
def test_s9_question_nobody_expects_is_not_answered(appliance: Start, session: Open, channel: str) -> None:
    answered: list[str | None] = []

    def asking(console: Console) -> None:
        try:
            answered.append(console.ask("Reboot now? (Y/n)"))
        except EOFError:
            answered.append(None)

    node = appliance(answers={"callbridge restart": asking, "turn": "Enabled : true\n"})
    one = session(node, channel=channel)
    with pytest.raises(UnexpectedPrompt, match="Reboot now"):
        one.run("callbridge restart")
    assert one.show("turn") == "Enabled : true\n"
    # Ctrl-C, or the end of the channel.
    assert answered == [None]


def test_s9_another_question_than_the_expected_one_is_not_answered(appliance: Start, session: Open) -> None:
    def asking(console: Console) -> None:
        console.ask("Overwrite everything? [yes/no] ")

    with pytest.raises(UnexpectedPrompt):
        session(appliance(answers={"x": asking})).run("x", answer=CONFIRM)


def test_s9_a_question_that_comes_twice_is_answered_once(appliance: Start, session: Open) -> None:
    typed: list[str | None] = []

    def asking(console: Console) -> None:
        typed.append(console.ask("Sure? (Y/n) "))
        typed.append(console.ask("Really? (Y/n) "))

    with pytest.raises(UnexpectedPrompt, match="Really"):
        session(appliance(answers={"x": asking})).run("x", answer=CONFIRM)
    assert typed == ["Y", None]


def test_secret_answer_is_in_no_reply_and_no_transcript(appliance: Start, session: Open) -> None:
    def asking(console: Console) -> None:
        typed = console.ask("Password for the file:", echo=True)
        console.write(f"you typed {typed}\nSUCCESS: unlocked\n")

    one = session(appliance(answers={"pki unlock a.key": asking}))
    answer = Answer(re.compile("Password"), "hidden-value-7", secret=True)
    reply = one.run("pki unlock a.key", answer=answer)
    everything = repr(reply) + repr(one.transcript) + repr(answer) + repr(one)
    assert "hidden-value-7" not in everything
    assert reply.succeeded


# Secrets -------------------------------------------------------------------------------------------------------------

TURN = "Enabled : true\nUsername : relay\nPassword : clear-text-9\nShared secret    other-clear-9\nRealm : none\n"


def test_secret_rows_are_masked_in_reply_and_transcript(appliance: Start, session: Open) -> None:
    one = session(appliance(answers={"turn": TURN}), channel="shell")
    text = one.show("turn")
    assert "clear-text-9" not in text + repr(one.transcript)
    assert "other-clear-9" not in text + repr(one.transcript)
    assert "Username : relay" in text


def test_secret_arguments_are_masked_in_transcript_log_and_errors(appliance: Start, endpoint: Any) -> None:
    logged: list[str] = []
    node = appliance(answers={"turn credentials relay clear-text-9 example.com": "FAILURE: no\n"})
    with Session(endpoint(node), logged.append) as one, pytest.raises(CommandFailed) as error:
        one.run("turn credentials relay clear-text-9 example.com")
    assert "clear-text-9" not in str(error.value) + repr(logged) + repr(one.transcript)


def test_login_password_is_nowhere(appliance: Start, session: Open) -> None:
    node = appliance(answers={"x": f"FAILURE: {PASSWORD} is weak\n"})
    one = session(node)
    with pytest.raises(CommandFailed) as error:
        one.run("x")
    assert PASSWORD not in repr(one) + repr(one.endpoint) + str(error.value) + repr(one.transcript)


# Losing the node -----------------------------------------------------------------------------------------------------


@BOTH
def test_connection_cut_during_a_command_is_a_lost_session(appliance: Start, session: Open, channel: str) -> None:
    def cut(console: Console) -> None:
        console.write("SUCCESS: restarting\n")
        console.hang_up()

    one = session(appliance(answers={"reboot": cut}), channel=channel)
    with pytest.raises(SessionLost, match="reboot"):
        one.run("reboot")
    assert not one.connected


class EndingChannel:
    """A channel that is at its end, on a connection that is found to be gone only a few looks later."""

    endpoint = "core1"
    last_words = ""

    def __init__(self, looks: int, in_order: bool) -> None:
        self.looks = looks
        self.ended_in_order = in_order

    @property
    def is_open(self) -> bool:
        self.looks -= 1
        return self.looks >= 0

    def open_exec(self, _command: str) -> EndingChannel:
        return self

    def read(self, _timeout: float) -> bytes:
        return b""

    def exit_status(self, _timeout: float) -> None:
        return None

    def close(self) -> None:
        return None


def test_s8_a_channel_that_ends_just_before_its_connection_was_no_silence() -> None:
    ending: Any = EndingChannel(looks=3, in_order=False)
    with pytest.raises(SessionLost, match="callbridge certs"):
        run_exec(ending, "callbridge certs a.key a.crt", 5, Masker())


def test_silence_without_an_exit_status_is_an_answer_where_the_node_ended_it_in_order() -> None:
    ending: Any = EndingChannel(looks=99, in_order=True)
    assert run_exec(ending, "callbridge certs a.key a.crt", 5, Masker()).lines == []


def test_lost_session_is_not_logged_in_again_behind_the_callers_back(appliance: Start, session: Open) -> None:
    node = appliance(answers={"version": "3.9\n"})
    one = session(node, channel="exec")
    one.show("version")
    node.cut()
    with pytest.raises(SessionLost):
        one.show("version")
    assert node.connections == 1
    one.reconnect(5)
    assert one.show("version") == "3.9\n"
    assert one.logins == 2


def test_reconnect_does_not_repeat_a_refused_login(appliance: Start, session: Open) -> None:
    node = appliance(answers={"version": "3.9\n"})
    one = session(node, channel="exec")
    one.show("version")
    node.script.users.clear()
    with pytest.raises(AuthenticationFailed):
        one.reconnect(5)
    assert node.attempts == ["password", "password"]


def test_reconnect_gives_up_at_its_deadline(appliance: Start, session: Open) -> None:
    node = appliance()
    one = session(node)
    node.stop()
    with pytest.raises(ConnectionFailed):
        one.reconnect(0.2)


# Files ---------------------------------------------------------------------------------------------------------------


def test_file_goes_up_comes_back_and_goes_away(appliance: Start, session: Open) -> None:
    one = session(appliance())
    content = bytes(range(256)) * 500
    one.put("cb-g2.crt", content)
    assert one.listdir() == {"cb-g2.crt": len(content)}
    assert one.get("cb-g2.crt") == content
    one.remove("cb-g2.crt")
    assert one.listdir() == {}


def test_short_upload_is_noticed(appliance: Start, session: Open) -> None:
    with pytest.raises(FileProblem, match=r"4 of 7 bytes"):
        session(appliance(cut_uploads=4)).put("a.pem", b"content")


def test_altered_upload_is_noticed(appliance: Start, session: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    node = appliance()
    one = session(node)
    monkeypatch.setattr(one._files, "get", lambda name, limit: b"CONTENT")
    with pytest.raises(FileProblem, match="not what was sent"):
        one.put("a.pem", b"content")


@pytest.mark.parametrize(
    ("operation", "fault", "reason"),
    [("write", errno.ENOSPC, "Failure"), ("open", errno.EACCES, "does not allow"), ("write", errno.EACCES, "allow")],
)
def test_refused_upload_says_why(appliance: Start, session: Open, operation: str, fault: int, reason: str) -> None:
    node = appliance(file_faults={(operation, "a.pem"): fault})
    with pytest.raises(FileProblem, match=reason):
        session(node).put("a.pem", b"content")


def test_missing_and_protected_files_are_told_apart(appliance: Start, session: Open) -> None:
    node = appliance(file_faults={("remove", "used.pem"): errno.EACCES})
    node.files["used.pem"] = b"x"
    one = session(node)
    with pytest.raises(FileProblem, match="no such file"):
        one.get("none.pem")
    with pytest.raises(FileProblem, match="does not allow"):
        one.remove("used.pem")


@pytest.mark.parametrize("name", ["", "../a.pem", "a/b.pem", ".", "..", "a\nb.pem", "a\x00.pem"])
def test_name_that_is_no_file_name_is_refused(appliance: Start, session: Open, name: str) -> None:
    node = appliance()
    with pytest.raises(BadOption):
        session(node).put(name, b"x")


def test_connection_cut_during_files_is_a_lost_session(appliance: Start, session: Open) -> None:
    node = appliance()
    one = session(node)
    one.put("a.pem", b"x")
    node.cut()
    with pytest.raises(SessionLost):
        one.get("a.pem")


def test_node_without_sftp_says_so(appliance: Start, session: Open) -> None:
    with pytest.raises(ConnectionFailed, match="sftp"):
        session(appliance(sftp=False)).listdir()


# Command lines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["", "  ", "webadmin\nreboot", "webadmin\x03", 'pki csr x "CN:a', "a\tb"])
def test_command_line_that_could_be_misread_is_refused(appliance: Start, session: Open, command: str) -> None:
    node = appliance()
    with pytest.raises(BadOption):
        session(node).run(command)
    assert node.connections == 0


def test_quote_quotes_blanks_only() -> None:
    assert quote("O:Example") == "O:Example"
    assert quote("O:Example Ltd") == '"O:Example Ltd"'
    assert quote("") == '""'


@pytest.mark.parametrize("value", ['a"b', "a\nb", "a\x1bb", "a\tb"])
def test_quote_refuses_what_cannot_be_sent(value: str) -> None:
    with pytest.raises(BadOption):
        quote(value)
