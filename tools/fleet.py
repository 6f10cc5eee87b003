# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a simulated fleet in the foreground, and say how to use it.

``python -m tools.fleet [--dialect NAME] [--start empty] [fleet.yml]``; without a file the fleet of the demo. What can
be done with it stands in docs/simulator.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.simulator.config import ConfigError, load
from tests.simulator.control import Control, ControlError
from tests.simulator.switches import DIALECT_NAMES
from tools._run import BUILD, ROOT, heading, shown
from tools._simulator import DEMO_FLEET, fresh, simulated_fleet

DIRECTORY = BUILD / "fleet"

USE = """\
The fleet runs until Ctrl-C. In another terminal, in this directory:

  . .venv/bin/activate
  export ANSIBLE_COLLECTIONS_PATH={collections}
  ansible-inventory -i {inventory} --graph
  ansible-playbook -i {inventory} certops.cms.site --check --diff     # what would be done
  ansible-playbook -i {inventory} certops.cms.site                    # do it
  ssh -p {port} {user}@{address}   # the command line of a node; the password is {password}

It starts anew every time; its state and event log are in {directory}.
How to make it fail, carry calls or talk in another dialect: docs/simulator.md
"""


def refuse_a_second_one(directory: Path) -> None:
    """End the tool when a fleet runs in this directory: starting anew would take its state away."""
    try:
        Control(directory / "state").nodes()
    except (ControlError, OSError):
        return
    sys.exit(f"A fleet runs in {shown(directory)} already. Next step: use it, or stop it with Ctrl-C in its terminal.")


def main(arguments: Sequence[str] | None = None, directory: Path = DIRECTORY) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.fleet", description="Run a simulated fleet to play with.")
    parser.add_argument("fleet", nargs="?", type=Path, default=DEMO_FLEET, help="a fleet file instead of the demo's")
    parser.add_argument("--dialect", help=f"{DIALECT_NAMES}; in place of the one of the fleet file")
    parser.add_argument("--start", choices=("legacy", "empty"), help="in place of the one of the fleet file")
    options = parser.parse_args(arguments)
    source: Path = options.fleet
    try:
        fleet = load(source, network="auto", dialect=options.dialect, start=options.start)
    except (ConfigError, OSError) as exc:
        sys.exit(f"{source}: {exc}")
    refuse_a_second_one(directory)
    heading(f"Simulated fleet {shown(source.resolve())}: {', '.join(fleet.nodes)}")
    # An address of its own, so that fleets of two checkouts are not in each other's way.
    more = ["--network", "auto"]
    for name in ("dialect", "start"):
        if getattr(options, name):
            more += [f"--{name}", getattr(options, name)]
    with simulated_fleet(source, fresh(directory), *more, max_seconds=24 * 3600) as inventory:
        fleet = load(source, network="auto", state=directory / "state")
        node, user = next(iter(fleet.nodes.values())), fleet.users[0]
        print(
            USE.format(
                collections=shown(ROOT / ".venv" / "collections"),
                inventory=shown(inventory),
                port=node.ports["ssh"],
                user=user.name,
                address=node.address,
                password=user.password,
                directory=shown(directory),
            ),
            flush=True,
        )
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print("\nStopping.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
