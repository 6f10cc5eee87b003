# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Register Web Bridges with a Call Bridge (guide D.2), prove that it connects, or put back what was registered.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from .._api import objects, registrations, system
from .._api.client import ApiClient
from .._errors import ApiProblem, BadOption, CertificateProblem, CmsError, ProofFailed
from .._fleet.registration import Change, line
from .._pki import certs
from .probe import leaf_of, probe_tls
from .prove import NOT_PROVEN, PROVEN, SETTLE, Pace


@dataclasses.dataclass(frozen=True)
class Database:
    """What the API shows: registrations, Call Bridges, groups; and which of the Call Bridges this one is."""

    entries: list[dict[str, Any]]
    call_bridges: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    own: Mapping[str, Any] | None

    @property
    def names(self) -> dict[str, str]:
        """Name Call Bridges and groups by their ids."""
        return {entry["id"]: str(entry["name"] or entry["id"]) for entry in (*self.call_bridges, *self.groups)}

    def call_bridge(self, name: str | None) -> str | None:
        """Give the id of a Call Bridge by its name; an empty name stays empty. Raises BadOption."""
        return _ident("call_bridge", name, self.call_bridges)

    def group(self, name: str | None) -> str | None:
        """Give the id of a Call Bridge group by its name; an empty name stays empty. Raises BadOption."""
        return _ident("call_bridge_group", name, self.groups)

    def concerns(self, entry: Mapping[str, Any]) -> bool:
        """Say whether this Call Bridge connects to a registration. Where nobody knows which it is, it may."""
        if self.own is None:
            return True
        group = entry.get("call_bridge_group")
        return entry.get("call_bridge") in (None, self.own["id"]) and (not group or group == self.own["group"])


def read(client: ApiClient) -> Database:
    """Read what is registered. Raises ApiProblem."""
    unique = system.cluster_settings(client)["unique_name"]
    call_bridges = objects.call_bridges(client)
    own = [entry for entry in call_bridges if entry["name"] and entry["name"] == unique]
    return Database(
        objects.web_bridges(client),
        call_bridges,
        objects.call_bridge_groups(client),
        own[0] if len(own) == 1 else None,
    )


def _ident(option: str, name: str | None, known: Sequence[Mapping[str, Any]]) -> str | None:
    if not name:
        return name
    found = [str(entry["id"]) for entry in known if name in (entry["name"], entry["id"])]
    if len(found) == 1:
        return found[0]
    others = ", ".join(sorted(str(entry["name"] or entry["id"]) for entry in known)) or "(there is none)"
    why = "is the name of several" if found else "is not known to this Call Bridge"
    raise BadOption(f"{option} {name!r}", why, f"give one of: {others}" + ("; or its id" if found else ""))


def check_name(url: str, certificate: str | None, where: str) -> str:
    """Refuse a URL whose host is not among the names of the Web Bridge's C2W certificate (guide 4.5).

    ``certificate`` is that certificate as PEM, from the survey ``where`` says; without one, what answers at the URL is
    looked at. Gives a remark where neither can be had. Raises CertificateProblem.
    """
    place = objects.parse_c2w_url(url)
    host, port = str(place[0]), int(place[1] or 0)
    if certificate is None:
        leaf = leaf_of(probe_tls(host, port))
        if leaf is None:
            return f"{url}: nobody here could see the certificate of that Web Bridge, so its names were not compared"
        certificate, where = str(leaf["pem"]), f"what answers at {host} port {port}"
    leaf_certificate = certs.load_certificates(certificate.encode(), where)[0]
    if certs.matches_name(leaf_certificate, host):
        return ""
    info = certs.describe(leaf_certificate)
    named = ", ".join([*info["dns"], *info["ip"]] or [str(info["common_name"])])
    raise CertificateProblem(
        url,
        f"the C2W certificate of that Web Bridge ({where}) is not for {host}, so Call Bridges would refuse it (guide"
        f" 4.5); it is for {named}",
        "register it under one of these names, or give the Web Bridge a certificate with this one first",
    )


