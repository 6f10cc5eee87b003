# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as text for people: per node, in order, the commands, what they replace, why, and what they cost.

The same text is printed in check mode, before a run, and kept with the plan.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from .. import _findings
from .._services import catalogue, commands
from .._text import printable
from .given import ROLLBACK

#: Columns of the text, and the column at which notes begin.
_WIDTH, _NOTES = 118, 66

_ROUND_TITLES = {
    "request": "make keys and requests on the nodes, all nodes at once; nothing is interrupted",
    "issue": "issue the certificates, on the control node",
    "stage": "upload files under new names, all nodes at once; nothing is interrupted",
    "widen": "widen trust, so that every verifier knows the new CA before anything is switched",
    "switch": "switch to the new certificates",
    "narrow": "narrow trust and remove old generations; nothing is interrupted",
}


#: The same where a rollback says it in other words.
_ROLLBACK_TITLES = {
    "stage": "upload trust files under new names, all nodes at once; nothing is interrupted",
    "widen": "widen trust, so that every verifier knows the old CA again before anything goes back",
    "switch": "go back to the certificates from before",
}


def text(plan: dict[str, Any]) -> list[str]:
    """Give the plan as lines that hold nothing but text, whatever nodes and certificates say."""
    lines = [_headline(plan)]
    lines += _findings_lines(plan)
    if any(entry["serial"] for entry in plan["rounds"]):
        lines.append("")
        lines.append(
            "What follows happens in this order, and stops at the first failure: what was not reached stays as it is."
        )
    for number, entry in enumerate(plan["rounds"], 1):
        lines.append("")
        lines.append(f"{number}. {entry['name']}: {_title(plan, entry)}")
        if entry["name"] == "issue":
            lines += _issue(plan)
        for host in entry["hosts"]:
            lines += _host(plan, entry, host)
    lines += _cost(plan)
    return [printable(line) for line in lines]


def _headline(plan: dict[str, Any]) -> str:
    nodes = len(plan["nodes"])
    if not plan["rounds"] and plan["blocked"]:
        errors = sum(1 for finding in plan["findings"] if _findings.from_dict(finding).blocks)
        return (
            f"Plan {plan['id']} ({plan['intent']}, fleet {plan['fleet']}): refused because of "
            f"{_count(errors, 'error')}; nothing will be changed"
        )
    if not plan["rounds"]:
        head = f"Plan {plan['id']} ({plan['intent']}, fleet {plan['fleet']}): nothing to do on {_count(nodes, 'node')}"
        first = _first_end(plan)
        return f"{head}. {first}" if first else head + "."
    certificates = _count(len(plan["identities"]), "new certificate")
    if plan["intent"] == ROLLBACK:
        certificates = _count(sum(len(found["slots"]) for found in plan["back"]), "certificate") + " put back"
    trusts = _count(sum(1 for change in plan["trusts"] if not change.get("stored")), "trust setting")
    restarts = _count(sum(n for per in plan["cost"]["restarts"].values() for n in per.values()), "restart")
    blocked = f"; {_count(len(plan['blocked']), 'node')} blocked by errors" if plan["blocked"] else ""
    return (
        f"Plan {plan['id']} ({plan['intent']}, fleet {plan['fleet']}): {_count(nodes, 'node')}, {certificates}, "
        f"{trusts} changed, {restarts}{blocked}"
    )


def _first_end(plan: dict[str, Any]) -> str:
    """Say which certificate of the fleet ends first."""
    ends = [
        (slot["not_after"], f"{name} {slot_id}")
        for name, node in plan["nodes"].items()
        for slot_id, slot in node["before"].items()
        if slot.get("not_after")
    ]
    if not ends:
        return ""
    end, what = min(ends)
    return f"The first certificate to end is that of {what}, on {end[:10]}."


