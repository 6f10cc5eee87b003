# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The forms of the report: text, metrics, page. What names hold is harmless in each."""

from __future__ import annotations

import html.parser
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ansible_collections.certops.cms.plugins.plugin_utils._errors import ReportProblem
from ansible_collections.certops.cms.plugins.plugin_utils._report import as_text, drawing, forms
from tests.unit.plugins.plugin_utils.fleet.kit import NEW, OLD, entry_of, standard
from tests.unit.plugins.plugin_utils.report.kit import HOSTILE, QUOTES, healthy, report_on


@pytest.fixture(scope="module")
def broken() -> dict[str, Any]:
    fleet = standard(3, 2)
    fleet.give("core1", "callbridge", OLD, ends=-3)
    fleet.trust("edge1", "webbridge3", *NEW.pems)
    fleet.nodes["edge2"].unreachable = "no answer in time"
    return report_on(fleet)


@pytest.fixture(scope="module")
def hostile() -> dict[str, Any]:
    """A report in which whatever a node or a certificate names is out to do harm."""
    fleet = standard(2, 1, ca=NEW, ends=100)
    leaves = [
        OLD.issue(words.replace("\x00", ""), names=("core1.example.com",), ends=20 + number)
        for number, words in enumerate(HOSTILE)
    ]
    fleet.nodes["core1"].install("webadmin", "bad", leaves[HOSTILE.index(QUOTES)], OLD.pems)
    fleet.nodes["core1"].reboot()
    fleet.nodes["edge1"].unreachable = " ".join(HOSTILE)
    fleet.nodes["core2"].notices = list(HOSTILE)
    fleet.nodes["core2"].unknown_rows["callbridge"] = [[words, words] for words in HOSTILE]

    def edit(surveys: dict[str, dict[str, Any]]) -> None:
        surveys["core2"]["version"] = HOSTILE[0]
        surveys["core2"]["other_certificates"] = {
            words: {"certificates": [entry_of(leaf.pem)], "problems": []}
            for words, leaf in zip(HOSTILE, leaves, strict=True)
        }
        surveys["core2"]["api"]["alarms"] = [{"type": words, "details": {"failurereason": words}} for words in HOSTILE]
        surveys["core2"]["files"].update({words: {"kind": "certificate", "size": 1} for words in HOSTILE})

    return report_on(fleet, edit=edit)


# Text ----------------------------------------------------------------------------------------------------------------


def test_the_text_names_causes_first_and_lists_every_certificate(broken: dict[str, Any]) -> None:
    text = forms.render(broken, "text")
    assert text.index("Errors") < text.index("Warnings") < text.index("Certificates, the earliest end first")
    assert "core1: the certificate of callbridge expired on 2026-11-20; refused by edge1 and edge2" in text
    rows = text.split("Certificates, the earliest end first\n")[1].split("\n\n")[0].splitlines()
    columns = {line.index("core1.example.com") for line in rows if "core1.example.com" in line}
    assert len(columns) == 1, "columns are aligned"
    assert {"edge2  10.0.0.5           not read: no answer in time" in text} == {True}


def test_what_is_printed_is_styled_by_severity_and_has_no_colour_in_it(broken: dict[str, Any]) -> None:
    lines = as_text.summary(broken)
    assert ("Errors (4)", "error") in lines
    assert not [line for line, _style in lines if "\x1b" in line]


def test_a_fleet_in_order_says_so() -> None:
    report = report_on(healthy(1, 1))
    report["causes"] = []
    assert "Nothing is wrong." in forms.render(report, "text")


# Metrics -------------------------------------------------------------------------------------------------------------


def samples(report: dict[str, Any]) -> dict[str, list[Any]]:
    families = list(text_string_to_metric_families(forms.render(report, "prometheus")))
    assert len({family.name for family in families}) == len(families)
    found = {family.name: family.samples for family in families}
    series = [(s.name, tuple(sorted(s.labels.items()))) for family in families for s in family.samples]
    assert len(set(series)) == len(series), "a series stands there once"
    return found


def test_prometheus_reads_the_metrics(broken: dict[str, Any]) -> None:
    found = samples(broken)
    ends = {
        (s.labels["node"], s.labels["slot"], s.labels["how"]): s.value
        for s in found["certops_cms_certificate_not_after_timestamp_seconds"]
    }
    assert ends["core1", "callbridge", "served"] == 1795186800
    assert {s.labels["node"]: s.value for s in found["certops_cms_node_read"]}["edge2"] == 0
    assert [s.value for s in found["certops_cms_certificates_expired"]] == [1]
    assert {s.value for s in found["certops_cms_link_up"]} == {0}
    assert all(s.labels["fleet"] == "cms" for found_samples in found.values() for s in found_samples)


