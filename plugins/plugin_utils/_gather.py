# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gather what the planner needs out of inventory, survey results, issuers, store and journal.

The one place where Ansible's variables become the planner's plain data.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError

from ._action import CmsAction
from ._errors import BadOption, CmsError
from ._findings import Finding, Later
from ._fleet import given
from ._fleet.inventory import KNOWN_VARIABLES
from ._fleet.journal import Journal
from ._issuers.base import Issuer
from ._issuers.registry import make_issuer
from ._issuers.store import Store
from ._rules.found import find
from ._services import catalogue

GROUP = "cms"
SURVEY_VARIABLE = "cms_survey"
CALLS = ("stop", "wait", "drop")

#: The variables of a host that the planner looks at.
HOST_VARIABLES = (
    "ansible_host",
    "ansible_port",
    "cms_fqdn",
    "cms_domain",
    "cms_cluster",
    "cms_identities",
    "cms_issuer",
    "cms_renew_before",
    "cms_key_type",
    "cms_key_size",
    "cms_key_location",
    "cms_subject",
    "cms_c2w_names",
    "cms_cucm",
    "cms_expressway_name",
    "cms_lync_federation",
    "cms_lync_fqdn",
    "cms_web_app_fqdn",
    "cms_rules",
)


def plain(data: Any) -> Any:
    """Give a copy of Ansible's data in Python's own types."""
    if isinstance(data, Mapping):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple, set, frozenset)):
        return [plain(value) for value in data]
    if isinstance(data, bool) or data is None:
        return data
    if isinstance(data, int):
        return int(data)
    if isinstance(data, float):
        return float(data)
    return str(data)


def moment(text: str | None) -> datetime.datetime:
    """Read the time to judge by, in ISO 8601; the present where none is given. Raises BadOption."""
    if not text:
        return datetime.datetime.now(datetime.UTC)
    try:
        found = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as exc:
        raise BadOption("now", f"{text!r} is not a time", "write it like 2026-11-23T15:00:00Z") from exc
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def open_issuers(action: CmsAction) -> dict[str, Issuer]:
    """Make the issuers that ``issuers`` or ``cms_issuers`` describes. Raises BadOption for what cannot be used."""
    described = action.option("issuers", "cms_issuers") or {}
    if not isinstance(described, Mapping):
        raise BadOption("cms_issuers", "is not a dictionary", "give a dictionary: a name, and its type and options")
    passphrase = action.option("store_passphrase", "cms_store_passphrase")
    found = {}
    for name, config in described.items():
        found[str(name)] = make_issuer(
            str(name),
            plain(config),
            action.state_dir,
            lambda _name: str(passphrase) if passphrase is not None else None,
        )
    return found


def chosen_slot(service: catalogue.Service, slot: str | None) -> str:
    """Give the id of the slot that the options of a task choose. Raises BadOption."""
    if not service.slots:
        raise BadOption(f"service {service.name}", "has no certificate of its own", "name another service")
    if len(service.slots) == 1:
        if slot is not None:
            raise BadOption("slot", f"is not for {service.name}, which has one", "leave it out")
        return catalogue.slot_id(service, service.slots[0])
    if slot is None:
        raise BadOption(
            "slot", f"is needed for {service.name}", "give one of: " + ", ".join(one.name for one in service.slots)
        )
    return catalogue.slot_id(service, service.slot(slot))


def patience(action: CmsAction) -> dict[str, Any]:
    """Give what is done about calls, and how long is waited for their end and for a proof, in seconds.

    Raises BadOption for a variable that says something else.
    """
    calls = str(action.option("calls", "cms_calls", CALLS[0]))
    if calls not in CALLS:
        raise BadOption("cms_calls", f"is {calls!r}", "give one of: " + ", ".join(CALLS))
    found: dict[str, Any] = {"calls": calls}
    for option, default in (("calls_timeout", 3600), ("proof_timeout", 60), ("alarm_timeout", 180)):
        value = action.option(option, f"cms_{option}", default)
        if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,6}", str(value)):
            raise BadOption(f"cms_{option}", f"is {value!r}", "give a number of seconds")
        found[option] = float(value)
    return found | _draining(action, calls)


