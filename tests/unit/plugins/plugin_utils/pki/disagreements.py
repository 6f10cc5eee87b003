# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the profiles and the public conformance suites differ, each with its reason.

A difference that does not stand here fails the tests, and so does an entry that is no difference any more.
``ACCEPTED`` are cases that a suite wants refused, ``REFUSED`` are cases that it wants accepted.
"""

from __future__ import annotations

_NO_REVOCATION = "revocation is not part of a profile: a Meeting Server asks for it over OCSP only where told to (4.8)"
_NO_DEPTH = "the case sets a depth limit of its own; a profile has no such option, chains end at ten certificates"
_NC_EITHER_WAY = (
    "the same chain must pass as webpki::nc::permitted-dns-match-noncritical; constraints are enforced either way"
)
_PUBLIC_SUFFIX = "needs the public suffix list; what is refused is a wildcard directly below a top-level domain"
_RECIPE_IDENTIFIERS = "openssl x509 -req as in guide A.2 and A.3 writes no key identifiers"
_RECIPE_BASIC = "guide A.2.2 makes CAs whose basic constraints are not critical"
_RECIPE_BARE = "guide A.3 makes version 1 certificates without alternative names, and 4.5 lets the common name count"
_MARKED = "guide 2.2: marked as CA by one of three ways; here it is keyCertSign in the key usage"
_CN_NOT_CHECKED = "only public CAs must repeat the common name in the alternative names; the guide's own CN=postgres"
_EKU_22 = "guide 2.2 and 2.1: the usage must be among the extended key usages if there are any, nothing more"
_PUBLIC_ONLY = "a rule for public CAs only, which the guide does not know; web_pki refuses it"
_LEAF_CA = "guide A.1.1 makes self-signed certificates that are marked as CA and used by a service"

_SAME_AS_REFUSED = "the same chain must be refused as a webpki:: case of the suite"
_CN_IN_SAN = (
    "webpki::cn::not-in-san wants refused what this case happens to do: a common name beside the alternative names"
)
_NO_PARTIAL = "browsers trust roots; a certificate that is not self-signed ends no chain in this profile"
_CA_LEAF = "its key usage allows signing certificates only, and 2.2 wants a usage for TLS"

LIMBO_ACCEPTED: dict[str, dict[str, str]] = {
    "meeting_server": {
        "crl::revoked-certificate-with-crl": _NO_REVOCATION,
        "crl::crlnumber-missing": _NO_REVOCATION,
        "crl::crlnumber-critical": _NO_REVOCATION,
        "crl::issuer-missing-crlsign": _NO_REVOCATION,
        "pathlen::max-chain-depth-0-exhausted": _NO_DEPTH,
        "pathlen::max-chain-depth-1-exhausted": _NO_DEPTH,
        "rfc5280::aki::leaf-missing-aki": _RECIPE_IDENTIFIERS,
        "rfc5280::aki::intermediate-missing-aki": _RECIPE_IDENTIFIERS,
        "rfc5280::aki::cross-signed-root-missing-aki": _RECIPE_IDENTIFIERS,
        "rfc5280::ski::root-missing-ski": _RECIPE_IDENTIFIERS,
        "rfc5280::ski::intermediate-missing-ski": _RECIPE_IDENTIFIERS,
        "rfc5280::nc::permitted-dns-match-noncritical": _NC_EITHER_WAY,
        "rfc5280::root-missing-basic-constraints": _MARKED,
        "rfc5280::root-non-critical-basic-constraints": _RECIPE_BASIC,
        "webpki::aki::root-with-aki-missing-keyidentifier": _PUBLIC_ONLY,
        "webpki::aki::root-with-aki-all-fields": _PUBLIC_ONLY,
        "webpki::cn::ipv4-hex-mismatch": _CN_NOT_CHECKED,
        "webpki::cn::ipv4-leading-zeros-mismatch": _CN_NOT_CHECKED,
        "webpki::cn::ipv6-uppercase-mismatch": _CN_NOT_CHECKED,
        "webpki::cn::ipv6-uncompressed-mismatch": _CN_NOT_CHECKED,
        "webpki::cn::ipv6-non-rfc5952-mismatch": _CN_NOT_CHECKED,
        "webpki::cn::punycode-not-in-san": _CN_NOT_CHECKED,
        "webpki::cn::utf8-vs-punycode-mismatch": _CN_NOT_CHECKED,
        "webpki::cn::not-in-san": _CN_NOT_CHECKED,
        "webpki::cn::case-mismatch": _CN_NOT_CHECKED,
        "webpki::eku::ee-anyeku": _EKU_22,
        "webpki::eku::ee-critical-eku": _EKU_22,
        "webpki::eku::ee-without-eku": _EKU_22,
        "webpki::eku::root-has-eku": _EKU_22,
        "webpki::san::public-suffix-multi-label-wildcard-san": _PUBLIC_SUFFIX,
        "webpki::san::public-suffix-private-namespace-wildcard-san": _PUBLIC_SUFFIX,
        "webpki::san::no-san": _RECIPE_BARE,
        "webpki::san::san-critical-with-nonempty-subject": _PUBLIC_ONLY,
        "webpki::forbidden-rsa-not-divisible-by-8-in-root": _PUBLIC_ONLY,
        "webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf": _PUBLIC_ONLY,
        "webpki::v1-cert": _RECIPE_BARE,
        "webpki::ee-basicconstraints-ca": _LEAF_CA,
    },
    "web_pki": {
        "crl::revoked-certificate-with-crl": _NO_REVOCATION,
        "crl::crlnumber-missing": _NO_REVOCATION,
        "crl::crlnumber-critical": _NO_REVOCATION,
        "crl::issuer-missing-crlsign": _NO_REVOCATION,
        "pathlen::max-chain-depth-0-exhausted": _NO_DEPTH,
        "pathlen::max-chain-depth-1-exhausted": _NO_DEPTH,
        "rfc5280::nc::permitted-dns-match-noncritical": _NC_EITHER_WAY,
    },
}

LIMBO_REFUSED: dict[str, dict[str, str]] = {
    "meeting_server": {
        "pathlen::validation-ignores-pathlen-in-leaf": _CA_LEAF,
        "rfc5280::ca-as-leaf": _CA_LEAF,
    },
    "web_pki": {
        "cve::cve-2024-0567": _NO_PARTIAL,
        "rfc5280::root-and-intermediate-swapped": _NO_PARTIAL,
        "pathlen::validation-ignores-pathlen-in-leaf": _SAME_AS_REFUSED,
        "rfc5280::ca-as-leaf": _SAME_AS_REFUSED,
        "rfc5280::eku::ee-without-eku": _SAME_AS_REFUSED,
        "rfc5280::nc::permitted-dns-match-more": _CN_IN_SAN,
        "rfc5280::nc::permitted-ipv4-match": _CN_IN_SAN,
        "rfc5280::nc::permitted-ipv6-match": _CN_IN_SAN,
        "rfc5280::nc::permitted-dn-match": _CN_IN_SAN,
        "webpki::nc::nc-permits-dns-san-pattern": _CN_IN_SAN,
        "webpki::san::exact-localhost-ip-san": _CN_IN_SAN,
        "webpki::san::leftmost-wildcard-san": _CN_IN_SAN,
    },
}

_POLICY = "a CA of the chain demands a certificate policy; policies are not followed, so such chains are refused"
_OLD_KEYS = "DSA and SHA-1; the guide knows RSA, ECDSA and SHA-2 (3, A.1, A.2)"
_URI = "name constraints on URIs are not followed; a certificate that they speak about is refused"

#: Parts of the names of PKITS cases that are about revocation and nothing else.
PKITS_REVOCATION = (
    "CRL",
    "cRLIssuer",
    "cRLSign",
    "Revoked",
    "IDP",
    "distributionPoint",
    "onlyContains",
    "onlySome",
    "SeparateCert",
    # By the suite's text, the certificate is revoked in the CRL of the other generation of the CA.
    "InvalidBasicSelfIssuedOldWithNewTest2",
    "InvalidBasicSelfIssuedNewWithOldTest5",
    # Two serial numbers that differ in the last octet only, one of them revoked.
    "InvalidLongSerialNumberTest18",
)

PKITS_ACCEPTED: dict[str, str] = {"InvalidMissingbasicConstraintsTest1": _MARKED}

PKITS_REFUSED: dict[str, str] = {
    "ValidDSASignaturesTest4": _OLD_KEYS,
    "ValidPolicyMappingTest1": _POLICY,
    "ValidPolicyMappingTest3": _POLICY,
    "ValidPolicyMappingTest5": _POLICY,
    "ValidPolicyMappingTest6": _POLICY,
    "ValidPolicyMappingTest9": _POLICY,
    "ValidPolicyMappingTest11": _POLICY,
    "ValidPolicyMappingTest12": _POLICY,
    "ValidPolicyMappingTest13": _POLICY,
    "ValidPolicyMappingTest14": _POLICY,
    "ValidSelfIssuedinhibitAnyPolicyTest7": _POLICY,
    "ValidSelfIssuedinhibitAnyPolicyTest9": _POLICY,
    "ValidSelfIssuedinhibitPolicyMappingTest7": _POLICY,
    "ValidSelfIssuedrequireExplicitPolicyTest6": _POLICY,
    "ValidinhibitAnyPolicyTest2": _POLICY,
    "ValidinhibitPolicyMappingTest2": _POLICY,
    "ValidinhibitPolicyMappingTest4": _POLICY,
    "ValidrequireExplicitPolicyTest1": _POLICY,
    "ValidrequireExplicitPolicyTest2": _POLICY,
    "ValidrequireExplicitPolicyTest4": _POLICY,
    "ValidURInameConstraintsTest34": _URI,
    "ValidURInameConstraintsTest36": _URI,
}
