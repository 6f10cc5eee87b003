# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private keys."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, NoEncryption, PrivateFormat

from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption, KeyProblem
from ansible_collections.certops.cms.plugins.plugin_utils._pki import keys, pkcs8
from tests.unit.plugins.plugin_utils.pki import making

ENCODING = serialization.Encoding
EC_KEY = keys.generate_key("ecdsa", "secp256r1")
RSA_KEY = keys.generate_key("rsa", 2048)
SECRET = "correct horse"
#: As a user gets it; the tests derive keys with fewer.
ROUNDS = pkcs8.ITERATIONS


def test_keys_of_the_guide_can_be_made() -> None:
    assert keys.key_type(RSA_KEY) == "RSA 2048"
    assert isinstance(keys.generate_key("rsa"), rsa.RSAPrivateKey)
    assert keys.key_type(keys.generate_key("rsa", "3072")) == "RSA 3072"
    assert keys.key_type(keys.generate_key("ecdsa", "secp384r1")) == "ECDSA secp384r1"


@pytest.mark.parametrize(("kind", "size"), [("rsa", 1024), ("rsa", "big"), ("ecdsa", "secp192r1"), ("dsa", 2048)])
def test_other_keys_are_refused(kind: str, size: int | str) -> None:
    with pytest.raises(BadOption):
        keys.generate_key(kind, size)


@pytest.mark.parametrize("key", [EC_KEY, RSA_KEY], ids=["ecdsa", "rsa"])
@pytest.mark.parametrize("encoding", [ENCODING.PEM, ENCODING.DER])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_open_keys_are_read_in_every_form(key: keys.PrivateKey, encoding: ENCODING, form: PrivateFormat) -> None:
    data = key.private_bytes(encoding, form, NoEncryption())
    assert not keys.is_encrypted(data)
    assert keys.public_spki(keys.load_key(data, None, "cb.key")) == keys.public_spki(key)
    assert keys.public_spki(keys.load_key(data, "not needed", "cb.key")) == keys.public_spki(key)


@pytest.mark.parametrize("key", [EC_KEY, RSA_KEY], ids=["ecdsa", "rsa"])
@pytest.mark.parametrize(
    ("encoding", "form"),
    [
        (ENCODING.PEM, PrivateFormat.PKCS8),
        (ENCODING.DER, PrivateFormat.PKCS8),
        (ENCODING.PEM, PrivateFormat.TraditionalOpenSSL),
    ],
)
def test_a_locked_key_says_so_and_opens_with_its_passphrase(
    key: keys.PrivateKey, encoding: ENCODING, form: PrivateFormat
) -> None:
    data = key.private_bytes(encoding, form, BestAvailableEncryption(SECRET.encode()))
    assert keys.is_encrypted(data)
    assert keys.public_spki(keys.load_key(data, SECRET, "cb.key")) == keys.public_spki(key)
    with pytest.raises(KeyProblem, match=r"encrypted and no passphrase.*pki unlock"):
        keys.load_key(data, None, "cb.key")
    with pytest.raises(KeyProblem, match="passphrase does not open") as caught:
        keys.load_key(data, "wrong guess", "cb.key")
    assert "wrong guess" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_is_found_behind_curve_parameters_and_text() -> None:
    # openssl ecparam -genkey (guide A.2) writes the parameters in front.
    text = EC_KEY.private_bytes(ENCODING.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    loaded = keys.load_key(b"my key\n" + parameters + text, None, "cb.key")
    assert keys.public_spki(loaded) == keys.public_spki(EC_KEY)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "cannot be read as a private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cannot be read as a private key"),
        (making.pem(making.root()), "no private key in it"),
        (making.root().cert.public_bytes(ENCODING.DER), "certificate or CSR"),
        (
            ed25519.Ed25519PrivateKey.generate().private_bytes(ENCODING.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "Ed25519 are not supported",
        ),
    ],
)
def test_what_is_no_usable_key_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(KeyProblem, match=reason):
        keys.load_key(data, None, "cb.key")


