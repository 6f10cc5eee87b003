# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module verify against PKITS and x509-limbo; every difference stands in ``disagreements`` with its reason."""

from __future__ import annotations

import pytest

from tests.conformance import disagreements
from tests.conformance.cases import absent, cases
from tests.conformance.judge import refusals
from tests.unit.plugins.action.acting import act


@pytest.mark.parametrize(
    ("suite", "profile"),
    [
        pytest.param(suite, profile, marks=pytest.mark.skipif(bool(absent(suite)), reason=absent(suite) or "present"))
        for suite, profile in disagreements.RUNS
    ],
)
def test_no_case_is_judged_differently_without_a_written_reason(suite: str, profile: str) -> None:
    accepted, refused = {}, {}
    known = cases(suite, profile)
    for case in known:
        broken = refusals(act("verify", dict(case.arguments)))
        if case.accepted and broken:
            refused[case.name] = broken
        if not case.accepted and not broken:
            accepted[case.name] = case
    assert len({case.name for case in known}) == disagreements.SIZES[suite]
    assert sorted(accepted) == sorted(disagreements.names(disagreements.LENIENT[suite, profile]))
    assert sorted(refused) == sorted(disagreements.names(disagreements.STRICTER[suite, profile])), refused


def test_whatever_is_accepted_against_a_suite_has_a_section_of_the_guide() -> None:
    for differences in disagreements.LENIENT.values():
        assert all(reason.guide and reason.text for reason in differences)
        assert len(set(disagreements.names(differences))) == len(disagreements.names(differences))
