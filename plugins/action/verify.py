# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check a certificate, its chain and its key against a profile."""

from __future__ import annotations

import datetime
import re
from typing import Any, ClassVar

from ansible.errors import AnsibleError

from ansible_collections.certops.cms.plugins.plugin_utils._action import CmsAction, require
from ansible_collections.certops.cms.plugins.plugin_utils._engine.node import Node
from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption, CertificateProblem, KeyProblem
from ansible_collections.certops.cms.plugins.plugin_utils._findings import ERROR, WARNING, Finding
from ansible_collections.certops.cms.plugins.plugin_utils._gather import plain
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import quote
from ansible_collections.certops.cms.plugins.plugin_utils._pki import bundles, certs, chain, keys, profiles, x509util
from ansible_collections.certops.cms.plugins.plugin_utils._services import commands

PARTS = ("certificate", "chain", "anchors")
_FROM_NOW = re.compile(r"\+(\d{1,5})([dh])")


def moment_of(text: str | None, now: datetime.datetime) -> datetime.datetime:
    """Read the option ``at``: a moment in ISO 8601, or days or hours from now. Raises BadOption."""
    if not text:
        return now
    ahead = _FROM_NOW.fullmatch(text.strip())
    try:
        if ahead:
            hours = int(ahead.group(1)) * (24 if ahead.group(2) == "d" else 1)
            return now + datetime.timedelta(hours=hours)
        moment = datetime.datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError) as error:
        raise BadOption(f"at {text!r}", "is no moment", "write it like 2027-03-15T00:00:00Z or +30d") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def form_findings(data: bytes, part: str, name: str, alone: bool) -> list[Finding]:
    """Give what is wrong with a file as a file (guide 1.2.4, 3.2).

    A certificate without its chain in a second file may be a full chain, where form counts as much as in a bundle. The
    form of a single certificate is easily mended and only a warning.
    """
    expect = {"chain": bundles.BUNDLE, "anchors": bundles.TRUST}.get(part, bundles.CERTIFICATE)
    severity = WARNING if part == "certificate" else ERROR
    if part == "certificate" and alone and len(certs.load_certificates(data, name)) > 1:
        expect, severity = bundles.FULL_CHAIN, ERROR
    step = "Write the file again: PEM, nothing between the certificates, root last"
    return [
        Finding(severity, "file-form", "1.2.4", name, found, step) for found in bundles.problems(data, expect, name)
    ]


