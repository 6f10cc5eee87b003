# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module verify: what it finds, in files, in texts and on a node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from ansible_collections.certops.cms.plugins.plugin_utils._pki import keys
from tests.unit.plugins.action.acting import FakeSession, act
from tests.unit.plugins.plugin_utils.pki.making import DAY, NOW, Made, pem, root

AT = NOW.isoformat()
BOTH = ("serverAuth", "clientAuth")
ROOT = root()
SUB = ROOT.sub_ca()
LEAF = SUB.issue(eku=BOTH, ku=("digitalSignature",))


def verify(leaf: Made | bytes = LEAF, **options: Any) -> dict[str, Any]:
    given = leaf if isinstance(leaf, bytes) else pem(leaf)
    args = {"certificate": given.decode(), "chain": pem(SUB, ROOT).decode(), "at": AT, "fail": False, **options}
    return act("verify", {key: value for key, value in args.items() if value is not None})


def rules(result: dict[str, Any]) -> list[str]:
    return [finding["rule"] for finding in result["findings"] if finding["severity"] == "error"]


def test_a_good_identity_has_no_findings_and_nothing_changes() -> None:
    result = verify(roles=["server", "client"], host=["core1.example.com"], digital_signature=True)
    assert (result["valid"], result["findings"], result["changed"]) == (True, [], False)
    assert result["certificate"]["subject"] == "CN=core1.example.com"
    assert [info["subject"] for info in result["chain"]] == ["CN=Example Intermediate", "CN=Example Root"]


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"leaf": SUB.issue(eku=("serverAuth",)), "roles": ["client"]}, "eku-client-missing"),
        ({"host": ["join.example.com"]}, "name-mismatch"),
        ({"at": (NOW + 90 * DAY).isoformat()}, "certificate-expired"),
        ({"at": (NOW - 90 * DAY).isoformat()}, "certificate-not-yet-valid"),
        ({"chain": pem(ROOT).decode()}, "chain-not-built"),
        ({"anchors": pem(root("Another Root")).decode()}, "anchor-not-trusted"),
        ({"leaf": SUB.issue(ku=("keyEncipherment",)), "digital_signature": True}, "ku-digital-signature-missing"),
        ({"chain": pem(ROOT, SUB).decode()}, "file-form"),
        ({"chain": (pem(SUB) + b"\n" + pem(ROOT)).decode()}, "file-form"),
        ({"profile": "web_pki", "leaf": SUB.issue(names=())}, "alternative-name-missing"),
    ],
)
def test_a_broken_rule_is_found_and_has_a_next_step(options: dict[str, Any], rule: str) -> None:
    result = verify(**options)
    assert rule in rules(result)
    assert result["valid"] is False
    assert all(finding["next_step"] and finding["object"] for finding in result["findings"])


def test_an_error_fails_the_task_and_the_findings_stay_in_the_result() -> None:
    result = verify(host=["join.example.com"], fail=True)
    assert result["failed"] is True
    assert "join.example.com" in result["msg"]
    assert result["error"]["kind"] == "CertificateProblem"
    assert rules(result) == ["name-mismatch"]
    assert set(verify()) | {"failed", "msg", "error"} == set(result)


def test_an_anchor_that_is_trusted_ends_the_chain() -> None:
    assert verify(chain=None, anchors=pem(SUB).decode())["valid"] is True
    assert verify(chain=None, anchors=pem(LEAF).decode())["valid"] is True


def test_no_anchor_at_all_is_refused_and_not_taken_for_no_question() -> None:
    for text in ("", " \n"):
        result = verify(anchors=text)
        assert result["failed"] is True
        assert result["error"]["kind"] == "BadOption"
        assert "valid" not in result


def test_a_verifying_side_may_limit_the_cas_in_between() -> None:
    assert verify(max_intermediates=1)["valid"] is True
    assert rules(verify(max_intermediates=0)) == ["chain-too-deep"]
    assert verify(max_intermediates=0, anchors=pem(SUB).decode())["valid"] is True


