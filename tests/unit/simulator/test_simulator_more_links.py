# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every kind of link beside C2W of a Call Bridge: who verifies whom, what breaks it, what excuses it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.simulator import certs
from tests.simulator.config import ConfigError, load
from tests.simulator.fleet import SimulatedFleet

from .client import Login, Pair, commands, definition, eventually, old_ca
from .test_simulator_links import Odd

NEW = certs.Authority.create("New", 90)
FLEETS = Path(__file__).resolve().parents[3] / "tests" / "simulator" / "fleets"
NODES: list[dict[str, Any]] = [
    {"name": "core1", "services": ["webadmin", "callbridge", "scheduler"]},
    {"name": "core2", "services": ["webadmin", "callbridge"]},
    {"name": "edge1", "services": ["webbridge3"]},
    {"name": "media1", "services": ["recorder", "streamer", "uploader"]},
]
OUTSIDERS = [
    {
        "name": "cucm1",
        "kind": "cucm",
        "connects": ["core1:webadmin", "core1:sip"],
        "verifies": "legacy",
        "presents": True,
    },
    {"name": "ad1", "kind": "ldap", "dialled_by": ["core1"]},
]
ALL_TRUSTS = {"key": "ecdsa", "cluster_trust": True, "sip_verify": "enable", "ldap_verify": "enable"}
#: The links of this fleet.
EXPECTED = {
    ("c2w", "core1", "edge1"),
    ("c2w", "core2", "edge1"),
    ("scheduler", "core1", "edge1"),
    ("cluster", "core1", "core2"),
    ("cluster", "core2", "core1"),
    ("recorder", "core1", "media1"),
    ("recorder", "core2", "media1"),
    ("streamer", "core1", "media1"),
    ("streamer", "core2", "media1"),
    ("uploader", "media1", "core1"),
    ("ldap", "core1", "ad1"),
    ("outside", "cucm1", "core1"),
}


def fleet_file(**more: Any) -> dict[str, Any]:
    return definition(*NODES, **{"legacy": ALL_TRUSTS, "outsiders": OUTSIDERS, **more})


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[SimulatedFleet]:
    with SimulatedFleet(fleet_file(), tmp_path / "state") as running:
        yield running


def give(fleet: SimulatedFleet, node: str, service: str, pair: Any = None, slot: str = "", **stored: Any) -> None:
    """Change settings of a service (a pair in a slot, texts of trust files by setting) and restart it."""
    assert fleet.fleet is not None
    place = fleet.fleet.world.nodes[node]
    part = place.services[service]
    if pair is not None:
        place.files.write("x.key", pair.key)
        place.files.write("x.crt", pair.full if part.full_chain and hasattr(pair, "full") else pair.crt)
        part.stored[f"{slot}_certs"] = ["x.key", "x.crt"]
    for key, value in stored.items():
        name = value
        if isinstance(value, bytes):
            name = f"{key}.pem".replace("_", "-")
            place.files.write(name, value)
        (place.tls if key.partition("_")[0] in ("sip", "ldap") and service != "recorder" else part).stored[key] = name
    lines = fleet.run(part.restart(verb="enable"))
    assert not any(line.startswith("FAILURE") for line in lines), lines


def probe(fleet: SimulatedFleet, kind: str, client: str) -> dict[str, Any]:
    found = [item for item in fleet.control.probe_links(kind) if item["client"] == client]
    assert found
    return next((item for item in found if not item["ok"]), found[0])


def test_a_legacy_fleet_has_every_link_up_and_counts_its_probes(fleet: SimulatedFleet) -> None:
    assert eventually(lambda: {link["status"] for link in fleet.control.links()} == {"success"})
    links = fleet.control.links()
    assert {(link["kind"], link["client"], link["server"]) for link in links} == EXPECTED
    assert len(links) == len(EXPECTED) + 1  # cucm1 has two
    assert eventually(lambda: all(link["probes_ok"] > 0 for link in fleet.control.links()))
    counters = fleet.control.counters()
    assert (counters["total"]["links"], counters["total"]["up"]) == (len(links), len(links))
    assert (counters["total"]["probes_failed"], counters["restarts"]) == (0, {})
    assert fleet.control.events(kind="link_down") == fleet.control.events(kind="link_failing") == []


