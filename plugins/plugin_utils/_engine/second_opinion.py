# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a node says of its files beside what their content says: use, kind, pair, chain (guide 4.3, appendix C).

The content is the authority: what ``pki`` prints has never been seen. So each answer says what the node says, what is
known here, and whether they agree; None is "does not say", and never a yes.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import datetime
import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._errors import CertificateProblem, CmsError, FileProblem
from .._findings import Finding
from .._mmp import displays
from .._mmp.inspection import CERTIFICATE, CSR, KEY, UNKNOWN, parse_inspect, parse_usage
from .._mmp.session import quote
from .._pki import bundles, certs, csr, heads, profiles, x509util
from .._rules.found import find
from .._services import commands
from .locks import kind_of_file
from .node import Node

PKCS12, SSH_KEY = "pkcs12", "ssh_key"
_KINDS = {
    heads.OPEN_KEY: KEY,
    heads.LOCKED_KEY: KEY,
    heads.PKCS12: PKCS12,
    heads.SSH_KEY: SSH_KEY,
}


def chosen(patterns: Iterable[str], listed: Iterable[str], there: Iterable[str], node: str) -> list[str]:
    """Give the files that are named, and those of ``pki list`` that shell patterns choose, each once.

    Raises FileProblem for a name that is not there.
    """
    known, names = sorted(listed), set(there)
    found: dict[str, None] = {}
    for pattern in patterns:
        fitting = [pattern] if pattern in names else fnmatch.filter(known, pattern)
        if not fitting and not set(pattern) & set("*?["):
            raise FileProblem(f"{node} {pattern}", "is not on the node", f"look at the list: {commands.PKI_LIST}")
        found.update(dict.fromkeys(fitting))
    return list(found)


# Use -----------------------------------------------------------------------------------------------------------------


def use(
    node: Node, files: Mapping[str, Mapping[str, Any]], services: Mapping[str, Mapping[str, Any]], listed: Iterable[str]
) -> tuple[bool, list[dict[str, Any]]]:
    """Give whether ``pki`` says who uses what, and each file with what the displays and ``pki`` say of it."""
    says = parse_usage(node.session.show(commands.PKI), files)
    named = {name: displays.files_named(dict(state)) for name, state in services.items()}
    in_list = set(listed)
    found = []
    for name in sorted(files):
        users = sorted(service for service, files_of in named.items() if name in files_of)
        told = None if says is None else says.get(name, [])
        found.append(
            {
                "name": name,
                "kind": files[name]["kind"],
                "size": files[name]["size"],
                "listed": name in in_list,
                "used_by": users,
                "node_says": told,
                "agree": None if told is None else bool(told) == bool(users),
            }
        )
    return says is not None, found


# Kind and content ----------------------------------------------------------------------------------------------------


def content(node: Node, name: str) -> dict[str, Any]:
    """Say what a file is by its content; of a private key only that it is one, and whether it is locked (S4)."""
    found: dict[str, Any] = {"kind": UNKNOWN, "locked": None, "certificates": [], "csr": {}}
    head = kind_of_file(node, name)
    if head in _KINDS:
        locked = head == heads.LOCKED_KEY if _KINDS[head] == KEY else None
        return {**found, "kind": _KINDS[head], "locked": locked}
    data = node.get(name)
    if b"PRIVATE KEY-----" in certs.as_text_bytes(data):
        return {**found, "kind": KEY}
    try:
        return {**found, "kind": CERTIFICATE, "certificates": _described(data, name)}
    except CmsError:
        pass
    try:
        return {**found, "kind": CSR, "csr": csr.describe_csr(data, name)}
    except CmsError:
        return found


def _described(data: bytes, name: str) -> list[dict[str, Any]]:
    return [certs.describe(cert) for cert in certs.load_certificates(data, name)]


def inspect(node: Node, name: str) -> dict[str, Any]:
    """Give what ``pki inspect`` says of a file, what it holds, and where the two differ."""
    reply = node.session.run(commands.pki_inspect(quote(name)), check=False)
    says, holds = parse_inspect(reply.text), content(node, name)
    differences = _inspect_differences(says, holds)
    return {
        "name": name,
        "node_says": says,
        "answer": list(reply.lines),
        "content": holds,
        "differences": differences,
        "agree": None if says["kind"] is None or holds["kind"] in (PKCS12, SSH_KEY) else not differences,
    }


