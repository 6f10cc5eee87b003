# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that stand in for real ones: the same one for the same name, and as long as it wherever that is possible.

The length is kept so that columns, wrapped lines and paddings of a display stay what they were.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator

HOST, DOMAIN, ADDRESS, HARDWARE = "host names", "domains", "addresses", "hardware addresses"
USER, NAME, FILE, IDENTIFIER = "users", "other names", "file names", "identifiers"

_STEMS = {HOST: "host", USER: "user", NAME: "name", FILE: "file"}
#: RFC 5737, and RFC 3849.
_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
_TOP = ".test"


class Pseudonyms:
    """Hands out stand-ins. ``real`` are names that no stand-in may look like."""

    def __init__(self) -> None:
        self.real: set[str] = set()
        self._given: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()

    def given(self, kind: str) -> int:
        """Count the different names of a kind that have a stand-in."""
        return sum(1 for known, _real in self._given if known == kind)

    def of(self, kind: str, real: str) -> str:
        """Give the stand-in of a name, without regard to its case."""
        key = (kind, real.casefold())
        if key not in self._given:
            found = next(one for one in self._candidates(kind, real) if one not in self._taken and one not in self.real)
            self._taken.add(found)
            self._given[key] = found
        return self._given[key]

    def _candidates(self, kind: str, real: str) -> Iterator[str]:
        first = self.given(kind) + 1
        if kind == ADDRESS:
            yield from _addresses(real)
        elif kind == DOMAIN:
            yield from (f"{one}{_TOP}" for one in _words("domain", max(len(real) - len(_TOP), 2), first))
        elif kind == IDENTIFIER:
            yield from (f"00000000-0000-4000-8000-{number:012d}" for number in itertools.count(1))
        elif kind == HARDWARE:
            joint = next((char for char in real if not char.isalnum()), ":")
            yield from (
                joint.join(("00", "00", "5e", "00", f"{number >> 8:02x}", f"{number & 255:02x}"))
                for number in itertools.count(0x5300)
            )
        else:
            yield from _words(_STEMS[kind], len(real), first)


def _words(stem: str, length: int, first: int) -> Iterator[str]:
    """Give ``host1-xxxx``, ``host2-xxxx``, ...; for short names ``h1``, ``h2``, then letters, then longer ones."""
    for short in (stem, stem[0]):
        for number in range(first, first + 10_000):
            word = f"{short}{number}"
            if len(word) > length:
                break
            yield f"{word}-".ljust(length, "x") if length - len(word) > 1 else word.ljust(length, "x")
    letters = string.ascii_lowercase[4:]
    if length <= 3:
        yield from ("".join(word) for word in itertools.product(letters, repeat=max(length, 1)))
    yield from (f"{stem}{number}" for number in itertools.count(first))


def _addresses(real: str) -> Iterator[str]:
    if ":" in real:
        return (f"2001:db8::{number:x}" for number in itertools.count(1))
    every = (f"{network}.{host}" for network in _NETWORKS for host in range(1, 255))
    nearest = sorted(every, key=lambda one: abs(len(one) - len(real)))
    # More than the documentation holds: the network for benchmarks (RFC 2544).
    return itertools.chain(nearest, (f"198.18.{number >> 8}.{number & 255}" for number in range(65536)))
