# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults: what goes wrong, when, and how often. Set in the fleet file or while the fleet runs."""

from __future__ import annotations

import fnmatch
import itertools
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from .api_faults import FORMS

COMMAND_KINDS = (
    "drop_before",  # the connection is lost before the command takes effect
    "drop_after",  # the connection is lost after the command took effect, before its answer
    "silence",  # the prompt never comes; with effect: true the command runs
    "failure_line",  # FAILURE: <text>, nothing happens
    "garbage",  # one line nobody understands; with effect: true the command runs
)
RESTART_KINDS = (
    "slow_restart",  # seconds longer
    "fail_restart",  # FAILURE lines and the service stays down
    "serve_old_after_restart",  # says SUCCESS and goes on with what it had
    "alarm_after_restart",  # raises an alarm of the type in text (for seconds; 0 until it is cleared)
)
SFTP_KINDS = (
    "cut_upload",  # the connection is lost when half of a file has arrived; with keep_connection: true only the rest is
    "disk_full",
    "sftp_drop",  # the connection is lost before a file is read, looked at or removed, or the files are listed
    "sftp_failure",  # the same is answered with a failure
)
LOGIN_KINDS = ("refuse_login", "lockout", "password_change", "expiry_notice", "unreachable")
API_KINDS = (
    "api_500",
    "api_garbage",
    "api_slow",
    "api_form",  # right in content and wrong in form: text is one of the forms of api_faults.py
    "api_lost",  # the connection ends without an answer; with effect: true after the request took effect
)
KINDS = COMMAND_KINDS + RESTART_KINDS + SFTP_KINDS + LOGIN_KINDS + API_KINDS


class FaultError(ValueError):
    """A fault nobody knows or a value that makes no sense."""


@dataclass
class FaultSpec:
    """One fault.

    ``match`` is a command prefix, a file name pattern, a user name or an API path prefix, after the kind; empty matches
    all. A prefix between slashes is a regular expression. ``sftp_drop`` and ``sftp_failure`` match what is done: ``get
    NAME``, ``stat NAME``, ``remove NAME``, ``list``. ``count`` 0 means until cleared. ``after`` lets that many matches
    pass first.
    """

    kind: str
    match: str = ""
    count: int = 1
    after: int = 0
    seconds: float = 0.0
    text: str = ""
    effect: bool = False
    keep_connection: bool = False
    id: int = 0
    hits: int = field(default=0)

    @classmethod
    def from_dict(cls, raw: Any) -> FaultSpec:
        """Build and check; FaultError says what is wrong."""
        if not isinstance(raw, dict) or "kind" not in raw:
            raise FaultError("a fault is a mapping with at least kind")
        allowed = set(cls.__dataclass_fields__) - {"id", "hits"}
        unknown = set(raw) - allowed
        if unknown:
            raise FaultError(f"fault: unknown {', '.join(sorted(unknown))}")
        if raw["kind"] not in KINDS:
            raise FaultError(f"fault {raw['kind']!r} is none of {', '.join(KINDS)}")
        if raw["kind"] == "api_form" and raw.get("text", FORMS[0]) not in FORMS:
            raise FaultError(f"fault api_form: text {raw['text']!r} is none of {', '.join(FORMS)}")
        return cls(**raw)

    def fits(self, subject: str) -> bool:
        """Whether the subject (command line, file name, user, path) is meant."""
        if not self.match:
            return True
        if len(self.match) > 2 and self.match[0] == self.match[-1] == "/":
            return re.search(self.match[1:-1], subject) is not None
        if self.kind in SFTP_KINDS:
            return fnmatch.fnmatchcase(subject, self.match)
        return subject == self.match or subject.startswith(self.match)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the control socket."""
        return asdict(self)


class Faults:
    """The faults of one node."""

    def __init__(self, specs: list[FaultSpec]) -> None:
        self._ids = itertools.count(1)
        self._specs: list[FaultSpec] = []
        for spec in specs:
            self.add(FaultSpec(**{**spec.as_dict(), "id": 0, "hits": 0}))

    def add(self, spec: FaultSpec) -> int:
        """Put a fault in force; returns its number."""
        spec.id = next(self._ids)
        self._specs.append(spec)
        return spec.id

    def clear(self, kind: str | None = None) -> None:
        """Take away all faults, or those of one kind."""
        self._specs = [spec for spec in self._specs if kind is not None and spec.kind != kind]

    def take(self, kind: str | tuple[str, ...], subject: str) -> FaultSpec | None:
        """The first fault of these kinds that strikes now; its count goes down."""
        kinds = (kind,) if isinstance(kind, str) else kind
        for spec in list(self._specs):
            if spec.kind not in kinds or not spec.fits(subject):
                continue
            spec.hits += 1
            if spec.hits <= spec.after:
                continue
            if spec.count and spec.hits - spec.after >= spec.count:
                self._specs.remove(spec)
            return spec
        return None

    def standing(self, kind: str) -> FaultSpec | None:
        """A fault of this kind that is in force, without using it up."""
        return next((spec for spec in self._specs if spec.kind == kind), None)

    def as_list(self) -> list[dict[str, Any]]:
        """Plain data for the control socket."""
        return [spec.as_dict() for spec in self._specs]
