# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upload, download and remove certificates, keys and requests."""

from __future__ import annotations

import hashlib
import os
from typing import Any, ClassVar

from ansible.errors import AnsibleError

from ansible_collections.certops.cms.plugins.plugin_utils._action import CmsAction
from ansible_collections.certops.cms.plugins.plugin_utils._engine.node import Node
from ansible_collections.certops.cms.plugins.plugin_utils._errors import (
    BadOption,
    CertificateProblem,
    FileProblem,
    KeyProblem,
)
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import names
from ansible_collections.certops.cms.plugins.plugin_utils._gather import plain
from ansible_collections.certops.cms.plugins.plugin_utils._issuers import files
from ansible_collections.certops.cms.plugins.plugin_utils._mmp import displays
from ansible_collections.certops.cms.plugins.plugin_utils._pki import bundles, certs, csr, der, keys, x509util
from ansible_collections.certops.cms.plugins.plugin_utils._services import catalogue, commands
from ansible_collections.certops.cms.plugins.plugin_utils._text import printable

KEY, CSR, CERTIFICATE, TRUST, FULL_CHAIN = "key", "csr", "certificate", "trust", "full_chain"
#: Kind of certificate file -> what ``bundles.problems`` calls it.
EXPECTATIONS = {
    CERTIFICATE: bundles.CERTIFICATE,
    "bundle": bundles.BUNDLE,
    FULL_CHAIN: bundles.FULL_CHAIN,
    TRUST: bundles.TRUST,
}
KINDS = (*EXPECTATIONS, KEY, CSR)
#: What holds several certificates cannot be in DER.
_SEVERAL = tuple(extension for extension in names.CERTIFICATE_EXTENSIONS if extension != "der")
EXTENSIONS = {
    **dict.fromkeys(EXPECTATIONS, _SEVERAL),
    CERTIFICATE: names.CERTIFICATE_EXTENSIONS,
    KEY: names.KEY_EXTENSIONS,
    CSR: ("csr",),
}
PKI_EXTENSIONS = tuple(dict.fromkeys(extension for allowed in EXTENSIONS.values() for extension in allowed))


# What a file is, and whether it is good -----------------------------------------------------------------------------


def holds_key(data: bytes) -> bool:
    """Say whether there is a private key in a file, whatever else it holds."""
    text = certs.as_text_bytes(data)
    return b"PRIVATE KEY-----" in text or (b"-----BEGIN " not in text and der.shape(data) in ("key", "encrypted key"))


def kind_of(name: str, data: bytes) -> str:
    """Say what a file is, from its name and content. Raises CertificateProblem for what is nothing of all this."""
    extension = name.rpartition(".")[2]
    if extension == KEY or holds_key(data):
        return KEY
    if extension == CSR or b"CERTIFICATE REQUEST-----" in data:
        return CSR
    found = certs.load_certificates(data, name)
    if len(found) == 1:
        return CERTIFICATE
    return TRUST if all(x509util.is_ca(cert) or x509util.is_self_issued(cert) for cert in found) else FULL_CHAIN


def checked(name: str, kind: str, data: bytes, passphrase: str | None) -> bytes:
    """Give what is to be sent: the content, or the open form of a locked key.

    Raises CertificateProblem or KeyProblem for content that a service could not use.
    """
    if kind == KEY:
        return _checked_key(name, data, passphrase)
    if kind == CSR:
        csr.load_csr(data, name)
        return data
    is_der = name.endswith(".der") and b"-----BEGIN " not in data
    if kind == CERTIFICATE and is_der:
        found = ["it holds more than one certificate"] if len(certs.load_certificates(data, name)) > 1 else []
    else:
        found = bundles.problems(data, EXPECTATIONS[kind], name)
    if found:
        raise CertificateProblem(
            name,
            f"cannot be used as {kind.replace('_', ' ')}: {'; '.join(found)}",
            "correct the file (guide 1.2.4, 3.2), or say with kind what it is; nothing was sent",
        )
    return data


