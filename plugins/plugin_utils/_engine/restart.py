# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restart one service once, and find out whether it did, even when the connection breaks or the answer is unknown.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from .._api import system
from .._errors import ApiProblem, CommandFailed, ConnectionFailed, NoPrompt, NotUnderstood, SessionLost
from .._mmp.session import Reply
from .._services import catalogue
from .context import Context
from .node import Node, strange_lines
from .proofs import Proofs
from .prove import Pace

#: The way to the node broke; what the node did with the last command is not known.
LOST = (SessionLost, NoPrompt, ConnectionFailed)

#: Seconds by which the clock of a Call Bridge's uptime may be off.
UPTIME_SLACK = 3.0


class Restart:
    """The restart of the service of one batch, or with ``back`` the one after the old settings were put back.

    ``again`` logs in anew and reads the display.
    """

    def __init__(
        self,
        node: Node,
        plan: Mapping[str, Any],
        batch: Mapping[str, Any],
        context: Context,
        proofs: Proofs,
        again: Callable[[], Mapping[str, Any]],
        back: bool = False,
    ) -> None:
        self._node = node
        self._plan = plan
        self._batch = batch
        self._context = context
        self._proofs = proofs
        self._again = again
        self._back = back
        self._service = catalogue.BY_NAME[batch["service"]]
        self._obj = f"{node.name} {self._service.name}"
        self.remarks: list[str] = []

    def run(self, commands: list[str]) -> list[str]:
        """Send the commands and give what showed that the service restarted, for the journal.

        Raises CommandFailed for a FAILURE line or a service that is down after it, NotUnderstood for an answer that
        nothing confirms.
        """
        said: list[str] = []
        for command in commands:
            reply = self._send(command)
            if reply is None:
                said.append("the connection ended with the restart, and the service is back")
                continue
            if reply.failed:
                failures = "; ".join(text for ok, text in reply.results if not ok)
                raise CommandFailed(
                    self._obj,
                    f"'{command}' failed: {failures}",
                    "mend what the node complains about, then run again",
                    reply.lines,
                )
            said.extend(line for line in reply.lines if line.strip())
            if not reply.understood or (strange_lines(reply) and not reply.succeeded):
                self._confirm(command, reply)
        self._wait()
        return said or ["the node came back to its prompt without a word"]

    def _wait(self) -> None:
        """Wait until the display says that the service runs: for a while it may say that it is starting."""
        pace = Pace(self._context.proof_timeout)
        while True:
            display = self._display()
            shown = display["present"]
            if shown and display["enabled"] is not False and display["running"] is not False:
                return
            # Who is switched off is not on the way up.
            if (shown and display["enabled"] is False) or not pace.again():
                raise CommandFailed(
                    self._obj, "is not running after its restart", "look at its log on the node", self._node.transcript
                )

    def _display(self) -> Mapping[str, Any]:
        try:
            return self._node.display(self._service.name)
        except LOST:
            return self._again()

    def _answer(self, command: str) -> Reply:
        reply = self._node.run(command, long=True)
        if not any(line.strip() for line in reply.lines):
            # Silence counts only while the connection stands behind it (S8).
            self._node.display(self._service.name)
        return reply

    def _send(self, command: str) -> Reply | None:
        """Send a command; None when the connection broke with it and the restart is known to have happened."""
        began = time.monotonic()
        try:
            return self._answer(command)
        except LOST as error:
            display = self._again()
            # Silence on a connection that stands: the restart may take longer than anybody waited, and is not repeated
            # while it may be under way.
            if self._happened(display, began, hurry=not isinstance(error, NoPrompt)):
                return None
        try:
            return self._answer(command)
        except NoPrompt:
            # Silence on a connection that stands says nothing at all (S8).
            if self._happened(self._again(), began):
                return None
            raise
        except (SessionLost, ConnectionFailed):
            # Twice in a row: it is this command that ends the connection, so the node carries it out.
            self._again()
            self.remarks.append(f"{self._obj}: '{command}' ended the connection twice and counts as carried out")
            return None

    def _happened(self, display: Mapping[str, Any], began: float, *, hurry: bool = True) -> bool:
        """Say whether a restart since ``began`` is certain: by the leaf that is served, or the Call Bridge's uptime.

        ``hurry`` waits a quarter of the time for the leaf.
        """
        if self._proofs.leaf_served(self._batch, display, new=not self._back, hurry=hurry):
            return True
        if not self._service.drops_calls:
            return False
        client = self._context.api(self._plan, self._node.name)
        if client is None:
            return False
        try:
            uptime = system.system_status(client)["uptime_seconds"]
        except ApiProblem:
            return False
        finally:
            client.close()
        return uptime is not None and uptime <= time.monotonic() - began + UPTIME_SLACK

    def _confirm(self, command: str, reply: Reply) -> None:
        """Take an answer nobody knows for success only when the service serves the right leaf (S8)."""
        if self._proofs.leaf_served(self._batch, self._display(), new=not self._back):
            self.remarks.append(
                f"{self._obj}: '{command}' answered something unknown; what it should serve now is served"
            )
            return
        raise NotUnderstood(
            self._obj,
            f"'{command}' answered something unknown, and nothing shows that the service restarted",
            "look at what the node printed; restart the service by hand and run the playbook again",
            reply.lines,
        )
