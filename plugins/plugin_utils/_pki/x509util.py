# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small questions about certificates that several files of this package ask.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import ipaddress
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from .._errors import MissingLibrary
from .._text import printable
from . import der

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
    from cryptography.x509.oid import ExtensionOID, NameOID

    HAS_CRYPTOGRAPHY = True
except ImportError:
    HAS_CRYPTOGRAPHY = False

if TYPE_CHECKING:
    Signed = x509.Certificate | x509.CertificateSigningRequest

ExtensionT = TypeVar("ExtensionT", bound="x509.ExtensionType")

NETSCAPE_CERT_TYPE = "2.16.840.1.113730.1.1"
NETSCAPE_BITS = ("sslClient", "sslServer", "smime", "objectSigning", "reserved", "sslCA", "smimeCA", "objectSigningCA")

ANY_EKU = "anyExtendedKeyUsage"
EKU_NAMES = {
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.8": "timeStamping",
    "1.3.6.1.5.5.7.3.9": "OCSPSigning",
    "2.5.29.37.0": ANY_EKU,
}
EKU_OIDS = {name: oid for oid, name in EKU_NAMES.items()}

#: Names of the key usage bits, in the order of the bits, and the library's word for each.
KEY_USAGE = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
    "encipherOnly": "encipher_only",
    "decipherOnly": "decipher_only",
}


def require_cryptography() -> None:
    """Say how to get the library when it is missing."""
    if not HAS_CRYPTOGRAPHY:
        raise MissingLibrary(
            "Python library cryptography",
            "it is not installed where Ansible runs",
            "install it there: python3 -m pip install cryptography",
        )


def iso(moment: datetime.datetime) -> str:
    """Write a moment as ISO 8601 in UTC, to the second."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def name_text(name: x509.Name) -> str:
    """Write a name as RFC 4514 does, most specific part first, for people to read: what does not print is escaped."""
    return printable(name.rfc4514_string({NameOID.EMAIL_ADDRESS: "emailAddress"}))


def subject_of(thing: Signed) -> x509.Name | None:
    """Give the subject; None when it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return thing.subject
    except (ValueError, TypeError, KeyError):
        return None


def issuer_of(cert: x509.Certificate) -> x509.Name | None:
    """Give the issuer's name; None when it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cert.issuer
    except (ValueError, TypeError, KeyError):
        return None


def subject_text(thing: Signed) -> str:
    """Name a certificate or CSR by its subject; an unreadable or empty one gets a word of its own."""
    name = subject_of(thing)
    return "(unreadable subject)" if name is None else name_text(name) or "(empty subject)"


def issuer_text(cert: x509.Certificate) -> str:
    """Name the issuer of a certificate."""
    name = issuer_of(cert)
    return "(unreadable issuer)" if name is None else name_text(name) or "(empty issuer)"


def subject_attributes(thing: Signed) -> dict[str, str]:
    """Give the attributes of guide table 4 that a subject holds; of an attribute that repeats, the last one."""
    wanted = {
        NameOID.COMMON_NAME: "CN",
        NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
        NameOID.ORGANIZATION_NAME: "O",
        NameOID.LOCALITY_NAME: "L",
        NameOID.STATE_OR_PROVINCE_NAME: "ST",
        NameOID.COUNTRY_NAME: "C",
        NameOID.EMAIL_ADDRESS: "emailAddress",
    }
    found = {}
    for attribute in subject_of(thing) or ():
        if attribute.oid in wanted and isinstance(attribute.value, str):
            found[wanted[attribute.oid]] = attribute.value
    return found


def subject_id(thing: Signed) -> str | None:
    """Give the SHA-256 of the subject as DER, by which equal names are known; None when it cannot be read."""
    name = subject_of(thing)
    return None if name is None else hashlib.sha256(name.public_bytes()).hexdigest()


def common_name(thing: Signed) -> str | None:
    """Give the (last, most specific) common name of the subject."""
    name = subject_of(thing)
    values = [attribute.value for attribute in name or () if attribute.oid == NameOID.COMMON_NAME]
    value = values[-1] if values else None
    return value.decode("latin-1") if isinstance(value, bytes) else value


def name_key(name: x509.Name) -> tuple[frozenset[tuple[str, str]], ...]:
    """Give a form of a name that is equal when RFC 5280 calls two names equal (case and runs of blanks aside)."""
    return tuple(
        frozenset(
            (
                attribute.oid.dotted_string,
                " ".join(attribute.value.split()).casefold()
                if isinstance(attribute.value, str)
                else attribute.value.hex(),
            )
            for attribute in rdn
        )
        for rdn in name.rdns
    )


@functools.lru_cache(maxsize=4096)
def subject_key(cert: x509.Certificate) -> tuple[frozenset[tuple[str, str]], ...] | None:
    """Give the subject in comparable form; None when it cannot be read."""
    name = subject_of(cert)
    return None if name is None else name_key(name)


@functools.lru_cache(maxsize=4096)
def issuer_key(cert: x509.Certificate) -> tuple[frozenset[tuple[str, str]], ...] | None:
    """Give the issuer in comparable form; None when it cannot be read."""
    name = issuer_of(cert)
    return None if name is None else name_key(name)


def is_self_issued(cert: x509.Certificate) -> bool:
    """Say whether subject and issuer are the same name."""
    return subject_key(cert) is not None and subject_key(cert) == issuer_key(cert)


def is_self_signed(cert: x509.Certificate) -> bool:
    """Say whether a certificate is signed with its own key."""
    return is_self_issued(cert) and signed_by(cert, cert)


@functools.lru_cache(maxsize=512)
def extensions(thing: Signed) -> x509.Extensions | None:
    """Give all extensions, or None when one of them cannot be read or stands there twice.

    Every rule asks for some of them, and the CAs of a fleet are asked about for each of its nodes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return thing.extensions
    except (
        ValueError,
        TypeError,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
        UnsupportedAlgorithm,
    ):
        return None


