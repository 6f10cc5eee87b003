# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recorded life of the demo fleet: one run after another on it, lived once, looked at by many tests.

The first test that asks lives it and writes the record down; tests in other workers wait for it and read.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.integration.estate import NARROW, RENEW, SITE, Estate, Seen, close, make_estate, playbook_on_day
from tests.integration.harness import Result
from tests.integration.wire import Shown, look_at_all

OLD_ROOT, OLD_ISSUING = "CN=Example Old Root CA,O=Example", "CN=Example Old Issuing CA,O=Example"
CORES, EDGES = ("core1", "core2", "core3"), ("edge1", "edge2")

#: What happens to the fleet, in order: name, playbook, options of the run.
STAGES: list[tuple[str, Any, dict[str, Any]]] = [
    ("check", SITE, {"check": True, "diff": True}),
    ("site", SITE, {}),
    ("again", SITE, {}),
    ("nothing due", RENEW, {}),
    ("narrow unnamed", NARROW, {}),
    ("narrow", NARROW, {"extra": {"cms_narrow_also": [OLD_ROOT, OLD_ISSUING]}}),
    ("narrowed", SITE, {}),
    # The playbook renew a year later: all certificates are due, under the CA they have.
    ("renewal", playbook_on_day(RENEW, 385), {"extra": {"cms_accept_anchors": None}}),
    ("prune", NARROW, {}),
    ("end", SITE, {}),
]


@dataclass
class Stage:
    """One run and what it left."""

    name: str
    result: Result
    seen: Seen
    nodes: dict[str, dict[str, Any]]
    shown: dict[tuple[str, str], Shown]
    files: dict[str, dict[str, str]]
    here: list[str]
    links: list[dict[str, Any]]

    def subjects(self, node: str, service: str, *, running: bool = False) -> list[str]:
        """Give the subjects that the C2W trust of a service holds: as stored, or as it runs."""
        state = self.nodes[node]["services"][service]
        file = state["active"]["trust"]["c2w"]["file"] if running else state["stored"]["c2w_trust"]
        found = x509.load_pem_x509_certificates(self.files[node][file].encode())
        return sorted(cert.subject.rfc4514_string() for cert in found)


@dataclass
class Life:
    """All stages by name, and the folder that holds the fleet's and the control node's files at the end."""

    directory: Path
    stages: dict[str, Stage]

    def __getitem__(self, name: str) -> Stage:
        return self.stages[name]

    @property
    def seen(self) -> Seen:
        """Give what the simulator saw from the beginning to the end."""
        return Seen([event for stage in self.stages.values() for event in stage.seen.events])


def _public_files(estate: Estate) -> dict[str, dict[str, str]]:
    """Read every file of every node that is no key."""
    return {
        node.name: {
            path.name: path.read_text(errors="replace")
            for path in sorted((node / "files").iterdir())
            if not path.name.endswith(".key")
        }
        for node in sorted((estate.fleet.state / "nodes").iterdir())
    }


def _live(estate: Estate) -> list[dict[str, Any]]:
    record = []
    for name, playbook, options in STAGES:
        since = estate.now()
        result = estate.run(playbook, **options)
        nodes = estate.describe()
        root = estate.own_ca / "root.crt"
        shown = look_at_all(nodes, root if root.exists() else None)
        record.append(
            {
                "name": name,
                "rc": result.rc,
                "stdout": result.stdout,
                "record": result.events,
                "events": estate.fleet.control.events(since),
                "nodes": nodes,
                "shown": [
                    [*key, what.leaf.public_bytes(Encoding.PEM).decode() if what.leaf else None, what.faults]
                    for key, what in shown.items()
                ],
                "files": _public_files(estate),
                "links": estate.fleet.control.probe_links(),
                "here": sorted(str(path.relative_to(estate.workspace.directory)) for path in estate.workspace.files())
                + sorted(str(path.relative_to(estate.state)) for path in estate.state.rglob("*") if path.is_file()),
            }
        )
        if result.rc != 0:
            break  # the stages that are missing fail where they are looked at, this one says why
    return record


def _stage(data: dict[str, Any]) -> Stage:
    shown = {
        (node, slot): Shown(x509.load_pem_x509_certificate(leaf.encode()) if leaf else None, tuple(faults))
        for node, slot, leaf, faults in data["shown"]
    }
    result = Result(data["rc"], data["stdout"], data["record"])
    return Stage(
        data["name"], result, Seen(data["events"]), data["nodes"], shown, data["files"], data["here"], data["links"]
    )


def recorded_life(factory: pytest.TempPathFactory, dialect: str) -> Life:
    """Give the life of the demo fleet under a dialect, living it first if nobody did."""
    base = factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    folder = base / f"life-{dialect.replace(':', '-')}"
    record = folder / "record.json"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not record.exists():
            shutil.rmtree(folder, ignore_errors=True)
            estate = make_estate(folder, "demo")
            try:
                lived = _live(estate)
            finally:
                close(estate)
            record.write_text(json.dumps(lived))
    return Life(folder, {data["name"]: _stage(data) for data in json.loads(record.read_text())})
