# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kill a rollout anywhere, run the same command again: the same end state, and no more restarts than the plans say.

The moments are drawn from a run that nobody killed: after the n-th event of a kind, a little later or at once.
``CERTOPS_SWEEPS=all`` tries all of them, otherwise a few.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography import x509

from tests.integration.estate import PAIR, SITE, Estate, StartEstate, announced, assert_done
from tests.integration.life import Life
from tests.integration.wire import Shown, look_at_all

SWEEP = os.environ.get("CERTOPS_SWEEPS") == "all"
SEED = "2026-11"
POINTS = 20
SAMPLE = (0, 2, 5, 9, 12)
#: Kinds of events after which to kill, those that hurt most first.
KINDS = (
    "setting_stored", "disabled", "restart_begin", "restart_end", "sftp_put", "csr_made", "active_changed", "login",
)  # fmt: skip


@dataclass(frozen=True)
class Moment:
    """After the ``number``-th event of a kind, and ``later`` seconds."""

    kind: str
    number: int
    later: float


def moment(index: int, life: Life) -> Moment:
    """Draw a moment of the run that nobody killed."""
    chance = random.Random(f"{SEED} {index}")
    kind = KINDS[index % len(KINDS)]
    return Moment(kind, chance.randint(1, len(life["site"].seen.of(kind))), chance.choice((0.0, 0.0, 0.03, 0.2)))


def _of_certificate(shown: Shown) -> dict[str, Any]:
    leaf = shown.leaf
    assert leaf is not None
    usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    return {
        "subject": leaf.subject.rfc4514_string(),
        "issuer": leaf.issuer.rfc4514_string(),
        "names": sorted(shown.names),
        "usages": sorted(usage.dotted_string for usage in usages),
        "faults": shown.faults,
    }


def end_state(
    nodes: dict[str, dict[str, Any]], shown: dict[tuple[str, str], Shown], trusted: dict[str, list[str]]
) -> dict[str, Any]:
    """Give all of a fleet that two runs must agree on: settings, file names, what is served, what is trusted."""
    found: dict[str, Any] = {f"{place} trusts": subjects for place, subjects in trusted.items()}
    found.update({f"{name} {file}": "is there" for name, state in nodes.items() for file in state["files"]})
    for name, state in nodes.items():
        for service, facts in state["services"].items():
            kept = {key: facts[key] for key in ("enabled", "running", "restart_pending", "stored")}
            # Which address a service listens on is the fleet's, not the run's.
            kept["stored"] = {key: value for key, value in kept["stored"].items() if "listen" not in key}
            found[f"{name} {service}"] = kept
    found.update({" ".join(key): _of_certificate(what) for key, what in shown.items()})
    return found


def of_life(life: Life) -> dict[str, Any]:
    site = life["site"]
    trusted = {
        f"{node} {service}": site.subjects(node, service, running=True)
        for node, state in site.nodes.items()
        for service in ("callbridge", "webbridge3")
        if state["services"][service]["running"]
    }
    return end_state(site.nodes, site.shown, trusted)


def of_estate(made: Estate) -> dict[str, Any]:
    nodes = made.describe()
    trusted = {
        f"{node} {service}": made.trusted(node, service)
        for node, state in nodes.items()
        for service in ("callbridge", "webbridge3")
        if state["services"][service]["running"]
    }
    return end_state(nodes, look_at_all(nodes, made.own_ca / "root.crt"), trusted)


def assert_within(restarts: dict[str, dict[str, int]], told: dict[str, dict[str, int]]) -> None:
    """Fail when a service restarted more often than a plan announced."""
    more = {
        f"{node} {service}": (number, told.get(node, {}).get(service, 0))
        for node, services in restarts.items()
        for service, number in services.items()
        if number > told.get(node, {}).get(service, 0)
    }
    assert more == {}


@pytest.mark.parametrize("index", range(POINTS) if SWEEP else SAMPLE)
def test_a_killed_rollout_is_finished_by_the_same_command(
    estate: StartEstate, life: Life, index: int, record_property: Callable[[str, object], None]
) -> None:
    when = moment(index, life)
    record_property("killed after", f"{when.kind} number {when.number} and {when.later} seconds")
    made = estate("demo")
    running = made.start(SITE)
    while running.process.poll() is None and len(made.fleet.control.events(kind=when.kind)) < when.number:
        time.sleep(0.005)
    time.sleep(when.later)
    running.kill()
    killed = running.wait()
    assert killed.rc == -9, killed.stdout
    first = made.seen()

    since = made.now()
    second_run = made.run(SITE)
    assert_done(second_run)
    second = made.seen(since)
    assert of_estate(made) == of_life(life)
    assert_within(first.restarts, announced(killed))
    assert_within(second.restarts, announced(second_run))
    assert made.seen().broken_links == []
    record_property("restarts in all", json.dumps(made.seen().restarts))

    since = made.now()
    third_run = made.run(SITE)
    assert_done(third_run)
    third = made.seen(since)
    assert third_run.changed == 0
    assert third.changes == []
    assert set(third.logins.values()) == {1}
    for journal in (made.state / "journal").glob("*.json"):
        assert json.loads(journal.read_text())["pending"] == {}, journal.name
    assert not (made.state / "lock.json").exists()


def test_a_request_that_the_node_never_carried_out_keeps_its_name(estate: StartEstate) -> None:
    made = estate(PAIR)
    made.fleet.control.set_fault("core1", {"kind": "silence", "match": "pki csr callbridge"})
    running = made.start(SITE)
    running.kill_when(lambda _run: any(e["fault"] == "silence" for e in made.seen().of("fault")), "the request hangs")
    assert "callbridge-g1.key" not in made.describe()["core1"]["files"]
    assert_done(made.run(SITE))
    stored = made.describe()["core1"]["services"]["callbridge"]["stored"]
    assert stored["callbridge_certs"] == ["callbridge-g1.key", "callbridge-g1.crt", "callbridge-g1-bundle.crt"]
    assert made.seen().restarts == {"core1": {"callbridge": 1, "webadmin": 1}, "edge1": {"webbridge3": 2, "turn": 1}}
