# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cases of PKITS and x509-limbo as arguments of a task of ``certops.cms.verify``.

Neither suite is part of this repository: PKITS comes with the package cryptography-vectors, limbo.json may lie beside
the checkout.
"""

from __future__ import annotations

import base64
import dataclasses
import email
import importlib.util
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

LIMBO = "limbo"
PKITS = "pkits"

LIMBO_FILE = Path(__file__).resolve().parents[2].parent / "shared" / "conformance" / "limbo.json"

#: Most cases of limbo name no moment; their certificates are valid for decades around this one.
LIMBO_MOMENT = "2026-11-23T15:00:00Z"
#: PKITS was made in 2010 and its good certificates are valid until 2030.
PKITS_MOMENT = "2020-01-01T00:00:00Z"

#: Cases of PKITS whose name does not say what must come out: with the default settings of the suite (section 4.8 of its
#: description), because a CA of the chain demands a policy that is not there. The last one lacks a revocation list.
PKITS_INVALID = frozenset(
    {
        "DifferentPoliciesTest4",
        "DifferentPoliciesTest5",
        "DifferentPoliciesTest7",
        "DifferentPoliciesTest8",
        "DifferentPoliciesTest9",
        "DifferentPoliciesTest12",
        "MissingCRLTest1",
    }
)

#: Cases whose mail cryptography cannot open, because a key of it has no parameters of its own: their certificates.
PKITS_UNREADABLE = {
    "ValidDSAParameterInheritanceTest5": (
        "DSACACert",
        "DSAParametersInheritedCACert",
        "ValidDSAParameterInheritanceTest5EE",
    )
}


@dataclasses.dataclass(frozen=True)
class Case:
    """One case: what the suite calls it, whether it must be accepted, and the arguments of the task."""

    suite: str
    name: str
    accepted: bool
    arguments: Mapping[str, Any]


def absent(suite: str) -> str:
    """Say why a suite cannot be run here; empty when it can."""
    if suite == LIMBO and not LIMBO_FILE.is_file():
        return f"the cases of x509-limbo are not beside this checkout ({LIMBO_FILE.name})"
    if suite == PKITS and importlib.util.find_spec("cryptography_vectors") is None:
        return "PKITS comes with the package cryptography-vectors, which is not installed"
    return ""


def cases(suite: str, profile: str) -> list[Case]:
    """Give every case of a suite for one profile of the module."""
    return limbo(profile) if suite == LIMBO else pkits(profile)


def limbo(profile: str) -> list[Case]:
    """Give the cases of x509-limbo."""
    return [
        Case(LIMBO, case["id"], case["expected_result"] == "SUCCESS", _limbo_arguments(case, profile))
        for case in json.loads(LIMBO_FILE.read_text())["testcases"]
    ]


def _limbo_arguments(case: Mapping[str, Any], profile: str) -> dict[str, Any]:
    arguments = {
        "certificate": case["peer_certificate"],
        "chain": "".join(case["untrusted_intermediates"]),
        "anchors": "".join(case["trusted_certs"]),
        "profile": profile,
        "roles": [case["validation_kind"].lower()],
        "at": case["validation_time"] or LIMBO_MOMENT,
    }
    peer = case["expected_peer_name"]
    if peer:
        arguments["host"] = [peer["value"]]
    if "digitalSignature" in case["key_usage"]:
        arguments["digital_signature"] = True
    if case["max_chain_depth"] is not None:
        arguments["max_intermediates"] = case["max_chain_depth"]
    return arguments


def pkits(profile: str) -> list[Case]:
    """Give the cases of PKITS out of its signed mails, which hold the certificates that belong to each case."""
    spec = importlib.util.find_spec("cryptography_vectors")
    if spec is None or spec.origin is None:
        raise AssertionError("Contract violation: ask absent() first")
    folder = Path(spec.origin).parent / "x509" / "PKITS_data"
    certs = folder / "certs"
    found = []
    for mail in sorted((folder / "smime").glob("*.eml")):
        name = mail.stem.removeprefix("Signed")
        if name in PKITS_UNREADABLE:
            *others, leaf = [_as_pem((certs / f"{stem}.crt").read_bytes()) for stem in PKITS_UNREADABLE[name]]
        else:
            *others, leaf = [_as_pem(cert) for cert in _certificates(mail)]
        arguments = {
            "certificate": leaf,
            "chain": "".join(others),
            "anchors": _as_pem((certs / "TrustAnchorRootCertificate.crt").read_bytes()),
            "profile": profile,
            "roles": ["server", "client"],
            "at": PKITS_MOMENT,
        }
        found.append(Case(PKITS, name, not name.startswith("Invalid") and name not in PKITS_INVALID, arguments))
    return found


def _certificates(mail: Path) -> list[bytes]:
    """Give the certificates of a signed mail in DER: the CAs downwards from the root, the signer last."""
    for part in email.message_from_bytes(mail.read_bytes()).walk():
        signed = part.get_payload(decode=True)
        if part.get_content_type() == "application/pkcs7-signature" and isinstance(signed, bytes):
            with warnings.catch_warnings():
                # The mails are BER, which cryptography reads and complains about.
                warnings.simplefilter("ignore", UserWarning)
                found = pkcs7.load_der_pkcs7_certificates(signed)
            return [cert.public_bytes(Encoding.DER) for cert in found]
    raise AssertionError(f"{mail.name} holds no signature")


def _as_pem(der: bytes) -> str:
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"
