# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a simulated fleet in the foreground, and say how to use it.

``python -m tools.fleet [fleet.yml]``; without a file the fleet of the demo.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.simulator.config import load
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
"""


def main() -> int:
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO_FLEET
    fleet = load(source)
    node, user = next(iter(fleet.nodes.values())), fleet.users[0]
    heading(f"Simulated fleet {shown(source.resolve())}: {', '.join(fleet.nodes)}")
    with simulated_fleet(source, fresh(DIRECTORY), max_seconds=24 * 3600) as inventory:
        print(
            USE.format(
                collections=shown(ROOT / ".venv" / "collections"),
                inventory=shown(inventory),
                port=node.ports["ssh"],
                user=user.name,
                address=node.address,
                password=user.password,
                directory=shown(DIRECTORY),
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
