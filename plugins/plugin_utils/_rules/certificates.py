# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules about one certificate with its chain: found by the profiles of ``_pki`` and where files are read.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from .._findings import ERROR, REMARK, WARNING
from .rule import Rule

_BETTER = "have the certificate issued again by a CA that follows RFC 5280"
_CA = "use a CA certificate that is marked as one"
_PUBLIC = "have it issued by a public CA, or use the profile meeting_server for an internal one"
_CHAIN = "give the CA certificates that really belong to it, root last"
_NAMES = "ask a CA that may certify these names"

USAGES = (
    Rule(
        "eku-client-missing",
        ERROR,
        "2.2",
        "an extended key usage that is present names client authentication where the certificate is used as TLS client",
        "have it issued by a CA and with a template that give clientAuth",
        lowerable=True,
    ),
    Rule(
        "eku-server-missing",
        ERROR,
        "2.2",
        "an extended key usage that is present names server authentication where the certificate is used as TLS server",
        "have it issued by a CA and with a template that give serverAuth",
        lowerable=True,
    ),
    Rule(
        "ku-client-missing",
        ERROR,
        "2.2",
        "a key usage that is present has digitalSignature or keyAgreement where the certificate is used as TLS client",
        "have it issued again with the key usage digitalSignature",
        lowerable=True,
    ),
    Rule(
        "ku-server-missing",
        ERROR,
        "2.2",
        "a key usage that is present has digitalSignature, keyEncipherment or keyAgreement for a TLS server",
        "have it issued again with the key usage digitalSignature",
        lowerable=True,
    ),
    Rule(
        "netscape-client-missing",
        ERROR,
        "2.2",
        "a Netscape type that is present says SSL client where the certificate is used as TLS client",
        "have it issued again without the Netscape certificate type",
        lowerable=True,
    ),
    Rule(
        "netscape-server-missing",
        ERROR,
        "2.2",
        "a Netscape type that is present says SSL server where the certificate is used as TLS server",
        "have it issued again without the Netscape certificate type",
        lowerable=True,
    ),
    Rule(
        "ku-digital-signature-missing",
        ERROR,
        "2.1",
        "the certificate of a Call Bridge has the key usage digitalSignature, which DTLS with the web app needs",
        "have it issued again with the key usage digitalSignature",
        also=(WARNING,),
        lowerable=True,
    ),
    Rule("ku-tls-missing", ERROR, "2.1", "a key usage that is present allows TLS (profile web_pki)", _PUBLIC),
    Rule("eku-any", ERROR, "2.1", "no extended key usage stands for any purpose (profile web_pki)", _PUBLIC),
    Rule("eku-in-root", ERROR, "2.1", "a root has no extended key usage (profile web_pki)", _PUBLIC),
    Rule("ca-not-marked", ERROR, "2.2", "every certificate above the leaf is marked as CA", _CA, lowerable=True),
    Rule("ca-flag-missing", ERROR, "2.2", "basic constraints of a CA say that it is one", _CA, lowerable=True),
    Rule("ku-cert-sign-missing", ERROR, "2.2", "a CA may sign certificates by its key usage", _CA, lowerable=True),
    Rule("netscape-ca-missing", ERROR, "2.2", "a Netscape type of a CA says SSL CA", _CA, lowerable=True),
    Rule(
        "ca-root-unmarked",
        REMARK,
        "A.3",
        "a root of version 1 has no marks, and counts only because it is trusted itself",
        _CA,
    ),
)

FORM = (
    Rule("extension-unreadable", ERROR, "1.2.2", "extensions can be read, and stand there once", _BETTER),
    Rule("extension-wrongly-critical", ERROR, "1.2.2", "nothing is critical that must not be", _BETTER),
    Rule("extension-not-critical", ERROR, "1.2.2", "what has to be critical is", _BETTER),
    Rule("extension-critical-unknown", ERROR, "1.2.2", "critical extensions are understood", _BETTER),
    Rule("policy-not-checked", ERROR, "1.2.2", "no CA demands a certificate policy", _BETTER),
    Rule("serial-number-invalid", ERROR, "1.2.2", "serial numbers are positive and short enough", _BETTER),
    Rule("name-unreadable", ERROR, "1.2.2", "subject and issuer can be read", _BETTER),
    Rule("issuer-empty", ERROR, "1.2.2", "the issuer has a name", _BETTER),
    Rule("subject-empty", ERROR, "1.2.2", "a CA has a subject, and a leaf without one critical names", _BETTER),
    Rule("alternative-name-malformed", ERROR, "3.1", "alternative names are well formed", _BETTER, lowerable=True),
    Rule("weak-key", ERROR, "3.1", "keys have at least 2048 bits (RSA) or 224 (ECDSA)", _BETTER, lowerable=True),
    Rule("key-unsupported", ERROR, "3.1", "keys are RSA, or ECDSA on a named curve", _BETTER),
    Rule("weak-signature", ERROR, "3", "signatures are made with SHA-2", _BETTER, lowerable=True),
    Rule("signature-algorithm-mismatch", ERROR, "1.2.2", "a certificate names one signature algorithm", _BETTER),
    Rule("name-constraints-in-leaf", ERROR, "1.2.2", "only CAs have name constraints", _BETTER),
    Rule("ku-cert-sign-in-leaf", ERROR, "1.2.2", "a leaf may sign no certificates", _BETTER, lowerable=True),
    Rule("version-too-old", ERROR, "2.1", "certificates are of version 3 (profile web_pki)", _PUBLIC),
    Rule("aki-missing", ERROR, "2.1", "each says which key signed it (profile web_pki)", _PUBLIC),
    Rule("aki-malformed", ERROR, "2.1", "a root names its key and nothing else (profile web_pki)", _PUBLIC),
    Rule("ski-missing", ERROR, "2.1", "a CA has a subject key identifier (profile web_pki)", _PUBLIC),
    Rule("leaf-is-ca", ERROR, "2.1", "what a service shows is no CA (profile web_pki)", _PUBLIC),
    Rule("alternative-name-missing", ERROR, "2.1", "a server has alternative names (profile web_pki)", _PUBLIC),
    Rule(
        "lifetime-too-long",
        REMARK,
        "2.1",
        "no lifetime is longer than public CAs may give at the date of issue (profile web_pki)",
        _PUBLIC,
    ),
)

