# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fleets as a whole: files, inventory, known hosts, the process, and going on after a stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulator.config import ConfigError, load
from tests.simulator.control import Control
from tests.simulator.events import mask
from tests.simulator.fleet import SimulatedFleet

from .client import DURATIONS, PASSWORD, Login, commands, definition, eventually, served

ROOT = Path(__file__).resolve().parents[3]
FLEETS = ROOT / "tests" / "simulator" / "fleets"


@pytest.mark.parametrize("ports", ["shared", "own"])
def test_a_stopped_fleet_goes_on_where_it_was(tmp_path: Path, ports: str) -> None:
    config = definition(ports=ports)
    state = tmp_path / "state"
    with SimulatedFleet(config, state) as fleet:
        commands(fleet, "core1", "pki csr kept CN:a.example.test", "callbridge prefer b", "callbridge restart")
        commands(fleet, "edge1", "turn disable")
        hosts = (state / "known_hosts").read_text()
        before = (served(fleet, "core1", "sip"), fleet.control.state("core1")["files"], fleet.inventory())
    with SimulatedFleet(config, state) as fleet:
        after = (served(fleet, "core1", "sip"), fleet.control.state("core1")["files"], fleet.inventory())
        assert after == before
        assert (state / "known_hosts").read_text() == hosts
        assert fleet.control.restarts("core1", "callbridge") == 1
        assert fleet.control.state("core1")["services"]["callbridge"]["stored"]["prefer"] == "b"
        assert fleet.control.state("edge1")["services"]["turn"]["enabled"] is False
        with pytest.raises(ConnectionRefusedError):
            served(fleet, "edge1", "turn")
        assert eventually(lambda: fleet.control.links()[0]["status"] == "success")


def test_the_inventory_has_groups_addresses_and_the_known_hosts_file(tmp_path: Path) -> None:
    with SimulatedFleet(definition(), tmp_path / "s") as fleet:
        groups = fleet.inventory()["all"]["children"]
        assert {name: list(group["hosts"]) for name, group in groups.items()} == {
            "cms": ["core1", "edge1"],
            "cms_webadmin": ["core1"],
            "cms_callbridge": ["core1"],
            "cms_webbridge3": ["edge1"],
            "cms_turn": ["edge1"],
        }
        core = groups["cms"]["hosts"]["core1"]
        assert core == {
            "ansible_host": fleet.control.state("core1")["address"],
            "ansible_port": 2222,
            "cms_fqdn": "core1.example.test",
            "simulated_dialect": "default",
        }
        variables = groups["cms"]["vars"]
        assert (variables["ansible_user"], variables["ansible_password"]) == ("admin", PASSWORD)
        hosts = Path(variables["ansible_mmp_known_hosts_file"]).read_text()
        assert f"[{core['ansible_host']}]:2222 ssh-ed25519 " in hosts


def test_own_ports_put_all_nodes_on_one_address(tmp_path: Path) -> None:
    with SimulatedFleet(definition(), tmp_path / "s", ports="own") as fleet:
        states = [fleet.control.state(name) for name in ("core1", "edge1")]
        assert {state["address"] for state in states} == {"127.0.0.1"}
        numbers = [port for state in states for port in state["ports"].values()]
        assert len(set(numbers)) == len(numbers)
        assert all(1024 <= port < 32768 for port in numbers)
        assert eventually(lambda: fleet.control.links()[0]["status"] == "success")
        assert (
            fleet.inventory()["all"]["children"]["cms"]["hosts"]["core1"]["cms_sip_port"] == states[0]["ports"]["sip"]
        )


def test_two_fleets_run_side_by_side(tmp_path: Path) -> None:
    with SimulatedFleet(definition(), tmp_path / "a") as first, SimulatedFleet(definition(), tmp_path / "b") as second:
        assert first.control.state("core1")["address"] != second.control.state("core1")["address"]
        commands(first, "core1", "hostname")
        assert second.control.commands("core1") == []


