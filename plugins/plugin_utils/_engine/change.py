# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Change the settings of one service of one node, restart it once, prove it; or put back what was there.

Stored is not running (S15): every setting is in the journal before its command is sent, and leaves it when a restart
was seen. A change that fails after its first command is put back, proven, and reported with both halves (S10).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._errors import CmsError, CommandFailed, Drift, JournalProblem, NotUnderstood, ProofFailed
from .._fleet.given import ROLLBACK
from .._fleet.journal import RESTARTING
from .._services import catalogue
from . import doubts, prove, shared, steps
from .alarms import Alarms
from .calls import gate
from .content import trust_entry, trust_fingerprints
from .context import Context
from .drain import Drain
from .node import Node, strange_lines
from .proofs import Proofs
from .restart import LOST, Restart
from .steps import Setting


class ServiceChange:
    """One batch of a plan: what one service of one node changes with one restart."""

    def __init__(self, node: Node, plan: Mapping[str, Any], batch: Mapping[str, Any], context: Context) -> None:
        self.node = node
        self.plan = plan
        self.batch = batch
        self.context = context
        self.service = catalogue.BY_NAME[batch["service"]]
        self.obj = f"{node.name} {self.service.name}"
        self.proofs: list[dict[str, Any]] = []
        self.remarks: list[str] = []
        self.changed = False
        self.resumed = False
        #: Whether anything was done or proven; not so when an earlier run had finished the batch.
        self.worked = True
        self._display: Mapping[str, Any] = {}
        # Displays that hold settings of this batch beside that of the service.
        self._shows: tuple[str, ...] = ()
        self._pending: dict[str, dict[str, Any]] = {}
        # What a rollback puts back: the setting, and the value that was running.
        self._undo: dict[Setting, Any] = {}
        self._disabled = False
        self._restarted = False
        # Why the journal does not know all of the way back.
        self._not_noted = ""
        self._proofs = Proofs(plan, node, self.service, context)
        #: Alarms that are new since the change and did not pass.
        self.alarms: list[dict[str, Any]] = []
        proven = {ident for step in batch["steps"] for ident in step.get("links") or ()}
        vias = [link.get("via") for link in plan["links"] if link["id"] in proven]
        self._alarms = Alarms(node.name, vias, plan, context)

    # The way forward -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Do what is left of the batch. Raises CmsError; then the old state is back, or the error says why not."""
        journal = self.context.journal
        self._look()
        settings = [step for step in self.batch["steps"] if step["kind"] in steps.SETTINGS]
        open_steps = [step for step in settings if not steps.in_place(self.node.name, step, self._display)]
        done = journal.is_done(self.plan["id"], self.batch["id"])
        waiting = any(not record.get("rides") for record in self._pending.values())
        if done and not open_steps and not waiting:
            self.resumed = True
            self.worked = False
            with self._drain():
                # An earlier run may have died before it could set the load limit back.
                return
        self.resumed = len(open_steps) < len(settings) or waiting
        # Switched off by an earlier run that did not live to switch it on again.
        self._disabled = waiting and self._display["enabled"] is False
        for record in self._pending.values():
            self._remember(record)
        restarts = any(step["kind"] == "restart" for step in self.batch["steps"])
        # All in place and nothing pending: an earlier run saw the restart and died before it could prove it.
        restart = restarts and (bool(open_steps) or waiting or not settings)
        with self._drain() as drain:
            if restart and self.batch.get("gate_calls"):
                drain.begin()
                gate(self.node.name, self.plan, self.context)
            if restart:
                self._alarms.look()
            try:
                self._forward(open_steps, restart)
            except CmsError as error:
                if self._undo or self._disabled or self._restarted:
                    raise self._put_back(error) from error
                raise
        self.alarms = self._alarms.new()
        self.remarks.extend(self._alarms.remarks)

    def _drain(self) -> Drain:
        return Drain(self.node, self.plan, self.context, self.remarks)

    def evidence(self) -> dict[str, Any]:
        """Give what the closing table shows: state and end of every new certificate, and the state of every link."""
        states = {proof["slot"]: proof["state"] for proof in self.proofs if "slot" in proof}
        slots: dict[str, Any] = {}
        for step in self.batch["steps"]:
            # A slot that is left without a certificate has nothing to show.
            if step["kind"] == steps.ASSIGN and step["files"].get("certificate"):
                leaf = step.get("leaf") or self._issued(step["identity"])
                facts = {key: leaf[key] for key in ("sha256", "subject", "issuer", "not_after")}
                slots[step["slot"]] = {"state": states.get(step["slot"], prove.NOT_PROVEN), **facts}
        links = {proof["link"]: proof["state"] for proof in self.proofs if "link" in proof}
        return {"slots": slots, "links": links, "restarted": self._restarted, "alarms": self.alarms}

    def _issued(self, identity: str) -> Mapping[str, Any]:
        leaf: Mapping[str, Any] = self.context.generation(steps.identity_of(self.plan, identity)).facts["leaf"]
        return leaf

    def _forward(self, open_steps: list[Mapping[str, Any]], restart: bool) -> None:
        for step in self.batch["steps"]:
            kind = step["kind"]
            if kind == "disable" and restart:
                self._disable(step["command"])
            elif kind in steps.SETTINGS and any(step is left for left in open_steps):
                self._set(step)
            elif kind == "restart" and restart:
                self._restart(step["commands"])
            elif kind == "prove":
                self._prove(step)
        if not any(step["kind"] == "restart" for step in self.batch["steps"]) and self._display["enabled"] is False:
            # Nothing runs that could have old settings; the next switching on reads the new ones.
            self.context.journal.restart_seen(self.node.name, self.service.name, "the service is switched off")

    def _look(self) -> None:
        records = self.context.journal.pending(self.node.name).get(self.service.name, [])
        self._pending = {record["setting"]: record for record in records}
        self._shows = shared.shows_of(self.service, self.batch, self._pending)
        self._display = self.node.display(self.service.name, self._shows)
        if not self._display.get("present"):
            raise Drift(
                self.obj,
                f"the node no longer shows this service: {self._display.get('detail', '')}",
                "check the node's software and licence, then run the playbook again",
            )

    def _read(self) -> None:
        self._display = self.node.display_again(self.service.name, self._shows)

    def _remember(self, record: Mapping[str, Any]) -> None:
        """Keep what a setting of an earlier run replaced, if that setting still stands."""
        if not str(record["setting"]).startswith(("slot:", "trust:")):
            return
        setting = Setting(self.service.name, record["setting"])
        old = record.get("before") if setting.trust else steps.slot_files(record.get("before"))
        if setting.shown(self._display) != old:
            self._undo[setting] = old

    def _disable(self, command: str) -> None:
        if self._display["enabled"] is False:
            if not self._disabled:
                raise Drift(
                    self.obj,
                    "was enabled when the plan was made and is disabled now",
                    "somebody switched it off meanwhile: run the playbook again, so that a new plan is made",
                )
            return
        self.context.journal.restarting(self.node.name, self.service.name)
        self.changed = True
        self._disabled = True
        try:
            self._switch_off(command)
        except LOST:
            self._reconnect()
            if self._display["enabled"] is not False:
                self._switch_off(command)

    def _switch_off(self, command: str) -> None:
        reply = self.node.run(command)
        # Silence counts only while the connection stands behind it (S8).
        self._read()
        strange = not reply.understood or bool(strange_lines(reply))
        if self._display["enabled"] is False or not (self._display["enabled"] or reply.failed or strange):
            return
        if self._display["enabled"]:
            # It runs on as it did, so there is nothing to bring back.
            self._disabled = False
            if not self._pending:
                self.context.journal.restart_seen(self.node.name, self.service.name, "it was never switched off")
        failures = "; ".join(text for ok, text in reply.results if not ok)
        if failures:
            step = "mend what the node complains about, then run again"
            raise CommandFailed(self.obj, f"'{command}' failed: {failures}", step, reply.lines)
        raise NotUnderstood(
            self.obj,
            f"'{command}' did not switch it off, as far as the display shows",
            "look at what the node printed, and at what it does when the command is sent by hand",
            reply.lines or self.node.transcript,
        )

    def _set(self, step: Mapping[str, Any]) -> None:
        setting, value, old = steps.setting_of(step), steps.wanted(step), steps.before(step)
        if step.get("marks"):
            # First, or a kill would leave what nobody holds back.
            reason = next((found["reason"] for found in self.plan["back"]), "")
            ident, base = step["marks"]
            self.context.store.put_back(ident, base, str(step["leaf"]["sha256"]), reason, self.plan["id"])
        self._store(setting, value, old, step)
        if setting.trust is not None:
            entry = trust_entry(self.plan, self.node.name, step)
            added = trust_fingerprints(entry["add"], self.context) if entry else []
            for service in (self.service.name, *shared.users_of(step)) if added else ():
                self.context.journal.trust_added(self.node.name, service, setting.trust, added)

    def _store(self, setting: Setting, value: Any, old: Any, step: Mapping[str, Any]) -> None:
        command = step["command"]
        earlier = self._pending.get(setting.name) or {}
        # What runs is what was there before the first of all changes that no restart has followed.
        running = earlier.get("before", old)
        record = {
            "plan": self.plan["id"],
            "batch": self.batch["id"],
            "files": value,
            "before": running,
            "command": command,
            "rides": bool(step.get("rides")),
            **({"doubted": True} if earlier.get("doubted") else {}),
        }
        replaces = self._replaces(value, running, step)
        self.context.journal.stored(self.node.name, self.service.name, setting.name, record, replaces)
        shared.note_stored(self.context.journal, self.node.name, shared.users_of(step), setting, record, old)
        self.changed = True
        self._undo.setdefault(setting, running if setting.trust else steps.slot_files(running))
        try:
            strange = self._send(command)
        except LOST:
            self._reconnect()
            strange = self._send(command) if setting.shown(self._display) != value else None
        shown = setting.shown(self._display)
        if shown == value and strange is not None:
            self.remarks.append(f"{self.obj}: '{command}' answered something unknown, and the display shows it stored")
        if shown != value:
            if strange is not None:
                raise strange
            raise NotUnderstood(
                f"{self.obj} {setting.name}",
                f"shows {setting.text(shown)} after '{command}', not {setting.text(value)}",
                "look at the transcript, and set it by hand once to see what the node says",
                self.node.transcript,
            )

    def _replaces(self, value: Any, running: Any, step: Mapping[str, Any]) -> dict[str, Any] | None:
        """Give what a rollback has to know of a setting; its own are none to be rolled back."""
        if self.plan["intent"] == ROLLBACK:
            return None
        return {
            "plan": self.plan["id"],
            "rollout": self.plan.get("rollout"),
            "files": value,
            "before": running,
            "was": step.get("was"),
        }

    def _send(self, command: str) -> NotUnderstood | None:
        """Send a setting and look; give what kept its answer from being understood.

        The display decides whether a setting was stored, whatever else the node said about it.
        """
        strange: NotUnderstood | None = None
        try:
            self.node.store(command)
        except NotUnderstood as error:
            strange = error
        self._read()
        return strange

    # The restart -----------------------------------------------------------------------------------------------------

    def _restart(self, commands: list[str]) -> None:
        self.context.journal.restarting(self.node.name, self.service.name)
        self.changed = True
        self._restarted = True
        restart = self._make_restart()
        said = restart.run(commands)
        self.remarks.extend(restart.remarks)
        self.context.journal.restart_seen(self.node.name, self.service.name, " | ".join(said))
        self._read()
        self._disabled = False

    def _make_restart(self, *, back: bool = False) -> Restart:
        return Restart(self.node, self.plan, self.batch, self.context, self._proofs, self._reconnect, back)

    def _reconnect(self) -> Mapping[str, Any]:
        self.node.reconnect(self.context.reconnect_timeout)
        self._read()
        return self._display

    def _prove(self, step: Mapping[str, Any]) -> None:
        if step["proof"] == "gone":
            self.proofs.append(self._proofs.gone(step["slot"]))
            return
        if step["proof"] != "link":
            self.proofs.append(self._proofs.slot(step["slot"], step.get("identity"), self._display))
            return
        try:
            self.proofs.extend(self._proofs.links(step["links"]))
        except ProofFailed as error:
            raise self._doubt(error) from error

    def _doubt(self, error: ProofFailed) -> ProofFailed:
        """Note which trusts of other nodes may be stored and not live, and say that the next run sees to it."""
        found = doubts.of(self.plan, self.batch, self.node.name, error.links)
        for node, service, trust, file in found:
            try:
                self.context.journal.doubted(node, service, trust, file)
            except JournalProblem as problem:
                self._not_noted = f"; this is not in the journal: {problem.obj} {problem.reason}"
                return error
        return doubts.told(error, found)

    # The way back ----------------------------------------------------------------------------------------------------

    def _put_back(self, error: CmsError) -> CmsError:
        """Put the old assignment back, prove it, and give the error that tells both halves."""
        try:
            try:
                told = self._back()
            except LOST:
                # It looks anew, and does what is left.
                told = self._back()
        except CmsError as second:
            return type(error)(
                error.obj,
                f"{error.reason}; and the old assignment could not be brought back: {second.obj}: {second.reason}"
                f"{self._not_noted}",
                f"log in to {self.node.name}, look at '{self.service.show}' and set what was there before (the journal "
                f"keeps it), then: {error.next_step}",
                [*error.transcript, *second.transcript],
            )
        return type(error)(error.obj, f"{error.reason}; {told}{self._not_noted}", error.next_step, error.transcript)

    def _note(self, write: Callable[..., None], *what: Any) -> None:
        """Write to the journal on the way back: there the node comes first, and what is not noted is told."""
        try:
            write(self.node.name, self.service.name, *what)
        except JournalProblem as problem:
            self._not_noted = f"; this is not in the journal: {problem.obj} {problem.reason}"

    def _note_others(self, setting: Setting, record: Mapping[str, Any]) -> None:
        """Note that a setting goes back for the other services of this node that read it."""
        here = set(self.plan["nodes"][self.node.name].get("runs") or ())
        users = [name for name in shared.others_of(self.service, setting) if name in here]
        try:
            new = setting.shown(self._display)
            shared.note_back(self.context.journal, self.node.name, users, setting, record, new)
        except JournalProblem as problem:
            self._not_noted = f"; this is not in the journal: {problem.obj} {problem.reason}"

    def _back(self) -> str:
        journal = self.context.journal
        try:
            if self.node.lost:
                self.node.reconnect(self.context.reconnect_timeout)
            self._read()
        except LOST:
            self._reconnect()
        undo = {setting: old for setting, old in self._undo.items() if setting.shown(self._display) != old}
        # An earlier run may have been killed in the middle of its restart: what runs now is not known.
        unknown = any(record["phase"] == RESTARTING for record in self._pending.values())
        must_restart = self._restarted or self._disabled or unknown
        if must_restart:
            self._note(journal.restarting)
            for command in self.service.before_assign if self._display["enabled"] is not False else ():
                self.node.run(command)
        for setting, old in undo.items():
            record = {
                "plan": self.plan["id"],
                "batch": self.batch["id"],
                "files": old,
                "before": setting.shown(self._display) if self._restarted else old,
                "command": setting.command(old),
            }
            self._note(journal.stored, setting.name, record)
            self._note_others(setting, record)
            self.node.store(setting.command(old))
        self._read()
        wrong = [setting for setting, old in undo.items() if setting.shown(self._display) != old]
        if wrong:
            raise NotUnderstood(
                f"{self.obj} {wrong[0].name}",
                f"shows {wrong[0].text(wrong[0].shown(self._display))} after it was put back",
                f"set it by hand: {wrong[0].command(undo[wrong[0]])}",
                self.node.transcript,
            )
        if not must_restart:
            self._note(journal.restart_seen, "put back before any restart")
            return "the old settings are back, and the service was never restarted"
        said = self._make_restart(back=True).run(list(self.service.activate))
        self._note(journal.restart_seen, " | ".join(["put back", *said]))
        outcomes = self._proofs.as_before(self.batch, self._display)
        self.proofs.extend(outcomes)
        proven = bool(outcomes) and all(outcome["state"] == prove.PROVEN for outcome in outcomes)
        return "the old assignment is back" + (" and proven" if proven else ", not proven")
