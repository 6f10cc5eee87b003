# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a plan: for each unit the commands in the guide's order, and the proofs after them (S10).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from typing import Any

from .._services import catalogue, commands
from . import names
from .due import NEW, REQUESTED, Decision
from .given import FleetInput, Host
from .model import assigned_chain
from .order import TRUST, Unit
from .topology import Topology
from .trusts import TrustChange


def files_of(decision: Decision, has_chain: bool = True) -> dict[str, str]:
    """Give the file names of the generation a decision makes."""
    return names.files_of(decision.base, has_chain)


def csr_command(decision: Decision) -> str:
    """Give the ``pki csr`` command: the CN is appended to the list of names by the node itself (guide 3.1)."""
    identity = decision.identity
    subject = identity.subject
    attributes = [(key, _quoted(subject[key])) for key in commands.CSR_ATTRIBUTES if subject.get(key)]
    others = [name for name in identity.names if name.lower() != identity.common_name.lower()]
    if others:
        attributes.append((commands.CSR_NAMES, ",".join(others)))
    return commands.pki_csr(decision.base, attributes)


def request_steps(decision: Decision) -> list[dict[str, Any]]:
    """Give the steps that make key and request on the node; none when the request is in the store already."""
    identity = decision.identity
    if identity.key["where"] != "node" or decision.back:
        return []
    if decision.resume != NEW and not decision.on_node:
        return []
    return [
        {
            "kind": "csr",
            "identity": identity.id,
            "base": decision.base,
            "command": csr_command(decision),
            "resume": decision.resume == REQUESTED,
        }
    ]


def stage_steps(host: Host, decisions: list[Decision], trusts: list[tuple[int, TrustChange]]) -> list[dict[str, Any]]:
    """Give the uploads a node needs, each under its final, new name, and the node's own opinion of the pair."""
    steps: list[dict[str, Any]] = []
    for decision in decisions:
        slots = [slot for name, slot in decision.slots if name == host.name]
        if not slots or decision.finishes or decision.back:
            continue
        identity = decision.identity
        files = files_of(decision)
        layouts = {catalogue.SLOTS[slot][1].layout for slot in slots}
        parts = ["key"] if identity.key["where"] != "node" else []
        if catalogue.CERT_AND_BUNDLE in layouts:
            parts += ["certificate", "bundle"]
        if catalogue.FULL_CHAIN in layouts:
            parts += ["fullchain"]
        for part in parts:
            steps.append({"kind": "upload", "file": files[part], "content": {"identity": identity.id, "part": part}})
        shown = "certificate" if "certificate" in parts else "fullchain"
        steps.append(
            {
                "kind": "check",
                "key": files["key"],
                "certificate": files[shown],
                "bundle": files["bundle"] if "bundle" in parts else None,
            }
        )
    for index, change in trusts:
        mine = change.key[0] == host.name and not change.stored
        # A setting that several services read has one file.
        if mine and not any(step.get("file") == change.file for step in steps):
            steps.append({"kind": "upload", "file": change.file, "content": {"trust": index}})
    return steps


