# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans that take a setting back: ``certs none``, ``trust ... none``; refused while a link needs it (S5, S16).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from typing import Any

from .._services import catalogue, commands
from . import steps, trusts
from .given import FleetInput, Host
from .model import TrustKey, trust_file
from .order import IDENTITY, TRUST, Unit
from .single import Single


def plan_no_certificate(given: FleetInput, host_name: str, slot_id: str) -> dict[str, Any]:
    """Make the plan that leaves a slot without key and certificate.

    A link whose verifier waits for that certificate is an error, and so is a service that runs and cannot do without.
    """
    service, slot = catalogue.SLOTS[slot_id]
    single = Single(given, host_name, service)
    host = single.host
    if not single.check_service():
        return single.plan([], [])
    shown = (host.service(service.name).get("slots") or {}).get(slot.name) or {}
    before = {part: shown.get(part) for part in ("key", "certificate", "bundle")}
    gone = not any(before.values())
    if not gone:
        _check_running(single, host, service, slot, slot_id, shown)
    end = single.after_restart({slot_id})
    end.slots[host_name, slot_id] = None
    single.compare(end, None if gone else slot_id)
    if not gone and any(kind.presenter == slot_id for kind in catalogue.LINK_KINDS):
        single.look_outside(True)
    if gone and not host.waiting(service.name):
        return single.plan([], [])
    step = {
        "kind": "assign",
        "service": service.name,
        "slot": slot_id,
        "command": f"{slot.command} {commands.NONE}",
        "files": dict.fromkeys(before),
        "before": before,
        "identity": None,
    }
    unit = Unit(host_name, service.name, IDENTITY)
    work = [found for found in single.around(unit, [step], {}) if found.get("slot") != slot_id or found is step]
    restart = next((number for number, found in enumerate(work) if found["kind"] == "restart"), None)
    if restart is not None and not gone:
        work.insert(restart + 1, {"kind": "prove", "proof": "gone", "slot": slot_id, "identity": None})
    return single.plan([unit], work)


def _check_running(
    single: Single,
    host: Host,
    service: catalogue.Service,
    slot: catalogue.Slot,
    slot_id: str,
    shown: dict[str, Any],
) -> None:
    """Refuse to take from a running service what it needs to start again."""
    switched = bool(service.labels(catalogue.ENABLED))
    if not switched or host.service(service.name).get("enabled") is False:
        return
    listens = any(place.get("port") for place in shown.get("listen") or [])
    if slot.tls_optional and not listens:
        return
    single.error(
        "service-needs-certificate",
        f"{host.name} {slot_id}",
        "is on and would not start without a certificate",
        f"switch it off first ('{commands.disable(service.name)}')"
        + (", or let it listen without TLS" if slot.tls_optional else ""),
    )


def plan_no_trust(given: FleetInput, host_name: str, service_name: str, trust: str) -> dict[str, Any]:
    """Make the plan that clears a trust setting, with the restart that makes it live.

    Whoever verifies in any case would then take nobody, so a link that holds is an error. Where nothing set means that
    nothing is verified (guide 4.9), nothing breaks.
    """
    service = catalogue.BY_NAME[service_name]
    setting = service.trust(trust)
    single = Single(given, host_name, service)
    if not single.check_service():
        return single.plan([], [])
    key: TrustKey = (host_name, service_name, trust)
    before = trust_file(single.host, service_name, trust)
    if trust not in (single.host.service(service_name).get("trusts") or {}):
        single.error(
            "trust-not-shown",
            f"{host_name} {service_name} {trust}",
            "the display has no row for it, so whether anything is trusted is not known",
            f"look at '{setting.show or service.show}' on the node: its version may not have this setting",
        )
    if before is None and not single.host.waiting(service_name):
        return single.plan([], [])
    end = single.after_restart(set())
    if setting.verifies != catalogue.WHEN_SET:
        end.trusts[key] = frozenset()
    single.compare(end)
    if setting.outside and before:
        single.warn(
            "trust-of-outsiders-removed",
            f"{host_name} {service_name} {trust}",
            f"'{setting.command}' names {before}, and verifies {setting.outside}: nobody here knows what they need",
        )
    if not single.topology.is_judged(*key) and before and setting.verifies != catalogue.WHEN_SET:
        single.error(
            "trust-not-judged",
            f"{host_name} {service_name} {trust}",
            f"is also for somebody who takes no part in this run, and may need {before}",
            "put all its links into the inventory, and leave none of them out",
        )
    step = {
        "kind": "trust",
        "service": service_name,
        "trust": trust,
        "command": f"{setting.command} {commands.NONE}",
        "file": None,
        "before": before,
        **steps.users_in(trusts.TrustChange(key, "", [], [], before, "", users=trusts.readers(single.host, *key[1:]))),
    }
    unit = Unit(host_name, service_name, TRUST)
    return single.plan([unit], single.around(unit, [step], {}))
