# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificate signing requests."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption, CertificateProblem
from ansible_collections.certops.cms.plugins.plugin_utils._pki import csr, keys
from tests.unit.plugins.plugin_utils.pki import making

RSA_KEY = keys.generate_key("rsa", 2048)
EC_KEY = keys.generate_key("ecdsa", "secp256r1")
FULL = csr.Request.of(
    {
        "CN": "core1.example.com",
        "O": "Example Inc.",
        "OU": "Human Resources",
        "L": "Trenton",
        "ST": "New Jersey",
        "C": "us",
        "emailAddress": "pki@example.com",
    },
    names=("core1.example.com", "sip.example.com", "10.0.0.1", "Admin@Example.com"),
    roles=("server", "client"),
)


def test_a_csr_carries_every_attribute_of_table_4() -> None:
    info = csr.describe_csr(csr.build_csr(FULL, RSA_KEY))
    assert info["subject"] == (
        "emailAddress=pki@example.com,CN=core1.example.com,OU=Human Resources,O=Example Inc.,"
        "L=Trenton,ST=New Jersey,C=US"
    )
    assert info["dns"] == ["core1.example.com", "sip.example.com"]
    assert info["ip"] == ["10.0.0.1"]
    assert info["email"] == ["Admin@example.com"]
    assert info["names"] == ["core1.example.com", "sip.example.com", "10.0.0.1", "Admin@example.com"]
    assert info["extended_key_usage"] == ["serverAuth", "clientAuth"]
    assert info["key_usage"] == ["digitalSignature", "keyEncipherment"]
    assert info["signature_hash"] == "sha256"
    assert info["signature_valid"] is True
    assert info["spki_sha256"] == keys.spki_sha256(csr.load_csr(csr.build_csr(FULL, RSA_KEY)))


def test_key_usage_follows_the_type_of_key() -> None:
    assert csr.describe_csr(csr.build_csr(FULL, EC_KEY))["key_usage"] == ["digitalSignature"]


def test_the_common_name_joins_the_names_once() -> None:
    request = csr.Request("Core1.example.com", names=("sip.example.com", "core1.EXAMPLE.com"))
    assert request.all_names == ("core1.example.com", "sip.example.com")


def test_a_common_name_that_is_no_host_stays_out_of_the_names() -> None:
    assert csr.Request("My company CA").all_names == ()
    # The database client (guide 3.1.4, A.4) wants postgres as DNS name too.
    assert csr.Request("postgres").all_names == ("postgres",)


def test_the_node_gets_the_names_without_the_common_name() -> None:
    pairs = csr.mmp_attributes(FULL)
    assert pairs == [
        ("CN", "core1.example.com"),
        ("OU", "Human Resources"),
        ("O", "Example Inc."),
        ("L", "Trenton"),
        ("ST", "New Jersey"),
        ("C", "us"),
        ("emailAddress", "pki@example.com"),
        ("subjectAltName", "sip.example.com,10.0.0.1,Admin@example.com"),
    ]
    assert csr.mmp_attributes(csr.Request("a.example.com", names=("a.example.com",))) == [("CN", "a.example.com")]


@pytest.mark.parametrize(
    ("subject", "names", "option"),
    [
        ({"CN": ""}, (), "CN"),
        ({"CN": "x" * 65}, (), "CN"),
        ({"CN": "a", "C": "USA"}, (), "C"),
        ({"CN": "a", "O": 'Say "hi"'}, (), "O"),
        ({"CN": "a", "O": "two\nlines"}, (), "O"),
        ({"CN": "a", "DC": "x"}, (), "subject"),
        ({"CN": "a"}, ("two names",), "subjectAltName"),
        ({"CN": "a"}, ("a,b",), "subjectAltName"),
        ({"CN": "a"}, ("",), "subjectAltName"),
    ],
)
def test_values_no_certificate_can_carry_are_refused(
    subject: dict[str, str | None], names: tuple[str, ...], option: str
) -> None:
    with pytest.raises(BadOption) as caught:
        csr.Request.of(subject, names)
    assert caught.value.obj == option


def test_unknown_usages_and_roles_are_refused() -> None:
    with pytest.raises(BadOption):
        csr.Request("a.example.com", roles=("peer",))
    with pytest.raises(BadOption):
        csr.Request("a.example.com", eku=("tlsAuth",))
    with pytest.raises(BadOption):
        csr.Request("a.example.com", ku=("sign",))


def test_a_csr_that_serves_has_no_differences() -> None:
    for key in (RSA_KEY, EC_KEY):
        assert csr.differences(csr.load_csr(csr.build_csr(FULL, key)), FULL) == []
    bare = csr.Request("a.example.com")
    made = making.root().issue("a.example.com", names=(), ku=None).cert
    assert csr.differences(made, bare) == []


def test_differences_name_what_is_missing() -> None:
    small = csr.Request("core1.example.com", names=("sip.example.com",))
    found = csr.differences(csr.load_csr(csr.build_csr(small, EC_KEY)), FULL)
    text = "; ".join(found)
    assert "names missing: 10.0.0.1, Admin@example.com" in text
    assert "extended key usages missing: clientAuth" in text
    assert "subject O is absent, wanted 'Example Inc.'" in text


def test_a_certificate_may_lack_parts_of_the_subject_but_not_have_another_name() -> None:
    ca = making.root()
    names = FULL.all_names
    no_cn = ca.issue(None, names=names, eku=("serverAuth", "clientAuth")).cert
    assert csr.differences(no_cn, FULL) == []
    other = ca.issue("other.example.com", names=names).cert
    assert csr.differences(other, FULL) == ["common name is 'other.example.com', wanted 'core1.example.com'"]
    server_only = ca.issue("core1.example.com", names=names, eku=("serverAuth",), ku=("keyEncipherment",)).cert
    assert csr.differences(server_only, FULL) == [
        "extended key usages missing: clientAuth",
        "key usages missing: digitalSignature",
    ]


def test_a_certificate_may_sign_only_and_a_request_must_ask_for_what_is_wanted() -> None:
    wanted = csr.Request("core1.example.com", names=("core1.example.com",))
    assert "keyEncipherment" in wanted.key_usage_for(RSA_KEY.public_key())
    signs = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    # A CA leaves the other usage out, and that serves both roles (guide 2.2).
    made = making.root().issue("core1.example.com", key=RSA_KEY, ku=("digitalSignature",)).cert
    assert csr.differences(made, wanted) == []
    asked = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(making.name("core1.example.com"))
        .add_extension(making.alternative("core1.example.com"), False)
        .add_extension(signs, True)
        .sign(RSA_KEY, hashes.SHA256())
    )
    assert csr.differences(asked, wanted) == ["key usages missing: keyEncipherment"]


def test_a_certificate_without_the_common_name_serves_only_with_it_as_a_name() -> None:
    wanted = csr.Request("My company CA", names=("core1.example.com",))
    made = making.root().issue(None, names=("core1.example.com",)).cert
    assert csr.differences(made, wanted) == ["no common name, wanted 'My company CA'"]


def test_the_common_name_of_a_certificate_is_no_name_beside_others() -> None:
    wanted = csr.Request("core1.example.com", names=("sip.example.com",))
    made = making.root().issue("core1.example.com", names=("sip.example.com",)).cert
    assert csr.differences(made, wanted) == ["names missing: core1.example.com"]


def test_a_certificate_is_no_csr() -> None:
    with pytest.raises(CertificateProblem, match="cannot be read as a CSR"):
        csr.describe_csr(making.pem(making.root()), "cb.csr")
