# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module pki_file: what is sent, what is refused, and what is never touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from ansible_collections.certops.cms.plugins.plugin_utils._pki import csr, keys
from tests.unit.plugins.action.acting import FakeSession, act
from tests.unit.plugins.plugin_utils.pki.making import pem, root

ROOT = root()
SUB = ROOT.sub_ca()
LEAF = SUB.issue()
OTHER = SUB.issue("other.example.com")
KEY = keys.generate_key("ecdsa")
PLAIN, LOCKED = keys.serialise_plain(KEY), keys.serialise_encrypted(KEY, "open-sesame")
DER_KEY = KEY.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
CSR = csr.build_csr(csr.Request.of({"CN": "core1.example.com"}), KEY)
DER = LEAF.cert.public_bytes(serialization.Encoding.DER)
NAMED = {"wa.key": PLAIN, "wa.crt": pem(OTHER)}


def upload(session: FakeSession, name: str, data: bytes, folder: Path, **options: Any) -> dict[str, Any]:
    source = folder / "source"
    source.write_bytes(data)
    run = {key: options.pop(key) for key in ("check", "diff") if key in options}
    return act("pki_file", {"name": name, "src": str(source), **options}, session, **run)


def test_check_apply_check_apply(tmp_path: Path) -> None:
    session = FakeSession()
    first = upload(session, "cb-g2.crt", pem(LEAF), tmp_path, check=True, diff=True)
    assert first["changed"] is True
    assert "ends 2027-01-22T15:00:00Z" in first["diff"]["after"]
    assert session.changed == []
    second = upload(session, "cb-g2.crt", pem(LEAF), tmp_path)
    third = upload(session, "cb-g2.crt", pem(LEAF), tmp_path, check=True)
    fourth = upload(session, "cb-g2.crt", pem(LEAF), tmp_path)
    assert [second["changed"], third["changed"], fourth["changed"]] == [True, False, False]
    assert session.changed == ["cb-g2.crt"]
    assert session.files["cb-g2.crt"] == pem(LEAF)
    assert second["certificates"][0]["subject"] == "CN=core1.example.com"
    assert set(first) - {"diff"} == set(second) == set(fourth)


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.crt", pem(LEAF), "certificate"),
        ("a.der", DER, "certificate"),
        ("a.pem", pem(LEAF, SUB, ROOT), "full_chain"),
        ("a.pem", pem(SUB, ROOT), "trust"),
        ("a.key", PLAIN, "key"),
        ("a.pem", PLAIN, "key"),
        ("a.der", DER_KEY, "key"),
        ("a.csr", CSR, "csr"),
    ],
)
def test_name_and_content_tell_the_kind(tmp_path: Path, name: str, data: bytes, kind: str) -> None:
    session = FakeSession()
    result = upload(session, name, data, tmp_path)
    assert result["kind"] == kind
    assert session.files == {name: data}


@pytest.mark.parametrize(
    ("name", "data", "options", "said"),
    [
        ("a.key", LOCKED, {}, "the key is encrypted"),
        ("a.key", LOCKED, {"passphrase": "wrong"}, "the passphrase does not open the key"),
        ("a.key", b"no key", {}, "cannot be read as a private key"),
        ("a.key", PLAIN + pem(LEAF), {}, "a certificate beside the key"),
        ("a.key", DER_KEY, {}, "the key is in DER"),
        ("a.der", PLAIN, {}, "the key is in PEM"),
        ("a.crt", DER, {}, "it is in DER, PEM is wanted"),
        ("a.crt", pem(LEAF, SUB), {"kind": "certificate"}, "it holds 2 certificates"),
        ("a.crt", b"nothing", {}, "cannot be read as a certificate"),
        ("a.pem", pem(ROOT, SUB), {"kind": "bundle"}, "wrong order"),
        ("a.pem", pem(ROOT, SUB), {}, "root last"),
        ("a.pem", pem(SUB) + b"\n" + pem(ROOT), {"kind": "bundle"}, "blank lines"),
        ("a.pem", pem(LEAF, SUB, ROOT), {"kind": "bundle"}, "the service's own certificate"),
        ("a.pem", pem(SUB, ROOT), {"kind": "full_chain"}, "does not begin with"),
        ("a.csr", b"nothing", {}, "cannot be read as a CSR"),
        ("a.txt", pem(LEAF), {}, "'txt', which the guide does not permit"),
        ("a.key", pem(LEAF), {"kind": "certificate"}, "'key', which the guide does not permit"),
        ("a.b.crt", pem(LEAF), {}, "exactly one dot"),
        ("a_b.crt", pem(LEAF), {}, "'_'"),
    ],
)
def test_what_a_service_could_not_use_is_refused_and_nothing_sent(
    tmp_path: Path, name: str, data: bytes, options: dict[str, Any], said: str
) -> None:
    session = FakeSession()
    result = upload(session, name, data, tmp_path, **options)
    assert result["failed"] is True
    assert said in result["msg"]
    assert name.partition(".")[0] in result["error"]["object"]
    assert result["error"]["next_step"]
    assert session.changed == []
    assert "PRIVATE KEY" not in str(result)