def test_an_interface_may_have_an_address_of_its_own(tmp_path: Path) -> None:
    node = {"name": "n", "services": ["turn"], "address": "127.99.1.1", "interfaces": {"b": "127.99.1.2"}}
    with SimulatedFleet(definition(node), tmp_path / "s") as fleet:
        commands(fleet, "n", "turn disable", "turn listen a b", "turn enable")
        listening = fleet.control.state("n")["listening"]
        assert listening == ["turn/tls 127.99.1.1:5349", "turn/tls 127.99.1.2:5349"]


def test_registrations_can_be_narrowed(tmp_path: Path) -> None:
    nodes: list[dict[str, Any]] = [
        {"name": "core1", "services": ["callbridge"], "cluster": "one"},
        {"name": "core2", "services": ["callbridge"], "cluster": "two"},
        {"name": "edge1", "services": ["webbridge3"]},
        {"name": "edge2", "services": ["webbridge3"]},
    ]
    registrations = {"one": ["edge1"], "two": ["c2w://edge2.example.test:9999"]}
    with SimulatedFleet(definition(*nodes, registrations=registrations), tmp_path / "s") as fleet:
        pairs = {(link["client"], link["server"]) for link in fleet.control.links()}
        assert pairs == {("core1", "edge1"), ("core2", "edge2")}


def test_certificates_of_a_legacy_fleet_end_in_days_left(tmp_path: Path) -> None:
    nodes: list[dict[str, Any]] = [
        {"name": "a", "services": ["turn"]},
        {"name": "b", "services": ["turn"], "days_left": -2},
    ]
    with SimulatedFleet(definition(*nodes, legacy={"days_left": 3, "key": "ecdsa"}), tmp_path / "s") as fleet:
        ends = [
            fleet.control.state(name)["services"]["turn"]["active"]["identities"]["tls"]["not_after"]
            for name in ("a", "b")
        ]
        assert ends[0] > ends[1]


@pytest.mark.parametrize("name", ["demo", "combined", "empty", "twelve"])
def test_the_fleet_files_are_valid(name: str) -> None:
    config = load(FLEETS / f"{name}.yml")
    assert config.nodes
    if name == "demo":
        services = {node.name: node.services for node in config.nodes.values()}
        assert services == {
            **dict.fromkeys(("core1", "core2", "core3"), ("webadmin", "callbridge")),
            **dict.fromkeys(("edge1", "edge2"), ("webbridge3", "turn")),
        }


@pytest.mark.parametrize(
    "change",
    [
        {"nodes": []},
        {"nodes": [{"name": "a"}, {"name": "a"}]},
        {"nodes": [{"name": "a", "services": ["toaster"]}]},
        {"nodes": [{"name": "a", "address": "192.0.2.1"}]},
        {"nodes": [{"name": "a", "colour": "red"}]},
        {"nodes": [{"name": "a", "switches": {"echo": "loud"}}]},
        {"nodes": [{"name": "a", "faults": [{"kind": "earthquake"}]}]},
        {"start": "broken"},
        {"ports": "many"},
        {"users": []},
        {"users": [{"name": "x", "role": "king"}]},
        {"legacy": {"colour": "red"}},
        {"durations": {"lunch": 1}},
        {"registrations": ["nowhere"], "nodes": [{"name": "a", "services": ["callbridge"]}]},
        {"colour": "red"},
    ],
)
def test_nonsense_in_a_fleet_file_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        load({**definition(), **change})


def test_faults_and_switches_of_the_fleet_file_are_in_force(tmp_path: Path) -> None:
    node = {"name": "n", "switches": {"dialect": "old"}, "faults": [{"kind": "garbage", "match": "version"}]}
    with SimulatedFleet(definition(node, switches={"welcome": "none"}), tmp_path / "s") as fleet:
        state = fleet.control.state("n")
        assert state["switches"]["dialect"] == "old"
        assert [fault["kind"] for fault in state["faults"]] == ["garbage"]


