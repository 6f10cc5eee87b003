# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rollout that waits for calls keeps new ones away; killed then, the next plan sets the load limit back first."""

from __future__ import annotations

import json

import pytest

from tests.integration.estate import PAIR, SITE, StartEstate, assert_done, flat
from tests.integration.test_module_service import play, surveyed

CORES = {
    **PAIR,
    "legacy": {"days_left": 12, "key": "ecdsa"},
    "nodes": [
        {"name": "core1", "services": ["webadmin", "callbridge"], "calls": 3},
        {"name": "core2", "services": ["webadmin", "callbridge"]},
        {"name": "edge1", "services": ["webbridge3"]},
    ],
}
DRAIN = {"cms_calls": "wait", "cms_drain": True, "cms_calls_timeout": 100}

pytestmark = pytest.mark.only_dialects("default", reason="the dialects of the API are tried without Ansible")


def test_s6_a_run_that_is_killed_while_it_drains_leaves_no_lowered_limit(estate: StartEstate) -> None:
    made = estate(CORES)
    control = made.fleet.control

    def limit() -> str:
        return str(control.api_objects("core1", "servers").get("core1", {}).get("loadLimit", ""))

    running = made.start(SITE, extra=DRAIN)
    running.kill_when(lambda _run: limit() == "1", "the load limit of core1 is lowered")
    record = json.loads((made.state / "journal" / "core1.json").read_text())["drained"]
    assert (record["before"], record["limit"]) == (None, 1)
    assert control.restarts("core1", "callbridge") == 0

    plan = {"certops.cms.fleet_plan": {"calls": "drop"}, "run_once": True}
    checked = made.run([surveyed(), play("cms", {"name": "Look", **plan, "check_mode": True})])
    assert_done(checked)
    assert limit() == "1"
    assert "a run that did not come to its end lowered its load limit to 1; it was unset" in flat(checked)

    since = made.now()
    planned = made.run([surveyed(), play("cms", {"name": "Plan", **plan})])
    assert_done(planned)
    assert limit() == ""
    assert planned.one(task="Plan")["changed"]
    assert "core1: load limit set back to unset from 1" in flat(planned)
    assert [event["kind"] for event in made.seen(since).changes] == ["api_changed"]
    assert json.loads((made.state / "journal" / "core1.json").read_text())["drained"] is None
