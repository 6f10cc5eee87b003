# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C2W: mutual TLS in both directions, what each side demands, the prober, and what counts as a restart."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL

from tests.simulator import certs
from tests.simulator.fleet import SimulatedFleet
from tests.simulator.mutual_server import VERIFY_REASONS

from .client import Login, Pair, address_of, commands, definition, eventually, old_ca

NEW = certs.Authority.create("New", 90)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[SimulatedFleet]:
    with SimulatedFleet(definition(), tmp_path / "state") as running:
        assert eventually(lambda: status(running) == "success")
        yield running


def status(fleet: SimulatedFleet) -> str:
    return str(fleet.control.links()[0]["status"])


def probe(fleet: SimulatedFleet) -> dict[str, Any]:
    (result,) = fleet.control.probe_links()
    return dict(result)


def put(fleet: SimulatedFleet, node: str, **files: bytes) -> None:
    with Login(fleet, node) as login:
        for name, data in files.items():
            login.put(name.replace("__", "."), data)


def callbridge(fleet: SimulatedFleet, pair: Any) -> None:
    """Give the Call Bridge this pair and restart it."""
    put(fleet, "core1", cbx__key=pair.key, cbx__crt=pair.crt)
    commands(fleet, "core1", "callbridge certs cbx.key cbx.crt", "callbridge restart")


def webbridge(fleet: SimulatedFleet, pair: Any) -> None:
    """Give the Web Bridge's C2W side this pair and restart it."""
    put(fleet, "edge1", wbx__key=pair.key, wbx__crt=pair.full)
    commands(fleet, "edge1", "webbridge3 c2w certs wbx.key wbx.crt", "webbridge3 restart")


def trust(fleet: SimulatedFleet, node: str, text: bytes) -> None:
    """Set and load a C2W trust."""
    put(fleet, node, trustx__pem=text)
    service = "callbridge trust c2w" if node == "core1" else "webbridge3 c2w trust"
    commands(fleet, node, f"{service} trustx.pem", f"{service.split()[0]} restart")


class Odd:
    """A client pair with exactly these extensions."""

    def __init__(self, authority: certs.Authority, *extensions: x509.ExtensionType) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(certs.subject(CN="core1.example.test"))
            .issuer_name(authority.intermediate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=9))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        self.leaf = builder.sign(authority.key, hashes.SHA256())
        self.key = certs.key_pem(key)
        self.crt = certs.cert_pem(self.leaf, authority.intermediate)


def usage(**bits: bool) -> x509.KeyUsage:
    names = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
    names += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{name: bits.get(name, False) for name in names})


def test_a_legacy_fleet_starts_with_its_links_up(fleet: SimulatedFleet) -> None:
    (link,) = fleet.control.links()
    assert (link["client"], link["server"], link["url"]) == ("core1", "edge1", "c2w://edge1.example.test:9999")
    assert eventually(lambda: fleet.control.links()[0]["probes_ok"] > 3)
    assert fleet.control.links()[0]["probes_failed"] == 0


def test_the_web_bridge_refuses_a_client_of_another_ca_until_its_trust_is_widened_and_loaded(
    fleet: SimulatedFleet,
) -> None:
    callbridge(fleet, Pair(NEW, "core1.example.test", client=True))
    refused = probe(fleet)
    assert not refused["ok"]
    assert refused["reason"] == "tlsNegotiationFailure"
    assert eventually(lambda: fleet.control.events(kind="c2w_rejected"))
    put(fleet, "edge1", wide__pem=certs.cert_pem(old_ca(fleet).root, NEW.root, NEW.intermediate))
    commands(fleet, "edge1", "webbridge3 c2w trust wide.pem")
    assert not probe(fleet)["ok"]
    commands(fleet, "edge1", "webbridge3 restart")
    assert probe(fleet)["ok"]


