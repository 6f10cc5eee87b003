# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide which identities need a new generation, why, and under which name; ``now`` is an argument, never the clock.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from .._findings import Finding
from .._pki import csr as requests
from .._pki import validity
from .._rules.found import find
from .._services import catalogue
from . import described, names, staying
from .given import RENEW, SITE, FleetInput, Host
from .model import SlotKey, Vouching, anchors_of, name_fits, parse_time, shown
from .wanted import Identity, named_by_peers, peers_common_name


@dataclasses.dataclass(frozen=True)
class Back:
    """What a rollback assigns to a slot: files that lie on the node, and what they hold, the leaf first (PEM)."""

    files: dict[str, str | None]
    chain: list[str]
    leaf: dict[str, Any]
    #: The generation that is replaced, as identity and base name, to be marked in the store.
    marks: tuple[str, str] | None = None


#: The request stands on the node or in the store, the certificate is not issued yet.
NEW, REQUESTED, ISSUED = "new", "requested", "issued"


@dataclasses.dataclass
class Decision:
    """What happens to an identity: nothing (``reason`` is None), or a generation ``base`` for ``slots``.

    ``resume`` says how far an earlier run came with this very generation. ``on_node`` marks a request that stands on
    the node but not in the store. ``finishes`` marks a generation that is assigned and waits for its restart (S15).
    """

    identity: Identity
    reason: str | None = None
    base: str = ""
    resume: str = NEW
    on_node: bool = False
    finishes: bool = False
    slots: list[SlotKey] = dataclasses.field(default_factory=list)
    leaf: dict[str, Any] | None = None
    chain: list[str] = dataclasses.field(default_factory=list)
    #: The new certificate leads to another root than the one it replaces (S17).
    anchor_changes: bool = False
    #: What a rollback assigns; nothing is issued then.
    back: dict[SlotKey, Back] = dataclasses.field(default_factory=dict)


def decide(identity: Identity, given: FleetInput, vouching: Vouching) -> tuple[Decision, list[Finding]]:
    """Decide about one identity. Give the decision and what is to be said about it."""
    decision = Decision(identity)
    if identity.unreadable:
        # What is there cannot be read, so nobody knows what would be replaced: an error of its own says so.
        return decision, []
    reason, findings = _reason(identity, given, vouching)
    if any(finding.blocks for finding in findings):
        return decision, findings
    if reason is None:
        return _unfinished(identity, given) or decision, findings
    decision.reason = reason
    issuer = given.issuers[identity.issuer or ""]
    fits = not issuer.will_create and _issued_by(identity, issuer.name, given, vouching)
    decision.anchor_changes = identity.leaf is not None and not fits
    if identity.adopted:
        findings.append(
            _say(
                "names-adopted",
                identity,
                f"the new certificate keeps names that the one it replaces has and the inventory does not know: "
                f"{', '.join(identity.adopted)}",
                f"name them in cms_identities.{identity.name}.names if they are right, or set keep_names: false",
            )
        )
    known = _resumable(identity, given, vouching)
    if known:
        decision.base = str(known["base"])
        decision.resume = str(known["state"])
        decision.leaf = known.get("leaf")
        decision.chain = list(known.get("chain") or [])
        decision.on_node = bool(known.get("on_node"))
    else:
        decision.base = _next_base(identity, given)
    assigned = {slot: info["sha256"] if info else None for slot, info in identity.current.items()}
    leaf = decision.leaf["sha256"] if decision.leaf else None
    decision.slots = [slot for slot in identity.slots if leaf is None or assigned[slot] != leaf]
    if not decision.slots:
        decision.reason = None
    return decision, findings


