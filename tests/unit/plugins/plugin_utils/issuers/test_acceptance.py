# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an issuer returned is compared with what was asked for, and put in order, before it goes anywhere."""

from __future__ import annotations

import datetime
import pathlib
import random
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID

from ansible_collections.certops.cms.plugins.plugin_utils._errors import CertificateProblem, IssuerProblem
from ansible_collections.certops.cms.plugins.plugin_utils._findings import Finding
from ansible_collections.certops.cms.plugins.plugin_utils._issuers import authority
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.base import Issued, Wanted, accept, assemble
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.own_ca import OwnCa
from ansible_collections.certops.cms.plugins.plugin_utils._pki import certs

from .conftest import DAY, NOW, a_key, a_request, certify_again, needs_openssl, openssl, own_ca, wanted

SERVER_AUTH, CLIENT_AUTH = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def one(pem: str) -> x509.Certificate:
    return certs.load_certificates(pem.encode(), "test")[0]


def issued_as(
    ca: OwnCa, *, key: Any = None, span: tuple[datetime.datetime, datetime.datetime] | None = None, **changes: Any
) -> Issued:
    """Give what an issuer might return that does as it likes: other names, usages, dates, or another key."""
    chain = [one(pem) for pem in ca.anchors()]
    leaf = authority.make_leaf(
        a_request(**changes),
        (key or a_key()).public_key(),
        span or authority.span(NOW, 90, chain),
        (chain[0], ca._key("intermediate")),
    )
    return Issued(certs.to_pem(leaf), tuple(ca.anchors()))


def rules(findings: list[Finding]) -> set[str]:
    return {finding.rule for finding in findings}


def blocking(findings: list[Finding]) -> set[str]:
    return {finding.rule for finding in findings if finding.blocks}


def test_what_was_asked_for_is_accepted_without_a_word(ca: OwnCa) -> None:
    assert accept(wanted(), issued_as(ca), NOW) == []


def test_another_key_is_an_error(ca: OwnCa) -> None:
    findings = accept(wanted(), issued_as(ca, key=a_key(number=1)), NOW)
    assert blocking(findings) == {"issued-other-key"}
    assert findings[0].object == "core1/callbridge"


def test_a_name_that_was_dropped_is_an_error(ca: OwnCa) -> None:
    (finding,) = accept(wanted(), issued_as(ca, names=["core1.example.com"]), NOW)
    assert finding.rule == "issued-names-missing"
    assert finding.blocks
    assert "10.0.0.1" in finding.found


def test_a_name_that_was_added_is_a_remark(ca: OwnCa) -> None:
    names = ["core1.example.com", "10.0.0.1", "www.core1.example.com"]
    (finding,) = accept(wanted(), issued_as(ca, names=names), NOW)
    assert (finding.rule, finding.severity) == ("issued-more-names", "remark")


def test_names_are_compared_as_names(ca: OwnCa) -> None:
    plan = wanted(names=["Core1.Example.COM", "2001:DB8:0::1"])
    assert accept(plan, issued_as(ca, names=["core1.example.com", "2001:db8::1"]), NOW) == []


def test_another_common_name_is_an_error(ca: OwnCa) -> None:
    issued = issued_as(ca, subject={"CN": "core9.example.com", "O": "Example Inc."})
    assert blocking(accept(wanted(), issued, NOW)) == {"issued-other-common-name"}


@pytest.mark.parametrize(
    ("eku", "expected"),
    [(["serverAuth"], {"issued-usage-missing"}), (["clientAuth"], {"issued-usage-missing"}), ([], set())],
)
def test_a_usage_that_was_dropped_is_an_error_and_no_usages_allow_all(
    ca: OwnCa, eku: list[str], expected: set[str]
) -> None:
    # Guide 2.1: without the extension a certificate is good for all uses.
    assert blocking(accept(wanted(), issued_as(ca, eku=eku), NOW)) == expected


@pytest.mark.parametrize(
    ("ku", "rule", "blocks"),
    [
        (["keyEncipherment"], "issued-key-usage-missing", True),
        (["digitalSignature"], "issued-key-usage-missing", False),
        ([], "issued-without-key-usage", False),
    ],
)
def test_key_usages_that_were_dropped(ca: OwnCa, ku: list[str], rule: str, blocks: bool) -> None:
    (finding,) = accept(wanted(), issued_as(ca, ku=ku), NOW)
    assert (finding.rule, finding.blocks) == (rule, blocks)


