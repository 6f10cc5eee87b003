# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action of certops.cms.service: assign files to a slot of a service, restart it, prove it, or put it back."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible_collections.certops.cms.plugins.plugin_utils import _opinion as opinion
from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import removal, single
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.given import FleetInput
from ansible_collections.certops.cms.plugins.plugin_utils._gather import chosen_slot
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import quote
from ansible_collections.certops.cms.plugins.plugin_utils._pki import bundles
from ansible_collections.certops.cms.plugins.plugin_utils._services import catalogue, commands
from ansible_collections.certops.cms.plugins.plugin_utils._single import SINGLE_SPEC, SingleChange


class ActionModule(SingleChange):
    """One slot of one service."""

    argument_spec: ClassVar[dict[str, Any]] = {
        "service": {"type": "str", "required": True, "choices": list(catalogue.BY_NAME)},
        "slot": {"type": "str", "choices": list(catalogue.SLOT_NAMES)},
        "key": {"type": "str"},
        "certificate": {"type": "str"},
        "bundle": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        **SINGLE_SPEC,
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        service = catalogue.BY_NAME[params["service"]]
        slot_id = chosen_slot(service, params["slot"])
        slot = catalogue.SLOTS[slot_id][1]
        if params["state"] == "absent":
            return self._remove(service, slot_id, params)
        for option in ("key", "certificate"):
            if not params[option]:
                raise BadOption(option, "is missing", "give the name of the file on the node, or say state: absent")
        full = slot.layout == catalogue.FULL_CHAIN
        if params["bundle"] and full:
            raise BadOption(
                "bundle",
                f"is not taken by '{slot.command}' (guide 4.5)",
                "give one file with leaf, intermediates and root as certificate",
            )
        files = {part: params[part] for part in ("key", "certificate", "bundle")}
        forms = {params["certificate"]: bundles.FULL_CHAIN if full else bundles.CERTIFICATE}
        if params["bundle"]:
            forms[params["bundle"]] = bundles.BUNDLE
        result = self.change(
            lambda fleet: single.plan_assignment(fleet, self.node, slot_id, files, *self._matches(fleet, files)), forms
        )
        return {**result, "service": service.name, "slot": slot_id, "files": files}

    def _remove(self, service: catalogue.Service, slot_id: str, params: dict[str, Any]) -> dict[str, Any]:
        for option in ("key", "certificate", "bundle"):
            if params[option]:
                raise BadOption(option, "is given, and state is absent", "leave it out")
        result = self.change(lambda fleet: removal.plan_no_certificate(fleet, self.node, slot_id), {})
        nothing = dict.fromkeys(("key", "certificate", "bundle"))
        return {**result, "service": service.name, "slot": slot_id, "files": nothing}

    def _matches(self, fleet: FleetInput, files: dict[str, str | None]) -> tuple[bool | None, str]:
        """Ask the node whether key and certificate belong together, and give its words: the key stays there (S4)."""
        host = fleet.hosts[self.node]
        if not {files["key"], files["certificate"]} <= set((host.survey or {"files": {}})["files"]):
            return None, ""
        return opinion.pair_matches(host, str(files["key"]), str(files["certificate"]), self._ask)

    def _ask(self, key: str, certificate: str) -> str:
        answer: str = self.session.show(commands.pki_match(quote(key), quote(certificate)))
        return answer
