# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory says of identities: ``cms_identities`` and the variables beside it, read and checked.

Whatever cannot be used is told as a problem and left out, so that nothing behind this has to ask again.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .._errors import BadOption
from .._pki import csr, validity
from .._services import catalogue
from .given import Host


class Problem(NamedTuple):
    """What of a description cannot be used: the host, what was found, what to do next, and the rule it breaks."""

    host: str
    found: str
    next_step: str
    rule: str = "inventory"


SUBJECT_ATTRIBUTES = ("CN", "OU", "O", "L", "ST", "C", "emailAddress")
KEY_SIZES: dict[str, tuple[Any, ...]] = {"rsa": (2048, 3072, 4096), "ecdsa": ("secp256r1", "secp384r1")}
KEY_LOCATIONS = ("node", "control")


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        raise ValueError
    return str(value)


def _fqdn(value: Any) -> str:
    name = _text(value).rstrip(".").lower()
    try:
        if csr.kind_of_name(name) != "dns" or "." not in name or "*" in name:
            raise ValueError
    except BadOption as exc:
        raise ValueError from exc
    return name


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError
    return [_text(entry) for entry in value]


def _slots(value: Any) -> list[str]:
    found = _texts(value)
    if not set(found) <= set(catalogue.SLOTS):
        raise ValueError
    return found


def _truth(value: Any) -> bool:
    words = {"true": True, "yes": True, "false": False, "no": False}
    if str(value).lower() not in words:
        raise ValueError
    return words[str(value).lower()]


def _subject(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not set(value) <= set(SUBJECT_ATTRIBUTES):
        raise ValueError
    return {key: str(part).upper() if key == "C" else str(part) for key, part in value.items() if part is not None}


def _one_of(*allowed: str) -> Callable[[Any], Any]:
    def read(value: Any) -> str:
        if value not in allowed:
            raise ValueError
        return str(value)

    return read


def _size(value: Any) -> Any:
    for sizes in KEY_SIZES.values():
        for size in sizes:
            if str(value) == str(size):
                return size
    raise ValueError


def _renew_before(value: Any) -> str:
    try:
        validity.parse_renew_before(value)
    except BadOption as exc:
        raise ValueError from exc
    return str(value)


_ALL_SIZES = ", ".join(str(size) for sizes in KEY_SIZES.values() for size in sizes)
_SUBJECT_FORM = "a dictionary with attributes of guide table 4: " + ", ".join(SUBJECT_ATTRIBUTES)
_TIME_FORM = "days, hours, or a share of the lifetime below 100: 30d, 720h, 33%"

#: What an entry of ``cms_identities`` may say: how a value is read, and the words for what is allowed.
IDENTITY_OPTIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "slots": (_slots, "a list of slots: " + ", ".join(sorted(catalogue.SLOTS))),
    "shared": (_truth, "true or false"),
    "common_name": (_text, "a text"),
    "names": (_texts, "a list of names"),
    "keep_names": (_truth, "true or false"),
    "subject": (_subject, _SUBJECT_FORM),
    "issuer": (_text, "the name of an entry of cms_issuers"),
    "key_type": (_one_of(*KEY_SIZES), "rsa or ecdsa"),
    "key_size": (_size, "one of: " + _ALL_SIZES),
    "key_location": (_one_of(*KEY_LOCATIONS), "node or control"),
    "renew_before": (_renew_before, _TIME_FORM),
}

#: The same for variables of a host.
HOST_OPTIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "cms_issuer": IDENTITY_OPTIONS["issuer"],
    "cms_renew_before": IDENTITY_OPTIONS["renew_before"],
    "cms_key_type": IDENTITY_OPTIONS["key_type"],
    "cms_key_size": IDENTITY_OPTIONS["key_size"],
    "cms_key_location": IDENTITY_OPTIONS["key_location"],
    "cms_subject": IDENTITY_OPTIONS["subject"],
    "cms_c2w_names": IDENTITY_OPTIONS["names"],
    "cms_cucm": (_truth, "true or false"),
    "cms_lync_federation": (_truth, "true or false"),
    "cms_lync_fqdn": (_fqdn, "a fully qualified name"),
    "cms_web_app_fqdn": (_fqdn, "a fully qualified name"),
    "cms_expressway_name": (_fqdn, "a fully qualified name"),
}


#: The identities there are without any description.
_IDENTITIES = frozenset(slot.identity for _service, slot in catalogue.SLOTS.values())


def problems(host: Host) -> list[Problem]:
    """Say what of a host's description cannot be used."""
    found: list[Problem] = []
    for variable, (read, allowed) in HOST_OPTIONS.items():
        if host.variables.get(variable) is not None and _read(read, host.variables[variable]) is None:
            found.append(Problem(host.name, f"{variable} is {host.variables[variable]!r}", f"give {allowed}"))
    described = host.variables.get("cms_identities") or {}
    if not isinstance(described, dict):
        return [*found, Problem(host.name, "cms_identities is not a dictionary", "give a dictionary of identity names")]
    for name, config in described.items():
        where = f"cms_identities.{name}"
        if config is not None and not isinstance(config, dict):
            found.append(Problem(host.name, f"{where} is not a dictionary", "give a dictionary of options"))
            continue
        if str(name) not in _IDENTITIES and not (config or {}).get("slots"):
            step = f"give it slots, or name one of: {', '.join(sorted(_IDENTITIES))}"
            found.append(Problem(host.name, f"{where} is no identity that exists anyway, and has no slots", step))
        unknown = sorted(set(config or {}) - set(IDENTITY_OPTIONS))
        if unknown:
            step = "use only: " + ", ".join(sorted(IDENTITY_OPTIONS))
            found.append(Problem(host.name, f"{where} has unknown options: {', '.join(unknown)}", step))
        for option, value in (config or {}).items():
            if option in IDENTITY_OPTIONS and value is not None:
                read, allowed = IDENTITY_OPTIONS[option]
                if _read(read, value) is None:
                    found.append(Problem(host.name, f"{where}.{option} is {value!r}", f"give {allowed}"))
    return found


def variable(host: Host, name: str) -> Any:
    """Give a variable of a host as it was read; None when it is not set or cannot be used."""
    value = host.variables.get(name)
    return None if value is None or name not in HOST_OPTIONS else _read(HOST_OPTIONS[name][0], value)


def config_of(host: Host, slot_id: str) -> tuple[str, dict[str, Any]]:
    """Give the identity a slot belongs to, and what the inventory says of it, as far as it can be used."""
    _service, slot = catalogue.SLOTS[slot_id]
    described = host.variables.get("cms_identities") or {}
    found = {str(name): _config(config) for name, config in described.items()} if isinstance(described, dict) else {}
    for name, config in found.items():
        if slot_id in config.get("slots", []):
            return name, config
    return slot.identity, found.get(slot.identity, {})


def _config(config: Any) -> dict[str, Any]:
    if not isinstance(config, dict):
        return {}
    read = {
        option: _read(IDENTITY_OPTIONS[option][0], value)
        for option, value in config.items()
        if option in IDENTITY_OPTIONS and value is not None
    }
    return {option: value for option, value in read.items() if value is not None}


def _read(read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except ValueError:
        return None
