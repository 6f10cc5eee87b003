# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal: safe against kills, apart for each node, and never written by check mode."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._errors import JournalProblem
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import files
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.journal import KEEP_PLANS, KEEP_REPLACED, Journal

PLAN = "p-0123456789ab"
OTHER = "p-ba9876543210"
RECORD = {"plan": PLAN, "batch": "core1/switch/callbridge", "before": "old.pem", "command": "callbridge trust c2w x"}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path))


class TestRecords:
    def test_s15_a_stored_setting_is_pending_until_a_restart_is_seen(self, journal: Journal) -> None:
        journal.stored("core1", "callbridge", "trust:c2w", RECORD)
        journal.stored("core1", "callbridge", "slot:callbridge", RECORD)
        (first, second) = Journal(journal.state_dir).pending("core1")["callbridge"]
        assert (first["setting"], second["setting"]) == ("slot:callbridge", "trust:c2w")
        assert first["phase"] == "stored"
        journal.restarting("core1", "callbridge")
        assert {r["phase"] for r in journal.pending("core1")["callbridge"]} == {"restarting"}
        journal.restart_seen("core1", "callbridge", "it said so")
        assert journal.pending("core1") == {}

    def test_s15_what_is_stored_after_a_restart_began_waits_for_the_next(self, journal: Journal) -> None:
        journal.stored("core1", "callbridge", "slot:callbridge", RECORD)
        journal.restarting("core1", "callbridge")
        journal.stored("core1", "callbridge", "trust:c2w", RECORD)
        phases = {r["setting"]: r["phase"] for r in journal.pending("core1")["callbridge"]}
        assert phases == {"slot:callbridge": "restarting", "trust:c2w": "stored"}

    def test_s15_a_service_that_is_switched_off_before_anything_is_stored_is_noted_too(self, journal: Journal) -> None:
        journal.restarting("core1", "webadmin")
        (record,) = journal.pending("core1")["webadmin"]
        assert (record["setting"], record["phase"]) == ("restart", "restarting")

    def test_one_service_does_not_clear_another(self, journal: Journal) -> None:
        journal.stored("core1", "callbridge", "slot:callbridge", RECORD)
        journal.stored("core1", "webadmin", "slot:webadmin", RECORD)
        journal.stored("core2", "webadmin", "slot:webadmin", RECORD)
        journal.restart_seen("core1", "webadmin", "seen")
        assert set(journal.pending("core1")) == {"callbridge"}
        assert set(journal.pending("core2")) == {"webadmin"}

    def test_a_restart_that_nothing_waited_for_writes_nothing(self, journal: Journal) -> None:
        journal.restart_seen("core1", "webadmin", "seen")
        assert not os.path.exists(os.path.join(journal.state_dir, "journal"))

    def test_s16_what_was_added_to_a_trust_is_remembered(self, journal: Journal) -> None:
        journal.trust_added("edge1", "webbridge3", "c2w", ["bb"])
        journal.trust_added("edge1", "webbridge3", "c2w", ["aa", "bb"])
        assert journal.trusts_added("edge1") == {"webbridge3/c2w": ["aa", "bb"]}

    def test_s13_what_a_setting_was_before_outlives_the_restart(self, journal: Journal) -> None:
        for number in range(2, KEEP_REPLACED + 5):
            change = {"plan": PLAN, "rollout": 1, "files": f"g{number}", "before": f"g{number - 1}", "was": None}
            # Taken up again after a kill, it is one change.
            for _again in range(2):
                journal.stored("core1", "callbridge", "slot:callbridge", RECORD, change)
            journal.restart_seen("core1", "callbridge", "seen")
        known = Journal(journal.state_dir).replaced("core1")["callbridge/slot:callbridge"]
        assert len(known) == KEEP_REPLACED
        assert (known[-1]["before"], known[-1]["files"]) == (f"g{KEEP_REPLACED + 3}", f"g{KEEP_REPLACED + 4}")
        assert known[0]["before"] != known[1]["before"]
        # What is put back is no change that could be taken back.
        journal.stored("core1", "callbridge", "slot:callbridge", RECORD)
        assert journal.replaced("core1")["callbridge/slot:callbridge"] == known

    def test_a_rollout_has_one_number_until_it_came_to_its_end(self, journal: Journal) -> None:
        assert journal.last_rollout() is None
        assert [journal.begin_rollout(), Journal(journal.state_dir).begin_rollout()] == [1, 1]
        for _again in range(2):
            journal.end_rollout()
        assert journal.last_rollout() == 1
        assert journal.begin_rollout() == 2
        (Path(journal.state_dir) / "rollout.json").write_text('{"number": "many"}')
        with pytest.raises(JournalProblem) as failed:
            journal.begin_rollout()
        assert "cms_" not in failed.value.reason
        assert "move the file away" in failed.value.next_step

    def test_s13_what_was_made_is_remembered_until_it_is_removed(self, journal: Journal) -> None:
        journal.made("core1", ["b.key", "b.csr"])
        journal.made("core1", ["b.crt"])
        journal.removed("core1", ["b.csr"])
        assert journal.made_files("core1") == ["b.crt", "b.key"]


