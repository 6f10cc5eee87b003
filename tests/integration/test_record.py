# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook record on a simulated fleet: what it asks, what it leaves, and what it keeps to itself."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.bad_input import CA_PASSPHRASE, PASSWORD, STORE_PASSPHRASE, Bench
from tests.integration.harness import Result

RECORD = "certops.cms.record"
SHARED_SECRET = "Between-turn-and-callbridge-1"
TURN_PASSWORD = "turn-1-secret"
#: Names that belong to the owner of the fleet.
PRIVATE = ("core1", "edge1", "example.test", "127.", "turnuser", "Example Old", "bluebird")

TROUBLE = {
    "wrong-password": ("the node refused the credential of admin; one attempt was made", "correct user and password"),
    "unreachable": ("cannot be reached: Connection refused", "check address and port, and that the node is up"),
    "change-at-login": ("wants a new password", "log in by hand, set a new password, and put it into the inventory"),
    "change-in-shell": ("wants a new password", "log in by hand, set a new password, and put it into the inventory"),
    "hangs-up": ("the connection ended", "look at the node"),
}
#: In trouble, and recorded all the same.
LIMPING = ("one-silence", "one-hang-up", "all-silent")

pytestmark = pytest.mark.xdist_group("record")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    extra = [{"name": name, "services": ["webbridge3"], "lacks": ["turn"]} for name in (*TROUBLE, *LIMPING)]
    made = Bench(tmp_path_factory.mktemp("record"), *extra)
    made.workspace.secrets += [SHARED_SECRET, TURN_PASSWORD]
    made.mmp("edge1", f"turn short_term_credentials {SHARED_SECRET} example.test")
    yield made
    made.close()


class Recorded:
    """One run on the healthy nodes, and what it left."""

    def __init__(self, bench: Bench) -> None:
        self.folder = bench.folder() / "recordings"
        before = bench.control.last_event()
        logins = {node: bench.control.login_count(node) for node in ("core1", "edge1")}
        with bench.untouched():
            self.result = bench.run(
                RECORD,
                arguments=["--limit", "core1,edge1", "-vvvv"],
                cms_record_dir=str(self.folder),
                cms_record_mask=["bluebird"],
            )
        self.events = bench.control.events(since=before)
        self.logins = {node: bench.control.login_count(node) - count for node, count in logins.items()}
        self.texts = {path.stem: path.read_text() for path in self.folder.glob("*.yml")}


@pytest.fixture(scope="module")
def recorded(bench: Bench) -> Recorded:
    return Recorded(bench)


def test_it_leaves_one_file_per_node_for_its_owner_only(recorded: Recorded) -> None:
    assert recorded.result.rc == 0, recorded.result.stdout
    assert sorted(path.name for path in recorded.folder.iterdir()) == ["core1.yml", "edge1.yml"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in recorded.folder.iterdir()} == {0o600}
    for text in recorded.texts.values():
        found = yaml.safe_load(text)
        assert found["recording"] == 1
        assert list(found)[1] == "summary"
        assert found["summary"]["failed"] == []
        assert found["summary"]["not_understood"] == []
        assert {one["channel"] for one in found["commands"]} == {"exec", "shell"}
        assert found["files"]
        assert found["certificates"]


def test_it_changes_nothing_and_says_so(recorded: Recorded) -> None:
    assert recorded.result.changed == 0
    kinds = {event["kind"] for event in recorded.events}
    assert kinds <= {"login", "command", "answer", "sftp_list", "sftp_get", "api"}, kinds


def test_it_logs_in_once(recorded: Recorded) -> None:
    assert recorded.logins == {"core1": 1, "edge1": 1}


def test_it_reads_no_private_key(recorded: Recorded) -> None:
    read = [event["file"] for event in recorded.events if event["kind"] == "sftp_get"]
    assert read
    assert [name for name in read if not name.endswith((".crt", ".pem"))] == []
    inspected = [event["command"] for event in recorded.events if "pki inspect" in event.get("command", "")]
    assert inspected
    assert [command for command in inspected if ".key" in command] == []


