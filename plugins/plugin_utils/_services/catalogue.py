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

from .media import RECORDER, STREAMER, TLS_LDAP, TLS_SIP, UPLOADER
from .shapes import (
    ALWAYS,
    BY_API,
    BY_LISTENER,
    BY_MODE,
    CERT_AND_BUNDLE,
    CLIENT,
    CUCM,
    ENABLED,
    EXPRESSWAY,
    FULL_CHAIN,
    LYNC,
    PEER_NAMES,
    PEERS,
    REGISTRATIONS,
    SERVER,
    SIP,
    SLOT_ROWS,
    STATUS,
    UNUSED,
    UPLOADS,
    WEB_APP,
    WHEN_SET,
    LinkKind,
    Service,
    Slot,
    Trust,
)
from .webapps import MEETINGAPPS, SCHEDULER

__all__ = [
    "ALWAYS",
    "API_FRONT",
    "API_SERVICE",
    "BY_API",
    "BY_LISTENER",
    "BY_MODE",
    "BY_NAME",
    "CALLBRIDGE",
    "CERT_AND_BUNDLE",
    "CLIENT",
    "CUCM",
    "ENABLED",
    "EXPRESSWAY",
    "FULL_CHAIN",
    "LINK_KINDS",
    "LYNC",
    "MEETINGAPPS",
    "PEERS",
    "PEER_NAMES",
    "RECORDER",
    "REGISTRATIONS",
    "SCHEDULER",
    "SERVER",
    "SERVICES",
    "SIP",
    "SLOTS",
    "SLOT_NAMES",
    "SLOT_ROWS",
    "STATUS",
    "STREAMER",
    "TLS_LDAP",
    "TLS_SIP",
    "TURN",
    "UNUSED",
    "UPLOADER",
    "UPLOADS",
    "VERIFIERS",
    "WEBADMIN",
    "WEBBRIDGE3",
    "WEB_APP",
    "WHEN_SET",
    "LinkKind",
    "Service",
    "Slot",
    "Trust",
    "link_kinds",
    "presenter_of",
    "slot_id",
]

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
            peers=(CUCM,),
        ),
    ),
    trusts=(),
    before_assign=("webadmin disable",),
    activate=("webadmin enable",),
    running_text="running",
    restart_cost="Web Admin and API sessions end",
    hurt=20,
    everywhere=True,
    fronts_api=True,
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
        # An edge feature of 2.x that 3.9 still has in its help; its label is not known.
        "Callbridge trust edge certs": "edge trust",
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
            peers=(LYNC, CUCM),
        ),
    ),
    trusts=(
        Trust("c2w", "callbridge trust c2w", "4.5"),
        # Without it a peer is taken for what it says it is.
        Trust("cluster", "callbridge trust cluster", "4.9", verifies=WHEN_SET),
        TLS_SIP,
        TLS_LDAP,
        Trust("edge", "callbridge trust edge", "4.4", "edges of 2.x"),
        Trust("branding", "callbridge trust branding", "4.4.1", "branding servers"),
        Trust("ucm", "callbridge ucm certs", "4.8", "Unified Communications Manager"),
        Trust("imps", "callbridge imps certs", "4.8", "IM and Presence servers"),
    ),
    activate=("callbridge restart",),
    drops_calls=True,
    restart_cost="all calls on this Call Bridge drop",
    hurt=90,
    everywhere=True,
    answers_api=True,
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
            peers=(WEB_APP, EXPRESSWAY),
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
    everywhere=True,
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
            same_ca_as="webbridge3_https",
        ),
    ),
    trusts=(),
    before_assign=("turn disable",),
    activate=("turn enable",),
    restart_cost="media relayed by this TURN server stops",
    hurt=10,
    everywhere=True,
)

SERVICES: tuple[Service, ...] = (
    WEBADMIN,
    CALLBRIDGE,
    WEBBRIDGE3,
    TURN,
    MEETINGAPPS,
    RECORDER,
    STREAMER,
    SCHEDULER,
    UPLOADER,
)
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

#: The service whose node has a REST API, and the one through which it is reached.
API_SERVICE = next(service.name for service in SERVICES if service.answers_api)
API_FRONT = next(service.name for service in SERVICES if service.fronts_api)


LINK_KINDS: tuple[LinkKind, ...] = (
    # The Call Bridge dials the Web Bridge and checks the name in the c2w:// URL (guide 4.5).
    LinkKind("c2w_server", "callbridge", "c2w", "webbridge3_c2w", SERVER, True, "4.5", proof=BY_API),
    # The Web Bridge checks the client certificate of each Call Bridge (guide appendix D.1, step 8).
    LinkKind("c2w_client", "webbridge3", "c2w", "callbridge", CLIENT, False, "4.5", proof=BY_API),
    # The scheduler beside a Call Bridge dials the same Web Bridges, and both sides verify.
    LinkKind("scheduler_server", "scheduler", "c2w", "webbridge3_c2w", SERVER, True, "4.5"),
    LinkKind("scheduler_client", "webbridge3", "c2w", "scheduler_c2w", CLIENT, False, "4.5"),
    # Call Bridges of a cluster reach each other through their Web Admins (guide 4.9).
    LinkKind(
        "cluster_peer",
        "callbridge",
        "cluster",
        "webadmin",
        SERVER,
        True,
        "4.9",
        found_by=PEERS,
        name_exact=True,
        names_from=(3, 4),
    ),
    # SIP between a Call Bridge and what records or streams: a side verifies where its mode says so (guide 4.8).
    LinkKind("recorder_server", "callbridge", "sip", "recorder", SERVER, False, "4.8", found_by=SIP),
    LinkKind("recorder_client", "recorder", "sip", "callbridge", CLIENT, False, "4.8", found_by=SIP),
    LinkKind("streamer_server", "callbridge", "sip", "streamer", SERVER, False, "4.8", found_by=SIP),
    LinkKind("streamer_client", "streamer", "sip", "callbridge", CLIENT, False, "4.8", found_by=SIP),
    # The uploader reads recordings' owners over the API. Whether it checks the name is not known.
    LinkKind("uploader", "uploader", "cms", "webadmin", SERVER, False, "2.1", found_by=UPLOADS),
)


def link_kinds(found_by: str) -> tuple[LinkKind, ...]:
    """Give the kinds of links that are found in one way."""
    return tuple(kind for kind in LINK_KINDS if kind.found_by == found_by)


def presenter_of(kind: LinkKind) -> str:
    """Name the service that presents in links of a kind."""
    return SLOTS[kind.presenter][0].name
