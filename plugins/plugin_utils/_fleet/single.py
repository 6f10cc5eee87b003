# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans of a single change, for people who write their own playbooks: one slot, or one trust setting, of one node.

The same links are judged as in the plan of a fleet: a single module is no way around S5.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable
from typing import Any

from .._findings import WARNING, Finding
from .._pki import certs, profiles
from .._services import catalogue, commands
from . import links, lowered, names, outside, steps, table, trusts, written
from .given import FleetInput, Host
from .looking import Against
from .model import State, TrustKey, Vouching, assigned_chain, shown, today, trust_file
from .order import IDENTITY, TRUST, Unit
from .plan import SCHEMA, plan_id
from .topology import Topology, build

WIDEN, NARROW, EXACT = "widen", "narrow", "exact"
ROUND = "switch"


def plan_assignment(
    given: FleetInput,
    host_name: str,
    slot_id: str,
    files: dict[str, str | None],
    matches: bool | None,
    printed: str = "",
) -> dict[str, Any]:
    """Make the plan that assigns ``files`` (key, certificate, bundle), which lie on the node, to a slot.

    ``matches`` is the node's opinion of key and certificate, None when it is not clear, and ``printed`` its words. The
    survey of the node must hold the certificate files. What a verifier does not trust yet is an error: widen first.
    """
    service, slot = catalogue.SLOTS[slot_id]
    single = Single(given, host_name, service)
    host = single.host
    if not single.check_service():
        return single.plan([], [])
    now_assigned = (host.service(service.name).get("slots") or {}).get(slot.name) or {}
    before = {part: now_assigned.get(part) for part in ("key", "certificate", "bundle")}
    chain = [*host.certificates(files["certificate"]), *host.certificates(files.get("bundle"))]
    single.check_files(files)
    if not host.certificates(files["certificate"]):
        return single.plan([], [])
    leaf, *_others = single.vouching.add(item["pem"] for item in chain)
    info = single.vouching.info(leaf)
    single.check_identity(slot_id, [item["pem"] for item in chain])
    if matches is False:
        single.error(
            "key-mismatch",
            f"{host_name} {files['certificate']}",
            f"does not fit the key {files['key']}: '{commands.PKI_MATCH}' says {printed or 'no'}",
            "name the key that the certificate was requested with; unlock a key that has a passphrase first",
        )
    elif matches is None and {files["key"], files["certificate"]} <= set((host.survey or {"files": {}})["files"]):
        question = commands.pki_match(str(files["key"]), str(files["certificate"]))
        single.warn(
            "key-match-unknown",
            f"{host_name} {files['certificate']}",
            f"whether it fits the key {files['key']} is not known: '{commands.PKI_MATCH}' says {printed or 'nothing'}",
            f"run '{question}' by hand and read the answer; a service that does not start gets its old files back",
        )
    assigned = {part: files.get(part) for part in before} == before
    end = single.after_restart(set() if assigned else {slot_id})
    end.slots[host_name, slot_id] = shown(info, single.vouching.above(leaf))
    single.compare(end, slot_id)
    if any(kind.presenter == slot_id for kind in catalogue.LINK_KINDS):
        single.look_outside(not assigned)
    if assigned and not host.waiting(service.name):
        return single.plan([], [])
    arguments = [files["key"], files["certificate"], files.get("bundle")]
    step = {
        "kind": "assign",
        "service": service.name,
        "slot": slot_id,
        "command": " ".join([slot.command, *(name for name in arguments if name)]),
        "files": {part: files.get(part) for part in before},
        "before": before,
        "identity": None,
        "was": next((item["info"]["sha256"] for item in host.certificates(before["certificate"])), None),
        "leaf": {key: info[key] for key in ("sha256", "subject", "issuer", "not_after")},
    }
    unit = Unit(host_name, service.name, IDENTITY)
    return single.plan([unit], single.around(unit, [step], {slot_id: info["sha256"]}))


