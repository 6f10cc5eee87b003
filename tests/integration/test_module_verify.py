# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module verify through real playbook runs, on files of the control node and of a simulated node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.certops.cms.plugins.plugin_utils._pki import keys
from tests.integration.conftest import RunPlaybook, StartFleet
from tests.unit.plugins.plugin_utils.pki.making import NOW, pem, root

VERIFY = "certops.cms.verify"
BOTH = ("serverAuth", "clientAuth")
ROOT = root()
SUB = ROOT.sub_ca()
LEAF = SUB.issue(eku=BOTH)


def play(*tasks: dict[str, Any], **keywords: Any) -> list[dict[str, Any]]:
    variables = {"ansible_connection": "certops.cms.mmp"}
    return [
        {"name": "Play", "hosts": "cms", "gather_facts": False, "vars": variables, "tasks": list(tasks), **keywords}
    ]


def test_files_of_the_node_are_checked_and_nothing_changes(fleet: StartFleet, playbook: RunPlaybook) -> None:
    control = fleet("combined").control
    before = control.state("cms1")["files"]
    crt, key, bundle = (
        next(name for name in before if "webadmin" in name and name.endswith(".crt")),
        next(name for name in before if "webadmin" in name and name.endswith(".key")),
        next(name for name in before if name.endswith(".pem")),
    )
    other = next(name for name in before if name.endswith(".key") and name != key)
    node = {"node": True, "certificate_file": crt, "chain_file": bundle}
    tasks = play(
        {"name": "Today", VERIFY: {**node, "key_file": key, "host": "cms1.example.test"}},
        {"name": "Later", VERIFY: {**node, "at": "+30d", "fail": False}},
        {"name": "Other name", VERIFY: {**node, "host": "join.example.test"}, "ignore_errors": True},
        {"name": "A key", VERIFY: {"node": True, "certificate_file": other}, "ignore_errors": True},
    )
    for check in (True, False):
        done = playbook(tasks, check=check)
        assert done.rc == 0, done.stdout
        assert done.changed == 0
        assert done.one(task="Today")["valid"] is True
        assert "certificate-expired" in [found["rule"] for found in done.one(task="Later")["findings"]]
        assert "join.example.test" in done.one(task="Other name")["error"]["reason"]
        assert "S4" in done.one(task="A key")["error"]["reason"]
    assert control.state("cms1")["files"] == before


def test_what_is_wrong_is_told_with_its_next_step(playbook: RunPlaybook, tmp_path: Path) -> None:
    (tmp_path / "other.key").write_bytes(keys.serialise_plain(ROOT.key))
    good = {"certificate": pem(LEAF).decode(), "chain": pem(SUB, ROOT).decode(), "at": NOW.isoformat()}
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "Key": ({"key_file": str(tmp_path / "other.key")}, "key-mismatch"),
        "Chain": ({"chain": pem(ROOT).decode()}, "chain-not-built"),
        "Usage": (
            {"certificate": pem(SUB.issue(eku=("serverAuth",))).decode(), "roles": ["client"]},
            "eku-client-missing",
        ),
        "Order": ({"chain": pem(ROOT, SUB).decode()}, "file-form"),
        "Blanks": ({"chain": (pem(SUB) + b"\n" + pem(ROOT)).decode()}, "file-form"),
        "Expired": ({"at": "2030-01-01T00:00:00Z"}, "certificate-expired"),
        "Name": ({"host": "edge1.example.com"}, "name-mismatch"),
    }
    tasks = [{"name": name, VERIFY: {**good, **change}} for name, (change, _rule) in cases.items()]
    local = play(*tasks, {"name": "Good", VERIFY: {**good, "roles": ["server", "client"]}}, ignore_errors=True)
    local[0].update(hosts="localhost", vars={})
    done = playbook(local)
    for name, (_change, rule) in cases.items():
        result = done.one(task=name)
        assert rule in [found["rule"] for found in result["findings"]], name
        assert result["error"]["next_step"]
        assert result["valid"] is False
    assert done.one(task="Good")["findings"] == []
