# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Issuers by name, from the inventory variable ``cms_issuers``.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from .._errors import BadOption
from .._pki.x509util import require_cryptography
from .base import Issuer
from .own_ca import OwnCa, Settings

#: Common names hold 64 characters at most, and the intermediate's name adds a word.
LONGEST_CA_NAME = 50


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of an issuer: how a value is read, and the words for what is allowed."""

    read: Callable[[Any], Any]
    allowed: str


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError
    return value


def _ca_name(value: Any) -> str:
    if len(_text(value)) > LONGEST_CA_NAME:
        raise ValueError
    return _text(value)


def _organization(value: Any) -> str:
    if len(_text(value)) > 64:
        raise ValueError
    return _text(value)


def _passphrase(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return str(value)


def _days(value: Any) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,5}", str(value)) or int(value) < 1:
        raise ValueError
    return int(value)


def _truth(value: Any) -> bool:
    words = {"true": True, "yes": True, "false": False, "no": False}
    if str(value).lower() not in words:
        raise ValueError
    return words[str(value).lower()]


def _key_type(value: Any) -> str:
    if value not in ("ecdsa", "rsa"):
        raise ValueError
    return str(value)


OWN_CA_OPTIONS: dict[str, Option] = {
    "path": Option(_text, "the path of a folder"),
    "passphrase": Option(_passphrase, "a text that is not empty"),
    "key_type": Option(_key_type, "ecdsa or rsa"),
    "root_common_name": Option(_ca_name, f"a text of at most {LONGEST_CA_NAME} characters"),
    "organization": Option(_organization, "a text of at most 64 characters"),
    "root_days": Option(_days, "a number of days, 1 to 99999"),
    "intermediate_days": Option(_days, "a number of days, 1 to 99999"),
    "leaf_days": Option(_days, "a number of days, 1 to 99999"),
    "use_intermediate": Option(_truth, "true or false"),
}

TYPES: dict[str, dict[str, Option]] = {OwnCa.kind: OWN_CA_OPTIONS}


def make_issuer(
    name: str,
    config: Mapping[str, Any],
    base_dir: str,
    passphrase_lookup: Callable[[str], str | None] = lambda _name: None,
) -> Issuer:
    """Make the issuer of one entry of ``cms_issuers``.

    ``base_dir`` is where relative paths start, and where an issuer without a path keeps its files, in
    ``issuers/<name>``. ``passphrase_lookup`` gives the passphrase of an issuer by name when the entry has none. Raises
    BadOption, which names the option and what is allowed, never a value that may be a secret.
    """
    require_cryptography()
    where = f"cms_issuers.{name}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise BadOption("cms_issuers", f"{name!r} cannot name an issuer", "use letters, digits, hyphens, underscores")
    if not isinstance(config, Mapping):
        raise BadOption(where, "it is not a dictionary", f"give type ({_listed(TYPES)}) and options of that type")
    kind = config.get("type")
    if kind not in TYPES:
        what = "it is missing" if kind is None else f"{str(kind)[:40]!r} is not a type of issuer"
        raise BadOption(f"{where}.type", what, f"use one of: {_listed(TYPES)}")
    options = TYPES[str(kind)]
    found: dict[str, Any] = {}
    for key, value in config.items():
        if key == "type":
            continue
        if key not in options:
            near = difflib.get_close_matches(str(key), options, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise BadOption(f"{where}.{key}", f"is not an option of the type {kind}{hint}", f"use: {_listed(options)}")
        if value is None:
            continue
        try:
            found[key] = options[key].read(value)
        except ValueError:
            raise BadOption(f"{where}.{key}", "the value cannot be used", f"give {options[key].allowed}") from None
    found.setdefault("passphrase", passphrase_lookup(name))
    path = os.path.expanduser(found.pop("path", os.path.join("issuers", name)))
    return OwnCa(name, Settings(path=os.path.normpath(os.path.join(os.path.abspath(base_dir), path)), **found))


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(sorted(names))