def plan_trust(
    given: FleetInput, host_name: str, service_name: str, trust: str, pems: Iterable[str], mode: str
) -> dict[str, Any]:
    """Make the plan that widens or narrows one trust setting by certificates, or makes it hold exactly these.

    A certificate that a presenter needs today cannot be narrowed away (S16).
    """
    turned_on = _turned_on(given, host_name, service_name, trust)
    single = Single(given, host_name, catalogue.BY_NAME[service_name], (service_name, trust) if turned_on else None)
    if not single.check_service():
        return single.plan([], [])
    key: TrustKey = (host_name, service_name, trust)
    before = trust_file(single.host, service_name, trust)
    held = single.vouching.add(item["pem"] for item in single.host.certificates(before))
    if trust not in (single.host.service(service_name).get("trusts") or {}):
        single.error(
            "trust-not-shown",
            f"{host_name} {service_name} {trust}",
            "the display has no row for it, so what is trusted now is not known and would be lost",
            f"look at '{single.service.show}' on the node: its version may not have this setting",
        )
    if before and not held:
        single.error(
            "trust-unreadable",
            f"{host_name} {before}",
            "cannot be read, so what is trusted now is not known and would be lost",
            "look at the file that the setting names, and put right what is wrong with it",
        )
    named = list(dict.fromkeys(single.vouching.add(pems)))
    if mode == WIDEN:
        content = [*held, *(sha for sha in named if sha not in held)]
    elif mode == NARROW:
        content = [sha for sha in held if sha not in named]
    else:
        content = named
    end = single.after_restart(set())
    end.trusts[key] = frozenset(content)
    if not any(link.trust_key == key for link in single.topology.links):
        single.warn(
            "trust-without-link",
            f"{host_name} {service_name} {trust}",
            "no link of the inventory is verified by this setting, so nothing proves the change",
            "put the other side into the inventory",
        )
    single.compare(end, fresh=key if turned_on else None)
    drops = [str(single.vouching.info(sha)["subject"]) for sha in held if sha not in content]
    if any((kind.verifier, kind.trust) == key[1:] for kind in catalogue.LINK_KINDS):
        single.look_outside(False)
        if drops and not single.topology.is_judged(*key):
            single.error(
                "trust-not-judged",
                f"{host_name} {service_name} {trust}",
                "is also for somebody who takes no part in this run, and may need what would be dropped: "
                + ", ".join(drops),
                "put all its links into the inventory, and leave none of them out",
            )
    if not content:
        single.error(
            "trust-empty",
            f"{host_name} {service_name} {trust}",
            "would hold no certificate",
            "leave at least what the links need",
        )
    if set(content) == set(held) and not single.host.waiting(service_name):
        return single.plan([], [])
    change = single.trust_change(key, sorted(set(content) & set(held)), [s for s in content if s not in held], before)
    step = {
        "kind": "trust",
        "service": service_name,
        "trust": trust,
        "command": f"{catalogue.BY_NAME[service_name].trust(trust).command} {change.file}",
        "file": change.file,
        "before": before,
        **steps.users_in(change),
    }
    unit = Unit(host_name, service_name, TRUST)
    upload = {"kind": "upload", "file": change.file, "content": {"trust": 0}}
    return single.plan(
        [unit],
        [upload, *single.around(unit, [step], {})],
        [{**written.trust(change, single.vouching), "removes": drops}],
        [change],
    )


def _turned_on(given: FleetInput, host_name: str, service: str, trust: str) -> bool:
    """Say whether nothing is verified now, and will be once this setting holds something."""
    when_set = catalogue.BY_NAME[service].trust(trust).verifies == catalogue.WHEN_SET
    return when_set and links.verifies(given.hosts[host_name], service, trust) is False


def _as_if_set(given: FleetInput, host_name: str, setting: tuple[str, str]) -> FleetInput:
    """Give the fleet as it is seen once a setting holds something: its links are there then, to be judged."""
    host = copy.deepcopy(given.hosts[host_name])
    state = host.service(setting[0])
    if state.get("present"):
        state["trusts"][setting[1]] = "to be set"
    return dataclasses.replace(given, hosts={**given.hosts, host_name: host})


