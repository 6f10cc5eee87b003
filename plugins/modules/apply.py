# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of certops.cms.apply; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: apply
short_description: Apply one round of a plan to one Meeting Server
version_added: 0.1.0
description:
  - Does what one node has to do in one round of a plan that M(certops.cms.fleet_plan) made, in one login.
  - The state of the node is read again in that login. What is done already is left alone; what is neither as the plan
    saw it nor as the plan wants it stops the task, and nothing is changed.
  - A service is proven after its restart. When the proof fails, the old assignment is put back and proven, and the task
    fails with both halves of the story.
  - The playbooks of this collection call this module in the right order. Whatever order it is called in, it refuses a
    batch until all that must come before it is done.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.node
  - certops.cms.node.api
  - certops.cms.node.calls
  - certops.cms.state
  - certops.cms.state.store
  - certops.cms.state.issuers
  - certops.cms.services
attributes:
  check_mode:
    support: partial
    details:
      - In check mode the node is not connected to; RV(wanted) holds what it would be sent. Whether that would change
        something is what journal and store say, and what must come before is not asked for.
      - The plan must be one that M(certops.cms.fleet_plan) has kept, which it does not do in check mode itself.
  diff_mode:
    support: full
    details: The diff holds the commands of the round for this node.
  idempotent:
    support: full
options:
  plan:
    description:
      - The id of the plan, as M(certops.cms.fleet_plan) returned it.
    type: str
    required: true
  digest:
    description:
      - The SHA-256 of the plan as it is kept, which M(certops.cms.fleet_plan) returned as RV(ignore:plan.digest).
      - With it, a plan that was changed after it was made and shown is refused.
    type: str
  round:
    description:
      - The name of the round, such as V(request), V(issue), V(stage), V(widen), V(switch) or V(narrow).
      - The round V(issue) is done on the control node, for the whole plan at once, and connects to no node.
    type: str
    required: true
  services:
    description:
      - Only what the round does for these services. Without it, all of the round for this node.
      - Rounds that restart nothing are done whole.
    type: list
    elements: str
  proof_timeout:
    description:
      - How many seconds a service may take after its restart until it serves what it should and its links are up.
      - If not set, the variable C(cms_proof_timeout); without it 60.
    type: int
author:
  - certops.cms contributors (@certops)
seealso:
  - module: certops.cms.fleet_plan
  - module: certops.cms.node_info
"""

EXAMPLES = r"""
- name: Have the certificates of the plan issued
  certops.cms.apply:
    plan: "{{ hostvars['localhost'].cms_plan.plan.id }}"
    round: issue
  delegate_to: localhost
  run_once: true

- name: Upload the new files to this node
  certops.cms.apply:
    plan: "{{ hostvars['localhost'].cms_plan.plan.id }}"
    round: stage

- name: Switch this node, and wait for the calls on it to end
  certops.cms.apply:
    plan: "{{ hostvars['localhost'].cms_plan.plan.id }}"
    round: switch
    calls: wait
    calls_timeout: 7200
"""

RETURN = r"""
plan:
  description: The id of the plan.
  returned: success
  type: str
  sample: p-0123456789ab
round:
  description: The name of the round.
  returned: success
  type: str
  sample: switch
node:
  description: The inventory name of the node.
  returned: success
  type: str
  sample: core1
wanted:
  description: The commands and file transfers of this node in this round, whether they were needed now or not.
  returned: success
  type: list
  elements: str
  sample: [callbridge certs callbridge-g2.key callbridge-g2.crt callbridge-g2-bundle.crt, callbridge restart]
commands:
  description: What was sent, in order, with what the node answered; secrets are masked.
  returned: success
  type: list
  elements: dict
  contains:
    command:
      description: The command, or the file transfer.
      type: str
    answer:
      description: The lines of the answer.
      type: list
      elements: str
proofs:
  description: What was proven after the change.
  returned: success
  type: list
  elements: dict
  contains:
    slot:
      description: The slot that was looked at, if it was one.
      type: str
      sample: webbridge3_https
    link:
      description: The link that was looked at, if it was one.
      type: str
    object:
      description: What was looked at, in words.
      type: str
    state:
      description: V(proven) or V(assigned, not proven).
      type: str
    detail:
      description: What was seen.
      type: str
    leaf:
      description: The certificate that is served now, if it was proven.
      type: dict
issued:
  description: The certificates of the plan, after the round V(issue).
  returned: success
  type: list
  elements: dict
resumed:
  description: Whether some of it had been done by an earlier run.
  returned: success
  type: bool
alarms:
  description:
    - Alarms that are new since the change and did not pass, on this node and where its links show their state. Empty in
      check mode.
  returned: success
  type: list
  elements: dict
  contains:
    node:
      description: The node that shows the alarm.
      type: str
    type:
      description: Its type, as the API has it.
      type: str
    active_seconds:
      description: How long it has been active, if the node says so.
      type: int
    details:
      description: What else it says.
      type: dict
    text:
      description: All of it in one line.
      type: str
remarks:
  description: What was noticed on the way and did not stop the round.
  returned: success
  type: list
  elements: str
"""
