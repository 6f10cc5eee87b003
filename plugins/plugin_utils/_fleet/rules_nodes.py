# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules about nodes as a whole: that each can be read, told apart, and understood.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .._findings import ERROR, REMARK, WARNING
from .._rules.rule import Rule
from .._services import catalogue, commands
from .given import NARROW, ROLLBACK, Host
from .looking import Broken, View, shown


def _no_hosts(view: View) -> Iterator[Broken]:
    if not view.given.hosts:
        yield Broken("group cms", "holds no host, so there is nothing to work on")


def _not_surveyed(view: View) -> Iterator[Broken]:
    for host in view.given.hosts.values():
        if host.survey is None:
            mend = (
                f"{host.mend or 'make it reachable'}; then run again, or leave it out on purpose with "
                f"cms_skip_nodes: [{host.name}]; nodes linked to it stay as they are until then"
            )
            yield Broken(host.name, f"could not be read: {host.why_no_survey}", (host.name,), mend)


def _no_service(view: View) -> Iterator[Broken]:
    for host in view.given.hosts.values():
        if host.survey is not None and not host.services:
            yield Broken(host.name, "is in the group cms and in no group of a service", (host.name,))


def _same(view: View, what: str, value_of: Callable[[Host], str | None]) -> Iterator[Broken]:
    seen: dict[str, Host] = {}
    for host in view.given.hosts.values():
        value = value_of(host)
        first = seen.setdefault(value, host) if value is not None else host
        if first is not host:
            hosts = (first.name, host.name)
            yield Broken(f"{first.name} and {host.name}", f"have the same {what} {value}", hosts)


def _same_fqdn(view: View) -> Iterable[Broken]:
    return _same(view, "fqdn", lambda host: host.fqdn)


def _same_address(view: View) -> Iterable[Broken]:
    def place(host: Host) -> str | None:
        return f"{host.address}:{host.variables.get('ansible_port') or 22}" if host.survey else None

    return _same(view, "address", place)


def _off(view: View) -> Iterator[Broken]:
    for host, service, state in shown(view):
        if state.get("enabled") is False and not host.waiting(service.name):
            yield Broken(
                host.name,
                f"{service.name} is switched off; certificates are stored for it and it stays off",
                (host.name,),
                f"enable it on the node ('{commands.enable(service.name)}') when it is to run",
            )


def _unknown_rows(view: View) -> Iterator[Broken]:
    for host, service, state in shown(view):
        for label, value in state.get("unknown_rows") or []:
            found = f"{service.name} shows a row that is not known: {label!r} with {value!r}"
            yield Broken(host.name, found, (host.name,))


def _notices(view: View) -> Iterator[Broken]:
    for host in view.given.hosts.values():
        for notice in (host.survey or {}).get("notices") or []:
            yield Broken(host.name, f"said at login: {notice}", (host.name,))


def _old_names(view: View) -> Iterator[Broken]:
    found: dict[str, list[str]] = {}
    for host in view.given.hosts.values():
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
        skips=(NARROW, ROLLBACK),
    ),
)
