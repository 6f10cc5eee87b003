# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links over SIP between Call Bridges and what records or streams (guide 4.8).

Each side verifies the other where its ``tls sip verify`` says so. No registration that is read here names the pairs, so
every Call Bridge and every recorder of one ``cms_cluster`` count as linked.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from .._services import catalogue
from .given import FleetInput, Host
from .links import Found, Link, same_cluster, verifies
from .slots import slots_of

KINDS = catalogue.link_kinds(catalogue.SIP)


def find(given: FleetInput, peers: dict[str, tuple[str, ...]]) -> Found:
    """Give the links whose verifying side verifies, or may; ends that do not are tied all the same."""
    found = Found()
    running: dict[str, list[Host]] = {}
    for host in given.hosts.values():
        for service in host.services:
            running.setdefault(service, []).append(host)
    # Where there is one database only, who belongs to whom is no question.
    groups = {frozenset({name, *others}) for name, others in peers.items()}
    alone = len(groups) + sum(host.name not in peers for host in running.get(catalogue.API_SERVICE, [])) < 2
    for kind in KINDS:
        presenting = catalogue.presenter_of(kind)
        for host in running.get(kind.verifier, []):
            mode = verifies(host, kind.verifier, kind.trust)
            for other in running.get(presenting, []):
                if not same_cluster(host, other):
                    continue
                found.ties.append((host.name, other.name))
                if mode is False or not _speak_tls(kind, host, other):
                    continue
                labels = {node.variables.get("cms_cluster") for node in (host, other)}
                found.links.append(
                    Link(
                        kind=kind,
                        verifier=host.name,
                        presenter=other.name,
                        dialled=None,
                        via=None,
                        web_bridge_id=None,
                        url=None,
                        before=None,
                        known=mode is True,
                        certain=mode is True and (alone or (labels != {None} and len(labels) == 1)),
                    )
                )
    return found


def _speak_tls(kind: catalogue.LinkKind, host: Host, other: Host) -> bool:
    """Say whether both ends take part in TLS: a recorder may speak plain SIP only."""
    ends = ((host, kind.verifier), (other, catalogue.presenter_of(kind)))
    for node, service in ends:
        slots = [catalogue.slot_id(catalogue.BY_NAME[service], slot) for slot in catalogue.BY_NAME[service].slots]
        if node.survey is not None and not set(slots) & set(slots_of(node)):
            return False
    return True
