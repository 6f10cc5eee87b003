# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module pki_file on a simulated node."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from ansible_collections.certops.cms.plugins.plugin_utils._pki import keys
from tests.integration.conftest import RunPlaybook, StartFleet
from tests.unit.plugins.plugin_utils.pki.making import pem, root

PKI_FILE = "certops.cms.pki_file"
PASSPHRASE = "open-this-key"
ROOT = root()
SUB = ROOT.sub_ca()
LEAF = SUB.issue()


def play(*tasks: dict[str, Any], **keywords: Any) -> list[dict[str, Any]]:
    variables = {"ansible_connection": "certops.cms.mmp", "key_passphrase": PASSPHRASE}
    return [
        {"name": "Play", "hosts": "cms", "gather_facts": False, "vars": variables, "tasks": list(tasks), **keywords}
    ]


def sources(folder: Path) -> dict[str, str]:
    """Write what the tests upload, and give the paths by name."""
    contents = {
        "leaf": pem(LEAF),
        "der": LEAF.cert.public_bytes(serialization.Encoding.DER),
        "bundle": pem(SUB, ROOT),
        "reversed": pem(ROOT, SUB),
        "blank": pem(SUB) + b"\n" + pem(ROOT),
        "locked": keys.serialise_encrypted(LEAF.key, PASSPHRASE),
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return {name: str(folder / name) for name in contents}


@pytest.mark.every_dialect
def test_check_apply_check_apply(fleet: StartFleet, playbook: RunPlaybook, tmp_path: Path) -> None:
    simulated = fleet("combined")
    given = sources(tmp_path)
    before = simulated.control.state("cms1")["files"]
    old = next(name for name in before if name.endswith(".crt"))
    fetched = tmp_path / "fetched"
    tasks = play(
        {"name": "Certificate", PKI_FILE: {"name": "cb-g2.crt", "src": given["leaf"]}},
        {"name": "Bundle", PKI_FILE: {"name": "cb-g2-bundle.crt", "src": given["bundle"], "kind": "bundle"}},
        {
            "name": "Key",
            PKI_FILE: {"name": "cb-g2.key", "src": given["locked"], "passphrase": "{{ key_passphrase }}"},
        },
        {"name": "Fetch", PKI_FILE: {"name": old, "state": "fetched", "dest": f"{fetched}/"}},
        {"name": "Gone", PKI_FILE: {"name": "never-there.crt", "state": "absent"}},
    )
    changed = []
    for check in (True, False, True, False):
        done = playbook(tasks, check=check, diff=True, verbosity=4 if check else 0)
        assert done.rc == 0, done.stdout
        assert PASSPHRASE not in done.stdout
        changed.append([done.one(task=task)["changed"] for task in ("Certificate", "Bundle", "Key", "Fetch", "Gone")])
    assert changed == [[True, True, True, True, False]] * 2 + [[False] * 5] * 2
    after = simulated.control.state("cms1")["files"]
    assert set(after) - set(before) == {"cb-g2.crt", "cb-g2-bundle.crt", "cb-g2.key"}
    assert after["cb-g2.crt"]["sha256"] == hashlib.sha256(pem(LEAF)).hexdigest()
    assert after["cb-g2.key"]["sha256"] == hashlib.sha256(keys.serialise_plain(LEAF.key)).hexdigest()
    assert hashlib.sha256((fetched / old).read_bytes()).hexdigest() == before[old]["sha256"]
    removal = play({"name": "Remove", PKI_FILE: {"name": "cb-g2.crt", "state": "absent"}})
    assert [playbook(removal, check=check).changed for check in (True, False, False)] == [1, 1, 0]
    assert "cb-g2.crt" not in simulated.control.state("cms1")["files"]


def test_bad_input_changes_nothing(fleet: StartFleet, playbook: RunPlaybook, tmp_path: Path) -> None:
    simulated = fleet("combined")
    given = sources(tmp_path)
    before = simulated.control.state("cms1")
    crt = next(name for name, entry in before["files"].items() if name.endswith(".crt") and entry["used_by"])
    key = next(name for name, entry in before["files"].items() if name.endswith(".key") and entry["used_by"])
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "Extension": ({"name": "cb.txt", "src": given["leaf"]}, "'txt'"),
        "Two dots": ({"name": "c.b.crt", "src": given["leaf"]}, "exactly one dot"),
        "Underscore": ({"name": "c_b.crt", "src": given["leaf"]}, "'_'"),
        "Encrypted key": ({"name": "cb-g2.key", "src": given["locked"]}, "encrypted"),
        "DER": ({"name": "cb-g2.crt", "src": given["der"]}, "DER"),
        "Wrong order": ({"name": "cb-g2.pem", "src": given["reversed"], "kind": "bundle"}, "wrong order"),
        "Blank lines": ({"name": "cb-g2.pem", "src": given["blank"], "kind": "bundle"}, "blank lines"),
        "Overwrite": ({"name": crt, "src": given["leaf"], "force": True}, "never replaced (S3)"),
        "Remove": ({"name": key, "state": "absent"}, "never removed (S3)"),
        "Fetch a key": ({"name": key, "state": "fetched", "dest": str(tmp_path / "stolen")}, "S4"),
    }
    done = playbook(
        play(*({"name": name, PKI_FILE: args} for name, (args, _said) in cases.items()), ignore_errors=True)
    )
    for name, (_args, said) in cases.items():
        error = done.one(task=name)["error"]
        assert said in error["reason"], name
        assert error["object"]
        assert error["next_step"]
    assert simulated.control.state("cms1")["files"] == before["files"]
    assert not (tmp_path / "stolen").exists()


def test_an_upload_that_is_cut_short_is_noticed(fleet: StartFleet, playbook: RunPlaybook, tmp_path: Path) -> None:
    control = fleet("combined").control
    given = sources(tmp_path)
    control.call("set_fault", node="cms1", fault={"kind": "cut_upload", "match": "cb-g2.crt"})
    done = playbook(play({"name": "Upload", PKI_FILE: {"name": "cb-g2.crt", "src": given["leaf"]}}))
    error = done.one(task="Upload")["error"]
    assert error["kind"] in ("FileProblem", "SessionLost")
    assert "cb-g2.crt" in error["object"]
