# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificate files in a recording: their layout byte by byte, and what matters of each certificate, without names.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import re
from typing import Any

from .._errors import CmsError
from .._pki import certs, der, x509util
from .document import Block, shown
from .masking import Mask
from .pseudonyms import HOST, NAME, USER

#: What is told of a certificate. Its key, serial number and signature are not, and its dates are days: the logs of the
#: public CAs could be searched for them.
_TOLD = (
    "subject",
    "issuer",
    "version",
    "key_type",
    "signature_hash",
    "common_name",
    "dns",
    "ip",
    "email",
    "key_usage",
    "extended_key_usage",
    "ca",
    "path_length",
    "netscape_type",
    "self_signed",
)
#: What would end a value in the text form of a name.
_ESCAPED = re.compile(r'([\\,+/="<])')
_ESCAPE = r"\\\1"
_CERTIFICATE = (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE")


def holds_key(data: bytes) -> bool:
    """Say whether a file holds a private key in any form; then nothing of it is kept."""
    return b"PRIVATE KEY-----" in certs.as_text_bytes(data) or der.shape(data) in ("key", "encrypted key", "pkcs12")


class Certificates:
    """The certificates of one node, numbered as they are met."""

    def __init__(self, mask: Mask, whole: bool) -> None:
        """``whole``: the user agreed to send the public certificates themselves."""
        self._mask = mask
        self._whole = whole
        self._known: dict[str, int] = {}
        self._seen: list[Any] = []

    def learn(self, data: bytes, name: str) -> None:
        """Number the certificates of a file and learn the names in them. A file that holds none is passed over."""
        try:
            found = certs.load_certificates(data, name)
        except CmsError:
            return
        for one in found:
            if certs.fingerprint(one) in self._known:
                continue
            self._seen.append(one)
            self._known[certs.fingerprint(one)] = len(self._seen)
            info = certs.describe(one)
            for host in (*info["dns"], info["common_name"]):
                self._mask.name(HOST if host and "." in host and " " not in host else NAME, host)
            for value in info["subject_attributes"].values():
                self._mask.name(HOST if "." in value and " " not in value else NAME, value)
            for mail in info["email"]:
                self._mask.name(USER, mail.partition("@")[0])

    def layout(self, data: bytes) -> Block:
        """Give a file with its certificates replaced by their numbers."""
        text = certs.PEM_BLOCK.split(data)
        if len(text) == 1:
            number = self._number(data)
            return Block(f"<certificate {number}, DER>") if number else Block(f"<{len(data)} bytes of something else>")
        parts = [self._mask.wire(text[0], prose=True)]
        for at in range(1, len(text), 3):
            label, body, after = text[at : at + 3]
            parts += [self._block(label, body), self._mask.wire(after, prose=True)]
        return shown(b"".join(parts))

    def _block(self, label: bytes, body: bytes) -> bytes:
        begin, end = b"-----BEGIN " + label + b"-----", b"-----END " + label + b"-----"
        number = self._number(begin + body + end)
        if label not in _CERTIFICATE or not number:
            return b"<" + label.lower() + b", not shown>"
        if self._whole:
            return begin + body + end
        lines = [line for line in body.splitlines() if line]
        return b"<certificate %d, PEM, %d lines of %d>" % (number, len(lines), max(map(len, lines), default=0))

    def _number(self, data: bytes) -> int:
        try:
            found = certs.load_certificates(data, "certificate")
        except CmsError:
            return 0
        return self._known.get(certs.fingerprint(found[0]), 0) if len(found) == 1 else 0

    def told(self) -> list[dict[str, Any]]:
        """Describe every certificate that was met."""
        return [self._told(number, one) for number, one in enumerate(self._seen, start=1)]

    def _told(self, number: int, cert: Any) -> dict[str, Any]:
        info = certs.describe(cert)
        signers = [
            place
            for place, other in enumerate(self._seen, start=1)
            if other != cert and x509util.signed_by(cert, other)
        ]
        told = {name: info[name] for name in _TOLD}
        told["subject"] = {
            name: self._mask.text(f"Subject: {name}={_ESCAPED.sub(_ESCAPE, value)}").partition("=")[2]
            for name, value in info["subject_attributes"].items()
        }
        told["issuer"] = self._mask.text(f"Issuer: {info['issuer']}").partition(" ")[2]
        for name in ("common_name", "dns", "ip", "email"):
            told[name] = self._mask.plain(told[name])
        return {
            "number": number,
            **told,
            "from": info["not_before"][:10],
            "to": info["not_after"][:10],
            "signed_by": signers,
            "key_identifiers": {"own": bool(info["ski"]), "authority": bool(info["aki"])},
        }
