# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a key and a self-signed certificate on a node."""

from __future__ import annotations

import datetime
from typing import Any, ClassVar

from ansible_collections.certops.cms.plugins.plugin_utils._action import SUBJECT, SUBJECT_SPEC, CmsAction
from ansible_collections.certops.cms.plugins.plugin_utils._engine import local_ca
from ansible_collections.certops.cms.plugins.plugin_utils._engine.node import Node
from ansible_collections.certops.cms.plugins.plugin_utils._gather import plain
from ansible_collections.certops.cms.plugins.plugin_utils._made import certificate_result


class ActionModule(CmsAction):
    """The action of certops.cms.pki_selfsigned."""

    libraries = ("cryptography", "paramiko")
    argument_spec: ClassVar[dict[str, Any]] = {"base": {"type": "str", "required": True}, **SUBJECT_SPEC}

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Take the certificate that is there, or have it made under a name that was never used."""
        params = plain(params)
        base = params["base"]
        subject = {name: params[option] for name, option in SUBJECT.items() if params[option]}
        node = Node(self.node, lambda: self.session)
        now = datetime.datetime.now(datetime.UTC)
        made = local_ca.selfsigned(node, base, subject, now, check_mode=self.check_mode)
        files = {"key": f"{base}.key", "certificate": f"{base}.crt"}
        return certificate_result(made, files, f"{self.node} {base}" if self.diff_mode else None)
