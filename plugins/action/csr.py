# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a private key and a CSR, on the node or on the control node."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from ansible_collections.certops.cms.plugins.plugin_utils._action import SUBJECT, SUBJECT_SPEC, CmsAction
from ansible_collections.certops.cms.plugins.plugin_utils._engine.node import Node
from ansible_collections.certops.cms.plugins.plugin_utils._errors import (
    BadOption,
    CertificateProblem,
    FileProblem,
)
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import names
from ansible_collections.certops.cms.plugins.plugin_utils._gather import plain
from ansible_collections.certops.cms.plugins.plugin_utils._issuers import files
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import quote
from ansible_collections.certops.cms.plugins.plugin_utils._pki import csr, keys, x509util
from ansible_collections.certops.cms.plugins.plugin_utils._services import commands

CONTROL, NODE = "control", "node"
KEY, CSR = "key", "csr"


def csr_command(base: str, request: csr.Request) -> str:
    """Give the ``pki csr`` command for a request (guide 3.1)."""
    return commands.pki_csr(base, [(name, quote(value)) for name, value in csr.mmp_attributes(request)])


def shortcomings(pem: bytes, request: csr.Request, name: str) -> list[str]:
    """Say in what a CSR is not the wanted one; names too many count, they would be certified too."""
    loaded = csr.load_csr(pem, name)
    info = csr.describe_csr(pem, name)
    found = csr.differences(loaded, request)
    wanted = {text.lower() for text in (*request.all_names, request.common_name)}
    more = sorted({text.lower() for text in info["names"]} - wanted)
    if more:
        found.append(f"names that are not wanted: {', '.join(more)}")
    if not info["signature_valid"]:
        found.append("its signature is not that of its key")
    return found


