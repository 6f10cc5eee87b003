# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One parser per display. Unknown rows are kept, unknown states never count as healthy, a cut display is refused.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

from .._errors import NotUnderstood
from .._services import commands
from .._services.catalogue import ENABLED, LINK_KINDS, STATUS, Service, Slot
from .._text import printable
from . import terminal, texts
from .empty import is_nothing
from .masking import Masker
from .rows import Display, Row, fold, parse_display

_FILE = re.compile(r"[^\s/:]+\.(?:pem|crt|cer|der|key|csr|zip|bak|pub)", re.IGNORECASE)
_LISTEN = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*):([0-9]{1,5})")
_PORT = re.compile(r"[0-9]{1,5}")
_INTERFACE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_LISTED_NAME = re.compile(r"[^/:]*[^/:\s]\.[A-Za-z0-9]{1,10}")
#: An answer that is only a complaint has no more lines than this.
_COMPLAINT_LINES = 3


# Services ------------------------------------------------------------------------------------------------------------


def parse_service(service: Service, text: str, widest: int = 0) -> dict[str, Any]:
    """Read the display of a service into the survey's form.

    ``widest`` is the length of the longest line in other answers of the node.

    Keys: present, enabled, running (None: unknown), slots, trusts (a setting without a row is left out, nothing set is
    None), unknown_rows, and unknown_trusts: rows that may hold a trust setting which the catalogue does not know; and
    hosts, whom it dials, where the display tells. What another display shows (``tls sip``) is for ``settings``. A
    service that the node does not know gives present False and the detail. Raises NotUnderstood for text that is
    neither, and for a display that may have been cut where it matters; NothingOrLost where a longer line would tell.
    """
    display = parse_display(text, widest)
    service = _met(service, display)
    known = {fold(label) for label in service.rows}
    if not any(row.key in known for row in display.rows):
        return _absent(service, text)
    own = [trust for trust in service.trusts if not trust.show]
    needed = {kind.trust for kind in LINK_KINDS if kind.verifier == service.name}
    found = {
        "present": True,
        "enabled": _switch(display, service.labels(ENABLED)),
        "running": _running(display, service),
        "slots": {slot.name: _slot(service, slot, display, text) for slot in service.slots},
        "trusts": {
            trust.name: _file(service, f"{trust.name} trust", display, text)
            for trust in own
            if trust.name in needed or display.all(service.labels(f"{trust.name} trust"))
        },
        "unknown_rows": [[row.label, row.value] for row in _unknown(display, service, known)],
        "unknown_trusts": [
            [row.label, row.value]
            for row in [*_unknown(display, service, known), *_surplus(display, service)]
            if texts.TRUST_LABEL.search(row.label) and _may_be_file(row)
        ],
    }
    hosts = {meant.removesuffix(" host") for meant in service.rows.values() if meant.endswith(" host")}
    return {**found, "hosts": {name: _host(service, name, display) for name in sorted(hosts)}} if hosts else found


def files_in(text: str) -> set[str]:
    """Give everything in a text that looks like the name of a file: for displays that nobody understands (S3)."""
    return set(_FILE.findall(text))


def files_named(parsed: dict[str, Any]) -> set[str]:
    """Give every file that a parsed display names, in known rows and in unknown ones (S3: none of them is touched)."""
    named = {file for file in parsed.get("trusts", {}).values() if file}
    for slot in parsed.get("slots", {}).values():
        named |= {slot[part] for part in ("key", "certificate", "bundle") if slot[part]}
    for _label, value in [*parsed.get("unknown_rows", []), *parsed.get("unknown_trusts", [])]:
        named |= set(_FILE.findall(value))
    return named


def _met(service: Service, display: Display) -> Service:
    """Give a service with the labels of a display that nobody has seen and that its patterns take."""
    if not service.words:
        return service
    known = {fold(label) for label in service.rows}
    more: dict[str, str] = {}
    for row in display.rows:
        words = " ".join(re.split(r"[^a-z0-9]+", row.label.lower())).strip()
        meant = next((meaning for pattern, meaning in service.words.items() if re.search(pattern, words)), None)
        if row.key not in known and meant is not None:
            more.setdefault(row.label, meant)
    *labels, last = service.rows
    # What ends a display is the row that ends it in the catalogue, whatever else stands in between.
    rows = {label: service.rows[label] for label in labels} | more | {last: service.rows[last]}
    return dataclasses.replace(service, rows=rows)


