# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every display that the reference allows, and what it says: written from the reference, not from the parsers' tables.

A display is drawn as values, then printed with the liberties of the first of its ten rules. What it says is worked out
here from the values.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import strategies as st

LABEL_ROWS: dict[str, tuple[tuple[str, str], ...]] = {
    "webadmin": (
        ("Enabled", "flag"),
        ("TLS listening interface", "interface"),
        ("TLS listening port", "port"),
        ("Key file", "key"),
        ("Certificate file", "file"),
        ("CA Bundle file", "bundle, absent when none is set"),
        ("HTTP redirect", "switch"),
        ("STATUS", "state"),
    ),
    "callbridge": (
        ("Listening interfaces", "interfaces"),
        ("Preferred interface", "interface"),
        ("Key file", "key"),
        ("Certificate file", "file"),
        ("Address", "none"),
        ("CA Bundle file", "bundle, absent when none is set"),
        ("C2W trusted certs", "trust"),
        ("Callbridge cluster trusted certs", "trust"),
        ("Callbridge trust branding certs", "trust"),
        ("UCM trusted certs", "trust of 3.8"),
        ("UCM verification mode", "switch of 3.8"),
        ("IMPS trusted certs", "trust of 3.8"),
        ("IMPS verification mode", "switch of 3.8"),
        ("WC3 JWT Expiry in hours", "number"),
    ),
    "webbridge3": (
        ("Enabled", "flag"),
        ("HTTPS listening ports and interfaces", "places"),
        ("HTTPS Key file", "key"),
        ("HTTPS Full chain certificate file", "file"),
        ("HTTPS Frame-Ancestors", "none"),
        ("HTTP redirect", "switch"),
        ("C2W listening ports and interfaces", "places"),
        ("C2W Key file", "key"),
        ("C2W Full chain certificate file", "file"),
        ("C2W Trust bundle", "trust"),
        ("Meetingapps address", "none"),
        ("Meetingapps port", "none"),
        ("Audio priority flag", "switch"),
        ("Beta options", "none"),
    ),
    "turn": (
        ("Enabled", "flag"),
        ("Username", "word"),
        ("Password", "word"),
        ("Short term credentials", "switch"),
        ("Shared Secret", "word"),
        ("Realm", "word"),
        ("Public IP", "none"),
        ("High capacity mode", "switch"),
        ("Relay address", "word"),
        ("TLS port", "port"),
        ("TLS cert", "file"),
        ("TLS key", "key"),
        ("TLS bundle", "bundle"),
        ("Listening interface", "one row each"),
    ),
    "recorder": (
        ("Enabled", "flag"),
        ("SIP interfaces", "transports"),
        ("SIP key file", "key"),
        ("SIP certificate file", "file"),
        ("SIP CA Bundle file", "bundle, absent when none is set"),
        ("SIP traffic trace", "switch"),
        ("NFS domain name", "none"),
        ("NFS directory", "word"),
        ("Resolution", "word"),
        ("Call Limit", "none"),
    ),
    "streamer": (
        ("Enabled", "flag"),
        ("SIP interfaces", "transports"),
        ("SIP key file", "key"),
        ("SIP certificate file", "file"),
        ("SIP CA Bundle file", "bundle, absent when none is set"),
        ("SIP traffic trace", "switch"),
        ("SIP resolution", "word"),
        ("Call Limit", "none"),
    ),
    "scheduler": (
        ("Enabled", "flag"),
        ("HTTPS listening ports and interfaces", "places"),
        ("HTTPS Key file", "key"),
        ("HTTPS Full chain certificate file", "file"),
        ("C2W Key file", "key"),
        ("C2W Full chain certificate file", "file"),
        ("C2W Trust bundle", "trust"),
    ),
    "meetingapps": (
        ("Enabled", "flag"),
        ("HTTPS listening ports and interfaces", "places"),
        ("HTTPS Key file", "key"),
        ("HTTPS Full chain certificate file", "file"),
    ),
    "uploader": (
        ("Enabled", "flag"),
        ("NFS domain name", "none"),
        ("CMS hostname", "word"),
        ("cms_port", "port"),
        ("CMS trust bundle", "trust"),
        ("Rev hostname", "none"),
        ("Rev trust bundle", "trust"),
    ),
}
#: Other labels that the displays nobody has seen may as well have.
OTHER_LABELS: dict[str, list[dict[str, str]]] = {
    "scheduler": [
        {
            "HTTPS listening ports and interfaces": "https listen",
            "HTTPS Key file": "https key",
            "HTTPS Full chain certificate file": "https cert",
            "C2W Key file": "c2w key",
            "C2W Full chain certificate file": "c2w cert",
            "C2W Trust bundle": "c2w trust",
        },
        {
            "Enabled": "Scheduler enabled",
            "HTTPS listening ports and interfaces": "https_listening_interface",
            "HTTPS Key file": "https_key_file",
            "HTTPS Full chain certificate file": "https_certificate_file",
            "C2W Key file": "c2w_key_file",
            "C2W Full chain certificate file": "c2w_certificate_file",
            "C2W Trust bundle": "c2w_trusted_certs",
        },
    ],
    "meetingapps": [
        {
            "HTTPS listening ports and interfaces": "listen",
            "HTTPS Key file": "key",
            "HTTPS Full chain certificate file": "cert",
        },
        {
            "Enabled": "MeetingApps enabled",
            "HTTPS listening ports and interfaces": "Listening interface",
            "HTTPS Key file": "Key file",
            "HTTPS Full chain certificate file": "Certificate file",
        },
    ],
    "uploader": [
        {
            "CMS hostname": "cms_host",
            "CMS trust bundle": "cms_trust_bundle",
            "Rev hostname": "rev_host",
            "Rev trust bundle": "rev_trust_bundle",
        },
        {
            "CMS hostname": "Meeting Server address",
            "CMS trust bundle": "CMS trust",
            "Rev hostname": "Vbrick Rev host",
            "Rev trust bundle": "Vbrick Rev trust",
        },
    ],
}
#: Which rows are the key, the certificate and the bundle of a slot.
SLOT_FILES = {
    "webadmin": {"webadmin": ("Key file", "Certificate file", "CA Bundle file")},
    "callbridge": {"callbridge": ("Key file", "Certificate file", "CA Bundle file")},
    "webbridge3": {
        "https": ("HTTPS Key file", "HTTPS Full chain certificate file", None),
        "c2w": ("C2W Key file", "C2W Full chain certificate file", None),
    },
    "turn": {"turn": ("TLS key", "TLS cert", "TLS bundle")},
    "recorder": {"recorder": ("SIP key file", "SIP certificate file", "SIP CA Bundle file")},
    "streamer": {"streamer": ("SIP key file", "SIP certificate file", "SIP CA Bundle file")},
    "scheduler": {
        "https": ("HTTPS Key file", "HTTPS Full chain certificate file", None),
        "c2w": ("C2W Key file", "C2W Full chain certificate file", None),
    },
    "meetingapps": {"meetingapps": ("HTTPS Key file", "HTTPS Full chain certificate file", None)},
    "uploader": {},
}
TRUSTS = {
    "callbridge": {
        "c2w": "C2W trusted certs",
        "cluster": "Callbridge cluster trusted certs",
        "branding": "Callbridge trust branding certs",
        "ucm": "UCM trusted certs",
        "imps": "IMPS trusted certs",
    },
    "webbridge3": {"c2w": "C2W Trust bundle"},
    "scheduler": {"c2w": "C2W Trust bundle"},
    "uploader": {"cms": "CMS trust bundle", "rev": "Rev trust bundle"},
}

