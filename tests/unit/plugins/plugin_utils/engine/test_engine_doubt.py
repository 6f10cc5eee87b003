# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A trust that is stored and not live, where no listener names what it trusts: the link that fails tells (S15)."""

from __future__ import annotations

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._errors import ProofFailed
from tests.unit.plugins.plugin_utils.engine.rollout import StartRollout


def test_s15_the_run_after_a_failed_link_restarts_the_verifier_first_and_ends_well(rollout: StartRollout) -> None:
    fleet = rollout(switches={"c2w_ca_names": "none"})
    made = fleet.plan()
    fleet.run(made, until="widen")
    (change,) = (change for change in made["trusts"] if change["node"] == "edge1")
    with fleet.session("edge1") as session:
        # By hand, or by a run whose journal is lost: stored, and never made live.
        session.run(f"webbridge3 c2w trust {change['file']}")

    second = fleet.plan()
    assert not any(change["node"] == "edge1" for change in second["trusts"])
    with pytest.raises(ProofFailed) as caught:
        fleet.run(second)
    assert "the old assignment is back and proven" in caught.value.reason
    assert "webbridge3 c2w trust of edge1" in caught.value.reason
    assert "it restarts webbridge3 on edge1 first" in caught.value.next_step
    assert fleet.links_up()
    (doubt,) = fleet.journal.pending("edge1")["webbridge3"]
    assert (doubt["setting"], doubt["doubted"]) == ("trust:c2w", True)
    assert "callbridge" not in fleet.journal.pending("core1")

    before = fleet.restarts()
    fleet.run(fleet.plan())
    assert fleet.links_up()
    assert fleet.restarts()["edge1 webbridge3"] == before["edge1 webbridge3"] + 2
    assert fleet.restarts()["core1 callbridge"] == before["core1 callbridge"] + 1
    assert fleet.journal.pending("edge1") == {}
    assert not fleet.plan()["changed"]
