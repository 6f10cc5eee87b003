# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates, CAs and nodes on paper: what a fleet of tests is made of."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import functools
from collections import Counter
from collections.abc import Iterable
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.certops.cms.plugins.plugin_utils._pki import certs, csr
from tests.unit.plugins.plugin_utils.pki import making
from tests.unit.plugins.plugin_utils.pki.making import DAY, NOW, Made

SERVER, CLIENT = "serverAuth", "clientAuth"

#: service -> slot id -> name of the slot in a survey
SLOTS = {
    "webadmin": {"webadmin": "webadmin"},
    "callbridge": {"callbridge": "callbridge"},
    "webbridge3": {"webbridge3_https": "https", "webbridge3_c2w": "c2w"},
    "turn": {"turn": "turn"},
    "meetingapps": {"meetingapps": "meetingapps"},
    "recorder": {"recorder": "recorder"},
    "streamer": {"streamer": "streamer"},
    "scheduler": {"scheduler_https": "https", "scheduler_c2w": "c2w"},
    "uploader": {},
}
#: What dials and listens nowhere has no port.
PORTS: dict[str, int | None] = {
    "webadmin": 445,
    "callbridge": 5061,
    "webbridge3_https": 443,
    "webbridge3_c2w": 9999,
    "turn": 5349,
    "meetingapps": 5000,
    "recorder": 6001,
    "streamer": 7001,
    "scheduler_https": 8443,
    "scheduler_c2w": None,
}
#: Rows of trust that a display has though nothing is set.
TRUSTS = {
    "callbridge": ("c2w", "cluster", "sip"),
    "webbridge3": ("c2w",),
    "scheduler": ("c2w",),
    "recorder": ("sip",),
    "streamer": ("sip",),
    "uploader": ("cms", "rev"),
}
USAGES = {
    "webadmin": (SERVER,),
    "callbridge": (SERVER, CLIENT),
    "webbridge3_https": (SERVER,),
    "webbridge3_c2w": (SERVER, CLIENT),
    "turn": (SERVER,),
    "meetingapps": (SERVER,),
    "recorder": (SERVER,),
    "streamer": (SERVER,),
    "scheduler_https": (SERVER,),
    "scheduler_c2w": (CLIENT,),
}
FULL_CHAIN = ("webbridge3_https", "webbridge3_c2w", "meetingapps", "scheduler_https", "scheduler_c2w")


def service_of(slot: str) -> str:
    return next(service for service, slots in SLOTS.items() if slot in slots)


@dataclasses.dataclass(frozen=True)
class Authority:
    """A CA: what it signs with, and everything from there up to the root."""

    signer: Made
    above: tuple[Made, ...]

    def __deepcopy__(self, memo: dict[int, Any]) -> Authority:
        """Give itself: nothing of it changes, and older releases of cryptography cannot copy its keys."""
        return self

    @property
    def root(self) -> Made:
        return self.above[-1]

    @property
    def pems(self) -> list[str]:
        return [made.pem for made in self.above]

    @property
    def fingerprints(self) -> list[str]:
        return [certs.fingerprint(made.cert) for made in self.above]

    def intermediate(self, name: str) -> Authority:
        made = making.make(name, issuer=self.root, ca=True, start=NOW - 100 * DAY, end=NOW + 2000 * DAY)
        return Authority(made, (made, *self.above[-1:]))

    def issue(
        self,
        common_name: str,
        names: Iterable[str] = (),
        eku: Iterable[str] = (SERVER,),
        ends: int = 9,
        lasts: int = 200,
        **more: Any,
    ) -> Made:
        """Issue a certificate that ends in ``ends`` days and lives ``lasts`` days."""
        end = NOW + ends * DAY
        more.setdefault("ku", ("digitalSignature", "keyEncipherment"))
        made: Made = self.signer.issue(
            common_name,
            names=tuple(names) or None,
            eku=tuple(eku),
            start=end - lasts * DAY,
            end=end,
            **more,
        )
        return made


@functools.cache
def authority(name: str, intermediate: bool = False) -> Authority:
    root = making.make(f"{name} Root", ca=True, start=NOW - 1000 * DAY, end=NOW + 3000 * DAY)
    found = Authority(root, (root,))
    return found.intermediate(f"{name} Issuing") if intermediate else found


OLD = authority("Old")
NEW = authority("New", intermediate=True)


