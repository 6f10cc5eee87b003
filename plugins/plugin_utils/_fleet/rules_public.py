# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules about public CAs: where one is wanted, and what they do not give any more (guide 2.1, 3.1.3, 3.1.5, 4).

A certificate is public when its issuer is (``public: true`` in ``cms_issuers``), or when it says so itself: by a policy
of the CA/Browser Forum or by timestamps of certificate transparency.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator

from .._findings import ERROR, REMARK, WARNING
from .._pki.web_pki_rules import LIFETIMES
from .._rules.rule import Rule
from .._services import catalogue
from . import described
from .given import NARROW, RENEW
from .held import Held
from .looking import Broken, View, about

#: From this day on no public CA asserts client authentication in a new certificate (Chrome's root programme).
NO_CLIENT_SINCE = datetime.date(2027, 3, 15)
#: Those that stopped earlier, by the organization in the subjects of their CAs.
STOPPED_BEFORE = {"Let's Encrypt": datetime.date(2026, 7, 8)}


def _wanted(view: View) -> Iterator[Broken]:
    """Tell it when a certificate is about to be issued, and always where the inventory says that users come."""
    for held in view.held:
        used = held.planned or described.variable(held.host, "cms_web_app_fqdn")
        if used and held.slot.public and not held.public and not held.self_signed:
            yield Broken(held.label, "is not from a public CA", (held.host.name,), held=held)


def _wanted_for_lync(view: View) -> Iterator[Broken]:
    for held in view.held:
        federated = catalogue.LYNC in held.slot.peers and described.variable(held.host, "cms_lync_federation")
        if federated and not held.public:
            yield about(held, "is not from a public CA, which Lync Edge servers of other companies want")


def _same_ca(view: View) -> Iterator[Broken]:
    """Compare what is planned with what will be there beside it, and what is there today with its like."""
    clusters = view.topology.clusters
    like: dict[tuple[str, int | None], list[Held]] = {}
    for held in view.held:
        like.setdefault((held.slot_id, clusters[held.host.name]), []).append(held)
        like.setdefault((held.slot_id, None), []).append(held)
    for held in view.held:
        if held.slot.same_ca_as is None:
            continue
        near = like.get((held.slot.same_ca_as, clusters[held.host.name]))
        beside = near or like.get((held.slot.same_ca_as, None), [])
        then = [one for one in beside if (_lasts(one) if _lasts(held) else not one.planned)]
        if then and not any(_top(held) & _top(one) for one in then):
            yield about(held, f"is issued by another CA than {held.slot.same_ca_as} of {_hosts(then)}")


def _lasts(held: Held) -> bool:
    return held.planned or not held.replaced


def _top(held: Held) -> frozenset[str]:
    own = str(held.chain[0].get("sha256") or "") if held.chain else ""
    return held.anchors - {own} or held.anchors


def _hosts(found: Iterable[Held]) -> str:
    return ", ".join(dict.fromkeys(held.host.name for held in found))


def _no_client(view: View) -> Iterator[Broken]:
    """Find what has to be a TLS client and is, or will be, from a CA that gives no client authentication."""
    for held in view.held:
        if catalogue.CLIENT not in held.slot.roles:
            continue
        issuer = held.issuer
        if held.planned and issuer is not None and issuer.public:
            since = _stops(issuer.name, view)
            now = view.given.now.date()
            told = f"is to be issued by {issuer.name}, a public CA: "
            if now >= since:
                yield about(held, f"{told}since {since} it gives no client authentication", severity=ERROR)
            else:
                yield about(held, f"{told}from {since} on it gives no client authentication", severity=WARNING)
        elif not held.planned and not held.replaced and held.public:
            again = issuer is None or issuer.public
            if again:
                found = (
                    "is from a public CA, and public CAs give no client authentication any more, at the latest from "
                    f"{NO_CLIENT_SINCE} on: it cannot be renewed there"
                )
                yield about(held, found, severity=WARNING)


def _stops(issuer: str, view: View) -> datetime.date:
    """Give the day on which an issuer stops: its own, or that of all."""
    infos = (view.vouching.info(sha256) for sha256 in view.vouching.anchors[issuer])
    names = {info["subject_attributes"].get("O") for info in infos}
    return min([NO_CLIENT_SINCE, *(day for name, day in STOPPED_BEFORE.items() if name in names)])


def most_days(issued: datetime.date) -> int | None:
    """Give how many days a public certificate that is issued on this day may live."""
    return next((days for since, days in LIFETIMES if issued >= since), None)


def _lives_too_long(view: View) -> Iterator[Broken]:
    for held in view.held:
        most = most_days(held.issued.date())
        if held.public and held.days is not None and most is not None and held.days > most:
            when = f"{'to be ' if held.planned else ''}issued on {held.issued:%Y-%m-%d}"
            found = f"lives {held.days} days; a public certificate {when} may live {most}"
            yield about(held, found, severity=ERROR if held.planned else WARNING)


RULES: tuple[Rule, ...] = (
    Rule(
        "public-ca-wanted",
        REMARK,
        "4",
        "what browsers meet (web app, TURN, MeetingApps) is from a public CA",
        "name a public issuer (public: true in cms_issuers) where browsers from outside come; where all of them trust "
        "your own CA, nothing has to be done",
        _wanted,
        skips=(RENEW, NARROW),
    ),
    Rule(
        "public-ca-for-lync",
        ERROR,
        "4",
        "for direct federation over public networks (cms_lync_federation) the Call Bridge has a public certificate",
        "name a public issuer that gives server and client authentication",
        _wanted_for_lync,
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "turn-ca",
        WARNING,
        "3.1.5",
        "TURN has its certificate from the CA that issued the one of Web Bridge 3",
        "give both the same issuer (cms_identities, or cms_issuer)",
        _same_ca,
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "public-ca-without-client",
        ERROR,
        "2.1",
        "no public CA is to issue what is used as TLS client: from 2027-03-15 on it may not, some stopped in 2026",
        "name an issuer with a private CA for it, and have the other side trust that (certops.cms.site with "
        "cms_accept_anchors)",
        _no_client,
        also=(WARNING,),
        lowerable=True,
        skips=(NARROW,),
    ),
    Rule(
        "public-lifetime",
        ERROR,
        "3.2",
        "no public certificate lives longer than browsers accept: 200 days, from 2027-03-15 on 100, from 2029-03-15 on "
        "47",
        "have it issued for a shorter time; renewing more often is this collection's work",
        _lives_too_long,
        also=(WARNING,),
        lowerable=True,
        skips=(NARROW,),
    ),
)