def unit_steps(
    unit: Unit,
    given: FleetInput,
    topology: Topology,
    decisions: list[Decision],
    trusts: list[TrustChange],
) -> list[dict[str, Any]]:
    """Give the steps of one unit: settings, restart, proof. A service that is switched off is left so."""
    host = given.hosts[unit.host]
    service = catalogue.BY_NAME[unit.service]
    state = host.service(unit.service)
    runs = restarts(host, service)
    settings: list[dict[str, Any]] = []
    changed: dict[str, str | None] = {}
    leaves: dict[str, str] = {}
    for decision in decisions:
        for host_name, slot_id in decision.slots:
            if host_name == unit.host and catalogue.SLOTS[slot_id][0] is service and unit.carries(slot_id):
                settings.append(_assign(decision, slot_id, state, host))
                back = decision.back.get((host_name, slot_id))
                changed[slot_id] = None if back else decision.identity.id
                if back:
                    leaves[slot_id] = str(back.leaf["sha256"])
    if TRUST in unit.part:
        for change in trusts:
            if change.key[:2] == (unit.host, unit.service) and not change.stored:
                settings.append(
                    {
                        "kind": "trust",
                        "service": unit.service,
                        "trust": change.key[2],
                        "command": f"{service.trust(change.key[2]).command} {change.file}",
                        "file": change.file,
                        "before": change.before,
                        **users_in(change),
                    }
                )
    if not runs:
        return settings
    steps: list[dict[str, Any]] = []
    if state.get("enabled") is not False:
        steps += [{"kind": "disable", "service": unit.service, "command": text} for text in service.before_assign]
    steps += settings
    steps.append({"kind": "restart", "service": unit.service, "commands": list(service.activate)})
    for slot in service.slots:
        slot_id = catalogue.slot_id(service, slot)
        files = (state.get("slots") or {}).get(slot.name) or {}
        if slot_id in changed or files.get("certificate"):
            steps.append({"kind": "prove", "proof": "tls", "slot": slot_id, "identity": changed.get(slot_id)})
            if slot_id in leaves:
                steps[-1]["leaf"] = leaves[slot_id]
            elif slot_id not in changed and slot_id in host.waiting_slots(service.name):
                # Stored by others than the store knows of, and made live by this restart: what is assigned must show.
                steps[-1]["leaf"] = next((item["info"]["sha256"] for item in assigned_chain(host, slot_id)), None)
    links = [
        link.id
        for link in topology.links_of(unit.host)
        if link.via and (link.trust_key[:2] == (unit.host, unit.service) or _presents(link.slot_key, unit))
    ]
    if links:
        steps.append({"kind": "prove", "proof": "link", "links": links})
    return steps


def users_in(change: TrustChange) -> dict[str, Any]:
    """Write down the other services that read a setting; nothing where there are none."""
    users = [{"service": name, "rides": rides} for name, rides in change.users.items()]
    return {"users": users} if users else {}


def restarts(host: Host, service: catalogue.Service) -> bool:
    """Say whether a change of a service restarts it: not when somebody switched it off and it was not this run."""
    state = host.service(service.name)
    return state.get("enabled") is not False or bool(host.waiting(service.name))


def _presents(slot_key: tuple[str, str], unit: Unit) -> bool:
    return slot_key[0] == unit.host and catalogue.SLOTS[slot_key[1]][0].name == unit.service


def _assign(decision: Decision, slot_id: str, state: dict[str, Any], host: Host) -> dict[str, Any]:
    service, slot = catalogue.SLOTS[slot_id]
    if decision.back:
        return _assign_back(decision, slot_id, state, host)
    files = files_of(decision)
    before = (state.get("slots") or {}).get(slot.name) or {}
    if decision.finishes:
        # It is stored already, and what runs is what it replaced.
        before = host.waiting_slots(service.name)[slot_id].get("before") or {}
    if slot.layout == catalogue.FULL_CHAIN:
        arguments = [files["key"], files["fullchain"]]
        assigned = {"key": files["key"], "certificate": files["fullchain"], "bundle": None}
    else:
        arguments = [files["key"], files["certificate"], files["bundle"]]
        assigned = {"key": files["key"], "certificate": files["certificate"], "bundle": files["bundle"]}
    return {
        "kind": "assign",
        "service": service.name,
        "slot": slot_id,
        "command": " ".join([slot.command, *arguments]),
        "files": assigned,
        "before": {part: before.get(part) for part in ("key", "certificate", "bundle")},
        "identity": decision.identity.id,
        "was": _leaf_of(host, before),
    }


def _assign_back(decision: Decision, slot_id: str, state: dict[str, Any], host: Host) -> dict[str, Any]:
    service, slot = catalogue.SLOTS[slot_id]
    back = decision.back[host.name, slot_id]
    before = (state.get("slots") or {}).get(slot.name) or {}
    return {
        "kind": "assign",
        "service": service.name,
        "slot": slot_id,
        "command": " ".join([slot.command, *(name for name in back.files.values() if name)]),
        "files": dict(back.files),
        "before": {part: before.get(part) for part in ("key", "certificate", "bundle")},
        "identity": None,
        "leaf": {key: back.leaf[key] for key in ("sha256", "subject", "issuer", "not_after")},
        "marks": list(back.marks) if back.marks else None,
    }


def _leaf_of(host: Host, files: dict[str, Any]) -> str | None:
    """Give the leaf that files hold, for a rollback to know whether they still do."""
    found = host.certificates(files.get("certificate"))
    return str(found[0]["info"]["sha256"]) if found else None


def _quoted(value: str) -> str:
    """Quote a value with blanks, as guide table 4 asks."""
    return f'"{value}"' if " " in value else value
