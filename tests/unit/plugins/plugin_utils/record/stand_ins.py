# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates made after the descriptions in a recording: other keys, the same shape and the same chain."""

from __future__ import annotations

import datetime
import functools
import ipaddress
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_NAMES = {
    "CN": NameOID.COMMON_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "emailAddress": NameOID.EMAIL_ADDRESS,
}
_USAGES = {
    "digitalSignature": "digital_signature",
    "contentCommitment": "content_commitment",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
}
_CURVES = {"secp256r1": ec.SECP256R1, "secp384r1": ec.SECP384R1, "secp521r1": ec.SECP521R1}
_HASHES = {"sha384": hashes.SHA384, "sha512": hashes.SHA512}


@functools.cache
def _key(kind: str, number: int) -> Any:
    """Make a key of a kind such as ``RSA 2048``; the number tells keys apart."""
    name, _blank, size = kind.partition(" ")
    if name == "RSA":
        return rsa.generate_private_key(65537, min(int(size), 3072))
    return ec.generate_private_key(_CURVES.get(size, ec.SECP256R1)())


class StandIns:
    """The certificates of one recording, by number."""

    def __init__(self, told: list[dict[str, Any]]) -> None:
        self._told = {entry["number"]: entry for entry in told}
        self._made: dict[int, x509.Certificate] = {}

    def pem(self, number: int) -> bytes:
        """Give a certificate as PEM, without the line break at its end."""
        return self.certificate(number).public_bytes(serialization.Encoding.PEM).strip()

    def der(self, number: int) -> bytes:
        """Give a certificate as DER."""
        return self.certificate(number).public_bytes(serialization.Encoding.DER)

    def certificate(self, number: int) -> x509.Certificate:
        """Make a certificate, once."""
        if number not in self._made:
            self._made[number] = self._make(self._told[number])
        return self._made[number]

    def _signer(self, told: dict[str, Any]) -> dict[str, Any]:
        if told["self_signed"] or not told["signed_by"]:
            return told
        return self._told[told["signed_by"][0]]

    def _make(self, told: dict[str, Any]) -> x509.Certificate:
        number, signer = told["number"], self._signer(told)
        stranger = not told["self_signed"] and not told["signed_by"]
        issuer = _name({"CN": "Not in this recording"}) if stranger else _name(signer["subject"])
        signing_key = _key("ECDSA secp256r1", -1) if stranger else _key(signer["key_type"], signer["number"])
        key = _key(told["key_type"], number)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(told["subject"]))
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(number)
            .not_valid_before(_day(told["from"]))
            .not_valid_after(_day(told["to"]))
        )
        for extension, critical in _extensions(told, key.public_key(), signing_key.public_key()):
            builder = builder.add_extension(extension, critical)
        return builder.sign(signing_key, _HASHES.get(told["signature_hash"], hashes.SHA256)())


def _day(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def _name(subject: dict[str, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(_NAMES[name], value) for name, value in subject.items() if name in _NAMES])


def _extensions(told: dict[str, Any], own: Any, issuer: Any) -> list[tuple[x509.ExtensionType, bool]]:
    found: list[tuple[x509.ExtensionType, bool]] = []
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in told["dns"]]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in told["ip"]]
    names += [x509.RFC822Name(mail) for mail in told["email"]]
    if names:
        found.append((x509.SubjectAlternativeName(names), False))
    if told["key_usage"] is not None:
        wanted = {_USAGES[name] for name in told["key_usage"] if name in _USAGES}
        usage = dict.fromkeys([*_USAGES.values(), "encipher_only", "decipher_only"], False)
        found.append((x509.KeyUsage(**usage | dict.fromkeys(wanted, True)), True))
    if told["extended_key_usage"] is not None:
        kinds = {"serverAuth": ExtendedKeyUsageOID.SERVER_AUTH, "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH}
        usages = [kinds[name] for name in told["extended_key_usage"] if name in kinds]
        if usages:
            found.append((x509.ExtendedKeyUsage(usages), False))
    if told["ca"] is not None:
        length = told["path_length"] if told["ca"] else None
        found.append((x509.BasicConstraints(told["ca"], length), True))
    if told["key_identifiers"]["own"]:
        found.append((x509.SubjectKeyIdentifier.from_public_key(own), False))
    if told["key_identifiers"]["authority"]:
        found.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), False))
    return found
