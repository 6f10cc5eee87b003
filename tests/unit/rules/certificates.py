# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For each rule about one change, one certificate or one issuer: what breaks it."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from ansible_collections.certops.cms.plugins.action.verify import form_findings
from ansible_collections.certops.cms.plugins.plugin_utils import _gather
from ansible_collections.certops.cms.plugins.plugin_utils._engine import second_opinion
from ansible_collections.certops.cms.plugins.plugin_utils._findings import Finding
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import removal, single
from ansible_collections.certops.cms.plugins.plugin_utils._issuers import acceptance
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.registry import make_issuer
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.store import Store
from ansible_collections.certops.cms.plugins.plugin_utils._pki import bundles, certs, csr, profiles
from tests.unit.plugins.plugin_utils.fleet.kit import CLIENT, NEW, OLD, SERVER
from tests.unit.plugins.plugin_utils.fleet.test_single import Hand
from tests.unit.plugins.plugin_utils.pki import making
from tests.unit.plugins.plugin_utils.pki.making import DAY, NOW, Made
from tests.unit.rules import fleets

Findings = list[dict[str, Any]]
BREAKS: dict[str, Callable[[], Findings]] = {}

BOTH = (SERVER, CLIENT)
GOOD_KU = ("digitalSignature", "keyEncipherment")
ROOT = making.root()
LOWER = ROOT.sub_ca("Example Lower")


def plain(found: list[Finding]) -> Findings:
    return [finding.as_dict() for finding in found]


# One setting ---------------------------------------------------------------------------------------------------------


def by_hand(rule: str) -> Callable[[Callable[[Hand], dict[str, Any]]], None]:
    def note(change: Callable[[Hand], dict[str, Any]]) -> None:
        BREAKS[rule] = lambda: fleets.found(change(Hand(fleets.quiet())))

    return note


@by_hand("key-match-unknown")
def _nobody_knows(hand: Hand) -> dict[str, Any]:
    return dict(hand.assign("core1", "webadmin", hand.lay("core1", "webadmin"), matches=None))


@by_hand("file-missing")
def _not_there(hand: Hand) -> dict[str, Any]:
    return dict(hand.assign("core1", "webadmin", {**hand.lay("core1", "webadmin"), "bundle": "nowhere.crt"}))


@by_hand("service-not-in-inventory")
def _no_group(hand: Hand) -> dict[str, Any]:
    hand.fleet.nodes["core1"].groups = ("callbridge",)
    return dict(hand.assign("core1", "webadmin", hand.lay("core1", "webadmin")))


@by_hand("trust-not-shown")
def _no_row(hand: Hand) -> dict[str, Any]:
    given = hand.given()
    (given.hosts["core1"].survey or {})["services"]["callbridge"]["trusts"].pop("c2w")
    return dict(single.plan_trust(given, "core1", "callbridge", "c2w", NEW.pems, single.WIDEN))


@by_hand("trust-empty")
def _nothing_left(hand: Hand) -> dict[str, Any]:
    return dict(hand.trust("core1", "callbridge", *OLD.pems, mode=single.NARROW))


@by_hand("service-needs-certificate")
def _running(hand: Hand) -> dict[str, Any]:
    return dict(removal.plan_no_certificate(hand.given(), "core1", "webadmin"))


@by_hand("trust-of-outsiders-removed")
def _outsiders(hand: Hand) -> dict[str, Any]:
    core = hand.fleet.nodes["core1"]
    core.foreign_trusts["callbridge", "ucm"] = core.put("ucm.pem", "certificate", *OLD.pems)
    return dict(removal.plan_no_trust(hand.given(), "core1", "callbridge", "ucm"))


# One certificate -----------------------------------------------------------------------------------------------------


def check(leaf: Made, *pool: Made, anchors: tuple[Made, ...] = (ROOT,), **options: Any) -> Findings:
    trusted = [made.cert for made in anchors]
    options = {"now": NOW, "subject_label": "core1 callbridge", **options}
    return plain(profiles.check(leaf.cert, [made.cert for made in pool], trusted, **options))


def web(leaf: Made, *pool: Made, **options: Any) -> Findings:
    return check(leaf, *pool, profile="web_pki", roles=("server",), **options)


def below(**marks: Any) -> Findings:
    """Judge a leaf below a CA with these marks."""
    authority = making.make("Marked CA", issuer=ROOT, names=(), **marks)
    return check(authority.issue(), authority)


def narrow(leaf: dict[str, Any], permitted: Any = None, excluded: Any = None) -> Findings:
    authority = ROOT.sub_ca("Narrow CA", extra=((x509.NameConstraints(permitted, excluded), True),))
    return check(authority.issue("core1.example.com", **leaf), authority)


