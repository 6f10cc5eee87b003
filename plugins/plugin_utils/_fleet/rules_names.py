# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules about the names in certificates (guide 3.1 to 3.1.3, 4.9).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterator

from .._findings import ERROR, WARNING
from .._rules.rule import Rule
from .._services import catalogue
from . import databases, described
from .given import NARROW
from .held import Held
from .looking import Broken, View, about


def _demanded(view: View, peer: str) -> Iterator[tuple[Held, str]]:
    """Give the certificates that a peer meets, and the name under which it looks for them."""
    variable = catalogue.PEER_NAMES[peer]
    for held in view.held:
        if peer in held.slot.peers:
            name = described.variable(held.host, variable)
            if name:
                yield held, name


def _listed(held: Held) -> str:
    return ", ".join(sorted(held.names)) or "none"


def _without_common_name(view: View) -> Iterator[Broken]:
    for held in view.held:
        if not held.common_name:
            yield about(held, "has no common name")


def _common_name_left_out(view: View) -> Iterator[Broken]:
    for held in view.held:
        name = (held.common_name or "").lower()
        if name and held.names and name not in held.names and catalogue.SERVER in held.slot.roles:
            yield about(held, f"has the common name {held.common_name}, and its alternative names lack it")


def _common_name_only(view: View) -> Iterator[Broken]:
    for held in view.held:
        if held.slot.public and not held.names:
            yield about(held, "has no alternative names, and browsers read nothing else")


def _lync(view: View) -> Iterator[Broken]:
    for held, wanted in _demanded(view, catalogue.LYNC):
        step = f"have it issued with the common name {wanted} (leave common_name out of cms_identities)"
        if (held.common_name or "").lower() != wanted:
            yield about(held, f"has the common name {held.common_name}; Lync knows this server as {wanted}", step)
        elif held.names and wanted not in held.names:
            yield about(held, f"has alternative names ({_listed(held)}), and {wanted} is not among them", step)


def _web_app(view: View) -> Iterator[Broken]:
    for held, wanted in _demanded(view, catalogue.WEB_APP):
        if wanted not in held.names and not _covers(held, wanted):
            found = f"users open {wanted}, which is not among its alternative names ({_listed(held)})"
            yield about(held, found, f"have it issued with {wanted} among its names")


def _web_app_common_name(view: View) -> Iterator[Broken]:
    for held, wanted in _demanded(view, catalogue.WEB_APP):
        alone = held.identity is None or len({slot for _host, slot in held.identity.slots}) == 1
        if alone and (held.common_name or "").lower() != wanted:
            found = f"is for the web app alone and has the common name {held.common_name}, not {wanted}"
            yield about(held, found, f"have it issued with the common name {wanted}")


def _expressway(view: View) -> Iterator[Broken]:
    for held, wanted in _demanded(view, catalogue.EXPRESSWAY):
        if wanted not in held.names:
            found = f"the Expressway-C connects to {wanted}, which is not among its alternative names ({_listed(held)})"
            yield about(held, found, f"have it issued with {wanted} among its names")


def _covers(held: Held, wanted: str) -> bool:
    return "*." + wanted.partition(".")[2] in held.names


def _wildcards(view: View) -> Iterator[Broken]:
    for held in view.held:
        if catalogue.CUCM not in held.slot.peers or not described.variable(held.host, "cms_cucm"):
            continue
        if held.wildcards:
            only = held.host.fqdn is None or held.host.fqdn not in held.names
            yield about(
                held,
                f"has the wildcard {held.wildcards[0]}"
                + (", and not the name of the node itself" if only else " beside the name of the node"),
                severity=ERROR if only else WARNING,
            )


def _not_dedicated(view: View) -> Iterator[Broken]:
    for held in view.held:
        if held.slot.dedicated and held.identity is not None:
            others = sorted({slot for _host, slot in held.identity.slots} - {held.slot_id})
            if others:
                yield about(held, f"is also that of {', '.join(others)}")


