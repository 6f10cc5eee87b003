# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take a PKCS#12 file apart."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from ansible.errors import AnsibleError

from ansible_collections.certops.cms.plugins.plugin_utils._action import CmsAction, require
from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption, CertificateProblem, KeyProblem
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import names
from ansible_collections.certops.cms.plugins.plugin_utils._gather import plain
from ansible_collections.certops.cms.plugins.plugin_utils._issuers import files
from ansible_collections.certops.cms.plugins.plugin_utils._pki import bundles, certs, keys, pkcs12, x509util

KEY = "key"


class ActionModule(CmsAction):
    """The action of certops.cms.pkcs12."""

    libraries = ("cryptography",)
    argument_spec: ClassVar[dict[str, Any]] = {
        "src": {"type": "path", "required": True},
        "remote_src": {"type": "bool", "default": False},
        "passphrase": {"type": "str", "no_log": True},
        "chain_file": {"type": "path"},
        "base": {"type": "str", "required": True},
        "dest": {"type": "path", "required": True},
        "key_passphrase": {"type": "str", "required": True, "no_log": True},
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Read the file, put what is in it in order, and write what is not there yet."""
        self.params = params = plain(params)
        base = names.check_base(params["base"], "base")
        keys.check_new_passphrase(params["key_passphrase"], "key_passphrase")
        given = pkcs12.take_apart(self._source(), params["passphrase"], self._label(), self._more())
        folder = self._loader.path_dwim(params["dest"])
        paths = {part: os.path.join(folder, name) for part, name in _names(base, bool(given.chain)).items()}
        texts = {
            "certificate": bundles.bundle_bytes([given.leaf]),
            "bundle": bundles.bundle_bytes(given.chain),
            "full_chain": bundles.full_chain_bytes(given.leaf, given.chain),
        }
        missing = self._missing(paths, texts, given)
        if missing and not self.check_mode:
            with files.changing(folder):
                # The task of another host may have written some meanwhile.
                for part in self._missing(paths, texts, given):
                    data = self._locked(given.key) if part == KEY else texts[part]
                    files.write(paths[part], data)
        return self._result(given, paths, texts, missing)

    # What is given ---------------------------------------------------------------------------------------------------

    def _label(self) -> str:
        return f"{self.node} {self.params['src']}" if self.params["remote_src"] else str(self.params["src"])

    def _source(self) -> bytes:
        if self.params["remote_src"]:
            require("paramiko")
            found: bytes = self.session.get(self.params["src"])
            return found
        return self._local("src", self.params["src"])

    def _more(self) -> list[Any]:
        file = self.params["chain_file"]
        return certs.load_certificates(self._local("chain_file", file), str(file)) if file else []

    def _local(self, option: str, file: str) -> bytes:
        try:
            path = self._find_needle("files", file)
            # One character for each byte: DER goes through as it is, and a vault is opened in memory.
            return str(self._loader.get_text_file_contents(path, encoding="latin-1")).encode("latin-1")
        except AnsibleError as error:
            raise BadOption(
                f"{option} {file}", f"cannot be read ({error})", "give a file of the control node"
            ) from error

    # What is there ---------------------------------------------------------------------------------------------------

    def _missing(self, paths: dict[str, str], texts: dict[str, bytes], given: pkcs12.Contents) -> list[str]:
        """Name the parts that are to be written. Raises KeyProblem, CertificateProblem where others have the names."""
        missing = []
        for part, path in paths.items():
            have = files.read(path)
            if have is None:
                missing.append(part)
            elif part == KEY:
                self._same_key(path, have, given)
            elif have != texts[part]:
                self._refuse(path, "holds other certificates already")
        return missing

    def _same_key(self, path: str, have: bytes, given: pkcs12.Contents) -> None:
        if not keys.is_encrypted(have):
            raise KeyProblem(path, "is a private key that is not encrypted", "move it away, or use another base")
        there = keys.load_key(have, self.params["key_passphrase"], path)
        if keys.public_spki(there) != keys.public_spki(given.key):
            self._refuse(path, "is another private key already")

    def _refuse(self, path: str, reason: str) -> None:
        base = self.params["base"]
        free = names.next_base(base, files.entries(os.path.dirname(path)))
        raise CertificateProblem(
            path, f"{reason}, and is not replaced", f"use a name that was never used, for example base: {free}"
        )

    def _locked(self, key: keys.PrivateKey) -> bytes:
        return keys.serialise_encrypted(key, self.params["key_passphrase"], "key_passphrase")

    # The result ------------------------------------------------------------------------------------------------------

    def _result(
        self, given: pkcs12.Contents, paths: dict[str, str], texts: dict[str, bytes], missing: list[str]
    ) -> dict[str, Any]:
        info = certs.describe(given.leaf)
        result: dict[str, Any] = {
            "changed": bool(missing),
            "certificate": info,
            "chain": [certs.describe(cert) for cert in given.chain],
            "unused": [x509util.subject_text(cert) for cert in given.unused],
            "pem": texts["certificate"].decode("ascii"),
            "bundle_pem": texts["bundle"].decode("ascii"),
            "full_chain_pem": texts["full_chain"].decode("ascii"),
            "files": {part: paths.get(part, "") for part in (KEY, *texts)},
        }
        if self.diff_mode:
            said = {KEY: f"private key, {info['key_type']}, encrypted"}
            lines = {part: f"{path}: {said.get(part, info['subject'])}\n" for part, path in paths.items()}
            header = self._label()
            result["diff"] = {
                "before": "".join(line for part, line in lines.items() if part not in missing),
                "after": "".join(lines.values()),
                "before_header": header,
                "after_header": header,
            }
        return result


def _names(base: str, chain: bool) -> dict[str, str]:
    """Give the names of the parts, in the order in which they are written: the key first."""
    wanted = names.files_of(base, chain)
    found = {KEY: wanted["key"], "certificate": wanted["certificate"]}
    return {**found, **({"bundle": wanted["bundle"]} if chain else {}), "full_chain": wanted["fullchain"]}
