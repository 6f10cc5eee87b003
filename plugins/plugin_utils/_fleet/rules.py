# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules a fleet is checked against before anything changes (S1).

Each rule looks at plain data and says what it found about which nodes. A fault of today that the plan removes is
marked as cured by the caller.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._findings import WARNING
from .._pki import certs, profiles
from .._rules.found import find
from .._services import catalogue, commands
from . import model, names
from .due import Decision
from .given import FleetInput, Host
from .looking import Against
from .model import Vouching, assigned_chain
from .topology import Topology
from .wanted import Identity


def about_services(given: FleetInput, topology: Topology) -> Iterator[Against]:
    """Check that each node has the services of its groups, and that nothing on it is unknown to the plan (S8)."""
    linked = set(topology.by_trust)
    for host in given.hosts.values():
        if host.survey is None:
            continue
        yield from _not_understood(host, topology)
        for name in host.services:
            state = host.service(name)
            if not state.get("present"):
                yield _against(
                    host,
                    "service-missing",
                    f"is in the group {catalogue.BY_NAME[name].group}, and has no service {name} "
                    f"({state.get('detail') or 'its command is unknown there'})",
                    f"take the host out of {catalogue.BY_NAME[name].group}, or check its version and licence",
                )
                continue
            yield from _trusts(host, name, state, linked, topology)


def _not_understood(host: Host, topology: Topology) -> Iterator[Against]:
    """Tell of displays that could not be read: an error where a link hangs on them, or where they name files (S8)."""
    for name, state in ((host.survey or {}).get("services") or {}).items():
        hidden = [value for _label, value in state.get("unknown_rows") or []] if not state.get("present") else []
        if hidden:
            yield _against(
                host,
                "display-not-understood",
                f"{name}: {state['detail']}, and it names {', '.join(hidden)}",
                f"put the host into {catalogue.BY_NAME[name].group} if it runs {name}, and send in a recording "
                "(certops.cms.record)",
            )
        for trust in catalogue.BY_NAME[name].trusts if name in host.services else ():
            links = topology.by_trust.get((host.name, name, trust.name), [])
            reason = (state.get("not_understood") or {}).get(trust.show)
            if reason:
                text = f"'{trust.show}' is not understood: {reason}; what {name} trusts there is not known"
                yield _against(host, "display-not-understood", text, severity="" if links else WARNING)
            elif any(link.assumed for link in links) and trust.verifies == catalogue.BY_MODE:
                text = f"'{trust.show}' does not say clearly whether {name} verifies; it counts as if it did"
                yield _against(host, "verify-mode-unknown", text)


