# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links from an uploader to the Web Admin it reads the API through.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from .._services import catalogue
from . import databases
from .databases import Directory
from .given import FleetInput, Host
from .links import Found, Link, same_cluster, verifies

KINDS = catalogue.link_kinds(catalogue.UPLOADS)


def find(given: FleetInput, peers: dict[str, tuple[str, ...]]) -> Found:
    """Give the links of every uploader that verifies: to the host its display names, else to all it may mean."""
    found = Found()
    call_bridges = [host for host in given.hosts.values() if catalogue.API_SERVICE in host.services]
    directory = Directory(call_bridges)
    called: dict[str, Host] = {}
    for host in call_bridges:
        for name in databases.called(host):
            called.setdefault(name, host)
    for kind in KINDS:
        for host in given.hosts.values():
            if kind.verifier not in host.services or verifies(host, kind.verifier, kind.trust) is False:
                continue
            named = (host.service(kind.verifier).get("hosts") or {}).get(kind.trust)
            known = (directory.find(named) or called.get(named)) if named else None
            if named and known is None:
                # Nobody of the inventory: then its trust is a setting that no link explains (S8).
                continue
            ends = [known] if known else [other for other in call_bridges if same_cluster(host, other)]
            for other in ends:
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
                        known=known is not None,
                        certain=known is not None,
                    )
                )
    return found