class Registrar:
    """Carries a change of registrations out. ``commands`` tells what was sent, ``proofs`` what came of it."""

    def __init__(self, client: ApiClient, database: Database, wait: float) -> None:
        self._client = client
        self._database = database
        self._wait = wait
        self.commands: list[dict[str, Any]] = []
        self.proofs: list[dict[str, Any]] = []

    def carry_out(self, change: Change) -> str | None:
        """Do it, and give the id of the registration that is as wanted; None when none is.

        Raises ApiProblem, and ProofFailed when the Call Bridge does not connect; then what was there is back, or the
        error says why not. What goes away goes last, when the rest is proven.
        """
        ident = str(change.keep["id"]) if change.keep else None
        if change.create:
            self._told("POST", registrations.PATH, change.create)
            ident = registrations.create(self._client, change.create)
            self._proven(ident, change.create, None)
        if change.update:
            old, new = change.update
            ident = str(old["id"])
            self._told("PUT", f"{registrations.PATH}/{ident}", new)
            try:
                registrations.update(self._client, ident, new)
            except ApiProblem as error:
                if error.lost:
                    raise self._put_back(error, ident, old) from error
                raise
            self._proven(ident, new, old)
        for entry in change.remove:
            self._told("DELETE", f"{registrations.PATH}/{entry['id']}", None)
            registrations.delete(self._client, str(entry["id"]))
        return ident

    def _proven(self, ident: str, new: Mapping[str, Any], old: Mapping[str, Any] | None) -> None:
        what = line(new, self._database.names)
        if not self._database.concerns(new):
            detail = "it is for others than this Call Bridge, which cannot say whether they connect"
            self.proofs.append({"registration": ident, "object": what, "state": NOT_PROVEN, "detail": detail})
            return
        try:
            detail = self._connected(ident, what)
        except CmsError as error:
            raise self._put_back(error, ident, old) from error
        self.proofs.append({"registration": ident, "object": what, "state": PROVEN, "detail": detail})

    def _connected(self, ident: str, what: str) -> str:
        """Wait until the Call Bridge says that it is connected, for a while: what it says first may be of before."""
        pace = Pace(self._wait)
        left_when_up: float | None = None
        while True:
            state, reason = registrations.state_of(self._client, ident)
            if state != "success":
                left_when_up = None
            elif left_when_up is None:
                left_when_up = pace.left
            elif left_when_up - pace.left >= SETTLE:
                break
            if not pace.again():
                break
        if state == "success":
            return "the Call Bridge says success"
        raise ProofFailed(
            what,
            f"the Call Bridge says {state or 'nothing'} of it after {self._wait:.0f} seconds"
            + (f" ({reason})" if reason else ""),
            "compare both trust settings of the link with the certificates, and look at the event log of the Call"
            " Bridge; the Web Bridge has to listen, with a C2W certificate for the host of the URL (guide 4.5)",
        )

    def _put_back(self, error: CmsError, ident: str, old: Mapping[str, Any] | None) -> CmsError:
        """Bring back what was registered, and give the error that tells both halves."""
        try:
            if old is None:
                self._told("DELETE", f"{registrations.PATH}/{ident}", None)
                registrations.delete(self._client, ident)
            else:
                self._told("PUT", f"{registrations.PATH}/{ident}", old)
                registrations.update(self._client, ident, old)
        except ApiProblem as second:
            told = f"and what was registered could not be brought back: {second.reason}"
            step = f"see to webBridges/{ident} in Web Admin, Configuration > API, then: {error.next_step}"
            return type(error)(error.obj, f"{error.reason}; {told}", step, error.transcript)
        told = "the registration is gone again" if old is None else "what was registered before is back"
        return type(error)(error.obj, f"{error.reason}; {told}", error.next_step, error.transcript)

    def _told(self, method: str, path: str, entry: Mapping[str, Any] | None) -> None:
        fields = registrations.form_of(entry) if entry is not None else {}
        said = " ".join(f"{name}={value}" for name, value in fields.items() if value or method == "PUT")
        self.commands.append({"command": f"API {method} {path} {said}".rstrip(), "answer": []})
