# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For each rule that the planner finds: a fleet on paper that breaks it, and nothing of the planner's in between."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.certops.cms.plugins.plugin_utils._fleet import order
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.narrow import make_narrow_plan
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.plan import make_plan
from tests.unit.plugins.plugin_utils.fleet import kit, mesh
from tests.unit.plugins.plugin_utils.fleet.kit import CLIENT, CONSENT, NEW, OLD, SERVER, Authority, Fleet, standard
from tests.unit.plugins.plugin_utils.pki import making
from tests.unit.plugins.plugin_utils.pki.making import DAY, NOW

#: Rule -> the findings of a plan whose fleet breaks it.
BREAKS: dict[str, Callable[[], list[dict[str, Any]]]] = {}
Spoil = Callable[[Fleet], None]

FAR = {"id": "wb-x", "url": "c2w://far.example.com:9999", "host": "far.example.com", "port": 9999}
FORUM = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.2"), None)])
PUBLIC = ((FORUM, False),)


def found(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return list(plan["findings"])


def breaks(rule: str, fleet: Callable[[], Fleet] | None = None, **options: Any) -> Callable[[Spoil], Spoil]:
    """Note what spoils a fleet so that it breaks a rule: by default one with nothing to do."""

    def note(spoil: Spoil) -> Spoil:
        def plan() -> list[dict[str, Any]]:
            made = fleet() if fleet else quiet()
            spoil(made)
            return found(made.plan(**options))

        assert rule not in BREAKS
        BREAKS[rule] = plan
        return spoil

    return note


def given_breaks(rule: str) -> Callable[[Callable[[], dict[str, Any]]], Callable[[], dict[str, Any]]]:
    def note(make: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        assert rule not in BREAKS
        BREAKS[rule] = lambda: found(make())
        return make

    return note


def quiet() -> Fleet:
    """One core and one edge with nothing due."""
    return standard(1, 1, issuer=OLD, ends=150)


def pair() -> Fleet:
    return standard(2, 1, issuer=OLD, ends=150)


def due() -> Fleet:
    return standard(1, 1, issuer=OLD)


def moving() -> Fleet:
    return standard(1, 1)


def variables(fleet: Fleet, host: str = "core1", **values: Any) -> None:
    fleet.nodes[host].variables |= values


# Nodes ---------------------------------------------------------------------------------------------------------------


@breaks("group-empty", lambda: Fleet(OLD))
def _no_hosts(fleet: Fleet) -> None:
    pass


@breaks("node-not-surveyed")
def _silent(fleet: Fleet) -> None:
    fleet.nodes["edge1"].unreachable = "connection timed out"


@breaks("no-service")
def _no_group(fleet: Fleet) -> None:
    fleet.nodes["edge1"].groups = ()


@breaks("same-fqdn")
def _one_name(fleet: Fleet) -> None:
    variables(fleet, "edge1", cms_fqdn="core1.example.com")


@breaks("same-address")
def _one_address(fleet: Fleet) -> None:
    fleet.nodes["edge1"].address = fleet.nodes["core1"].address


@breaks("service-off")
def _off(fleet: Fleet) -> None:
    fleet.nodes["edge1"].enabled["turn"] = False


@breaks("unknown-row")
def _row(fleet: Fleet) -> None:
    fleet.nodes["core1"].unknown_rows["callbridge"] = [["Moon phase", "full"]]


@breaks("login-notice")
def _notice(fleet: Fleet) -> None:
    fleet.nodes["core1"].notices = ["password expires in 5 days"]


@breaks("old-file-name")
def _underscore(fleet: Fleet) -> None:
    fleet.give("edge1", "turn", OLD, base="turn_2025", ends=150)


@breaks("service-missing")
def _missing(fleet: Fleet) -> None:
    fleet.nodes["edge1"].missing = {"turn"}


@breaks("service-not-managed")
def _unmanaged(fleet: Fleet) -> None:
    fleet.nodes["edge1"].groups = ("webbridge3",)


# The inventory -------------------------------------------------------------------------------------------------------


@breaks("inventory")
def _misspelled(fleet: Fleet) -> None:
    variables(fleet, cms_identities={"callbridge": {"nmaes": []}})


@breaks("no-fqdn")
def _nameless(fleet: Fleet) -> None:
    variables(fleet, cms_domain=None)


@breaks("name-malformed")
def _blank_in_name(fleet: Fleet) -> None:
    variables(fleet, cms_identities={"callbridge": {"names": ["a.example.com, b.example.com"]}})


@breaks("subject-unusable")
def _quote(fleet: Fleet) -> None:
    variables(fleet, cms_subject={"O": 'The "Example"'})


@breaks("country-code")
def _country(fleet: Fleet) -> None:
    variables(fleet, cms_subject={"C": "Germany"})


@breaks("key-unusable")
def _key(fleet: Fleet) -> None:
    variables(fleet, cms_key_type="ecdsa", cms_key_size="secp256r1", cms_key_location="node")


@given_breaks("unknown-variable")
def _variable() -> dict[str, Any]:
    given = quiet().given()
    given.hosts["core1"].unknown_variables = ("cms_isuer",)
    return make_plan(given)


@breaks("names-collide")
def _collide(fleet: Fleet) -> None:
    slots = {"One Web": {"slots": ["webbridge3_https"]}, "one.web": {"slots": ["webbridge3_c2w"]}}
    variables(fleet, "edge1", cms_identities=slots)


@breaks("names-adopted", moving, accepted_anchors=CONSENT)
def _adopted(fleet: Fleet) -> None:
    fleet.give("edge1", "turn", OLD, names=("edge1.example.com", "old.example.net"))


# What is due ---------------------------------------------------------------------------------------------------------


@breaks("renew-before-capped")
def _capped(fleet: Fleet) -> None:
    variables(fleet, cms_renew_before="190d")


@breaks("no-certificate", intent=kit.RENEW)
def _none(fleet: Fleet) -> None:
    del fleet.nodes["core1"].slots["webadmin"]


@breaks("issuer-kept", lambda: standard(1, 1, ends=150))
def _kept(fleet: Fleet) -> None:
    pass


@breaks("anchor-change-without-consent", moving)
def _no_consent(fleet: Fleet) -> None:
    pass


@breaks("no-issuer", lambda: standard(1, 1, issuer=None))
def _no_issuer(fleet: Fleet) -> None:
    pass


@breaks("unknown-issuer")
def _unknown_issuer(fleet: Fleet) -> None:
    variables(fleet, cms_issuer="nobody")


@breaks("issuer-lost", due)
def _lost(fleet: Fleet) -> None:
    fleet.run(fleet.plan())
    fleet.issuers["internal"] = dataclasses.replace(fleet.issuers["internal"], anchors=[], will_create=True)


# Links and trust -----------------------------------------------------------------------------------------------------


@breaks("link-broken", intent=kit.RENEW)
def _broken(fleet: Fleet) -> None:
    fleet.trust("core1", "callbridge", *NEW.pems)


@breaks("link-would-break", due)
def _would_break(fleet: Fleet) -> None:
    """The registration dials a name that the wanted certificate cannot carry."""
    fleet.give("edge1", "webbridge3_c2w", OLD, names=("edge1.example.com", "e_1.example.com"))
    fleet.clusters[0].registrations[0] |= {"url": "c2w://e_1.example.com:9999", "host": "e_1.example.com"}
    variables(fleet, "edge1", cms_c2w_names=["e_1.example.com"])


@given_breaks("link-would-break-on-the-way")
def _on_the_way() -> dict[str, Any]:
    """With trust and identity in the wrong order."""

    def heedless(changes: Iterable[order.Change]) -> list[order.Unit]:
        return [
            order.Unit(change.host, change.service, part, level=1 if change.service == "webbridge3" else 0)
            for change in changes
            for part in ["TI" if change.trust and change.identity else "T" if change.trust else "I"]
        ]

    rightly, order.units = order.units, heedless
    try:
        return moving().plan(accepted_anchors=CONSENT)
    finally:
        order.units = rightly


@breaks("link-up-without-trust", due)
def _unexplained(fleet: Fleet) -> None:
    fleet.nodes["edge1"].trusts["webbridge3", "c2w"] = None


@breaks("link-left-out", skipped=["edge1"])
def _left_out(fleet: Fleet) -> None:
    pass


@breaks("links-assumed")
def _assumed(fleet: Fleet) -> None:
    fleet.nodes["core1"].api = "unauthorized"


@breaks("registration-outside-inventory")
def _foreign(fleet: Fleet) -> None:
    fleet.clusters[0].registrations.append(FAR)


@given_breaks("peer-outside-inventory")
def _stranger() -> dict[str, Any]:
    given = quiet().given()
    stranger = {"id": "cb-x", "name": "far", "address": "https://far.example.com", "group": None}
    (given.hosts["core1"].survey or {})["api"]["call_bridges"].append(stranger)
    return make_plan(given)


@given_breaks("too-many-rounds")
def _rounds() -> dict[str, Any]:
    from tests.unit.plugins.plugin_utils.fleet.test_restarts import TestRounds

    return TestRounds.plan(8)


@breaks("trust-of-outsiders")
def _outsiders(fleet: Fleet) -> None:
    core = fleet.nodes["core1"]
    core.foreign_trusts["callbridge", "ucm"] = core.put("ucm.pem", "certificate", *OLD.pems)


@breaks("trust-without-link")
def _no_link(fleet: Fleet) -> None:
    fleet.clusters.clear()
    variables(fleet, "edge1", cms_cluster="other")


@breaks("trust-unknown")
def _strange_trust(fleet: Fleet) -> None:
    fleet.nodes["core1"].unknown_trusts["callbridge"] = [["Moon trusted certs", "moon.pem"]]


@breaks("trust-unreadable")
def _unreadable_trust(fleet: Fleet) -> None:
    fleet.nodes["edge1"].files["webbridge3-old-trust.pem"].pems = []


# What runs -----------------------------------------------------------------------------------------------------------


@given_breaks("pending-trust-of-others")
def _told_otherwise() -> dict[str, Any]:
    """The listener names a CA that its stored trust does not hold."""
    given = quiet().given()
    served = (given.hosts["edge1"].survey or {})["served"]["webbridge3_c2w"]
    infos = [kit.info(pem) for pem in (*OLD.pems, *NEW.pems)]
    served["client_ca_ids"] = [info["subject_id"] for info in infos]
    served["client_ca_names"] = [info["subject"] for info in infos]
    return make_plan(given)


@breaks("pending-change-of-others", intent=kit.RENEW)
def _changed_by_hand(fleet: Fleet) -> None:
    fleet.give("core1", "webadmin", OLD, base="by-hand", start=False, ends=190)


@breaks("not-probed")
def _firewall(fleet: Fleet) -> None:
    fleet.nodes["core1"].unprobed |= {"callbridge"}


@breaks("calls-unknown", due)
def _calls_unknown(fleet: Fleet) -> None:
    fleet.nodes["core1"].api = "unauthorized"


@breaks("calls-in-progress", due)
def _calls(fleet: Fleet) -> None:
    fleet.nodes["core1"].calls = 4


@given_breaks("load-limit-lowered")
def _drained() -> dict[str, Any]:
    given = quiet().given()
    given.hosts["core1"].drained = {"before": None, "limit": 0}
    return make_plan(given)


@given_breaks("display-not-understood")
def _riddle() -> dict[str, Any]:
    given = quiet().given()
    state = {"present": False, "detail": "no row of it is known", "unknown_rows": [["Moon key", "rec.key"]]}
    (given.hosts["edge1"].survey or {})["services"]["recorder"] = state
    return make_plan(given)


@breaks("verify-mode-unknown", mesh.whole, accepted_anchors=CONSENT)
def _no_mode(fleet: Fleet) -> None:
    fleet.nodes["core1"].sip_verify = "strange"


# Narrowing -----------------------------------------------------------------------------------------------------------


def narrowed(rule: str, **options: Any) -> Callable[[Spoil], Spoil]:
    def note(spoil: Spoil) -> Spoil:
        def plan() -> list[dict[str, Any]]:
            fleet = standard(1, 2)
            fleet.run(fleet.plan(accepted_anchors=CONSENT))
            spoil(fleet)
            return found(make_narrow_plan(fleet.given(kit.NARROW, **options)))

        BREAKS[rule] = plan
        return spoil

    return note


@narrowed("restart-pending")
def _pending(fleet: Fleet) -> None:
    core = fleet.nodes["core1"]
    record = {"setting": "trust:c2w", "before": core.trusts["callbridge", "c2w"], "phase": "stored"}
    core.pending = {"callbridge": {"trust:c2w": record}}


@narrowed("trust-still-needed", narrow_also=["CN=New Root"])
@narrowed("trust-not-ours")
@narrowed("trust-not-found", narrow_also=["CN=Nobody"])
@narrowed("trust-not-judged", skipped=["edge1"])
def _as_it_is(fleet: Fleet) -> None:
    pass


# Names in certificates -----------------------------------------------------------------------------------------------


@breaks("common-name-missing")
def _no_common_name(fleet: Fleet) -> None:
    fleet.give("edge1", "turn", OLD, ends=150, common_name=None)


@breaks("common-name-not-in-san")
def _other_names(fleet: Fleet) -> None:
    fleet.give("core1", "webadmin", OLD, ends=150, common_name="admin.example.com")


@breaks("common-name-only", intent=kit.RENEW)
def _only_common_name(fleet: Fleet) -> None:
    fleet.give("edge1", "webbridge3_https", OLD, ends=150, common_name="the web app", names=())


@breaks("lync-name", intent=kit.RENEW)
def _lync(fleet: Fleet) -> None:
    variables(fleet, cms_lync_fqdn="pool.example.com")


@breaks("web-app-name", intent=kit.RENEW)
@breaks("web-app-common-name", intent=kit.RENEW)
def _web_app(fleet: Fleet) -> None:
    variables(fleet, "edge1", cms_web_app_fqdn="join.example.com")


@breaks("expressway-name", intent=kit.RENEW)
def _expressway(fleet: Fleet) -> None:
    variables(fleet, "edge1", cms_expressway_name="proxy.example.com")


@breaks("wildcard-for-cucm")
def _wildcard(fleet: Fleet) -> None:
    variables(fleet, cms_cucm=True)
    fleet.give("core1", "webadmin", OLD, ends=150, names=("core1.example.com", "*.example.com"))


@given_breaks("certificate-not-dedicated")
def _not_dedicated() -> dict[str, Any]:
    """MeetingApps share the certificate of the web app; a fleet on paper has no such service of its own."""
    given = quiet().given()
    edge = given.hosts["edge1"]
    survey = edge.survey or {}
    web = survey["services"]["webbridge3"]
    survey["services"]["meetingapps"] = {**web, "slots": {"meetingapps": web["slots"]["https"]}, "trusts": {}}
    edge.services = (*edge.services, "meetingapps")
    edge.variables["cms_identities"] = {"web": {"slots": ["webbridge3_https", "meetingapps"]}}
    return make_plan(given)


@given_breaks("peer-name")
def _peer_by_address() -> dict[str, Any]:
    given = pair().given()
    for host in given.hosts.values():
        for entry in (host.survey or {})["api"]["call_bridges"]:
            entry["address"] = f"https://{given.hosts[entry['name']].address}:445"
    return make_plan(given)


# Usages and sizes ----------------------------------------------------------------------------------------------------


@breaks("cucm-usages", intent=kit.RENEW)
def _cucm(fleet: Fleet) -> None:
    variables(fleet, cms_cucm=True)
    fleet.give("core1", "callbridge", OLD, ends=150, eku=())


@breaks("usage-unrestricted")
def _unrestricted(fleet: Fleet) -> None:
    node = fleet.nodes["core1"]
    leaf = OLD.signer.issue(node.fqdn, names=(node.fqdn,), end=NOW + 150 * DAY)
    node.install("webadmin", "plain", leaf, OLD.pems)
    node.start("webadmin")


@breaks("usage-also-wanted")
def _server_only(fleet: Fleet) -> None:
    fleet.give("edge1", "webbridge3_c2w", OLD, ends=150, eku=(SERVER,))


@breaks("issuer-chain-refused", due)
def _wrong_ca(fleet: Fleet) -> None:
    """The issuing CA may issue for servers only, and the Call Bridge is a client too."""
    made = making.make(
        "Servers Only", issuer=OLD.root, ca=True, eku=(SERVER,), start=NOW - 100 * DAY, end=NOW + 2000 * DAY
    )
    fleet.issuers["internal"] = dataclasses.replace(fleet.issuers["internal"], anchors=[made.pem, *OLD.pems])


def self_signed(fleet: Fleet, host: str, slot: str) -> None:
    node = fleet.nodes[host]
    leaf = making.make(node.fqdn, names=(node.fqdn,), ku=("digitalSignature",), end=NOW + 150 * DAY)
    node.install(slot, "self", leaf, [])
    node.start(kit.service_of(slot))


@breaks("self-signed")
def _self_signed(fleet: Fleet) -> None:
    self_signed(fleet, "edge1", "webbridge3_https")


@breaks("self-signed-refused", intent=kit.RENEW)
def _self_signed_for_lync(fleet: Fleet) -> None:
    variables(fleet, cms_lync_fqdn="core1.example.com")
    self_signed(fleet, "core1", "callbridge")


@breaks("long-chain")
def _long_chain(fleet: Fleet) -> None:
    authority = kit.authority("Long")
    made, above = authority.root, list(authority.above)
    for number in range(3):
        made = making.make(
            f"Long {number}", issuer=made, ca=True, start=NOW - 100 * DAY, end=NOW + 2000 * DAY, path_length=None
        )
        above.insert(0, made)
    fleet.give("edge1", "turn", Authority(made, tuple(above)), ends=150)


BIG = rsa.generate_private_key(public_exponent=65537, key_size=3080)


@breaks("big-key")
def _big_key(fleet: Fleet) -> None:
    fleet.give("edge1", "turn", OLD, ends=150, key=BIG)


# Public CAs ----------------------------------------------------------------------------------------------------------


@breaks("public-ca-wanted", due)
def _internal(fleet: Fleet) -> None:
    pass


@breaks("public-ca-for-lync")
def _federation(fleet: Fleet) -> None:
    variables(fleet, cms_lync_federation=True)


@breaks("turn-ca")
def _other_ca(fleet: Fleet) -> None:
    fleet.give("edge1", "turn", NEW, ends=150)


@breaks("public-ca-without-client", due, now=datetime.datetime(2026, 11, 30, tzinfo=datetime.UTC))
def _public_issuer(fleet: Fleet) -> None:
    fleet.issuers["internal"] = dataclasses.replace(fleet.issuers["internal"], public=True)


@breaks("public-lifetime")
def _too_long(fleet: Fleet) -> None:
    fleet.give("edge1", "webbridge3_https", OLD, ends=150, lasts=220, extra=PUBLIC)


# Files ---------------------------------------------------------------------------------------------------------------


@breaks("bundle-form")
def _blank_lines(fleet: Fleet) -> None:
    fleet.nodes["edge1"].files["edge1-webbridge3-c2w.crt"].problems = ["there are blank lines between certificates"]


@breaks("certificate-unreadable")
def _unreadable(fleet: Fleet) -> None:
    fleet.nodes["edge1"].files["edge1-webbridge3-c2w.crt"].pems = []


@breaks("file-extension")
def _extension(fleet: Fleet) -> None:
    node = fleet.nodes["core1"]
    node.files["admin.txt"] = node.files[str(node.slots["webadmin"]["certificate"])]
    node.slots["webadmin"]["certificate"] = "admin.txt"


@breaks("chain-incomplete", lambda: standard(1, 1, ca=NEW, issuer=NEW, ends=150))
def _alone(fleet: Fleet) -> None:
    fleet.nodes["core1"].slots["webadmin"]["bundle"] = None


@given_breaks("key-perhaps-locked")
def _does_not_run() -> dict[str, Any]:
    given = quiet().given()
    (given.hosts["core1"].survey or {})["services"]["webadmin"]["running"] = False
    return make_plan(given)


def client_only(fleet: Fleet) -> None:
    """Used by the tests of lowering: a Call Bridge whose certificate cannot be a client."""
    fleet.give("core1", "callbridge", OLD, ends=150, eku=(SERVER,))


__all__ = ["BREAKS", "CLIENT", "PUBLIC", "client_only", "due", "found", "pair", "quiet", "self_signed", "variables"]
