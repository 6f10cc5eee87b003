# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module pki_unlock: one attempt at the prompt, and the file says whether it worked."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PublicFormat, pkcs12

from ansible_collections.certops.cms.plugins.plugin_utils._errors import UnexpectedPrompt
from ansible_collections.certops.cms.plugins.plugin_utils._pki import keys
from tests.unit.plugins.action.acting import FakeSession, act
from tests.unit.plugins.plugin_utils.pki.making import pem, root

WORD = "open sesame 4711"
KEY = keys.generate_key("ecdsa")
PLAIN, LOCKED = keys.serialise_plain(KEY), keys.serialise_encrypted(KEY, WORD)
SSH = KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b"\n"
BAG = pkcs12.serialize_key_and_certificates(b"john", KEY, None, None, BestAvailableEncryption(WORD.encode()))
ARGS = {"name": "partner.key", "passphrase": WORD}


def node(name: str, before: bytes, after: bytes, said: str = "", command: str = "pki unlock") -> FakeSession:
    """Give a node that opens a file when it is told the right word, and then says something."""
    session = FakeSession(files={name: before})

    def answer() -> str:
        if session.expected and session.expected[0].text == WORD:
            session.files[name] = after
        return said

    session.answers[command] = answer
    return session


@pytest.mark.parametrize("said", ["", "Unlocked key file partner.key", "SUCCESS: done", "what is this"])
def test_check_apply_check_apply_whatever_the_node_says(said: str) -> None:
    session = node("partner.key", LOCKED, PLAIN, said)
    runs = [act("pki_unlock", ARGS, session, check=check, diff=True) for check in (True, False, True, False)]
    assert [run["changed"] for run in runs] == [True, True, False, False]
    assert session.sent == ["pki unlock partner.key"]
    assert session.read == []
    assert runs[0]["diff"]["before"] == "private key, locked\n"
    assert runs[1]["command"] == "pki unlock partner.key"
    assert {frozenset(run) for run in runs} == {frozenset(runs[0])}
    assert WORD not in str(runs)
    assert "PRIVATE KEY" not in str(runs)


def test_the_pkcs12_file_of_a_user_becomes_his_key() -> None:
    session = node("john.pub", BAG, SSH, command="pki pkcs12-to-ssh")
    args = {"user": "john", "passphrase": WORD}
    runs = [act("pki_unlock", args, session, check=check) for check in (True, False, True, False)]
    assert [run["changed"] for run in runs] == [True, True, False, False]
    assert session.sent == ["pki pkcs12-to-ssh john"]
    assert runs[0]["public_key"] == ""
    assert runs[1]["public_key"] == SSH.decode().strip()
    assert runs[1]["fingerprint"].startswith("SHA256:")
    assert len(runs[1]["fingerprint"]) == 50
    assert runs[3]["public_key"] == runs[1]["public_key"]


def asks_again() -> str:
    raise UnexpectedPrompt("core1", "the node asked 'Enter password:', which no step expects", "look", ["Wrong."])


@pytest.mark.parametrize("said", ["", "FAILURE: wrong", "SUCCESS: Unlocked key file partner.key", asks_again])
def test_s12_a_wrong_passphrase_is_tried_once_and_the_file_tells(said: Any) -> None:
    session = FakeSession({"pki unlock": said}, files={"partner.key": LOCKED})
    result = act("pki_unlock", {**ARGS, "passphrase": "wrong wrong"}, session)
    assert result["failed"] is True
    assert "it is still locked, the passphrase was tried once" in result["msg"]
    assert result["error"]["kind"] == "KeyProblem"
    assert "openssl pkey" in result["error"]["next_step"]
    assert session.sent == ["pki unlock partner.key"]
    assert session.told == ["wrong wrong"]
    assert "wrong wrong" not in str(result)


@pytest.mark.parametrize(
    ("args", "files", "answer", "kind", "said"),
    [
        (ARGS, {}, "", "FileProblem", "there is no such file on the node"),
        (ARGS, {"partner.key": pem(root())}, "", "KeyProblem", "it is not a private key"),
        (ARGS, {"partner.key": BAG}, "", "KeyProblem", "certops.cms.pkcs12"),
        ({"user": "john", "passphrase": WORD}, {"john.pub": PLAIN}, "", "KeyProblem", "it is not a PKCS#12 file"),
        (ARGS, {"partner.key": LOCKED}, "FAILURE: permission denied", "CommandFailed", "admin, or crypto"),
        (ARGS, {"partner.key": LOCKED}, "pki: command not recognised", "NotUnderstood", "'help'"),
        ({**ARGS, "passphrase": "one\npki csr x"}, {"partner.key": LOCKED}, "", "BadOption", "control characters"),
        ({**ARGS, "passphrase": ""}, {"partner.key": LOCKED}, "", "BadOption", "is empty"),
    ],
)
def test_bad_input_is_refused_with_a_next_step(
    args: dict[str, Any], files: dict[str, bytes], answer: str, kind: str, said: str
) -> None:
    session = FakeSession({"pki": answer}, files=files)
    result = act("pki_unlock", args, session)
    assert result["failed"] is True
    assert result["error"]["kind"] == kind
    assert said in result["msg"]
    assert session.files == files
    assert len(session.sent) == (answer != "")


def test_a_key_that_a_program_wrote_with_text_before_it_is_told_apart_by_its_content() -> None:
    bag = b"Bag Attributes\n    localKeyID: 01\n"
    session = node("partner.key", bag + LOCKED, PLAIN)
    assert act("pki_unlock", ARGS, session)["changed"] is True
    assert act("pki_unlock", ARGS, FakeSession(files={"partner.key": bag + PLAIN}))["changed"] is False