BASES = st.text("abcxyz0189-", min_size=1, max_size=16).filter(lambda base: base.strip("-") == base)
KEYS = st.builds("{}{}".format, BASES, st.sampled_from([".key", ".pem", ".der"]))
FILES = st.builds("{}{}".format, BASES, st.sampled_from([".crt", ".cer", ".pem", ".der", ".PEM"]))
INTERFACES = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True)
PORTS = st.integers(1, 65535)
WORDS = st.text("abcXYZ019", min_size=1, max_size=12)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "flag": st.booleans(),
    "switch": st.booleans(),
    "interface": st.sampled_from("abcd") | st.none(),
    "interfaces": INTERFACES | st.none(),
    "places": st.lists(st.tuples(st.sampled_from("abcd"), PORTS), min_size=1, max_size=4, unique=True) | st.none(),
    "transports": st.tuples(*[st.tuples(st.sampled_from("abcd"), PORTS) | st.none()] * 2),
    "port": PORTS | st.none(),
    "key": KEYS,
    "file": FILES,
    "bundle": FILES | st.none(),
    "trust": FILES | st.none(),
    "number": st.integers(1, 99),
    "none": st.none(),
    "word": WORDS,
    "state": st.sampled_from(["webadmin running", "webadmin not running", "webadmin stopped", "webadmin starting"]),
    "one row each": INTERFACES,
}


