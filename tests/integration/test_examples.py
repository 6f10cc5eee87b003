# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of the plugins, as they are printed, on a fleet where they make sense; each twice.

What has to stand before an example is in BEFORE; the examples themselves are taken out of the documentation and run as
they are. An example without an entry fails.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from tests.integration.documented import CONNECTIONS, MODULES, as_plays, differences, documentation, returned_by
from tests.integration.estate import CA_PASSPHRASE, PAIR, Estate, close, make_estate
from tests.integration.harness import Result
from tests.simulator import certs

PARTNER_PASSPHRASE = "passphrase of the partner 2816"
#: The names that the examples use, and a CA that goes on.
FLEET = {
    **PAIR,
    "domain": "example.com",
    "dialect": "default",
    "legacy": {"days_left": 12, "ca_name": "Example Old", "key": "ecdsa", "ca_passphrase": CA_PASSPHRASE},
}


class Bench:
    """The fleet of the examples, with a folder for the playbook and what lies beside it."""

    def __init__(self, directory: Path) -> None:
        words = dict.fromkeys(
            ("partner_key_passphrase", "john_pkcs12_passphrase", "pfx_passphrase"), PARTNER_PASSPHRASE
        )
        variables = {"cms_accept_anchors": None, **words}
        self.estate: Estate = make_estate(directory, FLEET, variables)
        self.estate.workspace.secrets.append(PARTNER_PASSPHRASE)
        self.folder = directory / "user"
        self.folder.mkdir()
        theirs, ours = self.estate.fleet.state / "ca", self.estate.own_ca
        ours.mkdir(parents=True, mode=0o700)
        for source, name in (("root.crt", "root.crt"), ("issuing.crt", "intermediate.crt"), ("issuing.key",) * 2):
            shutil.copy(theirs / source, ours / name.replace("issuing", "intermediate"))
        self.estate.state.chmod(0o700)

    @property
    def old_ca(self) -> certs.Authority:
        folder = self.estate.fleet.state / "ca"
        loaded = [certs.load_certs((folder / f"{name}.crt").read_bytes())[0] for name in ("root", "issuing")]
        keys = [certs.load_key((folder / f"{n}.key").read_bytes(), CA_PASSPHRASE.encode()) for n in ("root", "issuing")]
        return certs.Authority(loaded[0], keys[0], loaded[1], keys[1])

    def lay(self, node: str, name: str, data: bytes) -> None:
        """Put a file on a node, as an upload long ago did."""
        (self.estate.fleet.state / "nodes" / node / "files" / name).write_bytes(data)


def a_locked_key(bench: Bench) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    bench.lay("core1", "partner.key", certs.key_pem(key, passphrase=PARTNER_PASSPHRASE.encode()))


def a_pfx(bench: Bench) -> None:
    key, ca = ec.generate_private_key(ec.SECP256R1()), bench.old_ca
    leaf = ca.issue(key.public_key(), "join.example.com", [], 90)
    lock = BestAvailableEncryption(PARTNER_PASSPHRASE.encode())
    bag = pkcs12.serialize_key_and_certificates(b"join", key, leaf, [ca.intermediate, ca.root], lock)
    (bench.folder / "join-example-com.pfx").write_bytes(bag)


def files_with_a_passphrase(bench: Bench) -> None:
    key, word = ec.generate_private_key(ec.SECP256R1()), PARTNER_PASSPHRASE.encode()
    bench.lay("core1", "partner-g1.key", certs.key_pem(key, passphrase=word))
    bag = pkcs12.serialize_key_and_certificates(b"john", key, None, None, BestAvailableEncryption(word))
    bench.lay("core1", "john.pub", bag)


def an_old_bundle(bench: Bench) -> None:
    bench.lay("edge1", "webadmin-example-g0-bundle.crt", certs.cert_pem(bench.old_ca.root))


