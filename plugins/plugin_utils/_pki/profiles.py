# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check a certificate and its chain against a named set of rules, and report every broken one.

``meeting_server`` is what the guide says a Meeting Server does (2.2), over signatures, names, dates and path lengths.
``web_pki`` is stricter, for services that browsers open. Neither asks for revocation.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .._findings import ERROR, Finding
from . import form_rules, meeting_server_rules, name_constraints, web_pki_rules
from .certs import matches_name
from .chain import Chain, Problem, candidates, choose, date_problem
from .x509util import (
    alternative_names,
    common_name,
    constraints,
    identifiers,
    is_self_issued,
    require_cryptography,
    spki_sha256,
    subject_text,
)

if TYPE_CHECKING:
    from cryptography import x509

MEETING_SERVER = "meeting_server"
WEB_PKI = "web_pki"
PROFILES = (MEETING_SERVER, WEB_PKI)


def check(
    leaf: x509.Certificate,
    pool: Iterable[x509.Certificate],
    anchors: Iterable[x509.Certificate],
    *,
    profile: str = MEETING_SERVER,
    roles: Sequence[str] = ("server", "client"),
    now: datetime.datetime,
    name: str | Sequence[str] | None = None,
    subject_label: str,
    key_spki: str | None = None,
    digital_signature: bool = False,
    max_intermediates: int | None = None,
) -> list[Finding]:
    """Check a leaf with its chain; an empty list means that nothing is wrong.

    ``pool`` are the certificates that come with the leaf, ``anchors`` those that are trusted. ``roles`` are the sides
    of a connection the leaf is used on. ``name`` is what peers dial, one or several. ``subject_label`` becomes the
    object of each finding. ``key_spki`` is the SHA-256 of the public key that must be in the leaf.
    ``digital_signature`` asks for what a Call Bridge needs besides (2.1). ``max_intermediates`` is how many CAs may
    stand between leaf and anchor where the verifying side has such a limit. Of several possible chains the one with the
    fewest errors is judged, as a verifier would find it too.
    """
    require_cryptography()
    if profile not in PROFILES or not set(roles) <= set(meeting_server_rules.ROLES):
        raise AssertionError(f"Contract violation: profile {profile!r} with roles {roles!r}")
    chains = candidates(leaf, pool, anchors, partial=profile == MEETING_SERVER)

    def wrong(chain: Chain) -> list[Problem]:
        return [*_chain_problems(chain, profile, roles, now), *_depth(chain, max_intermediates)]

    best = choose(chains, lambda chain: [problem for problem in wrong(chain) if problem.severity == ERROR])
    problems = _leaf_problems(leaf, profile, name, key_spki)
    if digital_signature:
        problems.extend(meeting_server_rules.check_digital_signature(leaf))
    problems.extend(wrong(best))
    return [_finding(problem, subject_label) for problem in dict.fromkeys(problems)]


def check_cas(
    cas: Sequence[x509.Certificate], *, roles: Sequence[str], now: datetime.datetime, subject_label: str
) -> list[Finding]:
    """Check the CAs that are to issue, root last, as a Meeting Server would: form, dates and marks (2.2)."""
    found = []
    for position, cert in enumerate(cas):
        anchor = position == len(cas) - 1
        date = date_problem(cert, now)
        if date is not None:
            found.append(date)
        found.extend(form_rules.check(cert, leaf=False, anchor=anchor, netscape=True))
        found.extend(meeting_server_rules.check_ca(cert, roles, anchor=anchor))
    return [_finding(problem, subject_label) for problem in dict.fromkeys(found)]


def _finding(problem: Problem, label: str) -> Finding:
    return Finding(
        severity=problem.severity,
        rule=problem.rule,
        section=problem.section,
        object=label,
        found=f"certificate {problem.certificate}: {problem.found}",
        next_step=problem.next_step,
    )


