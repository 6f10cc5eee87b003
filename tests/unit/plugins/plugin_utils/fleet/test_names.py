# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of generations and files (guide 3.1, 4.1, 4.2)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import names


@pytest.mark.parametrize("base", ["callbridge", "callbridge-g2", "A1", "x"])
def test_s2_letters_digits_and_hyphens_may_name_files(base: str) -> None:
    assert names.check_base(base, "base") == base


@pytest.mark.parametrize(
    ("base", "told"),
    [
        ("call_bridge", "'_'"),
        ("call.bridge", r"'\.'"),
        ("call bridge", "' '"),
        ("-callbridge", "hyphen"),
        ("callbridge-", "hyphen"),
        ("k\u00f6ln", "'\u00f6'"),
        ("", "is empty"),
    ],
)
def test_s2_anything_else_is_refused(base: str, told: str) -> None:
    with pytest.raises(BadOption, match=told):
        names.check_base(base, "base")


@pytest.mark.parametrize("name", ["callbridge-g2.crt", "a.pem"])
def test_s2_a_file_has_one_dot_and_a_permitted_extension(name: str) -> None:
    assert names.check_file(name, names.CERTIFICATE_EXTENSIONS, "file") == name


@pytest.mark.parametrize("name", ["callbridge", "a.b.crt", "a.txt", ".crt", "a_b.crt", "a.crt.crt", "a.CRT"])
def test_s2_other_files_are_refused(name: str) -> None:
    with pytest.raises(BadOption):
        names.check_file(name, names.CERTIFICATE_EXTENSIONS, "file")


@given(st.text(min_size=1, max_size=30), st.integers(min_value=1, max_value=999))
def test_s2_whatever_an_identity_is_called_its_base_is_good(identity: str, generation: int) -> None:
    base = names.base(identity, generation)
    assert names.check_base(base, "base") == base
    assert re.fullmatch(r"[a-z0-9-]+", base)
    assert names.generation_of(base, names.stem(identity)) == generation
    for file in names.files_of(base, chain=True).values():
        assert names.generation_of(file, names.stem(identity)) == generation


@given(st.lists(st.integers(min_value=1, max_value=50)))
def test_s2_the_next_generation_was_never_used(used: list[int]) -> None:
    number = names.next_generation("turn", [f"turn-g{one}.key" for one in used])
    assert number not in used
    assert number == max(used, default=0) + 1


def test_names_of_others_are_no_generations() -> None:
    for name in ("turn.key", "turn-g.key", "turn-gx.key", "return-g2.key", "turn-g2.tar.gz", "turn-g2x.key"):
        assert names.generation_of(name, "turn") is None


@pytest.mark.parametrize(
    "name",
    [
        "turn-g" + "9" * 5000 + ".crt",
        "turn-g1000000.crt",
        "turn-g\u0663.crt",
        "turn-g1\n.crt",
        "turn-g1.crt\n",
        "../turn-g1.crt",
    ],
)
def test_a_hostile_name_is_no_generation(name: str) -> None:
    assert names.generation_of(name, "turn") is None
    assert names.next_generation("turn", [name]) == 1


def test_a_name_with_the_last_number_does_not_make_anyone_take_a_name_twice() -> None:
    used = ["turn-g999999.crt", "turn-g1.key", "turn-g2-bundle.crt"]
    for _again in range(3):
        number = names.next_generation("turn", used)
        assert f"turn-g{number}.crt" not in used
        used.append(f"turn-g{number}.crt")
        assert names.generation_of(used[-1], "turn") == number
    assert used[-1] == "turn-g5.crt"


def test_ten_thousand_names_are_looked_through() -> None:
    many = [f"turn-g{number}.crt" for number in range(1, 10_000)] + ["\x1b[2J" * 50] * 100
    assert names.next_generation("turn", many) == 10_000
