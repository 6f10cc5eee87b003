# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read everything about a node that a plan needs: one SSH login, at most one HTTPS session, no change.

The result is the survey, as plain data. Private keys are never downloaded (S4).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from .._api.client import UNAVAILABLE, ApiClient
from .._api.objects import NOT_CONFIGURED, survey_api
from .._errors import ApiProblem, CmsError
from .._fleet import names
from .._mmp import displays
from .._mmp.session import Session
from .._pki import bundles, certs, csr, der
from .._services import catalogue, commands
from . import others
from . import probe as probing
from .looks import Looks

SCHEMA = 1

#: Seconds an API that answers 503 is asked again; a survey does not wait for a Call Bridge to start.
API_WAIT = 3.0

#: Seconds that who has to use an API waits for it.
PATIENCE = 20.0

NOT_LISTENING = "Web Admin does not listen on this node"
UNPINNED = "the certificate of Web Admin could not be read over SSH, so nothing vouches for the API"

_STAGED = (".crt", "-fullchain.crt")


@dataclasses.dataclass(frozen=True)
class ApiAccess:
    """The user of the REST API."""

    user: str
    password: str = dataclasses.field(repr=False)


def survey(
    session: Session,
    *,
    host: str,
    address: str,
    services_expected: Iterable[str],
    probe: Mapping[str, Mapping[str, Any]] | None,
    api_access: ApiAccess | None,
    now: datetime.datetime,
    files_of_interest: Iterable[str] = (),
    made: Iterable[str] = (),
    whole: bool = False,
) -> dict[str, Any]:
    """Give the survey of one node.

    ``probe`` maps slot ids to an address and port that lead to them where the display's do not; None probes nothing.
    ``files_of_interest`` are certificate files that are read besides those a setting names (of changes in flight);
    ``made`` are files this collection put there: requests that wait for a certificate and trust files newer than the
    assigned one are read from among them. ``whole`` also reads the certificate files that no setting names, and asks
    the node whether assigned keys and certificates belong together. Raises CmsError for a node that cannot be read or
    not be understood (S8).
    """
    version = displays.parse_version(session.show(commands.VERSION))
    expected = set(services_expected)
    looks = Looks(session, host, expected)
    looks.first()
    kinds = displays.parse_pki_list(session.show(commands.PKI_LIST))
    looks.rest(kinds, made)
    services = looks.services
    sizes = session.listdir()
    # What the list left out is told by its name: a key stays a key (S4).
    files = {
        name: {"kind": kinds.get(name) or displays.kind_by_name(name), "size": sizes.get(name)}
        for name in sorted({*kinds, *sizes})
    }
    reader = _Reader(session, services, files)
    wanted = {**reader.in_use(), **reader.also(files_of_interest, made)}
    certificates = {name: reader.certificates(name, expect) for name, expect in sorted(wanted.items())}
    requests = {name: reader.request(name) for name in reader.open_requests(made)}
    places = _places(services, address, probe or {})
    served = {} if probe is None else probing.probe_all(places)
    if catalogue.API_SERVICE in expected:
        pins = [*reader.assigned(catalogue.API_FRONT), *files_of_interest]
        api = _read_api(places.get(catalogue.API_FRONT), _leaves(certificates, pins), api_access)
    else:
        api = {**survey_api(None), "detail": "the node runs no Call Bridge"}
    beside = {} if not whole else _beside(session, reader, services, files, certificates, frozenset(made))
    return {
        "schema": SCHEMA,
        "host": host,
        "address": address,
        "taken_at": now.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "prompt": session.prompt,
        "version": version,
        "files": files,
        "certificates": certificates,
        "csrs": {name: found for name, found in requests.items() if found},
        "services": services,
        "served": served,
        "api": api,
        "logins": session.logins,
        "notices": list(session.notices),
        **beside,
    }


