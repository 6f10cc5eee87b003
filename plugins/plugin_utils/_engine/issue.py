# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turn the identities of a plan into certificates: the request on the node, the issuing on the control node.

Every step finds out by itself how far a run before it came, so that a killed run is finished and not repeated.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._errors import CertificateProblem, CmsError, Drift, FileProblem, PreconditionMissing
from .._findings import Finding
from .._issuers.base import Wanted
from .._issuers.store import Generation
from .._pki import csr, keys
from .._services import commands
from .context import Context
from .node import Node
from .steps import refuse_blocked

ISSUE = "issue"


def request_on_node(node: Node, identity: Mapping[str, Any], step: Mapping[str, Any], context: Context) -> bool:
    """Make key and CSR of a generation on its node and keep the CSR; say whether the node made them now.

    ``pki csr`` never runs onto a name that exists (S3). A request that this collection began earlier is taken up when
    it asks for exactly what is wanted. Raises Drift, FileProblem, CertificateProblem.
    """
    base = str(step["base"])
    key_file, csr_file = f"{base}.key", f"{base}.csr"
    taken = [name for name in node.files() if name.partition(".")[0] == base]
    ours = csr_file in context.journal.made_files(node.name)
    made = False
    if not taken:
        context.journal.made(node.name, [key_file, csr_file])
        node.make_csr(str(step["command"]))
        made = True
        missing = {key_file, csr_file} - set(node.files())
        if missing:
            raise FileProblem(
                f"{node.name} {', '.join(sorted(missing))}",
                f"is not on the node after '{step['command']}'",
                "look at what the node printed, then run the playbook again: it uses a new name",
                node.transcript,
            )
    elif not {key_file, csr_file} <= set(taken) or not (ours or step.get("resume")):
        raise Drift(
            f"{node.name} {base}",
            f"is in use already ({', '.join(sorted(taken))}); '{commands.PKI_CSR}' would replace the key of what "
            "uses it",
            "run the playbook again: a new plan chooses a name that was never used",
        )
    text = node.get(csr_file).decode("ascii", "replace")
    _accept_request(node.name, identity, csr_file, text)
    context.store.put_request(str(identity["id"]), base, Wanted.of(identity, text), text)
    return made


def _accept_request(node: str, identity: Mapping[str, Any], file: str, text: str) -> None:
    """Raise CertificateProblem when a CSR on a node does not ask for what the plan wants."""
    info = csr.describe_csr(text, f"{node} {file}")
    faults = csr.differences(
        csr.load_csr(text.encode("ascii", "replace"), file), Wanted.of(identity, text).as_request()
    )
    if not info["signature_valid"]:
        faults.append("its signature is not that of its key")
    if faults:
        raise CertificateProblem(
            f"{node} {file}",
            "; ".join(faults),
            "run the playbook again: it makes a new request under a new name",
        )


def issue_all(plan: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Have every identity of the plan issued, and give the result of the round.

    Nothing goes near a node here. Where one cannot be issued, or is not what was asked for, the others are issued and
    kept all the same, for the next run to take up; then the first error is raised and names the rest. Raises CmsError.
    """
    refuse_blocked(plan, {node for identity in plan["identities"] for node in identity["nodes"]})
    context.store.ensure_writable()
    issued: list[dict[str, Any]] = []
    remarks: list[str] = []
    changed = False
    prepared: set[str] = set()
    failed: list[CmsError] = []
    for identity in plan["identities"]:
        try:
            leaf, findings, made = _issue(identity, context, prepared)
        except CmsError as error:
            failed.append(error)
            continue
        changed = changed or made
        remarks.extend(str(finding) for finding in findings)
        facts = {key: leaf[key] for key in ("sha256", "subject", "issuer", "not_before", "not_after")}
        issued.append({"identity": str(identity["id"]), "base": str(identity["base"]), **facts})
    if failed:
        raise _all_told(failed)
    return {"changed": changed, "round": ISSUE, "issued": issued, "remarks": remarks}


def _issue(
    identity: Mapping[str, Any], context: Context, prepared: set[str]
) -> tuple[Mapping[str, Any], list[Finding], bool]:
    """Give the leaf of an identity, what was found about it, and whether it was issued now."""
    ident, base = str(identity["id"]), str(identity["base"])
    generation = context.store.get(ident, base) or _request_here(identity, context)
    if generation.issued is not None:
        return generation.facts["leaf"], [], False
    name = str(identity["issuer"])
    issuer = context.issuers(name)
    if name not in prepared:
        issuer.prepare(context.now)
        prepared.add(name)
    certificate, findings = issuer.obtain(generation.wanted, context.now)
    return context.store.put_issued(ident, base, certificate).facts["leaf"], findings, True


def _all_told(failed: list[CmsError]) -> CmsError:
    """Give one error for all: the first, with what else failed."""
    first = failed[0]
    told = dict.fromkeys((error.obj, error.reason) for error in failed)
    more = "".join(f"; also {obj}: {reason}" for obj, reason in list(told)[1:])
    return type(first)(first.obj, f"{first.reason}{more}", first.next_step, first.transcript)


def _request_here(identity: Mapping[str, Any], context: Context) -> Generation:
    """Make key and CSR on the control node; the key is kept encrypted (S4)."""
    ident, base = str(identity["id"]), str(identity["base"])
    if identity["key"]["where"] == "node":
        raise PreconditionMissing(
            f"{ident} {base}",
            "has no request yet: its key is made on its node",
            "let the round 'request' of the plan run on its node first: run the whole playbook",
        )
    key = keys.generate_key(str(identity["key"]["type"]), identity["key"].get("size"))
    text = csr.build_csr(Wanted.of(identity, "").as_request(), key).decode("ascii")
    return context.store.put_request(ident, base, Wanted.of(identity, text), text, key)
