# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo: an old fleet gets new certificates without losing a link, and the same command again changes nothing."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

from tests.simulator.config import load
from tests.simulator.control import Control
from tools._run import BUILD, ROOT, heading, run, shown
from tools._served import look_at_all, table
from tools._simulator import DEMO_FLEET, fresh, simulated_fleet

DIRECTORY = BUILD / "demo"
COLLECTIONS = DIRECTORY / "collections"


def user_environment() -> dict[str, str]:
    """Give the environment of somebody who has installed the collection below build/demo and configured nothing."""
    (DIRECTORY / "ansible.cfg").write_text("[defaults]\n")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_CONFIG": str(DIRECTORY / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_HOME": str(DIRECTORY / "ansible-home"),
    }


def install_collection(environment: dict[str, str]) -> None:
    """Build the tarball and install it, as a user would."""
    run(["ansible-galaxy", "collection", "build", "--output-path", str(DIRECTORY), str(ROOT)], env=environment)
    tarball = next(DIRECTORY.glob("certops-cms-*.tar.gz"))
    options = ["--no-deps", "--offline", "-p", str(COLLECTIONS)]
    run(["ansible-galaxy", "collection", "install", *options, str(tarball)], env=environment)


def changes_of(log: str) -> int:
    """Count the changes that the recap of a playbook run names."""
    recap = log.rpartition("PLAY RECAP")[2]
    return sum(int(number) for number in re.findall(r"\bchanged=(\d+)", recap))


def run_site(inventory: Path, environment: dict[str, str], name: str) -> int:
    """Run the playbook ``site`` in sight of the user and give the number of changes."""
    log = DIRECTORY / f"{name}.log"
    run(
        ["ansible-playbook", "-i", str(inventory), "certops.cms.site"],
        env={**environment, "ANSIBLE_LOG_PATH": str(log)},
    )
    return changes_of(log.read_text())


def interruptions(control: Control) -> tuple[str, int]:
    """Say what the links and services went through, and count the probes that a restart does not excuse."""
    probes = sum(link["probes_ok"] + link["probes_failed"] for link in control.links())
    lost = [event for event in control.events(kind="link_probe") if not event["ok"] and not event["during_restart"]]
    restarts: dict[str, dict[str, int]] = {}
    for event in control.events(kind="restart_begin"):
        counts = restarts.setdefault(event["service"], {})
        counts[event["node"]] = counts.get(event["node"], 0) + 1
    lines = [f"Links between the nodes: probed {probes} times, lost outside a restart: {len(lost)}"]
    for service, counts in sorted(restarts.items()):
        lines.append(f"Restarts of {service}: " + ", ".join(f"{node} {counts[node]}" for node in sorted(counts)))
    return "\n".join(lines), len(lost)


def main() -> int:
    started = time.monotonic()
    fresh(DIRECTORY)

    heading("1. Build the collection and install it")
    environment = user_environment()
    install_collection(environment)

    heading("2. Start five simulated Meeting Servers, whose certificates are about to expire")
    # A loopback network that is free: another checkout may run its demo at the same time.
    with simulated_fleet(DEMO_FLEET, DIRECTORY, "--network", "auto", max_seconds=900) as inventory:
        fleet = load(DEMO_FLEET, network="auto", state=DIRECTORY / "state")
        control = Control(DIRECTORY / "state")
        before = look_at_all(fleet)

        heading("3. Give all of them new certificates from another CA")
        first = run_site(inventory, environment, "first")
        logins = control.login_count()

        heading("4. The same command again")
        second = run_site(inventory, environment, "second")
        logins = control.login_count() - logins
        after = look_at_all(fleet)
        told, lost = interruptions(control)

    heading("What became of the fleet")
    print(table(before, after))
    print(f"\n{told}")
    print(f"First run: {first} changes. Second run: changed={second}, {logins} logins on {len(fleet.nodes)} nodes.")
    print(f"It took {time.monotonic() - started:.0f} seconds. All that was written is in {shown(DIRECTORY)}")
    stale = [f"{node} {service}" for (node, service), now in after.items() if now == before[node, service]]
    failures = [
        *["the first run changed nothing"] * (first == 0),
        *["the second run changed something"] * (second != 0),
        *[f"{lost} probes of links failed outside a restart"] * (lost != 0),
        *[f"no new certificate at {', '.join(stale)}"] * bool(stale),
    ]
    for failure in failures:
        print(f"The demo failed: {failure}.")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
