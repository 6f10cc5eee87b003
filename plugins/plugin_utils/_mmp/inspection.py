# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``pki`` and ``pki inspect`` print, which nobody has seen: rows are found by name, the rest is left as text.

The file itself, once it is read, is the authority on what it holds; this says what the node takes it for.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import datetime
import re
import ssl
from collections.abc import Iterable
from typing import Any

from .._services import commands
from . import texts

#: The kinds of files in the node's words. What is said in none of these words is no kind.
KEY, CSR, CERTIFICATE, UNKNOWN = "key", "csr", "certificate", "unknown"


def parse_inspect(text: str) -> dict[str, Any]:
    """Read ``pki inspect``.

    Keys: ``kind`` (key, csr, certificate, unknown; None where it does not say), ``locked`` (True for a key it calls
    locked, else None: it need not say so), and ``certificates``, one entry per element with ``subject``, ``issuer``,
    ``not_before``, ``not_after`` (ISO 8601, UTC) and ``dns``; what was not printed or cannot be read is None.
    """
    lines = text.splitlines()
    if any(texts.FAILURE.match(line) for line in lines) or texts.USAGE.search(text) or _complains(lines):
        return {"kind": None, "locked": None, "certificates": []}
    kind, locked = _kind(lines)
    certificates = _certificates(lines) if kind in (CERTIFICATE, None) else []
    return {
        "kind": kind or (CERTIFICATE if certificates else None),
        "locked": locked if kind == KEY else None,
        "certificates": certificates,
    }


def _complains(lines: list[str]) -> bool:
    told = "\n".join(line for line in lines if line.strip())
    few = told.count("\n") < 2
    return few and bool(texts.UNKNOWN_COMMAND.search(told) or texts.NOT_PERMITTED.search(told))


def _kind(lines: list[str]) -> tuple[str | None, bool | None]:
    """Find the line that says what the file is: before any row, and not about the search for the file."""
    for line in lines:
        if any(row.match(line) for row in texts.INSPECT_ROWS.values()):
            break
        if texts.INSPECT_SEARCH.search(line) or not texts.INSPECT_FILE.search(line):
            continue
        for kind, pattern in texts.INSPECT_KINDS:
            if pattern.search(line):
                return kind, True if texts.INSPECT_LOCKED.search(line) else None
    return None, None


def _certificates(lines: list[str]) -> list[dict[str, Any]]:
    """Read the elements: a new one begins where a row comes that the one before has already."""
    found: list[dict[str, Any]] = []
    for line in lines:
        for name, row in texts.INSPECT_ROWS.items():
            match = row.match(line)
            if match is None:
                continue
            if not found or found[-1][name] is not None:
                found.append({**dict.fromkeys(texts.INSPECT_ROWS), "dns": []})
            found[-1][name] = moment(match.group(1)) if name.startswith("not_") else match.group(1)
            break
        else:
            if found:
                found[-1]["dns"] += texts.INSPECT_DNS.findall(line)
    return found


def moment(text: str) -> str | None:
    """Give a printed moment in ISO 8601, in UTC unless it says otherwise; None for one that cannot be read."""
    try:
        # As OpenSSL prints it, whatever the language of the control node.
        found = datetime.datetime.fromtimestamp(ssl.cert_time_to_seconds(text.strip()), datetime.UTC)
    except ValueError:
        try:
            found = datetime.datetime.fromisoformat(text.strip())
        except ValueError:
            return None
    found = found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
    return found.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_usage(text: str, files: Iterable[str]) -> dict[str, list[str]] | None:
    """Read ``pki``: what each of these files is used for, in the node's words. None where it does not say anything.

    Its form is not known: a line that names a file says something about it, and the rest of the line is what.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or texts.USAGE.search(text) or _complains(lines) or any(texts.FAILURE.match(line) for line in lines):
        return None
    found: dict[str, list[str]] = {}
    for name in files:
        whole = re.compile(rf"(?<![A-Za-z0-9._-]){re.escape(name)}(?![A-Za-z0-9_-]|\.[A-Za-z0-9])")
        said = [whole.sub(" ", line) for line in lines if whole.search(line)]
        if said:
            found[name] = [" ".join(words.split()).strip(" :,;=-") or commands.PKI for words in said]
    return found
