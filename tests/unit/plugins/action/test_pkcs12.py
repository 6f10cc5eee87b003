# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module pkcs12: what it writes, what it leaves, and that no key comes out unencrypted."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from ansible_collections.certops.cms.plugins.plugin_utils._pki import keys
from tests.unit.plugins.action.acting import FakeSession, act
from tests.unit.plugins.plugin_utils.pki.making import pem, root

WORD, LOCK = "open sesame 4711", "lock these keys"
KEY = keys.generate_key("ecdsa")
OTHER_KEY = keys.generate_key("ecdsa")
ROOT = root()
SUB = ROOT.sub_ca()
LEAF = SUB.issue("join.example.com", key=KEY)


def bag(leaf: Any = LEAF, key: Any = KEY, *others: Any) -> bytes:
    chain = [one.cert for one in others or (SUB, ROOT)]
    return pkcs12.serialize_key_and_certificates(b"x", key, leaf.cert, chain, BestAvailableEncryption(WORD.encode()))


def take(folder: Path, data: bytes, session: FakeSession | None = None, **options: Any) -> dict[str, Any]:
    (folder / "join.pfx").write_bytes(data)
    run = {key: options.pop(key) for key in ("check", "diff") if key in options}
    args = {"src": str(folder / "join.pfx"), "passphrase": WORD, "base": "join-g1", "dest": str(folder / "out")}
    return act("pkcs12", {**args, "key_passphrase": LOCK, **options}, session, **run)


def test_check_apply_check_apply(tmp_path: Path) -> None:
    runs = [take(tmp_path, bag(), check=check, diff=True) for check in (True, False, True, False)]
    assert [run["changed"] for run in runs] == [True, True, False, False]
    assert runs[0]["diff"]["before"] == ""
    assert runs[3]["diff"]["before"] == runs[3]["diff"]["after"]
    out = tmp_path / "out"
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.suffix != ".key"} == {
        "join-g1.crt": pem(LEAF),
        "join-g1-bundle.crt": pem(SUB, ROOT),
        "join-g1-fullchain.crt": pem(LEAF, SUB, ROOT),
    }
    locked = (out / "join-g1.key").read_bytes()
    assert keys.public_spki(keys.load_key(locked, LOCK, "key")) == keys.public_spki(KEY)
    assert keys.is_encrypted(locked)
    assert stat.S_IMODE((out / "join-g1.key").stat().st_mode) == 0o600
    assert runs[1]["full_chain_pem"].encode() == pem(LEAF, SUB, ROOT)
    assert [one["subject"] for one in runs[1]["chain"]] == ["CN=Example Intermediate", "CN=Example Root"]
    assert {frozenset(run) for run in runs} == {frozenset(runs[0])}
    for secret in (WORD, LOCK, "PRIVATE KEY"):
        assert secret not in str(runs)


@pytest.mark.parametrize("there", [("join-g1.key",), ("join-g1.key", "join-g1.crt")])
def test_a_killed_run_is_finished(tmp_path: Path, there: tuple[str, ...]) -> None:
    take(tmp_path, bag())
    out = tmp_path / "out"
    before = (out / "join-g1.key").read_bytes()
    for path in out.iterdir():
        if path.name not in there:
            path.unlink()
    assert take(tmp_path, bag())["changed"] is True
    assert (out / "join-g1.key").read_bytes() == before
    assert len(list(out.iterdir())) == 4


@pytest.mark.parametrize(
    ("second", "options", "said"),
    [
        (bag(SUB.issue("join.example.com", key=KEY)), {}, "join-g1.crt: holds other certificates already"),
        (bag(SUB.issue(key=OTHER_KEY), OTHER_KEY), {}, "is another private key already"),
        (bag(), {"key_passphrase": "another word"}, "the passphrase does not open the key"),
    ],
)
def test_s2_what_is_there_and_is_another_one_is_never_replaced(
    tmp_path: Path, second: bytes, options: dict[str, Any], said: str
) -> None:
    take(tmp_path, bag())
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    result = take(tmp_path, second, **options)
    assert result["failed"] is True
    assert said in result["msg"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_key_that_lies_there_open_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "join-g1.key").write_bytes(keys.serialise_plain(KEY))
    assert "is not encrypted" in take(tmp_path, bag())["msg"]


def test_a_file_on_the_node_is_read_there(tmp_path: Path) -> None:
    session = FakeSession(files={"join.p12": bag()})
    result = take(tmp_path, b"", session, src="join.p12", remote_src=True)
    assert result["changed"] is True
    assert session.read == ["join.p12"]
    assert session.changed == []


def test_a_chain_that_is_missing_can_be_given(tmp_path: Path) -> None:
    short = bag(LEAF, KEY, root("Stray"))
    assert "the certificate of CN=Example Intermediate is missing" in take(tmp_path, short)["msg"]
    (tmp_path / "ca.pem").write_bytes(pem(ROOT, SUB))
    result = take(tmp_path, short, chain_file=str(tmp_path / "ca.pem"))
    assert result["bundle_pem"].encode() == pem(SUB, ROOT)
    assert result["unused"] == ["CN=Stray"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"passphrase": "wrong wrong"}, "the passphrase does not open it"),
        ({"base": "join_g1"}, "'_'"),
        ({"key_passphrase": "short"}, "fewer than 8 characters"),
        ({"src": "/nowhere/x.pfx"}, "cannot be read"),
    ],
)
def test_bad_input_writes_nothing(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    result = take(tmp_path, bag(), **options)
    assert said in result["msg"]
    assert result["error"]["next_step"]
    assert not (tmp_path / "out").exists()
    assert "wrong wrong" not in str(result)
