# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests reach in plugins/, also inside the processes of ansible-playbook.

``python -m tools.coverage run -- ARGUMENTS OF PYTEST`` runs pytest under coverage, as a plugin of it, and keeps what
was counted beside earlier runs. ``python -m tools.coverage report`` adds it up, writes build/reports/coverage.json and
fails when a line that no test reaches stands in no function of tools/uncovered.yml, or when an entry there explains
nothing.
"""

from __future__ import annotations

import ast
import dataclasses
import datetime
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import coverage
import yaml

from tests.integration.harness import INSIDE_ANSIBLE
from tools._run import BUILD, ROOT, heading, run, shown

FOLDER = BUILD / "coverage"
REPORT = BUILD / "reports" / "coverage.json"
EXPLAINED = ROOT / "tools" / "uncovered.yml"


# The path is that of the checkout: coverage looks through the link that leads Ansible to it. Ansible's workers leave by
# os._exit and would lose what they counted. A killed process leaves an empty file.
SETTINGS = """\
[run]
branch = True
parallel = True
patch = _exit, subprocess
concurrency = multiprocessing, thread
include = {root}/plugins/*
data_file = {folder}/data
context = ${{COVERAGE_CONTEXT-tests}}
disable_warnings = no-data-collected
[report]
exclude_also =
    if TYPE_CHECKING:
    raise AssertionError
    except ImportError:
"""


def settings() -> Path:
    """Write the settings of coverage and give their file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / "settings.ini"
    file.write_text(SETTINGS.format(root=ROOT, folder=FOLDER), encoding="utf-8")
    return file


def run_tests(arguments: Iterable[str]) -> int:
    """Run pytest so that every process of it counts."""
    env = {**os.environ, "COVERAGE_PROCESS_START": str(settings())}
    return run(["pytest", "-p", "tools.coverage", *arguments], env=env, check=False)


def pytest_sessionfinish() -> None:
    """Keep what was counted before the session ends: a worker of pytest that does not leave in time is killed."""
    counting = coverage.Coverage.current()
    if counting is not None:
        counting.save()


@dataclasses.dataclass(frozen=True)
class Reached:
    """What was reached in one file: lines and branches, and the lines that ansible-playbook reached."""

    path: str
    lines: int
    missing: list[int]
    branches: int
    missing_branches: int
    ansible: int

    @property
    def percent(self) -> float:
        """Give the share of lines and branches that were reached."""
        whole = self.lines + self.branches
        return 100.0 * (whole - len(self.missing) - self.missing_branches) / whole if whole else 100.0


def measured() -> list[Reached]:
    """Add up what all processes counted."""
    for file in FOLDER.glob("data.*"):
        if not file.stat().st_size:
            file.unlink()
    counted = coverage.Coverage(config_file=str(settings()))
    if any(FOLDER.glob("data.*")):
        counted.combine()
        counted.save()
    else:
        counted.load()
    written = FOLDER / "coverage.json"
    counted.json_report(outfile=str(written))
    data = counted.get_data()
    data.set_query_context(INSIDE_ANSIBLE)
    found = []
    for path, file in sorted(json.loads(written.read_text())["files"].items()):
        executed = set(file["executed_lines"])
        summary = file["summary"]
        inside = executed & set(data.lines(str(ROOT / path)) or ())
        found.append(
            Reached(
                path,
                summary["num_statements"],
                file["missing_lines"],
                summary["num_branches"],
                summary["missing_branches"],
                len(inside),
            )
        )
    return found


def places(path: Path) -> Mapping[int, str]:
    """Give the innermost function or class of every line of a file, by its dotted name; lines outside are not there."""
    found: dict[int, str] = {}

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                found.update(dict.fromkeys(range(child.lineno, (child.end_lineno or child.lineno) + 1), name))
                walk(child, f"{name}.")
            else:
                walk(child, prefix)

    walk(ast.parse(path.read_text(encoding="utf-8")), "")
    return found


def explained() -> dict[str, dict[str, str]]:
    """Give the reasons of tools/uncovered.yml: file, function, reason."""
    loaded: dict[str, dict[str, str]] = yaml.safe_load(EXPLAINED.read_text(encoding="utf-8")) or {}
    return loaded


def complaints(files: Iterable[Reached], reasons: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Say which lines lack a reason, and which reasons lack a line."""
    found = []
    used: set[tuple[str, str]] = set()
    for file in files:
        names = places(ROOT / file.path)
        for line in file.missing:
            name = names.get(line, "")
            used.add((file.path, name))
            if name not in reasons.get(file.path, {}):
                found.append(f"{file.path}:{line} ({name or 'outside of functions'}) is not reached and not explained")
    stale = {(path, name) for path, names in reasons.items() for name in names} - used
    unseen = {shown(path) for path in (ROOT / "plugins").rglob("*.py")} - {file.path for file in files}
    found += [f"{path} is imported by no test" for path in sorted(unseen)]
    return found + [f"{path} {name} is explained and reached" for path, name in sorted(stale)]


def report() -> int:
    """Print the table, write the report, and say what is not explained."""
    files = measured()
    wrong = complaints(files, explained())
    lines, missing = sum(file.lines for file in files), sum(len(file.missing) for file in files)
    branches, absent = sum(file.branches for file in files), sum(file.missing_branches for file in files)
    total = 100.0 * (lines + branches - missing - absent) / (lines + branches)
    heading("coverage")
    print(f"{'file':58} {'lines':>6} {'missing':>8} {'branches':>9} {'missing':>8} {'reached':>8} {'in Ansible':>11}")
    for file in files:
        print(
            f"{file.path:58} {file.lines:6} {len(file.missing):8} {file.branches:9} {file.missing_branches:8} "
            f"{file.percent:7.1f}% {file.ansible:11}"
        )
    print(f"{'together':58} {lines:6} {missing:8} {branches:9} {absent:8} {total:7.1f}%")
    print("\n".join(wrong))
    content: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "lines": lines,
        "missing": missing,
        "branches": branches,
        "missing_branches": absent,
        "percent": round(total, 1),
        "files": [{**dataclasses.asdict(file), "percent": round(file.percent, 1)} for file in files],
        "complaints": wrong,
    }
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(content, indent=1), encoding="utf-8")
    print(f"\n{shown(REPORT)} written; {len(wrong)} complaints")
    return int(bool(wrong))


def main() -> int:
    if sys.argv[1:2] == ["clear"]:
        shutil.rmtree(FOLDER, ignore_errors=True)
        return 0
    if sys.argv[1:3] == ["run", "--"]:
        return run_tests(sys.argv[3:])
    if sys.argv[1:] == ["report"]:
        return report()
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main())