def test_a_key_matches_its_own_certificate_only() -> None:
    made = making.root()
    assert keys.key_matches(made.key, made.cert)
    assert not keys.key_matches(EC_KEY, made.cert)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")
def test_an_encrypted_key_opens_with_openssl_alone(tmp_path: Path) -> None:
    path = tmp_path / "cb.key"
    path.write_bytes(keys.serialise_encrypted(RSA_KEY, SECRET))
    opened = subprocess.run(
        ["openssl", "pkey", "-in", str(path), "-passin", f"pass:{SECRET}"], capture_output=True, check=True
    ).stdout
    assert keys.public_spki(keys.load_key(opened, None, "x")) == keys.public_spki(RSA_KEY)
    guess = ["openssl", "pkey", "-in", str(path), "-passin", "pass:wrong guess"]
    wrong = subprocess.run(guess, capture_output=True, check=False)
    assert wrong.returncode != 0
    assert b"PRIVATE KEY" not in wrong.stdout


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")
def test_a_guess_at_a_passphrase_costs_hundreds_of_thousands_of_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ROUNDS >= 600_000
    monkeypatch.setattr(pkcs8, "ITERATIONS", ROUNDS)
    path = tmp_path / "cb.key"
    path.write_bytes(keys.serialise_encrypted(EC_KEY, SECRET))
    shown = subprocess.run(["openssl", "asn1parse", "-in", str(path)], capture_output=True, check=True).stdout.decode()
    assert [int(number, 16) for number in re.findall(r"INTEGER +:([0-9A-F]+)", shown)] == [ROUNDS]
    assert re.findall(r"OBJECT +:(\S+)", shown) == ["PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc"]
    opened = subprocess.run(
        ["openssl", "pkey", "-in", str(path), "-passin", f"pass:{SECRET}"], capture_output=True, check=True
    ).stdout
    assert keys.public_spki(keys.load_key(opened, None, "x")) == keys.public_spki(EC_KEY)


@pytest.mark.parametrize("key", [EC_KEY, RSA_KEY], ids=["ecdsa", "rsa"])
@pytest.mark.parametrize("secret", [SECRET, b"\x00\xff bytes 8", "gr\u00fc\u00dfe \u2603 x", "p" * 300])
def test_an_encrypted_key_comes_back_and_only_with_its_passphrase(key: keys.PrivateKey, secret: str | bytes) -> None:
    data = keys.serialise_encrypted(key, secret)
    assert keys.is_encrypted(data)
    assert keys.public_spki(keys.load_key(data, secret, "cb.key")) == keys.public_spki(key)
    with pytest.raises(KeyProblem, match="passphrase does not open"):
        keys.load_key(data, "wrong guess", "cb.key")
    assert max(map(len, data.splitlines())) == 64


def test_the_same_key_is_never_encrypted_twice_to_the_same() -> None:
    assert keys.serialise_encrypted(EC_KEY, SECRET) != keys.serialise_encrypted(EC_KEY, SECRET)


@pytest.mark.parametrize("secret", ["", "short", "seven77", b"seven77"])
def test_a_passphrase_that_is_tried_out_at_once_is_refused_by_the_name_of_its_option(secret: str | bytes) -> None:
    with pytest.raises(KeyProblem, match=r"cms_store_passphrase: .*fewer than 8 characters.*openssl pkcs8") as caught:
        keys.serialise_encrypted(EC_KEY, secret, "cms_store_passphrase")
    assert not secret or str(secret) not in str(caught.value)


def test_a_key_that_was_encrypted_with_a_short_passphrase_is_still_read() -> None:
    data = EC_KEY.private_bytes(ENCODING.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"short"))
    assert keys.public_spki(keys.load_key(data, "short", "cb.key")) == keys.public_spki(EC_KEY)


def test_an_open_key_is_pkcs8_in_pem() -> None:
    data = keys.serialise_plain(EC_KEY)
    assert data.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert keys.public_spki(keys.load_key(data, None, "x")) == keys.public_spki(EC_KEY)
