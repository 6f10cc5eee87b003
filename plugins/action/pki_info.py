# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Say what a node says of its files, and what they are."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.certops.cms.plugins.plugin_utils import _opinion as opinion
from ansible_collections.certops.cms.plugins.plugin_utils._action import CmsAction
from ansible_collections.certops.cms.plugins.plugin_utils._engine import second_opinion as second
from ansible_collections.certops.cms.plugins.plugin_utils._engine.node import Node
from ansible_collections.certops.cms.plugins.plugin_utils._errors import FileProblem
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.given import Host
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.pending import serves_assigned
from ansible_collections.certops.cms.plugins.plugin_utils._gather import plain
from ansible_collections.certops.cms.plugins.plugin_utils._look import look
from ansible_collections.certops.cms.plugins.plugin_utils._mmp import displays
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import quote
from ansible_collections.certops.cms.plugins.plugin_utils._services import catalogue, commands


class ActionModule(CmsAction):
    """The action of certops.cms.pki_info."""

    libraries = ("cryptography", "paramiko", "OpenSSL", "defusedxml")
    argument_spec: ClassVar[dict[str, Any]] = {
        "inspect": {"type": "list", "elements": "str", "default": []},
        "match": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                # The name of a file, which no mask shall hide.
                "key": {"type": "str", "required": True, "no_log": False},
                "certificate": {"type": "str", "required": True},
            },
        },
        "verify": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "certificate": {"type": "str", "required": True},
                "bundle": {"type": "str", "required": True},
                "ca": {"type": "str"},
            },
        },
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Ask the node in one login, read the files it has, and compare."""
        params = plain(params)
        now = datetime.datetime.now(datetime.UTC)
        asked = [pair["certificate"] for pair in params["match"]]
        # What a service shows tells which key it has; where no pair is asked for, nobody connects to a service.
        survey = look(self, probe=bool(asked), api=False, files=asked, now=now)
        host = Host(self.node, tuple(survey["services"]), {}, survey)
        node = Node(self.node, lambda: self.session)
        self._must_be_there(node, params)
        listed = displays.parse_pki_list(self.session.show(commands.PKI_LIST))
        known, files = second.use(node, survey["files"], survey["services"], listed)
        inspected = [
            second.inspect(node, name) for name in second.chosen(params["inspect"], listed, node.files(), self.node)
        ]
        served = _served(host)
        matches = [self._match(node, host, served, pair) for pair in params["match"]]
        verified = [second.verify(node, one["certificate"], one["bundle"], one["ca"], now) for one in params["verify"]]
        findings = second.disagreements(self.node, files, inspected, matches, verified)
        return {
            "changed": False,
            "usage_known": known,
            "files": files,
            "inspected": inspected,
            "matches": matches,
            "verified": verified,
            "findings": [finding.as_dict() for finding in findings],
        }

    def _must_be_there(self, node: Node, params: Mapping[str, Any]) -> None:
        named = [name for entry in (*params["match"], *params["verify"]) for name in entry.values() if name]
        missing = sorted(set(named) - set(node.files()))
        if missing:
            raise FileProblem(
                f"{self.node} {', '.join(missing)}", "is not on the node", f"look at the list: {commands.PKI_LIST}"
            )

    def _match(self, node: Node, host: Host, served: Mapping[str, str], pair: Mapping[str, str]) -> dict[str, Any]:
        says, answer = opinion.pair_matches(host, pair["key"], pair["certificate"], self._ask)
        known = second.pair_known_here(node, pair["key"], pair["certificate"], served)
        return {
            **pair,
            "node_says": says,
            "answer": answer.split(" | ") if answer else [],
            "belongs": known,
            "agree": None if says is None or known is None else says == known,
        }

    def _ask(self, key: str, certificate: str) -> str:
        answer: str = self.session.show(commands.pki_match(quote(key), quote(certificate)))
        return answer


def _served(host: Host) -> dict[str, str]:
    """Give the public key of each key file whose service shows the certificate that is assigned with it."""
    found = {}
    for slot_id, (service, slot) in catalogue.SLOTS.items():
        assigned = (host.service(service.name).get("slots") or {}).get(slot.name) or {}
        if assigned.get("key") and serves_assigned(host, slot_id):
            found[str(assigned["key"])] = str(host.certificates(assigned["certificate"])[0]["info"]["spki_sha256"])
    return found
