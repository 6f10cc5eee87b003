# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the plan by itself costs: processor time against the number of links, on fleets that exist on paper only.

Every service, every link, all of it moved to a new CA: ``python -m tools.bench plan``.
"""

from __future__ import annotations

import gc
import statistics
import time
from typing import Any

from ansible_collections.certops.cms.plugins.plugin_utils._fleet.plan import make_plan
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, NEW, OLD, Fleet

#: Clusters, and Call Bridges and edges of each; each has a recorder, a streamer and MeetingApps besides.
SHAPES = ((4, 6, 3), (8, 6, 3), (16, 6, 3), (33, 6, 3), (1, 24, 4))
#: Runs of which the middle one counts.
ROUNDS = 3
#: Seconds of processor time that 400 nodes may take.
MOST = 4.0


def fleet(clusters: int, cores: int, edges: int) -> Fleet:
    """Make clusters whose Call Bridges verify their peers and whatever speaks SIP."""
    made = Fleet(NEW)
    for number in range(clusters):
        bridges = [f"c{number}-core{one}" for one in range(cores)]
        webs = [f"c{number}-edge{one}" for one in range(edges)]
        for name in bridges:
            made.add(name, ("webadmin", "callbridge", "scheduler"))
        for name in webs:
            made.add(name, ("webbridge3", "turn"))
        media = [f"c{number}-recorder", f"c{number}-streamer", f"c{number}-apps"]
        for name, service in zip(media, ("recorder", "streamer", "meetingapps"), strict=True):
            made.add(name, (service,))
        made.cluster(bridges, webs)
        for name in bridges:
            made.trust(name, "callbridge", *OLD.pems[-1:], trust="cluster")
        for name in [*bridges, *media[:2]]:
            made.verify_sip(name, *OLD.pems[-1:])
        for name in [*bridges, *webs, *media]:
            made.nodes[name].variables["cms_cluster"] = f"c{number}"
    return made


def measure(shape: tuple[int, int, int], rounds: int = ROUNDS) -> dict[str, Any]:
    """Give nodes, links, restarts and the seconds of processor time that the plan took, the middle of several runs."""
    given = fleet(*shape).given(accepted_anchors=CONSENT)
    seconds = []
    for _round in range(rounds):
        gc.collect()
        started = time.process_time()
        plan = make_plan(given)
        seconds.append(time.process_time() - started)
    restarts = sum(sum(services.values()) for services in plan["cost"]["restarts"].values())
    return {
        "clusters": shape[0],
        "cores": shape[1],
        "nodes": len(given.hosts),
        "links": len(plan["links"]),
        "restarts": restarts,
        "seconds": statistics.median(seconds),
    }


def measured() -> list[dict[str, Any]]:
    """Measure all shapes, and say so."""
    found = []
    for shape in SHAPES:
        found.append(measure(shape))
        print("  {nodes} nodes, {links} links: {seconds:.2f} s".format(**found[-1]), flush=True)
    return found