@pytest.mark.parametrize(
    ("first", "last", "rule"),
    [
        (-10, -1, "issued-dates"),
        (1, 90, "issued-dates"),
        (-1, 31, None),
    ],
)
def test_dates(ca: OwnCa, first: int, last: int, rule: str | None) -> None:
    issued = issued_as(ca, span=(NOW + first * DAY, NOW + last * DAY))
    assert blocking(accept(wanted(), issued, NOW)) == ({rule} if rule else set())


def test_a_leaf_that_outlives_its_ca_is_a_warning(ca: OwnCa) -> None:
    (finding,) = accept(wanted(), issued_as(ca, span=(NOW - DAY, NOW + 2000 * DAY)), NOW)
    assert (finding.rule, finding.blocks) == ("issued-outlives-ca", False)


def test_a_ca_that_has_expired_is_an_error(ca: OwnCa) -> None:
    issued = issued_as(ca, span=(NOW - DAY, NOW + 5000 * DAY))
    assert "issued-chain-dates" in blocking(accept(wanted(), issued, NOW + 1900 * DAY))


def test_a_chain_without_its_root_is_an_error(ca: OwnCa) -> None:
    issued = issued_as(ca)
    for chain in ((), issued.chain_pems[:1]):
        findings = accept(wanted(), Issued(issued.leaf_pem, chain), NOW)
        assert blocking(findings) == {"issued-chain-without-root"}
        assert "cms_trusted_roots" in findings[0].next_step


def test_a_chain_that_belongs_to_another_root_is_an_error(ca: OwnCa, tmp_path: pathlib.Path) -> None:
    other = own_ca(tmp_path / "other")
    other.prepare(NOW)
    issued = issued_as(ca)
    for chain in (other.anchors(), [ca.anchors()[0], other.anchors()[1]], list(reversed(ca.anchors()))):
        assert "issued-chain-broken" in blocking(accept(wanted(), Issued(issued.leaf_pem, tuple(chain)), NOW))


def test_a_leaf_in_the_place_of_a_ca_is_an_error(ca: OwnCa) -> None:
    parent = issued_as(ca)
    request = a_request()
    child = authority.make_leaf(
        request, a_key(number=1).public_key(), authority.span(NOW, 30, []), (one(parent.leaf_pem), a_key())
    )
    issued = Issued(certs.to_pem(child), (parent.leaf_pem, *parent.chain_pems))
    assert blocking(accept(wanted(a_key(number=1)), issued, NOW)) == {"issued-chain-no-ca"}


@pytest.mark.parametrize(("usage", "rule"), [(SERVER_AUTH, "eku-client-missing"), (CLIENT_AUTH, "eku-server-missing")])
@pytest.mark.parametrize("level", ["root", "intermediate"])
def test_a_ca_that_meeting_servers_refuse_for_a_role_is_an_error(
    ca: OwnCa, level: str, usage: x509.ObjectIdentifier, rule: str
) -> None:
    certify_again(ca, level, x509.ExtendedKeyUsage([usage]))
    issued = issued_as(ca)
    assert blocking(accept(wanted(), issued, NOW)) == {rule}
    with pytest.raises(IssuerProblem, match="extended key usage"):
        ca.obtain(wanted(), NOW)
    # For the other role alone it is good.
    role, name = ("server", "serverAuth") if usage == SERVER_AUTH else ("client", "clientAuth")
    one_role = {"roles": [role], "eku": [name]}
    assert accept(wanted(**one_role), issued_as(ca, **one_role), NOW) == []


def test_a_ca_that_may_not_certify_these_names_is_an_error(ca: OwnCa) -> None:
    certify_again(ca, "intermediate", x509.NameConstraints([x509.DNSName("example.org")], None))
    assert blocking(accept(wanted(), issued_as(ca), NOW)) == {"name-not-permitted"}


