# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Diagnoses of what is down or comes down: links, dates, pairs, settings that are stored and not live.

Each takes the case and gives signs; ``causes`` puts those alike together. The texts name no node: its name stands
before them (guide chapter 5).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._findings import ERROR, WARNING
from .._fleet import described
from .._fleet.pending import serves_assigned
from .._fleet.topology import Link
from .._services import catalogue
from . import case as cases
from .case import Case, Seen
from .causes import NEXT, NOW, Blank, Pieces, Sign, listed

_SITE = "run certops.cms.site, which widens the trust first and restarts in order"
_BROKEN = "link-broken"


def of_links(case: Case) -> Iterator[Sign]:
    """Say why each link that is down is down: trust, name, listener, or a change that is stored and not live."""
    for pair in case.pairs():
        down = [link for link in pair if case.state_of(link) == cases.DOWN]
        faults = [(link, fault) for link in down for fault in case.faults(link)]
        for link, fault in faults:
            # A date has a line of its own, which says who refuses the certificate.
            if fault != cases.EXPIRED:
                yield _of_fault(case, link, fault)
        if down and not faults:
            # The side that is dialled listens: the other one has nothing to connect to.
            yield _unexplained(case, next((link for link in down if link.kind.name_checked), down[0]))


def _of_fault(case: Case, link: Link, fault: str) -> Sign:
    kind = link.kind
    severity = WARNING if link.assumed else ERROR
    perhaps = " (assumed: no API shows this link)" if link.assumed else ""
    verifier, presenter = link.verifier, link.presenter
    explains = ((_BROKEN, link.id, ""),)
    if fault == cases.UNTRUSTED:
        found: Pieces = (
            f"{kind.verifier} {kind.trust} trust {_lacks(case, link)}, so it refuses ",
            Blank.WHAT,
            " of ",
            Blank.PEERS,
            perhaps,
        )
        cure = link.mend if link.assumed else _SITE
        what = (kind.presenter,)
        rule = "link-untrusted"
        return Sign(rule, severity, kind.section, NOW, verifier, found, cure, (presenter,), what, explains=explains)
    if fault == cases.WRONG_NAME:
        shown = case.state.slots[link.slot_key]
        names = ", ".join(sorted(shown.names)) if shown else ""
        found = (
            f"{kind.verifier} of ",
            Blank.PEERS,
            f" dials {link.dialled}, and the {kind.presenter} certificate is for {names or 'no name'} only{perhaps}",
        )
        cure = (
            f"register a URL whose name is in the certificate, or have {link.dialled} added (cms_c2w_names) with "
            "certops.cms.site"
        )
        return Sign(
            "link-wrong-name", severity, kind.section, NOW, presenter, found, cure, (verifier,), explains=explains
        )
    found = (
        f"no certificate is shown for {kind.presenter}, which {kind.verifier} of ",
        Blank.PEERS,
        " verifies" + perhaps,
    )
    cure = "assign one: run certops.cms.site"
    rule = "link-without-certificate"
    return Sign(rule, severity, kind.section, NOW, presenter, found, cure, (verifier,), explains=explains)


def _lacks(case: Case, link: Link) -> str:
    """Say what a trust would need: the CA above what is shown, or that it has it and it is over."""
    held = case.state.trusts.get(link.trust_key, frozenset())
    leaf = case.seen[link.slot_key].leaf if link.slot_key in case.seen else None
    if not held or leaf is None:
        return "is empty" if not held else "does not know what is shown"
    if leaf["self_signed"]:
        return f"lacks the self-signed {leaf['subject']}"
    for info in (case.vouching.info(sha256) for sha256 in sorted(held)):
        if info["subject"] == leaf["issuer"] and case.is_over(info["not_after"]):
            return f"holds {info['subject']} only as a certificate that ended on {info['not_after'][:10]}"
    return f"lacks {leaf['issuer']}"