def _beside(
    session: Session,
    reader: _Reader,
    services: Mapping[str, Mapping[str, Any]],
    files: Mapping[str, Mapping[str, Any]],
    certificates: Mapping[str, Any],
    made: frozenset[str],
) -> dict[str, Any]:
    """Read what a report wants beyond a plan, under keys of its own: no plan depends on what nobody uses."""
    return {
        "other_certificates": others.other_certificates(
            files, certificates, made, lambda name: reader.certificates(name, _form_of(name))
        ),
        "pairs": others.pairs(session, services),
    }


class _Reader:
    """Reads certificate files of a node, and never a key."""

    def __init__(
        self, session: Session, services: Mapping[str, Mapping[str, Any]], files: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self._session = session
        self._services = services
        self._files = files
        self._keys = {name for name, entry in files.items() if entry["kind"] == "key"}
        for state in services.values():
            self._keys |= {slot["key"] for slot in (state.get("slots") or {}).values() if slot.get("key")}

    def in_use(self) -> dict[str, str]:
        """Name the certificate files that a setting names, with the form each should have (guide 1.2.4, 4.4, 4.5)."""
        found: dict[str, str] = {}
        for name, state in self._services.items():
            row = catalogue.BY_NAME[name]
            for slot in row.slots if state.get("slots") else ():
                shown = state["slots"][slot.name]
                full = slot.layout == catalogue.FULL_CHAIN
                if shown.get("certificate"):
                    found.setdefault(shown["certificate"], bundles.FULL_CHAIN if full else bundles.CERTIFICATE)
                if shown.get("bundle"):
                    found.setdefault(shown["bundle"], bundles.BUNDLE)
            for file in (state.get("trusts") or {}).values():
                if file:
                    found.setdefault(file, bundles.TRUST)
        return found

    def assigned(self, slot_id: str) -> list[str]:
        """Name the certificate file of a slot, if it has one."""
        service, slot = catalogue.SLOTS[slot_id]
        shown = (self._services[service.name].get("slots") or {}).get(slot.name) or {}
        return [shown["certificate"]] if shown.get("certificate") else []

    def also(self, files_of_interest: Iterable[str], made: Iterable[str]) -> dict[str, str]:
        """Name the files to read besides: those asked for, and trust files of ours newer than the assigned ones."""
        found = {name: _form_of(name) for name in files_of_interest if name in self._files and not _is_request(name)}
        for service, state in self._services.items():
            for trust, assigned in (state.get("trusts") or {}).items():
                stem = names.trust_stem(service, trust)
                newest = names.generation_of(assigned, stem) or 0 if assigned else 0
                for name in made:
                    if name in self._files and (names.generation_of(name, stem) or 0) > newest:
                        found[name] = bundles.TRUST
        return found

    def open_requests(self, made: Iterable[str]) -> list[str]:
        """Name the CSRs of ours that no certificate on the node answers yet."""
        return sorted(
            name
            for name in set(made)
            if _is_request(name)
            and name in self._files
            and not any(name.removesuffix(".csr") + ending in self._files for ending in _STAGED)
        )

    def certificates(self, name: str, expect: str) -> dict[str, Any]:
        """Read a certificate file; what is wrong with it is told, not raised."""
        if name in self._keys:
            return _nothing("a setting names it as a certificate, and it is a private key; it was not read")
        if name not in self._files:
            return _nothing("the file is not on the node")
        try:
            data = self._session.get(name)
        except CmsError as error:
            if self._session.connected:
                return _nothing(f"{error.reason}")
            raise
        if _holds_key(data):
            return _nothing("it holds a private key; its content was dropped unread")
        try:
            found = certs.load_certificates(data, name)
        except CmsError as error:
            return _nothing(error.reason)
        return {
            "certificates": [{"pem": certs.to_pem(one), "info": certs.describe(one)} for one in found],
            "problems": bundles.problems(data, expect, name),
        }

    def request(self, name: str) -> dict[str, Any] | None:
        """Read a CSR; None when the file is none (then its generation is simply not taken up again)."""
        data = self._session.get(name)
        if _holds_key(data):
            return None
        text = data.decode("ascii", "replace")
        try:
            info = csr.describe_csr(text, name)
        except CmsError:
            return None
        return {"pem": text, **{key: info[key] for key in ("spki_sha256", "subject", "dns", "ip")}}


def _nothing(problem: str) -> dict[str, Any]:
    return {"certificates": [], "problems": [problem]}


def _is_request(name: str) -> bool:
    return name.endswith(".csr")


def _form_of(name: str) -> str:
    """Say which form a file of ours has, by its name."""
    for part, form in (("-trust-", bundles.TRUST), ("-bundle.", bundles.BUNDLE), ("-fullchain.", bundles.FULL_CHAIN)):
        if part in name:
            return form
    return bundles.CERTIFICATE


def _holds_key(data: bytes) -> bool:
    return b"PRIVATE KEY-----" in certs.as_text_bytes(data) or der.shape(data) in ("key", "encrypted key", "pkcs12")


def _places(
    services: Mapping[str, Mapping[str, Any]], address: str, overrides: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Say where to probe each slot that is switched on and has a certificate."""
    found: dict[str, dict[str, Any]] = {}
    for slot_id, (service, slot) in catalogue.SLOTS.items():
        state = services[service.name]
        shown = (state.get("slots") or {}).get(slot.name)
        if not shown or state.get("enabled") is False or not shown.get("certificate"):
            continue
        given = overrides.get(slot_id) or {}
        listening = next((entry for entry in shown.get("listen") or [] if entry["interface"] != "lo"), None)
        port = given.get("port") or (listening["port"] if listening else None)
        if port:
            found[slot_id] = {"address": str(given.get("address") or address), "port": int(port)}
    return found


def _leaves(certificates: Mapping[str, Mapping[str, Any]], names_wanted: Iterable[str]) -> list[str]:
    """Give the fingerprints of the first certificates of files that were read."""
    found = [certificates[name]["certificates"] for name in dict.fromkeys(names_wanted) if name in certificates]
    return [str(one[0]["info"]["sha256"]) for one in found if one]


def _read_api(place: Mapping[str, Any] | None, pins: list[str], access: ApiAccess | None) -> dict[str, Any]:
    """Read the API behind Web Admin, which is pinned to what was read over SSH (S11)."""
    if access is None:
        return survey_api(None)
    if place is None:
        return {**survey_api(None), "state": NOT_CONFIGURED, "detail": NOT_LISTENING}
    if not pins:
        return {**survey_api(None), "state": UNAVAILABLE, "detail": UNPINNED}
    client = ApiClient(
        str(place["address"]), int(place["port"]), access.user, access.password, pins=pins, wait=API_WAIT
    )
    return survey_api(client)


def api_client(
    found: Mapping[str, Any],
    places: Mapping[str, Mapping[str, Any]],
    access: ApiAccess,
    *,
    earlier: Iterable[str] = (),
    wait: float = PATIENCE,
) -> ApiClient:
    """Give a client for the API of a surveyed node, pinned to the certificate of its Web Admin (S11).

    ``places`` maps slot ids to an address and port that lead to them where the display's do not. ``earlier`` are
    certificate files that a change in flight replaced: Web Admin may still run with one of them. Raises ApiProblem for
    a node with no Web Admin to speak to.
    """
    place = _places(found["services"], str(found["address"]), places).get(catalogue.API_FRONT)
    service, slot = catalogue.SLOTS[catalogue.API_FRONT]
    shown = (found["services"][service.name].get("slots") or {}).get(slot.name) or {}
    pins = _leaves(found["certificates"], [file for file in (shown.get("certificate"), *earlier) if file])
    if place is None or not pins:
        raise ApiProblem(
            f"API of {found['host']}",
            UNPINNED if place else NOT_LISTENING,
            "switch Web Admin on, with a certificate whose file is on the node",
        )
    return ApiClient(str(place["address"]), int(place["port"]), access.user, access.password, pins=pins, wait=wait)
