# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Displays: read as documented, and with every liberty the appliance may take; nothing unknown counts as healthy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._errors import NotUnderstood
from ansible_collections.certops.cms.plugins.plugin_utils._mmp import displays, empty, rows, terminal
from ansible_collections.certops.cms.plugins.plugin_utils._services.catalogue import (
    CALLBRIDGE,
    MEETINGAPPS,
    RECORDER,
    SCHEDULER,
    SERVICES,
    STREAMER,
    TURN,
    UPLOADER,
    WEBADMIN,
    WEBBRIDGE3,
    Service,
)
from tests.unit.plugins.plugin_utils.mmp.conftest import FIXTURES

Text = Callable[[str], str]


def read(service: Service, text: str) -> dict[str, Any]:
    return displays.parse_service(service, text)


# One display each ----------------------------------------------------------------------------------------------------


def test_webadmin(fixture_text: Text) -> None:
    assert read(WEBADMIN, fixture_text("webadmin")) == {
        "present": True,
        "enabled": True,
        "running": True,
        "slots": {
            "webadmin": {
                "key": "wa.key",
                "certificate": "wa.crt",
                "bundle": "corp.pem",
                "listen": [{"interface": "b", "port": 8444}],
            }
        },
        "trusts": {},
        "unknown_rows": [],
        "unknown_trusts": [],
    }


def test_callbridge(fixture_text: Text) -> None:
    found = read(CALLBRIDGE, fixture_text("callbridge"))
    assert found["slots"]["callbridge"] == {
        "key": "cb.key",
        "certificate": "cb.crt",
        "bundle": "corp.pem",
        "listen": [{"interface": "a", "port": 5061}, {"interface": "b", "port": 5061}],
    }
    assert found["trusts"] == {"c2w": "wb-trust.pem", "cluster": None, "branding": None, "ucm": None, "imps": None}
    # This service has no such rows.
    assert (found["enabled"], found["running"]) == (None, None)


def test_webbridge3(fixture_text: Text) -> None:
    found = read(WEBBRIDGE3, fixture_text("webbridge3"))
    assert found["slots"]["https"] == {
        "key": "wb.key",
        "certificate": "wb-full.pem",
        "bundle": None,
        "listen": [{"interface": "a", "port": 443}, {"interface": "c", "port": 8443}],
    }
    assert found["slots"]["c2w"]["listen"] == [{"interface": "a", "port": 9998}]
    assert found["trusts"] == {"c2w": "cb-trust.pem"}
    assert found["unknown_rows"] == []


def test_turn(fixture_text: Text) -> None:
    found = read(TURN, fixture_text("turn"))
    assert found["slots"]["turn"] == {
        "key": "turn.key",
        "certificate": "turn.crt",
        "bundle": "corp.pem",
        "listen": [{"interface": "a", "port": 5349}, {"interface": "c", "port": 5349}],
    }
    assert "clear" not in repr(found)


def test_turn_without_tls(fixture_text: Text) -> None:
    text = "".join(line for line in fixture_text("turn").splitlines(keepends=True) if not line.startswith("TLS "))
    assert read(TURN, text)["slots"]["turn"] == {"key": None, "certificate": None, "bundle": None, "listen": []}
    text = fixture_text("turn").replace(": 5349", ": none")
    assert read(TURN, text)["slots"]["turn"]["listen"] == []


def test_a_listener_behind_a_single_blank_is_a_row(fixture_text: Text) -> None:
    text = fixture_text("turn").replace("Listening interface         ", "Listen interface ")
    assert read(TURN, text) == read(TURN, fixture_text("turn"))
    for absent in ("TLS bundle", "TLS "):
        shown = "".join(line for line in text.splitlines(keepends=True) if not line.startswith(absent))
        assert read(TURN, shown)["slots"]["turn"]["bundle"] is None


@pytest.mark.parametrize("rest", ["", "Listening interface : none\n"])
def test_a_relay_without_files_and_listeners_has_no_bundle(fixture_text: Text, rest: str) -> None:
    text = fixture_text("turn").replace(": turn.crt", ": none").replace(": turn.key", ": none")
    text = text[: text.index("TLS bundle")] + rest
    slot = read(TURN, text)["slots"]["turn"]
    assert {name: slot[name] for name in ("key", "certificate", "bundle")} == dict.fromkeys(
        ("key", "certificate", "bundle")
    )


