# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pki on the node: real keys, requests and certificates."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID

from tests.simulator import certs
from tests.simulator.fleet import SimulatedFleet

from .client import Login, Pair, commands, definition, eventually, old_ca, served


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedFleet]:
    node = {"name": "core1", "services": ["webadmin", "callbridge"]}
    with SimulatedFleet(definition(node), tmp_path_factory.mktemp("pki")) as fleet:
        yield fleet


@pytest.fixture
def fleet(running: SimulatedFleet) -> Iterator[SimulatedFleet]:
    yield running
    running.control.set_switch("all", "dialect", "default")


def fetch(fleet: SimulatedFleet, name: str) -> bytes:
    with Login(fleet, "core1") as login:
        return login.get(name)


def put(fleet: SimulatedFleet, **files: bytes) -> None:
    with Login(fleet, "core1") as login:
        for name, data in files.items():
            login.put(name.replace("__", "."), data)


def test_csr_prints_dots_and_makes_a_fresh_key_with_the_cn_appended_to_the_san(fleet: SimulatedFleet) -> None:
    line = 'pki csr edge-1 CN:edge.example.test O:"Example Inc." C:GB subjectAltName:join.example.test,192.0.2.7'
    answer = commands(fleet, "core1", line)[0]
    assert answer[:2] == ["." * 24, "." * 10]
    assert answer[2:] == [
        "Created key file edge-1.key and CSR edge-1.csr",
        "CSR file edge-1.csr ready for download via SFTP",
    ]
    request = certs.load_csr(fetch(fleet, "edge-1.csr"))
    key = certs.load_key(fetch(fleet, "edge-1.key"))
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert certs.same_key(key, request)
    assert isinstance(request.signature_hash_algorithm, hashes.SHA256)
    assert request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "Example Inc."
    san = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.DNSName) == ["join.example.test", "edge.example.test"]
    assert [str(item) for item in san.get_values_for_type(x509.IPAddress)] == ["192.0.2.7"]


def test_two_requests_have_two_keys(fleet: SimulatedFleet) -> None:
    commands(fleet, "core1", "pki csr one CN:a.example.test", "pki csr two CN:a.example.test")
    assert fetch(fleet, "one.key") != fetch(fleet, "two.key")
    assert not list(certs.load_csr(fetch(fleet, "one.csr")).extensions)


@pytest.mark.parametrize(
    "line",
    [
        "pki csr",
        "pki csr base",
        "pki csr base O:Example",
        "pki csr base CN:a.example.test cn:b",
        "pki csr base CN:a.example.test keyUsage:critical",
        "pki csr base CN:a.example.test C:GBR",
        "pki csr base example.test",
    ],
)
def test_csr_rejects_what_it_does_not_know(fleet: SimulatedFleet, line: str) -> None:
    assert commands(fleet, "core1", line)[0][0] == "Usage:"
    assert "base.key" not in fleet.control.state("core1")["files"]


def test_a_dot_in_a_base_name_is_refused_and_an_underscore_is_a_switch(fleet: SimulatedFleet) -> None:
    answers = commands(fleet, "core1", "pki csr a.b CN:a.example.test", "pki csr a_b CN:a.example.test")
    assert answers[0] == ["FAILURE: a.b is not a valid base name"]
    assert "a_b.key" in fleet.control.state("core1")["files"]
    fleet.control.set_switch("core1", "pki_underscore", "refused")
    assert commands(fleet, "core1", "pki csr c_d CN:a.example.test")[0][0].startswith("FAILURE")


def test_the_key_form_and_the_dots_are_switches(fleet: SimulatedFleet) -> None:
    fleet.control.set_switch("core1", "pki_key_form", "traditional")
    fleet.control.set_switch("core1", "pki_csr_dots", "none")
    assert len(commands(fleet, "core1", "pki csr trad CN:a.example.test")[0]) == 2
    assert fetch(fleet, "trad.key").startswith(b"-----BEGIN RSA PRIVATE KEY-----")


def test_list_shows_keys_certificates_and_requests_only(fleet: SimulatedFleet) -> None:
    put(fleet, notes__txt=b"x")
    lines = commands(fleet, "core1", "pki list")[0]
    assert lines[0] == "User supplied certificates and keys:"
    assert {"core1_webadmin.key", "core1_webadmin.crt", "old_ca.pem"} <= set(lines)
    assert not {"notes.txt", "live.json", "cms.lic"} & set(lines)