def _peers(view: View) -> Iterator[Broken]:
    """Compare the address under which Call Bridges know each other with the Web Admin certificate behind it.

    Where a Call Bridge verifies its peers and their names, that is a link, and judged with the links.
    """
    call_bridges = [host for host in view.given.hosts.values() if catalogue.API_SERVICE in host.services]
    directory = databases.Directory(call_bridges)
    called = {name: host for host in reversed(call_bridges) for name in databases.called(host)}
    judged = {(link.verifier, *link.slot_key) for link in view.topology.links if link.dialled}
    held_by: dict[tuple[str, str], list[Held]] = {}
    for held in view.held:
        held_by.setdefault((held.host.name, held.slot_id), []).append(held)
    for kind in catalogue.link_kinds(catalogue.PEERS):
        met: set[tuple[str, str, bool]] = set()
        for host in call_bridges:
            for entry in (databases.api_of(host) or {"call_bridges": []})["call_bridges"]:
                dialled = databases.host_in(entry)
                peer = directory.find(dialled) or called.get(dialled)
                if not dialled or peer is None or peer is host or (host.name, peer.name, kind.presenter) in judged:
                    continue
                for held in held_by.get((peer.name, kind.presenter), ()):
                    if (peer.name, dialled, held.planned) not in met and not _is_for(held, dialled):
                        met.add((peer.name, dialled, held.planned))
                        found = (
                            f"is not for {dialled}, the address by which {host.name} and its other peers know it: "
                            f"'{catalogue.BY_NAME[kind.verifier].trust(kind.trust).command}' would end these links"
                        )
                        yield about(held, found)


def _is_for(held: Held, name: str) -> bool:
    """Say whether a name is exactly one of a certificate's: a wildcard does not count (guide 4.9)."""
    return name in held.names or (not held.names and (held.common_name or "").lower() == name)


RULES: tuple[Rule, ...] = (
    Rule(
        "common-name-missing",
        WARNING,
        "3.1",
        "every certificate has a common name (table 4)",
        "have it issued with the name of the server as its common name",
        _without_common_name,
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "common-name-not-in-san",
        WARNING,
        "3.1",
        "where a server has alternative names, its common name is among them",
        "have it issued with the common name among its alternative names",
        _common_name_left_out,
        also=(ERROR,),
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "common-name-only",
        WARNING,
        "3.1.2",
        "what browsers meet has alternative names",
        "have it issued with its names as alternative names",
        _common_name_only,
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "lync-name",
        ERROR,
        "3.1.1",
        "common name and, where there are any, alternative names hold the FQDN of the trusted application "
        "(cms_lync_fqdn)",
        "have it issued with that common name",
        _lync,
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "web-app-name",
        ERROR,
        "3.1.2",
        "alternative names hold the FQDN of the web app (cms_web_app_fqdn)",
        "have it issued with that name",
        _web_app,
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "web-app-common-name",
        WARNING,
        "3.1.2",
        "a certificate for the web app alone has its FQDN as common name (cms_web_app_fqdn)",
        "have it issued with that common name",
        _web_app_common_name,
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "expressway-name",
        ERROR,
        "3.1.2",
        "alternative names hold the name that the Expressway-C connects to (cms_expressway_name)",
        "have it issued with that name",
        _expressway,
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "wildcard-for-cucm",
        ERROR,
        "3.3",
        "Unified Communications Manager meets no wildcard (cms_cucm)",
        "have it issued with the names of its nodes instead of the wildcard",
        _wildcards,
        also=(WARNING,),
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "certificate-not-dedicated",
        WARNING,
        "3.1.3",
        "MeetingApps have a certificate of their own",
        "give it an identity of its own in cms_identities",
        _not_dedicated,
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "peer-name",
        WARNING,
        "4.9",
        "the address of a peer in callBridges is an exact name of its Web Admin certificate, also where peers are not "
        "verified yet",
        "let the address in callBridges be the FQDN in the certificate, or have that name certified "
        "(cms_identities.webadmin.names)",
        _peers,
        lowerable=True,
        skips=(NARROW,),
    ),
)