@pytest.mark.parametrize(("service", "port"), [(RECORDER, 6001), (STREAMER, 7001)])
def test_what_speaks_sip_shows_its_certificate_where_tls_is(fixture_text: Text, service: Service, port: int) -> None:
    found = read(service, fixture_text(service.name))
    (slot,) = found["slots"].values()
    assert [place["port"] for place in slot["listen"]] == [port]
    assert slot["bundle"] == "corp.pem"
    # What tls sip shows is not in here.
    assert (found["trusts"], found["unknown_rows"], found["unknown_trusts"]) == ({}, [], [])


def test_scheduler(fixture_text: Text) -> None:
    found = read(SCHEDULER, fixture_text("scheduler"))
    assert (found["slots"]["c2w"]["certificate"], found["slots"]["c2w"]["listen"]) == ("schc-full.pem", [])
    assert found["slots"]["https"]["listen"] == [{"interface": "a", "port": 8443}]
    assert found["trusts"] == {"c2w": "wb-trust.pem"}


def test_meetingapps(fixture_text: Text) -> None:
    found = read(MEETINGAPPS, fixture_text("meetingapps"))
    (slot,) = found["slots"].values()
    assert slot["listen"] == [{"interface": "a", "port": 5000}]


def test_uploader(fixture_text: Text) -> None:
    found = read(UPLOADER, fixture_text("uploader"))
    assert found["trusts"] == {"cms": "wa-trust.pem", "rev": None}
    assert found["hosts"] == {"cms": "cb1.example.com", "rev": "rev.example.com"}
    assert found["slots"] == {}
    # A host that may be half a name is none.
    text = fixture_text("uploader").replace("cb1.example.com\n", "cb1.exam\n     ple.com\n")
    assert read(UPLOADER, text)["hosts"]["cms"] is None


def test_pki_list(fixture_text: Text) -> None:
    assert displays.parse_pki_list(fixture_text("pki_list")) == {
        "edge.key": "key",
        "edge.csr": "csr",
        "corp-root.cer": "certificate",
        "bundle.pem": "unknown",
        "admin.pub": "unknown",
    }


# Liberties -----------------------------------------------------------------------------------------------------------

SAFE = st.text(st.characters(codec="ascii", categories=["Lu", "Ll", "Nd"]), min_size=1, max_size=12)
BLANKS = st.text(" ", min_size=0, max_size=20)
COLOURS = st.sampled_from(["", "\x1b[0m", "\x1b[1;32m", "\x1b[K", "\x1b(B", "\x1b]0;title\x07"])


@given(
    label=SAFE, value=SAFE, before=BLANKS, after=BLANKS, indent=BLANKS, colour=COLOURS, end=st.sampled_from(["", "\r"])
)
def test_any_padding_gives_the_same_row(
    label: str, value: str, before: str, after: str, indent: str, colour: str, end: str
) -> None:
    if not before and not after:
        after = " "
    display = rows.parse_display(f"{indent}{label}{before}:{colour}{after}{value}{end}\n")
    assert [(row.label, row.value) for row in display.rows] == [(label, value)] or "password" in label.lower()


@given(label=SAFE, value=SAFE, gap=st.one_of(st.text(" ", min_size=2, max_size=20), st.just("\t")))
def test_row_without_colon_is_read_at_its_wide_gap(label: str, value: str, gap: str) -> None:
    display = rows.parse_display(f"{label}{gap}{value}")
    assert [(row.label, row.value) for row in display.rows] == [(label, value)] or "password" in label.lower()


def test_colon_inside_a_value_or_label_splits_nothing() -> None:
    assert rows.parse_display("Listens : a:443 b:8443").rows[0].value == "a:443 b:8443"
    assert rows.parse_display("a:443 listens : yes").rows[0].label == "a:443 listens"
    assert rows.parse_display("Note : see: this").rows[0].value == "see: this"
    assert rows.parse_display("a:443").stray == ("a:443",)
    assert rows.parse_display("Address:").rows[0].setting is None


UNKNOWN_LINES = st.one_of(
    st.builds(lambda label, value: f"X{label} extra : {value}", SAFE, SAFE),
    st.builds(lambda label, value: f"X{label} extra    {value}", SAFE, SAFE),
    st.builds(lambda word: f"(X{word})", SAFE),
    st.just(""),
)


