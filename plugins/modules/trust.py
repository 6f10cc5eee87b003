# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of certops.cms.trust; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: trust
short_description: Widen or narrow a trust setting of a Meeting Server
version_added: 0.1.0
description:
  - Makes a new trust file out of what a service trusts now and the given certificates, uploads it under a new name,
    assigns it, restarts the service, and proves that its links are up again.
  - Widening keeps everything that is trusted now. Narrowing refuses to drop what a presenter needs today.
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
  - certops.cms.services.verifier
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
      - The service that verifies.
    type: str
    required: true
  trust:
    description:
      - The trust setting of the service, for instance V(c2w), V(cluster), or V(sip) for what C(tls sip) shows.
    type: str
    default: c2w
  mode:
    description:
      - V(widen) adds the certificates, V(narrow) takes them away, V(exact) makes the setting hold just these.
    type: str
    choices: [widen, narrow, exact]
    default: widen
  certificates:
    description:
      - Certificates as PEM text; an entry may hold several. CA certificates, or leaves to pin (guide 1.2.5).
      - Needed with O(state=present).
    type: list
    elements: str
  state:
    description:
      - V(absent) clears the setting (C(trust ... none)). That is refused while a link is verified by it.
    type: str
    choices: [present, absent]
    default: present
author:
  - certops.cms contributors (@certops)
seealso:
  - module: certops.cms.service
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

- name: Change the Web Bridges
  hosts: cms_webbridge3
  gather_facts: false
  connection: certops.cms.mmp
  tasks:
    - name: Let them trust a second CA beside the one they know
      certops.cms.trust:
        service: webbridge3
        trust: c2w
        certificates:
          - "{{ lookup('ansible.builtin.file', 'new-ca.pem') }}"
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
trust:
  description: The trust setting.
  returned: success
  type: str
"""
