# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the node over SFTP, on the login of the session: everything lies in one folder.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from .._errors import BadOption, FileProblem, SessionLost

try:
    import paramiko
except ImportError:
    pass

_Result = TypeVar("_Result")

#: No setting names a file before all of it is there.
_AGAIN = "run again: the playbooks replace what arrived in part (certops.cms.pki_file needs force: true for that)"
_NAME = re.compile(r"[^/\x00-\x1f\x7f]{1,255}")


def check_name(name: str) -> str:
    """Give the name back if it can be a file's name on the node. Raises BadOption."""
    if not _NAME.fullmatch(name) or name in (".", ".."):
        raise BadOption(repr(name), "this is no file name on a node", "give a bare name, without folders")
    return name


class Files:
    """The files of one node. ``open_client`` gives paramiko's SFTP client, opened again when it has gone."""

    def __init__(self, node: str, open_client: Callable[[], Any], timeout: float) -> None:
        self._node = node
        self._open_client = open_client
        self._timeout = timeout
        self._client: Any = None

    def close(self) -> None:
        """Close the SFTP channel."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def listdir(self) -> dict[str, int | None]:
        """Give name and size (None where the node does not tell) of every file, by name."""
        entries = self._do("the list of files", "list", lambda sftp: sftp.listdir_attr("."))
        return {
            entry.filename: entry.st_size
            for entry in sorted(entries, key=lambda entry: str(entry.filename))
            if not (entry.st_mode and stat.S_ISDIR(entry.st_mode)) and entry.filename not in (".", "..")
        }

    def get(self, name: str) -> bytes:
        """Read a file."""

        def read(sftp: Any) -> bytes:
            with sftp.open(check_name(name), "rb") as stream:
                return bytes(stream.read())

        return self._do(name, "read", read)

    def put(self, name: str, data: bytes) -> None:
        """Write a file, then read it back: size and digest must be those of what was sent. Raises FileProblem."""

        def write(sftp: Any) -> None:
            with sftp.open(check_name(name), "wb") as stream:
                # Not pipelined: then paramiko drops what the node says about a write that failed.
                stream.write(data)

        self._do(name, "write", write)
        size = self._do(name, "look at", lambda sftp: sftp.stat(name)).st_size
        if size is not None and size != len(data):
            raise FileProblem(
                f"{self._node}, file {name}",
                f"the upload is short: {size} of {len(data)} bytes arrived",
                f"look at free space and connection, then {_AGAIN}",
            )
        back = self.get(name)
        if hashlib.sha256(back).digest() != hashlib.sha256(data).digest():
            raise FileProblem(
                f"{self._node}, file {name}",
                f"what the node holds ({len(back)} bytes) is not what was sent ({len(data)} bytes)",
                _AGAIN,
            )

    def remove(self, name: str) -> None:
        """Remove a file."""
        self._do(name, "remove", lambda sftp: sftp.remove(check_name(name)))

    def _do(self, name: str, what: str, work: Callable[[Any], _Result]) -> _Result:
        if self._client is None or self._client.get_channel().closed:
            self._client = self._open_client()
        try:
            return work(self._client)
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
