# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module service on a simulated fleet: one change by hand, with the care of a whole rollout."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.integration.estate import PAIR, Estate, assert_done, close, fingerprint, make_estate
from tests.integration.harness import Result
from tests.integration.wire import look_at_all
from tests.simulator import certs

SERVICE, TRUST, NODE_INFO = "certops.cms.service", "certops.cms.trust", "certops.cms.node_info"
OLD_CA_PASSPHRASE = "old-ca-passphrase"
#: One Call Bridge and three edge nodes, the last without a Web Bridge.
FLEET = {
    **PAIR,
    "legacy": {"days_left": 12, "ca_name": "Example Old", "key": "ecdsa", "ca_passphrase": OLD_CA_PASSPHRASE},
    "nodes": [
        {"name": "core1", "services": ["webadmin", "callbridge"]},
        {"name": "edge1", "services": ["webbridge3", "turn"]},
        {"name": "edge2", "services": ["webbridge3", "turn"]},
        {"name": "edge3", "services": ["turn"]},
    ],
}
#: What the module always returns, whatever mode it runs in.
KEYS = {"changed", "findings", "text", "commands", "proofs", "remarks", "service"}


class Hand:
    """An administrator with a fleet: makes certificates, lays them on nodes, and writes playbooks."""

    def __init__(self, directory: Path) -> None:
        self.estate: Estate = make_estate(directory, FLEET)
        # The fleet stays under the CA it has: no issuer of this collection takes part.
        self.estate.variables = {
            "cms_state_dir": str(self.estate.state),
            "cms_proof_timeout": 20,
            "cms_alarm_timeout": 15,
        }
        self.control = self.estate.fleet.control
        self._numbers = itertools.count(1)
        folder = self.estate.fleet.state / "ca"
        (root,), (issuing,) = (certs.load_certs((folder / f"{name}.crt").read_bytes()) for name in ("root", "issuing"))
        keys = [
            certs.load_key((folder / f"{name}.key").read_bytes(), OLD_CA_PASSPHRASE.encode())
            for name in ("root", "issuing")
        ]
        self.old_ca = certs.Authority(root, keys[0], issuing, keys[1])

    def lay(self, node: str, name: str, data: bytes) -> str:
        """Put a file on a node, as an upload long ago did."""
        (self.estate.fleet.state / "nodes" / node / "files" / name).write_bytes(data)
        return name

    def certificate(
        self,
        node: str,
        ca: certs.Authority | None = None,
        *,
        days: float = 90,
        client: bool = True,
        chain: bool = False,
        bundle: bool = True,
    ) -> dict[str, Any]:
        """Lay a key and a certificate on a node; give the names as options of the module.

        ``chain`` writes a full chain, as the Web Bridge wants it; else ``bundle`` says whether there is a bundle.
        """
        ca = ca or self.old_ca
        base = f"hand-{next(self._numbers)}"
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = ca.issue(key.public_key(), f"{node}.example.test", [], days, client=client)
        above = (ca.intermediate, ca.root)
        files = {"key": self.lay(node, f"{base}.key", certs.key_pem(key))}
        files["certificate"] = self.lay(node, f"{base}.crt", certs.cert_pem(leaf, *(above if chain else ())))
        if bundle and not chain:
            files["bundle"] = self.lay(node, f"{base}-ca.pem", certs.cert_pem(*above))
        return files

    def leaf(self, node: str, file: str) -> str:
        """Give the fingerprint of the first certificate of a file on a node."""
        return fingerprint(self.estate.certificates(node, file)[0])

    def served(self) -> dict[tuple[str, str], str]:
        """Give the fingerprint of what every listener shows in a handshake."""
        shown = look_at_all(self.estate.describe(), None)
        return {place: fingerprint(what.leaf) for place, what in shown.items() if what.leaf is not None}

    def stored(self, node: str, service: str) -> dict[str, Any]:
        """Give what is stored for a service, as the simulator has it."""
        found: dict[str, Any] = self.control.state(node)["services"][service]["stored"]
        return found

    def links_up(self) -> bool:
        return {link["status"] for link in self.control.links()} == {"success"}

    def run(self, *plays: dict[str, Any], arguments: tuple[str, ...] = (), **options: Any) -> Result:
        return self.estate.run(list(plays), *arguments, **options)


def play(hosts: str, *tasks: dict[str, Any], **keywords: Any) -> dict[str, Any]:
    """Write a play; a task that is no task of Ansible's is one of the module ``service``."""
    return {
        "name": f"Play on {hosts}",
        "hosts": hosts,
        "gather_facts": False,
        "connection": "certops.cms.mmp",
        "tasks": list(tasks),
        **keywords,
    }