def test_bare_pki_says_who_uses_what(fleet: SimulatedFleet) -> None:
    lines = commands(fleet, "core1", "pki")[0]
    assert "webadmin tls : core1_webadmin.key" in lines
    assert "callbridge c2w trust : old_ca.pem" in lines


def test_inspect_tells_kinds_apart_and_shows_every_element_of_a_bundle(fleet: SimulatedFleet) -> None:
    pair = Pair(old_ca(fleet), "core1.example.test")
    der = certs.load_certs(pair.crt)[0].public_bytes(Encoding.DER)
    locked = certs.key_pem(certs.load_key(pair.key), passphrase=b"Pass-Phrase-9")
    put(fleet, k__key=pair.key, locked__key=locked, full__pem=pair.full, d__der=der, junk__crt=b"junk")
    commands(fleet, "core1", "pki csr insp CN:a.example.test")
    answers = [
        "\n".join(lines)
        for lines in commands(
            fleet,
            "core1",
            *(f"pki inspect {name}" for name in ("k.key", "locked.key", "full.pem", "d.der", "insp.csr", "junk.crt")),
        )
    ]
    assert "File contains a PEM encoded private key" in answers[0]
    assert "password protected" in answers[1]
    assert answers[2].count("Not After :") == 3
    assert "DNS:core1.example.test" in answers[2]
    assert "File contains a DER encoded certificate" in answers[3]
    assert "certificate signing request" in answers[4]
    assert "unknown" in answers[5]
    fleet.control.set_switch("core1", "pki_inspect_form", "short_rows")
    assert len(commands(fleet, "core1", "pki inspect full.pem")[0]) == 1 + 3 * 4
    told = commands(fleet, "core1", *(f"pki inspect {name}" for name in ("k.key", "locked.key", "junk.crt")))
    assert told == [["Type: PEM key"], ["Type: PEM key, encrypted"], ["Type: unknown"]]


@pytest.mark.parametrize(
    ("position", "good", "bad"),
    [
        ("plain", "Key and certificate match", "Key and certificate do not match"),
        ("result_lines", "SUCCESS: Key and certificate match", "FAILURE: Key and certificate do not match"),
        ("terse", "OK", "error"),
        ("opaque", "1", "0"),
    ],
)
def test_match_answers_in_each_wording(fleet: SimulatedFleet, position: str, good: str, bad: str) -> None:
    fleet.control.set_switch("core1", "pki_match_words", position)
    answers = commands(
        fleet,
        "core1",
        "pki match core1_webadmin.key core1_webadmin.crt",
        "pki match core1_webadmin.key core1_callbridge.crt",
        "pki match none.key core1_callbridge.crt",
    )
    assert answers == [[good], [bad], ["FAILURE: file none.key not found"]]


def test_verify_checks_the_chain(fleet: SimulatedFleet) -> None:
    authority = old_ca(fleet)
    other = certs.Authority.create("Other", 90)
    put(
        fleet,
        issuing__pem=certs.cert_pem(authority.intermediate),
        root__pem=certs.cert_pem(authority.root),
        other__pem=certs.cert_pem(other.intermediate, other.root),
    )
    answers = commands(
        fleet,
        "core1",
        "pki verify core1_webadmin.crt old_ca.pem",
        "pki verify core1_webadmin.crt issuing.pem root.pem",
        "pki verify core1_webadmin.crt issuing.pem",
        "pki verify core1_webadmin.crt other.pem",
    )
    assert [lines[0].endswith("OK") for lines in answers] == [True, True, False, False]


def test_a_ca_of_the_node_signs_a_request_of_the_node(fleet: SimulatedFleet) -> None:
    answers = commands(
        fleet,
        "core1",
        'pki selfsigned dbca CN:"My company CA"',
        "pki csr dbserver CN:db1.example.test subjectAltName:db2.example.test",
        "pki sign dbserver dbca",
        "pki verify dbserver.crt dbca.crt",
        "pki match dbserver.key dbserver.crt",
        "pki sign dbserver core1_webadmin",
    )
    assert answers[3] == ["dbserver.crt: OK"]
    assert answers[4] == ["Key and certificate match"]
    leaf = certs.load_certs(fetch(fleet, "dbserver.crt"))[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["db2.example.test", "db1.example.test"]
    with pytest.raises(x509.ExtensionNotFound):
        leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)


