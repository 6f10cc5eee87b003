# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules about the files that settings name (guide 1.2.4, appendix B and C).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterator

from .._findings import ERROR, REMARK, WARNING
from .._rules.rule import Rule
from .._services import commands
from . import names
from .given import NARROW
from .looking import Broken, View, about, shown


def _extensions(view: View) -> Iterator[Broken]:
    for host, service, state in shown(view):
        named: dict[str, tuple[str, tuple[str, ...]]] = {}
        for slot in (state.get("slots") or {}).values():
            for part in ("key", "certificate", "bundle"):
                if slot.get(part):
                    named[str(slot[part])] = (
                        part,
                        names.KEY_EXTENSIONS if part == "key" else names.CERTIFICATE_EXTENSIONS,
                    )
        for trust, file in (state.get("trusts") or {}).items():
            if file:
                named[str(file)] = (f"{trust} trust", names.CERTIFICATE_EXTENSIONS)
        for file, (part, permitted) in sorted(named.items()):
            base, _dot, extension = file.rpartition(".")
            if not base or extension.lower() not in permitted:
                yield Broken(
                    f"{host.name} {file}",
                    f"is the {part} of {service.name}, and has no extension that the guide permits for it",
                    (host.name,),
                    "a new generation gets a permitted one; they are: " + ", ".join(permitted),
                    severity=WARNING,
                )


def _incomplete(view: View) -> Iterator[Broken]:
    """Find a leaf that is sent alone although a CA below the root issued it."""
    for held in view.held:
        if held.planned or held.self_signed or len(held.chain) != 1:
            continue
        above = [view.vouching.info(sha256) for sha256 in held.anchors if sha256 != held.chain[0]["sha256"]]
        issuer = next((info for info in above if info["subject"] == held.chain[0]["issuer"]), None)
        if issuer is None:
            text = f"is sent without the certificate of its issuer {held.chain[0]['issuer']}"
            yield about(held, text, severity=REMARK)
        elif not issuer["self_signed"]:
            yield about(held, f"is sent without its intermediate {issuer['subject']}", severity=WARNING)


def _locked(view: View) -> Iterator[Broken]:
    """Find services that are on and do not run: keys are not read, so this is all that shows of a locked one."""
    for host, service, state in shown(view):
        keys = [str(slot["key"]) for slot in (state.get("slots") or {}).values() if slot.get("key")]
        if keys and state.get("enabled") and state.get("running") is False and not host.waiting(service.name):
            yield Broken(
                f"{host.name} {service.name}",
                f"is switched on and does not run with {', '.join(keys)}: a key that is locked with a password, or "
                "that does not fit its certificate, is a reason",
                (host.name,),
                f"compare them ('{commands.PKI_MATCH}'), and unlock the key or upload it without a password",
            )


RULES: tuple[Rule, ...] = (
    Rule(
        "file-extension",
        ERROR,
        "B",
        "files that a setting names have an extension that the guide permits",
        "upload it under a name with one of the permitted extensions",
        _extensions,
        also=(WARNING,),
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "chain-incomplete",
        WARNING,
        "1.2.4",
        "a certificate is sent with its intermediates",
        "assign its bundle too; a new generation brings it",
        _incomplete,
        also=(REMARK,),
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "key-perhaps-locked",
        WARNING,
        "C",
        "a service that is on runs with its key, so the key is not locked",
        "unlock the key, or upload it without a password",
        _locked,
        lowerable=True,
        skips=(NARROW,),
    ),
)
