# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every row of section 8 of the services reference is a switch, and each position is one."""

from __future__ import annotations

import pytest

from tests.simulator.switches import DIALECTS, SWITCHES, Switchboard, SwitchError

SECTION_8: dict[str, tuple[object, list[object]]] = {
    "echo in shell": ("on", ["off"]),
    "line ending in shell": ("crlf", ["lf"]),
    "line ending in exec": ("lf", ["crlf"]),
    "paging": ("none", [24]),
    "wrap": ("none", ["terminal_width"]),
    "welcome text": ("one_line", ["none", "many_lines"]),
    "unknown command": ("plain_line", ["failure_line", "usage"]),
    "wrong arguments": ("usage", ["failure_line"]),
    "setting accepted": ("silent", ["success_line"]),
    "setting with a missing file": ("failure_line", ["accepted"]),
    "`enable` when enabled": ("repeats", ["nothing"]),
    "`callbridge restart` duration": (3, [0, 60, "lost_connection"]),
    "unknown row in a display": ("none", ["extra_row", "row_without_colon"]),
    "SFTP delete of a file in use": ("allowed", ["permission_denied"]),
    "SFTP overwrite of a file in use": ("allowed", ["permission_denied"]),
    "exec exit status": ("zero", ["one_on_failure", "none"]),
    "small `y` at a confirmation": ("aborts", ["asks_again"]),
    "session limit per user": ("none", [1, 2]),
    "password near expiry": ("none", ["one_line"]),
}


def test_every_row_of_section_8_is_a_switch_with_its_default_and_its_other_positions() -> None:
    rows = {switch.section8: (name, switch) for name, switch in SWITCHES.items() if switch.section8}
    assert set(rows) == set(SECTION_8)
    for row, (default, others) in SECTION_8.items():
        name, switch = rows[row]
        assert switch.default == default, row
        for position in others:
            board = Switchboard({name: position})
            assert board[name] == position


@pytest.mark.parametrize("name", sorted(SWITCHES))
def test_the_default_is_a_position_and_nonsense_is_none(name: str) -> None:
    switch = SWITCHES[name]
    assert switch.check(name, switch.default) == switch.default
    with pytest.raises(SwitchError, match=name):
        switch.check(name, "no such position")
    assert switch.about


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_a_dialect_sets_known_switches_to_known_positions(dialect: str) -> None:
    board = Switchboard({"dialect": dialect})
    for name, position in DIALECTS[dialect].items():
        assert board[name] == SWITCHES[name].check(name, position)


def test_the_dialects_of_the_design_exist() -> None:
    assert set(DIALECTS) == {"default", "strict", "chatty", "exec-less", "old"}


def test_yaml_booleans_and_numbers_are_understood() -> None:
    board = Switchboard({"echo": False, "paging": "10", "c2w_tls": 1.3, "api_without_callbridge": 404})
    assert (board["echo"], board["paging"], board["c2w_tls"], board["api_without_callbridge"]) == (
        "off",
        10,
        "1.3",
        "404",
    )


def test_single_switches_come_after_the_dialect() -> None:
    board = Switchboard({"echo": "on", "dialect": "old"})
    assert board["echo"] == "on"
    assert board["prompt"] == "bare"


@pytest.mark.parametrize(("name", "value"), [("no_such_switch", "on"), ("dialect", "klingon"), ("echo", "loud")])
def test_an_unknown_switch_or_position_is_refused(name: str, value: str) -> None:
    with pytest.raises(SwitchError):
        Switchboard({name: value})