def _unexplained(case: Case, link: Link) -> Sign:
    """Explain a link that its API reports down although trust, names and dates are right in both directions."""
    section, explains = link.kind.section, ((_BROKEN, link.id, ""),)
    verifier, presenter, slot_id = link.verifier, link.presenter, link.kind.presenter
    waits = _waiting(case, link)
    if waits is not None:
        node, service = waits
        found: Pieces = (
            f"{service} runs with other certificates or trust than it has stored; links down: ",
            Blank.PEERS,
        )
        cure = f"restart {service}, or run certops.cms.site, which finishes what a run began"
        peers = (presenter if node == verifier else verifier,)
        return Sign("link-not-restarted", ERROR, section, NOW, node, found, cure, peers, explains=explains)
    served = case.given.hosts[presenter].served(slot_id)
    if served.get("state") not in ("served", "not_probed"):
        place = f"port {served['port']}" if served.get("port") else "its port"
        found = (f"{slot_id} does not answer with TLS on {place} ({_why(served)}): no link with ", Blank.PEERS)
        cure = "see whether the service runs and listens there, and whether a firewall is in the way"
        return Sign("link-no-listener", ERROR, section, NOW, presenter, found, cure, (verifier,), explains=explains)
    found = (
        f"{slot_id} is reported down by the API of ",
        Blank.PEERS,
        "; trust, names and dates are right on both sides",
    )
    cure = (
        "see whether the name in the URL resolves on the dialling node and the port is open (DNS, firewall), and look "
        "into its event log"
    )
    return Sign("link-down", ERROR, section, NOW, presenter, found, cure, (verifier,), explains=explains)


def _why(served: dict[str, Any]) -> str:
    """Give the reason of a probe without the address in it, so that nodes with one reason are told together."""
    detail = str(served.get("detail") or served.get("state"))
    return detail.rpartition(": ")[2] if detail.startswith("cannot connect") else detail


def _waiting(case: Case, link: Link) -> tuple[str, str] | None:
    """Give node and service of an end that runs with something else than it has stored; None where nothing says so."""
    presents = catalogue.SLOTS[link.kind.presenter][0].name
    for name, service in ((link.presenter, presents), (link.verifier, link.kind.verifier)):
        if case.given.hosts[name].waiting(service):
            return name, service
    seen = case.seen.get(link.slot_key)
    if seen is not None and seen.served and not serves_assigned(seen.host, seen.slot_id):
        return link.presenter, presents
    return None


# Dates ---------------------------------------------------------------------------------------------------------------


def of_dates(case: Case) -> Iterator[Sign]:
    """Find what is expired or soon to expire, and who is concerned (guide 5.3); a node once for what is cured alike."""
    ends: dict[tuple[str, bool, str], list[Seen]] = {}
    for seen in case.seen.values():
        over = case.is_over(seen.leaf["not_after"])
        if over or case.is_soon(seen.leaf["not_after"]):
            ends.setdefault((seen.host.name, over, _renewal(case, seen)), []).append(seen)
    for (_name, over, cure), shown in ends.items():
        yield _dated(case, shown, over, cure)
    for seen in case.seen.values():
        yield from (sign for authority in seen.chain for sign in _authority(case, seen, authority))


def _dated(case: Case, shown: list[Seen], over: bool, cure: str) -> Sign:
    """Give the sign of what one node shows; ``over`` says that it has ended."""
    name, slots = shown[0].host.name, [seen.slot_id for seen in shown]
    peers = sorted({peer for slot_id in slots for peer in case.verifiers(name, slot_id)})
    outside = [who for seen in shown if not case.verifiers(name, seen.slot_id) for who in seen.slot.outside]
    told: Pieces = ("; refused by " if over else "; verified by ", Blank.PEERS) if peers else ()
    if outside:
        told = (*told, f"; concerned: {', '.join(dict.fromkeys(outside))}")
    verb = "expired" if over else "end" if len(slots) > 1 else "ends"
    links = [link for link in case.topology.links if link.presenter == name and link.kind.presenter in slots]
    return Sign(
        "expired" if over else "expires-soon",
        ERROR if over else WARNING,
        "5.3",
        NOW if over else NEXT,
        name,
        (f"the certificate{'s' if len(slots) > 1 else ''} of {listed(slots)} {verb} on ", Blank.WHEN, *told),
        cure,
        tuple(peers),
        when=min(seen.leaf["not_after"][:10] for seen in shown),
        until=max(seen.leaf["not_after"][:10] for seen in shown),
        explains=(
            *(("certificate-expired", f"{name} {seen.slot_id}", str(seen.leaf["subject"])) for seen in shown),
            *((_BROKEN, link.id, "expired on") for link in links),
        ),
    )


