# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificate signing requests: what is wanted, made here or by ``pki csr`` on a node (guide 3.1, table 4).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .._errors import BadOption, CertificateProblem
from .._services import commands
from .certs import PEM_BLOCK, as_text_bytes, pem_body
from .x509util import (
    EKU_OIDS,
    KEY_USAGE,
    alternative_names,
    as_ip,
    common_name,
    extended_key_usage,
    key_type,
    key_usage,
    public_key,
    require_cryptography,
    signature_hash,
    spki_sha256,
    subject_of,
    subject_text,
)

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID
except ImportError:
    pass

if TYPE_CHECKING:
    from .keys import PrivateKey

ROLE_EKU = {"server": "serverAuth", "client": "clientAuth"}

_FIELDS = ("common_name", "organizational_unit", "organization", "locality", "state", "country", "email_address")
#: Attribute of table 4, as ``pki csr`` spells it -> field of ``Request``, in the order of the command's syntax.
ATTRIBUTES = dict(zip(commands.CSR_ATTRIBUTES, _FIELDS, strict=True))

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DNS = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_EMAIL = re.compile(r"[^@\s,]+@[^@\s,]+")


@dataclasses.dataclass(frozen=True)
class Request:
    """What a certificate is wanted for.

    ``names`` are DNS names, IP addresses and e-mail addresses; the common name joins them by itself when it is one
    of these. ``roles`` are ``server`` and ``client``; ``eku`` and ``ku`` override what follows from them and from
    the type of key. Raises ``BadOption`` for values that no certificate can carry.
    """

    common_name: str
    organization: str | None = None
    organizational_unit: str | None = None
    locality: str | None = None
    state: str | None = None
    country: str | None = None
    email_address: str | None = None
    names: tuple[str, ...] = ()
    roles: tuple[str, ...] = ("server",)
    eku: tuple[str, ...] | None = None
    ku: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not self.common_name.strip():
            raise BadOption("CN", "the common name is empty", "give the FQDN the service is reached by")
        if len(self.common_name) > 64:
            raise BadOption("CN", f"{self.common_name!r} is longer than 64 characters", "use a shorter common name")
        if self.country is not None and not re.fullmatch(r"[A-Za-z]{2}", self.country):
            raise BadOption("C", f"{self.country!r} is not a country code", "use the two-letter ISO code, like US")
        for attribute, field in ATTRIBUTES.items():
            value = getattr(self, field)
            if value is not None and (not value.strip() or not value.isprintable() or '"' in value):
                raise BadOption(attribute, f"{value!r} cannot stand in a subject", "use plain text without quotes")
        for name in self.names:
            kind_of_name(name)
        for role in self.roles:
            if role not in ROLE_EKU:
                raise BadOption("roles", f"{role!r} is not a role", "use server, client or both")
        for usage in self.eku or ():
            if usage not in EKU_OIDS and not re.fullmatch(r"[0-2](\.\d+)+", usage):
                raise BadOption("extended key usage", f"{usage!r} is not known", f"use {', '.join(EKU_OIDS)} or an OID")
        for usage in self.ku or ():
            if usage not in KEY_USAGE:
                raise BadOption("key usage", f"{usage!r} is not known", f"use some of {', '.join(KEY_USAGE)}")

    @classmethod
    def of(
        cls,
        subject: Mapping[str, str | None],
        names: Iterable[str] = (),
        roles: Iterable[str] = ("server",),
        eku: Iterable[str] | None = None,
        ku: Iterable[str] | None = None,
    ) -> Request:
        """Make a request from the attributes of table 4 by their own names (``CN``, ``O``, ...)."""
        unknown = sorted(set(subject) - set(ATTRIBUTES))
        if unknown:
            raise BadOption("subject", f"{unknown[0]!r} is not an attribute", f"use some of {', '.join(ATTRIBUTES)}")
        fields = {ATTRIBUTES[key]: str(value) for key, value in subject.items() if value not in (None, "")}
        return cls(
            common_name=fields.pop("common_name", ""),
            names=tuple(names),
            roles=tuple(roles),
            eku=None if eku is None else tuple(eku),
            ku=None if ku is None else tuple(ku),
            **fields,
        )

    @property
    def all_names(self) -> tuple[str, ...]:
        """Give the alternative names, common name first, each once."""
        first = (self.common_name,) if _kind(self.common_name) in ("dns", "ip") else ()
        return tuple(dict.fromkeys(_comparable(name) for name in (*first, *self.names)))

    @property
    def extended_key_usage(self) -> tuple[str, ...]:
        """Give the extended key usages: those given, or those of the roles (guide tables 2 and 3)."""
        return self.eku if self.eku is not None else tuple(ROLE_EKU[role] for role in self.roles)

    def key_usage_for(self, key: Any) -> tuple[str, ...]:
        """Give the key usages: those given, or those that go with the type of key (guide 2.1, 2.2)."""
        if self.ku is not None:
            return self.ku
        is_rsa = isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey)
        return ("digitalSignature", "keyEncipherment") if is_rsa else ("digitalSignature",)


