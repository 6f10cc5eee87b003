# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a terminal would show, echoes, and the masking of secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._mmp import masking, terminal, texts

WORD = st.text(st.characters(codec="ascii", categories=["Lu", "Ll", "Nd"], include_characters=" .:-"), max_size=60)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("abc\b\b\bxyz", "xyz"),
        ("abc\b \b", "ab "),
        ("10%\r100%", "100%"),
        ("long line\rshort\x1b[K", "short"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hhome", "home"),
        ("a\x1b[3Cb", "a   b"),
        ("abc\x1b[2Dx", "axc"),
        ("abc\x1b[1Gx", "xbc"),
        ("\x1b]0;title>\x07text", "text"),
        ("\x1b]0;title>\x1b\\text", "text"),
        ("bell\x07 null\x00", "bell null"),
        ("tab\there", "tab\there"),
        ("cut \x1b[3", "cut "),
        ("\x1b", ""),
    ],
)
def test_line_is_shown_as_on_a_terminal(text: str, shown: str) -> None:
    assert terminal.last_line(text) == shown


@given(st.lists(WORD, min_size=1, max_size=5), st.integers(8, 30))
def test_lines_wrapped_at_the_width_are_joined(lines: list[str], width: int) -> None:
    # A line that fills its last row exactly looks like one that goes on; no terminal can tell.
    lines = [line for line in lines if not line or len(line) % width]
    wrapped = "\r\n".join(
        "\r\n".join(line[at : at + width] for at in range(0, len(line), width)) or "" for line in lines
    )
    assert terminal.plain_lines(wrapped, width) == (lines or [""])


@given(WORD.filter(str.strip), st.integers(8, 30), st.sampled_from([" \r", "\r\n", ""]))
def test_echo_is_removed_however_it_is_wrapped(command: str, width: int, wrap: str) -> None:
    echo = ""
    for number, char in enumerate(command, 1):
        echo += char
        if number % width == 0:
            echo += wrap
    lines = terminal.plain_lines(f"{echo}\r\nKey : a.key", width)
    assert terminal.strip_echo(lines, command) == (["Key : a.key"], True)


def test_answer_that_only_begins_like_the_command_is_no_echo() -> None:
    assert terminal.strip_echo(["webadmin running", "x"], "webadmin") == (["webadmin running", "x"], False)
    assert terminal.strip_echo(["web", "x"], "webadmin") == (["web", "x"], False)


def test_echo_behind_a_redrawn_prompt_is_removed() -> None:
    assert terminal.strip_echo(["cms-a> webadmin", "x"], "webadmin", "cms-a> ") == (["x"], True)


# Masking -------------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(codec="ascii", categories=["Lu", "Ll", "Nd"]), min_size=6), WORD, WORD)
def test_known_secret_is_masked_wherever_it_stands(secret: str, before: str, after: str) -> None:
    masked = masking.Masker([secret]).text(f"{before}{secret}{after}")
    assert secret not in masked.replace(texts.MASK, "")


def test_short_secret_is_masked_as_a_word_only() -> None:
    assert masking.Masker(["cms"]).text("password cms of cms-a and acmse") == (
        f"password {texts.MASK} of {texts.MASK}-a and acmse"
    )


@pytest.mark.parametrize(
    "row",
    [
        "Password : hidden-1",
        "  Shared secret\t: hidden-1",
        "Password    hidden-1",
        "password: hidden-1",
        "Passphrase   :   hidden-1 hidden-1",
        "cms_password : hidden-1",
    ],
)
def test_secret_rows_are_masked(row: str) -> None:
    assert "hidden-1" not in masking.mask_row(row)


@pytest.mark.parametrize(
    "row", ["Username : relay", "Your password expires in 5 days", "Password : none", "Key : a.key"]
)
def test_other_rows_stay_as_they_are(row: str) -> None:
    assert masking.mask_row(row) == row


def test_private_key_is_masked() -> None:
    begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    assert masking.Masker().text(f"a\n{begin}\nMIIE\n{end}\nb") == f"a\n{texts.MASK}\nb"
    assert "MIIE" not in masking.Masker().text(f"a\n{begin}\nMIIE\n")


@pytest.mark.parametrize(
    "command",
    [
        "turn credentials relay hidden-1 example.com",
        'turn credentials relay "hidden-1 hidden-1" example.com',
        "turn short_term_credentials hidden-1 example.com",
        "webbridge3 meetingapps add host 8443 hidden-1",
        "TURN  Credentials relay hidden-1 realm",
        "uploader cms password hidden-1",
    ],
)
def test_secret_arguments_are_masked(command: str) -> None:
    assert "hidden-1" not in masking.mask_command(command)


def test_other_commands_stay_as_they_are() -> None:
    assert masking.mask_command("callbridge certs a.key a.crt b.pem") == "callbridge certs a.key a.crt b.pem"


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("\x1b[" + "9" * 5000 + "Cx", 10_001),
        ("\x1b[1000C" * 5000 + "x", 10_001),
        ("\x1b[" + "9" * 5000 + "Gx", 10_001),
        ("\x1bP" * 20_000 + "x", 100_000),
    ],
    ids=["a long number", "many steps", "a far column", "strings that never end"],
)
def test_sequences_of_a_hostile_node_cost_neither_memory_nor_time(text: str, most: int) -> None:
    (line,) = terminal.plain_lines(text)
    assert line.endswith("x")
    assert len(line) <= most
