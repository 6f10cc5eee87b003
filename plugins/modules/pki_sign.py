# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the module; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pki_sign
short_description: Have a Meeting Server sign a request with a CA of its own
version_added: 0.1.0
description:
  - Signs a request that lies on a Meeting Server with C(pki sign), by a CA whose key lies there too.
  - The certificate gets the base name of its request, and is downloaded and compared with request and CA.
  - A certificate that is there already, belongs to the request, is signed by the CA and is in its time, is taken as it
    is. Where it is another one, the task fails, because a name is used only once.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.node
attributes:
  check_mode:
    support: full
    details:
      - A request or a CA that is not there may be made by a task before, so that it counts as a change.
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - C(pki sign) takes no usages, so the certificate has none, which a Meeting Server takes for every usage (guide 2.2).
    The names of the request have to be in it; a version of the appliance that leaves them out makes the task fail.
  - For services that others connect to, M(certops.cms.certificate) signs with an issuer of the inventory.
options:
  base:
    description:
      - The base name of the request, V(dbserver-g1) for C(dbserver-g1.csr), and of the certificate that is made.
    type: str
    required: true
  ca:
    description:
      - The base name of the CA, V(dbca-g1) for C(dbca-g1.key) and C(dbca-g1.crt).
    type: str
    required: true
seealso:
  - module: certops.cms.pki_selfsigned
  - module: certops.cms.csr
  - module: certops.cms.certificate
author:
  - certops.cms contributors (@certops)
"""

EXAMPLES = r"""
- name: Make a CA for the database on the Meeting Server
  certops.cms.pki_selfsigned:
    base: dbca-g1
    common_name: My company CA
    organization: Example Inc.
    country: US

- name: Make the request of the database client
  certops.cms.csr:
    base: dbclient-g1
    common_name: postgres

- name: Sign it
  certops.cms.pki_sign:
    base: dbclient-g1
    ca: dbca-g1
  register: dbclient
"""

RETURN = r"""
pem:
  description: The certificate in PEM. Empty in check mode when it would be made.
  returned: always
  type: str
  sample: |
    -----BEGIN CERTIFICATE-----
    ...
certificate:
  description:
    - The certificate, described as in RV(certops.cms.certificate#module:certificate). Empty in check mode when it would
      be made.
  returned: always
  type: dict
  sample: {subject: CN=My company CA, not_after: "2027-12-24T12:00:00Z"}
command:
  description: The command that the node is sent, where one is needed; else empty.
  returned: always
  type: str
  sample: pki sign dbclient-g1 dbca-g1
files:
  description: The files on the node, by what they hold.
  returned: always
  type: dict
  contains:
    certificate:
      description: The certificate.
      type: str
    ca:
      description: The certificate of the CA.
      type: str
  sample: {certificate: dbclient-g1.crt, ca: dbca-g1.crt}
ca_pem:
  description: The certificate of the CA in PEM, for those who verify. Empty in check mode while the CA is not there.
  returned: always
  type: str
  sample: |
    -----BEGIN CERTIFICATE-----
    ...
"""
