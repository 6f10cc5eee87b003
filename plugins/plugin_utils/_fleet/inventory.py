# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules about what the inventory says: nothing that was written there is silently without effect.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from .._findings import WARNING
from .._rules.found import find
from .._services import catalogue
from . import staying
from .due import Decision
from .given import FleetInput
from .looking import Against

#: The variables that mean something to this collection.
KNOWN_VARIABLES = frozenset(
    {
        "cms_accept_anchors",
        "cms_alarm_timeout",
        "cms_api_password",
        "cms_api_user",
        "cms_c2w_names",
        "cms_calls",
        "cms_calls_timeout",
        "cms_cluster",
        "cms_cucm",
        "cms_domain",
        "cms_drain",
        "cms_drain_load_limit",
        "cms_expressway_name",
        "cms_fleet",
        "cms_fqdn",
        "cms_identities",
        "cms_issuer",
        "cms_issuers",
        "cms_key_location",
        "cms_key_size",
        "cms_key_type",
        "cms_lync_federation",
        "cms_lync_fqdn",
        "cms_narrow_also",
        "cms_probe",
        "cms_proof_timeout",
        "cms_record_certificates",
        "cms_record_dir",
        "cms_record_mask",
        "cms_renew_before",
        "cms_roll_forward",
        "cms_rollback_nodes",
        "cms_rollback_reason",
        "cms_rollback_services",
        "cms_rollback_to",
        "cms_report_dir",
        "cms_report_fail_on",
        "cms_report_formats",
        "cms_report_paths",
        "cms_report_soon",
        "cms_rules",
        "cms_sip_port",
        "cms_skip_nodes",
        "cms_state_dir",
        "cms_store_passphrase",
        "cms_subject",
        "cms_web_app_fqdn",
    }
)


def about_issuers(given: FleetInput, decisions: list[Decision]) -> Iterator[Against]:
    """Check that every issuer that is named exists, long before it is needed, and that none was lost."""
    named: dict[str | None, list[str]] = {}
    for decision in decisions:
        named.setdefault(decision.identity.issuer, []).extend(decision.identity.hosts)
    described = ", ".join(sorted(given.issuers)) or "(there is none)"
    for name, hosts in sorted(named.items(), key=lambda item: str(item[0])):
        if name is None:
            yield Against(
                find(
                    "no-issuer",
                    ", ".join(dict.fromkeys(hosts)),
                    "no issuer is named, so nothing can be renewed here when it is due",
                    "set cms_issuer to one of cms_issuers: " + described,
                    severity=WARNING,
                ),
                tuple(hosts),
            )
        elif name not in given.issuers:
            yield Against(
                find(
                    "unknown-issuer",
                    f"issuer {name!r}",
                    f"is named for {', '.join(dict.fromkeys(hosts))}, and cms_issuers does not describe it",
                    "describe it in cms_issuers, or name one of: " + described,
                ),
                tuple(hosts),
            )
    for name in sorted(given.accepted_anchors - set(given.issuers)):
        yield Against(
            find(
                "unknown-issuer",
                f"cms_accept_anchors {name!r}",
                "is not the name of an issuer",
                "name one of cms_issuers: " + described,
                section="S17",
            )
        )
    used = {
        generation["request"]["issuer"]
        for generations in given.generations.values()
        for generation in generations
        if generation["state"] == "issued"
    }
    for name in sorted(used & set(given.issuers)):
        if given.issuers[name].will_create:
            yield Against(
                find(
                    "issuer-lost",
                    f"issuer {name!r}",
                    "has certified nodes of this fleet, and its CA is gone from its folder",
                )
            )


def about_going_on(given: FleetInput, decisions: list[Decision]) -> Iterator[Against]:
    """Check that everything in ``cms_roll_forward`` is something."""
    known = {staying.ALL, *given.hosts, *given.skipped}
    known |= {name for decision in decisions for name in (decision.identity.id, decision.identity.name)}
    for entry in sorted(given.roll_forward - known):
        yield Against(
            find(
                "unknown-identity",
                f"cms_roll_forward {entry!r}",
                "is neither a node nor an identity of this fleet",
                f"name a node, an identity as the plan shows it (core1/callbridge), or {staying.ALL}",
            )
        )


def about_unmanaged(given: FleetInput) -> Iterator[Against]:
    """Find services that run with a certificate on a node that is not in their group."""
    for host in given.hosts.values():
        for service in catalogue.SERVICES:
            state = host.service(service.name)
            slots = (state.get("slots") or {}).values()
            assigned = [files["certificate"] for files in slots if files.get("certificate")]
            if service.name in host.services or not state.get("present") or state.get("enabled") is False:
                continue
            if assigned:
                yield Against(
                    find(
                        "service-not-managed",
                        f"{host.name} {service.name}",
                        f"has the certificate {', '.join(assigned)}, and the node is not in {service.group}: nobody "
                        "looks after it",
                        f"put {host.name} into {service.group}, or remove the certificate if the service is not used",
                    ),
                    (host.name,),
                )


def about_variables(given: FleetInput) -> Iterator[Against]:
    """Find variables that look like one of this collection's and are none."""
    met: dict[str, list[str]] = {}
    for host in given.hosts.values():
        for name in host.unknown_variables:
            met.setdefault(name, []).append(host.name)
    for name, hosts in sorted(met.items()):
        near = difflib.get_close_matches(name, KNOWN_VARIABLES, 1, 0.85)
        if near:
            yield Against(
                find(
                    "unknown-variable",
                    f"variable {name}",
                    f"is set for {hosts[0]}{' and others' if len(hosts) > 1 else ''}, and means nothing here",
                    f"did you mean {near[0]}?",
                ),
                tuple(hosts),
            )
