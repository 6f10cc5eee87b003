# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read certificates in every form people have them, and describe them as plain data.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import functools
import hashlib
import re
import warnings
from typing import Any

from .._errors import CertificateProblem
from . import der
from .x509util import (
    alternative_names,
    as_ip,
    common_name,
    constraints,
    extended_key_usage,
    extension,
    identifiers,
    is_self_signed,
    iso,
    issuer_text,
    key_type,
    key_usage,
    netscape_type,
    public_key,
    require_cryptography,
    signature_hash,
    spki_sha256,
    subject_attributes,
    subject_id,
    subject_text,
)

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs7
except ImportError:
    pass

PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_CERTIFICATE_LABELS = (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE", b"PKCS7", b"CMS")
_FORMS = "a certificate in PEM or DER, or PKCS#7 in PEM or DER"


def as_text_bytes(data: bytes) -> bytes:
    """Undo what Windows editors do to text files: byte order marks and UTF-16."""
    for mark, codec in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if data.startswith(mark):
            try:
                return data.decode(codec).encode("utf-8")
            except UnicodeDecodeError:
                return data
    return data


def pem_body(body: bytes) -> bytes | None:
    """Decode the base64 of a PEM block; None when it is none."""
    lines = [line for line in body.replace(b"\r", b"\n").split(b"\n") if line.strip() and b":" not in line]
    try:
        return base64.b64decode(b"".join(b"".join(line.split()) for line in lines), validate=True)
    except (binascii.Error, ValueError):
        return None


def load_certificates(data: bytes, name: str) -> list[x509.Certificate]:
    """Read all certificates of a file, in the order of the file.

    Takes PEM with any text around it, DER, and PKCS#7 in PEM or DER. ``name`` is the file in error messages. Raises
    ``CertificateProblem`` when there is none or one cannot be read. Private keys in the same file are passed over.
    """
    require_cryptography()
    text = as_text_bytes(data)
    if b"-----BEGIN " not in text:
        if not data.strip():
            raise CertificateProblem(name, "the file is empty", f"give {_FORMS}")
        return _from_der(data, name, name)
    found: list[x509.Certificate] = []
    blocks = PEM_BLOCK.findall(text)
    for number, (label, body) in enumerate((b for b in blocks if b[0] in _CERTIFICATE_LABELS), start=1):
        content = pem_body(body)
        if content is None:
            raise CertificateProblem(
                name,
                f"the text between BEGIN and END of {label.decode().lower()} {number} is not base64",
                "copy the certificate again, with all lines and nothing else between its BEGIN and END line",
            )
        if label == b"TRUSTED CERTIFICATE":
            content = _first_element(content)
        found.extend(_from_der(content, name, f"certificate {number}"))
    if not found:
        kinds = sorted({label.decode().lower() for label, _body in blocks})
        holds = f"it holds: {', '.join(kinds)}" if kinds else "a BEGIN line has no matching END line"
        raise CertificateProblem(name, f"there is no certificate in it; {holds}", f"give {_FORMS}")
    return found


def _first_element(data: bytes) -> bytes:
    """Cut off the trust settings that OpenSSL's own form appends to a certificate."""
    try:
        return data[: der.read(data)[2]]
    except der.DerError:
        return data


def _from_der(data: bytes, name: str, part: str) -> list[x509.Certificate]:
    """Read a certificate or PKCS#7 from DER, whatever the label said: Windows labels PKCS#7 as a certificate."""
    shape = der.shape(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if shape == "pkcs7":
                found = pkcs7.load_der_pkcs7_certificates(data)
                if not found:
                    raise CertificateProblem(name, "the PKCS#7 file holds no certificate", f"give {_FORMS}")
                return list(found)
            return [x509.load_der_x509_certificate(data)]
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as exc:
        what = {
            "key": "it is a private key",
            "encrypted key": "it is an encrypted private key",
            "pkcs12": "it is a PKCS#12 file",
            "signed": "it is a CSR, or a damaged certificate",
        }.get(shape, "it is not a certificate")
        place = "" if part == name else f"{part}: "
        step = f"give {_FORMS}"
        if shape == "pkcs12":
            step = "take key and certificates out of it: openssl pkcs12 -in FILE"
        raise CertificateProblem(name, f"{place}cannot be read as a certificate, {what}", step) from exc


def fingerprint(cert: x509.Certificate) -> str:
    """Give the SHA-256 of the certificate in DER, lower-case hex."""
    return hashlib.sha256(cert.public_bytes(serialization.Encoding.DER)).hexdigest()


def to_pem(cert: x509.Certificate) -> str:
    """Give the certificate as PEM, ending with one line break."""
    return cert.public_bytes(serialization.Encoding.PEM).decode("ascii")


def to_der(cert: x509.Certificate) -> bytes:
    """Give the certificate in DER."""
    return cert.public_bytes(serialization.Encoding.DER)


def not_before(cert: x509.Certificate) -> datetime.datetime:
    """Give the moment from which the certificate is valid, in UTC."""
    return cert.not_valid_before_utc


def not_after(cert: x509.Certificate) -> datetime.datetime:
    """Give the last moment of validity, in UTC."""
    return cert.not_valid_after_utc


def describe(cert: x509.Certificate) -> dict[str, Any]:
    """Describe a certificate as plain data. Fields that cannot be read are null or empty."""
    found = _described(cert)
    return {key: value.copy() if isinstance(value, (list, dict)) else value for key, value in found.items()}


@functools.lru_cache(maxsize=512)
def _described(cert: x509.Certificate) -> dict[str, Any]:
    # The same certificate lies in files, in bundles and in trust stores, and is served.
    names = alternative_names(cert)
    ca, path_length = constraints(cert)
    own, authority = identifiers(cert)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        serial = f"{cert.serial_number:x}"
    return {
        "sha256": fingerprint(cert),
        "subject": subject_text(cert),
        "subject_id": subject_id(cert),
        "subject_attributes": subject_attributes(cert),
        "issuer": issuer_text(cert),
        "serial": serial,
        "not_before": iso(not_before(cert)),
        "not_after": iso(not_after(cert)),
        "version": 1 if cert.version is x509.Version.v1 else 3,
        "key_type": key_type(public_key(cert)),
        "spki_sha256": spki_sha256(cert),
        "signature_hash": signature_hash(cert),
        "common_name": common_name(cert),
        "dns": names["dns"],
        "ip": names["ip"],
        "email": names["email"],
        "key_usage": key_usage(cert),
        "extended_key_usage": extended_key_usage(cert),
        "ca": ca,
        "path_length": path_length,
        "netscape_type": netscape_type(cert),
        "ski": own,
        "aki": authority,
        "self_signed": is_self_signed(cert),
    }


#: The content of the policy identifiers that the CA/Browser Forum keeps for public CAs: 2.23.140.1 and below.
_FORUM = "2.23.140.1."


def says_public(cert: x509.Certificate) -> bool:
    """Say whether a certificate itself tells that a public CA issued it.

    It does by a policy of the CA/Browser Forum, or by timestamps of certificate transparency logs (RFC 6962).
    """
    if extension(cert, x509.PrecertificateSignedCertificateTimestamps) is not None:
        return True
    policies = extension(cert, x509.CertificatePolicies)
    return policies is not None and any(one.policy_identifier.dotted_string.startswith(_FORUM) for one in policies)


def matches_name(cert: x509.Certificate, host: str, *, common_name_counts: bool = True) -> bool:
    """Say whether a certificate is for a host name or IP address.

    The common name counts only when no alternative name of that kind is there (guide 4.5: "the SAN/CN must match").
    """
    names = alternative_names(cert)
    address = as_ip(host)
    fallback = common_name(cert) if common_name_counts else None
    if address is not None:
        if names["ip"]:
            return any(as_ip(entry) == address for entry in names["ip"])
        return fallback is not None and as_ip(fallback) == address
    wanted = _ascii_host(host)
    if wanted is None:
        return False
    if names["dns"]:
        return any(_pattern_matches(entry, wanted) for entry in names["dns"])
    return fallback is not None and as_ip(fallback) is None and _pattern_matches(fallback, wanted)


def _ascii_host(host: str) -> str | None:
    """Bring a host name into the form certificates use: lower case, no final dot, A-labels."""
    text = host.rstrip(".").lower()
    if text.isascii():
        return text or None
    try:
        return text.encode("idna").decode("ascii")
    except UnicodeError:
        return None


def _pattern_matches(pattern: str, host: str) -> bool:
    """Compare a name of a certificate with a host name; ``*`` stands for exactly one whole leftmost label."""
    pattern = pattern.lower()
    if not pattern.isascii() or not pattern or pattern.startswith(".") or pattern.endswith("."):
        return False
    if "*" not in pattern:
        return pattern == host
    label, _dot, rest = pattern.partition(".")
    # A wildcard directly below a top-level domain would stand for the whole of it.
    if label != "*" or "*" in rest or "." not in rest:
        return False
    first, _dot, host_rest = host.partition(".")
    return bool(first) and host_rest == rest