def _draining(action: CmsAction, calls: str) -> dict[str, Any]:
    """Give whether Call Bridges are drained before a restart, and with which load limit."""
    drain = action.option("drain", "cms_drain", False)
    if not isinstance(drain, bool):
        drain = {"true": True, "yes": True, "false": False, "no": False}.get(str(drain).lower())
    if drain is None:
        raise BadOption("cms_drain", f"is {action.option('drain', 'cms_drain')!r}", "give true or false")
    if drain and calls != CALLS[1]:
        raise BadOption(
            "cms_drain", f"is on, and cms_calls is {calls}, so nobody waits for calls to end", "set cms_calls to wait"
        )
    limit = action.option("drain_load_limit", "cms_drain_load_limit", 1)
    if isinstance(limit, bool) or not re.fullmatch(r"[1-9][0-9]{0,8}", str(limit)):
        raise BadOption(
            "cms_drain_load_limit",
            f"is {limit!r}",
            "give a whole number from 1; whether 0 stops all calls or allows all is not documented",
        )
    return {"drain": drain, "drain_load_limit": int(limit)}


def open_store(action: CmsAction, read_only: bool) -> Store:
    """Open the store of the fleet; in check mode it is read and never written."""
    passphrase = action.option("store_passphrase", "cms_store_passphrase")
    folder = os.path.join(action.state_dir, "store")
    return Store(folder, str(passphrase) if passphrase is not None else None, read_only=read_only)


def gather(action: CmsAction, intent: str, now: datetime.datetime, survey_variable: str) -> given.FleetInput:
    """Gather the whole fleet, whatever ``--limit`` says: who was not surveyed is a finding, not a gap (S19)."""
    groups = action.variables.get("groups") or {}
    journal = Journal(action.state_dir, read_only=True)
    skipped = _listed(action, "skip_nodes")
    findings: list[Finding] = []
    members = [str(name) for name in groups.get(GROUP) or []]
    findings += _strays(groups, members)
    findings += _unknown(skipped, members)
    hosts = {name: _host(action, name, groups, journal, survey_variable) for name in members if name not in skipped}
    store = open_store(action, read_only=True)
    issuers = {name: _facts(name, issuer, now) for name, issuer in open_issuers(action).items()}
    return given.FleetInput(
        fleet=str(action.variable("cms_fleet") or "cms"),
        intent=intent,
        now=now,
        hosts=hosts,
        issuers=issuers,
        generations={
            identity: [_generation(store, fact) for fact in facts]
            for identity, facts in store.all_generations().items()
        },
        skipped=skipped,
        skipped_hosts={
            name: _host(action, name, groups, journal, survey_variable, left_out=True)
            for name in members
            if name in skipped
        },
        accepted_anchors=_listed(action, "accept_anchors"),
        narrow_also=_listed(action, "narrow_also"),
        rollback=_wish(action),
        rollout=journal.last_rollout(),
        roll_forward=_listed(action, "roll_forward"),
        calls=(patient := patience(action))["calls"],
        drain=patient["drain_load_limit"] if patient["drain"] else None,
        findings=findings,
        store_findings=Later(lambda: _locked(store)),
    )


def _listed(action: CmsAction, option: str) -> frozenset[str]:
    """Read an option, or its variable, that is a list of names; a plain text is a list of one."""
    value = action.option(option, f"cms_{option}")
    if value is None:
        return frozenset()
    if isinstance(value, str):
        return frozenset({str(value)})
    if not isinstance(value, (list, tuple)) or not all(isinstance(entry, str) for entry in value):
        raise BadOption(f"cms_{option}", f"is {plain(value)!r}, which is no list of names", "give a list of names")
    return frozenset(str(entry) for entry in value)


def _wish(action: CmsAction) -> given.Wish:
    """Read what a rollback is to put back."""
    texts = {}
    for option in ("rollback_to", "rollback_reason"):
        value = action.option(option, f"cms_{option}", "")
        if not isinstance(value, str):
            raise BadOption(f"cms_{option}", f"is {plain(value)!r}, which is no text", "give one text")
        texts[option] = str(value)
    return given.Wish(
        nodes=_listed(action, "rollback_nodes"),
        services=_listed(action, "rollback_services"),
        to=texts["rollback_to"],
        reason=texts["rollback_reason"],
    )


