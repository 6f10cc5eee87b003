# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module apply: who may work at the same time, and what check mode promises."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.action import apply
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.journal import Journal
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.lock import FleetLock, owner_of
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.store import Store
from tests.unit.plugins.action.acting import act

PLAN = "p-0123456789ab"
#: How long a test waits for what must happen, and for what must not. Seconds.
LONG, SHORT = 20.0, 0.5


def plan(**clusters: int) -> dict[str, Any]:
    """Give a plan with a round that goes in waves and one that does not, on nodes of these clusters."""
    rounds = [
        {"name": name, "serial": serial, "hosts": list(clusters), "batches": {node: [] for node in clusters}}
        for name, serial in (("switch", True), ("stage", False))
    ]
    nodes = {node: {"cluster": cluster} for node, cluster in clusters.items()}
    return {"id": PLAN, "rounds": rounds, "nodes": nodes, "identities": [], "findings": [], "blocked": []}


@pytest.fixture
def state(tmp_path: Path) -> str:
    """Give a state folder whose lock belongs to this run."""
    folder = str(tmp_path / "state")
    FleetLock(folder, owner_of(os.getppid())).acquire("site")
    return folder


def meet(state: str, monkeypatch: pytest.MonkeyPatch, name: str, **clusters: int) -> bool:
    """Apply a round to all nodes at the same time, as a play does; say whether they worked at the same time."""
    Journal(state).save_plan(plan(**clusters))
    together = threading.Barrier(
        len(clusters), timeout=SHORT if name == "switch" and len(set(clusters.values())) == 1 else LONG
    )
    met: list[bool] = []

    def work(*_arguments: Any) -> dict[str, Any]:
        try:
            together.wait()
            met.append(True)
        except threading.BrokenBarrierError:
            met.append(False)
        return {"changed": False, "alarms": []}

    monkeypatch.setattr(apply, "apply_round", work)
    results: list[dict[str, Any]] = []

    def task(node: str) -> None:
        args = {"plan": PLAN, "round": name, "state_dir": state}
        results.append(act("apply", args, variables={"inventory_hostname": node}))

    threads = [threading.Thread(target=task, args=(node,)) for node in clusters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [result["msg"] for result in results if result.get("failed")]
    assert len(met) == len(clusters)
    return all(met)


def test_s6_two_nodes_of_a_cluster_never_restart_at_once_however_many_a_play_serves(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not meet(state, monkeypatch, "switch", core1=0, core2=0)


def test_nodes_of_different_clusters_restart_at_the_same_time(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert meet(state, monkeypatch, "switch", core1=0, core2=1)


def test_what_restarts_nothing_runs_on_all_nodes_at_the_same_time(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert meet(state, monkeypatch, "stage", core1=0, core2=0)


# The plan that was shown ---------------------------------------------------------------------------------------------


def test_a_plan_that_was_changed_since_it_was_shown_is_not_carried_out(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    outcome = {"changed": True, "alarms": []}
    monkeypatch.setattr(apply, "apply_round", lambda *_arguments: done.append("round") or outcome)
    made = plan(core1=0)
    path = Path(Journal(state).save_plan(made))
    args = {"plan": PLAN, "digest": Journal.digest_of(made), "round": "stage", "state_dir": state}
    assert act("apply", args, variables={"inventory_hostname": "core1"})["changed"]
    path.write_text(path.read_text().replace('"switch"', '"another"'))
    result = act("apply", args, variables={"inventory_hostname": "core1"})
    assert result["failed"]
    assert "was changed afterwards" in result["msg"]
    assert done == ["round"]


# Check mode ----------------------------------------------------------------------------------------------------------


def in_check_mode(state: str, name: str) -> bool:
    args = {"plan": PLAN, "round": name, "state_dir": state}
    result = act("apply", args, check=True, variables={"inventory_hostname": "core1"})
    assert not result.get("failed"), result
    return bool(result["changed"])


def test_check_mode_promises_a_change_until_the_journal_says_that_the_batch_is_done(state: str) -> None:
    batches = [
        {"id": f"core1/switch/{service}", "service": service, "steps": [], "requires": ["edge1/widen/webbridge3"]}
        for service in ("callbridge", "webadmin")
    ]
    made = plan(core1=0)
    made["rounds"][0]["batches"] = {"core1": batches}
    journal = Journal(state)
    journal.save_plan(made)
    assert in_check_mode(state, "switch")
    journal.done("core1", batches[0]["id"], PLAN, {})
    assert in_check_mode(state, "switch")
    journal.done("core1", batches[1]["id"], PLAN, {})
    assert not in_check_mode(state, "switch")
    assert not in_check_mode(state, "stage")


def test_check_mode_promises_certificates_until_the_store_has_them(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan(core1=0)
    made["rounds"].append({"name": "issue", "serial": False, "hosts": [], "batches": {}})
    made["identities"] = [{"id": "core1/callbridge", "base": "callbridge-g2"}]
    Journal(state).save_plan(made)
    assert in_check_mode(state, "issue")
    generation = SimpleNamespace(issued=None)
    monkeypatch.setattr(Store, "get", lambda *_which: generation)
    assert in_check_mode(state, "issue")
    generation.issued = "a certificate"
    assert not in_check_mode(state, "issue")