def test_files_of_the_control_node_are_read_in_every_form(tmp_path: Path) -> None:
    (tmp_path / "leaf.cer").write_bytes(LEAF.cert.public_bytes(serialization.Encoding.DER))
    (tmp_path / "bundle.pem").write_bytes(pem(SUB, ROOT))
    result = verify(
        certificate=None,
        certificate_file=str(tmp_path / "leaf.cer"),
        chain=None,
        chain_file=str(tmp_path / "bundle.pem"),
    )
    assert result["valid"] is True
    assert [(found["severity"], found["rule"]) for found in result["findings"]] == [("warning", "file-form")]


def test_a_full_chain_in_one_file_is_checked_as_such(tmp_path: Path) -> None:
    full = tmp_path / "full.crt"
    full.write_bytes(pem(LEAF, SUB, ROOT))
    assert verify(certificate=None, certificate_file=str(full), chain=None)["findings"] == []
    full.write_bytes(pem(LEAF, ROOT, SUB))
    assert rules(verify(certificate=None, certificate_file=str(full), chain=None)) == ["file-form", "file-form"]


@pytest.mark.parametrize(("passphrase", "locked"), [(None, False), ("open-sesame", True)])
def test_a_key_that_belongs_is_good_and_another_is_not(tmp_path: Path, passphrase: str | None, locked: bool) -> None:
    file = tmp_path / "leaf.key"

    def write(key: Any) -> None:
        file.write_bytes(keys.serialise_encrypted(key, "open-sesame") if locked else keys.serialise_plain(key))

    write(LEAF.key)
    options = {"key_file": str(file), "key_passphrase": passphrase}
    assert verify(**options)["valid"] is True
    write(ROOT.key)
    result = verify(**options)
    assert rules(result) == ["key-mismatch"]
    assert "PRIVATE KEY" not in str(result)
    assert "open-sesame" not in str(result)


def test_a_locked_key_without_passphrase_is_told(tmp_path: Path) -> None:
    (tmp_path / "leaf.key").write_bytes(keys.serialise_encrypted(LEAF.key, "open-sesame"))
    result = verify(key_file=str(tmp_path / "leaf.key"))
    assert result["error"]["kind"] == "KeyProblem"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"at": "next week"}, "at 'next week'"),
        ({"leaf": b"nothing"}, "certificate"),
        ({"certificate": None, "certificate_file": "/nowhere/a.crt"}, "/nowhere/a.crt"),
        ({"leaf": pem(LEAF, SUB.issue("two.example.com"))}, "it cannot be told which"),
    ],
)
def test_bad_input_is_told(options: dict[str, Any], said: str) -> None:
    result = verify(**options)
    assert result["failed"] is True
    assert said in result["msg"]


def test_a_moment_may_be_given_from_now() -> None:
    assert verify(at="+90d")["at"] > verify(at="+12h")["at"] > AT


# On the node ---------------------------------------------------------------------------------------------------------


def on_node(session: FakeSession, **options: Any) -> dict[str, Any]:
    args = {"node": True, "certificate_file": "wa.crt", "chain_file": "ca.pem", "at": AT, "fail": False, **options}
    return act("verify", args, session)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("Key and certificate match", []),
        ("key and certificate do not match", [("error", "key-mismatch")]),
        ("done", [("warning", "key-match-unknown")]),
    ],
)
def test_the_node_is_asked_about_its_key_which_is_not_read(answer: str, found: list[tuple[str, str]]) -> None:
    files = {"wa.crt": pem(LEAF), "wa.key": b"secret", "ca.pem": pem(SUB, ROOT)}
    session = FakeSession({"pki match": answer}, files)
    result = on_node(session, key_file="wa.key")
    assert [(entry["severity"], entry["rule"]) for entry in result["findings"]] == found
    assert session.sent == ["pki match wa.key wa.crt"]
    assert session.read == ["wa.crt", "ca.pem"]
    assert session.changed == []


def test_s4_a_key_of_the_node_is_not_shown_as_certificate() -> None:
    session = FakeSession(files={"wa.key": b"x", "wa.pem": keys.serialise_plain(LEAF.key), "ca.pem": pem(SUB, ROOT)})
    assert "stays on the node" in on_node(session, certificate_file="wa.key")["msg"]
    result = on_node(session, certificate_file="wa.pem")
    assert result["error"]["kind"] == "KeyProblem"
    assert "PRIVATE KEY" not in str(result)