def _host(
    action: CmsAction,
    name: str,
    groups: Mapping[str, Any],
    journal: Journal,
    survey_variable: str,
    left_out: bool = False,
) -> given.Host:
    variables = action.node_vars(name)
    chosen = {}
    for variable in HOST_VARIABLES:
        try:
            value = variables.get(variable)
        except AnsibleError as exc:
            raise BadOption(f"{name} {variable}", f"cannot be resolved ({exc})", "correct the variable") from exc
        if value is not None:
            chosen[variable] = plain(value)
    survey, why, mend = (None, "", "") if left_out else _survey(variables.get(survey_variable))
    return given.Host(
        name=name,
        services=tuple(s.name for s in catalogue.SERVICES if name in (groups.get(s.group) or [])),
        variables=chosen,
        survey=survey,
        why_no_survey=why,
        mend=mend,
        pending=journal.pending(name),
        made=frozenset(journal.made_files(name)),
        trusts_added=journal.trusts_added(name),
        drained=journal.drained(name),
        replaced=journal.replaced(name),
        unknown_variables=tuple(
            sorted(str(key) for key in variables if str(key).startswith("cms_") and str(key) not in KNOWN_VARIABLES)
        ),
    )


def _survey(result: Any) -> tuple[dict[str, Any] | None, str, str]:
    """Take the survey out of the registered result of node_info, or say why there is none and what helps."""
    if not isinstance(result, Mapping):
        return None, "it was not surveyed in this run", "run without --limit"
    if result.get("unreachable") or result.get("failed"):
        error = result.get("error") or {}
        if error:
            printed = " | ".join(map(str, error.get("transcript") or []))
            why = f"{error['object']}: {error['reason']}" + (f"; it printed: {printed}" if printed else "")
            return None, why, str(error["next_step"])
        return None, str(result.get("msg") or "the survey failed"), "see to that"
    if isinstance(result.get("survey_text"), str):
        return _read_survey(result["survey_text"]), "", ""
    if not isinstance(result.get("survey"), Mapping):
        return None, "the survey was skipped", "run without --tags and --skip-tags"
    return plain(result["survey"]), "", ""


def _read_survey(text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError as exc:
        raise BadOption(
            "survey_variable", "holds a survey_text that is not JSON", "register the result of certops.cms.node_info"
        ) from exc
    return found


def _unknown(skipped: frozenset[str], members: list[str]) -> list[Finding]:
    """Find nodes that are to be left out and are none of the fleet."""
    return [
        find("unknown-node", f"cms_skip_nodes {name}", "is no host of the group cms")
        for name in sorted(skipped - set(members))
    ]


def _strays(groups: Mapping[str, Any], members: list[str]) -> list[Finding]:
    """Find hosts that are in the group of a service and not in the group of all nodes."""
    return [
        find(
            "host-outside-fleet",
            str(name),
            f"is in the group {service.group} and not in the group {GROUP}",
            f"make {service.group} a child of {GROUP}, or put the host into {GROUP}",
        )
        for service in catalogue.SERVICES
        for name in groups.get(service.group) or []
        if name not in members
    ]


def _locked(store: Store) -> list[Finding]:
    """Find out before anything is made whether the store could keep a key."""
    try:
        store.check_passphrase()
    except CmsError as error:
        return [find("store-locked", error.obj, error.reason, error.next_step)]
    return []


def _facts(name: str, issuer: Issuer, now: datetime.datetime) -> given.IssuerFacts:
    try:
        return given.IssuerFacts(
            name=name,
            kind=issuer.kind,
            anchors=issuer.anchors(),
            will_create=issuer.will_create,
            validity=issuer.validity,
            findings=Later(lambda: issuer.check(now)),
            public=issuer.public,
            days=issuer.days,
        )
    except CmsError as error:
        finding = find("issuer-unusable", error.obj, error.reason, error.next_step)
        return given.IssuerFacts(name, issuer.kind, [], False, "", [finding])


def _generation(store: Store, facts: dict[str, Any]) -> dict[str, Any]:
    """Give what the planner needs of a stored generation; its chain as PEM texts once it is issued."""
    chain: list[str] = []
    if facts["state"] == "issued":
        generation = store.get(facts["identity"], facts["base"])
        if generation is not None and generation.issued is not None:
            chain = [generation.issued.leaf_pem, *generation.issued.chain_pems]
    found = {key: facts[key] for key in ("base", "state", "request", "leaf")}
    return {**found, "chain": chain, "put_back": facts.get("put_back")}
