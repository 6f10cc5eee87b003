# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What browsers and public CAs hold each other to (CA/Browser Forum baseline requirements), beyond the guide.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from .._findings import REMARK
from .chain import Problem
from .x509util import (
    ANY_EKU,
    alternative_names,
    common_name,
    constraints,
    critical_oids,
    extended_key_usage,
    extension,
    has_extension,
    is_self_signed,
    key_usage,
    public_key,
    san_is_critical,
    subject_key,
    subject_text,
)

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
except ImportError:
    pass

_SECTION = "2.1"
_STEP = "Have it issued by a public CA, or use the profile meeting_server for an internal one"
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_SKI, _AKI, _SAN, _EKU, _BASIC = "2.5.29.14", "2.5.29.35", "2.5.29.17", "2.5.29.37", "2.5.29.19"

#: Issued on or after -> days a public certificate may live.
LIFETIMES = (
    (datetime.date(2029, 3, 15), 47),
    (datetime.date(2027, 3, 15), 100),
    (datetime.date(2026, 3, 15), 200),
    (datetime.date(2020, 9, 1), 398),
    (datetime.date(2018, 3, 1), 825),
)


def check(path: Sequence[x509.Certificate], roles: Sequence[str]) -> list[Problem]:
    """Check a whole path, leaf first, anchor last."""
    found = _leaf(path[0], roles)
    for index, cert in enumerate(path):
        last = index == len(path) - 1
        if index > 0:
            found.extend(_ca(cert, root=last and is_self_signed(cert)))
        found.extend(_every(cert))
    return found


def _problems(cert: x509.Certificate, texts: Sequence[tuple[str, str]]) -> list[Problem]:
    return [Problem(rule, _SECTION, subject_text(cert), text, _STEP) for rule, text in texts]


def _every(cert: x509.Certificate) -> list[Problem]:
    texts = []
    if cert.version is x509.Version.v1:
        texts.append(("version-too-old", "is of version 1, version 3 is wanted"))
    key = public_key(cert)
    if isinstance(key, rsa.RSAPublicKey) and key.key_size % 8:
        texts.append(("weak-key", f"has an RSA key of {key.key_size} bits, which is no multiple of 8"))
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in _CURVES:
        texts.append(("key-unsupported", f"has a key on {key.curve.name}, browsers take {', '.join(_CURVES)}"))
    if not is_self_signed(cert):
        authority = extension(cert, x509.AuthorityKeyIdentifier)
        if authority is None or authority.key_identifier is None:
            texts.append(("aki-missing", "does not say which key of its issuer signed it"))
    return _problems(cert, texts)


def _leaf(cert: x509.Certificate, roles: Sequence[str]) -> list[Problem]:
    texts = []
    if constraints(cert)[0]:
        texts.append(("leaf-is-ca", "is marked as CA and used by a service"))
    texts.extend(_usage_texts(cert, roles))
    names = alternative_names(cert)
    if not has_extension(cert, _SAN):
        texts.append(("alternative-name-missing", "has no alternative names; browsers do not read the common name"))
    elif san_is_critical(cert) and subject_key(cert):
        texts.append(("extension-wrongly-critical", "marks its alternative names as critical next to a subject"))
    cn = common_name(cert)
    if cn is not None and "server" in roles and cn not in (*names["dns"], *names["ip"]):
        texts.append(
            ("common-name-not-in-san", f"has the common name {cn!r}, which is not among its alternative names")
        )
    return _problems(cert, texts) + _lifetime(cert)


def _usage_texts(cert: x509.Certificate, roles: Sequence[str]) -> list[tuple[str, str]]:
    have = extended_key_usage(cert)
    texts = []
    for role in roles:
        wanted = f"{role}Auth"
        if have is None and role == "server":
            texts.append((f"eku-{role}-missing", f"has no extended key usage, browsers want {wanted}"))
        elif have is not None and wanted not in have:
            texts.append((f"eku-{role}-missing", f"lacks the extended key usage {wanted}"))
    if have is not None and ANY_EKU in have:
        texts.append(("eku-any", "has the extended key usage for any purpose, which public CAs may not give"))
    if _EKU in critical_oids(cert):
        texts.append(("extension-wrongly-critical", "marks its extended key usage as critical"))
    usages = key_usage(cert)
    if usages is not None and not set(usages) & {"digitalSignature", "keyEncipherment", "keyAgreement"}:
        texts.append(("ku-tls-missing", "has a key usage that allows no TLS"))
    return texts


def _ca(cert: x509.Certificate, *, root: bool) -> list[Problem]:
    texts = []
    usages = key_usage(cert)
    if not constraints(cert)[0]:
        texts.append(("ca-not-marked", "is used as CA and not marked as one"))
    elif _BASIC not in critical_oids(cert):
        texts.append(("extension-not-critical", "does not mark its basic constraints as critical"))
    if usages is not None and "keyCertSign" not in usages:
        texts.append(("ku-cert-sign-missing", "is used as CA and may not sign certificates by its key usage"))
    if not has_extension(cert, _SKI):
        texts.append(("ski-missing", "is a CA without a subject key identifier"))
    if root:
        texts.extend(_root_texts(cert))
    else:
        eku = extended_key_usage(cert)
        if eku is not None and not {"serverAuth", "clientAuth", ANY_EKU} & set(eku):
            texts.append(("eku-server-missing", "is a CA that may not issue for TLS"))
    return _problems(cert, texts)


def _root_texts(cert: x509.Certificate) -> list[tuple[str, str]]:
    texts = []
    if has_extension(cert, _EKU):
        texts.append(("eku-in-root", "is a root with an extended key usage"))
    authority = extension(cert, x509.AuthorityKeyIdentifier)
    if authority is not None and (
        authority.key_identifier is None
        or authority.authority_cert_issuer is not None
        or authority.authority_cert_serial_number is not None
    ):
        texts.append(("aki-malformed", "is a root whose authority key identifier is more or less than its key"))
    return texts


def _lifetime(cert: x509.Certificate) -> list[Problem]:
    """Remark a lifetime longer than public CAs may give; an internal CA may give what it likes."""
    begin, end = cert.not_valid_before_utc, cert.not_valid_after_utc
    limit = next((days for since, days in LIFETIMES if begin.date() >= since), None)
    # The last second belongs to the time of validity.
    if limit is None or end - begin + datetime.timedelta(seconds=1) <= datetime.timedelta(days=limit):
        return []
    text = f"lives {(end - begin).days} days; issued {begin.date()}, browsers accept {limit} from public CAs"
    return [Problem("lifetime-too-long", _SECTION, subject_text(cert), text, _STEP, REMARK)]
