# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mutants have names that stay, are one change each, and the list of survivors only gets shorter by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.mutation import survivors
from tools.mutation.mutants import mutants
from tools.mutation.survivors import Survivors

CODE = """\
from __future__ import annotations

import functools


def plain(number: int) -> bool:
    return number > 3 and number != 5


class Thing:
    def __init__(self, size: int) -> None:
        self.size = size

    @functools.cached_property
    def large(self) -> bool:
        return self.size >= 10
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "code.py"
    made.write_text(CODE)
    return made


def test_a_mutant_is_the_function_with_one_change(file: Path) -> None:
    found = {mutant.name: mutant for mutant in mutants(file, "code.py")}

    def plain(number: int) -> bool:
        return number > 3 and number != 5

    plain.__code__ = found["code.py plain: number > 3 -> number >= 3"].code("code.py")
    assert [number for number in range(8) if plain(number)] == [3, 4, 6, 7]
    plain.__code__ = found["code.py plain: number > 3 and number != 5 -> number > 3"].code("code.py")
    assert [number for number in range(8) if plain(number)] == [4, 5, 6, 7]
    # One that was compiled leaves nothing of its change in the next.
    plain.__code__ = found["code.py plain: number != 5 -> number == 5"].code("code.py")
    assert [number for number in range(8) if plain(number)] == [5]


def test_a_name_stays_when_lines_move(file: Path) -> None:
    before = [mutant.name for mutant in mutants(file, "code.py")]
    assert any(name.startswith("code.py Thing.large: ") for name in before)
    file.write_text(CODE.replace("import functools\n", "import functools\n\n# A line more.\n"))
    assert [mutant.name for mutant in mutants(file, "code.py")] == before


NAMES = [
    "a.py f: x > 3 -> x >= 3",
    "a.py f: x > 3 -> x >= 3 #2",
    "b.py C.g: {'key': 1} # no comment -> [" + ", ".join(f"'word{number}: {number}'" for number in range(40)) + "]",
]
HEAD = "---\n# By hand.\nexplained:\n  'a.py f: y -> not y': nobody calls it\nunexplained: {}\n"


def test_the_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    listed = tmp_path / "survivors.yml"
    listed.write_text(HEAD)
    known = survivors.load(listed)
    assert known == Survivors({"a.py f: y -> not y": "nobody calls it"}, frozenset())
    more = known.after(NAMES, (), None)
    survivors.write(more, listed)
    text = listed.read_text()
    assert text.startswith(HEAD.partition("unexplained")[0])
    assert max(map(len, text.splitlines())) <= 120
    assert survivors.load(listed) == more
    assert more.names == {*NAMES, "a.py f: y -> not y"}
    survivors.write(more, listed)
    assert listed.read_text() == text


def test_what_is_found_or_gone_leaves_the_list_and_a_reason_stays(tmp_path: Path) -> None:
    known = Survivors({"a.py f: y -> not y": "nobody calls it"}, frozenset(NAMES))
    assert known.after((), NAMES[:1], None).unexplained == set(NAMES[1:])
    # Only where every mutant was tried is one that was not met gone.
    assert known.after(NAMES[1:2], (), {NAMES[1]}).unexplained == {NAMES[1]}
    assert known.after(known.names, (), None) == known
    assert known.after((), known.names, None) == Survivors(known.explained, frozenset())


def test_a_mutant_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    listed = tmp_path / "survivors.yml"
    listed.write_text("---\nexplained:\n  'a.py f: y -> not y': why\nunexplained:\n  a.py:\n    - 'f: y -> not y'\n")
    with pytest.raises(ValueError, match="twice"):
        survivors.load(listed)
