# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what was heard to what may be shown: a recording, masked, with a summary on top.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from .._errors import FileProblem
from .._mmp import terminal
from .certificates import Certificates
from .document import FORMAT, Block, shown, shown_elements, written
from .listener import Account, Heard
from .masking import Mask
from .pseudonyms import HOST, USER
from .questions import NEVER, NO_WORD
from .tape import SENT, Tape


@dataclasses.dataclass(frozen=True)
class About:
    """What the control node knows of a node, to be masked, and of itself, to be told."""

    hosts: tuple[str, ...]
    users: tuple[str, ...]
    taken_at: str
    libraries: Mapping[str, str]
    whole_certificates: bool = False


def compose(account: Account, about: About, mask: Mask) -> dict[str, Any]:
    """Give the recording of one node."""
    certificates = Certificates(mask, about.whole_certificates)
    _learn(account, about, mask, certificates)
    body: dict[str, Any] = {
        "login": {
            "logins": account.logins,
            "server": mask.text(account.software, keep_numbers=True),
            "banner": shown(mask.wire("\n".join(account.banner).encode(), prose=True)),
        },
        "shell": [_opening(tape, mask) for tape in account.shells],
        "commands": [_command(one, mask) for one in account.heard],
        "files": _files(account, mask, certificates),
        "certificates": certificates.told(),
        "api": [_answer(one, mask) for one in account.api],
    }
    return {"recording": FORMAT, "summary": _summary(account, about, mask, body), **body}


def render(recording: dict[str, Any], mask: Mask, node: str) -> str:
    """Give the recording as text. Raises FileProblem where something in it should have been masked and is not."""
    text = written(recording)
    left = mask.residue(text)
    if left:
        raise FileProblem(
            f"{node}, the recording",
            f"something that should have been masked was still in it ({', '.join(left)}), so no file was written",
            "report this as a fault of the recorder, with the kinds named here and without the node's output",
        )
    return text


def _learn(account: Account, about: About, mask: Mask, certificates: Certificates) -> None:
    """Find every name before anything is masked: one that an answer shows may stand in any other."""
    for host in (*about.hosts, (account.prompt or "").strip().rstrip(">")):
        mask.name(HOST, host)
    for user in about.users:
        mask.name(USER, user)
    for name, data in account.files.items():
        certificates.learn(data, name)
    for one in account.heard:
        if not _is_help(one):
            mask.learn(terminal.decode(one.tape.received))
    for answer in account.api:
        mask.learn(bytes(answer["body"]).decode("utf-8", "replace"))


def _is_help(one: Heard) -> bool:
    return one.question.command.split()[0] in ("help", NO_WORD)


def _summary(account: Account, about: About, mask: Mask, body: Mapping[str, Any]) -> dict[str, Any]:
    channels = [one.channel for one in account.heard]
    files = account.listing or {}
    version = account.answer("version")
    summary: dict[str, Any] = {
        "what_this_is": (
            "answers of one Meeting Server to commands that display something, made by certops.cms.record;"
            " nothing on the server was changed; docs/recording.md says more"
        ),
        "taken_at": about.taken_at,
        "made_with": dict(about.libraries),
        "version": mask.text(" ".join((version or "unknown").split()), keep_numbers=True),
        "read": {
            "logins": account.logins,
            "commands in exec channels": channels.count("exec"),
            "commands in the shell": channels.count("shell"),
            "file names listed": len(files),
            "certificate files read": len(account.files),
            "certificates": (
                "whole, because the option says so" if about.whole_certificates else "described, not included"
            ),
            "answers of the REST API": len(account.api),
        },
        "exec_channels_work": account.exec_works,
    }
    summary["failed"] = [{"what": mask.text(what), "why": mask.text(why)} for what, why in account.failed]
    summary["cut_short"] = mask.text(str(account.cut_short.reason)) if account.cut_short else None
    summary["not_understood"] = [{"what": mask.text(what), "why": mask.text(why)} for what, why in account.strange]
    summary["never_read"] = dict(NEVER)
    summary["masked"] = mask.counts()
    return summary


def _timing(tape: Tape) -> str:
    if tape.first is None:
        return "nothing came"
    return f"first byte after {tape.first:.3f} s, last after {tape.last:.3f} s, {tape.chunks} chunks"


def _opening(tape: Tape, mask: Mask) -> dict[str, Any]:
    """Give what a shell said before and with its first prompt: the prompt is masked as a name, the rest as prose."""
    parts = []
    for way, data in tape.parts:
        text = bytes(data)
        if way != SENT:
            welcome, prompt = _split_prompt(text)
            text = mask.wire(welcome, prose=True) + mask.wire(prompt)
        parts.append({way: shown(text)})
    return {"timing": _timing(tape), "exchange": parts}


def _split_prompt(data: bytes) -> tuple[bytes, bytes]:
    at = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
    return data[:at], data[at:]


def _command(one: Heard, mask: Mask) -> dict[str, Any]:
    how = {"keep_numbers": one.question.command.split()[0] == "version", "rows": not _is_help(one)}
    found: dict[str, Any] = {
        "command": mask.text(one.question.command),
        "purpose": one.question.purpose,
        "channel": one.channel,
        "outcome": mask.text(one.outcome),
        "timing": _timing(one.tape),
    }
    if one.channel == "exec":
        found["exit_status"] = one.exit_status
        found["received"] = shown(mask.wire(one.tape.received, **how))
    else:
        found["exchange"] = [{way: shown(mask.wire(bytes(data), **how))} for way, data in one.tape.parts]
    if one.tape.cut:
        found["cut"] = "the answer was longer than is kept"
    return found


def _files(account: Account, mask: Mask, certificates: Certificates) -> list[dict[str, Any]]:
    found = []
    for name, (size, mode) in (account.listing or {}).items():
        entry: dict[str, Any] = {"name": mask.file(name), "size": size, "mode": None if mode is None else f"{mode:04o}"}
        if name in account.files:
            entry["holds"] = certificates.layout(account.files[name])
        found.append(entry)
    return found


def _answer(one: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    return {
        "get": mask.text(str(one["get"])),
        "status": one["status"],
        "headers": {name: mask.text(value) for name, value in one["headers"].items()},
        "timing": f"{one['seconds']:.3f} s",
        "body": _body(bytes(one["body"]), one["headers"], mask),
    }


def _body(body: bytes, headers: Mapping[str, str], mask: Mask) -> Block:
    """Give the body of an answer; gzip is undone already, and in any other form no name would be found."""
    encoding = str(headers.get("Content-Encoding") or "identity").strip().lower()
    if encoding not in ("identity", "gzip") or b"\0" in body:
        return Block(f"<{len(body)} bytes in a form that cannot be masked>")
    return shown_elements(mask.wire(body))


def file_name(host: str) -> str:
    """Give the name of a node's file; it holds the inventory name, which nothing in the file does."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", host).lstrip(".") + ".yml"
