# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SFTP on the same login: a flat root with the node's files, and the faults of uploads."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import asyncssh

from .node import OTHER_FILES

if TYPE_CHECKING:
    from .faults import FaultSpec
    from .node import Node

_WRITE = asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC


class _Upload:
    """What is known about a file that is being written."""

    def __init__(self, name: str, fault: FaultSpec | None) -> None:
        self.name = name
        self.fault = fault
        self.cut = False


class NodeSftp(asyncssh.SFTPServer):
    """asyncssh's server on the node's file area; everything that is not a plain file in the root is refused."""

    def __init__(self, chan: Any, node: Node, user: str) -> None:
        self._node = node
        self._user = user
        self._uploads: dict[int, _Upload] = {}
        super().__init__(chan, chroot=str(node.files.root).encode())

    def _name(self, path: bytes) -> str:
        name = path.decode("utf-8", "replace").strip("/")
        if name.startswith("./"):
            name = name[2:]
        if not name or "/" in name or name.startswith("."):
            raise self._refusal()
        return name

    def _refusal(self) -> asyncssh.SFTPError:
        if self._node.sw.is_("sftp_refusal", "failure"):
            return asyncssh.SFTPFailure("Failure")
        return asyncssh.SFTPPermissionDenied("Permission denied")

    def _guard(self, name: str, switch: str) -> None:
        if name in OTHER_FILES:
            raise self._refusal()
        if self._node.sw.is_(switch, "permission_denied") and name in self._node.files_in_use():
            raise self._refusal()

    def _perhaps(self, what: str) -> None:
        """Go wrong where a fault of reading, listing or removing says so."""
        fault = self._node.faults.take(("sftp_drop", "sftp_failure"), what)
        if fault is None:
            return
        self._node.event("fault", fault=fault.kind, operation=what)
        if fault.kind == "sftp_failure":
            raise asyncssh.SFTPFailure(fault.text or "Failure")
        self.channel.get_connection().abort()
        raise asyncssh.SFTPConnectionLost("the connection was cut")

    def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
        """Open for reading, or for writing under the switches and faults."""
        name = self._name(path)
        if not pflags & _WRITE:
            self._node.event("sftp_get", user=self._user, file=name)
            self._perhaps(f"get {name}")
            return super().open(path, pflags, attrs)
        if self._node.files.exists(name):
            self._guard(name, "sftp_overwrite_in_use")
        elif name in OTHER_FILES:
            raise self._refusal()
        fault = self._node.faults.take(("cut_upload", "disk_full"), name)
        attrs.permissions = 0o600
        handle = super().open(path, pflags, attrs)
        self._uploads[id(handle)] = _Upload(name, fault)
        return handle

    def write(self, file_obj: Any, offset: int, data: bytes) -> Any:
        """Write, unless a fault says otherwise."""
        upload = self._uploads.get(id(file_obj))
        fault = upload.fault if upload is not None else None
        if upload is None or fault is None:
            return super().write(file_obj, offset, data)
        if fault.kind == "disk_full":
            self._node.event("fault", fault="disk_full", file=upload.name)
            raise asyncssh.SFTPFailure("No space left on device")
        if not upload.cut:
            upload.cut = True
            self._node.event("fault", fault="cut_upload", file=upload.name)
            super().write(file_obj, offset, data[: len(data) // 2])
            if not fault.keep_connection:
                self.channel.get_connection().abort()
        return len(data)

    def close(self, file_obj: Any) -> Any:
        """Close; a finished upload is an event with its size and digest."""
        upload = self._uploads.pop(id(file_obj), None)
        result = super().close(file_obj)
        if upload is not None and self._node.files.exists(upload.name):
            data = self._node.files.read(upload.name)
            self._node.event(
                "sftp_put", user=self._user, file=upload.name, size=len(data), sha256=hashlib.sha256(data).hexdigest()
            )
        return result

    def stat(self, path: bytes) -> Any:
        """Tell the size of a file."""
        name = path.decode("utf-8", "replace").strip("/")
        self._node.event("sftp_stat", user=self._user, file=name)
        self._perhaps(f"stat {name}")
        return super().stat(path)

    def remove(self, path: bytes) -> Any:
        """Remove a file."""
        name = self._name(path)
        self._perhaps(f"remove {name}")
        if self._node.files.exists(name):
            self._guard(name, "sftp_delete_in_use")
        result = super().remove(path)
        self._node.event("sftp_remove", user=self._user, file=name)
        return result

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        """Rename, where the switch allows it."""
        if self._node.sw.is_("sftp_rename", "refused"):
            raise asyncssh.SFTPOpUnsupported("Operation not supported")
        old, new = self._name(oldpath), self._name(newpath)
        self._guard(old, "sftp_delete_in_use")
        result = super().rename(oldpath, newpath)
        self._node.event("sftp_rename", user=self._user, file=old, to=new)
        return result

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        """As rename."""
        return self.rename(oldpath, newpath)

    def _modes(self) -> None:
        if self._node.sw.is_("sftp_modes", "refused"):
            raise self._refusal()

    def setstat(self, path: bytes, attrs: Any) -> None:
        """Modes and times are taken and forgotten, or refused."""
        self._name(path)
        self._modes()

    def lsetstat(self, path: bytes, attrs: Any) -> None:
        """As setstat."""
        self.setstat(path, attrs)

    def fsetstat(self, file_obj: Any, attrs: Any) -> None:
        """As setstat."""
        self._modes()

    def _refuse(self) -> None:
        raise self._refusal()

    def mkdir(self, path: bytes, attrs: Any) -> None:
        """No directories here."""
        self._refuse()

    def rmdir(self, path: bytes) -> None:
        """No directories here."""
        self._refuse()

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """No links here."""
        self._refuse()

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        """No links here."""
        self._refuse()

    async def scandir(self, path: bytes) -> AsyncIterator[Any]:
        """The listing; temporary names of the simulator are not in it."""
        self._node.event("sftp_list", user=self._user)
        self._perhaps("list")
        hidden = set(OTHER_FILES) if self._node.sw.is_("sftp_other_files", "hidden") else set()
        async for entry in super().scandir(path):
            name = entry.filename.decode() if isinstance(entry.filename, bytes) else entry.filename
            if name in hidden or (name.startswith(".") and name not in (".", "..")):
                continue
            yield entry

    def exit(self) -> Any:
        """Forget unfinished uploads."""
        for upload in self._uploads.values():
            self._node.event("sftp_unfinished", user=self._user, file=upload.name)
        self._uploads.clear()
        return super().exit()