def extension(thing: Signed, kind: type[ExtensionT]) -> ExtensionT | None:
    """Give the value of an extension, or None when it is absent or unreadable."""
    found = extensions(thing)
    if found is None:
        return None
    try:
        return found.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def key_usage(thing: Signed) -> list[str] | None:
    """Give the key usage bits that are set, or None without the extension."""
    usage = extension(thing, x509.KeyUsage)
    if usage is None:
        return None
    names = []
    for name, attribute in KEY_USAGE.items():
        if attribute in ("encipher_only", "decipher_only") and not usage.key_agreement:
            continue
        if getattr(usage, attribute):
            names.append(name)
    return names


def extended_key_usage(thing: Signed) -> list[str] | None:
    """Give the extended key usages by name (dotted when unknown), or None without the extension."""
    usage = extension(thing, x509.ExtendedKeyUsage)
    if usage is None:
        return None
    return [EKU_NAMES.get(oid.dotted_string, oid.dotted_string) for oid in usage]


def netscape_type(cert: x509.Certificate) -> list[str] | None:
    """Give the Netscape certificate type bits that are set, or None without the extension.

    A value that is no bit string counts as one with no bit set, which satisfies nothing (guide 2.2).
    """
    found = extensions(cert)
    for entry in found or ():
        if entry.oid.dotted_string == NETSCAPE_CERT_TYPE and isinstance(entry.value, x509.UnrecognizedExtension):
            try:
                values = der.bits(entry.value.value)
            except der.DerError:
                return []
            return [name for name, value in zip(NETSCAPE_BITS, values, strict=False) if value]
    return None


def alternative_names(thing: Signed) -> dict[str, list[str]]:
    """Give the subject alternative names by kind: ``dns``, ``ip``, ``email``, ``other``."""
    names: dict[str, list[str]] = {"dns": [], "ip": [], "email": [], "other": []}
    for name in extension(thing, x509.SubjectAlternativeName) or ():
        if isinstance(name, x509.DNSName):
            names["dns"].append(name.value)
        elif isinstance(name, x509.IPAddress):
            names["ip"].append(str(name.value))
        elif isinstance(name, x509.RFC822Name):
            names["email"].append(name.value)
        else:
            names["other"].append(type(name).__name__)
    return names


def identifiers(cert: x509.Certificate) -> tuple[str | None, str | None]:
    """Give subject and authority key identifier in hex."""
    own = extension(cert, x509.SubjectKeyIdentifier)
    authority = extension(cert, x509.AuthorityKeyIdentifier)
    identifier = authority.key_identifier if authority is not None else None
    return (own.digest.hex() if own is not None else None, identifier.hex() if identifier is not None else None)