@needs_openssl
def test_sha_1_and_a_missing_common_name(ca: OwnCa, tmp_path: pathlib.Path) -> None:
    (tmp_path / "key").write_bytes(
        a_key("rsa", 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    openssl(
        "req", "-new", "-x509", "-sha1", "-key", tmp_path / "key", "-subj", "/O=Example", "-days", "3",
        "-addext", "subjectAltName=DNS:core1.example.com,IP:10.0.0.1", "-out", tmp_path / "crt",
    )  # fmt: skip
    pem = (tmp_path / "crt").read_text()
    plan = wanted(a_key("rsa", 2048))
    findings = accept(plan, Issued(pem, ()), certs.not_before(one(pem)))
    assert {"issued-weak-signature", "issued-without-common-name"} <= rules(findings)
    assert "issued-weak-signature" in blocking(findings)


def test_every_finding_names_object_section_and_next_step(ca: OwnCa) -> None:
    issued = Issued(issued_as(ca, names=["x.example.com"], eku=["serverAuth"], key=a_key(number=1)).leaf_pem, ())
    findings = accept(wanted(), issued, NOW)
    assert len(findings) >= 4
    assert all(finding.object and finding.section and finding.next_step for finding in findings)


def test_obtain_keeps_back_what_is_not_acceptable(ca: OwnCa, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = issued_as(ca, eku=["serverAuth"])

    def issue(_self: OwnCa, _wanted: Wanted, _now: datetime.datetime) -> Issued:
        return wrong

    monkeypatch.setattr(OwnCa, "issue", issue)
    with pytest.raises(IssuerProblem, match="clientAuth"):
        ca.obtain(wanted(), NOW)


@pytest.mark.parametrize("seed", range(6))
def test_an_answer_in_any_order_is_put_in_order(ca: OwnCa, seed: int) -> None:
    issued = issued_as(ca)
    parts = [issued.leaf_pem, *issued.chain_pems]
    random.Random(seed).shuffle(parts)
    found = assemble(wanted(), "\r\nsome text\r\n".join(parts).encode())
    assert (found.leaf_pem, found.chain_pems) == (issued.leaf_pem, issued.chain_pems)


def test_a_missing_root_comes_from_the_trusted_ones(ca: OwnCa, tmp_path: pathlib.Path) -> None:
    other = own_ca(tmp_path / "other")
    other.prepare(NOW)
    issued = issued_as(ca)
    answer = (issued.chain_pems[0] + issued.leaf_pem).encode()
    assert assemble(wanted(), answer).chain_pems == issued.chain_pems[:1]
    found = assemble(wanted(), answer, [other.anchors()[1], ca.anchors()[1]])
    assert found.chain_pems == issued.chain_pems
    assert accept(wanted(), found, NOW) == []


def test_certificates_that_do_not_belong_to_the_chain_are_left_out_and_told(ca: OwnCa, tmp_path: pathlib.Path) -> None:
    other = own_ca(tmp_path / "other", root_common_name="Another CA")
    other.prepare(NOW)
    issued = issued_as(ca)
    found = assemble(wanted(), "".join([other.anchors()[1], issued.leaf_pem, *issued.chain_pems]).encode())
    assert found.chain_pems == issued.chain_pems
    assert found.details["left_over"] == ["CN=Another CA"]


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_a_pkcs7_answer_is_read(ca: OwnCa, encoding: serialization.Encoding) -> None:
    issued = issued_as(ca)
    parts = [one(pem) for pem in (*issued.chain_pems, issued.leaf_pem)]
    found = assemble(wanted(), pkcs7.serialize_certificates(parts, encoding))
    assert (found.leaf_pem, found.chain_pems) == (issued.leaf_pem, issued.chain_pems)


def test_a_single_der_certificate_is_read(ca: OwnCa) -> None:
    issued = issued_as(ca)
    answer = one(issued.leaf_pem).public_bytes(serialization.Encoding.DER)
    assert assemble(wanted(), answer, ca.anchors()).chain_pems == issued.chain_pems


@pytest.mark.parametrize("answer", [b"", b"<html>Bad gateway</html>", b"-----BEGIN CERTIFICATE-----\n"])
def test_an_answer_without_a_certificate_is_refused(answer: bytes) -> None:
    with pytest.raises(CertificateProblem, match="core1/callbridge"):
        assemble(wanted(), answer)


def test_an_answer_for_another_key_is_refused(ca: OwnCa) -> None:
    with pytest.raises(CertificateProblem, match="belongs to the key"):
        assemble(wanted(a_key(number=1)), issued_as(ca).leaf_pem.encode())
