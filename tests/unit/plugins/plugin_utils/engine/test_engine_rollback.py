# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rollbacks on a simulated fleet: proven, noted in store and journal, killed and finished, put back when they fail."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._engine.change import ServiceChange
from ansible_collections.certops.cms.plugins.plugin_utils._errors import CommandFailed
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.given import Wish
from tests.unit.plugins.plugin_utils.engine.rollout import Rollout, StartRollout

OLD = frozenset(["CN=Simulated Old Root CA"])


class Killed(BaseException):
    """Stands for kill -9: nothing of ours gets to handle it."""


def assigned(fleet: Rollout) -> dict[str, Any]:
    """Give what every slot is assigned, as the simulator has it stored."""
    return {
        f"{name} {service}": facts["stored"]
        for name in fleet.nodes
        for service, facts in fleet.control.state(name)["services"].items()
    }


def back(fleet: Rollout, **more: Any) -> dict[str, Any]:
    made = fleet.plan("rollback", **{"accepted_anchors": anchors(fleet), **more})
    assert not made["blocked"], made["findings"]
    return made


def anchors(fleet: Rollout) -> frozenset[str]:
    """Name the old root as a refusal names it."""
    found = fleet.plan("rollback", accepted_anchors=frozenset())["findings"]
    steps = [f["next_step"] for f in found if f["rule"] == "anchor-change-without-consent"]
    return frozenset(step.split("'")[1] for step in steps)


def without_trust(stored: dict[str, Any]) -> dict[str, Any]:
    """Trust stays as wide as it became."""
    return {key: {k: v for k, v in value.items() if "trust" not in k} for key, value in stored.items()}


def test_what_was_before_comes_back_proven_and_a_second_time_there_is_nothing_to_do(rollout: StartRollout) -> None:
    fleet = rollout()
    before = without_trust(assigned(fleet))
    fleet.run(fleet.plan())
    assert without_trust(assigned(fleet)) != before
    restarts, fleet.results = fleet.restarts(), []
    made = back(fleet, rollback=Wish(reason="too new"))
    fleet.run(made)
    assert without_trust(assigned(fleet)) == before
    assert fleet.links_up()
    assert {key: number - restarts[key] for key, number in fleet.restarts().items()} == dict.fromkeys(restarts, 1)
    proofs = [proof for result in fleet.results for proof in result["proofs"]]
    assert {proof["state"] for proof in proofs} == {"proven"}
    evidence = fleet.journal.evidence(made["id"])
    shown = {slot for entry in evidence.values() for slot in entry["slots"]}
    assert shown == {"webadmin", "callbridge", "webbridge3_https", "webbridge3_c2w", "turn"}
    assert not fleet.plan("rollback")["changed"]
    # Neither does anybody roll forward, before a person says so.
    site = fleet.plan()
    assert not site["changed"]
    notes = [f["found"] for f in site["findings"] if f["rule"] == "rolled-back"]
    assert len(notes) == 5
    assert all("(too new)" in note for note in notes)
    issued = len([event for event in fleet.control.events() if event["kind"] == "csr_made"])
    fleet.run(fleet.plan(roll_forward=frozenset(["all"])))
    assert len([event for event in fleet.control.events() if event["kind"] == "csr_made"]) == issued
    assert fleet.links_up()
    assert not fleet.plan()["changed"]


def test_s15_a_rollback_killed_behind_any_command_is_finished_by_the_next(
    rollout: StartRollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = rollout()
    before = without_trust(assigned(fleet))
    fleet.run(fleet.plan())
    consent = anchors(fleet)
    for name in ("_set", "_restart", "_prove"):
        done = getattr(ServiceChange, name)

        def killed(self: ServiceChange, *args: Any, done: Any = done) -> None:
            done(self, *args)
            raise Killed

        made = fleet.plan("rollback", accepted_anchors=consent)
        assert not made["blocked"], made["findings"]
        with monkeypatch.context() as patch:
            patch.setattr(ServiceChange, name, killed)
            with pytest.raises(Killed):
                fleet.run(made)
        assert fleet.links_up()
    fleet.run(fleet.plan("rollback", accepted_anchors=consent))
    assert without_trust(assigned(fleet)) == before
    assert fleet.links_up()
    assert all(not fleet.journal.pending(node) for node in fleet.nodes)
    assert not fleet.plan("rollback", accepted_anchors=consent)["changed"]
    assert not fleet.plan()["changed"]


def test_s10_a_rollback_that_the_node_refuses_leaves_the_new_certificate_in_force(rollout: StartRollout) -> None:
    fleet = rollout()
    fleet.run(fleet.plan())
    now = assigned(fleet)
    made = back(fleet)
    # Somebody removes the file between plan and run.
    with fleet.session("edge1") as session:
        session.remove(next(s["files"]["certificate"] for s in _assigns(made, "edge1") if s["slot"] == "turn"))
    with pytest.raises(CommandFailed) as failed:
        fleet.run(made)
    assert "turn" in failed.value.obj
    assert "the old assignment is back" in failed.value.reason
    assert assigned(fleet) == now
    assert fleet.links_up()
    refused = fleet.plan("rollback", accepted_anchors=anchors(fleet))
    assert [f["rule"] for f in refused["findings"] if f["severity"] == "error"] == ["rollback-file-gone"]
    # Left out, the rest goes back.
    fleet.run(back(fleet, rollback=Wish(services=frozenset(["callbridge", "webadmin", "webbridge3"]))))
    assert fleet.links_up()


def _assigns(made: dict[str, Any], node: str) -> list[dict[str, Any]]:
    return [
        step
        for entry in made["rounds"]
        for batch in entry["batches"].get(node, [])
        for step in batch["steps"]
        if step["kind"] == "assign"
    ]
