# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Any legal display, any padding, any unknown row, any cut, in; the right value or a clear refusal, out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._errors import NotUnderstood
from ansible_collections.certops.cms.plugins.plugin_utils._mmp import displays
from ansible_collections.certops.cms.plugins.plugin_utils._services.catalogue import BY_NAME
from tests.unit.plugins.plugin_utils.mmp import legal
from tests.unit.plugins.plugin_utils.mmp.legal import Shown

#: With all examples these run for minutes.
pytestmark = pytest.mark.timeout(1800)

DRAWN = legal.displays()
#: Longer than any line that is drawn: what the node says elsewhere shows that it does not cut its lines.
LONG = 200
WIDEST = st.sampled_from([0, LONG])


def read(shown: Shown, text: str, widest: int = LONG) -> dict[str, Any]:
    found: dict[str, Any] = displays.parse_service(BY_NAME[shown.service], text, widest)
    assert found["present"] is True
    return found


def read_or_refused(shown: Shown, text: str, widest: int = 0) -> dict[str, Any] | None:
    """Read a text that lacks something; None for a refusal, which has to say of what, why, and what to do."""
    try:
        return read(shown, text, widest)
    except NotUnderstood as error:
        refusal = error
    assert shown.service in refusal.obj
    assert refusal.reason
    assert BY_NAME[shown.service].show in refusal.next_step
    return None


def agrees(found: dict[str, Any], says: dict[str, Any], bundles: bool = True) -> None:
    """Check that nothing was read that the whole display does not say; unknown is allowed where it is spelled out."""
    assert found["enabled"] in (says["enabled"], None)
    assert found["running"] in (says["running"], None)
    for name, slot in found["slots"].items():
        whole = says["slots"][name]
        assert slot["key"] == whole["key"]
        assert slot["certificate"] == whole["certificate"]
        assert slot["bundle"] == whole["bundle"] or (not bundles and slot["bundle"] is None)
        ports = {place["port"] for place in whole["listen"]}
        assert all(
            place in whole["listen"] or (place["interface"] is None and place["port"] in ports)
            for place in slot["listen"]
        )
    for trust, file in found["trusts"].items():
        assert file == says["trusts"][trust]


# Displays of services ------------------------------------------------------------------------------------------------


@given(st.data())
def test_a_legal_display_is_read_right(data: st.DataObject) -> None:
    shown = data.draw(DRAWN)
    found = read(shown, data.draw(legal.texts_of(shown)))
    says = shown.says()
    for part in ("enabled", "running", "slots", "trusts"):
        assert found[part] == says[part]
    assert found["unknown_trusts"] == []


@given(st.data())
def test_a_legal_display_that_is_all_the_node_said_is_read_right_or_refused(data: st.DataObject) -> None:
    shown = data.draw(legal.displays(words=("",)))
    found = read_or_refused(shown, data.draw(legal.texts_of(shown)))
    if found is not None:
        agrees(found, shown.says())


@given(st.data())
def test_lines_that_are_no_rows_change_no_value(data: st.DataObject) -> None:
    shown = data.draw(DRAWN)
    found = read(shown, data.draw(legal.texts_of(shown, strays=True)))
    says = shown.says()
    agrees(found, says)
    assert found["slots"] == says["slots"]
    assert found["trusts"] == says["trusts"]


@given(st.data())
def test_a_display_cut_anywhere_is_read_right_or_refused(data: st.DataObject) -> None:
    shown = data.draw(DRAWN)
    text = data.draw(legal.texts_of(shown))
    found = read_or_refused(shown, text[: data.draw(st.integers(0, len(text)))], data.draw(WIDEST))
    if found is not None:
        agrees(found, shown.says())


@given(st.data())
def test_a_display_that_lost_a_line_is_read_right_or_refused(data: st.DataObject) -> None:
    shown = data.draw(DRAWN)
    lines = data.draw(legal.lines_of(shown))
    del lines[data.draw(st.integers(0, len(lines) - 1))]
    found = read_or_refused(shown, "\n".join([*lines, ""]), data.draw(WIDEST))
    if found is not None:
        # A bundle row in the middle is absent where no bundle is set: nobody can tell the two apart.
        agrees(found, shown.says(), bundles=False)


