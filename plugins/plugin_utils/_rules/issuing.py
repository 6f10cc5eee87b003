# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules about issuers and about what they issue.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from .._findings import ERROR, REMARK, WARNING
from .rule import Rule

_ANOTHER = "ask the issuer for another certificate"
_CHAIN = "give the chain of this CA"
_TEMPLATE = "use a template or an issuer that sets it"

ISSUERS = (
    Rule(
        "no-issuer",
        ERROR,
        "3",
        "every certificate that falls due has an issuer",
        "set cms_issuer and cms_issuers",
        also=(WARNING,),
    ),
    Rule(
        "unknown-issuer",
        ERROR,
        "3",
        "every issuer that is named is described",
        "describe it in cms_issuers, or name one that is described there",
    ),
    Rule(
        "issuer-lost",
        ERROR,
        "3.3",
        "a CA that has certified nodes of the fleet is still there",
        "put the folder of the CA back from your backup; a new CA is a new anchor: if you want that, give it another "
        "name in cms_issuers",
    ),
    Rule("issuer-unusable", ERROR, "3.3", "an issuer that is needed can be used", "see to its files and options"),
    Rule(
        "issuer-passphrase-missing",
        ERROR,
        "S4",
        "keys of a CA are locked with a passphrase",
        "set the passphrase of the issuer, from Ansible Vault",
    ),
    Rule(
        "issuer-ca-not-yet-valid",
        ERROR,
        "2.2",
        "the CA of an issuer is valid already",
        "check the clock of the control node, or wait until then",
    ),
    Rule(
        "issuer-ca-expired",
        ERROR,
        "2.2",
        "the CA of an issuer has not expired",
        "let cms_issuers name an empty folder for a new CA, and roll it out with the site playbook",
    ),
    Rule(
        "issuer-ca-expires-soon",
        WARNING,
        "2.2",
        "the CA of an issuer lives as long as what it issues",
        "plan a new CA: certificates from this one cannot live longer than it",
    ),
    Rule(
        "store-locked",
        ERROR,
        "S4",
        "the store can keep the keys that are made on the control node",
        "set cms_store_passphrase, from Ansible Vault",
    ),
)

ISSUED = (
    Rule("issued-other-key", ERROR, "4.3", "what is issued belongs to the key of the request", _ANOTHER),
    Rule(
        "issued-names-missing",
        ERROR,
        "3.1",
        "what is issued has all names of the request",
        "let the issuer certify all names of the CSR, or want fewer",
    ),
    Rule(
        "issued-more-names",
        REMARK,
        "3.1",
        "names that the issuer added are told",
        "nothing to do, unless these names should not be there",
    ),
    Rule(
        "issued-without-common-name",
        WARNING,
        "3.1",
        "what is issued has a common name",
        "choose a profile of the issuer that keeps it: peers that look at it will refuse this one",
    ),
    Rule("issued-other-common-name", ERROR, "3.1", "what is issued has the common name of the request", _ANOTHER),
    Rule(
        "issued-usage-missing",
        ERROR,
        "2.2",
        "what is issued has the extended key usages of the request",
        "use a template or an issuer that grants it: the public ones stop giving clientAuth",
    ),
    Rule("issued-without-key-usage", WARNING, "2.1", "what is issued has a key usage", _TEMPLATE),
    Rule(
        "issued-key-usage-missing",
        ERROR,
        "2.1",
        "what is issued has the key usages of the request",
        _TEMPLATE,
        also=(WARNING,),
    ),
    Rule(
        "issued-weak-signature", ERROR, "3", "what is issued is signed with SHA-2", "let the issuer sign with SHA-256"
    ),
    Rule("issued-a-ca", ERROR, "2.2", "what is issued is no CA", _ANOTHER),
    Rule(
        "issued-dates",
        ERROR,
        "2.2",
        "what is issued is valid now",
        "compare the clocks of the issuer and of the control node",
    ),
    Rule(
        "issued-outlives-ca",
        WARNING,
        "2.2",
        "what is issued ends before its CA",
        "renew the CA in time: what it issued ends with it",
    ),
    Rule("issued-chain-broken", ERROR, "1.2.4", "each certificate of the chain issued the one before", _CHAIN),
    Rule("issued-chain-no-ca", ERROR, "2.2", "every certificate of the chain is marked as CA", _CHAIN),
    Rule("issued-chain-dates", ERROR, "2.2", "every certificate of the chain is valid now", "renew this CA"),
    Rule("issued-chain-weak", ERROR, "3", "the chain is signed with SHA-2", "renew this CA"),
    Rule(
        "issued-chain-without-root",
        ERROR,
        "1.2.4",
        "the chain reaches a root certificate",
        "add the root of this issuer to cms_trusted_roots",
    ),
)

RULES = (*ISSUERS, *ISSUED)
