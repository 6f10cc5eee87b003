# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook report on a fleet that people and time have broken: every cause with its cure, in every form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.integration.estate import StartEstate, assert_untouched
from tests.integration.faulty import SMALL, break_it
from tests.integration.harness import Result

REPORT = "certops.cms.report"


def cause(report: dict[str, Any], rule: str) -> dict[str, Any]:
    """Give the one cause with this id."""
    found: list[dict[str, Any]] = [each for each in report["causes"] if each["rule"] == rule]
    assert len(found) == 1, [(each["rule"], each["nodes"]) for each in report["causes"]]
    return found[0]


def test_a_broken_fleet_is_diagnosed_and_nothing_is_touched(estate: StartEstate) -> None:
    made = estate(SMALL)
    break_it(made, silent="core2")
    since, state = made.now(), sorted(made.state.rglob("*"))
    result = made.run(REPORT, extra={"cms_report_fail_on": ["error", "unread"]})

    # It fails because somebody has to look, and only after everything is written.
    assert result.rc == 2, result.stdout
    failed = str(result.one(action="ansible.builtin.assert", status="failed")["msg"])
    assert "1 node that could not be read" in failed
    assert "report.txt" in failed

    # One login per node that answers, read only, beside whatever else runs: no lock, no journal, no plan.
    seen = made.seen(since)
    assert_untouched(seen)
    assert seen.logins == {"core1": 1, "edge1": 1, "edge2": 1}
    assert sorted(made.state.rglob("*")) == state

    folder = made.fleet.inventory.parent / "cms-report"
    assert sorted(path.name for path in folder.iterdir()) == [
        "certops_cms.prom",
        "report.html",
        "report.json",
        "report.txt",
    ]
    report = json.loads((folder / "report.json").read_text())
    assert cause(report, "node-not-surveyed")["nodes"] == ["core2"]
    refused = cause(report, "link-untrusted")
    assert refused["nodes"] == ["edge2"]
    assert "so it refuses callbridge of core1" in refused["found"]
    assert cause(report, "untrusted-self-signed")["nodes"] == ["edge1"]
    assert cause(report, "pair-does-not-match")["nodes"] == ["core1"]
    assert cause(report, "files-unused")["nodes"] == ["core1", "edge1"]
    _every_certificate_is_there(report)
    _every_form_says_it(folder, result)


def _every_certificate_is_there(report: dict[str, Any]) -> None:
    places = {
        (place["node"], place.get("slot") or place.get("trust") or place.get("file"), place["how"])
        for entry in report["certificates"]
        for place in entry["places"]
    }
    for node in ("edge1", "edge2"):
        for slot in ("webbridge3_https", "webbridge3_c2w", "turn"):
            assert (node, slot, "served") in places
            assert (node, slot, "assigned") in places
        assert (node, "c2w", "trust") in places
    assert ("core1", "gone.crt", "file") in places
    assert not [place for place in places if place[0] == "core2"]


def _every_form_says_it(folder: Path, result: Result) -> None:
    text = (folder / "report.txt").read_text()
    assert "edge2: webbridge3 c2w trust lacks" in text
    assert text.splitlines()[0] in result.stdout
    families = {f.name: f for f in text_string_to_metric_families((folder / "certops_cms.prom").read_text())}
    read = {sample.labels["node"]: sample.value for sample in families["certops_cms_node_read"].samples}
    assert read == {"core1": 1, "core2": 0, "edge1": 1, "edge2": 1}
    assert "webbridge3 c2w trust lacks" in (folder / "report.html").read_text()