def test_the_call_bridge_refuses_a_server_of_another_ca_until_its_trust_is_widened_and_loaded(
    fleet: SimulatedFleet,
) -> None:
    webbridge(fleet, Pair(NEW, "edge1.example.test"))
    refused = probe(fleet)
    assert not refused["ok"]
    assert "Web Bridge certificate" in refused["detail"]
    trust(fleet, "core1", certs.cert_pem(NEW.root))
    assert probe(fleet)["ok"]
    assert eventually(lambda: status(fleet) == "success")


def test_the_name_in_the_url_has_to_be_in_the_certificate(fleet: SimulatedFleet) -> None:
    webbridge(fleet, Pair(old_ca(fleet), "other.example.test"))
    assert "not for edge1.example.test" in probe(fleet)["detail"]
    webbridge(fleet, Pair(old_ca(fleet), "other.example.test", "edge1.example.test"))
    assert probe(fleet)["ok"]


@pytest.mark.parametrize(("position", "ok"), [("allowed", True), ("needs_root", False)])
def test_a_pinned_leaf_is_enough_under_the_switch(fleet: SimulatedFleet, position: str, ok: bool) -> None:
    client = Pair(NEW, "core1.example.test", client=True)
    server = Pair(NEW, "edge1.example.test")
    fleet.control.set_switch("all", "c2w_pinning", position)
    callbridge(fleet, client)
    webbridge(fleet, server)
    trust(fleet, "core1", server.crt)
    trust(fleet, "edge1", client.crt)
    assert probe(fleet)["ok"] is ok


CLIENT_RULES = [
    ("no_extensions", [], True),
    ("both_usages", [x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])], True),
    ("server_auth_only", [x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])], False),
    ("digital_signature", [usage(digital_signature=True)], True),
    ("key_agreement", [usage(key_agreement=True)], True),
    ("key_encipherment_only", [usage(key_encipherment=True)], False),
]


@pytest.mark.parametrize(("extensions", "ok"), [row[1:] for row in CLIENT_RULES], ids=[row[0] for row in CLIENT_RULES])
def test_clients_are_judged_by_guide_2_2(fleet: SimulatedFleet, extensions: list[Any], ok: bool) -> None:
    callbridge(fleet, Odd(old_ca(fleet), *extensions))
    assert probe(fleet)["ok"] is ok
    if not ok:
        assert eventually(
            lambda: any(VERIFY_REASONS[26] in event["why"] for event in fleet.control.events(kind="c2w_rejected"))
        )


def test_an_expired_certificate_breaks_the_link_on_both_sides(fleet: SimulatedFleet) -> None:
    callbridge(fleet, Pair(old_ca(fleet), "core1.example.test", client=True, days=-1))
    assert not probe(fleet)["ok"]
    callbridge(fleet, Pair(old_ca(fleet), "core1.example.test", client=True))
    assert probe(fleet)["ok"]
    webbridge(fleet, Pair(old_ca(fleet), "edge1.example.test", days=-1))
    assert "expired" in probe(fleet)["detail"]


def test_without_certificate_or_trust_there_is_no_link(fleet: SimulatedFleet) -> None:
    commands(fleet, "core1", "callbridge certs none", "callbridge restart")
    assert not probe(fleet)["ok"]
    commands(fleet, "core1", "callbridge trust c2w none", "callbridge restart")
    assert "no C2W trust" in probe(fleet)["detail"]


@pytest.mark.parametrize(("position", "names"), [("sent", 2), ("none", 0)])
def test_the_request_for_a_certificate_carries_the_ca_names_under_the_switch(
    tmp_path: Path, position: str, names: int
) -> None:
    with SimulatedFleet(definition(switches={"c2w_ca_names": position}), tmp_path / "s") as fleet:
        address, ports = address_of(fleet, "edge1")
        with socket.create_connection((address, ports["c2w"]), 10) as plain:
            plain.settimeout(None)
            client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), plain)
            client.set_connect_state()
            with pytest.raises(SSL.Error):
                client.do_handshake()
            assert len(client.get_client_ca_list()) == names


