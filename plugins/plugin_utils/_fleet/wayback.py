# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What speaks against a way back: files that are gone, certificates that end, trust that is gone, others who must know.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from .._findings import WARNING, Finding
from .._pki import certs, profiles
from .._rules.found import find
from .._services import catalogue, commands
from . import model, names, previous
from .due import ISSUED, Decision
from .given import FleetInput, Host, Wish
from .looking import Against
from .model import SlotKey, Vouching, parse_time
from .previous import Files
from .topology import Link, Topology
from .wanted import Identity

#: A certificate that ends within this time is not put back: it would hardly outlive the rollback.
AT_LEAST = datetime.timedelta(days=1)


def names_of(identity: str, slot: SlotKey) -> set[str]:
    """Give the names by which a person may choose a slot: its service, its own, and that of its identity."""
    return {catalogue.SLOTS[slot[1]][0].name, slot[1], identity}


def is_chosen(wish: Wish, slot: SlotKey, identity: str) -> bool:
    """Say whether a person chose a slot, or nothing at all and so everything."""
    there = not wish.nodes or slot[0] in wish.nodes
    return there and (not wish.services or bool(wish.services & names_of(identity, slot)))


# One slot ------------------------------------------------------------------------------------------------------------


def about_files(
    given: FleetInput, identity: Identity, slot: SlotKey, files: Files, was: str | None
) -> Iterator[Finding]:
    """Check that files can be assigned again: there, readable, a pair, what they were, in force, good for the slot.

    ``was`` is the SHA-256 of the leaf that the slot had with these files, where that is known.
    """
    host = given.hosts[slot[0]]
    label = " ".join(slot)
    survey = host.survey or {"files": {}, "certificates": {}}
    gone = [str(name) for name in files.values() if name and name not in survey["files"]]
    if gone or not files["key"]:
        yield find(
            "rollback-file-gone",
            label,
            f"had {' '.join(filter(None, files.values()))} before, and "
            + (f"{', '.join(gone)} is not on the node any more" if gone else "no key is known for it"),
            "certops.cms.narrow removes old generations: have a new one issued with certops.cms.site, or bring it back "
            "from a backup with certops.cms.pki_file",
        )
        return
    chain = [*host.certificates(files["certificate"]), *host.certificates(files["bundle"])]
    for part in previous.PARTS[1:]:
        entry = survey["certificates"].get(files[part] or "") or {}
        if files[part] and not entry.get("certificates"):
            yield find(
                "certificate-unreadable",
                f"{slot[0]} {files[part]}",
                f"was the {part} of {slot[1]} before, and cannot be read "
                f"({'; '.join(entry.get('problems') or ['no certificate in it'])})",
                "look at the file; a new generation is issued with certops.cms.site",
            )
            return
        for problem in entry.get("problems", []):
            step = "it was used like that before; a new generation is written in the right form"
            yield find("bundle-form", f"{slot[0]} {files[part]}", problem, step, severity=WARNING)
    yield from _about_leaf(given, identity, slot, files, was)
    leaf, *others = [certs.load_certificates(item["pem"].encode(), label)[0] for item in chain]
    roots = [item for item in [leaf, *others] if item.issuer == item.subject]
    row = catalogue.SLOTS[slot[1]][1]
    yield from profiles.check(
        leaf,
        others,
        roots or [[leaf, *others][-1]],
        profile=profiles.MEETING_SERVER,
        roles=row.roles,
        now=given.now,
        subject_label=f"{label} (what it had before)",
        digital_signature=row.signs,
    )


def _about_leaf(
    given: FleetInput, identity: Identity, slot: SlotKey, files: Files, was: str | None
) -> Iterator[Finding]:
    host = given.hosts[slot[0]]
    leaf = host.certificates(files["certificate"])[0]["info"]
    base = str(files["key"]).rpartition(".")[0]
    issued = next(
        (
            generation["leaf"]
            for generation in given.generations.get(identity.id, [])
            if generation["state"] == ISSUED and generation["base"] == base
        ),
        None,
    )
    expected = was or (issued["sha256"] if issued else None)
    if expected not in (None, leaf["sha256"]):
        yield find(
            "rollback-file-changed",
            f"{slot[0]} {files['certificate']}",
            f"holds another certificate ({leaf['subject']}, ends {leaf['not_after'][:10]}) than the one that {slot[1]} "
            "had with it",
            "see who replaced it; assign what you want with certops.cms.service",
        )
    if parse_time(leaf["not_after"]) <= given.now + AT_LEAST:
        ended = parse_time(leaf["not_after"]) <= given.now
        yield find(
            "rollback-expired",
            " ".join(slot),
            f"had {leaf['subject']} before, issued by {leaf['issuer']}, which "
            + (f"expired on {leaf['not_after'][:10]}" if ended else f"ends on {leaf['not_after'][:10]}, within a day"),
            "leave it out of the rollback; if its new certificate is wrong, correct the inventory and run "
            "certops.cms.site",
        )
    yield from _about_pair(host, slot, files, issued is not None and issued["sha256"] == leaf["sha256"])


