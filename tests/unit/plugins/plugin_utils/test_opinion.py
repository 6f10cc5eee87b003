# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the node says of a key and a certificate, in known words and in words that nobody has seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._fleet.given import Host
from ansible_collections.certops.cms.plugins.plugin_utils._opinion import pair_matches

#: File -> the key pair it belongs to. ``again.crt`` is a second certificate for the key of ``old.crt``.
PAIRS = {"old.key": 1, "old.crt": 1, "again.crt": 1, "new.key": 2, "new.crt": 2, "other.key": 3}


def host(served: str = "old.crt", *, read: bool = True) -> Host:
    certificates = {
        name: {"certificates": [{"pem": name, "info": {"sha256": f"sha {name}", "spki_sha256": f"key {pair}"}}]}
        for name, pair in PAIRS.items()
        if name.endswith(".crt")
    }
    survey = {
        "services": {
            "turn": {
                "present": True,
                "slots": {"turn": {"key": "old.key", "certificate": "old.crt"}},
            }
        },
        "served": {"turn": {"state": "served", "chain": [certificates[served]["certificates"][0]["info"]]}},
        "certificates": certificates if read else {},
        "files": {name: {} for name in PAIRS},
    }
    return Host("edge1", ("turn",), {}, survey)


class Node:
    """Answers in words of its own, and counts the questions."""

    def __init__(self, words: Callable[[str, str, bool], str]) -> None:
        self.words = words
        self.asked: list[tuple[str, str]] = []

    def __call__(self, key: str, certificate: str) -> str:
        self.asked.append((key, certificate))
        return self.words(key, certificate, PAIRS[key] == PAIRS[certificate]) + "\n"


WORDS: list[Any] = [
    lambda _key, _certificate, good: "1" if good else "0",
    lambda key, certificate, good: f"{key} {'<->' if good else '-><-'} {certificate}",
    lambda _key, _certificate, good: "" if good else "code 7",
]


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize(("key", "fits"), [("new.key", True), ("other.key", False)])
def test_unknown_words_are_read_by_those_for_a_pair_in_service(words: Any, key: str, fits: bool) -> None:
    node = Node(words)
    assert pair_matches(host(), key, "new.crt", node)[0] is fits
    assert node.asked == [(key, "new.crt"), ("old.key", "old.crt"), ("old.key", "new.crt")]


def test_known_words_need_no_second_question() -> None:
    node = Node(lambda _key, _certificate, good: "Key and certificate match" if good else "they do not match")
    assert pair_matches(host(), "new.key", "new.crt", node) == (True, "Key and certificate match")
    assert pair_matches(host(), "other.key", "new.crt", node) == (False, "they do not match")
    assert len(node.asked) == 2


@pytest.mark.parametrize(("certificate", "fits"), [("again.crt", True), ("new.crt", False)])
def test_the_key_that_is_in_service_is_known_by_its_certificate(certificate: str, fits: bool) -> None:
    assert pair_matches(host(), "old.key", certificate, Node(WORDS[0]))[0] is fits


@pytest.mark.parametrize(
    ("made", "words", "certificate"),
    [
        (host(), lambda *_any: "command not available", "new.crt"),
        (host(), lambda key, certificate, good: f"{key} {certificate} {len(key)} {good}", "new.crt"),
        (host(), WORDS[0], "again.crt"),
        (host(served="new.crt"), WORDS[0], "new.crt"),
        (host(read=False), WORDS[0], "new.crt"),
    ],
    ids=["the same for all", "never the same", "no pair that fits not", "nothing in service", "certificate not read"],
)
def test_what_cannot_be_compared_stays_unclear(made: Host, words: Any, certificate: str) -> None:
    assert pair_matches(made, "other.key", certificate, Node(words))[0] is None
