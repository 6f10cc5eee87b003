# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the module; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pki_info
short_description: Compare what a Meeting Server says of its certificates and keys with what they are
version_added: 0.1.0
description:
  - Asks a Meeting Server with C(pki), C(pki list), C(pki inspect), C(pki match) and C(pki verify), all in one login,
    and says beside each answer what is known without it, and whether the two agree.
  - For dates, names and chains the files themselves are the authority. They are downloaded for that; a private key
    never is.
  - An answer that is not understood counts as none, and never as a yes.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.node
attributes:
  check_mode:
    support: full
    details: This module reads only, and does the same in check mode.
  diff_mode:
    support: N/A
    details: This module changes nothing.
  idempotent:
    support: full
notes:
  - With O(match) it also connects to the TLS listeners of the Meeting Server, because what a service shows tells which
    certificate its key has.
options:
  inspect:
    description:
      - The files to look at with C(pki inspect), by their names, or by shell patterns for those of C(pki list), such as
        V(*.crt).
    type: list
    elements: str
    default: []
  match:
    description:
      - The pairs to ask C(pki match) about.
    type: list
    elements: dict
    default: []
    suboptions:
      key:
        description:
          - The file of the private key.
        type: str
        required: true
      certificate:
        description:
          - The file of the certificate.
        type: str
        required: true
  verify:
    description:
      - The chains to ask C(pki verify) about.
    type: list
    elements: dict
    default: []
    suboptions:
      certificate:
        description:
          - The file of the certificate.
        type: str
        required: true
      bundle:
        description:
          - The file of the CA certificates above it. Without O(verify[].ca) the roots in it are trusted.
        type: str
        required: true
      ca:
        description:
          - The file of the CA certificate that is trusted, where it is not in the bundle.
        type: str
seealso:
  - module: certops.cms.node_info
  - module: certops.cms.verify
author:
  - certops.cms contributors (@certops)
"""

EXAMPLES = r"""
- name: See which file is used by what
  certops.cms.pki_info:
  register: pki

- name: Name the files that nothing uses
  ansible.builtin.debug:
    msg: "{{ pki.files | rejectattr('used_by') | rejectattr('node_says') | map(attribute='name') }}"

- name: Look at the files before they are assigned (guide 4.3)
  certops.cms.pki_info:
    inspect: ["*.crt"]
    match:
      - {key: callbridge-new.key, certificate: callbridge-new.crt}
    verify:
      - {certificate: callbridge-new.crt, bundle: callbridge-new-bundle.crt}
  register: looked_at

- name: Stop where the Meeting Server sees something else than the files hold
  ansible.builtin.assert:
    that: looked_at.findings == []
"""

RETURN = r"""
usage_known:
  description: Whether C(pki) says which file is used by what.
  returned: always
  type: bool
files:
  description: The files of the node, by name.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The name.
      type: str
    kind:
      description: What the name says it is, V(key), V(csr), V(certificate) or V(unknown).
      type: str
    size:
      description: The size in bytes; null where the node does not tell.
      type: int
    listed:
      description: Whether C(pki list) shows it.
      type: bool
    used_by:
      description: The services whose display names it.
      type: list
      elements: str
    node_says:
      description: What C(pki) says it is used for, in its own words; null where RV(usage_known) is false.
      type: list
      elements: str
    agree:
      description:
        - Whether displays and C(pki) both say that it is used, or both that it is not; null where one is silent.
      type: bool
  sample:
    - {name: wa.key, kind: key, size: 1704, listed: true, used_by: [webadmin], node_says: [webadmin tls], agree: true}
inspected:
  description: What O(inspect) asked for.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The name.
      type: str
    node_says:
      description:
        - What is understood of the answer. C(kind), C(locked) for a key that is called so, and for each of the
          C(certificates) its C(subject), C(issuer), C(not_before), C(not_after) and C(dns); null is what it does not
          say.
      type: dict
    answer:
      description: The answer itself.
      type: list
      elements: str
    content:
      description:
        - What the file holds. C(kind) (V(key), V(csr), V(certificate), V(pkcs12), V(ssh_key), V(unknown\)), C(locked)
          for a key, C(certificates) described as in RV(certops.cms.certificate#module:certificate), and the C(csr).
      type: dict
    differences:
      description: Where the answer is not what the file holds.
      type: list
      elements: str
    agree:
      description: Whether there is none; null where the node does not say what the file is.
      type: bool
  sample: []
matches:
  description: What O(match) asked for.
  returned: always
  type: list
  elements: dict
  contains:
    key:
      description: The file of the private key.
      type: str
    certificate:
      description: The file of the certificate.
      type: str
    node_says:
      description: Whether they belong together, as the node says; null where that is not clear.
      type: bool
    answer:
      description: The answer itself.
      type: list
      elements: str
    belongs:
      description:
        - Whether they belong together, as the request beside the key says, or what a service shows; null where neither
          is there.
      type: bool
    agree:
      description: Whether the two say the same; null where one is silent.
      type: bool
  sample:
    - {key: wa.key, certificate: wa.crt, node_says: true, answer: [they match], belongs: true, agree: true}
verified:
  description: What O(verify) asked for.
  returned: always
  type: list
  elements: dict
  contains:
    certificate:
      description: The file of the certificate.
      type: str
    bundle:
      description: The file of the CA certificates.
      type: str
    ca:
      description: The file of the trusted CA certificate; null where none was given.
      type: str
    node_says:
      description: Whether the chain verifies, as the node says; null where that is not clear.
      type: bool
    answer:
      description: The answer itself.
      type: list
      elements: str
    verified:
      description: Whether the chain verifies here.
      type: bool
    findings:
      description: What is wrong with the chain, as in RV(certops.cms.verify#module:findings).
      type: list
      elements: dict
    agree:
      description: Whether the two say the same; null where the node is silent.
      type: bool
  sample:
    - certificate: wa.crt
      bundle: ca.crt
      ca:
      node_says: true
      answer: ["wa.crt: OK"]
      verified: true
      findings: []
      agree: true
findings:
  description:
    - Where node and files do not agree, each with C(severity), C(rule), C(section), C(object), C(found), C(next_step).
  returned: always
  type: list
  elements: dict
  sample: []
"""