def patched(made: Made, old: bytes, new: bytes, which: int = 0) -> Made:
    """The same certificate with bytes of it changed, as no library would write it."""
    data = made.cert.public_bytes(serialization.Encoding.DER)
    place = -1
    for _time in range(which + 1):
        place = data.index(old, place + 1)
    damaged = data[:place] + new + data[place + len(old) :]
    return Made(certs.load_certificates(damaged, "x")[0], made.key)


def odd(oid: str, content: bytes = b"\x05\x00", critical: bool = True) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    return ((x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), content), critical),)


def bare(issuer: x509.Name, number: int = 1) -> Made:
    """Make a certificate without extensions."""
    builder = x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=making.name("core1.example.com"),
        public_key=ROOT.cert.public_key(),
        serial_number=number,
        not_valid_before=NOW - DAY,
        not_valid_after=NOW + DAY,
    )
    return Made(builder.sign(ROOT.key, hashes.SHA256()), ROOT.key)


def _serial() -> Findings:
    number = 0x4142434445464748494A4B4C4D4E4F50
    made = bare(ROOT.cert.subject, number)
    raw = number.to_bytes(16, "big")
    return check(patched(made, raw, b"\x80" + raw[1:]))


def _constraints_without_end() -> Findings:
    names = tuple(f"n{number}.example.com" for number in range(600))
    trees = [x509.DNSName(f"d{number}.example.org") for number in range(600)]
    return narrow({"names": names}, None, trees)


def _too_many_below() -> Findings:
    first = ROOT.sub_ca("First", path_length=0)
    second = first.sub_ca("Second")
    return check(second.issue(), first, second)


def _endless() -> Findings:
    made, pool = ROOT, []
    for number in range(30):
        made = made.sub_ca(f"Step {number}")
        pool.append(made)
    return check(made.issue(), *pool)


ECDSA_SHA256 = bytes.fromhex("06082a8648ce3d040302")
ECDSA_SHA384 = bytes.fromhex("06082a8648ce3d040303")
SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)
V1 = making.as_version_1(making.root("Database CA", identifiers=False))
CA_KU = ("keyCertSign", "cRLSign")