@pytest.mark.parametrize("node", ["core1", "edge1"])
def test_no_secret_and_no_name_is_in_the_file(recorded: Recorded, node: str) -> None:
    text = recorded.texts[node]
    for secret in (PASSWORD, SHARED_SECRET, TURN_PASSWORD):
        assert secret not in text
    assert "PRIVATE KEY" not in text
    assert "BEGIN CERTIFICATE-----" not in text
    assert [word for word in PRIVATE if word.lower() in text.lower()] == []


def test_the_display_of_a_secret_keeps_its_row(recorded: Recorded) -> None:
    turn = next(one for one in yaml.safe_load(recorded.texts["edge1"])["commands"] if one["command"] == "turn")
    rows = {line.split(":")[0].strip(): line for line in turn["received"].splitlines() if ":" in line}
    assert rows["Password"] == r"Password                 : ********\n"
    assert rows["Shared Secret"] == r"Shared Secret            : ********\n"
    assert rows["Short term credentials"] == r"Short term credentials   : Disabled\n"


def test_the_api_is_recorded_where_there_is_one(recorded: Recorded) -> None:
    found = yaml.safe_load(recorded.texts["core1"])
    assert found["api"][0]["get"] == "/api/v1/system/status"
    assert found["api"][0]["status"] == 200
    assert "<softwareVersion>" in found["api"][0]["body"]


def test_check_mode_asks_and_writes_nothing(bench: Bench) -> None:
    folder = bench.folder() / "recordings"
    done = bench.run(RECORD, check=True, arguments=["--limit", "core1"], cms_record_dir=str(folder))
    assert done.rc == 0, done.stdout
    found = done.one(action=RECORD)
    assert (found["changed"], found["written"]) == (False, False)
    assert found["read"]["commands in exec channels"] > 30
    assert not folder.exists()


def test_whole_certificates_are_sent_only_when_asked_for(bench: Bench) -> None:
    folder = bench.folder() / "recordings"
    done = bench.run(RECORD, arguments=["--limit", "edge1"], cms_record_dir=str(folder), cms_record_certificates="true")
    assert done.rc == 0, done.stdout
    text = (folder / "edge1.yml").read_text()
    assert "-----BEGIN CERTIFICATE-----" in text
    assert "PRIVATE KEY" not in text
    assert TURN_PASSWORD not in text


def test_a_secret_of_the_inventory_is_masked_wherever_the_node_shows_it(bench: Bench) -> None:
    secrets = (PASSWORD, CA_PASSPHRASE, STORE_PASSPHRASE)
    bench.control.set_fault(
        "edge1", {"kind": "garbage", "match": "recorder", "text": f"Last typed {secrets}", "count": 1}
    )
    folder = bench.folder() / "recordings"
    done = bench.run(RECORD, arguments=["--limit", "edge1"], cms_record_dir=str(folder))
    assert done.rc == 0, done.stdout
    text = (folder / "edge1.yml").read_text()
    assert r"Last typed ('********', '********', '********')\n" in text
    assert not [number for number, secret in enumerate(secrets) if secret in text]


def test_without_a_folder_the_files_lie_beside_the_inventory(bench: Bench) -> None:
    done = bench.run(RECORD, arguments=["--limit", "edge1"])
    assert done.rc == 0, done.stdout
    written = bench.fleet.inventory.parent / "cms-recordings" / "edge1.yml"
    assert done.one(action=RECORD)["file"] == str(written)
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert stat.S_IMODE(written.parent.stat().st_mode) == 0o700


