# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a node says beside what its files are: agreement, difference, and silence, which is no yes."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PublicFormat, pkcs12

from ansible_collections.certops.cms.plugins.plugin_utils._engine import second_opinion as second
from ansible_collections.certops.cms.plugins.plugin_utils._engine.node import Node
from ansible_collections.certops.cms.plugins.plugin_utils._errors import FileProblem
from ansible_collections.certops.cms.plugins.plugin_utils._pki import csr, keys
from tests.unit.plugins.action.acting import FakeSession
from tests.unit.plugins.plugin_utils.pki.making import NOW, pem, root

ROOT = root()
SUB = ROOT.sub_ca()
LEAF = SUB.issue()
KEY = keys.generate_key("ecdsa")
PLAIN, LOCKED = keys.serialise_plain(KEY), keys.serialise_encrypted(KEY, "open sesame")
CSR = csr.build_csr(csr.Request.of({"CN": "core1.example.com"}), KEY)
FILES = {
    "wa.key": PLAIN,
    "locked.key": LOCKED,
    "hidden.pem": PLAIN,
    "wa.crt": pem(LEAF),
    "full.pem": pem(LEAF, SUB, ROOT),
    "wa.csr": CSR,
    "john.pub": KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
    "bag.pub": pkcs12.serialize_key_and_certificates(b"x", KEY, None, None, BestAvailableEncryption(b"open sesame")),
    "junk.crt": b"nothing at all",
}


def node_of(answers: dict[str, str] | None = None, files: dict[str, bytes] | None = None) -> tuple[Node, FakeSession]:
    session = FakeSession(answers, files=FILES if files is None else files)

    def login() -> Any:
        return session

    return Node("core1", login), session


@pytest.mark.parametrize(
    ("name", "kind", "locked"),
    [
        ("wa.key", "key", False),
        ("locked.key", "key", True),
        ("hidden.pem", "key", False),
        ("wa.crt", "certificate", None),
        ("full.pem", "certificate", None),
        ("wa.csr", "csr", None),
        ("john.pub", "ssh_key", None),
        ("bag.pub", "pkcs12", None),
        ("junk.crt", "unknown", None),
    ],
)
def test_s4_the_content_tells_the_kind_and_no_key_is_read(name: str, kind: str, locked: bool | None) -> None:
    node, session = node_of()
    found = second.content(node, name)
    assert (found["kind"], found["locked"]) == (kind, locked)
    assert len(found["certificates"]) == {"wa.crt": 1, "full.pem": 3}.get(name, 0)
    if kind in ("key", "pkcs12"):
        assert session.read == []


RIGHT = "File contains a PEM encoded certificate\nNot Before: Nov 17 12:00:00 2026 GMT\n"


@pytest.mark.parametrize(
    ("name", "answer", "agree", "said"),
    [
        ("wa.crt", "File contains a PEM encoded certificate", True, ""),
        ("wa.crt", "File contains a private key", False, "takes it for: key; it is: certificate"),
        (
            "wa.crt",
            "File contains a certificate\nNot After : Jan  1 00:00:00 2020 GMT",
            False,
            "not_after is 2020-01-01",
        ),
        ("wa.crt", "File contains a certificate\nSubject: CN=a\n DNS:other.example.com", False, "DNS names are other"),
        ("full.pem", "File contains a certificate\nSubject: CN=a", False, "shows 1 certificates, it holds 3"),
        ("wa.crt", "gibberish", None, ""),
        ("wa.crt", "FAILURE: cannot", None, ""),
        ("wa.key", "File contains a PEM encoded private key", True, ""),
        ("wa.key", "Type: key, encrypted", False, "takes the key for locked"),
        ("locked.key", "File contains a PEM encoded private key", True, ""),
        ("john.pub", "File is of unknown type", None, ""),
        ("junk.crt", "File is of unknown type", True, ""),
    ],
)
def test_an_inspection_is_compared_with_the_file(name: str, answer: str, agree: bool | None, said: str) -> None:
    node, _session = node_of({"pki inspect": answer})
    found = second.inspect(node, name)
    assert found["agree"] is agree
    assert said in "; ".join(found["differences"])
    assert bool(found["differences"]) is (agree is False)
    findings = second.disagreements("core1", [], [found], [], [])
    assert [one.rule for one in findings] == (["pki-inspect-differs"] if agree is False else [])


