# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask a node everything that ``questions`` lists and keep what comes, as it comes. Nothing is judged, nothing answered.

One login; a second one where the node hangs up. What was heard is masked later, all at once, because a name that one
answer shows may stand in any other.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from .._errors import CmsError, NoPrompt, NotUnderstood, PasswordChangeRequired, SessionLost, UnexpectedPrompt
from .._mmp import displays, rows, terminal, texts
from .._mmp.channel import ShellChannel, run_exec
from .._mmp.endpoint import Endpoint
from .._mmp.files import Files
from .._mmp.masking import Masker
from .._mmp.transport import ChannelRefused
from .._services import catalogue, commands
from . import questions
from .certificates import holds_key
from .questions import Question
from .tape import Tape, TappedTransport

EXEC, SHELL = "exec", "shell"
MOST_LOGINS = 2
#: After so many commands without an end a channel is asked nothing more: each of them takes the whole timeout.
MOST_SILENT = 3


@dataclasses.dataclass
class Heard:
    """One command, what came back, and how that ended."""

    question: Question
    channel: str
    tape: Tape
    outcome: str = "ended"
    exit_status: int | None = None

    @property
    def text(self) -> str:
        """Give the answer of an exec channel, or of a shell with its echo and its prompt, as plain lines."""
        return "\n".join(terminal.plain_lines(terminal.decode(self.tape.received)))


@dataclasses.dataclass
class Account:
    """Everything that was heard of one node, unmasked: it stays in memory."""

    software: str = ""
    banner: list[str] = dataclasses.field(default_factory=list)
    logins: int = 0
    exec_works: bool | None = None
    shells: list[Tape] = dataclasses.field(default_factory=list)
    prompt: str | None = None
    heard: list[Heard] = dataclasses.field(default_factory=list)
    #: File name -> size and permission bits.
    listing: dict[str, tuple[int | None, int | None]] | None = None
    #: Certificate files that settings name.
    files: dict[str, bytes] = dataclasses.field(default_factory=dict)
    api: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    #: What could not be read, with the reason; and what the collection cannot read, with its text.
    failed: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    strange: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    #: Displays of services as the parsers read them.
    services: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    #: Why the recording ended early; None when it did not.
    cut_short: CmsError | None = None

    def answer(self, command: str) -> str | None:
        """Give the answer to a command, from an exec channel if there is one."""
        found = [one for one in self.heard if one.question.command == command and one.outcome == "ended"]
        best = next((one for one in found if one.channel == EXEC), found[0] if found else None)
        if best is None or best.channel == EXEC:
            return best.text if best else None
        lines, _echo = terminal.strip_echo(best.text.split("\n"), command, self.prompt or "")
        return "".join(f"{line}\n" for line in lines[:-1])