def _host(service: Service, name: str, display: Display) -> str | None:
    """Give the host a service dials; None where it is not set, or cannot be read for sure."""
    rows = [row for row in display.all(service.labels(f"{name} host")) if row.setting and row.ended]
    values = {row.value.lower() for row in rows if not row.continuation and texts.HOST.fullmatch(row.value)}
    return values.pop() if len(values) == 1 and len(rows) == 1 else None


def says_absent(detail: str) -> bool:
    """Say whether the detail of a service that is not present says so, and not only that something failed."""
    return any(
        pattern.search(detail) for pattern in (texts.USAGE, texts.UNKNOWN_COMMAND, texts.ABSENT_SERVICE)
    ) and not texts.NOT_PERMITTED.search(detail)


def _unknown(display: Display, service: Service, known: set[str]) -> list[Row]:
    return [row for row in display.rows if row.key not in known and not _extra_listener(service, row)]


def _extra_listener(service: Service, row: Row) -> bool:
    """Say whether this is one of the rows that a service without a listening label prints per interface."""
    without = any(
        service.labels(f"{slot.name} port") and not service.labels(f"{slot.name} listen") for slot in service.slots
    )
    listens = bool(texts.LISTEN_LABEL.search(row.label))
    return without and listens and (row.setting is None or _interfaces(row.value) is not None)


def _surplus(display: Display, service: Service) -> list[Row]:
    """Give the second and further values of a trust row that repeats: only one can be looked after."""
    surplus: list[Row] = []
    for trust in service.trusts:
        rows = [row for row in display.all(service.labels(f"{trust.name} trust")) if row.setting]
        surplus += [row for row in rows[1:] if row.setting != rows[0].setting]
    return surplus


def _absent(service: Service, text: str) -> dict[str, Any]:
    detail = complains(text)
    if detail is not None:
        return {"present": False, "detail": detail}
    raise _not_understood(service, "it has no row that is known" if text.strip() else "it is empty", text)


def complains(text: str) -> str | None:
    """Give the words with which a node says that it does not know a command; None where it says something else."""
    lines = [line.strip() for line in Masker().text(text).splitlines() if line.strip()]
    told = "\n".join(lines)
    complaint = bool(texts.USAGE.search(told) or (lines and texts.UNKNOWN_COMMAND.match(lines[0]))) or (
        # In a long text such words stand for something else.
        len(lines) <= _COMPLAINT_LINES
        and (
            any(pattern.search(told) for pattern in (texts.UNKNOWN_COMMAND, texts.ABSENT_SERVICE))
            or any(texts.FAILURE.match(line) for line in lines)
        )
    )
    return " | ".join(lines[:5]) if complaint and not texts.NOT_PERMITTED.search(told) else None


def _not_understood(service: Service, reason: str, text: str, next_step: str = "") -> NotUnderstood:
    return NotUnderstood(
        f"the display of {service.name}",
        reason,
        next_step or f"run '{service.show}' by hand and compare; a cut display or another version may be the cause",
        Masker().text(text).splitlines(),
    )


def _missing(service: Service, meaning: str, text: str) -> NotUnderstood:
    label = next(iter(service.labels(meaning)), meaning)
    return _not_understood(service, f"the row {label!r} is missing", text)


def _switch(display: Display, labels: Iterable[str]) -> bool | None:
    states = {_truth(row.value) for row in display.all(labels)}
    return states.pop() if len(states) == 1 else None


def _truth(value: str) -> bool | None:
    word = value.strip().lower()
    return True if word in texts.ON_WORDS else False if word in texts.OFF_WORDS else None


def _running(display: Display, service: Service) -> bool | None:
    rows = display.all(service.labels(STATUS))
    if len(rows) != 1 or not service.running_text:
        return None
    value = rows[0].value
    if texts.NOT_RUNNING.search(value):
        return False
    if not rows[0].ended or rows[0].continuation:
        return None
    # The whole phrase is the state: with a word more it may mean something else.
    words = value.lower().split()
    expected = service.running_text.lower().split()
    return True if words in (expected, [service.name, *expected]) else None


