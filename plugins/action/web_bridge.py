# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action of certops.cms.web_bridge: register a Web Bridge with the Call Bridges of a cluster, or end that."""

from __future__ import annotations

import datetime
import os
from typing import Any, ClassVar

from ansible_collections.certops.cms.plugins.plugin_utils._action import API_SPEC, STATE_SPEC, CmsAction
from ansible_collections.certops.cms.plugins.plugin_utils._api.objects import parse_c2w_url
from ansible_collections.certops.cms.plugins.plugin_utils._api.registrations import same_place
from ansible_collections.certops.cms.plugins.plugin_utils._engine import registrar
from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import links_c2w, registration
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.given import SITE
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.lock import FleetLock, owner_of
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.registration import PRESENT, Change, Wanted
from ansible_collections.certops.cms.plugins.plugin_utils._gather import SURVEY_VARIABLE, gather, patience
from ansible_collections.certops.cms.plugins.plugin_utils._look import api_of


class ActionModule(CmsAction):
    """One registration in the database that the Call Bridges of a cluster share."""

    libraries = ("cryptography", "paramiko", "OpenSSL", "defusedxml")
    argument_spec: ClassVar[dict[str, Any]] = {
        "url": {"type": "str", "required": True},
        "call_bridge": {"type": "str"},
        "call_bridge_group": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "purge": {"type": "bool", "default": False},
        "owned": {"type": "list", "elements": "str", "default": []},
        "survey_variable": {"type": "str", "default": SURVEY_VARIABLE},
        "proof_timeout": {"type": "int"},
        **STATE_SPEC,
        **API_SPEC,
    }

    def act(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        for url in (params["url"], *params["owned"]):
            _check_url(url)
        if params["call_bridge"] and params["call_bridge_group"]:
            raise BadOption(
                "call_bridge and call_bridge_group", "are both given", "a registration is for one of them: give that"
            )
        if self.check_mode:
            return self._act(params)
        # The lock stays with this run of ansible-playbook, which may have taken it for a plan; it ends with it.
        lock = FleetLock(self.state_dir, owner_of(os.getppid()))
        lock.acquire(f"registrations on {self.node}")
        with lock.one_at_a_time(), lock.working(self.node):
            return self._act(params)

    def _act(self, params: dict[str, Any]) -> dict[str, Any]:
        wait = patience(self)["proof_timeout"]
        with api_of(self) as client:
            database = registrar.read(client)
            wanted = Wanted(
                params["url"],
                database.call_bridge(params["call_bridge"]),
                database.group(params["call_bridge_group"]),
                params["state"],
                params["purge"],
                tuple(params["owned"]),
            )
            change = registration.change(database.entries, wanted, same_place)
            remarks = self._remarks(wanted, change, database)
            worker = registrar.Registrar(client, database, wait)
            ident = str(change.keep["id"]) if change.keep else None
            after = registration.after(database.entries, change)
            if change.changed and not self.check_mode:
                ident = worker.carry_out(change)
        result: dict[str, Any] = {
            "changed": change.changed,
            "registration": _shown(wanted, change, ident),
            "removed": [dict(entry) for entry in change.remove],
            "left": [dict(entry) for entry in change.left],
            "commands": worker.commands,
            "proofs": worker.proofs,
            "remarks": remarks,
        }
        if self.diff_mode:
            texts = [registration.lines(entries, database.names) for entries in (database.entries, after)]
            before, then = ("".join(f"{one}\n" for one in text) for text in texts)
            result["diff"] = [
                {"before": before, "after": then, "before_header": "webBridges", "after_header": "webBridges"}
            ]
        return result

    def _remarks(self, wanted: Wanted, change: Change, database: registrar.Database) -> list[str]:
        """Refuse a URL that the certificate of the Web Bridge is not for; give what is worth saying of the rest."""
        found = []
        if wanted.state == PRESENT and (change.create or change.update):
            found.append(registrar.check_name(wanted.url, *self._certificate(wanted.url)))
        if change.keep and change.keep["status"] != "success" and database.concerns(change.keep):
            why = f" ({change.keep['reason']})" if change.keep["reason"] else ""
            found.append(
                f"{wanted.url} is registered, and the Call Bridge says {change.keep['status'] or 'nothing'}{why}"
            )
        found += [f"{registration.line(entry, database.names)} stays: purge would remove it" for entry in change.left]
        return [remark for remark in found if remark]

    def _certificate(self, url: str) -> tuple[str | None, str]:
        """Give the C2W certificate of the Web Bridge behind a URL, if it was surveyed in this run, and whose it is."""
        fleet = gather(self, SITE, datetime.datetime.now(datetime.UTC), self.params["survey_variable"])
        host, item = links_c2w.certificate_behind(fleet, str(parse_c2w_url(url)[0]))
        return (item["pem"], f"of {host.name}") if host and item else (None, "")


def _check_url(url: str) -> None:
    host, port = parse_c2w_url(url)
    if host is None or not port:
        raise BadOption(
            f"url {url!r}",
            "is not the URL of a Web Bridge",
            "give c2w://HOST:PORT: a host that its C2W certificate names, and the port on which it listens for C2W",
        )


def _shown(wanted: Wanted, change: Change, ident: str | None) -> dict[str, Any] | None:
    """Describe the registration that is, or would be, as wanted."""
    if wanted.state != PRESENT:
        return None
    entry = change.keep or change.create or (change.update[1] if change.update else {})
    return {"id": ident, **{name: entry.get(name) for name in ("url", "call_bridge", "call_bridge_group")}}
