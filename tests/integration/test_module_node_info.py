# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A survey is handed on as data or as text, and the plan is the same."""

from __future__ import annotations

from tests.integration.estate import PAIR, StartEstate, assert_done


def test_the_plan_is_the_same_for_a_survey_as_data_and_as_text(estate: StartEstate) -> None:
    made = estate(PAIR)
    common = {"hosts": "cms", "gather_facts": False, "connection": "certops.cms.mmp"}
    plans = []
    for form in ("data", "text"):
        survey = {"name": "Survey", "certops.cms.node_info": {"form": form}, "register": "cms_survey"}
        plan = {"name": "Plan", "certops.cms.fleet_plan": {}}
        done = made.run([{"name": form, **common, "tasks": [survey, plan]}], check=True)
        assert_done(done)
        plans.append(done.one(action="certops.cms.fleet_plan"))
    assert plans[0]["plan"]["changed"]
    assert plans[0] == plans[1]
