# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules about going back to what was before, and about what went back.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from .._findings import ERROR, REMARK, WARNING
from .rule import Rule

RULES = (
    Rule(
        "rollback-unknown",
        ERROR,
        "S13",
        "the journal or a person says what was there before",
        "name what is to be put back: cms_rollback_nodes, cms_rollback_services, cms_rollback_to",
    ),
    Rule(
        "rollback-unclear",
        ERROR,
        "S13",
        "what goes back is what this collection assigned last",
        "name the files that it is to have with cms_rollback_to",
    ),
    Rule(
        "rollback-unknown-name",
        ERROR,
        "S19",
        "what is chosen for a rollback exists",
        "correct or remove it",
    ),
    Rule(
        "rollback-nothing-before",
        ERROR,
        "S13",
        "what goes back had a certificate before",
        "leave it out; it keeps the certificate it has",
        also=(WARNING,),
    ),
    Rule(
        "rollback-changed-since",
        WARNING,
        "S13",
        "what a single step changed since the last rollout is told",
        "to put back what it had before that step, choose it: cms_rollback_nodes, cms_rollback_services",
    ),
    Rule(
        "rollback-file-gone",
        ERROR,
        "S13",
        "the files of what goes back are on the node",
        "have a new one issued with certops.cms.site, or bring the file back from a backup with certops.cms.pki_file",
    ),
    Rule(
        "rollback-file-changed",
        ERROR,
        "S13",
        "the files of what goes back hold what they held",
        "see who replaced it; assign what you want with certops.cms.service",
    ),
    Rule(
        "rollback-expired",
        ERROR,
        "2.2",
        "what goes back is valid for another day at least",
        "leave it out of the rollback; if its new certificate is wrong, correct the inventory and run certops.cms.site",
    ),
    Rule(
        "rollback-together",
        ERROR,
        "4.1",
        "what shares a certificate, or has to trust it again, is chosen together",
        "choose all of them, or leave all of them out",
    ),
    Rule(
        "rollback-trust-gone",
        ERROR,
        "S5",
        "every verifier trusts what goes back, or its CA is known still",
        "widen the trust with that CA certificate (certops.cms.trust), or leave the presenter out of the rollback",
    ),
    Rule(
        "rolled-back",
        WARNING,
        "S13",
        "what was rolled back stays until its last days, or until a person lets it go on",
        "to let it go on, run certops.cms.site with cms_roll_forward: nodes or identities (core1/callbridge), or all",
        also=(REMARK,),
    ),
    Rule(
        "unknown-identity",
        ERROR,
        "S13",
        "what may go on after a rollback exists",
        "name a node, an identity as the plan shows it (core1/callbridge), or all",
    ),
)
