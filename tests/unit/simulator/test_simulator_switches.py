# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every row of section 8 of the services reference is a switch, and each position is one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.__main__ import main
from tests.simulator.config import load
from tests.simulator.dialects import DIALECTS
from tests.simulator.switches import SWITCHES, Switchboard, SwitchError, positions_of

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
        assert position != SWITCHES[name].default
        assert board[name] == SWITCHES[name].check(name, position)


def test_the_dialects_of_the_design_exist() -> None:
    assert set(DIALECTS) == {"default", "strict", "chatty", "exec-less", "old"}


def test_every_named_position_of_every_switch_is_in_a_named_dialect() -> None:
    boards = [Switchboard({"dialect": dialect}) for dialect in DIALECTS]
    missing = {
        name: sorted(set(switch.positions) - {str(board[name]) for board in boards})
        for name, switch in SWITCHES.items()
    }
    assert {name: positions for name, positions in missing.items() if positions} == {}


#: What an appliance may decline, each switch with the position that does. Exec has a dialect of its own.
REFUSALS = {
    "unknown_command": "failure_line",
    "wrong_arguments": "failure_line",
    "setting_missing_file": "failure_line",
    "sftp_delete_in_use": "permission_denied",
    "sftp_overwrite_in_use": "permission_denied",
    "sftp_rename": "refused",
    "sftp_modes": "refused",
    "sftp_other_files": "hidden",
    "session_limit": 2,
    "channel_pacing": "refuse_fast",
    "login_method": "keyboard_interactive",
    "password_change": "at_login",
    "exec_confirmation": "refuses",
    "small_y": "asks_again",
    "crypto_role": "pki_only",
    "missing_service": "failure_line",
    "pki_underscore": "refused",
    "csr_over_name_in_use": "refused",
    "pki_over_existing": "refused",
    "expired_at_restart": "refused",
    "chain_at_restart": "refused",
    "callbridge_enable": "wrong_arguments",
    "webadmin_restart": "missing",
    "turn_restart": "missing",
    "c2w_pinning": "needs_root",
    "scheduler_restart": "missing",
    "undocumented_restart": "missing",
    "scheduler_alone": "refused",
    "meetingapps_beside_callbridge": "refused",
    "meetingapps_while_enabled": "refused",
    "uploader_without_trust": "refused",
    "sip_pinning": "needs_root",
    "api_without_callbridge": "404",
    "api_appadmin": "refused",
}


def test_strict_refuses_all_that_may_be_refused() -> None:
    board = Switchboard({"dialect": "strict"})
    assert {name: board[name] for name in REFUSALS} == REFUSALS
    words = ("refused", "refuses", "denied", "refuse_fast", "missing", "failure_line", "pki_only", "needs_root")
    able = {name for name, switch in SWITCHES.items() if any(p.endswith(words) for p in switch.positions)}
    assert able <= {*REFUSALS, "exec_channel", "sftp_refusal"}


def test_a_random_dialect_sets_every_switch_and_its_name_is_enough_to_draw_it_again() -> None:
    drawn = positions_of("random:7")
    assert set(drawn) == set(SWITCHES)
    assert positions_of("random:7") == drawn
    assert positions_of("random:8") != drawn
    board = Switchboard({"dialect": "random:7"})
    assert (board.dialect, board.as_dict()) == ("random:7", drawn)
    for name, position in drawn.items():
        assert SWITCHES[name].check(name, position) == position


def test_random_dialects_reach_every_position_and_no_number_that_nobody_could_work_with() -> None:
    boards = [positions_of(f"random:{seed}") for seed in range(200)]
    for name, switch in SWITCHES.items():
        assert {board[name] for board in boards} == {*switch.positions, *switch.drawn}, name
        assert bool(switch.drawn) == (switch.numbers is not None)
    assert all(
        float(board["callbridge_restart"]) <= 1 for board in boards if board["callbridge_restart"] != "lost_connection"
    )
    assert all(board["session_limit"] != 1 for board in boards)


def fleet_file(**parts: Any) -> dict[str, Any]:
    node = {"name": "core1", "services": ["webadmin"], **parts.pop("node", {})}
    return {"users": [{"name": "admin", "password": "x"}], "nodes": [node], **parts}


def test_a_fleet_names_its_dialect_a_node_may_differ_and_a_single_switch_comes_last() -> None:
    for parts, dialect, echo in (
        ({"dialect": "old"}, "old", "off"),
        ({"dialect": "old", "node": {"dialect": "strict"}}, "strict", "on"),
        ({"dialect": "old", "switches": {"echo": "on"}}, "old", "on"),
        ({"dialect": "random:7"}, "random:7", positions_of("random:7")["echo"]),
        ({"switches": {"dialect": "old"}}, "old", "off"),
    ):
        board = Switchboard(load(fleet_file(**parts)).nodes["core1"].switches)
        assert (board.dialect, board["echo"]) == (dialect, echo), parts
    assert Switchboard(load(fleet_file(dialect="old"), dialect="strict").nodes["core1"].switches).dialect == "strict"


def test_the_command_line_prints_what_a_dialect_sets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["simulator", "dialect", *words])
        main()
        return capsys.readouterr().out

    assert said().split() == [*DIALECTS, "random:<seed>"]
    lines = {line.split()[0]: line for line in said("exec-less").splitlines()}
    assert set(lines) == set(DIALECTS["exec-less"])
    assert "refused" in lines["exec_channel"]
    assert len(said("random:7", "--all").splitlines()) == len(SWITCHES)


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


@pytest.mark.parametrize(
    ("name", "value"),
    [("no_such_switch", "on"), ("dialect", "klingon"), ("dialect", "random:"), ("dialect", "random"), ("echo", "loud")],
)
def test_an_unknown_switch_or_position_is_refused(name: str, value: str) -> None:
    with pytest.raises(SwitchError):
        Switchboard({name: value})