def test_names_of_metrics_follow_the_conventions(broken: dict[str, Any]) -> None:
    text = forms.render(broken, "prometheus")
    for name in re.findall(r"^# TYPE (\S+) gauge$", text, re.MULTILINE):
        assert re.fullmatch(r"certops_cms_[a-z_]+[a-z]", name)
        assert name.endswith("_timestamp_seconds") == ("timestamp" in name)
        assert f"# HELP {name} " in text


# The page ------------------------------------------------------------------------------------------------------------


class Outline(html.parser.HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def test_the_page_needs_nothing_from_elsewhere(broken: dict[str, Any]) -> None:
    page = forms.render(broken, "html")
    outline = Outline(page)
    assert len(outline.of("script")) == 1
    assert len(outline.of("style")) == 1
    assert not [tag for tag, _attrs in outline.tags if tag in ("img", "link", "iframe", "object", "embed", "base")]
    assert not [attrs for _tag, attrs in outline.tags if {"src", "style", "onload", "onclick"} & set(attrs)]
    assert {attrs["href"] for attrs in outline.of("a")} <= {"#certificates"}
    policy = next(a["content"] for a in outline.of("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_every_certificate_is_a_row_of_the_page(broken: dict[str, Any]) -> None:
    page = forms.render(broken, "html")
    for entry in broken["certificates"]:
        assert entry["sha256"] in page


def test_pictures_and_tables_have_words_for_who_cannot_see_them(broken: dict[str, Any]) -> None:
    outline = Outline(forms.render(broken, "html"))
    assert all(attrs.get("aria-label") for attrs in outline.of("svg"))
    assert all(attrs.get("role") == "img" for attrs in outline.of("svg"))
    assert outline.of("html")[0]["lang"] == "en"
    assert all(attrs.get("scope") == "col" for attrs in outline.of("th"))


# Hostile content -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", list(forms.FORMS))
def test_no_form_holds_what_a_terminal_obeys(hostile: dict[str, Any], form: str) -> None:
    text = forms.render(hostile, form)
    assert "red" in text, "the words are there"
    assert not [char for char in text if not char.isprintable() and char not in "\n\t"]


def test_the_page_has_no_tag_and_no_attribute_more_than_its_own(
    hostile: dict[str, Any], broken: dict[str, Any]
) -> None:
    page, plain = Outline(forms.render(hostile, "html")), Outline(forms.render(broken, "html"))
    assert len(page.of("script")) == 1
    assert {tag for tag, _attrs in page.tags} <= {tag for tag, _attrs in plain.tags} | {"details", "summary"}
    assert not [attrs for _tag, attrs in page.tags if any(name.startswith("on") for name in attrs)]
    assert "{{ 7 * 7 }}" in forms.render(hostile, "html"), "a template in a name stays text"


def test_metrics_of_hostile_names_can_be_read(hostile: dict[str, Any]) -> None:
    subjects = {s.labels["subject"] for s in samples(hostile)["certops_cms_certificate_not_after_timestamp_seconds"]}
    assert f"CN={QUOTES}" in {subject.replace("\\\\", "\\").replace('\\"', '"') for subject in subjects}


def test_json_keeps_what_was_there_in_ascii(hostile: dict[str, Any]) -> None:
    text = forms.render(hostile, "json")
    assert text.isascii()
    assert json.loads(text) == hostile


# Files ---------------------------------------------------------------------------------------------------------------


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "made" / "report.txt"
    forms.write(str(path), "one\n")
    forms.write(str(path), "two\n")
    assert path.read_text() == "two\n"
    assert os.listdir(path.parent) == ["report.txt"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o133 == 0


def test_a_file_that_cannot_be_written_is_named_with_what_helps(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportProblem) as error:
        forms.write(str(tmp_path / "file" / "report.txt"), "text")
    assert "cms_report_dir" in error.value.next_step


# Pictures ------------------------------------------------------------------------------------------------------------


def test_a_picture_has_one_line_for_two_nodes_in_the_worst_state_of_their_links(broken: dict[str, Any]) -> None:
    (picture,) = drawing.clusters(broken)
    assert [node["name"] for node in picture["nodes"]] == ["core1", "core2", "core3", "edge1", "edge2"]
    assert [line["state"] for line in picture["lines"]].count("down") == 3
    assert picture["told"] == "3 down, 3 not known"
    assert [node["read"] for node in picture["nodes"]].count(False) == 1


def test_the_timeline_keeps_every_mark_on_its_side_of_today(broken: dict[str, Any]) -> None:
    line = drawing.timeline(broken)
    assert line is not None
    marks = [mark for lane in line["lanes"] for mark in lane["marks"]]
    assert sum(mark["count"] for mark in marks) == broken["summary"]["certificates_in_use"]
    for mark in marks:
        assert line["left"] <= mark["x"] <= line["right"]
        assert (mark["x"] < line["now"]) == (mark["state"] == "expired")
        assert (mark["x"] < line["soon"]) == (mark["state"] in ("expired", "soon"))