def _kind(name: str) -> str | None:
    if as_ip(name) is not None:
        return "ip"
    if _EMAIL.fullmatch(name):
        return "email"
    if len(name) <= 253 and _DNS.fullmatch(name):
        return "dns"
    return None


def kind_of_name(name: str) -> str:
    """Say which kind of alternative name this is: ``dns``, ``ip`` or ``email``."""
    kind = _kind(name)
    if kind is None:
        raise BadOption(
            "subjectAltName",
            f"{name!r} is neither a DNS name nor an IP address nor an e-mail address",
            "write one name each, without blanks",
        )
    return kind


def _comparable(name: str) -> str:
    """Bring a name into the form in which two spellings of it are equal."""
    address = as_ip(name)
    if address is not None:
        return str(address)
    if "@" in name:
        local, _at, domain = name.rpartition("@")
        return f"{local}@{domain.lower()}"
    return name.lower()


def general_names(request: Request) -> list[x509.GeneralName]:
    """Give the alternative names as the library's objects."""
    require_cryptography()
    made: list[x509.GeneralName] = []
    for name in request.all_names:
        address = as_ip(name)
        if address is not None:
            made.append(x509.IPAddress(address))
        elif "@" in name:
            made.append(x509.RFC822Name(name))
        else:
            made.append(x509.DNSName(name))
    return made


def subject_name(request: Request) -> x509.Name:
    """Give the subject as the library's object, widest part first."""
    require_cryptography()
    order = (
        (NameOID.COUNTRY_NAME, request.country.upper() if request.country else None),
        (NameOID.STATE_OR_PROVINCE_NAME, request.state),
        (NameOID.LOCALITY_NAME, request.locality),
        (NameOID.ORGANIZATION_NAME, request.organization),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, request.organizational_unit),
        (NameOID.COMMON_NAME, request.common_name),
        (NameOID.EMAIL_ADDRESS, request.email_address),
    )
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in order if value])


def key_usage_extension(usages: Iterable[str]) -> x509.KeyUsage:
    """Give the key usage extension with these bits."""
    wanted = set(usages)
    return x509.KeyUsage(**{attribute: name in wanted for name, attribute in KEY_USAGE.items()})


def extended_key_usage_extension(usages: Iterable[str]) -> x509.ExtendedKeyUsage:
    """Give the extended key usage extension with these usages (names or dotted OIDs)."""
    return x509.ExtendedKeyUsage([x509.ObjectIdentifier(EKU_OIDS.get(usage, usage)) for usage in usages])


