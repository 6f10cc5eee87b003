# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the module; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pkcs12
short_description: Take a PKCS#12 file apart into key, certificate and bundle for a Meeting Server
version_added: 0.1.0
description:
  - Reads a PKCS#12 file (C(.p12), C(.pfx)), sees that key, certificate and chain belong together, and writes each into
    a file of its own, in the form that a Meeting Server takes, which is PEM, intermediates in order, root last, nothing
    between them (guide 1.2.4).
  - The private key is written encrypted, and is in no result, log or diff. M(certops.cms.pki_file) unlocks it in memory
    when it uploads it.
  - A file without a key, with several keys, with a certificate of another key, or with a chain that does not end at a
    root is refused.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.node
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows names, never content.
  idempotent:
    support: full
    details:
      - What is there and is the same stays as it is; what is there and is another one makes the task fail.
notes:
  - With O(remote_src=false) no connection is made.
options:
  src:
    description:
      - The PKCS#12 file on the control node, looked for in C(files) of the role or play as M(ansible.builtin.copy)
        does. It may be encrypted with Ansible Vault; it is decrypted in memory.
      - With O(remote_src=true) its name on the Meeting Server.
    type: path
    required: true
  remote_src:
    description:
      - Whether the file lies on the Meeting Server, where somebody uploaded it.
    type: bool
    default: false
  passphrase:
    description:
      - The passphrase that the file was exported with. Keep it in Ansible Vault. Leave it out where there is none.
    type: str
  chain_file:
    description:
      - A file on the control node with CA certificates that the PKCS#12 file lacks, in PEM, DER or PKCS#7.
    type: path
  base:
    description:
      - The name of the files that are written, without extension. Letters, digits and hyphens only.
    type: str
    required: true
  dest:
    description:
      - The folder on the control node to write them to. It is made, for its user alone, where it is missing.
      - A relative path begins at the folder of the playbook.
    type: path
    required: true
  key_passphrase:
    description:
      - The passphrase that encrypts the private key in O(dest), of 8 characters or more.
    type: str
    required: true
seealso:
  - module: certops.cms.pki_file
  - module: certops.cms.pki_unlock
author:
  - certops.cms contributors (@certops)
"""

EXAMPLES = r"""
- name: Take apart what the CA sent
  certops.cms.pkcs12:
    src: join-example-com.pfx
    passphrase: "{{ pfx_passphrase }}"
    base: join-example-g1
    dest: identities
    key_passphrase: "{{ cms_store_passphrase }}"
  register: join

- name: Upload the key, which is unlocked on the way
  certops.cms.pki_file:
    name: join-example-g1.key
    src: "{{ join.files.key }}"
    passphrase: "{{ cms_store_passphrase }}"
  when: not ansible_check_mode

- name: Upload the full chain for a Web Bridge
  certops.cms.pki_file:
    name: join-example-g1-fullchain.crt
    kind: full_chain
    content: "{{ join.full_chain_pem }}"
"""

RETURN = r"""
certificate:
  description: The certificate of the key, described as in RV(certops.cms.certificate#module:certificate).
  returned: always
  type: dict
  sample: {subject: CN=join.example.com, not_after: "2027-12-24T12:00:00Z"}
chain:
  description: The certificates above it, described, root last. Empty for a self-signed certificate.
  returned: always
  type: list
  elements: dict
  sample: [{subject: CN=Example Root CA, not_after: "2036-11-20T12:00:00Z"}]
unused:
  description: The subjects of certificates in the file that belong to none of this.
  returned: always
  type: list
  elements: str
  sample: []
pem:
  description: The certificate alone, in PEM.
  returned: always
  type: str
  sample: |
    -----BEGIN CERTIFICATE-----
    ...
bundle_pem:
  description: Intermediates and root in PEM, for services that take a bundle.
  returned: always
  type: str
  sample: |
    -----BEGIN CERTIFICATE-----
    ...
full_chain_pem:
  description: The certificate with all above it in PEM, for services that take a full chain.
  returned: always
  type: str
  sample: |
    -----BEGIN CERTIFICATE-----
    ...
files:
  description: The files on the control node, by what they hold.
  returned: always
  type: dict
  contains:
    key:
      description: The private key, encrypted.
      type: str
    certificate:
      description: The certificate alone.
      type: str
    bundle:
      description: Intermediates and root; empty where there are none.
      type: str
    full_chain:
      description: The certificate with all above it.
      type: str
  sample:
    key: /srv/identities/join-example-g1.key
    certificate: /srv/identities/join-example-g1.crt
    bundle: /srv/identities/join-example-g1-bundle.crt
    full_chain: /srv/identities/join-example-g1-fullchain.crt
"""