def _findings_lines(plan: dict[str, Any]) -> Iterator[str]:
    groups: dict[str, list[_findings.Finding]] = {"Errors": [], "Warnings": [], "Remarks": [], "Cured by this plan": []}
    for data in plan["findings"]:
        finding = _findings.from_dict(data)
        title = {"error": "Errors", "warning": "Warnings"}.get(finding.severity, "Remarks")
        groups["Cured by this plan" if finding.cured else title].append(finding)
    for title, found in groups.items():
        if not found:
            continue
        yield ""
        yield f"{title}:"
        for finding in _once(found) if title in ("Warnings", "Remarks") else found:
            told = f"{finding.object}: {finding.found}  [{finding.rule}, {_source(finding.section)}]"
            yield from _wrapped("  ", told, "    ")
            if finding.lowered_from:
                yield from _wrapped("    ", finding.lowering, "    ")
            if not finding.cured:
                yield from _wrapped("    -> ", finding.next_step, "       ")
    if plan["blocked"]:
        yield ""
        yield f"Blocked by these errors, nothing will be changed on: {', '.join(plan['blocked'])}"
    if plan["skipped"]:
        yield ""
        yield f"Left out on purpose (cms_skip_nodes), their links are not judged: {', '.join(plan['skipped'])}"


def _once(found: list[_findings.Finding]) -> list[_findings.Finding]:
    """Tell once what is the same of several objects, with all their names."""
    alike: dict[tuple[str, ...], list[_findings.Finding]] = {}
    for finding in found:
        alike.setdefault((finding.rule, finding.found, finding.next_step, finding.lowering), []).append(finding)
    return [replace(same[0], object=", ".join(one.object for one in same)) for same in alike.values()]


def _source(section: str) -> str:
    return f"rule {section}" if section.startswith("S") else f"guide {section}"


def _title(plan: dict[str, Any], entry: dict[str, Any]) -> str:
    name = entry["name"].rstrip("-0123456789")
    title = _ROLLBACK_TITLES.get(name) if plan["intent"] == ROLLBACK else None
    title = title or _ROUND_TITLES[name]
    if not entry["serial"]:
        return title
    if len(entry["hosts"]) == 1:
        return f"{title}; one node"
    largest = max(entry["waves"])
    pace = "one node at a time" if largest == 1 else f"at most {largest} nodes at a time, no two of them linked"
    return f"{title}; {pace}"


def _issue(plan: dict[str, Any]) -> Iterator[str]:
    for name in plan.get("creates", []):
        yield f"   {name} has no CA yet: this run makes its root and intermediate first. To have the root beforehand,"
        yield "      so that others can trust it, run certops.cms.prepare"
    for identity in plan["identities"]:
        key = identity["key"]
        kind = "RSA" if key["type"] == "rsa" else "ECDSA"
        where = "made on the node, stays there" if key["where"] == "node" else "made here, kept encrypted in the store"
        yield f"   {identity['id']} as {identity['base']}  ({kind} {key['size']} key, {where})"
        before = identity["before"]
        if before:
            yield f"      now   {before['subject']}, issued by {before['issuer']}, ends {before['not_after'][:10]}"
        else:
            yield "      now   no certificate"
        subject = ",".join(f"{name}={value}" for name, value in identity["subject"].items())
        ends = f"ends {identity['validity']} after issue" if identity["validity"] else "the issuer decides when it ends"
        yield f"      then  {subject}, issued by {identity['issuer']}, {ends}"
        names = f"{', '.join(identity['names'])}; usage {', '.join(identity['eku'])}"
        yield from _wrapped("      names ", names, "            ")
        yield from _wrapped("      why   ", identity["reason"], "            ")
        if identity["resume"] != "new":
            done = "the certificate" if identity["resume"] == "issued" else "the request"
            yield f"      goes on from an earlier run, which left {done}"


