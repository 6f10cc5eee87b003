# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input in the inventory: groups, names, variables. Nothing is changed, and the plan says what to correct.

Every kind has a host of its own, linked to the one Call Bridge, so that one run shows them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.bad_input import Bench, printed, says, stopped
from tests.integration.harness import Result

HOSTS: dict[str, dict[str, Any]] = {
    "twin1": {"cms_fqdn": "twin.example.test"},
    "twin2": {"cms_fqdn": "twin.example.test"},
    "nameless": {"cms_fqdn": ""},
    "option": {"cms_identities": {"webbridge3_https": {"nmaes": ["join.example.test"]}}},
    "slot": {"cms_identities": {"web": {"slots": ["webbridge_https"]}}},
    "subject": {"cms_identities": {"webbridge3_https": {"subject": {"Organisation": "Example"}}}},
    "quoted": {"cms_identities": {"webbridge3_https": {"subject": {"O": 'The "Example"'}}}},
    "underscore": {"cms_identities": {"webbridge3_https": {"names": ["web_app.example.test"]}}},
    "curve": {"cms_key_type": "ecdsa", "cms_key_location": "node"},
    "key": {"cms_key_type": "ed25519"},
    "issuer": {"cms_issuer": "verisign"},
    "soon": {"cms_renew_before": "soon"},
}

#: Object, part of what was found, part of the next step.
FINDINGS = {
    "two hosts with one name": ("twin1 and twin2", "have the same fqdn twin.example.test", "its own (cms_fqdn)"),
    "a host without a name": (
        "nameless",
        "so webbridge3_c2w cannot be named",
        "set cms_fqdn for the host, or cms_domain",
    ),
    "an unknown option": (
        "option",
        "cms_identities.webbridge3_https has unknown options: nmaes",
        "use only: common_name, issuer",
    ),
    "an unknown slot": ("slot", "cms_identities.web.slots is ['webbridge_https']", "give a list of slots"),
    "an unknown attribute": (
        "subject",
        "cms_identities.webbridge3_https.subject is {'Organisation'",
        "guide table 4: CN, OU, O",
    ),
    "a value that cannot be sent": ("quoted", "which the command line cannot take", "leave out double quotes"),
    "a name that is none": ("underscore", "'web_app.example.test' cannot be a name", "cms_identities.webbridge3_https"),
    "a key the node cannot make": (
        "curve",
        "webbridge3_c2w wants an ECDSA key made on the node",
        "set key_location: control",
    ),
    "an unknown kind of key": ("key", "cms_key_type is 'ed25519'", "give rsa or ecdsa"),
    "an issuer nobody describes": (
        "issuer 'verisign'",
        "is named for issuer, and cms_issuers does not describe it",
        "describe it in cms_issuers, or name one",
    ),
    "a time that is none": ("soon", "cms_renew_before is 'soon'", "give days, hours, or a share of the lifetime"),
    "a service the node lacks": (
        "core1",
        "is in the group cms_turn, and has no service turn",
        "take the host out of cms_turn",
    ),
    "a host outside the fleet": ("stray", "is in the group cms_turn and not in the group cms", "put the host into cms"),
    "an unknown node to skip": ("cms_skip_nodes core9", "is no host of the group cms", "correct or remove it"),
}


def edge(name: str) -> dict[str, Any]:
    return {"name": name, "services": ["webbridge3"]}


@pytest.fixture(scope="module")
def bench(dialect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("inventory"), *map(edge, HOSTS))
    yield made
    made.close()


@pytest.fixture(scope="module")
def run(bench: Bench) -> Result:
    """One run of site with everything wrong at once."""
    issuers = {"internal": {"type": "own_ca", "passphrase": "any"}}
    with bench.untouched():
        return bench.run(
            hosts={"stray": {}, **HOSTS, "core1": {"cms_issuer": "internal"}},
            groups={"cms_turn": ["core1", "stray"]},
            arguments=["--forks", "16"],
            cms_issuer=None,
            cms_issuers=issuers,
            cms_skip_nodes=["core9"],
        )


@pytest.mark.parametrize("kind", FINDINGS)
def test_what_is_wrong_in_the_inventory_is_named_with_reason_and_next_step(kind: str, run: Result) -> None:
    obj, reason, next_step = FINDINGS[kind]
    _found, step = printed(run, obj, reason)
    assert next_step in step


def test_a_wrong_inventory_stops_the_run_before_any_change(run: Result) -> None:
    says(stopped(run), "nothing was changed", *(f"{obj}: " for obj, _found, _step in FINDINGS.values()))


@pytest.mark.parametrize(
    ("playbook", "groups"),
    [("site", {"cms": {"hosts": {}}}), ("renew", {"cms_turn": {"hosts": {"edge1": {}}}}), ("narrow", {"cms": {}})],
)
def test_an_empty_group_is_refused(bench: Bench, tmp_path: Path, playbook: str, groups: dict[str, Any]) -> None:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(yaml.safe_dump({"all": {"children": groups}}))
    with bench.untouched():
        result = bench.run(f"certops.cms.{playbook}", inventory=inventory)
    says(stopped(result), "group cms: holds no host", "put the Meeting Servers into the group cms")


def test_a_group_of_a_service_without_hosts_is_no_mistake(bench: Bench) -> None:
    """A fleet needs no TURN; there is nothing to say about a group that nobody filled."""
    result = bench.run(groups={"cms_turn": []}, check=True)
    assert result.rc == 0, result.stdout
    assert "cms_turn" not in result.stdout


def test_a_limit_leaves_nodes_unread_and_they_are_named(bench: Bench) -> None:
    with bench.untouched():
        result = bench.run(arguments=["--limit", "edge1"])
    says(stopped(result), "core1: could not be read: it was not surveyed in this run", "run without --limit")
