# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One parser per display. Unknown rows are kept, unknown states never count as healthy, a cut display is refused.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from .._errors import NotUnderstood
from .._services.catalogue import Service, Slot
from .._text import printable
from . import texts
from .masking import Masker
from .rows import Display, Row, fold, parse_display

_FILE = re.compile(r"[^\s/:]+\.(?:pem|crt|cer|der|key|csr|zip|bak|pub)", re.IGNORECASE)
_LISTEN = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*):(\d{1,5})")
_INTERFACE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_LISTED_NAME = re.compile(r"[^/:]*[^/:\s]\.[A-Za-z0-9]{1,10}")


# Services ------------------------------------------------------------------------------------------------------------


def parse_service(service: Service, text: str) -> dict[str, Any]:
    """Read the display of a service into the survey's form.

    Keys: present, enabled, running (None: unknown), slots, trusts, unknown_rows, and unknown_trusts: rows that may hold
    a trust setting which the catalogue does not know. A service that the node does not know gives present False and
    the detail. Raises NotUnderstood for text that is neither.
    """
    display = parse_display(text)
    known = _known_labels(service)
    if not any(row.key in known for row in display.rows):
        return _absent(service, text)
    return {
        "present": True,
        "enabled": _switch(display, service.enabled_label),
        "running": _running(display, service),
        "slots": {slot.name: _slot(service, slot, display, text) for slot in service.slots},
        "trusts": {trust.name: _file(service, trust.label, display, text) for trust in service.trusts},
        "unknown_rows": [[row.label, row.value] for row in _unknown(display, service, known)],
        "unknown_trusts": [
            [row.label, row.value]
            for row in [*_unknown(display, service, known), *_surplus(display, service)]
            if texts.TRUST_LABEL.search(row.label) and _may_be_file(row)
        ],
    }


def files_named(parsed: dict[str, Any]) -> set[str]:
    """Give every file that a parsed display names, in known rows and in unknown ones (S3: none of them is touched)."""
    named = {file for file in parsed.get("trusts", {}).values() if file}
    for slot in parsed.get("slots", {}).values():
        named |= {slot[part] for part in ("key", "certificate", "bundle") if slot[part]}
    for _label, value in [*parsed.get("unknown_rows", []), *parsed.get("unknown_trusts", [])]:
        named |= set(_FILE.findall(value))
    return named


def _known_labels(service: Service) -> set[str]:
    labels: list[str | None] = [service.enabled_label, service.status_label]
    labels += [*service.secret_labels, *service.known_labels]
    for slot in service.slots:
        labels += [slot.key_label, slot.certificate_label, slot.bundle_label, slot.listen_label, slot.port_label]
    labels += [trust.label for trust in service.trusts]
    return {fold(label) for label in labels if label}


def _unknown(display: Display, service: Service, known: set[str]) -> list[Row]:
    return [row for row in display.rows if row.key not in known and not _extra_listener(service, row)]


def _extra_listener(service: Service, row: Row) -> bool:
    """Say whether this is one of the rows that a service without a listening label prints per interface."""
    without = any(slot.listen_label is None and slot.port_label for slot in service.slots)
    return without and bool(texts.LISTEN_LABEL.search(row.label)) and _interfaces(row.value) is not None


def _surplus(display: Display, service: Service) -> list[Row]:
    """Give the second and further values of a trust row that repeats: only one can be looked after."""
    surplus: list[Row] = []
    for trust in service.trusts:
        rows = [row for row in display.all(trust.label) if row.setting]
        surplus += [row for row in rows[1:] if row.setting != rows[0].setting]
    return surplus


