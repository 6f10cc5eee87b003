# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a report wants to know of a node and a plan does not: certificates nobody uses, and pairs that do not fit.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

from .._mmp import displays
from .._mmp.session import Session, quote
from .._services import catalogue, commands


def other_certificates(
    files: Mapping[str, Mapping[str, Any]],
    in_use: Container[str],
    made: Container[str],
    read: Callable[[str], dict[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Read the certificate files that no setting names.

    ``read`` downloads one. A file whose name leaves open whether it holds a key is read only when this collection
    ``made`` it, and told otherwise (S4).
    """
    found = {}
    for name, entry in sorted(files.items()):
        if name in in_use or entry["kind"] in ("key", "csr"):
            continue
        if entry["kind"] == "certificate" or name in made:
            found[name] = read(name)
        elif displays.may_hold_certificates(name):
            found[name] = {"certificates": [], "problems": ["not read: its name does not say that it holds no key"]}
    return found


def pairs(session: Session, services: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Ask the node of every slot whether its key and its certificate belong together (``pki match``).

    Gives by slot id the files, ``matches`` (None where the answer is not understood), and what was said.
    """
    found: dict[str, dict[str, Any]] = {}
    asked: dict[tuple[str, str], str] = {}
    for slot_id, key, certificate in _assigned(services):
        if (key, certificate) not in asked:
            asked[key, certificate] = session.show(commands.pki_match(quote(key), quote(certificate)))
        answer = asked[key, certificate]
        said = " | ".join(line.strip() for line in answer.splitlines() if line.strip())
        opinion = displays.read_yes_no(answer)
        found[slot_id] = {"key": key, "certificate": certificate, "matches": opinion, "said": said}
    return found


def _assigned(services: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[str, str, str]]:
    for slot_id, (service, slot) in catalogue.SLOTS.items():
        shown = ((services.get(service.name) or {}).get("slots") or {}).get(slot.name) or {}
        if shown.get("key") and shown.get("certificate"):
            yield slot_id, str(shown["key"]), str(shown["certificate"])