def constraints(cert: x509.Certificate) -> tuple[bool | None, int | None]:
    """Give the CA flag (None without basic constraints) and the path length."""
    value = extension(cert, x509.BasicConstraints)
    return (None, None) if value is None else (value.ca, value.path_length)


def public_key(thing: Signed) -> Any:
    """Give the public key, or None when the library does not know its kind."""
    try:
        return thing.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def key_type(key: Any) -> str:
    """Name kind and size of a public or private key: ``RSA 2048``, ``ECDSA secp256r1``."""
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        return f"ECDSA {key.curve.name}"
    if isinstance(key, dsa.DSAPublicKey | dsa.DSAPrivateKey):
        return f"DSA {key.key_size}"
    if isinstance(key, ed25519.Ed25519PublicKey | ed25519.Ed25519PrivateKey):
        return "Ed25519"
    if isinstance(key, ed448.Ed448PublicKey | ed448.Ed448PrivateKey):
        return "Ed448"
    return "unknown"


def tbs_parts(cert: x509.Certificate) -> list[tuple[int, bytes, bytes]]:
    """Give the fields of the signed part, without the optional version in front: the serial number comes first."""
    parts = der.children(cert.tbs_certificate_bytes)
    return parts[1:] if parts and parts[0][0] == der.CONTEXT_0 else parts


@functools.lru_cache(maxsize=4096)
def spki(thing: Signed) -> bytes:
    """Give the public key as SubjectPublicKeyInfo in DER.

    A key of a kind the library does not know is taken as it stands in the certificate.
    """
    key = public_key(thing)
    if key is not None:
        encoded: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return encoded
    if isinstance(thing, x509.Certificate):
        try:
            return tbs_parts(thing)[5][2]
        except (der.DerError, IndexError):
            return b""
    return b""


def spki_sha256(thing: Signed) -> str:
    """Give the SHA-256 of the public key, lower-case hex."""
    return hashlib.sha256(spki(thing)).hexdigest()


def signature_hash(thing: Signed) -> str:
    """Name the hash of the signature: ``sha256``, or ``none`` (Ed25519), or ``unknown``."""
    try:
        algorithm = thing.signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        return "unknown"
    return algorithm.name if algorithm is not None else "none"


def _is_whole(cert: x509.Certificate) -> bool:
    """Say whether a signature is made of whole bytes; the library passes over how many of its bits do not count."""
    try:
        return der.children(cert.public_bytes(serialization.Encoding.DER))[2][1][:1] == b"\0"
    except (der.DerError, IndexError):
        return False


@functools.lru_cache(maxsize=8192)
def signed_by(cert: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether the issuer's key made the signature of a certificate. Names are not compared."""
    if not _is_whole(cert):
        return False
    key = public_key(issuer)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            algorithm = cert.signature_hash_algorithm
            parameters = cert.signature_algorithm_parameters
            if algorithm is None or parameters is None or isinstance(parameters, ec.ECDSA):
                return False
            key.verify(cert.signature, cert.tbs_certificate_bytes, parameters, algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            parameters = cert.signature_algorithm_parameters
            if not isinstance(parameters, ec.ECDSA):
                return False
            key.verify(cert.signature, cert.tbs_certificate_bytes, parameters)
        elif isinstance(key, dsa.DSAPublicKey):
            algorithm = cert.signature_hash_algorithm
            if algorithm is None:
                return False
            key.verify(cert.signature, cert.tbs_certificate_bytes, algorithm)
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(cert.signature, cert.tbs_certificate_bytes)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def as_ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an IP address, with or without brackets; None for anything else."""
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


def is_ca(cert: x509.Certificate) -> bool:
    """Say whether a certificate is marked as CA in any of the three ways of guide 2.2."""
    flag, _length = constraints(cert)
    if flag is not None:
        return flag
    return "keyCertSign" in (key_usage(cert) or ()) or "sslCA" in (netscape_type(cert) or ())


def critical_oids(cert: x509.Certificate) -> list[str]:
    """Give the dotted names of the extensions that are marked critical."""
    return [entry.oid.dotted_string for entry in extensions(cert) or () if entry.critical]


def has_extension(cert: x509.Certificate, oid: str) -> bool:
    """Say whether an extension is there."""
    return any(entry.oid.dotted_string == oid for entry in extensions(cert) or ())


def san_is_critical(cert: x509.Certificate) -> bool:
    """Say whether the subject alternative name is marked critical."""
    return ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string in critical_oids(cert)