BREAKS |= {
    "eku-client-missing": lambda: check(ROOT.issue(eku=(SERVER,))),
    "eku-server-missing": lambda: check(ROOT.issue(eku=(CLIENT,))),
    "ku-client-missing": lambda: check(ROOT.issue(ku=("keyEncipherment",))),
    "ku-server-missing": lambda: check(ROOT.issue(ku=("dataEncipherment",))),
    "netscape-client-missing": lambda: check(ROOT.issue(netscape_bits=0x40)),
    "netscape-server-missing": lambda: check(ROOT.issue(netscape_bits=0x80)),
    "ku-digital-signature-missing": lambda: check(ROOT.issue(ku=("keyAgreement",)), digital_signature=True),
    "ku-tls-missing": lambda: web(ROOT.issue(eku=BOTH, ku=("dataEncipherment",))),
    "eku-any": lambda: web(ROOT.issue(eku=(SERVER, "anyExtendedKeyUsage"))),
    "eku-in-root": lambda: _under(making.root("Root With Usage", eku=BOTH)),
    "ca-not-marked": lambda: below(ca=None),
    "ca-flag-missing": lambda: below(ca=False),
    "ku-cert-sign-missing": lambda: below(ca=True, ku=("digitalSignature",)),
    "netscape-ca-missing": lambda: below(ca=None, netscape_bits=0x40),
    "ca-root-unmarked": lambda: check(
        making.as_version_1(V1.issue("postgres", names=(), identifiers=False), V1), anchors=(V1,)
    ),
    "extension-unreadable": lambda: check(ROOT.issue("core 1", extra=odd("2.5.29.17", b"not der", False))),
    "extension-wrongly-critical": lambda: check(
        ROOT.issue(identifiers=False, extra=((x509.SubjectKeyIdentifier(b"1234"), True),))
    ),
    "extension-not-critical": lambda: check(LOWER.issue(extra=((x509.PolicyConstraints(None, 0), False),)), LOWER),
    "extension-critical-unknown": lambda: check(ROOT.issue(extra=odd("1.2.3.4"))),
    "policy-not-checked": lambda: check(LOWER.issue(extra=((x509.PolicyConstraints(0, None), True),)), LOWER),
    "serial-number-invalid": _serial,
    "name-unreadable": lambda: check(patched(ROOT.issue("core1.example.com"), b"\x0c\x11core1", b"\x0c\x11\xffore1")),
    "issuer-empty": lambda: check(bare(x509.Name([]))),
    "subject-empty": lambda: check(ROOT.issue(None, names=("core1.example.com",))),
    "alternative-name-malformed": lambda: check(ROOT.issue(names=("core1.example.com", "a_b.example.com"))),
    "weak-key": lambda: check(ROOT.issue(key=SMALL)),
    "key-unsupported": lambda: check(ROOT.issue(key=ed25519.Ed25519PrivateKey.generate())),
    "weak-signature": lambda: check(ROOT.issue(hash_with=hashes.SHA3_256())),
    "signature-algorithm-mismatch": lambda: check(patched(ROOT.issue(), ECDSA_SHA256, ECDSA_SHA384, which=1)),
    "name-constraints-in-leaf": lambda: check(
        ROOT.issue(extra=((x509.NameConstraints([x509.DNSName("example.com")], None), True),))
    ),
    "ku-cert-sign-in-leaf": lambda: check(ROOT.issue(ca=False, ku=(*GOOD_KU, *CA_KU))),
    "version-too-old": lambda: web(making.as_version_1(ROOT.issue(), ROOT)),
    "aki-missing": lambda: web(ROOT.issue(eku=BOTH, identifiers=False)),
    "aki-malformed": lambda: _under(_root_with_malformed_identifier()),
    "ski-missing": lambda: _under(making.root("Bare Root", identifiers=False)),
    "leaf-is-ca": lambda: web(ROOT.issue(ca=True, eku=BOTH, ku=GOOD_KU, names=("core1.example.com",))),
    "alternative-name-missing": lambda: web(ROOT.issue(eku=BOTH, names=())),
    "lifetime-too-long": lambda: web(ROOT.issue(eku=BOTH, end=NOW + 500 * DAY)),
    "certificate-expired": lambda: check(ROOT.issue(end=NOW - DAY)),
    "certificate-not-yet-valid": lambda: check(ROOT.issue(start=NOW + DAY)),
    "chain-not-built": lambda: check(LOWER.issue()),
    "chain-too-long": _endless,
    "chain-too-deep": lambda: check(LOWER.issue(), LOWER, max_intermediates=0),
    "anchor-not-trusted": lambda: check(making.make("core1.example.com")),
    "signature-invalid": lambda: check(making.make("Example Root", ca=True).issue(identifiers=False)),
    "path-length-exceeded": _too_many_below,
    "aki-mismatch": lambda: check(
        ROOT.issue(identifiers=False, extra=((x509.AuthorityKeyIdentifier(b"another key", None, None), False),))
    ),
    "name-constraint-malformed": lambda: narrow({}, [x509.DNSName(".example.com")]),
    "name-constraint-unsupported": lambda: narrow(
        {
            "names": (),
            "extra": (
                (x509.SubjectAlternativeName([x509.UniformResourceIdentifier("https://a.example.com/")]), False),
            ),
        },
        [x509.UniformResourceIdentifier("example.com")],
    ),
    "name-constraints-too-many": _constraints_without_end,
    "name-excluded": lambda: narrow(
        {"names": ("10.9.9.9",)}, None, [x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))]
    ),
    "name-not-permitted": lambda: narrow({}, [x509.DNSName("example.org")]),
    "name-mismatch": lambda: check(ROOT.issue(), name="other.example.com"),
    "key-mismatch": lambda: check(ROOT.issue(), key_spki="00"),
}


def _under(root: Made) -> Findings:
    return web(root.issue(eku=BOTH), anchors=(root,))


def _root_with_malformed_identifier() -> Made:
    named = x509.AuthorityKeyIdentifier(b"12", [x509.DirectoryName(making.name("Odd Root"))], 5)
    return making.root("Odd Root", identifiers=False, extra=((named, False),))


def _file_form() -> Findings:
    return plain(form_findings(making.pem(ROOT, LOWER), bundles.BUNDLE, "bundle.crt", False))


BREAKS["file-form"] = _file_form

# What a node says of its files ---------------------------------------------------------------------------------------


def _differs(what: str) -> Findings:
    said = {"agree": False, "node_says": None, "name": "a.crt", "certificate": "a.crt", "key": "a.key"}
    said |= {"used_by": ["webadmin"], "differences": ["another end"], "findings": []}
    kinds = ("use", "inspect", "match", "verify")
    given = [[said | {"node_says": []} if kind == "use" else said] if kind == what else [] for kind in kinds]
    return plain(second_opinion.disagreements("core1", *given))


BREAKS |= {
    "pki-use-differs": lambda: _differs("use"),
    "pki-inspect-differs": lambda: _differs("inspect"),
    "pki-match-differs": lambda: _differs("match"),
    "pki-verify-differs": lambda: _differs("verify"),
}

