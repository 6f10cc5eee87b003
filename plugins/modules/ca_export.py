# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the module; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ca_export
short_description: Write the CA certificates above a service for the people who install them in browsers
version_added: 0.1.0
description:
  - Writes the root and the intermediates above a service of a Meeting Server, above an identity, or those of an issuer,
    each as PEM and as DER, into files that are named after their subjects, with a text that says which store
    each goes into (guide 4.7.2).
  - Browsers need them where an internal CA signed what they open, such as MeetingApps and the web app. Those of a
    public CA they have already.
  - A file that is there and holds another certificate is left, because a renewed CA has the subject of the one before;
    the new one gets the start of its fingerprint in its name.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.node
  - certops.cms.services.one
  - certops.cms.services.slot
  - certops.cms.state
  - certops.cms.state.issuers
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the names of the files.
  idempotent:
    support: full
notes:
  - Without O(service) no connection is made.
options:
  service:
    description:
      - The service whose certificate and chain are read on the Meeting Server. One of O(service), O(identity) and
        O(issuer) is required.
    type: str
  slot:
    description:
      - Which certificate of the service, where it has several.
    type: str
  identity:
    description:
      - The identity in the store on the control node, such as V(core1/webadmin). Its newest certificate counts.
    type: str
  issuer:
    description:
      - The issuer of O(issuers).
    type: str
  dest:
    description:
      - The folder on the control node to write to. A relative path begins at the folder of the playbook.
    type: path
    required: true
seealso:
  - module: certops.cms.trust
author:
  - certops.cms contributors (@certops)
"""

EXAMPLES = r"""
- name: Write what browsers need to open the Web Admin interface
  certops.cms.ca_export:
    service: webadmin
    dest: for-browsers/{{ inventory_hostname }}
  register: exported

- name: Show where each goes
  ansible.builtin.debug:
    msg: "{{ exported.text.splitlines() }}"

- name: Write those of the internal CA
  certops.cms.ca_export:
    issuer: internal
    dest: for-browsers/internal
  run_once: true
"""

RETURN = r"""
source:
  description: Whose CA certificates they are.
  returned: always
  type: str
  sample: webadmin on core1
certificates:
  description: The certificates, root first.
  returned: always
  type: list
  elements: dict
  contains:
    role:
      description: What it is, V(root) or V(intermediate).
      type: str
    store:
      description: The store of Windows that it goes into.
      type: str
    subject:
      description: The subject as RFC 4514 writes it.
      type: str
    not_after:
      description: Until when it is valid, as ISO 8601 in UTC.
      type: str
    sha256:
      description: SHA-256 of the certificate in DER, in hexadecimal.
      type: str
    self_signed:
      description: Whether it is signed with its own key.
      type: bool
    pem:
      description: Its file in PEM.
      type: str
    der:
      description: Its file in DER.
      type: str
  sample:
    - role: root
      store: Trusted Root Certification Authorities
      subject: CN=Example Root CA,O=Example
      not_after: "2036-11-20T12:00:00Z"
      sha256: 5d41402abc4b2a76b9719d911017c592ae2d6f7a7f1b0c3a6f1d3c0f1e2d3c4b
      self_signed: true
      pem: /srv/for-browsers/Example-Root-CA.pem
      der: /srv/for-browsers/Example-Root-CA.der
text:
  description: Which certificate goes where, in words.
  returned: always
  type: str
  sample: CA certificates of webadmin on core1
text_file:
  description: The file with that text.
  returned: always
  type: str
  sample: /srv/for-browsers/README.txt
"""
