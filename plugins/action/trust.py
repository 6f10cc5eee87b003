# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action of certops.cms.trust: widen or narrow the trust setting of a link, restart the service, prove the links."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import removal, single
from ansible_collections.certops.cms.plugins.plugin_utils._pki import certs
from ansible_collections.certops.cms.plugins.plugin_utils._services import catalogue
from ansible_collections.certops.cms.plugins.plugin_utils._single import SINGLE_SPEC, SingleChange


class ActionModule(SingleChange):
    """One trust setting of one service."""

    argument_spec: ClassVar[dict[str, Any]] = {
        "service": {"type": "str", "required": True, "choices": list(catalogue.VERIFIERS)},
        "trust": {"type": "str", "default": "c2w"},
        "mode": {"type": "str", "choices": ["widen", "narrow", "exact"], "default": "widen"},
        "certificates": {"type": "list", "elements": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        **SINGLE_SPEC,
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        service = catalogue.BY_NAME[params["service"]]
        if params["trust"] not in {trust.name for trust in service.trusts}:
            raise BadOption(
                "trust",
                f"{params['trust']!r} is no trust setting of {service.name}",
                "use one of: " + ", ".join(trust.name for trust in service.trusts),
            )
        if params["state"] == "absent":
            if params["certificates"]:
                raise BadOption("certificates", "is given, and state is absent", "leave it out, or use mode: narrow")
            result = self.change(
                lambda fleet: removal.plan_no_trust(fleet, self.node, service.name, params["trust"]), {}
            )
            return {**result, "service": service.name, "trust": params["trust"]}
        if not params["certificates"]:
            raise BadOption("certificates", "is missing", "give certificates as PEM text, or say state: absent")
        pems = [
            certs.to_pem(certificate)
            for number, text in enumerate(params["certificates"], 1)
            for certificate in certs.load_certificates(text.encode(), f"certificates, entry {number}")
        ]
        result = self.change(
            lambda fleet: single.plan_trust(fleet, self.node, service.name, params["trust"], pems, params["mode"]), {}
        )
        return {**result, "service": service.name, "trust": params["trust"]}