CHAIN = (
    Rule("certificate-expired", ERROR, "5.3", "no certificate of a chain has expired", "renew the certificate"),
    Rule(
        "certificate-not-yet-valid",
        ERROR,
        "5.3",
        "every certificate of a chain is valid already",
        "check the clocks of CA and node, or wait until the certificate is valid",
    ),
    Rule("chain-not-built", ERROR, "1.2.3", "a chain leads from the leaf to what is trusted", _CHAIN),
    Rule("chain-too-long", ERROR, "1.2.3", "a chain has an end", _CHAIN),
    Rule("chain-too-deep", ERROR, "1.2.3", "no more CAs stand in a chain than the verifying side allows", _CHAIN),
    Rule("anchor-not-trusted", ERROR, "1.2.3", "a chain ends at a certificate that is trusted", _CHAIN),
    Rule("signature-invalid", ERROR, "1.2.3", "each signature fits the key of the issuer", _CHAIN),
    Rule("path-length-exceeded", ERROR, "1.2.3", "no CA has more CAs below itself than it allows", _CHAIN),
    Rule("aki-mismatch", ERROR, "1.2.3", "each certificate names the key that its issuer has", _CHAIN),
    Rule("name-constraint-malformed", ERROR, "1.2.3", "name constraints are well formed", _NAMES),
    Rule("name-constraint-unsupported", ERROR, "1.2.3", "name constraints can be checked", _NAMES),
    Rule("name-constraints-too-many", ERROR, "1.2.3", "name constraints can be compared in time", _NAMES),
    Rule("name-excluded", ERROR, "1.2.3", "no name is excluded by the constraints of a CA", _NAMES),
    Rule("name-not-permitted", ERROR, "1.2.3", "each name is among those a CA may issue for", _NAMES),
    Rule(
        "name-mismatch",
        ERROR,
        "4.5",
        "a certificate is for the name that peers dial",
        "have it issued with that name among its alternative names, or dial a name it has",
    ),
    Rule(
        "key-mismatch",
        ERROR,
        "4.3",
        "certificate and private key belong together",
        "use the key that the certificate was requested with, or request a new certificate",
        also=(WARNING,),
    ),
)

FILES = (
    Rule(
        "file-form",
        WARNING,
        "1.2.4",
        "a file that is checked has the form the guide wants (module verify)",
        "write the file again: PEM, nothing between the certificates, root last, one line break at the end",
        also=(ERROR,),
    ),
    Rule(
        "bundle-form",
        ERROR,
        "1.2.4",
        "certificate files are text, in order, root last, with one line break at the end",
        "a new generation is written in the right form; until then look at the file",
        also=(WARNING,),
        lowerable=True,
    ),
    Rule(
        "certificate-unreadable",
        ERROR,
        "4.3",
        "a certificate that is assigned can be read",
        "assign the certificate as a file of its own, with the key in another one (guide 4.2)",
    ),
    Rule(
        "key-match-unknown",
        WARNING,
        "4.3",
        "the node says whether a certificate fits its key",
        "let the node compare them by hand and read the answer",
    ),
    Rule(
        "file-missing",
        ERROR,
        "4.3",
        "a file that is to be assigned is on the node",
        "upload it first with certops.cms.pki_file",
    ),
)

NODES = (
    Rule(
        "pki-use-differs",
        WARNING,
        "C",
        "the node and what is known here agree on what a file is used by (module pki_info)",
        "look at both by hand, and report what the node prints",
    ),
    Rule(
        "pki-inspect-differs",
        WARNING,
        "4.3",
        "the node and what is known here agree on what a file holds (module pki_info)",
        "trust the content of the file, and report what the node prints",
    ),
    Rule(
        "pki-match-differs",
        WARNING,
        "4.3",
        "the node and what is known here agree on whether certificate and key fit (module pki_info)",
        "look at both by hand, and report what the node prints",
    ),
    Rule(
        "pki-verify-differs",
        WARNING,
        "4.3",
        "the node and what is known here agree on whether a chain holds (module pki_info)",
        "trust neither before you know why, and report what the node prints",
    ),
)

RULES = (*USAGES, *FORM, *CHAIN, *FILES, *NODES)
