# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shapes that rows of the catalogue have: services, their slots and trust settings, kinds of links.

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

#: Who meets a certificate from outside and holds it to something: Lync and Skype servers (guide 3.1.1), browsers on
#: the page of the web app and the Expressway in front of it (3.1.2), Unified Communications Manager (3.3).
LYNC, WEB_APP, EXPRESSWAY, CUCM = "Lync", "web app", "Expressway", "CUCM"
#: The variables that say under which name they look for it.
PEER_NAMES = {LYNC: "cms_lync_fqdn", WEB_APP: "cms_web_app_fqdn", EXPRESSWAY: "cms_expressway_name"}

#: What a row of a display means: that the service is on, what state it is in, nothing that is needed here. A row of a
#: slot is its name and one of ``SLOT_ROWS``, a row of a trust its name and ``trust``, a row that names whom the service
#: dials a word and ``host``.
ENABLED = "enabled"
STATUS = "status"
UNUSED = ""
SLOT_ROWS = ("listen", "port", "key", "certificate", "bundle")

#: When a trust setting verifies: in any case; when a file is set; when its mode says so (``tls <sip|ldap> verify``).
ALWAYS, WHEN_SET, BY_MODE = "always", "when set", "by mode"

#: How links are found (``_fleet/topology``): ``c2w://`` registrations, Call Bridges of one database, inventory and SIP,
#: the host an uploader dials.
REGISTRATIONS, PEERS, SIP, UPLOADS = "registrations", "peers", "sip", "uploads"

#: What proves a link after a change: the API of the Call Bridge; nothing but the presenter's own listener.
BY_API, BY_LISTENER = "api", "listener"


@dataclasses.dataclass(frozen=True)
class Slot:
    """A place of a service that takes a key and a certificate.

    ``identity`` is the name of the identity a slot has unless the inventory shares one. ``roles`` are the TLS roles its
    certificate is used in (guide tables 2 and 3). ``port`` is set for a listener whose port no display tells.
    ``public`` marks those that browsers and other clients outside meet (guide table 2). ``asks_client`` marks listeners
    that demand a client certificate. ``signs`` marks those whose clients may insist on the key usage digitalSignature
    (guide 2.1). ``tls_optional`` marks those that may well stay without: a slot counts
    where it listens or has a certificate.
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
    #: Those of them whose demands are known.
    peers: tuple[str, ...] = ()
    #: The slot whose CA should have issued it too.
    same_ca_as: str | None = None
    #: A certificate of its own is advised.
    dedicated: bool = False
    #: A self-signed certificate is refused (guide 6).
    ca_signed: bool = False
    #: Roles asked for beyond those needed, where the sources differ on what the appliance wants.
    also_ask: tuple[str, ...] = ()

    @property
    def requested_roles(self) -> tuple[str, ...]:
        """Give the roles a new certificate is asked for: those needed, and those that do no harm."""
        return (*self.roles, *self.also_ask)


@dataclasses.dataclass(frozen=True)
class Trust:
    """A trust setting of a service.

    ``show`` is the command that shows it where the display of the service does not (``tls sip``). Such a setting
    belongs to every service of a node that uses it, and is live for each of them only after its restart.
    """

    name: str
    command: str
    section: str
    #: Whom it verifies, where they are no nodes of the fleet and no change of ours concerns them.
    outside: str = ""
    show: str = ""
    #: Says whether the setting verifies: ``ALWAYS``, ``WHEN_SET``, ``BY_MODE``.
    verifies: str = ALWAYS


@dataclasses.dataclass(frozen=True)
class Service:
    """One service of a Meeting Server.

    ``before_assign`` and ``activate`` are the commands around a change of settings: the guide disables Web Admin and
    TURN first, and restarts the others. ``hurt`` orders services by what their restart costs, least first.
    ``drops_calls`` makes the calls in progress a gate (S6). ``rows`` are the labels of the display and what each means,
    in the order in which it shows them: only a display that went on past the place of a row says, by not having it,
    that nothing is set. A row whose label differs between versions stands there once for each.

    Where nobody has seen a display, ``words`` are patterns for labels and what they mean, the first that fits counts;
    a label is compared in lower case, with blanks for whatever is no letter and no digit.
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
    words: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: The survey looks at it on every node, whatever its groups: these services there were always.
    everywhere: bool = False
    #: The service it cannot be without: the survey looks at it wherever that one is.
    beside: str = ""
    #: The REST API of a node is answered by the one, and reached through the other.
    answers_api: bool = False
    fronts_api: bool = False

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

    @property
    def shows(self) -> tuple[str, ...]:
        """Give the commands that show settings of it beside its own display."""
        return tuple(dict.fromkeys(trust.show for trust in self.trusts if trust.show))


@dataclasses.dataclass(frozen=True)
class LinkKind:
    """A kind of link: who verifies whom, by which trust setting (reference: rollout rules, 8.2).

    ``verifier`` is a service, ``presenter`` a slot id. ``name_checked`` says that the verifier also checks the name it
    dialled against the presented certificate, ``name_exact`` that no wildcard serves there, and ``names_from`` from
    which version on it does that. ``found_by`` says how such links are found.
    """

    name: str
    verifier: str
    trust: str
    presenter: str
    presented_as: str
    name_checked: bool
    section: str
    found_by: str = REGISTRATIONS
    name_exact: bool = False
    names_from: tuple[int, ...] = ()
    proof: str = BY_LISTENER
