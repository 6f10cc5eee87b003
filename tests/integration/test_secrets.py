# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No private key, password or passphrase where it does not belong, at the highest verbosity, in good runs and bad."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import crypto

from tests.integration.estate import (
    CA_PASSPHRASE,
    PAIR,
    RENEW,
    SITE,
    STORE_PASSPHRASE,
    Estate,
    assert_done,
    close,
    make_estate,
    playbook_on_day,
)
from tests.integration.harness import Result

LOUD = 4
WRONG = {
    "ansible_password": "Not-the-password-1",
    "ca": "not the passphrase of the CA",
    "cms_store_passphrase": "not the passphrase of the store",
}
#: What a simulated TURN server asks of its clients.
TURN_SECRET = "turn-1-secret"
SHARED = {
    "shared": True,
    "slots": ["webbridge3_https", "turn"],
    "common_name": "join.example.test",
    "key_type": "ecdsa",
}


@dataclass
class Told:
    """What several loud runs left behind, and how they ended."""

    estate: Estate
    results: dict[str, Result]


@pytest.fixture(scope="module")
def told(dialect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    made = make_estate(tmp_path_factory.mktemp("secrets"), PAIR, {"cms_identities": {"web": SHARED}})
    log = {"ANSIBLE_LOG_PATH": str(made.workspace.directory / "ansible.log")}
    made.workspace.secrets += [*WRONG.values(), TURN_SECRET]
    issuers = made.variables["cms_issuers"]
    wrong_ca = {"cms_issuers": {"internal": {**issuers["internal"], "passphrase": WRONG["ca"]}}}
    later = playbook_on_day(RENEW, 385)
    try:
        runs = {
            "password": made.run(
                SITE, extra={"ansible_password": WRONG["ansible_password"]}, verbosity=LOUD, environment=log
            ),
            "site": made.run(SITE, diff=True, verbosity=LOUD, environment=log),
            "ca": made.run(later, extra=wrong_ca, verbosity=LOUD, environment=log),
            "store": made.run(
                later,
                extra={"cms_store_passphrase": WRONG["cms_store_passphrase"]},
                diff=True,
                verbosity=LOUD,
                environment=log,
            ),
        }
        yield Told(made, runs)
    finally:
        close(made)


def own_keys(made: Estate) -> list[tuple[Path, str]]:
    """Give the key files on the control node, each with the passphrase it should have."""
    ca = [(path, CA_PASSPHRASE) for path in sorted((made.state / "issuers").rglob("*.key"))]
    return ca + [(path, STORE_PASSPHRASE) for path in sorted((made.state / "store").rglob("*.key"))]


def key_lines(made: Estate) -> set[str]:
    """Give the base64 lines of every private key of the fleet and of the control node, in every form they take."""
    keys = [load_pem_private_key(path.read_bytes(), None) for path in made.fleet.state.glob("nodes/*/files/*.key")]
    keys += [load_pem_private_key(path.read_bytes(), word.encode()) for path, word in own_keys(made)]
    assert len(keys) >= 12
    # The first line of a key holds little but its type, and may be the same in all of them.
    lines = {line for path, _word in own_keys(made) for line in path.read_text().splitlines()[2:-1]}
    for key in keys:
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
            pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
            # A key holds its public half as well, which certificates and requests show to everybody.
            lines |= {line for line in pem.splitlines()[2:-1] if base64.b64decode(line + "==") not in public}
    return {line for line in lines if len(line) > 20}


def places(made: Estate) -> Iterator[tuple[str, str]]:
    """Give (name, text) of everything where no secret belongs."""
    for path in sorted(made.workspace.directory.rglob("*")):
        if path.is_file() and path.suffix != ".key" and path.name != "extra.yml":
            yield str(path.relative_to(made.workspace.directory)), path.read_text(errors="replace")
    yield "event log of the simulator", (made.fleet.state / "events.jsonl").read_text()
    yield "log of the simulator", made.fleet.log


def test_the_runs_ended_as_they_should(told: Told) -> None:
    assert_done(told.results["site"])
    for name in ("password", "ca", "store"):
        assert told.results[name].rc != 0, name
    assert "passphrase" in "".join(told.results["ca"].failures.values())
    assert "passphrase" in "".join(told.results["store"].failures.values())


def test_no_private_key_anywhere_in_any_form(told: Told) -> None:
    lines = key_lines(told.estate)
    assert len(lines) > 200
    looked_at = 0
    for name, text in places(told.estate):
        looked_at += 1
        assert "PRIVATE KEY-----" not in text, name
        assert [line for line in lines if line in text] == [], name
    assert looked_at > 25


def test_no_password_or_passphrase_anywhere(told: Told) -> None:
    secrets = [*told.estate.fleet.secrets, CA_PASSPHRASE, STORE_PASSPHRASE, TURN_SECRET, *WRONG.values()]
    found = [
        (name, number) for name, text in places(told.estate) for number, word in enumerate(secrets) if word in text
    ]
    assert found == []


def test_the_search_would_find_what_it_looks_for(told: Told) -> None:
    """The places that are searched do hold what the runs printed, recorded and kept."""
    names = {name for name, _text in places(told.estate)}
    assert {"run1/stdout", "run1/record.jsonl", "ansible.log", "event log of the simulator"} <= names
    assert any(name.startswith("state/journal/") for name in names)
    assert any(name.startswith("state/plans/") for name in names)
    texts = dict(places(told.estate))
    assert "webadmin-g1.crt" in texts["run1/stdout"]
    assert "webadmin-g1.crt" in texts["ansible.log"]
    assert len(texts["run1/stdout"]) > 20000


def test_keys_on_the_control_node_are_encrypted_and_private(told: Told) -> None:
    keys = own_keys(told.estate)
    assert len(keys) >= 3
    for path, word in keys:
        text = path.read_bytes()
        assert text.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----"), path.name
        assert crypto.load_privatekey(crypto.FILETYPE_PEM, text, word.encode()).bits() > 0
        for wrong in (b"x", WRONG["ca"].encode(), WRONG["cms_store_passphrase"].encode()):
            with pytest.raises(crypto.Error):
                crypto.load_privatekey(crypto.FILETYPE_PEM, text, wrong)
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name


def test_keys_of_ca_and_store_do_not_share_a_passphrase(told: Told) -> None:
    for path, word in own_keys(told.estate):
        other = STORE_PASSPHRASE if word == CA_PASSPHRASE else CA_PASSPHRASE
        with pytest.raises(crypto.Error):
            crypto.load_privatekey(crypto.FILETYPE_PEM, path.read_bytes(), other.encode())
