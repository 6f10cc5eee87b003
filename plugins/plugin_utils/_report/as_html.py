# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as one HTML page that needs nothing else: no script, font or image from elsewhere.

Jinja2 escapes whatever names of nodes and certificates hold, and the policy of the page names its one script and its
one style sheet by their digests.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Any

from . import drawing, words
from .causes import whom

try:
    import jinja2
except ImportError:
    pass

_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")

#: Pictures of clusters that are shown at once; more of them wait behind a line to open.
_MOST_PICTURES = 12
_MOST_NAMES = 12


def page(report: dict[str, Any]) -> str:
    """Give the page. Raises nothing for what is in the report: all of it is text to the page."""
    cleaned = words.clean(report)
    style, script = _part("page.css"), _part("page.js")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = drawing.clusters(cleaned)
    # Those with faults come first.
    faulty = sum(1 for picture in pictures if picture["state"] in ("down", "unknown"))
    shown = pictures[: max(faulty, _MOST_PICTURES)]
    return environment.get_template("page.html.j2").render(
        report=cleaned,
        style=style,
        script=script,
        policy=_policy(style, script),
        states=words.STATES,
        link_states=words.LINK_STATES,
        causes=[_cause(cause) for cause in cleaned["causes"]],
        rows=[_row(entry) for entry in cleaned["certificates"]],
        timeline=drawing.timeline(cleaned),
        pictures=shown,
        more_pictures=pictures[len(shown) :],
        bad_links=[link for link in cleaned["links"] if link["state"] in ("down", "unknown")],
        nodes=cleaned["nodes"],
        when_due=words.when_due,
        count=words.count,
        some=words.some,
    )


def _part(name: str) -> str:
    with open(os.path.join(_FOLDER, name), encoding="utf-8") as stream:
        return stream.read()


def _policy(style: str, script: str) -> str:
    """Allow the page's own style sheet and script, and nothing else."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _cause(cause: dict[str, Any]) -> dict[str, Any]:
    names = whom(cause)
    return {
        **cause,
        "whom": names if len(names) <= _MOST_NAMES + 1 else names[:_MOST_NAMES],
        "others": [] if len(names) <= _MOST_NAMES + 1 else names[_MOST_NAMES:],
        "source": words.source(cause["section"]),
    }


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    grouped: dict[str, list[str]] = {}
    for node, use in words.uses(entry):
        grouped.setdefault(use, []).append(node)
    title = entry["common_name"] or entry["subject"] or "no subject"
    names = [name for name in (*entry["dns"], *entry["ip"]) if name != entry["common_name"]]
    return {
        **entry,
        "title": title,
        "names": names,
        "uses": [{"what": use, "nodes": found} for use, found in grouped.items()],
        "first_node": next((node for found in grouped.values() for node in found), ""),
        "verifiers": words.verifiers(entry),
        "kind": "service" if entry["used_by"] else "authority" if entry["in_use"] else "unused",
        "issuer_name": "self-signed" if entry["self_signed"] else _name_of(entry["issuer"]),
    }


def _name_of(subject: str) -> str:
    """Give the common name out of a subject as text, else the whole of it."""
    for part in subject.split(","):
        if part.strip().upper().startswith("CN="):
            return part.strip()[3:]
    return subject
