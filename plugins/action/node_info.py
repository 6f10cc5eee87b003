# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action of certops.cms.node_info: read everything about one node in one login."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.certops.cms.plugins.plugin_utils._action import API_SPEC, STATE_SPEC, CmsAction
from ansible_collections.certops.cms.plugins.plugin_utils._engine.survey import ApiAccess, survey
from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.journal import Journal
from ansible_collections.certops.cms.plugins.plugin_utils._gather import plain
from ansible_collections.certops.cms.plugins.plugin_utils._services import catalogue


class ActionModule(CmsAction):
    """The survey of one node; changes nothing."""

    libraries = ("cryptography", "paramiko", "OpenSSL", "defusedxml")
    argument_spec: ClassVar[dict[str, Any]] = {
        "services": {"type": "list", "elements": "str", "choices": list(catalogue.BY_NAME)},
        "probe": {"type": "bool", "default": True},
        "api": {"type": "bool", "default": True},
        **STATE_SPEC,
        **API_SPEC,
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        journal = Journal(self.state_dir, read_only=True)
        in_flight = {name for records in journal.pending(self.node).values() for r in records for name in _files(r)}
        services = params["services"]
        if services is None:
            services = [
                row.name for row in catalogue.SERVICES if row.group in (self.variables.get("group_names") or [])
            ]
        credentials = self.api_credentials(self.node) if params["api"] else None
        found = survey(
            self.session,
            host=self.node,
            address=str(self.variable("ansible_host") or self.node),
            services_expected=services,
            probe=self._places() if params["probe"] else None,
            api_access=ApiAccess(*credentials) if credentials else None,
            now=datetime.datetime.now(datetime.UTC),
            files_of_interest=sorted(in_flight),
            made=journal.made_files(self.node),
        )
        return {"changed": False, "survey": found}

    def _places(self) -> Mapping[str, Any]:
        """Give where slots are reached from here, where the inventory says that (``cms_probe``)."""
        places = plain(self.variable("cms_probe") or {})
        if not isinstance(places, Mapping) or not all(isinstance(place, Mapping) for place in places.values()):
            raise BadOption("cms_probe", "is not a dictionary of places", "give slot: {address: ..., port: ...}")
        unknown = sorted(set(places) - set(catalogue.SLOTS))
        if unknown:
            raise BadOption(f"cms_probe.{unknown[0]}", "is no slot", f"use {', '.join(catalogue.SLOTS)}")
        sip_port = self.variable("cms_sip_port")
        return {**places, "callbridge": {"port": sip_port, **places.get("callbridge", {})}} if sip_port else places


def _files(record: Mapping[str, Any]) -> list[str]:
    """Give the certificate files that a change in flight replaced: the running service may still have them."""
    before = record.get("before")
    if isinstance(before, Mapping):
        return [str(before[part]) for part in ("certificate", "bundle") if before.get(part)]
    return [str(before)] if before else []
