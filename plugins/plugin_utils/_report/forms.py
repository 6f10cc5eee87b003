# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The forms of the report by name, and how their files are written.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from typing import Any

from .._errors import ReportProblem
from . import as_html, as_metrics, as_text


def _json(report: dict[str, Any]) -> str:
    # ASCII only: what names hold reaches no terminal as it is.
    return json.dumps(report, indent=1, ensure_ascii=True) + "\n"


#: Form -> name of its file, and what makes its content.
FORMS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "text": ("report.txt", as_text.text),
    "json": ("report.json", _json),
    "prometheus": ("certops_cms.prom", as_metrics.text),
    "html": ("report.html", as_html.page),
}


def render(report: dict[str, Any], form: str) -> str:
    """Give the content of the file of a form."""
    return FORMS[form][1](report)


def write(path: str, text: str) -> None:
    """Write a file in one step: who reads it meanwhile sees the old one or the new one, whole.

    It may be read by those whom the umask lets, as a web server or a collector of metrics is another user. Raises
    ReportProblem.
    """
    folder = os.path.dirname(path)
    temporary = ""
    try:
        os.makedirs(folder, exist_ok=True)
        # The collector of metrics reads every file whose name ends in .prom.
        handle, temporary = tempfile.mkstemp(prefix=".report-", suffix=".new", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
            os.fchmod(stream.fileno(), 0o644 & ~_umask())
        os.replace(temporary, path)
        temporary = ""
    except OSError as error:
        raise ReportProblem(
            path,
            f"cannot be written ({error.strerror or error})",
            "name a folder that you may write to (cms_report_dir, cms_report_paths), or free space there",
        ) from error
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def _umask() -> int:
    found = os.umask(0o077)
    os.umask(found)
    return found
