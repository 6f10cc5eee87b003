# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever a shell wraps around an answer, and wherever its bytes stop for a moment: the answer comes out, or an error.

The shell here is made of bytes only: it waits for nobody, so thousands of them can be tried.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._errors import (
    CmsError,
    NoPrompt,
    SessionLost,
    UnexpectedPrompt,
)
from ansible_collections.certops.cms.plugins.plugin_utils._mmp import channel as channels
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.channel import Output, ShellChannel, run_exec
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.masking import Masker
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.transport import Transport
from ansible_collections.certops.cms.plugins.plugin_utils._services.catalogue import BY_NAME
from tests.unit.plugins.plugin_utils.mmp import legal

#: With all examples these run for minutes.
pytestmark = pytest.mark.timeout(1800)

PAUSE, END = b"pause", b""
#: How long a pause is: longer than what the channel takes for silence. Seconds.
LULL = 2 * channels.QUIET


class Clock:
    """A time that passes only while somebody waits."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


CLOCK = Clock()


@pytest.fixture(autouse=True, scope="module")
def _no_waiting() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channels, "time", CLOCK)
        yield


@dataclasses.dataclass
class Manner:
    """How a shell talks."""

    prompt: str
    newline: str
    echo: bool
    page: int
    marker: str
    wipe: str
    welcome: list[str]
    #: After this many bytes nothing more comes: the connection ends, or stays silent.
    stops_at: int = 10**9
    then: bytes | None = END


MANNERS = st.builds(
    Manner,
    prompt=st.sampled_from(["cms-a> ", "CMS.x_1>", "> ", "\x1b[1;32mcms-a>\x1b[0m ", "a>"]),
    newline=st.sampled_from(["\r\n", "\n"]),
    echo=st.booleans(),
    page=st.sampled_from([0, 0, 3, 7]),
    marker=st.sampled_from(["--More--", "<--- More --->", "-- more --"]),
    wipe=st.sampled_from(["\r              \r", "\r\x1b[K", "\x1b[2K\r", "\b" * 14 + " " * 14 + "\b" * 14]),
    welcome=st.lists(st.sampled_from(["", "Welcome", "Password expires in 5 days", "*** keep out ***"]), max_size=3),
)


class Shell:
    """A stream of bytes: what a node sends, in pieces, with pauses between them."""

    last_words = ""
    endpoint = "cms-a"
    is_open = False
    ended_in_order = True

    def __init__(self, manner: Manner, answers: dict[str, list[str]], pieces: st.DataObject) -> None:
        self.manner = manner
        self.answers = answers
        self.pieces = pieces
        self.queue: list[bytes] = []
        self.rest: list[str] = []
        self.sent = 0
        self._send("".join(line + manner.newline for line in manner.welcome) + manner.prompt)

    def open_shell(self, _width: int, _height: int) -> Shell:
        return self

    def open_exec(self, command: str) -> Shell:
        self.queue, self.sent = [], 0
        self._send("".join(line + self.manner.newline for line in self.answers[command]))
        self.queue.append(END)
        return self

    def read(self, timeout: float) -> bytes | None:
        if self.queue[:1] == [PAUSE]:
            self.queue.pop(0)
            if timeout <= LULL:
                CLOCK.sleep(timeout)
                return None
            CLOCK.sleep(LULL)
        if self.queue:
            return self.queue.pop(0)
        if self.sent > self.manner.stops_at and self.manner.then == END:
            return END
        CLOCK.sleep(timeout)
        return None

    def write(self, data: bytes, _timeout: float) -> None:
        if data == b"\x03":
            return
        if self.rest and data == b" ":
            self._page(self.manner.wipe)
            return
        command = data.decode().rstrip("\n")
        self.rest = [*self.answers[command]]
        self._page(command + self.manner.newline if self.manner.echo else "")

    def exit_status(self, _timeout: float) -> int | None:
        return 0

    def close(self) -> None:
        return

    def _page(self, head: str) -> None:
        page = self.manner.page or len(self.rest)
        lines, self.rest = self.rest[:page], self.rest[page:]
        text = head + "".join(line + self.manner.newline for line in lines)
        self._send(text + (self.manner.marker if self.rest else self.manner.prompt))

    def _send(self, text: str) -> None:
        data = text.encode()
        left = max(self.manner.stops_at - self.sent, 0)
        self.sent += len(data)
        data = data[:left]
        cuts = sorted(self.pieces.draw(st.lists(st.integers(0, len(data)), max_size=3)))
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            if data[start:end]:
                self.queue.append(data[start:end])
                if self.pieces.draw(st.booleans()):
                    self.queue.append(PAUSE)


def opened(shell: Shell) -> ShellChannel:
    return ShellChannel(cast(Transport, shell), Masker(), 5)


@st.composite
def conversations(draw: st.DrawFn) -> dict[str, list[str]]:
    """Draw commands and what is printed for them: displays, result lines, nothing."""
    answers: dict[str, list[str]] = {"callbridge restart": ["SUCCESS: listen interface configured"], "x": []}
    for _number in range(draw(st.integers(1, 2))):
        shown = draw(legal.displays())
        answers[BY_NAME[shown.service].show] = draw(legal.lines_of(shown))
    return answers


def plain(lines: list[str]) -> list[str]:
    """Give lines without the blanks around them, where one of a slow prompt may have come to, nor empty ones on top."""
    lines = [line.strip() for line in lines]
    while lines and not lines[0]:
        lines.pop(0)
    return lines


@given(MANNERS, conversations(), st.data())
def test_every_answer_comes_out_as_it_was_printed(
    manner: Manner, answers: dict[str, list[str]], data: st.DataObject
) -> None:
    channel = opened(Shell(manner, answers, data))
    for command in [*answers, *answers]:
        output = channel.run(command, 5)
        assert plain(output.lines) == plain(answers[command])
        assert output.ended


@given(MANNERS, conversations(), st.sampled_from([END, None]), st.data())
def test_an_answer_that_stops_anywhere_is_an_error_or_whole(
    manner: Manner, answers: dict[str, list[str]], then: bytes | None, data: st.DataObject
) -> None:
    stops_at = data.draw(st.integers(0, 600))
    shell = Shell(dataclasses.replace(manner, stops_at=stops_at, then=then), answers, data)
    try:
        channel = opened(shell)
        for command in answers:
            output = channel.run(command, 5)
            assert plain(output.lines) == plain(answers[command])
    except (SessionLost, NoPrompt, UnexpectedPrompt) as error:
        raised: CmsError = error
        if isinstance(error, UnexpectedPrompt):
            # Only what stops behind such a word may be a question; it gets no answer.
            asked = " ".join([error.reason, *error.transcript[-1:]])
            assert re.search(r"(?i)passw|secret|passphrase|y/n", asked), asked
        assert shell.sent >= stops_at - len(manner.prompt)
        told(raised)


@given(conversations(), st.data())
def test_an_exec_answer_comes_out_as_it_was_printed(answers: dict[str, list[str]], data: st.DataObject) -> None:
    for newline in ("\n", "\r\n"):
        manner = Manner("", newline, False, 0, "", "", [])
        for command, lines in answers.items():
            output = executed(Shell(manner, answers, data), command)
            assert plain(output.lines) == plain(lines)
            assert output.ended or not lines


def executed(shell: Shell, command: str) -> Output:
    return run_exec(cast(Transport, shell), command, 5, Masker())


def told(error: Any) -> None:
    assert error.obj
    assert error.reason
    assert error.next_step
