# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registrations are made, proven, put back; once, also where an answer is lost; others stay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._api.client import ApiClient
from ansible_collections.certops.cms.plugins.plugin_utils._api.registrations import same_place
from ansible_collections.certops.cms.plugins.plugin_utils._engine import registrar
from ansible_collections.certops.cms.plugins.plugin_utils._errors import (
    ApiProblem,
    BadOption,
    CertificateProblem,
    ProofFailed,
)
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import registration
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.registration import Wanted
from tests.simulator import certs
from tests.simulator.fleet import SimulatedFleet
from tests.simulator.switches import SWITCHES
from tests.unit.simulator.client import PASSWORD, definition, eventually, old_ca, served

NODES: list[dict[str, Any]] = [
    {"name": "core1", "services": ["webadmin", "callbridge"]},
    {"name": "core2", "services": ["webadmin", "callbridge"]},
    {"name": "edge1", "services": ["webbridge3"]},
    {"name": "edge2", "services": ["webbridge3"]},
]
EDGE1, EDGE2 = "c2w://edge1.example.test:9999", "c2w://edge2.example.test:9999"
NOWHERE, STRANGER = "c2w://nowhere.example.test:9999", "c2w://partner.example.net:9999"


class Bench:
    """A cluster in which edge1 and a stranger are registered."""

    def __init__(self, fleet: SimulatedFleet) -> None:
        self.fleet = fleet
        self.control = fleet.control
        self.pin = served(fleet, "core1", "webadmin")
        self.worker: registrar.Registrar | None = None

    def client(self) -> ApiClient:
        state = self.control.state("core1")
        place = (state["address"], state["ports"]["webadmin"])
        return ApiClient(*place, "admin", PASSWORD, pins=[self.pin], timeout=5, wait=5)

    def registered(self) -> dict[str, dict[str, str]]:
        return {
            ident: {key: value for key, value in item.items() if value}
            for ident, item in self.control.api_objects("core1", "webBridges").items()
        }

    def urls(self) -> list[str]:
        return sorted(item["url"] for item in self.registered().values())

    def do(self, url: str, *, group: str | None = None, bridge: str | None = None, **options: Any) -> str | None:
        with self.client() as client:
            database = registrar.read(client)
            wanted = Wanted(url, database.call_bridge(bridge), database.group(group), **options)
            self.worker = registrar.Registrar(client, database, 2.0 if url == NOWHERE else 10.0)
            return self.worker.carry_out(registration.change(database.entries, wanted, same_place))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    more = {"registrations": ["edge1", STRANGER]}
    with SimulatedFleet(definition(*NODES, **more), tmp_path_factory.mktemp("registrar")) as fleet:
        assert eventually(lambda: "success" in {link["status"] for link in fleet.control.links()})
        yield Bench(fleet)


@pytest.fixture
def bench(built: Bench) -> Iterator[Bench]:
    before = built.registered()
    yield built
    built.control.clear_faults()
    built.control.set_switch("all", "dialect", "default")
    with built.client() as client:
        for ident in built.registered():
            if ident not in before:
                client.send("DELETE", f"webBridges/{ident}")
        for ident, item in before.items():
            if built.registered().get(ident) != item:
                client.send("PUT", f"webBridges/{ident}", {"url": item["url"], "callBridge": "", "callBridgeGroup": ""})


@pytest.mark.parametrize("location", SWITCHES["api_location"].positions)
def test_a_registration_is_made_and_proven_and_removed(bench: Bench, location: str) -> None:
    bench.control.set_switch("core1", "api_location", location)
    ident = bench.do(EDGE2)
    assert ident is not None
    assert bench.registered()[ident] == {"url": EDGE2}
    assert bench.worker is not None
    assert [(proof["registration"], proof["state"]) for proof in bench.worker.proofs] == [(ident, "proven")]
    assert bench.do(EDGE2.upper().replace("C2W", "c2w")) == ident
    assert bench.worker.commands == []
    assert bench.do(EDGE2, state="absent") is None
    assert bench.urls() == sorted([EDGE1, STRANGER])


@pytest.mark.parametrize("dialect", ["strict", "chatty", "exec-less", "old", "random:3"])
def test_every_dialect_lets_it_be_done(bench: Bench, dialect: str) -> None:
    bench.control.set_switch("all", "dialect", dialect)
    bench.do(EDGE2, group="main-group")
    bench.do(EDGE2, group="main-group")
    assert bench.urls() == sorted([EDGE1, EDGE2, STRANGER])
    bench.do(EDGE2, state="absent")
    assert bench.urls() == sorted([EDGE1, STRANGER])


