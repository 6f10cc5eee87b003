# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles, full chains and trust files."""

from __future__ import annotations

import itertools

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._errors import CertificateProblem
from ansible_collections.certops.cms.plugins.plugin_utils._pki import bundles, keys, x509util
from tests.unit.plugins.plugin_utils.pki import making

ROOT = making.root()
UPPER = ROOT.sub_ca("Example Upper")
LOWER = UPPER.sub_ca("Example Lower")
LEAF = LOWER.issue("core1.example.com")
CHAIN = [made.cert for made in (LEAF, LOWER, UPPER, ROOT)]
GOOD = making.pem(*CHAIN[1:])
REQUEST = b"".join(
    f"-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n".encode() for label in ("X509 CRL", "CERTIFICATE REQUEST")
)


@given(st.permutations(CHAIN))
def test_the_leaf_is_found_in_any_order(order: list[x509.Certificate]) -> None:
    leaf, others = bundles.split(making.pem(*order))
    assert leaf == LEAF.cert
    assert others == CHAIN[1:]
    assert bundles.order_chain(leaf, others) == CHAIN


def test_a_leaf_is_found_without_any_ca_marks() -> None:
    ca = making.make("Old CA", identifiers=False)
    leaf = ca.issue("postgres", names=(), identifiers=False)
    for order in itertools.permutations((ca, leaf)):
        assert bundles.split(making.pem(*order)) == (leaf.cert, [ca.cert])


def test_a_single_certificate_is_the_leaf_whatever_it_is() -> None:
    assert bundles.split(making.pem(ROOT)) == (ROOT.cert, [])


def test_two_service_certificates_are_told_apart_by_the_key_only() -> None:
    other = LOWER.issue("core2.example.com")
    data = making.pem(LEAF, other, LOWER)
    with pytest.raises(CertificateProblem, match=r"core1.example.com.*core2.example.com"):
        bundles.split(data)
    assert bundles.split(data, spki=x509util.spki_sha256(other.cert))[0] == other.cert
    with pytest.raises(CertificateProblem, match="belongs to the key"):
        bundles.split(data, spki="00")


def test_of_two_certificates_of_one_key_the_newer_is_meant() -> None:
    newer = LOWER.issue("core1.example.com", key=LEAF.key, start=making.NOW - making.DAY)
    for order in itertools.permutations((LEAF, newer, LOWER)):
        assert bundles.split(making.pem(*order), spki=x509util.spki_sha256(LEAF.cert))[0] == newer.cert


def test_the_leaf_is_told_from_cas_that_have_nothing_to_do_with_it() -> None:
    strange_root = making.make("Stranger")
    strange_ca = making.root("Another").sub_ca("Strange Intermediate")
    unmarked_ca = making.root("Old").issue("Unmarked Intermediate")
    plain = LOWER.issue("core3.example.com", ca=False)
    for leaf, other in ((LEAF, strange_root), (LEAF, strange_ca), (plain, unmarked_ca)):
        for order in itertools.permutations((leaf, other)):
            assert bundles.split(making.pem(*order)) == (leaf.cert, [other.cert])


def test_a_leaf_that_is_marked_as_ca_is_the_one_that_issued_nothing() -> None:
    marked = LOWER.issue("core4.example.com", ca=True)
    for order in itertools.permutations((marked, LOWER, UPPER, ROOT)):
        assert bundles.split(making.pem(*order))[0] == marked.cert


def test_what_does_not_belong_to_the_chain_is_left_out() -> None:
    stranger = making.root("Stranger")
    assert bundles.order_chain(LEAF.cert, [stranger.cert, *CHAIN[:0:-1]]) == CHAIN
    assert bundles.order_chain(LEAF.cert, [UPPER.cert, LOWER.cert]) == CHAIN[:3]
    assert bundles.order_chain(LEAF.cert, [stranger.cert]) == CHAIN[:1]


def test_a_cross_signed_detour_is_left_out() -> None:
    cross = making.root("Other Root").sub_ca("Example Root", key=ROOT.key)
    assert bundles.order_chain(LEAF.cert, [cross.cert, *CHAIN[1:]]) == CHAIN


