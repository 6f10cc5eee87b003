# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules pki_selfsigned and pki_sign: nothing is replaced, and what was made is what was asked for."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.certops.cms.plugins.plugin_utils._pki import csr, keys
from tests.unit.plugins.action.acting import FakeSession, act

CA_KEY, KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
NAME = csr.subject_name(csr.Request.of({"CN": "My company CA", "O": "Example Inc."}))
CSR = csr.build_csr(csr.Request.of({"CN": "db1.example.com"}, ["db2.example.com"]), KEY)
REQUEST = csr.load_csr(CSR)
SELF = {"base": "dbca-g1", "common_name": "My company CA", "organization": "Example Inc."}
SIGN = {"base": "dbserver-g1", "ca": "dbca-g1"}


def certificate(
    subject: x509.Name = NAME, key: Any = CA_KEY, *, names: bool = False, ca: bool | None = True, days: int = 300
) -> bytes:
    """Make a certificate signed by the CA of the node."""
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(NAME).public_key(key.public_key())
    builder = builder.serial_number(4711).not_valid_before(now - datetime.timedelta(days=400))
    builder = builder.not_valid_after(now + datetime.timedelta(days=days))
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    for extension in REQUEST.extensions if names else ():
        if extension.oid == x509.SubjectAlternativeName.oid:
            builder = builder.add_extension(extension.value, critical=False)
    return builder.sign(CA_KEY, hashes.SHA256()).public_bytes(Encoding.PEM)


CA = certificate()
LEAF = certificate(REQUEST.subject, KEY, names=True, ca=None)
CA_FILES = {"dbca-g1.key": keys.serialise_plain(CA_KEY), "dbca-g1.crt": CA}


def node(command: str, made: dict[str, bytes], files: dict[str, bytes], match: str = "") -> FakeSession:
    """Give a node that makes files when it is told a command."""
    session = FakeSession({"pki match": match}, files=files)

    def answer() -> str:
        session.files.update(made)
        return "....\nCreated"

    session.answers[command] = answer
    return session


def sent(session: FakeSession) -> list[str]:
    return [command for command in session.sent if not command.startswith("pki match")]


@pytest.mark.parametrize("match", ["", "Key and certificate match", "1"])
def test_selfsigned_check_apply_check_apply(match: str) -> None:
    session = node("pki selfsigned", CA_FILES, {}, match)
    runs = [act("pki_selfsigned", SELF, session, check=check, diff=True) for check in (True, False, True, False)]
    assert [run["changed"] for run in runs] == [True, True, False, False]
    assert sent(session) == ['pki selfsigned dbca-g1 CN:"My company CA" O:"Example Inc."']
    assert runs[0]["command"] == runs[1]["command"] == sent(session)[0]
    assert [run["pem"] for run in runs] == ["", CA.decode(), CA.decode(), CA.decode()]
    assert runs[1]["certificate"]["self_signed"] is True
    assert runs[3]["diff"]["before"] == runs[3]["diff"]["after"]
    assert "dbca-g1.key" not in session.read


def test_selfsigned_without_attributes_takes_any_subject() -> None:
    session = node("pki selfsigned", CA_FILES, {})
    runs = [act("pki_selfsigned", {"base": "dbca-g1"}, session)["changed"] for _run in range(2)]
    assert runs == [True, False]
    assert sent(session) == ["pki selfsigned dbca-g1"]


@pytest.mark.parametrize(
    ("args", "files", "match", "said"),
    [
        ({**SELF, "common_name": "Other CA"}, CA_FILES, "", "CN is 'My company CA', wanted 'Other CA'"),
        ({**SELF, "country": "US"}, CA_FILES, "", "C is 'absent', wanted 'US'"),
        (SELF, {**CA_FILES, "dbca-g1.crt": certificate(days=-1)}, "", "it expired"),
        (SELF, CA_FILES, "Key and certificate do not match", "does not belong to it"),
        ({"base": "dbca-g1"}, {**CA_FILES, "dbca-g1.crt": LEAF}, "", "it is not self-signed"),
        (SELF, {"dbca-g1.key": CA_FILES["dbca-g1.key"]}, "", "it is no key with its certificate"),
        (SELF, {"dbca-g1.pem": CA}, "", "it is no key with its certificate"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_s2_s3_selfsigned_never_runs_onto_a_name_that_exists(
    args: dict[str, Any], files: dict[str, bytes], match: str, said: str, check: bool
) -> None:
    session = node("pki selfsigned", CA_FILES, files, match)
    result = act("pki_selfsigned", args, session, check=check)
    assert said in result["msg"]
    assert "base: dbca-g2" in result["error"]["next_step"]
    assert sent(session) == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({**SELF, "base": "db_ca"}, "'_'"),
        ({**SELF, "base": "db.ca"}, "'.'"),
        ({**SELF, "country": "USA"}, "not a country code"),
        ({**SELF, "common_name": 'a "CA"'}, "cannot stand in a subject"),
        ({"base": "dbca-g1", "locality": "a\nb"}, "cannot stand in a subject"),
    ],
)
def test_selfsigned_refuses_what_cannot_be_sent(args: dict[str, Any], said: str) -> None:
    session = node("pki selfsigned", CA_FILES, {})
    assert said in act("pki_selfsigned", args, session)["msg"]
    assert session.sent == []


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({}, "is not on the node after 'pki selfsigned dbca-g1"),
        ({**CA_FILES, "dbca-g1.crt": certificate(csr.subject_name(csr.Request.of({"CN": "x"})))}, "wanted 'My company"),
    ],
)
def test_selfsigned_that_did_something_else_is_told(made: dict[str, bytes], said: str) -> None:
    assert said in act("pki_selfsigned", SELF, node("pki selfsigned", made, {}))["msg"]


