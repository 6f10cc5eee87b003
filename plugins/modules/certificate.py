# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the module; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate
short_description: Have a certificate issued for a certificate signing request
version_added: 0.1.0
description:
  - Gives a certificate signing request (CSR) to an issuer, checks what comes back, and writes it to a folder on the
    control node in the three forms that the services of a Meeting Server take.
  - The certificate that is in the folder already is kept while it belongs to the same key, has the names and usages,
    comes from the issuer, and is not due for renewal.
  - Nothing is written when the certificate that comes back has another key, lacks a name or a usage, is not valid now,
    or when its chain does not build up to a root.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.state
  - certops.cms.state.store
  - certops.cms.state.issuers
attributes:
  check_mode:
    support: full
    details:
      - The issuer is looked at and not asked. What it would issue is not known, so the texts are empty then.
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - Runs on the control node and makes no connection to the host.
options:
  csr:
    description:
      - The request in PEM. Exactly one of O(csr) and O(csr_file) is needed.
      - In check mode it may be empty, as M(certops.cms.csr) returns it for a request that it would make.
    type: str
  csr_file:
    description:
      - The file on the control node that holds the request, in PEM or DER. A relative path begins at the folder of the
        playbook.
    type: path
  base:
    description:
      - The name of the files without extension. Letters, digits and hyphens only.
      - If not set, the name of O(csr_file) without its extension. Required with O(csr).
    type: str
  dest:
    description:
      - The folder on the control node for the files. A relative path begins at the folder of the playbook.
    type: path
    required: true
  issuer:
    description:
      - The name of the issuer, one of O(issuers).
      - If not set, the variable C(cms_issuer).
    type: str
  roles:
    description:
      - The sides of a TLS connection that the certificate is used on. A Call Bridge needs both.
      - If not set, those the request names, or V(server) when it names none.
    type: list
    elements: str
    choices: [server, client]
    aliases: [usages]
  renew_before:
    description:
      - How long before its end a certificate is issued anew, in days, hours, or as a share of its lifetime, such as
        V(30d), V(720h), V(33%).
      - If not set, the variable C(cms_renew_before); without it the smaller of 30 days and a third of the lifetime.
    type: str
seealso:
  - module: certops.cms.csr
  - module: certops.cms.verify
  - module: certops.cms.pki_file
author:
  - certops.cms contributors (@certops)
"""

EXAMPLES = r"""
- name: Make key and request on the Meeting Server
  certops.cms.csr:
    base: callbridge-example-g1
    common_name: "{{ inventory_hostname }}.example.com"
  register: request

- name: Have it signed by the issuer of the inventory
  certops.cms.certificate:
    csr: "{{ request.csr }}"
    base: "{{ inventory_hostname }}-callbridge-example-g1"
    dest: certificates
    roles: [server, client]
  register: issued

- name: Say until when it is valid
  ansible.builtin.debug:
    msg: "{{ issued.certificate.not_after }}"
  when: issued.pem != ''
"""

RETURN = r"""
reason:
  description: Why a certificate was, or would be, issued. Empty when the one in the folder is kept.
  returned: always
  type: str
  sample: there is no certificate yet
issuer:
  description: The issuer, without secrets.
  returned: always
  type: dict
  sample: {name: internal, type: own_ca, validity: 397 days}
certificate:
  description:
    - The certificate, described. Empty in check mode when one would be issued.
  returned: always
  type: dict
  contains:
    subject:
      description: The subject as RFC 4514 writes it.
      type: str
    subject_attributes:
      description: The attributes of the subject by their short names, such as C(CN) and C(O).
      type: dict
    subject_id:
      description: The subject in a form that is equal where two subjects count as the same.
      type: str
    common_name:
      description: The common name of the subject; null where it has none.
      type: str
    issuer:
      description: The issuer's subject.
      type: str
    serial:
      description: The serial number in hexadecimal.
      type: str
    not_before:
      description: From when it is valid, as ISO 8601 in UTC.
      type: str
    not_after:
      description: Until when it is valid, as ISO 8601 in UTC.
      type: str
    dns:
      description: The DNS names it is for.
      type: list
      elements: str
    ip:
      description: The IP addresses it is for.
      type: list
      elements: str
    email:
      description: The e-mail addresses it is for.
      type: list
      elements: str
    key_usage:
      description: Its key usages; null where it names none.
      type: list
      elements: str
    extended_key_usage:
      description: Its extended key usages; null where it names none.
      type: list
      elements: str
    netscape_type:
      description: Its Netscape certificate types; null where it names none.
      type: list
      elements: str
    ca:
      description: Whether it is the certificate of a CA; null where it does not say.
      type: bool
    path_length:
      description: How many CAs may stand between it and the service; null where it does not say.
      type: int
    self_signed:
      description: Whether it is signed with its own key.
      type: bool
    key_type:
      description: Kind and size of its key.
      type: str
    signature_hash:
      description: The hash of its signature.
      type: str
    version:
      description: The version of X.509, V(3) or V(1).
      type: int
    ski:
      description: Its subject key identifier in hexadecimal; null where it has none.
      type: str
    aki:
      description: The key identifier of its issuer in hexadecimal; null where it has none.
      type: str
    sha256:
      description: SHA-256 of the certificate in DER, in hexadecimal.
      type: str
    spki_sha256:
      description: SHA-256 of its public key, in hexadecimal.
      type: str
  sample: {subject: CN=core1.example.com, not_after: "2027-12-24T12:00:00Z"}
chain:
  description: The certificates above it, described, root last.
  returned: always
  type: list
  elements: dict
  sample: [{subject: CN=Meeting Server Internal CA, not_after: "2036-11-20T12:00:00Z"}]
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
    certificate:
      description: The certificate alone.
      type: str
    bundle:
      description: Intermediates and root.
      type: str
    full_chain:
      description: The certificate with all above it.
      type: str
  sample:
    certificate: /srv/certificates/callbridge-example-g1.crt
    bundle: /srv/certificates/callbridge-example-g1-bundle.crt
    full_chain: /srv/certificates/callbridge-example-g1-fullchain.crt
findings:
  description: What is remarkable about certificate and issuer and does not forbid them.
  returned: always
  type: list
  elements: dict
  sample: []
"""
