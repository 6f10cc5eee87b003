# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules a fleet is checked against before anything changes (S1).

Each rule looks at plain data and says what it found about which nodes. A fault of today that the plan removes is
marked as cured by the caller.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from .._findings import ERROR, REMARK, WARNING, Finding
from .._pki import certs, profiles
from .._services import catalogue, commands
from . import model, names
from .due import Decision
from .given import FleetInput, Host
from .model import Vouching, assigned_chain
from .topology import Topology
from .wanted import Identity


@dataclasses.dataclass(frozen=True)
class Against:
    """A finding, and the nodes it stands against; no nodes means the whole fleet."""

    finding: Finding
    hosts: tuple[str, ...] = ()


def about_services(given: FleetInput, topology: Topology) -> Iterator[Against]:
    """Check that each node has the services of its groups, and that nothing on it is unknown to the plan (S8)."""
    linked = {link.trust_key for link in topology.links}
    for host in given.hosts.values():
        if host.survey is None:
            continue
        for name in host.services:
            state = host.service(name)
            if not state.get("present"):
                yield _error(
                    host,
                    "service-missing",
                    "S8",
                    f"is in the group {catalogue.BY_NAME[name].group}, and has no service {name} "
                    f"({state.get('detail') or 'its command is unknown there'})",
                    f"take the host out of {catalogue.BY_NAME[name].group}, or check its version and licence",
                )
                continue
            yield from _trusts(host, name, state, linked, topology)


def _trusts(
    host: Host, name: str, state: dict[str, Any], linked: set[tuple[str, str, str]], topology: Topology
) -> Iterator[Against]:
    kinds = {(kind.verifier, kind.trust) for kind in catalogue.LINK_KINDS}
    for trust, file in sorted((state.get("trusts") or {}).items()):
        if (name, trust) in kinds and not topology.is_judged(host.name, name):
            # It is for somebody outside this plan, who is told of where registrations are.
            continue
        if file and (host.name, name, trust) not in linked:
            setting = catalogue.BY_NAME[name].trust(trust)
            if setting.outside:
                yield Against(
                    _finding(
                        REMARK,
                        host,
                        "trust-of-outsiders",
                        setting.section,
                        f"'{setting.command}' names {file}: it verifies {setting.outside}, and stays as it is",
                        "see to it yourself when they change their certificates",
                    ),
                    (host.name,),
                )
                continue
            yield _error(
                host,
                "trust-without-link",
                "S8",
                f"'{setting.command}' names {file}, and the plan knows no link that it is for, so nobody can say "
                "what a new certificate would break there",
                "put the other side into the inventory if it is a Web Bridge or a Call Bridge; links between Call "
                "Bridges (guide 4.9) are not planned by this version: leave the node out with cms_skip_nodes: "
                f"[{host.name}], or clear it in a window of its own if nothing needs it "
                f"('{setting.command} {commands.NONE}')",
            )
    for label, file in state.get("unknown_trusts") or []:
        yield _error(
            host,
            "trust-unknown",
            "S8",
            f"{name} shows a trust setting that is not known: {label!r} with {file!r}",
            "clear it on the node if nothing needs it, or send in a recording (certops.cms.record)",
        )


def about_trust_files(given: FleetInput, topology: Topology) -> Iterator[Against]:
    """Check that every trust a link depends on can be read, and that what runs is what is stored (S15, S16)."""
    for key, link in sorted({link.trust_key: link for link in topology.links}.items(), key=lambda item: item[0]):
        host = given.hosts[key[0]]
        file = model.trust_file(host, key[1], key[2])
        if host.survey is None or not file:
            continue
        held = host.certificates(file)
        if not held:
            problems = (host.survey["certificates"].get(file) or {}).get("problems") or ["it holds no certificate"]
            yield _error(
                host,
                "trust-unreadable",
                "S16",
                f"{key[1]} {key[2]} trust: {file} cannot be read ({'; '.join(problems)}), so it cannot be "
                "widened without losing what it trusts",
                "store a trust file that holds certificates only (guide 1.2.4), restart the service, and run again",
            )
            continue
        told = model.told_trust(host, link) or {}
        known = {item["info"]["subject_id"] for item in held}
        more = sorted(name for ident, name in told.items() if ident not in known)
        if more and all(record.get("doubted") for record in host.pending.get(key[1], [])):
            yield _error(
                host,
                "pending-trust-of-others",
                "S15",
                f"{key[1]} still trusts {', '.join(more)}, which its stored file {file} does not hold: the next "
                "restart drops that, and it was not this collection that stored it",
                f"restart {key[1]} yourself if that is wanted, or store a file with both, and run again",
            )


def about_identities(given: FleetInput, decisions: list[Decision], vouching: Vouching) -> Iterator[Against]:
    """Check what every slot is assigned today against guide 2.2, and compare it with what is served (S15)."""
    for decision in decisions:
        for host_name, slot_id in decision.identity.slots:
            host = given.hosts[host_name]
            yield from _assigned(host, slot_id, decision.identity, given, vouching)
            yield from _served(host, slot_id)
    for host in given.hosts.values():
        stems: dict[str, str] = {}
        for decision in decisions:
            if host.name not in decision.identity.hosts:
                continue
            first = stems.setdefault(names.stem(decision.identity.name), decision.identity.name)
            if first != decision.identity.name:
                yield _error(
                    host,
                    "names-collide",
                    "4.1",
                    f"the identities {first!r} and {decision.identity.name!r} would get the same file names",
                    "rename one of them in cms_identities",
                )


