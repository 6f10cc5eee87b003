# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the node over SFTP, on the login of the session: everything lies in one folder.

A node may be broken or hostile: what it sends has an end in size and in time, whatever it says.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import stat
import struct
import threading
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from .._errors import BadOption, CmsError, FileProblem, SessionLost
from .._services import commands
from .._text import printable

try:
    import paramiko
except ImportError:
    pass

_Result = TypeVar("_Result")

#: No setting names a file before all of it is there.
_AGAIN = "run again: the playbooks replace what arrived in part (certops.cms.pki_file needs force: true for that)"
_NAME = re.compile(r"[^/\x00]{1,255}")

#: The most bytes read of a file: a bundle of a hundred certificates takes a tenth of it.
MOST_BYTES = 1024 * 1024
#: The most files a node may list; it holds some dozens.
MOST_FILES = 4096
#: The most seconds that one operation may take in all, however busy the line is meanwhile; a command timeout that is
#: longer counts instead, and for large files the time that the slowest line (bytes in a second) takes.
MOST_SECONDS = 120.0
SLOWEST = 16 * 1024


def check_name(name: str) -> str:
    """Give the name back if it can be a file's name on the node. Raises BadOption."""
    if not _NAME.fullmatch(name) or not name.isprintable() or name in (".", ".."):
        raise BadOption(repr(name), "this is no file name on a node", "give a bare name, without folders")
    return name


def _hang_up(client: Any) -> None:
    """Close an SFTP channel, also where the connection below it has just gone."""
    with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
        client.close()