def task(name: str, module: str, options: dict[str, Any], **keywords: Any) -> dict[str, Any]:
    return {"name": name, module: options, **keywords}


def surveyed(hosts: str = "cms") -> dict[str, Any]:
    """Write the play that every playbook with links begins with."""
    return play(hosts, task("Survey", NODE_INFO, {}, register="cms_survey"))


@pytest.fixture(scope="module")
def hand(dialect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    made = Hand(tmp_path_factory.mktemp("hand"))
    yield made
    close(made.estate)


@pytest.mark.every_dialect
def test_check_apply_check_apply(hand: Hand) -> None:
    slots = {
        "Turn": ("edge1", "turn", {"service": "turn"}),
        "Https": ("edge1", "webbridge3_https", {"service": "webbridge3", "slot": "https"}),
        "C2w": ("edge1", "webbridge3_c2w", {"service": "webbridge3", "slot": "c2w"}),
        "Admin": ("core1", "webadmin", {"service": "webadmin"}),
        "Bridge": ("core1", "callbridge", {"service": "callbridge"}),
    }
    given = {
        name: {**options, **hand.certificate(node, chain=options["service"] == "webbridge3")}
        for name, (node, _slot, options) in slots.items()
    }
    plays = [surveyed()] + [
        play(node, *(task(name, SERVICE, given[name]) for name, (where, *_rest) in slots.items() if where == node))
        for node in ("edge1", "core1")
    ]
    wanted = {(node, slot): hand.leaf(node, given[name]["certificate"]) for name, (node, slot, _form) in slots.items()}
    before = hand.served()
    results: list[dict[str, dict[str, Any]]] = []
    for check in (True, False, True, False):
        since = hand.estate.now()
        done = hand.run(*plays, check=check, diff=True)
        assert_done(done)
        results.append({name: done.one(task=name) for name in slots})
        seen = hand.estate.seen(since)
        if len(results) == 2:
            assert seen.restarts == {"edge1": {"turn": 1, "webbridge3": 2}, "core1": {"webadmin": 1, "callbridge": 1}}
            assert seen.broken_links == []
        else:
            assert seen.changes == []
        if check:
            assert hand.served() == (before if len(results) == 1 else {**before, **wanted})
            assert not (hand.estate.state.exists() and len(results) == 1)
    assert [{result["changed"] for result in run.values()} for run in results] == [{True}, {True}, {False}, {False}]
    assert hand.served() == {**before, **wanted}
    assert hand.links_up()
    for name, (node, slot, _options) in slots.items():
        checked, applied, *_rest = [run[name] for run in results]
        assert set(checked) == set(applied) > KEYS | {"slot", "files", "diff"}
        assert checked["text"] == applied["text"]
        assert checked["diff"] == applied["diff"]
        assert given[name]["certificate"] in checked["diff"][0]["after"]
        assert (applied["slot"], applied["files"]["key"]) == (slot, given[name]["key"])
        assert checked["commands"] == checked["proofs"] == []
        proof = applied["proofs"][0] if slot != "webbridge3_c2w" else applied["proofs"][1]
        assert (proof["slot"], proof["state"]) == (slot, "proven")
        assert proof["leaf"]["sha256"] == wanted[node, slot]
    links = {p["link"]: p["state"] for p in results[1]["C2w"]["proofs"] + results[1]["Bridge"]["proofs"] if "link" in p}
    assert set(links.values()) == {"proven"}
    assert {"core1<edge1 c2w_server", "edge1<core1 c2w_client"} <= set(links)


def test_refused_before_anything_is_stored(hand: Hand) -> None:
    foreign = certs.Authority.create("Example Foreign", 30)
    other = hand.certificate("edge1")
    full = {name: hand.certificate("edge1", chain=True) for name in ("good", "blank")}
    path = hand.estate.fleet.state / "nodes" / "edge1" / "files" / full["blank"]["certificate"]
    path.write_bytes(path.read_bytes().replace(b"-\n-", b"-\n\n-"))
    c2w = {"service": "webbridge3", "slot": "c2w"}
    turn = {"service": "turn"}
    cases: dict[str, dict[str, tuple[dict[str, Any], list[str]]]] = {
        "edge1": {
            "Wrong key": (
                {**turn, **hand.certificate("edge1"), "key": other["key"]},
                [other["key"], "pki match"],
            ),
            "Untrusted": (
                {**c2w, **hand.certificate("edge1", foreign, chain=True)},
                ["core1<edge1 c2w_server", "core1 does not trust what edge1 presents", "certops.cms.trust"],
            ),
            "Bundle": ({**c2w, **full["good"], "bundle": "old_ca.pem"}, ["bundle", "webbridge3 c2w certs", "one file"]),
            "Which slot": ({**full["good"], "service": "webbridge3"}, ["slot", "webbridge3", "https, c2w"]),
            "No slot": ({**turn, **other, "slot": "c2w"}, ["slot", "turn", "leave it out"]),
            "Blank lines": ({**c2w, **full["blank"]}, [full["blank"]["certificate"], "blank lines"]),
            "Only the leaf": (
                {**c2w, **hand.certificate("edge1", bundle=False)},
                ["hand-", "root certificate is missing"],
            ),
            "No key file": ({**turn, **other, "key": "gone.key"}, ["edge1 gone.key", "key is not on the node"]),
            "No certificate": ({**turn, **other, "certificate": "gone.crt"}, ["edge1 gone.crt", "is not on the node"]),
            "No bundle": ({**turn, **other, "bundle": "gone.pem"}, ["edge1 gone.pem", "bundle is not on the node"]),
            "Expired": ({**turn, **hand.certificate("edge1", days=-1)}, ["edge1 turn", "expired"]),
            "Not here": ({**other, "service": "webadmin"}, ["edge1", "cms_webadmin"]),
        },
        "core1": {
            "Server only": (
                {"service": "callbridge", **hand.certificate("core1", client=False)},
                ["core1 callbridge", "clientAuth"],
            ),
            "Distrusted": (
                {"service": "callbridge", **hand.certificate("core1", foreign)},
                ["edge1<core1 c2w_client", "edge2<core1 c2w_client", "edge1 does not trust what core1 presents"],
            ),
        },
    }
    plays = [
        play(node, *(task(name, SERVICE, options) for name, (options, _said) in found.items()), ignore_errors=True)
        for node, found in cases.items()
    ]
    fine = {"service": "callbridge", **hand.certificate("core1")}
    never = {"survey_variable": "nobody_registered_this"}
    unseen = play("core1", task("Nobody looked", SERVICE, {**fine, **never}), ignore_errors=True)
    for check in (True, False):
        since = hand.estate.now()
        done = hand.run(surveyed(), *plays, unseen, check=check)
        for node, found in cases.items():
            for name, (_options, said) in found.items():
                error = done.one(task=name, host=node)["error"]
                text = f"{error['object']} {error['reason']} {error['next_step']}"
                missing = [part for part in said if part not in text]
                assert not missing, f"{name}: {missing} not in: {text}"
        error = done.one(task="Nobody looked")["error"]
        assert "edge1: is linked to core1, and how it is set up is not known" in error["reason"]
        assert "edge2" in error["reason"]
        assert "certops.cms.node_info" in error["next_step"]
        assert hand.estate.seen(since).changes == []
    assert hand.links_up()


def test_s5_a_survey_that_is_no_longer_true_is_noticed(hand: Hand) -> None:
    admin = {"service": "webadmin", **hand.certificate("core1")}
    https = {"service": "webbridge3", "slot": "https", **hand.certificate("edge2", chain=True)}
    done = hand.run(
        surveyed(),
        play("core1", task("Admin", SERVICE, admin)),
        # The state of its links is shown by the API behind the Web Admin that was just changed.
        play("edge2", task("Stale", SERVICE, https, ignore_errors=True)),
        surveyed(),
        play("edge2", task("Fresh", SERVICE, https)),
    )
    assert_done(done)
    error = done.one(task="Stale")["error"]
    assert (error["kind"], error["object"]) == ("PreconditionMissing", "core1 webadmin")
    assert "survey all nodes again" in error["next_step"]
    assert done.one(task="Fresh")["changed"]
    assert hand.served()["edge2", "webbridge3_https"] == hand.leaf("edge2", https["certificate"])


def test_calls_in_progress_stop_it_unless_they_may_drop(hand: Hand) -> None:
    given = {"service": "callbridge", **hand.certificate("core1")}
    hand.control.set_calls("core1", 2)
    since = hand.estate.now()
    done = hand.run(
        surveyed(),
        play(
            "core1",
            task("Stop", SERVICE, given, ignore_errors=True),
            task("Wait", SERVICE, {**given, "calls": "wait", "calls_timeout": 1}, ignore_errors=True),
            task("Drop", SERVICE, {**given, "calls": "drop"}),
        ),
    )
    assert_done(done)
    stop, wait = (done.one(task=name)["error"] for name in ("Stop", "Wait"))
    assert stop["kind"] == wait["kind"] == "CallsInProgress"
    assert "carries 2 call legs, and" in stop["reason"]
    assert "after 1 seconds of waiting" in wait["reason"]
    assert "cms_calls" in stop["next_step"]
    assert done.one(task="Drop")["changed"]
    seen = hand.estate.seen(since)
    assert seen.restarts == {"core1": {"callbridge": 1}}
    assert [event["setting"] for event in seen.of("setting_stored")] == ["callbridge_certs"]
    assert hand.served()["core1", "callbridge"] == hand.leaf("core1", given["certificate"])
    hand.control.set_calls("core1", 0)


def test_s10_what_cannot_be_proven_is_put_back(hand: Hand) -> None:
    turn = {"service": "turn", **hand.certificate("edge1"), "proof_timeout": 2}
    c2w = {"service": "webbridge3", "slot": "c2w", **hand.certificate("edge1", chain=True)}
    before = hand.served()
    stored = {name: hand.stored("edge1", name) for name in ("turn", "webbridge3")}
    hand.control.set_fault("edge1", {"kind": "serve_old_after_restart", "match": "turn"})
    hand.control.set_fault("edge1", {"kind": "fail_restart", "match": "webbridge3", "text": "C2W failed to start"})
    done = hand.run(
        surveyed(),
        play(
            "edge1",
            task("Serves the old one", SERVICE, turn, ignore_errors=True),
            task("Does not start", SERVICE, c2w, ignore_errors=True),
            task("Mended", SERVICE, turn),
        ),
    )
    assert_done(done)
    old, failing = (done.one(task=name)["error"] for name in ("Serves the old one", "Does not start"))
    assert (old["kind"], old["object"]) == ("ProofFailed", "edge1 turn")
    assert "and not the certificate that was assigned" in old["reason"]
    assert failing["kind"] == "CommandFailed"
    assert "C2W failed to start" in failing["reason"]
    assert any("FAILURE: C2W failed to start" in line for line in failing["transcript"])
    for error in (old, failing):
        assert error["reason"].endswith("the old assignment is back and proven")
        assert error["next_step"]
    assert done.one(task="Mended")["changed"]
    new = {("edge1", "turn"): hand.leaf("edge1", turn["certificate"])}
    assert hand.served() == {**before, **new}
    assert hand.stored("edge1", "webbridge3") == stored["webbridge3"]
    assert hand.stored("edge1", "turn")["tls_certs"] == [turn["key"], turn["certificate"], turn["bundle"]]
    assert hand.links_up()


def test_s15_finishes_what_a_killed_run_stored(hand: Hand) -> None:
    given = {"service": "turn", **hand.certificate("edge3")}
    plays = (surveyed(), play("edge3", task("Turn", SERVICE, given)))
    since = hand.estate.now()
    running = hand.estate.start(list(plays))
    killed = running.kill_when(lambda _run: bool(hand.control.events(since=since, kind="setting_stored")))
    assert killed.rc != 0
    done = hand.run(*plays)
    assert_done(done)
    assert done.one(task="Turn")["changed"]
    assert hand.served()["edge3", "turn"] == hand.leaf("edge3", given["certificate"])
    again = hand.run(*plays)
    assert not again.one(task="Turn")["changed"]


def test_s6_one_node_after_the_other_whatever_forks_says(hand: Hand) -> None:
    nodes = ("edge1", "edge2", "edge3")
    given = {node: hand.certificate(node) for node in nodes}
    names = [f"{{{{ given[inventory_hostname].{part} }}}}" for part in ("key", "certificate", "bundle")]
    options = {"service": "turn", **dict(zip(("key", "certificate", "bundle"), names, strict=True))}
    since = hand.estate.now()
    done = hand.run(
        surveyed(),
        play("cms_turn", task("Turn", SERVICE, options), vars={"given": given}, strategy="free"),
        arguments=("--forks", "5"),
    )
    assert_done(done)
    assert done.changed == 3
    seen = hand.estate.seen(since)
    first = seen.of("disabled")[0]["seq"]
    order = [event["node"] for event in seen.of("command") if event["seq"] >= first]
    assert len([node for node, _commands in itertools.groupby(order)]) == 3, order
    assert {node: hand.served()[node, "turn"] for node in nodes} == {
        node: hand.leaf(node, given[node]["certificate"]) for node in nodes
    }