def _reason(identity: Identity, given: FleetInput, vouching: Vouching) -> tuple[str | None, list[Finding]]:
    """Say why an identity needs a new generation, or None."""
    findings: list[Finding] = []
    leaf = identity.leaf
    issuer = given.issuers.get(identity.issuer or "")
    issuer_fits = bool(
        leaf and issuer and not issuer.will_create and _issued_by(identity, issuer.name, given, vouching)
    )
    due = _due(identity, given)
    note = staying.note_of(identity, given)
    goes_on = note is not None and staying.may_go_on(identity, given)
    if note is not None and not goes_on:
        wanted = due or (_changed(identity, given) if given.intent == SITE else None)
        due = _due(identity, given, staying.LAST_DAYS)
        if due is None:
            findings.append(staying.finding(identity, note, wanted))
    if leaf is not None and validity.capped(leaf, validity.parse_renew_before(_renew_before(identity, given))):
        findings.append(
            _say(
                "renew-before-capped",
                identity,
                f"is to be renewed {_renew_before(identity, given)} before its end, which is more than two thirds of "
                f"its lifetime ({leaf['not_before'][:10]} to {leaf['not_after'][:10]}): two thirds count",
            )
        )
    if given.intent == RENEW:
        if leaf is None:
            found = "has no certificate yet; renew only renews what exists"
            findings.append(_say("no-certificate", identity, found))
            return None, findings
        reason = due
    elif note is not None:
        went = f"was rolled back in place of {note['base']}, and goes on as consented" if goes_on else None
        reason = "; ".join(filter(None, [due, went])) or None
    else:
        reason = due or _changed(identity, given)
    if issuer is None:
        # An issuer that is named and not described is told once for all who name it (inventory.about_issuers).
        if reason and identity.issuer is None:
            findings.append(_say("no-issuer", identity, f"needs a certificate and has no issuer ({reason})"))
        return None, findings
    if leaf is None or issuer_fits:
        return reason, findings
    consented = issuer.name in given.accepted_anchors and (note is None or goes_on or due is not None)
    if given.intent == SITE and consented:
        return "; ".join(filter(None, [reason, f"moves to the issuer {issuer.name}, as consented"])), findings
    if reason is None:
        if given.intent == SITE and note is None:
            findings.append(
                _say(
                    "issuer-kept",
                    identity,
                    f"is issued by {leaf['issuer']}, not by the issuer {issuer.name}, and stays so while it is valid",
                    f"to move it, run certops.cms.site with cms_accept_anchors: [{issuer.name}]",
                )
            )
        return None, findings
    findings.append(_no_consent(identity, given, issuer.name, leaf, reason))
    return reason, findings


def _no_consent(identity: Identity, given: FleetInput, issuer: str, leaf: dict[str, Any], reason: str) -> Finding:
    outside = list(dict.fromkeys(who for _host, slot in identity.slots for who in catalogue.SLOTS[slot][1].outside))
    told = f" Outside the fleet these may verify it and must trust the new CA first: {', '.join(outside)}."
    where = "certops.cms.renew never changes an anchor: " if given.intent == RENEW else ""
    return _say(
        "anchor-change-without-consent",
        identity,
        f"{reason}, and the issuer {issuer} has another anchor than the certificate it has (issued by "
        f"{leaf['issuer']}).{told if outside else ''}",
        f"{where}run certops.cms.site with cms_accept_anchors: [{issuer}], or name an issuer under the anchor it has",
    )


def _due(identity: Identity, given: FleetInput, at_most: validity.RenewBefore | None = None) -> str | None:
    """Say why the current certificate is due, or None (expired is always due).

    ``at_most`` is a policy that has to say so too.
    """
    leaf = identity.leaf
    if leaf is None:
        return None
    policies = [validity.parse_renew_before(_renew_before(identity, given)), at_most]
    if not all(validity.is_due(leaf, policy, given.now) for policy in policies if policy is not None):
        return None
    days = (parse_time(str(leaf["not_after"])) - given.now).days
    day = str(leaf["not_after"])[:10]
    if days < 0:
        return f"expired on {day}"
    return f"expires on {day}, in {days} day{'s' if days != 1 else ''}" if days else f"expires on {day}, within a day"


def _renew_before(identity: Identity, given: FleetInput) -> Any:
    hosts = [given.hosts[name] for name in identity.hosts]
    values = (described.variable(host, "cms_renew_before") for host in hosts)
    return identity.config.get("renew_before") or next((value for value in values if value), None)


