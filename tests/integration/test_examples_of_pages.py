# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands and files of the pages, as a reader would take them over, from an installed tarball.

The quick start is followed from top to bottom. What is not run stands in NOT_RUN with its reason; a new command or
block that is in neither fails.
"""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.integration.documented import MODULES, Block, blocks, differences, documentation, mentioned, returned_by
from tests.integration.harness import ROOT, Fleet, Result, Workspace, reveal_nothing, start_fleet
from tests.integration.test_examples import SEEN_ELSEWHERE

PASSWORD, CA_PASSPHRASE, STORE_PASSPHRASE = "Simulated-1", "passphrase of the CA 5527", "passphrase of the store 9063"
#: The fleet of docs/quickstart.md.
FLEET = {
    "domain": "example.com",
    "network": "auto",
    "dialect": "default",
    "start": "legacy",
    "legacy": {"days_left": 60, "ca_name": "The Old", "key": "ecdsa"},
    "users": [{"name": "automation", "password": PASSWORD, "role": "admin"}],
    "durations": {"restart": 0.3, "service": 0.15, "api_start": 0.15, "settle": 1.5, "csr": 0.05},
    "nodes": [
        {"name": "core1", "services": ["webadmin", "callbridge"]},
        {"name": "core2", "services": ["webadmin", "callbridge"]},
        {"name": "edge1", "services": ["webbridge3", "turn"]},
    ],
}
IN_A_SUITE = "a part of make test"
IN_A_CHECKOUT = "changes the checkout that it is typed in"
NOT_RUN = {
    "python3 -m venv ~/cms && . ~/cms/bin/activate": "the environment of the tests holds what it would",
    "pip install 'ansible-core>=2.19' cryptography paramiko pyOpenSSL defusedxml": "loads from a package index",
    "ssh-keyscan core1.example.com core2.example.com edge1.example.com >> ~/.ssh/known_hosts": (
        "asks port 22, on which only root may listen; the line after it is run"
    ),
    "make demo": "a minute; its parts are the site of every rollout test",
    "make test": "this is a part of it",
    **dict.fromkeys(
        re.findall(r"^\$ (ansible-playbook .*)$", (ROOT / "docs" / "rollback.md").read_text(), re.MULTILINE),
        "the fleet of the pages stays on its new root; test_rollback.py takes one back",
    ),
    "molecule converge -s renew": IN_A_SUITE,
    "molecule verify -s renew": IN_A_SUITE,
    "molecule destroy -s renew": IN_A_SUITE,
    "cp cms-recordings/core1.yml tests/recordings/": IN_A_CHECKOUT,
    "make unit PYTEST_ARGS='-k recordings'": IN_A_SUITE,
    **dict.fromkeys(
        re.findall(r"^\$ (make .*|python .*)$", (ROOT / "docs" / "simulator.md").read_text(), re.MULTILINE),
        "wants a fleet in another terminal; tests/unit/tools/test_fleet.py runs what is asked of it",
    ),
}
#: Blocks that hold neither commands nor files for a reader to take over, by their first words.
PICTURES = {
    "docs/appliance-texts.md: diff": "a recipe, which test_contributing.py follows",
    "docs/architecture.md: playbooks/": "the folders",
    "docs/contributing.md: Enabled": "what an appliance prints",
    "docs/contributing.md: cms_issuers:": "the settings of an issuer that the recipe adds",
    "docs/contributing.md: diff": "the recipes, which test_contributing.py follows",
    "docs/development.md: def": "a test, looked at below",
    "docs/flow.md: inventory": "a picture",
    "docs/plan.md: 4.": "a part of what is printed",
    "docs/recording.md: -": "a part of a recording",
    "docs/report.md: 0": "the line for cron, with the command above in it",
    "docs/report.md: [Unit]": "a unit of systemd, with the command above in it",
    "docs/report.md: cms_report_paths:": "folders of another host",
    "docs/report.md: groups:": "alerts for Prometheus",
    "docs/rules.md: cms_rules:": "a part of the variables of a host; test_bad_input_rollout.py has one",
    "docs/simulator.md: outsiders:": "a part of a fleet file; test_simulator_more_links.py has one",
}


@dataclass
class Done:
    """A command that was run: how it ended, and what the playbook run recorded, if it was one."""

    command: str
    rc: int
    output: str
    result: Result


@dataclass
class Reader:
    """Somebody who follows the pages, with a home, a folder to work in, and a fleet."""

    directory: Path
    fleet: Fleet
    done: list[Done] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.workspace = Workspace(self.directory / "control-node")
        self.home, self.folder = self.workspace.home, self.directory / "cms"
        self.folder.mkdir()
        self.environment = self.workspace.environment({"EDITOR": f"cp {self.directory / 'vault.yml'}"})
        # As a person has it: no configuration, collections where ansible-galaxy puts them.
        del self.environment["ANSIBLE_COLLECTIONS_PATH"]
        vault = {
            "vault_mmp_password": PASSWORD,
            "vault_ca_passphrase": CA_PASSPHRASE,
            "vault_store_passphrase": STORE_PASSPHRASE,
        }
        (self.directory / "vault.yml").write_text(yaml.safe_dump(vault))
        for path in (self.home / ".cms-vault-password", self.folder / ".vault-password"):
            path.write_text("password of the vault 1187\n")
            path.chmod(0o600)
        # Where the page has it asked on the terminal.
        self.environment["ANSIBLE_VAULT_PASSWORD_FILE"] = str(self.home / ".cms-vault-password")

    def reach(self) -> None:
        """Say where SSH goes, as the page has it for nodes that are not reached by their name."""
        for name in self.fleet.control.nodes():
            state = self.fleet.control.state(name)
            file = self.folder / "inventory" / "host_vars" / f"{name}.example.com.yml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(yaml.safe_dump({"ansible_host": state["address"], "ansible_port": state["ports"]["ssh"]}))

    def here(self, command: str) -> str:
        """Give a command with the places of this reader: an address, a folder, the subject of the old CA."""
        addresses = " ".join(self.fleet.control.state(name)["address"] for name in self.fleet.control.nodes())
        places = {
            "192.0.2.10": addresses,
            "/srv/cms": str(self.folder),
            "CN=The Old Root,O=Example": "CN=The Old Root CA,O=Example",
        }
        for documented, ours in places.items():
            command = command.replace(documented, ours)
        return command

    def type(self, command: str, *, cwd: Path | None = None) -> Done:
        """Run a line in a shell with a terminal, and keep what it exports for the next one."""
        number = len(self.done)
        record, exported = self.directory / f"record{number}.jsonl", self.directory / "environment"
        terminal, ours = pty.openpty()
        log = self.directory / f"output{number}"
        with log.open("wb") as output:
            # ansible-vault wants a terminal for its editor; everything else writes to a file.
            stdout = ours if command.startswith("ansible-vault") else output
            status = subprocess.run(
                ["bash", "-c", f"{self.here(command)}\nstatus=$?\nenv -0 >{exported}\nexit $status"],
                cwd=cwd or self.folder,
                env={**self.environment, "CERTOPS_RECORD": str(record)},
                stdin=ours,
                stdout=stdout,
                stderr=subprocess.STDOUT if stdout is output else ours,
                timeout=240,
                check=False,
            ).returncode
        os.close(terminal)
        os.close(ours)
        self.environment = dict(
            entry.split("=", 1) for entry in exported.read_text().split("\0") if entry and not entry.startswith("_=")
        )
        events = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
        text = log.read_text(errors="replace")
        reveal_nothing(text + json.dumps(events), [PASSWORD, CA_PASSPHRASE, STORE_PASSPHRASE])
        found = Done(command, status, text, Result(status, text, events))
        self.done.append(found)
        return found

    def of(self, *parts: str) -> list[Done]:
        """Give the runs whose command has all these parts."""
        return [done for done in self.done if all(part in done.command for part in parts)]


def build(folder: Path) -> None:
    """Build the tarball, as the page says."""
    subprocess.run(
        ["ansible-galaxy", "collection", "build", "--output-path", str(folder), str(ROOT)],
        env={**os.environ, "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        check=True,
    )


def follow(reader: Reader, block: Block) -> None:
    """Do what a block of the quick start says; commands that may be typed again are."""
    if block.language == "yaml":
        file = reader.folder / block.file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)
    for command in block.commands:
        if command not in NOT_RUN:
            reader.type(command)
            if "ansible-playbook" in command and "--check" not in command and "renew" not in command:
                reader.type(command)
    if not block.language:
        # A line for cron: five times, the user, the command.
        reader.type(block.text.split(maxsplit=6)[6].strip())


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    directory = tmp_path_factory.mktemp("pages")
    fleet = start_fleet(FLEET, directory / "fleet")
    made = Reader(directory, fleet)
    try:
        build(made.folder / "build")
        (made.folder / "venv").symlink_to(ROOT / ".venv")
        made.reach()
        for block in (block for block in blocks() if block.page == "docs/quickstart.md"):
            follow(made, block)
        for block in blocks():
            if block.page in ("docs/recording.md", "docs/report.md"):
                follow(made, block) if block.language == "console" else None
            if block.page == "docs/variables.md":
                (made.folder / "variables.yml").write_text(block.text)
                made.type("ansible-playbook -i inventory certops.cms.site --check -e @variables.yml")
        for command in sorted(command for command in mentioned() if command.startswith("ansible-doc")):
            made.type(command)
        # A checkout, no installed collection.
        for block in (block for block in blocks() if block.page == "docs/development.md"):
            for command in block.commands:
                if command not in NOT_RUN:
                    made.type(command, cwd=ROOT)
        yield made
    finally:
        made.workspace.close()
        fleet.stop()


pytestmark = pytest.mark.xdist_group("pages")


def test_every_block_is_run_or_says_why_not(reader: Reader) -> None:
    taken = {block.title for block in blocks() if block.language == "console"}
    taken |= {block.title for block in blocks() if block.page in ("docs/quickstart.md", "docs/variables.md")}
    assert {block.title for block in blocks()} - taken == set(PICTURES)


def test_every_command_is_run_or_says_why_not(reader: Reader) -> None:
    shown = {command for block in blocks() for command in block.commands}
    assert shown - {done.command for done in reader.done} == set(NOT_RUN)


def test_every_command_works(reader: Reader) -> None:
    assert reader.done
    failed = {done.command: done.output for done in reader.done if done.rc != 0}
    assert not failed, "\n".join(failed.values())


def test_the_documentation_that_a_page_names_is_printed(reader: Reader) -> None:
    assert reader.of("ansible-doc")
    for done in reader.of("ansible-doc"):
        assert "certops.cms" in done.output.splitlines()[0], done.output
        assert "OPTIONS" in done.output, done.output


def test_recordings_lie_beside_the_inventory_and_not_in_it(reader: Reader) -> None:
    assert {path.name for path in (reader.folder / "cms-recordings").iterdir()} == {
        f"{name}.example.com.yml" for name in reader.fleet.control.nodes()
    }
    assert not any("not a valid group definition" in done.output for done in reader.done)


def test_what_was_done_is_not_done_again(reader: Reader) -> None:
    for command in ("certops.cms.prepare", "certops.cms.site -e", "certops.cms.narrow -e"):
        first, second = reader.of(command)
        assert (first.result.changed > 0, second.result.changed) == (True, 0), f"{first.output}\n{second.output}"
    by_hand, by_cron = reader.of("certops.cms.renew")
    assert by_hand.result.changed == by_cron.result.changed == 0
    assert "nothing to do" in (reader.folder / "renew.log").read_text()


def test_a_look_changes_nothing(reader: Reader) -> None:
    for done in reader.of("--check"):
        rollout = [e for e in done.result.events if e["event"] == "result" and e["action"] == "certops.cms.apply"]
        assert rollout == []


def test_the_identities_of_the_page_about_variables_are_planned(reader: Reader) -> None:
    (done,) = reader.of("variables.yml")
    assert "join.example.com" in done.output


@pytest.mark.parametrize("module", MODULES)
def test_what_the_playbooks_got_back_is_documented(reader: Reader, module: str) -> None:
    fields = documentation("modules", module, "RETURN")
    results = [result for done in reader.done for result in returned_by(module, done.result.events)]
    assert sorted({found for result in results for found in differences(fields, result)}) == []
    assert {name for result in results for name in result} >= SEEN_ELSEWHERE.get(module, set())


def test_every_target_of_make_that_a_page_names_exists() -> None:
    named = {word for command in mentioned() for word in command.split()[1:2] if command.startswith("make ")}
    named |= {command.split()[1] for block in blocks() for command in block.commands if command.startswith("make ")}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets


def test_the_test_that_a_page_shows_is_python() -> None:
    (shown,) = [block for block in blocks() if block.language == "python"]
    compile(shown.text, shown.page, "exec")
