# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules that the planner finds broken while it decides, orders and narrows.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from .._findings import ERROR, REMARK, WARNING
from .rule import Rule

INVENTORY = (
    Rule(
        "inventory",
        ERROR,
        "3.1",
        "what the inventory says of identities can be used",
        "correct the variable that is named",
        also=(WARNING,),
    ),
    Rule(
        "no-fqdn",
        ERROR,
        "3.1",
        "every node has a fully qualified name, which is the common name of its certificates (table 4)",
        "set cms_fqdn for the host, or cms_domain for the fleet",
        also=(WARNING,),
    ),
    Rule(
        "name-malformed",
        ERROR,
        "3.1",
        "every name that is asked for is one DNS name, IP address or e-mail address, without blanks (table 4)",
        "correct cms_fqdn or cms_identities",
        also=(WARNING,),
    ),
    Rule(
        "subject-unusable",
        ERROR,
        "3.1",
        "attributes of a subject can stand in a certificate and on the command line (table 4)",
        "leave out double quotes, backslashes and control characters",
        also=(WARNING,),
    ),
    Rule(
        "country-code",
        ERROR,
        "3.1",
        "a country is the two-letter ISO code (table 4)",
        "use the two-letter ISO code, like US",
        also=(WARNING,),
    ),
    Rule(
        "key-unusable",
        ERROR,
        "A.2",
        "a key is one that can be made where it is to be made",
        "correct key_type, key_size or key_location",
        also=(WARNING,),
    ),
    Rule(
        "unknown-variable",
        WARNING,
        "S8",
        "every variable that begins with cms_ means something",
        "correct its name",
    ),
    Rule(
        "unknown-node",
        ERROR,
        "S19",
        "a node that is left out on purpose is one of the fleet",
        "correct or remove it",
    ),
    Rule(
        "host-outside-fleet",
        ERROR,
        "S19",
        "a host in the group of a service is in the group cms",
        "make the group of the service a child of cms, or put the host into cms",
    ),
    Rule(
        "service-not-in-inventory",
        ERROR,
        "S5",
        "a node whose service is changed alone is in the group of that service",
        "put it into the group",
    ),
    Rule(
        "service-missing",
        ERROR,
        "S8",
        "a node has the services of its groups",
        "take the host out of the group, or check its version and licence",
    ),
    Rule(
        "service-not-managed",
        WARNING,
        "4",
        "a service that runs with a certificate is looked after",
        "put the node into the group of the service, or remove the certificate if the service is not used",
        lowerable=True,
    ),
    Rule(
        "names-collide",
        ERROR,
        "4.1",
        "no two identities of a node get the same file names",
        "rename one of them in cms_identities",
    ),
    Rule(
        "names-adopted",
        WARNING,
        "3.1",
        "names that a certificate has and the inventory does not know are told",
        "name them in cms_identities if they are right, or set keep_names: false",
        lowerable=True,
    ),
)

DUE = (
    Rule(
        "renew-before-capped",
        WARNING,
        "3.1",
        "the time before the end at which a certificate is renewed fits its lifetime",
        "make cms_renew_before (or renew_before of the identity) shorter",
        lowerable=True,
    ),
    Rule("no-certificate", REMARK, "4", "every identity has a certificate to renew", "run certops.cms.site"),
    Rule(
        "issuer-kept",
        REMARK,
        "S17",
        "certificates that another issuer issued, and that stay, are told",
        "to move it, run certops.cms.site with cms_accept_anchors",
    ),
    Rule(
        "anchor-change-without-consent",
        ERROR,
        "S17",
        "no certificate gets another anchor without consent",
        "run certops.cms.site with cms_accept_anchors, or name an issuer under the anchor it has",
    ),
)

LINKS = (
    Rule(
        "link-broken",
        ERROR,
        "4.5",
        "both sides of a link trust what the other shows, under the name that is dialled (4.5, 4.9)",
        "run certops.cms.site, which widens trust and renews what a link needs",
        also=(WARNING,),
    ),
    Rule(
        "link-would-break",
        ERROR,
        "S1",
        "no link that holds today is broken in the wanted state",
        "correct the inventory (names, issuers) so that the wanted state keeps this link",
    ),
    Rule(
        "link-would-break-on-the-way",
        ERROR,
        "S5",
        "no link that holds today is broken on the way",
        "nothing was changed; report this plan, it should not have come to be",
    ),
    Rule(
        "link-up-without-trust",
        ERROR,
        "S15",
        "a link that is up is explained by what is stored",
        "compare the display of the service with its trust file: store what is really trusted, restart the service "
        "yourself, and run again",
    ),
    Rule(
        "link-left-out",
        WARNING,
        "S1",
        "links to nodes that are left out on purpose are told",
        "run certops.cms.site again when the node is back",
    ),
    Rule(
        "links-assumed",
        ERROR,
        "S6",
        "links are known from the API, and no trust is widened on a guess",
        "set cms_api_user and cms_api_password to a user that may read the API",
        also=(WARNING,),
    ),
    Rule(
        "registration-outside-inventory",
        ERROR,
        "4.5",
        "every registered Web Bridge is a node of the inventory",
        "put that Web Bridge into the inventory (cms_fqdn, or cms_c2w_names for a further name), or remove the "
        "registration; what it trusts cannot be judged otherwise",
        also=(WARNING,),
    ),
    Rule(
        "peer-outside-inventory",
        ERROR,
        "S5",
        "every Call Bridge of a database is a node of the inventory",
        "put that Call Bridge into the inventory (cms_fqdn must be the name in its callBridges address), or remove it "
        "from the cluster",
        also=(WARNING,),
    ),
    Rule(
        "too-many-rounds",
        ERROR,
        "S5",
        "the links of a fleet wait for each other in no more rounds than the playbook has plays",
        "move one part of the fleet at a time: consent to one issuer (cms_accept_anchors), run, then the next",
    ),
)

