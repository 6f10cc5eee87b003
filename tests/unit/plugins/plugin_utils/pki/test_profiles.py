# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The profiles: every broken rule, with the certificate it belongs to."""

from __future__ import annotations

import ipaddress
import itertools
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._errors import CertificateProblem
from ansible_collections.certops.cms.plugins.plugin_utils._findings import ERROR, REMARK, WARNING, Finding
from ansible_collections.certops.cms.plugins.plugin_utils._pki import certs, profiles, x509util
from ansible_collections.certops.cms.plugins.plugin_utils._pki import csr as csrs
from tests.unit.plugins.plugin_utils.pki import making
from tests.unit.plugins.plugin_utils.pki.making import DAY, NOW, Made

BOTH = ("serverAuth", "clientAuth")
SERVER_EKU = ("serverAuth",)
GOOD_KU = ("digitalSignature", "keyEncipherment")
ROOT = making.root()
LOWER = ROOT.sub_ca("Example Lower", path_length=0)
PROPERTY_LEAF = ROOT.issue(eku=BOTH, ku=GOOD_KU)


def check(leaf: Made, *pool: Made, anchors: tuple[Made, ...] = (ROOT,), **options: Any) -> list[Finding]:
    given: dict[str, Any] = {"now": NOW, "subject_label": "core1 callbridge"} | options
    return profiles.check(leaf.cert, [made.cert for made in pool], [made.cert for made in anchors], **given)


def rules(findings: list[Finding]) -> list[str]:
    return sorted(finding.rule for finding in findings if finding.severity == ERROR)


@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_a_good_certificate_has_no_findings(profile: str) -> None:
    leaf = LOWER.issue(eku=BOTH, ku=GOOD_KU)
    assert check(leaf, LOWER, profile=profile, name="core1.example.com", digital_signature=True) == []


def test_a_finding_says_whose_and_which_certificate_and_what_next() -> None:
    [finding] = check(LOWER.issue(eku=SERVER_EKU), LOWER)
    assert finding.object == "core1 callbridge"
    assert finding.rule == "eku-client-missing"
    assert finding.section == "2.2"
    assert finding.found.startswith("certificate CN=core1.example.com: ")
    assert finding.next_step


# Guide 2.2, leaf -----------------------------------------------------------------------------------------------------

EXTENDED = {
    None: set(),
    BOTH: set(),
    SERVER_EKU: {"client"},
    ("clientAuth",): {"server"},
    ("codeSigning",): {"server", "client"},
    ("anyExtendedKeyUsage",): {"server", "client"},
}
USAGES = {
    None: set(),
    ("digitalSignature",): set(),
    ("keyAgreement",): set(),
    ("keyEncipherment",): {"client"},
    ("dataEncipherment",): {"server", "client"},
}
NETSCAPE = {None: set(), 0xC0: set(), 0x80: {"server"}, 0x40: {"client"}, 0x20: {"server", "client"}}


@pytest.mark.parametrize(("eku", "ku", "netscape"), list(itertools.product(EXTENDED, USAGES, NETSCAPE)))
def test_each_extension_that_is_there_must_allow_each_role(eku: Any, ku: Any, netscape: Any) -> None:
    leaf = ROOT.issue(eku=eku, ku=ku, netscape_bits=netscape)
    for roles in (("server",), ("client",), ("server", "client")):
        expected = [
            f"{kind}-{role}-missing"
            for kind, lacking in (("eku", EXTENDED[eku]), ("ku", USAGES[ku]), ("netscape", NETSCAPE[netscape]))
            for role in roles
            if role in lacking
        ]
        assert rules(check(leaf, roles=roles)) == sorted(expected)


# Guide 2.2, CAs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ({"ca": True}, []),
        ({"ca": True, "ku": ("digitalSignature",)}, ["ku-cert-sign-missing"]),
        ({"ca": None, "ku": ("keyCertSign",)}, []),
        ({"ca": None, "netscape_bits": 0x04}, []),
        ({"ca": None, "netscape_bits": 0x40}, ["netscape-ca-missing"]),
        ({"ca": True, "netscape_bits": 0x40}, ["netscape-ca-missing"]),
        ({"ca": False, "ku": ("keyCertSign",)}, ["ca-flag-missing"]),
        ({"ca": False}, ["ca-flag-missing"]),
        ({"ca": None}, ["ca-not-marked"]),
        ({"ca": True, "eku": SERVER_EKU}, ["eku-client-missing"]),
    ],
)
@pytest.mark.parametrize("at_the_top", [False, True], ids=["intermediate", "root"])
def test_every_certificate_above_the_leaf_must_be_marked_as_ca(
    marks: dict[str, Any], expected: list[str], at_the_top: bool
) -> None:
    authority = making.make("Marked CA", issuer=None if at_the_top else ROOT, names=(), **marks)
    findings = check(authority.issue(), authority, anchors=(authority,) if at_the_top else (ROOT,))
    assert rules(findings) == expected
    assert all("CN=Marked CA" in finding.found for finding in findings)


