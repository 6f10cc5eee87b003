# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries of ``cms_issuers`` become issuers, or an error that names the option and what is allowed."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.own_ca import OwnCa, Settings
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.registry import make_issuer


def settings(config: dict[str, Any], **options: Any) -> Settings:
    issuer = make_issuer("internal", config, "/state", **options)
    assert isinstance(issuer, OwnCa)
    return issuer.settings


def test_an_issuer_needs_no_more_than_its_type() -> None:
    found = settings({"type": "own_ca"})
    assert found == Settings(path="/state/issuers/internal")
    assert (found.key_type, found.root_days, found.intermediate_days, found.leaf_days) == ("ecdsa", 3650, 1825, 397)
    assert found.use_intermediate


def test_options_are_taken_as_inventories_write_them() -> None:
    found = settings(
        {
            "type": "own_ca", "path": "pki/ca", "passphrase": "x", "key_type": "rsa", "root_common_name": "A CA",
            "organization": "Example", "root_days": "100", "intermediate_days": 50, "leaf_days": 20,
            "use_intermediate": "no",
        }
    )  # fmt: skip
    assert found == Settings("/state/pki/ca", "x", "rsa", "A CA", "Example", 100, 50, 20, False)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/abs/ca", "/abs/ca"),
        ("rel", "/state/rel"),
        ("../beside", "/beside"),
        ("~/ca", str(pathlib.Path.home() / "ca")),
    ],
)
def test_relative_paths_start_at_the_base(path: str, expected: str) -> None:
    assert settings({"type": "own_ca", "path": path}).path == expected


def test_a_passphrase_may_come_from_elsewhere() -> None:
    assert settings({"type": "own_ca"}, passphrase_lookup=lambda name: f"for {name}").passphrase == "for internal"
    assert (
        settings({"type": "own_ca", "passphrase": "own"}, passphrase_lookup=lambda _name: "other").passphrase == "own"
    )


@pytest.mark.parametrize(
    ("config", "option", "words"),
    [
        ({}, "cms_issuers.internal.type", "own_ca"),
        ({"type": "acme2"}, "cms_issuers.internal.type", "own_ca"),
        ("own_ca", "cms_issuers.internal", "not a dictionary"),
        ({"type": "own_ca", "leaf_day": 3}, "cms_issuers.internal.leaf_day", "did you mean leaf_days"),
        ({"type": "own_ca", "colour": "red"}, "cms_issuers.internal.colour", "root_common_name, root_days"),
        ({"type": "own_ca", "leaf_days": 0}, "cms_issuers.internal.leaf_days", "number of days"),
        ({"type": "own_ca", "leaf_days": -5}, "cms_issuers.internal.leaf_days", "number of days"),
        ({"type": "own_ca", "leaf_days": True}, "cms_issuers.internal.leaf_days", "number of days"),
        ({"type": "own_ca", "root_days": "ten"}, "cms_issuers.internal.root_days", "number of days"),
        ({"type": "own_ca", "key_type": "dsa"}, "cms_issuers.internal.key_type", "ecdsa or rsa"),
        ({"type": "own_ca", "key_type": ["rsa"]}, "cms_issuers.internal.key_type", "ecdsa or rsa"),
        ({"type": "own_ca", "use_intermediate": "maybe"}, "cms_issuers.internal.use_intermediate", "true or false"),
        ({"type": "own_ca", "root_common_name": "x" * 51}, "cms_issuers.internal.root_common_name", "50"),
        ({"type": "own_ca", "organization": "x" * 65}, "cms_issuers.internal.organization", "64"),
        ({"type": "own_ca", "path": ""}, "cms_issuers.internal.path", "folder"),
    ],
)
def test_a_wrong_entry_names_the_option_and_what_is_allowed(config: Any, option: str, words: str) -> None:
    with pytest.raises(BadOption) as caught:
        make_issuer("internal", config, "/state")
    assert caught.value.obj == option
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b"])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(BadOption, match="cannot name an issuer"):
        make_issuer(name, {"type": "own_ca"}, "/state")


def test_s4_a_wrong_passphrase_value_is_not_repeated() -> None:
    with pytest.raises(BadOption) as caught:
        make_issuer("internal", {"type": "own_ca", "passphrase": ["hunter2"]}, "/state")
    assert "hunter2" not in repr(caught.value)
