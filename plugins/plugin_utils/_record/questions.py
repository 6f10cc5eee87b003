# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the recorder asks a node, all of it, and what it never asks. docs/recording.md is compared with these tables.

Every command either displays something or is one that the node must refuse. Why the refused ones are safe: a command
line that has words for settings can only act on words it knows. The word used is the beginning of no command and has no
command as its beginning, so neither an abbreviation nor a completion turns it into one, and it stands only where the
appliance expects a keyword, never where a setting takes a free value (``hostname WORD`` would set one).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from .._services import catalogue, commands

#: A word that is no keyword anywhere, and files that do not exist.
NO_WORD = "zz-certops-unknown"
NO_FILE = "zz-certops-absent"

#: Commands whose usage is asked for.
_EXPLAINED = (*(row.name for row in catalogue.SERVICES), commands.PKI, "tls", "database")

#: What is asked of a key and the certificate beside it: the answer should be yes.
PAIR = "a key and its certificate"

#: How many questions of one kind are asked about files.
MOST_PER_KIND = 4


@dataclasses.dataclass(frozen=True)
class Question:
    """One command: what it is asked for, and whether it is asked in the shell too where exec channels work."""

    command: str
    purpose: str
    in_shell: bool = False


def fixed() -> list[Question]:
    """Give the commands that every node is asked, in their order."""
    return list(_fixed())


def _fixed() -> Iterator[Question]:
    yield Question(commands.VERSION, "software version", in_shell=True)
    for row in catalogue.SERVICES:
        yield Question(row.show, f"display of {row.name}", in_shell=True)
    yield Question(commands.PKI_LIST, "names of the files", in_shell=True)
    yield Question(commands.PKI, "which service uses which file", in_shell=True)
    for name in commands.SETTING_DISPLAYS:
        yield Question(name, f"display of {name}", in_shell=True)
    for name in commands.OTHER_DISPLAYS:
        yield Question(name, f"display of {name.removesuffix(' status')}")
    for row in catalogue.SERVICES:
        yield Question(f"{row.name} status", f"status of {row.name}, or how it is refused")
    yield Question(commands.HELP, "names of the commands, a long answer", in_shell=True)
    for name in _EXPLAINED:
        yield Question(f"{commands.HELP} {name}", f"usage of {name}")
    yield Question(NO_WORD, "how an unknown command is refused", in_shell=True)
    for command in (commands.VERSION, catalogue.WEBADMIN.name, commands.PKI, commands.HELP):
        yield Question(f"{command} {NO_WORD}", "how wrong arguments are refused")
    yield Question(f"{commands.PKI_INSPECT} {NO_FILE}.crt", "how a missing file is refused")
    yield Question(commands.pki_match(f"{NO_FILE}.key", f"{NO_FILE}.crt"), "how missing files are refused")


def about_files(services: Mapping[str, Mapping[str, Any]]) -> list[Question]:
    """Give the questions about files that settings name: ``services`` are displays as the parsers read them.

    A key is named only to ``pki match``, which compares it on the node and prints a verdict; never to ``pki inspect``.
    """
    pairs = [pair for row in services.values() for pair in _pairs(row)]
    certificates = dict.fromkeys(name for _key, name, _bundle in pairs)
    trusts = dict.fromkeys(name for row in services.values() for name in (row.get("trusts") or {}).values() if name)
    bundles = dict.fromkeys([*(bundle for _key, _name, bundle in pairs if bundle), *trusts])
    found = [
        Question(f"{commands.PKI_INSPECT} {name}", "what a certificate file is shown as", in_shell=number == 0)
        for number, name in enumerate([*list(certificates)[: MOST_PER_KIND - 1], *list(bundles)[:1]])
    ]
    found += [Question(commands.pki_match(key, name), PAIR) for key, name, _b in pairs[:MOST_PER_KIND]]
    found += [
        Question(commands.pki_match(key, other), "a key and another certificate")
        for (key, name, _b), (_key, other, _bundle) in itertools.pairwise(pairs)
        if other != name
    ][:1]
    found += [
        Question(commands.pki_verify(name, bundle), "a certificate and a bundle")
        for _key, name, own in pairs
        for bundle in ([own] if own else list(trusts)[:1])
    ][:MOST_PER_KIND]
    found += [
        Question(commands.pki_verify(name, other), "a certificate and what does not vouch for it")
        for name, other in itertools.pairwise(certificates)
    ][:1]
    return list({question.command: question for question in found if _plain(question.command)}.values())


def _pairs(state: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    for slot in (state.get("slots") or {}).values():
        if slot.get("key") and slot.get("certificate"):
            yield slot["key"], slot["certificate"], slot.get("bundle")


def _plain(command: str) -> bool:
    """Say whether a command holds nothing but bare names: what a display shows is not typed back unseen."""
    return all(char.isalnum() or char in " ._-" for char in command) and len(command) < 300


#: Kinds of questions about files, as documented.
ABOUT_FILES = {
    f"{commands.PKI_INSPECT} <certificate>": "what a certificate file is shown as",
    commands.pki_match("<key>", "<certificate>"): "a key and its certificate, and one that is another's",
    commands.pki_verify("<certificate>", "<bundle>"): "a certificate and a bundle, and what does not vouch for it",
}

#: What is read over the REST API: of what a survey reads, that which every plan needs.
API_PATHS = (
    "system/status",
    "callBridgeGroups",
    "callBridgeGroups/<id>",
    "callBridges",
    "callBridges/<id>",
    "webBridges",
    "webBridges/<id>",
    "webBridges/<id>/status",
)

#: What is never read, in the words of the documentation.
NEVER = {
    "private keys": "no file is opened that ends in `.key`, `.p12` or `.pfx`, is listed as a key, or is set as one",
    "users": f"`{commands.USER_LIST}` and `{commands.USER_INFO}` are not sent",
    "logs and calls": "no log, no packet capture, no call, participant, space or user of the API",
    "the configuration as a whole": "`live.json`, backups (`.bak`) and licence files are not opened",
    "network and system settings": "`ipv4`, `ipv6`, `dns`, `ntp`, `syslog`, `hostname`, `ssh` are not sent",
    "listeners": "nothing connects to the TLS ports of the node but the API's own connection",
}
