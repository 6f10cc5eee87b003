# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read a real appliance, change nothing, mask secrets, and leave a file that can be sent in and replayed."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from typing import Any, ClassVar

from ansible.release import __version__ as ansible_version

from ansible_collections.certops.cms.plugins.plugin_utils._action import API_SPEC, CmsAction
from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption, CmsError
from ansible_collections.certops.cms.plugins.plugin_utils._record import document, recording
from ansible_collections.certops.cms.plugins.plugin_utils._record.api import ApiPlace, read_api
from ansible_collections.certops.cms.plugins.plugin_utils._record.listener import Account, Listener
from ansible_collections.certops.cms.plugins.plugin_utils._record.masking import Mask

FOLDER = "cms-recordings"


class ActionModule(CmsAction):
    """The action of certops.cms.record."""

    libraries = ("cryptography", "paramiko", "defusedxml", "yaml")
    argument_spec: ClassVar[dict[str, Any]] = {
        "dest": {"type": "path"},
        "certificates": {"type": "bool"},
        "mask": {"type": "list", "elements": "str"},
        "api": {"type": "bool", "default": True},
        **API_SPEC,
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Ask the node everything, mask it, write it."""
        path = os.path.join(self.folder("dest", "cms_record_dir", FOLDER), recording.file_name(self.node))
        words = [str(word) for word in self.option("mask", "cms_record_mask", default=[])]
        mask = Mask(self._secrets(), words)
        for host in (self.variables.get("groups") or {}).get("cms", []):
            mask.host(str(host))
        listener = Listener(self.session.endpoint)
        account = listener.listen()
        if params["api"] and account.cut_short is None:
            read_api(account, self._api_place())
        made = recording.compose(account, self._about(), mask)
        text = recording.render(made, mask, self.node)
        if not self.check_mode:
            document.write(path, text)
        result = {
            "changed": False,
            "file": path,
            "written": not self.check_mode,
            "failed_questions": made["summary"]["failed"],
            **{name: made["summary"][name] for name in ("read", "masked", "not_understood")},
        }
        return {**result, **self._fault(account, path)}

    def _about(self) -> recording.About:
        endpoint = self.session.endpoint
        names = (self.node, endpoint.host, self.variable("cms_fqdn"), self.variable("cms_domain"))
        return recording.About(
            hosts=tuple(str(name) for name in names if name),
            users=tuple(user for user in (endpoint.user, (self.api_credentials(self.node) or ("",))[0]) if user),
            taken_at=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
            libraries={
                "certops.cms": document.collection_version(),
                "python": platform.python_version(),
                "ansible-core": ansible_version,
                **{name: importlib.metadata.version(name) for name in ("paramiko", "cryptography")},
            },
            whole_certificates=self._flag("certificates", "cms_record_certificates"),
        )

    def _flag(self, name: str, variable: str) -> bool:
        value = self.option(name, variable, default=False)
        if isinstance(value, str) and value.strip().lower() in ("true", "yes", "false", "no"):
            return value.strip().lower() in ("true", "yes")
        if not isinstance(value, bool):
            raise BadOption(variable, f"{value!r} is neither true nor false", "say true or false")
        return value

    def _api_place(self) -> ApiPlace | None:
        credentials = self.api_credentials(self.node)
        if credentials is None:
            return None
        elsewhere = self.variable("cms_probe")
        override = elsewhere.get("webadmin") if isinstance(elsewhere, dict) else None
        given = override if isinstance(override, dict) else {}
        address = str(given.get("address") or self.variable("ansible_host") or self.node)
        return ApiPlace(address, given.get("port"), *credentials)

    def _fault(self, account: Account, path: str) -> dict[str, Any]:
        """Give what makes the task fail: a node that broke off. What it said until then is in the file."""
        error = account.cut_short
        if error is None:
            return {}
        kept = "nothing was written in check mode" if self.check_mode else f"what it said until then is in {path}"
        told = CmsError(error.obj, f"{error.reason}; {kept}", error.next_step, error.transcript)
        return {"failed": True, "msg": str(told), "error": {**told.as_dict(), "kind": type(error).__name__}}
