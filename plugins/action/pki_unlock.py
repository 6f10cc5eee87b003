# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take the passphrase off a file that was uploaded to a node with one."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any, ClassVar

from ansible_collections.certops.cms.plugins.plugin_utils._action import CmsAction
from ansible_collections.certops.cms.plugins.plugin_utils._engine import locks
from ansible_collections.certops.cms.plugins.plugin_utils._engine.node import Node
from ansible_collections.certops.cms.plugins.plugin_utils._gather import plain
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import quote
from ansible_collections.certops.cms.plugins.plugin_utils._services import commands

KEY, SSH_KEY = "key", "ssh_key"


def ssh_fingerprint(line: str) -> str:
    """Give the fingerprint of an SSH public key as ssh-keygen prints it; nothing where it is no key."""
    words = line.split()
    try:
        data = base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error):
        return ""
    return "SHA256:" + base64.b64encode(hashlib.sha256(data).digest()).decode("ascii").rstrip("=")


class ActionModule(CmsAction):
    """The action of certops.cms.pki_unlock."""

    libraries = ("cryptography", "paramiko")
    argument_spec: ClassVar[dict[str, Any]] = {
        "name": {"type": "str"},
        "user": {"type": "str"},
        "passphrase": {"type": "str", "required": True, "no_log": True},
    }
    rules: ClassVar[dict[str, Any]] = {
        "mutually_exclusive": [("name", "user")],
        "required_one_of": [("name", "user")],
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Unlock the file unless it is open."""
        params = plain(params)
        is_key = params["name"] is not None
        name = params["name"] if is_key else f"{params['user']}.pub"
        node = Node(self.node, lambda: self.session)
        locked = locks.needs_unlock(node, name, is_key)
        if locked and not self.check_mode:
            locks.unlock(node, name, is_key, params["passphrase"])
        public = "" if is_key or (locked and self.check_mode) else node.get(name).decode("ascii", "replace").strip()
        command = commands.pki_unlock(quote(name)) if is_key else commands.pki_pkcs12_to_ssh(quote(params["user"]))
        result: dict[str, Any] = {
            "changed": locked,
            "name": name,
            "kind": KEY if is_key else SSH_KEY,
            "public_key": public,
            "fingerprint": ssh_fingerprint(public),
            "command": command if locked else "",
        }
        if self.diff_mode:
            before, after = (
                ("private key, locked\n", "private key\n") if is_key else ("PKCS#12 file\n", "SSH public key\n")
            )
            header = f"{self.node} {name}"
            result["diff"] = {
                "before": before if locked else after,
                "after": after,
                "before_header": header,
                "after_header": header,
            }
        return result