def old(fleet: SimulatedFleet, name: str, **options: Any) -> Pair:
    return Pair(old_ca(fleet), name, client=True, **options)


#: kind, dialling node, answering node and service, its slot, the trust setting of the dialling side, its service.
ANSWERING = [
    ("cluster", "core1", ("core2", "webadmin", "tls"), ("callbridge", "cluster_trust")),
    ("scheduler", "core1", ("edge1", "webbridge3", "c2w"), ("scheduler", "c2w_trust")),
    ("recorder", "core1", ("media1", "recorder", "sip"), ("callbridge", "sip_trust")),
    ("streamer", "core2", ("media1", "streamer", "sip"), ("callbridge", "sip_trust")),
    ("uploader", "media1", ("core1", "webadmin", "tls"), ("uploader", "cms_trust")),
]


@pytest.mark.parametrize(("kind", "client", "server", "trust"), ANSWERING, ids=[row[0] for row in ANSWERING])
def test_the_dialling_side_verifies(
    fleet: SimulatedFleet, kind: str, client: str, server: tuple[str, str, str], trust: tuple[str, str]
) -> None:
    node, service, slot = server
    fqdn = f"{node}.example.test"
    untrusted = Pair(NEW, fqdn, client=True)
    give(fleet, node, service, untrusted, slot)
    refused = probe(fleet, kind, client)
    assert (refused["ok"], refused["reason"]) == (False, "tlsNegotiationFailure")
    assert "certificate: " in refused["detail"]
    give(fleet, client, trust[0], **{trust[1]: untrusted.crt})
    assert probe(fleet, kind, client)["ok"], "a leaf in the list is enough"
    give(fleet, client, trust[0], **{trust[1]: certs.cert_pem(NEW.root, NEW.intermediate)})
    assert probe(fleet, kind, client)["ok"]
    give(fleet, node, service, Pair(NEW, fqdn, client=True, days=-1), slot)
    assert "expired" in probe(fleet, kind, client)["detail"]


@pytest.mark.parametrize(
    ("kind", "client", "server", "switch", "name", "positions"),
    [
        (
            "cluster",
            "core1",
            ("core2", "webadmin", "tls"),
            "cluster_name_check",
            "other.example.test",
            {"exact": False, "wildcards": False, "none": True},
        ),
        (
            "cluster",
            "core1",
            ("core2", "webadmin", "tls"),
            "cluster_name_check",
            "*.example.test",
            {"exact": False, "wildcards": True, "none": True},
        ),
        (
            "uploader",
            "media1",
            ("core1", "webadmin", "tls"),
            "uploader_host_check",
            "other.example.test",
            {"checked": False, "none": True},
        ),
        (
            "recorder",
            "core1",
            ("media1", "recorder", "sip"),
            "sip_host_check",
            "other.example.test",
            {"none": True, "checked": False},
        ),
        (
            "scheduler",
            "core1",
            ("edge1", "webbridge3", "c2w"),
            "c2w_host_check",
            "other.example.test",
            {"san_then_cn": False, "san_or_cn": False},
        ),
    ],
)
def test_the_name_is_looked_for_as_its_switch_says(
    fleet: SimulatedFleet,
    kind: str,
    client: str,
    server: tuple[str, str, str],
    switch: str,
    name: str,
    positions: dict[str, bool],
) -> None:
    give(fleet, server[0], server[1], old(fleet, name), server[2])
    for position, ok in positions.items():
        fleet.control.set_switch("all", switch, position)
        result = probe(fleet, kind, client)
        assert result["ok"] is ok, position
        if not ok:
            assert f"not for {server[0]}.example.test" in result["detail"]


