# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PKCS#12 files as programs write them, and those that cannot be used."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._errors import CertificateProblem, CmsError, KeyProblem
from ansible_collections.certops.cms.plugins.plugin_utils._pki import der, keys
from ansible_collections.certops.cms.plugins.plugin_utils._pki.pkcs12 import count_keys, take_apart
from tests.unit.plugins.plugin_utils.pki.making import pem, root

WORD = "open sesame 4711"
KEY, OTHER = keys.generate_key("ecdsa"), keys.generate_key("rsa")
ROOT = root()
SUB = ROOT.sub_ca()
LEAF = SUB.issue(key=KEY)
LOCK = BestAvailableEncryption(WORD.encode())
OLD = (
    PrivateFormat.PKCS12.encryption_builder()
    .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
    .hmac_hash(hashes.SHA1())
    .build(WORD.encode())
)


def bag(key: Any = KEY, leaf: Any = LEAF, others: tuple[Any, ...] = (SUB, ROOT), lock: Any = LOCK) -> bytes:
    chain = [one.cert for one in others] or None
    return pkcs12.serialize_key_and_certificates(b"join", key, leaf and leaf.cert, chain, lock)


def indefinite(data: bytes, depth: int = 0) -> bytes:
    """Write DER as BER with lengths at the end, as some programs do: sequences, sets, tagged parts, long strings."""
    found = b""
    offset = 0
    while offset < len(data):
        tag, content, offset = der.read(data, offset)
        if tag & 0x20 and depth < 8:
            found += bytes((tag, 0x80)) + indefinite(content, depth + 1) + b"\x00\x00"
        elif tag == der.OCTET_STRING and len(content) > 64:
            parts = [content[start : start + 50] for start in range(0, len(content), 50)]
            pieces = b"".join(der.write(der.OCTET_STRING, part) for part in parts)
            found += bytes((der.OCTET_STRING | 0x20, 0x80)) + pieces + b"\x00\x00"
        else:
            found += der.write(tag, content)
    return found


def without_mac(*open_keys: Any) -> bytes:
    """Write a file with several open keys, and no protection: no program at hand makes one."""

    def sequence(*parts: bytes) -> bytes:
        return der.write(der.SEQUENCE, b"".join(parts))

    def data(content: bytes) -> bytes:
        oid = der.object_identifier("1.2.840.113549.1.7.1")
        return sequence(oid, der.write(der.CONTEXT_0, der.write(der.OCTET_STRING, content)))

    bags = []
    for key in open_keys:
        private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        bags.append(sequence(der.object_identifier("1.2.840.113549.1.12.10.1.1"), der.write(der.CONTEXT_0, private)))
    return sequence(der.integer(3), data(sequence(data(sequence(*bags)))))


@pytest.mark.parametrize("lock", [LOCK, OLD], ids=["today", "old windows"])
@pytest.mark.parametrize("others", [(SUB, ROOT), (ROOT, SUB), (ROOT, root("Stray"), SUB)])
def test_key_leaf_and_chain_come_out_in_order(lock: Any, others: tuple[Any, ...]) -> None:
    found = take_apart(bag(others=others, lock=lock), WORD, "x.pfx")
    assert keys.public_spki(found.key) == keys.public_spki(KEY)
    assert found.leaf == LEAF.cert
    assert found.chain == (SUB.cert, ROOT.cert)
    assert len(found.unused) == len(others) - 2
    assert "PrivateKey" not in repr(found)


def test_a_file_in_ber_is_read_as_one_in_der() -> None:
    data = bag()
    assert indefinite(data) != data
    assert take_apart(indefinite(data), WORD, "x.p12").leaf == LEAF.cert
    assert count_keys(indefinite(data)) == count_keys(data) == 1


def test_a_file_without_passphrase_needs_none() -> None:
    assert take_apart(bag(lock=NoEncryption()), None, "x.p12").leaf == LEAF.cert


def test_a_self_signed_identity_has_no_chain() -> None:
    own = root("Self", key=KEY)
    assert take_apart(bag(leaf=own, others=()), WORD, "x.p12").chain == ()


def test_of_two_certificates_of_the_key_the_newer_one_is_meant() -> None:
    older = SUB.issue(key=KEY, start=LEAF.cert.not_valid_before_utc.replace(year=2025))
    found = take_apart(bag(leaf=older, others=(LEAF, SUB, ROOT)), WORD, "x.p12")
    assert found.leaf == LEAF.cert
    assert found.unused == (older.cert,)


def test_what_the_chain_lacks_can_be_given() -> None:
    found = take_apart(bag(others=()), WORD, "x.p12", [ROOT.cert, SUB.cert])
    assert found.chain == (SUB.cert, ROOT.cert)


@pytest.mark.parametrize(
    ("data", "word", "kind", "said"),
    [
        (bag(), "wrong wrong", KeyProblem, "the passphrase does not open it"),
        (bag(), None, KeyProblem, "it is locked, and no passphrase was given"),
        (bag()[:-40], WORD, KeyProblem, "it is not a PKCS#12 file"),
        (b"", WORD, KeyProblem, "it is not a PKCS#12 file"),
        (pem(LEAF), WORD, KeyProblem, "it is not a PKCS#12 file"),
        (LEAF.cert.public_bytes(Encoding.DER), WORD, KeyProblem, "it is not a PKCS#12 file"),
        (keys.serialise_encrypted(KEY, WORD), WORD, KeyProblem, "it is not a PKCS#12 file"),
        (bag(key=None), WORD, KeyProblem, "there is no private key in it"),
        (bag(leaf=None, others=()), WORD, CertificateProblem, "there is no certificate in it"),
        (bag(leaf=None, others=(SUB, ROOT)), WORD, CertificateProblem, "none of its certificates belongs to its key"),
        (bag(others=(SUB,)), WORD, CertificateProblem, "the certificate of CN=Example Root is missing"),
        (bag(others=()), WORD, CertificateProblem, "the certificate of CN=Example Intermediate is missing"),
        (without_mac(KEY, OTHER), None, KeyProblem, "there are 2 private keys in it"),
    ],
)
def test_what_cannot_be_used_is_refused_in_clear_words(data: bytes, word: str | None, kind: Any, said: str) -> None:
    with pytest.raises(kind) as caught:
        take_apart(data, word, "x.pfx")
    assert said in caught.value.reason
    assert caught.value.next_step
    assert WORD not in str(caught.value)


def test_a_kind_of_key_that_no_service_takes_is_named() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(KeyProblem, match="which no service takes"):
        take_apart(bag(key=key, leaf=None, others=()), WORD, "x.pfx")


def what_is_wrong(data: bytes) -> str:
    """Give the next step of the error, or a word where the file can be used."""
    try:
        take_apart(data, None, "x.pfx")
    except CmsError as error:
        return error.next_step
    return "nothing"


@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 255))
def test_damage_anywhere_is_an_error_that_says_so(noise: bytes, place: int, byte: int) -> None:
    whole = bag(lock=NoEncryption(), others=())
    for data in (noise, whole[:place], whole[:place] + bytes((byte,)) + whole[place + 1 :], whole[:place] + noise):
        assert what_is_wrong(data) != ""
