# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action report: where its files go, what makes a run fail, and that it neither waits nor writes anything else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._fleet.lock import FleetLock, owner_of
from tests.unit.plugins.action.acting import act
from tests.unit.plugins.plugin_utils.fleet.kit import NEW, Fleet, standard

FORMS = {"text": "report.txt", "json": "report.json", "prometheus": "certops_cms.prom", "html": "report.html"}
NOW = "2026-11-23T15:00:00Z"


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    made = standard(1, 1, ca=NEW, ends=9)
    made.give("core1", "webadmin", NEW, ends=-3)
    return made


def variables(fleet: Fleet, folder: Path, **more: Any) -> dict[str, Any]:
    """What Ansible would hand to the action: groups, and each host with its registered survey."""
    given = fleet.given()
    hosts = {
        name: {
            **host.variables,
            "inventory_dir": str(folder),
            "cms_survey": {"survey": host.survey} if host.survey else {"unreachable": True, "msg": "no answer"},
        }
        for name, host in given.hosts.items()
    }
    groups = {"cms": list(hosts)}
    for name, host in given.hosts.items():
        for service in host.services:
            groups.setdefault(f"cms_{service}", []).append(name)
    return {"groups": groups, "hostvars": hosts, "inventory_hostname": "core1", **more}


def report(fleet: Fleet, folder: Path, check: bool = False, **args: Any) -> dict[str, Any]:
    own = {name: args.pop(name) for name in list(args) if name.startswith("cms_")}
    args = {"print": False, "now": NOW, "state_dir": str(folder / "state"), **args}
    return act("report", args, variables=variables(fleet, folder, **own), check=check)


def test_the_files_lie_beside_the_inventory_and_nothing_else_is_written(fleet: Fleet, tmp_path: Path) -> None:
    result = report(fleet, tmp_path)
    assert not result.get("failed"), result
    assert result["changed"] is False
    assert result["files"] == {form: str(tmp_path / "cms-report" / name) for form, name in FORMS.items()}
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {f"cms-report/{name}" for name in FORMS.values()}
    assert json.loads((tmp_path / "cms-report" / "report.json").read_text())["summary"] == result["summary"]


def test_a_second_report_changes_nothing_either(fleet: Fleet, tmp_path: Path) -> None:
    first = report(fleet, tmp_path)
    before = (tmp_path / "cms-report" / "report.html").read_text()
    assert report(fleet, tmp_path) == first
    assert (tmp_path / "cms-report" / "report.html").read_text() == before


def test_check_mode_makes_everything_and_writes_nothing(fleet: Fleet, tmp_path: Path) -> None:
    looked = report(fleet, tmp_path, check=True)
    assert list(tmp_path.iterdir()) == []
    assert {**report(fleet, tmp_path), "written": False} == looked


def test_a_report_is_made_beside_a_run_that_holds_the_lock(fleet: Fleet, tmp_path: Path) -> None:
    lock = FleetLock(str(tmp_path / "state"), owner_of(os.getpid()))
    lock.acquire("site")
    before = {path: path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()}
    result = report(fleet, tmp_path)
    assert not result.get("failed"), result
    assert {path: path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()} == before
    lock.release()


def test_options_and_their_variables_say_which_forms_go_where(fleet: Fleet, tmp_path: Path) -> None:
    prom = tmp_path / "collector" / "cms.prom"
    result = report(
        fleet,
        tmp_path,
        formats=["prometheus", "text"],
        cms_report_formats=["html"],
        cms_report_dir=str(tmp_path / "out"),
        cms_report_paths={"prometheus": str(prom), "html": str(tmp_path / "never.html")},
    )
    assert result["files"] == {"text": str(tmp_path / "out" / "report.txt"), "prometheus": str(prom)}
    assert prom.read_text().startswith("# HELP certops_cms_")
    assert not (tmp_path / "never.html").exists()


@pytest.mark.parametrize(
    ("fail_on", "fails"), [(["unread"], False), (["expired"], True), ("soon", True), ([], False), (None, True)]
)
def test_the_verdict_is_about_what_the_user_named(fleet: Fleet, tmp_path: Path, fail_on: Any, fails: bool) -> None:
    result = report(fleet, tmp_path, formats=["text"], **({} if fail_on is None else {"cms_report_fail_on": fail_on}))
    assert result["verdict"]["fails"] is fails


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("cms_report_soon", "many"),
        ("cms_report_soon", -1),
        ("cms_report_soon", True),
        ("cms_report_fail_on", ["everything"]),
        ("cms_report_fail_on", {"error": True}),
        ("cms_report_formats", ["pdf"]),
        ("cms_report_paths", ["/srv/report.html"]),
        ("cms_report_paths", {"pdf": "/srv/report.pdf"}),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_before_anything_is_written(
    fleet: Fleet, tmp_path: Path, variable: str, value: Any
) -> None:
    result = report(fleet, tmp_path, **{variable: value})
    assert result["failed"]
    assert result["error"]["object"] == variable
    assert result["error"]["next_step"]
    assert list(tmp_path.iterdir()) == []


def test_a_fleet_without_nodes_is_refused(tmp_path: Path) -> None:
    result = act("report", {"state_dir": str(tmp_path)}, variables={"groups": {"cms": []}, "hostvars": {}})
    assert result["failed"]
    assert "holds no host" in result["msg"]


def test_a_node_that_was_not_read_is_in_it(tmp_path: Path) -> None:
    fleet = standard(1, 1, ca=NEW, ends=100)
    fleet.nodes["edge1"].unreachable = "no answer"
    result = report(fleet, tmp_path, formats=["text"])
    assert result["summary"]["nodes_unread"] == 1
    assert "not read: no answer" in (tmp_path / "cms-report" / "report.txt").read_text()
