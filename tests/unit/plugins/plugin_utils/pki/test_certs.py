# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and describing certificates."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._errors import CertificateProblem
from ansible_collections.certops.cms.plugins.plugin_utils._pki import certs, keys
from tests.unit.plugins.plugin_utils.pki import making

ROOT = making.root()
LEAF = ROOT.issue(names=("core1.example.com", "*.web.example.com", "10.0.0.1"), eku=("serverAuth", "clientAuth"))
DER = LEAF.cert.public_bytes(serialization.Encoding.DER)


def pkcs7_of(encoding: serialization.Encoding) -> bytes:
    return pkcs7.serialize_certificates([LEAF.cert, ROOT.cert], encoding)


@pytest.mark.parametrize(
    "data",
    [
        making.pem(LEAF),
        b"Certificate:\n    Data: Version 3\n" + making.pem(LEAF) + b"\nregards, your CA\n",
        making.pem(LEAF).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + making.pem(LEAF),
        making.pem(LEAF).decode().encode("utf-16"),
        DER,
        keys.serialise_plain(LEAF.key) + making.pem(LEAF),
        making.pem(LEAF).replace(b"-----\n", b"-----\nOrder: 17\n\n", 1),
        making.pem(LEAF).replace(b"\n", b" \n  "),
    ],
    ids=["pem", "text around", "windows line ends", "utf-8 mark", "utf-16", "der", "key in front", "headers", "blanks"],
)
def test_one_certificate_is_read_in_every_form(data: bytes) -> None:
    assert certs.load_certificates(data, "cb.crt") == [LEAF.cert]


@pytest.mark.parametrize(
    "data",
    [
        pkcs7_of(serialization.Encoding.PEM),
        pkcs7_of(serialization.Encoding.DER),
        pkcs7_of(serialization.Encoding.PEM).replace(b"PKCS7", b"CERTIFICATE"),
    ],
    ids=["pem", "der", "labelled as certificate, as Windows does"],
)
def test_pkcs7_gives_all_its_certificates(data: bytes) -> None:
    assert set(certs.load_certificates(data, "answer.p7b")) == {LEAF.cert, ROOT.cert}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello", "not a certificate"),
        (keys.serialise_plain(LEAF.key), "private key"),
        (DER[:-20], "not a certificate"),
        (making.pem(LEAF).replace(b"M", b"%", 1), "not base64"),
        (making.pem(LEAF)[:-30], "no matching END"),
        (b"\xff\xfe\x00\xd8\x00", "not a certificate"),
        (making.pem(LEAF) + making.pem(LEAF).replace(b"M", b"%", 1), "certificate 2 is not base64"),
        (making.pem(LEAF) + making.pem(LEAF)[:60] + b"\n-----END CERTIFICATE-----\n", "certificate 2: cannot be read"),
        (b"-----BEGIN X-----\nAAAA\n-----END X-----\n-----BEGIN A-----\nAAAA\n-----END A-----\n", "it holds: a, x"),
    ],
)
def test_a_file_without_a_certificate_is_refused_with_its_name(data: bytes, reason: str) -> None:
    with pytest.raises(CertificateProblem, match=reason) as caught:
        certs.load_certificates(data, "cb.crt")
    assert caught.value.obj == "cb.crt"
    assert caught.value.next_step


@given(st.binary(max_size=200), st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_damaged_input_never_raises_anything_else(noise: bytes, position: int, value: int) -> None:
    damaged = bytearray(DER)
    damaged[position] = value
    wrapped = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(noise) + b"\n-----END CERTIFICATE-----\n"
    for data in (noise, wrapped, bytes(damaged)):
        try:
            found = certs.load_certificates(data, "x")
        except CertificateProblem:
            continue
        for cert in found:
            assert certs.describe(cert)["sha256"] == certs.fingerprint(cert)


def test_describe_tells_everything_about_a_certificate() -> None:
    info = certs.describe(LEAF.cert)
    assert info["subject"] == "CN=core1.example.com"
    assert info["issuer"] == "CN=Example Root"
    assert info["not_after"] == "2027-01-22T15:00:00Z"
    assert info["version"] == 3
    assert info["key_type"] == "ECDSA secp256r1"
    assert info["dns"] == ["core1.example.com", "*.web.example.com"]
    assert info["ip"] == ["10.0.0.1"]
    assert info["extended_key_usage"] == ["serverAuth", "clientAuth"]
    assert info["key_usage"] is None
    assert info["ca"] is None
    assert info["aki"] == certs.describe(ROOT.cert)["ski"]
    assert info["self_signed"] is False
    assert certs.describe(ROOT.cert)["self_signed"] is True
    assert certs.describe(ROOT.cert)["ca"] is True
    assert certs.describe(ROOT.cert)["key_usage"] == ["keyCertSign", "cRLSign"]


def test_describe_reads_the_netscape_type() -> None:
    made = ROOT.issue(netscape_bits=0xC0)
    assert certs.describe(made.cert)["netscape_type"] == ["sslClient", "sslServer"]


def test_an_unreadable_extension_does_not_stop_the_description() -> None:
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"not der")
    made = ROOT.issue(names=(), common_name="core 1", extra=((broken, False),))
    info = certs.describe(made.cert)
    assert info["dns"] == []
    assert info["subject"] == "CN=core 1"