def test_unlock_asks_hidden_and_replaces_the_file(fleet: SimulatedFleet) -> None:
    pair = Pair(old_ca(fleet), "core1.example.test")
    put(fleet, locked__key=certs.key_pem(certs.load_key(pair.key), passphrase=b"Pass-Phrase-9"))
    with Login(fleet, "core1") as login:
        shell = login.shell()
        shell.raw("pki unlock locked.key", "Enter password: ")
        assert "FAILURE" in shell.raw("wrong")
        shell.raw("pki unlock locked.key", "Enter password: ")
        answer = shell.raw("Pass-Phrase-9")
    assert "Unlocked key file locked.key" in answer
    assert "Pass-Phrase-9" not in answer
    assert certs.same_key(certs.load_key(fetch(fleet, "locked.key")), pair.leaf)
    assert "Pass-Phrase-9" not in (fleet.directory / "events.jsonl").read_text()


def locked_key(fleet: SimulatedFleet) -> Pair:
    pair = Pair(old_ca(fleet), "core1.example.test")
    put(fleet, locked__key=certs.key_pem(certs.load_key(pair.key), passphrase=b"Pass-Phrase-9"), open__key=pair.key)
    return pair


@pytest.mark.parametrize(
    ("position", "prompt"),
    [("password", "Enter password: "), ("pass_phrase", "Enter pass phrase for locked.key:"), ("word", "Password ")],
)
def test_the_question_of_unlock_is_a_switch(fleet: SimulatedFleet, position: str, prompt: str) -> None:
    pair = locked_key(fleet)
    fleet.control.set_switch("core1", "pki_password_prompt", position)
    with Login(fleet, "core1") as login:
        shell = login.shell()
        assert shell.raw("pki unlock locked.key", prompt).endswith(prompt)
        shell.raw("Pass-Phrase-9")
    assert certs.same_key(certs.load_key(fetch(fleet, "locked.key")), pair.leaf)


def test_a_wrong_password_ends_the_command_or_is_asked_for_again(fleet: SimulatedFleet) -> None:
    pair = locked_key(fleet)
    fleet.control.set_switch("core1", "pki_wrong_password", "asks_again")
    with Login(fleet, "core1") as login:
        shell = login.shell()
        shell.raw("pki unlock locked.key", "Enter password: ")
        for _attempt in range(2):
            shell.raw("wrong", "Enter password: ")
        assert "FAILURE: the key could not be unlocked" in shell.raw("wrong")
        shell.raw("pki unlock locked.key", "Enter password: ")
        shell.raw("wrong", "Enter password: ")
        assert "Unlocked" in shell.raw("Pass-Phrase-9")
    assert certs.same_key(certs.load_key(fetch(fleet, "locked.key")), pair.leaf)


@pytest.mark.parametrize(
    ("position", "asks", "says"),
    [
        ("asks_and_fails", True, "could not be unlocked"),
        ("asks_and_takes_it", True, "Unlocked key file"),
        ("says_so", False, "is not password protected"),
    ],
)
def test_unlocking_what_is_open_is_a_switch(fleet: SimulatedFleet, position: str, asks: bool, says: str) -> None:
    pair = locked_key(fleet)
    fleet.control.set_switch("core1", "pki_unlock_open", position)
    with Login(fleet, "core1") as login:
        shell = login.shell()
        answer = shell.raw("pki unlock open.key", *(["Enter password: "] if asks else []))
        assert says in (shell.raw("Pass-Phrase-9") if asks else answer)
    assert certs.same_key(certs.load_key(fetch(fleet, "open.key")), pair.leaf)


def test_what_is_no_key_or_no_pkcs12_is_not_unlocked(fleet: SimulatedFleet) -> None:
    assert commands(fleet, "core1", "pki unlock old_ca.pem") == [["FAILURE: old_ca.pem is not a private key"]]
    put(fleet, plain__pub=b"ssh-rsa AAAA")
    with Login(fleet, "core1") as login:
        shell = login.shell()
        shell.raw("pki pkcs12-to-ssh plain", "Enter password: ")
        assert "FAILURE" in shell.raw("Pass-Phrase-9")
    assert fetch(fleet, "plain.pub") == b"ssh-rsa AAAA"


