# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules about the form of a certificate that hold in every profile.

They are what RFC 5280 forbids and no recipe of the guide does.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import re
import warnings

from . import der
from .chain import Problem
from .x509util import (
    NETSCAPE_CERT_TYPE,
    alternative_names,
    as_ip,
    constraints,
    critical_oids,
    extension,
    extensions,
    has_extension,
    is_ca,
    issuer_of,
    key_type,
    key_usage,
    public_key,
    san_is_critical,
    signature_hash,
    subject_of,
    subject_text,
    tbs_parts,
)

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
except ImportError:
    pass

SHA2 = ("sha224", "sha256", "sha384", "sha512", "sha512-224", "sha512-256")
_SECTION = "1.2.2"
_REISSUE = "Have the certificate issued again by a CA that follows RFC 5280"

_NEVER_CRITICAL = {
    "2.5.29.14": "subject key identifier",
    "2.5.29.35": "authority key identifier",
    "1.3.6.1.5.5.7.1.1": "authority information access",
    "1.3.6.1.5.5.7.1.11": "subject information access",
}
#: Critical extensions that this package looks at. Policies matter only where a CA demands one, which is refused apart.
_UNDERSTOOD = {
    "2.5.29.15",
    "2.5.29.17",
    "2.5.29.19",
    "2.5.29.30",
    "2.5.29.32",
    "2.5.29.33",
    "2.5.29.36",
    "2.5.29.37",
    "2.5.29.54",
}
_POLICY_CONSTRAINTS = "2.5.29.36"
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
# A wildcard in an odd place is no fault of form: it matches nothing.
_DNS = re.compile(rf"(?:[a-z0-9*-]+\.)*(?:{_LABEL}|\*)\.?")


def check(cert: x509.Certificate, *, leaf: bool, anchor: bool, netscape: bool) -> list[Problem]:
    """Check the form of one certificate.

    ``netscape`` says that the profile understands the Netscape certificate type. An anchor is trusted as it is, so
    the hash of its signature does not matter.
    """
    subject = subject_text(cert)
    texts = [
        *_extension_texts(cert, netscape=netscape),
        # Public roots with the serial number 0 are in use; a root is known by its key.
        *([] if anchor and not leaf else _serial_texts(cert)),
        *_name_texts(cert),
        *_alternative_name_texts(cert),
        *_key_texts(cert),
        *([] if anchor and not leaf else _signature_texts(cert)),
    ]
    if leaf:
        texts.extend(_leaf_texts(cert))
    return [Problem(rule, section, subject, text, _REISSUE) for rule, section, text in texts]


def _extension_texts(cert: x509.Certificate, *, netscape: bool) -> list[tuple[str, str, str]]:
    found = extensions(cert)
    if found is None:
        return [("extension-unreadable", _SECTION, "has an extension that is malformed or stands there twice")]
    texts = []
    for oid in critical_oids(cert):
        if oid in _NEVER_CRITICAL:
            text = f"marks its {_NEVER_CRITICAL[oid]} as critical, which is not allowed"
            texts.append(("extension-wrongly-critical", _SECTION, text))
        elif oid not in _UNDERSTOOD and not (netscape and oid == NETSCAPE_CERT_TYPE):
            text = f"has the critical extension {oid}, which is not understood"
            texts.append(("extension-critical-unknown", _SECTION, text))
    policy = extension(cert, x509.PolicyConstraints)
    if policy is not None:
        if _POLICY_CONSTRAINTS not in critical_oids(cert):
            text = "does not mark its policy constraints as critical"
            texts.append(("extension-not-critical", _SECTION, text))
        if policy.require_explicit_policy is not None:
            text = "demands a certificate policy, which is not checked here"
            texts.append(("policy-not-checked", _SECTION, text))
    return texts


def _serial_texts(cert: x509.Certificate) -> list[tuple[str, str, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        serial = cert.serial_number
    if serial <= 0 or serial.bit_length() > 160:
        return [("serial-number-invalid", _SECTION, "has a serial number that is not positive or too long")]
    return []


def _name_texts(cert: x509.Certificate) -> list[tuple[str, str, str]]:
    texts = []
    issuer, subject = issuer_of(cert), subject_of(cert)
    if issuer is None or subject is None:
        return [("name-unreadable", _SECTION, "has a subject or issuer that cannot be read")]
    if not list(issuer):
        texts.append(("issuer-empty", _SECTION, "has no issuer name"))
    if not list(subject) and constraints(cert)[0]:
        texts.append(("subject-empty", _SECTION, "is a CA without a subject name"))
    if not list(subject) and not constraints(cert)[0] and not san_is_critical(cert):
        text = "has no subject name, and its alternative names are not critical"
        texts.append(("subject-empty", _SECTION, text))
    return texts


def _alternative_name_texts(cert: x509.Certificate) -> list[tuple[str, str, str]]:
    names = alternative_names(cert)
    bad = [name for name in names["dns"] if not _DNS.fullmatch(name.lower()) or as_ip(name) is not None]
    bad += [name for name in names["ip"] if as_ip(name) is None]
    bad += [name for name in names["email"] if name.count("@") != 1]
    return [("alternative-name-malformed", "3.1", f"has a malformed alternative name {bad[0]!r}")] if bad else []


def _key_texts(cert: x509.Certificate) -> list[tuple[str, str, str]]:
    key = public_key(cert)
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < 2048:
            return [("weak-key", "3.1", f"has an RSA key of {key.key_size} bits, 2048 are the least")]
        return []
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.key_size < 224:
            return [("weak-key", "3.1", f"has an ECDSA key on {key.curve.name}, secp256r1 is the least")]
        return [("key-unsupported", "3.1", "has an ECDSA key without a named curve")] if _explicit(cert) else []
    return [("key-unsupported", "3.1", f"has a key of the kind {key_type(key)}, RSA or ECDSA is wanted")]


def _explicit(cert: x509.Certificate) -> bool:
    """Say whether the parameters of an elliptic curve are written out instead of named."""
    try:
        algorithm = der.children(tbs_parts(cert)[5][2])[0][2]
        return der.children(algorithm)[1][0] != der.OBJECT_IDENTIFIER
    except (der.DerError, IndexError):
        return False


def _signature_texts(cert: x509.Certificate) -> list[tuple[str, str, str]]:
    hash_name = signature_hash(cert)
    texts = []
    if hash_name not in (*SHA2, "none"):
        texts.append(("weak-signature", "3", f"is signed with {hash_name}, SHA-2 is wanted"))
    try:
        inner = tbs_parts(cert)[1][2]
        outer = der.children(cert.public_bytes(serialization.Encoding.DER))[1][2]
        if inner != outer:
            texts.append(("signature-algorithm-mismatch", _SECTION, "names two different signature algorithms"))
    except (der.DerError, IndexError):
        texts.append(("signature-algorithm-mismatch", _SECTION, "has no readable signature algorithm"))
    return texts


def _leaf_texts(cert: x509.Certificate) -> list[tuple[str, str, str]]:
    texts = []
    if has_extension(cert, "2.5.29.30") and not is_ca(cert):
        texts.append(("name-constraints-in-leaf", _SECTION, "has name constraints and is no CA"))
    if constraints(cert)[0] is False and "keyCertSign" in (key_usage(cert) or ()):
        texts.append(("ku-cert-sign-in-leaf", _SECTION, "may sign certificates by its key usage and is no CA"))
    return texts
