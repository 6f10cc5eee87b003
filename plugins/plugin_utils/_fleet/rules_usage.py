# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules about usages, signatures and sizes of certificates and their CAs (guide 2.1, 2.2, 3.3, 6, appendix C).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterator

from .._findings import ERROR, REMARK, WARNING
from .._pki import profiles
from .._rules.rule import Rule
from .._services import catalogue
from . import described
from .given import NARROW
from .held import Held
from .looking import Broken, View, about

#: Certificates that are sent at most, the leaf among them, before it is remarked: leaf, two intermediates, root.
MOST_SENT = 4
#: Bits of an RSA key above which it is remarked.
MOST_BITS = 3072


def _for_cucm(view: View) -> Iterator[Broken]:
    for held in view.held:
        wanted = [f"{role}Auth" for role in held.slot.roles]
        if catalogue.CUCM not in held.slot.peers or len(wanted) < 2:
            continue
        if described.variable(held.host, "cms_cucm"):
            lacking = [usage for usage in wanted if usage not in (held.usages or ())]
            if lacking:
                have = ", ".join(held.usages) if held.usages else "no extended key usage"
                yield about(held, f"has {have}; CUCM wants it to name {' and '.join(wanted)}")


def _unrestricted(view: View) -> Iterator[Broken]:
    for held in view.held:
        if held.usages is None and held.key_usages is None and not held.self_signed:
            severity = WARNING if held.slot.public else REMARK
            text = "has neither key usages nor extended ones, so it is good for every use"
            more = ", and browsers may refuse it" if held.slot.public else ""
            yield about(held, text + more, severity=severity)


def _also_wanted(view: View) -> Iterator[Broken]:
    for held in view.held:
        lacking = [f"{role}Auth" for role in held.slot.also_ask if f"{role}Auth" not in (held.usages or ())]
        if held.usages is not None and lacking:
            yield about(held, f"does not name {', '.join(lacking)}, which the vendor asks for in one of two places")


def _issuers(view: View) -> Iterator[Broken]:
    """Judge the CAs that will issue as a Meeting Server will, before they issue."""
    for name, issuer in view.given.issuers.items():
        mine = [decision.identity for decision in view.decisions if decision.reason and not decision.back]
        mine = [identity for identity in mine if identity.issuer == name]
        if not mine or any(finding.blocks for finding in issuer.findings):
            continue
        roles = tuple(dict.fromkeys(role for identity in mine for role in identity.roles))
        hosts = tuple(dict.fromkeys(host for identity in mine for host in identity.hosts))
        cas = [view.vouching.certificate(sha256) for sha256 in view.vouching.anchors[name]]
        for finding in profiles.check_cas(cas, roles=roles, now=view.given.now, subject_label=f"issuer {name}"):
            if finding.blocks:
                yield Broken(finding.object, finding.found, hosts, finding.next_step, section=finding.section)


def _self_signed(view: View) -> Iterator[Broken]:
    for held in view.held:
        if held.self_signed and not _refused(held):
            severity = WARNING if held.slot.public else REMARK
            shown = ", and browsers show an error" if held.slot.public else ""
            yield about(held, f"is self-signed, which is for test environments{shown}", severity=severity)


def _self_signed_refused(view: View) -> Iterator[Broken]:
    for held in view.held:
        if held.self_signed and _refused(held):
            who = "the database cluster needs a CA" if held.slot.ca_signed else "Lync trusts the CA of a certificate"
            yield about(held, f"is self-signed; {who}")


def _refused(held: Held) -> bool:
    lync = catalogue.LYNC in held.slot.peers and described.variable(held.host, "cms_lync_fqdn")
    return held.slot.ca_signed or bool(lync)


def _long_chains(view: View) -> Iterator[Broken]:
    for held in view.held:
        if len(held.chain) > MOST_SENT:
            yield about(held, f"comes with a chain of {len(held.chain)} certificates")


def _big_keys(view: View) -> Iterator[Broken]:
    for held in view.held:
        kind, _blank, size = held.key_type.partition(" ")
        if kind == "RSA" and size.isdigit() and int(size) > MOST_BITS:
            yield about(held, f"has an RSA key of {size} bits")


RULES: tuple[Rule, ...] = (
    Rule(
        "cucm-usages",
        ERROR,
        "3.3",
        "what Unified Communications Manager meets on a trunk names both usages (cms_cucm)",
        "have it issued with a template that gives serverAuth and clientAuth",
        _for_cucm,
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "usage-unrestricted",
        WARNING,
        "2.1",
        "a certificate without usages, or of version 1, is good for every use, which is told",
        "nothing has to be done where it is used inside; have it issued with usages when it is renewed",
        _unrestricted,
        also=(REMARK,),
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "usage-also-wanted",
        REMARK,
        "2.1",
        "usages that the vendor's documents disagree about are there",
        "nothing has to be done while its links are up; a new one is asked for with it",
        _also_wanted,
        skips=(NARROW,),
    ),
    Rule(
        "issuer-chain-refused",
        ERROR,
        "2.2",
        "the CAs that will issue are such that a Meeting Server takes what they issue",
        "use an issuer whose CAs may issue for these usages",
        _issuers,
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "self-signed",
        WARNING,
        "6",
        "no certificate is self-signed",
        "set cms_issuer, and run certops.cms.site with cms_accept_anchors to have it issued by a CA",
        _self_signed,
        also=(REMARK,),
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "self-signed-refused",
        ERROR,
        "6",
        "database and Lync (cms_lync_fqdn) meet no self-signed certificate",
        "have it issued by a CA",
        _self_signed_refused,
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "long-chain",
        REMARK,
        "C",
        f"at most {MOST_SENT} certificates are sent",
        "a long chain makes handshakes slow: ask the CA for a shorter one",
        _long_chains,
        skips=(NARROW,),
    ),
    Rule(
        "big-key",
        REMARK,
        "C",
        f"RSA keys have at most {MOST_BITS} bits",
        "a big key makes handshakes slow: 2048 bits (cms_key_size) or ECDSA (cms_key_type) are enough",
        _big_keys,
        skips=(NARROW,),
    ),
)