def new_files(bench: Bench, node: str, base: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    ca = bench.old_ca
    bench.lay(node, f"{base}.key", certs.key_pem(key))
    bench.lay(node, f"{base}.crt", certs.cert_pem(ca.issue(key.public_key(), f"{node}.example.com", [], 90)))
    bench.lay(node, f"{base}-bundle.crt", certs.cert_pem(ca.intermediate, ca.root))


def new_files_for_turn(bench: Bench) -> None:
    new_files(bench, "edge1", "turn-new")


def new_files_for_the_call_bridge(bench: Bench) -> None:
    new_files(bench, "core1", "callbridge-new")


def a_second_ca(bench: Bench) -> None:
    (bench.folder / "new-ca.pem").write_bytes(certs.cert_pem(certs.Authority.create("Example New", 90).root))


def plan_and_requests() -> list[dict[str, Any]]:
    """Write the play that makes the plan whose rounds the example of ``apply`` carries out."""
    the_plan = "{{ hostvars['localhost'].cms_plan.plan.id }}"
    return [
        {
            "name": "Before apply",
            "hosts": "cms",
            "gather_facts": False,
            "connection": "certops.cms.mmp",
            "tasks": [
                {"certops.cms.node_info": {}, "register": "cms_survey"},
                {"certops.cms.fleet_plan": {"intent": "renew"}, "register": "found", "run_once": True},
                {
                    "ansible.builtin.set_fact": {"cms_plan": "{{ found }}"},
                    "run_once": True,
                    "delegate_to": "localhost",
                    "delegate_facts": True,
                },
                {"certops.cms.apply": {"plan": the_plan, "round": "request"}},
            ],
        }
    ]


@dataclass(frozen=True)
class Before:
    """What has to stand before an example: files, and plays; and the hosts that its tasks are for."""

    hosts: str = "core1"
    files: Callable[[Bench], None] = lambda _bench: None
    plays: list[dict[str, Any]] = field(default_factory=list)


BEFORE = {
    "ca_export": Before(),
    "certificate": Before(),
    "command": Before(files=a_locked_key),
    "csr": Before(),
    "fleet_plan": Before("cms"),
    "mmp": Before("cms"),
    "node_info": Before("cms"),
    "pkcs12": Before("edge1", a_pfx),
    "pki_file": Before("edge1", an_old_bundle),
    "pki_info": Before(files=new_files_for_the_call_bridge),
    "pki_selfsigned": Before(),
    "pki_sign": Before(),
    "pki_unlock": Before(files=files_with_a_passphrase),
    "record": Before("cms"),
    "report": Before("cms"),
    "service": Before("cms_turn", new_files_for_turn),
    "trust": Before("cms_webbridge3", a_second_ca),
    "verify": Before(),
    "web_bridge": Before(),
    # The last one, because it renews what the others look at.
    "apply": Before(plays=plan_and_requests()),
}
#: Tasks whose second run says that it changed something, and why.
CHANGES_AGAIN = {
    ("fleet_plan", "Plan the renewal of what is due, and change nothing"): "the plan would change something",
}
#: Tasks whose second run is refused, and why.
REFUSED_AGAIN = {
    ("command", "Remove the lock of a key that was uploaded with a passphrase"): "the key has no lock any more",
}
#: Fields that no example returns; test_examples_of_pages.py sees them.
SEEN_ELSEWHERE = {"fleet_plan": {"issuers", "rows", "table"}, "node_info": {"survey_text"}}


def example(plugin: str) -> list[dict[str, Any]]:
    kind = "connection" if plugin in CONNECTIONS else "modules"
    found: list[dict[str, Any]] = documentation(kind, plugin, "EXAMPLES")
    return found


@dataclass(frozen=True)
class Run:
    """One run of all examples, each twice; results by plugin and pass."""

    result: Result
    results: dict[tuple[str, int], list[dict[str, Any]]]


def sorted_results(result: Result) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """Give the results, and those of each item of a loop, by plugin and pass."""
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    current = ("", 0)
    for event in result.events:
        if event["event"] == "play":
            plugin, _blank, number = event["name"].partition(":")[0].partition(" ")
            current = (plugin, int(number) if number.isdigit() else 0)
        elif event["event"] in ("result", "item"):
            found.setdefault(current, []).append(event)
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    bench = Bench(tmp_path_factory.mktemp("examples"))
    plays: list[dict[str, Any]] = []
    for plugin, before in BEFORE.items():
        before.files(bench)
        plays += before.plays
        for number in (1, 2):
            plays += as_plays(example(plugin), f"{plugin} {number}", before.hosts, ignore_errors=True)
    playbook = bench.folder / "examples.yml"
    playbook.write_text(yaml.safe_dump(plays, sort_keys=False))
    result = bench.estate.run(playbook)
    yield Run(result, sorted_results(result))
    close(bench.estate)


pytestmark = pytest.mark.xdist_group("examples")


def test_every_plugin_has_examples_that_are_run() -> None:
    assert set(BEFORE) == {*MODULES, *CONNECTIONS}


@pytest.mark.parametrize("plugin", BEFORE)
def test_an_example_works(run: Run, plugin: str) -> None:
    assert run.result.rc == 0, run.result.stdout
    tasks = {task["name"] for entry in example(plugin) for task in entry.get("tasks", [entry])}
    for number in (1, 2):
        results = run.results[plugin, number]
        bad = {e["task"]: e["result"].get("msg") for e in results if e["status"] not in ("ok", "skipped")}
        refused = {task for name, task in REFUSED_AGAIN if name == plugin and number == 2}
        assert set(bad) == refused, bad
        assert {event["task"] for event in results if event["status"] == "ok"} == tasks - refused


@pytest.mark.parametrize("plugin", BEFORE)
def test_an_example_changes_nothing_the_second_time(run: Run, plugin: str) -> None:
    again = {event["task"] for event in run.results[plugin, 2] if event["changed"]}
    assert again == {task for name, task in CHANGES_AGAIN if name == plugin}


@pytest.mark.parametrize("module", MODULES)
def test_what_came_back_is_what_is_documented(run: Run, module: str) -> None:
    fields = documentation("modules", module, "RETURN")
    results = returned_by(module, run.result.events)
    assert results
    assert sorted({found for result in results for found in differences(fields, result)}) == []
    assert set(fields) - {name for result in results for name in result} == SEEN_ELSEWHERE.get(module, set())