@given(data=st.data(), service=st.sampled_from(SERVICES))
def test_unknown_rows_anywhere_change_nothing_that_is_known(data: st.DataObject, service: Service) -> None:
    text = (FIXTURES / service.name).read_text()
    expected = read(service, text)
    lines = text.splitlines()
    for extra in data.draw(st.lists(UNKNOWN_LINES, max_size=5)):
        lines.insert(data.draw(st.integers(0, len(lines))), extra)
    swap = data.draw(st.sampled_from([str.lower, str.upper, str]))
    lines = [_with_label(line, swap) for line in lines]
    found = read(service, "".join(f"{data.draw(COLOURS)}{line}\r\n" for line in lines))
    for part in ("present", "enabled", "slots", "trusts", "unknown_trusts"):
        assert found[part] == expected[part]
    # A line that is no row may be what the state goes on with.
    assert found["running"] in (expected["running"], None)
    assert len(found["unknown_rows"]) == sum("extra" in line.lower() for line in lines)


def _with_label(line: str, change: Callable[[str], str]) -> str:
    label, colon, value = line.partition(":")
    return change(label) + colon + value if colon else line


@given(st.text(max_size=400))
def test_any_text_is_read_or_refused(text: str) -> None:
    for service in SERVICES:
        try:
            found = read(service, text)
        except NotUnderstood:
            continue
        assert found["present"] is False or found["slots"]


@given(st.text(st.characters(codec="utf-8"), max_size=200), st.integers(0, 20))
def test_any_bytes_become_lines_without_control_characters(text: str, width: int) -> None:
    lines = terminal.plain_lines(text, width)
    assert all(char == "\t" or char.isprintable() for line in lines for char in line)


@given(service=st.sampled_from(SERVICES), data=st.data())
def test_display_cut_anywhere_is_never_more_than_what_it_showed(service: Service, data: st.DataObject) -> None:
    lines = (FIXTURES / service.name).read_text().splitlines()
    whole = read(service, "\n".join(lines))
    kept = lines[: data.draw(st.integers(0, len(lines)))]
    try:
        found = read(service, "\n".join(kept))
    except NotUnderstood:
        return
    for name, slot in found["slots"].items():
        assert (slot["key"], slot["certificate"]) in (
            (whole["slots"][name]["key"], whole["slots"][name]["certificate"]),
            (None, None),
        )


# States --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "state"),
    [("true", True), ("Enabled", True), ("TRUE", True), ("false", False), ("DISABLED", False)]
    + [(word, None) for word in ("starting", "degraded", "", "1", "truely", "enabled (fault)")],
)
def test_s8_unknown_state_is_not_healthy(fixture_text: Text, word: str, state: bool | None) -> None:
    text = fixture_text("webadmin").replace(": true", f": {word}", 1)
    assert read(WEBADMIN, text)["enabled"] is state


def test_s8_contradicting_states_are_unknown(fixture_text: Text) -> None:
    assert read(WEBADMIN, fixture_text("webadmin") + "Enabled : false\n")["enabled"] is None


@pytest.mark.parametrize(
    ("phrase", "state"),
    [
        ("webadmin running", True),
        ("running", True),
        ("Webadmin Running", True),
        ("webadmin not running", False),
        ("webadmin stopped", False),
        ("webadmin failed, running old", False),
        ("webadmin running?", None),
        ("webadmin running with errors", None),
        ("unknown", None),
        ("none", None),
    ],
)
def test_s8_only_the_whole_phrase_is_running(fixture_text: Text, phrase: str, state: bool | None) -> None:
    assert read(WEBADMIN, fixture_text("webadmin").replace("webadmin running", phrase))["running"] is state


def test_none_in_any_case_is_nothing(fixture_text: Text) -> None:
    text = fixture_text("webbridge3").replace("cb-trust.pem", "NONE").replace("a:9998", "None")
    found = read(WEBBRIDGE3, text)
    assert found["trusts"]["c2w"] is None
    assert found["slots"]["c2w"]["listen"] == []


@pytest.mark.parametrize("nothing", ["", " "])
def test_a_row_without_a_value_is_nothing_where_no_row_has_the_word(fixture_text: Text, nothing: str) -> None:
    text = fixture_text("callbridge").replace("corp.pem", "none").replace(": none", f":{nothing}")
    found = read(CALLBRIDGE, text)
    assert found["slots"]["callbridge"]["bundle"] is None
    assert found["trusts"] == {"c2w": "wb-trust.pem", "cluster": None, "branding": None, "ucm": None, "imps": None}


