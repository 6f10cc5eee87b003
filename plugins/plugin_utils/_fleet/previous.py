# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which files a slot had before: by the journal, or by a base name that a person gave.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._services import catalogue
from . import names
from .given import Host

PARTS = ("key", "certificate", "bundle")
Files = dict[str, str | None]


def slot_files(host: Host, slot_id: str) -> Files:
    """Give the files that a slot is assigned now."""
    service, slot = catalogue.SLOTS[slot_id]
    return _files((host.service(service.name).get("slots") or {}).get(slot.name))


def changes_of(host: Host, slot_id: str) -> list[dict[str, Any]]:
    """Give what the journal knows of changes of a slot, the latest last; a rollback is none of them."""
    key = f"{catalogue.SLOTS[slot_id][0].name}/slot:{slot_id}"
    return [
        {**entry, "files": _files(entry["files"]), "before": _files(entry["before"])}
        for entry in host.replaced.get(key, [])
    ]


def named(host: Host, slot_id: str, base: str, identity: str | None = None) -> Files | None:
    """Give the files of a slot whose base name is ``base``; None where nobody can say which those are.

    What the slot once had tells it for names of any kind. Else it takes files on the node that are named as this
    collection names the generations of ``identity``; without one, of any identity.
    """
    known = [files for entry in reversed(changes_of(host, slot_id)) for files in _both(entry)]
    for once in [slot_files(host, slot_id), *known]:
        if base in {_base(once["key"]), _base(once["certificate"])} and once["certificate"]:
            return once
    ours = base.rpartition("-g")[0] if identity is None else names.stem(identity)
    there = set((host.survey or {"files": {}})["files"])
    if names.generation_of(base, ours) is None:
        return None
    own = names.files_of(base, chain=True)
    full = catalogue.SLOTS[slot_id][1].layout == catalogue.FULL_CHAIN
    files: Files = {
        "key": own["key"],
        "certificate": own["fullchain" if full else "certificate"],
        "bundle": None if full else own["bundle"],
    }
    return files if files["certificate"] in there else None


def to_read(replaced: Mapping[str, Iterable[Mapping[str, Any]]], base: str) -> list[str]:
    """Name the certificate files to read for a rollback: what settings had before, and those of ``base``."""
    found: set[str] = set()
    for setting, entries in replaced.items():
        for entry in entries:
            before = entry["before"]
            values = [(before or {}).get(part) for part in PARTS[1:]] if "/slot:" in setting else [before]
            found |= {str(value) for value in values if value}
    if base:
        own = names.files_of(base, chain=True)
        found |= {own[part] for part in ("certificate", "fullchain", "bundle")}
    return sorted(found)


def pairs_to_ask(host: Host, base: str) -> list[tuple[str, str]]:
    """Give key and certificate of what the slots of a node could be given back, where both are on the node."""
    there = set((host.survey or {"files": {}})["files"])
    found: dict[tuple[str, str], None] = {}
    for slot_id in catalogue.SLOTS:
        now = slot_files(host, slot_id)
        latest = [entry["before"] for entry in changes_of(host, slot_id)[-1:]]
        for files in [named(host, slot_id, base)] if base else latest:
            if files and files != now and {files["key"], files["certificate"]} <= there:
                found[str(files["key"]), str(files["certificate"])] = None
    return list(found)


def _both(entry: Mapping[str, Any]) -> tuple[Files, Files]:
    return entry["before"], entry["files"]


def _files(value: Mapping[str, Any] | None) -> Files:
    return {part: (value or {}).get(part) or None for part in PARTS}


def _base(file: str | None) -> str:
    return str(file or "").rpartition(".")[0]
