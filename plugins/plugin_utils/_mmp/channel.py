# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prompt, echo, questions, deadlines. Knows what a command is, not what it means.

A shell's prompt is learned from the first one and then waited for exactly. Nothing is ever answered but a pager, and a
question that the caller expects.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Sequence

from .._errors import AuthenticationFailed, CmsError, NoPrompt, PasswordChangeRequired, SessionLost, UnexpectedPrompt
from . import terminal, texts
from .masking import Masker
from .transport import ByteStream, Transport

WIDTH = 4096
HEIGHT = 1000
#: How long nothing must come before an unfinished line counts as a prompt or a question. Seconds.
QUIET = 0.1
#: How long until what nobody expects counts as a question: a line about a password may only have stopped for a moment.
UNEXPECTED = 5 * QUIET
_LEAVE = b"\x03"
_LEAVE_TIME = 3.0
#: How long a channel that ended without a word may have ended with its connection. Seconds.
_END_TIME = 0.5
_MOST_BYTES = 8 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Answer:
    """What to answer to a question that matches ``pattern``; a secret answer never leaves this object."""

    pattern: re.Pattern[str]
    text: str = dataclasses.field(repr=False)
    secret: bool = False


#: Confirm with the capital letter that the appliance wants.
CONFIRM = Answer(texts.CONFIRMATION, texts.YES)


@dataclasses.dataclass
class Output:
    """What came back: the lines without echo and prompt, and the exit status where there was one.

    ``ended`` says that the last line was ended: otherwise more of it may have been lost.
    """

    lines: list[str]
    exit_status: int | None = None
    ended: bool = True