# What is issued ------------------------------------------------------------------------------------------------------

KEY = making.make("x").key
REQUEST = csr.Request("core1.example.com", names=("core1.example.com",), roles=("server",), ku=GOOD_KU)


def issued(
    issuer: Made = LOWER, chain: tuple[Made, ...] = (LOWER, ROOT), common_name: Any = None, **how: Any
) -> Findings:
    """Judge what an issuer made of the request of core1."""
    how = {"eku": (SERVER,), "ku": GOOD_KU, "key": KEY, "names": ("core1.example.com",), **how}
    leaf = issuer.issue(how.pop("named", "core1.example.com"), **how)
    spki = certs.describe(making.make("x", key=KEY).cert)["spki_sha256"]
    return plain(acceptance.judge("core1/webadmin", REQUEST, spki, leaf.cert, [made.cert for made in chain], NOW))


EXPIRED = making.root("Expired Root", start=NOW - 900 * DAY, end=NOW - DAY)
SHA3 = ROOT.sub_ca("Weak Lower", hash_with=hashes.SHA3_256())
UNMARKED = making.make("No CA", issuer=ROOT, ca=False, names=())
LONG = making.root("Long Root", end=NOW + 9000 * DAY)

BREAKS |= {
    "issued-other-key": lambda: issued(key=making.make("y").key),
    "issued-names-missing": lambda: issued(names=("other.example.com",)),
    "issued-more-names": lambda: issued(names=("core1.example.com", "more.example.com")),
    "issued-without-common-name": lambda: issued(named=None),
    "issued-other-common-name": lambda: issued(named="other.example.com"),
    "issued-usage-missing": lambda: issued(eku=(CLIENT,)),
    "issued-without-key-usage": lambda: issued(ku=None),
    "issued-key-usage-missing": lambda: issued(ku=("keyEncipherment",)),
    "issued-weak-signature": lambda: issued(hash_with=hashes.SHA3_256()),
    "issued-a-ca": lambda: issued(ca=True),
    "issued-dates": lambda: issued(start=NOW + DAY),
    "issued-outlives-ca": lambda: issued(end=NOW + 7000 * DAY),
    "issued-chain-broken": lambda: issued(chain=(ROOT,)),
    "issued-chain-no-ca": lambda: issued(issuer=UNMARKED, chain=(UNMARKED, ROOT)),
    "issued-chain-dates": lambda: issued(issuer=EXPIRED, chain=(EXPIRED,)),
    "issued-chain-weak": lambda: issued(issuer=SHA3, chain=(SHA3, ROOT)),
    "issued-chain-without-root": lambda: issued(chain=(LOWER,)),
}

# Issuers and store ---------------------------------------------------------------------------------------------------


def an_issuer(folder: Path, passphrase: str | None = "a long passphrase", **options: Any) -> Any:
    return make_issuer("internal", {"type": "own_ca", **options}, str(folder), lambda _name: passphrase)


def of_issuer(folder: Path, rule: str) -> Findings:
    """Give what an issuer of its own says of itself; the CA is made at NOW."""
    if rule == "issuer-passphrase-missing":
        return plain(an_issuer(folder, None).check(NOW))
    issuer = an_issuer(folder)
    issuer.prepare(NOW)
    if rule == "issuer-unusable":
        (folder / "issuers" / "internal" / "intermediate.key").write_text("no key")
        issuer = an_issuer(folder)
    moments = {
        "issuer-ca-not-yet-valid": NOW - 9 * DAY,
        "issuer-ca-expired": NOW + 9000 * DAY,
        "issuer-ca-expires-soon": NOW + 1700 * DAY,
    }
    moment: datetime.datetime = moments.get(rule, NOW)
    return plain(issuer.check(moment))


OF_ISSUERS = (
    "issuer-passphrase-missing",
    "issuer-unusable",
    "issuer-ca-not-yet-valid",
    "issuer-ca-expired",
    "issuer-ca-expires-soon",
)

# What is gathered from the inventory ---------------------------------------------------------------------------------


def of_gathering(folder: Path, rule: str) -> Findings:
    """Give what is found before anything is planned."""
    if rule == "store-locked":
        return plain(_gather._locked(Store(str(folder / "store"), None, read_only=True)))
    if rule == "unknown-node":
        return plain(_gather._unknown(frozenset({"core9"}), ["core1"]))
    return plain(_gather._strays({"cms_turn": ["edge9"]}, ["core1"]))


OF_GATHERING = ("store-locked", "unknown-node", "host-outside-fleet")
