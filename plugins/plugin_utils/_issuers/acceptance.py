# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of a certificate that an issuer returned (guide 2.1, 2.2, 3).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .._findings import ERROR, REMARK, WARNING, Finding
from .._pki import certs, csr
from .._pki import chain as chains
from .._pki.x509util import as_ip, is_ca, issuer_key, signed_by, subject_key

if TYPE_CHECKING:
    from cryptography import x509

#: Hashes a signature may use (guide 3: SHA-2).
GOOD_HASHES = ("sha256", "sha384", "sha512", "none")
_ANOTHER = "Ask the issuer for another certificate"


def judge(
    identity: str,
    request: csr.Request,
    spki: str,
    leaf: x509.Certificate,
    chain: Sequence[x509.Certificate],
    now: datetime.datetime,
) -> list[Finding]:
    """Give the findings about a leaf and its chain (intermediates, root last); ``spki`` belongs to the CSR."""
    info = certs.describe(leaf)
    parts = (
        _key(info, spki),
        _names(info, request),
        _usages(info, request),
        _signature(info),
        _lifetime(leaf, chain, now),
        _chain(leaf, chain, now),
    )
    return [
        Finding(severity, rule, section, identity, found, step)
        for severity, rule, section, found, step in itertools.chain(*parts)
    ]


_Row = tuple[str, str, str, str, str]


def _key(info: dict[str, Any], spki: str) -> Iterator[_Row]:
    if info["spki_sha256"] != spki:
        yield ERROR, "issued-other-key", "4.3", "the certificate belongs to another key than the CSR", _ANOTHER


def comparable(name: str) -> str:
    """Bring a name into the form in which two spellings of it are equal."""
    address = as_ip(name)
    return str(address) if address is not None else name.rstrip(".").lower()


def _names(info: dict[str, Any], request: csr.Request) -> Iterator[_Row]:
    have = {comparable(name) for kind in ("dns", "ip", "email") for name in info[kind]}
    wanted = {comparable(name) for name in request.all_names}
    missing = sorted(wanted - have)
    if missing:
        yield (
            ERROR,
            "issued-names-missing",
            "3.1",
            f"the certificate lacks the names {', '.join(missing)}",
            "Let the issuer certify all names of the CSR, or want fewer",
        )
    more = sorted(have - wanted)
    if more:
        yield (
            REMARK,
            "issued-more-names",
            "3.1",
            f"the issuer added the names {', '.join(more)}",
            "Nothing to do, unless these names should not be there",
        )
    common_name = info["common_name"]
    if common_name is None:
        yield (
            WARNING,
            "issued-without-common-name",
            "3.1",
            "the certificate has no common name",
            "Choose a profile of the issuer that keeps the common name: peers that look at it will refuse this one",
        )
    elif comparable(common_name) != comparable(request.common_name):
        yield (
            ERROR,
            "issued-other-common-name",
            "3.1",
            f"the common name is {common_name!r} and not {request.common_name!r}",
            _ANOTHER,
        )


def _usages(info: dict[str, Any], request: csr.Request) -> Iterator[_Row]:
    have = info["extended_key_usage"]
    lacking = [usage for usage in request.extended_key_usage if have is not None and usage not in have]
    if lacking and "anyExtendedKeyUsage" not in (have or ()):
        yield (
            ERROR,
            "issued-usage-missing",
            "2.2",
            f"the certificate names extended key usages, and {', '.join(lacking)} is not among them",
            "Use a template or an issuer that grants it: the public ones stop giving clientAuth",
        )
    bits = info["key_usage"]
    if bits is None:
        if "digitalSignature" in (request.ku or ()):
            yield (
                WARNING,
                "issued-without-key-usage",
                "2.1",
                "the certificate has no key usage, a Call Bridge needs digitalSignature there",
                "Use a template or an issuer that sets it",
            )
        return
    lost = [bit for bit in request.ku or () if bit not in bits]
    if lost:
        needed = "digitalSignature" in lost
        yield (
            ERROR if needed else WARNING,
            "issued-key-usage-missing",
            "2.1" if needed else "2.2",
            f"the key usage lacks {', '.join(lost)}",
            "Use a template or an issuer that sets it",
        )


def _signature(info: dict[str, Any]) -> Iterator[_Row]:
    if info["signature_hash"] not in GOOD_HASHES:
        yield (
            ERROR,
            "issued-weak-signature",
            "3",
            f"the signature uses {info['signature_hash']}",
            "Let the issuer sign with SHA-256 or better",
        )
    if info["ca"]:
        yield ERROR, "issued-a-ca", "2.2", "the certificate is one of a CA", _ANOTHER


def _lifetime(leaf: x509.Certificate, chain: Sequence[x509.Certificate], now: datetime.datetime) -> Iterator[_Row]:
    end = certs.not_after(leaf)
    broken = chains.date_problem(leaf, now)
    if broken is not None:
        step = "Compare the clocks of the issuer and of the control node"
        yield ERROR, "issued-dates", "2.2", f"the new certificate is not valid now: {broken.found}", step
    for cert in chain:
        if certs.not_after(cert) < end:
            yield (
                WARNING,
                "issued-outlives-ca",
                "2.2",
                f"it outlives {certs.describe(cert)['subject']}, which ends on {certs.not_after(cert):%Y-%m-%d}",
                "Renew the CA in time: what it issued ends with it",
            )


def _chain(leaf: x509.Certificate, chain: Sequence[x509.Certificate], now: datetime.datetime) -> Iterator[_Row]:
    for lower, upper in itertools.pairwise((leaf, *chain)):
        name = certs.describe(upper)["subject"]
        if issuer_key(lower) != subject_key(upper) or not signed_by(lower, upper):
            below = certs.describe(lower)["subject"]
            yield ERROR, "issued-chain-broken", "1.2.4", f"{name} did not issue {below}", "Give the chain of this CA"
            return
        if not is_ca(upper):
            yield ERROR, "issued-chain-no-ca", "2.2", f"{name} is not marked as CA", "Give the chain of this CA"
        broken = chains.date_problem(upper, now)
        if broken is not None:
            yield ERROR, "issued-chain-dates", "2.2", f"{name} is not valid now: {broken.found}", "Renew this CA"
        if certs.describe(upper)["signature_hash"] not in GOOD_HASHES and not certs.describe(upper)["self_signed"]:
            yield ERROR, "issued-chain-weak", "3", f"the signature of {name} is not SHA-2", "Renew this CA"
    if not certs.describe((chain or [leaf])[-1])["self_signed"]:
        yield (
            ERROR,
            "issued-chain-without-root",
            "1.2.4",
            "the chain does not reach a root certificate",
            "Add the root of this issuer to cms_trusted_roots",
        )
