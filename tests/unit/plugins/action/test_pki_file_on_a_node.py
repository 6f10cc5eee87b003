# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module pki_file on simulated nodes that do not always show what they run (S3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugins.action.acting import act
from tests.unit.plugins.plugin_utils.engine.rollout import Rollout
from tests.unit.plugins.plugin_utils.pki.making import pem, root

CERTIFICATE = pem(root().issue())
GROUPS = {"group_names": ["cms", "cms_callbridge"]}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    with Rollout(tmp_path_factory.mktemp("nodes")) as made:
        yield made


@pytest.fixture
def fleet(running: Rollout) -> Iterator[Rollout]:
    yield running
    running.control.clear_faults("all")
    running.control.set_switch("all", "dialect", "default")


def act_on(fleet: Rollout, args: dict[str, Any], variables: dict[str, Any] | None = None) -> dict[str, Any]:
    with fleet.session("core1") as session:
        result: dict[str, Any] = act("pki_file", args, session, variables=variables)
    return result


def named_by_callbridge(fleet: Rollout) -> str:
    with fleet.session("core1") as session:
        shown = session.show("callbridge")
    return next(line.split()[-1] for line in shown.splitlines() if line.startswith("Certificate file"))


@pytest.mark.parametrize("text", ["busy", "unknown command"])
@pytest.mark.parametrize("lasts", [1, 0], ids=["for a moment", "for good"])
@pytest.mark.parametrize("state", ["absent", "present"])
def test_s3_a_file_is_not_touched_when_the_display_that_names_it_fails(
    fleet: Rollout, tmp_path: Path, text: str, lasts: int, state: str
) -> None:
    file = named_by_callbridge(fleet)
    before = fleet.control.state("core1")["files"][file]
    given = {"content": CERTIFICATE.decode(), "force": True} if state == "present" else {}
    fault = {"kind": "failure_line", "match": "/^callbridge$/", "text": text, "count": lasts}
    fleet.control.set_fault("core1", fault)
    result = act_on(fleet, {"name": file, "state": state, **given}, GROUPS)
    assert result["failed"] is True
    assert result["error"]["kind"] == "NotUnderstood"
    assert result["error"]["object"] == "core1 callbridge"
    assert text in result["msg"]
    assert "run 'callbridge' by hand" in result["error"]["next_step"]
    assert fleet.control.state("core1")["files"][file] == before


def test_s3_a_service_that_no_group_names_is_looked_at_twice(fleet: Rollout) -> None:
    file = named_by_callbridge(fleet)
    fault = {"kind": "failure_line", "match": "/^callbridge$/", "text": "unknown command"}
    fleet.control.set_fault("core1", fault)
    result = act_on(fleet, {"name": file, "state": "absent"})
    assert "is named by callbridge" in result["msg"]
    fleet.control.set_fault("core1", {**fault, "text": "busy", "count": 0})
    result = act_on(fleet, {"name": file, "state": "absent"})
    assert "does not say that it lacks it either" in result["msg"]
    assert file in fleet.control.state("core1")["files"]


@pytest.mark.parametrize("position", ["plain_line", "failure_line", "usage"])
def test_services_that_a_node_lacks_are_in_nobodys_way(fleet: Rollout, position: str) -> None:
    fleet.control.set_switch("all", "unknown_command", position)
    args = {"name": "unused.crt", "content": CERTIFICATE.decode()}
    assert act_on(fleet, args, GROUPS)["changed"] is True
    assert act_on(fleet, {"name": "unused.crt", "state": "absent"}, GROUPS)["changed"] is True
    assert "unused.crt" not in fleet.control.state("core1")["files"]
