# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write what a playbook run does as JSON lines, one per event, as soon as it happens."""

from __future__ import annotations

DOCUMENTATION = r"""
name: record
type: aggregate
short_description: Writes plays, tasks and results as JSON lines
description:
  - Writes every play, task, result and the closing statistics as one JSON object per line, unbuffered, so that a test
    can read them while the playbook still runs, or after it was killed.
options:
  path:
    description: The file to write to.
    type: path
    required: true
    env:
      - name: CERTOPS_RECORD
"""

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "record"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._descriptor: int | None = None

    def _write(self, event: str, **parts: Any) -> None:
        if self._descriptor is None:
            self._descriptor = os.open(self.get_option("path"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        line = json.dumps({"event": event, "time": time.time(), **parts}, default=str)
        os.write(self._descriptor, line.encode() + b"\n")

    def _result(self, status: str, result: Any, *, event: str = "result") -> None:
        plain = result.result
        self._write(
            event,
            status=status,
            host=result.host.get_name(),
            task=result.task.get_name(),
            action=result.task.resolved_action or result.task.action,
            changed=bool(plain.get("changed")) and status == "ok",
            result=plain,
        )

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._write("play", name=play.get_name())

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._write("task", name=task.get_name(), action=task.action)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._write("task", name=task.get_name(), action=task.action)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._write("start", host=host.get_name(), task=task.get_name())

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result("unreachable", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result("skipped", result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._result("ok", result, event="item")

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._result("failed", result, event="item")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._write("stats", hosts={host: stats.summarize(host) for host in sorted(stats.processed)})
