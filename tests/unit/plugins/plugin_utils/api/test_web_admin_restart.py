# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client goes on while the Web Admin that it speaks to restarts with a new certificate, and with no other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._api import system
from ansible_collections.certops.cms.plugins.plugin_utils._api.client import ApiClient
from ansible_collections.certops.cms.plugins.plugin_utils._errors import ApiProblem
from tests.simulator.fleet import SimulatedFleet
from tests.unit.simulator.client import PASSWORD, Login, Pair, commands, definition, eventually, old_ca, served

RENEWAL = ("webadmin disable", "webadmin certs new.key new.crt", "webadmin enable")


@pytest.fixture
def fleet(tmp_path: Any) -> Iterator[SimulatedFleet]:
    node = {"name": "core1", "services": ["webadmin", "callbridge"]}
    with SimulatedFleet(definition(node), tmp_path) as running:
        yield running


def client(fleet: SimulatedFleet, *pins: str) -> ApiClient:
    state = fleet.control.state("core1")
    return ApiClient(state["address"], state["ports"]["webadmin"], "admin", PASSWORD, pins=pins, wait=20)


def lay(fleet: SimulatedFleet) -> str:
    """Put a new certificate on the node; gives its fingerprint."""
    pair = Pair(old_ca(fleet), "core1.example.test")
    with Login(fleet, "core1") as login:
        login.put("new.key", pair.key)
        login.put("new.crt", pair.crt)
    return pair.fingerprint


def test_both_leaves_are_known_and_the_change_gets_through(fleet: SimulatedFleet) -> None:
    old = served(fleet, "core1", "webadmin")
    new = lay(fleet)
    fleet.control.set_fault("core1", {"kind": "slow_restart", "match": "webadmin", "seconds": 1.0})
    with client(fleet, old, new) as api, ThreadPoolExecutor(1) as pool:
        assert eventually(lambda: fleet.control.state("core1")["listening"])
        assert system.system_status(api)["software_version"]
        restart = pool.submit(commands, fleet, "core1", *RENEWAL)
        assert eventually(lambda: fleet.control.events(kind="disabled"))
        # Web Admin is gone now; each of these waits for it or goes on on the new connection.
        assert system.set_load_limit(api, 7)
        restart.result(20)
        assert system.cluster_settings(api)["load_limit"] == 7
        assert api.connections == 2
    assert served(fleet, "core1", "webadmin") == new


def test_s11_a_leaf_that_nobody_announced_gets_no_credentials(fleet: SimulatedFleet) -> None:
    old = served(fleet, "core1", "webadmin")
    with client(fleet, old) as api:
        assert system.system_status(api)["software_version"]
        new = lay(fleet)
        commands(fleet, "core1", *RENEWAL)
        since = fleet.control.last_event()
        with pytest.raises(ApiProblem, match=new):
            system.set_load_limit(api, 7)
    assert fleet.control.events(since, "api") == []