# Signing -------------------------------------------------------------------------------------------------------------

READY = {**CA_FILES, "dbserver-g1.key": keys.serialise_plain(KEY), "dbserver-g1.csr": CSR}


@pytest.mark.parametrize("match", ["", "OK", "0"])
def test_sign_check_apply_check_apply(match: str) -> None:
    session = node("pki sign", {"dbserver-g1.crt": LEAF}, READY, match)
    runs = [act("pki_sign", SIGN, session, check=check, diff=True) for check in (True, False, True, False)]
    assert [run["changed"] for run in runs] == [True, True, False, False]
    assert sent(session) == ["pki sign dbserver-g1 dbca-g1"]
    assert [run["pem"] for run in runs] == ["", *[LEAF.decode()] * 3]
    assert {run["ca_pem"] for run in runs} == {CA.decode()}
    assert not [name for name in session.read if name.endswith(".key")]


def test_sign_in_check_mode_may_follow_tasks_that_have_not_made_anything() -> None:
    assert act("pki_sign", SIGN, FakeSession(), check=True)["changed"] is True


@pytest.mark.parametrize(
    ("files", "match", "said", "step"),
    [
        ({}, "", "dbserver-g1.csr, dbca-g1.key, dbca-g1.crt: is not on the node", "certops.cms.csr makes"),
        ({**CA_FILES, "x": b""}, "", "dbserver-g1.csr: is not on the node", "certops.cms.csr makes a request"),
        ({"dbserver-g1.csr": CSR}, "", "dbca-g1.key, dbca-g1.crt: is not", "certops.cms.pki_selfsigned a CA"),
        ({**READY, "dbca-g1.crt": certificate(ca=False)}, "", "it is not the certificate of a CA", "sign with a CA"),
        ({**READY, "dbca-g1.crt": certificate(days=-3)}, "", "cannot sign: it expired", "sign with a CA"),
        (READY, "do not match", "the node says that dbca-g1.key does not belong", "sign with a CA"),
        ({**READY, "dbserver-g1.csr": b"no"}, "", "cannot be read as a CSR", ""),
        ({**READY, "dbserver-g1.crt": CA}, "", "it belongs to another key than the request", "base: dbserver-g2"),
        (
            {**READY, "dbserver-g1.crt": certificate(REQUEST.subject, KEY, ca=None)},
            "",
            "names of the request are missing: db1.example.com, db2.example.com",
            "base: dbserver-g2",
        ),
    ],
)
def test_sign_refuses_what_it_cannot_sign_and_replaces_nothing(
    files: dict[str, bytes], match: str, said: str, step: str
) -> None:
    session = node("pki sign", {"dbserver-g1.crt": LEAF}, files, match)
    result = act("pki_sign", SIGN, session)
    assert said in result["msg"]
    assert step in result["error"]["next_step"]
    assert sent(session) == []


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({}, "is not on the node after 'pki sign dbserver-g1 dbca-g1'"),
        ({"dbserver-g1.crt": certificate(REQUEST.subject, KEY, ca=None)}, "names of the request are missing"),
        ({"dbserver-g1.crt": certificate(NAME, KEY, names=True)}, "its subject is"),
    ],
)
def test_sign_that_made_something_else_is_told(made: dict[str, bytes], said: str) -> None:
    result = act("pki_sign", SIGN, node("pki sign", made, READY))
    assert said in result["msg"]
    assert result["failed"] is True


def test_a_ca_that_says_nothing_of_cas_may_sign_as_in_the_recipe_of_the_guide() -> None:
    files = {**READY, "dbca-g1.crt": certificate(ca=None)}
    assert act("pki_sign", SIGN, node("pki sign", {"dbserver-g1.crt": LEAF}, files))["changed"] is True
