# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of bad input share: one small fleet per module, runs on it, and a look at what was left alone."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko
import yaml

from tests.integration.harness import Fleet, Result, Workspace, start_fleet
from tests.simulator import certs

PASSWORD = "Simulated-1"
CA_PASSPHRASE = "the-passphrase-of-the-ca"
STORE_PASSPHRASE = "the-passphrase-of-the-store"
#: The passphrase of the old CA of a simulated fleet.
OLD_CA_PASSPHRASE = "old-ca-passphrase"

SMALL_FLEET: dict[str, Any] = {
    "domain": "example.test",
    "network": "auto",
    "start": "legacy",
    "legacy": {"days_left": 12, "key": "ecdsa"},
    "users": [{"name": "admin", "password": PASSWORD}],
    "durations": {"restart": 0.2, "service": 0.1, "api_start": 0.1, "settle": 0.3, "csr": 0.02},
    "nodes": [
        {"name": "core1", "services": ["webadmin", "callbridge"], "lacks": ["turn"]},
        {"name": "edge1", "services": ["webbridge3", "turn"]},
    ],
}

#: Events of the simulator that are changes; a new file that no setting names is a change as well.
SETTINGS = ("setting_stored", "restart_begin", "disabled", "service_broken", "reboot_begin", "password_changed")
FILES = ("sftp_put", "sftp_unfinished", "sftp_remove", "sftp_rename", "csr_made")


class Bench:
    """A fleet that the tests of a module share, and a control node beside it."""

    def __init__(self, directory: Path, *nodes: Mapping[str, Any], **overrides: Any) -> None:
        self.directory = directory
        self.fleet: Fleet = start_fleet(
            {**SMALL_FLEET, "nodes": [*SMALL_FLEET["nodes"], *nodes], **overrides}, directory / "fleet"
        )
        self.control = self.fleet.control
        self.workspace = Workspace(directory / "control-node")
        self.workspace.secrets += [PASSWORD, CA_PASSPHRASE, STORE_PASSPHRASE, OLD_CA_PASSPHRASE]
        self._numbers = iter(range(1, 1000))

    def close(self) -> None:
        self.workspace.close()
        self.fleet.stop()

    def folder(self) -> Path:
        """Give a folder that no test has used."""
        made = self.directory / f"folder{next(self._numbers)}"
        made.mkdir()
        return made

    def node_folder(self, node: str) -> Path:
        """Give the folder of a simulated node's own files."""
        return self.fleet.state / "nodes" / node / "files"

    def variables(self, **more: Any) -> dict[str, Any]:
        """Give the extra variables that make a run of site work; None takes one away."""
        given = {
            "cms_issuer": "internal",
            "cms_issuers": {"internal": {"type": "own_ca", "organization": "Example", "passphrase": CA_PASSPHRASE}},
            "cms_store_passphrase": STORE_PASSPHRASE,
            "cms_accept_anchors": ["internal"],
            "cms_state_dir": str(self.directory / f"state{next(self._numbers)}"),
            **more,
        }
        return {name: value for name, value in given.items() if value is not None}

    def run(
        self,
        playbook: Any = "certops.cms.site",
        *,
        hosts: Mapping[str, Mapping[str, Any]] | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
        inventory: Path | None = None,
        check: bool = False,
        arguments: Sequence[str] = (),
        **more: Any,
    ) -> Result:
        """Run a playbook with the variables of a good run; ``hosts`` and ``groups`` add to the inventory."""
        words = list(arguments)
        if hosts or groups:
            overlay: dict[str, Any] = {"all": {"hosts": {name: dict(found) for name, found in (hosts or {}).items()}}}
            overlay["all"]["children"] = {
                name: {"hosts": dict.fromkeys(members)} for name, members in (groups or {}).items()
            }
            path = self.folder() / "more.yml"
            path.write_text(yaml.safe_dump(overlay))
            words += ["-i", str(path)]
        where = inventory or self.fleet.inventory
        running = self.workspace.start(
            playbook, *words, inventory=where, check=check, extra=self.variables(**more), timeout=120
        )
        return running.wait()

    @contextmanager
    def untouched(self, *nodes: str, files: bool = False) -> Iterator[None]:
        """Fail when something changes on the nodes (all of them, if none is named); with ``files`` new files may."""
        before = self.control.last_event()
        settings = {node: self._settings(node) for node in nodes or self.control.nodes()}
        yield
        kinds = SETTINGS if files else (*SETTINGS, *FILES)
        done = [e for e in self.control.events(since=before) if e["kind"] in kinds and e["node"] in settings]
        assert done == []
        assert {node: self._settings(node) for node in settings} == settings
        assert {link["status"] for link in self.control.links()} == {"success"}

    def _settings(self, node: str) -> Any:
        services = self.control.state(node)["services"]
        return {name: (found["stored"], found["active"], found["running"]) for name, found in services.items()}

    def mmp(self, node: str, *commands: str) -> str:
        """Run commands at a node's command line, as a person would, and give what they printed."""
        state = self.control.state(node)
        said = []
        with paramiko.SSHClient() as client:
            client.load_host_keys(str(self.fleet.state / "known_hosts"))
            client.connect(
                state["address"], state["ports"]["ssh"], "admin", PASSWORD, allow_agent=False, look_for_keys=False
            )
            transport = client.get_transport()
            assert transport is not None
            for command in commands:
                time.sleep(0.05)  # channels that are opened too fast are refused
                # Not every dialect has exec; without a terminal a shell neither echoes nor pages.
                with transport.open_session(timeout=20) as channel:
                    channel.settimeout(20)
                    channel.invoke_shell()
                    channel.sendall(f"{command}\nexit\n".encode())
                    with channel.makefile("rb") as stdout:
                        said.append(stdout.read().decode())
        return "".join(said)

    def old_ca(self) -> certs.Authority:
        """Give the old CA of the fleet, unlocked."""
        folder = self.fleet.state / "ca"
        secret = OLD_CA_PASSPHRASE.encode()
        root, issuing = (certs.load_certs((folder / f"{name}.crt").read_bytes())[0] for name in ("root", "issuing"))
        keys = [certs.load_key((folder / f"{name}.key").read_bytes(), secret) for name in ("root", "issuing")]
        return certs.Authority(root, keys[0], issuing, keys[1])


