# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules that have a node make, sign and unlock, on a simulated node, in each dialect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from tests.integration.conftest import RunPlaybook, StartFleet
from tests.integration.harness import Fleet
from tests.simulator import certs

WORD = "open sesame 4711"
ASKED = {
    "match": [
        {"key": "cms1_webadmin.key", "certificate": "cms1_webadmin.crt"},
        {"key": "cms1_webadmin.key", "certificate": "cms1_callbridge.crt"},
    ],
    "verify": [
        {"certificate": "cms1_webadmin.crt", "bundle": "old_ca.pem"},
        {"certificate": "cms1_webadmin.crt", "bundle": "old_ca.pem", "ca": "old_ca.pem"},
        {"certificate": "cms1_webadmin.crt", "bundle": "cms1_callbridge.crt"},
    ],
}
WRONG = "not the word 12"
MODULES = "certops.cms."


def play(*tasks: dict[str, Any], **keywords: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": "Play",
            "hosts": "cms",
            "gather_facts": False,
            "vars": {"ansible_connection": "certops.cms.mmp", "word": WORD},
            "tasks": [{"name": name, **task} for one in tasks for name, task in one.items()],
            **keywords,
        }
    ]


def lay(fleet: Fleet, name: str, data: bytes) -> None:
    (fleet.state / "nodes" / "cms1" / "files" / name).write_bytes(data)


def a_pfx() -> bytes:
    key, ca = ec.generate_private_key(ec.SECP256R1()), certs.Authority.create("Partner", 90)
    leaf = ca.issue(key.public_key(), "join.example.test", [], 90)
    lock = BestAvailableEncryption(WORD.encode())
    return pkcs12.serialize_key_and_certificates(b"join", key, leaf, [ca.intermediate, ca.root], lock)


def assert_agreed(infos: list[dict[str, Any]]) -> None:
    """What the node says and what the files are is the same, as far as the node says anything."""
    for info in infos:
        assert info["findings"] == []
        files = {one["name"]: one for one in info["files"]}
        assert files["cms1_webadmin.key"]["used_by"] == ["webadmin"]
        assert bool(files["cms1_webadmin.key"]["node_says"]) is info["usage_known"]
        assert {one["content"]["kind"] for one in info["inspected"]} == {"key", "certificate"}
        assert {one["agree"] for one in info["inspected"]} == {True}
        # What an opaque answer means is told by the services that show their certificates.
        assert [one["node_says"] for one in info["matches"]] == [True, False]
        assert [one["belongs"] for one in info["matches"]] == [True, False]
        assert [one["verified"] for one in info["verified"]] == [True, True, False]
        assert [one["node_says"] for one in info["verified"]] in ([True, True, False], [None] * 3)


@pytest.mark.every_dialect
def test_check_apply_check_apply(fleet: StartFleet, playbook: RunPlaybook, tmp_path: Path) -> None:
    made = fleet("combined")
    key = ec.generate_private_key(ec.SECP256R1())
    lay(made, "partner.key", certs.key_pem(key, passphrase=WORD.encode()))
    bag = pkcs12.serialize_key_and_certificates(b"john", key, None, None, BestAvailableEncryption(WORD.encode()))
    lay(made, "john.pub", bag)
    subject = {"common_name": "My company CA", "organization": "Example Inc."}
    lay(made, "join.p12", a_pfx())
    opened = {"passphrase": "{{ word }}", "key_passphrase": "{{ word }}", "dest": str(tmp_path / "join")}
    # No alternative names: a node may leave them out of what it signs.
    tasks = play(
        {"CA": {MODULES + "pki_selfsigned": {"base": "dbca-g1", **subject}}},
        {"Bare": {MODULES + "pki_selfsigned": {"base": "first-g1"}}},
        {"CSR": {MODULES + "csr": {"base": "dbclient-g1", "common_name": "postgres"}}},
        {"Sign": {MODULES + "pki_sign": {"base": "dbclient-g1", "ca": "dbca-g1"}}},
        {"Unlock": {MODULES + "pki_unlock": {"name": "partner.key", "passphrase": "{{ word }}"}}},
        {"SSH": {MODULES + "pki_unlock": {"user": "john", "passphrase": "{{ word }}"}}},
        {"PFX": {MODULES + "pkcs12": {"src": "join.p12", "remote_src": True, "base": "join-g1", **opened}}},
        {"Export": {MODULES + "ca_export": {"service": "webadmin", "dest": str(tmp_path / "browsers")}}},
        {"Info": {MODULES + "pki_info": {"inspect": ["cms1_webadmin.*", "old_ca.pem"], **ASKED}}},
    )
    seen: list[dict[str, Any]] = []
    for check in (True, False, True, False):
        done = playbook(tasks, check=check, diff=True, verbosity=4 if len(seen) == 1 else 0)
        assert done.rc == 0, done.stdout
        assert WORD not in done.stdout
        seen.append({event["task"]: event["result"] for event in done.results()})
    changed = [[result["changed"] for result in run.values()] for run in seen]
    assert changed == [[*[True] * 8, False], [*[True] * 8, False], [False] * 9, [False] * 9]
    assert_agreed([run.pop("Info") for run in seen])
    files = made.state / "nodes" / "cms1" / "files"
    leaf, ca = (certs.load_certs((files / name).read_bytes())[0] for name in ("dbclient-g1.crt", "dbca-g1.crt"))
    leaf.verify_directly_issued_by(ca)
    assert seen[3]["Sign"]["certificate"]["sha256"] == certs.fingerprint(leaf)
    assert certs.same_key(certs.load_key((files / "partner.key").read_bytes()), certs.load_key(certs.key_pem(key)))
    assert seen[1]["SSH"]["public_key"].encode() + b"\n" == (files / "john.pub").read_bytes()
    making = ("pki selfsigned", "pki csr", "pki sign", "pki unlock", "pki pkcs12-to-ssh")
    sent = [command for command in made.control.call("commands", node="cms1") if command.startswith(making)]
    assert sent == [result["command"] for result in seen[1].values() if result.get("command")]
    assert len(list((tmp_path / "join").iterdir())) == 4
    assert {path.suffix for path in (tmp_path / "browsers").iterdir()} == {".pem", ".der", ".txt"}
    assert WORD not in (made.state / "events.jsonl").read_text() + made.log