@given(st.data())
def test_a_display_wrapped_at_any_width_is_read_right_or_refused(data: st.DataObject) -> None:
    shown = data.draw(DRAWN)
    width = data.draw(st.integers(12, 90))
    lines = data.draw(legal.lines_of(shown, noise=False))
    wrapped = [line[at : at + width] for line in lines for at in range(0, max(len(line), 1), width)]
    found = read_or_refused(shown, "".join(f"{line}\r\n" for line in wrapped))
    if found is not None:
        agrees(found, shown.says())


@given(st.data())
def test_columns_cut_off_are_noticed(data: st.DataObject) -> None:
    shown = data.draw(DRAWN)
    width = data.draw(st.integers(12, 90))
    lines = data.draw(legal.lines_of(shown, noise=False))
    end = data.draw(st.sampled_from([str, str.rstrip]))
    found = read_or_refused(shown, "".join(f"{end(line[:width])}\n" for line in lines))
    if found is not None:
        says = shown.says()
        # A shorter number or list of interfaces looks like another one; a file name does not.
        for slot in found["slots"].values():
            slot["listen"] = []
        agrees({**found, "enabled": None, "running": None}, says)


@given(st.data())
def test_an_echo_that_was_left_over_changes_nothing(data: st.DataObject) -> None:
    shown = data.draw(DRAWN)
    show = BY_NAME[shown.service].show
    echo = data.draw(st.sampled_from([show, f"{show}\r\n{show}", f"cms-a> {show}", show[: len(show) // 2], f"{show} "]))
    found = read(shown, f"{echo}\r\n" + data.draw(legal.texts_of(shown)))
    assert found["slots"] == shown.says()["slots"]


@given(st.data())
def test_a_row_shown_twice_with_two_files_is_refused_or_reported(data: st.DataObject) -> None:
    shown = data.draw(DRAWN)
    lines = data.draw(legal.lines_of(shown, noise=False))
    labels = [label for label, value in shown.rows if value.lower().endswith((".crt", ".cer", ".pem", ".der", ".key"))]
    if not labels:
        return
    label = data.draw(st.sampled_from(labels))
    found = read_or_refused(shown, "\n".join([*lines, f"{label} : another-one.pem", ""]))
    trusts = [shown.called.get(trust, trust) for trust in legal.TRUSTS.get(shown.service, {}).values()]
    assert found is None or (label in trusts and [label, "another-one.pem"] in found["unknown_trusts"])


@pytest.mark.parametrize("service", sorted(BY_NAME))
@given(data=st.data())
def test_s8_any_other_word_for_a_state_is_unknown(service: str, data: st.DataObject) -> None:
    shown = data.draw(legal.displays(service, words=("none",)))
    word = data.draw(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=20).filter(_is_no_state))
    states = (shown.called.get("Enabled", "Enabled"), "STATUS")
    rows = [(label, word if label in states else value) for label, value in shown.rows]
    found = read(shown, "".join(f"{label}   : {value}\n" for label, value in rows))
    assert found["enabled"] is None
    assert found["running"] is not True


def _is_no_state(word: str) -> bool:
    known = ("true", "false", "yes", "no", "on", "off", "enabled", "disabled", "running", "webadmin running")
    return " ".join(word.lower().split()) not in known


# pki -----------------------------------------------------------------------------------------------------------------

LISTED = st.lists(
    st.builds("{}{}".format, legal.BASES, st.sampled_from([".key", ".csr", ".crt", ".cer", ".pem", ".der", ".pub"])),
    max_size=8,
    unique=True,
)
KINDS = {".key": "key", ".csr": "csr", ".crt": "certificate", ".cer": "certificate"}


@st.composite
def pki_lists(draw: st.DrawFn) -> tuple[list[str], str]:
    names = draw(LISTED)
    end = draw(st.sampled_from(["\n", "\r\n"]))
    lines = ["User supplied certificates and keys:", *names]
    for line in draw(st.lists(st.sampled_from(["", "SSH keys:", "*** notice ***", "2 files"]), max_size=3)):
        lines.insert(draw(st.integers(1, len(lines))), line)
    pad = draw(st.sampled_from(["", "  ", "\t"]))
    return names, "".join(f"{pad}{line}{pad}{end}" for line in lines)


@given(pki_lists())
def test_a_legal_list_of_files_is_read_right(drawn: tuple[list[str], str]) -> None:
    names, text = drawn
    assert displays.parse_pki_list(text) == {name: KINDS.get(name[-4:], "unknown") for name in names}


@given(pki_lists(), st.data())
def test_a_list_cut_anywhere_never_has_a_name_that_is_none(drawn: tuple[list[str], str], data: st.DataObject) -> None:
    names, text = drawn
    cut = text[: data.draw(st.integers(0, len(text)))]
    try:
        found = displays.parse_pki_list(cut)
    except NotUnderstood:
        return
    assert set(found) <= set(names)
    # Whoever began a name and was cut in it was noticed: what is listed is all that came before.
    assert len(found) == sum(name in cut for name in names if name in found)
    assert cut.count("\n") >= len(found) or cut.strip().endswith(tuple(names))


OPINIONS = [
    ("Key and certificate pair match", True),
    ("SUCCESS: Key and certificate pair match", True),
    ("SUCCESS: certificate verified against CA bundle", True),
    ("edge.crt: OK", True),
    ("certificate and key do not match", False),
    ("FAILURE: Key and certificate problem: certificate and key do not match", False),
    ("mismatch", False),
    ("error 20 at 0 depth lookup: unable to get local issuer certificate", False),
    ("verification failed", False),
]


@given(st.sampled_from(OPINIONS), legal.CASES, legal.COLOURS, st.sampled_from(["\n", "\r\n"]))
def test_an_opinion_is_read_in_any_case_and_colour(opinion: tuple[str, bool], case: Any, colour: str, end: str) -> None:
    text, answer = opinion
    assert displays.read_yes_no(f"{colour}{case(text)}{end}") is answer


@given(st.lists(st.sampled_from(OPINIONS), min_size=1, max_size=3), st.data())
def test_one_no_among_the_lines_is_enough_and_a_cut_line_is_no_yes(
    lines: list[tuple[str, bool]], data: st.DataObject
) -> None:
    text = "".join(f"{line}\n" for line, _answer in lines)
    assert displays.read_yes_no(text) is all(answer for _line, answer in lines)
    cut = text[: data.draw(st.integers(0, len(text)))]
    whole_lines = cut.count("\n")
    if not all(answer for _line, answer in lines[: whole_lines + 1]):
        assert displays.read_yes_no(cut) is not True or cut.endswith("\n")


@given(st.sampled_from(["no", "not", "never", "cannot", "neither", "no longer", "does not", "0 keys"]), st.booleans())
def test_s8_a_word_that_turns_a_yes_round_is_never_a_yes(word: str, before: bool) -> None:
    text = f"Key and certificate {word} match\n" if before else f"Key and certificate match: {word}\n"
    assert displays.read_yes_no(text) is not True


@given(st.text(max_size=200))
@example("pair match\nno")
def test_an_opinion_without_its_end_is_never_a_yes(text: str) -> None:
    assert text.endswith("\n") or displays.read_yes_no(text) is not True


# version -------------------------------------------------------------------------------------------------------------

NUMBERS = st.lists(st.integers(0, 30), min_size=2, max_size=4).map(lambda parts: ".".join(map(str, parts)))
FORMS = st.sampled_from(["{}", "v{}", "Cisco Meeting Server {}", "Version : {}", "This is version {}."])


@given(NUMBERS, FORMS, st.sampled_from(["\n", "\r\n"]), st.data())
def test_a_version_is_read_right_and_a_cut_one_is_unknown(
    number: str, form: str, end: str, data: st.DataObject
) -> None:
    text = form.format(number) + end
    assert displays.parse_version(text) == number
    assert displays.parse_version(text[: data.draw(st.integers(0, len(text)))]) in (number, None)


# Anything at all -----------------------------------------------------------------------------------------------------


@given(st.text(max_size=300))
def test_anything_else_is_refused_or_unknown(text: str) -> None:
    for service in BY_NAME.values():
        try:
            found = displays.parse_service(service, text)
        except NotUnderstood:
            continue
        assert found["present"] is False
        assert found["detail"]
    try:
        listed = displays.parse_pki_list(text)
    except NotUnderstood:
        listed = {}
    assert all(name.isprintable() for name in listed)
    assert displays.read_yes_no(text) in (True, False, None)
    assert displays.parse_version(text) is None or displays.parse_version(text) in text