def test_bundles_are_written_as_the_guide_wants_them() -> None:
    data = bundles.full_chain_bytes(LEAF.cert, reversed(CHAIN))
    text = data.decode()
    assert data == making.pem(*CHAIN)
    assert "-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----" in text
    assert text.endswith("-----END CERTIFICATE-----\n")
    assert not text.endswith("\n\n")
    assert bundles.bundle_bytes([LOWER.cert, UPPER.cert, LOWER.cert]) == making.pem(LOWER, UPPER)
    trust = bundles.trust_bytes([ROOT.cert, LOWER.cert, LEAF.cert, ROOT.cert])
    assert trust == making.pem(LEAF, LOWER, ROOT)


def test_good_files_have_no_problems() -> None:
    assert bundles.problems(making.pem(LEAF), "certificate") == []
    assert bundles.problems(GOOD, "bundle") == []
    assert bundles.problems(GOOD.replace(b"\n", b"\r\n"), "bundle") == []
    assert bundles.problems(making.pem(*CHAIN), "full chain") == []
    assert bundles.problems(making.pem(LEAF, LOWER, ROOT), "trust") == []
    assert bundles.problems(bundles.trust_bytes(CHAIN), "trust") == []
    unmarked = making.make("Unmarked Root")
    assert bundles.problems(making.pem(unmarked.sub_ca(), unmarked), "bundle") == []
    for alone in (unmarked, making.root()):
        assert bundles.problems(making.pem(alone), "full chain") == []


@pytest.mark.parametrize(
    ("data", "expect", "text"),
    [
        (making.pem(ROOT, UPPER, LOWER), "bundle", "wrong order"),
        (making.pem(LOWER, ROOT, UPPER), "bundle", "wrong order"),
        (making.pem(LOWER, ROOT), "bundle", "did not issue"),
        (making.pem(LOWER, UPPER), "bundle", "root certificate is missing"),
        (making.pem(*CHAIN), "bundle", "service's own certificate"),
        (GOOD, "full chain", "does not begin with"),
        (making.pem(*CHAIN), "certificate", "holds 4 certificates"),
        (making.pem(LOWER, UPPER, ROOT, ROOT), "bundle", "more than once"),
        (making.pem(LOWER) + b"\n" + making.pem(UPPER, ROOT), "bundle", "blank lines"),
        (GOOD + b"\n", "bundle", "more than one line break"),
        (GOOD[:-1], "bundle", "no line break"),
        (b"subject=CN = x\n" + GOOD, "bundle", "text around"),
        (GOOD.replace(b"-----END CERTIFICATE-----\n", b"-----END CERTIFICATE----- \n"), "bundle", "blanks"),
        (b"\xef\xbb\xbf" + GOOD, "bundle", "byte order mark"),
        (LEAF.cert.public_bytes(serialization.Encoding.DER), "certificate", "DER, PEM is wanted"),
        (making.pem(ROOT, LEAF, LOWER, UPPER), "trust", "which it issued"),
        (making.pem(LEAF, UPPER, LOWER), "trust", "which it issued"),
        (making.pem(LEAF, LOWER), "certificate", "holds 2 certificates"),
        (making.pem(LOWER), "full chain", "does not begin with"),
        (making.pem(ROOT, LEAF), "full chain", "does not begin with"),
        (making.pem(making.make("Unmarked Root"), ROOT), "full chain", "does not begin with"),
        (making.pem(LOWER, ROOT.sub_ca("Example Upper"), ROOT), "bundle", "did not issue"),
        (making.pem(LOWER, ROOT.sub_ca("Another Name", key=UPPER.key), ROOT), "bundle", "did not issue"),
        (making.pem(LEAF) + REQUEST, "certificate", "no certificate: CERTIFICATE REQUEST, X509 CRL"),
        (making.pem(LEAF) + b"-----BEGIN EC PRIVATE KEY-----\n", "certificate", "holds a private key"),
        (GOOD.replace(b"-----BEGIN CERTIFICATE-----\n", b"-----BEGIN CERTIFICATE-----\n "), "bundle", "blanks"),
        (GOOD + b" \n", "bundle", "more than one line break"),
        (b"nothing", "trust", "cannot be read"),
        (b"", "trust", "empty"),
    ],
)
def test_faults_of_files_are_named(data: bytes, expect: str, text: str) -> None:
    found = bundles.problems(data, expect)
    assert any(text in problem for problem in found), found


def test_a_private_key_in_a_bundle_is_named_and_never_shown() -> None:
    key = keys.serialise_plain(LEAF.key)
    found = bundles.problems(making.pem(LEAF) + key, "certificate")
    assert any("private key" in problem for problem in found)
    body = key.decode().splitlines()[1]
    assert not any(body in problem for problem in found)
    assert not any("no certificate" in problem for problem in found)