class ShellChannel:
    """The appliance's command line on a wide terminal."""

    def __init__(self, transport: Transport, masker: Masker, timeout: float) -> None:
        """Open the shell and learn its prompt.

        Raises ChannelRefused, SessionLost, PasswordChangeRequired, AuthenticationFailed, NoPrompt.
        """
        self._node = str(transport.endpoint)
        self._transport = transport
        self._masker = masker
        self._stream: ByteStream = transport.open_shell(WIDTH, HEIGHT)
        self._echo: bool | None = None
        self._buffer = b""
        # Up to where the buffer has been answered, and what the answered questions look like with their answers.
        self._answered = 0
        self._questions: list[str] = []
        self.notices: list[str] = []
        self.prompt = ""
        try:
            self._learn_prompt(timeout)
        except BaseException:
            self.close()
            raise

    @property
    def host(self) -> str:
        """Give the host name that the prompt shows, empty for a bare prompt."""
        return self.prompt.strip().rstrip(">")

    def close(self) -> None:
        """Leave the shell."""
        self._stream.close()

    # Reading ---------------------------------------------------------------------------------------------------------

    def _fill(self, deadline: float, quiet: float | None = None) -> str:
        """Read once: ``data``, ``quiet``, ``late`` (deadline passed) or ``end``."""
        left = deadline - time.monotonic()
        if left <= 0:
            return "late"
        data = self._stream.read(min(left, quiet) if quiet else left)
        if data is None:
            return "quiet" if quiet and quiet < left else "late"
        if not data:
            return "end"
        self._buffer += data
        if len(self._buffer) > _MOST_BYTES:
            raise NoPrompt(self._node, "the answer is endless", "run the command by hand and look at it")
        return "data"

    def _tail(self) -> str:
        recent = self._buffer[-4 * WIDTH :]
        return terminal.last_line(terminal.decode(recent), WIDTH) if b"\n" in recent else self._lines()[-1]

    def _lines(self) -> list[str]:
        # The command is typed behind the prompt: where the screen wraps its echo depends on that.
        lines = terminal.plain_lines(self.prompt + terminal.decode(self._buffer), WIDTH)
        lines[0] = lines[0].removeprefix(self.prompt)
        return lines

    def _printed(self) -> list[str]:
        return self._masker.lines(line for line in self._lines() if line.strip())

    def _learn_prompt(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            # An unfinished line may still grow: only after a moment of silence is it a prompt or a question.
            state = self._fill(deadline, QUIET if self._tail().strip() else None)
            tail = self._tail()
            if state == "quiet":
                if texts.PROMPT.match(tail):
                    break
                if self._turn_page(tail):
                    continue
                if self._question(tail) and self._fill(deadline, UNEXPECTED) == "data":
                    continue
                self._refuse_login_question(tail)
            elif state in ("late", "end"):
                raise self._no_first_prompt(ended=state == "end")
        self.prompt = tail
        self.notices = [line.rstrip() for line in self._lines()[:-1] if line.strip()]
        self._forget()

    def _question(self, tail: str) -> bool:
        patterns = (texts.YES_NO_QUESTION, texts.CONFIRMATION, texts.PASSWORD_CHANGE, texts.PASSWORD_QUESTION)
        return any(pattern.search(tail) for pattern in patterns)

    def _refuse_login_question(self, tail: str) -> None:
        recent = " ".join(self._printed()[-6:])
        if texts.PASSWORD_CHANGE.search(tail) or (
            texts.PASSWORD_QUESTION.search(tail) and texts.PASSWORD_CHANGE.search(recent)
        ):
            raise PasswordChangeRequired(
                self._node,
                "the node wants a new password before it gives a prompt; it was not answered",
                "log in by hand, set a new password, and put it into the inventory",
                self._printed(),
            )
        if self._question(tail):
            raise UnexpectedPrompt(
                self._node,
                "the node asks a question before it gives a prompt; it was not answered",
                "log in by hand and see what it wants",
                self._printed(),
            )

    def _no_first_prompt(self, ended: bool) -> CmsError:
        printed = self._printed()
        said = " ".join([*printed, self._transport.last_words])
        if texts.PASSWORD_CHANGE.search(said):
            return PasswordChangeRequired(
                self._node,
                "the password has expired or must be changed",
                "log in by hand, set a new password, and put it into the inventory",
                printed,
            )
        if texts.LOCKOUT.search(said) or texts.TOO_MANY_SESSIONS.search(said):
            return AuthenticationFailed(
                self._node,
                "the node ended the login: the account is locked or has too many sessions; one attempt was made",
                "wait or end other sessions before the next run; accounts lock",
                printed,
            )
        if ended:
            return SessionLost(
                self._node, "the node closed the shell before it gave a prompt", "log in by hand and see why", printed
            )
        return NoPrompt(
            self._node,
            "no prompt that looks like 'host>' came",
            "log in by hand; if its prompt looks different, report it",
            printed,
        )

    def _turn_page(self, tail: str) -> bool:
        """Answer a known pager, and take its marker off the text."""
        if not texts.PAGER.match(tail):
            return False
        head, newline, _marker = self._buffer.rpartition(b"\n")
        self._buffer = head + newline
        leave = texts.PAGER_END.match(tail)
        # What the pager prints next starts by wiping its marker; start that on a line of its own.
        self._stream.write((texts.PAGER_LEAVE if leave else texts.PAGER_ANSWER).encode(), QUIET * 100)
        return True

    # Commands --------------------------------------------------------------------------------------------------------

    def run(self, command: str, timeout: float, answers: Sequence[Answer] = ()) -> Output:
        """Run one command and give what it printed.

        ``answers`` are used once each, in order. Raises NoPrompt after ``timeout`` seconds, UnexpectedPrompt at a
        question that is not the next expected one (left with Ctrl-C), SessionLost when the connection ends.
        """
        self._drain()
        waiting = list(answers)
        self._answered, self._questions = 0, []
        deadline = time.monotonic() + timeout
        self._stream.write(command.encode() + b"\n", timeout)
        while True:
            state = self._fill(deadline, QUIET if self._tail().strip() else None)
            tail = self._tail()
            if state == "data":
                if self._at_prompt(tail) and self._echo is not None and self._echo == self._echo_seen(command):
                    break
            elif state == "quiet":
                # The answer need not end its last line; a bare '>' is too little to be recognised behind it.
                if self._at_prompt(tail) or (self.host and tail.rstrip().endswith(self.prompt.rstrip())):
                    break
                if self._turn_page(tail):
                    continue
                if self._asks(tail, command):
                    expected = bool(waiting) and bool(waiting[0].pattern.search(tail))
                    if not expected and self._fill(deadline, UNEXPECTED) == "data":
                        continue
                    self._reply(tail, waiting, command)
            elif state == "end":
                raise self._lost(command)
            else:
                raise self._late(command, timeout)
        return self._take(command, answers)

    def _drain(self) -> None:
        """Take what came since the last prompt, a log line for example, so that it is no part of the next answer."""
        while True:
            data = self._stream.read(0)
            if not data:
                break
            self._buffer += data
        stray = [line.rstrip() for line in self._lines() if line.strip() and line.strip() != self.prompt.strip()]
        self.notices += stray
        self._forget()

    def _forget(self) -> None:
        """Drop what was taken; the rest of a colour behind the prompt may still be on its way."""
        self._buffer = terminal.unfinished(self._buffer)

    def _at_prompt(self, tail: str) -> bool:
        return tail.rstrip() == self.prompt.rstrip()

    def _echo_seen(self, command: str) -> bool:
        return terminal.strip_echo(self._lines()[:-1], command, self.prompt)[1]

    def _asks(self, tail: str, command: str) -> bool:
        if "".join(tail.split()) == "".join(command.split()) or len(self._buffer) <= self._answered:
            # The echo of the command itself, or a question that has its answer: the rest is still on its way.
            return False
        return self._question(tail)

    def _reply(self, tail: str, waiting: list[Answer], command: str) -> None:
        if waiting and waiting[0].pattern.search(tail):
            answer = waiting.pop(0)
            if answer.secret:
                self._masker.add(answer.text)
            self._answered = len(self._buffer)
            asked = tail.strip()
            self._questions += [asked, asked + answer.text, f"{asked} {answer.text}"]
            self._stream.write(answer.text.encode() + b"\n", QUIET * 100)
            return
        printed = self._printed()
        back = self._leave()
        raise UnexpectedPrompt(
            f"{self._node}, command {self._masker.command(command)!r}",
            f"the node asked {self._masker.text(tail.strip())!r}, which no step expects; it was left with Ctrl-C"
            + ("" if back else " and gave no prompt again"),
            "run the command by hand and see what it wants",
            printed,
        )

    def _leave(self) -> bool:
        """Abort what runs with Ctrl-C; say whether the prompt came back. Without it the shell is closed."""
        self._buffer = b""
        try:
            self._stream.write(_LEAVE, _LEAVE_TIME)
        except SessionLost:
            return False
        deadline = time.monotonic() + _LEAVE_TIME
        while True:
            state = self._fill(deadline, QUIET)
            if state == "quiet" and self._tail().rstrip().endswith(self.prompt.rstrip()) and self._tail().strip():
                self._buffer = b""
                return True
            if state in ("late", "end"):
                self.close()
                return False

    def _lost(self, command: str) -> SessionLost:
        said = f" ({self._transport.last_words})" if self._transport.last_words else ""
        lines, _echo = terminal.strip_echo(self._lines(), command, self.prompt)
        self.close()
        return SessionLost(
            f"{self._node}, command {self._masker.command(command)!r}",
            f"the connection ended before the prompt came back{said}",
            "look at the node: the command may have been carried out",
            self._masker.lines(lines),
        )

    def _late(self, command: str, timeout: float) -> NoPrompt:
        printed = self._printed()
        self._leave()
        return NoPrompt(
            f"{self._node}, command {self._masker.command(command)!r}",
            f"the prompt did not come back in {timeout:g} seconds",
            texts.AFTER_SILENCE,
            printed,
        )

    def _take(self, command: str, answers: Sequence[Answer]) -> Output:
        lines = self._lines()
        rest = lines[-1].rstrip()
        # Output that does not end its last line stands before the prompt.
        lines[-1] = rest[: len(rest) - len(self.prompt.rstrip())]
        ended = not lines[-1].strip()
        if ended:
            lines.pop()
        lines, echoed = terminal.strip_echo(lines, command, self.prompt)
        lines = [line for line in lines if line.strip() not in self._questions]
        self._echo = echoed
        self._forget()
        while lines and not lines[0].strip():
            lines.pop(0)
        hidden = [answer.text for answer in answers if answer.secret]
        return Output([Masker(hidden).literal(line.rstrip()) for line in lines], ended=ended)


def run_exec(transport: Transport, command: str, timeout: float, masker: Masker) -> Output:
    """Run one command in a channel of its own and give all it printed; its exit status is kept, not judged.

    Raises ChannelRefused, SessionLost, NoPrompt (no end in ``timeout`` seconds), UnexpectedPrompt (it asks something),
    PasswordChangeRequired.
    """
    node = f"{transport.endpoint}, command {masker.command(command)!r}"
    stream = transport.open_exec(command)
    data = b""
    deadline = time.monotonic() + timeout
    try:
        while True:
            left = deadline - time.monotonic()
            chunk = stream.read(min(left, QUIET * 5)) if left > 0 else None
            if chunk:
                data += chunk
                if len(data) > _MOST_BYTES:
                    raise NoPrompt(node, "the answer is endless", "run the command by hand and look at it")
                continue
            lines = [line.rstrip() for line in terminal.plain_lines(terminal.decode(data))]
            if chunk is None:
                _judge_silence(node, lines, left, timeout, masker)
                continue
            break
        status = stream.exit_status(QUIET * 5)
        if status is None and _is_over(transport, wait=0.0 if stream.ended_in_order else _END_TIME):
            said = f" ({transport.last_words})" if transport.last_words else ""
            raise SessionLost(
                node,
                f"the connection ended while the command ran{said}",
                "look at the node: the command may have been carried out",
                masker.lines(lines),
            )
    finally:
        stream.close()
    ended = not lines[-1]
    if ended:
        lines.pop()
    if len(lines) <= 3 and texts.PASSWORD_CHANGE.search(" ".join(lines)):
        raise PasswordChangeRequired(
            str(transport.endpoint),
            "the node wants a new password instead of running a command",
            "log in by hand, set a new password, and put it into the inventory",
            masker.lines(lines),
        )
    return Output(lines, status, ended)


def _is_over(transport: Transport, wait: float) -> bool:
    """Say whether the login has ended within ``wait`` seconds: its channels end first, and it a moment later."""
    deadline = time.monotonic() + wait
    while transport.is_open and time.monotonic() < deadline:
        time.sleep(QUIET / 10)
    return not transport.is_open


def _judge_silence(node: str, lines: list[str], left: float, timeout: float, masker: Masker) -> None:
    tail = lines[-1] if lines else ""
    if texts.YES_NO_QUESTION.search(tail) or texts.PASSWORD_QUESTION.search(tail):
        raise UnexpectedPrompt(
            node,
            f"the node asked {masker.text(tail.strip())!r}, which no step expects; the channel was closed",
            "run the command by hand and see what it wants",
            masker.lines(lines),
        )
    if left <= 0:
        raise NoPrompt(
            node,
            f"the command did not end in {timeout:g} seconds",
            texts.AFTER_SILENCE,
            masker.lines(lines),
        )
