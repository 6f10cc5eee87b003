# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the tests once to see which reach which line, then each mutant in a forked process with the tests that reach it.

A plugin of pytest, so that the tests are collected once.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import os
import select
import signal
import time
import types
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import coverage
import pytest

from tools._run import ROOT
from tools.mutation.mutants import Mutant

PACKAGE = "ansible_collections.certops.cms."

KILLED = "killed"
TIMEOUT = "timeout"
SURVIVED = "survived"
UNREACHED = "unreached"
#: The changed code cannot take the place of the old one, because it closes over other names.
IMPOSSIBLE = "impossible"

_EXITS = {0: SURVIVED, 1: KILLED, 3: IMPOSSIBLE}


class Runner:
    """The plugin: replaces pytest's loop over the tests."""

    def __init__(
        self,
        mutants: Sequence[Mutant],
        jobs: int,
        budget: float,
        said: Callable[[str], None],
        keep: Callable[[Mapping[str, str]], None],
    ) -> None:
        self.mutants = mutants
        self.jobs = jobs
        self.budget = budget
        self.said = said
        self.keep = keep
        self.outcomes: dict[str, str] = {}
        self.failed: list[str] = []
        self._seconds: dict[str, float] = {}
        self._reached: dict[str, dict[int, set[str]]] = {}
        self._caches: list[Any] = []
        self._finders: dict[str, Counter[str]] = defaultdict(Counter)

    # What pytest calls -----------------------------------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note failures."""
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all tests once, then all mutants."""
        started = time.monotonic()
        self._see_what_is_reached(session.items)
        self.said(f"{len(session.items)} tests seen in {time.monotonic() - started:.0f} s")
        if self.failed:
            self.said(f"they fail without a mutant: {', '.join(self.failed[:5])}")
            return True
        # What the first run left behind is nobody's business in the processes to come.
        self._caches = [
            found
            for found in gc.get_objects()
            if isinstance(found, functools._lru_cache_wrapper) and str(found.__module__).startswith(PACKAGE)
        ]
        gc.collect()
        gc.freeze()
        tests = {item.nodeid: item for item in session.items}
        self._run_all(tests)
        return True

    # The first run ---------------------------------------------------------------------------------------------------

    def _see_what_is_reached(self, items: Sequence[pytest.Item]) -> None:
        files = sorted({mutant.path for mutant in self.mutants})
        seen = coverage.Coverage(data_file=None, include=[str(ROOT / file) for file in files], config_file=False)
        seen.start()
        for number, item in enumerate(items):
            seen.switch_context(str(number))
            before = _computed()
            _run_test(item, items[number + 1] if number + 1 < len(items) else None)
            self._seconds[item.nodeid] = _computed() - before
        seen.stop()
        data = seen.get_data()
        for file in files:
            by_line = data.contexts_by_lineno(str(ROOT / file))
            self._reached[file] = {
                line: {items[int(context)].nodeid for context in contexts if context.isdecimal()}
                for line, contexts in by_line.items()
            }

    def _tests_of(self, mutant: Mutant) -> list[str]:
        """Give the tests that reach a mutant, as many as the time for a mutant allows, the quick ones first.

        What found another mutant of the same function is tried before all others, but takes no place from them.
        """
        reached = self._reached[mutant.path]
        # The parts of a statement of several lines are not counted one by one: the nearest line above counts.
        line = max((line for line in reached if line <= mutant.line), default=0)
        spent = 0.0
        found: list[str] = []
        for test in sorted(reached.get(line, ()), key=lambda test: (self._seconds[test], test)):
            spent += self._seconds[test]
            if found and spent > self.budget:
                break
            found.append(test)
        finders = self._finders[mutant.path + mutant.function]
        return sorted(found, key=lambda test: -finders[test])

    # The mutants -----------------------------------------------------------------------------------------------------

    def _run_all(self, tests: Mapping[str, pytest.Item]) -> None:
        started = time.monotonic()
        running: dict[int, tuple[Mutant, int, float, list[str]]] = {}
        waiting = list(reversed(self.mutants))
        while waiting or running:
            while waiting and len(running) < self.jobs:
                mutant = waiting.pop()
                chosen = self._tests_of(mutant)
                if not chosen:
                    self.outcomes[mutant.name] = UNREACHED
                    continue
                limit = 30.0 + 20.0 * sum(self._seconds[test] for test in chosen)
                process, done = self._forked(mutant, [tests[test] for test in chosen])
                running[done] = (mutant, process, time.monotonic() + limit, chosen)
            before = len(self.outcomes)
            self._collect(running)
            if len(self.outcomes) // 100 > before // 100:
                self.keep(self.outcomes)
                self.said(f"{len(self.outcomes)} of {len(self.mutants)} after {time.monotonic() - started:.0f} s")

    def _forked(self, mutant: Mutant, items: Sequence[pytest.Item]) -> tuple[int, int]:
        """Start a process that tries a mutant; give its id and a file that is closed when it ends.

        Into the file goes the number of the test that found the mutant.
        """
        reading, writing = os.pipe()
        process = os.fork()
        if process:
            os.close(writing)
            return process, reading
        # From here on this is the child, which leaves by os._exit only.
        status = 1
        try:
            os.setpgid(0, 0)
            os.close(reading)
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nothing, stream)
            status = self._try(mutant, items, writing)
        finally:
            os._exit(status)

    def _try(self, mutant: Mutant, items: Sequence[pytest.Item], writing: int) -> int:
        try:
            put_in(mutant)
        except ValueError:
            return 3
        for cache in self._caches:
            cache.cache_clear()
        for number, item in enumerate(items):
            _run_test(item, items[number + 1] if number + 1 < len(items) else None)
            if self.failed:
                os.write(writing, str(number).encode())
                return 1
        return 0

    def _collect(self, running: dict[int, tuple[Mutant, int, float, list[str]]]) -> None:
        """Wait for the first process to end, and end those that take too long."""
        if not running:
            return
        ready = select.select(list(running), [], [], 1.0)[0]
        for done, (mutant, process, limit, chosen) in list(running.items()):
            late = done not in ready and time.monotonic() > limit
            if late:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process, signal.SIGKILL)
            if late or done in ready:
                status = os.waitpid(process, 0)[1]
                finder = os.read(done, 20)
                os.close(done)
                if finder:
                    self._finders[mutant.path + mutant.function][chosen[int(finder)]] += 1
                del running[done]
                code = os.waitstatus_to_exitcode(status)
                self.outcomes[mutant.name] = TIMEOUT if late else _EXITS.get(code, KILLED)


def _computed() -> float:
    """Give the seconds that this process and those it waited for have computed, whatever else the machine does."""
    return sum(os.times()[:4])


def _run_test(item: pytest.Item, following: pytest.Item | None) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def put_in(mutant: Mutant) -> None:
    """Give the imported function the code of the mutant. Raises ValueError where it cannot have it."""
    module = importlib.import_module(PACKAGE + mutant.path.removesuffix(".py").replace("/", "."))
    code = mutant.code(str(module.__file__))
    target: Any = module
    for part in mutant.function.split("."):
        target = vars(target)[part]
    found = list(_functions(target))
    if not found:
        raise ValueError(f"{mutant.function} is no function")
    for function in found:
        if function.__code__.co_name == code.co_name:
            function.__code__ = code


def _functions(target: Any) -> Iterator[types.FunctionType]:
    """Give the functions behind what a module or class holds: properties, class methods, caches, context managers."""
    if isinstance(target, types.FunctionType):
        yield target
    for attribute in ("__wrapped__", "__func__", "fget", "func"):
        inner = getattr(target, attribute, None)
        if inner is not None and inner is not target:
            yield from _functions(inner)


def run(
    mutants: Sequence[Mutant],
    tests: Sequence[str],
    jobs: int,
    budget: float,
    said: Callable[[str], None],
    keep: Callable[[Mapping[str, str]], None],
) -> None:
    """Try mutants with the tests of these files and folders; what became of them is kept now and then."""
    os.environ["CERTOPS_SWEEPS"] = "mutation"
    runner = Runner(mutants, jobs, budget, said, keep)
    status = pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", *tests], plugins=[runner])
    if runner.failed or not runner.outcomes:
        raise SystemExit(f"the tests cannot be run without a mutant: {status}")
    keep(runner.outcomes)
