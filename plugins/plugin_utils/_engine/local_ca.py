# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CA on a node: ``pki selfsigned`` and ``pki sign`` (guide 3.1.4, appendix C).

Neither ever runs onto a name that exists, because both replace what is there (S2, S3). What is there and is what is
wanted is taken as it is, so a run that was cut off after the command finds its work done. The key stays on the node.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._errors import CertificateProblem, FileProblem
from .._fleet import names
from .._mmp.session import quote
from .._pki import certs, csr, x509util
from .._pki.chain import date_problem
from .._services import commands
from .node import Node

if TYPE_CHECKING:
    from cryptography import x509


@dataclasses.dataclass(frozen=True)
class Made:
    """A certificate of a node, in PEM, and the command that made it; both empty where nothing was done.

    ``new`` says that it is made by this command, or would be in check mode.
    """

    new: bool
    pem: bytes = b""
    command: str = ""
    #: The certificate of the CA that signed it, in PEM.
    authority: bytes = b""


# Self-signed ----------------------------------------------------------------------------------------------------------


def selfsigned_command(base: str, subject: Mapping[str, str]) -> str:
    """Give the command for attributes of guide table 4 by their own names. Raises BadOption for what cannot be sent."""
    # A request checks the values; its common name is required, and here it is not.
    csr.Request.of({**subject, "CN": subject.get("CN") or "none"})
    given = [(name, quote(subject[name])) for name in commands.CSR_ATTRIBUTES if subject.get(name)]
    return commands.pki_selfsigned(base, given)


def selfsigned(
    node: Node, base: str, subject: Mapping[str, str], now: datetime.datetime, *, check_mode: bool = False
) -> Made:
    """Have the node make a key and a self-signed certificate under a new base name, or find the one it made.

    ``subject`` holds the attributes that are asked for; what is not asked for may be anything. Raises FileProblem,
    CertificateProblem, BadOption, and what a command raises.
    """
    names.check_base(base, "base")
    command = selfsigned_command(base, subject)
    file = f"{base}.crt"
    taken = _taken(node, base)
    if taken:
        free = names.next_base(base, node.files())
        if not {f"{base}.key", file} <= set(taken):
            raise FileProblem(
                f"{node.name} {base}",
                f"the name is in use already ({', '.join(sorted(taken))}), and it is no key with its certificate",
                f"use a name that was never used, for example base: {free}",
            )
        found, cert = _read(node, file)
        faults = [*_selfsigned_faults(cert, subject, now), *_pair_faults(node, f"{base}.key", file)]
        _refuse_other(node, file, faults, f"base: {free}")
        return Made(False, found)
    if check_mode:
        return Made(True, command=command)
    node.make(command)
    _must_be_there(node, command, f"{base}.key", file)
    found, cert = _read(node, file)
    _refuse_wrong(node, file, _selfsigned_faults(cert, subject, now))
    return Made(True, found, command)


def _selfsigned_faults(cert: x509.Certificate, subject: Mapping[str, str], now: datetime.datetime) -> list[str]:
    have = x509util.subject_attributes(cert)
    found = [
        f"{name} is {have.get(name, 'absent')!r}, wanted {value!r}"
        for name, value in subject.items()
        if value and have.get(name) != value
    ]
    if not x509util.is_self_signed(cert):
        found.append(f"it is not self-signed, {x509util.issuer_text(cert)} issued it")
    return found + _date_faults(cert, now)


# Signed by it ---------------------------------------------------------------------------------------------------------


def sign(node: Node, base: str, authority: str, now: datetime.datetime, *, check_mode: bool = False) -> Made:
    """Have the node sign ``<base>.csr`` with the CA ``<authority>``, or find the certificate it made.

    In check mode request and CA may still be to be made. Raises FileProblem, CertificateProblem, and what a command
    raises.
    """
    file = f"{base}.crt"
    command = commands.pki_sign(quote(base), quote(authority))
    missing = [name for name in (f"{base}.csr", f"{authority}.key", f"{authority}.crt") if name not in node.files()]
    if missing and check_mode:
        return Made(True, command=command)
    if missing:
        step = "certops.cms.csr makes a request" if missing[0] == f"{base}.csr" else "certops.cms.pki_selfsigned a CA"
        raise FileProblem(
            f"{node.name} {', '.join(missing)}", "is not on the node", f"name what is there; {step} on the node"
        )
    ca_pem, ca = _read(node, f"{authority}.crt")
    request = csr.load_csr(node.get(f"{base}.csr"), f"{node.name} {base}.csr")
    _check_authority(node, authority, ca, now)
    if file in node.files():
        found, cert = _read(node, file)
        free = names.next_base(base, node.files())
        _refuse_other(node, file, signed_faults(cert, request, ca, now), f"a new request, base: {free}")
        return Made(False, found, authority=ca_pem)
    if check_mode:
        return Made(True, command=command, authority=ca_pem)
    node.make(command)
    _must_be_there(node, command, file)
    found, cert = _read(node, file)
    _refuse_wrong(node, file, signed_faults(cert, request, ca, now))
    return Made(True, found, command, ca_pem)