def _absent(service: Service, text: str) -> dict[str, Any]:
    lines = [line.strip() for line in Masker().text(text).splitlines() if line.strip()]
    told = "\n".join(lines)
    complaint = any(
        pattern.search(told) for pattern in (texts.UNKNOWN_COMMAND, texts.USAGE, texts.ABSENT_SERVICE)
    ) or any(texts.FAILURE.match(line) for line in lines)
    if complaint and not texts.NOT_PERMITTED.search(told):
        return {"present": False, "detail": " | ".join(lines[:5])}
    raise NotUnderstood(
        f"the display of {service.name}",
        "it has no row that is known" if lines else "it is empty",
        f"run '{service.show}' by hand and compare; a cut display or another version may be the cause",
        lines,
    )


def _switch(display: Display, label: str | None) -> bool | None:
    states = {_truth(row.value) for row in display.all(label)}
    return states.pop() if len(states) == 1 else None


def _truth(value: str) -> bool | None:
    word = value.strip().lower()
    return True if word in texts.ON_WORDS else False if word in texts.OFF_WORDS else None


def _running(display: Display, service: Service) -> bool | None:
    rows = display.all(service.status_label)
    if len(rows) != 1 or not service.running_text:
        return None
    value = rows[0].value
    if texts.NOT_RUNNING.search(value):
        return False
    # The whole phrase is the state: with a word more it may mean something else.
    words = value.lower().split()
    expected = service.running_text.lower().split()
    return True if words in (expected, [service.name, *expected]) else None


def _slot(service: Service, slot: Slot, display: Display, text: str) -> dict[str, Any]:
    missing = [label for label in (slot.key_label, slot.certificate_label) if not display.all(label)]
    if missing and not (slot.tls_optional and len(missing) == 2):
        raise NotUnderstood(
            f"the display of {service.name}",
            f"the row {missing[0]!r} is missing",
            f"run '{service.show}' by hand and compare; a cut display or another version may be the cause",
            Masker().text(text).splitlines(),
        )
    return {
        "key": _file(service, slot.key_label, display, text),
        "certificate": _file(service, slot.certificate_label, display, text),
        "bundle": (_file(service, slot.bundle_label, display, text) if slot.bundle_label else None),
        "listen": _listen(slot, display),
    }


def _file(service: Service, label: str, display: Display, text: str) -> str | None:
    """Give the file of a row. A key or certificate that is shown twice with different files cannot be judged."""
    rows = [row for row in display.all(label) if row.setting]
    if len({row.setting for row in rows}) > 1 and not any(trust.label == label for trust in service.trusts):
        raise NotUnderstood(
            f"the display of {service.name}",
            f"the row {label!r} is there more than once, with different files",
            f"run '{service.show}' by hand and see which one is in use",
            Masker().text(text).splitlines(),
        )
    return rows[0].setting if rows else None


def _may_be_file(row: Row) -> bool:
    return row.setting is not None and _truth(row.value) is None and row.value != texts.MASK


def _listen(slot: Slot, display: Display) -> list[dict[str, Any]]:
    """Read where a slot listens: ``a:443 c:8443``, or interfaces with the port of another row or of the catalogue.

    An interface of None means that the display does not tell it. What cannot be read is left out: such a listener
    counts as not proven, never as healthy.
    """
    port = slot.port
    for row in display.all(slot.port_label):
        port = int(row.value) if re.fullmatch(r"\d{1,5}", row.value) else None
    if slot.listen_label is None:
        rows = [row for row in display.rows if texts.LISTEN_LABEL.search(row.label) and row.setting]
        found = [pair for row in rows for pair in _interfaces(row.value) or []]
        # Those rows name the relay's interfaces, and may name its own port: TLS is on the port of the other row.
        names = list(dict.fromkeys(name for name, _port in found)) or [None]
        return [{"interface": name, "port": port} for name in names if port]
    listen: list[dict[str, Any]] = []
    for row in display.all(slot.listen_label):
        for name, own_port in (_interfaces(row.value) if row.setting else None) or []:
            if own_port or port:
                listen.append({"interface": name, "port": own_port or port})
    return listen


