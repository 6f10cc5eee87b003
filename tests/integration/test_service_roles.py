# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The roles of the services, in a playbook that a person wrote: rounds of a plan, service by service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.integration.estate import PAIR, SITE, Estate, StartEstate, assert_done, plan_of
from tests.integration.wire import look_at_all

FLEET = {**PAIR, "nodes": [*PAIR["nodes"], {"name": "edge2", "services": ["webbridge3"]}]}
NOBODY = "['all', '!all']"
PLAN = "{{ hostvars['localhost'].made.plan.id }}"
#: What verifies comes before what only presents: within a round the roles follow one another for the whole fleet.
SERVICES = ("webbridge3", "callbridge", "turn", "webadmin")
ROUNDS = ("widen", "switch", "switch-2")


def play(name: str, hosts: str, *tasks: dict[str, Any], **keywords: Any) -> dict[str, Any]:
    return {
        "name": name,
        "hosts": hosts,
        "gather_facts": False,
        "connection": "certops.cms.mmp",
        "any_errors_fatal": True,
        "tasks": list(tasks),
        **keywords,
    }


def hosts_of(name: str) -> str:
    return f"{{{{ (hostvars['localhost'].made.plan.rounds['{name}'] | default({{}})).hosts | default({NOBODY}) }}}}"


def apply(name: str, **keywords: Any) -> dict[str, Any]:
    return {"name": f"Do {name}", "certops.cms.apply": {"plan": PLAN, "round": name}, **keywords}


def with_role(service: str, name: str, **keywords: Any) -> dict[str, Any]:
    """Write the play that does what a round has for one service, one node at a time."""
    role = {
        "name": f"Role {service}",
        "ansible.builtin.import_role": {"name": f"certops.cms.{service}"},
        "vars": {f"{service}_plan": PLAN, f"{service}_round": name},
    }
    return play(f"{service} in {name}", hosts_of(name), role, serial=1, **keywords)


HAND_MADE = [
    play("Survey", "cms", {"name": "Survey", "certops.cms.node_info": {}, "register": "cms_survey"}),
    play(
        "Plan",
        "cms",
        {"name": "Plan the fleet", "certops.cms.fleet_plan": {}, "register": "found", "run_once": True},
        {
            "name": "Keep the plan",
            "ansible.builtin.set_fact": {"made": "{{ found }}"},
            "run_once": True,
            "delegate_to": "localhost",
            "delegate_facts": True,
        },
    ),
    play("Request", hosts_of("request"), apply("request")),
    play("Issue", "cms", apply("issue", run_once=True)),
    play("Stage", hosts_of("stage"), apply("stage")),
    with_role("callbridge", "switch", any_errors_fatal=False, ignore_errors=True),
    with_role("webbridge3", "switch-2", any_errors_fatal=False, ignore_errors=True),
    *(with_role(service, name) for name in ROUNDS for service in SERVICES),
]


def settled(estate: Estate) -> dict[str, Any]:
    """Give what a rollout is for: what is named, what is trusted, and who issued what is shown for how long."""
    nodes = estate.describe()
    shown = look_at_all(nodes, Path(estate.own_ca / "root.crt"))
    return {
        "stored": {
            (node, service): {key: value for key, value in found["stored"].items() if key.endswith(("certs", "trust"))}
            for node, state in nodes.items()
            for service, found in state["services"].items()
        },
        "trusted": {
            (node, service): estate.trusted(node, service)
            for node, service in (("core1", "callbridge"), ("edge1", "webbridge3"), ("edge2", "webbridge3"))
        },
        "shown": {
            place: (what.faults, what.leaf.subject, what.leaf.issuer, what.names)
            for place, what in shown.items()
            if what.leaf is not None
        },
    }


def test_round_by_round_and_service_by_service_ends_where_site_ends(estate: StartEstate) -> None:
    by_hand, by_site = estate(FLEET), estate(FLEET)
    site = by_site.start(SITE)
    done = by_hand.run(HAND_MADE)
    assert_done(done)
    assert_done(site.wait())
    found = settled(by_hand)
    assert found == settled(by_site)
    assert {faults for faults, *_rest in found["shown"].values()} == {()}
    seen = by_hand.seen()
    assert seen.restarts == by_site.seen().restarts == done.one(task="Plan the fleet")["cost"]["restarts"]
    assert seen.broken_links == []
    assert {link["status"] for link in by_hand.fleet.control.links()} == {"success"}
    for service in SERVICES:
        # A role does what is its service's, and leaves the rest of the round to the others.
        mine = done.results(task=f"{service} : ", action="certops.cms.apply", status="ok")
        did = [event["result"]["wanted"] for event in mine if "error" not in event["result"]]
        assert {command.split()[0] for commands in did for command in commands} == {service}

    # S5: what came before its turn was refused with what it waits for, and changed nothing.
    early = [e for e in done.events if e["event"] == "result" and e["result"].get("error")]
    assert early
    errors = {(e["host"], e["result"]["error"]["kind"]): e["result"]["error"] for e in early}
    assert ("core1", "PreconditionMissing") in errors
    assert errors["core1", "PreconditionMissing"]["object"] == "core1/switch/callbridge"
    assert "edge1/widen/webbridge3" in errors["core1", "PreconditionMissing"]["reason"]
    assert "edge2/widen/webbridge3" in errors["core1", "PreconditionMissing"]["reason"]
    assert "core1/switch/callbridge" in errors["edge1", "PreconditionMissing"]["reason"]
    assert {kind for _host, kind in errors} == {"PreconditionMissing"}

    again = by_hand.run(SITE)
    assert_done(again)
    assert again.changed == 0
    assert plan_of(again)["plan"]["rounds"] == {}
