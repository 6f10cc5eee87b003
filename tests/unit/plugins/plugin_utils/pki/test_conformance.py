# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both profiles against public conformance suites; every difference stands in ``disagreements`` with its reason."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from ansible_collections.certops.cms.plugins.plugin_utils._errors import CertificateProblem
from ansible_collections.certops.cms.plugins.plugin_utils._pki import certs, profiles
from tests.unit.plugins.plugin_utils.pki import disagreements, making

LIMBO = Path(__file__).resolve().parents[5].parent / "shared" / "conformance" / "limbo.json"


def load(pems: list[str]) -> list[x509.Certificate]:
    return [cert for pem in pems for cert in certs.load_certificates(pem.encode(), "case")]


def accepts_limbo(case: dict[str, Any], profile: str) -> bool:
    findings = profiles.check(
        load([case["peer_certificate"]])[0],
        load(case["untrusted_intermediates"]),
        load(case["trusted_certs"]),
        profile=profile,
        roles=(case["validation_kind"].lower(),),
        now=datetime.datetime.fromisoformat(case["validation_time"]) if case["validation_time"] else making.NOW,
        name=(case["expected_peer_name"] or {}).get("value"),
        subject_label="case",
    )
    return not any(finding.blocks for finding in findings)


@pytest.mark.skipif(not LIMBO.is_file(), reason=f"the conformance cases are not beside this checkout ({LIMBO.name})")
@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_no_limbo_case_is_judged_differently_without_a_written_reason(profile: str) -> None:
    accepted, refused = set(), set()
    cases = json.loads(LIMBO.read_text())["testcases"]
    assert len(cases) > 200
    for case in cases:
        verdict = accepts_limbo(case, profile)
        if verdict and case["expected_result"] == "FAILURE":
            accepted.add(case["id"])
        if not verdict and case["expected_result"] == "SUCCESS":
            refused.add(case["id"])
    assert accepted == set(disagreements.LIMBO_ACCEPTED[profile])
    assert refused == set(disagreements.LIMBO_REFUSED[profile])


def pkits() -> dict[str, x509.Certificate]:
    vectors = pytest.importorskip(
        "cryptography_vectors", reason="PKITS comes with the package cryptography-vectors, which is not installed"
    )
    folder = Path(vectors.__file__).parent / "x509" / "PKITS_data" / "certs"
    found = {}
    for path in sorted(folder.glob("*.crt")):
        try:
            found[path.stem] = certs.load_certificates(path.read_bytes(), path.stem)[0]
        except CertificateProblem:
            # DSA keys without parameters of their own cannot be read, which is a refusal too.
            assert "DSAParameter" in path.stem
    return found


def test_no_pkits_case_is_judged_differently_without_a_written_reason() -> None:
    all_certs = pkits()
    authorities = [cert for name, cert in all_certs.items() if not name.endswith("EE")]
    now = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    accepted, refused = set(), set()
    for stem, leaf in all_certs.items():
        name = stem.removesuffix("EE")
        if not re.fullmatch(r"(Valid|Invalid)\w+Test\d+", name):
            continue
        if name.startswith("Invalid") and any(part in name for part in disagreements.PKITS_REVOCATION):
            continue
        findings = profiles.check(
            leaf,
            authorities,
            [all_certs["TrustAnchorRootCertificate"]],
            roles=("server", "client"),
            now=now,
            subject_label="case",
        )
        verdict = not any(finding.blocks for finding in findings)
        if verdict and name.startswith("Invalid"):
            accepted.add(name)
        if not verdict and name.startswith("Valid"):
            refused.add(name)
    assert accepted == set(disagreements.PKITS_ACCEPTED)
    assert refused == set(disagreements.PKITS_REFUSED)