@pytest.mark.parametrize(
    ("host", "matches"),
    [
        ("core1.example.com", True),
        ("CORE1.Example.COM.", True),
        ("core2.example.com", False),
        ("join.web.example.com", True),
        ("a.join.web.example.com", False),
        ("web.example.com", False),
        ("10.0.0.1", True),
        ("10.0.0.2", False),
        ("", False),
    ],
)
def test_names_match_as_in_tls(host: str, matches: bool) -> None:
    assert certs.matches_name(LEAF.cert, host) is matches


def test_the_common_name_counts_only_without_alternative_names_of_that_kind() -> None:
    bare = ROOT.issue("core1.example.com", names=()).cert
    address_only = ROOT.issue("core1.example.com", names=("10.0.0.1",)).cert
    other_name = ROOT.issue("core1.example.com", names=("core9.example.com",)).cert
    assert certs.matches_name(bare, "core1.example.com")
    assert not certs.matches_name(bare, "core1.example.com", common_name_counts=False)
    assert certs.matches_name(address_only, "core1.example.com")
    assert not certs.matches_name(other_name, "core1.example.com")
    assert certs.matches_name(ROOT.issue("10.0.0.7", names=()).cert, "10.0.0.7")
    assert not certs.matches_name(ROOT.issue("10.0.0.7", names=("10.0.0.8",)).cert, "10.0.0.7")
    assert certs.matches_name(ROOT.issue("x", names=("10.0.0.8", "10.0.0.7")).cert, "10.0.0.7")


def test_a_common_name_is_for_itself_only() -> None:
    named, nameless = ROOT.issue("core1.example.com", names=()).cert, ROOT.issue(None, organization="Example").cert
    for host in ("core2.example.com", "10.0.0.7"):
        assert not certs.matches_name(named, host)
        assert not certs.matches_name(nameless, host)
    assert not certs.matches_name(ROOT.issue("10.0.0.7", names=()).cert, "10.0.0.8")


def test_names_in_other_scripts_are_compared_as_certificates_write_them() -> None:
    made = ROOT.issue("x y", names=("xn--bcher-kva.example.com",)).cert
    assert certs.matches_name(made, "B\u00fccher.example.com")
    assert not certs.matches_name(made, "\u00fc" * 100 + ".example.com")


def test_a_wildcard_stands_for_a_label_that_is_there() -> None:
    made = ROOT.issue("x y", names=("*.example.com",)).cert
    assert certs.matches_name(made, "core1.example.com")
    assert not certs.matches_name(made, ".example.com")


def test_a_certificate_with_trust_settings_of_openssl_is_read() -> None:
    settings = bytes.fromhex("300c300a06082b06010505070301")
    for content in (DER + settings, DER):
        body = base64.encodebytes(content).decode()
        data = f"-----BEGIN TRUSTED CERTIFICATE-----\n{body}-----END TRUSTED CERTIFICATE-----\n".encode()
        assert certs.load_certificates(data, "x") == [LEAF.cert]
    damaged = b"-----BEGIN TRUSTED CERTIFICATE-----\nMIIB\n-----END TRUSTED CERTIFICATE-----\n"
    with pytest.raises(CertificateProblem, match="certificate 1: cannot be read"):
        certs.load_certificates(damaged, "x")


def test_a_container_with_a_key_says_how_to_open_it() -> None:
    container = pkcs12.serialize_key_and_certificates(b"x", LEAF.key, LEAF.cert, None, serialization.NoEncryption())
    with pytest.raises(CertificateProblem) as caught:
        certs.load_certificates(container, "x.pfx")
    assert caught.value.reason == "cannot be read as a certificate, it is a PKCS#12 file"
    assert "openssl pkcs12" in caught.value.next_step
    with pytest.raises(CertificateProblem) as other:
        certs.load_certificates(b"nothing", "x.pfx")
    assert "openssl" not in other.value.next_step


def test_a_fingerprint_is_that_of_the_certificate() -> None:
    assert certs.fingerprint(LEAF.cert) == LEAF.cert.fingerprint(hashes.SHA256()).hex()


@pytest.mark.parametrize("pattern", ["*", "*.com", "c*.example.com", "core1.*.com", "*.*.example.com", ".example.com"])
def test_odd_wildcards_match_nothing(pattern: str) -> None:
    made = ROOT.issue("x y", names=(pattern,)).cert
    for host in ("core1.example.com", "example.com", "a.b.example.com", "com", ".example.com", "a.*.example.com"):
        assert not certs.matches_name(made, host)