def test_version_1_certificates_of_the_database_recipe_pass_with_a_remark() -> None:
    authority = making.as_version_1(making.root("Database CA", identifiers=False))
    leaf = making.as_version_1(authority.issue("postgres", names=(), identifiers=False), authority)
    assert leaf.cert.version is x509.Version.v1
    [remark] = check(leaf, anchors=(authority,), name="postgres")
    assert (remark.severity, remark.rule) == (REMARK, "ca-root-unmarked")
    assert check(leaf, anchors=(leaf,)) == []
    assert "alternative-name-missing" in rules(check(leaf, anchors=(authority,), profile="web_pki"))


def test_a_version_1_intermediate_is_no_ca() -> None:
    lower = making.as_version_1(ROOT.sub_ca("Old Lower"), ROOT)
    assert rules(check(lower.issue(), lower)) == ["ca-not-marked"]


def test_without_digital_signature_the_call_bridge_is_told_about_dtls() -> None:
    [finding] = check(ROOT.issue(), digital_signature=True)
    assert (finding.severity, finding.section) == (WARNING, "2.1")
    [finding] = check(ROOT.issue(ku=("keyAgreement",)), digital_signature=True)
    assert (finding.severity, finding.rule) == (ERROR, "ku-digital-signature-missing")


# Trust ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "leaf", [LOWER.issue(eku=BOTH), making.make("core1.example.com", eku=BOTH)], ids=["issued", "self-signed"]
)
def test_a_pinned_leaf_is_trusted_by_the_meeting_server_only(leaf: Made) -> None:
    assert check(leaf, anchors=(leaf,)) == []
    assert {"anchor-not-trusted", "chain-not-built"} & set(rules(check(leaf, anchors=(leaf,), profile="web_pki")))
    assert rules(check(leaf, anchors=(making.root("Other"),)))


def test_a_pinned_leaf_still_has_to_be_valid() -> None:
    leaf = LOWER.issue(end=NOW - DAY, eku=SERVER_EKU)
    assert rules(check(leaf, anchors=(leaf,))) == ["certificate-expired", "eku-client-missing"]


def test_an_intermediate_may_be_the_trusted_one() -> None:
    assert check(LOWER.issue(), anchors=(LOWER,)) == []


def test_every_broken_rule_is_reported_with_its_certificate() -> None:
    old_root = making.root("Old Root", end=NOW - DAY)
    lower = old_root.sub_ca("Old Lower", start=NOW + DAY, path_length=0)
    second = lower.sub_ca("Old Second", ku=("cRLSign",))
    leaf = second.issue("core9.example.com", eku=SERVER_EKU, end=NOW - 2 * DAY)
    findings = check(leaf, lower, second, anchors=(old_root,), name="core1.example.com", key_spki="00")
    found = {(finding.rule, finding.found.split(":")[0].removeprefix("certificate CN=")) for finding in findings}
    assert found == {
        ("certificate-expired", "Old Root"),
        ("certificate-not-yet-valid", "Old Lower"),
        ("path-length-exceeded", "Old Lower"),
        ("ku-cert-sign-missing", "Old Second"),
        ("certificate-expired", "core9.example.com"),
        ("eku-client-missing", "core9.example.com"),
        ("name-mismatch", "core9.example.com"),
        ("key-mismatch", "core9.example.com"),
    }


def test_a_chain_that_does_not_build_still_tells_the_other_faults() -> None:
    findings = check(LOWER.issue(eku=SERVER_EKU), anchors=(ROOT,))
    assert rules(findings) == ["chain-not-built", "eku-client-missing"]


def test_the_best_of_several_chains_is_judged() -> None:
    bad = ROOT.sub_ca("Example Lower", key=LOWER.key, ku=("digitalSignature",))
    assert check(LOWER.issue(), bad, LOWER) == []


def test_the_key_of_the_request_must_be_in_the_certificate() -> None:
    leaf = ROOT.issue()
    assert check(leaf, key_spki=x509util.spki_sha256(leaf.cert)) == []


