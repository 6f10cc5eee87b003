# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured, in which order, and how often. The rounds of one comparison are interleaved."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tools._run import heading
from tools.bench.contenders import DIRECTORY, FORKS, ControlNode, netcommon_collections, versions
from tools.bench.fleets import BenchFleet
from tools.bench.measure import Cost
from tools.bench.plans import measured
from tools.bench.relay import far_away


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much is measured. Numbers of nodes, all multiples of five."""

    name: str
    idle: tuple[int, ...]
    rounds: int
    growth: tuple[int, ...]
    site: int
    netcommon: int
    delayed: int
    delay: int = 50


FULL = Scale("full", idle=(50, 200), rounds=3, growth=(10, 50, 200, 400), site=50, netcommon=50, delayed=50)
QUICK = Scale("quick", idle=(10,), rounds=1, growth=(5, 10), site=5, netcommon=5, delayed=5)
#: For a test: no download, no second fleet.
SMOKE = Scale("smoke", idle=(5,), rounds=1, growth=(), site=5, netcommon=0, delayed=5)

Results = dict[str, Any]


def machine() -> dict[str, str]:
    """Give what a reader needs to judge the numbers, and nothing that names the machine."""
    return {
        "Processor": f"{os.cpu_count()} cores, {_processor()}",
        "Memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "System": f"{platform.system()} {platform.release().split('-')[0]}",
        "Python": platform.python_version(),
        **versions(),
        "Load before the first run": f"{os.getloadavg()[0]:.1f}",
    }


def _processor() -> str:
    try:
        found = re.search(r"(?m)^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return " ".join(found.group(1).split()) if found else platform.machine()


def kernel_can_delay() -> bool:
    """Say whether packets on a loopback link can be delayed in a network namespace."""
    if not (shutil.which("unshare") and shutil.which("tc")):
        return False
    command = ["unshare", "-n", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "25ms"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def measure_all(scale: Scale, directory: Path = DIRECTORY) -> Results:
    """Measure everything of a scale and give plain data, see ``table`` for what is made of it."""
    results: Results = {
        "scale": scale.name,
        "when": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "version": importlib.metadata.version("ansible-core"),
        "forks": FORKS,
        "machine": machine(),
        "netem": kernel_can_delay(),
        "idle": {},
        "growth": {},
    }
    for count in scale.idle:
        heading(f"Nothing is due on {count} nodes: renew, two empty tasks, a plain script")
        results["idle"][str(count)] = _idle(count, scale.rounds, directory)
    for count in scale.growth:
        known = results["idle"].get(str(count))
        if known is None:
            heading(f"Nothing is due on {count} nodes")
            known = _idle(count, 1, directory, alone=True)
        results["growth"][str(count)] = known["renew"]
    heading(f"{scale.site} nodes from an old root to a new one: site")
    results["site"] = _site(scale.site, directory)
    if scale.growth:
        heading("The plan by itself")
        results["plans"] = measured()
    if scale.delayed:
        heading(f"Nothing is due on {scale.delayed} nodes that are {scale.delay} ms away")
        results["delayed"] = _delayed(scale.delayed, scale.delay, directory)
    if scale.netcommon:
        heading(f"{scale.netcommon} nodes, read with ansible.netcommon")
        results["netcommon"] = _netcommon(scale.netcommon, directory)
    (directory / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    return results


def _told(name: str, cost: Cost) -> dict[str, Any]:
    print(
        f"  {name:<22} {cost.wall:7.2f} s, processor {cost.processor:7.2f} s, simulator {cost.simulator:6.2f} s,"
        f" logins {cost.all_logins}",
        flush=True,
    )
    return dataclasses.asdict(cost)


def _idle(count: int, rounds: int, directory: Path, *, alone: bool = False) -> Results:
    found: Results = {"nodes": count, "renew": [], "nothing": [], "plain": [], "plain_all": []}
    with BenchFleet(count, directory / "fleet") as fleet:
        node = ControlNode(directory / "control-node")
        # The first login to a fresh fleet costs its simulator more than all others, whoever makes it.
        _told("(warming up)", node.plain(fleet, more=True))
        for _round in range(rounds):
            found["renew"].append(_told("renew", node.playbook(fleet, "renew")))
            if not alone:
                found["nothing"].append(_told("two empty tasks", node.nothing(fleet)))
                found["plain"].append(_told("plain script", node.plain(fleet)))
                found["plain_all"].append(_told("plain, TLS and API too", node.plain(fleet, more=True)))
    return found


def _site(count: int, directory: Path) -> Results:
    with BenchFleet(count, directory / "fleet") as fleet:
        node = ControlNode(directory / "control-node")
        site = _told("site", node.playbook(fleet, "site"))
        return {"nodes": count, "site": site, "after": _told("renew after it", node.playbook(fleet, "renew"))}


def _delayed(count: int, milliseconds: int, directory: Path) -> Results:
    with BenchFleet(count, directory / "fleet") as fleet, far_away(fleet, milliseconds) as inventory:
        node = ControlNode(directory / "control-node")
        return {
            "nodes": count,
            "milliseconds": milliseconds,
            "plain": _told("plain script", node.plain(fleet, inventory)),
            "renew": _told("renew", node.playbook(fleet, "renew", inventory)),
            "nothing": _told("two empty tasks", node.nothing(fleet, inventory)),
        }


def _netcommon(count: int, directory: Path) -> Results | None:
    collections = netcommon_collections()
    if collections is None:
        print("  left out: the wheel that holds ansible.netcommon cannot be had for this ansible-core")
        return None
    with BenchFleet(count, directory / "fleet") as fleet:
        node = ControlNode(directory / "control-node")
        return {
            "nodes": count,
            "renew": _told("renew", node.playbook(fleet, "renew")),
            "netcommon": _told("ansible.netcommon", node.netcommon(fleet, collections)),
        }
