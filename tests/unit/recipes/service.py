# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node that runs the XMPP server is surveyed and gets a plan, with nothing said of it but the recipe's row."""

from __future__ import annotations

import json
import sys
from typing import Any, cast

from ansible_collections.certops.cms.plugins.action.service import ActionModule
from ansible_collections.certops.cms.plugins.plugin_utils._engine.survey import survey
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.given import FleetInput, Host
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.plan import make_plan
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import Session
from tests.unit.plugins.plugin_utils.fleet.kit import CONSENT, NEW, NOW, OLD, SERVER, standard


class Node:
    """A node that answers with texts and files."""

    prompt, logins, notices, connected = "xmpp1", 1, (), True

    def __init__(self, display: str, files: dict[str, bytes]) -> None:
        self.display, self.files = display, files

    def show(self, command: str) -> str:
        files = "User supplied certificates and keys:\n" + "".join(f"{name}\n" for name in self.files)
        known = {"version": "2.9\n", "pki list": files, "xmpp": self.display}
        return known.get(command, f"unknown command: {command}\n")

    def listdir(self) -> dict[str, int]:
        return {name: len(data) for name, data in self.files.items()}

    def get(self, name: str) -> bytes:
        return self.files[name]


def main(display: str) -> dict[str, Any]:
    leaf = OLD.issue("xmpp1.example.com", names=("xmpp1.example.com",), eku=(SERVER,), ends=9)
    files = {"xmpp.key": b"", "xmpp.crt": leaf.pem.encode(), "corp.pem": "".join(OLD.pems).encode()}
    node = cast(Session, Node(display, files))
    found = survey(
        node, host="xmpp1", address="192.0.2.9", services_expected=["xmpp"], probe=None, api_access=None, now=NOW
    )
    variables = {"cms_domain": "example.com", "cms_issuer": "internal", "ansible_host": "192.0.2.9"}
    host = Host(name="xmpp1", services=("xmpp",), variables=variables, survey=found)
    given: FleetInput = standard(issuer=NEW).given(accepted_anchors=CONSENT)
    given.hosts.clear()
    given.hosts["xmpp1"] = host
    plan = make_plan(given)
    return {
        "survey": found["services"]["xmpp"],
        "choices": ActionModule.argument_spec["service"]["choices"],
        "errors": [one for one in plan["findings"] if one["severity"] == "error" and not one["cured"]],
        "identities": [one["slots"] for one in plan["identities"]],
        "commands": [
            command
            for entry in plan["rounds"]
            for batch in entry["batches"].get("xmpp1", [])
            for step in batch["steps"]
            for command in [*([step["command"]] if "command" in step else []), *step.get("commands", [])]
        ],
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.stdin.read())))