def _slot(service: Service, slot: Slot, display: Display, text: str) -> dict[str, Any]:
    parts = ("key", "certificate")
    missing = [part for part in parts if not display.all(service.labels(f"{slot.name} {part}"))]
    torn = any(_torn(display, service.labels(f"{slot.name} {part}")) for part in parts)
    if slot.tls_optional and len(missing) == 2 and not torn and _goes_on(service, slot, display):
        missing = []
    if missing:
        raise _missing(service, f"{slot.name} {missing[0]}", text)
    bundle = service.labels(f"{slot.name} bundle")
    files = {part: _file(service, f"{slot.name} {part}", display, text) for part in ("key", "certificate", "bundle")}
    cut = _torn(display, bundle) or not _goes_on(service, slot, display)
    # One command sets all three: without the others there is no bundle.
    if bundle and not display.all(bundle) and cut and (files["key"] or files["certificate"]):
        raise _missing(service, f"{slot.name} bundle", text)
    return {**files, "listen": _listen(service, slot, display)}


def _goes_on(service: Service, slot: Slot, display: Display) -> bool:
    """Say whether the display has anything that comes after the files of a slot: then it was not cut before them."""
    rows = list(service.rows)
    last = max((rows.index(label) for label in rows if service.rows[label] in _file_rows(slot)), default=len(rows))
    later = {fold(label) for label in rows[last + 1 :]}
    return any(row.key in later or _extra_listener(service, row) for row in display.rows)


def _torn(display: Display, labels: Iterable[str]) -> bool:
    """Say whether a line is the beginning of one of these labels and no more: then its row was torn apart."""
    return any(fold(label).startswith(fold(line)) for label in labels for line in display.stray)


def _file_rows(slot: Slot) -> list[str]:
    return [f"{slot.name} {part}" for part in ("key", "certificate", "bundle")]


def _file(service: Service, meaning: str, display: Display, text: str) -> str | None:
    """Give the file of a row. A key or certificate that is shown twice with different files cannot be judged."""
    shown = display.all(service.labels(meaning))
    keys = {fold(label) for label in service.rows}
    known = [row for row in display.rows if row.key in keys or _extra_listener(service, row)]
    last = fold([*service.rows][-1])
    rows = [
        row
        for row in shown
        # Where nobody has seen a display, any row may be its last.
        if not is_nothing(row, display, known, service.show, text, row.key == last or bool(service.words))
        and _names_file(service, row, text)
    ]
    if meaning.endswith(" trust") and not shown:
        raise _missing(service, meaning, text)
    if len({row.setting for row in rows}) > 1 and not meaning.endswith(" trust"):
        raise _not_understood(
            service,
            f"the row {rows[0].label!r} is there more than once, with different files",
            text,
            f"run '{service.show}' by hand and see which one is in use",
        )
    return rows[0].setting if rows else None


def _names_file(service: Service, row: Row, text: str) -> bool:
    """Say whether a row names a file; raise NotUnderstood for what may be only the beginning of a name."""
    whole = row.ended and not row.continuation
    if row.value.lower() == texts.NOTHING:
        return False
    base, dot, extension = row.value.rpartition(".")
    legal = f".{extension.lower()}" in texts.ASSIGNED_EXTENSIONS
    begun = any(known.startswith(f".{extension.lower()}") for known in texts.ASSIGNED_EXTENSIONS)
    if base and dot and not any(char.isspace() for char in row.value) and (legal or (whole and not begun)):
        return True
    raise _not_understood(
        service, f"the row {row.label!r} has {row.value!r}, which is no whole name of a file, and not 'none'", text
    )


def _may_be_file(row: Row) -> bool:
    return row.setting is not None and _truth(row.value) is None and row.value != texts.MASK


