# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Closing a run: done is what the journal proves, and nothing else (S10)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._errors import LockHeld
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.journal import Journal
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.lock import FleetLock, owner_of
from tests.unit.plugins.action.acting import act
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, standard

OTHER = "p-000000000000"


@pytest.fixture
def plan() -> dict[str, Any]:
    return standard(1, 1).plan(accepted_anchors=CONSENT)


def batches(plan: dict[str, Any]) -> list[str]:
    return [batch["id"] for entry in plan["rounds"] for found in entry["batches"].values() for batch in found]


def close(plan: dict[str, Any], folder: Path, done: list[str], made_by: str = "") -> dict[str, Any]:
    journal = Journal(str(folder))
    journal.save_plan(plan)
    for batch in done:
        evidence = {"slots": {}, "links": {}, "restarted": True}
        journal.done(batch.split("/", 1)[0], batch, made_by or plan["id"], evidence)
    args = {"state": "closed", "plan": plan["id"], "state_dir": str(folder), "print": False}
    return act("fleet_plan", args, variables={"groups": {"cms": ["core1", "edge1"]}})


def test_a_run_with_proof_of_every_batch_ends_well(plan: dict[str, Any], tmp_path: Path) -> None:
    result = close(plan, tmp_path, batches(plan))
    assert not result.get("failed"), result
    assert {row["node"] for row in result["rows"]} == {"core1", "edge1"}


def test_s10_batches_without_proof_fail_the_run_and_are_named(plan: dict[str, Any], tmp_path: Path) -> None:
    """As with --limit, where a play finds no host and goes on."""
    left = [batch for batch in batches(plan) if batch.startswith("edge1/switch")]
    assert left
    result = close(plan, tmp_path, [batch for batch in batches(plan) if batch not in left])
    assert result["failed"]
    assert all(batch in result["error"]["reason"] for batch in left)
    assert "core1" not in result["error"]["reason"]
    assert "run the playbook again" in result["error"]["next_step"]


@pytest.mark.parametrize("made_by", ["", OTHER])
def test_s10_nothing_done_is_no_success(plan: dict[str, Any], tmp_path: Path, made_by: str) -> None:
    """Nor is what another plan did."""
    result = close(plan, tmp_path, batches(plan) if made_by else [], made_by)
    assert result["failed"]
    assert all(batch in result["error"]["reason"] for batch in batches(plan))


def test_s18_the_lock_is_given_back_even_then(plan: dict[str, Any], tmp_path: Path) -> None:
    FleetLock(str(tmp_path), owner_of(os.getppid())).acquire("site")
    another = FleetLock(str(tmp_path), owner_of(os.getpid()))
    with pytest.raises(LockHeld):
        another.acquire("site")
    assert close(plan, tmp_path, [])["failed"]
    another.acquire("site")


def test_what_a_blocked_cluster_waits_for_is_told_when_all_else_is_done(plan: dict[str, Any], tmp_path: Path) -> None:
    result = close({**plan, "blocked": ["core9"]}, tmp_path, batches(plan))
    assert result["failed"]
    assert "core9" in result["error"]["reason"]


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("cms_rollback_nodes", {"core1": True}, "give a list of names"),
        ("cms_rollback_services", [["callbridge"]], "give a list of names"),
        ("cms_rollback_to", ["callbridge-g1"], "give one text"),
        ("cms_rollback_reason", 7, "give one text"),
        ("cms_roll_forward", 7, "give a list of names"),
    ],
)
def test_a_wish_that_is_none_is_refused_before_anything_is_planned(
    tmp_path: Path, variable: str, value: Any, told: str
) -> None:
    hosts = {name: {"cms_survey": {"survey": {}}} for name in ("core1", "edge1")}
    variables = {"groups": {"cms": ["core1", "edge1"]}, "hostvars": hosts, variable: value}
    result = act("fleet_plan", {"intent": "rollback", "state_dir": str(tmp_path), "print": False}, variables=variables)
    assert result["failed"]
    assert result["error"]["object"] == variable
    assert told in result["error"]["next_step"]
    assert not (tmp_path / "plans").exists()
