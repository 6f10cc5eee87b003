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


def main() -> int:
    started = time.monotonic()
    fresh(DIRECTORY)

    heading("1. Build the collection and install it")
    environment = user_environment()
    install_collection(environment)

    heading("2. Start five simulated Meeting Servers, whose certificates are old")
    # A loopback network that is free: another checkout may run its demo at the same time.
    with simulated_fleet(DEMO_FLEET, DIRECTORY, "--network", "auto", max_seconds=900) as inventory:
        fleet = load(DEMO_FLEET, network="auto", state=DIRECTORY / "state")
        before = look_at_all(fleet)

        heading("3. Give all of them new certificates")
        first = run_site(inventory, environment, "first")

        heading("4. The same command again")
        second = run_site(inventory, environment, "second")
        after = look_at_all(fleet)

    heading("What became of the fleet")
    print(table(before, after))
    print(f"\nThe first run changed {first} things, the second {second}. {time.monotonic() - started:.0f} seconds.")
    print(f"Logs, inventory, journal and the collection as installed: {shown(DIRECTORY)}")
    stale = [f"{node} {service}" for (node, service), now in after.items() if now == before[node, service]]
    for wrong, what in (
        (first == 0, "the first run changed nothing"),
        (second != 0, "the second run changed something"),
    ):
        if wrong:
            print(f"The demo failed: {what}.")
    if stale:
        print(f"The demo failed: no new certificate at {', '.join(stale)}.")
    return int(first == 0 or second != 0 or bool(stale))


if __name__ == "__main__":
    sys.exit(main())
