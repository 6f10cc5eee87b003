# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Diagnoses of what is untidy, or what others see otherwise than the fleet: browsers, chains, leftovers, alarms.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .._findings import REMARK, WARNING
from .._fleet import described, model
from .._fleet.given import Host
from .._services import catalogue
from .case import Case, Seen
from .causes import NOW, SOME_TIME, Blank, Sign

_BROWSERS = "browsers"


def of_browsers(case: Case) -> Iterator[Sign]:
    """Find what browsers warn about: self-signed, of a CA they do not know, for another name (guide 5.1)."""
    for seen in case.seen.values():
        name, slot_id = seen.host.name, seen.slot_id
        browsed = seen.slot.public or any(_BROWSERS in who for who in seen.slot.outside)
        if seen.leaf["self_signed"]:
            severity = WARNING if browsed else REMARK
            whom = f" ({', '.join(seen.slot.outside)})" if seen.slot.outside else ""
            found = f"{slot_id} shows a self-signed certificate, untrusted by all who were not given it{whom}"
            cure = "have it issued by a CA: name an issuer (cms_issuer) and run certops.cms.site"
            yield Sign("untrusted-self-signed", severity, "5.1", NOW, name, (found,), cure)
            continue
        wanted = _called(seen)
        if browsed and wanted and not any(model.name_fits(entry, _names(seen.leaf)) for entry in wanted):
            found = f"browsers that open {slot_id} by its name warn: the certificate is for other names"
            cure = "run certops.cms.site, which asks for the FQDN; further names stand in cms_identities"
            yield Sign("untrusted-name", WARNING, "5.1", NOW, name, (found,), cure)
        root = _own_root(case, seen) if seen.slot.public else ""
        if root:
            found = f"{slot_id} has a certificate of your own CA {root}: browsers that were not given it warn"
            cure = "give that root to all who use it (guide 4.7.2), or use a public CA for this service"
            yield Sign("untrusted-own-ca", REMARK, "5.1", SOME_TIME, name, (found,), cure)


def _called(seen: Seen) -> list[str]:
    """Give the names under which a service is meant to be opened."""
    _name, config = described.config_of(seen.host, seen.slot_id)
    return [name for name in (seen.host.fqdn, config.get("common_name"), *config.get("names", [])) if name]


def _names(leaf: Mapping[str, Any]) -> frozenset[str]:
    found = [*leaf["dns"], *leaf["ip"]] or ([leaf["common_name"]] if leaf["common_name"] else [])
    return frozenset(name.lower() for name in found)


def _own_root(case: Case, seen: Seen) -> str:
    """Give the subject of the root of a CA of the inventory that vouches for a certificate; empty where none does."""
    above = case.vouching.above(seen.leaf["sha256"])
    for issuer in case.given.issuers.values():
        anchors = case.vouching.anchors.get(issuer.name) or []
        if not issuer.public and above & set(anchors):
            return str(case.infos[anchors[-1]]["subject"])
    return ""


def of_chains(case: Case) -> Iterator[Sign]:
    """Find listeners that serve a leaf of an intermediate CA without that CA's certificate (guide 1.2.4)."""
    known = {info["subject"]: info for info in case.infos.values()}
    for seen in case.seen.values():
        if not seen.served:
            continue
        last = _last_of_chain(seen)
        issuer = known.get(last["issuer"])
        # A root that is not served is as it should be where others have it.
        complete = last["self_signed"] or (issuer is not None and issuer["self_signed"])
        if complete or (issuer is None and last is not seen.leaf):
            continue
        found = f"{seen.slot_id} serves its certificate without that of its CA {last['issuer']}: who lacks it refuses"
        form = "full chain file" if seen.slot.layout == catalogue.FULL_CHAIN else "bundle"
        cure = f"assign a {form} with all CA certificates, root last"
        explains = (("chain-incomplete", f"{seen.host.name} {seen.slot_id}", ""),)
        yield Sign("chain-incomplete", WARNING, "1.2.4", NOW, seen.host.name, (found,), cure, explains=explains)


