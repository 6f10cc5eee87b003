# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules about links that lead out of a plan: to what the inventory does not know, or to what was left out.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterator

from .._findings import ERROR, WARNING
from .._rules.found import find
from .given import FleetInput
from .looking import Against
from .topology import Topology


def about_registrations(
    given: FleetInput, topology: Topology, touched: set[str], widened: set[str]
) -> Iterator[Against]:
    """Check that every registered Web Bridge is known, and say where links had to be assumed.

    ``touched`` are nodes that get an identity or a trust, ``widened`` those whose trust changes.
    """
    for host, url in topology.foreign_urls:
        severity = ERROR if host in touched else WARNING
        yield Against(
            find(
                "registration-outside-inventory",
                f"{host} webBridges",
                f"{url} is registered, and no host of cms_webbridge3 has this name or address",
                severity=severity,
            ),
            (host,),
        )
    for host, url, absent in topology.left_out:
        yield Against(
            find(
                "link-left-out",
                f"{host} webBridges",
                f"{url} leads to {absent}, which is left out on purpose: nobody looked whether it trusts {host}",
                f"run certops.cms.site again when {absent} is back",
            ),
            (host,),
        )
    for name in topology.blind:
        survey = given.hosts[name].survey
        if survey is None:
            continue
        api = survey.get("api") or {}
        labelled = given.hosts[name].variables.get("cms_cluster") is not None
        guessed = not labelled and bool(widened & set(topology.cluster_of(name)))
        yield Against(
            find(
                "links-assumed",
                f"{name} API",
                f"no registrations could be read ({api.get('detail') or api.get('state')}), so it counts as linked to "
                "every Web Bridge of its cluster, and its links cannot be proven over the API",
                "set cms_api_user and cms_api_password to a user that may read the API"
                + (", or say with cms_cluster which nodes belong together: trust is not widened on a guess" * guessed),
                severity=ERROR if guessed else WARNING,
            ),
            (name,),
        )


def about_peers(topology: Topology, widened: set[str]) -> Iterator[Against]:
    """Check that every Call Bridge of a database is known: it verifies the Web Bridges too, and has to be widened."""
    for host, peer, absent in topology.absent_peers:
        if absent is not None:
            yield Against(
                find(
                    "link-left-out",
                    host,
                    f"{absent} is left out on purpose: nobody looked whether it trusts the Web Bridges of its cluster",
                    f"run certops.cms.site again when {absent} is back",
                ),
                (host,),
            )
            continue
        yield Against(
            find(
                "peer-outside-inventory",
                f"{host} callBridges",
                f"the Call Bridge {peer} shares its database, and no host of cms_callbridge has its name or address; "
                "a change of trust has to reach it too",
                severity=ERROR if host in widened else WARNING,
            ),
            (host,),
        )
