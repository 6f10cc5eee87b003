# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong in the middle of a change: a full disk, a slow start, a connection that ends unseen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._engine import prove
from ansible_collections.certops.cms.plugins.plugin_utils._engine.node import Node
from ansible_collections.certops.cms.plugins.plugin_utils._errors import (
    CmsError,
    JournalProblem,
    NotUnderstood,
    SessionLost,
)
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.journal import Journal
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import Reply
from tests.simulator.services.webadmin import WebAdmin
from tests.unit.plugins.plugin_utils.engine.rollout import Rollout, StartRollout

OLD = {"key": "core1_webadmin.key", "certificate": "core1_webadmin.crt"}


def before_the_switch(rollout: StartRollout) -> tuple[Rollout, dict[str, Any]]:
    fleet = rollout()
    made = fleet.plan()
    fleet.run(made, until="switch")
    return fleet, made


def after(monkeypatch: pytest.MonkeyPatch, command: str, then: Callable[[], None]) -> None:
    """Do something each time the node has answered ``command``."""
    real = Node.run

    def run(self: Node, sent: str, *, long: bool = False) -> Reply:
        reply = real(self, sent, long=long)
        if sent == command:
            then()
        return reply

    monkeypatch.setattr(Node, "run", run)


class FullDisk:
    """A journal that can no longer be written once ``full`` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        real = Journal._write

        def write(journal: Journal, path: str, data: dict[str, Any]) -> None:
            if self.full:
                raise JournalProblem(path, "cannot be written (No space left on device)", "free space on it")
            real(journal, path, data)

        monkeypatch.setattr(Journal, "_write", write)

    def fill(self) -> None:
        self.full = True


# The control node ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["webadmin disable", "webadmin enable"])
def test_s10_a_service_is_brought_back_even_when_that_cannot_be_noted(
    rollout: StartRollout, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    fleet, made = before_the_switch(rollout)
    disk = FullDisk(monkeypatch)
    after(monkeypatch, command, disk.fill)
    with pytest.raises(CmsError, match=r"is back and proven; this is not in the journal: .*No space left") as caught:
        fleet.apply(made, "switch", "core1")
    monkeypatch.undo()
    assert isinstance(caught.value, JournalProblem)
    webadmin = fleet.survey("core1")["services"]["webadmin"]
    assert webadmin["enabled"] is True
    assert {part: webadmin["slots"]["webadmin"][part] for part in OLD} == OLD
    # With room again, the same command ends where it should, and restarts what may not run what it shows.
    fleet.run(fleet.plan())
    assert not fleet.plan()["changed"]


# The service ---------------------------------------------------------------------------------------------------------


class SlowStatus:
    """A Web Admin that serves at once and says for some looks more that it is starting."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, looks: int) -> None:
        self.looks = looks
        self.left = 0
        real = WebAdmin.status

        def status(service: WebAdmin) -> str:
            if service.running and self.left > 0:
                self.left -= 1
                return "webadmin starting"
            return real(service)

        monkeypatch.setattr(WebAdmin, "status", status)

    def start(self) -> None:
        self.left = self.looks


