# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of certops.cms.node_info; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_info
short_description: Read everything about one Meeting Server in one login
version_added: 0.1.0
description:
  - Reads services, files, certificates, trust settings and listeners of one node over SSH and SFTP, looks at what its
    TLS listeners serve, and reads its REST API, all of it once and without changing anything.
  - The result is the survey that M(certops.cms.fleet_plan) makes its plan from.
  - Private keys are never read.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.node
  - certops.cms.node.api
  - certops.cms.state
  - certops.cms.services
attributes:
  check_mode:
    support: full
    details: This module reads only, and does the same in check mode.
  diff_mode:
    support: N/A
    details: This module changes nothing.
  idempotent:
    support: full
options:
  services:
    description:
      - The services that the node is expected to run. The displays of all services are read in any case; the REST API
        is read only from a node that runs a Call Bridge.
      - If not set, the services whose groups the host is in, such as C(cms_callbridge).
    type: list
    elements: str
  probe:
    description:
      - Whether to connect to the TLS listeners and look at the certificates they serve.
      - Where a listener is not reached at the address of the host and the port that the node shows, the variable
        C(cms_probe) says where, as a dictionary of slot (such as V(webbridge3_https)) to C(address) and C(port).
      - No display tells the port of the Call Bridge for SIP over TLS. It is 5061 unless the variable C(cms_sip_port)
        says otherwise.
    type: bool
    default: true
  api:
    description:
      - Whether to read the REST API behind Web Admin.
    type: bool
    default: true
  previous:
    description:
      - Whether to read the certificate files too that settings had before this collection changed them, or that the
        variable C(cms_rollback_to) names, and to ask the node whether their keys fit. The playbook
        C(certops.cms.rollback) needs it.
    type: bool
    default: false
  whole:
    description:
      - Whether to read every other certificate file too, and to ask the node whether the key and the certificate of
        each service belong together (C(pki match)). A report wants that, a plan does not.
      - Private keys are never read. Neither is a file that no setting names and whose name, such as C(old.pem), leaves
        open whether it holds a key.
    type: bool
    default: false
  form:
    description:
      - How the survey is returned; as V(data) in C(survey), or as one JSON V(text) in C(survey_text).
      - Ansible copies and walks through the data of every result several times. The playbooks of this collection hand
        the surveys of a fleet on as texts, which takes a fraction of the time.
    type: str
    choices: [data, text]
    default: data
author:
  - certops.cms contributors (@certops)
seealso:
  - module: certops.cms.fleet_plan
  - module: certops.cms.apply
"""

EXAMPLES = r"""
- name: Survey all nodes
  certops.cms.node_info:
  register: cms_survey

- name: See when the certificate of the Call Bridge ends
  ansible.builtin.debug:
    msg: "{{ cms_survey.survey.served.callbridge.chain[0].not_after }}"
  when: cms_survey.survey.served.callbridge.chain | default([]) | length > 0

- name: Read the node alone, without its listeners and its API
  certops.cms.node_info:
    probe: false
    api: false
"""

RETURN = r"""
survey_text:
  description: The survey as one JSON text.
  returned: success, with O(form=text)
  type: str
survey:
  description: What the node shows.
  returned: success, with O(form=data)
  type: dict
  contains:
    schema:
      description: The version of this form.
      type: int
      sample: 1
    host:
      description: The inventory name of the node.
      type: str
      sample: core1
    address:
      description: The address the node was reached at.
      type: str
      sample: 192.0.2.11
    taken_at:
      description: When it was read, ISO 8601 in UTC.
      type: str
      sample: "2026-11-23T15:00:00Z"
    prompt:
      description: The host name in the node's prompt, when a shell was needed.
      type: str
      sample: core1
    version:
      description: The software version, when the node says it in a known way.
      type: str
      sample: "3.9"
    files:
      description:
        - Every file by name, with its C(kind) (V(key), V(certificate), V(csr), V(unknown)) and C(size) in bytes.
      type: dict
      sample: {cb.key: {kind: key, size: 1704}}
    certificates:
      description:
        - Every certificate file that a setting names, by name, with C(certificates) (each C(pem) and C(info)) and
          C(problems).
      type: dict
    other_certificates:
      description: The certificate files that no setting names, in the form of C(certificates).
      returned: with O(whole=true)
      type: dict
    pairs:
      description:
        - By slot, whether its key and its certificate belong together; C(matches) is null where the answer of the node
          is not understood.
      returned: with O(whole=true)
      type: dict
    csrs:
      description: Requests of this collection that no certificate on the node answers yet, by file name.
      type: dict
    services:
      description:
        - Each service with C(present), C(enabled), C(running), C(slots) (C(key), C(certificate), C(bundle),
          C(listen)), C(trusts) and rows that are not known.
      type: dict
    served:
      description: What each TLS listener serves, by slot, with C(state), C(chain) (leaf first) and C(detail).
      type: dict
    api:
      description:
        - What the REST API shows, with C(state) and C(detail), C(status), C(web_bridges), C(call_bridges) and
          C(call_bridge_groups).
        - Also C(alarms), C(load), C(cluster) (the settings of this server in its cluster, with its load limit) and
          C(turn_servers); each is none where it could not be read, and C(unread) says why.
      type: dict
    logins:
      description: How many SSH logins were made.
      type: int
      sample: 1
    notices:
      description: What the node said at the login.
      type: list
      elements: str
"""
