# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build certificate chains: by name and key identifier, proved by signature, with cross-signed detours and loops.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from .._findings import ERROR
from .x509util import (
    identifiers,
    is_self_issued,
    is_self_signed,
    iso,
    issuer_key,
    issuer_text,
    require_cryptography,
    signed_by,
    spki,
    subject_key,
    subject_text,
)

if TYPE_CHECKING:
    from cryptography import x509

#: More certificates than this in one chain are refused: handshakes get slow long before (guide, appendix C).
MAX_LENGTH = 10
_CHECK_CHAIN = "Check the CA certificates in the bundle"
_MAX_PATHS = 64
_MAX_SIGNATURES = 400


@dataclasses.dataclass(frozen=True)
class Problem:
    """A broken rule and the certificate it belongs to (its subject)."""

    rule: str
    section: str
    certificate: str
    found: str
    next_step: str
    severity: str = ERROR


@dataclasses.dataclass(frozen=True)
class Chain:
    """A chain, leaf first. ``anchored`` says that the last certificate is one of the anchors.

    ``problems`` says what is wrong with the chain as such; what the certificates may be used for is the profiles'
    business.
    """

    certificates: tuple[x509.Certificate, ...]
    anchored: bool
    problems: tuple[Problem, ...] = ()

    @property
    def anchor(self) -> x509.Certificate | None:
        """Give the anchor the chain ends at."""
        return self.certificates[-1] if self.anchored else None


def candidates(
    leaf: x509.Certificate,
    pool: Iterable[x509.Certificate],
    anchors: Iterable[x509.Certificate],
    *,
    partial: bool = True,
) -> list[Chain]:
    """Find every chain from the leaf to an anchor, or else the best dead ends with what stopped them.

    With ``partial`` any anchor ends a chain, an intermediate or the leaf itself too (pinning, guide 1.2.5); without it
    only self-signed ones above the leaf do. The search is bounded in length, in number of chains and in signatures
    checked.
    """
    require_cryptography()
    search = _Search(tuple(dict.fromkeys(pool)), tuple(dict.fromkeys(anchors)), partial)
    search.walk((leaf,))
    if search.complete:
        return search.complete
    return search.dead_ends


def build(
    leaf: x509.Certificate,
    pool: Iterable[x509.Certificate],
    anchors: Iterable[x509.Certificate],
    now: datetime.datetime,
    *,
    partial: bool = True,
) -> Chain:
    """Give the best chain: anchored before not, without broken dates before with, short before long.

    A chain that reaches no anchor comes back with ``anchored`` false and the problem that stopped it.
    """
    return choose(
        candidates(leaf, pool, anchors, partial=partial),
        lambda chain: [cert for cert in chain.certificates if date_problem(cert, now)],
    )


def choose(chains: Sequence[Chain], judge: Callable[[Chain], Sequence[object]]) -> Chain:
    """Pick the chain its judge says least against; of dead ends the longest, which got nearest to an anchor."""
    return min(
        chains,
        key=lambda chain: (
            (0, len(judge(chain)), len(chain.certificates))
            if chain.anchored
            else (1, -len(chain.certificates), len(judge(chain)))
        ),
    )


def date_problem(cert: x509.Certificate, now: datetime.datetime) -> Problem | None:
    """Say whether a certificate is expired or not yet valid. Both ends of the time span belong to it."""
    moment = now.astimezone(datetime.UTC)
    if moment < cert.not_valid_before_utc:
        return Problem(
            "certificate-not-yet-valid",
            "5.3",
            subject_text(cert),
            f"is valid from {iso(cert.not_valid_before_utc)} only, now is {iso(moment)}",
            "Check the clocks of CA and node, or wait until the certificate is valid",
        )
    if moment.replace(microsecond=0) > cert.not_valid_after_utc:
        return Problem(
            "certificate-expired",
            "5.3",
            subject_text(cert),
            f"expired {iso(cert.not_valid_after_utc)}, now is {iso(moment)}",
            "Renew the certificate",
        )
    return None