@dataclasses.dataclass
class File:
    kind: str
    pems: list[str] = dataclasses.field(default_factory=list)
    csr: Any = None
    problems: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Node:
    """One Meeting Server on paper. ``slots`` and ``trusts`` are stored settings, ``running`` and ``trusting`` what the
    services read when they started."""

    name: str
    services: tuple[str, ...]
    address: str
    groups: tuple[str, ...] | None = None
    variables: dict[str, Any] = dataclasses.field(default_factory=dict)
    files: dict[str, File] = dataclasses.field(default_factory=dict)
    slots: dict[str, dict[str, str | None]] = dataclasses.field(default_factory=dict)
    trusts: dict[tuple[str, str], str | None] = dataclasses.field(default_factory=dict)
    running: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    trusting: dict[tuple[str, str], list[str]] = dataclasses.field(default_factory=dict)
    enabled: dict[str, bool] = dataclasses.field(default_factory=dict)
    restarts: Counter[str] = dataclasses.field(default_factory=Counter)
    keys: dict[str, Any] = dataclasses.field(default_factory=dict)
    # The journal.
    pending: dict[str, dict[str, dict[str, Any]]] = dataclasses.field(default_factory=dict)
    made: set[str] = dataclasses.field(default_factory=set)
    trust_added: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    replaced: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    # What a survey shows besides.
    unreachable: str = ""
    #: What ``pki match`` says of key and certificate, where it is not yes.
    matches: dict[tuple[str, str], bool | None] = dataclasses.field(default_factory=dict)
    unprobed: set[str] = dataclasses.field(default_factory=set)
    #: What tls sip verify says, and whom an uploader dials.
    sip_verify: str = "disabled"
    uploads_to: str | None = None
    version: str = "3.9"
    foreign_trusts: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    unknown_rows: dict[str, list[list[str]]] = dataclasses.field(default_factory=dict)
    unknown_trusts: dict[str, list[list[str]]] = dataclasses.field(default_factory=dict)
    missing: set[str] = dataclasses.field(default_factory=set)
    api: str = "ok"
    calls: int = 0
    notices: list[str] = dataclasses.field(default_factory=list)

    @property
    def fqdn(self) -> str:
        return str(self.variables.get("cms_fqdn") or f"{self.name}.example.com")

    def put(self, name: str, kind: str, *pems: str) -> str:
        self.files[name] = File(kind, list(pems))
        return name

    def certificates(self, slot: str) -> list[str]:
        """The certificates of the files that a slot names, leaf first."""
        files = self.slots.get(slot) or {}
        return [
            pem
            for part in ("certificate", "bundle")
            if files.get(part) in self.files
            for pem in self.files[str(files[part])].pems
        ]

    def start(self, service: str) -> None:
        """Let a service read its settings."""
        for slot in SLOTS[service]:
            if slot in self.slots:
                self.running[slot] = self.certificates(slot)
        for key, file in self.trusts.items():
            if key[0] == service:
                self.trusting[key] = list(self.files[file].pems) if file in self.files else []

    def reboot(self) -> None:
        for service in self.services:
            if self.enabled.get(service, True):
                self.start(service)

    def install(self, slot: str, base: str, leaf: Made, chain: Iterable[str]) -> None:
        """Put key, certificate and chain on the node and assign them."""
        self.put(f"{base}.key", "key")
        if slot in FULL_CHAIN:
            self.put(f"{base}.crt", "certificate", leaf.pem, *chain)
            self.slots[slot] = {"key": f"{base}.key", "certificate": f"{base}.crt", "bundle": None}
        else:
            self.put(f"{base}.crt", "certificate", leaf.pem)
            self.put(f"{base}-bundle.crt", "certificate", *chain)
            files = {"key": f"{base}.key", "certificate": f"{base}.crt", "bundle": f"{base}-bundle.crt"}
            self.slots[slot] = dict(files)


def verifies(shown: list[str], trusted: list[str], now: datetime.datetime = NOW) -> bool:
    """Say whether a presented chain leads to something trusted, by signatures and dates."""
    return _verifies(tuple(shown), tuple(trusted), now)


@functools.cache
def _verifies(shown: tuple[str, ...], trusted: tuple[str, ...], now: datetime.datetime) -> bool:
    if not shown:
        return False
    ends = {fingerprint(pem) for pem in trusted}
    pool = [load(pem) for pem in [*shown[1:], *trusted]]
    ahead, seen = [load(shown[0])], set()
    while ahead:
        current = ahead.pop()
        if not current.not_valid_before_utc <= now < current.not_valid_after_utc:
            continue
        sha256 = certs.fingerprint(current)
        if sha256 in ends:
            return True
        if sha256 in seen:
            continue
        seen.add(sha256)
        ahead += [parent for parent in pool if parent.subject == current.issuer and _signed(current, parent)]
    return False


def _signed(child: x509.Certificate, parent: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(parent)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


@functools.cache
def load(pem: str) -> x509.Certificate:
    return certs.load_certificates(pem.encode(), "kit")[0]


@functools.cache
def _described(pem: str) -> dict[str, Any]:
    return certs.describe(load(pem))


def info(pem: str) -> dict[str, Any]:
    return copy.deepcopy(_described(pem))


def fingerprint(pem: str) -> str:
    return str(_described(pem)["sha256"])


def entry_of(pem: str) -> dict[str, Any]:
    return {"pem": pem, "info": _described(pem)}


def make_csr(subject: dict[str, str], names: Iterable[str], key: Any = None) -> dict[str, Any]:
    """A request as a survey shows it; ``pki csr`` never asks for usages."""
    request = csr.Request.of(subject, names)
    builder = x509.CertificateSigningRequestBuilder().subject_name(csr.subject_name(request))
    builder = builder.add_extension(x509.SubjectAlternativeName(csr.general_names(request)), critical=False)
    made = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    text = made.public_bytes(serialization.Encoding.PEM).decode()
    shown = csr.describe_csr(text)
    return {"pem": text, **{part: shown[part] for part in ("spki_sha256", "subject", "dns", "ip")}}