def test_s8_a_row_without_a_value_is_nothing_only_where_some_line_is_longer(fixture_text: Text) -> None:
    """Cut at the width of its labels, a display with every trust set looks the same."""
    text = fixture_text("callbridge").replace("wb-trust.pem", "none").replace(": none", ":")
    with pytest.raises(empty.NothingOrLost, match="is empty: nothing is set, or its value was cut off") as caught:
        read(CALLBRIDGE, text)
    # The longest of the empty rows has its colon in column 37, and a value would stand in column 39.
    assert caught.value.columns == 39
    with pytest.raises(empty.NothingOrLost):
        displays.parse_service(CALLBRIDGE, text, widest=38)
    assert displays.parse_service(CALLBRIDGE, text, widest=39)["trusts"]["c2w"] is None


@pytest.mark.parametrize("last", ["CA Bundle file          :", "CA Bundle file          :\n"])
def test_s8_a_row_without_a_value_that_nothing_follows_is_no_nothing(fixture_text: Text, last: str) -> None:
    text = fixture_text("webadmin")
    with pytest.raises(NotUnderstood, match="no whole name"):
        read(WEBADMIN, text[: text.index("CA Bundle")] + last)


def test_a_tab_hides_how_long_a_line_is(fixture_text: Text) -> None:
    with pytest.raises(NotUnderstood, match="no whole name"):
        read(WEBADMIN, fixture_text("webadmin").replace("CA Bundle file          : corp.pem", "CA Bundle file\t:"))


def test_a_relay_without_files_and_listeners_may_end_with_an_empty_row(fixture_text: Text) -> None:
    text = fixture_text("turn")
    text = text[: text.index("TLS cert")] + "TLS cert :\nTLS key :\nTLS bundle :\n"
    found = displays.parse_service(TURN, text.replace("none", ""))
    assert found["slots"]["turn"]["bundle"] is None
    with pytest.raises(NotUnderstood, match="TLS bundle"):
        displays.parse_service(TURN, text.replace("none", "").rstrip("\n"))


def test_absent_bundle_row_is_no_bundle(fixture_text: Text) -> None:
    text = "\n".join(line for line in fixture_text("callbridge").splitlines() if "Bundle" not in line)
    assert read(CALLBRIDGE, text)["slots"]["callbridge"]["bundle"] is None


@pytest.mark.parametrize("value", ["everywhere", "a:0", "a:99999", "443", "a;443", "true"])
def test_listener_that_cannot_be_read_is_left_out(fixture_text: Text, value: str) -> None:
    text = fixture_text("webbridge3").replace("a:9998", value)
    assert read(WEBBRIDGE3, text)["slots"]["c2w"]["listen"] == []


# Cut and torn --------------------------------------------------------------------------------------------------------


def test_s8_a_display_cut_before_the_row_of_a_trust_is_refused(fixture_text: Text) -> None:
    for service, label in ((CALLBRIDGE, "C2W trusted certs"), (WEBBRIDGE3, "C2W Trust bundle")):
        text = fixture_text(service.name)
        with pytest.raises(NotUnderstood, match=f"the row '{label}' is missing"):
            read(service, text[: text.index(label)])


def test_a_trust_whose_row_a_version_does_not_have_is_left_out_and_not_empty(fixture_text: Text) -> None:
    text = "".join(line for line in fixture_text("callbridge").splitlines(keepends=True) if "UCM" not in line)
    assert set(read(CALLBRIDGE, text)["trusts"]) == {"c2w", "cluster", "branding", "imps"}


@pytest.mark.parametrize(("service", "last"), [(WEBADMIN, "CA Bundle"), (TURN, "TLS bundle"), (TURN, "TLS cert")])
def test_s8_a_display_cut_before_the_row_of_a_bundle_is_refused(
    fixture_text: Text, service: Service, last: str
) -> None:
    text = fixture_text(service.name)
    with pytest.raises(NotUnderstood, match="is missing"):
        read(service, text[: text.index(last)])


@pytest.mark.parametrize("value", ["cb.ke", "cb.k", "cb.", "cb", "no", "", "cb.key cb2.key"])
def test_s8_the_beginning_of_a_file_name_is_no_file_name(fixture_text: Text, value: str) -> None:
    text = fixture_text("callbridge")
    with pytest.raises(NotUnderstood, match="C2W trusted certs"):
        read(CALLBRIDGE, text[: text.index("wb-trust.pem")] + value)


def test_s8_a_value_that_was_lost_is_not_nothing(fixture_text: Text) -> None:
    for value in ("corp.pem", "wb-trust.pem", "cb.key"):
        with pytest.raises(NotUnderstood, match="no whole name"):
            read(CALLBRIDGE, fixture_text("callbridge").replace(value, ""))


