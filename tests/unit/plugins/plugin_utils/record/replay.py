# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Play an appliance from a recording: SSH, SFTP and the REST API answer byte by byte what was recorded."""

from __future__ import annotations

import email.message
import http.client
import re
from typing import Any

from ansible_collections.certops.cms.plugins.plugin_utils._api.client import ApiClient
from ansible_collections.certops.cms.plugins.plugin_utils._record import document
from ansible_collections.certops.cms.plugins.plugin_utils._record.questions import NO_WORD
from tests.unit.plugins.plugin_utils.mmp.appliance import Appliance, Console, Script
from tests.unit.plugins.plugin_utils.record.stand_ins import StandIns

_PEM = re.compile(rb"<certificate (\d+), PEM, [^>]*>")
_DER = re.compile(rb"<certificate (\d+), DER>")
REFUSED = "the channel was refused"


class Replay:
    """One recording, as it was read from its file."""

    def __init__(self, text: str) -> None:
        self.recording = document.read(text)
        self._commands: list[dict[str, Any]] = self.recording["commands"]

    def appliance(self) -> Appliance:
        """Start an appliance that answers as the recorded one did."""
        exec_entries = {one["command"]: one for one in self._commands if one["channel"] == "exec"}
        refused = any(one["outcome"] == REFUSED for one in exec_entries.values())
        script = Script(
            banner=document.wire(self.recording["login"]["banner"]).decode("utf-8", "replace"),
            exec=not refused,
            answers={command: _exec_answer(one) for command, one in exec_entries.items()},
            shell=self._shell,
            listed={entry["name"]: (entry["size"], _mode(entry["mode"])) for entry in self.recording["files"]},
        )
        script.unknown = _text(exec_entries.get(NO_WORD, {}).get("received", ""))
        started = Appliance(script)
        started.files.update(self.files())
        return started

    def files(self) -> dict[str, bytes]:
        """Give the certificate files, with stand-ins for certificates that were only described."""
        made = StandIns(self.recording["certificates"])
        found = {}
        for entry in self.recording["files"]:
            if "holds" in entry:
                data = document.wire(entry["holds"])
                data = _PEM.sub(lambda hit: made.pem(int(hit[1])), data)
                found[entry["name"]] = _DER.sub(lambda hit: made.der(int(hit[1])), data)
        return found

    def api(self) -> ReplayedClient | None:
        """Give a client that gets the recorded answers; None when the API was not recorded."""
        return ReplayedClient(self.recording["api"]) if self.recording["api"] else None

    def answer(self, command: str, channel: str) -> str | None:
        """Give the text of an answer as it was on the wire; None when the command was not asked there."""
        for one in self._commands:
            if one["command"] == command and one["channel"] == channel:
                parts = (
                    [one["received"]] if channel == "exec" else [part.get("received", "") for part in one["exchange"]]
                )
                return "".join(map(_text, parts))
        return None

    def _shell(self, channel: Any) -> None:
        openings = self.recording["shell"]
        entries = {one["command"]: one["exchange"] for one in self._commands if one["channel"] == "shell"}
        prompt = b""
        for part in openings[0]["exchange"] if openings else ():
            prompt = _play(channel, part) or prompt
        prompt = prompt.rpartition(b"\n")[2]
        while True:
            command = _read_line(channel)
            if not command:
                channel.sendall(b"\r\n" + prompt)
                continue
            exchange = entries.get(command)
            if exchange is None:
                unknown = entries.get(NO_WORD, [])
                exchange = [{way: text.replace(NO_WORD, command) for way, text in part.items()} for part in unknown]
            pending = True
            for part in exchange:
                if "sent" in part and pending:
                    # The command itself, which has just been read.
                    pending = False
                    continue
                _play(channel, part)


def _mode(text: str | None) -> int | None:
    return None if text is None else int(text, 8)


def _text(block: str) -> str:
    return document.wire(block).decode("utf-8", "replace")


def _exec_answer(one: dict[str, Any]) -> Any:
    def answer(console: Console) -> None:
        console.script.exec_status = one["exit_status"]
        console.raw(document.wire(one["received"]))
        if one["outcome"] != "ended":
            # It never ended: wait until the other side gives up.
            while console.channel.recv(1):
                pass

    return answer


def _play(channel: Any, part: dict[str, str]) -> bytes:
    """Send what was received; wait for what was sent. Gives what was sent to the other side."""
    if "sent" in part:
        for _byte in document.wire(part["sent"]):
            _read(channel)
        return b""
    data = document.wire(part["received"])
    channel.sendall(data)
    return data


def _read(channel: Any) -> bytes:
    data = bytes(channel.recv(1))
    if not data:
        raise EOFError
    return data


def _read_line(channel: Any) -> str:
    line = b""
    while (key := _read(channel)) not in b"\r\n\x03":
        line += key
    return line.decode()


class ReplayedClient(ApiClient):
    """A client of the REST API whose server is a recording."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        super().__init__("192.0.2.1", 443, "replay", "replay", pins=["00"])
        self._answers = {one["get"]: one for one in answers}

    def _once(self, target: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        found = self._answers.get(target)
        if found is None:
            raise LookupError(f"the recording has no answer to GET {target}")
        message = http.client.HTTPMessage(email.message.EmailMessage().policy)
        for name, value in found["headers"].items():
            message[name] = value
        return found["status"], message, document.wire(found["body"])
