# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Name constraints (RFC 5280, 4.2.1.10): DNS names, IP addresses, e-mail addresses, directory names.

A constraint of another kind that a name falls under is refused, not passed over.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from .chain import Problem
from .x509util import (
    alternative_names,
    as_ip,
    common_name,
    extension,
    is_self_issued,
    name_key,
    subject_of,
    subject_text,
)

try:
    from cryptography import x509
    from cryptography.x509.oid import NameOID
except ImportError:
    pass

_SECTION = "1.2.3"
#: Comparing more names with constraints than this is an attack or a mistake, and is refused.
_MAX_COMPARISONS = 100_000


def check(path: Sequence[x509.Certificate], *, common_name_counts: bool) -> list[Problem]:
    """Hold every certificate of a path (leaf first) against the constraints of the CAs above it.

    ``common_name_counts`` treats a leaf's common name as DNS name where it has no DNS alternative names, because a
    verifier that falls back to it must not be led around the constraints.
    """
    found: list[Problem] = []
    for position, issuer in enumerate(path[1:], start=1):
        constraints = extension(issuer, x509.NameConstraints)
        if constraints is None:
            continue
        permitted = list(constraints.permitted_subtrees or ())
        excluded = list(constraints.excluded_subtrees or ())
        bad = [tree for tree in permitted + excluded if not _well_formed(tree)]
        if bad:
            text = f"has a malformed name constraint {_text(bad[0])}"
            found.append(_problem("name-constraint-malformed", issuer, text, "Ask its CA for a right one"))
        for index, cert in enumerate(path[:position]):
            # RFC 5280, 6.1.3 (b): self-issued certificates are exempt, unless they are the last one.
            if index > 0 and is_self_issued(cert):
                continue
            names = _names(cert, common_name_counts=common_name_counts and index == 0)
            if len(names) * (len(permitted) + len(excluded)) > _MAX_COMPARISONS:
                text = "has more names and name constraints than can be compared"
                found.append(_problem("name-constraints-too-many", issuer, text, "Use another CA certificate"))
                break
            found.extend(_judge(cert, issuer, names, permitted, excluded))
    return found


def _problem(rule: str, cert: x509.Certificate, found: str, next_step: str) -> Problem:
    return Problem(rule, _SECTION, subject_text(cert), found, next_step)


def _judge(
    cert: x509.Certificate,
    issuer: x509.Certificate,
    names: Iterable[x509.GeneralName],
    permitted: Sequence[x509.GeneralName],
    excluded: Sequence[x509.GeneralName],
) -> list[Problem]:
    step = "Take the name out of the request, or have the certificate issued by a CA that may issue it"
    for name in names:
        allowed = [tree for tree in permitted if type(tree) is type(name)]
        forbidden = [tree for tree in excluded if type(tree) is type(name)]
        if (allowed or forbidden) and not isinstance(
            name, x509.DNSName | x509.IPAddress | x509.RFC822Name | x509.DirectoryName
        ):
            text = f"has a name of a kind whose constraints cannot be checked: {_text(name)}"
            return [_problem("name-constraint-unsupported", cert, text, step)]
        if any(_within(name, tree, excluding=True) for tree in forbidden):
            text = f"{_text(name)} is excluded by the name constraints of {subject_text(issuer)}"
            return [_problem("name-excluded", cert, text, step)]
        if allowed and not any(_within(name, tree, excluding=False) for tree in allowed):
            text = f"{_text(name)} is not among the names that {subject_text(issuer)} may issue for"
            return [_problem("name-not-permitted", cert, text, step)]
    return []


def _names(cert: x509.Certificate, *, common_name_counts: bool) -> list[x509.GeneralName]:
    """Give every name of a certificate that constraints speak about."""
    names: list[x509.GeneralName] = list(extension(cert, x509.SubjectAlternativeName) or ())
    kinds = alternative_names(cert)
    subject = subject_of(cert)
    if subject is None:
        # Reported as unreadable elsewhere; nothing can be compared.
        return names
    if list(subject):
        names.append(x509.DirectoryName(subject))
    if not kinds["email"]:
        for attribute in subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
            if isinstance(attribute.value, str) and attribute.value.isascii():
                names.append(x509.RFC822Name(attribute.value))
    cn = common_name(cert)
    if common_name_counts and cn and cn.isascii() and " " not in cn:
        address = as_ip(cn)
        if address is not None and not kinds["ip"]:
            names.append(x509.IPAddress(address))
        elif address is None and not kinds["dns"]:
            names.append(x509.DNSName(cn))
    return names


def _well_formed(tree: x509.GeneralName) -> bool:
    if isinstance(tree, x509.DNSName):
        return "*" not in tree.value and not tree.value.startswith(".")
    if isinstance(tree, x509.RFC822Name):
        return tree.value.count("@") <= 1 and bool(tree.value)
    return True


def _within(name: x509.GeneralName, tree: x509.GeneralName, *, excluding: bool) -> bool:
    """Say whether a name lies in the subtree of a constraint of the same kind.

    A wildcard name stands for many: it is excluded when one of them is, and permitted when all of them are.
    """
    if isinstance(name, x509.DNSName) and isinstance(tree, x509.DNSName):
        own, base = name.value.lower().rstrip("."), tree.value.lower().strip(".")
        if own.startswith("*."):
            own = own[2:]
            if excluding and _below(own=base, base=own):
                return True
        return _below(own, base)
    if isinstance(name, x509.IPAddress) and isinstance(tree, x509.IPAddress):
        address, network = name.value, tree.value
        if not isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network):
            return excluding
        if isinstance(address, ipaddress.IPv4Network | ipaddress.IPv6Network):
            return excluding
        return address.version == network.version and address in network
    if isinstance(name, x509.RFC822Name) and isinstance(tree, x509.RFC822Name):
        return _mail_within(name.value, tree.value, excluding=excluding)
    if isinstance(name, x509.DirectoryName) and isinstance(tree, x509.DirectoryName):
        prefix = name_key(tree.value)
        return name_key(name.value)[: len(prefix)] == prefix
    return excluding


def _below(own: str, base: str) -> bool:
    """Say whether a DNS name is the base or a name under it; an empty base stands for all names."""
    return not base or own == base or own.endswith("." + base)


def _mail_within(own: str, base: str, *, excluding: bool) -> bool:
    if own.count("@") != 1:
        return excluding
    mailbox, _at, host = own.partition("@")
    if "@" in base:
        base_mailbox, _at, base_host = base.rpartition("@")
        return mailbox == base_mailbox and host.lower() == base_host.lower()
    if base.startswith("."):
        return host.lower().endswith(base.lower())
    return host.lower() == base.lower()


def _text(name: x509.GeneralName) -> str:
    if isinstance(name, x509.DirectoryName):
        return name.value.rfc4514_string()
    return str(getattr(name, "value", name))
