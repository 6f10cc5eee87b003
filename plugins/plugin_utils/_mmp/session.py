# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session with one node: commands with results, files, one login, and a transcript without secrets.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from .._errors import BadOption, CmsError, CommandFailed, ConnectionFailed, NotUnderstood, SessionLost
from .._services import commands
from . import texts
from .channel import CONFIRM, Answer, Output, ShellChannel, run_exec
from .files import MOST_BYTES, Files
from .masking import Masker, mask_row
from .transport import ChannelRefused, Endpoint, Transport

__all__ = ["CONFIRM", "Answer", "Endpoint", "Reply", "Session", "quote"]

#: A display that every node has; tells whether exec channels lead to the command line.
PROBE = commands.VERSION
_RETRY_PAUSE = 1.0
_UNKNOWN, _WORKS, _OFF = "unknown", "works", "off"


def quote(value: str) -> str:
    """Give ``value`` as one argument of a command. Raises BadOption where the appliance could misread it."""
    if not value:
        return '""'
    if any(not char.isprintable() for char in value) or '"' in value:
        raise BadOption(
            repr(value), "control characters and double quotes cannot be sent to a node", "use another value"
        )
    return f'"{value}"' if any(char.isspace() for char in value) else value


@dataclasses.dataclass(frozen=True)
class Reply:
    """What a command printed: all lines (values of secret rows masked), and the same sorted by what they are.

    ``results`` are the SUCCESS and FAILURE lines as (ok, text); ``others`` the rest. ``understood`` is False for usage
    texts and complaints about the command. ``exit_status`` is kept and never judged; None in a shell. ``ended`` says
    that the last line was ended.
    """

    command: str
    lines: tuple[str, ...]
    results: tuple[tuple[bool, str], ...]
    others: tuple[str, ...]
    understood: bool
    exit_status: int | None = None
    ended: bool = True

    @property
    def failed(self) -> bool:
        """Say whether any line says FAILURE: one is enough."""
        return any(not ok for ok, _text in self.results)

    @property
    def succeeded(self) -> bool:
        """Say whether there is a SUCCESS line and no FAILURE line."""
        return bool(self.results) and not self.failed

    @property
    def text(self) -> str:
        """Give all lines as one text, the last one ended as the node ended it."""
        return "\n".join(self.lines) + ("\n" if self.lines and self.ended else "")


def read_reply(command: str, output: Output) -> Reply:
    """Sort the lines of an answer."""
    lines = tuple(mask_row(line) for line in output.lines)
    results: list[tuple[bool, str]] = []
    others: list[str] = []
    for line in lines:
        success, failure = texts.SUCCESS.match(line), texts.FAILURE.match(line)
        if success:
            results.append((True, success.group(1)))
        elif failure:
            results.append((False, failure.group(1)))
        elif line.strip():
            others.append(line)
    told = "\n".join(others)
    asked_for_help = command.split()[:1] == [commands.HELP]
    # A display may hold such words in a value; then it also has rows and no result lines.
    complaint = len(others) <= 2 and (texts.UNKNOWN_COMMAND.search(told) or texts.NOT_PERMITTED.search(told))
    misunderstood = not asked_for_help and bool(texts.USAGE.search(told) or complaint)
    return Reply(command, lines, tuple(results), tuple(others), not misunderstood, output.exit_status, output.ended)


