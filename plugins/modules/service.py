# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of certops.cms.service; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service
short_description: Assign a certificate to a service of a Meeting Server
version_added: 0.1.0
description:
  - Assigns key, certificate and bundle, which lie on the node already, to a service, restarts the service and proves
    by connecting that it serves the new certificate and that its links are up again.
  - When the proof fails, the old assignment is put back and proven, and the task fails with both halves of the story.
  - Who verifies this service must trust the new certificate before. The surveys of all linked nodes are needed for
    that, and a link that would break is refused.
  - Nodes of one fleet are changed one at a time, whatever C(forks) says.
  - Survey all nodes again after a change of a certificate that links depend on; where that was left out, it is noticed
    and nothing is changed.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.node
  - certops.cms.node.api
  - certops.cms.node.calls
  - certops.cms.single
  - certops.cms.state
  - certops.cms.services.one
  - certops.cms.services.slot
attributes:
  check_mode:
    support: full
    details: In check mode the node and its links are read, and nothing is changed.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  service:
    description:
      - The service to change.
    type: str
    required: true
  slot:
    description:
      - Which of the identities of O(service=webbridge3) or O(service=scheduler) is meant; needed there, and only there.
    type: str
  key:
    description:
      - The name of the private key on the node. Needed with O(state=present).
    type: str
  certificate:
    description:
      - The name of the certificate on the node. Needed with O(state=present).
      - For O(service=webbridge3), O(service=scheduler) and O(service=meetingapps) a full chain, which holds the
        certificate, intermediates and root, in this order (guide 1.2.4).
    type: str
  bundle:
    description:
      - The name of the bundle of intermediates and root. Not for the services that take a full chain.
    type: str
  state:
    description:
      - V(absent) takes key, certificate and bundle back (C(certs none)). That is refused while a link needs the
        certificate, and for a service that is on and would not start without it.
    type: str
    choices: [present, absent]
    default: present
author:
  - certops.cms contributors (@certops)
seealso:
  - module: certops.cms.trust
  - module: certops.cms.pki_file
  - module: certops.cms.node_info
"""

EXAMPLES = r"""
- name: Survey all nodes, because links lead to other nodes
  hosts: cms
  gather_facts: false
  connection: certops.cms.mmp
  tasks:
    - name: Survey the node
      certops.cms.node_info:
      register: cms_survey

- name: Change the TURN servers
  hosts: cms_turn
  gather_facts: false
  connection: certops.cms.mmp
  tasks:
    - name: Give TURN the certificate that was uploaded
      certops.cms.service:
        service: turn
        key: turn-new.key
        certificate: turn-new.crt
        bundle: turn-new-bundle.crt
"""

RETURN = r"""
findings:
  description: What is wrong or worth a remark, with severity, rule, section, object, what was found and the next step.
  returned: success
  type: list
  elements: dict
text:
  description: The plan of this change as text.
  returned: success
  type: list
  elements: str
commands:
  description: What was sent, in order, with what the node answered; secrets are masked. Empty in check mode.
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
  description: What the node said that was not understood and did not matter.
  returned: success
  type: list
  elements: str
service:
  description: The service.
  returned: success
  type: str
slot:
  description: The slot.
  returned: success
  type: str
  sample: webbridge3_c2w
files:
  description: The files that are assigned.
  returned: success
  type: dict
"""