class Single:
    """A change of one setting of one service: what is linked to it, what is wrong, and the plan.

    ``turned_on`` names a trust setting (service, trust) that verifies nobody today and will.
    """

    def __init__(
        self,
        given: FleetInput,
        host_name: str,
        service: catalogue.Service,
        turned_on: tuple[str, str] | None = None,
    ) -> None:
        self.given = given
        self.host: Host = given.hosts[host_name]
        self.service = service
        self.topology: Topology = build(_as_if_set(given, host_name, turned_on) if turned_on else given)
        self.vouching = Vouching(given)
        self.state = today(given, self.topology, self.vouching)
        self.findings: list[Finding] = list(given.findings)
        for other in self.topology.cluster_of(host_name):
            host = given.hosts[other]
            if host.survey is None and other != host_name:
                self.error(
                    "node-not-surveyed",
                    other,
                    f"is linked to {host_name}, and how it is set up is not known: {host.why_no_survey}",
                    "survey all nodes of its cluster first with certops.cms.node_info, registered as cms_survey; "
                    f"{host.mend or 'make it reachable'}",
                    "S5",
                )

    def error(self, rule: str, obj: str, found: str, next_step: str = "", section: str = "") -> None:
        self.findings.append(table.BY_ID[rule].finding(obj, found, next_step, section=section))

    def warn(self, rule: str, obj: str, found: str, next_step: str = "") -> None:
        self.findings.append(table.BY_ID[rule].finding(obj, found, next_step, severity=WARNING))

    def check_identity(self, slot_id: str, pems: list[str]) -> None:
        """Check a certificate with its chain for the slot it is to serve (guide 2.2)."""
        slot = catalogue.SLOTS[slot_id][1]
        leaf, *others = [certs.load_certificates(pem.encode(), slot_id)[0] for pem in pems]
        roots = [item for item in [leaf, *others] if item.issuer == item.subject]
        self.findings += profiles.check(
            leaf,
            others,
            roots or [[leaf, *others][-1]],
            profile=profiles.MEETING_SERVER,
            roles=slot.roles,
            now=self.given.now,
            subject_label=f"{self.host.name} {slot_id}",
            digital_signature=slot.signs,
        )

    def check_files(self, files: dict[str, str | None]) -> None:
        """Check that the files are there and in the right form (guide 1.2.4, appendix B)."""
        survey = self.host.survey or {}
        for part, name in files.items():
            if name and name not in survey["files"]:
                self.error(
                    "file-missing",
                    f"{self.host.name} {name}",
                    f"the {part} is not on the node",
                    "upload it first with certops.cms.pki_file",
                )
            for problem in (survey["certificates"].get(name) or {}).get("problems", []) if name else []:
                self.error(
                    "bundle-form",
                    f"{self.host.name} {name}",
                    problem,
                    "write the file again (PEM, nothing between the certificates, root last) and upload it under a "
                    "name that was never used",
                )
        for part, name in files.items():
            permitted = names.KEY_EXTENSIONS if part == "key" else names.CERTIFICATE_EXTENSIONS
            base, _dot, extension = str(name).rpartition(".")
            if name and (extension not in permitted or not base):
                self.error(
                    "file-extension",
                    f"{self.host.name} {name}",
                    f"has no extension that the guide permits for a {part}",
                    "upload it under a name that ends with one of: " + ", ".join(permitted),
                )

    def check_service(self) -> bool:
        """Check that inventory and node agree that the service runs here: its links are known by its group."""
        name, group = self.service.name, self.service.group
        if name not in self.host.services:
            self.error(
                "service-not-in-inventory",
                self.host.name,
                f"is not in the group {group}, so the links of its {name} are not known",
                f"put it into {group}",
            )
            return False
        state = self.host.service(name)
        if not state.get("present"):
            self.error(
                "service-missing",
                self.host.name,
                f"is in the group {group}, and has no service {name} ({state.get('detail') or 'it does not show it'})",
                f"take the host out of {group}, or check its version and licence",
            )
            return False
        return True

    def after_restart(self, replaced: set[str]) -> State:
        """Give the state after a restart of the service: what is stored and waits for one becomes live with it (S15).

        Where others stored another certificate than the one served, it is not known whether that is wanted: an error,
        unless its slot is among those ``replaced`` now.
        """
        end = self.state.copy()
        stored = trusts.unfinished(self.given, self.vouching)
        for slot in self.service.slots:
            slot_id = catalogue.slot_id(self.service, slot)
            place = (self.host.name, slot_id)
            served = self.host.served(slot_id).get("chain") or []
            assigned = assigned_chain(self.host, slot_id)
            if place in stored:
                end.slots[place] = stored[place]
            elif slot_id not in replaced and served and assigned:
                self._check_pending(slot_id, served[0]["sha256"], assigned[0]["info"]["sha256"])
        for key in end.trusts:
            if key[:2] == (self.host.name, self.service.name):
                file = trust_file(self.host, key[1], key[2])
                end.trusts[key] = frozenset(self.vouching.add(item["pem"] for item in self.host.certificates(file)))
        return end

    def _check_pending(self, slot_id: str, served: str, assigned: str) -> None:
        if served != assigned:
            self.error(
                "pending-change-of-others",
                f"{self.host.name} {slot_id}",
                "serves another certificate than it is assigned: a change that was stored and never made live, and "
                "that this restart would make live",
                f"restart {self.service.name} yourself when that change is wanted, or assign what is served",
            )

    def compare(self, end: State, new_slot: str | None = None, fresh: TrustKey | None = None) -> None:
        """Refuse what breaks a link that holds today, and a new identity that a verifier does not take (S5, S16).

        Links over ``fresh`` are verified for the first time, so nothing that is wrong with them was there before.
        """
        for link in self.topology.links:
            faults = end.faults(link, self.given.now)
            known = self.state.faults(link, self.given.now)
            new = link.slot_key == (self.host.name, new_slot) or link.trust_key == fresh
            mine = link.trust_key[:2] == (self.host.name, self.service.name)
            # What is up although nothing explains it lives by a trust that this restart would end (S15).
            lost = mine and link.before == "success" and not end.trusts_what_it_sees(link)
            if faults and (new or lost or not set(faults) <= set(known)):
                remedies = [remedy for _fault, remedy in end.faults_and_remedies(link, self.given.now)]
                if not new and mine:
                    remedies = [f"leave a certificate there that vouches for what {link.presenter} presents"]
                self.error("link-would-break", link.id, "; ".join(faults), "; ".join(remedies), "S5")

    def look_outside(self, concerned: bool) -> None:
        """Tell of ends of the links that take no part; not to know one that is ``concerned`` is an error."""
        mine = {self.host.name}
        if self.service.name == catalogue.API_SERVICE:
            found = outside.about_registrations(
                self.given, self.topology, mine if concerned else set(), mine if concerned else set()
            )
        else:
            mine = set(self.topology.cluster_of(self.host.name))
            found = outside.about_peers(self.topology, mine if concerned else set())
        self.findings += [against.finding for against in found if mine & set(against.hosts)]

    def around(self, unit: Unit, settings: list[dict[str, Any]], leaves: dict[str, str]) -> list[dict[str, Any]]:
        """Put the commands and proofs of a restart around settings."""
        found = steps.unit_steps(unit, self.given, self.topology, [], [])
        if not steps.restarts(self.host, catalogue.BY_NAME[unit.service]):
            return settings
        place = next(number for number, step in enumerate(found) if step["kind"] == "restart")
        proven = {step.get("slot"): step for step in found if step["kind"] == "prove"}
        for slot_id, leaf in leaves.items():
            if slot_id not in proven:
                # It had no certificate before, so nothing else asks for a proof of it.
                proven[slot_id] = {"kind": "prove", "proof": "tls", "slot": slot_id, "identity": None}
                found.insert(place + 1, proven[slot_id])
            proven[slot_id]["leaf"] = leaf
        return [*found[:place], *settings, *found[place:]]

    def trust_change(self, key: TrustKey, keep: list[str], add: list[str], before: str | None) -> trusts.TrustChange:
        survey = self.host.survey or {}
        stem = names.trust_stem(key[1], key[2])
        number = names.next_generation(stem, [*survey["files"], *self.host.made])
        users = trusts.readers(self.host, key[1], key[2])
        return trusts.TrustChange(key, f"{stem}-g{number}.pem", keep, add, before, "asked for", users=users)

    def plan(
        self,
        units: list[Unit],
        work: list[dict[str, Any]],
        changed: list[dict[str, Any]] | None = None,
        changes: list[trusts.TrustChange] | None = None,
    ) -> dict[str, Any]:
        """Write the plan down."""
        given = self.given
        mine = [Against(finding, (self.host.name,)) for finding in self.findings]
        mine += [against for against in lowered.refused(given) if against.hosts == (self.host.name,)]
        self.findings = [against.finding for against in lowered.lower(mine, given)]
        refused = any(finding.blocks for finding in self.findings)
        rounds = []
        if units and not refused:
            service = catalogue.BY_NAME[units[0].service]
            runs = steps.restarts(self.host, service)
            batch = {
                "id": f"{self.host.name}/{ROUND}/{service.name}",
                "service": service.name,
                "steps": work,
                "requires": [],
                "cost": service.restart_cost if runs else "nothing: the service is switched off",
                "gate_calls": service.drops_calls and runs,
                "reason": "asked for",
            }
            name = self.host.name
            rounds.append({"name": ROUND, "serial": True, "hosts": [name], "waves": [1], "batches": {name: [batch]}})
        found: dict[str, Any] = {
            "schema": SCHEMA,
            "intent": "single",
            "fleet": given.fleet,
            "findings": [finding.as_dict() for finding in sorted(set(self.findings))],
            "blocked": [self.host.name] if refused else [],
            "skipped": sorted(given.skipped),
            "identities": [],
            "trusts": changed or [],
            "rounds": rounds,
            "links": [link.as_dict() for link in self.topology.links],
            "nodes": {host.name: written.node(host, [], self.topology) for host in given.hosts.values() if host.survey},
            "certificates": written.pems(changes or [], self.vouching),
            "cost": {"restarts": written.restarts(units, given) if rounds else {}},
            "cleared": [],
            "external_verifiers": [],
            "changed": bool(rounds),
        }
        found["id"] = plan_id(found)
        return found