class ActionModule(CmsAction):
    """The action of certops.cms.csr."""

    libraries = ("cryptography",)
    argument_spec: ClassVar[dict[str, Any]] = {
        "base": {"type": "str", "required": True},
        "where": {"type": "str", "choices": [NODE, CONTROL], "default": NODE},
        **SUBJECT_SPEC,
        "common_name": {"type": "str", "required": True},
        "names": {"type": "list", "elements": "str", "default": []},
        "roles": {
            "type": "list",
            "elements": "str",
            "choices": ["server", "client"],
            "default": ["server"],
            "aliases": ["usages"],
        },
        "key_type": {"type": "str", "choices": ["rsa", "ecdsa"], "default": "rsa"},
        "key_size": {"type": "str"},
        "passphrase": {"type": "str", "no_log": True},
        "dest": {"type": "path"},
    }
    rules: ClassVar[dict[str, Any]] = {"required_if": [("where", CONTROL, ("passphrase", "dest"))]}

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Take the request that is there, or make it under a name that was never used."""
        self.params = params = plain(params)
        base = names.check_base(params["base"], "base")
        request = csr.Request.of(
            {name: params[option] for name, option in SUBJECT.items()}, params["names"], params["roles"]
        )
        self._folder = self._loader.path_dwim(params["dest"]) if params["dest"] else None
        on_node = params["where"] == NODE
        found, made = self._on_node(base, request) if on_node else self._on_control(base, request)
        result: dict[str, Any] = {
            "changed": made,
            "csr": found.decode("ascii", "replace"),
            "subject": x509util.name_text(csr.subject_name(request)),
            "names": list(request.all_names),
            "key_type": self._wanted_key(),
            "spki_sha256": "",
            "files": self._files(base, on_node),
            "command": csr_command(base, request) if made and on_node else "",
        }
        if found:
            info = csr.describe_csr(found, base)
            result.update({part: info[part] for part in ("subject", "names", "key_type", "spki_sha256")})
            if on_node and self._folder:
                result["changed"] |= self._write(f"{base}.csr", found)
        if self.diff_mode:
            result["diff"] = self._diff(result, made)
        return result

    # On the node -----------------------------------------------------------------------------------------------------

    def _on_node(self, base: str, request: csr.Request) -> tuple[bytes, bool]:
        """Give the CSR of the node, and whether it is new; nothing in check mode while it would be."""
        params = self.params
        for option, given in (("key_type", params["key_type"] != "rsa"), ("key_size", params["key_size"] is not None)):
            if given:
                raise BadOption(
                    f"{option} {params[option]!r}",
                    "cannot be chosen for a key that the node makes (guide A.2)",
                    "leave it out, or make the key with where: control",
                )
        command = csr_command(base, request)
        node = Node(self.node, lambda: self.session)
        taken = [name for name in node.files() if name.partition(".")[0] == base]
        if taken:
            return self._taken(node, base, request, taken), False
        if self.check_mode:
            return b"", True
        node.make_csr(command)
        missing = {f"{base}.key", f"{base}.csr"} - set(node.files())
        if missing:
            raise FileProblem(
                f"{self.node} {', '.join(sorted(missing))}",
                f"is not on the node after '{command}'",
                "look at what the node printed, then run it again with another base",
                node.transcript,
            )
        found = node.get(f"{base}.csr")
        faults = shortcomings(found, request, f"{self.node} {base}.csr")
        if faults:
            raise CertificateProblem(
                f"{self.node} {base}.csr",
                f"the node made another request than was asked for: {'; '.join(faults)}",
                "do not have it signed; compare the command with 'help pki' on the node, and use another base",
                node.transcript,
            )
        return found, True

    def _taken(self, node: Node, base: str, request: csr.Request, taken: list[str]) -> bytes:
        """Give the CSR that has this name when it is the wanted one; ``pki csr`` would replace its key (S3)."""
        free = names.next_base(base, node.files())
        if not {f"{base}.key", f"{base}.csr"} <= set(taken):
            raise FileProblem(
                f"{self.node} {base}",
                f"the name is in use already ({', '.join(sorted(taken))}), and it is no key with its request",
                f"use a name that was never used, for example base: {free}",
            )
        found = node.get(f"{base}.csr")
        self._refuse_other(f"{self.node} {base}.csr", shortcomings(found, request, f"{base}.csr"), free)
        return found

    def _refuse_other(self, name: str, faults: list[str], free: str) -> None:
        if faults:
            raise CertificateProblem(
                name,
                f"holds another request already: {'; '.join(faults)}; its key must not be replaced",
                f"use a name that was never used, for example base: {free}",
            )

    # On the control node ---------------------------------------------------------------------------------------------

    def _on_control(self, base: str, request: csr.Request) -> tuple[bytes, bool]:
        """Give the CSR of the folder, and whether it is new. A key that a killed run left is taken up."""
        self._check_size()
        folder = str(self._folder)
        _key, found = self._there(base, request)
        if found is not None:
            return found, False
        if self.check_mode:
            return b"", True
        with files.changing(folder):
            # The task of another host may have made it meanwhile.
            key, found = self._there(base, request)
            if found is not None:
                return found, False
            if key is None:
                key = keys.generate_key(self.params["key_type"], self.params["key_size"])
                locked = keys.serialise_encrypted(key, self.params["passphrase"])
                files.write(os.path.join(folder, f"{base}.{KEY}"), locked)
            found = csr.build_csr(request, key)
            files.write(os.path.join(folder, f"{base}.{CSR}"), found)
        return found, True

    def _there(self, base: str, request: csr.Request) -> tuple[Any, bytes | None]:
        """Give the key and the CSR of this name in the folder. Raises CmsError when they are not what is wanted."""
        folder = str(self._folder)
        key_path, csr_path = (os.path.join(folder, f"{base}.{kind}") for kind in (KEY, CSR))
        taken = [name for name in files.entries(folder) if name.partition(".")[0] == base]
        locked, found = files.read(key_path), files.read(csr_path)
        free = names.next_base(base, files.entries(folder))
        if locked is None and taken:
            raise FileProblem(
                os.path.join(folder, base),
                f"the name is in use already ({', '.join(taken)}), and there is no key of it",
                f"use a name that was never used, for example base: {free}",
            )
        key = None if locked is None else keys.load_key(locked, self.params["passphrase"], key_path)
        if key is not None:
            have = x509util.key_type(key)
            faults = [] if have == self._wanted_key() else [f"its key is {have}, wanted {self._wanted_key()}"]
            if found is not None:
                faults += shortcomings(found, request, csr_path)
                if not keys.key_matches(key, csr.load_csr(found, csr_path)):
                    faults.append("it belongs to another key than the one beside it")
            self._refuse_other(csr_path if found is not None else key_path, faults, free)
        return key, found

    def _check_size(self) -> None:
        kind, size = self.params["key_type"], self.params["key_size"]
        allowed = [str(known) for known in (keys.RSA_SIZES if kind == "rsa" else keys.CURVES)]
        if size is not None and size not in allowed:
            raise BadOption(f"key_size {size!r}", f"is no size of an {kind.upper()} key", f"use {', '.join(allowed)}")

    def _wanted_key(self) -> str:
        kind, size = self.params["key_type"], self.params["key_size"]
        return f"RSA {size or keys.RSA_SIZES[0]}" if kind == "rsa" else f"ECDSA {size or keys.CURVES[0]}"

    # The result ------------------------------------------------------------------------------------------------------

    def _files(self, base: str, on_node: bool) -> dict[str, str]:
        folder = "" if on_node else str(self._folder)
        return {kind: os.path.join(folder, f"{base}.{kind}") for kind in (KEY, CSR)}

    def _write(self, name: str, content: bytes) -> bool:
        """Write a file in the folder unless it is there; say whether it was not."""
        folder = str(self._folder)
        path = os.path.join(folder, name)
        if files.read(path) == content:
            return False
        if not self.check_mode:
            with files.changing(folder):
                files.write(path, content)
        return True

    def _diff(self, result: dict[str, Any], made: bool) -> dict[str, str]:
        said = [f"subject: {result['subject']}", f"names: {', '.join(result['names'])}", f"key: {result['key_type']}"]
        after = "".join(f"{line}\n" for line in [*result["files"].values(), *said])
        header = f"{self.node} {self.params['base']}"
        return {"before": "" if made else after, "after": after, "before_header": header, "after_header": header}