@pytest.mark.parametrize("effect", [True, False])
def test_a_lost_answer_makes_nothing_twice_and_loses_nothing(bench: Bench, effect: bool) -> None:
    def lose(method: str, after: int) -> None:
        bench.control.clear_faults()
        bench.control.set_fault(
            "core1", {"kind": "api_lost", "effect": effect, "match": f"/^/api/v1/webBridges{method}$/", "after": after}
        )

    # The list is read twice before anything is sent, once to compare and once to know what is new.
    lose("", 2)
    bench.do(EDGE2)
    assert bench.urls() == sorted([EDGE1, EDGE2, STRANGER])
    (ident,) = [ident for ident, item in bench.registered().items() if item["url"] == EDGE2]
    lose(f"/{ident}", 1)
    assert bench.do(EDGE2, group="main-group", purge=True) == ident
    assert set(bench.registered()[ident]) == {"url", "callBridgeGroup"}
    lose(f"/{ident}", 1)
    bench.do(EDGE2, state="absent")
    assert bench.urls() == sorted([EDGE1, STRANGER])
    assert bench.control.state("core1")["faults"] == []


def test_what_does_not_connect_is_gone_again(bench: Bench) -> None:
    with pytest.raises(ProofFailed, match=r"connectionFailure.*dnsFailure.*the registration is gone again") as caught:
        bench.do(NOWHERE)
    assert "event log" in caught.value.next_step
    assert bench.urls() == sorted([EDGE1, STRANGER])


def test_what_does_not_connect_any_more_is_put_back(bench: Bench) -> None:
    before = bench.registered()
    with pytest.raises(ProofFailed, match="what was registered before is back"):
        bench.do(NOWHERE, purge=True, owned=(EDGE1,))
    assert bench.registered() == before
    assert eventually(lambda: "success" in {link["status"] for link in bench.control.links()})


def test_what_cannot_be_put_back_is_told_with_the_place(bench: Bench) -> None:
    with pytest.MonkeyPatch.context() as patch:
        refused = ApiProblem("API", "no way", "none")

        def refuse(*_arguments: Any) -> None:
            raise refused

        patch.setattr(registrar.registrations, "delete", refuse)
        with pytest.raises(ProofFailed, match="could not be brought back: no way") as caught:
            bench.do(NOWHERE)
    assert "webBridges/" in caught.value.next_step
    bench.do(NOWHERE, state="absent")


def test_a_new_name_keeps_the_id_and_strangers_stay(bench: Bench) -> None:
    (ident,) = [ident for ident, item in bench.registered().items() if item["url"] == EDGE1]
    assert bench.do(EDGE2, purge=True, owned=(EDGE1,)) == ident
    assert bench.urls() == sorted([EDGE2, STRANGER])
    assert bench.worker is not None
    assert [entry["command"].split()[1] for entry in bench.worker.commands] == ["PUT"]


def test_a_registration_for_another_call_bridge_is_not_proven_here(bench: Bench) -> None:
    ident = bench.do(EDGE2, bridge="core2")
    assert bench.worker is not None
    (proof,) = bench.worker.proofs
    assert (proof["state"], proof["object"]) == ("assigned, not proven", f"{EDGE2} for Call Bridge core2")
    assert ident is not None
    bridges = bench.control.api_objects("core1", "callBridges")
    assert bridges[bench.registered()[ident]["callBridge"]]["name"] == "core2"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bridge": "core9"}, r"call_bridge 'core9': is not known.*core1, core2"),
        ({"group": "west"}, r"call_bridge_group 'west': is not known.*main-group"),
    ],
)
def test_a_name_that_nobody_has_is_refused_with_those_that_are(
    bench: Bench, options: dict[str, str], said: str
) -> None:
    since = bench.control.last_event()
    with pytest.raises(BadOption, match=said):
        bench.do(EDGE2, **options)
    assert bench.control.events(since, "api_changed") == []


def test_s8_the_host_of_the_url_must_be_in_the_certificate(bench: Bench) -> None:
    ca = old_ca(bench.fleet)
    leaf = certs.cert_pem(ca.issue(certs.pooled_key("ecdsa").public_key(), "edge2.example.test", [], 9)).decode()
    assert registrar.check_name("c2w://Edge2.example.test:1", leaf, "of edge2") == ""
    with pytest.raises(
        CertificateProblem, match=r"of edge2\) is not for edge9.*it is for edge2.example.test"
    ) as caught:
        registrar.check_name("c2w://edge9.example.test:1", leaf, "of edge2")
    assert "4.5" in caught.value.reason
    # Without a survey, what answers there is looked at; the address is not in its certificate.
    address = bench.control.state("edge2")["address"]
    with pytest.raises(CertificateProblem, match="what answers at"):
        registrar.check_name(f"c2w://{address}:9999", None, "")
    assert "nobody here could see" in registrar.check_name("c2w://127.0.0.1:1", None, "")