def test_many_nodes_start(tmp_path: Path) -> None:
    nodes = [{"name": f"core{i}", "services": ["webadmin", "callbridge"]} for i in range(1, 9)]
    nodes += [{"name": f"edge{i}", "services": ["webbridge3", "turn"]} for i in range(1, 5)]
    with SimulatedFleet(definition(*nodes), tmp_path / "s") as fleet:
        assert eventually(lambda: {link["status"] for link in fleet.control.links()} == {"success"})
        assert (len(fleet.control.links("c2w")), len(fleet.control.links("cluster"))) == (32, 56)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("turn credentials u S3cret r", "turn credentials u ***** r"),
        ('TURN  credentials u "S3 cret" r', "TURN  credentials u ***** r"),
        ("turn short_term_credentials S3cret r", "turn short_term_credentials ***** r"),
        ("webbridge3 meetingapps add h 1 S3cret", "webbridge3 meetingapps add h 1 *****"),
        ("passwd S3cret", "passwd *****"),
        ('pki csr a CN:b O:"My Org"', 'pki csr a CN:b O:"My Org"'),
    ],
)
def test_secrets_of_a_command_line_are_masked(command: str, shown: str) -> None:
    assert mask(command) == shown


@pytest.fixture
def served_fleet(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path, int]]:
    """A fleet in a process of its own, whose parent is a process that the test can end."""
    fleet_file = tmp_path / "fleet.yml"
    fleet_file.write_text(yaml.safe_dump({**definition({"name": "n", "services": ["turn"]}), "durations": DURATIONS}))
    parent = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    command = [sys.executable, "-m", "tests.simulator", "serve", "--fleet", str(fleet_file), "--network", "auto"]
    command += ["--state", str(tmp_path / "state"), "--inventory", str(tmp_path / "inventory.yml")]
    command += ["--ready-file", str(tmp_path / "ready"), "--parent-pid", str(parent.pid), "--max-seconds", "60"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    try:
        assert eventually((tmp_path / "ready").exists, 30), (tmp_path / "log").read_text()
        yield process, tmp_path, parent.pid
    finally:
        assert parent.stdin is not None
        parent.stdin.close()
        parent.wait(20)
        process.terminate()
        process.wait(20)


def ctl(directory: Path, *words: str) -> str:
    command = [sys.executable, "-m", "tests.simulator", "ctl", "--state", str(directory / "state"), *words]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout


def test_serve_writes_what_it_promises_and_ctl_talks_to_it(
    served_fleet: tuple[subprocess.Popen[bytes], Path, int],
) -> None:
    process, directory, _parent = served_fleet
    assert json.loads((directory / "ready").read_text())["pid"] == process.pid
    inventory = yaml.safe_load((directory / "inventory.yml").read_text())
    assert inventory["all"]["children"]["cms_turn"]["hosts"] == {"n": {}}
    assert json.loads(ctl(directory, "state", "n"))["fqdn"] == "n.example.test"
    ctl(directory, "fault", "n", "garbage:version")
    ctl(directory, "switch", "all", "echo", "off")
    state = Control(directory / "state").state("n")
    assert state["faults"][0]["match"] == "version"
    assert state["switches"]["echo"] == "off"
    assert '"kind": "fault_set"' in ctl(directory, "events", "--kind", "fault_set")
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(20) == 0


def test_the_process_ends_with_its_parent(served_fleet: tuple[subprocess.Popen[bytes], Path, int]) -> None:
    process, directory, parent = served_fleet
    os.kill(parent, signal.SIGKILL)
    assert process.wait(20) == 0
    assert "fleet_stopped" in (directory / "state" / "events.jsonl").read_text()


def test_shutdown_over_the_control_channel(served_fleet: tuple[subprocess.Popen[bytes], Path, int]) -> None:
    process, directory, _parent = served_fleet
    Control(directory / "state").shutdown()
    assert process.wait(20) == 0


def test_private_files_are_private(tmp_path: Path) -> None:
    with SimulatedFleet(definition(), tmp_path / "s") as fleet:
        with Login(fleet, "core1") as login:
            login.put("up.key", b"x")
        for path in [tmp_path / "s" / "ca" / "root.key", tmp_path / "s" / "nodes" / "core1" / "state.json"]:
            assert path.stat().st_mode & 0o077 == 0
        assert (tmp_path / "s").stat().st_mode & 0o077 == 0
        assert b"ENCRYPTED" in (tmp_path / "s" / "ca" / "root.key").read_bytes()