def _checked_key(name: str, data: bytes, passphrase: str | None) -> bytes:
    locked = keys.is_encrypted(data)
    if locked and not passphrase:
        raise KeyProblem(
            name,
            "the key is encrypted, and a service cannot use a locked key",
            "give its passphrase, so that it is unlocked in memory, or unlock it: openssl pkey -in FILE -out NEWFILE",
        )
    key = keys.load_key(data, passphrase, name)
    if b"CERTIFICATE-----" in data:
        raise KeyProblem(
            name, "it holds a certificate beside the key", "put key and certificate into files of their own"
        )
    if locked:
        return keys.serialise_plain(key)
    is_pem = b"-----BEGIN " in data
    if is_pem == name.endswith(".der"):
        have, wanted = ("PEM", "DER") if is_pem else ("DER", "PEM")
        raise KeyProblem(
            name,
            f"the key is in {have}, and a file of this name is read as {wanted}",
            f"convert it: openssl pkey -inform {have.lower()} -outform {wanted.lower()} -in FILE -out NEWFILE",
        )
    return data


def lines_of(kind: str, data: bytes, name: str) -> str:
    """Describe content for a diff, without any of it."""
    if kind == KEY:
        return "private key\n"
    if kind == CSR:
        info = csr.describe_csr(data, name)
        return f"request for {info['subject']}, names {printable(', '.join(info['names']))}\n"
    found = [certs.describe(cert) for cert in certs.load_certificates(data, name)]
    return "".join(f"{info['subject']}, issued by {info['issuer']}, ends {info['not_after']}\n" for info in found)


# The action ----------------------------------------------------------------------------------------------------------


