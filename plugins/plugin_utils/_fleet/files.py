# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the state folder, written so that a kill at any moment leaves the old or the new content, never a mixture.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import urllib.parse
from typing import Any

from .._errors import JournalProblem

#: The folders in the state folder that are believed like the state folder itself.
PARTS = ("journal", "plans", "store", "issuers")


def check_trusted(state_dir: str) -> None:
    """Raise JournalProblem where somebody else could have written what lies in the state folder, or could yet.

    Plans say what is sent to nodes, and issuers make the CA that a fleet trusts. What does not exist yet is made for
    its user alone.
    """
    for path in (state_dir, *(os.path.join(state_dir, part) for part in PARTS)):
        _check_trusted(path)


def _check_trusted(path: str) -> None:
    try:
        entry, found = os.lstat(path), os.stat(path)
    except OSError:
        # Whoever uses the folder says what is in the way.
        return
    me = os.geteuid()
    if stat.S_ISLNK(entry.st_mode) and entry.st_uid not in (0, me):
        raise JournalProblem(
            path,
            f"it is a link that belongs to another user (uid {entry.st_uid}), who can make it lead elsewhere",
            f"name a folder of your own with cms_state_dir, or remove the link: rm {path}",
        )
    if found.st_uid != me:
        raise JournalProblem(
            path,
            f"the folder belongs to another user (uid {found.st_uid}, this is uid {me}), who could change plans and "
            "keys",
            f"run Ansible as that user; or see what is in the folder, and make it yours: chown -R {me} {path}",
        )
    if stat.S_ISDIR(found.st_mode) and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise JournalProblem(
            path,
            f"others may write in the folder (mode {stat.S_IMODE(found.st_mode):04o}), and so change plans and keys",
            f"see that only what belongs there is in it, then run: chmod 700 {path}",
        )


def content(data: Any) -> bytes:
    """Give ``data`` as the bytes that ``write_json`` writes."""
    return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode("utf-8")


def digest(data: bytes) -> str:
    """Give the SHA-256 of the bytes of a file, lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def write_json(path: str, data: Any) -> None:
    """Write ``data`` as JSON to ``path`` in one atomic step that survives a power cut.

    Raises JournalProblem when the folder cannot be written.
    """
    folder = os.path.dirname(path)
    temporary = ""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".new-", dir=folder)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content(data))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        temporary = ""
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as exc:
        raise JournalProblem(
            path,
            f"cannot be written ({exc.strerror or exc})",
            "make the state folder (cms_state_dir) writable for the user who runs the playbook, or free space on it; "
            "nothing was changed on the node by this step",
        ) from exc
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def read_json(path: str, sha256: str | None = None) -> Any:
    """Read JSON from ``path``; None when there is no such file.

    Raises JournalProblem when it cannot be read, and when it is not the file of this SHA-256, if one is given.
    """
    try:
        with open(path, "rb") as stream:
            data = stream.read()
        if sha256 is not None and digest(data) != sha256.lower():
            raise JournalProblem(
                path,
                "is not the file as it was written: it was changed afterwards, or is of another run",
                "see who can write there, and run the playbook again from its start; it makes a new plan",
            )
        return json.loads(data.decode("utf-8"))
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise JournalProblem(
            path,
            f"cannot be read ({exc.strerror or exc})",
            "make the state folder (cms_state_dir) readable for the user who runs Ansible, or choose another",
        ) from exc
    except ValueError as exc:
        raise JournalProblem(
            path,
            f"cannot be read ({exc})",
            "restore the file from a backup, or move it away; the next run then judges by what the nodes show",
        ) from exc


def safe_name(node: str) -> str:
    """Turn an inventory name into a file name that cannot leave its folder and cannot collide."""
    return urllib.parse.quote(node, safe="").replace("..", "%2E%2E")
