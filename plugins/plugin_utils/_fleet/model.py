# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which certificates vouch for which: the plain sets that links are judged by.

A link holds when the verifier trusts at least one certificate that vouches for what the presenter shows: the leaf
itself (pinned, guide 1.2.5) or any CA above it. Certificates that do not exist yet take part as symbols.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable
from typing import Any

from .._pki import certs, chain, x509util
from .._services import catalogue
from .given import FleetInput, Host, IssuerFacts
from .links import Link, TrustKey
from .slots import assigned_chain, chain_of
from .topology import Topology

__all__ = [
    "Shown",
    "SlotKey",
    "State",
    "TrustKey",
    "Vouching",
    "active_trust_file",
    "anchors_of",
    "assigned_chain",
    "is_doubted",
    "issuer_symbol",
    "link_name_fits",
    "name_fits",
    "parse_time",
    "shown",
    "shown_now",
    "today",
    "told_trust",
    "trust_file",
]

SlotKey = tuple[str, str]


def issuer_symbol(name: str) -> str:
    """Name the anchors of an issuer that come to be only when it issues for the first time."""
    return f"issuer:{name}"


@dataclasses.dataclass(frozen=True)
class Shown:
    """What a slot presents: its leaf (None while it is not issued), what vouches for it, its names and its end."""

    leaf: str | None
    vouched_by: frozenset[str]
    names: frozenset[str]
    not_after: datetime.datetime | None
    description: str
    planned: bool = False


@dataclasses.dataclass
class State:
    """One state of the fleet: what every trust setting holds and what every slot shows, as far as it runs."""

    trusts: dict[TrustKey, frozenset[str]]
    slots: dict[SlotKey, Shown | None]

    def copy(self) -> State:
        """Give a state that can be changed on its own."""
        return State(dict(self.trusts), dict(self.slots))

    def trusts_what_it_sees(self, link: Link) -> bool:
        """Say whether the verifier of a link trusts what its presenter shows in this state."""
        shown = self.slots.get(link.slot_key)
        return shown is not None and bool(shown.vouched_by & self.trusts.get(link.trust_key, frozenset()))

    def faults(self, link: Link, now: datetime.datetime) -> list[str]:
        """Say why a link does not hold in this state; nothing when it holds."""
        return [fault for fault, _remedy in self.faults_and_remedies(link, now)]

    def faults_and_remedies(self, link: Link, now: datetime.datetime) -> list[tuple[str, str]]:
        """Say why a link does not hold in this state, and for each fault what helps."""
        shown = self.slots.get(link.slot_key)
        if shown is None:
            missing = f"{link.presenter} presents no certificate for {link.kind.presenter}"
            return [(missing, f"assign a certificate to {link.kind.presenter} of {link.presenter}")]
        found = []
        if not shown.vouched_by & self.trusts.get(link.trust_key, frozenset()):
            fault = (
                f"{link.verifier} does not trust what {link.presenter} presents ({shown.description}) in its "
                f"{link.kind.verifier} {link.kind.trust} trust"
            )
            found.append((fault, f"widen the trust of {link.verifier} first (certops.cms.trust), with its restart"))
        if link.kind.name_checked and link.dialled and not link_name_fits(link, shown.names):
            fault = (
                f"{link.verifier} dials {link.dialled}, which is not among the names of the certificate "
                f"({', '.join(sorted(shown.names)) or 'none'})"
            )
            found.append((fault, f"have a certificate issued that names {link.dialled}"))
        if shown.not_after is not None and shown.not_after <= now:
            fault = f"the certificate of {link.presenter} expired on {shown.not_after:%Y-%m-%d}"
            found.append((fault, "have a new one issued"))
        return found


