# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a node or a certificate says reaches a terminal as text, whatever it holds."""

from __future__ import annotations

import unicodedata

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._errors import CmsError
from ansible_collections.certops.cms.plugins.plugin_utils._findings import ERROR, Finding
from ansible_collections.certops.cms.plugins.plugin_utils._pki.x509util import name_text
from ansible_collections.certops.cms.plugins.plugin_utils._text import printable

CLEAR = "\x1b[2J"
HOSTILE = f"a{CLEAR}\r\nSUCCESS: b\x9b31m\u202e"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain: CN=Example, O=\u00dc", "plain: CN=Example, O=\u00dc"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x9b\x7f\u2028\u202e", r"\x9b\x7f\u2028\u202e"),
        ("\ud800", r"\ud800"),
        ("", ""),
    ],
)
def test_what_does_not_print_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert printable(shown) == shown


def test_an_error_is_printable_in_all_its_parts() -> None:
    error = CmsError(HOSTILE, HOSTILE, HOSTILE, [HOSTILE, "ok"])
    assert str(error).isprintable()
    parts = error.as_dict()
    for part in ("object", "reason", "next_step"):
        assert str(parts[part]).isprintable()
        assert str(parts[part]).startswith(r"a\x1b[2J\r\nSUCCESS")
    assert all(line.isprintable() for line in error.transcript)


def test_a_finding_is_printable() -> None:
    text = str(Finding(ERROR, "some-rule", "S1", HOSTILE, HOSTILE, HOSTILE))
    assert text.isprintable()
    assert r"\x1b[2J" in text


def test_the_name_in_a_certificate_is_printable() -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOSTILE)])
    assert name_text(name).isprintable()
    assert r"\x1b[2J" in name_text(name)
