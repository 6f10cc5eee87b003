# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action of certops.cms.node_info: read everything about one node in one login."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from ansible_collections.certops.cms.plugins.plugin_utils._action import API_SPEC, STATE_SPEC, CmsAction
from ansible_collections.certops.cms.plugins.plugin_utils._look import look
from ansible_collections.certops.cms.plugins.plugin_utils._services import catalogue


class ActionModule(CmsAction):
    """The survey of one node; changes nothing."""

    libraries = ("cryptography", "paramiko", "OpenSSL", "defusedxml")
    argument_spec: ClassVar[dict[str, Any]] = {
        "services": {"type": "list", "elements": "str", "choices": list(catalogue.BY_NAME)},
        "probe": {"type": "bool", "default": True},
        "api": {"type": "bool", "default": True},
        "previous": {"type": "bool", "default": False},
        "whole": {"type": "bool", "default": False},
        "form": {"type": "str", "choices": ["data", "text"], "default": "data"},
        **STATE_SPEC,
        **API_SPEC,
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        found = look(
            self,
            services=params["services"],
            probe=params["probe"],
            api=params["api"],
            back=params["previous"],
            whole=params["whole"],
        )
        return {"changed": False, "survey": found}

    def finished(self, result: dict[str, Any]) -> dict[str, Any]:
        """Write the survey as one text where that is wanted: Ansible walks through all data of a result many times."""
        if self.params.get("form") == "text" and "survey" in result:
            result["survey_text"] = json.dumps(result.pop("survey"))
        return result
