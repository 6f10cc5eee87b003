# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every trust setting of a link has to hold, and which of them must be widened (S5, S16).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses

from .._services import catalogue
from . import model, names
from .due import Decision
from .given import SITE, FleetInput, Host
from .model import (
    Shown,
    SlotKey,
    State,
    TrustKey,
    Vouching,
    anchors_of,
    assigned_chain,
    issuer_symbol,
    trust_file,
)
from .topology import Topology


@dataclasses.dataclass
class TrustChange:
    """A trust setting that is to hold ``keep`` and ``add``, in ``file``; ``stored`` when it is assigned already."""

    key: TrustKey
    file: str
    keep: list[str]
    add: list[str]
    before: str | None
    reason: str
    stored: bool = False
    #: Other services of the node that read the same setting; True: nothing of theirs waits for it.
    users: dict[str, bool] = dataclasses.field(default_factory=dict)

    @property
    def content(self) -> frozenset[str]:
        """Give everything the setting will hold."""
        return frozenset(self.keep) | frozenset(self.add)


def planned(given: FleetInput, decisions: list[Decision], vouching: Vouching) -> dict[SlotKey, Shown]:
    """Give what the slots will show that get a new generation."""
    found = {}
    for decision in decisions:
        identity = decision.identity
        for slot, back in decision.back.items():
            leaf, *_chain = vouching.add(back.chain)
            found[slot] = model.shown(vouching.info(leaf), vouching.above(leaf))
        if decision.back or decision.reason is None or identity.issuer is None or identity.issuer not in given.issuers:
            continue
        issuer = given.issuers[identity.issuer]
        if decision.leaf is not None:
            own = vouching.add(decision.chain)
            shown = model.shown(vouching.info(own[0]), frozenset(own) | anchors_of(issuer, vouching))
        else:
            shown = Shown(
                leaf=None,
                vouched_by=anchors_of(issuer, vouching),
                names=frozenset(identity.names),
                not_after=None,
                description=f"CN={identity.common_name}, to be issued by {issuer.name}",
                planned=True,
            )
        for slot in decision.slots:
            found[slot] = shown
    return found


def unfinished(given: FleetInput, vouching: Vouching) -> dict[SlotKey, Shown]:
    """Give what the slots will show whose assignment this collection stored and never saw restarted (S15)."""
    found = {}
    for host in given.hosts.values():
        for service in host.pending:
            for slot_id in host.waiting_slots(service) if host.survey is not None else ():
                chain = assigned_chain(host, slot_id)
                if chain:
                    leaf, *_rest = vouching.add(item["pem"] for item in chain)
                    found[host.name, slot_id] = model.shown(vouching.info(leaf), vouching.above(leaf))
    return found


def changes(
    given: FleetInput,
    topology: Topology,
    decisions: list[Decision],
    new: dict[SlotKey, Shown],
    now_state: State,
    vouching: Vouching,
) -> tuple[list[TrustChange], dict[TrustKey, set[SlotKey]]]:
    """Give the trust settings that must change, and for each the presenters whose new identity waits for it.

    A setting is widened to a superset of what the node trusts now (S16).
    """
    found: list[TrustChange] = []
    waiting: dict[TrustKey, set[SlotKey]] = {}
    issuer_of = {slot: decision.identity.issuer or "" for decision in decisions for slot in decision.slots}
    back = {slot: entry for decision in decisions for slot, entry in decision.back.items()}
    for key, links in sorted(topology.by_trust.items()):
        host = given.hosts[key[0]]
        if host.survey is None:
            continue
        stored_file = trust_file(host, key[1], key[2])
        stored = _content(given, key, stored_file, vouching)
        active = now_state.trusts.get(key, frozenset())
        add: set[str] = set()
        causes: dict[tuple[str, str], list[str]] = {}
        for link in links:
            shown = new.get(link.slot_key)
            if shown is not None and not shown.vouched_by & stored:
                issuer = None if link.slot_key in back else issuer_of.get(link.slot_key)
                add |= _to_add(issuer, vouching) if issuer else _authorities(shown, vouching)
                under = f"will be issued by {issuer or 'the CA of what is assigned'}, which is not trusted here yet"
                if link.slot_key in back:
                    old = back[link.slot_key].leaf["issuer"]
                    under = f"goes back to what {old} issued, which is not trusted here any more"
                causes.setdefault((link.kind.presenter, under), []).append(link.presenter)
            today = now_state.slots.get(link.slot_key)
            # A link that had to be assumed may forbid something, but it is no reason to trust somebody.
            # Renewing renews what is due and nothing else: it runs unattended.
            cures = shown is None and link.certain and given.intent == SITE
            kept = today if cures else None
            if kept is not None and not kept.vouched_by & (stored | add):
                # The presenter keeps its certificate and nobody trusts it: a fault of today, cured on the way.
                add |= {kept.leaf} if kept.leaf and _pins(stored, vouching) else _authorities(kept, vouching)
                causes.setdefault((link.kind.presenter, "is not trusted here today"), []).append(link.presenter)
        for link in links:
            shown = new.get(link.slot_key)
            if shown is None or shown.vouched_by & active:
                continue
            doubted = bool(shown.vouched_by & stored)
            # Where a link is down already, no order of changes can keep it up, and a restart into what is broken hurts.
            if doubted or not now_state.faults(link, given.now):
                waiting.setdefault(key, set()).add(link.slot_key)
        if add:
            # While presenters still show their old certificates, those have to stay trusted where they are.
            content = stored | frozenset(add)
            found.append(
                TrustChange(
                    key=key,
                    file=file_name(given, key, stored_file, content, vouching),
                    keep=sorted(stored),
                    add=sorted(add),
                    before=stored_file,
                    reason="; ".join(f"{slot} of {', '.join(who)} {what}" for (slot, what), who in causes.items()),
                )
            )
        elif stored_file is not None and (_waits(host, key) or key in waiting):
            reason = "it is stored and not live yet: a restart is pending"
            if model.is_doubted(host, links[0]):
                reason = "a link over it could not be proven: perhaps it is stored and not live"
            found.append(TrustChange(key, stored_file, sorted(stored), [], None, reason, stored=True))
    return _together(given, found, vouching), waiting