class Files:
    """The files of one node. ``open_client`` gives paramiko's SFTP client, opened again when it has gone."""

    def __init__(self, node: str, open_client: Callable[[], Any], timeout: float) -> None:
        self._node = node
        self._open_client = open_client
        self._timeout = timeout
        self._client: Any = None
        self._too_slow = False

    def close(self) -> None:
        """Close the SFTP channel."""
        if self._client is not None:
            _hang_up(self._client)
            self._client = None

    def listdir(self) -> dict[str, int | None]:
        """Give name and size (None where the node does not tell) of every file, by name.

        A name that does not print is given escaped: it is no name that anything here would give or ask for.
        """
        return {name: size for name, (size, _mode) in self.listing().items()}

    def listing(self) -> dict[str, tuple[int | None, int | None]]:
        """Give size and permission bits of every file by name, as ``listdir`` does; None where the node is silent."""
        entries = self._do("the list of files", "list", self._entries)
        found: dict[str, tuple[int | None, int | None]] = {}
        for entry in sorted(entries, key=lambda entry: (not entry.filename.isprintable(), entry.filename)):
            if not (entry.st_mode and stat.S_ISDIR(entry.st_mode)):
                mode = None if entry.st_mode is None else stat.S_IMODE(entry.st_mode)
                found.setdefault(printable(entry.filename), (entry.st_size, mode))
        return found

    def _entries(self, sftp: Any) -> list[Any]:
        entries: list[Any] = []
        # One request ahead: with more, answers that nobody takes are left on the line.
        for entry in sftp.listdir_iter(".", read_aheads=1):
            if not _NAME.fullmatch(entry.filename):
                raise FileProblem(
                    f"{self._node}, the list of files",
                    f"{entry.filename[:60]!r} in it cannot be the name of a file in one folder",
                    f"look at the files of the node by hand ({commands.PKI_LIST}, sftp); nothing is changed before",
                )
            if len(entries) >= MOST_FILES:
                raise FileProblem(
                    f"{self._node}, the list of files",
                    f"there are more than {MOST_FILES} files",
                    f"look at the files of the node by hand ({commands.PKI_LIST}, sftp), and remove what nobody needs",
                )
            entries.append(entry)
        return entries

    def get(self, name: str, limit: int = MOST_BYTES) -> bytes:
        """Read a file of at most ``limit`` bytes. Raises FileProblem for a larger one."""

        def read(sftp: Any) -> bytes:
            with sftp.open(check_name(name), "rb") as stream:
                data = bytes(stream.read(limit + 1))
            if len(data) > limit:
                raise FileProblem(
                    f"{self._node}, file {name}",
                    f"it is larger than {limit} bytes, so it was not read to its end",
                    "look at the file by hand: no certificate or bundle is that large",
                )
            return data

        return self._do(name, "read", read, limit)

    def head(self, name: str, count: int) -> bytes:
        """Read no more than the first ``count`` bytes of a file."""

        def read(sftp: Any) -> bytes:
            with sftp.open(check_name(name), "rb", 0) as stream:
                return bytes(stream.read(count))

        return self._do(name, "read", read, count)

    def put(self, name: str, data: bytes) -> None:
        """Write a file, then read it back: size and digest must be those of what was sent. Raises FileProblem."""

        def write(sftp: Any) -> None:
            with sftp.open(check_name(name), "wb") as stream:
                # Not pipelined: then paramiko drops what the node says about a write that failed.
                stream.write(data)

        self._do(name, "write", write, len(data))
        size = self._do(name, "look at", lambda sftp: sftp.stat(name)).st_size
        if size is not None and size != len(data):
            raise FileProblem(
                f"{self._node}, file {name}",
                f"the upload is short: {size} of {len(data)} bytes arrived",
                f"look at free space and connection, then {_AGAIN}",
            )
        back = self.get(name, max(len(data), MOST_BYTES))
        if hashlib.sha256(back).digest() != hashlib.sha256(data).digest():
            raise FileProblem(
                f"{self._node}, file {name}",
                f"what the node holds ({len(back)} bytes) is not what was sent ({len(data)} bytes)",
                _AGAIN,
            )

    def remove(self, name: str) -> None:
        """Remove a file."""
        self._do(name, "remove", lambda sftp: sftp.remove(check_name(name)))

    def _do(self, name: str, what: str, work: Callable[[Any], _Result], size: int = 0) -> _Result:
        seconds = max(MOST_SECONDS, self._timeout, size / SLOWEST)
        if self._too_slow:
            self._refuse_slowness(name, what, seconds)
        if self._client is None or self._client.get_channel().closed:
            self._client = self._open_client()
        client = self._client
        over = threading.Event()

        def hang_up() -> None:
            over.set()
            _hang_up(client)

        # A node that sends a little now and then never runs into the timeout of the channel.
        watch = threading.Timer(seconds, hang_up)
        watch.daemon = True
        watch.start()
        try:
            done = self._tell(client, name, what, work)
        except CmsError:
            if over.is_set():
                self._refuse_slowness(name, what, seconds)
            raise
        finally:
            watch.cancel()
        if over.is_set():
            self._refuse_slowness(name, what, seconds)
        return done

    def _refuse_slowness(self, name: str, what: str, seconds: float) -> NoReturn:
        """Give up, also on the files that come after: each of them would take as long."""
        self._too_slow = True
        self.close()
        raise FileProblem(
            f"{self._node}, file {name}",
            f"cannot {what} it: the node had not finished an operation on its files after {seconds:g} seconds",
            f"look at the node and the way to it, then {_AGAIN}",
        ) from None

    def _tell(self, client: Any, name: str, what: str, work: Callable[[Any], _Result]) -> _Result:
        """Do the work, and say in our own words what went wrong with it."""
        try:
            return work(client)
        except FileProblem:
            # Answers that nobody took may be left on the line.
            self.close()
            raise
        except (ValueError, LookupError, struct.error, paramiko.SFTPError) as exc:
            self.close()
            raise FileProblem(
                f"{self._node}, file {name}",
                f"cannot {what} it: the answer of the node cannot be read ({type(exc).__name__})",
                "look at the files of the node by hand with another SFTP program",
            ) from exc
        except (TimeoutError, EOFError, paramiko.SSHException) as exc:
            self.close()
            raise SessionLost(
                f"{self._node}, file {name}",
                f"the connection ended, or was silent for {self._timeout:g} seconds, at the attempt to {what} it",
                f"look at the node and its free space, then {_AGAIN}",
            ) from exc
        except OSError as exc:
            self._explain(name, what, exc)

    def _explain(self, name: str, what: str, exc: OSError) -> NoReturn:
        if isinstance(exc, FileNotFoundError) or exc.errno == 2:
            reason, step = ("there is no such file", "look at the list of files on the node")
        elif isinstance(exc, PermissionError) or exc.errno == 13:
            reason, step = ("the node does not allow it", "check the user's role, and whether a service uses the file")
        elif "closed" in str(exc).lower():
            self.close()
            raise SessionLost(
                f"{self._node}, file {name}",
                f"the connection ended at the attempt to {what} it",
                f"look at the node, then {_AGAIN}",
            ) from exc
        else:
            reason = f"the node answered {exc.strerror or exc or 'with a failure'}"
            step = f"look at the free space of the node, then {_AGAIN}"
        raise FileProblem(f"{self._node}, file {name}", f"cannot {what} it: {reason}", step) from exc
