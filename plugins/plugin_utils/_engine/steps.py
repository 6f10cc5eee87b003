# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps of a plan against what a node shows: is it as the plan saw it, as the plan wants it, or neither.

Plain data in, plain data out.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import BadOption, Drift, PlanRefused, PreconditionMissing
from .._findings import from_dict
from .._fleet.journal import Journal
from .._services import catalogue, commands

ASSIGN, TRUST = "assign", "trust"
SETTINGS = (ASSIGN, TRUST)
NO_FILES = {"key": None, "certificate": None, "bundle": None}

Display = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting of a service: the files of a slot, or the file of a trust. ``name`` is its name in the journal."""

    service: str
    name: str

    @property
    def slot(self) -> str | None:
        """Give the slot id of an assignment, None for a trust."""
        kind, _colon, rest = self.name.partition(":")
        return rest if kind == "slot" else None

    @property
    def trust(self) -> str | None:
        """Give the name of a trust, None for an assignment."""
        kind, _colon, rest = self.name.partition(":")
        return rest if kind == "trust" else None

    def shown(self, display: Display) -> Any:
        """Give the value that the node's display has: the files of a slot, or the file of a trust."""
        if self.trust is not None:
            return (display.get("trusts") or {}).get(self.trust)
        return slot_files((display.get("slots") or {}).get(self._slot.name))

    def command(self, value: Any) -> str:
        """Give the command that makes ``value`` the setting; nothing at all is set with ``none``."""
        if self.trust is not None:
            return f"{catalogue.BY_NAME[self.service].trust(self.trust).command} {value or commands.NONE}"
        files = [value[part] for part in NO_FILES if value.get(part)]
        return " ".join([self._slot.command, *(files or [commands.NONE])])

    @property
    def _slot(self) -> catalogue.Slot:
        return catalogue.SLOTS[self.slot or ""][1]

    def text(self, value: Any) -> str:
        """Name a value for people."""
        if self.trust is not None:
            return str(value or "none")
        return " ".join(str(value[part]) for part in NO_FILES if value.get(part)) or "none"


def setting_of(step: Mapping[str, Any]) -> Setting:
    """Give the setting that an ``assign`` or ``trust`` step changes."""
    if step["kind"] == TRUST:
        return Setting(step["service"], f"trust:{step['trust']}")
    return Setting(step["service"], f"slot:{step['slot']}")


def wanted(step: Mapping[str, Any]) -> Any:
    """Give the value a setting step makes."""
    return step["file"] if step["kind"] == TRUST else slot_files(step["files"])


def before(step: Mapping[str, Any]) -> Any:
    """Give the value the plan saw before a setting step."""
    return step.get("before") if step["kind"] == TRUST else slot_files(step.get("before"))


def slot_files(value: Mapping[str, Any] | None) -> dict[str, str | None]:
    """Bring the files of a slot into one form; a slot that is not shown has none."""
    return {part: (value or {}).get(part) or None for part in NO_FILES}


def in_place(node: str, step: Mapping[str, Any], display: Display) -> bool:
    """Say whether a setting step is done already. Raises Drift when the node shows neither old nor new value."""
    setting = setting_of(step)
    shown = setting.shown(display)
    if shown == wanted(step):
        return True
    if shown == before(step):
        return False
    raise Drift(
        f"{node} {setting.service} {setting.name}",
        f"is {setting.text(shown)}; when the plan was made it was {setting.text(before(step))}, and the plan makes it "
        f"{setting.text(wanted(step))}",
        "somebody changed it meanwhile: run the playbook again, so that a new plan is made from what is there",
    )


# The plan ------------------------------------------------------------------------------------------------------------


def refuse_blocked(plan: Mapping[str, Any], nodes: Iterable[str]) -> None:
    """Raise PlanRefused while an error finding stands against one of ``nodes`` or anything linked to it (S1)."""
    blocking = [found for found in map(from_dict, plan["findings"]) if found.blocks]
    if blocking and set(plan["blocked"]) & set(nodes):
        more = f", and {len(blocking) - 1} more" if len(blocking) > 1 else ""
        raise PlanRefused(
            f"plan {plan['id']}",
            f"has an error: {blocking[0].object}: {blocking[0].found}{more}; nothing may be changed",
            blocking[0].next_step,
            [str(found) for found in blocking],
        )


def round_of(plan: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Give a round of the plan by its name. Raises BadOption when the plan has none of that name."""
    for found in plan["rounds"]:
        if found["name"] == name:
            given: Mapping[str, Any] = found
            return given
    raise BadOption(
        f"round {name!r}",
        f"is not in plan {plan['id']}",
        "use one of its rounds: " + (", ".join(found["name"] for found in plan["rounds"]) or "(it has none)"),
    )


def only_services(plan: Mapping[str, Any], services: Iterable[str]) -> dict[str, Any]:
    """Give the plan without the batches of other services; rounds that restart nothing stay whole."""
    wanted = {None, *services}
    rounds = [
        {
            **found,
            "batches": {
                host: [batch for batch in batches if batch["service"] in wanted]
                for host, batches in found["batches"].items()
            },
        }
        for found in plan["rounds"]
    ]
    return {**plan, "rounds": rounds}


def batches_of(plan: Mapping[str, Any], name: str, node: str) -> list[Mapping[str, Any]]:
    """Give what a node does in a round."""
    return list(round_of(plan, name)["batches"].get(node, []))


def require_done(plan: Mapping[str, Any], batch: Mapping[str, Any], journal: Journal) -> None:
    """Raise PreconditionMissing unless all that must come before a batch is done and noted (S5)."""
    missing = [needed for needed in batch.get("requires") or [] if not journal.is_done(plan["id"], needed)]
    if missing:
        raise PreconditionMissing(
            batch["id"],
            f"must not start before {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} done and proven",
            "let the whole playbook run, without --tags and --limit, so that every verifier trusts first",
        )


def identity_of(plan: Mapping[str, Any], ident: str) -> Mapping[str, Any]:
    """Give an identity of the plan by its id."""
    for found in plan["identities"]:
        if found["id"] == ident:
            given: Mapping[str, Any] = found
            return given
    raise AssertionError(f"Contract violation: plan {plan['id']} has no identity {ident!r}")


def commands_of(batches: Iterable[Mapping[str, Any]]) -> list[str]:
    """Give what a node would be sent, in order: what check mode and a diff show."""
    found: list[str] = []
    for batch in batches:
        for step in batch["steps"]:
            if step["kind"] == "upload":
                found.append(f"sftp put {step['file']}")
            elif step["kind"] == "remove":
                found.append(f"sftp rm {step['file']}")
            elif step["kind"] == "restart":
                found.extend(step["commands"])
            elif "command" in step:
                found.append(step["command"])
    return found
