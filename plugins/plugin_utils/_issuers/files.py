# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files on the control node that a kill at any moment leaves old or new, never half.

Folders are made for the user alone (0700), files too (0600). A temporary file that a killed run left behind is removed
by the next one that changes the same folder.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator

from .._errors import StoreProblem

TEMPORARY = ".new-"
FOLDER_MODE = 0o700
FILE_MODE = 0o600

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def problem(path: str, error: OSError, doing: str) -> StoreProblem:
    """Make the error for a file or folder that the system would not let us use."""
    if error.errno in _FULL:
        return StoreProblem(
            path, f"cannot be {doing}, the disk or the quota is full", "free space there, then run it again"
        )
    if error.errno in _FORBIDDEN:
        step = "make the folder accessible for the user who runs Ansible, or choose another one"
    else:
        step = "check the folder and the path to it"
    return StoreProblem(path, f"cannot be {doing} ({error.strerror or type(error).__name__})", step)


def read(path: str) -> bytes | None:
    """Read a file; None when it is not there. Raises StoreProblem."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise problem(path, error, "read") from error


def entries(folder: str) -> list[str]:
    """Name what is in a folder, without half-written files; nothing when it is not there. Raises StoreProblem."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise problem(folder, error, "read") from error


def write(path: str, data: bytes) -> None:
    """Write a file in one atomic step that survives a power cut. Call it inside ``changing``. Raises StoreProblem."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f"{TEMPORARY}{secrets.token_hex(6)}-{name}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        _sync_folder(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise problem(path, error, "written") from error


@contextlib.contextmanager
def changing(folder: str) -> Iterator[None]:
    """Make a folder if need be and hold it while it changes, so that two runs do not cross. Raises StoreProblem."""
    try:
        _make(folder)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise problem(folder, error, "opened") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            _clean(folder)
        except OSError as error:
            raise problem(folder, error, "changed") from error
        yield
    finally:
        os.close(handle)


def check_writable(folder: str) -> None:
    """Make the folder if need be and try to write a file there. Raises StoreProblem."""
    with changing(folder):
        probe = os.path.join(folder, f"{TEMPORARY}probe")
        write(probe, b"this file may be removed\n")
        with contextlib.suppress(OSError):
            os.unlink(probe)


def check_may_write(folder: str) -> None:
    """See, without changing anything, whether files could be made in a folder that may not exist yet."""
    place = folder
    while not os.path.lexists(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise problem(place, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)), "opened")
    if not os.access(place, os.W_OK | os.X_OK):
        raise problem(place, PermissionError(errno.EACCES, os.strerror(errno.EACCES)), "written")


def _make(folder: str) -> None:
    """Make a folder and those above it that are missing, each for the user alone."""
    if os.path.isdir(folder):
        return
    above = os.path.dirname(folder)
    if above and above != folder:
        _make(above)
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, FOLDER_MODE)
        _sync_folder(above or ".")


def _clean(folder: str) -> None:
    """Remove what killed runs left half-written; who holds the folder is the only one who writes there."""
    for name in os.listdir(folder):
        if name.startswith(TEMPORARY):
            os.unlink(os.path.join(folder, name))


def _sync_folder(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