def _changed(identity: Identity, given: FleetInput) -> str | None:
    """Say what the inventory wants otherwise than the certificates say, or None."""
    missing_slots = [f"{host} {slot}" for (host, slot), info in identity.current.items() if info is None]
    if missing_slots:
        return "no certificate is assigned yet (" + ", ".join(missing_slots) + ")"
    leaves = [info for info in identity.current.values() if info]
    if len({info["sha256"] for info in leaves}) > 1:
        return "its slots hold different certificates, and it is one identity"
    leaf = leaves[0]
    if _as_requested(identity, leaf, given):
        # A CA may give less than it was asked for (parts of the subject); asking again gives the same.
        return None
    have = shown(leaf, frozenset()).names
    lacking = [name for name in identity.names if not name_fits(name, have)]
    if lacking:
        return "lacks the name " + ", ".join(lacking)
    needed = [f"{role}Auth" for role in identity.roles]
    if leaf["extended_key_usage"] is not None:
        without = [usage for usage in needed if usage not in leaf["extended_key_usage"]]
        if without:
            return "lacks the usage " + ", ".join(without)
    if (
        leaf["key_usage"] is not None
        and "digitalSignature" not in leaf["key_usage"]
        and any(catalogue.SLOTS[slot][1].signs for slot in _slots(identity))
    ):
        return "lacks the key usage digitalSignature"
    named = identity.config.get("common_name") or peers_common_name(identity, named_by_peers(identity, given))
    if named and leaf["common_name"] != identity.common_name:
        return f"has the common name {leaf['common_name']}, wanted is {identity.common_name}"
    wanted_subject = identity.config.get("subject", {})
    if any((leaf["subject_attributes"].get(key) or "") != value for key, value in wanted_subject.items()):
        return "has another subject than wanted"
    if identity.config.get("key_type") and not str(leaf["key_type"]).lower().startswith(identity.key["type"]):
        return f"has a {leaf['key_type']} key, wanted is {identity.key['type']}"
    return None


def _as_requested(identity: Identity, leaf: dict[str, Any], given: FleetInput) -> bool:
    """Say whether a certificate was issued for exactly what is wanted now."""
    return any(
        generation["state"] == ISSUED
        and generation["leaf"]["sha256"] == leaf["sha256"]
        and generation["request"] == identity.request()
        for generation in given.generations.get(identity.id, [])
    )


def _slots(identity: Identity) -> set[str]:
    return {slot for _host, slot in identity.slots}


def _issued_by(identity: Identity, issuer: str, given: FleetInput, vouching: Vouching) -> bool:
    """Say whether every current certificate of an identity leads to the root of ``issuer``."""
    anchors = anchors_of(given.issuers[issuer], vouching)
    return all(info is None or bool(vouching.above(info["sha256"]) & anchors) for info in identity.current.values())


def _unfinished(identity: Identity, given: FleetInput) -> Decision | None:
    """Give the generation that an earlier run assigned without seeing the restart, if the store knows it (S15)."""
    slots = [
        (host, slot)
        for host, slot in identity.slots
        if slot in given.hosts[host].waiting_slots(catalogue.SLOTS[slot][0].name) and identity.current[host, slot]
    ]
    leaves = {str((identity.current[slot] or {}).get("sha256")) for slot in slots}
    for generation in given.generations.get(identity.id, []):
        if generation["state"] == ISSUED and leaves == {generation["leaf"]["sha256"]}:
            return Decision(
                identity,
                "an earlier run assigned it and did not see the restart",
                str(generation["base"]),
                resume=ISSUED,
                finishes=True,
                slots=slots,
                leaf=generation["leaf"],
                chain=list(generation["chain"]),
            )
    return None


