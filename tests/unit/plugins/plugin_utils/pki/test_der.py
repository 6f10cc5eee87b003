# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DER that is written is what every reader expects."""

from __future__ import annotations

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._pki import der


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_a_written_element_is_read_back(size: int) -> None:
    data = der.write(der.OCTET_STRING, b"x" * size)
    assert der.read(data + b"more") == (der.OCTET_STRING, b"x" * size, len(data))


@pytest.mark.parametrize(
    ("number", "encoded"),
    [(0, "020100"), (127, "02017f"), (128, "02020080"), (255, "020200ff"), (256, "02020100"), (600_000, "02030927c0")],
)
def test_whole_numbers_are_as_short_as_they_can_be_and_never_negative(number: int, encoded: str) -> None:
    assert der.integer(number).hex() == encoded


@given(st.integers(0, 2**80))
def test_a_whole_number_comes_back(number: int) -> None:
    _tag, content, _end = der.read(der.integer(number))
    assert int.from_bytes(content, "big", signed=True) == number


@pytest.mark.parametrize("dotted", ["1.2.840.113549.1.5.13", "2.16.840.1.101.3.4.1.42", "2.5.29.37.0", "2.100.3"])
def test_object_identifiers_are_those_of_the_library(dotted: str) -> None:
    usage = x509.ExtendedKeyUsage([x509.ObjectIdentifier(dotted)])
    (_tag, _content, whole) = der.children(usage.public_bytes())[0]
    assert der.object_identifier(dotted) == whole