class Session:
    """One login to one node, made when first needed.

    With ``channel: auto`` a command runs in an exec channel where that works, and in the shell from the first time on
    that it does not; a command that expects a question always runs in the shell.
    ``log`` is called with every command and answer line, secrets masked.
    """

    def __init__(self, endpoint: Endpoint, log: Callable[[str], None] | None = None) -> None:
        self.endpoint = endpoint
        self.logins = 0
        self.notices: list[str] = []
        self.transcript: list[str] = []
        self.prompt: str | None = None
        self._log = log
        self._masker = Masker(endpoint.secrets())
        self._transport: Transport | None = None
        self._shell: ShellChannel | None = None
        self._exec = {"auto": _UNKNOWN, "exec": _WORKS, "shell": _OFF}[endpoint.channel]
        self._files = Files(str(endpoint), self._open_sftp, endpoint.command_timeout)

    def __repr__(self) -> str:
        return f"Session({self.endpoint}, {self.logins} logins)"

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The login -------------------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Say whether the login still stands."""
        return self._transport is not None and self._transport.is_open

    def open(self) -> Transport:
        """Log in if that has not been done. A login that was lost is not repeated: that is what ``reconnect`` is for.

        Raises ConnectionFailed, HostKeyProblem, AuthenticationFailed, SessionLost.
        """
        if self._transport is None:
            transport = Transport(self.endpoint)
            self._note(f"(login of {self.endpoint.user} to {self.endpoint})")
            transport.open()
            self.logins += 1
            self._transport = transport
            self._hear(transport.notices)
        elif not self._transport.is_open:
            said = f" ({self._transport.last_words})" if self._transport.last_words else ""
            raise SessionLost(
                str(self.endpoint), f"the node has ended the session{said}", "look at the node, then run again"
            )
        return self._transport

    def close(self) -> None:
        """Log out."""
        self._close_channels()
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def reconnect(self, timeout: float | None = None) -> None:
        """Log in again after the connection was cut on purpose; wait up to ``timeout`` seconds for the node.

        Only a node that cannot be reached is tried again, never a refused login. Raises as ``open`` does.
        """
        self.close()
        deadline = time.monotonic() + (self.endpoint.long_timeout if timeout is None else timeout)
        while True:
            try:
                self.open()
                return
            except ConnectionFailed:
                if time.monotonic() + _RETRY_PAUSE >= deadline:
                    raise
                time.sleep(_RETRY_PAUSE)

    def learn_prompt(self) -> str:
        """Give the host name the node prompts with; opens the shell for it where none is open."""
        return self._open_shell().host

    def _close_channels(self) -> None:
        self._files.close()
        if self._shell is not None:
            self._shell.close()
            self._shell = None

    def _open_shell(self) -> ShellChannel:
        transport = self.open()
        if self._shell is None:
            self._shell = ShellChannel(transport, self._masker, self.endpoint.command_timeout)
            self.prompt = self._shell.host
            self._hear(self._shell.notices)
            self._shell.notices = []
        return self._shell

    def _open_sftp(self) -> object:
        transport = self.open()
        try:
            return transport.open_sftp(self.endpoint.command_timeout)
        except ChannelRefused:
            if self._shell is None:
                raise
            # A node that allows one channel at a time; the shell comes back when it is needed.
            self._shell.close()
            self._shell = None
            return transport.open_sftp(self.endpoint.command_timeout)

    def _hear(self, lines: Sequence[str]) -> None:
        for line in self._masker.lines(lines):
            if line not in self.notices:
                self.notices.append(line)

    def _note(self, line: str) -> None:
        self.transcript.append(line)
        if self._log:
            self._log(line)

    # Commands --------------------------------------------------------------------------------------------------------

    def run(
        self,
        command: str,
        *,
        timeout: float | None = None,
        long: bool = False,
        answer: Answer | Sequence[Answer] | None = None,
        check: bool = True,
    ) -> Reply:
        """Run one command; wait ``timeout`` seconds, by default the endpoint's, or its long one.

        With ``check`` a FAILURE line raises CommandFailed with all that was printed, and a usage text or a complaint
        about the command raises NotUnderstood.
        """
        _check_command(command)
        patience = timeout or (self.endpoint.long_timeout if long else self.endpoint.command_timeout)
        answers = [answer] if isinstance(answer, Answer) else list(answer or ())
        for one in answers:
            if one.secret:
                self._masker.add(one.text)
        reply = read_reply(command, self._send(command, patience, answers))
        return self._checked(reply) if check else reply

    def show(self, command: str) -> str:
        """Run a command that only displays, and give what it printed, whatever that is; the parsers judge it."""
        return self.run(command, check=False).text

    def store(self, command: str, *, long: bool = False) -> Reply:
        """Run a command that changes a setting or restarts a service.

        Accepted are silence, SUCCESS lines and known notices. Raises CommandFailed, or NotUnderstood for any other
        text: then the display has to be read to know what was stored.
        """
        reply = self.run(command, long=long)
        strange = [line for line in reply.others if not any(known.search(line) for known in texts.KNOWN_NOTICES)]
        if strange:
            raise self._not_understood(reply)
        return reply

    def _checked(self, reply: Reply) -> Reply:
        if reply.failed:
            raise CommandFailed(
                f"{self.endpoint}, command {self._masker.command(reply.command)!r}",
                "; ".join(self._masker.text(text) for ok, text in reply.results if not ok),
                "correct what the lines name, then run again",
                self._masker.lines(reply.lines),
            )
        if not reply.understood:
            raise self._not_understood(reply)
        return reply

    def _not_understood(self, reply: Reply) -> NotUnderstood:
        return NotUnderstood(
            f"{self.endpoint}, command {self._masker.command(reply.command)!r}",
            "the answer is neither a success nor a known notice",
            "check the command against the version of the node, and its display for what is set",
            self._masker.lines(reply.lines),
        )

    def _send(self, command: str, patience: float, answers: Sequence[Answer]) -> Output:
        transport = self.open()
        shown = self._masker.command(command)
        try:
            output = None
            if not answers and self._exec_usable(transport, command):
                output = self._by_exec(transport, command, patience)
            if output is None:
                self._note(f"{self.prompt or self.endpoint.name or self.endpoint.host}> {shown}")
                shell = self._open_shell()
                output = shell.run(command, patience, answers)
                self._hear(shell.notices)
                shell.notices = []
        except CmsError as exc:
            for line in exc.transcript:
                self._note(line)
            self._note(f"({type(exc).__name__}: {exc.reason})")
            raise
        for line in self._masker.lines(output.lines):
            self._note(line)
        return output

    def _exec_usable(self, transport: Transport, command: str) -> bool:
        """Find out, with a command that only displays, whether exec channels lead to the command line.

        A refused exec is told apart from a silent success of a setting only that way.
        """
        if self._exec == _UNKNOWN and command != PROBE:
            self._by_exec(transport, PROBE, self.endpoint.command_timeout)
        return self._exec != _OFF

    def _by_exec(self, transport: Transport, command: str, patience: float) -> Output | None:
        """Run a command in an exec channel; None where exec does not work and the shell has to be used."""
        self._note(f"{self.prompt or self.endpoint.name or self.endpoint.host}> {self._masker.command(command)}")
        try:
            output = run_exec(transport, command, patience, self._masker)
        except ChannelRefused:
            if self.endpoint.channel != "auto":
                raise
            # The command was not carried out: its channel never opened.
            output = None
        if self._exec == _UNKNOWN:
            said = "\n".join(output.lines) if output else ""
            self._exec = _WORKS if said.strip() and not texts.EXEC_UNUSABLE.search(said) else _OFF
        elif output is None:
            self._exec = _OFF
        if self._exec == _OFF:
            self._note("(exec channels do not work here; the shell is used)")
            return None
        return output

    # Files -----------------------------------------------------------------------------------------------------------

    def put(self, name: str, data: bytes) -> None:
        """Write a file and verify it by reading it back. Raises FileProblem or SessionLost."""
        self._note(f"(upload of {name}, {len(data)} bytes)")
        self._files.put(name, data)

    def get(self, name: str, limit: int = MOST_BYTES) -> bytes:
        """Read a file of at most ``limit`` bytes. Raises FileProblem, also for a larger one, or SessionLost."""
        self._note(f"(download of {name})")
        return self._files.get(name, limit)

    def head(self, name: str, count: int) -> bytes:
        """Read no more than the first ``count`` bytes of a file. Raises FileProblem or SessionLost."""
        self._note(f"(download of the first {count} bytes of {name})")
        return self._files.head(name, count)

    def listdir(self) -> dict[str, int | None]:
        """Give the size of every file by name. Raises FileProblem or SessionLost."""
        return self._files.listdir()

    def remove(self, name: str) -> None:
        """Remove a file. Raises FileProblem or SessionLost."""
        self._note(f"(removal of {name})")
        self._files.remove(name)


def _check_command(command: str) -> None:
    if not command.strip() or any(not char.isprintable() for char in command):
        raise BadOption(repr(command), "this is no command line: it is empty or holds control characters", "correct it")
    if command.count('"') % 2:
        raise BadOption(repr(command), "a double quote is not closed", "close it")