def _resumable(identity: Identity, given: FleetInput, vouching: Vouching) -> dict[str, Any] | None:
    """Give the newest generation that an earlier run began for exactly this request, if it can still be used."""
    assigned = _assigned_bases(identity, given)
    newest = max((names.generation_of(base, names.stem(identity.name)) or 0 for base in assigned), default=0)
    policy = validity.parse_renew_before(_renew_before(identity, given))
    found: list[tuple[int, dict[str, Any]]] = []
    for generation in given.generations.get(identity.id, []):
        number = names.generation_of(str(generation["base"]), names.stem(identity.name)) or 0
        if number < newest or generation["request"] != identity.request():
            continue
        if generation["state"] == ISSUED and validity.is_due(generation["leaf"], policy, given.now):
            continue
        if generation.get("put_back") and not staying.may_go_on(identity, given):
            continue
        if not _usable(identity, generation, given, vouching):
            continue
        found.append((number, generation))
    found += _on_node(identity, given, newest)
    return max(found, key=lambda item: item[0])[1] if found else None


def _usable(identity: Identity, generation: dict[str, Any], given: FleetInput, vouching: Vouching) -> bool:
    """Say whether key and CA of a generation are still there: a node may have been set up anew since."""
    if identity.key["where"] == "node":
        files = (given.hosts[identity.hosts[0]].survey or {}).get("files", {})
        if names.files_of(str(generation["base"]), chain=False)["key"] not in files:
            return False
    if generation["state"] != ISSUED:
        return True
    leaf, *_chain = vouching.add(generation["chain"])
    return bool(vouching.above(leaf) & anchors_of(given.issuers[identity.issuer or ""], vouching))


def _on_node(identity: Identity, given: FleetInput, newest: int) -> list[tuple[int, dict[str, Any]]]:
    """Give requests that this collection made on the node and that never reached the store."""
    if identity.key["where"] != "node":
        return []
    host = given.hosts[identity.hosts[0]]
    survey = host.survey or {}
    stored = {str(generation["base"]) for generation in given.generations.get(identity.id, [])}
    found = []
    for name, csr in (survey.get("csrs") or {}).items():
        base = name.rpartition(".")[0]
        number = names.generation_of(base, names.stem(identity.name))
        complete = name in host.made and f"{base}.key" in survey["files"]
        if number and number > newest and base not in stored and complete and _asks_for(identity, name, csr["pem"]):
            found.append((number, {"base": base, "state": REQUESTED, "on_node": True}))
    return found


def _asks_for(identity: Identity, file: str, pem: str) -> bool:
    """Say whether a request on the node asks for exactly what is wanted now; else a new one is made."""
    wanted = requests.Request.of(identity.subject, identity.names, identity.roles, identity.eku, identity.ku)
    asked = requests.describe_csr(pem, file)
    have = {entry.lower() for entry in asked["names"]}
    return not requests.differences(requests.load_csr(pem.encode("ascii", "replace"), file), wanted) and have <= set(
        wanted.all_names
    )


def _assigned_bases(identity: Identity, given: FleetInput) -> list[str]:
    bases = []
    for host_name, slot_id in identity.slots:
        service, slot = catalogue.SLOTS[slot_id]
        files = (given.hosts[host_name].service(service.name).get("slots") or {}).get(slot.name) or {}
        if files.get("key"):
            bases.append(str(files["key"]).rpartition(".")[0])
    return bases


def _next_base(identity: Identity, given: FleetInput) -> str:
    """Choose a base name that was never used for this identity, on any of its nodes or in the store (S2)."""
    used = [str(generation["base"]) for generation in given.generations.get(identity.id, [])]
    for name in identity.hosts:
        host = given.hosts[name]
        used += list((host.survey or {}).get("files", {}))
        used += [file for file in host.made if not _never_came_about(file, host, used)]
    stem = names.stem(identity.name)
    return names.base(stem, names.next_generation(stem, used))


def _never_came_about(file: str, host: Host, known: Iterable[str]) -> bool:
    """Say whether a file is part of a request that a killed run noted and whose command the node never carried out.

    Then its name is free: nothing of it is on the node, and nothing was ever issued for it.
    """
    base = file.partition(".")[0]
    return {f"{base}.key", f"{base}.csr"} <= host.made and base not in {name.partition(".")[0] for name in known}


def _say(rule: str, identity: Identity, found: str, next_step: str = "") -> Finding:
    return find(rule, identity.id.replace("/", " "), found, next_step)