def _host(plan: dict[str, Any], entry: dict[str, Any], host: str) -> Iterator[str]:
    yield f"   {host}"
    for batch in entry["batches"][host]:
        for step in batch["steps"]:
            yield from _step(plan, host, step, batch)
        for number, reason in enumerate(batch.get("reasons") or [batch["reason"]]):
            yield from _wrapped("            " if number else "      why   ", reason, "            ")


def _step(plan: dict[str, Any], host: str, step: dict[str, Any], batch: dict[str, Any]) -> Iterator[str]:
    kind = step["kind"]
    if kind == "csr":
        yield from _with("      " + step["command"], "the request is there already" if step["resume"] else "")
    elif kind == "upload":
        yield from _with(f"      upload {step['file']}", _upload_note(plan, step))
    elif kind == "check":
        yield f"      {commands.pki_match(step['key'], step['certificate'])}"
        if step["bundle"]:
            yield f"      {commands.pki_verify(step['certificate'], step['bundle'])}"
    elif kind == "assign":
        yield f"      {step['command']}"
        for label, told in [*_replaced(plan, host, step), *_made_before(plan, step)]:
            yield from _wrapped(f"            {label:<8} ", told, " " * 21)
    elif kind == "trust":
        note = f"was {step['before'] or 'none'}; {_trust_note(plan, host, step)}"
        yield from _with(f"      {step['command']}", note)
    elif kind == "disable":
        yield f"      {step['command']}"
    elif kind == "restart":
        for command in step["commands"]:
            yield from _with(f"      {command}", batch["cost"])
    elif kind == "prove":
        if step["proof"] == "tls":
            which = "the new certificate" if step["identity"] or step.get("leaf") else "the certificate it has"
            if step.get("leaf") and plan["intent"] == ROLLBACK:
                which = "the certificate from before"
            yield f"      prove: {step['slot']} serves {which}"
        else:
            yield from _wrapped(
                "      prove: ", f"C2W is up again with {_others(plan, host, step['links'])}", "        "
            )
    elif kind == "remove":
        yield from _with(f"      remove {step['file']}", step.get("why", ""))


def _with(command: str, note: str) -> Iterator[str]:
    """Give a command with a note behind it, or under it where both do not fit. A command is never wrapped."""
    command, note = printable(command), printable(note)
    if not note:
        yield command
    elif len(command) <= _NOTES and _NOTES + 4 + len(note) <= _WIDTH:
        yield f"{command:<{_NOTES}}  # {note}"
    else:
        yield command
        yield from _wrapped("            # ", note, "            # ")


