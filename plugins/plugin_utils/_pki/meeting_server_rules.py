# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a Meeting Server validates certificate extensions: guide 2.2, word by word.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._findings import REMARK, WARNING
from .chain import Problem
from .x509util import constraints, extended_key_usage, is_self_signed, key_usage, netscape_type, subject_text

try:
    from cryptography import x509
except ImportError:
    pass

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECTION = "2.2"
#: Role -> extended key usage, the key usages of which one is enough, Netscape type.
ROLES = {
    "client": ("clientAuth", ("digitalSignature", "keyAgreement"), "sslClient"),
    "server": ("serverAuth", ("digitalSignature", "keyEncipherment", "keyAgreement"), "sslServer"),
}


def check_leaf(cert: x509.Certificate, roles: Iterable[str]) -> list[Problem]:
    """Check the leaf for the sides of a connection it is used on. What is absent restricts nothing."""
    subject = subject_text(cert)
    found: list[Problem] = []
    for role in roles:
        _eku, usages, netscape = ROLES[role]
        found.extend(check_extended_key_usage(cert, role))
        have = key_usage(cert)
        if have is not None and not set(have) & set(usages):
            found.append(
                Problem(
                    f"ku-{role}-missing",
                    _SECTION,
                    subject,
                    f"has the key usage {_listed(have)}; as TLS {role} it needs one of {', '.join(usages)}",
                    "Have it issued again with the key usage digitalSignature",
                )
            )
        kinds = netscape_type(cert)
        if kinds is not None and netscape not in kinds:
            found.append(
                Problem(
                    f"netscape-{role}-missing",
                    _SECTION,
                    subject,
                    f"has the Netscape type {_listed(kinds)}; as TLS {role} it needs {netscape}",
                    "Have it issued again without the Netscape certificate type",
                )
            )
    return found


def check_extended_key_usage(cert: x509.Certificate, role: str) -> list[Problem]:
    """Check the extended key usage of a leaf or CA: present and without the role's usage is wrong (2.1, 2.2).

    ``anyExtendedKeyUsage`` is not the bit the guide asks for, and does not count.
    """
    wanted = ROLES[role][0]
    have = extended_key_usage(cert)
    if have is None or wanted in have:
        return []
    return [
        Problem(
            f"eku-{role}-missing",
            _SECTION,
            subject_text(cert),
            f"has the extended key usage {_listed(have)}; as TLS {role} it needs {wanted}",
            f"Have it issued by a CA and with a template that give {wanted}",
        )
    ]


def check_ca(cert: x509.Certificate, roles: Iterable[str], *, anchor: bool) -> list[Problem]:
    """Check a certificate above the leaf: it must be marked as CA, and no mark that is there may say otherwise.

    A root of version 1 can carry no mark. The recipe of appendix A.3 may make such a CA for databases, so it is let
    pass where it is the trusted certificate itself.
    """
    subject = subject_text(cert)
    found = [problem for role in roles for problem in check_extended_key_usage(cert, role)]
    usages, (flag, _length), kinds = key_usage(cert), constraints(cert), netscape_type(cert)
    step = "Use a CA certificate that is marked as one"
    if usages is None and flag is None and kinds is None:
        if anchor and cert.version is x509.Version.v1 and is_self_signed(cert):
            text = "is a root of version 1, which cannot be marked as CA; it counts because it is trusted itself"
            return [*found, Problem("ca-root-unmarked", "A.3", subject, text, step, REMARK)]
        text = "is used as CA and not marked as one: no basic constraints, key usage or Netscape type"
        return [*found, Problem("ca-not-marked", _SECTION, subject, text, step)]
    if usages is not None and "keyCertSign" not in usages:
        text = f"is used as CA and has the key usage {_listed(usages)} without keyCertSign"
        found.append(Problem("ku-cert-sign-missing", _SECTION, subject, text, step))
    if flag is False:
        found.append(Problem("ca-flag-missing", _SECTION, subject, "is used as CA and says that it is none", step))
    if kinds is not None and "sslCA" not in kinds:
        text = f"is used as CA and has the Netscape type {_listed(kinds)} without sslCA"
        found.append(Problem("netscape-ca-missing", _SECTION, subject, text, step))
    return found


def check_digital_signature(cert: x509.Certificate) -> list[Problem]:
    """Check what DTLS between Call Bridge and web app needs (2.1, notes): the key usage digitalSignature."""
    have = key_usage(cert)
    step = "Have it issued again with the key usage digitalSignature"
    if have is None:
        text = "has no key usage; media between Call Bridge and web app may fail without digitalSignature"
        return [Problem("ku-digital-signature-missing", "2.1", subject_text(cert), text, step, WARNING)]
    if "digitalSignature" not in have:
        text = f"has the key usage {_listed(have)}; media between Call Bridge and web app needs digitalSignature"
        return [Problem("ku-digital-signature-missing", "2.1", subject_text(cert), text, step)]
    return []


def _listed(values: Iterable[str]) -> str:
    return ", ".join(values) or "(none)"
