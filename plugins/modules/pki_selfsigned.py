# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the module; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pki_selfsigned
short_description: Make a private key and a self-signed certificate on a Meeting Server
version_added: 0.1.0
description:
  - Makes a private key and a self-signed certificate with C(pki selfsigned). The key never leaves the Meeting Server.
  - Such a certificate is what M(certops.cms.pki_sign) signs with, as the guide does for the database (guide 3.1.4).
    For a service it is fit where only this fleet verifies it, such as Web Admin and the connection between Call Bridge
    and Web Bridge; the database and Lync refuse it.
  - A certificate that is there already under O(base), is in its time, and has the attributes that are asked for is
    taken as it is. Where it is another one, the task fails, because a name is used only once; the error names the next
    free one.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.node
  - certops.cms.subject
attributes:
  check_mode:
    support: full
    details:
      - A certificate that would be made has no content yet, so RV(pem) is empty then.
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - Without any attribute the Meeting Server chooses the subject itself, and any subject is taken for the wanted one.
  - The appliance documents no alternative names for C(pki selfsigned), so there is no option for them. A certificate
    that browsers or newer clients shall take needs them, so have a request signed instead.
options:
  base:
    description:
      - The name of the files without extension, for example V(dbca-g1) for C(dbca-g1.key) and C(dbca-g1.crt). Letters,
        digits and hyphens only.
    type: str
    required: true
seealso:
  - module: certops.cms.pki_sign
  - module: certops.cms.csr
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

- name: Make a certificate and leave its subject to the Meeting Server
  certops.cms.pki_selfsigned:
    base: webadmin-first-g1
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
  sample: pki selfsigned dbca-g1 CN:"My company CA"
files:
  description: The files on the node, by what they hold.
  returned: always
  type: dict
  contains:
    key:
      description: The private key.
      type: str
    certificate:
      description: The certificate.
      type: str
  sample: {key: dbca-g1.key, certificate: dbca-g1.crt}
"""
