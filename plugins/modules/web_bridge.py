# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of certops.cms.web_bridge; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: web_bridge
short_description: Register a Web Bridge with the Call Bridges of a cluster
version_added: 0.1.0
description:
  - Makes, changes or removes the registration of a Web Bridge 3 (C(c2w://)) in the database that the Call Bridges of a
    cluster share, over the REST API of one of them (guide D.2).
  - Run it on one Call Bridge of the cluster. That Call Bridge has to connect to what was registered; otherwise what was
    there before is put back.
  - A registration is told by the host and port of its URL and by whom it is for, when O(call_bridge) or
    O(call_bridge_group) says so. The same Web Bridge may be registered once for each of two groups.
  - Registrations of others are left alone. Only with O(purge) others go, and only those that have the same URL for
    somebody else, or a URL that O(owned) lists; nothing is ever removed because it is not known.
  - A URL whose host is not among the names of the C2W certificate of that Web Bridge is refused before anything
    changes, because Call Bridges would refuse the connection (guide 4.5). The certificate is that of the survey, or
    else what answers there; where neither can be had, that is said.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.node
  - certops.cms.node.api
  - certops.cms.state
attributes:
  check_mode:
    support: full
    details: In check mode the registrations are read, and nothing is changed.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  url:
    description:
      - The URL of the Web Bridge, C(c2w://HOST:PORT). The host must be among the names of its C2W certificate.
      - Names are the same in any case, and addresses in any spelling.
    type: str
    required: true
  call_bridge:
    description:
      - The one Call Bridge it is for, by its name in the API or its id. An empty text means none in particular.
      - If not set, a registration of this URL is as good for whichever Call Bridge it is.
    type: str
  call_bridge_group:
    description:
      - The Call Bridge group it is for, by its name or its id. An empty text means none in particular.
      - If not set, a registration of this URL is as good for whichever group it is.
    type: str
  state:
    description:
      - Whether it is to be registered or not.
    type: str
    choices: [present, absent]
    default: present
  purge:
    description:
      - Take away other registrations of the same Web Bridge, those with the same URL for somebody else, and those that
        O(owned) lists. Where there is no registration as wanted, one of them is changed into it and keeps its id.
      - Without it they stay, and are told in RV(left).
    type: bool
    default: false
  owned:
    description:
      - Further URLs under which this Web Bridge is or was registered, for instance with its old name. They are touched
        with O(purge) only.
    type: list
    elements: str
    default: []
  survey_variable:
    description:
      - The name of the variable in which the surveys of the nodes (M(certops.cms.node_info)) were registered in this
        run. The C2W certificate of the Web Bridge is taken from there.
    type: str
    default: cms_survey
  proof_timeout:
    description:
      - How many seconds the Call Bridge may take until it is connected.
      - If not set, the variable C(cms_proof_timeout); without it 60.
    type: int
author:
  - certops.cms contributors (@certops)
seealso:
  - module: certops.cms.trust
  - module: certops.cms.node_info
"""

EXAMPLES = r"""
- name: Register the first Web Bridge for all Call Bridges
  certops.cms.web_bridge:
    url: c2w://edge1.example.com:9999

- name: Use it under this name only, for whomever it was registered
  certops.cms.web_bridge:
    url: c2w://edge1.example.com:9999
    call_bridge_group: main-group
    purge: true
    owned:
      - c2w://old-edge.example.com:9999

- name: End the registration of a Web Bridge that is gone
  certops.cms.web_bridge:
    url: c2w://edge9.example.com:9999
    state: absent
"""

RETURN = r"""
registration:
  description: The registration that is as wanted. None with O(state=absent).
  returned: success
  type: dict
  contains:
    id:
      description: Its id; none in check mode for one that would be made.
      type: str
    url:
      description: Its URL.
      type: str
    call_bridge:
      description: The id of the Call Bridge it is for, if it is for one.
      type: str
    call_bridge_group:
      description: The id of the Call Bridge group it is for, if it is for one.
      type: str
removed:
  description: The registrations that were, or would be, removed, as they were.
  returned: success
  type: list
  elements: dict
left:
  description: The registrations that O(purge) would have removed.
  returned: success
  type: list
  elements: dict
commands:
  description: What was sent to the API, in order. Empty in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    command:
      description: The request, with its fields.
      type: str
    answer:
      description: Nothing; the API answers a change without a body.
      type: list
      elements: str
proofs:
  description: What was proven after the change.
  returned: success
  type: list
  elements: dict
  contains:
    registration:
      description: The id of the registration.
      type: str
    object:
      description: What it is, for people.
      type: str
    state:
      description: Either V(proven), or V(assigned, not proven) where it is for others than this Call Bridge.
      type: str
    detail:
      description: What showed it.
      type: str
remarks:
  description: What is worth knowing, such as other registrations of the same Web Bridge.
  returned: success
  type: list
  elements: str
"""
