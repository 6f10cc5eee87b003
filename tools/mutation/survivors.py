# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of survivors, tools/survivors.yml: those with a reason, and those that nobody has explained yet."""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

import yaml

from tools._run import ROOT

FILE = ROOT / "tools" / "survivors.yml"


@dataclasses.dataclass(frozen=True)
class Survivors:
    """Names of mutants, as ``Mutant.name`` gives them; what moves their lines leaves them as they are."""

    explained: Mapping[str, str]
    """Name -> why no test finds it, or why none is wanted."""
    unexplained: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        """Every name in the list."""
        return self.unexplained | frozenset(self.explained)

    def after(self, alive: Collection[str], found: Collection[str], everything: Collection[str] | None) -> Survivors:
        """Give the list after a run in which some were ``alive`` and some were ``found``.

        ``everything`` are the names of all mutants where all were tried: others are gone from the code. Reasons stay:
        whoever wrote one takes it out.
        """
        kept = {name for name in self.unexplained if everything is None or name in everything}
        return dataclasses.replace(self, unexplained=frozenset((kept | set(alive)) - set(found) - set(self.explained)))


def load(file: Path = FILE) -> Survivors:
    """Read the list. Raises ValueError for one that names a mutant twice."""
    content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    explained: dict[str, str] = content.get("explained") or {}
    listed = [f"{path} {rest}" for path, names in (content.get("unexplained") or {}).items() for rest in names]
    twice = sorted({name for name in listed if listed.count(name) > 1 or name in explained})
    if twice:
        raise ValueError(f"{file.name} names {twice[0]!r} twice")
    return Survivors(explained, frozenset(listed))


def write(known: Survivors, file: Path = FILE) -> None:
    """Write the unexplained ones; what stands above them is written by hand and stays."""
    by_hand = re.split(r"^unexplained:", file.read_text(encoding="utf-8"), maxsplit=1, flags=re.MULTILINE)[0]
    by_path: dict[str, list[str]] = defaultdict(list)
    for name in sorted(known.unexplained):
        path, _blank, rest = name.partition(" ")
        by_path[path].append(rest)
    lines = [f"unexplained:{'' if by_path else ' {}'}"]
    for path, names in by_path.items():
        lines.append(f"  {path}:")
        # One name is one block of lines, which are folded again when they are read.
        lines += [line for rest in names for line in _folded(rest)]
    file.write_text(by_hand + "\n".join(lines) + "\n", encoding="utf-8")


def _folded(text: str) -> list[str]:
    """Write a text as an item of YAML whose lines are not too long; only single blanks are places to break."""
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + len(word) > 105:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return ["    - >-", *(f"      {one}" for one in [*lines, line])]
