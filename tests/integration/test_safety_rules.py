# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Safety rules that show in the whole life of a fleet: names, files, keys, order, trust, generations.

Each test is named after its rule and looks at what the simulator saw, not at what the collection says of itself.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.integration.estate import Event, Seen
from tests.integration.life import CORES, EDGES, OLD_ISSUING, OLD_ROOT, Life


def made_names(seen: Seen) -> Iterator[tuple[int, str, str]]:
    """Give (moment, node, file) for every file that was put or made on a node."""
    for e in seen.events:
        if e["kind"] == "sftp_put":
            yield e["seq"], e["node"], e["file"]
        elif e["kind"] == "csr_made":
            yield e["seq"], e["node"], f"{e['base']}.key"
            yield e["seq"], e["node"], f"{e['base']}.csr"


def down_times(seen: Seen) -> list[tuple[str, str, int, int]]:
    """Give (node, service, from, to) for every time a service was down, in the numbers of the event log."""
    found = []
    open_since: dict[tuple[str, str], int] = {}
    for e in seen.events:
        if e["kind"] in ("disabled", "restart_begin"):
            open_since.setdefault((e["node"], e["service"]), e["seq"])
        elif e["kind"] == "restart_end":
            found.append((e["node"], e["service"], open_since.pop((e["node"], e["service"])), e["seq"]))
    assert open_since == {}
    return found


def test_s02_new_names_are_plain_say_what_they_are_for_and_are_never_used_twice(life: Life) -> None:
    names = list(made_names(life.seen))
    assert len(names) > 80
    plain = re.compile(r"(webadmin|callbridge|webbridge3|turn)[A-Za-z0-9-]*-g[0-9]+[A-Za-z0-9-]*\.(key|crt|csr|pem)")
    assert [name for _seq, _node, name in names if not plain.fullmatch(name)] == []
    places = [(node, name) for _seq, node, name in names]
    assert len(places) == len(set(places))
    assert [(node, name) for node, name in places if name in life["check"].nodes[node]["files"]] == []


def test_s03_no_file_that_a_setting_names_is_overwritten_or_removed(life: Life) -> None:
    named: dict[tuple[str, str, str], list[str]] = {}

    def keep(node: str, service: str, setting: str, value: Any) -> None:
        named[node, service, setting] = [value] if isinstance(value, str) else list(value or [])

    for node, state in life["check"].nodes.items():
        for service, facts in state["services"].items():
            for setting, value in facts["stored"].items():
                if setting.endswith(("_certs", "_trust")):
                    keep(node, service, setting, value)
    touched = {seq: (node, name) for seq, node, name in made_names(life.seen)}
    looked_at = 0
    for e in life.seen.events:
        if e["kind"] == "setting_stored" and e["setting"].endswith(("_certs", "_trust")):
            keep(e["node"], e["service"], e["setting"], e["value"])
        gone = (e["node"], e["file"]) if e["kind"] == "sftp_remove" else touched.get(e["seq"])
        if gone:
            looked_at += 1
            in_use = {file for (node, _service, _setting), files in named.items() if node == gone[0] for file in files}
            assert gone[1] not in in_use, e
    assert looked_at > 80
    assert life.seen.of("csr_made") != []
    assert [e for e in life.seen.of("csr_made") if e["in_use"]] == []


