# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module certificate through real playbook runs; it needs no node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.certops.cms.plugins.plugin_utils._pki import csr, keys
from tests.integration.conftest import RunPlaybook

CERTIFICATE = "certops.cms.certificate"
PASSPHRASE = "lock-this-ca-well"
KEY = keys.generate_key("ecdsa")


def request(**fields: Any) -> str:
    options: dict[str, Any] = {"eku": (), "ku": (), **fields}
    return csr.build_csr(csr.Request.of({"CN": "core1.example.test"}, **options), KEY).decode()


def play(folder: Path, *tasks: dict[str, Any], **keywords: Any) -> list[dict[str, Any]]:
    variables = {
        "cms_state_dir": str(folder / "state"),
        "cms_issuer": "internal",
        "cms_issuers": {"internal": {"type": "own_ca"}},
        "cms_store_passphrase": PASSPHRASE,
    }
    return [
        {
            "name": "Play",
            "hosts": "localhost",
            "gather_facts": False,
            "vars": variables,
            "tasks": list(tasks),
            **keywords,
        }
    ]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_check_apply_check_apply(playbook: RunPlaybook, tmp_path: Path) -> None:
    options = {"csr": request(names=["join.example.test"]), "base": "callbridge-g1", "dest": str(tmp_path / "out")}
    tasks = play(
        tmp_path,
        {"name": "Issue", CERTIFICATE: {**options, "roles": ["server", "client"]}, "register": "issued"},
        {
            "name": "Check",
            "certops.cms.verify": {
                "certificate": "{{ issued.full_chain_pem }}",
                "roles": ["server", "client"],
                "host": ["core1.example.test", "join.example.test"],
                "digital_signature": True,
            },
            "when": "issued.pem != ''",
        },
    )
    results, states = [], []
    for check in (True, False, True, False):
        done = playbook(tasks, check=check, diff=True)
        assert done.rc == 0, done.stdout
        assert PASSPHRASE not in done.stdout
        results.append(done.one(task="Issue"))
        states.append(content(tmp_path / "out") | content(tmp_path / "state"))
        if not check:
            assert done.one(task="Check")["findings"] == []
    assert [result["changed"] for result in results] == [True, True, False, False]
    assert states[0] == {}
    assert states[1] == states[2] == states[3]
    assert results[1]["pem"] == results[3]["pem"]
    assert results[0]["issuer"]["will_create"] is True


def test_bad_input_writes_nothing(playbook: RunPlaybook, tmp_path: Path) -> None:
    good = {"csr": request(), "base": "callbridge-g1"}
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "Underscore": ({**good, "base": "call_bridge"}, "call_bridge"),
        "No request": ({**good, "csr": "nothing"}, "callbridge-g1"),
        "No issuer": ({**good, "issuer": "nobody"}, "nobody"),
        "Role that the request excludes": (
            {**good, "csr": request(eku=["serverAuth"]), "roles": ["client"]},
            "clientAuth",
        ),
        "No time": ({**good, "renew_before": "soon"}, "soon"),
    }
    tasks = [
        {"name": name, CERTIFICATE: {**args, "dest": str(tmp_path / "out")}} for name, (args, _said) in cases.items()
    ]
    done = playbook(play(tmp_path, *tasks, ignore_errors=True))
    for name, (_args, said) in cases.items():
        error = done.one(task=name)["error"]
        assert said in f"{error['object']} {error['reason']}"
        assert error["next_step"]
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "state").exists()
