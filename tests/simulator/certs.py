# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""X.509 for the simulated world: the old CA of a legacy start, keys, and what the node's pki commands compute."""

from __future__ import annotations

import datetime as dt
import ipaddress
import itertools
import re
import threading
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

ATTRIBUTES = {
    "CN": NameOID.COMMON_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "C": NameOID.COUNTRY_NAME,
    "emailAddress": NameOID.EMAIL_ADDRESS,
}

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----[ \t]*\r?\n?", re.S)


class _Pool:
    """RSA keys made once per process and handed out in turn: legacy certificates need keys, not unique ones."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._keys: list[rsa.RSAPrivateKey] = []
        self._turn = itertools.count()
        self._lock = threading.Lock()

    def take(self) -> rsa.RSAPrivateKey:
        with self._lock:
            if len(self._keys) < self._size:
                self._keys.append(rsa.generate_private_key(public_exponent=65537, key_size=2048))
                return self._keys[-1]
            return self._keys[next(self._turn) % self._size]


_pool = _Pool(24)


def pooled_key(kind: str) -> Key:
    """A key for a legacy certificate: ``ecdsa`` makes a fresh one, ``rsa2048`` takes one of the process's pool."""
    if kind == "ecdsa":
        return ec.generate_private_key(ec.SECP256R1())
    return _pool.take()


def fresh_rsa() -> rsa.RSAPrivateKey:
    """A key of its own, RSA 2048."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_pem(key: Any, form: str = "pkcs8", passphrase: bytes | None = None) -> bytes:
    """PEM of a private key; ``form`` is pkcs8 or traditional."""
    encoding = (
        serialization.PrivateFormat.TraditionalOpenSSL if form == "traditional" else serialization.PrivateFormat.PKCS8
    )
    protection: Any = serialization.NoEncryption()
    if passphrase is not None:
        protection = serialization.BestAvailableEncryption(passphrase)
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, encoding, protection)
    return pem


def cert_pem(*certificates: x509.Certificate) -> bytes:
    """PEM of certificates, one after the other, no blank line between them."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, lower-case hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def general_name(text: str) -> x509.GeneralName:
    """A SAN entry out of what a person types: address, mail address or DNS name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    if "@" in text:
        return x509.RFC822Name(text)
    return x509.DNSName(text)


def subject(**attributes: str) -> x509.Name:
    """A name out of keyword arguments CN, O, OU, L, ST, C, emailAddress, in that order of writing."""
    return x509.Name([x509.NameAttribute(ATTRIBUTES[key], value) for key, value in attributes.items() if value])


@dataclass
class Authority:
    """A root and an intermediate that sign leaves."""

    root: x509.Certificate
    root_key: Key
    intermediate: x509.Certificate
    key: Key

    @classmethod
    def create(cls, name: str, days_left: float) -> Authority:
        """A new authority; its own certificates outlive the leaves."""
        now = dt.datetime.now(dt.UTC)
        begin = now - dt.timedelta(days=1500)
        root_key = ec.generate_private_key(ec.SECP256R1())
        key = ec.generate_private_key(ec.SECP256R1())
        root_name = subject(O="Example", CN=f"{name} Root CA")
        end = now + dt.timedelta(days=max(days_left, 0) + 400)
        root = _ca_certificate(root_name, root_key.public_key(), root_name, root_key, begin, end, None)
        intermediate = _ca_certificate(
            subject(O="Example", CN=f"{name} Issuing CA"), key.public_key(), root_name, root_key, begin, end, 0
        )
        return cls(root, root_key, intermediate, key)

    def issue(
        self, public_key: Any, fqdn: str, names: list[str], days_left: float, *, client: bool = False
    ) -> x509.Certificate:
        """A guide-correct leaf: server authentication, with ``client`` both usages, SAN with all names."""
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        end = now + dt.timedelta(days=days_left)
        usages = [ExtendedKeyUsageOID.SERVER_AUTH]
        if client:
            usages.append(ExtendedKeyUsageOID.CLIENT_AUTH)
        names = list(dict.fromkeys([fqdn, *names]))
        begin = min(now, end) - dt.timedelta(days=365)
        return (
            x509.CertificateBuilder()
            .subject_name(subject(O="Example", CN=fqdn))
            .issuer_name(self.intermediate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True, key_encipherment=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )


def _usage(**bits: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: bits.get(name, False) for name in names})


def _ca_certificate(
    name: x509.Name, public_key: Any, issuer: x509.Name, issuer_key: Any, begin: Any, end: Any, path: int | None
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def load_key(data: bytes, password: bytes | None = None) -> Key:
    """A private key from PEM or DER. ValueError: it is none; TypeError: it is protected and no password came."""
    if b"-----BEGIN" in data:
        key = serialization.load_pem_private_key(data, password, unsafe_skip_rsa_key_validation=True)
    else:
        key = serialization.load_der_private_key(data, password, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise ValueError("neither RSA nor EC")
    return key


def load_certs(data: bytes) -> list[x509.Certificate]:
    """All certificates of a file, PEM (any number) or DER (one); ValueError when there is none."""
    if b"-----BEGIN" not in data:
        return [x509.load_der_x509_certificate(data)]
    found = [
        x509.load_pem_x509_certificate(match.group(0))
        for match in _PEM.finditer(data)
        if match.group(1) in (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE")
    ]
    if not found:
        raise ValueError("no certificate")
    return found


def load_csr(data: bytes) -> x509.CertificateSigningRequest:
    """A CSR, PEM or DER; ValueError when it is none."""
    if b"-----BEGIN" in data:
        return x509.load_pem_x509_csr(data)
    return x509.load_der_x509_csr(data)


def same_key(key: Any, other: Any) -> bool:
    """Whether a private key (or certificate) belongs to a certificate."""

    def spki(item: Any) -> bytes:
        encoded: bytes = item.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return encoded

    return spki(key) == spki(other)


def host_matches(certificate: x509.Certificate, host: str, rule: str, *, wildcards: bool = True) -> bool:
    """Whether the certificate is for this host: SAN, and the CN when there is no SAN (``san_then_cn``) or as well."""
    names: list[str] = []
    addresses: list[str] = []
    has_san = True
    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = list(san.get_values_for_type(x509.DNSName))
        addresses = [str(address) for address in san.get_values_for_type(x509.IPAddress)]
        has_san = bool(names or addresses)
    except x509.ExtensionNotFound:
        has_san = False
    if rule == "san_or_cn" or not has_san:
        common = [str(item.value) for item in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        names += common
        addresses += common
    try:
        return str(ipaddress.ip_address(host)) in addresses
    except ValueError:
        pass
    host = host.lower().rstrip(".")
    for name in names:
        name = name.lower().rstrip(".")
        if name == host:
            return True
        if wildcards and name.startswith("*.") and "." in host and host.split(".", 1)[1] == name[2:]:
            return True
    return False