class Vouching:
    """Knows which certificates of the fleet issued which, by their signatures."""

    def __init__(self, given: FleetInput) -> None:
        self._now = given.now
        self.pems: dict[str, str] = {}
        self._parsed: dict[str, Any] = {}
        self._by_subject: dict[Any, list[str]] = {}
        self._issuers: dict[str, frozenset[str]] = {}
        self._public: dict[str, bool] = {}
        for host in given.hosts.values():
            if host.survey is None:
                continue
            for entry in host.survey["certificates"].values():
                self.add(item["pem"] for item in entry.get("certificates", []))
            for served in host.survey["served"].values():
                # A probe authenticates nobody: what it shows beside the leaf must never become trust.
                self.add(item["pem"] for item in served.get("chain", [])[:1])
        self.anchors: dict[str, list[str]] = {}
        for issuer in given.issuers.values():
            self.anchors[issuer.name] = self.add(issuer.anchors)

    def add(self, pems: Iterable[str]) -> list[str]:
        """Take certificates in; give their fingerprints in the same order."""
        found = []
        for pem in pems:
            for certificate in certs.load_certificates(pem.encode("ascii", "replace"), "a surveyed certificate"):
                sha256 = certs.fingerprint(certificate)
                if sha256 not in self._parsed:
                    self._parsed[sha256] = certificate
                    self._by_subject.setdefault(x509util.subject_key(certificate), []).append(sha256)
                    self.pems[sha256] = certs.to_pem(certificate)
                    self._issuers.clear()
                found.append(sha256)
        return found

    def certificate(self, sha256: str) -> Any:
        """Give a certificate that was taken in, as the library's object."""
        return self._parsed[sha256]

    def info(self, sha256: str) -> dict[str, Any]:
        """Describe a certificate that was taken in."""
        return certs.describe(self._parsed[sha256])

    def is_public(self, sha256: str) -> bool:
        """Say whether a certificate says of itself that a public CA issued it."""
        if sha256 not in self._public:
            self._public[sha256] = certs.says_public(self._parsed[sha256])
        return self._public[sha256]

    def above(self, sha256: str) -> frozenset[str]:
        """Give every certificate known that vouches for this one: itself and all that issued it, up to the root."""
        found = {sha256}
        ahead = [sha256]
        while ahead:
            for issuer in self._issuers_of(ahead.pop()):
                if issuer not in found:
                    found.add(issuer)
                    ahead.append(issuer)
        return frozenset(found)

    def _issuers_of(self, sha256: str) -> frozenset[str]:
        if sha256 not in self._issuers:
            child = self._parsed[sha256]
            issuer = x509util.issuer_key(child)
            named = self._by_subject.get(issuer, []) if issuer is not None else []
            self._issuers[sha256] = frozenset(
                other
                for other in named
                if other != sha256
                and chain.date_problem(self._parsed[other], self._now) is None
                and x509util.signed_by(child, self._parsed[other])
            )
        return self._issuers[sha256]


def anchors_of(issuer: IssuerFacts, vouching: Vouching) -> frozenset[str]:
    """Give what vouches for everything an issuer will issue: its CA certificates, or its symbol before they exist."""
    return frozenset(vouching.anchors[issuer.name]) or frozenset({issuer_symbol(issuer.name)})


def today(given: FleetInput, topology: Topology, vouching: Vouching) -> State:
    """Give the state that runs now.

    A trust setting that this collection stored and never saw restarted is taken as it was before. A slot shows what
    the probe saw; where nothing could be probed, what is assigned (guide 4.5 advises a firewall).
    """
    trusts: dict[TrustKey, frozenset[str]] = {}
    slots: dict[SlotKey, Shown | None] = {}
    for link in topology.links:
        verifier, presenter = given.hosts[link.verifier], given.hosts[link.presenter]
        if link.trust_key not in trusts and is_doubted(verifier, link):
            trusts[link.trust_key] = _proven_over(link.trust_key, given, topology, vouching)
        elif link.trust_key not in trusts:
            content = frozenset(vouching.add(_pems(verifier, active_trust_file(verifier, link))))
            told = told_trust(verifier, link)
            if told is not None:
                content = frozenset(sha for sha in content if vouching.info(sha)["subject_id"] in told)
            trusts[link.trust_key] = content
        if link.slot_key not in slots:
            slots[link.slot_key] = shown_now(presenter, link.kind.presenter, vouching)
    return State(trusts, slots)


