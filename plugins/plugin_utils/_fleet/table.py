# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of rules: what each is called, how grave it is, where it stands, what to do, and what to look for.

Adding a rule is adding an entry and the function that looks (docs/contributing.md). Rules that need more of the planner
than what is here stand in ``rules``.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .._findings import ERROR, REMARK, WARNING, Finding
from .._services import catalogue, commands
from . import given as intents
from .given import FleetInput, Host
from .model import assigned_chain
from .rules import Against


@dataclasses.dataclass(frozen=True)
class Broken:
    """What breaks a rule: an object, what was found about it, and the nodes it stands against (none: the fleet).

    ``next_step`` takes the place of the rule's own where that has to name something.
    """

    obj: str
    found: str
    hosts: tuple[str, ...] = ()
    next_step: str = ""


@dataclasses.dataclass(frozen=True)
class Rule:
    """One rule. ``section`` is a section of the certificate guide or a safety rule; ``about`` one line for people."""

    id: str
    severity: str
    section: str
    about: str
    next_step: str
    look: Callable[[FleetInput], Iterable[Broken]]
    intents: tuple[str, ...] = (intents.SITE, intents.RENEW, intents.NARROW)


@dataclasses.dataclass(frozen=True)
class Assigned:
    """What a slot of a node is assigned: the facts of its certificates, the leaf first."""

    host: Host
    service: catalogue.Service
    slot: catalogue.Slot
    slot_id: str
    chain: list[dict[str, Any]]

    def broken(self, found: str, next_step: str = "") -> Broken:
        """Say what is wrong with it."""
        return Broken(f"{self.host.name} {self.slot_id}", found, (self.host.name,), next_step)


def assigned(given: FleetInput) -> Iterator[Assigned]:
    """Give every slot in use that has certificates that could be read."""
    for host in given.hosts.values():
        for name in host.services:
            service = catalogue.BY_NAME[name]
            for slot in service.slots:
                slot_id = catalogue.slot_id(service, slot)
                chain = [item["info"] for item in assigned_chain(host, slot_id)]
                if chain:
                    yield Assigned(host, service, slot, slot_id, chain)


def shown(given: FleetInput) -> Iterator[tuple[Host, catalogue.Service, dict[str, Any]]]:
    """Give every service that a node should have and has, with what its display says."""
    for host in given.hosts.values():
        for name in host.services if host.survey is not None else ():
            state = host.service(name)
            if state.get("present"):
                yield host, catalogue.BY_NAME[name], state


def judge(given: FleetInput) -> list[Against]:
    """Check a fleet against the table."""
    return [
        Against(
            Finding(rule.severity, rule.id, rule.section, broken.obj, broken.found, broken.next_step or rule.next_step),
            broken.hosts,
        )
        for rule in RULES
        if given.intent in rule.intents
        for broken in rule.look(given)
    ]


# What to look for ----------------------------------------------------------------------------------------------------


def _no_hosts(given: FleetInput) -> Iterator[Broken]:
    if not given.hosts:
        yield Broken("group cms", "holds no host, so there is nothing to work on")


def _not_surveyed(given: FleetInput) -> Iterator[Broken]:
    for host in given.hosts.values():
        if host.survey is None:
            mend = (
                f"{host.mend or 'make it reachable'}; then run again, or leave it out on purpose with "
                f"cms_skip_nodes: [{host.name}]; nodes linked to it stay as they are until then"
            )
            yield Broken(host.name, f"could not be read: {host.why_no_survey}", (host.name,), mend)


def _no_service(given: FleetInput) -> Iterator[Broken]:
    for host in given.hosts.values():
        if host.survey is not None and not host.services:
            yield Broken(host.name, "is in the group cms and in no group of a service", (host.name,))


def _same(given: FleetInput, what: str, value_of: Callable[[Host], str | None]) -> Iterator[Broken]:
    seen: dict[str, Host] = {}
    for host in given.hosts.values():
        value = value_of(host)
        first = seen.setdefault(value, host) if value is not None else host
        if first is not host:
            hosts = (first.name, host.name)
            yield Broken(f"{first.name} and {host.name}", f"have the same {what} {value}", hosts)


def _same_fqdn(given: FleetInput) -> Iterable[Broken]:
    return _same(given, "fqdn", lambda host: host.fqdn)


def _same_address(given: FleetInput) -> Iterable[Broken]:
    def place(host: Host) -> str | None:
        return f"{host.address}:{host.variables.get('ansible_port') or 22}" if host.survey else None

    return _same(given, "address", place)


def _off(given: FleetInput) -> Iterator[Broken]:
    for host, service, state in shown(given):
        if state.get("enabled") is False and not host.waiting(service.name):
            yield Broken(
                host.name,
                f"{service.name} is switched off; certificates are stored for it and it stays off",
                (host.name,),
                f"enable it on the node ('{commands.enable(service.name)}') when it is to run",
            )


def _unknown_rows(given: FleetInput) -> Iterator[Broken]:
    for host, service, state in shown(given):
        for label, value in state.get("unknown_rows") or []:
            found = f"{service.name} shows a row that is not known: {label!r} with {value!r}"
            yield Broken(host.name, found, (host.name,))


def _notices(given: FleetInput) -> Iterator[Broken]:
    for host in given.hosts.values():
        for notice in (host.survey or {}).get("notices") or []:
            yield Broken(host.name, f"said at login: {notice}", (host.name,))


def _old_names(given: FleetInput) -> Iterator[Broken]:
    found: dict[str, list[str]] = {}
    for host in given.hosts.values():
        for name in sorted((host.survey or {}).get("certificates", {})):
            if "_" in name or name.count(".") != 1:
                found.setdefault(host.name, []).append(name)
    every = {name for names_there in found.values() for name in names_there}
    if every:
        files = f"{len(every)} file{'s' if len(every) > 1 else ''}"
        told = f"{files} in use with a name the guide advises against: {min(every)}"
        yield Broken(", ".join(found), told, tuple(found))


RULES: tuple[Rule, ...] = (
    Rule(
        "group-empty",
        ERROR,
        "S19",
        "the group cms holds hosts",
        "put the Meeting Servers into the group cms, and into the group of each service they run",
        _no_hosts,
    ),
    Rule("node-not-surveyed", ERROR, "S19", "every node can be read", "make it reachable", _not_surveyed),
    Rule(
        "no-service",
        WARNING,
        "S19",
        "every node is in the group of a service",
        "put it into one of: " + ", ".join(service.group for service in catalogue.SERVICES),
        _no_service,
    ),
    Rule(
        "same-fqdn",
        ERROR,
        "S2",
        "no two nodes have one FQDN",
        "give each host of the inventory its own (cms_fqdn)",
        _same_fqdn,
    ),
    Rule(
        "same-address",
        ERROR,
        "S2",
        "no two nodes have one address",
        "give each host of the inventory its own (ansible_host, ansible_port)",
        _same_address,
    ),
    Rule("service-off", REMARK, "4", "services that are switched off are told", "enable it on the node", _off),
    Rule(
        "unknown-row",
        REMARK,
        "S8",
        "rows of displays that nobody knows are told",
        "nothing depends on it; send in a recording (certops.cms.record) so that it becomes known",
        _unknown_rows,
    ),
    Rule("login-notice", WARNING, "S8", "what a node says at login is told", "see to it on the node", _notices),
    Rule(
        "old-file-name",
        REMARK,
        "3.1",
        "names of files follow the guide",
        "they work and stay; new generations get better names",
        _old_names,
        (intents.SITE, intents.RENEW),
    ),
)
