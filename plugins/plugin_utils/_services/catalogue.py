# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue of services: for each one how it is shown, assigned, trusted, restarted, proved, and what it costs.

Adding a service is adding a row here (docs/contributing.md). Labels are the appliance's own and are compared without
regard to case (reference: section 5 of the command line notes). The guide's sections are named where a value comes from
it.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

SERVER = "server"
CLIENT = "client"

#: How the files of a slot are given to its ``certs`` command (guide 4.4, 4.5).
CERT_AND_BUNDLE = "certificate and bundle"
FULL_CHAIN = "full chain"

#: What a row of a display means: that the service is on, what state it is in, nothing that is needed here. A row of a
#: slot is its name and one of ``SLOT_ROWS``, a row of a trust its name and ``trust``.
ENABLED = "enabled"
STATUS = "status"
UNUSED = ""
SLOT_ROWS = ("listen", "port", "key", "certificate", "bundle")


@dataclasses.dataclass(frozen=True)
class Slot:
    """A place of a service that takes a key and a certificate.

    ``identity`` is the name of the identity a slot has unless the inventory shares one. ``roles`` are the TLS roles its
    certificate is used in (guide tables 2 and 3). ``port`` is set for a listener whose port no display tells.
    ``asks_client`` marks listeners that demand a client certificate. ``signs`` marks those whose clients may insist on
    the key usage digitalSignature (guide 2.1).
    """

    name: str
    identity: str
    command: str
    layout: str
    roles: tuple[str, ...]
    section: str
    port: int | None = None
    asks_client: bool = False
    signs: bool = False
    public: bool = False
    tls_optional: bool = False
    #: Those outside the fleet who may verify it, listed when an anchor changes (S17).
    outside: tuple[str, ...] = ()
    #: Roles asked for beyond those needed, where the sources differ on what the appliance wants.
    also_ask: tuple[str, ...] = ()

    @property
    def requested_roles(self) -> tuple[str, ...]:
        """Give the roles a new certificate is asked for: those needed, and those that do no harm."""
        return (*self.roles, *self.also_ask)


@dataclasses.dataclass(frozen=True)
class Trust:
    """A trust setting of a service."""

    name: str
    command: str
    section: str
    #: Whom it verifies, where they are no nodes of the fleet and no change of ours concerns them.
    outside: str = ""


@dataclasses.dataclass(frozen=True)
class Service:
    """One service of a Meeting Server.

    ``before_assign`` and ``activate`` are the commands around a change of settings: the guide disables Web Admin and
    TURN first, and restarts the others. ``hurt`` orders services by what their restart costs, least first.
    ``drops_calls`` makes the calls in progress a gate (S6). ``rows`` are the labels of the display and what each means,
    in the order in which it shows them: only a display that went on past the place of a row says, by not having it,
    that nothing is set. A row whose label differs between versions stands there once for each.
    """

    name: str
    group: str
    show: str
    rows: Mapping[str, str]
    slots: tuple[Slot, ...]
    trusts: tuple[Trust, ...]
    activate: tuple[str, ...]
    restart_cost: str
    hurt: int
    section: str
    before_assign: tuple[str, ...] = ()
    running_text: str | None = None
    drops_calls: bool = False

    def labels(self, meaning: str) -> list[str]:
        """Give the labels of the row that means this; several where versions differ, none where no display has it."""
        return [label for label, meant in self.rows.items() if meant == meaning]

    def slot(self, name: str) -> Slot:
        """Give the slot of this name."""
        for slot in self.slots:
            if slot.name == name:
                return slot
        raise AssertionError(f"Contract violation: service {self.name} has no slot {name!r}")

    def trust(self, name: str) -> Trust:
        """Give the trust setting of this name."""
        for trust in self.trusts:
            if trust.name == name:
                return trust
        raise AssertionError(f"Contract violation: service {self.name} has no trust {name!r}")


WEBADMIN = Service(
    name="webadmin",
    group="cms_webadmin",
    show="webadmin",
    rows={
        "Enabled": ENABLED,
        "TLS listening interface": "webadmin listen",
        "TLS listening port": "webadmin port",
        "Key file": "webadmin key",
        "Certificate file": "webadmin certificate",
        "CA Bundle file": "webadmin bundle",
        "HTTP redirect": UNUSED,
        "STATUS": STATUS,
    },
    section="2.1",
    slots=(
        Slot(
            name="webadmin",
            identity="webadmin",
            command="webadmin certs",
            layout=CERT_AND_BUNDLE,
            roles=(SERVER,),
            section="2.1",
            outside=("Meeting Management", "TMS", "CUCM (ad hoc conferences, API)", "administrators' browsers"),
        ),
    ),
    trusts=(),
    before_assign=("webadmin disable",),
    activate=("webadmin enable",),
    running_text="running",
    restart_cost="Web Admin and API sessions end",
    hurt=20,
)

