# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sample of the conformance cases through ansible-playbook: judged as in the unit tests."""

from __future__ import annotations

import random

import pytest

from tests.conformance import disagreements
from tests.conformance.cases import absent, cases
from tests.conformance.judge import refusals
from tests.integration.conftest import RunPlaybook
from tests.unit.plugins.action.acting import act

#: Cases of each run, besides one that is judged more leniently and one that is judged more strictly.
SAMPLE = 8


@pytest.mark.parametrize(
    ("suite", "profile"),
    [
        pytest.param(suite, profile, marks=pytest.mark.skipif(bool(absent(suite)), reason=absent(suite) or "present"))
        for suite, profile in disagreements.RUNS
    ],
)
def test_a_case_is_judged_in_a_playbook_as_in_the_unit_tests(suite: str, profile: str, playbook: RunPlaybook) -> None:
    known = {case.name: case for case in cases(suite, profile)}
    lenient = disagreements.names(disagreements.LENIENT[suite, profile])
    stricter = disagreements.names(disagreements.STRICTER[suite, profile])
    agreed = sorted(set(known) - set(lenient) - set(stricter))
    chosen = [lenient[0], stricter[0], *random.Random(SAMPLE).sample(agreed, SAMPLE)]
    tasks = [
        {"name": name, "certops.cms.verify": dict(known[name].arguments), "ignore_errors": True} for name in chosen
    ]
    play = {"name": "Judge", "hosts": "localhost", "gather_facts": False, "tasks": tasks}
    done = playbook([play])
    assert done.rc == 0, done.stdout
    for name in chosen:
        result = done.one(task=name)
        assert result.get("findings") == act("verify", dict(known[name].arguments)).get("findings")
        assert (not refusals(result)) is (known[name].accepted is (name not in (*lenient, *stricter)))
