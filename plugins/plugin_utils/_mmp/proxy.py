# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proxy command: a program whose standard input and output are the way to the node.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import tempfile

from .._errors import BadOption, ConnectionFailed
from .endpoint import Endpoint

_STOP_TIME = 2.0


class ProxyProcess:
    """The running proxy command and the socket that leads through it. No shell takes part."""

    def __init__(self, endpoint: Endpoint, command: str) -> None:
        """Start the command with ``%h``, ``%p`` and ``%r`` filled in. Raises BadOption or ConnectionFailed."""
        words = expand(endpoint, command)
        self.socket, theirs = socket.socketpair()
        # What it complains about says why the node was not reached.
        self._complaints, name = tempfile.mkstemp(prefix="proxy-")
        os.unlink(name)
        try:
            self._process = subprocess.Popen(
                words, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=self._complaints
            )
        except OSError as exc:
            self.socket.close()
            os.close(self._complaints)
            raise ConnectionFailed(
                str(endpoint),
                f"the proxy command {words[0]!r} cannot be started: {exc.strerror or exc}",
                "correct the proxy command",
            ) from exc
        finally:
            theirs.close()

    def said(self) -> str:
        """Give what the command wrote to its standard error."""
        text = os.pread(self._complaints, 2000, 0).decode("utf-8", "replace").strip()
        return f"the proxy command said: {' | '.join(text.splitlines())}" if text else ""

    def close(self) -> None:
        """End the command."""
        self.socket.close()
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIME)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._complaints)


def expand(endpoint: Endpoint, command: str) -> list[str]:
    """Split a proxy command into words and fill in host, port and user."""
    places = {"h": endpoint.host, "n": endpoint.host, "p": str(endpoint.port), "r": endpoint.user, "%": "%"}
    try:
        words = shlex.split(command)
    except ValueError as exc:
        raise BadOption("proxy_command", f"it cannot be read ({exc})", "close its quotes") from exc
    if words[:1] == ["exec"]:
        words.pop(0)
    if not words:
        raise BadOption("proxy_command", "it is empty", "give a command, or leave the option out")
    return [re.sub("%(.)", lambda found: places.get(found.group(1), found.group(0)), word) for word in words]
