# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the module; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: csr
short_description: Make a private key and a certificate signing request for a Meeting Server
version_added: 0.1.0
description:
  - Makes a private key and a certificate signing request (CSR), on the Meeting Server with C(pki csr), or on the
    control node.
  - A key that is made on the Meeting Server never leaves it. A key that is made on the control node is written
    encrypted.
  - A request that is there already under O(base) and asks for the same is taken as it is. Where it asks for something
    else, the task fails, because a name is used only once; the error names the next free one.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.node
  - certops.cms.subject
attributes:
  check_mode:
    support: full
    details:
      - A request that would be made has no content yet, so RV(csr) is empty then. M(certops.cms.certificate)
        understands that in check mode.
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - With O(where=control) no connection is made.
options:
  base:
    description:
      - The name of the files without extension, for example V(callbridge-g2) for C(callbridge-g2.key) and
        C(callbridge-g2.csr). Letters, digits and hyphens only.
    type: str
    required: true
  where:
    description:
      - Where the key is made and stays. V(node) makes an RSA key with the appliance's own command.
    type: str
    choices: [node, control]
    default: node
  common_name:
    description:
      - The common name (CN), the FQDN that the service is reached by.
    type: str
    required: true
  names:
    description:
      - All names that the certificate is for, as subject alternative names. DNS names, IP addresses and e-mail
        addresses.
      - The common name joins them by itself.
    type: list
    elements: str
    default: []
  roles:
    description:
      - The sides of a TLS connection that the certificate is used on. They become the extended key usages of the
        request. A Call Bridge needs both.
      - Only with O(where=control), because C(pki csr) cannot ask for usages; there the issuer sets them.
    type: list
    elements: str
    choices: [server, client]
    default: [server]
    aliases: [usages]
  key_type:
    description:
      - The kind of key. V(ecdsa) only with O(where=control).
    type: str
    choices: [rsa, ecdsa]
    default: rsa
  key_size:
    description:
      - The size of an RSA key (V(2048), V(3072), V(4096\)) or the curve of an ECDSA key (V(secp256r1), V(secp384r1\)).
      - If not set, V(2048) or V(secp256r1). Only with O(where=control), because the appliance chooses the size itself.
    type: str
  passphrase:
    description:
      - The passphrase that encrypts the key on the control node. Required with O(where=control).
    type: str
  dest:
    description:
      - The folder on the control node for the key and the CSR. Required with O(where=control).
      - With O(where=node) the CSR alone is written there when this is set.
      - A relative path begins at the folder of the playbook.
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
    organization: Example Inc.
    country: US
    names:
      - "{{ inventory_hostname }}.example.com"
      - meet.example.com
  register: request

- name: Make an ECDSA key and its request on the control node
  certops.cms.csr:
    where: control
    base: "{{ inventory_hostname }}-callbridge-example-g1"
    dest: requests
    passphrase: "{{ cms_store_passphrase }}"
    common_name: "{{ inventory_hostname }}.example.com"
    roles: [server, client]
    key_type: ecdsa
"""

RETURN = r"""
csr:
  description: The request in PEM. Empty in check mode when it would be made.
  returned: always
  type: str
  sample: |
    -----BEGIN CERTIFICATE REQUEST-----
    ...
subject:
  description: The subject of the request as RFC 4514 writes it.
  returned: always
  type: str
  sample: CN=core1.example.com,O=Example Inc.,C=US
names:
  description: All subject alternative names.
  returned: always
  type: list
  elements: str
  sample: [core1.example.com, meet.example.com]
key_type:
  description: Kind and size of the key.
  returned: always
  type: str
  sample: RSA 2048
spki_sha256:
  description:
    - SHA-256 of the public key (SubjectPublicKeyInfo in DER) in hexadecimal. Empty in check mode when the key would be
      made.
  returned: always
  type: str
  sample: 5d41402abc4b2a76b9719d911017c592ae2d6f7a7f1b0c3a6f1d3c0f1e2d3c4b
files:
  description: The files, by what they hold; names on the node, paths on the control node.
  returned: always
  type: dict
  contains:
    key:
      description: The private key.
      type: str
    csr:
      description: The request.
      type: str
  sample: {key: webadmin-example-g1.key, csr: webadmin-example-g1.csr}
command:
  description: The command that the node is sent, where one is needed; else empty.
  returned: always
  type: str
  sample: pki csr webadmin-example-g1 CN:core1.example.com O:"Example Inc." C:US subjectAltName:meet.example.com
"""