def stopped(result: Result) -> str:
    """Give the message of the task that stopped a run; fail when the run went through."""
    assert result.rc != 0, result.stdout
    found = [e for e in result.events if e["event"] == "result" and e["status"] in ("failed", "unreachable")]
    assert found, result.stdout
    return str(found[-1]["result"]["msg"])


def ignored(result: Result, task: str) -> str:
    """Give the message of the one task of that very name, which failed and was ignored."""
    found = [event for event in result.results(status="ignored") if event["task"] == task]
    assert len(found) == 1, result.stdout
    return str(found[0]["result"]["msg"])


def says(message: str, *parts: str) -> None:
    """Check that a message names the object, the reason and the next step."""
    missing = [part for part in parts if part not in message]
    assert not missing, f"{missing} not in: {message}"
    assert "Next step: " in message, message


def printed(result: Result, obj: str, part: str = "") -> tuple[str, str]:
    """Give what the printed plan says of an object, with this part in it: what was found, and the next step."""
    # A finding begins two blanks in; its lines that follow stand further in, the next step behind an arrow.
    findings = [" ".join(text.split()) for text in re.split(r"\n(?! {4})", result.stdout) if text.startswith("  ")]
    found = [text for text in findings if text.startswith(f"{obj}: ") and part in text]
    assert len(found) == 1, result.stdout
    said, arrow, step = found[0].removeprefix(f"{obj}: ").partition(" -> ")
    assert arrow, found[0]
    return said, step


def play(*tasks: Mapping[str, Any], **keywords: Any) -> dict[str, Any]:
    """Give a play on all nodes."""
    return {
        "name": "Play",
        "hosts": "cms",
        "gather_facts": False,
        "connection": "certops.cms.mmp",
        "tasks": list(tasks),
        **keywords,
    }


SURVEY = {"name": "Survey", "certops.cms.node_info": {}, "register": "cms_survey"}
