# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as people see it: every command, what it replaces, why, and what it costs; and what became of it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._findings import ERROR, REMARK, Finding
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import outcome, render
from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, OLD, Fleet, standard


def sections(plan: dict[str, Any]) -> dict[str, dict[str, list[str]]]:
    """The text of each round by its name, and in it the lines of each node."""
    found: dict[str, dict[str, list[str]]] = {}
    nodes: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in render.text(plan):
        if line[:1].isdigit():
            nodes = found.setdefault(line.partition(". ")[2].partition(":")[0], {})
        elif line.startswith("   ") and not line.startswith("    "):
            lines = nodes.setdefault(line.strip(), [])
        else:
            lines.append(line)
    return found


@pytest.fixture
def plan() -> dict[str, Any]:
    return standard().plan(accepted_anchors=CONSENT)


class TestText:
    def test_the_first_line_says_how_much_it_is(self, plan: dict[str, Any]) -> None:
        assert render.text(plan)[0] == (
            f"Plan {plan['id']} (site, fleet cms): 5 nodes, 12 new certificates, 5 trust settings changed, 12 restarts"
        )

    def test_every_command_stands_once_with_its_node_and_in_the_order_it_is_sent(self, plan: dict[str, Any]) -> None:
        shown = sections(plan)
        for entry in plan["rounds"]:
            for host, batches in entry["batches"].items():
                text = [line.partition("  #")[0].strip() for line in shown[entry["name"]][host]]
                sent = [
                    command
                    for batch in batches
                    for step in batch["steps"]
                    for command in (step.get("commands") or [step.get("command")])
                    if command
                ]
                assert [line for line in text if line in sent] == sent
                uploads = [f"upload {s['file']}" for b in batches for s in b["steps"] if s["kind"] == "upload"]
                assert [line for line in text if line.startswith("upload ")] == uploads

    def test_what_is_replaced_is_shown_with_subject_issuer_and_end(self, plan: dict[str, Any]) -> None:
        lines = sections(plan)["switch"]["core1"]
        place = next(i for i, line in enumerate(lines) if "callbridge certs" in line)
        assert "replaces core1-callbridge.key core1-callbridge.crt core1-callbridge-bundle.crt" in lines[place + 1]
        assert "CN=core1.example.com, issued by CN=Old Root, ends 2026-12-02" in lines[place + 2]

    def test_what_comes_is_shown_before_and_after(self, plan: dict[str, Any]) -> None:
        text = "\n".join(render.text(plan))
        for identity in plan["identities"]:
            block = text.split(f"   {identity['id']} as {identity['base']}")[1].split("\n   core")[0]
            assert f"now   {identity['before']['subject']}, issued by CN=Old Root, ends 2026-12-02" in block
            assert "issued by internal, ends 200 days after issue" in block
            assert "why   expires on 2026-12-02, in 9 days; moves to the issuer internal, as consented" in block

    def test_costs_stand_at_each_restart_and_at_the_end(self, plan: dict[str, Any]) -> None:
        assert any(
            "callbridge restart" in line and "all calls on this Call Bridge drop" in line
            for line in sections(plan)["switch"]["core1"]
        )
        text = "\n".join(render.text(plan))
        assert "   core1: callbridge 1 restart, webadmin 1 restart; calls up now: 0" in text
        assert "   edge1: turn 1 restart, webbridge3 2 restarts" in text

    def test_s17_those_outside_the_fleet_are_listed_at_the_end(self, plan: dict[str, Any]) -> None:
        text = " ".join(" ".join(render.text(plan)).split())
        assert "must trust the new CA before the switch: Meeting Management, TMS" in text

    def test_the_other_ends_of_links_are_named(self, plan: dict[str, Any]) -> None:
        assert "      prove: C2W is up again with edge1, edge2" in sections(plan)["switch"]["core1"]
        assert "      prove: C2W is up again with core1, core2, core3" in sections(plan)["widen"]["edge1"]

    def test_a_node_that_is_its_own_other_end_is_named(self) -> None:
        fleet = Fleet(OLD)
        fleet.add("all1", ("webadmin", "callbridge", "webbridge3"))
        fleet.cluster(["all1"], ["all1"])
        assert any(line.endswith("C2W is up again with all1") for line in render.text(fleet.plan(kit.RENEW)))

    def test_lines_fit_a_wide_screen(self, plan: dict[str, Any]) -> None:
        assert max(map(len, render.text(plan))) <= 120
        refused = render.text(standard().plan())
        assert max(map(len, refused)) <= 120

    def test_waves_are_told_as_a_pace(self) -> None:
        fleet = Fleet(OLD)
        for letter in "ab":
            fleet.add(f"{letter}core1", ("webadmin", "callbridge"))
            fleet.add(f"{letter}edge1", ("webbridge3",))
            fleet.cluster([f"{letter}core1"], [f"{letter}edge1"])
        text = "\n".join(render.text(fleet.plan(kit.RENEW)))
        assert "at most 2 nodes at a time, no two of them linked" in text

    def test_errors_come_first_with_source_and_next_step(self) -> None:
        fleet = standard()
        fleet.nodes["edge2"].unreachable = "wrong password"
        lines = render.text(fleet.plan(accepted_anchors=CONSENT))
        assert lines[0].endswith("(site, fleet cms): refused because of 1 error; nothing will be changed")
        assert lines[2] == "Errors:"
        assert lines[3] == "  edge2: could not be read: wrong password  [node-not-surveyed, rule S19]"
        assert lines[4].startswith("    -> ")
        assert any(line.startswith("Blocked by these errors, nothing will be changed on: core1,") for line in lines)

    def test_a_plan_that_is_blocked_in_part_says_so_in_its_first_line(self) -> None:
        fleet = Fleet(OLD)
        for letter in "ab":
            fleet.add(f"{letter}core1", ("webadmin", "callbridge"))
            fleet.add(f"{letter}edge1", ("webbridge3",))
            fleet.cluster([f"{letter}core1"], [f"{letter}edge1"])
        fleet.nodes["aedge1"].unreachable = "timed out"
        assert render.text(fleet.plan(kit.RENEW))[0].endswith(", 3 restarts; 2 nodes blocked by errors")

    def test_cured_faults_stand_apart_without_a_next_step(self) -> None:
        fleet = standard(issuer=OLD, ends=-2)
        lines = render.text(fleet.plan(kit.RENEW))
        place = lines.index("Cured by this plan:")
        assert "Errors:" not in lines
        assert "->" not in "".join(lines[place : lines.index("", place)])

    def test_what_is_left_out_is_said(self) -> None:
        text = "\n".join(render.text(standard().plan(accepted_anchors=CONSENT, skipped=["edge2"])))
        assert "Left out on purpose (cms_skip_nodes), their links are not judged: edge2" in text

    def test_nothing_to_do_is_one_line_that_says_what_ends_first(self) -> None:
        fleet = standard(issuer=OLD, ends=150)
        fleet.give("core2", "webadmin", OLD, ends=100)
        plan = fleet.plan(kit.RENEW)
        (line,) = render.text(plan)
        assert line.endswith(
            "nothing to do on 5 nodes. The first certificate to end is that of core2 webadmin, on 2027-03-03."
        )

    def test_what_an_earlier_run_issued_is_shown_where_it_is_assigned(self) -> None:
        fleet = standard(issuer=OLD)
        plan = fleet.plan(kit.RENEW)
        for _node, what in fleet.carry_out(plan):
            if what.startswith("callbridge certs"):
                break
        lines = sections(fleet.plan(kit.RENEW))["switch"]["core1"]
        text = "\n".join(lines)
        assert "with     CN=core1.example.com, issued by CN=Old Root, ends 2027-06-11 (stored by an earlier" in text
        assert "with     CN=core1.example.com, issued by CN=Old Root, ends 2027-06-11 (issued by an earlier" in text
        assert "replaces core1-callbridge.key" in text
        assert "did not see the restart" in text

    def test_the_same_plan_gives_the_same_text(self) -> None:
        fleet = standard()
        first, second = (render.text(fleet.plan(accepted_anchors=CONSENT)) for _again in range(2))
        assert first == second