def _wrapped(first: str, told: str, others: str) -> list[str]:
    return textwrap.wrap(
        # First, or a line end would pass for a blank and an escape would not count.
        printable(told),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _others(plan: dict[str, Any], host: str, idents: list[str]) -> str:
    """Name the other ends of links; a node that has both ends itself is its own other end."""
    ends = [{link["verifier"][0], link["presenter"][0]} for link in plan["links"] if link["id"] in idents]
    return ", ".join(sorted({name for pair in ends for name in pair - {host} or pair}))


def _made_before(plan: dict[str, Any], step: dict[str, Any]) -> list[tuple[str, str]]:
    """Describe a certificate that is there already: what is not issued yet is described where it is."""
    if step.get("leaf") and plan["intent"] == ROLLBACK:
        leaf = step["leaf"]
        return [("with", f"{leaf['subject']}, issued by {leaf['issuer']}, ends {leaf['not_after'][:10]}")]
    for identity in plan["identities"]:
        if identity["id"] == step["identity"] and identity.get("issued"):
            issued = identity["issued"]
            done = "stored" if identity["finishes"] else "issued"
            ends = f"ends {issued['not_after'][:10]} ({done} by an earlier run)"
            return [("with", f"{issued['subject']}, issued by {issued['issuer']}, {ends}")]
    return []


def _upload_note(plan: dict[str, Any], step: dict[str, Any]) -> str:
    content = step["content"]
    if "trust" in content:
        change = plan["trusts"][content["trust"]]
        kept = _count(len(change["keep"]), "certificate")
        verb, what = ("drops", change["removes"]) if change.get("removes") else ("adds", change["adds"])
        return f"keeps {kept}, {verb} {', '.join(what)}"
    return {"key": "private key", "fullchain": "leaf, intermediates, root", "bundle": "intermediates, root"}.get(
        content["part"], ""
    )


def _replaced(plan: dict[str, Any], host: str, step: dict[str, Any]) -> list[tuple[str, str]]:
    before = plan["nodes"].get(host, {}).get("before", {}).get(step["slot"]) or {}
    files = " ".join(str(step["before"][part]) for part in ("key", "certificate", "bundle") if step["before"].get(part))
    if not files:
        return [("replaces", "nothing")]
    if not before.get("subject"):
        return [("replaces", files)]
    what = f"{before['subject']}, issued by {before['issuer']}, ends {before['not_after'][:10]}"
    return [("replaces", files), ("", what)]


def _trust_note(plan: dict[str, Any], host: str, step: dict[str, Any]) -> str:
    for change in plan["trusts"]:
        if (change["node"], change["service"], change["trust"]) == (host, step["service"], step["trust"]):
            if change.get("removes"):
                return "drops " + ", ".join(change["removes"])
            return "adds " + ", ".join(change["adds"])
    return ""


def _cost(plan: dict[str, Any]) -> Iterator[str]:
    if not plan["rounds"]:
        return
    yield ""
    if not plan["cost"]["restarts"]:
        yield "Cost: no restart."
    else:
        yield "Cost:"
    for host, services in sorted(plan["cost"]["restarts"].items()):
        listed = ", ".join(f"{service} {_count(number, 'restart')}" for service, number in sorted(services.items()))
        calls = plan["nodes"].get(host, {}).get("calls")
        drops = any(catalogue.BY_NAME[service].drops_calls for service in services)
        known = f"; calls up now: {'unknown' if calls is None else calls}" if drops else ""
        yield f"   {host}: {listed}{known}"
    if plan["external_verifiers"]:
        which = "the old CA" if plan["intent"] == ROLLBACK else "the new CA"
        yield f"The anchor changes. Outside the fleet these may verify it, and must trust {which} before the switch:"
        yield from _wrapped("   ", ", ".join(plan["external_verifiers"]), "   ")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def diff(plan: dict[str, Any]) -> list[dict[str, str]]:
    """Give the plan as Ansible diffs: for each node what its settings name before and after."""
    found = []
    nodes: dict[str, tuple[list[str], list[str]]] = {}
    for entry in plan["rounds"]:
        for host, batches in entry["batches"].items():
            for step in (step for batch in batches for step in batch["steps"]):
                before, after = nodes.setdefault(host, ([], []))
                if step["kind"] == "assign":
                    files = [step["before"].get(part) for part in ("key", "certificate", "bundle")]
                    before.append(f"{step['slot']}: {' '.join(file for file in files if file) or 'none'}")
                    new = [step["files"].get(part) for part in ("key", "certificate", "bundle")]
                    after.append(f"{step['slot']}: {' '.join(file for file in new if file)}")
                elif step["kind"] == "trust":
                    before.append(f"{step['service']} {step['trust']} trust: {step['before'] or 'none'}")
                    after.append(f"{step['service']} {step['trust']} trust: {step['file']}")
                elif step["kind"] == "remove":
                    before.append(f"file {step['file']}")
    for host in sorted(nodes):
        before, after = nodes[host]
        found.append(
            {
                "before_header": f"{host} (now)",
                "after_header": f"{host} (planned)",
                "before": "".join(f"{printable(line)}\n" for line in sorted(before)),
                "after": "".join(f"{printable(line)}\n" for line in sorted(after)),
            }
        )
    return [entry for entry in found if entry["before"] or entry["after"]]
