# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the integration tests: simulated fleets, and ansible-playbook runs on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.harness import Fleet, Result, Running, Workspace, read_definition, start_fleet

StartFleet = Callable[..., Fleet]
StartPlaybook = Callable[..., Running]
RunPlaybook = Callable[..., Result]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A control node of its own, see harness.Workspace."""
    made = Workspace(tmp_path / "control-node")
    yield made
    made.close()


@pytest.fixture
def fleets() -> Iterator[list[Fleet]]:
    """The fleets that a test has started, in order; they stop when it ends."""
    started: list[Fleet] = []
    yield started
    for fleet in started:
        fleet.stop()


@pytest.fixture
def fleet(tmp_path: Path, fleets: list[Fleet], workspace: Workspace) -> StartFleet:
    """``fleet("demo")`` or ``fleet({...}, start="empty")`` starts a simulated fleet.

    The first argument names a file of tests/simulator/fleets, or is the definition; keywords replace parts of it.
    """

    def start(source: str | Path | Mapping[str, Any] = "demo", **overrides: Any) -> Fleet:
        made = start_fleet(read_definition(source, overrides), tmp_path / f"fleet{len(fleets)}")
        fleets.append(made)
        workspace.secrets += made.secrets
        return made

    return start


@pytest.fixture
def start_playbook(workspace: Workspace, fleets: list[Fleet]) -> StartPlaybook:
    """Start ansible-playbook without waiting; options as of harness.Workspace.start.

    Without an ``inventory`` it runs on the fleet that the test started last.
    """

    def start(playbook: Any, *args: str, **options: Any) -> Running:
        options.setdefault("inventory", fleets[-1].inventory if fleets else "localhost,")
        return workspace.start(playbook, *args, **options)

    return start


@pytest.fixture
def playbook(start_playbook: StartPlaybook) -> RunPlaybook:
    """Run ansible-playbook to its end and give the result; options as of harness.Workspace.start."""

    def run(playbook: Any, *args: str, **options: Any) -> Result:
        return start_playbook(playbook, *args, **options).wait()

    return run
