# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private keys: make, read, match, write. No error message ever holds key material or a passphrase.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .._errors import BadOption, KeyProblem
from .._services import commands
from . import der, pkcs8
from .certs import as_text_bytes, pem_body
from .x509util import key_type, require_cryptography, spki, spki_sha256

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
except ImportError:
    pass

if TYPE_CHECKING:
    PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

__all__ = [
    "generate_key",
    "is_encrypted",
    "key_matches",
    "key_type",
    "load_key",
    "public_spki",
    "serialise_encrypted",
    "serialise_plain",
    "spki_sha256",
]

RSA_SIZES = (2048, 3072, 4096)
CURVES = ("secp256r1", "secp384r1")
#: A shorter passphrase is tried out in no time, whatever the derivation costs. Characters.
SHORTEST_PASSPHRASE = 8

_KEY_BLOCK = re.compile(rb"-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)


def generate_key(kind: str, size: int | str | None = None) -> PrivateKey:
    """Make a key: ``rsa`` with 2048, 3072 or 4096 bits, or ``ecdsa`` on ``secp256r1`` or ``secp384r1``.

    Without a size: RSA 2048 as the appliance makes it, ECDSA on the guide's curve (appendix A.2).
    """
    require_cryptography()
    if kind == "rsa":
        text = str(2048 if size is None else size)
        bits = int(text) if text.isdecimal() else 0
        if bits not in RSA_SIZES:
            raise BadOption("key size", f"{size!r} is not a size for an RSA key", f"use one of {_listed(RSA_SIZES)}")
        return rsa.generate_private_key(public_exponent=65537, key_size=bits)
    if kind == "ecdsa":
        curve = str(size or CURVES[0])
        if curve not in CURVES:
            raise BadOption("key size", f"{size!r} is not a curve for an ECDSA key", f"use one of {_listed(CURVES)}")
        return ec.generate_private_key(ec.SECP256R1() if curve == "secp256r1" else ec.SECP384R1())
    raise BadOption("key type", f"{kind!r} is not a type of key", "use rsa or ecdsa")


def _listed(values: tuple[int, ...] | tuple[str, ...]) -> str:
    return ", ".join(str(value) for value in values)


def _key_block(data: bytes) -> tuple[bytes, bytes] | None:
    """Find the first private key in a text: its label and its body."""
    match = _KEY_BLOCK.search(as_text_bytes(data))
    return (match.group(1), match.group(2)) if match else None


def is_encrypted(data: bytes) -> bool:
    """Say whether a key file needs a passphrase: PKCS#8 or the old OpenSSL form, PEM or DER."""
    block = _key_block(data)
    if block is None:
        return b"-----BEGIN " not in data and der.shape(data) == "encrypted key"
    label, body = block
    if label == b"OPENSSH PRIVATE KEY":
        # The cipher's name stands near the start; "none" means open.
        content = pem_body(body) or b""
        return b"\x00\x00\x00\x04none" not in content[:64]
    return label.startswith(b"ENCRYPTED") or b"ENCRYPTED" in body


def load_key(data: bytes, passphrase: str | bytes | None, name: str) -> PrivateKey:
    """Read a private key in PEM (with anything around it) or DER; a passphrase is used only where one is needed.

    Raises ``KeyProblem`` for a file without a key, a locked key without passphrase, a wrong passphrase, and kinds of
    key other than RSA and ECDSA.
    """
    require_cryptography()
    block = _key_block(data)
    if block is None and b"-----BEGIN " in as_text_bytes(data):
        raise KeyProblem(name, "there is no private key in it", "give the file that holds the private key")
    shape = der.shape(data) if block is None else "pem"
    if shape == "pkcs12":
        raise KeyProblem(name, "it is a PKCS#12 file", "take the key out of it: openssl pkcs12 -in FILE -nocerts")
    if shape in ("signed", "pkcs7"):
        raise KeyProblem(name, "it is a certificate or CSR, not a key", "give the file that holds the private key")
    locked = is_encrypted(data)
    if locked and not passphrase:
        raise KeyProblem(
            name,
            "the key is encrypted and no passphrase was given",
            "give its passphrase, or unlock the file: openssl pkey -in FILE -out FILE "
            f"(on a node: {commands.PKI_UNLOCK})",
        )
    secret = None
    if locked and passphrase:
        secret = passphrase.encode("utf-8") if isinstance(passphrase, str) else passphrase
    key = _read_key(data, block, secret, name)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise KeyProblem(name, f"keys of the kind {key_type(key)} are not supported", "use an RSA or ECDSA key")
    return key


def _read_key(data: bytes, block: tuple[bytes, bytes] | None, secret: bytes | None, name: str) -> Any:
    """Read the key. What the library says stays out of the error: the file could stand in it."""
    try:
        if block is None:
            return serialization.load_der_private_key(data, secret)
        label, body = block
        text = b"-----BEGIN " + label + b"-----" + body + b"-----END " + label + b"-----\n"
        if label == b"OPENSSH PRIVATE KEY":
            return serialization.load_ssh_private_key(text, secret)
        return serialization.load_pem_private_key(text, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    if secret is not None:
        raise KeyProblem(name, "the passphrase does not open the key", "give the right passphrase")
    raise KeyProblem(name, "it cannot be read as a private key", "give a key in PEM (PKCS#8, or as OpenSSL writes it)")


def public_spki(key: PrivateKey) -> bytes:
    """Give the public half of a private key as SubjectPublicKeyInfo in DER."""
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_matches(key: PrivateKey, thing: x509.Certificate | x509.CertificateSigningRequest) -> bool:
    """Say whether a private key belongs to a certificate or CSR (guide 4.3)."""
    return public_spki(key) == spki(thing)


def check_new_passphrase(passphrase: str | bytes, option: str = "passphrase") -> None:
    """See that a passphrase is fit to encrypt a new file; ``option`` is where it comes from. Raises KeyProblem."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise KeyProblem(
            option,
            f"a new key is not encrypted with fewer than {SHORTEST_PASSPHRASE} characters",
            f"set {option} to a longer text, such as four words nobody would guess; keys that are already encrypted "
            "have to be encrypted anew with it: openssl pkcs8 -topk8 -in OLD -out NEW",
        )


def serialise_encrypted(key: PrivateKey, passphrase: str | bytes, option: str = "passphrase") -> bytes:
    """Write a key as encrypted PKCS#8 in PEM, which ``openssl pkey`` reads without this collection.

    Raises KeyProblem, which names ``option``, for a passphrase that is too short.
    """
    check_new_passphrase(passphrase, option)
    secret = passphrase.encode("utf-8") if isinstance(passphrase, str) else passphrase
    open_key = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pkcs8.encrypt(open_key, secret)


def serialise_plain(key: PrivateKey) -> bytes:
    """Write a key as open PKCS#8 in PEM: the form a Meeting Server takes (appendix B). Never onto a disk here."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
