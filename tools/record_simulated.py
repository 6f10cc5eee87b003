# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the recordings of the simulator in tests/recordings again: examples of the form, no word of a real appliance.

``python -m tools.record_simulated``
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.certops.cms.plugins.plugin_utils._mmp.endpoint import Endpoint
from ansible_collections.certops.cms.plugins.plugin_utils._record import document, recording
from ansible_collections.certops.cms.plugins.plugin_utils._record.api import ApiPlace, read_api
from ansible_collections.certops.cms.plugins.plugin_utils._record.listener import Listener
from ansible_collections.certops.cms.plugins.plugin_utils._record.masking import Mask
from tests.simulator.fleet import SimulatedFleet
from tools._run import ROOT, heading, shown

FOLDER = ROOT / "tests" / "recordings"
DIALECTS = ("default", "chatty")
NODE = "london-cms1"
USER, PASSWORD = "operator", "Simulated-1"
FLEET: dict[str, Any] = {
    "domain": "collab.initech.example",
    "start": "legacy",
    "legacy": {"ca_name": "Initech Old"},
    "users": [{"name": USER, "password": PASSWORD, "role": "admin"}],
    "nodes": [{"name": NODE, "services": ["webadmin", "callbridge", "webbridge3", "turn"]}],
}


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, SimulatedFleet(FLEET, Path(directory)) as fleet:
        host = fleet.inventory()["all"]["children"]["cms"]["hosts"][NODE]
        endpoint = Endpoint(
            host=host["ansible_host"],
            port=host["ansible_port"],
            user=USER,
            password=PASSWORD,
            known_hosts_file=str(Path(directory) / "known_hosts"),
        )
        for dialect in DIALECTS:
            heading(f"The simulator as {dialect}")
            fleet.control.set_switch("all", "dialect", dialect)
            path = FOLDER / f"simulated-{dialect}.yml"
            path.write_text(_recorded(endpoint, dialect))
            print(shown(path))
    return 0


def _recorded(endpoint: Endpoint, dialect: str) -> str:
    mask = Mask([PASSWORD])
    account = Listener(endpoint).listen()
    read_api(account, ApiPlace(endpoint.host, None, USER, PASSWORD))
    about = recording.About(
        hosts=(NODE, endpoint.host),
        users=(USER,),
        taken_at="2026-11-23",
        libraries={
            "certops.cms": document.collection_version(),
            "instead of an appliance": f"the simulator of the tests, dialect {dialect}",
        },
    )
    return recording.render(recording.compose(account, about, mask), mask, NODE)


if __name__ == "__main__":
    raise SystemExit(main())
