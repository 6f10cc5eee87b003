# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Have a certificate issued for a CSR, and keep it on the control node."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.certops.cms.plugins.plugin_utils._action import (
    ISSUERS_SPEC,
    STATE_SPEC,
    STORE_SPEC,
    CmsAction,
)
from ansible_collections.certops.cms.plugins.plugin_utils._errors import (
    BadOption,
    CertificateProblem,
    IssuerProblem,
)
from ansible_collections.certops.cms.plugins.plugin_utils._findings import Finding
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import names
from ansible_collections.certops.cms.plugins.plugin_utils._gather import open_issuers, plain
from ansible_collections.certops.cms.plugins.plugin_utils._issuers import files
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.base import Issued, Issuer, Wanted, accept
from ansible_collections.certops.cms.plugins.plugin_utils._pki import bundles, certs, chain, csr, validity, x509util

try:
    from cryptography.hazmat.primitives import serialization
    from cryptography.x509.oid import NameOID
except ImportError:
    pass

#: Part -> what its file name adds to the base.
PARTS = {"certificate": ".crt", "bundle": "-bundle.crt", "full_chain": "-fullchain.crt"}


def wanted_of(pem: bytes, base: str, roles: list[str] | None, issuer: str) -> Wanted:
    """Take what is wanted from a CSR; ``roles`` decide where the CSR names no usages. Raises CertificateProblem."""
    loaded = csr.load_csr(pem, f"CSR {base}")
    info = csr.describe_csr(pem, f"CSR {base}")
    if not info["signature_valid"]:
        raise CertificateProblem(
            f"CSR {base}", "its signature is not that of its key", "make the request again, under a new name"
        )
    usages = info["extended_key_usage"] or []
    asked = [role for role, usage in csr.ROLE_EKU.items() if usage in usages]
    chosen = roles or asked or ["server"]
    lacking = [csr.ROLE_EKU[role] for role in chosen if usages and csr.ROLE_EKU[role] not in usages]
    if lacking:
        raise CertificateProblem(
            f"CSR {base}",
            f"it names extended key usages, and {', '.join(lacking)} is not among them",
            "make a request for these roles under a new name, or want fewer roles",
        )
    short = _attributes()
    subject = {
        short[attribute.oid.dotted_string]: str(attribute.value)
        for attribute in loaded.subject
        if attribute.oid.dotted_string in short
    }
    subject["CN"] = info["common_name"] or next(iter(info["names"]), "")
    request = csr.Request.of(subject, info["names"], chosen, usages or None, info["key_usage"])
    return Wanted(
        identity=base,
        base=base,
        common_name=subject["CN"],
        subject=subject,
        names=request.all_names,
        roles=tuple(chosen),
        eku=request.extended_key_usage,
        ku=request.key_usage_for(x509util.public_key(loaded)),
        csr_pem=loaded.public_bytes(serialization.Encoding.PEM).decode("ascii"),
        issuer=issuer,
    )


def _attributes() -> dict[str, str]:
    """Give the attributes of guide table 4 by their OID."""
    found = {
        NameOID.ORGANIZATION_NAME: "O",
        NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
        NameOID.LOCALITY_NAME: "L",
        NameOID.STATE_OR_PROVINCE_NAME: "ST",
        NameOID.COUNTRY_NAME: "C",
        NameOID.EMAIL_ADDRESS: "emailAddress",
    }
    return {oid.dotted_string: name for oid, name in found.items()}


def contents(issued: Issued) -> dict[str, bytes]:
    """Give what the files hold (guide 1.2.4)."""
    leaf, *above = [_one(pem) for pem in (issued.leaf_pem, *issued.chain_pems)]
    return {
        "certificate": bundles.bundle_bytes([leaf]),
        "bundle": bundles.bundle_bytes(above),
        "full_chain": bundles.bundle_bytes([leaf, *above]),
    }


def _one(pem: str) -> Any:
    return certs.load_certificates(pem.encode("ascii", "replace"), "certificate")[0]