class TestWhatNodesAndCertificatesSay:
    """Every text of a plan that can come from outside, with what a terminal obeys in it."""

    EVIL = "x\x1b[2J\r\nForged plan: nothing to do\x9b31m\u202e"

    def poisoned(self, data: Any, *keep: str) -> Any:
        """Give a copy with the evil text in every value that is not a word of the planner's own."""
        if isinstance(data, dict):
            return {key: value if key in keep else self.poisoned(value, *keep) for key, value in data.items()}
        if isinstance(data, list):
            return [self.poisoned(value, *keep) for value in data]
        return data + self.EVIL if isinstance(data, str) else data

    # Words that the renderer looks things up by.
    WORDS = ("id", "kind", "name", "severity", "section", "hosts", "proof", "slot", "where", "type", "resume")

    def test_no_line_of_the_text_holds_anything_but_text(self, plan: dict[str, Any]) -> None:
        lines = render.text(self.poisoned(plan, *self.WORDS))
        assert len(lines) > 50
        assert all(line.isprintable() for line in lines)
        assert not any(line.startswith("Forged") for line in lines)
        assert any(r"\x1b[2J\r\nForged" in line for line in lines)

    def test_nor_does_the_diff(self, plan: dict[str, Any]) -> None:
        for entry in render.diff(self.poisoned(plan, *self.WORDS)):
            for side in ("before", "after"):
                assert all(line.isprintable() for line in entry[side].split("\n"))
                assert "\nForged" not in entry[side]

    def test_nor_does_the_outcome(self) -> None:
        row = {"node": "core1", "slot": "turn", "before": "none", "after": "?", "proof": "proven"}
        (head, _rule, line) = outcome.table([{key: value + self.EVIL for key, value in row.items()}])
        assert head.isprintable()
        assert line.isprintable()
        assert "proven" in line
        assert r"\x1b[2J" in line


