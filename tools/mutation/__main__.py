# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tools.mutation [--sample N] [--seed S] [--jobs N] [--only WORDS] [--write]``: which mutants survive?

Writes build/reports/mutation.json. tools/survivors.yml holds every survivor: with a reason where somebody wrote one,
else among the unexplained ones. A survivor that is in neither is a failure, and so is an entry of a mutant that a test
finds now. ``--write`` brings the unexplained ones up to date with what was tried.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools._run import BUILD, ROOT, heading, shown
from tools.mutation import survivors
from tools.mutation.mutants import Mutant, mutants
from tools.mutation.runner import IMPOSSIBLE, KILLED, SURVIVED, TIMEOUT, UNREACHED, run

REPORT = BUILD / "reports" / "mutation.json"
OUTCOMES = BUILD / "mutation" / "outcomes.json"
UTILS = ROOT / "plugins" / "plugin_utils"
TESTS = "tests/unit/plugins"

ALIVE = (SURVIVED, UNREACHED)

#: The folders whose code is changed, with the tests that should notice.
GROUPS = {
    "_pki": (
        f"{TESTS}/plugin_utils/pki",
        f"{TESTS}/plugin_utils/issuers",
        f"{TESTS}/action/test_verify.py",
        f"{TESTS}/action/test_verify_conformance.py",
    ),
    "_fleet": (f"{TESTS}/plugin_utils/fleet", f"{TESTS}/action/test_fleet_plan.py"),
}


def all_mutants(group: str) -> list[Mutant]:
    """Give every mutant of a folder."""
    return [found for path in sorted((UTILS / group).glob("*.py")) for found in mutants(path, shown(path))]


def chosen(arguments: argparse.Namespace) -> dict[str, list[Mutant]]:
    """Give the mutants to try, by folder: all of them, or a sample."""
    known = {group: [m for m in all_mutants(group) if arguments.only in m.name] for group in GROUPS}
    if arguments.again:
        last = json.loads(OUTCOMES.read_text(encoding="utf-8"))
        alive = {name for name, outcome in last.items() if outcome in ALIVE}
        known = {group: [mutant for mutant in found if mutant.name in alive] for group, found in known.items()}
    if not arguments.sample:
        return known
    everything = [mutant for group in known.values() for mutant in group]
    picked = random.Random(arguments.seed).sample(everything, min(arguments.sample, len(everything)))
    names = {mutant.name for mutant in picked}
    return {
        group: [mutant for mutant in group_mutants if mutant.name in names] for group, group_mutants in known.items()
    }


def run_group(group: str, names: Sequence[str], jobs: int, budget: float, tests: Sequence[str], out: Path) -> None:
    """Try the mutants of one folder in this process, and write what became of them."""
    wanted = set(names)
    terminal = os.dup(2)

    def said(text: str) -> None:
        os.write(terminal, f"{group}: {text}\n".encode())

    def keep(outcomes: Mapping[str, str]) -> None:
        out.write_text(json.dumps(outcomes, indent=0), encoding="utf-8")

    run(
        [mutant for mutant in all_mutants(group) if mutant.name in wanted],
        tests or GROUPS[group],
        jobs,
        budget,
        said,
        keep,
    )


def report(outcomes: Mapping[str, str], full: bool, seconds: float, seed: int, write: bool) -> int:
    """Print and write what became of the mutants; 1 when a survivor is not listed, or one that is found now is."""
    known = survivors.load()
    alive = sorted(name for name, outcome in outcomes.items() if outcome in ALIVE)
    # What takes too long on a busy machine is no proof that it is found.
    found_now = {name for name, outcome in outcomes.items() if outcome not in (*ALIVE, TIMEOUT)}
    if write:
        known = known.after(alive, found_now, set(outcomes) if full else None)
        survivors.write(known)
        print(f"{shown(survivors.FILE)} written: {len(known.unexplained)} survivors that nobody has explained")
    new = [name for name in alive if name not in known.names]
    stale = sorted(name for name in known.names if name in found_now or (full and name not in outcomes))
    counts = Counter(outcomes.values())
    files: dict[str, Counter[str]] = {}
    for name, outcome in outcomes.items():
        files.setdefault(name.split(" ")[0], Counter())[outcome] += 1
    heading("mutants")
    for file, found in sorted(files.items()):
        print(f"{file:58} {found.total():5} mutants, {found[SURVIVED] + found[UNREACHED]:4} survive")
    for name in new:
        print(f"survives: {name}")
    for name in stale:
        print(f"does not survive any more: {name}")
    content: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "full": full,
        "seed": None if full else seed,
        "seconds": round(seconds),
        "mutants": len(outcomes),
        "killed": counts[KILLED] + counts[TIMEOUT],
        "timeout": counts[TIMEOUT],
        "impossible": counts[IMPOSSIBLE],
        "survived": len(alive),
        "unexplained": len(alive) - sum(name in known.explained for name in alive),
        "files": {file: dict(found) for file, found in sorted(files.items())},
    }
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    target = REPORT if full else REPORT.with_stem("mutation-sample")
    target.write_text(json.dumps(content, indent=1), encoding="utf-8")
    print(
        f"\n{len(outcomes)} mutants in {seconds:.0f} s: {content['killed']} found ({counts[TIMEOUT]} by their time), "
        f"{len(alive)} survive, {content['unexplained']} of them not explained, {len(new)} not listed, "
        f"{counts[IMPOSSIBLE]} impossible"
    )
    if new or stale:
        print(f"Next step: a test for what matters, then --write for the rest ({shown(survivors.FILE)})")
    return int(bool(new or stale))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.mutation")
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--budget", type=float, default=1.5, help="seconds of computing for the tests of a mutant")
    parser.add_argument("--tests", nargs="*", help="these tests instead of those of the folder")
    parser.add_argument("--again", action="store_true", help="what survived the last time")
    parser.add_argument("--write", action="store_true", help="bring the unexplained survivors up to date")
    parser.add_argument("--group", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write and arguments.tests:
        parser.error("--write needs the tests of the folder: other tests find other mutants")
    work = BUILD / "mutation"
    work.mkdir(parents=True, exist_ok=True)
    if arguments.group:
        names = json.loads((work / f"{arguments.group}-in.json").read_text(encoding="utf-8"))
        run_group(
            arguments.group,
            names,
            arguments.jobs,
            arguments.budget,
            arguments.tests or (),
            work / f"{arguments.group}-out.json",
        )
        return 0
    started = time.monotonic()
    outcomes: dict[str, str] = {}
    for group, found in chosen(arguments).items():
        if not found:
            continue
        (work / f"{group}-in.json").write_text(json.dumps([mutant.name for mutant in found]), encoding="utf-8")
        out = work / f"{group}-out.json"
        out.unlink(missing_ok=True)
        # A process for each folder: pytest is made to run once in a process.
        command = [sys.executable, "-m", "tools.mutation", "--group", group, "--jobs", str(arguments.jobs)]
        command += ["--budget", str(arguments.budget)]
        command += ["--tests", *arguments.tests] if arguments.tests else []
        with (work / f"{group}.log").open("w", encoding="utf-8") as log:
            subprocess.run(command, cwd=ROOT, stdout=log, check=True)
        outcomes.update(json.loads(out.read_text(encoding="utf-8")))
    OUTCOMES.write_text(json.dumps(outcomes, indent=0), encoding="utf-8")
    full = not (arguments.sample or arguments.only or arguments.tests or arguments.again)
    return report(outcomes, full, time.monotonic() - started, arguments.seed, arguments.write)


if __name__ == "__main__":
    sys.exit(main())
