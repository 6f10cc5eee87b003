# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every issuer is asked for, and what its answer is checked for before it goes near a node.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import abc
import dataclasses
import datetime
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from .._errors import IssuerProblem
from .._findings import Finding
from .._pki import bundles, certs, csr, profiles
from .acceptance import judge
from .options import Option, Place


@dataclasses.dataclass(frozen=True)
class Wanted:
    """One certificate that is wanted, and the CSR with its public key.

    ``subject`` uses the attribute names of guide table 4 (``CN``, ``O``, ...); ``names`` are all alternative names;
    ``eku`` and ``ku`` are names such as ``serverAuth`` and ``digitalSignature``. ``key`` says where the key lives
    (``node`` or ``control``), its type and its size.
    """

    identity: str
    base: str
    common_name: str
    subject: dict[str, str]
    names: tuple[str, ...]
    roles: tuple[str, ...]
    eku: tuple[str, ...]
    ku: tuple[str, ...]
    csr_pem: str
    key: dict[str, Any] = dataclasses.field(default_factory=dict)
    issuer: str = ""

    @classmethod
    def of(cls, identity: Mapping[str, Any], csr_pem: str) -> Wanted:
        """Take it from an identity of a plan and the CSR that was made for it."""
        subject = {str(key): str(value) for key, value in identity["subject"].items() if value}
        return cls(
            identity=str(identity["id"]),
            base=str(identity["base"]),
            common_name=subject.get("CN", ""),
            subject=subject,
            names=tuple(identity["names"]),
            roles=tuple(identity["roles"]),
            eku=tuple(identity["eku"]),
            ku=tuple(identity["ku"]),
            csr_pem=csr_pem,
            key=dict(identity.get("key") or {}),
            issuer=str(identity.get("issuer") or ""),
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], csr_pem: str) -> Wanted:
        """Build it from ``as_dict`` output."""
        many = ("names", "roles", "eku", "ku")
        fields: dict[str, Any] = {key: tuple(data[key]) if key in many else data[key] for key in data}
        return cls(csr_pem=csr_pem, **fields)

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain data, without the CSR."""
        data = dataclasses.asdict(self)
        del data["csr_pem"]
        return {key: list(value) if isinstance(value, tuple) else value for key, value in data.items()}

    def request(self) -> dict[str, Any]:
        """Give what the request says in the form that plans compare: the order of lists means nothing."""
        return {
            "subject": dict(self.subject),
            "names": sorted(self.names),
            "eku": sorted(self.eku),
            "ku": sorted(self.ku),
            "key": dict(self.key),
            "issuer": self.issuer,
        }

    def as_request(self) -> csr.Request:
        """Give the request in the words of ``_pki``. Raises BadOption for values no certificate can carry."""
        return csr.Request.of(self.subject | {"CN": self.common_name}, self.names, self.roles, self.eku, self.ku)


@dataclasses.dataclass(frozen=True)
class Issued:
    """A certificate and its chain: intermediates in order, root last (guide 1.2.4)."""

    leaf_pem: str
    chain_pems: tuple[str, ...]
    details: dict[str, Any] = dataclasses.field(default_factory=dict)


class Issuer(abc.ABC):
    """What turns a request into a certificate. ``now`` is always an argument, never the clock of the process."""

    #: The ``type`` in ``cms_issuers``, and its options by name.
    kind: ClassVar[str]
    options: ClassVar[Mapping[str, Option]]

    @classmethod
    @abc.abstractmethod
    def create(cls, name: str, values: Mapping[str, Any], place: Place) -> Issuer:
        """Make the issuer of this name from the values of its options, each read and none of them None."""

    #: Whether browsers and other clients outside trust it by themselves: the option ``public`` of every type.
    public: bool = False

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def days(self) -> int | None:
        """Give the days its certificates live, where that is known beforehand."""
        return None

    @property
    @abc.abstractmethod
    def will_create(self) -> bool:
        """Say whether ``prepare`` will make CA certificates that nobody can trust yet, as they do not exist."""

    @property
    @abc.abstractmethod
    def validity(self) -> str:
        """Say how long its certificates live, in words, such as ``397 days``."""

    @abc.abstractmethod
    def anchors(self) -> list[str]:
        """Give the CA certificates above what it issues, in PEM, root last; nothing while they do not all exist."""

    @abc.abstractmethod
    def describe(self) -> dict[str, Any]:
        """Describe it as plain data: ``name``, ``type``, ``validity``, subjects of its CAs. No secrets."""

    @abc.abstractmethod
    def check(self, now: datetime.datetime) -> list[Finding]:
        """Say what would keep it from issuing now or soon. Changes nothing, never raises CmsError."""

    @abc.abstractmethod
    def prepare(self, now: datetime.datetime) -> None:
        """Make what must exist before it can issue. Killed anywhere, the next call finishes the work."""

    @abc.abstractmethod
    def issue(self, wanted: Wanted, now: datetime.datetime) -> Issued:
        """Issue one certificate. Raises IssuerProblem or StoreProblem."""

    def obtain(self, wanted: Wanted, now: datetime.datetime) -> tuple[Issued, list[Finding]]:
        """Issue one certificate and check it; what is found comes back, unless it forbids the certificate.

        Raises IssuerProblem when the certificate is not what was asked for.
        """
        issued = self.issue(wanted, now)
        findings = accept(wanted, issued, now)
        blocking = [finding for finding in findings if finding.blocks]
        if blocking:
            raise IssuerProblem(
                f"{wanted.identity}, issuer {self.name}",
                "; ".join(finding.found for finding in blocking),
                blocking[0].next_step,
            )
        return issued, findings


def assemble(wanted: Wanted, answer: bytes, trusted_roots: Iterable[str] = ()) -> Issued:
    """Make order of what a CA sent: the leaf for our key, then its chain, completed from ``trusted_roots`` (PEM).

    Takes PEM, DER and PKCS#7, in any order. Raises CertificateProblem when there is no certificate for the key.
    """
    name = f"answer of issuer {wanted.issuer} for {wanted.identity}"
    leaf, others = bundles.split(answer, name, spki=csr.describe_csr(wanted.csr_pem)["spki_sha256"])
    roots = [cert for pem in trusted_roots for cert in certs.load_certificates(pem.encode("ascii", "replace"), name)]
    chain = bundles.order_chain(leaf, [*others, *roots])
    left_over = [cert for cert in others if cert not in chain]
    return Issued(
        certs.to_pem(leaf),
        tuple(certs.to_pem(cert) for cert in chain[1:]),
        {"left_over": [certs.describe(cert)["subject"] for cert in left_over]},
    )


def accept(wanted: Wanted, issued: Issued, now: datetime.datetime) -> list[Finding]:
    """Check an issued certificate against its request: key, names, usages, lifetime, chain. Findings come back.

    One that is what was asked for must also be one that Meeting Servers accept, with its chain and for its roles (2.2).
    """
    leaf = certs.load_certificates(issued.leaf_pem.encode("ascii", "replace"), f"certificate for {wanted.identity}")
    chain = [
        cert
        for pem in issued.chain_pems
        for cert in certs.load_certificates(pem.encode("ascii", "replace"), f"chain for {wanted.identity}")
    ]
    spki = csr.describe_csr(wanted.csr_pem)["spki_sha256"]
    found = judge(wanted.identity, wanted.as_request(), spki, leaf[0], chain, now)
    if any(finding.blocks for finding in found):
        return found
    refused = profiles.check(leaf[0], chain, chain[-1:], roles=wanted.roles, now=now, subject_label=wanted.identity)
    return [*found, *(finding for finding in refused if finding.blocks)]
