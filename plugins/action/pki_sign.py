# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Have a node sign a request with a CA of its own."""

from __future__ import annotations

import datetime
from typing import Any, ClassVar

from ansible_collections.certops.cms.plugins.plugin_utils._action import CmsAction
from ansible_collections.certops.cms.plugins.plugin_utils._engine import local_ca
from ansible_collections.certops.cms.plugins.plugin_utils._engine.node import Node
from ansible_collections.certops.cms.plugins.plugin_utils._gather import plain
from ansible_collections.certops.cms.plugins.plugin_utils._made import certificate_result


class ActionModule(CmsAction):
    """The action of certops.cms.pki_sign."""

    libraries = ("cryptography", "paramiko")
    argument_spec: ClassVar[dict[str, Any]] = {
        "base": {"type": "str", "required": True},
        "ca": {"type": "str", "required": True},
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Take the certificate that is there, or have it made."""
        params = plain(params)
        base, authority = params["base"], params["ca"]
        node = Node(self.node, lambda: self.session)
        now = datetime.datetime.now(datetime.UTC)
        made = local_ca.sign(node, base, authority, now, check_mode=self.check_mode)
        files = {"certificate": f"{base}.crt", "ca": f"{authority}.crt"}
        result = certificate_result(made, files, f"{self.node} {base}.crt" if self.diff_mode else None)
        return {**result, "ca_pem": made.authority.decode("ascii")}