class TestDiff:
    def test_settings_before_and_after_stand_against_each_other(self, plan: dict[str, Any]) -> None:
        by_node = {entry["before_header"]: entry for entry in render.diff(plan)}
        core = by_node["core1 (now)"]
        assert core["after_header"] == "core1 (planned)"
        assert core["before"].splitlines() == [
            "callbridge c2w trust: callbridge-old-trust.pem",
            "callbridge: core1-callbridge.key core1-callbridge.crt core1-callbridge-bundle.crt",
            "webadmin: core1-webadmin.key core1-webadmin.crt core1-webadmin-bundle.crt",
        ]
        assert core["after"].splitlines() == [
            "callbridge c2w trust: callbridge-c2w-trust-g1.pem",
            "callbridge: callbridge-g1.key callbridge-g1.crt callbridge-g1-bundle.crt",
            "webadmin: webadmin-g1.key webadmin-g1.crt webadmin-g1-bundle.crt",
        ]
        assert len(by_node) == 5

    def test_nothing_to_do_is_no_diff(self) -> None:
        assert render.diff(standard(issuer=OLD, ends=150).plan()) == []


class TestOutcome:
    def test_what_was_proven_and_what_was_not_done_stand_in_one_table(self, plan: dict[str, Any]) -> None:
        evidence = {
            "edge1/widen/webbridge3": {"links": {"a": "proven", "b": "assigned, not proven"}, "slots": {}},
            "core1/switch/callbridge": {
                "links": {},
                "slots": {"callbridge": {"state": "proven", "not_after": "2027-06-11T15:00:00Z"}},
            },
        }
        rows = {(row["node"], row["slot"]): row for row in outcome.rows(plan, evidence)}
        assert rows["core1", "callbridge"]["before"] == "2026-12-02"
        assert rows["core1", "callbridge"]["after"] == "2027-06-11"
        assert rows["core1", "callbridge"]["proof"] == "proven"
        assert rows["core1", "webadmin"]["proof"] == "not done"
        assert rows["core1", "webadmin"]["after"] == "2026-12-02"
        assert rows["edge1", "webbridge3 c2w trust"]["proof"] == "1 of 2 links proven"
        assert rows["edge2", "webbridge3 c2w trust"]["proof"] == "not done"
        table = outcome.table(list(rows.values()))
        assert table[0].split() == ["node", "service", "ended", "ends", "now", "proof"]
        assert len(table) == len(rows) + 2


def test_a_remark_that_many_nodes_share_is_told_once_and_an_error_for_each(plan: dict[str, Any]) -> None:
    shared = [("core1", "a row"), ("core2", "a row"), ("core3", "another row")]
    remarks = [Finding(REMARK, "unknown-row", "S8", node, f"shows {row}", "report it") for node, row in shared]
    errors = [Finding(ERROR, "unreachable", "S1", node, "did not answer", "look") for node in ("core1", "core2")]
    lines = render.text({**plan, "findings": [one.as_dict() for one in [*errors, *remarks]]})
    assert "  core1, core2: shows a row  [unknown-row, rule S8]" in lines
    assert "  core3: shows another row  [unknown-row, rule S8]" in lines
    assert "  core1: did not answer  [unreachable, rule S1]" in lines
    assert "  core2: did not answer  [unreachable, rule S1]" in lines