def _leaf_problems(
    leaf: x509.Certificate, profile: str, name: str | Sequence[str] | None, key_spki: str | None
) -> list[Problem]:
    found = []
    for host in [name] if isinstance(name, str) else name or ():
        if not matches_name(leaf, host, common_name_counts=profile == MEETING_SERVER):
            names = alternative_names(leaf)
            have = names["dns"] + names["ip"] or [common_name(leaf) or "none"]
            text = f"is for {', '.join(have)}, and not for {host}"
            step = f"Have it issued with {host} among its alternative names, or dial a name it has"
            found.append(Problem("name-mismatch", "4.5", subject_text(leaf), text, step))
    if key_spki is not None and spki_sha256(leaf) != key_spki:
        step = "Use the key that the certificate was requested with, or request a new certificate"
        text = "does not belong to the private key"
        found.append(Problem("key-mismatch", "4.3", subject_text(leaf), text, step))
    return found


def _chain_problems(chain: Chain, profile: str, roles: Sequence[str], now: datetime.datetime) -> list[Problem]:
    """Give everything that is wrong with one chain, the leaf's problems first."""
    path = chain.certificates
    found = list(chain.problems)
    for index, cert in enumerate(path):
        anchor = chain.anchored and index == len(path) - 1
        date = date_problem(cert, now)
        if date is not None:
            found.append(date)
        found.extend(form_rules.check(cert, leaf=index == 0, anchor=anchor, netscape=profile == MEETING_SERVER))
        if profile == MEETING_SERVER:
            found.extend(
                meeting_server_rules.check_leaf(cert, roles)
                if index == 0
                else meeting_server_rules.check_ca(cert, roles, anchor=anchor)
            )
    if profile == WEB_PKI:
        found.extend(web_pki_rules.check(path, roles))
    found.extend(_path_length(path))
    found.extend(_key_identifiers(path))
    found.extend(name_constraints.check(path, common_name_counts=profile == MEETING_SERVER))
    return found


def _path_length(path: Sequence[x509.Certificate]) -> list[Problem]:
    """Count the intermediates below each CA; those that issued themselves do not count (RFC 5280, 4.2.1.9)."""
    found = []
    for position, cert in enumerate(path[1:], start=1):
        limit = constraints(cert)[1]
        below = sum(1 for lower in path[1:position] if not is_self_issued(lower))
        if limit is not None and below > limit:
            text = f"allows {limit} CAs below itself, the chain has {below}"
            step = "Have the certificate issued higher up, or the CA certificate with a longer path"
            found.append(Problem("path-length-exceeded", "1.2.3", subject_text(cert), text, step))
    return found


def _depth(chain: Chain, limit: int | None) -> list[Problem]:
    """Count the CAs between leaf and anchor against the limit of the verifying side."""
    between = [cert for cert in chain.certificates[1 : -1 if chain.anchored else None] if not is_self_issued(cert)]
    if limit is None or len(between) <= limit:
        return []
    text = f"has {len(between)} CAs between itself and the trusted certificate, at most {limit} are wanted"
    step = "Have it issued higher up, or let the verifying side trust a CA that is nearer"
    return [Problem("chain-too-deep", "1.2.3", subject_text(chain.certificates[0]), text, step)]


def _key_identifiers(path: Sequence[x509.Certificate]) -> list[Problem]:
    """Compare the key identifiers of issuer and issued: OpenSSL refuses a chain where both are there and differ."""
    found = []
    for lower, upper in zip(path, (*path[1:], path[-1]), strict=True):
        if lower is upper and not is_self_issued(lower):
            continue
        wanted, have = identifiers(lower)[1], identifiers(upper)[0]
        if wanted is not None and have is not None and wanted != have:
            text = f"names another key than the one {subject_text(upper)} has"
            step = "Use the CA certificate that belongs to it"
            found.append(Problem("aki-mismatch", "1.2.3", subject_text(lower), text, step))
    return found