def test_s8_a_row_torn_in_two_is_not_an_absent_one(fixture_text: Text) -> None:
    with pytest.raises(NotUnderstood, match="CA Bundle file"):
        read(WEBADMIN, fixture_text("webadmin").replace("CA Bundle file", "CA Bundle\n file"))
    with pytest.raises(NotUnderstood, match="C2W trusted certs"):
        read(CALLBRIDGE, fixture_text("callbridge").replace(": wb-trust.pem", ":\nwb-trust.pem"))


def test_s8_a_port_torn_in_two_is_not_a_shorter_one(fixture_text: Text) -> None:
    found = read(WEBBRIDGE3, fixture_text("webbridge3").replace("a:443 c:8443", "a:443 c:84\n43"))
    assert found["slots"]["https"]["listen"] == []
    found = read(WEBADMIN, fixture_text("webadmin").replace("8444", "84\n44"))
    assert found["slots"]["webadmin"]["listen"] == []
    found = read(WEBADMIN, fixture_text("webadmin").replace(": b\n", ": n\none\n"))
    assert found["slots"]["webadmin"]["listen"] == []


@pytest.mark.parametrize("port", ["0", "65536", "99999", "\u0663\u0664"])
def test_a_port_that_is_none_is_no_listener(fixture_text: Text, port: str) -> None:
    assert read(WEBADMIN, fixture_text("webadmin").replace("8444", port))["slots"]["webadmin"]["listen"] == []


def test_s8_a_state_that_was_cut_is_unknown(fixture_text: Text) -> None:
    assert read(WEBADMIN, fixture_text("webadmin").rstrip("\n"))["running"] is None
    assert read(WEBADMIN, fixture_text("webadmin") + "with errors\n")["running"] is None


def test_a_pager_marker_that_was_not_wiped_hides_no_row(fixture_text: Text) -> None:
    text = fixture_text("webadmin").replace("CA Bundle", "--More--CA Bundle")
    assert read(WEBADMIN, text)["slots"]["webadmin"]["bundle"] == "corp.pem"


def test_s8_words_of_a_complaint_in_a_long_text_do_not_make_a_service_absent() -> None:
    text = "Listening : a\nKey : a.key\nAV1 : not supported\nState : up\n"
    with pytest.raises(NotUnderstood):
        read(TURN, text)


def test_s8_a_list_of_files_cut_in_a_name_is_refused(fixture_text: Text) -> None:
    text = fixture_text("pki_list")
    for end in ("edge.ke", "corp-ro", "bundle.p"):
        with pytest.raises(NotUnderstood, match="ends in the middle"):
            displays.parse_pki_list(text[: text.index(end) + len(end)])


# Trusts nobody knows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["Edge trusted certs", "LDAP Trust bundle", "XYZ TRUST", "Foo certs"])
def test_unknown_trust_with_a_file_is_reported(fixture_text: Text, label: str) -> None:
    found = read(CALLBRIDGE, fixture_text("callbridge") + f"{label} : edge.pem\n")
    assert found["unknown_trusts"] == [[label, "edge.pem"]]
    assert "edge.pem" in displays.files_named(found)


@pytest.mark.parametrize("value", ["none", "disabled", "true", ""])
def test_unknown_trust_without_a_file_is_only_a_row(fixture_text: Text, value: str) -> None:
    found = read(CALLBRIDGE, fixture_text("callbridge") + f"Edge trusted certs : {value}\n")
    assert found["unknown_trusts"] == []
    assert found["unknown_rows"] == [["Edge trusted certs", value]]


def test_second_file_of_a_trust_is_reported(fixture_text: Text) -> None:
    found = read(CALLBRIDGE, fixture_text("callbridge") + "C2W trusted certs : second.pem\n")
    assert found["trusts"]["c2w"] == "wb-trust.pem"
    assert found["unknown_trusts"] == [["C2W trusted certs", "second.pem"]]


def test_every_file_a_display_names_is_known(fixture_text: Text) -> None:
    found = read(CALLBRIDGE, fixture_text("callbridge") + "Something new : a-file.crt\n")
    assert displays.files_named(found) == {"cb.key", "cb.crt", "corp.pem", "wb-trust.pem", "a-file.crt"}


# Not a display -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "recorder: command not recognised",
        "Unknown command",
        "FAILURE: unknown service",
        "Usage:\n    help\n    webadmin",
        "streamer is not available on this platform",
        "no such command: turn",
        "Unknown command: turn\nThese are known:\n    backup\n    callbridge\n    cdr\n    webadmin\n",
    ],
)
def test_service_the_node_does_not_know_is_absent(text: str) -> None:
    found = read(TURN, text)
    assert found["present"] is False
    assert found["detail"]


