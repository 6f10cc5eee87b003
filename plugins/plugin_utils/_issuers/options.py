# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of issuers: how a value of ``cms_issuers`` is read. A reader raises ValueError for what it cannot use.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from typing import Any

#: Common names hold 64 characters at most, and the intermediate's name adds a word.
LONGEST_CA_NAME = 50


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of an issuer: how a value is read, and the words for what is allowed."""

    read: Callable[[Any], Any]
    allowed: str


def text(value: Any) -> str:
    """Read a text that prints and is not empty."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError
    return value


def ca_name(value: Any) -> str:
    """Read the common name of a CA."""
    if len(text(value)) > LONGEST_CA_NAME:
        raise ValueError
    return text(value)


def organization(value: Any) -> str:
    """Read an organization."""
    if len(text(value)) > 64:
        raise ValueError
    return text(value)


def passphrase(value: Any) -> str:
    """Read a passphrase."""
    if not isinstance(value, str) or not value:
        raise ValueError
    return str(value)


def days(value: Any) -> int:
    """Read a number of days."""
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,5}", str(value)) or int(value) < 1:
        raise ValueError
    return int(value)


def truth(value: Any) -> bool:
    """Read true or false."""
    words = {"true": True, "yes": True, "false": False, "no": False}
    if str(value).lower() not in words:
        raise ValueError
    return words[str(value).lower()]


def key_type(value: Any) -> str:
    """Read the type of a key."""
    if value not in ("ecdsa", "rsa"):
        raise ValueError
    return str(value)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an issuer lives: the folder in which relative paths start, and the passphrase it is given by its name."""

    base_dir: str
    passphrase: str | None = dataclasses.field(default=None, repr=False)

    def path(self, path: str) -> str:
        """Give a path as an absolute one."""
        return os.path.normpath(os.path.join(os.path.abspath(self.base_dir), os.path.expanduser(path)))