@pytest.mark.parametrize(("position", "replaced"), [("replaces", True), ("refused", False)])
def test_selfsigned_and_sign_onto_a_name_that_exists_are_a_switch(
    fleet: SimulatedFleet, position: str, replaced: bool
) -> None:
    base = f"again-{position}"
    made = [f"pki selfsigned {base} CN:ca", "pki csr leaf CN:a.example.test", f"pki sign leaf {base}"]
    commands(fleet, "core1", *made)
    before = [fetch(fleet, name) for name in (f"{base}.key", f"{base}.crt", "leaf.crt")]
    fleet.control.set_switch("core1", "pki_over_existing", position)
    answers = commands(fleet, "core1", made[2], made[0])
    assert [any("exists already" in line for line in lines) for lines in answers] == [not replaced] * 2
    after = [fetch(fleet, name) for name in (f"{base}.key", f"{base}.crt", "leaf.crt")]
    assert [old != new for old, new in zip(before, after, strict=True)] == [replaced] * 3


def test_what_is_in_a_certificate_of_selfsigned_is_a_switch(fleet: SimulatedFleet) -> None:
    commands(fleet, "core1", "pki selfsigned first-a")
    fleet.control.set_switch("core1", "pki_selfsigned_name", "base_name")
    fleet.control.set_switch("core1", "pki_selfsigned_ca", "nothing")
    commands(fleet, "core1", "pki selfsigned first-b")
    first, second = (certs.load_certs(fetch(fleet, name))[0] for name in ("first-a.crt", "first-b.crt"))
    assert [one.subject.rfc4514_string() for one in (first, second)] == ["CN=core1", "CN=first-b"]
    assert first.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not list(second.extensions)


def test_a_sign_that_drops_the_names_of_the_request_is_a_switch(fleet: SimulatedFleet) -> None:
    fleet.control.set_switch("core1", "pki_sign_names", "dropped")
    request = "pki csr dropped CN:a.example.test subjectAltName:b.example.test"
    commands(fleet, "core1", "pki selfsigned dropca CN:ca", request, "pki sign dropped dropca")
    assert not list(certs.load_certs(fetch(fleet, "dropped.crt"))[0].extensions)


def test_pkcs12_to_ssh_extracts_a_public_key(fleet: SimulatedFleet) -> None:
    pair = Pair(old_ca(fleet), "core1.example.test")
    bag = pkcs12.serialize_key_and_certificates(
        b"u", certs.load_key(pair.key), pair.leaf, None, BestAvailableEncryption(b"Pass-Phrase-9")
    )
    put(fleet, admin__pub=bag)
    with Login(fleet, "core1") as login:
        shell = login.shell()
        shell.raw("pki pkcs12-to-ssh admin", "Enter password: ")
        shell.raw("Pass-Phrase-9")
    assert fetch(fleet, "admin.pub").startswith(b"ecdsa-sha2-nistp256 ")


@pytest.mark.parametrize(
    ("position", "still_serves", "key_kept"),
    [("breaks", False, False), ("no_effect", True, False), ("refused", True, True)],
)
def test_csr_onto_a_name_in_use(
    tmp_path_factory: pytest.TempPathFactory, position: str, still_serves: bool, key_kept: bool
) -> None:
    where = tmp_path_factory.mktemp("inuse")
    with SimulatedFleet(definition(switches={"csr_over_name_in_use": position}), where) as fleet:
        before = fetch(fleet, "core1_callbridge.key")
        assert eventually(lambda: [link["status"] for link in fleet.control.links()] == ["success"])
        commands(fleet, "core1", "pki csr core1_callbridge CN:core1.example.test")
        assert (fetch(fleet, "core1_callbridge.key") == before) is key_kept
        if still_serves:
            served(fleet, "core1", "sip")
            assert [probe["ok"] for probe in fleet.control.probe_links()] == [True]
        else:
            with pytest.raises(OSError, match=r"."):
                served(fleet, "core1", "sip")
            assert [probe["ok"] for probe in fleet.control.probe_links()] == [False]
            assert any(not event["during_restart"] for event in fleet.control.events(kind="link_probe"))
