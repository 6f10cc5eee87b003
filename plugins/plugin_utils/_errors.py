# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every error this collection raises: the object it is about, the reason, and the next step.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterable

from ._text import printable


class CmsError(Exception):
    """A failure that a person can act on.

    ``obj`` names what failed (a node, a file, a certificate, an option), ``reason`` says why, ``next_step`` says what
    to do. ``transcript`` holds the lines the appliance printed that led here, secrets already masked (design rule S14).
    All of it may hold words of a node or a certificate, so what does not print is escaped.
    """

    def __init__(self, obj: str, reason: str, next_step: str, transcript: Iterable[str] = ()) -> None:
        super().__init__(obj, reason, next_step)
        self.obj = printable(obj)
        self.reason = printable(reason.rstrip(". "))
        self.next_step = printable(next_step.rstrip(". "))
        self.transcript = [printable(line.expandtabs().rstrip()) for line in transcript if line.strip()]

    def __str__(self) -> str:
        text = f"{self.obj}: {self.reason}. Next step: {self.next_step}."
        if self.transcript:
            text += " The appliance printed: " + " | ".join(self.transcript)
        return text

    def as_dict(self) -> dict[str, object]:
        """Give the parts as plain data for a task result."""
        return {
            "kind": type(self).__name__,
            "object": self.obj,
            "reason": self.reason,
            "next_step": self.next_step,
            "transcript": list(self.transcript),
        }


class MissingLibrary(CmsError):
    """A Python library that the control node needs is not installed."""


class BadOption(CmsError):
    """An option or inventory variable has a value that cannot be used."""


# The way to the node -------------------------------------------------------------------------------------------------


class ConnectionFailed(CmsError):
    """The node cannot be reached, or the connection ended before a login."""


class HostKeyProblem(CmsError):
    """The SSH host key is unknown or has changed."""


class AuthenticationFailed(CmsError):
    """The node refused the one credential it was offered (wrong password, locked account, too many sessions)."""


class PasswordChangeRequired(AuthenticationFailed):
    """The node asks for a new password instead of giving a prompt."""


class SessionLost(CmsError):
    """The connection ended in the middle of a session."""


class NoPrompt(CmsError):
    """The node did not come back to its prompt in time."""


class UnexpectedPrompt(CmsError):
    """The node asked something that no step expects an answer to (S9)."""


class CommandFailed(CmsError):
    """The node answered a command with a FAILURE line."""


class NotUnderstood(CmsError):
    """The node answered something that is neither success nor a known notice (S8)."""


class FileProblem(CmsError):
    """A file cannot be read, written or removed on the node, or its content is not what was sent."""


# Certificates --------------------------------------------------------------------------------------------------------


class CertificateProblem(CmsError):
    """A certificate, bundle or CSR cannot be read or breaks a rule."""


class KeyProblem(CmsError):
    """A private key cannot be read, is locked, or does not belong to its certificate."""


class IssuerProblem(CmsError):
    """An issuer cannot issue, or issued something else than was asked for."""


class StoreProblem(CmsError):
    """The store on the control node cannot be read, written or unlocked."""


# The fleet -----------------------------------------------------------------------------------------------------------


class ApiProblem(CmsError):
    """The Web Admin REST API cannot be used.

    ``failures`` are the reasons that the API gave, by their names. ``lost`` says that a change was sent and its answer
    did not come: only reading tells whether it was carried out.
    """

    failures: tuple[str, ...] = ()
    lost: bool = False


class PlanRefused(CmsError):
    """The plan has error findings: nothing may be changed (S1)."""


class Drift(CmsError):
    """The node is no longer as the plan saw it."""


class PreconditionMissing(CmsError):
    """A step that must come first has not been done or not been proven (S5)."""


class ProofFailed(CmsError):
    """After a change the service does not show what it should (S10). ``links`` names links that did not come back."""

    links: tuple[str, ...] = ()


class CallsInProgress(CmsError):
    """Calls are up and the gate says that they may not be dropped (S6)."""


class LockHeld(CmsError):
    """Another run works on this fleet (S18)."""


class ReportProblem(CmsError):
    """A file of the report cannot be written."""


class JournalProblem(CmsError):
    """The journal cannot be read or written, or contradicts the fleet."""