def test_what_is_not_set_is_not_verified(fleet: SimulatedFleet) -> None:
    give(fleet, "core2", "webadmin", Pair(NEW, "other.example.test", days=-1), "tls")
    give(fleet, "media1", "recorder", Pair(NEW, "other.example.test", days=-1), "sip")
    assert not probe(fleet, "cluster", "core1")["ok"]
    assert not probe(fleet, "recorder", "core1")["ok"]
    give(fleet, "core1", "callbridge", cluster_trust=None, sip_verify="disable")
    assert probe(fleet, "cluster", "core1")["ok"]
    assert probe(fleet, "recorder", "core1")["ok"]
    give(fleet, "core1", "webadmin", Pair(NEW, "other.example.test"), "tls")
    give(fleet, "media1", "uploader", cms_trust=None)
    assert probe(fleet, "uploader", "media1")["ok"]


def test_a_recorder_verifies_the_call_bridge_where_its_own_tls_sip_says_so(fleet: SimulatedFleet) -> None:
    give(fleet, "core1", "callbridge", Pair(NEW, "core1.example.test", client=True), "callbridge")
    refused = probe(fleet, "recorder", "core1")
    assert "the recorder refused" in refused["detail"]
    assert eventually(lambda: fleet.control.events(kind="sip_rejected", node="media1"))
    assert fleet.fleet is not None
    media = fleet.fleet.world.nodes["media1"]
    media.tls.stored["sip_verify"] = "disable"
    assert not probe(fleet, "recorder", "core1")["ok"], "stored is not live"
    give(fleet, "media1", "recorder")
    assert probe(fleet, "recorder", "core1")["ok"]
    assert not probe(fleet, "streamer", "core1")["ok"], "each service loads it at its own start"
    media.tls.stored["sip_verify"] = "ocsp"
    give(fleet, "media1", "recorder")
    assert not probe(fleet, "recorder", "core1")["ok"]


@pytest.mark.parametrize("usages", ["server", "client"])
def test_a_sip_certificate_is_for_what_it_is_used_for(fleet: SimulatedFleet, usages: str) -> None:
    only = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}[usages]
    pair = Odd(old_ca(fleet), x509.ExtendedKeyUsage([only]))
    give(fleet, "core1", "callbridge", pair, "callbridge")
    assert probe(fleet, "recorder", "core1")["ok"] is (usages == "client")
    give(fleet, "media1", "streamer", pair, "sip")
    assert probe(fleet, "streamer", "core2")["ok"] is (usages == "server")


@pytest.mark.parametrize(("position", "ok"), [("allowed", True), ("needs_root", False)])
def test_a_pinned_leaf_in_tls_sip_trust(fleet: SimulatedFleet, position: str, ok: bool) -> None:
    fleet.control.set_switch("all", "sip_pinning", position)
    recorder, bridge = Pair(NEW, "media1.example.test", client=True), Pair(NEW, "core1.example.test", client=True)
    assert fleet.fleet is not None
    media = fleet.fleet.world.nodes["media1"]
    media.files.write("pin.pem", bridge.crt)
    media.tls.stored["sip_trust"] = "pin.pem"
    give(fleet, "media1", "recorder", recorder, "sip")
    give(fleet, "core1", "callbridge", bridge, "callbridge", sip_trust=recorder.crt)
    assert probe(fleet, "recorder", "core1")["ok"] is ok


def test_a_scheduler_needs_its_own_trust_and_a_place_in_that_of_each_web_bridge(fleet: SimulatedFleet) -> None:
    give(fleet, "core1", "scheduler", Pair(NEW, "core1.example.test", client=True), "c2w")
    assert not probe(fleet, "scheduler", "core1")["ok"]
    assert probe(fleet, "c2w", "core1")["ok"], "the Call Bridge has a certificate of its own"
    give(fleet, "edge1", "webbridge3", c2w_trust=certs.cert_pem(old_ca(fleet).root, NEW.root))
    assert probe(fleet, "scheduler", "core1")["ok"]
    give(fleet, "core1", "scheduler", c2w_trust=None)
    assert "no C2W trust is set on the scheduler" in probe(fleet, "scheduler", "core1")["detail"]


