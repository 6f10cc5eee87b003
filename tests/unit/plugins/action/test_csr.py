# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module csr: on the node, on the control node, and never onto a name that exists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.action import csr as action
from ansible_collections.certops.cms.plugins.plugin_utils._pki import csr, keys
from tests.unit.plugins.action.acting import FakeSession, act, at_once

NODE: dict[str, Any] = {
    "base": "callbridge-g2",
    "common_name": "core1.example.com",
    "organization": "Example Inc.",
    "names": ["core1.example.com", "10.0.0.1"],
}
COMMAND = 'pki csr callbridge-g2 CN:core1.example.com O:"Example Inc." subjectAltName:10.0.0.1'


def made_by_node(**changes: Any) -> bytes:
    fields: dict[str, Any] = {"CN": "core1.example.com", "O": "Example Inc.", **changes}
    names = fields.pop("names", ["10.0.0.1"])
    return csr.build_csr(csr.Request.of(fields, names, eku=(), ku=()), keys.generate_key("ecdsa"))


def node(pem: bytes, **files: bytes) -> FakeSession:
    """A node that makes this CSR when it is asked for one."""
    session = FakeSession(files={name.replace("__", "."): data for name, data in files.items()})

    def make() -> str:
        session.files.update({"callbridge-g2.key": b"secret", "callbridge-g2.csr": pem})
        return "....\nCreated key file callbridge-g2.key and CSR callbridge-g2.csr"

    session.answers["pki csr"] = make
    return session


def test_check_apply_check_apply_on_the_node() -> None:
    session = node(made_by_node())
    first = act("csr", NODE, session, check=True, diff=True)
    assert (first["changed"], first["csr"], first["command"]) == (True, "", COMMAND)
    assert first["diff"]["before"] == ""
    assert session.sent == []
    second = act("csr", NODE, session)
    assert second["changed"] is True
    assert second["names"] == ["core1.example.com", "10.0.0.1"]
    assert session.sent == [COMMAND]
    third = act("csr", NODE, session, check=True)
    fourth = act("csr", NODE, session)
    assert [third["changed"], fourth["changed"]] == [False, False]
    assert fourth["csr"] == second["csr"]
    assert session.sent == [COMMAND]
    assert set(first) - {"diff"} == set(second) == set(fourth)


def test_s4_the_key_of_the_node_is_never_read() -> None:
    session = node(made_by_node())
    act("csr", NODE, session)
    act("csr", NODE, session)
    assert set(session.read) == {"callbridge-g2.csr"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"O": "Other"}, "subject O is 'Other'"),
        ({"names": []}, "10.0.0.1"),
        ({"names": ["10.0.0.1", "x.test"]}, "x.test"),
    ],
)
def test_s3_another_request_of_this_name_is_refused_with_the_next_free_name(change: dict[str, Any], said: str) -> None:
    session = node(b"", callbridge_g2__csr=b"")
    session.files = {
        "callbridge-g2.key": b"x",
        "callbridge-g2.csr": made_by_node(**change),
        "callbridge-g5.crt": b"x",
    }
    result = act("csr", NODE, session)
    assert result["failed"] is True
    assert said in result["msg"]
    assert "base: callbridge-g6" in result["msg"]
    assert session.sent == []


@pytest.mark.parametrize("file", ["callbridge-g2.key", "callbridge-g2.csr", "callbridge-g2.crt"])
def test_s3_a_name_that_is_half_taken_is_refused(file: str) -> None:
    session = FakeSession(files={file: b"x"})
    result = act("csr", NODE, session)
    assert file in result["msg"]
    assert "base: callbridge-g3" in result["msg"]
    assert session.sent == []


def test_a_node_that_makes_another_request_is_not_believed() -> None:
    result = act("csr", NODE, node(made_by_node(names=[])))
    assert result["failed"] is True
    assert "the node made another request" in result["msg"]


def test_a_node_that_says_so_but_makes_nothing_is_not_believed() -> None:
    session = FakeSession({"pki csr": "Created key file callbridge-g2.key and CSR callbridge-g2.csr"})
    result = act("csr", NODE, session)
    assert "callbridge-g2.csr, callbridge-g2.key: is not on the node" in result["msg"]