class TestBatches:
    def test_s5_a_batch_is_done_for_its_own_plan_only(self, journal: Journal) -> None:
        journal.save_plan({"id": PLAN})
        journal.done("core1", "core1/switch/callbridge", PLAN, {"slots": {}})
        assert journal.is_done(PLAN, "core1/switch/callbridge")
        assert not journal.is_done(OTHER, "core1/switch/callbridge")
        assert not journal.is_done(PLAN, "core2/switch/callbridge")
        journal.done("core1", "core1/switch/webadmin", OTHER, {})
        assert not journal.is_done(PLAN, "core1/switch/callbridge")

    def test_s5_what_an_earlier_run_of_the_same_plan_proved_counts_no_more(self, journal: Journal) -> None:
        journal.save_plan({"id": PLAN})
        journal.done("core1", "core1/switch/callbridge", PLAN, {})
        journal.save_plan({"id": PLAN})
        assert not journal.is_done(PLAN, "core1/switch/callbridge")

    def test_evidence_is_collected_over_all_nodes(self, journal: Journal) -> None:
        journal.done("core1", "core1/a", PLAN, {"n": 1})
        journal.done("core2", "core2/a", PLAN, {"n": 2})
        journal.done("core3", "core3/a", OTHER, {"n": 3})
        assert journal.evidence(PLAN) == {"core1/a": {"n": 1}, "core2/a": {"n": 2}}


class TestPlans:
    def test_a_plan_comes_back_as_it_was(self, journal: Journal) -> None:
        plan = {"id": PLAN, "rounds": [{"name": "widen", "waves": [1, 1]}], "blocked": []}
        journal.save_plan(plan)
        assert Journal(journal.state_dir, read_only=True).load_plan(PLAN) == plan

    def test_a_plan_that_was_edited_is_refused_by_its_digest(self, journal: Journal) -> None:
        plan = {"id": PLAN, "rounds": [{"name": "widen"}], "text": ["\u00dc"]}
        digest = Journal.digest_of(plan)
        path = Path(journal.save_plan(plan))
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
        assert journal.load_plan(PLAN, digest) == plan
        path.write_text(path.read_text().replace("widen", "other"))
        assert journal.load_plan(PLAN)["rounds"] == [{"name": "other"}]
        with pytest.raises(JournalProblem, match=r"changed afterwards.*run the playbook again from its start"):
            journal.load_plan(PLAN, digest)
        path.write_text("no JSON")
        with pytest.raises(JournalProblem, match="changed afterwards"):
            journal.load_plan(PLAN, digest)

    @pytest.mark.parametrize("ident", ["../../etc/passwd", "p-", "p-0123", "P-0123456789ab", "p-0123456789ab/x", ""])
    def test_only_ids_of_plans_are_looked_for(self, journal: Journal, ident: str) -> None:
        with pytest.raises(JournalProblem, match="is not the id of a plan"):
            journal.load_plan(ident)

    def test_a_plan_that_is_not_there_says_how_to_get_one(self, journal: Journal) -> None:
        with pytest.raises(JournalProblem, match=r"make a plan first with certops\.cms\.fleet_plan"):
            journal.load_plan(PLAN)

    def test_old_plans_are_pruned_and_the_newest_stays(self, journal: Journal) -> None:
        for number in range(KEEP_PLANS + 5):
            ident = f"p-{number:012x}"
            path = journal.save_plan({"id": ident})
            os.utime(path, (number, number))
        last = f"p-{KEEP_PLANS + 5:012x}"
        journal.save_plan({"id": last})
        left = sorted(os.listdir(os.path.join(journal.state_dir, "plans")))
        assert len(left) == KEEP_PLANS
        assert f"{last}.json" in left