def secret_lines(pem: bytes) -> list[bytes]:
    """Give the lines of an RSA key behind its modulus: that one every certificate has, and may break alike."""
    lines = pem.splitlines()[1:-1]
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    modulus = key.public_key().public_numbers().n.to_bytes(key.key_size // 8, "big")
    der = base64.b64decode(b"".join(lines))
    behind = der.index(modulus) + len(modulus)
    return [line for number, line in enumerate(lines) if number * 48 >= behind]


def test_s04_keys_made_on_a_node_stay_there(life: Life) -> None:
    assert [e for e in life.seen.of("sftp_get") if e["file"].endswith(".key")] == []
    assert [e for e in life.seen.of("sftp_put") if e["file"].endswith(".key")] == []
    bodies = [
        line
        for path in (life.directory / "fleet" / "state" / "nodes").glob("*/files/*.key")
        for line in secret_lines(path.read_bytes())
    ]
    assert len(bodies) > 200
    kept = b"".join(p.read_bytes() for p in (life.directory / "control-node").rglob("*") if p.is_file())
    assert [line for line in bodies if line in kept] == []


def test_s05_every_verifier_trusts_and_has_restarted_before_a_new_identity_is_shown(life: Life) -> None:
    seen = life["site"].seen

    def live(node: str, service: str, slot: str) -> Event:
        """Give the event with which a service came up that showed another leaf in a slot."""
        changed = [e for e in seen.of("active_changed", node) if e["service"] == service]
        return next(e for e in changed if e["before"].get(slot) != e["after"].get(slot))

    def trusting(node: str, service: str) -> int:
        """Give the moment from which a service runs with a trust of four certificates: two CAs of two."""
        ups = [e for e in seen.events if e["kind"] in ("active", "active_changed") and e["node"] == node]
        return int(next(e["seq"] for e in ups if e["service"] == service and len(e["trust"]["c2w"]) == 4))

    for core in CORES:
        shown = live(core, "callbridge", "callbridge")["seq"]
        assert all(trusting(edge, "webbridge3") < shown for edge in EDGES)
    for edge in EDGES:
        shown = live(edge, "webbridge3", "c2w")["seq"]
        assert all(trusting(core, "callbridge") < shown for core in CORES)


def test_s06_no_two_nodes_have_the_same_service_down_at_once(life: Life) -> None:
    for name in ("site", "renewal"):
        times = down_times(life[name].seen)
        assert len(times) >= 10
        for node, service, begin, end in times:
            others = [t for t in times if t[1] == service and t[0] != node and t[2] < end and begin < t[3]]
            assert others == [], f"{name}: {service} of {node} and {others}"


def test_s06_each_service_restarts_once_per_round(life: Life) -> None:
    rounds: dict[tuple[str, str], int] = {}
    for entry in life["site"].result.results(action="certops.cms.apply"):
        for row in entry["result"].get("commands", []):
            for service in ("webbridge3", "callbridge"):
                if row["command"] == f"{service} restart":
                    rounds[entry["host"], entry["result"]["round"] + service] = (
                        rounds.get((entry["host"], entry["result"]["round"] + service), 0) + 1
                    )
    assert len(rounds) == len(CORES) + 2 * len(EDGES)
    assert set(rounds.values()) == {1}


def test_s09_a_rollout_confirms_nothing(life: Life) -> None:
    sent = [e["command"].strip() for e in life.seen.of("command")]
    assert len(sent) > 300
    assert [command for command in sent if command.lower() in ("y", "yes", "n")] == []


def test_s13_old_generations_stay_until_narrow(life: Life) -> None:
    for name in ("site", "renewal"):
        assert life[name].seen.of("sftp_remove") == []
    for node in (*CORES, *EDGES):
        first = {name for name in life["site"].nodes[node]["files"] if "-g1" in name}
        assert first <= set(life["renewal"].nodes[node]["files"])
        # Not even narrow removes what is the latest of its kind, or what the collection did not make.
        assert set(life["check"].nodes[node]["files"]) <= set(life["end"].nodes[node]["files"])
        assert {n for n in life["renewal"].nodes[node]["files"] if "-g2" in n} <= set(life["end"].nodes[node]["files"])


def test_s16_widening_keeps_all_that_was_trusted(life: Life) -> None:
    before, after = life["check"], life["site"]
    for node, service in [*((core, "callbridge") for core in CORES), *((edge, "webbridge3") for edge in EDGES)]:
        assert set(before.subjects(node, service)) == {OLD_ROOT, OLD_ISSUING}
        assert set(before.subjects(node, service)) < set(after.subjects(node, service, running=True))


def test_s16_narrowing_drops_only_what_was_named(life: Life) -> None:
    assert life["narrow unnamed"].seen.changes == []
    for node, service in [*((core, "callbridge") for core in CORES), *((edge, "webbridge3") for edge in EDGES)]:
        gone = set(life["site"].subjects(node, service)) - set(life["narrow"].subjects(node, service))
        assert gone == {OLD_ROOT, OLD_ISSUING}


def test_s19_every_play_that_restarts_has_its_own_pace(life: Life) -> None:
    """One node of the cluster at a time: a host begins only after the one before it is done."""
    steps = [
        (e["event"], e["host"])
        for e in life["site"].result.events
        if e["event"] in ("start", "result") and e["task"].endswith("Carry out the round")
    ]
    assert len(steps) == 2 * (len(CORES) + 2 * len(EDGES))
    for begin, end in zip(steps[::2], steps[1::2], strict=True):
        assert (begin[0], end[0]) == ("start", "result")
        assert begin[1] == end[1]
