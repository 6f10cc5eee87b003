# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Simulated fleets of any size, in a process of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from tests.simulator.control import Control
from tools._run import ROOT
from tools._simulator import fresh, serve_command

#: Nodes of one cluster: three with a Call Bridge, two with a Web Bridge.
CORES, EDGES = 3, 2
#: Seconds. Services come back quickly: what is measured is the collection, and not the appliance.
DURATIONS = {"restart": 0.3, "service": 0.15, "api_start": 0.15, "settle": 1.5, "csr": 0.05}
DAYS_LEFT = 300
PASSPHRASE = "passphrase of the benchmarks 5127"
_TICKS = os.sysconf("SC_CLK_TCK")


def definition(count: int, network: int) -> dict[str, Any]:
    """Give the fleet file of ``count`` nodes in clusters of five, at addresses in 127.``network``.0.0/16."""
    if count % (CORES + EDGES):
        raise ValueError(f"a fleet has whole clusters of {CORES + EDGES} nodes")
    nodes: list[dict[str, Any]] = []
    registrations: dict[str, list[str]] = {}
    for number in range(count):
        cluster, place = divmod(number, CORES + EDGES)
        name = f"c{cluster:03d}"
        address = f"127.{network}.{1 + number // 200}.{1 + number % 200}"
        if place < CORES:
            services = ["webadmin", "callbridge"]
            nodes.append({"name": f"{name}core{place + 1}", "services": services, "cluster": name, "address": address})
            registrations.setdefault(name, [])
        else:
            edge = f"{name}edge{place - CORES + 1}"
            nodes.append({"name": edge, "services": ["webbridge3", "turn"], "address": address})
            registrations[name].append(edge)
    return {
        "domain": "example.test",
        "start": "legacy",
        "legacy": {"days_left": DAYS_LEFT, "ca_name": "Example Old"},
        "users": [{"name": "admin", "password": "Simulated-1", "role": "admin"}],
        "nodes": nodes,
        "registrations": registrations,
        "durations": DURATIONS,
        # The simulator watches all links of its nodes; here that would only take processor time from what is measured.
        "probe": {"interval_ms": 3_600_000},
        "links": ["c2w"],
    }


def free_network() -> int:
    """Find N and N + 1 so that 127.N.0.0/16 and its neighbour are not used by another simulator."""
    for attempt in range(25):
        number = 200 + 2 * ((os.getpid() + attempt) % 25)
        if all(_free(f"127.{n}.1.1") for n in (number, number + 1)):
            return number
    sys.exit("No free loopback network was found between 127.200 and 127.250.")


def _free(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, 2222))
        except OSError:
            return False
    return True


def processor_seconds(pid: int) -> float:
    """Give user and system time of a running process, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class BenchFleet:
    """A running fleet: ``with BenchFleet(50, folder) as fleet``."""

    def __init__(self, count: int, directory: Path, *, max_seconds: int = 1800) -> None:
        self.count = count
        self.directory = fresh(directory)
        self.network = free_network()
        self._fleet_file = directory / "fleet.yml"
        self._max_seconds = max_seconds
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> BenchFleet:
        self._fleet_file.write_text(yaml.safe_dump(definition(self.count, self.network), sort_keys=False))
        command = serve_command(self._fleet_file, self.directory, "--max-seconds", str(self._max_seconds))
        with (self.directory / "simulator.log").open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + 180
        while not (self.directory / "ready").exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self._stop()
                sys.exit(f"The simulated fleet did not start:\n{(self.directory / 'simulator.log').read_text()}")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    @property
    def inventory(self) -> Path:
        return self.directory / "inventory.yml"

    @property
    def known_hosts(self) -> Path:
        return self.directory / "state" / "known_hosts"

    @property
    def processor(self) -> float:
        """Give the processor seconds that the simulator has used so far."""
        return processor_seconds(self.process.pid) if self.process is not None else 0.0

    def moment(self) -> int:
        """Give the number of the newest event, to count logins from there."""
        return Control(self.directory / "state").last_event()

    def logins(self, since: int) -> Mapping[str, int]:
        """Count the SSH logins of each node after an event; a node without any has 0."""
        control = Control(self.directory / "state")
        counted = Counter(str(event["node"]) for event in control.events(since, kind="login"))
        return {name: counted[name] for name in control.nodes()}
