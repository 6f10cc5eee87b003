# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the tables of docs/quality.md from what was measured: ``python -m tools.quality page``.

The page has blocks between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``. A block whose reports are there is
written anew, any other stays as it is. What is read:

- ``*.xml``: JUnit, one row for each report and one for each part of the tests;
- ``coverage.json`` and ``mutation.json``, as tools.coverage and tools.mutation write them;
- any other ``*.json`` that is an object, or a list of objects, with ``gate`` and ``size``, and if wanted ``result`` and
  ``seconds``: a row for a gate that is no pytest run;
- tools/uncovered.yml and tools/survivors.yml, always.

``python -m tools.quality record --seconds N --status N`` notes a run of ``make test-all``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.conformance import disagreements
from tools import coverage as covered
from tools._run import BUILD, ROOT, shown
from tools.mutation import survivors

PAGE = ROOT / "docs" / "quality.md"
REPORTS = BUILD / "reports"
RUN = "test-all.json"

Block = Callable[[], list[str] | None]


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """Give a table of Markdown."""
    titles = list(head)
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    return lines + [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]


def length(seconds: float) -> str:
    """Give a duration as a person would say it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def loaded(name: str) -> Any:
    """Give a report; None where there is none."""
    file = REPORTS / name
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


# The blocks ----------------------------------------------------------------------------------------------------------


def last_run() -> list[str] | None:
    """Say when ``make test-all`` ran, for how long, and how it ended."""
    run = loaded(RUN)
    if run is None:
        return None
    ended = "everything passed" if run["status"] == 0 else f"it ended with status {run['status']}"
    return [f"`make test-all` on {run['date']}: {ended}, in {length(run['seconds'])}."]


def suites() -> dict[str, list[ElementTree.Element]]:
    """Give the test cases of every JUnit report, by the name of the report."""
    files = sorted(REPORTS.glob("*.xml"))
    return {file.stem: list(ElementTree.parse(file).getroot().iter("testcase")) for file in files}


def outcome(case: ElementTree.Element) -> str:
    """Say how a test case ended."""
    ends = {child.tag for child in case}
    return "failed" if ends & {"failure", "error"} else "skipped" if "skipped" in ends else "passed"


def tests() -> list[str] | None:
    """Give a row for each report, and one for each part of the tests in it."""
    known = suites()
    if not known:
        return None
    rows: list[list[object]] = []
    for report, cases in known.items():
        parts: dict[str, list[ElementTree.Element]] = defaultdict(list)
        for case in cases:
            parts[part_of(case.get("classname", ""))].append(case)
        rows.append(row(f"**{report}**", cases))
        rows.extend(row(f"`{part}`", parts[part]) for part in sorted(parts) if len(parts) > 1)
    return table(("Tests", "Number", "Passed", "Failed", "Skipped", "Seconds in tests"), rows)


def row(title: str, cases: Iterable[ElementTree.Element]) -> list[object]:
    """Count test cases."""
    found = list(cases)
    ends = Counter(outcome(case) for case in found)
    spent = sum(float(case.get("time", 0)) for case in found)
    return [title, len(found), ends["passed"], ends["failed"], ends["skipped"], round(spent)]


def part_of(classname: str) -> str:
    """Give the folder of a unit test, and the file of any other."""
    parts = [part for part in classname.split(".") if not part[:1].isupper()]
    if parts[:2] == ["tests", "unit"]:
        return "/".join(parts[:-1])
    return "/".join(parts)


def gates() -> list[str] | None:
    """Give the gates that wrote a row of their own, and what the suites of chains come to."""
    rows: list[list[object]] = []
    for file in sorted(REPORTS.glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        for entry in content if isinstance(content, list) else [content]:
            if isinstance(entry, dict) and {"gate", "size"} <= set(entry):
                took = length(entry["seconds"]) if "seconds" in entry else ""
                rows.append([entry["gate"], entry["size"], entry.get("result", ""), took])
    return table(("Gate", "Size", "Result", "Time"), rows) if rows else None


def conformance() -> list[str]:
    """Give the sizes of the suites of chains."""
    rows = []
    for suite, profile in disagreements.RUNS:
        differing = [
            len(disagreements.names(differences[suite, profile]))
            for differences in (disagreements.STRICTER, disagreements.LENIENT)
        ]
        size = disagreements.SIZES[suite]
        rows.append([suite, f"`{profile}`", size, size - sum(differing), *differing])
    return table(("Suite", "Profile", "Cases", "Agreed", "Stricter", "More lenient"), rows)


def coverage() -> list[str] | None:
    """Give what is reached, by folder."""
    report = loaded("coverage.json")
    if report is None:
        return None
    folders: dict[str, Counter[str]] = defaultdict(Counter)
    for file in report["files"]:
        folders[str(Path(file["path"]).parent)].update(
            files=1,
            lines=file["lines"],
            missing=len(file["missing"]),
            branches=file["branches"],
            absent=file["missing_branches"],
            ansible=file["ansible"],
        )
    folders["**together**"] = sum(folders.values(), Counter())
    rows = []
    for folder, found in folders.items():
        whole = found["lines"] + found["branches"]
        reached = 100.0 * (whole - found["missing"] - found["absent"]) / whole if whole else 100.0
        inside = 100.0 * found["ansible"] / found["lines"] if found["lines"] else 100.0
        name = folder if folder.startswith("*") else f"`{folder}`"
        cells = [found["files"], found["lines"], found["missing"], found["branches"], found["absent"]]
        rows.append([name, *cells, f"{reached:.1f} %", f"{inside:.1f} %"])
    head = ("Folder", "Files", "Lines", "Not reached", "Branches", "Not taken", "Reached", "Lines inside Ansible")
    return [f"Measured on {report['date']}.", "", *table(head, rows)]


def uncovered() -> list[str]:
    """Give the functions that hold lines no test reaches, and why."""
    known = covered.explained()
    if not known:
        return ["There are none."]
    rows = [
        [f"`{path}`", f"`{name}`" if name else "(outside of functions)", reason]
        for path, names in sorted(known.items())
        for name, reason in names.items()
    ]
    return table(("File", "Function", "Why no test reaches a line of it"), rows)


def mutation() -> list[str] | None:
    """Give what became of the mutants, by file."""
    report = loaded("mutation.json")
    if report is None:
        return None
    rows: list[list[object]] = []
    for file, found in report["files"].items():
        alive = found.get("survived", 0) + found.get("unreached", 0)
        total = sum(found.values())
        rows.append([f"`{file}`", total, total - alive, alive])
    head = f"Measured on {report['date']} in {length(report['seconds'])}: {report['mutants']} mutants, "
    head += f"{report['killed']} found by a test ({report['timeout']} of them by never ending), "
    head += f"{report['survived']} survive, {report['unexplained']} of them without an explanation."
    return [head, "", *table(("File", "Mutants", "Found", "Survive"), rows)]


def surviving() -> list[str]:
    """Give the survivors by their reasons, and those without one by file, with the functions they are in."""
    known = survivors.load()
    if not known.names:
        return ["None is listed: no full run was written down yet."]
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for name, reason in known.explained.items():
        groups[reason][place_of(name)] += 1
    files: dict[str, Counter[str]] = defaultdict(Counter)
    for name in sorted(known.unexplained):
        path, _blank, rest = name.partition(" ")
        files[path][rest.partition(":")[0]] += 1
    lines = [f"With a reason: {len(known.explained)}.", ""]
    if groups:
        rows = [[reason, places.total(), counted(places)] for reason, places in sorted(groups.items())]
        lines += [*table(("Why no test finds it", "Mutants", "Where"), rows), ""]
    lines += [f"Not explained yet: {len(known.unexplained)}."]
    if files:
        lines[-1] += " Some of them change nothing that a user could see, others want a test; nobody has looked which."
        lines += ["`tools/survivors.yml` has each of them by name.", ""]
        rows = [[f"`{path}`", places.total(), counted(places)] for path, places in files.items()]
        lines += table(("File", "Mutants", "In"), rows)
    return lines


def counted(places: Counter[str]) -> str:
    """Give places with how often each is there, where that is more than once."""
    return ", ".join(f"`{place}`" + (f" ({number})" if number > 1 else "") for place, number in places.items())


def place_of(name: str) -> str:
    """Give file and function of a mutant in short."""
    file, _space, rest = name.partition(" ")
    return f"{Path(file).parent.name}/{Path(file).stem} {rest.partition(':')[0]}"


BLOCKS: Mapping[str, Block] = {
    "last-run": last_run,
    "tests": tests,
    "gates": gates,
    "conformance": conformance,
    "coverage": coverage,
    "uncovered": uncovered,
    "mutation": mutation,
    "survivors": surviving,
}

#: The blocks that follow from files of the repository alone; a test holds them equal.
WRITTEN_FROM_LISTS = ("conformance", "uncovered", "survivors")


def block(name: str, lines: Iterable[str]) -> str:
    """Put lines between the marks of a block."""
    return "\n".join([f"<!-- begin {name} -->", "", *lines, "", f"<!-- end {name} -->"])


def found_block(page: str, name: str) -> str:
    """Give a block of the page with its marks. Raises ValueError when it is not there once."""
    found = re.findall(rf"<!-- begin {name} -->.*?<!-- end {name} -->", page, re.DOTALL)
    if len(found) != 1:
        raise ValueError(f"the block {name} stands in {shown(PAGE)} {len(found)} times")
    return str(found[0])


def page(text: str, names: Iterable[str] = tuple(BLOCKS)) -> str:
    """Give the page with the blocks that can be written now."""
    for name in names:
        lines = BLOCKS[name]()
        if lines is not None:
            text = text.replace(found_block(text, name), block(name, lines))
    return text


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.quality")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("page")
    record = commands.add_parser("record")
    record.add_argument("--seconds", type=int, required=True)
    record.add_argument("--status", type=int, required=True)
    arguments = parser.parse_args()
    if arguments.command == "record":
        REPORTS.mkdir(parents=True, exist_ok=True)
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        content = {"date": today, "seconds": arguments.seconds, "status": arguments.status}
        (REPORTS / RUN).write_text(json.dumps(content), encoding="utf-8")
        return int(arguments.status)
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{shown(PAGE)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
