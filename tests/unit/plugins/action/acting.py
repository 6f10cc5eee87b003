# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run an action against a node that is a table of answers and a dictionary of files."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.certops.cms.plugins.plugin_utils._mmp.channel import Output
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import Reply, Session, read_reply

ACTIONS = "ansible_collections.certops.cms.plugins.action"

WEBADMIN = """\
Enabled                 : true
TLS listening interface : a
TLS listening port      : 8443
Key file                : wa.key
Certificate file        : wa.crt
CA Bundle file          : none
STATUS                  : webadmin running"""
UNKNOWN = "unknown command"


class FakeSession:
    """A session that answers from a table; ``sent`` holds what reached the node, ``changed`` what changed it."""

    def __init__(self, answers: Mapping[str, str] | None = None, files: Mapping[str, bytes] | None = None) -> None:
        self.answers: dict[str, str | Callable[[], str]] = {"webadmin": WEBADMIN, **(answers or {})}
        self.files = dict(files or {})
        self.sent: list[str] = []
        self.expected: list[Any] = []
        self.told: list[str] = []
        self.changed: list[str] = []
        self.read: list[str] = []
        self.transcript: list[str] = []

    def run(self, command: str, *, answer: Any = None, check: bool = True, **_waiting: Any) -> Reply:
        self.sent.append(command)
        self.expected = list(answer or [])
        self.told += [one.text for one in self.expected]
        known = next((key for key in self.answers if command == key or command.startswith(f"{key} ")), None)
        text = UNKNOWN if known is None else self.answers[known]
        said = text() if callable(text) else text
        return read_reply(command, Output(said.splitlines()))

    def show(self, command: str) -> str:
        return self.run(command, check=False).text

    def listdir(self) -> dict[str, int | None]:
        return {name: len(data) for name, data in self.files.items()}

    def get(self, name: str) -> bytes:
        self.read.append(name)
        return self.files[name]

    def head(self, name: str, count: int) -> bytes:
        return self.files[name][:count]

    def put(self, name: str, data: bytes) -> None:
        self.changed.append(name)
        self.files[name] = data

    def remove(self, name: str) -> None:
        self.changed.append(name)
        del self.files[name]


class FakeConnection:
    """A connection that hands out a session, as certops.cms.mmp does."""

    _shell = SimpleNamespace(tmpdir="/nowhere")
    _options: Mapping[str, Any] = {}

    def __init__(self, session: FakeSession | Session) -> None:
        self._session = session

    @property
    def session(self) -> FakeSession | Session:
        return self._session


def act(
    module: str,
    args: dict[str, Any],
    session: FakeSession | Session | None = None,
    *,
    check: bool = False,
    diff: bool = False,
    variables: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Run the action of a module as Ansible would, and give its result."""
    known = {"inventory_hostname": "core1", **(variables or {})}
    new_loader: Any = DataLoader
    loader = new_loader()
    action = importlib.import_module(f"{ACTIONS}.{module}").ActionModule(
        task=SimpleNamespace(
            args=args,
            async_val=0,
            check_mode=check,
            diff=diff,
            action=f"certops.cms.{module}",
            get_search_path=list,
        ),
        connection=FakeConnection(session or FakeSession()),
        play_context=None,
        loader=loader,
        templar=Templar(loader=loader, variables=known),
        shared_loader_obj=None,
    )
    result: dict[str, Any] = action.run(task_vars=known)
    return result


def at_once(work: Callable[[], dict[str, Any]], monkeypatch: Any, files: Any, ending: str) -> list[dict[str, Any]]:
    """Do the same in two tasks, as for two hosts, that both find no file with this ending before either goes on."""
    together = threading.Barrier(2, timeout=20)
    read, waited = files.read, set()

    def gated(path: str) -> bytes | None:
        found: bytes | None = read(path)
        if path.endswith(ending) and threading.get_ident() not in waited:
            waited.add(threading.get_ident())
            together.wait()
        return found

    monkeypatch.setattr(files, "read", gated)
    results: list[dict[str, Any]] = []
    tasks = [threading.Thread(target=lambda: results.append(work())) for _host in range(2)]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    return results
