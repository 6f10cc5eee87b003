# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``rollback`` puts back: for each slot the files it had before, and everything that speaks against it.

Nothing is issued and no key moves: what is put back lies on the node (S13), and the journal or a person says which
files those are. Trust, order, restarts and proofs are those of any plan.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .._findings import ERROR, WARNING
from .._rules.found import find
from .._services import catalogue, commands
from . import previous, wayback
from .due import ISSUED, Back, Decision
from .given import FleetInput, Wish
from .looking import Against
from .model import SlotKey, Vouching
from .previous import Files
from .topology import Topology
from .wanted import Identity, identities


def decide(given: FleetInput, topology: Topology, vouching: Vouching) -> tuple[list[Decision], list[Against]]:
    """Decide about every identity of the fleet: what its slots are given back, or why not."""
    found = _Rollback(given, topology, vouching)
    return found.decide(), found.against


class _Rollback:
    def __init__(self, given: FleetInput, topology: Topology, vouching: Vouching) -> None:
        self.given = given
        self.wish: Wish = given.rollback
        self.topology = topology
        self.vouching = vouching
        self.against: list[Against] = []
        #: Slots that have what they had before already: an earlier run of this rollback gave it to them.
        self.done: set[SlotKey] = set()
        #: Slots for which the base name that a person gave names something.
        self.met: set[SlotKey] = set()

    def decide(self) -> list[Decision]:
        known, problems = identities(self.given, self.topology, self.vouching)
        # Nothing is requested from what the inventory says of names and keys, so it is no reason to stay.
        for host, text, step, rule in problems:
            self.against.append(Against(find(rule, host, text, step, severity=WARNING), (host,)))
        self.against += _about_wish(self.given, known)
        decisions = [self._identity(identity) for identity in known]
        if self.wish.to:
            self.against += self._unmet(known)
        elif not self.wish.names_something and self.given.rollout is None:
            text = "the journal knows no rollout that switched something, so nobody can say what was there before"
            self.against.append(Against(find("rollback-unknown", "rollback", text)))
        self.against += wayback.about_pending(self.given, decisions, self.done)
        self.against += wayback.about_anchors(self.given, self.vouching, decisions)
        self.against += wayback.about_trust(self.given, self.topology, self.vouching, decisions)
        return decisions

    def _identity(self, identity: Identity) -> Decision:
        decision = Decision(identity, resume=ISSUED)
        for slot in identity.slots:
            files = self._files(identity, slot) if wayback.is_chosen(self.wish, slot, identity.name) else None
            back = self._checked(identity, slot, files) if files is not None else None
            if back is not None:
                decision.back[slot] = back
        decision.slots = list(decision.back)
        if decision.slots:
            decision.base = ", ".join(dict.fromkeys(str(back.files["key"]) for back in decision.back.values()))
            asked = self.wish.reason or "asked for"
            decision.reason = f"goes back to what it had before ({asked})"
            self.against += wayback.about_parts(identity, decision)
        return decision

    # Which files -----------------------------------------------------------------------------------------------------

    def _files(self, identity: Identity, slot: SlotKey) -> Files | None:
        """Give the files that a chosen slot goes back to; None where it keeps what it has."""
        host = self.given.hosts[slot[0]]
        now = previous.slot_files(host, slot[1])
        if self.wish.to:
            files = previous.named(host, slot[1], self.wish.to, identity.name)
            if files is not None:
                self.met.add(slot)
        else:
            files = self._before(identity, slot, now)
        if files == now:
            self.done.add(slot)
            return None
        if files is not None and not files["certificate"]:
            severity = ERROR if self.wish.names_something else WARNING
            text = f"had no certificate before {now['certificate']}, so there is nothing to go back to"
            step = f"leave it out; it keeps {now['certificate']}"
            self._say("rollback-nothing-before", slot, text, step, severity)
            return None
        return files

    def _before(self, identity: Identity, slot: SlotKey, now: Files) -> Files | None:
        """Give what the journal says that the last change replaced."""
        changes = previous.changes_of(self.given.hosts[slot[0]], slot[1])
        latest = changes[-1] if changes else None
        mine = [change for change in changes if change["rollout"] == self.given.rollout]
        if not self.wish.names_something and (latest is None or latest not in mine):
            if mine and self.given.rollout is not None:
                text = f"was changed by a single step since the last rollout, to {now['certificate']}, and keeps that"
                self._say("rollback-changed-since", slot, text)
            return None
        if latest is None:
            text = f"the journal knows nothing of what it had before {now['certificate'] or 'today'}"
            self._say("rollback-unknown", slot, text, self._name_it(identity, slot))
            return None
        if now in (latest["before"], latest["files"]):
            before: Files = latest["before"]
            return before
        if (identity.current[slot] or {}).get("sha256") in self.given.put_back:
            # Put back by name, to something older.
            return now
        text = (
            f"is assigned {now['certificate'] or 'nothing'}, which is neither what this collection gave it last "
            f"({latest['files']['certificate']}) nor what it had before ({latest['before']['certificate'] or 'nothing'}"
            "): which generation was before is not clear"
        )
        self._say("rollback-unclear", slot, text, self._name_it(identity, slot))
        return None

    def _name_it(self, identity: Identity, slot: SlotKey) -> str:
        host = self.given.hosts[slot[0]]
        known = [str(g["base"]) for g in self.given.generations.get(identity.id, []) if g["state"] == ISSUED]
        known = [base for base in known if previous.named(host, slot[1], base, identity.name)]
        told = f", one of: {', '.join(known)}" if known else ""
        return (
            f"name the files that it is to have with cms_rollback_to{told}; files under names of your own are assigned "
            "with certops.cms.service"
        )

    def _unmet(self, known: list[Identity]) -> Iterator[Against]:
        """Find what was chosen and has nothing of the name that was given."""
        chosen = [(i, slot) for i in known for slot in i.slots if wayback.is_chosen(self.wish, slot, i.name)]
        places: list[tuple[str, set[SlotKey]]] = [
            *((host, {s for _i, s in chosen if s[0] == host}) for host in sorted(self.wish.nodes)),
            *(
                (name, {s for i, s in chosen if name in wayback.names_of(i.name, s)})
                for name in sorted(self.wish.services)
            ),
        ]
        for name, slots in places or [("the fleet", {slot for _identity, slot in chosen})]:
            if not slots & self.met:
                text = f"has no files {self.wish.to} that it once had, or that this collection made for it"
                step = f"name a base name as '{commands.PKI_LIST}' on the node shows it, without an ending"
                hosts = tuple(dict.fromkeys(host for host, _slot in slots))
                yield Against(find("rollback-unknown", name, text, step), hosts)

    # What speaks against it ------------------------------------------------------------------------------------------

    def _checked(self, identity: Identity, slot: SlotKey, files: Files) -> Back | None:
        """Look at the files of a slot; None where something forbids to assign them."""
        host = self.given.hosts[slot[0]]
        changes = previous.changes_of(host, slot[1])
        was = next((c["was"] for c in reversed(changes) if c["before"] == files and c.get("was")), None)
        found = list(wayback.about_files(self.given, identity, slot, files, was))
        self.against += [Against(finding, (slot[0],)) for finding in found]
        if any(finding.blocks for finding in found):
            return None
        chain = [*host.certificates(files["certificate"]), *host.certificates(files["bundle"])]
        return Back(files, [item["pem"] for item in chain], chain[0]["info"], self._replaced(identity, slot, files))

    def _replaced(self, identity: Identity, slot: SlotKey, files: Files) -> tuple[str, str] | None:
        """Give the generation that is replaced, where the store has it and what is put back is no newer one."""
        leaf = (identity.current[slot] or {}).get("sha256")
        order = [(ident, g) for ident, found in self.given.generations.items() for g in found if g["leaf"]]
        now = next(((ident, str(g["base"])) for ident, g in order if g["leaf"]["sha256"] == leaf), None)
        base = str(files["key"]).rpartition(".")[0]
        if now is None:
            return None
        known = [str(g["base"]) for g in self.given.generations[now[0]]]
        return None if base in known and known.index(base) > known.index(now[1]) else now

    def _say(self, rule: str, slot: SlotKey, found: str, step: str = "", severity: str = "") -> None:
        self.against.append(Against(find(rule, " ".join(slot), found, step, severity=severity), (slot[0],)))


def _about_wish(given: FleetInput, known: Iterable[Identity]) -> Iterator[Against]:
    wish = given.rollback
    for name in sorted(wish.nodes - set(given.hosts)):
        skipped = "is left out on purpose (cms_skip_nodes)" if name in given.skipped else "is no host of the group cms"
        yield Against(find("rollback-unknown-name", f"cms_rollback_nodes {name}", skipped))
    allowed = {*catalogue.BY_NAME, *catalogue.SLOTS, *(identity.name for identity in known)}
    for name in sorted(wish.services - allowed):
        step = "name services, slots or identities: " + ", ".join(sorted(allowed))
        text = "is no service, no slot and no identity"
        yield Against(find("rollback-unknown-name", f"cms_rollback_services {name}", text, step))