def test_every_name_that_peers_dial_must_match() -> None:
    leaf = ROOT.issue(names=("core1.example.com", "10.0.0.1"))
    assert check(leaf, name=["core1.example.com", "10.0.0.1"]) == []
    [finding] = check(leaf, name=["core1.example.com", "join.example.com"])
    assert finding.rule == "name-mismatch"
    assert "join.example.com" in finding.found


# Form and strength ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_unknown_critical_extensions_are_refused_anywhere_in_the_chain(profile: str) -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    leaf = LOWER.issue(eku=BOTH, extra=((odd, True),))
    assert rules(check(leaf, LOWER, profile=profile)) == ["extension-critical-unknown"]
    root = making.root("Odd Root", extra=((odd, True),))
    assert rules(check(root.issue(eku=BOTH), anchors=(root,), profile=profile)) == ["extension-critical-unknown"]
    assert check(LOWER.issue(eku=BOTH, extra=((odd, False),)), LOWER, profile=profile) == []


@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_a_malformed_extension_is_refused(profile: str) -> None:
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"not der")
    leaf = ROOT.issue("core 1", eku=BOTH, extra=((broken, False),))
    assert "extension-unreadable" in rules(check(leaf, profile=profile))


@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_weak_keys_and_kinds_of_key_that_nobody_asked_for_are_refused(profile: str) -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    assert rules(check(ROOT.issue(eku=BOTH, key=small), profile=profile)) == ["weak-key"]
    other = ed25519.Ed25519PrivateKey.generate()
    assert rules(check(ROOT.issue(eku=BOTH, key=other), profile=profile)) == ["key-unsupported"]


def test_a_forged_signature_is_refused() -> None:
    forger = making.make("Example Root", ca=True)
    leaf = forger.issue(eku=BOTH, identifiers=False)
    assert rules(check(leaf)) == ["signature-invalid"]


def test_a_signature_that_says_its_last_bit_does_not_count_is_refused() -> None:
    made = ROOT.issue(eku=BOTH, ku=GOOD_KU)
    while made.cert.signature[-1] & 1:  # only a bit that is 0 may be said not to count
        made = ROOT.issue(eku=BOTH, ku=GOOD_KU)
    damaged = bytearray(made.cert.public_bytes(serialization.Encoding.DER))
    damaged[-len(made.cert.signature) - 1] = 1
    [cert] = certs.load_certificates(bytes(damaged), "x")
    assert rules(check(Made(cert, made.key))) == ["signature-invalid"]


@given(st.data())
def test_a_certificate_with_any_byte_changed_is_never_accepted(data: st.DataObject) -> None:
    good = PROPERTY_LEAF.cert.public_bytes(serialization.Encoding.DER)
    position = data.draw(st.integers(0, len(good) - 1))
    damaged = bytearray(good)
    damaged[position] ^= data.draw(st.integers(1, 255))
    try:
        [cert] = certs.load_certificates(bytes(damaged), "x")
    except CertificateProblem:
        return
    assert rules(check(Made(cert, PROPERTY_LEAF.key)))


def test_a_ca_key_other_than_the_one_named_is_refused() -> None:
    named = x509.AuthorityKeyIdentifier(b"another key", None, None)
    leaf = ROOT.issue(identifiers=False, extra=((named, False),))
    assert rules(check(leaf)) == ["aki-mismatch"]


# Name constraints ----------------------------------------------------------------------------------------------------


def directory(common_name: str | None, organization: str) -> x509.DirectoryName:
    return x509.DirectoryName(making.name(common_name, organization))


def network(text: str) -> x509.IPAddress:

    return x509.IPAddress(ipaddress.ip_network(text))