def build_csr(request: Request, key: PrivateKey) -> bytes:
    """Make a CSR in PEM, signed with SHA-256 (guide 3)."""
    require_cryptography()
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject_name(request))
    names = general_names(request)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    usages = request.key_usage_for(key)
    if usages:
        builder = builder.add_extension(key_usage_extension(usages), critical=True)
    if request.extended_key_usage:
        builder = builder.add_extension(extended_key_usage_extension(request.extended_key_usage), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def load_csr(data: bytes, name: str = "CSR") -> x509.CertificateSigningRequest:
    """Read a CSR in PEM (with any text around it) or DER."""
    require_cryptography()
    content: bytes | None = data
    text = as_text_bytes(data)
    if b"-----BEGIN " in text:
        labels = (b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST")
        bodies = [body for label, body in PEM_BLOCK.findall(text) if label in labels]
        content = pem_body(bodies[0]) if bodies else None
    try:
        return x509.load_der_x509_csr(content or b"")
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as exc:
        raise CertificateProblem(
            name, "it cannot be read as a CSR", f"give the CSR file that {commands.PKI_CSR} or openssl req made"
        ) from exc


def describe_csr(pem: bytes | str, name: str = "CSR") -> dict[str, Any]:
    """Describe a CSR as plain data. ``names`` are all alternative names."""
    csr = load_csr(pem.encode("ascii", "replace") if isinstance(pem, str) else pem, name)
    names = alternative_names(csr)
    try:
        valid = csr.is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        valid = False
    return {
        "subject": subject_text(csr),
        "common_name": common_name(csr),
        "names": names["dns"] + names["ip"] + names["email"],
        "dns": names["dns"],
        "ip": names["ip"],
        "email": names["email"],
        "key_type": key_type(public_key(csr)),
        "key_usage": key_usage(csr),
        "extended_key_usage": extended_key_usage(csr),
        "spki_sha256": spki_sha256(csr),
        "signature_hash": signature_hash(csr),
        "signature_valid": valid,
    }


def mmp_attributes(request: Request) -> list[tuple[str, str]]:
    """Give the attributes for ``pki csr`` as pairs; quoting is the caller's.

    The command appends the common name to the alternative names by itself, so it is left out of them; they are
    separated by commas without blanks (guide 3.1). Key usages cannot be asked for this way: the CA sets them.
    """
    pairs = [(attribute, getattr(request, field)) for attribute, field in ATTRIBUTES.items()]
    made = [(attribute, str(value)) for attribute, value in pairs if value]
    own = _comparable(request.common_name)
    others = [name for name in request.all_names if name != own]
    if others:
        made.append((commands.CSR_NAMES, ",".join(others)))
    return made


def differences(
    thing: x509.Certificate | x509.CertificateSigningRequest, request: Request, *, whole_subject: bool | None = None
) -> list[str]:
    """Say in what a CSR or certificate falls short of a request; an empty list means it serves.

    More names or usages than asked for are no difference. A CA may drop parts of the subject, so all of it is compared
    only for a CSR, or when ``whole_subject`` says so; a common name that is there must be the right one. The usages of
    a CSR are compared only where it names some, because a node's CSR never does.
    """
    is_csr = not isinstance(thing, x509.Certificate)
    found: list[str] = []
    names = alternative_names(thing)
    have = {_comparable(name) for kind in ("dns", "ip", "email") for name in names[kind]}
    cn = common_name(thing)
    if cn is not None and (is_csr or not have):
        have.add(_comparable(cn))
    missing = [name for name in request.all_names if name not in have]
    if missing:
        found.append(f"names missing: {', '.join(missing)}")
    if cn is None and not (request.all_names and _comparable(request.common_name) in have):
        found.append(f"no common name, wanted {request.common_name!r}")
    elif cn is not None and cn.casefold() != request.common_name.casefold():
        found.append(f"common name is {cn!r}, wanted {request.common_name!r}")
    if whole_subject if whole_subject is not None else is_csr:
        found.extend(_subject_differences(thing, request))
    have_eku = extended_key_usage(thing)
    lacking = [usage for usage in request.extended_key_usage if have_eku is not None and usage not in have_eku]
    if lacking:
        found.append(f"extended key usages missing: {', '.join(lacking)}")
    have_ku = key_usage(thing)
    wanted_ku = request.key_usage_for(public_key(thing))
    if not is_csr and "digitalSignature" in (have_ku or ()):
        # CAs leave out keyEncipherment more and more, and the signature alone serves both roles (guide 2.2).
        wanted_ku = tuple(usage for usage in wanted_ku if usage not in ("keyEncipherment", "keyAgreement"))
    lacking = [usage for usage in wanted_ku if have_ku is not None and usage not in have_ku]
    if lacking:
        found.append(f"key usages missing: {', '.join(lacking)}")
    return found


def _subject_differences(thing: x509.Certificate | x509.CertificateSigningRequest, request: Request) -> list[str]:
    have = {attribute.oid: attribute.value for attribute in subject_of(thing) or ()}
    found = []
    for attribute in subject_name(request):
        if attribute.oid == NameOID.COMMON_NAME:
            continue
        value = have.get(attribute.oid)
        if value != attribute.value:
            shown = "absent" if value is None else repr(value)
            found.append(f"subject {attribute.rfc4514_attribute_name} is {shown}, wanted {attribute.value!r}")
    return found