TRUST = (
    Rule(
        "trust-of-outsiders",
        REMARK,
        "4.8",
        "trust settings that verify somebody outside the fleet are told, and stay as they are",
        "see to it yourself when they change their certificates",
    ),
    Rule(
        "trust-of-outsiders-removed",
        WARNING,
        "4.8",
        "taking back trust in somebody outside the fleet is told",
        "ask those who run them whether anything is verified by it",
    ),
    Rule(
        "service-needs-certificate",
        ERROR,
        "4",
        "a service that runs keeps what it needs to start",
        "switch the service off first",
    ),
    Rule(
        "trust-without-link",
        ERROR,
        "S8",
        "the plan knows the link that a trust setting is for",
        "put the other side into the inventory",
        also=(WARNING,),
    ),
    Rule(
        "trust-unknown",
        ERROR,
        "S8",
        "every trust setting that a node shows is known",
        "clear it on the node if nothing needs it, or send in a recording (certops.cms.record)",
    ),
    Rule(
        "display-not-understood",
        ERROR,
        "S8",
        "every display that a link hangs on, or that names files, is understood",
        "run the command by hand, and send in a recording (certops.cms.record) so that its form becomes known",
        also=(WARNING,),
    ),
    Rule(
        "verify-mode-unknown",
        WARNING,
        "4.8",
        "whether SIP and LDAP verify the other side is known",
        "look at it on the node and say it there once more, and send in a recording (certops.cms.record)",
    ),
    Rule(
        "trust-unreadable",
        ERROR,
        "S16",
        "a trust file that a link depends on can be read",
        "store a trust file that holds certificates only (guide 1.2.4), restart the service, and run again",
    ),
    Rule(
        "trust-not-shown",
        ERROR,
        "S8",
        "the display of a service shows the trust that is to be changed",
        "look at the display of the service on the node: its version may not have this setting",
    ),
    Rule(
        "trust-empty",
        ERROR,
        "S16",
        "a trust setting holds at least one certificate",
        "leave at least what the links need",
    ),
    Rule(
        "trust-not-judged",
        ERROR,
        "S16",
        "nothing is dropped from a trust that somebody outside the plan may need",
        "put all its links into the inventory, and leave none of them out",
        also=(REMARK,),
    ),
    Rule(
        "trust-still-needed",
        REMARK,
        "S16",
        "what is named to be dropped is not needed any more",
        "renew what it vouches for first",
    ),
    Rule(
        "trust-not-ours",
        REMARK,
        "S16",
        "trust that nothing needs and that this collection did not add is told",
        "to drop it, name it in cms_narrow_also",
    ),
    Rule(
        "trust-not-found",
        REMARK,
        "S16",
        "what is named to be dropped is trusted somewhere",
        "name it by its SHA-256 or by its whole subject, as the remarks of certops.cms.narrow show them",
    ),
)

RUNNING = (
    Rule(
        "restart-pending",
        ERROR,
        "S15",
        "no settings wait for a restart when trust is narrowed or others go back",
        "run certops.cms.site first: it finishes that",
    ),
    Rule(
        "pending-trust-of-others",
        ERROR,
        "S15",
        "no trust that others stored waits for a restart",
        "restart the service yourself if that is wanted, or store a file with both, and run again",
    ),
    Rule(
        "pending-change-of-others",
        ERROR,
        "S15",
        "no certificate that others assigned waits for a restart",
        "restart the service yourself when that change is wanted, or assign what is served, then run again",
    ),
    Rule(
        "not-probed",
        REMARK,
        "S10",
        "a listener can be reached, so that a change of it can be proven",
        "open the way from the control node, or set cms_probe to an address that leads there",
    ),
    Rule(
        "calls-unknown",
        ERROR,
        "S6",
        "it is known whether calls are up where a restart would end them",
        "see to the API (cms_api_user, cms_api_password, Web Admin), or set cms_calls to drop",
    ),
    Rule(
        "calls-in-progress",
        WARNING,
        "S6",
        "no calls are up where a restart would end them",
        "choose a quieter time, or set cms_calls to wait or drop",
    ),
    Rule(
        "load-limit-lowered",
        WARNING,
        "S6",
        "no load limit is left lowered by a run that was cut short",
        "none: this run sets it back before anything else, and check mode leaves it as it is",
    ),
)

RULES = (*INVENTORY, *DUE, *LINKS, *TRUST, *RUNNING)
