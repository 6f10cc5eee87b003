# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where ``certops.cms.verify`` and the public suites differ, each with its reason and the section of the guide.

A difference that does not stand here fails the tests, and so does an entry that is no difference any more.
docs/conformance.md is written from this list: ``make conformance-page``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tests.conformance.cases import LIMBO, PKITS

MEETING_SERVER = "meeting_server"
WEB_PKI = "web_pki"

#: How many cases each suite has.
SIZES = {LIMBO: 208, PKITS: 224}

#: What is run. PKITS knows no alternative names and no extended key usages, so web_pki refuses all of it.
RUNS = ((LIMBO, MEETING_SERVER), (LIMBO, WEB_PKI), (PKITS, MEETING_SERVER))


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why a case is judged differently, and the section of the certificate guide that says so, if one does."""

    text: str
    guide: str = ""


Differences = Mapping[Reason, tuple[str, ...]]

# Accepted although the suite wants them refused -----------------------------------------------------------------------

_NO_REVOCATION = Reason(
    "Revocation is no part of a profile: 2.2 does not name it, and in 4.8 it is asked for over OCSP only, for SIP and "
    "LDAP only, and where told to only.",
    "2.2, 4.8",
)
_EITHER_WAY = Reason(
    "The suite wants the same chain accepted as webpki::nc::permitted-dns-match-noncritical. The constraints are "
    "enforced in both, and 2.2 does not ask whether they are marked as critical.",
    "2.2",
)
_PUBLIC_SUFFIX = Reason(
    "It needs the public suffix list, and only public CAs are bound by it; 2.2 looks at no such thing. web_pki refuses "
    "it.",
    "2.2",
)
_RECIPE_IDENTIFIERS = Reason("openssl x509 -req, as in the guide's recipes, writes no key identifiers.", "A.2.3, A.3")
_RECIPE_BASIC = Reason("The guide's recipe makes CAs whose basic constraints are not critical.", "A.2.2")
_RECIPE_BARE = Reason(
    "The guide's recipe makes certificates of version 1 without alternative names, and lets the common name count.",
    "A.3, 4.5",
)
_MARKED = Reason(
    "A certificate counts as a CA by any one of three marks; here it is keyCertSign in the key usage.", "2.2"
)
_CN_NOT_CHECKED = Reason(
    "Only public CAs must repeat the common name among the alternative names in the same form. The guide advises it, "
    "and its own database client is CN=postgres. web_pki refuses it.",
    "2.2, A.3",
)
_USAGE_22 = Reason(
    "The usage must be among the extended key usages if there are any; 2.2 asks for nothing more. web_pki refuses it.",
    "2.2",
)
_PUBLIC_ONLY = Reason(
    "A rule for public CAs only. 2.2 lists all that a Meeting Server looks at, and this is not among it. web_pki "
    "refuses it.",
    "2.2",
)
_LEAF_CA = Reason(
    "The guide's recipe makes self-signed certificates that are marked as CA and used by a service.", "A.1.1"
)

LENIENT: Mapping[tuple[str, str], Differences] = {
    (LIMBO, MEETING_SERVER): {
        _NO_REVOCATION: (
            "crl::revoked-certificate-with-crl",
            "crl::crlnumber-missing",
            "crl::crlnumber-critical",
            "crl::issuer-missing-crlsign",
        ),
        _RECIPE_IDENTIFIERS: (
            "rfc5280::aki::leaf-missing-aki",
            "rfc5280::aki::intermediate-missing-aki",
            "rfc5280::aki::cross-signed-root-missing-aki",
            "rfc5280::ski::root-missing-ski",
            "rfc5280::ski::intermediate-missing-ski",
        ),
        _EITHER_WAY: ("rfc5280::nc::permitted-dns-match-noncritical",),
        _MARKED: ("rfc5280::root-missing-basic-constraints",),
        _RECIPE_BASIC: ("rfc5280::root-non-critical-basic-constraints",),
        _PUBLIC_ONLY: (
            "webpki::aki::root-with-aki-missing-keyidentifier",
            "webpki::aki::root-with-aki-all-fields",
            "webpki::san::san-critical-with-nonempty-subject",
            "webpki::forbidden-rsa-not-divisible-by-8-in-root",
            "webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf",
        ),
        _CN_NOT_CHECKED: (
            "webpki::cn::ipv4-hex-mismatch",
            "webpki::cn::ipv4-leading-zeros-mismatch",
            "webpki::cn::ipv6-uppercase-mismatch",
            "webpki::cn::ipv6-uncompressed-mismatch",
            "webpki::cn::ipv6-non-rfc5952-mismatch",
            "webpki::cn::punycode-not-in-san",
            "webpki::cn::utf8-vs-punycode-mismatch",
            "webpki::cn::not-in-san",
            "webpki::cn::case-mismatch",
        ),
        _USAGE_22: (
            "webpki::eku::ee-anyeku",
            "webpki::eku::ee-critical-eku",
            "webpki::eku::ee-without-eku",
            "webpki::eku::root-has-eku",
        ),
        _PUBLIC_SUFFIX: (
            "webpki::san::public-suffix-multi-label-wildcard-san",
            "webpki::san::public-suffix-private-namespace-wildcard-san",
        ),
        _RECIPE_BARE: ("webpki::san::no-san", "webpki::v1-cert"),
        _LEAF_CA: ("webpki::ee-basicconstraints-ca",),
    },
    (LIMBO, WEB_PKI): {
        _NO_REVOCATION: (
            "crl::revoked-certificate-with-crl",
            "crl::crlnumber-missing",
            "crl::crlnumber-critical",
            "crl::issuer-missing-crlsign",
        ),
        _EITHER_WAY: ("rfc5280::nc::permitted-dns-match-noncritical",),
    },
    (PKITS, MEETING_SERVER): {
        _MARKED: ("InvalidMissingbasicConstraintsTest1",),
        _NO_REVOCATION: (
            "InvalidBadCRLIssuerNameTest5",
            "InvalidBadCRLSignatureTest4",
            "InvalidBasicSelfIssuedCRLSigningKeyTest7",
            "InvalidBasicSelfIssuedNewWithOldTest5",
            "InvalidBasicSelfIssuedOldWithNewTest2",
            "InvalidIDPwithindirectCRLTest23",
            "InvalidIDPwithindirectCRLTest26",
            "InvalidLongSerialNumberTest18",
            "InvalidOldCRLnextUpdateTest11",
            "InvalidRevokedCATest2",
            "InvalidRevokedEETest3",
            "InvalidSeparateCertificateandCRLKeysTest20",
            "InvalidSeparateCertificateandCRLKeysTest21",
            "InvalidUnknownCRLEntryExtensionTest8",
            "InvalidUnknownCRLExtensionTest10",
            "InvalidUnknownCRLExtensionTest9",
            "InvalidWrongCRLTest6",
            "InvalidcRLIssuerTest27",
            "InvalidcRLIssuerTest31",
            "InvalidcRLIssuerTest32",
            "InvalidcRLIssuerTest34",
            "InvalidcRLIssuerTest35",
            "InvaliddeltaCRLIndicatorNoBaseTest1",
            "InvaliddeltaCRLTest10",
            "InvaliddeltaCRLTest3",
            "InvaliddeltaCRLTest4",
            "InvaliddeltaCRLTest6",
            "InvaliddeltaCRLTest9",
            "InvaliddistributionPointTest2",
            "InvaliddistributionPointTest3",
            "InvaliddistributionPointTest6",
            "InvaliddistributionPointTest8",
            "InvaliddistributionPointTest9",
            "InvalidkeyUsageCriticalcRLSignFalseTest4",
            "InvalidkeyUsageNotCriticalcRLSignFalseTest5",
            "InvalidonlyContainsAttributeCertsTest14",
            "InvalidonlyContainsCACertsCRLTest12",
            "InvalidonlyContainsUserCertsCRLTest11",
            "InvalidonlySomeReasonsTest15",
            "InvalidonlySomeReasonsTest16",
            "InvalidonlySomeReasonsTest17",
            "InvalidonlySomeReasonsTest20",
            "InvalidonlySomeReasonsTest21",
            "Invalidpre2000CRLnextUpdateTest12",
            "MissingCRLTest1",
        ),
    },
}

# Refused although the suite wants them accepted -----------------------------------------------------------------------

_CA_LEAF = Reason("Its key usage allows signing certificates only, and 2.2 wants a usage for TLS.", "2.2")
_SAME_AS_REFUSED = Reason("The suite wants the same chain refused in another of its cases, named webpki::.")
_CN_BESIDE = Reason(
    "The suite wants refused, as webpki::cn::not-in-san, what this case happens to do: a common name that is not among "
    "the alternative names."
)
_NO_PARTIAL = Reason("Browsers trust roots: a certificate that is not self-signed ends no chain in this profile.")
_POLICY = Reason("A CA of the chain demands a certificate policy. Policies are not followed, so that it is refused.")
_OLD_KEYS = Reason("DSA and SHA-1; the guide knows RSA, ECDSA and SHA-2.", "3, A.1, A.2")
_DSA_INHERITED = Reason(
    "A DSA key without parameters of its own cannot be read; the guide knows RSA and ECDSA.", "A.1, A.2"
)
_URI = Reason("Name constraints on URIs are not followed: a certificate that they speak about is refused.")

STRICTER: Mapping[tuple[str, str], Differences] = {
    (LIMBO, MEETING_SERVER): {
        _CA_LEAF: ("pathlen::validation-ignores-pathlen-in-leaf", "rfc5280::ca-as-leaf"),
    },
    (LIMBO, WEB_PKI): {
        _NO_PARTIAL: ("cve::cve-2024-0567", "rfc5280::root-and-intermediate-swapped"),
        _SAME_AS_REFUSED: (
            "pathlen::validation-ignores-pathlen-in-leaf",
            "rfc5280::ca-as-leaf",
            "rfc5280::eku::ee-without-eku",
        ),
        _CN_BESIDE: (
            "rfc5280::nc::permitted-dns-match-more",
            "rfc5280::nc::permitted-ipv4-match",
            "rfc5280::nc::permitted-ipv6-match",
            "rfc5280::nc::permitted-dn-match",
            "webpki::nc::nc-permits-dns-san-pattern",
            "webpki::san::exact-localhost-ip-san",
            "webpki::san::leftmost-wildcard-san",
        ),
    },
    (PKITS, MEETING_SERVER): {
        _OLD_KEYS: ("ValidDSASignaturesTest4",),
        _DSA_INHERITED: ("ValidDSAParameterInheritanceTest5",),
        _URI: ("ValidURInameConstraintsTest34", "ValidURInameConstraintsTest36"),
        _POLICY: (
            "AllCertificatesAnyPolicyTest11",
            "AllCertificatesSamePoliciesTest10",
            "AllCertificatesSamePoliciesTest13",
            "AnyPolicyTest14",
            "OverlappingPoliciesTest6",
            "UserNoticeQualifierTest18",
            "ValidPolicyMappingTest1",
            "ValidPolicyMappingTest11",
            "ValidPolicyMappingTest12",
            "ValidPolicyMappingTest13",
            "ValidPolicyMappingTest14",
            "ValidPolicyMappingTest3",
            "ValidPolicyMappingTest5",
            "ValidPolicyMappingTest6",
            "ValidPolicyMappingTest9",
            "ValidRequireExplicitPolicyTest1",
            "ValidRequireExplicitPolicyTest2",
            "ValidRequireExplicitPolicyTest4",
            "ValidSelfIssuedinhibitAnyPolicyTest7",
            "ValidSelfIssuedinhibitAnyPolicyTest9",
            "ValidSelfIssuedinhibitPolicyMappingTest7",
            "ValidSelfIssuedrequireExplicitPolicyTest6",
            "ValidinhibitAnyPolicyTest2",
            "ValidinhibitPolicyMappingTest2",
            "ValidinhibitPolicyMappingTest4",
            "inhibitAnyPolicyTest3",
        ),
    },
}


def names(differences: Differences) -> list[str]:
    """Give the names of the cases that differ."""
    return [name for group in differences.values() for name in group]