def _assigned(host: Host, slot_id: str, identity: Identity, given: FleetInput, vouching: Vouching) -> Iterator[Against]:
    chain = assigned_chain(host, slot_id)
    service, slot = catalogue.SLOTS[slot_id]
    files = (host.service(service.name).get("slots") or {}).get(slot.name) or {}
    label = f"{host.name} {slot_id}"
    for part in ("certificate", "bundle"):
        entry = ((host.survey or {}).get("certificates") or {}).get(files.get(part) or "") or {}
        for problem in entry.get("problems", []):
            yield Against(
                Finding(
                    WARNING,
                    "bundle-form",
                    "1.2.4",
                    f"{host.name} {files[part]}",
                    problem,
                    "a new generation is written in the right form; until then look at the file",
                ),
                (host.name,),
            )
    if not chain:
        if files.get("certificate"):
            entry = ((host.survey or {}).get("certificates") or {}).get(files["certificate"]) or {}
            yield Against(
                Finding(
                    ERROR,
                    "certificate-unreadable",
                    "4.3",
                    label,
                    f"{files['certificate']} is assigned and cannot be read "
                    f"({'; '.join(entry.get('problems') or ['no certificate in it'])}): nothing is decided about it",
                    "assign the certificate as a file of its own, with the key in another one (guide 4.2)",
                ),
                (host.name,),
            )
        return
    leaf, *others = [certs.load_certificates(item["pem"].encode(), label)[0] for item in chain]
    roots = [item for item in [leaf, *others] if item.issuer == item.subject]
    # Where the root is not on the node, the topmost certificate there is the end: what a verifier adds is its own.
    anchors = roots or [[leaf, *others][-1]]
    found = profiles.check(
        leaf,
        others,
        anchors,
        profile=profiles.MEETING_SERVER,
        roles=tuple(identity.roles),
        now=given.now,
        subject_label=label,
        digital_signature=slot.signs,
    )
    for finding in found:
        yield Against(finding, (host.name,))


def _served(host: Host, slot_id: str) -> Iterator[Against]:
    """Compare what is served with what is assigned: a difference nobody noted is a pending change of others (S15)."""
    service, slot = catalogue.SLOTS[slot_id]
    served = host.served(slot_id)
    state = host.service(service.name)
    chain = assigned_chain(host, slot_id)
    if served.get("state") == "served" and served.get("chain") and chain:
        shown = served["chain"][0]
        if shown["sha256"] != chain[0]["info"]["sha256"] and slot_id not in host.waiting_slots(service.name):
            yield _error(
                host,
                "pending-change-of-others",
                "S15",
                f"{slot_id} serves the certificate {shown['subject']} (ends {shown['not_after'][:10]}), but "
                f"{(state.get('slots') or {}).get(slot.name, {}).get('certificate')} is assigned: a change that was "
                "stored and never made live, and not by this collection",
                f"restart {service.name} yourself when that change is wanted, or assign what is served, then run again",
            )
    elif served.get("state") in ("unreachable", "no_tls", "error") and state.get("enabled") is not False:
        yield Against(
            _finding(
                REMARK,
                host,
                "not-probed",
                "S10",
                f"{slot_id} cannot be reached at {served.get('address')}:{served.get('port')} "
                f"({served.get('detail') or served['state']}), so a change of it can be assigned and not proven",
                f"open the way from the control node, or set cms_probe.{slot_id} to an address that leads there",
            ),
            (host.name,),
        )


def about_calls(given: FleetInput, restarted: list[str]) -> Iterator[Against]:
    """Say which restarts would meet calls in progress (S6)."""
    for name in restarted:
        api = (given.hosts[name].survey or {}).get("api") or {}
        status = api.get("status") or {}
        active = status.get("call_legs_active")
        if active is None and given.calls != "drop":
            yield Against(
                Finding(
                    ERROR,
                    "calls-unknown",
                    "S6",
                    f"{name} callbridge",
                    f"has to restart, cms_calls is {given.calls}, and its API does not tell whether calls are up "
                    f"({api.get('detail') or api.get('state') or 'it was not asked'})",
                    "see to the API (cms_api_user, cms_api_password, Web Admin), or set cms_calls to drop",
                ),
                (name,),
            )
        if active:
            what = {
                "stop": "the run stops before that restart",
                "wait": "the run waits for them to end before that restart",
                "drop": "they will be dropped",
            }[given.calls]
            yield Against(
                Finding(
                    WARNING,
                    "calls-in-progress",
                    "S6",
                    f"{name} callbridge",
                    f"{active} call leg{'s are' if active != 1 else ' is'} up; cms_calls is {given.calls}, so {what}",
                    "choose a quieter time, or set cms_calls to wait or drop",
                ),
                (name,),
            )


def _error(host: Host, rule: str, section: str, found: str, next_step: str) -> Against:
    return Against(_finding(ERROR, host, rule, section, found, next_step), (host.name,))


def _finding(severity: str, host: Host, rule: str, section: str, found: str, next_step: str) -> Finding:
    return Finding(severity, rule, section, host.name, found, next_step)