def signed_faults(
    cert: x509.Certificate, request: x509.CertificateSigningRequest, ca: x509.Certificate, now: datetime.datetime
) -> list[str]:
    """Say in what a certificate is not the one that this CA gives for this request."""
    found = []
    if x509util.spki_sha256(cert) != x509util.spki_sha256(request):
        found.append("it belongs to another key than the request")
    if x509util.issuer_key(cert) != x509util.subject_key(ca) or not x509util.signed_by(cert, ca):
        found.append(f"it is not signed by {x509util.subject_text(ca)}")
    have, wanted = x509util.alternative_names(cert), x509util.alternative_names(request)
    lost = [name for kind in ("dns", "ip", "email") for name in wanted[kind] if name not in have[kind]]
    if lost:
        found.append(f"names of the request are missing: {', '.join(lost)}")
    if x509util.subject_attributes(cert) != x509util.subject_attributes(request):
        found.append(f"its subject is {x509util.subject_text(cert)}, wanted {x509util.subject_text(request)}")
    return found + _date_faults(cert, now)


def _check_authority(node: Node, authority: str, ca: x509.Certificate, now: datetime.datetime) -> None:
    """Refuse a CA whose certificates nobody could verify. One that says nothing of CAs may sign (guide A.3)."""
    faults = _date_faults(ca, now) + _pair_faults(node, f"{authority}.key", f"{authority}.crt")
    if not x509util.is_ca(ca) and not (x509util.constraints(ca)[0] is None and x509util.is_self_signed(ca)):
        faults.append("it is not the certificate of a CA")
    if faults:
        raise CertificateProblem(
            f"{node.name} {authority}.crt",
            f"cannot sign: {'; '.join(faults)}",
            "sign with a CA of this node (certops.cms.pki_selfsigned makes one), or have it signed elsewhere",
        )


# What both ask --------------------------------------------------------------------------------------------------------


def _taken(node: Node, base: str) -> list[str]:
    return [name for name in node.files() if name.partition(".")[0] == base]


def _read(node: Node, file: str) -> tuple[bytes, x509.Certificate]:
    """Read the one certificate of a file."""
    found = certs.load_certificates(node.get(file), f"{node.name} {file}")
    return certs.to_pem(found[0]).encode("ascii"), found[0]


def _date_faults(cert: x509.Certificate, now: datetime.datetime) -> list[str]:
    problem = date_problem(cert, now)
    return [f"it {problem.found}"] if problem else []


def _pair_faults(node: Node, key: str, certificate: str) -> list[str]:
    """Ask the node whether the key is that of the certificate; an answer that is not clear is no fault."""
    says: Any = node.says_yes(commands.pki_match(quote(key), quote(certificate)))
    return [f"the node says that {key} does not belong to it"] if says is False else []


def _must_be_there(node: Node, command: str, *files: str) -> None:
    missing = sorted(set(files) - set(node.files()))
    if missing:
        raise FileProblem(
            f"{node.name} {', '.join(missing)}",
            f"is not on the node after '{command}'",
            "look at what the node printed, then run it again with another base",
            node.transcript,
        )


def _refuse_other(node: Node, file: str, faults: list[str], free: str) -> None:
    if faults:
        raise CertificateProblem(
            f"{node.name} {file}",
            f"is there already and is another one: {'; '.join(faults)}; it must not be replaced",
            f"use a name that was never used, for example {free}",
        )


def _refuse_wrong(node: Node, file: str, faults: list[str]) -> None:
    if faults:
        raise CertificateProblem(
            f"{node.name} {file}",
            f"the node made another certificate than was asked for: {'; '.join(faults)}",
            "do not use it; compare the command with 'help pki' on the node, and use another base or another CA",
            node.transcript,
        )