@pytest.mark.parametrize("text", ["", "\n\n", "hello", "Permission denied: command not allowed", "Foo : bar"])
def test_s8_text_that_is_neither_display_nor_complaint_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        read(TURN, text)


@pytest.mark.parametrize("missing", ["Key file", "Certificate file"])
def test_s8_display_without_a_necessary_row_is_not_understood(fixture_text: Text, missing: str) -> None:
    text = "\n".join(line for line in fixture_text("webadmin").splitlines() if not line.startswith(missing))
    with pytest.raises(NotUnderstood, match=missing):
        read(WEBADMIN, text)


def test_s8_two_certificates_in_one_slot_are_not_understood(fixture_text: Text) -> None:
    with pytest.raises(NotUnderstood, match="more than once"):
        read(WEBADMIN, fixture_text("webadmin") + "Certificate file : other.crt\n")


def test_secret_rows_are_masked_in_errors_too() -> None:
    with pytest.raises(NotUnderstood) as error:
        read(WEBADMIN, "Some password : clear-text-9\n")
    assert "clear-text-9" not in str(error.value)


# pki -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Key and certificate pair match", True),
        ("SUCCESS: Key and certificate pair match", True),
        ("edge.crt: OK", True),
        ("key matches certificate", True),
        ("certificate and key do not match", False),
        ("FAILURE: Key and certificate problem: certificate and key do not match", False),
        ("mismatch", False),
        ("error 20 at 0 depth lookup: unable to get local issuer certificate\nedge.crt: OK", False),
        ("verification failed", False),
        ("0x17 done", None),
        ("", None),
        ("Usage:\n    pki match <key> <certificate>", None),
        ("unknown command: pki match", None),
        ("bookish", None),
        # Words that turn a yes round.
        ("No match", None),
        ("match : no", None),
        ("Match:", None),
        ("keys never match", None),
        ("cannot match", None),
        ("matches found: 0", None),
        ("Key and certificate pair match = false", None),
        ("OK?", None),
    ],
)
def test_second_opinion(text: str, answer: bool | None) -> None:
    assert displays.read_yes_no(f"{text}\n") is answer


def test_s8_second_opinion_without_its_end_is_no_yes() -> None:
    assert displays.read_yes_no("Key and certificate pair match") is None
    assert displays.read_yes_no("certificate and key do not match") is False


@given(st.text(max_size=200))
def test_second_opinion_never_says_yes_to_a_failure(text: str) -> None:
    assert displays.read_yes_no(f"FAILURE: {text}\n") is not True


@pytest.mark.parametrize("text", ["User supplied certificates and keys:\n", "", "none:\n\nSSH keys:\n"])
def test_empty_list_of_files(text: str) -> None:
    assert displays.parse_pki_list(text) == {}


def test_list_of_files_with_odd_names_and_line_ends() -> None:
    assert displays.parse_pki_list("Keys:\r\n  My Cert.CRT  \r\na_b.pem    1024\r\n") == {
        "My Cert.CRT": "certificate",
        "a_b.pem": "unknown",
    }


def test_names_that_a_terminal_would_obey_are_listed_escaped() -> None:
    listed = displays.parse_pki_list("Keys:\n\x1b]0;x\x07evil.crt\na\x9b2J.key\nfine.crt\n")
    assert listed == {r"\x1b]0;x\x07evil.crt": "certificate", r"a\x9b2J.key": "key", "fine.crt": "certificate"}


@pytest.mark.parametrize(
    "text", ["unknown command", "Usage:\n  pki list", "FAILURE: not allowed", "a.key\nFAILURE: disk error"]
)
def test_s8_text_that_is_no_list_of_files_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        displays.parse_pki_list(text)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("3.9\n", "3.9"),
        ("3.9.2\n", "3.9.2"),
        ("Cisco Meeting Server 3.9.2\n", "3.9.2"),
        ("Cisco Meeting Server 3.1", None),
        ("Version : 3.12\nBuild : 1.2.3\n", "3.12"),
        ("Version : 3.1", None),
        ("", None),
        ("Usage:\n  version", None),
        ("1.2 and 3.4", None),
        ("192.0.2.1.5.6x", None),
        ("This is v3.9.\n", "3.9"),
    ],
)
def test_version(text: str, version: str | None) -> None:
    assert displays.parse_version(text) == version