def _about_pair(host: Host, slot: SlotKey, files: Files, known: bool) -> Iterator[Finding]:
    """Check what the node says of key and certificate; ``known`` says that they were issued for each other."""
    question = commands.pki_match(str(files["key"]), str(files["certificate"]))
    matches, said = ((host.survey or {}).get("matches") or {}).get(question) or (None, "")
    if matches is False:
        yield find(
            "key-mismatch",
            f"{slot[0]} {files['certificate']}",
            f"does not fit the key {files['key']}: '{question}' says {said or 'no'}",
            "see who replaced one of them; assign a pair that fits with certops.cms.service",
        )
    elif matches is None and not known:
        yield find(
            "key-match-unknown",
            f"{slot[0]} {files['certificate']}",
            f"whether it fits the key {files['key']} is not known: '{question}' says {said or 'nothing'}",
            "read its answer by hand; a service that does not start gets back what it has now",
        )


# One identity --------------------------------------------------------------------------------------------------------


def about_parts(identity: Identity, decision: Decision) -> Iterator[Against]:
    """Check that slots which show one certificate go back together: it is one identity (guide 4.1)."""
    leaving = {(identity.current[slot] or {}).get("sha256") for slot in decision.slots}
    staying = [
        slot
        for slot, info in identity.current.items()
        if slot not in decision.back and info is not None and info["sha256"] in leaving
    ]
    if staying:
        nodes = list(dict.fromkeys(host for host, _slot in [*decision.slots, *staying]))
        services = list(dict.fromkeys(slot for _host, slot in [*decision.slots, *staying]))
        yield Against(
            find(
                "rollback-together",
                identity.id.replace("/", " "),
                f"is one certificate for several slots: {_list(decision.slots)} would go back, and {_list(staying)} "
                "would keep it",
                f"put them back together: cms_rollback_nodes: [{', '.join(nodes)}], cms_rollback_services: "
                f"[{', '.join(services)}]; or leave all of them out",
            ),
            tuple(nodes),
        )


def about_anchors(given: FleetInput, vouching: Vouching, decisions: list[Decision]) -> Iterator[Against]:
    """Find those outside the fleet who would meet another anchor, and mark the decisions; no consent is an error (S17).

    A consent names the anchor by its subject or SHA-256, or an issuer that has it.
    """
    accepted = {names.comparable(entry) for entry in given.accepted_anchors}
    missing: dict[str, list[tuple[Decision, SlotKey]]] = {}
    for decision in decisions:
        for slot, back in decision.back.items():
            now = decision.identity.current[slot]
            above = _above(vouching, back.leaf["sha256"])
            if now is None or _above(vouching, now["sha256"]) & above or not catalogue.SLOTS[slot[1]][1].outside:
                continue
            decision.anchor_changes = True
            subjects = {sha: str(vouching.info(sha)["subject"]) for sha in above}
            called = {*above, *map(names.comparable, [*subjects.values(), str(back.leaf["issuer"])])}
            called |= {name.lower() for name, anchors in vouching.anchors.items() if set(anchors) & above}
            if not called & accepted:
                roots = sorted(subject for sha, subject in subjects.items() if vouching.info(sha)["self_signed"])
                missing.setdefault(next(iter(roots), str(back.leaf["issuer"])), []).append((decision, slot))
    for anchor, found in missing.items():
        outside = list(dict.fromkeys(who for _decision, slot in found for who in catalogue.SLOTS[slot[1]][1].outside))
        ids = dict.fromkeys(decision.identity.id.replace("/", " ") for decision, _slot in found)
        yield Against(
            find(
                "anchor-change-without-consent",
                ", ".join(ids),
                f"goes back to the anchor {anchor}. Outside the fleet these may verify it, and must still trust that: "
                f"{', '.join(outside)}",
                f"see that they do, and run it again with cms_accept_anchors: ['{anchor}']",
            ),
            tuple(dict.fromkeys(slot[0] for _decision, slot in found)),
        )


