# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input on the control node: issuers, their CAs, the store, the state folder. No node is changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.integration.bad_input import CA_PASSPHRASE, STORE_PASSPHRASE, SURVEY, Bench, ignored, play, says, stopped
from tests.integration.harness import Result
from tests.simulator import certs

NOW = dt.datetime.now(dt.UTC)
GOOD = (NOW - dt.timedelta(days=10), NOW + dt.timedelta(days=2000))
EXPIRED = (NOW - dt.timedelta(days=10), NOW - dt.timedelta(days=1))
NOT_YET = (NOW + dt.timedelta(days=5), NOW + dt.timedelta(days=2000))
ANOTHER = "another-passphrase"

Period = tuple[dt.datetime, dt.datetime]


def authority(
    folder: Path, root: Period = GOOD, intermediate: Period = GOOD, passphrase: str | None = CA_PASSPHRASE
) -> None:
    """Write a CA as an issuer of the type own_ca keeps it."""
    names = [certs.subject(O="Example", CN=name) for name in ("Root", "Issuing")]
    keys = [ec.generate_private_key(ec.SECP256R1()) for _name in names]
    for level, kind, period in ((0, "root", root), (1, "intermediate", intermediate)):
        above = keys[0].public_key()
        made = (
            x509.CertificateBuilder()
            .subject_name(names[level])
            .issuer_name(names[0])
            .public_key(keys[level].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(period[0])
            .not_valid_after(period[1])
            .add_extension(x509.BasicConstraints(ca=True, path_length=1 - level), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[level].public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
            .sign(keys[0], hashes.SHA256())
        )
        (folder / f"{kind}.crt").write_bytes(certs.cert_pem(made))
        secret = passphrase.encode() if passphrase else None
        (folder / f"{kind}.key").write_bytes(certs.key_pem(keys[level], passphrase=secret))


def expired(folder: Path) -> None:
    authority(folder, intermediate=EXPIRED)


def not_yet_valid(folder: Path) -> None:
    authority(folder, intermediate=NOT_YET)


def expired_root(folder: Path) -> None:
    authority(folder, root=EXPIRED)


def locked_otherwise(folder: Path) -> None:
    authority(folder, passphrase=ANOTHER)


def unlocked(folder: Path) -> None:
    authority(folder, passphrase=None)


def mixed(folder: Path) -> None:
    """The intermediate of one CA under the root of another of the same name."""
    authority(folder)
    other = folder / "other"
    other.mkdir()
    authority(other)
    for name in ("root.crt", "root.key"):
        (other / name).replace(folder / name)


def key_of_another(folder: Path) -> None:
    authority(folder)
    other = certs.key_pem(ec.generate_private_key(ec.SECP256R1()), passphrase=CA_PASSPHRASE.encode())
    (folder / "intermediate.key").write_bytes(other)


def cut_off(folder: Path) -> None:
    authority(folder)
    whole = (folder / "intermediate.crt").read_bytes()
    (folder / "intermediate.crt").write_bytes(whole[: len(whole) // 2])


def without_key(folder: Path) -> None:
    authority(folder)
    (folder / "intermediate.key").unlink()


#: What stands in the folder of the CA, and what is said about it.
AUTHORITIES: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "an expired CA": (expired, ["CN=Issuing,O=Example: it expired on", "a new CA"]),
    "a CA that is not yet valid": (not_yet_valid, ["CN=Issuing,O=Example: it is valid from", "Check the clock"]),
    "an expired root": (expired_root, ["CN=Root,O=Example: it expired on", "a new CA"]),
    "a wrong CA passphrase": (
        locked_otherwise,
        ["root.key: the passphrase does not open", "cms_issuers.internal.passphrase)"],
    ),
    "a CA key that is not encrypted": (unlocked, ["the key is not encrypted", "penssl pkcs8 -topk8"]),
    "an intermediate of another root": (mixed, ["intermediate.crt: it was not issued by root.crt", "of one CA"]),
    "a CA key of another CA": (key_of_another, ["intermediate.key: the key does not belong to intermediate.crt"]),
    "a CA certificate cut off": (cut_off, ["intermediate.crt: "]),
    "a CA key that is missing": (without_key, ["intermediate.key: it is missing", "back from a backup"]),
}

# By name: Ansible shows the lines of a playbook around a task that failed.
OWN = {"type": "own_ca", "passphrase": "{{ ca_passphrase }}"}
#: cms_issuers, and what is said about it.
DESCRIPTIONS: dict[str, tuple[Any, list[str]]] = {
    "an unknown type": (
        {"internal": {"type": "verisign"}},
        ["cms_issuers.internal.type: 'verisign' is not a type of issuer", "use one of: own_ca"],
    ),
    "no type": ({"internal": {"organization": "Example"}}, ["cms_issuers.internal.type: it is missing", "own_ca"]),
    "an unknown option": (
        {"internal": {**OWN, "orgnization": "Example"}},
        ["cms_issuers.internal.orgnization: is not an option of the type own_ca (did you mean organization?)"],
    ),
    "a value of the wrong kind": (
        {"internal": {**OWN, "leaf_days": "a year"}},
        ["cms_issuers.internal.leaf_days: the value cannot be used", "give a number of days"],
    ),
    "an issuer that is a word": ({"internal": "own_ca"}, ["cms_issuers.internal: it is not a dictionary", "give type"]),
    "a name that cannot be one": ({"my issuer": OWN}, ["'my issuer' cannot name an issuer", "use letters, digits"]),
    "a folder below a file": ({"internal": {**OWN, "path": "/dev/null/ca"}}, ["/dev/null/ca", "check the folder"]),
}

#: Other variables of the fleet, and what is said about them.
VARIABLES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a way with calls that is none": ({"cms_calls": "later"}, ["cms_calls: is 'later'", "one of: stop, wait, drop"]),
    "a time that is none": (
        {"cms_proof_timeout": "a minute"},
        ["cms_proof_timeout: is 'a minute'", "give a number of seconds"],
    ),
}


@pytest.fixture(scope="module")
def bench(dialect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("issuer"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def plans(bench: Bench) -> Result:
    """One run that surveys once and plans with everything wrong in turn."""
    variables = {kind: {"cms_issuers": issuers} for kind, (issuers, _parts) in DESCRIPTIONS.items()}
    variables |= {kind: {"cms_issuers": {"internal": OWN}, **more} for kind, (more, _parts) in VARIABLES.items()}
    for kind, (prepare, _parts) in AUTHORITIES.items():
        folder = bench.folder()
        prepare(folder)
        variables[kind] = {"cms_issuers": {"internal": {**OWN, "path": str(folder)}}}
    tasks = [
        {
            "name": kind,
            "certops.cms.fleet_plan": {"survey_variable": "cms_survey", "print": False},
            "vars": found,
            "ignore_errors": True,
        }
        for kind, found in variables.items()
    ]
    with bench.untouched():
        return bench.run([play(SURVEY, *tasks)], cms_issuers=None, ca_passphrase=CA_PASSPHRASE)


@pytest.mark.parametrize("kind", [*AUTHORITIES, *DESCRIPTIONS, *VARIABLES])
def test_what_cannot_be_used_on_the_control_node_is_refused_before_any_change(kind: str, plans: Result) -> None:
    _given, parts = {**AUTHORITIES, **DESCRIPTIONS, **VARIABLES}[kind]
    says(ignored(plans, kind), *parts)


def test_an_unknown_type_of_issuer_stops_site(bench: Bench) -> None:
    with bench.untouched():
        result = bench.run(cms_issuers={"internal": {"type": "verisign"}})
    says(stopped(result), "cms_issuers.internal.type: 'verisign' is not a type of issuer", "use one of: own_ca")


def test_a_state_folder_that_cannot_be_written_stops_site(bench: Bench) -> None:
    file = bench.folder() / "file"
    file.write_text("")
    with bench.untouched():
        result = bench.run(cms_state_dir=str(file / "state"))
    says(stopped(result), str(file / "state"), "Not a directory", "cms_state_dir")


@pytest.fixture(scope="module")
def stored(bench: Bench) -> str:
    """A state folder with a CA and a store that holds keys: that of a run that a full disk on a node ended."""
    folder = str(bench.folder() / "state")
    bench.control.set_fault("all", {"kind": "disk_full", "count": 0})
    with bench.untouched(files=True):
        result = bench.run(cms_state_dir=folder, cms_key_location="control")
    bench.control.clear_faults()
    message = stopped(result)
    says(message, "file ", "No space left on device", "look at the free space of the node")
    return folder


@pytest.mark.parametrize(
    ("variables", "parts"),
    [
        (
            {"cms_store_passphrase": ANOTHER},
            ["/store/", "set cms_store_passphrase to the one this store was made with"],
        ),
        ({"cms_store_passphrase": None}, ["there is no passphrase for the keys in the store", "from Ansible Vault"]),
        (
            {"cms_issuers": {"internal": {"type": "own_ca", "organization": "Example", "passphrase": ANOTHER}}},
            ["issuers/internal/", "cms_issuers.internal.passphrase) to the one this key was encrypted with"],
        ),
    ],
    ids=["a wrong passphrase of the store", "no passphrase of the store", "a wrong passphrase of the CA"],
)
def test_what_cannot_be_unlocked_stops_site(
    bench: Bench, stored: str, variables: dict[str, Any], parts: list[str]
) -> None:
    with bench.untouched():
        result = bench.run(cms_state_dir=stored, cms_key_location="control", **variables)
    says(stopped(result), *parts)
    assert STORE_PASSPHRASE not in result.stdout