def test_a_service_that_says_it_is_starting_is_waited_for(
    rollout: StartRollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, made = before_the_switch(rollout)
    slow = SlowStatus(monkeypatch, looks=3)
    after(monkeypatch, "webadmin enable", slow.start)
    result = fleet.apply(made, "switch", "core1")
    assert {proof["state"] for proof in result["proofs"]} == {"proven"}
    assert fleet.restarts()["core1 webadmin"] == 1


def test_a_service_that_is_put_back_is_waited_for_too(rollout: StartRollout, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet, made = before_the_switch(rollout)
    fleet.control.set_fault("core1", {"kind": "fail_restart", "match": "webadmin enable"})
    slow = SlowStatus(monkeypatch, looks=3)
    after(monkeypatch, "webadmin enable", slow.start)
    with pytest.raises(CmsError, match="the old assignment is back and proven"):
        fleet.apply(made, "switch", "core1")


def test_a_service_that_never_says_it_runs_gets_its_old_assignment_back(
    rollout: StartRollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, made = before_the_switch(rollout)
    slow = SlowStatus(monkeypatch, looks=100000)
    after(monkeypatch, "webadmin enable", slow.start)
    real = Node.store

    def store(self: Node, command: str) -> Reply:
        # The old pair runs as before.
        if command.startswith("webadmin certs core1_webadmin"):
            slow.looks = slow.left = 0
        return real(self, command)

    monkeypatch.setattr(Node, "store", store)
    with pytest.raises(CmsError, match="not running after its restart; the old assignment is back and proven"):
        fleet.apply(made, "switch", "core1", proof_timeout=3.0)


@pytest.mark.parametrize("kind", ["failure_line", "garbage"])
def test_a_service_that_cannot_be_switched_off_runs_on_and_is_not_touched(rollout: StartRollout, kind: str) -> None:
    fleet, made = before_the_switch(rollout)
    fleet.control.set_fault("core1", {"kind": kind, "match": "webadmin disable", "text": "not while it rains"})
    with pytest.raises(CmsError, match="not while it rains"):
        fleet.apply(made, "switch", "core1")
    assert fleet.restarts()["core1 webadmin"] == 0
    assert not fleet.journal.pending("core1")
    fleet.run(fleet.plan())
    assert not fleet.plan()["changed"]


# The displays --------------------------------------------------------------------------------------------------------


def test_a_display_that_is_not_understood_is_told_with_its_node(rollout: StartRollout) -> None:
    fleet, made = before_the_switch(rollout)
    fleet.control.set_fault("core1", {"kind": "garbage", "match": "/^callbridge$/"})
    with pytest.raises(NotUnderstood, match=r"^core1, the display of callbridge: .* 0x7f3a"):
        fleet.apply(made, "switch", "core1")
    fleet.control.set_fault("core1", {"kind": "garbage", "match": "/^webadmin$/"})
    with pytest.raises(NotUnderstood, match=r"^core1, the display of webadmin: .* 0x7f3a"):
        fleet.survey("core1")


@pytest.mark.parametrize("looks_before", [1, 2, 3, 4])
def test_s8_a_service_that_the_node_does_not_show_for_a_moment_is_neither_off_nor_gone(
    rollout: StartRollout, looks_before: int
) -> None:
    fleet, made = before_the_switch(rollout)
    fault = {"kind": "failure_line", "match": "/^webadmin$/", "after": looks_before, "text": "busy"}
    fleet.control.set_fault("core1", fault)
    with contextlib.suppress(NotUnderstood):
        fleet.apply(made, "switch", "core1")
    assert fleet.survey("core1")["services"]["webadmin"]["enabled"] is True
    assert fleet.links_up()
    fleet.run(fleet.plan())
    assert not fleet.plan()["changed"]


def test_s3_a_file_is_not_removed_while_a_service_does_not_say_what_it_uses(rollout: StartRollout) -> None:
    fleet = rollout()
    fleet.run(fleet.plan())
    made = fleet.plan()
    batch = {"id": "core1/narrow", "service": None, "requires": [], "gate_calls": False, "reason": "", "cost": ""}
    steps = [{"kind": "remove", "file": "callbridge-g1.crt"}]
    rounds = [{"name": "narrow", "hosts": ["core1"], "batches": {"core1": [{**batch, "steps": steps}]}}]
    fleet.control.set_fault("core1", {"kind": "failure_line", "match": "/^callbridge$/", "text": "busy"})
    with pytest.raises(NotUnderstood, match=r"^core1 callbridge: the node is known to run this service"):
        fleet.apply({**made, "rounds": rounds}, "narrow", "core1")
    assert "callbridge-g1.crt" in fleet.control.state("core1")["files"]


# The connection ------------------------------------------------------------------------------------------------------


class Deaf:
    """A connection that ends with a command without telling: the command is silent, and nothing answers after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, command: str, carried_out: bool) -> None:
        self.hit = False
        sent = Node._sent

        def send(node: Node, line: str, doing: Callable[[], Reply]) -> Reply:
            if self.hit or not line.startswith(command):
                return sent(node, line, doing)
            self.hit = True
            if carried_out:
                sent(node, line, doing)
            node.session.open().close()
            return Reply(line, (), (), (), True)

        monkeypatch.setattr(Node, "_sent", send)


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("command", ["callbridge certs", "callbridge restart", "webadmin disable", "webadmin enable"])
def test_s8_a_silence_that_was_the_end_of_the_connection_is_no_success(
    rollout: StartRollout, monkeypatch: pytest.MonkeyPatch, command: str, carried_out: bool
) -> None:
    fleet, made = before_the_switch(rollout)
    deaf = Deaf(monkeypatch, command, carried_out)
    result = fleet.apply(made, "switch", "core1", proof_timeout=6.0)
    assert deaf.hit
    assert {proof["state"] for proof in result["proofs"]} == {"proven"}
    assert fleet.restarts()["core1 callbridge"] == 1
    assert fleet.restarts()["core1 webadmin"] == 1
    assert not fleet.journal.pending("core1")


def test_the_way_back_starts_with_a_login_where_the_connection_has_ended_unseen(
    rollout: StartRollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, made = before_the_switch(rollout)
    fleet.control.set_fault("core1", {"kind": "serve_old_after_restart", "match": "callbridge"})
    real = Node.display
    lost: list[bool] = []

    def display(node: Node, service: str, shows: tuple[str, ...] = ()) -> dict[str, Any]:
        if fleet.restarts()["core1 callbridge"] == 1 and not lost and proving:
            lost.append(True)
            raise SessionLost(node.name, "the connection ended", "look at the node")
        return real(node, service, shows)

    proving: list[bool] = []
    slot = prove.prove_slot

    def prove_slot(*args: Any, **options: Any) -> dict[str, Any]:
        try:
            return slot(*args, **options)
        except CmsError:
            proving.append(True)
            raise

    monkeypatch.setattr(Node, "display", display)
    monkeypatch.setattr(prove, "prove_slot", prove_slot)
    with pytest.raises(CmsError, match="the old assignment is back and proven"):
        fleet.apply(made, "switch", "core1", proof_timeout=2.0)
    assert lost


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_the_way_back_goes_on_after_a_connection_that_breaks_on_it(rollout: StartRollout, kind: str) -> None:
    fleet, made = before_the_switch(rollout)
    fleet.control.set_fault("core1", {"kind": "serve_old_after_restart", "match": "callbridge"})
    fleet.control.set_fault("core1", {"kind": kind, "match": "callbridge certs core1_callbridge"})
    with pytest.raises(CmsError, match="the old assignment is back and proven"):
        fleet.apply(made, "switch", "core1", proof_timeout=2.0)
    assert not fleet.journal.pending("core1")
    assert fleet.links_up()


# The proof -----------------------------------------------------------------------------------------------------------


def test_s10_a_leaf_that_nothing_is_known_to_compare_with_is_not_proven(authority: Any, listener: Any) -> None:
    leaf, key = authority.issue("core1.example.com")
    listener.serve(leaf, key)
    place = {"address": "127.0.0.1", "port": listener.port}
    before = {"state": "unreachable", "served": None}
    outcome = prove.prove_slot("core1", "webadmin", place, None, before, wait=5.0)
    assert outcome["state"] == prove.NOT_PROVEN
    assert "core1.example.com" in outcome["detail"]
