# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small maker of certificates for tests: right ones by default, wrong ones on request."""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.certops.cms.plugins.plugin_utils._pki import csr as csrs
from ansible_collections.certops.cms.plugins.plugin_utils._pki import der

NOW = datetime.datetime(2026, 11, 23, 15, 0, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
NETSCAPE = x509.ObjectIdentifier("2.16.840.1.113730.1.1")


def name(common_name: str | None, organization: str | None = None) -> x509.Name:
    parts = [(NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common_name)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts if value])


def alternative(*names: str) -> x509.SubjectAlternativeName:
    made: list[x509.GeneralName] = []
    for entry in names:
        try:
            made.append(x509.IPAddress(ipaddress.ip_address(entry)))
        except ValueError:
            made.append(x509.RFC822Name(entry) if "@" in entry else x509.DNSName(entry))
    return x509.SubjectAlternativeName(made)


def netscape(byte: int) -> x509.UnrecognizedExtension:
    """The Netscape certificate type with the bits of one byte: 0x80 client, 0x40 server, 0x04 CA."""
    unused = 0
    while unused < 7 and not byte >> unused & 1:
        unused += 1
    return x509.UnrecognizedExtension(NETSCAPE, bytes([3, 2, unused, byte]))


@dataclasses.dataclass
class Made:
    """A certificate with its key, able to issue others."""

    cert: x509.Certificate
    key: Any

    @property
    def pem(self) -> str:
        return self.cert.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, common_name: str | None = "core1.example.com", **options: Any) -> Made:
        return make(common_name, issuer=self, **options)

    def sub_ca(self, common_name: str = "Example Intermediate", **options: Any) -> Made:
        return make(common_name, issuer=self, **({"ca": True} | options))


def root(common_name: str = "Example Root", **options: Any) -> Made:
    return make(common_name, **({"ca": True} | options))


def make(
    common_name: str | None,
    *,
    issuer: Made | None = None,
    ca: bool | None = None,
    path_length: int | None = None,
    names: tuple[str, ...] | None = None,
    eku: tuple[str, ...] | None = None,
    ku: tuple[str, ...] | None = None,
    netscape_bits: int | None = None,
    start: datetime.datetime = NOW - 30 * DAY,
    end: datetime.datetime = NOW + 60 * DAY,
    key: Any = None,
    hash_with: Any = None,
    identifiers: bool = True,
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    issuer_name: x509.Name | None = None,
    organization: str | None = None,
) -> Made:
    """Make a certificate; ``ca`` None leaves basic constraints out, key usage then only as given."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = name(common_name, organization)
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name or (issuer.cert.subject if issuer else subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    if identifiers:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        if issuer:
            authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
            builder = builder.add_extension(authority, False)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), True)
    if ku is None and ca:
        ku = ("keyCertSign", "cRLSign")
    if ku is not None:
        builder = builder.add_extension(csrs.key_usage_extension(ku), True)
    if eku is not None:
        builder = builder.add_extension(csrs.extended_key_usage_extension(eku), False)
    if names is None and not ca and issuer and common_name and " " not in common_name:
        names = (common_name,)
    if names:
        builder = builder.add_extension(alternative(*names), False)
    if netscape_bits is not None:
        builder = builder.add_extension(netscape(netscape_bits), False)
    for value, critical in extra:
        builder = builder.add_extension(value, critical)
    return Made(builder.sign(signer, hash_with or hashes.SHA256()), key)


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size] if size < 128 else [0x81, size] if size < 256 else [0x82, size >> 8, size & 0xFF])
    return bytes([tag]) + length + content


def as_version_1(made: Made, issuer: Made | None = None) -> Made:
    """The same certificate in version 1, without extensions, as the guide's recipe A.3 can make it."""
    tbs = der.children(made.cert.tbs_certificate_bytes)
    body = _element(0x30, b"".join(whole for tag, _content, whole in tbs if tag not in (0xA0, 0xA3)))
    signature = (issuer or made).key.sign(body, ec.ECDSA(hashes.SHA256()))
    whole = _element(0x30, body + tbs[2][2] + _element(0x03, b"\0" + signature))
    return Made(x509.load_der_x509_certificate(whole), made.key)


def pem(*made: Made | x509.Certificate) -> bytes:
    certs = [entry.cert if isinstance(entry, Made) else entry for entry in made]
    return b"".join(cert.public_bytes(serialization.Encoding.PEM) for cert in certs)