CALLBRIDGE = Service(
    name="callbridge",
    group="cms_callbridge",
    show="callbridge",
    rows={
        "Listening interfaces": "callbridge listen",
        "Preferred interface": UNUSED,
        "Key file": "callbridge key",
        "Certificate file": "callbridge certificate",
        "Address": UNUSED,
        "CA Bundle file": "callbridge bundle",
        "C2W trusted certs": "c2w trust",
        "Callbridge cluster trusted certs": "cluster trust",
        "Callbridge trust branding certs": "branding trust",
        "UCM trusted certs": "ucm trust",
        "UCM verification mode": UNUSED,
        "IMPS trusted certs": "imps trust",
        "IMPS verification mode": UNUSED,
        "WC3 JWT Expiry in hours": UNUSED,
    },
    section="4.4",
    slots=(
        Slot(
            name="callbridge",
            identity="callbridge",
            command="callbridge certs",
            layout=CERT_AND_BUNDLE,
            roles=(SERVER, CLIENT),
            section="4.4",
            # SIP over TLS; the display names interfaces only.
            port=5061,
            signs=True,
            outside=("CUCM and other SIP peers", "Lync or Skype Front End servers", "Active Directory (LDAPS)"),
        ),
    ),
    trusts=(
        Trust("c2w", "callbridge trust c2w", "4.5"),
        Trust("cluster", "callbridge trust cluster", "4.9"),
        Trust("branding", "callbridge trust branding", "4.4.1", "branding servers"),
        Trust("ucm", "callbridge ucm certs", "4.8", "Unified Communications Manager"),
        Trust("imps", "callbridge imps certs", "4.8", "IM and Presence servers"),
    ),
    activate=("callbridge restart",),
    drops_calls=True,
    restart_cost="all calls on this Call Bridge drop",
    hurt=90,
)

WEBBRIDGE3 = Service(
    name="webbridge3",
    group="cms_webbridge3",
    show="webbridge3",
    rows={
        "Enabled": ENABLED,
        "HTTPS listening ports and interfaces": "https listen",
        "HTTPS Key file": "https key",
        "HTTPS Full chain certificate file": "https certificate",
        "HTTPS Frame-Ancestors": UNUSED,
        "HTTP redirect": UNUSED,
        "C2W listening ports and interfaces": "c2w listen",
        "C2W Key file": "c2w key",
        "C2W Full chain certificate file": "c2w certificate",
        "C2W Trust bundle": "c2w trust",
        "Meetingapps address": UNUSED,
        "Meetingapps port": UNUSED,
        "Audio priority flag": UNUSED,
        "Beta options": UNUSED,
    },
    section="4.5",
    slots=(
        Slot(
            name="https",
            identity="webbridge3_https",
            command="webbridge3 https certs",
            layout=FULL_CHAIN,
            roles=(SERVER,),
            section="4.5",
            public=True,
            outside=("browsers of web app users", "Expressway (web proxy)"),
        ),
        Slot(
            name="c2w",
            identity="webbridge3_c2w",
            command="webbridge3 c2w certs",
            layout=FULL_CHAIN,
            roles=(SERVER,),
            section="4.5",
            asks_client=True,
            # Guide table 3 asks for server authentication only; another note of the vendor says both.
            also_ask=(CLIENT,),
        ),
    ),
    trusts=(Trust("c2w", "webbridge3 c2w trust", "4.5"),),
    activate=("webbridge3 restart",),
    restart_cost="web app sessions on this Web Bridge end",
    hurt=40,
)

TURN = Service(
    name="turn",
    group="cms_turn",
    show="turn",
    rows={
        "Enabled": ENABLED,
        "Username": UNUSED,
        "Password": UNUSED,
        "Short term credentials": UNUSED,
        "Shared secret": UNUSED,
        "Realm": UNUSED,
        "Public IP": UNUSED,
        "High capacity mode": UNUSED,
        "Relay address": UNUSED,
        "TLS port": "turn port",
        "TLS cert": "turn certificate",
        "TLS key": "turn key",
        "TLS bundle": "turn bundle",
    },
    section="4.6",
    slots=(
        Slot(
            name="turn",
            identity="turn",
            command="turn certs",
            layout=CERT_AND_BUNDLE,
            roles=(SERVER,),
            section="4.6",
            public=True,
            tls_optional=True,
            outside=("browsers of web app users", "Expressway"),
        ),
    ),
    trusts=(),
    before_assign=("turn disable",),
    activate=("turn enable",),
    restart_cost="media relayed by this TURN server stops",
    hurt=10,
)

SERVICES: tuple[Service, ...] = (WEBADMIN, CALLBRIDGE, WEBBRIDGE3, TURN)
BY_NAME: dict[str, Service] = {service.name: service for service in SERVICES}


def slot_id(service: Service, slot: Slot) -> str:
    """Name a slot in results and plans: the service, and the slot where there are several."""
    return service.name if len(service.slots) == 1 else f"{service.name}_{slot.name}"


#: slot id -> (service, slot)
SLOTS: dict[str, tuple[Service, Slot]] = {
    slot_id(service, slot): (service, slot) for service in SERVICES for slot in service.slots
}

#: The services that verify somebody, and the names of slots where a service has several.
VERIFIERS = tuple(service.name for service in SERVICES if service.trusts)
SLOT_NAMES = tuple(dict.fromkeys(slot.name for service in SERVICES if len(service.slots) > 1 for slot in service.slots))


@dataclasses.dataclass(frozen=True)
class LinkKind:
    """A kind of link: who verifies whom, by which trust setting (reference: rollout rules, 8.2).

    ``name_checked`` says that the verifier also checks the name it dialled against the presented certificate.
    """

    name: str
    verifier: str
    trust: str
    presenter: str
    presented_as: str
    name_checked: bool
    section: str


LINK_KINDS: tuple[LinkKind, ...] = (
    # The Call Bridge dials the Web Bridge and checks the name in the c2w:// URL (guide 4.5).
    LinkKind("c2w_server", "callbridge", "c2w", "webbridge3_c2w", SERVER, True, "4.5"),
    # The Web Bridge checks the client certificate of each Call Bridge (guide appendix D.1, step 8).
    LinkKind("c2w_client", "webbridge3", "c2w", "callbridge", CLIENT, False, "4.5"),
)