def _listen(service: Service, slot: Slot, display: Display) -> list[dict[str, Any]]:
    """Read where a slot listens: ``a:443 c:8443``, or interfaces with the port of another row or of the catalogue.

    An interface of None means that the display does not tell it. What cannot be read is left out: such a listener
    counts as not proven, never as healthy.
    """
    port = slot.port
    for row in display.all(service.labels(f"{slot.name} port")):
        whole = row.ended and not row.continuation.isdigit()
        port = int(row.value) if whole and _PORT.fullmatch(row.value) and 0 < int(row.value) < 65536 else None
    labels = service.labels(f"{slot.name} listen")
    if not labels:
        rows = [row for row in display.rows if texts.LISTEN_LABEL.search(row.label) and row.setting]
        found = [pair for row in rows for pair in _interfaces(row.value) or []]
        # Those rows name the relay's interfaces, and may name its own port: TLS is on the port of the other row.
        names = list(dict.fromkeys(name for name, _port in found)) or [None]
        return [{"interface": name, "port": port} for name in names if port]
    listen: list[dict[str, Any]] = []
    for row in display.all(labels):
        joined = row.value + row.continuation
        torn = not row.ended or (row.continuation and (joined.lower() == texts.NOTHING or _interfaces(joined)))
        value = row.value
        if texts.TRANSPORT.search(value):
            # One value for several transports: the certificate is shown on the one with TLS.
            value = " ".join(found.group(1) for found in texts.TLS_TRANSPORT.finditer(value))
        for name, own_port in (_interfaces(value) if row.setting and not torn else None) or []:
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
    Raises NotUnderstood for text that is no list, or that ends in the middle of a name.
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
            files[printable(name)] = kind_by_name(name)
        else:
            strange.append(line)
    told = "\n".join(strange)
    complaint = texts.UNKNOWN_COMMAND.search(told) or any(texts.FAILURE.match(line) for line in strange)
    if texts.USAGE.search(text) or complaint or (strange and not heading and not files):
        raise _no_list(
            "it is no list of files", f"run '{commands.PKI_LIST}' by hand; the user may lack the role for it", text
        )
    *_lines, rest = text.split("\n")
    if rest.strip() and not rest.strip().lower().endswith(texts.LISTED_EXTENSIONS):
        raise _no_list(f"it ends in the middle of a line, {rest.strip()!r}", "run the playbook again", text)
    return files


def _no_list(reason: str, next_step: str, text: str) -> NotUnderstood:
    return NotUnderstood(f"the answer to '{commands.PKI_LIST}'", reason, next_step, text.splitlines())


def kind_by_name(name: str) -> str:
    """Say what the name of a file says it is: key, csr, certificate, or unknown."""
    lower = name.lower()
    if lower.endswith(texts.KEY_EXTENSIONS):
        return "key"
    if lower.endswith(texts.CSR_EXTENSIONS):
        return "csr"
    return "certificate" if lower.endswith(texts.CERTIFICATE_EXTENSIONS) else "unknown"


def may_hold_certificates(name: str) -> bool:
    """Say whether the name of a file leaves open that it holds certificates, or a key."""
    return name.lower().endswith(texts.AMBIGUOUS_EXTENSIONS)


def names_file(text: str, name: str) -> bool:
    """Say whether a text, such as the answer to ``pki``, names a file."""
    return any(name in (word, word.strip(",;:\"'()")) for word in text.split())


def read_yes_no(text: str) -> bool | None:
    """Read the answer of ``pki match`` or ``pki verify``. None: it does not say, which must not count as yes.

    An answer that does not end its last line may have lost the word that matters.
    """
    text = "\n".join(terminal.plain_lines(text))
    if texts.USAGE.search(text) or texts.UNKNOWN_COMMAND.search(text) or texts.NOT_PERMITTED.search(text):
        return None
    if texts.SAYS_NO.search(text):
        return False
    whole = text.endswith("\n") and not any(texts.SAYS_PERHAPS.search(line) for line in text.splitlines())
    return True if whole and texts.SAYS_YES.search(text) else None


def parse_version(text: str) -> str | None:
    """Read the version number, such as ``3.9.2``; None where there is none, or several, or where it may be cut."""
    if texts.USAGE.search(text) or texts.UNKNOWN_COMMAND.search(text):
        return None
    *lines, _unfinished = text.split("\n")
    found: list[str] = list(dict.fromkeys(number for line in lines for number in texts.VERSION.findall(line)))
    labelled: list[str] = [
        match for line in lines if texts.VERSION_LABEL.search(line) for match in texts.VERSION.findall(line)
    ]
    if labelled:
        return labelled[0]
    return found[0] if len(found) == 1 else None