class TestFiles:
    def test_a_kill_while_writing_leaves_the_old_content(
        self, journal: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal.made("core1", ["a.key"])

        def killed(*_args: Any) -> None:
            raise KeyboardInterrupt

        for step in ("fsync", "replace"):
            with monkeypatch.context() as patched:
                patched.setattr(files.os, step, killed)
                with pytest.raises(KeyboardInterrupt):
                    journal.made("core1", ["b.key"])
            assert journal.made_files("core1") == ["a.key"]
        assert os.listdir(os.path.join(journal.state_dir, "journal")) == ["core1.json"]

    def test_s4_nobody_else_may_read_it(self, journal: Journal) -> None:
        journal.made("core1", ["a.key"])
        folder = os.path.join(journal.state_dir, "journal")
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
        assert stat.S_IMODE(os.stat(os.path.join(folder, "core1.json")).st_mode) == 0o600

    @pytest.mark.parametrize(
        "name", ["../../escape", "a/b", "..", ".", "core 1", "k\u00f6ln", "\u1234", "a%2Fb", "x" * 60]
    )
    def test_any_inventory_name_has_a_file_of_its_own(self, journal: Journal, name: str) -> None:
        others = ["../escape", "a_b", "core1", "\x1234", "a%b", "..."]
        for number, node in enumerate([name, *others]):
            journal.made(node, [f"f{number}"])
        for number, node in enumerate([name, *others]):
            assert journal.made_files(node) == [f"f{number}"]
        assert len(os.listdir(os.path.join(journal.state_dir, "journal"))) == len(others) + 1
        assert os.listdir(journal.state_dir) == ["journal"]

    def test_what_cannot_be_read_is_named(self, journal: Journal) -> None:
        journal.made("core1", ["a.key"])
        path = Path(journal.state_dir, "journal", "core1.json")
        for content in ("{", "[]"):
            path.write_text(content, encoding="utf-8")
            with pytest.raises(JournalProblem, match=r"core1\.json"):
                journal.pending("core1")

    def test_a_folder_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "journal").write_text("in the way", encoding="utf-8")
        with pytest.raises(JournalProblem, match="cms_state_dir"):
            Journal(str(tmp_path)).made("core1", ["a"])

    def test_s18_parallel_workers_write_different_nodes(self, journal: Journal) -> None:
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=work, args=(journal.state_dir, f"n{number}")) for number in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
        for number in range(4):
            assert len(journal.made_files(f"n{number}")) == 20
            assert journal.is_done(PLAN, f"n{number}/switch/turn")


def work(state_dir: str, node: str) -> None:
    """What a worker process of Ansible does to the journal of its node."""
    journal = Journal(state_dir)
    for number in range(20):
        journal.made(node, [f"{number}.key"])
        journal.stored(node, "turn", "slot:turn", {"before": None})
        journal.restarting(node, "turn")
        journal.restart_seen(node, "turn", "seen")
    journal.done(node, f"{node}/switch/turn", PLAN, {})


