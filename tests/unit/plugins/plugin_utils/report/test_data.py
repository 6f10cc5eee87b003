# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is in the report: every certificate, where it is, who uses it, what verifies it; and the form of the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._report import compose
from ansible_collections.certops.cms.plugins.plugin_utils._report.words import uses
from tests.unit.plugins.plugin_utils.fleet.kit import NEW, OLD, entry_of, fingerprint, standard
from tests.unit.plugins.plugin_utils.report.kit import healthy, report_on

ROOT = Path(__file__).resolve().parents[5]
SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())


def broken() -> dict[str, Any]:
    """A report with something in each of its parts."""
    fleet = standard(3, 2)
    fleet.give("core1", "callbridge", OLD, ends=-3)
    fleet.trust("edge1", "webbridge3", *NEW.pems)
    fleet.nodes["edge2"].unreachable = "no answer in time"
    fleet.nodes["core2"].put("old.crt", "certificate", OLD.pems[0])
    unused = NEW.issue("gone.example.com", ends=40)

    def edit(surveys: dict[str, dict[str, Any]]) -> None:
        surveys["core2"]["other_certificates"] = {
            "old.crt": {"certificates": [entry_of(unused.pem)], "problems": []},
            "odd.pem": {"certificates": [], "problems": ["not read"]},
        }
        surveys["core3"]["api"]["alarms"] = [{"type": "odd", "details": {}}]

    return report_on(fleet, edit=edit, fail_on=compose.FAIL_ON)


@pytest.mark.parametrize("made", [broken, lambda: report_on(healthy()), lambda: report_on(healthy(1, 0))])
def test_a_report_is_as_its_schema_says_and_survives_json(made: Any) -> None:
    report = made()
    assert json.loads(json.dumps(report)) == report
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(report, SCHEMA)


def test_the_schema_is_of_the_version_that_is_written() -> None:
    assert SCHEMA["properties"]["schema"]["const"] == compose.SCHEMA


def test_the_schema_names_every_key_there_is() -> None:
    """A key that nobody described is a promise nobody made."""
    report = broken()
    for part in ("certificates", "causes", "links", "nodes"):
        described = set(SCHEMA["properties"][part]["items"]["properties"])
        assert {key for entry in report[part] for key in entry} == described, part
    assert set(report) == set(SCHEMA["properties"])


def certificate(report: dict[str, Any], pem: str) -> dict[str, Any]:
    return next(entry for entry in report["certificates"] if entry["sha256"] == fingerprint(pem))


def test_a_leaf_says_who_uses_it_with_which_key_and_who_verifies_it_by_what() -> None:
    fleet = healthy(2, 1)
    leaf = certificate(report_on(fleet), fleet.nodes["edge1"].running["webbridge3_c2w"][0])
    assert leaf["used_by"] == [
        {"node": "edge1", "slot": "webbridge3_c2w", "served": True, "key": "edge1-webbridge3-c2w.key"}
    ]
    assert [entry["node"] for entry in leaf["verified_by"]] == ["core1", "core2"]
    first = leaf["verified_by"][0]
    assert (first["service"], first["trust"], first["file"]) == ("callbridge", "c2w", "callbridge-old-trust.pem")
    assert first["trusted"] is True
    assert first["by"] == ["CN=New Root"]
    assert (leaf["days_left"], leaf["state"]) == (100, "valid")


def test_a_certificate_of_a_ca_says_every_chain_and_trust_it_is_in() -> None:
    root = certificate(report_on(healthy(2, 1)), NEW.pems[-1])
    assert root["ca"]
    assert root["in_use"]
    assert root["used_by"] == []
    trusts = [(p["node"], p["service"], p["file"]) for p in root["places"] if p["how"] == "trust"]
    assert trusts == [
        ("core1", "callbridge", "callbridge-old-trust.pem"),
        ("core2", "callbridge", "callbridge-old-trust.pem"),
        ("edge1", "webbridge3", "webbridge3-old-trust.pem"),
    ]
    assert {p["slot"] for p in root["places"] if p["how"] == "chain"} >= {"callbridge", "turn"}


def test_certificates_nobody_uses_are_listed_and_count_for_nothing() -> None:
    report = broken()
    (unused,) = [entry for entry in report["certificates"] if not entry["in_use"]]
    assert unused["common_name"] == "gone.example.com"
    assert unused["places"] == [{"node": "core2", "how": "file", "file": "old.crt"}]
    assert report["summary"]["certificates"] == report["summary"]["certificates_in_use"] + 1


def test_the_earliest_end_comes_first_and_is_named() -> None:
    report = broken()
    ends = [entry["not_after"] for entry in report["certificates"]]
    assert ends == sorted(ends)
    assert report["summary"]["next_end"]["days_left"] == 9
    assert report["summary"]["expired"] == 1


def test_links_of_a_node_that_was_not_read_are_not_known() -> None:
    report = broken()
    assert {link["state"] for link in report["links"] if "edge2" in (link["verifier"], link["presenter"])} == {
        "unknown"
    }
    assert {
        entry["trusted"] for c in report["certificates"] for entry in c["verified_by"] if entry["node"] == "edge2"
    } == {None}


def test_links_are_up_when_the_api_says_so_and_unproven_where_only_certificates_speak_for_them() -> None:
    fleet = healthy(1, 1)
    assert {link["state"] for link in report_on(fleet)["links"]} == {"up"}
    fleet.nodes["core1"].api = "unavailable"
    assert {link["state"] for link in report_on(fleet)["links"]} == {"unproven"}


@pytest.mark.parametrize(
    ("fail_on", "because"),
    [
        ((), []),
        (("expired",), ["1 expired certificate"]),
        (("soon",), ["8 certificates that end within 14 days"]),
        (("unread",), ["1 node that could not be read"]),
    ],
)
def test_a_run_fails_because_of_what_its_user_named(fail_on: tuple[str, ...], because: list[str]) -> None:
    fleet = standard(3, 2)
    fleet.give("core1", "callbridge", OLD, ends=-3)
    fleet.nodes["edge2"].unreachable = "no answer in time"
    verdict = report_on(fleet, fail_on=fail_on)["verdict"]
    assert verdict == {"fail_on": list(fail_on), "fails": bool(because), "because": because}


def test_a_healthy_fleet_fails_for_nothing() -> None:
    assert report_on(healthy(), fail_on=compose.FAIL_ON)["verdict"]["because"] == []


def test_the_same_input_gives_the_same_report() -> None:
    fleet = standard(3, 2)
    assert report_on(fleet) == report_on(fleet)


def test_what_is_assigned_and_not_live_says_so() -> None:
    fleet = healthy(1, 1)
    later = fleet.give("core1", "webadmin", NEW, base="later", ends=90, start=False)
    report = report_on(fleet)
    (place,) = certificate(report, later.pem)["places"]
    assert place["live"] is False
    assert uses(certificate(report, later.pem)) == [("core1", "webadmin (assigned only)")]
    shown = certificate(report, fleet.nodes["core1"].running["webadmin"][0])
    assert uses(shown) == [("core1", "webadmin (served only)")]