@pytest.mark.parametrize("base", ["call.bridge", "call_bridge", "-callbridge", "call bridge", ""])
def test_s2_a_base_name_the_guide_does_not_permit_is_refused(base: str) -> None:
    session = node(made_by_node())
    result = act("csr", {**NODE, "base": base}, session)
    assert result["error"]["kind"] == "BadOption"
    assert repr(base) in result["msg"]
    assert session.sent == []


@pytest.mark.parametrize("change", [{"key_type": "ecdsa"}, {"key_size": "4096"}])
def test_a_key_the_node_cannot_make_is_refused(change: dict[str, str]) -> None:
    result = act("csr", {**NODE, **change}, FakeSession())
    assert "where: control" in result["msg"]


def test_a_name_no_certificate_can_carry_is_refused() -> None:
    result = act("csr", {**NODE, "names": ["not a name"]}, FakeSession())
    assert "'not a name'" in result["msg"]


# On the control node -------------------------------------------------------------------------------------------------


def control(folder: Path, **changes: Any) -> dict[str, Any]:
    return {**NODE, "where": "control", "dest": str(folder), "passphrase": "lock-it-well", **changes}


def test_check_apply_check_apply_on_the_control_node(tmp_path: Path) -> None:
    folder = tmp_path / "requests"
    args = control(folder, roles=["server", "client"], key_type="ecdsa")
    first = act("csr", args, check=True)
    assert (first["changed"], first["csr"]) == (True, "")
    assert not folder.exists()
    second = act("csr", args)
    third = act("csr", args, check=True)
    fourth = act("csr", args)
    assert [second["changed"], third["changed"], fourth["changed"]] == [True, False, False]
    assert second["csr"] == fourth["csr"] == (folder / "callbridge-g2.csr").read_text()
    assert second["key_type"] == "ECDSA secp256r1"
    info = csr.describe_csr(second["csr"])
    assert info["extended_key_usage"] == ["serverAuth", "clientAuth"]
    assert set(first) == set(second)


def test_s4_a_key_on_the_control_node_is_encrypted_and_in_no_result(tmp_path: Path) -> None:
    result = act("csr", control(tmp_path))
    locked = (tmp_path / "callbridge-g2.key").read_bytes()
    assert keys.is_encrypted(locked)
    assert keys.key_matches(keys.load_key(locked, "lock-it-well", "key"), csr.load_csr(result["csr"].encode()))
    assert "lock-it-well" not in str(result)
    assert "PRIVATE KEY" not in str(result)


def test_another_request_in_the_folder_is_refused(tmp_path: Path) -> None:
    act("csr", control(tmp_path))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for change in ({"names": ["other.example.com"]}, {"key_type": "ecdsa"}, {"organization": "Other"}):
        result = act("csr", control(tmp_path, **change))
        assert "base: callbridge-g3" in result["msg"]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_key_that_a_killed_run_left_is_taken_up(tmp_path: Path) -> None:
    act("csr", control(tmp_path))
    locked = (tmp_path / "callbridge-g2.key").read_bytes()
    (tmp_path / "callbridge-g2.csr").unlink()
    result = act("csr", control(tmp_path))
    assert result["changed"] is True
    assert (tmp_path / "callbridge-g2.key").read_bytes() == locked


def test_the_same_request_for_two_hosts_at_once_is_one_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = at_once(lambda: act("csr", control(tmp_path)), monkeypatch, action.files, ".csr")
    key = keys.load_key((tmp_path / "callbridge-g2.key").read_bytes(), "lock-it-well", "key")
    assert {result["csr"] for result in results} == {(tmp_path / "callbridge-g2.csr").read_text()}
    assert all(keys.key_matches(key, csr.load_csr(result["csr"].encode())) for result in results)
    assert sorted(result["changed"] for result in results) == [False, True]


def test_a_wrong_passphrase_is_told_and_changes_nothing(tmp_path: Path) -> None:
    act("csr", control(tmp_path))
    (tmp_path / "callbridge-g2.csr").unlink()
    result = act("csr", control(tmp_path, passphrase="another-one"))
    assert result["error"]["kind"] == "KeyProblem"
    assert not (tmp_path / "callbridge-g2.csr").exists()


def test_a_size_that_is_none_is_refused_in_check_mode_too(tmp_path: Path) -> None:
    result = act("csr", control(tmp_path, key_size="1024"), check=True)
    assert "key_size '1024'" in result["msg"]
