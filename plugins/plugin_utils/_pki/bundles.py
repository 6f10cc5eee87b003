# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificate files: split what a CA returns, put chains in order, write bundles, find faults (guide 1.2.4, 3.2).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .._errors import CertificateProblem
from . import der
from .certs import as_text_bytes, load_certificates, to_pem
from .chain import issuer_chain
from .x509util import (
    constraints,
    is_ca,
    is_self_issued,
    is_self_signed,
    issuer_key,
    require_cryptography,
    signed_by,
    spki_sha256,
    subject_key,
    subject_text,
)

if TYPE_CHECKING:
    from cryptography import x509

CERTIFICATE = "certificate"
BUNDLE = "bundle"
FULL_CHAIN = "full chain"
TRUST = "trust"
EXPECTATIONS = (CERTIFICATE, BUNDLE, FULL_CHAIN, TRUST)

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\n.*?-----END \1-----[ \t]*(?:\n|$)", re.DOTALL)


def split(
    data: bytes, name: str = "certificate file", *, spki: str | None = None
) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """Take the leaf out of what a CA returned, in whatever order; give it and the others, chain order first.

    ``spki`` (SHA-256 of the public key, hex) says which leaf is wanted. Without it the leaf is the one that is no
    CA, or that issued none of the others. Raises ``CertificateProblem`` when that is not exactly one certificate.
    """
    certs = list(dict.fromkeys(load_certificates(data, name)))
    leaf = _find_leaf(certs, name, spki)
    chain, left_over = issuer_chain(leaf, certs)
    return leaf, chain[1:] + left_over


def _find_leaf(certs: Sequence[x509.Certificate], name: str, spki: str | None) -> x509.Certificate:
    if spki is not None:
        mine = [cert for cert in certs if spki_sha256(cert) == spki]
        # The same key can have an old and a new certificate in one file: the newer one is meant.
        if mine:
            return max(mine, key=lambda cert: cert.not_valid_before_utc)
        raise CertificateProblem(
            name,
            f"none of its {len(certs)} certificates belongs to the key",
            "give the certificate that was issued for this CSR",
        )
    if len(certs) == 1:
        return certs[0]
    for found in (
        [cert for cert in certs if not is_ca(cert) and not is_self_issued(cert)],
        [cert for cert in certs if not any(_issued(cert, other) for other in certs if other != cert)],
        [cert for cert in certs if constraints(cert)[0] is False],
    ):
        if len(found) == 1:
            return found[0]
    raise CertificateProblem(
        name,
        "it cannot be told which of its certificates is the service's own: "
        + ", ".join(subject_text(cert) for cert in certs),
        "give a file with one service certificate and the CA certificates above it",
    )


def _issued(issuer: x509.Certificate, cert: x509.Certificate) -> bool:
    key = issuer_key(cert)
    return key is not None and key == subject_key(issuer) and signed_by(cert, issuer)