def _authority(case: Case, seen: Seen, authority: dict[str, Any]) -> Iterator[Sign]:
    end = authority["not_after"]
    over = case.is_over(end)
    if not over and not case.is_soon(end):
        return
    ended = "ended" if over else "ends"
    found: Pieces = (
        f"the CA certificate {authority['subject']} in the chain of {seen.slot_id} {ended} on ",
        Blank.WHEN,
        ", and everything below it with it",
    )
    yield Sign(
        "ca-expired" if over else "ca-expires-soon",
        ERROR if over else WARNING,
        "5.3",
        NOW if over else NEXT,
        seen.host.name,
        found,
        "have the certificates below it issued by a CA certificate that is valid, and give the chain that one",
        when=end[:10],
        explains=(("certificate-expired", f"{seen.host.name} {seen.slot_id}", str(authority["subject"])),),
    )


def _renewal(case: Case, seen: Seen) -> str:
    """Say what becomes of a certificate at its end."""
    if (seen.host.name, seen.slot_id) in case.planned:
        return "run certops.cms.renew: it is due and on its list"
    _identity, config = described.config_of(seen.host, seen.slot_id)
    if config.get("issuer") is None and seen.host.variables.get("cms_issuer") is None:
        return "name who issues it (cms_issuer, cms_issuers) and run certops.cms.renew, or renew it by hand (guide 4)"
    if seen.host.name in case.blocked:
        return "clear the errors that block this node or what is linked to it, then run certops.cms.renew"
    return "nothing yet: certops.cms.renew takes it when it is due (cms_renew_before)"


# Pairs and services --------------------------------------------------------------------------------------------------


def of_pairs(case: Case) -> Iterator[Sign]:
    """Find keys and certificates that do not belong together, as the node itself says."""
    for host in case.given.hosts.values():
        for slot_id, pair in ((host.survey or {}).get("pairs") or {}).items():
            if pair["matches"] is False and slot_id in catalogue.SLOTS:
                service = catalogue.SLOTS[slot_id][0].name
                yield Sign(
                    "pair-does-not-match",
                    ERROR,
                    "4.3",
                    NEXT,
                    host.name,
                    (f"{slot_id}: the key {pair['key']} does not belong to the certificate {pair['certificate']}",),
                    f"assign a pair that fits (certops.cms.service) before {service} restarts and stays down",
                )


def of_services(case: Case) -> Iterator[Sign]:
    """Find services that are switched on and do not run, and changes of ours whose restart nobody saw (S15)."""
    for host in case.given.hosts.values():
        for name in host.services if host.survey is not None else ():
            state, service = host.service(name), catalogue.BY_NAME[name]
            if state.get("present") and state.get("enabled") is not False and state.get("running") is False:
                found = (f"{name} is switched on and does not run",)
                start = service.activate[-1] if service.activate else name
                cure = f"look at its key, certificate and bundle (certops.cms.verify), then send: {start}"
                yield Sign("service-not-running", ERROR, service.section, NOW, host.name, found, cure)
            if host.waiting(name):
                found = (f"a run stored settings of {name} and did not see its restart: perhaps they are not live",)
                cure = "run certops.cms.site, which finishes what it began"
                yield Sign("restart-pending", WARNING, "S15", NEXT, host.name, found, cure)