@dataclasses.dataclass(frozen=True)
class Shown:
    """A display: what its rows hold, and the rows as printed, label and value; ``called`` is what labels are there."""

    service: str
    values: dict[str, Any]
    rows: list[tuple[str, str]]
    called: dict[str, str] = dataclasses.field(default_factory=dict)

    def file(self, label: str | None) -> str | None:
        value = self.values.get(label or "")
        return value if value is None else str(value)

    def says(self) -> dict[str, Any]:
        """Say what an administrator reads from it."""
        slots = {}
        for slot, (key, certificate, bundle) in SLOT_FILES[self.service].items():
            files = {"key": self.file(key), "certificate": self.file(certificate), "bundle": self.file(bundle)}
            slots[slot] = {**files, "listen": self.listens(slot)}
        trusts = {
            name: self.file(label) for name, label in TRUSTS.get(self.service, {}).items() if label in self.values
        }
        state = (
            {"webadmin running": True}.get(self.values.get("STATUS", ""), False) if "STATUS" in self.values else None
        )
        return {"enabled": self.values.get("Enabled"), "running": state, "slots": slots, "trusts": trusts}

    def listens(self, slot: str) -> list[dict[str, Any]]:
        values = self.values
        if self.service in ("webbridge3", "scheduler", "meetingapps"):
            label = {"c2w": "C2W"}.get(slot, "HTTPS") + " listening ports and interfaces"
            return [{"interface": name, "port": port} for name, port in values.get(label) or []]
        if self.service in ("recorder", "streamer"):
            _tcp, tls = values["SIP interfaces"]
            return [{"interface": tls[0], "port": tls[1]}] if tls else []
        if self.service == "webadmin":
            names, port = [values["TLS listening interface"]], values["TLS listening port"]
        elif self.service == "callbridge":
            names, port = values["Listening interfaces"] or [], 5061
        else:
            names, port = values["Listening interface"], values["TLS port"]
        return [{"interface": name, "port": port} for name in names if name and port]


def printed(kind: str, value: Any, nothing: str) -> str:
    if value is None:
        return nothing
    if kind.startswith("switch"):
        return "Enabled" if value else "Disabled"
    if kind == "flag":
        return "true" if value else "false"
    if kind == "interfaces":
        return " ".join(value)
    if kind == "transports":
        shown = ["none" if place is None else f"{place[0]}:{place[1]}" for place in value]
        return f"tcp {shown[0]}, tls {shown[1]}"
    if kind == "places":
        return " ".join(f"{name}:{port}" for name, port in value)
    return str(value)


@st.composite
def displays(draw: st.DrawFn, service: str | None = None, words: tuple[str, ...] = ("none", "none", "")) -> Shown:
    """Draw a display of a version from 3.0 on, with one of these words for nothing in it."""
    nothing = draw(st.sampled_from(words))
    name = service or draw(st.sampled_from(sorted(LABEL_ROWS)))
    old = draw(st.booleans())
    # One command sets key, certificate and bundle: there is no bundle without them.
    bare = draw(st.booleans())
    values: dict[str, Any] = {}
    rows: list[tuple[str, str]] = []
    called = draw(st.sampled_from([{}, *OTHER_LABELS.get(name, [])]))
    for label, kind in LABEL_ROWS[name]:
        if kind.endswith("of 3.8") and old:
            continue
        what = kind.partition(",")[0].partition(" of ")[0]
        value = None if bare and what in ("key", "file", "bundle") else draw(VALUES[what])
        if kind.endswith("absent when none is set") and value is None:
            continue
        values[label] = value
        printed_as = called.get(label, label)
        rows += (
            [(label, one) for one in value] if kind == "one row each" else [(printed_as, printed(kind, value, nothing))]
        )
    return Shown(name, values, rows, called)


PADDINGS = st.tuples(st.integers(0, 30), st.integers(0, 5)).filter(any)
COLONS = PADDINGS.map(lambda pad: " " * pad[0] + ":" + " " * pad[1])
GAPS = st.integers(2, 30).map(lambda width: " " * width) | st.just("\t")
COLOURS = st.sampled_from(
    ["", "", "", "\x1b[0m", "\x1b[1;32m", "\x1b[K", "\x1b(B", "\x1b]0;title\x07", "--More--\r        \r"]
)
CASES = st.sampled_from([str, str.lower, str.upper, str.title])
#: Rows and lines that nobody knows; none of them holds a file.
NOISE = st.one_of(
    st.builds("X{} extra : {}".format, WORDS, WORDS),
    st.builds("X{} extra    {}".format, WORDS, WORDS),
    st.just("XTRUST store : disabled"),
    st.just(""),
)
STRAYS = st.builds("(X{})".format, WORDS) | st.just("*** notice: this is for administrators only ***")


@st.composite
def lines_of(draw: st.DrawFn, shown: Shown, noise: bool = True, strays: bool = False) -> list[str]:
    """Print a display with the liberties of rule 1: padding, case, rows without a colon, what nobody knows."""
    cased = draw(CASES)
    lines = []
    for label, value in shown.rows:
        words = value.lower() in ("none", "true", "false", "enabled", "disabled") or label == "STATUS"
        one = draw(CASES)(value) if words else value
        # Without a colon and a value there would be no row.
        gap = draw(st.one_of(*([GAPS] if one else []), *[COLONS] * 4))
        lines.append(f"{cased(label)}{gap}{one}")
    extra = st.one_of(NOISE, STRAYS) if strays else NOISE
    for line in draw(st.lists(extra, max_size=4)) if noise else []:
        lines.insert(draw(st.integers(0, len(lines))), line)
    return lines


@st.composite
def texts_of(draw: st.DrawFn, shown: Shown, **how: bool) -> str:
    """Give the text of a display as it may come: with colours, any line ending, and the last line ended."""
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return "".join(f"{draw(COLOURS)}{line}{end}" for line in draw(lines_of(shown, **how)))