def _interfaces(value: str) -> list[tuple[str | None, int | None]] | None:
    """Read interfaces, each with a port or without; None where the value is something else."""
    found: list[tuple[str | None, int | None]] = []
    for word in value.replace(",", " ").split():
        pair = _LISTEN.fullmatch(word)
        if pair and 0 < int(pair.group(2)) < 65536:
            found.append((pair.group(1), int(pair.group(2))))
        elif _INTERFACE.fullmatch(word) and _truth(word) is None and word.lower() != texts.NOTHING:
            found.append((word, None))
        else:
            return None
    return found or None


# pki -----------------------------------------------------------------------------------------------------------------


def parse_pki_list(text: str) -> dict[str, str]:
    """Read ``pki list``: the kind (key, certificate, csr, unknown) of every file, by name.

    The kind is what the name says; ``.pem`` and ``.der`` may be either, and are unknown. A name that does not print is
    given escaped: it is no name that anything here would give or ask for.
    Raises NotUnderstood for text that is no list.
    """
    files: dict[str, str] = {}
    strange: list[str] = []
    heading = False
    for line in (row.strip() for row in text.splitlines()):
        name = re.split(r"\t|\s{2,}", line)[0]
        if not line:
            continue
        if line.endswith(":"):
            heading = True
        elif _LISTED_NAME.fullmatch(name):
            files[printable(name)] = _kind(name)
        else:
            strange.append(line)
    told = "\n".join(strange)
    complaint = texts.UNKNOWN_COMMAND.search(told) or any(texts.FAILURE.match(line) for line in strange)
    if texts.USAGE.search(text) or complaint or (strange and not heading and not files):
        raise NotUnderstood(
            "the answer to 'pki list'",
            "it is no list of files",
            "run 'pki list' by hand; the user may lack the role for it",
            text.splitlines(),
        )
    return files


def _kind(name: str) -> str:
    lower = name.lower()
    if lower.endswith(texts.KEY_EXTENSIONS):
        return "key"
    if lower.endswith(texts.CSR_EXTENSIONS):
        return "csr"
    return "certificate" if lower.endswith(texts.CERTIFICATE_EXTENSIONS) else "unknown"


def read_yes_no(text: str) -> bool | None:
    """Read the answer of ``pki match`` or ``pki verify``. None: it does not say, which must not count as yes."""
    if texts.USAGE.search(text) or texts.UNKNOWN_COMMAND.search(text) or texts.NOT_PERMITTED.search(text):
        return None
    if texts.SAYS_NO.search(text):
        return False
    return True if texts.SAYS_YES.search(text) else None


@dataclasses.dataclass(frozen=True)
class CsrCreated:
    """The files that ``pki csr`` made."""

    key: str
    csr: str


def parse_csr_created(text: str) -> CsrCreated:
    """Read which files ``pki csr`` made. Raises NotUnderstood where it does not name exactly one of each."""
    names = dict.fromkeys(texts.CSR_FILES.findall(text))
    keys = [name for name in names if name.endswith(".key")]
    csrs = [name for name in names if name.endswith(".csr")]
    if len(keys) == 1 and len(csrs) == 1 and not any(texts.FAILURE.match(line) for line in text.splitlines()):
        return CsrCreated(keys[0], csrs[0])
    raise NotUnderstood(
        "the answer to 'pki csr'",
        "it does not name one key file and one CSR file",
        "look at 'pki list' to see what was made",
        text.splitlines(),
    )


def parse_version(text: str) -> str | None:
    """Read the version number, such as ``3.9.2``; None where there is none, or several."""
    if texts.USAGE.search(text) or texts.UNKNOWN_COMMAND.search(text):
        return None
    found: list[str] = list(dict.fromkeys(texts.VERSION.findall(text)))
    labelled: list[str] = [
        match
        for line in text.splitlines()
        if re.search(r"(?i)\bversion\b|\brelease\b", line)
        for match in texts.VERSION.findall(line)
    ]
    if labelled:
        return labelled[0]
    return found[0] if len(found) == 1 else None
