# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a key and a certificate on a node belong together, in words that nobody has seen yet.

What ``pki match`` prints is not documented. Where its words say neither yes nor no, they are compared with what the
node says of a pair that fits, one that a service of it shows, and of one that does not.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ._fleet.given import Host
from ._fleet.pending import serves_assigned
from ._mmp import displays
from ._services import catalogue

Ask = Callable[[str, str], str]


def pair_matches(host: Host, key: str, certificate: str, ask: Ask) -> tuple[bool | None, str]:
    """Give the node's opinion of two of its files, None when it is not clear, and its words.

    ``ask`` sends ``pki match`` for a key and a certificate; the key stays on the node (S4).
    """
    answer = ask(key, certificate)
    said = " | ".join(line.strip() for line in answer.splitlines() if line.strip())
    opinion: bool | None = displays.read_yes_no(answer)
    if opinion is None:
        opinion = _compared(host, key, certificate, answer, ask)
    return opinion, said


def _compared(host: Host, key: str, certificate: str, answer: str, ask: Ask) -> bool | None:
    wanted = _public_key(host, certificate)
    if wanted is None:
        return None
    for known_key, known_certificate in _pairs_in_service(host):
        known = _public_key(host, known_certificate)
        if known_key == key:
            return known == wanted
        if known == wanted:
            continue
        fits = _words(ask(known_key, known_certificate), known_key, known_certificate)
        fits_not = _words(ask(known_key, certificate), known_key, certificate)
        if fits == fits_not:
            return None
        return {fits: True, fits_not: False}.get(_words(answer, key, certificate))
    return None


def _pairs_in_service(host: Host) -> Iterator[tuple[str, str]]:
    """Give key and certificate of every slot that shows what is assigned to it: those belong together."""
    for name in host.services:
        for slot in catalogue.BY_NAME[name].slots if name in catalogue.BY_NAME else ():
            assigned = (host.service(name).get("slots") or {}).get(slot.name) or {}
            key, certificate = assigned.get("key"), assigned.get("certificate")
            if key and certificate and serves_assigned(host, catalogue.slot_id(catalogue.BY_NAME[name], slot)):
                yield str(key), str(certificate)


def _public_key(host: Host, file: str) -> str | None:
    found = host.certificates(file)
    return str(found[0]["info"]["spki_sha256"]) if found else None


def _words(answer: str, *names: str) -> str:
    """Give an answer without the names of the files it is about."""
    for name in sorted(names, key=len, reverse=True):
        answer = answer.replace(name, "*")
    return " ".join(answer.split()).casefold()
