# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of certops.cms.fleet_plan; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_plan
short_description: Make the plan of a whole Meeting Server fleet
version_added: 0.1.0
description:
  - Takes the surveys of all nodes (M(certops.cms.node_info)), the inventory, the issuers, the store and the journal,
    and works out which certificates need a new generation, which trust has to be widened first, and in which order.
  - Checks the wanted state and every state on the way to it. An error finding blocks the nodes it stands against and
    everything that is linked to them.
  - Prints the plan, keeps it in O(state_dir) for M(certops.cms.apply), and takes the lock of the fleet for this run of
    ansible-playbook.
  - Runs once for all hosts and touches no node.
attributes:
  check_mode:
    support: full
    details:
      - In check mode the same plan is printed, and neither plan, journal, store nor lock is written.
  diff_mode:
    support: full
  idempotent:
    support: full
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.state
  - certops.cms.state.store
  - certops.cms.state.issuers
options:
  state:
    description:
      - V(planned) makes a plan.
      - V(prepared) makes the CAs of O(issuers) that do not exist yet, and nothing else, so that those outside the
        fleet can be given the new root before anything is switched to it.
      - V(closed) ends the run of the plan O(plan). It says what became of each step and gives the lock back.
    type: str
    choices: [planned, closed, prepared]
    default: planned
  intent:
    description:
      - V(site) brings about all that the inventory wants.
      - V(renew) renews what is due and nothing else, and never changes an anchor.
      - V(narrow) drops trust that nothing needs any more, and removes old generations.
      - V(rollback) puts back what slots had before. It needs surveys that M(certops.cms.node_info) made with its option
        C(previous).
    type: str
    choices: [site, renew, narrow, rollback]
    default: site
  plan:
    description:
      - The id of the plan to close. Required with O(state=closed).
    type: str
  digest:
    description:
      - The SHA-256 of the plan to close, as it was returned in RV(plan). With it, a plan that was changed since is
        refused.
    type: str
  skip_nodes:
    description:
      - Nodes to leave out on purpose, for instance because they are down. Their links are not judged.
      - If not set, the variable C(cms_skip_nodes).
    type: list
    elements: str
  accept_anchors:
    description:
      - Names of issuers to which identities may move although the issuer has another anchor than they have now.
      - If not set, the variable C(cms_accept_anchors).
    type: list
    elements: str
  narrow_also:
    description:
      - Certificates that O(intent=narrow) may drop from trust although this collection did not add them, by SHA-256
        fingerprint or by subject.
      - If not set, the variable C(cms_narrow_also).
    type: list
    elements: str
  rollback_nodes:
    description:
      - The nodes that O(intent=rollback) may change. Without it, and without O(rollback_services) and O(rollback_to),
        everything goes back that the last rollout switched.
      - If not set, the variable C(cms_rollback_nodes).
    type: list
    elements: str
  rollback_services:
    description:
      - The services, slots or identities that O(intent=rollback) may change.
      - If not set, the variable C(cms_rollback_services).
    type: list
    elements: str
  rollback_to:
    description:
      - The base name of the files to go back to, such as V(callbridge-g2). Without it what the last change of each slot
        replaced.
      - If not set, the variable C(cms_rollback_to).
    type: str
  rollback_reason:
    description:
      - Why, in words for people. Later plans show it.
      - If not set, the variable C(cms_rollback_reason).
    type: str
  roll_forward:
    description:
      - Nodes or identities that were rolled back and may go on to what the inventory wants, or V(all).
      - If not set, the variable C(cms_roll_forward).
    type: list
    elements: str
  calls:
    description:
      - What the rollout will do when a Call Bridge that has to restart carries calls. The plan says what it means.
      - If not set, the variable C(cms_calls); without it V(stop).
    type: str
    choices: [stop, wait, drop]
  survey_variable:
    description:
      - The name of the variable that each host's survey was registered in.
    type: str
    default: cms_survey
  now:
    description:
      - The time to judge by, in ISO 8601. For rehearsals; without it the present.
    type: str
  print:
    description:
      - Whether to print the plan, or the closing table, as text.
    type: bool
    default: true
author:
  - certops.cms contributors (@certops)
seealso:
  - module: certops.cms.node_info
  - module: certops.cms.apply
"""

EXAMPLES = r"""
- name: Survey every node
  hosts: cms
  gather_facts: false
  connection: certops.cms.mmp
  tasks:
    - name: Read the node
      certops.cms.node_info:
      register: cms_survey

- name: Say what is due
  hosts: cms
  gather_facts: false
  connection: certops.cms.mmp
  tasks:
    - name: Plan the renewal of what is due, and change nothing
      certops.cms.fleet_plan:
        intent: renew
      register: due
      run_once: true
      check_mode: true
"""

RETURN = r"""
issuers:
  description: The issuers, each with its type, its root and intermediate, and the folder they lie in.
  returned: O(state=prepared)
  type: dict
plan:
  description:
    - What later tasks need of the plan; the whole plan is kept in O(state_dir).
    - With O(state=closed) the id of the plan.
  returned: O(state=planned), O(state=closed)
  type: raw
  sample:
    id: p-3f2a91c0b7de
    digest: 5d41e0c9a8b7f6e5d4c3b2a1908f7e6d5c4b3a291807f6e5d4c3b2a190f8e7d6
    intent: site
    changed: true
    blocked: []
    rounds:
      stage: {name: stage, hosts: [core1, edge1], waves: [2]}
    serial: []
findings:
  description: What is wrong today or would be, with severity, rule, section, object, what was found and the next step.
  returned: O(state=planned)
  type: list
  elements: dict
cost:
  description: How often each service of each node restarts.
  returned: O(state=planned)
  type: dict
  sample: {restarts: {core1: {callbridge: 1}}}
text:
  description: The plan as printed.
  returned: O(state=planned)
  type: list
  elements: str
rows:
  description: One entry for each service and trust that the plan changed, with its end before and after, and the proof.
  returned: O(state=closed)
  type: list
  elements: dict
table:
  description: The same as text.
  returned: O(state=closed)
  type: list
  elements: str
"""
