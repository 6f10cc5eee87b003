# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CA certificates as files for the people who install them in browsers and operating systems (guide 4.7.2).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._pki import certs, x509util
from . import files

if TYPE_CHECKING:
    from cryptography import x509

ROOT, INTERMEDIATE = "root", "intermediate"
#: The stores of Windows, by what a certificate is.
STORES = {ROOT: "Trusted Root Certification Authorities", INTERMEDIATE: "Intermediate Certification Authorities"}
TEXT_FILE = "README.txt"

_HEAD = """\
CA certificates of {source}
{line}

Browsers that shall trust it need the certificates below. Each lies here twice, as .pem and as .der (for Windows, which
opens a .der file with a double click). Compare the SHA-256 fingerprint with its owner before you install it: whoever
holds the key of a root that you trust can pretend to be any site.
"""
_FOOT = """
Where they go
  Windows (Edge, Chrome): the store named above, for the whole computer, or by group policy. The Certificate Guidelines
    (4.7.2) put all of them into Trusted Root Certification Authorities; for an intermediate that works too.
  macOS (Safari, Chrome): Keychain Access, System. Set a root to Always Trust.
  Firefox: Settings, Privacy & Security, View Certificates, Authorities. Trust a root to identify websites.
  Chrome on Linux: Settings, Security, Manage certificates. Trust a root to identify websites.
"""


@dataclasses.dataclass(frozen=True)
class Exported:
    """One certificate: what it is, and the names of its two files."""

    cert: x509.Certificate
    role: str
    stem: str

    def as_dict(self, folder: str) -> dict[str, Any]:
        """Give it as plain data, with the paths of its files."""
        info = certs.describe(self.cert)
        return {
            "role": self.role,
            "store": STORES[self.role],
            **{part: info[part] for part in ("subject", "not_after", "sha256", "self_signed")},
            **{ending: os.path.join(folder, f"{self.stem}.{ending}") for ending in ("pem", "der")},
        }


def plan(chain: Sequence[x509.Certificate], folder: str) -> list[Exported]:
    """Name the files of each certificate after its subject; root first.

    A name that another certificate has already, in the folder or among these, gets the start of the fingerprint: a CA
    that was renewed has the subject of the one before, whose file people may still need. Raises StoreProblem.
    """
    found: list[Exported] = []
    for cert in reversed(chain):
        role = ROOT if x509util.is_self_signed(cert) else INTERMEDIATE
        stem = _stem(cert)
        if stem in {one.stem for one in found} or _is_other(cert, os.path.join(folder, f"{stem}.pem")):
            stem = f"{stem}-{certs.fingerprint(cert)[:8]}"
        found.append(Exported(cert, role, stem))
    return found


def contents(exported: Sequence[Exported], source: str) -> dict[str, bytes]:
    """Give the content of every file by name, the text last."""
    found: dict[str, bytes] = {}
    for one in exported:
        found[f"{one.stem}.pem"] = certs.to_pem(one.cert).encode("ascii")
        found[f"{one.stem}.der"] = certs.to_der(one.cert)
    return {**found, TEXT_FILE: text(exported, source).encode("utf-8")}


def text(exported: Sequence[Exported], source: str) -> str:
    """Say in words which certificate goes where."""
    title = f"CA certificates of {source}"
    parts = [_HEAD.format(source=source, line="=" * len(title))]
    for one in exported:
        info = certs.describe(one.cert)
        pairs = re.findall("..", info["sha256"].upper())
        parts.append(
            f"""
{one.stem}.pem, {one.stem}.der
  {info["subject"]}
  {one.role}, valid until {info["not_after"]}
  SHA-256 {":".join(pairs[:16])}:
          {":".join(pairs[16:])}
  Windows store: {STORES[one.role]}
"""
        )
    return "".join(parts) + _FOOT


def _stem(cert: x509.Certificate) -> str:
    attributes = x509util.subject_attributes(cert)
    name = next((attributes[key] for key in ("CN", "OU", "O") if attributes.get(key)), "ca")
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:60].strip("-") or "ca"


def _is_other(cert: x509.Certificate, path: str) -> bool:
    have = files.read(path)
    return have is not None and have != certs.to_pem(cert).encode("ascii")