def order_chain(leaf: x509.Certificate, others: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """Put a chain in order: leaf first, root last where it is among the others; what does not belong is left out."""
    require_cryptography()
    return issuer_chain(leaf, others)[0]


def bundle_bytes(certs: Iterable[x509.Certificate]) -> bytes:
    """Write certificates in the order given, as PEM without anything between, one line break at the end (1.2.4).

    For a bundle give the chain without its leaf; each certificate is written once.
    """
    return "".join(to_pem(cert) for cert in dict.fromkeys(certs)).encode("ascii")


def full_chain_bytes(leaf: x509.Certificate, others: Iterable[x509.Certificate]) -> bytes:
    """Write a full chain file: leaf, intermediates, root (guide 4.5, appendix D.1)."""
    return bundle_bytes(order_chain(leaf, others))


def trust_bytes(certs: Iterable[x509.Certificate]) -> bytes:
    """Write a trust bundle: pinned leaves, then intermediates, then roots, each certificate once (1.2.4, 1.2.5)."""
    unique = list(dict.fromkeys(certs))
    return bundle_bytes(sorted(unique, key=lambda cert: 2 if is_self_signed(cert) else 1 if is_ca(cert) else 0))


def problems(data: bytes, expect: str = CERTIFICATE, name: str = "the file") -> list[str]:
    """Say what is wrong with a certificate file as a file; an empty list means it is as the guide wants it.

    ``expect`` is ``certificate`` (one, the service's own), ``bundle`` (intermediates, root last), ``full chain``
    (leaf, intermediates, root) or ``trust``. Content of private keys is never shown.
    """
    require_cryptography()
    if expect not in EXPECTATIONS:
        raise AssertionError(f"Contract violation: expectation {expect!r}")
    found = _text_problems(data)
    try:
        certs = load_certificates(data, name)
    except CertificateProblem as exc:
        return [*found, exc.reason]
    if len(set(certs)) < len(certs):
        found.append("a certificate stands in it more than once")
    unique = list(dict.fromkeys(certs))
    if expect == CERTIFICATE:
        if len(unique) > 1:
            found.append(f"it holds {len(unique)} certificates, the service's own alone is wanted (guide 3.2)")
        return found
    if expect == TRUST:
        return found + _trust_order(unique)
    return found + _chain_order(unique, expect)


def _text_problems(data: bytes) -> list[str]:
    """Find faults of the text form: encoding, text around, blanks and line breaks, keys."""
    if b"-----BEGIN " not in as_text_bytes(data):
        if der.shape(data) == "unknown":
            return []
        return ["it is in DER, PEM is wanted: openssl x509 -inform der -in FILE -out NEWFILE"]
    found = []
    if as_text_bytes(data) != data:
        found.append("it begins with a byte order mark, save it as plain ASCII text")
    text = as_text_bytes(data).decode("latin-1").replace("\r\n", "\n")
    labels = [match.group(1) for match in _BLOCK.finditer(text)]
    # Also where its last line is missing.
    if "PRIVATE KEY-----" in text:
        found.append("it holds a private key, which must stand in a file of its own")
    others = sorted({label for label in labels if not label.endswith(("CERTIFICATE", "PRIVATE KEY"))})
    if others:
        found.append("it holds something that is no certificate: " + ", ".join(others))
    between = _BLOCK.split(text)[::2]
    if any(part and not part.strip() for part in between[:-1]):
        found.append("there are blank lines or blanks between certificates")
    if any(part.strip() for part in between):
        found.append("there is text around the certificates")
    elif re.search(r"[ \t]+\n", text) or re.search(r"\n[ \t]+\S", text):
        found.append("there are blanks at the ends of lines")
    if not text.endswith("\n"):
        found.append("the last line has no line break")
    elif text.endswith("\n\n") or (between[-1] and not between[-1].strip()):
        found.append("there is more than one line break at the end")
    return found


def _trust_order(certs: Sequence[x509.Certificate]) -> list[str]:
    for position, cert in enumerate(certs):
        for later in certs[position + 1 :]:
            if _issued(cert, later):
                return [f"{subject_text(cert)} stands before {subject_text(later)}, which it issued (root last)"]
    return []


def _chain_order(certs: Sequence[x509.Certificate], expect: str) -> list[str]:
    found = []
    first_is_leaf = not is_ca(certs[0]) and not is_self_signed(certs[0])
    if expect == BUNDLE and any(not is_ca(cert) and not is_self_issued(cert) for cert in certs):
        found.append("it holds the service's own certificate, a bundle is intermediates and root only")
    if expect == FULL_CHAIN and not first_is_leaf and not (len(certs) == 1 and is_self_signed(certs[0])):
        found.append("it does not begin with the service's own certificate")
    for lower, upper in itertools.pairwise(certs):
        if not _issued(upper, lower):
            ordered = len(_longest_chain(certs)) == len(certs)
            found.append(
                f"wrong order: {subject_text(upper)} did not issue {subject_text(lower)}, which stands before it"
                if ordered
                else f"{subject_text(upper)} did not issue {subject_text(lower)}, which stands before it"
            )
            break
    if not any(is_self_signed(cert) for cert in certs):
        found.append("the root certificate is missing, it must stand last")
    elif not is_self_signed(certs[-1]):
        found.append("the root certificate does not stand last")
    return found


def _longest_chain(certs: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    return max((issuer_chain(cert, certs)[0] for cert in certs), key=len, default=[])
