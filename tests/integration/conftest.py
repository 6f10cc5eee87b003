# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the integration tests: simulated fleets under a dialect, and ansible-playbook runs on them."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.dialects import MARKERS, Spoken, asked_for, dialects_of, group_of
from tests.integration.estate import StartEstate, estates
from tests.integration.harness import Fleet, Result, Running, Workspace, read_definition, start_fleet
from tests.integration.life import Life, recorded_life
from tests.integration.warm import WarmServer
from tests.simulator.switches import positions_of

StartFleet = Callable[..., Fleet]
StartPlaybook = Callable[..., Running]
RunPlaybook = Callable[..., Result]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--dialect",
        metavar="NAME[,NAME...]",
        default=os.environ.get("CERTOPS_DIALECTS"),
        help="dialects of the simulated appliance for all tests (default: see tests/integration/dialects.py)",
    )


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    asked_for(config.getoption("--dialect"))


def pytest_unconfigure() -> None:
    WarmServer.stop()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that has a fleet once for each of its dialects: ``test_x[strict]``."""
    if "dialect" not in metafunc.fixturenames:
        return
    names = dialects_of(metafunc.definition, asked_for(metafunc.config.getoption("--dialect")))
    chosen = []
    for name in names:
        group = group_of(metafunc.module.__name__, metafunc.fixturenames, name)
        chosen.append(pytest.param(name, marks=[pytest.mark.xdist_group(group)] if group else [], id=name))
    metafunc.parametrize("dialect", chosen, indirect=True, scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left with it at the end, and with what others wait for."""

    def rank(item: pytest.Item) -> int:
        group = item.get_closest_marker("xdist_group")
        return 2 if group is None else int(not group.args[0].startswith("life"))

    items.sort(key=rank)


def _parameters(item: pytest.Item) -> dict[str, Any]:
    found: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say in the report of a failure what its dialect sets."""
    report = yield
    parameters = _parameters(item)
    if report.failed and "dialect" in parameters:
        name = parameters["dialect"]
        positions = [f"{switch}: {position}" for switch, position in positions_of(name).items()]
        report.sections.append((f"Dialect {name}", "\n".join(positions)))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Choose what the fleets of the next test speak, also where a fixture of its module starts them."""
    Spoken.now = _parameters(item).get("dialect", "default")


@pytest.fixture(scope="session")
def dialect(request: pytest.FixtureRequest) -> str:
    """The dialect that the fleets of a test speak; whatever starts a fleet asks for it."""
    name: str = request.param
    return name


@pytest.fixture
def estate(dialect: str, tmp_path: Path) -> Iterator[StartEstate]:
    """``estate(PAIR, {"cms_calls": "drop"}, calls=2)`` starts a fleet with all that a rollout needs."""
    yield from estates(tmp_path)


@pytest.fixture(scope="session")
def life(dialect: str, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """What happened to the demo fleet in a whole life, see life.py."""
    return recorded_life(tmp_path_factory, dialect)


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
def fleet(dialect: str, tmp_path: Path, fleets: list[Fleet], workspace: Workspace) -> StartFleet:
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