def test_outsiders_notice_a_new_ca_until_somebody_tells_them(fleet: SimulatedFleet) -> None:
    trust = fleet.directory / "outsiders" / "cucm1" / "trust.pem"
    assert probe(fleet, "outside", "cucm1")["ok"]
    give(fleet, "core1", "webadmin", Pair(NEW, "core1.example.test"), "tls")
    assert "server certificate" in probe(fleet, "outside", "cucm1")["detail"]
    trust.write_bytes(trust.read_bytes() + certs.cert_pem(NEW.root, NEW.intermediate))
    assert probe(fleet, "outside", "cucm1")["ok"]
    give(fleet, "core1", "webadmin", Pair(NEW, "other.example.test"), "tls")
    assert "not for core1.example.test" in probe(fleet, "outside", "cucm1")["detail"]
    give(fleet, "core1", "webadmin", Pair(NEW, "core1.example.test"), "tls")
    give(fleet, "core1", "callbridge", sip_trust=certs.cert_pem(NEW.root))
    refused = probe(fleet, "outside", "cucm1")
    assert refused["url"].startswith("sips://")
    assert "refused" in refused["detail"], "the Call Bridge verifies who dials it"
    trust.write_bytes(b"nonsense")
    assert "the files of cucm1" in probe(fleet, "outside", "cucm1")["detail"]


def test_a_directory_is_verified_where_tls_ldap_says_so(fleet: SimulatedFleet) -> None:
    pair = Pair(NEW, "ad1.example.test")
    (fleet.directory / "outsiders" / "ad1" / "pair.pem").write_bytes(pair.key + pair.full)
    fleet.control.restart_outsider("ad1")
    assert "directory server certificate" in probe(fleet, "ldap", "core1")["detail"]
    give(fleet, "core1", "callbridge", ldap_trust=certs.cert_pem(NEW.root))
    assert probe(fleet, "ldap", "core1")["ok"]
    give(fleet, "core1", "callbridge", ldap_trust=None)
    assert not probe(fleet, "ldap", "core1")["ok"]
    give(fleet, "core1", "callbridge", ldap_verify="disable")
    assert probe(fleet, "ldap", "core1")["ok"]


def test_restarts_and_commands_excuse_every_kind_and_are_counted(fleet: SimulatedFleet) -> None:
    assert eventually(lambda: {link["status"] for link in fleet.control.links()} == {"success"})
    commands(fleet, "core1", "webadmin disable", "webadmin enable", "scheduler restart", "callbridge restart")
    commands(fleet, "media1", "recorder disable", "uploader disable")
    time.sleep(0.3)
    commands(fleet, "media1", "recorder enable", "uploader enable", "streamer disable", "streamer enable")
    assert eventually(lambda: {link["status"] for link in fleet.control.links()} == {"success"})
    kinds = ("link_probe", "link_down", "link_failing")
    failures = [event for event in fleet.control.events() if event["kind"] in kinds]
    assert {"cluster", "recorder", "streamer", "uploader"} <= {event["link"] for event in failures}
    assert [event for event in failures if not event["during_restart"]] == []
    counters = fleet.control.counters()
    assert counters["total"]["probes_failed_outside_restart"] == 0
    assert counters["restarts"] == {
        "core1": {"webadmin": 1, "scheduler": 1, "callbridge": 1},
        "media1": {"recorder": 1, "streamer": 1, "uploader": 1},
    }


def test_an_outage_that_no_restart_explains_is_counted_as_one(fleet: SimulatedFleet) -> None:
    assert eventually(lambda: {link["status"] for link in fleet.control.links()} == {"success"})
    fleet.control.set_fault("media1", {"kind": "fail_restart", "match": "streamer"})
    assert commands(fleet, "media1", "streamer disable", "streamer enable")[1][0].startswith("FAILURE")
    assert eventually(lambda: fleet.control.counters()["links"]["streamer"]["probes_failed_outside_restart"] > 0)
    counts = fleet.control.counters()["links"]
    assert counts["streamer"]["probes_failed_before_first_success"] == 0
    assert counts["recorder"]["probes_failed_outside_restart"] == 0