def _trusts(
    host: Host, name: str, state: dict[str, Any], linked: set[tuple[str, str, str]], topology: Topology
) -> Iterator[Against]:
    kinds = {(kind.verifier, kind.trust) for kind in catalogue.LINK_KINDS}
    for trust, file in sorted((state.get("trusts") or {}).items()):
        if (name, trust) in kinds and not topology.is_judged(host.name, name, trust):
            # It is for somebody outside this plan, who is told of where registrations are.
            continue
        if file and (host.name, name, trust) not in linked:
            setting = catalogue.BY_NAME[name].trust(trust)
            if setting.outside:
                yield _against(
                    host,
                    "trust-of-outsiders",
                    f"'{setting.command}' names {file}: it verifies {setting.outside}, and stays as it is",
                    section=setting.section,
                )
                continue
            yield _against(
                host,
                "trust-without-link",
                f"'{setting.command}' names {file}, and the plan knows no link that it is for, so nobody can say "
                "what a new certificate would break there",
                "put the other side into the inventory; or leave the node out with cms_skip_nodes: "
                f"[{host.name}], or clear it in a window of its own if nothing needs it "
                f"('{setting.command} {commands.NONE}')",
            )
    for label, file in state.get("unknown_trusts") or []:
        found = f"{name} shows a trust setting that is not known: {label!r} with {file!r}"
        yield _against(host, "trust-unknown", found)


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
            yield _against(
                host,
                "trust-unreadable",
                f"{key[1]} {key[2]} trust: {file} cannot be read ({'; '.join(problems)}), so it cannot be "
                "widened without losing what it trusts",
            )
            continue
        told = model.told_trust(host, link) or {}
        known = {item["info"]["subject_id"] for item in held}
        more = sorted(name for ident, name in told.items() if ident not in known)
        if more and all(record.get("doubted") for record in host.pending.get(key[1], [])):
            yield _against(
                host,
                "pending-trust-of-others",
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
    on_host: dict[str, list[Decision]] = {}
    for decision in decisions:
        for name in decision.identity.hosts:
            on_host.setdefault(name, []).append(decision)
    for host in given.hosts.values():
        stems: dict[str, str] = {}
        for decision in on_host.get(host.name, []):
            first = stems.setdefault(names.stem(decision.identity.name), decision.identity.name)
            if first != decision.identity.name:
                found = f"the identities {first!r} and {decision.identity.name!r} would get the same file names"
                yield _against(host, "names-collide", found)


def _assigned(host: Host, slot_id: str, identity: Identity, given: FleetInput, vouching: Vouching) -> Iterator[Against]:
    chain = assigned_chain(host, slot_id)
    service, slot = catalogue.SLOTS[slot_id]
    files = (host.service(service.name).get("slots") or {}).get(slot.name) or {}
    label = f"{host.name} {slot_id}"
    for part in ("certificate", "bundle"):
        entry = ((host.survey or {}).get("certificates") or {}).get(files.get(part) or "") or {}
        for problem in entry.get("problems", []):
            found = find("bundle-form", f"{host.name} {files[part]}", problem, severity=WARNING)
            yield Against(found, (host.name,))
    if not chain:
        if files.get("certificate"):
            entry = ((host.survey or {}).get("certificates") or {}).get(files["certificate"]) or {}
            text = (
                f"{files['certificate']} is assigned and cannot be read "
                f"({'; '.join(entry.get('problems') or ['no certificate in it'])}): nothing is decided about it"
            )
            yield Against(find("certificate-unreadable", label, text), (host.name,))
        return
    leaf, *others = [certs.load_certificates(item["pem"].encode(), label)[0] for item in chain]
    roots = [item for item in [leaf, *others] if item.issuer == item.subject]
    # Where the root is not on the node, the topmost certificate there is the end: what a verifier adds is its own.
    anchors = roots or [[leaf, *others][-1]]
    broken = profiles.check(
        leaf,
        others,
        anchors,
        profile=profiles.MEETING_SERVER,
        roles=tuple(identity.roles),
        now=given.now,
        subject_label=label,
        digital_signature=slot.signs,
    )
    for finding in broken:
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
            yield _against(
                host,
                "pending-change-of-others",
                f"{slot_id} serves the certificate {shown['subject']} (ends {shown['not_after'][:10]}), but "
                f"{(state.get('slots') or {}).get(slot.name, {}).get('certificate')} is assigned: a change that was "
                "stored and never made live, and not by this collection",
                f"restart {service.name} yourself when that change is wanted, or assign what is served, then run again",
            )
    elif served.get("state") in ("unreachable", "no_tls", "error") and state.get("enabled") is not False:
        yield _against(
            host,
            "not-probed",
            f"{slot_id} cannot be reached at {served.get('address')}:{served.get('port')} "
            f"({served.get('detail') or served['state']}), so a change of it can be assigned and not proven",
            f"open the way from the control node, or set cms_probe.{slot_id} to an address that leads there",
        )


def about_calls(given: FleetInput, restarted: list[str]) -> Iterator[Against]:
    """Say which restarts would meet calls in progress (S6)."""
    for name in restarted:
        api = (given.hosts[name].survey or {}).get("api") or {}
        status = api.get("status") or {}
        active = status.get("call_legs_active")
        if active is None and given.calls != "drop":
            found = (
                f"has to restart, cms_calls is {given.calls}, and its API does not tell whether calls are up "
                f"({api.get('detail') or api.get('state') or 'it was not asked'})"
            )
            yield Against(find("calls-unknown", f"{name} callbridge", found), (name,))
        if active:
            what = {
                "stop": "the run stops before that restart",
                "wait": "the run waits for them to end before that restart"
                + (f", with its load limit lowered to {given.drain}" if given.drain is not None else ""),
                "drop": "they will be dropped",
            }[given.calls]
            found = f"{active} call leg{'s are' if active != 1 else ' is'} up; cms_calls is {given.calls}, so {what}"
            yield Against(find("calls-in-progress", f"{name} callbridge", found), (name,))


def about_drained(given: FleetInput) -> Iterator[Against]:
    """Say whose load limit an earlier run lowered and did not come to set back (S6)."""
    for host in given.hosts.values():
        if host.drained is not None:
            old = "unset" if host.drained["before"] is None else host.drained["before"]
            found = (
                f"a run that did not come to its end lowered its load limit to {host.drained['limit']}; it was {old}"
            )
            yield Against(find("load-limit-lowered", f"{host.name} callbridge", found), (host.name,))


def _against(
    host: Host, rule: str, found: str, next_step: str = "", *, section: str = "", severity: str = ""
) -> Against:
    return Against(find(rule, host.name, found, next_step, section=section, severity=severity), (host.name,))
