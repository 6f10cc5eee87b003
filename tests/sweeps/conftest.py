# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which points are swept, and the recordings they come from; the sizes at the end.

CERTOPS_SWEEPS=all sweeps everything, otherwise a sample is drawn: CERTOPS_SWEEP_SEED says which, CERTOPS_SWEEP_SAMPLE
how many points. CERTOPS_SWEEP_POINT picks points by their ids, as a pattern.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import fnmatch
import json
import os
import pickle
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from tests.sweeps import sizes
from tests.sweeps.drive import quick
from tests.sweeps.fleets import FLEETS
from tests.sweeps.points import Point, Recording, distinct, record

SWEEP = os.environ.get("CERTOPS_SWEEPS") == "all"
SEED = os.environ.get("CERTOPS_SWEEP_SEED", "2026-11")
SAMPLE = int(os.environ.get("CERTOPS_SWEEP_SAMPLE", "40"))
PICKED = os.environ.get("CERTOPS_SWEEP_POINT", "")

FAILURES = Path(__file__).resolve().parents[2] / "build" / "reports" / "sweeps-failures.txt"

RecordingOf = Callable[[str], Recording]


class Recordings:
    """The recordings of this process, and of the run as a whole.

    All workers must agree on the points, so whoever comes first records a fleet for all. A recording is replayed on the
    addresses it was made on, so one worker at a time has it; the others make their own when they need one.
    """

    def __init__(self) -> None:
        run = os.environ.get("PYTEST_XDIST_TESTRUNUID", "")
        self.shared = Path(tempfile.gettempdir()) / f"certops-sweeps-{run}" if run else None
        self._own = Path(tempfile.mkdtemp(prefix="certops-sweeps-"))
        atexit.register(shutil.rmtree, self._own, ignore_errors=True)
        self._known: dict[str, Recording] = {}
        self._held: list[IO[str]] = []

    def points(self) -> list[Point]:
        """Give the points of all fleets, the same ones in every worker."""
        names = [name for name in FLEETS if not PICKED or fnmatch.fnmatchcase(name, PICKED.partition("-")[0])]
        worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
        # No fleet at all where the pattern is one of settings.
        first = int(worker) % len(names) if worker.isdigit() and names else 0
        # Each worker begins with another fleet.
        found = {name: self._points(name) for name in [*names[first:], *names[:first]]}
        return [point for name in names for point in found[name]]

    def _points(self, name: str) -> list[Point]:
        if self.shared is None:
            return distinct(self.of(name).points)
        self.shared.mkdir(mode=0o700, exist_ok=True)
        file = self.shared / f"{name}.pickle"
        with (self.shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.exists():
                with quick():
                    file.write_bytes(pickle.dumps(record(self.shared / name, FLEETS[name])))
        recording: Recording = pickle.loads(file.read_bytes())
        return distinct(recording.points)

    def of(self, name: str) -> Recording:
        """Give a recording of a fleet that nobody else replays."""
        if name not in self._known:
            self._known[name] = self._take(name) or record(self._own / name, FLEETS[name])
        return self._known[name]

    def ends(self, name: str) -> dict[str, dict[str, Any]]:
        """Give how each stage of a recorded fleet ended; for that nobody has to have it for himself."""
        if self.shared is None or name in self._known:
            return self.of(name).ends
        recording: Recording = pickle.loads((self.shared / f"{name}.pickle").read_bytes())
        return recording.ends

    def _take(self, name: str) -> Recording | None:
        if self.shared is None:
            return None
        held = (self.shared / f"{name}.taken").open("w")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held.close()
            return None
        self._held.append(held)
        recording: Recording = pickle.loads((self.shared / f"{name}.pickle").read_bytes())
        return recording


_recordings: list[Recordings] = []


def recordings() -> Recordings:
    """Give the recordings of this process."""
    if not _recordings:
        _recordings.append(Recordings())
    return _recordings[0]


def chosen(points: list[Point]) -> list[Point]:
    """Give the points to sweep: all, those picked, or a sample that has every kind of fault in it."""
    if PICKED:
        return [point for point in points if fnmatch.fnmatchcase(point.id, PICKED)]
    if SWEEP:
        return points
    chance = random.Random(SEED)
    ways = sorted({point.way for point in points})
    sample = [chance.choice([point for point in points if point.way == way]) for way in ways]
    rest = [point for point in points if point not in set(sample)]
    sample += chance.sample(rest, max(0, SAMPLE - len(sample)))
    return sorted(sample, key=points.index)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Hand every chosen point to the fault sweep; in a sample, one worker does all points of a fleet."""
    if "point" in metafunc.fixturenames:
        metafunc.parametrize(
            "point",
            [
                pytest.param(point, id=point.id, marks=[] if SWEEP else [pytest.mark.xdist_group(point.fleet)])
                for point in chosen(recordings().points())
            ],
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let asyncio be silent about connections that the simulator cut: Python collects them when it likes."""
    for item in items:
        if item.path.parent == Path(__file__).resolve().parent:
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with quick():
        yield


@pytest.fixture
def recording_of() -> RecordingOf:
    """Give the recording of a fleet by its name."""
    return recordings().of


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write what failed down at once: a sweep is long, and pytest tells at its end."""
    if report.failed and not os.environ.get("PYTEST_XDIST_WORKER"):
        FAILURES.parent.mkdir(parents=True, exist_ok=True)
        with FAILURES.open("a", encoding="utf-8") as stream:
            stream.write(f"{report.nodeid}\n{report.longreprtext}\n\n")


# Sizes ---------------------------------------------------------------------------------------------------------------


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many points there were, of what kind, and what became of them; keep it in build/reports."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    found = sizes.of(reports)
    if not found:
        return
    terminalreporter.section("sweeps")
    for line in sizes.table(found):
        terminalreporter.write_line(line)
    folder = terminalreporter.config.rootpath / "build" / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweeps.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Take away what the workers shared."""
    run = getattr(session.config, "_xdist_testrunuid", None) or os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if not os.environ.get("PYTEST_XDIST_WORKER"):
        for folder in Path(tempfile.gettempdir()).glob(f"certops-sweeps-{run}") if run else ():
            with contextlib.suppress(OSError):
                shutil.rmtree(folder)
