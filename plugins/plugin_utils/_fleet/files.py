# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the state folder, written so that a kill at any moment leaves the old or the new content, never a mixture.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import json
import os
import tempfile
import urllib.parse
from typing import Any

from .._errors import JournalProblem


def write_json(path: str, data: Any) -> None:
    """Write ``data`` as JSON to ``path`` in one atomic step that survives a power cut.

    Raises JournalProblem when the folder cannot be written.
    """
    folder = os.path.dirname(path)
    temporary = ""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".new-", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(data, stream, indent=1, sort_keys=True)
            stream.write("\n")
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


def read_json(path: str) -> Any:
    """Read JSON from ``path``; None when there is no such file. Raises JournalProblem when it cannot be read."""
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
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
