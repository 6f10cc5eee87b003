# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes into the files that are uploaded: the placeholders of the plan, filled from the store.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import PreconditionMissing
from .._pki import bundles, certs, keys
from . import steps
from .context import Context

KEY = "key"
ISSUER = "issuer:"


def content_of(plan: Mapping[str, Any], step: Mapping[str, Any], context: Context) -> bytes:
    """Give the bytes of an ``upload`` step.

    A private key is in them only for an identity whose key lives on the control node (S4); it exists in memory only.
    """
    content = step["content"]
    if "trust" in content:
        return trust_content(plan, plan["trusts"][content["trust"]], context)
    identity = steps.identity_of(plan, content["identity"])
    part = content["part"]
    if part == KEY:
        if identity["key"]["where"] == "node":
            raise AssertionError(f"Contract violation: the key of {identity['id']} stays on its node")
        return keys.serialise_plain(context.store.load_key(str(identity["id"]), str(identity["base"])))
    generation = context.generation(identity)
    if generation.issued is None:
        raise AssertionError("Contract violation: a generation that is not issued")
    (leaf,) = _load([generation.issued.leaf_pem], identity["id"])
    chain = _load(generation.issued.chain_pems, identity["id"])
    if part == "certificate":
        return bundles.bundle_bytes([leaf])
    return bundles.bundle_bytes(chain) if part == "bundle" else bundles.full_chain_bytes(leaf, chain)


def trust_content(plan: Mapping[str, Any], trust: Mapping[str, Any], context: Context) -> bytes:
    """Give a trust bundle: what the node trusts and keeps, and what is added (S16)."""
    pems = [_certificate(plan, sha256) for sha256 in trust["keep"]]
    for entry in trust["add"]:
        if entry.startswith(ISSUER):
            pems.extend(_anchors(entry, context))
        else:
            pems.append(_certificate(plan, entry))
    return bundles.trust_bytes(_load(pems, f"{trust['node']} {trust['file']}"))


def trust_fingerprints(entries: Iterable[str], context: Context) -> list[str]:
    """Give the fingerprints behind what a trust adds; an issuer stands for its CA certificates."""
    found: list[str] = []
    for entry in entries:
        if entry.startswith(ISSUER):
            found.extend(certs.fingerprint(one) for one in _load(_anchors(entry, context), entry))
        else:
            found.append(entry)
    return found


def trust_entry(plan: Mapping[str, Any], node: str, step: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Give the entry of the plan's trusts that a ``trust`` step sets."""
    for trust in plan["trusts"]:
        if (trust["node"], trust["service"], trust["trust"], trust["file"]) == (
            node,
            step["service"],
            step["trust"],
            step["file"],
        ):
            found: Mapping[str, Any] = trust
            return found
    return None


def _anchors(entry: str, context: Context) -> list[str]:
    name = entry.removeprefix(ISSUER)
    anchors = context.issuers(name).anchors()
    if not anchors:
        raise PreconditionMissing(
            f"issuer {name}",
            "has no CA certificates yet that could be trusted",
            "let the round 'issue' of the plan run first: run the whole playbook",
        )
    return list(anchors)


def _certificate(plan: Mapping[str, Any], sha256: str) -> str:
    pem = plan["certificates"].get(sha256)
    if pem is None:
        raise AssertionError(f"Contract violation: plan {plan['id']} does not hold certificate {sha256}")
    return str(pem)


def _load(pems: Iterable[str], name: str) -> list[Any]:
    return [one for pem in pems for one in certs.load_certificates(pem.encode("ascii", "replace"), name)]
