# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time per fleet (S18).

The tasks of a run are separate processes, so the lock belongs to the process that outlives them: ansible-playbook
itself. It is a small file that names that process; a lock whose process is gone is taken over, so a killed run needs
no cleaning up. A short ``flock`` makes looking and taking one step.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from typing import Any

from .._errors import JournalProblem, LockHeld
from .files import read_json, safe_name, write_json


def owner_of(pid: int) -> dict[str, Any]:
    """Describe a process so that a later look can tell it from another one with the same number."""
    return {"host": socket.gethostname(), "boot": _boot_id(), "pid": pid, "started": _start_time(pid)}


class FleetLock:
    """The lock of one fleet, in ``state_dir``, held by the process ``owner``."""

    def __init__(self, state_dir: str, owner: dict[str, Any]) -> None:
        self.path = os.path.join(state_dir, "lock.json")
        self.guard = os.path.join(state_dir, "lock.guard")
        self.working_dir = os.path.join(state_dir, "working")
        self.owner = owner

    def acquire(self, what: str) -> None:
        """Take the lock for ``what`` (say, ``site``). Raises LockHeld when another living run has it."""
        with _Guard(self.guard):
            held = read_json(self.path)
            if held and not self._mine(held) and _alive(held):
                raise LockHeld(
                    f"the fleet of {os.path.dirname(self.path)}",
                    f"is being worked on by another run ({held.get('what')}, process {held.get('pid')} on "
                    f"{held.get('host')})",
                    "wait until that run has ended; if it is certainly dead on another machine, remove "
                    f"{self.path} and run again",
                )
            if not (held and self._mine(held)):
                self._refuse_orphans()
            write_json(self.path, {**self.owner, "what": what})

    def working(self, node: str) -> contextlib.AbstractContextManager[None]:
        """Say, as long as it lasts, that this process works on ``node``.

        A worker of Ansible outlives a killed ansible-playbook until its task is done, and nobody may come in between.
        """
        return _Guard(os.path.join(self.working_dir, safe_name(node) + ".guard"), tell=True)

    def _refuse_orphans(self) -> None:
        """Raise LockHeld while a worker of a run that is gone still works on a node."""
        if not os.path.isdir(self.working_dir):
            return
        for name in sorted(os.listdir(self.working_dir)):
            path = os.path.join(self.working_dir, name)
            with open(path, encoding="ascii", errors="replace") as stream:
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    raise LockHeld(
                        f"the fleet of {os.path.dirname(self.path)}",
                        f"is still being worked on: process {stream.read(20).strip() or '?'} of a run that was killed "
                        f"has not finished with {name.removesuffix('.guard')}",
                        "wait until that process has ended, and run again",
                    ) from None

    def check(self) -> None:
        """Raise LockHeld unless this run still holds the lock."""
        held = read_json(self.path)
        if not held or not self._mine(held):
            raise LockHeld(
                f"the fleet of {os.path.dirname(self.path)}",
                "is not locked by this run, so its plan may no longer be true",
                "run the playbook again from its start: certops.cms.fleet_plan takes the lock",
            )

    def one_at_a_time(self, among: int | None = None) -> contextlib.AbstractContextManager[None]:
        """Let one task of this run in at a time, however many hosts a play serves at once (S6).

        Tasks of different clusters do not wait for each other when they say with ``among`` which one theirs is.
        """
        name = "one-at-a-time" + ("" if among is None else f"-{among}")
        return _Guard(os.path.join(os.path.dirname(self.path), f"{name}.guard"))

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if not os.path.isdir(os.path.dirname(self.path)):
            return
        with _Guard(self.guard):
            held = read_json(self.path)
            if held and self._mine(held):
                os.unlink(self.path)

    def _mine(self, held: dict[str, Any]) -> bool:
        return all(held.get(key) == value for key, value in self.owner.items())


class _Guard(contextlib.AbstractContextManager[None]):
    def __init__(self, path: str, tell: bool = False) -> None:
        self.path = path
        self.tell = tell
        self.handle = -1

    def __enter__(self) -> None:
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            self.handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self.handle, fcntl.LOCK_EX)
            if self.tell:
                os.ftruncate(self.handle, 0)
                os.write(self.handle, str(os.getpid()).encode("ascii"))
        except OSError as exc:
            raise JournalProblem(
                self.path,
                f"cannot be locked ({exc.strerror or exc})",
                "make the state folder (cms_state_dir) writable, on a file system that supports locks",
            ) from exc

    def __exit__(self, *_exc: object) -> None:
        os.close(self.handle)


def _boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def _start_time(pid: int) -> str:
    """Give the start time of a process in clock ticks since boot, or an empty text where that cannot be read."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            # The second field is the command in brackets and may hold anything, so count from its end.
            return stream.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _alive(held: dict[str, Any]) -> bool:
    """Say whether the run that holds the lock may still be alive. What cannot be known counts as alive."""
    if held.get("host") != socket.gethostname():
        return True
    if held.get("boot") and _boot_id() and held["boot"] != _boot_id():
        return False
    pid = held.get("pid")
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    started = _start_time(pid)
    return not (started and held.get("started") and started != held["started"])
