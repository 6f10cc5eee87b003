# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a node that lies: contents and lists without an end, answers that trickle, names that are none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption, ConnectionFailed, FileProblem
from ansible_collections.certops.cms.plugins.plugin_utils._mmp import files
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import Session
from tests.unit.plugins.plugin_utils.mmp.appliance import Appliance

Start = Callable[..., Appliance]
Open = Callable[..., Session]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the deadline of an operation as short as the timeout of the line in these tests, for large files too."""
    monkeypatch.setattr(files, "MOST_SECONDS", 1.0)
    monkeypatch.setattr(files, "SLOWEST", files.MOST_BYTES)


def test_a_file_without_end_is_given_up_with_node_and_name(appliance: Start, session: Open) -> None:
    node = appliance(endless=("ca.crt",))
    node.files.update({"ca.crt": b"", "b.crt": b"good"})
    one = session(node)
    with pytest.raises(FileProblem, match=r"127\.0\.0\.1.*, file ca\.crt: it is larger than 1048576 bytes"):
        one.get("ca.crt")
    assert one.get("b.crt") == b"good"


def test_the_largest_file_is_read_and_one_byte_more_is_not(appliance: Start, session: Open) -> None:
    node = appliance()
    node.files.update({"most.pem": b"x" * files.MOST_BYTES, "more.pem": b"x" * (files.MOST_BYTES + 1)})
    one = session(node)
    assert len(one.get("most.pem")) == files.MOST_BYTES
    with pytest.raises(FileProblem, match="larger than"):
        one.get("more.pem")
    assert len(one.get("more.pem", files.MOST_BYTES + 1)) == files.MOST_BYTES + 1


def test_a_large_upload_is_still_read_back(appliance: Start, session: Open) -> None:
    one = session(appliance())
    one.put("large.bin", b"x" * (files.MOST_BYTES + 7))
    assert one.listdir() == {"large.bin": files.MOST_BYTES + 7}


@pytest.mark.usefixtures("impatient")
def test_a_file_that_trickles_is_given_up_and_so_is_every_one_after_it(appliance: Start, session: Open) -> None:
    node = appliance(endless=("slow.crt",), trickle=0.1)
    node.files.update({"slow.crt": b"", "b.crt": b"good"})
    one = session(node, command_timeout=1)
    with pytest.raises(FileProblem, match=r"file slow\.crt: cannot read it: the node had not finished"):
        one.get("slow.crt")
    opened = len(node.commands)
    with pytest.raises(FileProblem, match=r"file b\.crt: .*not finished"):
        one.get("b.crt")
    assert len(node.commands) == opened


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", [".", ".."])
def test_a_list_of_nothing_without_end_is_given_up(appliance: Start, session: Open, name: str) -> None:
    node = appliance(endless_list=name, trickle=0.05)
    with pytest.raises(FileProblem, match=r"127\.0\.0\.1.*the list of files: cannot list it: .*not finished"):
        session(node, command_timeout=1).listdir()


def test_a_list_without_end_is_given_up(appliance: Start, session: Open) -> None:
    with pytest.raises(FileProblem, match="the list of files: there are more than 4096 files"):
        session(appliance(endless_list="a.crt")).listdir()


def test_ten_thousand_files_are_too_many(appliance: Start, session: Open) -> None:
    node = appliance()
    node.files.update({f"f{number}.crt": b"" for number in range(10_000)})
    with pytest.raises(FileProblem, match="more than 4096 files"):
        session(node).listdir()


@pytest.mark.parametrize("name", ["../id_rsa", "/etc/passwd", "a/b.crt", "", "x" * 256, "a\x00.crt"])
def test_a_list_with_what_can_be_no_name_is_refused(appliance: Start, session: Open, name: str) -> None:
    node = appliance()
    node.files.update({"a.crt": b"", name: b""})
    with pytest.raises(FileProblem, match="cannot be the name of a file") as caught:
        session(node).listdir()
    assert str(caught.value).isprintable()


def test_the_folder_itself_and_the_one_above_are_no_files(appliance: Start, session: Open) -> None:
    node = appliance()
    node.files.update({".": b"", "..": b"", "a.crt": b"1"})
    assert session(node).listdir() == {"a.crt": 1}


def test_names_that_a_terminal_would_obey_are_listed_escaped_and_never_in_place_of_a_real_one(
    appliance: Start, session: Open
) -> None:
    node = appliance()
    node.files.update({"a\x1b[2J\n.crt": b"1", "b\x9b.key": b"22", r"c\n": b"333", "c\n": b"4444"})
    one = session(node)
    assert one.listdir() == {r"a\x1b[2J\n.crt": 1, r"b\x9b.key": 2, r"c\n": 3}
    with pytest.raises(BadOption):
        one.get("b\x9b.key")


def test_a_name_that_is_no_text_is_told(appliance: Start, session: Open) -> None:
    node = appliance()
    node.files["\udcff\udcfe.crt"] = b""
    with pytest.raises(FileProblem, match="the list of files"):
        session(node).listdir()


@pytest.mark.parametrize(
    ("greeting", "dribble"),
    [(b"\x00\x10\x00\x00\x02", 0.05), (b"\xff" * 9, 0.0), (b"\x00\x00\x00\x01\x02", 0.0), (b"\x00\x00\x00\x00", 0.0)],
    ids=["without end", "too long", "without a version", "empty"],
)
def test_a_greeting_that_is_none_is_refused(appliance: Start, session: Open, greeting: bytes, dribble: float) -> None:
    node = appliance(greeting=greeting, dribble=dribble)
    with pytest.raises(ConnectionFailed, match="refuses a channel for sftp"):
        session(node, command_timeout=1).listdir()
