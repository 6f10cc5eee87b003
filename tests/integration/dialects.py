# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Under which dialects of the appliance a test runs: a plain choice that shows in the name of the test.

``pytest --dialect strict,random:7`` (or the variable CERTOPS_DIALECTS) runs every test that has a fleet under these.
Without it every such test runs under ``default``; one that is marked ``every_dialect`` also under the other named ones,
one that is marked ``drawn_dialects`` also under a sample of random ones. With ``CERTOPS_SWEEPS=all`` all run under all
named ones. A test that makes sense under some dialects only says so: ``only_dialects("default", reason="...")``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from tests.simulator.dialects import DIALECTS
from tests.simulator.switches import positions_of

NAMED = tuple(DIALECTS)
#: How many random dialects are a sample.
SAMPLE = 5
SWEEP = os.environ.get("CERTOPS_SWEEPS") == "all"

MARKERS = (
    "every_dialect: run this test under every named dialect of the appliance, see tests/integration/dialects.py",
    "drawn_dialects(sweep=5): run this test under a sample of random dialects too, in the sweep under this many",
    "only_dialects(*names, reason): this test makes sense under these dialects only, for this reason",
)


class Spoken:
    """The dialect that a fleet speaks whose definition names none: what the test at hand is for."""

    now = "default"


def asked_for(option: str | None) -> tuple[str, ...]:
    """Read the dialects that a person asked for; UsageError names one that does not exist."""
    names = tuple(name.strip() for name in (option or "").split(",") if name.strip())
    for name in names:
        try:
            positions_of(name)
        except ValueError as exc:
            raise pytest.UsageError(f"--dialect: {exc}") from exc
    return names


def dialects_of(definition: pytest.Function | pytest.Item, asked: Sequence[str]) -> list[str]:
    """Give the dialects for one test, the default one first."""
    drawn = definition.get_closest_marker("drawn_dialects")
    chosen = list(asked)
    if not chosen:
        every = SWEEP or definition.get_closest_marker("every_dialect") is not None
        chosen = list(NAMED) if every else ["default"]
        if drawn is not None:
            number = drawn.kwargs.get("sweep", SAMPLE) if SWEEP else SAMPLE
            chosen += [f"random:{seed}" for seed in range(1, 1 + number)]
    only = definition.get_closest_marker("only_dialects")
    if only is not None:
        if not only.kwargs.get("reason"):
            raise pytest.UsageError(f"{definition.nodeid}: only_dialects needs a reason")
        chosen = [name for name in chosen if name in only.args]
    return chosen


def group_of(module: str, fixtures: Sequence[str], dialect: str) -> str | None:
    """Name the tests that look at one fleet, None for tests with fleets of their own.

    A group runs in one worker, so that no worker waits for another and no fleet is made twice.
    """
    if "life" in fixtures and not module.endswith("test_kill"):
        return f"life {dialect}"
    if {"bench", "hand", "told"} & set(fixtures):
        return f"{module.rpartition('.')[2]} {dialect}"
    return None
