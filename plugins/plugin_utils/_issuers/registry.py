# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Issuers by name, from the inventory variable ``cms_issuers``.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from .._errors import BadOption
from .._pki.x509util import require_cryptography
from .base import Issuer
from .options import Option, Place, truth
from .own_ca import OwnCa

#: The classes of issuers. A new one is a file beside this one, and its name here (docs/contributing.md).
CLASSES: tuple[type[Issuer], ...] = (OwnCa,)
TYPES: dict[str, type[Issuer]] = {one.kind: one for one in CLASSES}
#: Options that every type has.
COMMON = {"public": Option(truth, "true or false")}


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
    options = {**TYPES[str(kind)].options, **COMMON}
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
    public = bool(found.pop("public", False))
    issuer = TYPES[str(kind)].create(name, found, Place(base_dir, passphrase_lookup(name)))
    issuer.public = public
    return issuer


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(sorted(names))