def _inspect_differences(says: Mapping[str, Any], holds: Mapping[str, Any]) -> list[str]:
    if says["kind"] is None or holds["kind"] in (PKCS12, SSH_KEY):
        return []
    if says["kind"] != holds["kind"]:
        return [f"the node takes it for: {says['kind']}; it is: {holds['kind']}"]
    if says["locked"] and holds["locked"] is False:
        return ["the node takes the key for locked, and it is open"]
    shown, there = says["certificates"], holds["certificates"]
    if shown and len(shown) != len(there):
        return [f"the node shows {len(shown)} certificates, it holds {len(there)}"]
    found = []
    for number, (one, real) in enumerate(zip(shown, there, strict=bool(shown)), start=1) if shown else ():
        for row in ("not_before", "not_after"):
            if one[row] not in (None, real[row]):
                found.append(f"certificate {number}: {row} is {one[row]} for the node, and {real[row]} in the file")
        if one["dns"] and {name.lower() for name in one["dns"]} != {name.lower() for name in real["dns"]}:
            names = ", ".join(one["dns"])
            found.append(f"certificate {number}: its DNS names are {names} for the node, and others in the file")
    return found


# Pair ----------------------------------------------------------------------------------------------------------------


def pair_known_here(node: Node, key: str, certificate: str, served: Mapping[str, str]) -> bool | None:
    """Say whether a key belongs to a certificate, as far as that is known without the key, which stays there (S4).

    What is known of a key is its request beside it, and the certificate that a service shows with it (``served``, file
    of the key -> SHA-256 of the public key).
    """
    cert = certs.load_certificates(node.get(certificate), f"{node.name} {certificate}")[0]
    known = served.get(key)
    request = f"{key.rpartition('.')[0]}.csr"
    if known is None and request in node.files():
        try:
            known = x509util.spki_sha256(csr.load_csr(node.get(request), request))
        except CertificateProblem:
            known = None
    return None if known is None else known == x509util.spki_sha256(cert)


# Chain ---------------------------------------------------------------------------------------------------------------


def verify(node: Node, certificate: str, bundle: str, authority: str | None, now: datetime.datetime) -> dict[str, Any]:
    """Give what ``pki verify`` says, what the chain check here says, and whether they agree.

    With ``authority`` the certificates in that file are trusted; without it the roots in the bundle are.
    """
    command = commands.pki_verify(quote(certificate), quote(bundle), None if authority is None else quote(authority))
    reply = node.session.run(command, check=False)
    says: bool | None = displays.read_yes_no(reply.text)
    leaf, pool = bundles.split(node.get(certificate), f"{node.name} {certificate}")
    others = certs.load_certificates(node.get(bundle), f"{node.name} {bundle}")
    if authority is None:
        anchors = [cert for cert in others if x509util.is_self_signed(cert)]
    else:
        anchors = certs.load_certificates(node.get(authority), f"{node.name} {authority}")
    found = profiles.check(
        leaf, [*pool, *others], anchors, roles=(), now=now, subject_label=f"{node.name} {certificate}"
    )
    verified = not any(finding.blocks for finding in found)
    return {
        "certificate": certificate,
        "bundle": bundle,
        "ca": authority,
        "node_says": says,
        "answer": list(reply.lines),
        "verified": verified,
        "findings": [finding.as_dict() for finding in found],
        "agree": None if says is None else says == verified,
    }


# What does not agree -------------------------------------------------------------------------------------------------


def disagreements(
    node: str,
    files: Sequence[Mapping[str, Any]],
    inspected: Sequence[Mapping[str, Any]],
    matches: Sequence[Mapping[str, Any]],
    verified: Sequence[Mapping[str, Any]],
) -> list[Finding]:
    """Give a finding for each answer of the node that is not what is known here."""
    found = []
    for one in files:
        if one["agree"] is False:
            says = ", ".join(one["node_says"]) or "nobody"
            shows = ", ".join(one["used_by"]) or "no display"
            text = f"pki says that it is used by {says}, and {shows} names it"
            step = "Take it for used: neither replace nor remove it before it is clear who needs it"
            found.append(find("pki-use-differs", f"{node} {one['name']}", text, step))
    for one in inspected:
        if one["agree"] is False:
            step = "Trust the content of the file, and report what the node prints"
            text = "; ".join(one["differences"])
            found.append(find("pki-inspect-differs", f"{node} {one['name']}", text, step))
    for one in matches:
        if one["agree"] is False:
            text = f"the node says {_word(one['node_says'])} to {one['key']}, and its request or service says otherwise"
            step = "Look whether the request beside the key is really that of the key"
            found.append(find("pki-match-differs", f"{node} {one['certificate']}", text, step))
    for one in verified:
        if one["agree"] is False:
            own = "; ".join(f["found"] for f in one["findings"]) or "nothing is wrong with the chain"
            text = f"the node says {_word(one['node_says'])}, and here: {own}"
            step = "Compare the clocks of node and control node, and look at the chain"
            found.append(find("pki-verify-differs", f"{node} {one['certificate']}", text, step))
    return found


def _word(says: bool | None) -> str:
    return "yes" if says else "no"
