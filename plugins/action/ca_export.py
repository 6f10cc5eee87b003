# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the CA certificates above a service, an identity or an issuer for browsers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar

from ansible_collections.certops.cms.plugins.plugin_utils._action import ISSUERS_SPEC, STATE_SPEC, CmsAction, require
from ansible_collections.certops.cms.plugins.plugin_utils._engine.node import Node
from ansible_collections.certops.cms.plugins.plugin_utils._errors import (
    BadOption,
    CertificateProblem,
    IssuerProblem,
    StoreProblem,
)
from ansible_collections.certops.cms.plugins.plugin_utils._gather import chosen_slot, open_issuers, open_store, plain
from ansible_collections.certops.cms.plugins.plugin_utils._issuers import browsers, files
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.store import ISSUED
from ansible_collections.certops.cms.plugins.plugin_utils._pki import bundles, certs, x509util
from ansible_collections.certops.cms.plugins.plugin_utils._services import catalogue

if TYPE_CHECKING:
    from cryptography import x509

SOURCES = ("service", "identity", "issuer")


class ActionModule(CmsAction):
    """The action of certops.cms.ca_export."""

    libraries = ("cryptography",)
    argument_spec: ClassVar[dict[str, Any]] = {
        "service": {"type": "str", "choices": list(catalogue.BY_NAME)},
        "slot": {"type": "str", "choices": list(catalogue.SLOT_NAMES)},
        "identity": {"type": "str"},
        "issuer": {"type": "str"},
        "dest": {"type": "path", "required": True},
        **STATE_SPEC,
        **ISSUERS_SPEC,
    }
    rules: ClassVar[dict[str, Any]] = {
        "mutually_exclusive": [SOURCES],
        "required_one_of": [SOURCES],
        "required_by": {"slot": "service"},
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Find the chain, and write what is not in the folder yet."""
        self.params = params = plain(params)
        source, chain = self._chain()
        if not x509util.is_self_signed(chain[-1]):
            raise CertificateProblem(
                source,
                f"its chain does not end at a root, the certificate of {x509util.issuer_text(chain[-1])} is missing",
                "put the root last in the bundle of the service (guide 1.2.4), or name the issuer",
            )
        folder = self._loader.path_dwim(params["dest"])
        exported = browsers.plan(chain, folder)
        wanted = browsers.contents(exported, source)
        missing = [name for name, data in wanted.items() if files.read(os.path.join(folder, name)) != data]
        if missing and not self.check_mode:
            with files.changing(folder):
                for name in missing:
                    files.write(os.path.join(folder, name), wanted[name])
        text = wanted[browsers.TEXT_FILE].decode("utf-8")
        result: dict[str, Any] = {
            "changed": bool(missing),
            "source": source,
            "certificates": [one.as_dict(folder) for one in exported],
            "text": text,
            "text_file": os.path.join(folder, browsers.TEXT_FILE),
        }
        if self.diff_mode:
            result["diff"] = {
                "before": "".join(f"{name}\n" for name in wanted if name not in missing),
                "after": "".join(f"{name}\n" for name in wanted),
                "before_header": folder,
                "after_header": folder,
            }
        return result

    def _chain(self) -> tuple[str, list[x509.Certificate]]:
        """Give where the certificates come from, in words, and the CA certificates, root last."""
        params = self.params
        if params["service"]:
            return self._of_service(catalogue.BY_NAME[params["service"]])
        if params["identity"]:
            return self._of_identity(params["identity"])
        return self._of_issuer(params["issuer"])

    def _of_service(self, service: catalogue.Service) -> tuple[str, list[x509.Certificate]]:
        require("paramiko")
        slot = catalogue.SLOTS[chosen_slot(service, self.params["slot"])][1]
        node = Node(self.node, lambda: self.session)
        shown = (node.display(service.name).get("slots") or {}).get(slot.name) or {}
        source = f"{service.name} on {self.node}"
        if not shown.get("certificate"):
            raise CertificateProblem(source, "has no certificate", "assign one first, or name another service")
        leaf, others = bundles.split(node.get(shown["certificate"]), f"{self.node} {shown['certificate']}")
        if shown.get("bundle"):
            others += certs.load_certificates(node.get(shown["bundle"]), f"{self.node} {shown['bundle']}")
        chain = bundles.order_chain(leaf, others)
        # What signed itself is its own root.
        return source, chain[1:] or chain

    def _of_identity(self, identity: str) -> tuple[str, list[x509.Certificate]]:
        store = open_store(self, read_only=True)
        issued = [facts for facts in store.generations(identity) if facts["state"] == ISSUED]
        if not issued:
            known = ", ".join(store.identities()) or "none"
            raise StoreProblem(
                f"identity {identity}", "has no certificate in the store", f"name one that the store has: {known}"
            )
        newest = store.get(identity, issued[-1]["base"])
        pems = newest.issued.chain_pems if newest and newest.issued else ()
        return f"identity {identity}", self._loaded(f"identity {identity}", list(pems))

    def _of_issuer(self, name: str) -> tuple[str, list[x509.Certificate]]:
        issuers = open_issuers(self)
        if name not in issuers:
            known = ", ".join(sorted(issuers)) or "none"
            raise BadOption(f"issuer {name!r}", "is not in cms_issuers", f"name one of them: {known}")
        return f"issuer {name}", self._loaded(f"issuer {name}", issuers[name].anchors())

    def _loaded(self, source: str, pems: list[str]) -> list[x509.Certificate]:
        if not pems:
            raise IssuerProblem(source, "has no CA certificates yet", "have a certificate issued first")
        return [certs.load_certificates(pem.encode("ascii"), source)[0] for pem in pems]
