# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the module; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pki_file
short_description: Upload, download and remove certificates, keys and requests of a Meeting Server
version_added: 0.1.0
description:
  - Moves the files that the services of a Meeting Server are given, over SFTP, on one login.
  - The content is checked before it is sent, and read back after that.
  - A file that a service names is never overwritten and never removed. The displays of the services and the C(pki)
    command are read for that in the same login. A service of the groups of the host that does not show what it uses
    stops the task, and so does any other one whose display fails without saying that the Meeting Server lacks it.
  - A private key is never downloaded, because a key that was made on a Meeting Server stays there.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.node
attributes:
  check_mode:
    support: full
    details:
      - With O(state=fetched) a file that is not there may be made by a task before, so that it counts as a change.
  diff_mode:
    support: full
    details:
      - Shows kind, subject and expiry, never the content of a key.
  idempotent:
    support: full
options:
  name:
    description:
      - The name of the file on the Meeting Server. A new name has letters, digits and hyphens, one dot, and an
        extension that the appliance permits, which are C(pem), C(der), C(cer), C(crt) for certificates, C(key), C(pem),
        C(der) for keys, and C(csr) for requests.
    type: str
    required: true
  state:
    description:
      - V(present) uploads the file unless it is there with the same content.
      - V(absent) removes it.
      - V(fetched) downloads it to O(dest).
    type: str
    choices: [present, absent, fetched]
    default: present
  src:
    description:
      - The file on the control node, looked for in C(files) of the role or play as M(ansible.builtin.copy) does.
      - It may be encrypted with Ansible Vault; it is decrypted in memory.
    type: path
  content:
    description:
      - The content itself, in place of O(src). A missing line break at its end is added.
    type: str
  kind:
    description:
      - What the file is meant to be, which decides how it is checked. V(certificate) is one certificate, V(bundle) is
        intermediates and root, V(full_chain) begins with the service's own certificate, V(trust) is any set of
        certificates that a service shall trust.
      - If not set, it follows from name and content, and several certificates are a full chain when one of them
        belongs to a service, or else a trust.
    type: str
    choices: [certificate, bundle, full_chain, trust, key, csr]
  passphrase:
    description:
      - The passphrase of an encrypted private key. The key is unlocked in memory, and sent in the form that a Meeting
        Server can use.
    type: str
  force:
    description:
      - Whether a file that is there with other content, and that no service names, is replaced.
    type: bool
    default: false
  dest:
    description:
      - The file on the control node to write with O(state=fetched), or a folder, which is there already or ends with a
        slash. A relative path begins at the folder of the playbook.
    type: path
seealso:
  - module: certops.cms.certificate
author:
  - certops.cms contributors (@certops)
"""

EXAMPLES = r"""
- name: Make key and request on the Meeting Server
  certops.cms.csr:
    base: webadmin-example-g1
    common_name: "{{ inventory_hostname }}.example.com"

- name: Download the request
  certops.cms.pki_file:
    state: fetched
    name: webadmin-example-g1.csr
    dest: requests/{{ inventory_hostname }}-webadmin-example-g1.csr

- name: Have it signed by the issuer of the inventory
  certops.cms.certificate:
    csr_file: requests/{{ inventory_hostname }}-webadmin-example-g1.csr
    dest: certificates
  register: issued

- name: Upload certificate and bundle
  certops.cms.pki_file:
    name: "{{ item.name }}"
    kind: "{{ item.kind }}"
    content: "{{ item.content }}"
  loop:
    - {name: webadmin-example-g1.crt, kind: certificate, content: "{{ issued.pem }}"}
    - {name: webadmin-example-g1-bundle.crt, kind: bundle, content: "{{ issued.bundle_pem }}"}
  loop_control:
    label: "{{ item.name }}"
  when: issued.pem != ''

- name: Remove a bundle that is not needed any more
  certops.cms.pki_file:
    state: absent
    name: webadmin-example-g0-bundle.crt
"""

RETURN = r"""
name:
  description: The name on the node.
  returned: always
  type: str
  sample: webadmin-example-g1.crt
kind:
  description: What the file holds, in the words of O(kind). Empty when that was not looked at.
  returned: always
  type: str
  sample: certificate
size:
  description: The size in bytes of what was, or would be, sent or fetched; 0 for a removed file.
  returned: always
  type: int
  sample: 1350
sha256:
  description: SHA-256 of the content in hexadecimal. Empty for a private key, and for a removed file.
  returned: always
  type: str
  sample: 5d41402abc4b2a76b9719d911017c592ae2d6f7a7f1b0c3a6f1d3c0f1e2d3c4b
certificates:
  description: The certificates in it, described as in RV(certops.cms.certificate#module:certificate).
  returned: always
  type: list
  elements: dict
  sample: [{subject: CN=core1.example.com, not_after: "2027-12-24T12:00:00Z"}]
dest:
  description: The file on the control node with O(state=fetched); else empty.
  returned: always
  type: str
  sample: /srv/requests/core1-webadmin-example-g1.csr
"""
