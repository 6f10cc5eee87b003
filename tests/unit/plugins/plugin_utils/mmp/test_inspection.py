# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``pki`` and ``pki inspect``: what is understood of texts that nobody has seen, and what is not guessed."""

from __future__ import annotations

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._mmp.inspection import moment, parse_inspect, parse_usage

OPENSSL = """\
Checking ssh public keys...not found
Checking user configured certificates and keys...found
File contains a PEM encoded certificate
Certificate:
    Data:
        Version: 3 (0x2)
        Signature Algorithm: sha256WithRSAEncryption
        Issuer: O = Example, CN = Example Issuing CA
        Validity
            Not Before: Jan  5 09:34:43 2026 GMT
            Not After : Jan  5 09:34:43 2027 GMT
        Subject: CN = cb.example.com
        Subject Public Key Info:
            Public Key Algorithm: rsaEncryption
        X509v3 extensions:
            X509v3 Subject Alternative Name:
                DNS:cb.example.com, DNS:join.example.com, IP Address:192.0.2.1
Certificate:
        Issuer: O = Example, CN = Example Root CA
            Not Before: Jan  1 00:00:00 2020 GMT
            Not After : Jan  1 00:00:00 2030 GMT
        Subject: O = Example, CN = Example Issuing CA
"""


def test_openssl_text_gives_every_element_with_its_dates_and_names() -> None:
    found = parse_inspect(OPENSSL)
    assert found["kind"] == "certificate"
    leaf, issuing = found["certificates"]
    assert leaf == {
        "subject": "CN = cb.example.com",
        "issuer": "O = Example, CN = Example Issuing CA",
        "not_before": "2026-01-05T09:34:43Z",
        "not_after": "2027-01-05T09:34:43Z",
        "dns": ["cb.example.com", "join.example.com"],
    }
    assert issuing["not_after"] == "2030-01-01T00:00:00Z"
    assert issuing["dns"] == []


@pytest.mark.parametrize(
    ("text", "kind", "locked"),
    [
        ("File contains a PEM encoded private key\n", "key", None),
        ("File contains a PEM encoded private key, password protected\n", "key", True),
        ("Type: PEM key, encrypted\n", "key", True),
        ("File contains a DER encoded certificate signing request\nSubject: CN=a\n", "csr", None),
        ("Type: PEM CSR\n", "csr", None),
        ("Type: unknown\n", "unknown", None),
        ("File is of unknown type\n", "unknown", None),
        ("Subject: CN=a key file\nIssuer: CN=b\n", "certificate", None),
        ("Checking user configured certificates and keys...not found\n", None, None),
        ("FAILURE: file cb.crt not found\n", None, None),
        ("FAILURE: permission denied\n", None, None),
        ("pki: command not recognised\n", None, None),
        ("Usage:\n    pki inspect <filename>\n", None, None),
        ("", None, None),
    ],
)
def test_the_kind_is_what_the_node_says_and_never_a_guess(text: str, kind: str | None, locked: bool | None) -> None:
    found = parse_inspect(text)
    assert (found["kind"], found["locked"]) == (kind, locked)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Nov  7 03:04:05 2026 GMT", "2026-11-07T03:04:05Z"),
        ("2026-11-07 03:04:05", "2026-11-07T03:04:05Z"),
        ("2026-11-07T03:04:05+02:00", "2026-11-07T01:04:05Z"),
        ("the day after", None),
        ("Nov 32 03:04:05 2026 GMT", None),
    ],
)
def test_a_moment_is_read_or_left_out(text: str, wanted: str | None) -> None:
    assert moment(text) == wanted


@pytest.mark.parametrize(
    "text",
    ["webadmin tls : wa.key\nc2w trust : old.wa.key\n", "wa.key : webadmin tls\nold.wa.key : c2w trust\n"],
)
def test_the_use_of_a_file_is_the_rest_of_the_lines_that_name_it(text: str) -> None:
    assert parse_usage(text, ["wa.key", "old.wa.key", "wa.crt", "a.key"]) == {
        "wa.key": ["webadmin tls"],
        "old.wa.key": ["c2w trust"],
    }


@pytest.mark.parametrize(
    "text", ["", "\n", "FAILURE: permission denied\n", "Usage:\n  pki\n", "pki: unknown command\n"]
)
def test_a_node_that_does_not_say_who_uses_what_is_not_taken_for_one_that_uses_nothing(text: str) -> None:
    assert parse_usage(text, ["wa.key"]) is None
