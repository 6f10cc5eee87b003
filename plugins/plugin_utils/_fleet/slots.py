# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which slots of a node should hold a certificate, and what they are assigned.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from typing import Any

from .._services import catalogue
from .given import Host


def slots_of(host: Host) -> list[str]:
    """Give the slot ids of a node that should hold a certificate.

    A slot whose TLS is optional (TURN, SIP, the scheduler's API) counts only where TLS is set up or a certificate is
    assigned (guide 4.6).
    """
    wanted = []
    for slot_id, (service, slot) in catalogue.SLOTS.items():
        state = host.service(service.name)
        if service.name not in host.services or not state.get("present"):
            continue
        files = (state.get("slots") or {}).get(slot.name) or {}
        if slot.tls_optional and not files.get("certificate") and not _has_port(files):
            continue
        wanted.append(slot_id)
    return wanted


def _has_port(files: dict[str, Any]) -> bool:
    return any(row.get("port") for row in files.get("listen") or [])


def assigned_chain(host: Host, slot_id: str) -> list[dict[str, Any]]:
    """Give the certificates a slot is assigned, leaf first: its certificate file and its bundle."""
    service, slot = catalogue.SLOTS[slot_id]
    return chain_of(host, (host.service(service.name).get("slots") or {}).get(slot.name) or {})


def chain_of(host: Host, files: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the certificates of the files of a slot, leaf first."""
    own = host.certificates(files.get("certificate"))
    # A bundle never stands in for a certificate that cannot be read.
    return [*own, *host.certificates(files.get("bundle"))] if own else []