class Listener:
    """Asks one node. ``listen`` gives the account, also of a node that broke off; only a login that fails raises."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._transport = TappedTransport(endpoint)
        self._shell: ShellChannel | None = None
        self._silent = {EXEC: 0, SHELL: 0}
        self._shell_refused = False
        self._keys: set[str] = set()
        self.account = Account()

    def listen(self) -> Account:
        """Ask everything that needs SSH. Raises what a login raises."""
        account = self.account
        self._login()
        try:
            self._ask_all(questions.fixed())
            self._read_displays()
            self._close_shell()
            self._read_files()
            self._ask_all(questions.about_files(account.services))
        except CmsError as error:
            # It wants a new password, hung up twice, or did not let us in again.
            account.cut_short = error
        finally:
            self._close_shell()
            self._transport.close()
        return account

    # The login -------------------------------------------------------------------------------------------------------

    def _login(self) -> None:
        self._transport.open()
        self.account.logins += 1
        self.account.software = self._transport.software
        self.account.banner = list(self._transport.notices)

    def _again(self, error: SessionLost) -> None:
        """Log in once more after the node hung up; a second time it is left alone."""
        self._close_shell()
        self._transport.close()
        if self.account.logins >= MOST_LOGINS:
            raise error
        self._transport = TappedTransport(self._endpoint)
        self._login()

    def _close_shell(self) -> None:
        if self._shell is not None:
            self._shell.close()
            self._shell = None

    # Commands --------------------------------------------------------------------------------------------------------

    def _ask_all(self, asked: list[Question]) -> None:
        account = self.account
        for question in asked:
            if account.exec_works is None:
                self._try_exec(question)
            elif account.exec_works:
                self._ask(question, EXEC)
        for question in asked:
            if question.in_shell or not account.exec_works:
                self._ask(question, SHELL)

    def _try_exec(self, question: Question) -> None:
        if self._endpoint.channel == SHELL:
            self.account.exec_works = False
            return
        self._ask(question, EXEC)
        first = self.account.heard[-1]
        said = first.text.strip()
        self.account.exec_works = first.outcome == "ended" and bool(said) and not texts.EXEC_UNUSABLE.search(said)

    def _ask(self, question: Question, channel: str) -> None:
        if self._silent[channel] >= MOST_SILENT or (channel == SHELL and self._shell_refused):
            return
        heard = Heard(question, channel, Tape())
        try:
            if channel == SHELL and not self._open_shell():
                return
            self._transport.tape = heard.tape = Tape()
            self.account.heard.append(heard)
            if channel == EXEC:
                output = run_exec(self._transport, question.command, self._endpoint.command_timeout, Masker())
                heard.exit_status = output.exit_status
            elif self._shell is not None:
                self._shell.run(question.command, self._endpoint.command_timeout)
        except PasswordChangeRequired as error:
            heard.outcome = "the node wants a new password; it was not answered"
            self._fail(heard, error)
            raise
        except UnexpectedPrompt as error:
            # The next command gets a new shell.
            heard.outcome = "the node asked something; it was not answered"
            self._fail(heard, error)
            self._close_shell()
        except NoPrompt as error:
            heard.outcome = f"no end within {self._endpoint.command_timeout:g} seconds"
            self._fail(heard, error)
            self._silent[channel] += 1
            if self._silent[channel] == MOST_SILENT:
                self.account.failed.append((f"the {channel} channel", "nothing more was asked after three silences"))
            self._close_shell()
        except ChannelRefused as error:
            heard.outcome = "the channel was refused"
            self._fail(heard, error)
        except SessionLost as error:
            heard.outcome = "the connection ended"
            self._fail(heard, error)
            self._again(error)

    def _fail(self, heard: Heard, error: CmsError) -> None:
        self.account.failed.append((f"{heard.question.command!r} ({heard.channel})", error.reason))

    def _open_shell(self) -> bool:
        if self._shell is not None:
            return True
        opening = self._transport.tape = Tape()
        self.account.shells.append(opening)
        try:
            self._shell = ShellChannel(self._transport, Masker(), self._endpoint.command_timeout)
        except (NoPrompt, UnexpectedPrompt, ChannelRefused) as error:
            self._shell_refused = True
            self.account.failed.append(("the shell", error.reason))
            return False
        except (PasswordChangeRequired, SessionLost) as error:
            self.account.failed.append(("the shell", error.reason))
            raise
        self.account.prompt = self._shell.prompt
        return True

    # What the answers say --------------------------------------------------------------------------------------------

    def _read_displays(self) -> None:
        """Read the displays as a survey would, to know which files are in use and which texts are strange."""
        account = self.account
        for row in catalogue.SERVICES:
            self._read(row.show, functools.partial(self._keep_service, row))
        self._read(commands.PKI_LIST, self._keep_names)
        version = account.answer("version")
        if version is not None and displays.parse_version(version) is None:
            account.strange.append(("version", "there is no version number in it, or there are several"))

    def _read(self, command: str, parse: Callable[[str], None]) -> None:
        text = self.account.answer(command)
        if text is None:
            return
        try:
            parse(text)
        except NotUnderstood as error:
            self.account.strange.append((command, error.reason))

    def _keep_service(self, row: catalogue.Service, text: str) -> None:
        widest = max(rows.widest(one.text) for one in self.account.heard)
        self.account.services[row.name] = displays.parse_service(row, text, widest)

    def _keep_names(self, text: str) -> None:
        self._keys = {name for name, kind in displays.parse_pki_list(text).items() if kind == "key"}

    # Files -----------------------------------------------------------------------------------------------------------

    def _read_files(self) -> None:
        account = self.account
        files = Files(
            str(self._endpoint),
            lambda: self._transport.open_sftp(self._endpoint.command_timeout),
            self._endpoint.command_timeout,
        )
        try:
            account.listing = files.listing()
            for name in self._certificate_files():
                data = files.get(name)
                if holds_key(data):
                    account.failed.append((name, "it holds a private key; its content was dropped unread"))
                else:
                    account.files[name] = data
        except SessionLost as error:
            account.failed.append(("the files", error.reason))
            if not self._transport.is_open:
                self._again(error)
        except CmsError as error:
            account.failed.append(("the files", error.reason))
        finally:
            files.close()

    def _certificate_files(self) -> list[str]:
        """Name the certificate files that settings name: what is, or may be, a key is not among them."""
        keys = set(self._keys)
        named: dict[str, None] = {}
        for state in self.account.services.values():
            for slot in (state.get("slots") or {}).values():
                keys.add(slot.get("key"))
                named |= dict.fromkeys(slot[part] for part in ("certificate", "bundle") if slot.get(part))
            named |= dict.fromkeys(name for name in (state.get("trusts") or {}).values() if name)
        endings = (*texts.KEY_EXTENSIONS, ".p12", ".pfx")
        listed = self.account.listing or {}
        return [name for name in named if name in listed and name not in keys and not name.lower().endswith(endings)]