@pytest.mark.parametrize(
    ("permitted", "excluded", "leaf", "expected"),
    [
        ([x509.DNSName("example.com")], [], {"names": ("core1.example.com", "10.0.0.1")}, []),
        ([x509.DNSName("example.org")], [], {}, ["name-not-permitted"]),
        ([x509.DNSName("ample.com")], [], {}, ["name-not-permitted"]),
        ([], [x509.DNSName("example.com")], {}, ["name-excluded"]),
        ([], [x509.DNSName("core1.example.com")], {"names": ("*.example.com",)}, ["name-excluded"]),
        ([x509.DNSName("core1.example.com")], [], {"names": ("*.example.com",)}, ["name-not-permitted"]),
        ([x509.DNSName("example.org")], [], {"names": ()}, ["name-not-permitted"]),
        ([network("10.0.0.0/8")], [], {"names": ("10.0.0.1",)}, []),
        ([network("10.0.0.0/8")], [], {"names": ("11.0.0.1",)}, ["name-not-permitted"]),
        ([], [network("10.0.0.0/8")], {"names": ("10.9.9.9",)}, ["name-excluded"]),
        ([x509.RFC822Name("example.com")], [], {"names": ("a@example.com",)}, []),
        ([x509.RFC822Name("example.com")], [], {"names": ("a@mail.example.com",)}, ["name-not-permitted"]),
        ([x509.RFC822Name(".example.com")], [], {"names": ("a@mail.example.com",)}, []),
        ([], [x509.RFC822Name("a@example.com")], {"names": ("a@example.com",)}, ["name-excluded"]),
        ([directory(None, "Example")], [], {"organization": "example"}, []),
        ([directory(None, "Example")], [], {"organization": "Other"}, ["name-not-permitted"]),
        ([], [directory(None, "Example")], {"organization": "Example"}, ["name-excluded"]),
        ([x509.DNSName(".example.com")], [], {}, ["name-constraint-malformed"]),
    ],
)
def test_name_constraints_are_enforced(
    permitted: list[x509.GeneralName], excluded: list[x509.GeneralName], leaf: dict[str, Any], expected: list[str]
) -> None:
    value = x509.NameConstraints(permitted or None, excluded or None)
    authority = ROOT.sub_ca("Narrow CA", extra=((value, True),))
    assert rules(check(authority.issue("core1.example.com", **leaf), authority)) == expected


def test_name_constraints_hold_for_the_cas_in_between_too() -> None:
    value = x509.NameConstraints([directory(None, "Example")], None)
    narrow = ROOT.sub_ca("Narrow CA", organization="Example", extra=((value, True),))
    stranger = narrow.sub_ca("Another CA", organization="Other")
    found = check(stranger.issue("core1.example.com", organization="Example"), narrow, stranger)
    assert rules(found) == ["name-not-permitted"]
    assert "Another CA" in found[0].found


def test_a_ca_that_follows_itself_is_not_held_against_its_own_name_constraints() -> None:
    """RFC 5280, 6.1.3 (b): that is how a CA changes its key."""
    value = x509.NameConstraints([directory(None, "Example")], None)
    narrow = ROOT.sub_ca("Narrow CA", organization="Narrow", extra=((value, True),))
    renewed = narrow.sub_ca("Narrow CA", organization="Narrow")
    assert check(renewed.issue("core1.example.com", organization="Example"), narrow, renewed) == []


def test_name_constraints_reach_through_a_ca_that_has_none() -> None:
    value = x509.NameConstraints([x509.DNSName("example.org")], None)
    narrow = ROOT.sub_ca("Narrow CA", extra=((value, True),))
    plain = narrow.sub_ca("Plain CA")
    assert rules(check(plain.issue(), narrow, plain)) == ["name-not-permitted"]
    assert check(plain.issue("core1.example.org"), narrow, plain) == []


def test_no_ca_behind_one_that_follows_itself_escapes_the_name_constraints() -> None:
    value = x509.NameConstraints([directory(None, "Example")], None)
    narrow = ROOT.sub_ca("Narrow CA", organization="Example", extra=((value, True),))
    stranger = narrow.sub_ca("Another CA", organization="Other")
    renewed = stranger.sub_ca("Another CA", organization="Other")
    leaf = renewed.issue("core1.example.com", organization="Example")
    assert rules(check(leaf, narrow, stranger, renewed)) == ["name-not-permitted"]


def test_a_leaf_that_has_the_name_of_its_ca_does_not_escape_the_name_constraints() -> None:
    value = x509.NameConstraints([x509.DNSName("example.org")], None)
    narrow = ROOT.sub_ca("core1.example.com", extra=((value, True),))
    assert "name-not-permitted" in rules(check(narrow.issue("core1.example.com"), narrow))


def test_the_name_of_a_ca_is_no_host_for_name_constraints() -> None:
    value = x509.NameConstraints([x509.DNSName("example.com")], None)
    narrow = ROOT.sub_ca("Narrow CA", extra=((value, True),))
    lower = narrow.sub_ca("pki.example.org")
    assert check(lower.issue(), narrow, lower) == []