# Nodes in trouble ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def troubled(bench: Bench, recorded: Recorded) -> tuple[Result, Path]:
    """One run on all nodes, the good ones included."""
    control, folder = bench.control, bench.folder() / "recordings"
    control.set_fault("unreachable", {"kind": "unreachable", "count": 0})
    for node, where in (("change-in-shell", "in_shell"), ("change-at-login", "at_login")):
        control.set_switch(node, "password_change", where)
        control.set_fault(node, {"kind": "password_change", "count": 0})
    control.set_fault("hangs-up", {"kind": "drop_before", "match": "pki", "count": 0})
    control.set_fault("one-silence", {"kind": "silence", "match": "webbridge3", "count": 1})
    control.set_fault("one-hang-up", {"kind": "drop_before", "match": "recorder", "count": 1})
    control.set_fault("all-silent", {"kind": "silence", "count": 0, "after": 1})
    result = bench.run(
        RECORD,
        hosts={"wrong-password": {"ansible_password": "not-the-password"}},
        arguments=["--forks", "16"],
        cms_record_dir=str(folder),
        ansible_mmp_command_timeout=1,
    )
    return result, folder


@pytest.mark.parametrize("node", TROUBLE)
def test_a_node_in_trouble_is_named_with_the_next_step(node: str, troubled: tuple[Result, Path]) -> None:
    message = troubled[0].failures[node]
    reason, step = TROUBLE[node]
    assert reason in message
    assert step in message.partition("Next step: ")[2]


def test_the_other_nodes_are_recorded_all_the_same(troubled: tuple[Result, Path]) -> None:
    result, folder = troubled
    assert set(result.failures) == set(TROUBLE)
    written = {path.stem for path in folder.glob("*.yml")}
    assert {"core1", "edge1", *LIMPING} <= written
    # Those that broke off after their login leave what they said, which is worth the most.
    assert written - {"core1", "edge1", *LIMPING} == {"change-in-shell", "hangs-up"}
    for node in ("change-in-shell", "hangs-up"):
        assert str(folder / f"{node}.yml") in result.failures[node]


def summary(troubled: tuple[Result, Path], node: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((troubled[1] / f"{node}.yml").read_text())["summary"]
    return found


def test_a_silent_command_is_noted_and_the_rest_is_asked(troubled: tuple[Result, Path]) -> None:
    found = summary(troubled, "one-silence")
    assert found["failed"][0]["what"] == "'webbridge3' (exec)"
    assert found["cut_short"] is None
    assert found["read"]["commands in exec channels"] > 30


def test_a_node_that_hangs_up_once_is_logged_in_to_again(troubled: tuple[Result, Path]) -> None:
    found = summary(troubled, "one-hang-up")
    assert found["read"]["logins"] == 2
    assert found["cut_short"] is None


def test_a_node_that_says_nothing_is_not_waited_for_without_end(troubled: tuple[Result, Path]) -> None:
    found = summary(troubled, "all-silent")
    assert found["read"]["commands in exec channels"] == 4
    assert {"what": "the exec channel", "why": "nothing more was asked after three silences"} in found["failed"]


def test_the_question_for_a_new_password_is_in_the_file(troubled: tuple[Result, Path]) -> None:
    text = (troubled[1] / "change-in-shell.yml").read_text()
    assert "password has expired" in text
    assert summary(troubled, "change-in-shell")["cut_short"]


# A run that is killed ------------------------------------------------------------------------------------------------


def test_a_killed_run_leaves_no_file_and_the_next_one_starts_anew(bench: Bench) -> None:
    folder = bench.folder() / "recordings"
    before = bench.control.last_event()
    running = bench.workspace.start(
        RECORD,
        "--limit",
        "core1",
        inventory=bench.fleet.inventory,
        extra=bench.variables(cms_record_dir=str(folder)),
        timeout=120,
    )
    killed = running.kill_when(lambda _run: len(bench.control.events(since=before, kind="command", node="core1")) > 20)
    assert killed.rc != 0
    assert not folder.exists() or list(folder.iterdir()) == []
    done = bench.run(RECORD, arguments=["--limit", "core1"], cms_record_dir=str(folder))
    assert done.rc == 0, done.stdout
    assert [path.name for path in folder.iterdir()] == ["core1.yml"]
