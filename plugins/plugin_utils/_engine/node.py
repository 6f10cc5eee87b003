# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node during one round: its session, what it was sent, what it shows.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._errors import NotUnderstood
from .._mmp import displays, rows, settings, texts
from .._mmp.empty import NothingOrLost
from .._mmp.session import Answer, Reply, Session
from .._services import catalogue, commands


class Node:
    """One node in one login. ``login`` gives the session when it is first needed."""

    def __init__(self, name: str, login: Callable[[], Session]) -> None:
        self.name = name
        #: What changed something, with what the node answered (secrets masked), for the result.
        self.commands: list[dict[str, Any]] = []
        self._login = login
        self._session: Session | None = None
        self._files: dict[str, int | None] | None = None

    @property
    def session(self) -> Session:
        """Give the session."""
        if self._session is None:
            self._session = self._login()
        return self._session

    @property
    def transcript(self) -> list[str]:
        """Give the latest lines of the session, for an error."""
        return self.session.transcript[-20:]

    @property
    def lost(self) -> bool:
        """Say whether the session has to be opened again before it can be used."""
        return not self.session.connected

    def reconnect(self, seconds: float) -> None:
        """Log in again; wait up to ``seconds`` for the node."""
        self.session.reconnect(seconds)
        self._files = None

    # What it shows ---------------------------------------------------------------------------------------------------

    def display(self, service: str, shows: Iterable[str] = ()) -> dict[str, Any]:
        """Read the display of a service, and those of ``shows`` that hold settings of it. Raises NotUnderstood."""
        return read_display(self.session, catalogue.BY_NAME[service], self.name, shows)

    def display_again(self, service: str, shows: Iterable[str] = ()) -> dict[str, Any]:
        """Read the display of a service that the node runs. Raises NotUnderstood when it does not show it now."""
        found = self.display(service, shows)
        if not found["present"]:
            raise NotUnderstood(
                f"{self.name} {service}",
                f"the node is known to run this service and does not show it now: {found['detail']}",
                f"run '{catalogue.BY_NAME[service].show}' by hand and look at what it says",
                self.transcript,
            )
        return found

    def files_named(self, present: Iterable[str]) -> set[str]:
        """Read the displays of all services and give every file they name (S3).

        Raises NotUnderstood when the node does not show a service that was ``present`` when the plan was made: which
        files it names is not known then.
        """
        known = set(present)
        found: set[str] = set()
        for name in catalogue.BY_NAME:
            if name in known:
                found |= displays.files_named(self.display_again(name))
            else:
                found |= self.files_of(name)
        for show in commands.SETTING_DISPLAYS:
            found |= displays.files_in(self.session.show(show))
        return found

    def files_of(self, service: str) -> set[str]:
        """Give every file that the display of a service names; of one that nobody understands, all that looks like one.

        Raises NotUnderstood for a service whose display is known and was not understood.
        """
        row = catalogue.BY_NAME[service]
        return self._files_in(row, self.session.show(row.show))

    def _files_in(self, row: catalogue.Service, text: str) -> set[str]:
        try:
            return set(displays.files_named(parsed(self.session, row, text)))
        except NotUnderstood as error:
            if row.everywhere:
                raise _of(self.name, error) from error
            return set(displays.files_in(text))

    def users_of(self, file: str, expected: Iterable[str]) -> list[str]:
        """Read the displays of all services and settings, and name those that name a file (S3).

        Raises NotUnderstood when the node does not show one that it is ``expected`` to run, and when it only fails to
        show another one: what a node says twice that it lacks is not there.
        """
        known = set(expected)
        found = []
        for row in catalogue.SERVICES:
            if row.name in known:
                named = displays.files_named(self.display_again(row.name))
            else:
                text = self._shown(row.show)
                named = self._files_in(row, text) if text else set()
            found += [row.name] if file in named else []
        return found + [show for show in commands.SETTING_DISPLAYS if displays.names_file(self._shown(show), file)]

    def _shown(self, show: str) -> str:
        """Give a display; nothing where the node says that it has none, and says so again."""
        text = self.session.show(show)
        if displays.complains(text) is None:
            return text
        text = self.session.show(show)
        detail = displays.complains(text)
        if detail is None:
            return text
        if displays.says_absent(detail):
            return ""
        raise NotUnderstood(
            f"{self.name} {show}",
            f"the node does not show this, and does not say that it lacks it either: {detail}",
            f"run '{show}' by hand and look at what it says; nothing was changed",
            self.transcript,
        )

    def files(self) -> dict[str, int | None]:
        """List the files, with their sizes."""
        if self._files is None:
            self._files = self.session.listdir()
        return self._files

    def says_yes(self, command: str) -> bool | None:
        """Ask for the node's opinion; None when its answer is not understood."""
        reply = self.session.run(command, check=False)
        self._keep(command, reply)
        opinion: bool | None = displays.read_yes_no(reply.text)
        return opinion

    # What changes it -------------------------------------------------------------------------------------------------

    def store(self, command: str) -> Reply:
        """Send a command that stores a setting. Raises CommandFailed, NotUnderstood and what ends sessions."""
        return self._sent(command, lambda: self.session.store(command))

    def run(self, command: str, *, long: bool = False) -> Reply:
        """Send a command and give its answer, whatever it says."""
        return self._sent(command, lambda: self.session.run(command, long=long, check=False))

    def make(self, command: str) -> Reply:
        """Let the node make files: a key with its CSR, a certificate. Raises CommandFailed, NotUnderstood."""
        self._files = None
        return self._sent(command, lambda: self.session.run(command, long=True))

    def make_csr(self, command: str) -> Reply:
        """Let the node make key and CSR. Raises CommandFailed, NotUnderstood."""
        return self.make(command)

    def tell_secret(self, command: str, question: re.Pattern[str], secret: str) -> Reply:
        """Send a command that asks for a hidden value, and give that once; what it printed is the caller's to judge.

        Raises UnexpectedPrompt where it asks again, or for something else.
        """
        self._files = None
        answer = Answer(question, secret, secret=True)
        return self._sent(command, lambda: self.session.run(command, long=True, answer=[answer], check=False))

    def get(self, name: str) -> bytes:
        """Download a file."""
        return self.session.get(name)

    def head(self, name: str, count: int) -> bytes:
        """Download no more than the first bytes of a file."""
        return self.session.head(name, count)

    def put(self, name: str, data: bytes) -> None:
        """Upload a file; its content is never in the result."""
        self._files = None
        self.commands.append({"command": f"sftp put {name}", "answer": []})
        self.session.put(name, data)

    def remove(self, name: str) -> None:
        """Remove a file."""
        self._files = None
        self.commands.append({"command": f"sftp rm {name}", "answer": []})
        self.session.remove(name)

    def _sent(self, command: str, send: Callable[[], Reply]) -> Reply:
        entry: dict[str, Any] = {"command": command, "answer": []}
        self.commands.append(entry)
        reply = send()
        entry["answer"] = list(reply.lines)
        return reply

    def _keep(self, command: str, reply: Reply) -> None:
        self.commands.append({"command": command, "answer": list(reply.lines)})