def test_more_names_and_constraints_than_can_be_compared_are_refused() -> None:
    permitted: list[x509.GeneralName] = [x509.DNSName(f"a{number}.example.com") for number in range(1100)]
    narrow = ROOT.sub_ca("Narrow CA", extra=((x509.NameConstraints(permitted, None), False),))
    leaf = narrow.issue("a1.example.com", names=tuple(f"a{number}.example.com" for number in range(1100)))
    assert rules(check(leaf, narrow)) == ["name-constraints-too-many"]


def test_a_ca_that_follows_itself_counts_in_no_length() -> None:
    """RFC 5280, 6.1.4 (l): a certificate for its new key is no CA more."""
    upper = ROOT.sub_ca("Upper", path_length=0)
    renewed = upper.sub_ca("Upper", path_length=0)
    leaf = renewed.issue(eku=BOTH, ku=GOOD_KU)
    assert check(leaf, upper, renewed, max_intermediates=1) == []


def test_a_chain_that_is_too_deep_is_told_of_the_certificate_at_its_end() -> None:
    upper = ROOT.sub_ca("Upper")
    lower = upper.sub_ca("Below")
    leaf = lower.issue(eku=BOTH, ku=GOOD_KU)
    assert check(leaf, upper, lower, max_intermediates=2) == []
    [finding] = check(leaf, upper, lower, max_intermediates=1)
    assert finding.rule == "chain-too-deep"
    assert finding.found.startswith("certificate CN=core1.example.com: has 2 CAs between itself and")


def test_constraints_that_cannot_be_followed_refuse_the_names_they_speak_about() -> None:
    uri = x509.UniformResourceIdentifier("https://a.example.com/")
    value = x509.NameConstraints([x509.UniformResourceIdentifier("example.com")], None)
    authority = ROOT.sub_ca("Narrow CA", extra=((value, True),))
    leaf = authority.issue(names=(), extra=((x509.SubjectAlternativeName([uri]), False),))
    assert rules(check(leaf, authority)) == ["name-constraint-unsupported"]
    assert check(authority.issue(), authority) == []


# What browsers want --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"names": ()}, ["alternative-name-missing", "common-name-not-in-san", "name-mismatch"]),
        ({"eku": None}, ["eku-server-missing"]),
        ({"eku": ("clientAuth",)}, ["eku-server-missing"]),
        ({"ca": True, "ku": GOOD_KU, "names": ("core1.example.com",)}, ["leaf-is-ca"]),
        ({"names": ("core1.example.com", "a_b.example.com")}, ["alternative-name-malformed"]),
        ({"identifiers": False}, ["aki-missing"]),
        ({"common_name": None, "names": ("core1.example.com",)}, ["subject-empty"]),
    ],
)
def test_browsers_are_stricter(options: dict[str, Any], expected: list[str]) -> None:
    given: dict[str, Any] = {"common_name": "core1.example.com", "eku": SERVER_EKU, "issuer": ROOT} | options
    leaf = making.make(**given)
    found = check(leaf, profile="web_pki", roles=("server",), name="core1.example.com")
    assert rules(found) == expected


def test_a_certificate_for_any_purpose_is_none_that_a_public_ca_gives() -> None:
    leaf = ROOT.issue(eku=(*SERVER_EKU, "anyExtendedKeyUsage"))
    assert [f.rule for f in check(leaf, profile="web_pki", roles=("server",))] == ["eku-any"]


def test_browsers_want_a_key_usage_that_allows_tls_and_leave_purposes_uncritical() -> None:
    critical = (csrs.extended_key_usage_extension(SERVER_EKU), True)
    for leaf, expected in (
        (ROOT.issue(extra=(critical,)), "extension-wrongly-critical"),
        (ROOT.issue(eku=SERVER_EKU, ku=("dataEncipherment",)), "ku-tls-missing"),
    ):
        found = check(leaf, profile="web_pki", roles=("server",))
        assert expected in {finding.rule for finding in found}


def test_a_long_life_is_a_remark() -> None:
    leaf = ROOT.issue(eku=SERVER_EKU, end=NOW + 300 * DAY)
    [finding] = check(leaf, profile="web_pki", roles=("server",))
    assert (finding.severity, finding.rule) == (REMARK, "lifetime-too-long")
    assert "accept 200" in finding.found
    assert check(leaf, roles=("server",)) == []


@pytest.mark.parametrize("algorithm", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_every_sha_2_is_good(algorithm: hashes.HashAlgorithm) -> None:
    assert check(ROOT.issue(hash_with=algorithm)) == []