class _Search:
    """A depth-first search from the leaf upwards."""

    def __init__(
        self, pool: tuple[x509.Certificate, ...], anchors: tuple[x509.Certificate, ...], partial: bool
    ) -> None:
        self.anchors = anchors
        self.partial = partial
        self.complete: list[Chain] = []
        self.dead_ends: list[Chain] = []
        self.budget = _MAX_SIGNATURES
        self.by_subject: dict[object, list[x509.Certificate]] = {}
        for cert in dict.fromkeys((*anchors, *pool)):
            key = subject_key(cert)
            if key:
                self.by_subject.setdefault(key, []).append(cert)

    def ends_here(self, path: tuple[x509.Certificate, ...]) -> bool:
        return path[-1] in self.anchors and (self.partial or (len(path) > 1 and is_self_signed(path[-1])))

    def walk(self, path: tuple[x509.Certificate, ...]) -> None:
        if self.ends_here(path):
            self.complete.append(Chain(path, True))
            return
        if len(self.complete) >= _MAX_PATHS or len(self.dead_ends) >= _MAX_PATHS:
            return
        if len(path) >= MAX_LENGTH:
            self.stop(path, "chain-too-long", f"the chain is longer than {MAX_LENGTH} certificates", _CHECK_CHAIN)
            return
        issuers = self.issuers_of(path)
        for issuer in issuers:
            self.walk((*path, issuer))
        if not issuers:
            self.explain(path)

    def issuers_of(self, path: tuple[x509.Certificate, ...]) -> list[x509.Certificate]:
        """Give the certificates whose key signed the last one of a path, the likeliest first.

        A certificate that says the same as one in the path already (subject and key) would be a loop.
        """
        last = path[-1]
        seen = {(subject_key(cert), spki(cert)) for cert in path}
        authority = identifiers(last)[1]
        found = []
        for cert in self.named_issuers(last):
            if (subject_key(cert), spki(cert)) in seen or self.budget <= 0:
                continue
            self.budget -= 1
            if signed_by(last, cert):
                found.append(cert)
        return sorted(
            found,
            key=lambda cert: (
                authority is not None and identifiers(cert)[0] not in (None, authority),
                cert not in self.anchors,
            ),
        )

    def named_issuers(self, cert: x509.Certificate) -> list[x509.Certificate]:
        key = issuer_key(cert)
        return self.by_subject.get(key, []) if key else []

    def stop(self, path: tuple[x509.Certificate, ...], rule: str, found: str, next_step: str) -> None:
        problem = Problem(rule, "1.2.3", subject_text(path[-1]), found, next_step)
        self.dead_ends.append(Chain(path, False, (problem,)))

    def explain(self, path: tuple[x509.Certificate, ...]) -> None:
        """Say why a path goes no further."""
        last = path[-1]
        if self.budget <= 0:
            why = "too many certificates carry the same names to try them all"
            self.stop(path, "chain-not-built", why, _CHECK_CHAIN)
        elif is_self_signed(last):
            why = "is self-signed and is not among the trusted certificates"
            step = "Add it to the trust store, or use a certificate of a trusted CA"
            if last in self.anchors:
                why, step = "is pinned, which this profile does not allow", "Use a certificate of a trusted CA"
            self.stop(path, "anchor-not-trusted", why, step)
        else:
            self.explain_missing(path)

    def explain_missing(self, path: tuple[x509.Certificate, ...]) -> None:
        last = path[-1]
        issuer = issuer_text(last)
        named = [cert for cert in self.named_issuers(last) if cert not in path]
        if is_self_issued(last) and last not in named:
            named.append(last)
        if named and not any(signed_by(last, cert) for cert in named):
            self.stop(
                path,
                "signature-invalid",
                f"its signature does not fit the key of {issuer}",
                "Give the certificate of the CA that really issued it, in its right generation",
            )
        elif named:
            self.stop(path, "chain-not-built", f"its issuer {issuer} leads back into the chain", _CHECK_CHAIN)
        elif not self.partial and last in self.anchors:
            step = "Add the root certificate to the trusted ones"
            self.stop(path, "chain-not-built", "is trusted, but the chain does not end at a root", step)
        else:
            self.stop(
                path,
                "chain-not-built",
                f"the certificate of its issuer {issuer} is missing",
                "Add the missing CA certificate to the bundle or to the trust store",
            )


def issuer_chain(
    leaf: x509.Certificate, pool: Iterable[x509.Certificate]
) -> tuple[list[x509.Certificate], list[x509.Certificate]]:
    """Order what belongs to a leaf: the chain up to a root where there is one, and what is left over.

    Without a root in the pool the longest chain counts. Trust is not looked at.
    """
    certs = list(dict.fromkeys(pool))
    roots = [cert for cert in (leaf, *certs) if is_self_signed(cert)]
    chain = choose(candidates(leaf, certs, roots), lambda _chain: ())
    used = set(chain.certificates)
    return list(chain.certificates), [cert for cert in certs if cert not in used]
