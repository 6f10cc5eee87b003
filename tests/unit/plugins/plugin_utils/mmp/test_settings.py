# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``tls sip`` and ``tls ldap`` show, in forms that nobody has seen: the right file and mode, or a refusal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._errors import NotUnderstood
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.settings import parse_setting
from tests.unit.plugins.plugin_utils.mmp import legal

SHOWS = st.sampled_from(["tls sip", "tls ldap"])
TRUSTS = st.sampled_from(
    ["Trust bundle", "trust", "SIP trusted certs", "TLS trust bundle", "CA bundle file", "trust_bundle"]
)
MODES = st.sampled_from(["Verification mode", "verify", "Verify", "SIP verification", "TLS verify mode"])
#: The word a version may print, and what it says.
WORDS: dict[str, str | None] = {
    "enabled": "enabled",
    "Enable": "enabled",
    "on": "enabled",
    "true": "enabled",
    "Disabled": "disabled",
    "disable": "disabled",
    "off": "disabled",
    "false": "disabled",
    "ocsp": "ocsp",
    "OCSP": "ocsp",
    "strict": None,
    "enabled (fault)": None,
    "": None,
}
OTHERS = st.sampled_from(["Minimum TLS version  : 1.2", "Ciphers : none", "", "min-tls-version : 1.2", "(notice)"])


@st.composite
def shown(draw: st.DrawFn) -> tuple[str, list[str], dict[str, Any]]:
    file = draw(legal.FILES | st.none())
    word = draw(st.sampled_from(sorted(WORDS)))
    gap = draw(legal.PADDINGS.map(lambda pad: " " * pad[0] + ":" + " " * pad[1]))
    lines = [f"{draw(TRUSTS)}{gap}{file or 'none'}", f"{draw(MODES)}{gap}{word}"]
    if draw(st.booleans()):
        lines.reverse()
    for line in draw(st.lists(OTHERS, max_size=3)):
        lines.insert(draw(st.integers(0, len(lines))), line)
    return draw(SHOWS), lines, {"present": True, "trust": file, "verify": WORDS[word]}


@given(shown(), st.sampled_from(["\n", "\r\n"]))
def test_a_legal_display_is_read_right(drawn: tuple[str, list[str], dict[str, Any]], end: str) -> None:
    show, lines, says = drawn
    # A line that is no row may belong to the row before it, which is unknown then.
    found = parse_or_none(show, "".join(f"{line}{end}" for line in lines))
    if "(notice)" in lines:
        assert found is None or (found["trust"], found["verify"]) in (
            (says["trust"], says["verify"]),
            (says["trust"], None),
        )
    else:
        assert found == says


@given(shown(), st.data())
def test_a_display_cut_anywhere_is_read_right_or_refused(
    drawn: tuple[str, list[str], dict[str, Any]], data: st.DataObject
) -> None:
    show, lines, says = drawn
    text = "".join(f"{line}\n" for line in lines)
    found = parse_or_none(show, text[: data.draw(st.integers(0, len(text)))])
    if found is not None:
        assert found["trust"] == says["trust"]
        assert found["verify"] in (says["verify"], None)


def parse_or_none(show: str, text: str) -> dict[str, Any] | None:
    try:
        return parse_setting(show, text)
    except NotUnderstood as error:
        refusal = error
    assert show in refusal.obj
    assert show in refusal.next_step
    return None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "verify : enabled\n",
        "trust : one.crt\ntrust bundle : other.crt\nverify : enabled\n",
        "trust : half-a-na",
        "trust : corp.p\n  em\nverify : on\n",
        "trust : two words.pem\nverify : on\n",
        "Minimum TLS version : 1.2\n",
    ],
)
def test_what_may_be_wrong_is_refused(text: str) -> None:
    with pytest.raises(NotUnderstood):
        parse_setting("tls sip", text)


@pytest.mark.parametrize(
    "text",
    ["Unknown command\n", "tls: unknown command\n", "FAILURE: no such command\n", "Usage:\n  tls sip trust <b>\n"],
)
def test_a_node_that_does_not_know_the_command_has_no_such_setting(text: str) -> None:
    found = parse_setting("tls ldap", text)
    assert found["present"] is False
    assert found["detail"]


def test_modes_that_contradict_each_other_are_unknown() -> None:
    assert parse_setting("tls sip", "trust : a.pem\nverify : on\nverification : off\n")["verify"] is None
