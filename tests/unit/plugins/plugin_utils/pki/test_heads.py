# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the first bytes of a file tell, and that they tell nothing of a key."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)

from ansible_collections.certops.cms.plugins.plugin_utils._pki import csr, heads, keys
from tests.unit.plugins.plugin_utils.pki.making import pem, root

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
LEAF = root().issue()
LOCK = BestAvailableEncryption(b"open sesame")
BAG = pkcs12.serialize_key_and_certificates(b"john", EC, None, None, LOCK)


def told(data: bytes) -> str:
    """Read as little as the collection does."""
    head = data[: heads.FIRST]
    return heads.kind(data[: heads.FIRST_OF_PEM] if heads.is_pem(head) else head)


def forms(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> list[bytes]:
    """Give an open key in every form it may lie on a node in."""
    return [
        key.private_bytes(encoding, form, NoEncryption())
        for encoding in (Encoding.PEM, Encoding.DER)
        for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)
    ]


@pytest.mark.parametrize("data", [*forms(RSA), *forms(EC), forms(EC)[0].replace(b"\n", b"\r\n")])
def test_an_open_key_is_one_in_every_form(data: bytes) -> None:
    assert told(data) == heads.OPEN_KEY


@pytest.mark.parametrize(
    "data",
    [
        RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, LOCK),
        RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, LOCK),
        EC.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, LOCK),
        RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, LOCK).replace(b"\n", b"\r\n"),
        RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, LOCK),
        EC.private_bytes(Encoding.DER, PrivateFormat.PKCS8, LOCK),
        keys.serialise_encrypted(EC, "open sesame"),
    ],
)
def test_a_locked_key_is_one_in_every_form(data: bytes) -> None:
    assert told(data) == heads.LOCKED_KEY


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (BAG, heads.PKCS12),
        (b"\x30\x80\x02\x01\x03\x30\x80", heads.PKCS12),
        (EC.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH), heads.SSH_KEY),
        (pem(LEAF), heads.OTHER),
        (LEAF.cert.public_bytes(Encoding.DER), heads.OTHER),
        (csr.build_csr(csr.Request.of({"CN": "core1.example.com"}), EC), heads.OTHER),
        (b"", heads.OTHER),
        (b"\n", heads.OTHER),
        (b"-----", heads.READ_ALL),
        (b"Bag Attributes\n" + forms(RSA)[0], heads.READ_ALL),
        (b"\xef\xbb\xbf" + forms(RSA)[0], heads.READ_ALL),
        (EC.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()), heads.READ_ALL),
    ],
)
def test_what_is_no_key_is_told_apart(data: bytes, kind: str) -> None:
    assert told(data) == kind


@pytest.mark.parametrize("form", range(4))
def test_s4_what_is_read_is_the_same_for_every_ec_key(form: int) -> None:
    """Nothing of the secret is in it, as it does not differ between keys."""
    read = set()
    for _number in range(6):
        data = forms(ec.generate_private_key(ec.SECP256R1()))[form]
        read.add(data[: heads.FIRST_OF_PEM] if heads.is_pem(data[: heads.FIRST]) else data[: heads.FIRST])
    assert len(read) == 1