@pytest.mark.parametrize(("position", "version"), [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")])
def test_c2w_speaks_tls_1_2_unless_the_switch_says_otherwise(tmp_path: Path, position: str, version: str) -> None:
    with SimulatedFleet(definition(switches={"c2w_tls": position}), tmp_path / "s") as fleet:
        assert eventually(lambda: status(fleet) == "success")
        pair = Pair(old_ca(fleet), "client.example.test", client=True)
        file = tmp_path / "pair.pem"
        file.write_bytes(pair.key + pair.full)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=certs.cert_pem(old_ca(fleet).root).decode())
        context.load_cert_chain(file)
        address, ports = address_of(fleet, "edge1")
        with (
            socket.create_connection((address, ports["c2w"]), 10) as plain,
            context.wrap_socket(plain, server_hostname="edge1.example.test") as tls,
        ):
            assert tls.version() == version
            assert tls.recv(4) == b"C2W\n"


def test_failures_of_a_nodes_own_restart_are_marked_so(fleet: SimulatedFleet) -> None:
    before = fleet.control.last_event()
    commands(fleet, "core1", "callbridge restart")
    commands(fleet, "edge1", "webbridge3 restart")
    commands(fleet, "edge1", "webbridge3 disable", "webbridge3 enable")
    assert eventually(lambda: status(fleet) == "success")
    kinds = ("link_probe", "link_down", "link_failing")
    failures = [event for event in fleet.control.events(before) if event["kind"] in kinds]
    assert failures
    assert all(event["during_restart"] for event in failures)


def test_an_outage_that_no_restart_explains_is_marked_so(fleet: SimulatedFleet) -> None:
    before = fleet.control.last_event()
    webbridge(fleet, Pair(NEW, "edge1.example.test"))
    assert eventually(
        lambda: any(not event["during_restart"] for event in fleet.control.events(before, kind="link_probe"))
    )


def test_a_failed_restart_is_an_outage(fleet: SimulatedFleet) -> None:
    fleet.control.set_fault("edge1", {"kind": "fail_restart", "match": "webbridge3"})
    before = fleet.control.last_event()
    assert commands(fleet, "edge1", "webbridge3 restart")[0][0].startswith("FAILURE")
    assert eventually(
        lambda: any(not event["during_restart"] for event in fleet.control.events(before, kind="link_probe"))
    )


def test_a_rollout_in_the_right_order_loses_no_link_outside_restarts(fleet: SimulatedFleet) -> None:
    before = fleet.control.last_event()
    wide = certs.cert_pem(old_ca(fleet).root, NEW.root)
    trust(fleet, "edge1", wide)
    pair = Pair(NEW, "core1.example.test", client=True)
    put(fleet, "core1", n__key=pair.key, n__crt=pair.crt, n__pem=pair.bundle, wide__pem=wide)
    commands(
        fleet, "core1", "callbridge certs n.key n.crt n.pem", "callbridge trust c2w wide.pem", "callbridge restart"
    )
    webbridge(fleet, Pair(NEW, "edge1.example.test"))
    assert eventually(lambda: status(fleet) == "success")
    assert probe(fleet)["ok"]
    assert [e for e in fleet.control.events(before, kind="link_probe") if not e["during_restart"]] == []
    assert (fleet.control.restarts("core1", "callbridge"), fleet.control.restarts("edge1", "webbridge3")) == (1, 2)


def test_pinned_legacy_fleets_have_links(tmp_path: Path) -> None:
    legacy = {"key": "ecdsa", "trust": "leaf", "names": "hyphen"}
    with SimulatedFleet(definition(legacy=legacy), tmp_path / "s") as fleet:
        assert eventually(lambda: status(fleet) == "success")
        assert (
            "C2W trusted certs                   : pinned-webbridges.pem" in commands(fleet, "core1", "callbridge")[0]
        )