def read_display(
    session: Session, service: catalogue.Service, node: str, shows: Iterable[str] | None = None
) -> dict[str, Any]:
    """Read the display of a service on ``node``, and of the displays that hold settings of it those in ``shows``.

    Without ``shows`` it is all of them. Raises NotUnderstood, which names the node.
    """
    text = session.show(service.show)
    try:
        found = parsed(session, service, text)
        wanted = [show for show in service.shows if shows is None or show in set(shows)]
        if found["present"]:
            add_settings(found, service, {show: setting(session, show) for show in wanted})
    except NotUnderstood as error:
        raise _of(node, error) from error
    return found


def _of(node: str, error: NotUnderstood) -> NotUnderstood:
    return NotUnderstood(f"{node}, {error.obj}", error.reason, error.next_step, error.transcript)


def add_settings(found: dict[str, Any], service: catalogue.Service, shown: Mapping[str, Mapping[str, Any]]) -> None:
    """Put what other displays say of the trust settings of a service into what its own said.

    ``found`` gets the files under ``trusts``, and under ``verify`` what the mode of each is (None: unknown).
    """
    for trust in service.trusts:
        setting = shown.get(trust.show)
        if setting is not None and setting["present"]:
            found["trusts"][trust.name] = setting["trust"]
            found.setdefault("verify", {})[trust.name] = setting["verify"]


def parsed(session: Session, service: catalogue.Service, text: str) -> dict[str, Any]:
    """Read ``text``, the display of a service. Raises NotUnderstood."""
    found: dict[str, Any] = _with_longer_lines(session, lambda widest: displays.parse_service(service, text, widest))
    return found


def setting(session: Session, show: str) -> dict[str, Any]:
    """Ask for a display of settings and read it. Raises NotUnderstood."""
    text = session.show(show)
    return _with_longer_lines(session, lambda widest: settings.parse_setting(show, text, widest))


def _with_longer_lines(session: Session, read: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    """Read a display; where its lines are too short to tell what an empty row means, look at other answers."""
    try:
        return read(0)
    except NothingOrLost as error:
        enough = error.columns
    widest = 0
    for command in (*(service.show for service in catalogue.SERVICES), commands.PKI_LIST, commands.PKI):
        widest = max(widest, rows.widest(session.show(command)))
        if widest >= enough:
            break
    return read(widest)


def strange_lines(reply: Reply) -> list[str]:
    """Give the lines of an answer that are neither a result nor a known notice."""
    return [line for line in _meaningful(reply.others) if not any(known.search(line) for known in texts.KNOWN_NOTICES)]


def _meaningful(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if line.strip()]
