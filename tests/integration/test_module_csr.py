# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module csr on a simulated node and on the control node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._pki import csr, keys
from tests.integration.conftest import RunPlaybook, StartFleet

CSR = "certops.cms.csr"
PASSPHRASE = "lock-these-keys-well"
SUBJECT = {
    "common_name": "cms1.example.test",
    "organization": "Example Inc.",
    "organizational_unit": "Human Resources",
    "locality": "San Jose",
    "state_or_province": "New Jersey",
    "country": "US",
    "email": "pki@example.test",
    "names": ["cms1.example.test", "join.example.test", "10.0.0.1"],
}


def play(*tasks: dict[str, Any], **keywords: Any) -> list[dict[str, Any]]:
    variables = {"ansible_connection": "certops.cms.mmp", "cms_store_passphrase": PASSPHRASE}
    return [
        {"name": "Play", "hosts": "cms", "gather_facts": False, "vars": variables, "tasks": list(tasks), **keywords}
    ]


@pytest.mark.every_dialect
def test_check_apply_check_apply(fleet: StartFleet, playbook: RunPlaybook, tmp_path: Path) -> None:
    control = fleet("combined").control
    folder = tmp_path / "requests"
    on_control = {
        "where": "control",
        "dest": str(folder),
        "passphrase": "{{ cms_store_passphrase }}",
        "key_type": "ecdsa",
    }
    tasks = play(
        {"name": "On the node", CSR: {"base": "callbridge-g2", **SUBJECT}},
        {"name": "On the control node", CSR: {"base": "callbridge-g3", **SUBJECT, **on_control}},
    )
    seen = []
    for check in (True, False, True, False):
        done = playbook(tasks, check=check, diff=True)
        assert done.rc == 0, done.stdout
        assert PASSPHRASE not in done.stdout
        seen.append([done.one(task=task) for task in ("On the node", "On the control node")])
    assert [[result["changed"] for result in run] for run in seen] == [
        [True, True],
        [True, True],
        [False] * 2,
        [False] * 2,
    ]
    assert [result["csr"] for result in seen[0]] == ["", ""]
    assert [result["csr"] for result in seen[1]] == [result["csr"] for result in seen[3]]
    sent = [command for command in control.call("commands", node="cms1") if command.startswith("pki csr")]
    assert sent == [seen[0][0]["command"]]
    for result in seen[1]:
        info = csr.describe_csr(result["csr"])
        assert sorted(info["names"]) == sorted(SUBJECT["names"])
        assert "OU=Human Resources" in info["subject"]
        assert info["spki_sha256"] == result["spki_sha256"]
    locked = (folder / "callbridge-g3.key").read_bytes()
    assert keys.is_encrypted(locked)
    assert keys.key_matches(keys.load_key(locked, PASSPHRASE, "key"), csr.load_csr(seen[1][1]["csr"].encode()))


def test_bad_input_changes_nothing(fleet: StartFleet, playbook: RunPlaybook) -> None:
    control = fleet("combined").control
    one = {"common_name": "cms1.example.test"}
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "A dot": ({"base": "call.bridge", **one}, "call.bridge"),
        "An underscore": ({"base": "call_bridge", **one}, "call_bridge"),
        "A node cannot": ({"base": "callbridge-g2", "key_type": "ecdsa", **one}, "where: control"),
        "No name": ({"base": "callbridge-g2", "names": ["not a name"], **one}, "not a name"),
    }
    done = playbook(play(*({"name": name, CSR: args} for name, (args, _said) in cases.items()), ignore_errors=True))
    for name, (_args, said) in cases.items():
        error = done.one(task=name)["error"]
        assert said in f"{error['object']} {error['reason']} {error['next_step']}"
        assert error["next_step"]
    assert control.call("commands", node="cms1") == []


def test_s3_another_request_failure_and_silence(fleet: StartFleet, playbook: RunPlaybook) -> None:
    control = fleet("combined").control
    first = playbook(play({"name": "Make", CSR: {"base": "callbridge-g2", "common_name": "cms1.example.test"}}))
    assert first.rc == 0, first.stdout
    before = control.state("cms1")
    control.call(
        "set_fault", node="cms1", fault={"kind": "failure_line", "match": "pki csr webadmin", "text": "disk full"}
    )
    control.call("set_fault", node="cms1", fault={"kind": "silence", "match": "pki csr turn"})
    done = playbook(
        play(
            {"name": "Other name", CSR: {"base": "callbridge-g2", "common_name": "cms2.example.test"}},
            {"name": "Failing", CSR: {"base": "webadmin-g2", "common_name": "cms1.example.test"}},
            {
                "name": "Silent",
                CSR: {"base": "turn-g2", "common_name": "cms1.example.test"},
                "vars": {"ansible_mmp_long_timeout": 1},
            },
            ignore_errors=True,
        )
    )
    other, failing, silent = (done.one(task=task)["error"] for task in ("Other name", "Failing", "Silent"))
    assert "callbridge-g2.csr" in other["object"]
    assert "base: callbridge-g3" in other["next_step"]
    assert failing["kind"] == "CommandFailed"
    assert "FAILURE: disk full" in failing["transcript"]
    assert silent["kind"] == "NoPrompt"
    assert control.state("cms1")["files"] == before["files"]