def active_trust_file(host: Host, link: Link) -> str | None:
    """Give the trust file that the running service read: the one before, while a restart is pending (S15).

    None also where a link over this trust could not be proven: then nobody knows what the service read.
    """
    record = _waiting_trust(host, link)
    if record is not None:
        before = None if record.get("doubted") else record.get("before")
        return str(before) if before else None
    return trust_file(host, link.kind.verifier, link.kind.trust)


def is_doubted(host: Host, link: Link) -> bool:
    """Say whether a link over a trust could not be proven although it was stored: perhaps it is not live (S15)."""
    return bool((_waiting_trust(host, link) or {}).get("doubted"))


def _waiting_trust(host: Host, link: Link) -> dict[str, Any] | None:
    records = host.pending.get(link.kind.verifier, [])
    return next((record for record in records if record["setting"] == f"trust:{link.kind.trust}"), None)


def _proven_over(key: TrustKey, given: FleetInput, topology: Topology, vouching: Vouching) -> frozenset[str]:
    """Give what a doubted trust is known to take: the very certificates whose links over it are up."""
    links = [link for link in topology.by_trust.get(key, []) if link.before == "success"]
    seen = [shown_now(given.hosts[link.presenter], link.kind.presenter, vouching) for link in links]
    return frozenset(found.leaf for found in seen if found is not None and found.leaf is not None)


def told_trust(host: Host, link: Link) -> dict[str, str] | None:
    """Give the CAs a running service itself names as its trust, name by ``subject_id``; None where it names none.

    A server that asks for client certificates may say which CAs it takes (RFC 5246, 7.4.4): the one sight of a trust
    that runs, where the display only knows what is stored (S15).
    """
    service = catalogue.BY_NAME[link.kind.verifier]
    for slot in service.slots:
        served = host.served(catalogue.slot_id(service, slot))
        if slot.asks_client and served.get("client_ca_ids"):
            return dict(zip(served["client_ca_ids"], served["client_ca_names"], strict=True))
    return None


def trust_file(host: Host, service: str, trust: str) -> str | None:
    """Give the file that a trust setting names."""
    value = (host.service(service).get("trusts") or {}).get(trust)
    return str(value) if value else None


def shown_now(host: Host, slot_id: str, vouching: Vouching) -> Shown | None:
    """Give what a slot presents now: what is served, else what is assigned; None when there is neither."""
    chain = host.served(slot_id).get("chain") or _running_chain(host, slot_id)
    if not chain:
        return None
    (leaf,) = vouching.add(item["pem"] for item in chain[:1])
    return shown(vouching.info(leaf), vouching.above(leaf))


def shown(info: dict[str, Any], vouched_by: frozenset[str]) -> Shown:
    """Describe what a certificate presents."""
    names = [*info["dns"], *info["ip"]] or ([info["common_name"]] if info["common_name"] else [])
    return Shown(
        leaf=info["sha256"],
        vouched_by=vouched_by,
        names=frozenset(name.lower() for name in names),
        not_after=parse_time(info["not_after"]),
        description=f"{info['subject']}, issued by {info['issuer']}",
    )


def _running_chain(host: Host, slot_id: str) -> list[dict[str, Any]]:
    """Give what a slot runs with where no probe shows it: what was assigned before, while a restart is pending."""
    record = host.waiting_slots(catalogue.SLOTS[slot_id][0].name).get(slot_id)
    return assigned_chain(host, slot_id) if record is None else chain_of(host, record.get("before") or {})


def parse_time(text: str) -> datetime.datetime:
    """Read an ISO 8601 UTC time as the surveys write it."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def _pems(host: Host, file: str | None) -> list[str]:
    return [item["pem"] for item in host.certificates(file)]


def link_name_fits(link: Link, names: frozenset[str]) -> bool:
    """Say whether the name a link dials is among those of a certificate; some verifiers take no wildcard."""
    dialled = link.dialled or ""
    return dialled.lower() in names if link.kind.name_exact else name_fits(dialled, names)


def name_fits(dialled: str, names: frozenset[str]) -> bool:
    """Say whether a name is among the names of a certificate, or covered by a wildcard among them."""
    wanted = dialled.lower()
    parent = wanted.partition(".")[2]
    return wanted in names or (bool(parent) and f"*.{parent}" in names)