class TestReadOnly:
    @pytest.mark.parametrize(
        "act",
        [
            lambda j: j.save_plan({"id": PLAN}),
            lambda j: j.stored("core1", "turn", "slot:turn", {}),
            lambda j: j.restarting("core1", "turn"),
            lambda j: j.done("core1", "core1/x", PLAN, {}),
            lambda j: j.trust_added("core1", "callbridge", "c2w", ["aa"]),
            lambda j: j.made("core1", ["a"]),
            lambda j: j.removed("core1", ["a"]),
        ],
    )
    def test_check_mode_never_writes(self, tmp_path: Path, act: Any) -> None:
        with pytest.raises(AssertionError, match="check mode writes"):
            act(Journal(str(tmp_path), read_only=True))
        assert not list(tmp_path.rglob("*.json"))

    def test_check_mode_reads_what_is_there(self, journal: Journal) -> None:
        journal.stored("core1", "turn", "slot:turn", {"before": None})
        assert Journal(journal.state_dir, read_only=True).pending("core1")["turn"][0]["setting"] == "slot:turn"

    def test_reading_makes_nothing(self, tmp_path: Path) -> None:
        journal = Journal(str(tmp_path / "never"), read_only=True)
        assert journal.pending("core1") == {}
        assert journal.made_files("core1") == []
        assert journal.evidence(PLAN) == {}
        assert not journal.is_done(PLAN, "core1/x")
        assert not (tmp_path / "never").exists()


def test_the_journal_is_text_that_people_can_read(journal: Journal) -> None:
    journal.stored("core1", "callbridge", "trust:c2w", RECORD)
    text = Path(journal.state_dir, "journal", "core1.json").read_text(encoding="utf-8")
    assert json.loads(text)["node"] == "core1"
    assert "\n " in text


class TestWhoMayWriteTheState:
    @pytest.mark.parametrize("part", [None, "journal", "plans", "store", "issuers"])
    @pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777, 0o720, 0o702])
    def test_a_folder_that_others_may_write_is_refused(self, tmp_path: Path, part: str | None, mode: int) -> None:
        folder = state = tmp_path / "state"
        state.mkdir(mode=0o700)
        if part:
            folder = state / part
            folder.mkdir()
        folder.chmod(mode)
        with pytest.raises(JournalProblem, match=f"others may write.*chmod 700 {folder}") as caught:
            files.check_trusted(str(state))
        assert caught.value.obj == str(folder)

    def test_a_link_is_judged_by_what_it_leads_to(self, tmp_path: Path) -> None:
        real, state = tmp_path / "real", tmp_path / "state"
        real.mkdir(mode=0o700)
        state.symlink_to(real)
        files.check_trusted(str(state))
        real.chmod(0o777)
        with pytest.raises(JournalProblem, match="others may write"):
            files.check_trusted(str(state))

    def test_a_folder_of_another_user_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "store").mkdir(mode=0o700)
        files.check_trusted(str(tmp_path))
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        with pytest.raises(JournalProblem, match=r"belongs to another user.*chown -R") as caught:
            files.check_trusted(str(tmp_path))
        assert caught.value.obj == str(tmp_path)

    def test_what_others_may_read_or_what_is_not_there_yet_is_no_obstacle(self, tmp_path: Path) -> None:
        files.check_trusted(str(tmp_path / "not yet"))
        (tmp_path / "state").mkdir()
        (tmp_path / "state").chmod(0o755)
        files.check_trusted(str(tmp_path / "state"))

    def test_what_a_run_makes_is_trusted(self, tmp_path: Path) -> None:
        state = tmp_path / "state"
        Journal(str(state)).save_plan({"id": PLAN})
        Journal(str(state)).made("core1", ["a"])
        files.check_trusted(str(state))
