# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan written down as plain data: what the engine, the printed plan and the report read.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from .._services import catalogue
from . import steps
from .due import Decision
from .given import FleetInput, Host
from .model import Vouching, assigned_chain
from .order import Unit
from .slots import slots_of
from .topology import Topology
from .trusts import TrustChange


def identity(decision: Decision, given: FleetInput) -> dict[str, Any]:
    """Write down an identity that gets a generation. What only issuing can know is not in it."""
    wanted = decision.identity
    leaf = wanted.leaf
    issuer = given.issuers.get(wanted.issuer or "")
    return {
        "id": wanted.id,
        "name": wanted.name,
        "nodes": list(dict.fromkeys(host for host, _slot in decision.slots)),
        "slots": [list(slot) for slot in decision.slots],
        "base": decision.base,
        "files": steps.files_of(decision),
        "key": wanted.key,
        "subject": wanted.subject,
        "names": wanted.names,
        "roles": wanted.roles,
        "eku": wanted.eku,
        "ku": wanted.ku,
        "issuer": wanted.issuer,
        "request": wanted.request(),
        "validity": issuer.validity if issuer else "",
        "reason": decision.reason,
        "resume": decision.resume,
        "on_node": decision.on_node,
        "finishes": decision.finishes,
        "issued": {key: decision.leaf[key] for key in ("subject", "issuer", "not_after")} if decision.leaf else None,
        "before": {key: leaf[key] for key in ("subject", "issuer", "not_after", "sha256")} if leaf else None,
    }


def way_back(decision: Decision, reason: str) -> dict[str, Any]:
    """Write down an identity that a rollback puts back."""
    wanted = decision.identity
    return {
        "id": wanted.id,
        "name": wanted.name,
        "nodes": list(dict.fromkeys(host for host, _slot in decision.slots)),
        "slots": [
            {
                "slot": list(slot),
                "files": dict(back.files),
                "leaf": {key: back.leaf[key] for key in ("sha256", "subject", "issuer", "not_after")},
                "replaces": list(back.marks) if back.marks else None,
            }
            for slot, back in decision.back.items()
        ],
        "reason": reason,
    }


def trust(change: TrustChange, vouching: Vouching) -> dict[str, Any]:
    """Write down a trust setting that changes."""
    node_name, service, name = change.key
    return {
        "node": node_name,
        "service": service,
        "trust": name,
        "file": change.file,
        "keep": change.keep,
        "add": change.add,
        "adds": sorted(_name_of(entry, vouching) for entry in change.add),
        "before": change.before,
        "reason": change.reason,
        "stored": change.stored,
    }


def _name_of(entry: str, vouching: Vouching) -> str:
    if entry in vouching.pems:
        return str(vouching.info(entry)["subject"])
    return f"the CA certificates of {entry.partition(':')[2]}"


def pems(changes: list[TrustChange], vouching: Vouching) -> dict[str, str]:
    """Give the certificates that trust files are made of, by fingerprint."""
    wanted = {sha256 for change in changes for sha256 in change.content}
    return {sha256: vouching.pems[sha256] for sha256 in sorted(wanted) if sha256 in vouching.pems}


def node(host: Host, decisions: list[Decision], topology: Topology) -> dict[str, Any]:
    """Write down how a node is probed, and what the probe showed before the change (S10)."""
    api = (host.survey or {}).get("api") or {}
    probes, before = {}, {}
    for slot_id in slots_of(host):
        served = host.served(slot_id)
        slot = catalogue.SLOTS[slot_id][1]
        probes[slot_id] = {"address": served.get("address") or host.address, "port": served.get("port") or slot.port}
        leaf = served["chain"][0] if served.get("chain") else None
        described = leaf or next((item["info"] for item in assigned_chain(host, slot_id)), None) or {}
        before[slot_id] = {
            "served": leaf["sha256"] if leaf else None,
            "state": served.get("state"),
            **{key: described.get(key) for key in ("subject", "issuer", "not_after")},
        }
    return {
        "address": host.address,
        "fqdn": host.fqdn,
        "cluster": topology.clusters[host.name],
        "probe": probes,
        "services": [name for name, state in (host.survey or {"services": {}})["services"].items() if state["present"]],
        # Those of its groups: what it shows besides may be nobody's.
        "runs": list(host.services),
        "trusts": {
            f"{name}/{trust}": file
            for name, state in (host.survey or {"services": {}})["services"].items()
            for trust, file in (state.get("trusts") or {}).items()
        },
        "before": before,
        "calls": (api.get("status") or {}).get("call_legs_active"),
        "api": _api(host, api, decisions) if api.get("state") == "ok" else None,
    }


def _api(host: Host, api: dict[str, Any], decisions: list[Decision]) -> dict[str, Any]:
    """Write down where the API of a node is, and which leaves its Web Admin may show (S11)."""
    where = urlsplit(str(api.get("base") or ""))
    front = catalogue.API_FRONT
    earlier = (host.waiting_slots(front).get(front) or {}).get("before") or {}
    found = [*assigned_chain(host, front)[:1], *host.certificates(earlier.get("certificate"))[:1]]
    pins = {item["info"]["sha256"] for item in found}
    back = (d.back.get((host.name, front)) for d in decisions)
    pins |= {str(entry.leaf["sha256"]) for entry in back if entry is not None}
    changing = (d.identity.id for d in decisions if d.reason and not d.back and (host.name, front) in d.slots)
    return {
        "base_host": where.hostname or host.address,
        "port": where.port or 443,
        "pins": sorted(pins),
        "webadmin_identity": next(changing, None),
    }


def restarts(units: list[Unit], given: FleetInput) -> dict[str, dict[str, int]]:
    """Count the restarts of each service of each node."""
    found: dict[str, dict[str, int]] = {}
    for unit in units:
        if steps.restarts(given.hosts[unit.host], catalogue.BY_NAME[unit.service]):
            services = found.setdefault(unit.host, {})
            services[unit.service] = services.get(unit.service, 0) + 1
    return found


def external_verifiers(decisions: list[Decision]) -> list[str]:
    """Give those outside the fleet who may verify an identity whose anchor changes (S17)."""
    slots = [slot for d in decisions if d.reason and d.anchor_changes for _host, slot in d.slots]
    return list(dict.fromkeys(who for slot in slots for who in catalogue.SLOTS[slot][1].outside))