def _together(given: FleetInput, found: list[TrustChange], vouching: Vouching) -> list[TrustChange]:
    """Bring changes of one setting that several services of a node read to one file with what all of them need."""
    by_setting: dict[tuple[str, str], list[TrustChange]] = {}
    for change in found:
        host, service, name = change.key
        if catalogue.BY_NAME[service].trust(name).show:
            by_setting.setdefault((host, catalogue.BY_NAME[service].trust(name).command), []).append(change)
    for (host, _command), changes in by_setting.items():
        widened = [change for change in changes if not change.stored]
        if widened:
            first = widened[0]
            keep = sorted({sha for change in widened for sha in change.keep})
            add = sorted({sha for change in widened for sha in change.add} - set(keep))
            file = file_name(given, first.key, first.before, frozenset([*keep, *add]), vouching)
            for change in changes:
                change.keep, change.add, change.file, change.before = keep, add, file, first.before
                change.stored = False
        concerned = {change.key[1] for change in changes}
        for change in changes:
            others = readers(given.hosts[host], change.key[1], change.key[2])
            change.users = {name: name not in concerned for name in others}
    return found


def readers(host: Host, service: str, trust: str) -> dict[str, bool]:
    """Give the other services of a node that read a trust setting, each as one whose restart can wait."""
    row = catalogue.BY_NAME[service].trust(trust)
    return {
        other.name: True
        for other in catalogue.SERVICES
        if row.show and other.name != service and other.name in host.services and row in other.trusts
    }


def _waits(host: Host, key: TrustKey) -> bool:
    """Say whether a setting was stored and must be restarted for; a narrower trust only rides along."""
    return any(record["setting"] == f"trust:{key[2]}" for record in host.waiting(key[1]))


def _pins(content: frozenset[str], vouching: Vouching) -> bool:
    """Say whether a trust pins leaves and holds no CA (guide 1.2.5)."""
    return bool(content) and not any(vouching.info(sha256)["ca"] for sha256 in content)


def _content(given: FleetInput, key: TrustKey, file: str | None, vouching: Vouching) -> frozenset[str]:
    return frozenset(vouching.add(item["pem"] for item in given.hosts[key[0]].certificates(file)))


def _to_add(issuer: str, vouching: Vouching) -> set[str]:
    return set(vouching.anchors[issuer]) or {issuer_symbol(issuer)}


def _authorities(shown: Shown, vouching: Vouching) -> set[str]:
    """Give the CAs above a certificate, or itself where there is none to pin it (guide 1.2.5)."""
    known = [sha256 for sha256 in shown.vouched_by if sha256 in vouching.pems]
    return {sha256 for sha256 in known if sha256 != shown.leaf and vouching.info(sha256)["ca"]} or set(known)


def file_name(
    given: FleetInput, key: TrustKey, assigned: str | None, content: frozenset[str], vouching: Vouching
) -> str:
    """Name the file of a trust that changes; take one that a killed run left, where it fits or was cut."""
    host = given.hosts[key[0]]
    stem = names.trust_stem(*key[1:])
    survey = host.survey or {}
    newest = names.generation_of(assigned, stem) or 0 if assigned else 0
    ours = [
        str(name)
        for name in sorted(survey.get("files", {}))
        if (names.generation_of(name, stem) or 0) > newest and name in host.made and name in survey["certificates"]
    ]
    for name in ours:
        if _content(given, key, name, vouching) == content:
            return name
    for name in ours:
        # An upload that was cut short: no service can have read it, and the upload is done again.
        if survey["certificates"][name]["problems"]:
            return name
    # A name that a killed run noted and that never came to the node was not used.
    noted = [name for name in host.made if (names.generation_of(name, stem) or 0) <= newest]
    used = [*survey.get("files", {}), *noted]
    return f"{stem}-g{names.next_generation(stem, used)}.pem"