def _above(vouching: Vouching, leaf: str) -> frozenset[str]:
    """Give the CAs above a leaf, itself where there is none."""
    return (vouching.above(leaf) - {leaf}) or frozenset({leaf})


# The fleet -----------------------------------------------------------------------------------------------------------


def about_pending(given: FleetInput, decisions: list[Decision], done: set[SlotKey]) -> Iterator[Against]:
    """Find what is stored and not running and keeps what it has: a restart would make it live unasked (S15)."""
    goes = done | {slot for decision in decisions for slot in decision.slots}
    wish = given.rollback
    for host in given.hosts.values():
        for service in host.pending if host.survey is not None else ():
            slots = [(host.name, slot_id) for slot_id in host.waiting_slots(service)]
            kept = [slot for slot in slots if slot not in goes]
            there = not wish.nodes or host.name in wish.nodes
            chosen = there and (not wish.services or any(slot[0] == host.name and slot in goes for slot in slots))
            if kept or (host.waiting(service) and not chosen):
                yield Against(
                    find(
                        "restart-pending",
                        f"{host.name} {service}",
                        "an earlier run stored settings there and did not see the restart, and it is not put back: "
                        + (_list(kept) or "trust"),
                        f"put it back too (cms_rollback_nodes, cms_rollback_services: {service}), or let "
                        "certops.cms.site finish it first",
                    ),
                    (host.name,),
                )


def about_trust(
    given: FleetInput, topology: Topology, vouching: Vouching, decisions: list[Decision]
) -> Iterator[Against]:
    """Check that every verifier trusts what is put back, or can be widened for it: with CAs that are known, where a
    person let its node and service change."""
    backs = {slot: (decision, back) for decision in decisions for slot, back in decision.back.items()}
    for link in topology.links:
        host = given.hosts[link.verifier]
        if link.slot_key not in backs or host.survey is None:
            continue
        decision, back = backs[link.slot_key]
        (leaf, *_others) = vouching.add(back.chain)
        file = model.trust_file(host, link.kind.verifier, link.kind.trust)
        stored = frozenset(vouching.add(item["pem"] for item in host.certificates(file)))
        if vouching.above(leaf) & stored:
            continue
        ends = tuple(dict.fromkeys([link.presenter, link.verifier]))
        if not _anchor_known(vouching, leaf, stored):
            yield Against(_gone(link, back.leaf), ends)
        elif not _may_change(given.rollback, link):
            nodes = sorted({*given.rollback.nodes, link.presenter, link.verifier})
            services = sorted({*given.rollback.services, link.kind.verifier})
            how = [f"cms_rollback_nodes: [{', '.join(nodes)}]"] if given.rollback.nodes else []
            how += [f"cms_rollback_services: [{', '.join(services)}]"] if given.rollback.services else []
            yield Against(
                find(
                    "rollback-together",
                    link.id,
                    f"{link.verifier} does not trust what {decision.identity.id.replace('/', ' ')} goes back to "
                    f"(issued by {back.leaf['issuer']}), so it has to be widened first, and it was not chosen",
                    f"put them back together: {', '.join(how)}",
                    section="S5",
                ),
                ends,
            )


def _anchor_known(vouching: Vouching, leaf: str, stored: frozenset[str]) -> bool:
    """Say whether a trust can be widened for a leaf: by its CA; by itself where it has none, or leaves are pinned."""
    if any(vouching.info(sha)["ca"] for sha in vouching.above(leaf) - {leaf}):
        return True
    pins = bool(stored) and not any(vouching.info(sha)["ca"] for sha in stored)
    return pins or bool(vouching.info(leaf)["self_signed"])


def _may_change(wish: Wish, link: Link) -> bool:
    there = not wish.nodes or link.verifier in wish.nodes
    service = catalogue.BY_NAME[link.kind.verifier]
    mine = {service.name, *(catalogue.slot_id(service, slot) for slot in service.slots)}
    return there and (not wish.services or bool(wish.services & mine))


def _gone(link: Link, leaf: dict[str, object]) -> Finding:
    return find(
        "rollback-trust-gone",
        link.id,
        f"{link.verifier} does not trust {leaf['issuer']} any more, which issued what {link.presenter} goes back to, "
        "and no file that was read holds a CA certificate of it that is in force",
        f"widen it with that CA certificate (certops.cms.trust), or leave {link.presenter} out of the rollback",
    )


def _list(slots: list[SlotKey]) -> str:
    return ", ".join(" ".join(slot) for slot in slots)
