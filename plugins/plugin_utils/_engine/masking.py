# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take secrets out of plain data before it leaves for a result or a screen (S4).

``no_log`` in the argument spec of an action plugin masks nothing by itself, so the base class of the actions does it.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MASK = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"

#: Names whose values are secrets. ``..._file`` names say where a secret lies and are not one.
SECRET_NAME = re.compile(r"(?i)(pass(word|wd|phrase)?|secret|token|hmac(_key)?|key_pem)$|^ansible_(ssh|become)_pass$")

_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?P<kind>[A-Z0-9 ]*)PRIVATE KEY-----.*?(?:-----END (?P=kind)PRIVATE KEY-----|\Z)", re.DOTALL
)

#: A shorter secret is masked only where it is the whole text: inside other words it would hide what people need.
SHORTEST_INSIDE_TEXT = 4


def secrets_in(data: Any, *, every: bool = False) -> Iterator[str]:
    """Give the secret values in nested plain data: every text under a name that means a secret."""
    if isinstance(data, Mapping):
        for name, value in data.items():
            yield from secrets_in(value, every=every or bool(SECRET_NAME.search(str(name))))
    elif isinstance(data, (list, tuple)):
        for value in data:
            yield from secrets_in(value, every=every)
    elif every and isinstance(data, (str, bytes, int)) and not isinstance(data, bool):
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else str(data)
        if text:
            yield text


def masked(data: Any, secrets: Iterable[str]) -> Any:
    """Give a copy of plain data without the secrets and without anything that looks like a private key."""
    # The longest first: a secret that contains another one must go as a whole.
    known = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
    return _masked(data, frozenset(known), [secret for secret in known if len(secret) >= SHORTEST_INSIDE_TEXT])


def _masked(data: Any, whole: frozenset[str], inside: list[str]) -> Any:
    if isinstance(data, Mapping):
        return {_masked_text(name, frozenset(), inside): _masked(value, whole, inside) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_masked(value, whole, inside) for value in data]
    if isinstance(data, bytes):
        return _masked_text(data.decode("utf-8", "replace"), whole, inside)
    return _masked_text(data, whole, inside)


def _masked_text(value: Any, whole: frozenset[str], inside: list[str]) -> Any:
    if not isinstance(value, str):
        return value
    if value in whole:
        return MASK
    text = value
    for secret in inside:
        if secret in text:
            text = text.replace(secret, MASK)
    if "PRIVATE KEY-----" in text:
        text = _PRIVATE_KEY.sub(MASK, text)
    return text
