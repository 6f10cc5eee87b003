# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run one MMP command."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from ansible_collections.certops.cms.plugins.plugin_utils._action import CmsAction
from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption, CommandFailed, NotUnderstood
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.masking import mask_command
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import CONFIRM, Answer, Reply
from ansible_collections.certops.cms.plugins.plugin_utils._services import commands

#: Matches nothing: whoever expects an answer gets a shell, where a question is seen. An exec channel may take yes for
#: granted (S9).
_NO_QUESTION = Answer(re.compile(r"(?!)"), "")


def only_displays(command: str) -> bool:
    """Say whether a command is known to change nothing; what is not known may change something."""
    words = " ".join(command.split())
    return words in commands.DISPLAYS or any(
        words == known or words.startswith(f"{known} ") for known in commands.QUESTIONS
    )


def answers_of(params: dict[str, Any]) -> list[Answer]:
    """Give the answers in the order of their questions. Raises BadOption for a pattern that is none."""
    found = [CONFIRM] if params["confirm"] else []
    for number, entry in enumerate(params["answers"], start=1):
        try:
            pattern = re.compile(entry["prompt"])
        except re.error as error:
            raise BadOption(
                f"answers, entry {number}, prompt {entry['prompt']!r}",
                f"is not a regular expression ({error})",
                "write the words of the question, with a backslash before brackets, dots and question marks",
            ) from error
        found.append(Answer(pattern, entry["answer"], secret=True))
    return found


class ActionModule(CmsAction):
    """The action of certops.cms.command."""

    libraries = ("paramiko",)
    argument_spec: ClassVar[dict[str, Any]] = {
        "command": {"type": "str", "required": True},
        "confirm": {"type": "bool", "default": False},
        "answers": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "prompt": {"type": "str", "required": True},
                "answer": {"type": "str", "required": True, "no_log": True},
            },
        },
        "timeout": {"type": "int"},
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Send the command, unless it may change something and nothing may be changed."""
        command = params["command"].strip()
        answers = answers_of(params)
        self._other_secrets.update(entry["answer"] for entry in params["answers"])
        displays = only_displays(command)
        result = {
            "changed": not displays,
            "command": mask_command(command),
            "sent": displays or not self.check_mode,
            "stdout": "",
            "stdout_lines": [],
            "results": [],
        }
        if not result["sent"]:
            return result
        expected = answers or ([] if displays else [_NO_QUESTION])
        reply = self.session.run(command, timeout=params["timeout"], long=True, answer=expected, check=False)
        result.update(
            stdout="\n".join(reply.lines),
            stdout_lines=list(reply.lines),
            results=[{"ok": ok, "text": text} for ok, text in reply.results],
        )
        return {**result, **self._fault(reply)}

    def _fault(self, reply: Reply) -> dict[str, Any]:
        """Give what makes the task fail, with all lines of the appliance (S14); nothing when all went well."""
        obj = f"{self.node}, command {mask_command(reply.command)!r}"
        error: CommandFailed | NotUnderstood
        if reply.failed:
            said = "; ".join(text for ok, text in reply.results if not ok)
            error = CommandFailed(obj, said, "correct what the lines name, then run it again", reply.lines)
        elif not reply.understood:
            error = NotUnderstood(
                obj,
                "the node does not know this command or its arguments",
                "compare it with the answer to 'help' on the node",
                reply.lines,
            )
        else:
            return {}
        return {"failed": True, "msg": str(error), "error": error.as_dict()}
