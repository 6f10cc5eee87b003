# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For each rule about rolling back: a fleet that moved to another CA, and what is in the way of its way back."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, NEW, OLD, Fleet, standard
from tests.unit.plugins.plugin_utils.fleet.test_rollback import back, narrowed

BREAKS: dict[str, Callable[[], list[dict[str, Any]]]] = {}
CORE = {"nodes": ["core1"], "services": ["callbridge"]}


def moved() -> Fleet:
    fleet = standard(1, 1)
    fleet.run(fleet.plan(accepted_anchors=CONSENT))
    return fleet


def breaks(rule: str, **wish: Any) -> Callable[[Callable[[Fleet], None]], None]:
    def note(spoil: Callable[[Fleet], None]) -> None:
        def plan() -> list[dict[str, Any]]:
            fleet = moved()
            spoil(fleet)
            return list(back(fleet, **wish)["findings"])

        BREAKS[rule] = plan

    return note


@breaks("rollback-unknown")
def _no_journal(fleet: Fleet) -> None:
    for node in fleet.nodes.values():
        node.replaced.clear()
    fleet.rollout = None


@breaks("rollback-unclear", **CORE)
def _by_hand(fleet: Fleet) -> None:
    fleet.give("core1", "callbridge", NEW, base="by-hand", ends=100)


@breaks("rollback-unknown-name", nodes=["core9"])
def _nobody(fleet: Fleet) -> None:
    pass


@breaks("rollback-nothing-before", **CORE)
def _nothing_before(fleet: Fleet) -> None:
    empty = {"key": None, "certificate": None, "bundle": None}
    fleet.nodes["core1"].replaced["callbridge/slot:callbridge"][-1]["before"] = empty


@breaks("rollback-changed-since")
def _since(fleet: Fleet) -> None:
    node = fleet.nodes["core1"]
    ours = copy.deepcopy(node.slots["callbridge"])
    fleet.give("core1", "callbridge", NEW, base="by-hand", ends=100)
    step = {"plan": "p-0", "rollout": None, "files": node.slots["callbridge"], "before": ours, "was": None}
    node.replaced["callbridge/slot:callbridge"].append(copy.deepcopy(step))


@breaks("rollback-file-gone", **CORE)
def _gone(fleet: Fleet) -> None:
    del fleet.nodes["core1"].files["core1-callbridge.key"]


@breaks("rollback-file-changed", **CORE)
def _changed(fleet: Fleet) -> None:
    other = OLD.issue("core1.example.com", names=["core1.example.com"], eku=kit.USAGES["callbridge"])
    fleet.nodes["core1"].put("core1-callbridge.crt", "certificate", other.pem)


@breaks("rollback-together", nodes=["core1"])
def _apart(fleet: Fleet) -> None:
    narrowed(fleet)


@breaks("rollback-trust-gone", services=["callbridge", "webbridge3"])
def _trust_gone(fleet: Fleet) -> None:
    narrowed(fleet)
    for node in fleet.nodes.values():
        for file in node.files.values():
            file.pems = [pem for pem in file.pems if kit.fingerprint(pem) not in OLD.fingerprints]


def _expired() -> list[dict[str, Any]]:
    fleet = standard(1, 1)
    fleet.give("core1", "callbridge", OLD, ends=-1, lasts=200)
    fleet.run(fleet.plan(accepted_anchors=CONSENT))
    return list(back(fleet, **CORE)["findings"])


def _stays(**options: Any) -> list[dict[str, Any]]:
    fleet = standard(1, 1, ca=NEW)
    fleet.run(fleet.plan())
    fleet.run(back(fleet))
    return list(fleet.plan(**options)["findings"])


BREAKS |= {
    "rollback-expired": _expired,
    "rolled-back": _stays,
    "unknown-identity": lambda: _stays(roll_forward=["core9"]),
}
