# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file: every byte comes back, a person can read it, and it is whole or not there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._errors import FileProblem
from ansible_collections.certops.cms.plugins.plugin_utils._record import document

_BYTES = st.binary(max_size=200) | st.text(
    st.sampled_from("ab :#-'\"{}[]|>&*!%@`\\nrx0\n\r\t\x1b\x00 "), max_size=200
).map(str.encode)


@given(_BYTES, _BYTES)
def test_every_byte_comes_back(first: bytes, second: bytes) -> None:
    data = {"recording": 1, "commands": [{"received": document.shown(first)}, {"received": document.shown(second)}]}
    found = document.read(document.written(data))
    assert [document.wire(one["received"]) for one in found["commands"]] == [first, second]


def test_a_person_reads_one_line_of_the_wire_a_line() -> None:
    text = document.written({"recording": 1, "received": document.shown(b"Enabled : true\r\n\x1b[1mcms> \x1b[0m")})
    assert text == "---\nrecording: 1\nreceived: |-\n  Enabled : true\\r\\n\n  \\x1b[1mcms> \\x1b[0m\n"


@pytest.mark.parametrize("text", ["", "- a list\n", "recording: 99\n", "a: [\n", "other: 1\n"])
def test_what_is_no_recording_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"recording|YAML|form"):
        document.read(text)


def test_an_escape_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no escape"):
        document.wire(r"a \q b")


def test_it_is_for_its_owner_and_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "core1.yml"
    for text in ("old", "new"):
        document.write(str(path), text)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "core1.yml"
    document.write(str(path), "old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileProblem, match="No space left"):
        document.write(str(path), "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