class ActionModule(CmsAction):
    """The action of certops.cms.verify."""

    libraries = ("cryptography",)
    argument_spec: ClassVar[dict[str, Any]] = {
        "certificate": {"type": "str"},
        "certificate_file": {"type": "path", "aliases": ["name"]},
        "chain": {"type": "str"},
        "chain_file": {"type": "path"},
        "anchors": {"type": "str"},
        "anchors_file": {"type": "path"},
        "key_file": {"type": "path"},
        "key_passphrase": {"type": "str", "no_log": True},
        "node": {"type": "bool", "default": False},
        "profile": {"type": "str", "choices": list(profiles.PROFILES), "default": profiles.MEETING_SERVER},
        "roles": {
            "type": "list",
            "elements": "str",
            "choices": ["server", "client"],
            "default": ["server"],
            "aliases": ["usages"],
        },
        "host": {"type": "list", "elements": "str", "default": []},
        "digital_signature": {"type": "bool", "default": False},
        "max_intermediates": {"type": "int"},
        "at": {"type": "str"},
        "fail": {"type": "bool", "default": True},
    }
    rules: ClassVar[dict[str, Any]] = {
        "mutually_exclusive": [(part, f"{part}_file") for part in PARTS],
        "required_one_of": [("certificate", "certificate_file")],
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Read what is given, check it, and say what was found."""
        self.params = params = plain(params)
        moment = moment_of(params["at"], datetime.datetime.now(datetime.UTC))
        if params["node"]:
            require("paramiko")
        self._there = Node(self.node, lambda: self.session)
        label = self._label("certificate")
        given = {part: self._read(part) for part in PARTS}
        data = given["certificate"] or b""
        leaf, pool = bundles.split(data, label)
        findings = self._form_findings(given)
        pool += self._certificates(given["chain"], "chain")
        anchors = self._certificates(given["anchors"], "anchors")
        if given["anchors"] is None:
            anchors = [cert for cert in (leaf, *pool) if x509util.is_self_signed(cert)]
        findings += self._key_findings(leaf, label)
        findings += profiles.check(
            leaf,
            pool,
            anchors,
            profile=params["profile"],
            roles=params["roles"],
            now=moment,
            name=params["host"] or None,
            subject_label=label,
            digital_signature=params["digital_signature"],
            max_intermediates=params["max_intermediates"],
        )
        built = chain.build(leaf, pool, anchors, moment, partial=params["profile"] == profiles.MEETING_SERVER)
        blocking = [finding for finding in findings if finding.blocks]
        result = {
            "changed": False,
            "valid": not blocking,
            "findings": [finding.as_dict() for finding in findings],
            "certificate": certs.describe(leaf),
            "chain": [certs.describe(cert) for cert in built.certificates[1:]],
            "at": x509util.iso(moment),
        }
        return {**result, **(self._failure(label, blocking) if blocking and params["fail"] else {})}

    # What is given ---------------------------------------------------------------------------------------------------

    def _label(self, part: str) -> str:
        """Name a part in findings: its file, or the option."""
        file = self.params[f"{part}_file"]
        return part if not file else f"{self.node} {file}" if self.params["node"] else str(file)

    def _read(self, part: str) -> bytes | None:
        """Give the content of a part; None when it is not given. Raises BadOption, FileProblem."""
        text, file = self.params[part], self.params[f"{part}_file"]
        if text is not None:
            if part == "anchors" and not text.strip():
                raise BadOption(
                    "anchors",
                    "is empty, and with no trusted certificate nothing can be trusted",
                    "give the certificates that the verifying side trusts, or leave the option out",
                )
            # Ansible's own lookups take the last line break off a file.
            return f"{text.rstrip()}\n".encode() if text.strip() else None
        if not file:
            return None
        if not self.params["node"]:
            return self._local(f"{part}_file", file)
        if file.endswith(".key"):
            raise KeyProblem(
                f"{self.node} {file}", "is a private key, which stays on the node (S4)", "name a certificate"
            )
        data = self._there.get(file)
        if b"PRIVATE KEY-----" in data:
            raise KeyProblem(
                f"{self.node} {file}", "holds a private key beside certificates", "put it into its own file"
            )
        return data

    def _local(self, option: str, file: str) -> bytes:
        try:
            # One character for each byte: DER goes through as it is, and a vault is opened in memory.
            text = self._loader.get_text_file_contents(self._loader.path_dwim(file), encoding="latin-1")
        except AnsibleError as error:
            raise BadOption(
                f"{option} {file}", f"cannot be read ({error})", "give a file of the control node"
            ) from error
        return str(text).encode("latin-1")

    def _certificates(self, data: bytes | None, part: str) -> list[Any]:
        return [] if data is None else certs.load_certificates(data, self._label(part))

    # What is found ---------------------------------------------------------------------------------------------------

    def _form_findings(self, given: dict[str, bytes | None]) -> list[Finding]:
        alone = given["chain"] is None
        parts = [(part, data) for part, data in given.items() if data is not None]
        return [found for part, data in parts for found in form_findings(data, part, self._label(part), alone)]

    def _key_findings(self, leaf: Any, label: str) -> list[Finding]:
        """Say whether the key belongs to the certificate (guide 4.3)."""
        file = self.params["key_file"]
        if not file:
            return []
        step = "Use the key that the certificate was requested with, or request a new certificate"
        if self.params["node"]:
            if not self.params["certificate_file"]:
                raise BadOption(
                    "key_file", "needs certificate_file with node: true", "name the certificate on the node"
                )
            command = commands.pki_match(quote(file), quote(self.params["certificate_file"]))
            says = self._there.says_yes(command)
            if says is None:
                step = f"Run '{command}' by hand and read the answer"
                return [
                    Finding(
                        WARNING, "key-match-unknown", "4.3", label, f"the node's answer about {file} is unclear", step
                    )
                ]
            belongs = says
        else:
            key = keys.load_key(self._local("key_file", file), self.params["key_passphrase"], str(file))
            belongs = keys.key_matches(key, leaf)
        return (
            []
            if belongs
            else [Finding(ERROR, "key-mismatch", "4.3", label, f"does not belong to the key {file}", step)]
        )

    @staticmethod
    def _failure(label: str, blocking: list[Finding]) -> dict[str, Any]:
        error = CertificateProblem(
            label,
            "; ".join(finding.found for finding in blocking),
            "; ".join(finding.next_step for finding in blocking),
        )
        return {"failed": True, "msg": str(error), "error": error.as_dict()}