def test_bad_input_changes_nothing_and_names_a_next_step(fleet: StartFleet, playbook: RunPlaybook) -> None:
    made = fleet("combined")
    locked = certs.key_pem(ec.generate_private_key(ec.SECP256R1()), passphrase=WORD.encode())
    lay(made, "partner.key", locked)
    before = made.control.state("cms1")["files"]
    cases: dict[str, tuple[str, dict[str, Any], str]] = {
        "Wrong word": ("pki_unlock", {"name": "partner.key", "passphrase": "{{ wrong }}"}, "was tried once"),
        "No key": ("pki_unlock", {"name": "old_ca.pem", "passphrase": "{{ word }}"}, "is not a private key"),
        "No file": ("pki_unlock", {"user": "jane", "passphrase": "{{ word }}"}, "no such file"),
        "Two dots": ("pki_selfsigned", {"base": "my.ca"}, "letters, digits and hyphens"),
        "In use": ("pki_selfsigned", {"base": "cms1_webadmin"}, "letters, digits and hyphens"),
        "No request": ("pki_sign", {"base": "none-g1", "ca": "cms1_webadmin"}, "none-g1.csr"),
    }
    tasks = [{name: {MODULES + module: args}} for name, (module, args, _said) in cases.items()]
    done = playbook(play(*tasks, ignore_errors=True), verbosity=4, extra={"wrong": WRONG})
    for name, (_module, _args, said) in cases.items():
        error = done.one(task=name)["error"]
        assert said in f"{error['object']} {error['reason']} {error['next_step']}", name
        assert error["next_step"]
    assert WRONG not in done.stdout
    assert made.control.state("cms1")["files"] == before
    assert [c for c in made.control.call("commands", node="cms1") if "unlock" in c] == ["pki unlock partner.key"]


def test_a_run_that_was_cut_off_finds_what_the_node_made(fleet: StartFleet, playbook: RunPlaybook) -> None:
    made = fleet("combined")
    made.control.call("set_fault", node="cms1", fault={"kind": "drop_after", "match": "pki selfsigned"})
    tasks = play({"CA": {MODULES + "pki_selfsigned": {"base": "dbca-g1", "common_name": "My company CA"}}})
    first = playbook(tasks)
    assert first.one(task="CA")["error"]["kind"] == "SessionLost"
    second = playbook(tasks)
    assert second.one(task="CA")["changed"] is False
    assert second.one(task="CA")["certificate"]["common_name"] == "My company CA"


def test_a_user_without_the_role_is_told_so(fleet: StartFleet, playbook: RunPlaybook) -> None:
    users = [{"name": "admin", "password": "Admin-Pass-1"}, {"name": "eve", "password": "Eve-Pass-1", "role": "audit"}]
    made = fleet("combined", users=users)
    lay(made, "partner.key", certs.key_pem(ec.generate_private_key(ec.SECP256R1()), passphrase=WORD.encode()))
    done = playbook(
        play(
            {"Unlock": {MODULES + "pki_unlock": {"name": "partner.key", "passphrase": "{{ word }}"}}},
            {"CA": {MODULES + "pki_selfsigned": {"base": "dbca-g1"}}},
            ignore_errors=True,
        ),
        extra={"ansible_user": "eve", "ansible_password": "Eve-Pass-1"},
    )
    for task in ("Unlock", "CA"):
        error = done.one(task=task)["error"]
        assert error["kind"] == "CommandFailed"
        assert "permission denied" in str(error)