SERVICES = {"webadmin": {"slots": {"tls": {"key": "wa.key", "certificate": "wa.crt", "bundle": None}}, "trusts": {}}}
KNOWN = {name: {"kind": "key", "size": 1} for name in ("wa.key", "wa.crt", "old.key")}


@pytest.mark.parametrize(
    ("answer", "known", "agree"),
    [
        ("wa.key : webadmin\nwa.crt : webadmin\n", True, {"wa.key": True, "wa.crt": True, "old.key": True}),
        ("webadmin : wa.key\nrecorder : old.key\n", True, {"wa.key": True, "wa.crt": False, "old.key": False}),
        ("", False, {"wa.key": None, "wa.crt": None, "old.key": None}),
        ("FAILURE: permission denied", False, {"wa.key": None, "wa.crt": None, "old.key": None}),
    ],
)
def test_use_is_what_displays_and_pki_say(answer: str, known: bool, agree: dict[str, bool | None]) -> None:
    node, _session = node_of({"pki": answer})
    says, files = second.use(node, KNOWN, SERVICES, ["wa.key"])
    assert says is known
    assert {one["name"]: one["agree"] for one in files} == agree
    assert [one["name"] for one in files if one["listed"]] == ["wa.key"]
    findings = second.disagreements("core1", files, [], [], [])
    assert sorted(one.object for one in findings) == sorted(f"core1 {n}" for n, a in agree.items() if a is False)


@pytest.mark.parametrize(
    ("bundle", "files", "ca", "verified"),
    [
        ("ca.pem", {"ca.pem": pem(SUB, ROOT)}, None, True),
        ("sub.pem", {"sub.pem": pem(SUB)}, None, False),
        ("sub.pem", {"sub.pem": pem(SUB), "root.pem": pem(ROOT)}, "root.pem", True),
        ("ca.pem", {"ca.pem": pem(SUB, ROOT), "other.pem": pem(root("Other Root"))}, "other.pem", False),
    ],
)
@pytest.mark.parametrize(("answer", "says"), [("wa.crt: OK", True), ("wa.crt: error: no issuer", False), ("1", None)])
def test_both_forms_of_verify(
    bundle: str, files: dict[str, bytes], ca: str | None, verified: bool, answer: str, says: bool | None
) -> None:
    node, session = node_of({"pki verify": f"{answer}\n"}, {**FILES, **files})
    found = second.verify(node, "wa.crt", bundle, ca, NOW)
    assert session.sent == [" ".join(word for word in ("pki verify wa.crt", bundle, ca) if word)]
    assert found["node_says"] is says
    assert found["verified"] is verified
    assert bool(found["findings"]) is not verified
    assert found["agree"] is (None if says is None else says is verified)
    rules = [one.rule for one in second.disagreements("core1", [], [], [], [found])]
    assert rules == (["pki-verify-differs"] if says is (not verified) else [])


def test_an_expired_chain_does_not_verify() -> None:
    node, _session = node_of({"pki verify": "OK"}, {**FILES, "ca.pem": pem(SUB, ROOT)})
    later = NOW + datetime.timedelta(days=9999)
    assert second.verify(node, "wa.crt", "ca.pem", None, later)["verified"] is False


def test_a_pair_is_known_by_the_request_beside_the_key_or_by_what_a_service_shows() -> None:
    own = root("Own").issue(key=KEY)
    node, session = node_of(files={**FILES, "own.crt": pem(own), "other.key": PLAIN})
    assert second.pair_known_here(node, "wa.key", "own.crt", {}) is True
    assert second.pair_known_here(node, "wa.key", "wa.crt", {}) is False
    assert second.pair_known_here(node, "other.key", "wa.crt", {}) is None
    spki = csr.describe_csr(CSR)["spki_sha256"]
    assert second.pair_known_here(node, "other.key", "own.crt", {"other.key": spki}) is True
    assert not [name for name in session.read if name.endswith(".key")]


def test_patterns_choose_from_the_list_and_names_from_all_files() -> None:
    there = ["a.crt", "b.crt", "c.key", "live.json"]
    listed = ["a.crt", "b.crt", "c.key"]
    assert second.chosen(["*.crt", "a.crt", "live.json"], listed, there, "core1") == ["a.crt", "b.crt", "live.json"]
    assert second.chosen(["*.pem"], listed, there, "core1") == []
    with pytest.raises(FileProblem, match=r"core1 d\.crt: is not on the node"):
        second.chosen(["d.crt"], listed, there, "core1")
