# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a certification authority signs: its own certificates, and leaves for checked requests (guide A.2).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .._pki import certs, csr
from .._pki.x509util import public_key
from .acceptance import comparable

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID
except ImportError:
    pass

if TYPE_CHECKING:
    from .._pki.keys import PrivateKey

#: Clocks of appliances run a little behind.
BACKDATE = datetime.timedelta(minutes=5)
CA_USAGES = ("keyCertSign", "cRLSign")
#: Smallest RSA key that is certified.
LEAST_RSA = 2048


def ca_name(common_name: str, organization: str | None) -> x509.Name:
    """Make the subject of a CA."""
    parts = [(NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common_name)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts if value])


def make_ca(
    subject: x509.Name,
    key: PrivateKey,
    path_length: int,
    span: tuple[datetime.datetime, datetime.datetime],
    issuer: tuple[x509.Certificate, PrivateKey] | None = None,
) -> x509.Certificate:
    """Make the certificate of a CA, signed by ``issuer``, or by itself without one."""
    builder = _builder(subject, key.public_key(), span, issuer[0] if issuer else None)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=path_length), critical=True
    ).add_extension(csr.key_usage_extension(CA_USAGES), critical=True)
    signer = issuer[1] if issuer else key
    return builder.sign(signer, _hash(signer))


def make_leaf(
    request: csr.Request,
    key: Any,
    span: tuple[datetime.datetime, datetime.datetime],
    issuer: tuple[x509.Certificate, PrivateKey],
) -> x509.Certificate:
    """Make a certificate for the public key ``key`` with names and usages of ``request``."""
    builder = _builder(csr.subject_name(request), key, span, issuer[0])
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    usages = request.key_usage_for(key)
    if usages:
        builder = builder.add_extension(csr.key_usage_extension(usages), critical=True)
    if request.extended_key_usage:
        extended = csr.extended_key_usage_extension(request.extended_key_usage)
        builder = builder.add_extension(extended, critical=False)
    names = csr.general_names(request)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer[1], _hash(issuer[1]))


def span(
    now: datetime.datetime, days: int, above: Iterable[x509.Certificate]
) -> tuple[datetime.datetime, datetime.datetime]:
    """Give first and last moment of a new certificate: from a little ago, and no longer than any CA above it lives."""
    chain = list(above)
    first = max([now - BACKDATE, *(certs.not_before(cert) for cert in chain)])
    last = min([now + datetime.timedelta(days=days), *(certs.not_after(cert) for cert in chain)])
    return first.replace(microsecond=0), last.replace(microsecond=0)


def refusals(csr_pem: str, request: csr.Request, key: dict[str, Any]) -> list[str]:
    """Say in what a CSR differs from the identity it was made for; an empty list means that it may be certified.

    More names than wanted are a difference too: this CA certifies nothing that no plan has shown.
    """
    loaded = csr.load_csr(csr_pem.encode("ascii", "replace"))
    info = csr.describe_csr(csr_pem)
    found = [] if info["signature_valid"] else ["its signature does not belong to its key"]
    found += csr.differences(loaded, request)
    wanted = {comparable(name) for name in (*request.all_names, request.common_name)}
    more = sorted({comparable(name) for name in info["names"]} - wanted)
    if more:
        found.append(f"names that are not wanted: {', '.join(more)}")
    kind, _blank, size = str(info["key_type"]).partition(" ")
    if kind not in ("RSA", "ECDSA"):
        found.append(f"its key is of the kind {kind}")
    elif key.get("type") and kind.lower() != str(key["type"]).lower():
        found.append(f"its key is {kind}, wanted {str(key['type']).upper()}")
    # A node chooses the size itself; what is made here has the size it was given.
    elif key.get("where") == "control" and key.get("size") and size != str(key["size"]):
        found.append(f"its key is {info['key_type']}, wanted size {key['size']}")
    if kind == "RSA" and int(size) < LEAST_RSA:
        found.append(f"its RSA key has {size} bits, at least {LEAST_RSA} are wanted")
    return found


def _builder(
    subject: x509.Name,
    key: Any,
    validity: tuple[datetime.datetime, datetime.datetime],
    issuer: x509.Certificate | None,
) -> x509.CertificateBuilder:
    """Fill in what every certificate has."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(_authority(issuer, key), critical=False)
    )


def _authority(issuer: x509.Certificate | None, own_key: Any) -> x509.AuthorityKeyIdentifier:
    """Name the issuer's key the way the issuer itself names it."""
    if issuer is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(own_key)
    try:
        known = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key(issuer))
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known.value)


def _hash(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384:
    """Choose the hash that goes with a key."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size > 256:
        return hashes.SHA384()
    return hashes.SHA256()