def _last_of_chain(seen: Seen) -> dict[str, Any]:
    """Walk from the leaf up through what is served."""
    last, left = seen.leaf, list(seen.chain)
    while not last["self_signed"]:
        above = next((info for info in left if info["subject"] == last["issuer"]), None)
        if above is None:
            break
        left.remove(above)
        last = above
    return last


def of_leftovers(case: Case) -> Iterator[Sign]:
    """Find trust that nothing needs any more, and files that no setting names."""
    yield from _needless_trust(case)
    for host in case.given.hosts.values():
        unused = unused_files(case, host)
        if unused:
            yield Sign(
                "files-unused",
                REMARK,
                "S13",
                SOME_TIME,
                host.name,
                (Blank.COUNT, " files with certificates, keys or requests that no setting names"),
                "certops.cms.narrow removes those of this collection; look through the others and remove them with "
                "certops.cms.pki_file",
                count=len(unused),
            )


def unused_files(case: Case, host: Host) -> list[str]:
    """Name the certificate, key and request files of a node that no setting names and no plan is about to use."""
    survey = host.survey or {}
    named: set[str] = set()
    for state in (survey.get("services") or {}).values():
        for files in (state.get("slots") or {}).values():
            named |= {str(files[part]) for part in ("key", "certificate", "bundle") if files.get(part)}
        named |= {str(file) for file in (state.get("trusts") or {}).values() if file}
    bases = {str(identity["base"]) for identity in case.plan["identities"]}
    return sorted(
        name
        for name, entry in (survey.get("files") or {}).items()
        if (entry["kind"] != "unknown" or name in (survey.get("other_certificates") or {}))
        and name not in named
        and not any(name.startswith((f"{base}.", f"{base}-")) for base in bases)
    )


def _needless_trust(case: Case) -> Iterator[Sign]:
    needed: dict[tuple[str, str, str], frozenset[str]] = {}
    for link in case.topology.links:
        shown = case.state.slots.get(link.slot_key)
        found = shown.vouched_by if shown else frozenset[str]()
        needed[link.trust_key] = needed.get(link.trust_key, frozenset()) | found
    # What issuers of the inventory vouch for may be there ahead of its use.
    ahead = {sha256 for anchors in case.vouching.anchors.values() for sha256 in anchors}
    for (name, service, trust), content in needed.items():
        if not case.topology.is_judged(name, service, trust):
            continue
        for sha256 in sorted(case.state.trusts.get((name, service, trust), frozenset()) - content - ahead):
            info = case.infos.get(sha256) or case.vouching.info(sha256)
            what = "a CA that issued nothing shown to it" if info["ca"] else "a certificate that nothing shows any more"
            text = f"{service} {trust} trust holds {info['subject']} (ends {info['not_after'][:10]}), {what}"
            cure = "run certops.cms.narrow; it drops what this collection did not add when cms_narrow_also names it"
            yield Sign("trust-unused", REMARK, "1.2.5", SOME_TIME, name, (text,), cure)


def of_alarms(case: Case) -> Iterator[Sign]:
    """Tell the alarms that the API of a node raises, whatever their type."""
    for host in case.given.hosts.values():
        for alarm in alarms(host):
            reason = f" ({alarm['reason']})" if alarm["reason"] else ""
            cure = "see to what it names; whether a change of certificates raised it, the run of that change says"
            yield Sign(
                "alarm", WARNING, "S10", NOW, host.name, (f"its API raises the alarm {alarm['type']}{reason}",), cure
            )


def alarms(host: Host) -> list[dict[str, str]]:
    """Give the alarms of a node as type and reason; nothing where its API was not read."""
    found = ((host.survey or {}).get("api") or {}).get("alarms") or []
    return [
        {"type": str(entry["type"]), "reason": str((entry.get("details") or {}).get("failurereason") or "")}
        for entry in found
    ]