class ActionModule(CmsAction):
    """The action of certops.cms.pki_file."""

    libraries = ("cryptography", "paramiko")
    argument_spec: ClassVar[dict[str, Any]] = {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent", "fetched"], "default": "present"},
        "src": {"type": "path"},
        "content": {"type": "str"},
        "kind": {"type": "str", "choices": list(KINDS)},
        "passphrase": {"type": "str", "no_log": True},
        "force": {"type": "bool", "default": False},
        "dest": {"type": "path"},
    }
    rules: ClassVar[dict[str, Any]] = {
        "mutually_exclusive": [("src", "content")],
        "required_if": [("state", "present", ("src", "content"), True), ("state", "fetched", ("dest",))],
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Bring the file into the wanted state."""
        self.params = params = plain(params)
        self._name = params["name"]
        work = {"present": self._upload, "absent": self._remove, "fetched": self._fetch}[params["state"]]
        return work(Node(self.node, lambda: self.session))

    def _upload(self, node: Node) -> dict[str, Any]:
        name = self._name
        given = self._given()
        kind = self.params["kind"] or kind_of(name, given)
        data = checked(name, kind, given, self.params["passphrase"])
        there = node.files()
        if name not in there:
            names.check_file(name, EXTENSIONS[kind], "name")
            before, changed = "", True
        else:
            have = None if kind == KEY and self._stays(there, len(data)) else node.get(name)
            changed = have != data
            before = "" if have is None else self._told(have)
            if changed:
                self._may_replace(node, before)
        if changed and not self.check_mode:
            node.put(name, data)
        return self._result(changed, kind, data, before, lines_of(kind, data, name))

    def _remove(self, node: Node) -> dict[str, Any]:
        name = self._name
        if name.rpartition(".")[2].lower() not in PKI_EXTENSIONS:
            raise BadOption(
                f"name {name!r}",
                "is no certificate, key or request",
                f"name a file that ends with one of: {', '.join(PKI_EXTENSIONS)}",
            )
        if name not in node.files():
            return self._result(False, "", b"", "", "")
        users = self._users(node)
        if users:
            raise FileProblem(
                f"{self.node} {name}",
                f"is named by {', '.join(users)}, and what a service names is never removed (S3)",
                "give the service another file and restart it first",
            )
        if not self.check_mode:
            node.remove(name)
        return self._result(True, "", b"", f"{name}\n", "")

    def _fetch(self, node: Node) -> dict[str, Any]:
        name, dest = self._name, self._loader.path_dwim(self.params["dest"])
        if self.params["dest"].endswith("/") or os.path.isdir(dest):
            dest = os.path.join(dest, name)
        is_key = name.endswith(f".{KEY}") or self.params["kind"] == KEY
        if self.check_mode and name not in node.files() and not is_key:
            return self._result(True, "", b"", "", f"{name}\n", dest)
        data = b"" if is_key else node.get(name)
        if is_key or holds_key(data):
            raise FileProblem(
                f"{self.node} {name}",
                "is a private key, and a key that is on a node stays there (S4)",
                "make a key that must be in several places on the control node: certops.cms.csr with where: control",
            )
        kind = self.params["kind"] or kind_of(name, data)
        have = files.read(dest)
        if have != data and not self.check_mode:
            with files.changing(os.path.dirname(dest)):
                files.write(dest, data)
        before = "" if have is None else self._told(have)
        return self._result(have != data, kind, data, before, lines_of(kind, data, name), dest)

    # What is asked on the way ----------------------------------------------------------------------------------------

    def _given(self) -> bytes:
        """Give the content that the options hold or name. Raises BadOption."""
        text = self.params["content"]
        if text is not None:
            return (text if text.endswith("\n") else f"{text}\n").encode("utf-8")
        try:
            path = self._find_needle("files", self.params["src"])
            # One character for each byte: DER goes through as it is, and a vault is opened in memory.
            return self._loader.get_text_file_contents(path, encoding="latin-1").encode("latin-1")
        except AnsibleError as error:
            raise BadOption(
                f"src {self.params['src']}", f"cannot be read ({error})", "give a file of the control node"
            ) from error

    def _stays(self, there: dict[str, int | None], size: int) -> bool:
        """Say whether the key on the node must not be read (S4): it has a request there, or another size."""
        return f"{self._name.rpartition('.')[0]}.csr" in there or there[self._name] not in (None, size)

    def _users(self, node: Node) -> list[str]:
        """Name the services whose displays name the file, and ``pki`` where the node says that it is used (S3)."""
        groups = self.variables.get("group_names") or []
        found = node.users_of(self._name, [row.name for row in catalogue.SERVICES if row.group in groups])
        named = displays.names_file(node.session.show(commands.PKI), self._name)
        return found or (["the node (pki)"] if named else [])

    def _may_replace(self, node: Node, before: str) -> None:
        """Raise FileProblem unless the file on the node may be replaced."""
        obj = f"{self.node} {self._name}"
        users = self._users(node)
        holds = f" ({before.strip().splitlines()[0]})" if before.strip() else ""
        if users:
            raise FileProblem(
                obj,
                f"is there with other content{holds}, and {', '.join(users)} names it: it is never replaced (S3)",
                "upload under a name that was never used, assign that, and restart the service",
            )
        if not self.params["force"]:
            raise FileProblem(
                obj,
                f"is there with other content{holds}",
                "upload under a name that was never used (S2), or replace it with force: true",
            )

    def _told(self, data: bytes) -> str:
        """Describe a file that may be anything."""
        try:
            return lines_of(kind_of(self._name, data), data, self._name)
        except (CertificateProblem, KeyProblem):
            return f"{len(data)} bytes that are no certificate, key or request\n"

    def _result(self, changed: bool, kind: str, data: bytes, before: str, after: str, dest: str = "") -> dict[str, Any]:
        shown = [] if kind not in EXPECTATIONS else certs.load_certificates(data, self._name)
        result: dict[str, Any] = {
            "changed": changed,
            "name": self._name,
            "kind": kind,
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest() if data and kind != KEY else "",
            "certificates": [certs.describe(cert) for cert in shown],
            "dest": dest,
        }
        if self.diff_mode:
            header = dest or f"{self.node} {self._name}"
            result["diff"] = {
                "before": before if changed else after,
                "after": after,
                "before_header": header,
                "after_header": header,
            }
        return result
