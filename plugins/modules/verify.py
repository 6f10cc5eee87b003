# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the module; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verify
short_description: Check a certificate, its chain and its key against the rules of a Meeting Server
version_added: 0.1.0
description:
  - Checks a certificate with its chain against a profile and returns every rule that is broken, with the certificate it
    belongs to, the section of the certificate guide it comes from, and what to do next.
  - Signatures, names, dates, path lengths, key usages, extended key usages, the Netscape certificate type and CA flags
    are looked at, and the form of the files. Revocation is not.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: full
notes:
  - Runs on the control node. Only with O(node=true) a connection is made, which must be P(certops.cms.mmp#connection)
    then.
options:
  certificate:
    description:
      - The certificate in PEM. What follows it in the same text counts as its chain.
    type: str
  certificate_file:
    description:
      - The file that holds the certificate, in PEM, DER or PKCS#7. A relative path begins at the folder of the
        playbook.
    type: path
    aliases: [name]
  chain:
    description:
      - The certificates above it in PEM, intermediates and root, as a service gets them for a bundle.
    type: str
  chain_file:
    description:
      - The file that holds them.
    type: path
  anchors:
    description:
      - The certificates in PEM that the verifying side trusts. An empty text is refused; nobody trusts nothing.
      - If neither O(anchors) nor O(anchors_file) is set, the self-signed certificates of the chain count as trusted, so
        that the chain itself is checked and nothing else.
    type: str
  anchors_file:
    description:
      - The file that holds them.
    type: path
  key_file:
    description:
      - The private key that must belong to the certificate. It is read in memory only.
      - With O(node=true) the Meeting Server is asked with C(pki match), and the key is not read.
    type: path
  key_passphrase:
    description:
      - The passphrase of O(key_file), where it is encrypted.
    type: str
  node:
    description:
      - Whether O(certificate_file), O(chain_file), O(anchors_file) and O(key_file) are names of files on the Meeting
        Server.
    type: bool
    default: false
  profile:
    description:
      - V(meeting_server) is what a Meeting Server looks at (section 2.2 of the certificate guide). V(web_pki) is
        stricter, for services that browsers open with certificates of public CAs.
    type: str
    choices: [meeting_server, web_pki]
    default: meeting_server
  roles:
    description:
      - The sides of a TLS connection that the certificate is used on. A Call Bridge needs both.
    type: list
    elements: str
    choices: [server, client]
    default: [server]
    aliases: [usages]
  host:
    description:
      - The names or IP addresses that are dialled; the certificate must be for each of them.
    type: list
    elements: str
    default: []
  digital_signature:
    description:
      - Whether the key usage must hold digitalSignature, which a Call Bridge needs for DTLS.
    type: bool
    default: false
  max_intermediates:
    description:
      - How many CA certificates may stand between the certificate and the trusted one, where a device that verifies it
        has such a limit. A CA certificate that a CA issued to itself, as for a new key, does not count.
      - If not set, a chain may have ten certificates.
    type: int
  at:
    description:
      - The moment at which everything must be valid, as ISO 8601, for example V(2027-03-15T00:00:00Z), or as days or
        hours from now, for example V(+30d) or V(+12h). Without a zone it is UTC.
      - If not set, now.
    type: str
  fail:
    description:
      - Whether a finding of the severity C(error) fails the task.
    type: bool
    default: true
seealso:
  - module: certops.cms.certificate
author:
  - certops.cms contributors (@certops)
"""

EXAMPLES = r"""
- name: Look at the Meeting Server
  certops.cms.node_info:
  register: info

- name: See what will be wrong in thirty days with the certificate of the Web Admin
  certops.cms.verify:
    node: true
    certificate_file: "{{ slot.certificate }}"
    chain_file: "{{ slot.bundle }}"
    key_file: "{{ slot.key }}"
    at: +30d
    fail: false
  vars:
    slot: "{{ info.survey.services.webadmin.slots.webadmin }}"
  register: later

- name: Make a key and its request on the control node
  certops.cms.csr:
    where: control
    base: "{{ inventory_hostname }}-verify-example-g1"
    dest: certificates
    passphrase: "{{ cms_store_passphrase }}"
    common_name: "{{ inventory_hostname }}.example.com"
    roles: [server, client]
  register: request

- name: Have it signed by the issuer of the inventory
  certops.cms.certificate:
    csr: "{{ request.csr }}"
    base: "{{ inventory_hostname }}-verify-example-g1"
    dest: certificates
  register: issued

- name: Check it as a Call Bridge would use it
  certops.cms.verify:
    certificate_file: "{{ issued.files.certificate }}"
    chain_file: "{{ issued.files.bundle }}"
    key_file: "{{ request.files.key }}"
    key_passphrase: "{{ cms_store_passphrase }}"
    roles: [server, client]
    digital_signature: true
    host: "{{ inventory_hostname }}.example.com"
  when: issued.pem != ''
"""

RETURN = r"""
valid:
  description: Whether no rule of the severity C(error) is broken.
  returned: always
  type: bool
  sample: false
findings:
  description: Every rule that is broken.
  returned: always
  type: list
  elements: dict
  contains:
    severity:
      description: C(error), C(warning) or C(remark).
      type: str
    rule:
      description: The rule, by a name that stays the same.
      type: str
    section:
      description: The section of the certificate guide, or the safety rule of this collection.
      type: str
    object:
      description: What was checked.
      type: str
    found:
      description: What was found, with the certificate it belongs to.
      type: str
    next_step:
      description: What to do next.
      type: str
    cured:
      description: Always V(false) here.
      type: bool
    lowered_from:
      description: Always empty here, no inventory lowers these rules.
      type: str
    lowered_because:
      description: Always empty here.
      type: str
  sample:
    - severity: error
      rule: eku-client-missing
      section: "2.2"
      object: certificates/partner.crt
      found: >-
        certificate CN=partner.example.com: has the extended key usage serverAuth; as TLS client it needs clientAuth
      next_step: Have it issued by a CA and with a template that give clientAuth
      cured: false
      lowered_from: ""
      lowered_because: ""
certificate:
  description: The certificate, described as in RV(certops.cms.certificate#module:certificate).
  returned: always
  type: dict
  sample: {subject: CN=core1.example.com, not_after: "2027-12-24T12:00:00Z"}
chain:
  description: The certificates that were built on it, described, root last.
  returned: always
  type: list
  elements: dict
  sample: [{subject: CN=Meeting Server Internal CA, not_after: "2036-11-20T12:00:00Z"}]
at:
  description: The moment that was checked.
  returned: always
  type: str
  sample: "2027-03-15T00:00:00Z"
"""