def test_a_locked_key_is_unlocked_in_memory(tmp_path: Path) -> None:
    session = FakeSession()
    result = upload(session, "cb-g2.key", LOCKED, tmp_path, passphrase="open-sesame", diff=True)
    assert session.files["cb-g2.key"] == PLAIN
    assert result["sha256"] == ""
    assert result["diff"]["after"] == "private key\n"
    assert upload(session, "cb-g2.key", LOCKED, tmp_path, passphrase="open-sesame")["changed"] is False
    assert "open-sesame" not in str(result)
    assert "PRIVATE KEY" not in str(result)


def test_s2_other_content_is_not_replaced_without_force(tmp_path: Path) -> None:
    session = FakeSession(files={"old_name.crt": pem(OTHER)})
    result = upload(session, "old_name.crt", pem(LEAF), tmp_path)
    assert "CN=other.example.com" in result["msg"]
    assert "force: true" in result["msg"]
    assert session.changed == []
    assert upload(session, "old_name.crt", pem(LEAF), tmp_path, force=True)["changed"] is True


@pytest.mark.parametrize("check", [False, True])
def test_s3_a_file_a_display_names_is_never_replaced(tmp_path: Path, check: bool) -> None:
    session = FakeSession(files=NAMED)
    result = upload(session, "wa.crt", pem(LEAF), tmp_path, force=True, check=check)
    assert "webadmin names it" in result["msg"]
    assert session.changed == []


@pytest.mark.parametrize("check", [False, True])
def test_s3_a_file_a_display_names_is_never_removed(check: bool) -> None:
    session = FakeSession(files=NAMED)
    result = act("pki_file", {"name": "wa.key", "state": "absent"}, session, check=check)
    assert "is named by webadmin" in result["msg"]
    assert session.changed == []


def test_s3_a_file_only_pki_names_is_not_removed() -> None:
    session = FakeSession({"pki": "recorder: rec.key, rec.crt"}, files={"rec.crt": pem(LEAF)})
    result = act("pki_file", {"name": "rec.crt", "state": "absent"}, session)
    assert "the node (pki)" in result["msg"]
    assert session.changed == []


def test_s8_a_display_that_is_not_understood_stops_a_removal() -> None:
    session = FakeSession({"callbridge": "%% what is this"}, files={"cb.crt": pem(LEAF)})
    result = act("pki_file", {"name": "cb.crt", "state": "absent"}, session)
    assert result["error"]["kind"] == "NotUnderstood"
    assert session.changed == []


def test_removing_twice_changes_once() -> None:
    session = FakeSession(files={**NAMED, "old.crt": pem(LEAF)})
    results = [act("pki_file", {"name": "old.crt", "state": "absent"}, session, check=True)["changed"]]
    results += [act("pki_file", {"name": "old.crt", "state": "absent"}, session)["changed"] for _time in range(2)]
    assert results == [True, True, False]
    assert session.changed == ["old.crt"]


def test_only_certificates_keys_and_requests_are_removed() -> None:
    session = FakeSession(files={"live.json": b"{}"})
    result = act("pki_file", {"name": "live.json", "state": "absent"}, session)
    assert "is no certificate, key or request" in result["msg"]
    assert session.changed == []


def test_fetching_twice_writes_once(tmp_path: Path) -> None:
    session = FakeSession(files={"cb.csr": CSR})
    args = {"name": "cb.csr", "state": "fetched", "dest": f"{tmp_path / 'in'}/"}
    checked = act("pki_file", args, session, check=True)
    assert not (tmp_path / "in").exists()
    results = [checked, act("pki_file", args, session), act("pki_file", args, session)]
    assert [result["changed"] for result in results] == [True, True, False]
    assert (tmp_path / "in" / "cb.csr").read_bytes() == CSR
    assert results[1]["dest"] == str(tmp_path / "in" / "cb.csr")


def test_in_check_mode_a_file_that_is_still_to_be_made_counts_as_a_change(tmp_path: Path) -> None:
    args = {"name": "cb.csr", "state": "fetched", "dest": str(tmp_path / "cb.csr")}
    assert act("pki_file", args, FakeSession(), check=True)["changed"] is True


@pytest.mark.parametrize("name", ["cb.key", "cb.pem", "cb.der"])
def test_s4_a_private_key_is_never_fetched(tmp_path: Path, name: str) -> None:
    session = FakeSession(files={"cb.key": PLAIN, "cb.pem": PLAIN, "cb.der": DER_KEY})
    result = act("pki_file", {"name": name, "state": "fetched", "dest": str(tmp_path / "x")}, session)
    assert "stays there (S4)" in result["msg"]
    assert list(tmp_path.iterdir()) == []
    assert "PRIVATE KEY" not in str(result)


def test_s4_the_key_of_a_request_on_the_node_is_not_read_to_compare(tmp_path: Path) -> None:
    session = FakeSession(files={"cb-g2.key": PLAIN, "cb-g2.csr": CSR})
    result = upload(session, "cb-g2.key", keys.serialise_plain(keys.generate_key("ecdsa")), tmp_path)
    assert result["failed"] is True
    assert session.read == []
    assert session.changed == []


def test_inline_content_gets_its_last_line_break() -> None:
    session = FakeSession()
    act("pki_file", {"name": "a.crt", "content": pem(LEAF).decode().strip()}, session)
    assert session.files["a.crt"] == pem(LEAF)


def test_a_source_that_is_not_there_is_told() -> None:
    result = act("pki_file", {"name": "a.crt", "src": "/nowhere/a.crt"}, FakeSession())
    assert result["error"]["kind"] == "BadOption"
    assert "/nowhere/a.crt" in result["msg"]
