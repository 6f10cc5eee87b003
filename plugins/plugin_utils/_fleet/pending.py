# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stored is not running (S15): which write-ahead records the survey proves to be done, and which still wait.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from .._services import catalogue
from .given import FleetInput, Host
from .model import assigned_chain

RESTARTING = "restarting"


def settle(given: FleetInput) -> tuple[FleetInput, list[dict[str, str]]]:
    """Give the input without the records whose restart the survey proves, and what was cleared and why."""
    hosts = {}
    cleared = []
    for name, host in given.hosts.items():
        left = {}
        for service, records in host.pending.items():
            evidence = _evidence(host, service, records) if host.survey is not None else None
            if evidence is None:
                left[service] = records
            else:
                cleared.append({"node": name, "service": service, "evidence": evidence})
        hosts[name] = dataclasses.replace(host, pending=left)
    return dataclasses.replace(given, hosts=hosts), cleared


def _evidence(host: Host, service: str, records: list[dict[str, Any]]) -> str | None:
    """Say what proves that a service has read everything that was stored for it; None when nothing does."""
    slots = [record for record in records if record["setting"].startswith("slot:")]
    others = [record for record in records if not record["setting"].startswith(("slot:", "restart"))]
    state = host.service(service)
    if state.get("enabled") is False or state.get("running") is False:
        return None
    if not slots and not others:
        # It was to be switched off first (Web Admin, TURN), and it is on: nothing was stored yet.
        switched_off_first = bool(catalogue.BY_NAME[service].before_assign)
        return "it is switched on, and nothing was stored for it" if switched_off_first else None
    slot_ids = [record["setting"].partition(":")[2] for record in slots]
    if not slots or not all(serves_assigned(host, slot_id) for slot_id in slot_ids):
        return None
    shown = "the probe of " + ", ".join(slot_ids) + " shows the assigned certificate"
    if not others:
        return shown
    # A trust cannot be seen. It is live when it was stored before a restart that a new certificate gives away.
    told = all(record.get("phase") == RESTARTING for record in records)
    return shown if told and any(_is_new(host, record) for record in slots) else None


def serves_assigned(host: Host, slot_id: str) -> bool:
    """Say whether the probe of a slot saw the certificate that is assigned to it: nothing waits for a restart."""
    served, chain = host.served(slot_id), assigned_chain(host, slot_id)
    return bool(
        served.get("state") == "served"
        and served.get("chain")
        and chain
        and served["chain"][0]["sha256"] == chain[0]["info"]["sha256"]
    )


def _is_new(host: Host, record: dict[str, Any]) -> bool:
    """Say whether a record replaced another certificate, as far as what it replaced can still be read."""
    before = (record.get("before") or {}).get("certificate")
    if not before:
        return True
    old, new = host.certificates(before), assigned_chain(host, record["setting"].partition(":")[2])
    return bool(old and new and old[0]["info"]["sha256"] != new[0]["info"]["sha256"])