def test_leaves_are_pinned_in_every_trust_of_a_legacy_start(tmp_path: Path) -> None:
    with SimulatedFleet(fleet_file(legacy={**ALL_TRUSTS, "trust": "leaf", "ldap_verify": ""}), tmp_path / "s") as fleet:
        assert eventually(
            lambda: {link["status"] for link in fleet.control.links() if link["kind"] != "outside"} == {"success"}
        )
        files = fleet.control.state("core1")["files"]
        assert {"pinned_webbridges.pem", "pinned_webadmins.pem", "pinned_sip.pem"} <= set(files)


def test_an_empty_fleet_has_nothing_and_links_come_with_what_is_configured(tmp_path: Path) -> None:
    with SimulatedFleet(fleet_file(start="empty", outsiders=[]), tmp_path / "s") as fleet:
        for node in NODES:
            state = fleet.control.state(node["name"])
            assert (state["listening"], set(state["files"])) == ([], {"cms.lic", "live.json"})
            assert not any(service["enabled"] for service in state["services"].values())
        assert [fleet.control.api_objects("core1", name) for name in ("webBridges", "callBridges")] == [{}, {}]
        assert fleet.control.links() == []
        with Login(fleet, "core1") as login, Login(fleet, "media1") as other:
            for target, fqdn in ((login, "core1.example.test"), (other, "media1.example.test")):
                pair = Pair(NEW, fqdn, client=True)
                for name, data in (("n.key", pair.key), ("n.crt", pair.crt), ("n.pem", pair.bundle)):
                    target.put(name, data)
        sip = ["tls sip trust n.pem", "tls sip verify enable"]
        setup = ["recorder sip listen a none 6061", "recorder sip certs n.key n.crt n.pem", "recorder nfs nas:/rec"]
        commands(fleet, "media1", *sip, *setup, "recorder enable")
        assert fleet.control.links() == []
        commands(
            fleet, "core1", *sip, "callbridge listen a", "callbridge certs n.key n.crt n.pem", "callbridge restart"
        )
        assert eventually(lambda: [link["status"] for link in fleet.control.links("recorder")] == ["success"])
        assert fleet.control.counters()["total"]["links"] == 1


def test_the_twelve_nodes_start_in_seconds_with_every_link(tmp_path: Path) -> None:
    began = time.process_time()
    with SimulatedFleet(FLEETS / "twelve.yml", tmp_path / "s", network="auto") as fleet:
        assert time.process_time() - began < 8
        assert eventually(lambda: fleet.control.counters()["total"]["up"] == 88, 60)
        counts = {kind: numbers["links"] for kind, numbers in fleet.control.counters()["links"].items()}
    assert counts == {
        "c2w": 18, "scheduler": 18, "cluster": 30, "recorder": 6, "streamer": 6, "uploader": 0, "ldap": 6, "outside": 4,
    }  # fmt: skip


def test_links_that_are_not_asked_for_are_not_made(tmp_path: Path) -> None:
    with SimulatedFleet(fleet_file(links=["cluster"], dial_plan={"main": []}), tmp_path / "s") as fleet:
        assert {link["kind"] for link in fleet.control.links()} == {"cluster"}


@pytest.mark.parametrize(
    "bad",
    [
        {"links": ["smoke"]},
        {"dial_plan": ["media1"]},
        {"dial_plan": {"main": ["nowhere"]}},
        {"outsiders": [{"kind": "cucm"}]},
        {"outsiders": [{"name": "core1"}]},
        {"outsiders": [{"name": "o", "kind": "toaster"}]},
        {"outsiders": [{"name": "o", "colour": "red"}]},
        {"outsiders": [{"name": "o", "connects": ["core1:ssh"]}]},
        {"outsiders": [{"name": "o", "dialled_by": ["nowhere"]}]},
    ],
)
def test_nonsense_about_the_world_outside_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        load(fleet_file(**bad))
