# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated node answers 'pki list' in each position of the recipe's switch, over SSH."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import Session
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.transport import Endpoint
from tests.simulator.fleet import SimulatedFleet
from tests.unit.plugins.plugin_utils.mmp.test_against_simulator import CONFIG, PASSWORD


def main(folder: str) -> dict[str, str]:
    found = {}
    with SimulatedFleet(CONFIG, Path(folder)) as fleet:
        host = fleet.inventory()["all"]["children"]["cms"]["hosts"]["cms1"]
        known = str(Path(folder) / "known_hosts")
        for position in ("words", "none"):
            fleet.control.set_switch("all", "pki_list_heading", position)
            place = {"host": host["ansible_host"], "port": host["ansible_port"]}
            with Session(Endpoint(**place, user="admin", password=PASSWORD, known_hosts_file=known)) as session:
                found[position] = session.show("pki list")
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.stdin.read())))