def reason_to_issue(
    wanted: Wanted, have: Issued | None, issuer: Issuer, policy: validity.RenewBefore, now: datetime.datetime
) -> str:
    """Say why the certificate in the folder cannot stay; empty when it can."""
    if have is None:
        return "there is no certificate yet"
    leaf, *above = [_one(pem) for pem in (have.leaf_pem, *have.chain_pems)]
    info = certs.describe(leaf)
    if validity.is_due(info, policy, now):
        return f"it ends at {info['not_after']}"
    blocking = [finding.found for finding in accept(wanted, have, now) if finding.blocks]
    if blocking:
        return "; ".join(blocking)
    anchors = [] if issuer.will_create else [_one(pem) for pem in issuer.anchors()]
    if not chain.build(leaf, [*above, *anchors], anchors, now).anchored:
        return f"it is not from the issuer {issuer.name}"
    return ""


class ActionModule(CmsAction):
    """The action of certops.cms.certificate."""

    libraries = ("cryptography",)
    argument_spec: ClassVar[dict[str, Any]] = {
        "csr": {"type": "str"},
        "csr_file": {"type": "path"},
        "base": {"type": "str"},
        "dest": {"type": "path", "required": True},
        "issuer": {"type": "str"},
        "roles": {"type": "list", "elements": "str", "choices": ["server", "client"], "aliases": ["usages"]},
        "renew_before": {"type": "str"},
        **STATE_SPEC,
        **STORE_SPEC,
        **ISSUERS_SPEC,
    }
    rules: ClassVar[dict[str, Any]] = {
        "mutually_exclusive": [("csr", "csr_file")],
        "required_one_of": [("csr", "csr_file")],
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Keep the certificate that is there, or have one issued, check it and write it."""
        now = self.now()
        self.params = params = plain(params)
        base = self._base()
        policy = validity.parse_renew_before(self.option("renew_before", "cms_renew_before"))
        issuer = self._issuer()
        folder = self._loader.path_dwim(params["dest"])
        paths = {part: os.path.join(folder, f"{base}{suffix}") for part, suffix in PARTS.items()}
        pem = self._csr()
        wanted = None if pem is None else wanted_of(pem, base, params["roles"], issuer.name)
        have = None if wanted is None else self._have(paths, wanted)
        reason = "there is no request yet" if wanted is None else reason_to_issue(wanted, have, issuer, policy, now)
        issued, findings = have, [] if not reason else issuer.check(now)
        if reason:
            self._refuse(findings)
            issued = None
        if reason and wanted is not None and not self.check_mode:
            # Before the folder is held, which may be that of the CA.
            issuer.prepare(now)
            with files.changing(folder):
                # The task of another host may have had it issued meanwhile.
                issued = self._have(paths, wanted)
                reason = reason_to_issue(wanted, issued, issuer, policy, now)
                if reason:
                    issued, more = issuer.obtain(wanted, now)
                    findings += more
                    self._write(paths, contents(issued))
        return self._result(reason, issuer, issued, findings, paths, have)

    @staticmethod
    def now() -> datetime.datetime:
        """Give the moment everything is judged at."""
        return datetime.datetime.now(datetime.UTC)

    # What is given ---------------------------------------------------------------------------------------------------

    def _base(self) -> str:
        given, file = self.params["base"], self.params["csr_file"]
        if not given and not file:
            raise BadOption("base", "is not set", "say how the files are to be called, for example callbridge-g2")
        return names.check_base(given or os.path.splitext(os.path.basename(file))[0], "base")

    def _csr(self) -> bytes | None:
        """Give the request; None in check mode where it is still to be made."""
        text, file = self.params["csr"], self.params["csr_file"]
        if file:
            path = self._loader.path_dwim(file)
            found = files.read(path)
            if found is None and not self.check_mode:
                raise BadOption(f"csr_file {path}", "there is no such file", "give the file that holds the request")
            return found
        if not (text or "").strip() and not self.check_mode:
            raise BadOption("csr", "is empty", "give the request in PEM, as certops.cms.csr returns it")
        return text.encode("ascii", "replace") if text else None

    def _issuer(self) -> Issuer:
        name = self.option("issuer", "cms_issuer")
        known = open_issuers(self)
        if not name:
            raise BadOption("issuer", "is not set", "name one of issuers, or set the variable cms_issuer")
        if name not in known:
            listed = ", ".join(sorted(known)) or "(there is none)"
            raise BadOption(
                f"issuer {str(name)!r}", "is not one of cms_issuers", f"describe it there, or name: {listed}"
            )
        return known[name]

    def _have(self, paths: Mapping[str, str], wanted: Wanted) -> Issued | None:
        """Give the certificate of the folder with its chain; None when there is none that could stay.

        Raises CertificateProblem when the name is taken by the certificate of another key.
        """
        data = files.read(paths["certificate"])
        if data is None:
            return None
        try:
            leaf = certs.load_certificates(data, paths["certificate"])[0]
            bundle = files.read(paths["bundle"])
            above = certs.load_certificates(bundle, paths["bundle"]) if bundle else []
        except CertificateProblem:
            # Half a file of a copy that was cut short is made anew, like a missing one.
            return None
        if x509util.spki_sha256(leaf) != csr.describe_csr(wanted.csr_pem)["spki_sha256"]:
            stem = re.sub(r"-g\d+$", "", wanted.base)
            taken = [*files.entries(os.path.dirname(paths["certificate"])), wanted.base]
            free = names.base(stem, names.next_generation(stem, taken))
            raise CertificateProblem(
                paths["certificate"],
                "holds the certificate of another key than the request's",
                f"use a name that was never used, for example base: {free}",
            )
        found = Issued(certs.to_pem(leaf), tuple(certs.to_pem(cert) for cert in above))
        whole = all(files.read(paths[part]) == content for part, content in contents(found).items())
        return found if whole else None

    # What is made ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _refuse(findings: list[Finding]) -> None:
        blocking = [finding for finding in findings if finding.blocks]
        if blocking:
            raise IssuerProblem(
                blocking[0].object, "; ".join(finding.found for finding in blocking), blocking[0].next_step
            )

    @staticmethod
    def _write(paths: Mapping[str, str], made: Mapping[str, bytes]) -> None:
        """Write the three files; the certificate alone comes last, so that a killed run is seen and repeated."""
        for part in ("full_chain", "bundle", "certificate"):
            files.write(paths[part], made[part])

    def _result(
        self,
        reason: str,
        issuer: Issuer,
        issued: Issued | None,
        findings: list[Finding],
        paths: Mapping[str, str],
        have: Issued | None,
    ) -> dict[str, Any]:
        texts = dict.fromkeys(PARTS, b"") if issued is None else contents(issued)
        chosen: list[str] = [] if issued is None else [issued.leaf_pem, *issued.chain_pems]
        described = [certs.describe(_one(pem)) for pem in chosen]
        result: dict[str, Any] = {
            "changed": bool(reason),
            "reason": reason,
            "issuer": issuer.describe(),
            "certificate": described[0] if described else {},
            "chain": described[1:],
            "pem": texts["certificate"].decode("ascii"),
            "bundle_pem": texts["bundle"].decode("ascii"),
            "full_chain_pem": texts["full_chain"].decode("ascii"),
            "files": dict(paths),
            "findings": [finding.as_dict() for finding in findings],
        }
        if self.diff_mode:
            promised = f"a certificate from {issuer.name}, valid for {issuer.validity} ({reason})\n"
            header = paths["certificate"]
            result["diff"] = {
                "before": lines_of(have),
                "after": lines_of(issued) or promised,
                "before_header": header,
                "after_header": header,
            }
        return result


def lines_of(issued: Issued | None) -> str:
    """Describe a certificate for a diff."""
    if issued is None:
        return ""
    info = certs.describe(_one(issued.leaf_pem))
    return (
        f"subject: {info['subject']}\nissuer: {info['issuer']}\nvalid: {info['not_before']} to {info['not_after']}\n"
        f"names: {', '.join([*info['dns'], *info['ip'], *info['email']])}\n"
        f"usages: {', '.join(info['extended_key_usage'] or ['any'])}\nsha256: {info['sha256']}\n"
    )
