# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the module; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pki_unlock
short_description: Take the passphrase off a key, or a user's PKCS#12 file, on a Meeting Server
version_added: 0.1.0
description:
  - Gives a private key that was uploaded with a passphrase to C(pki unlock), which replaces it by an open one of the
    same name. No service can use a locked key.
  - Gives the PKCS#12 file of a user, uploaded as C(<user>.pub), to C(pki pkcs12-to-ssh), which replaces it by the
    user's public SSH key. Everything else in the file is lost.
  - The passphrase is typed at the prompt of the Meeting Server and nowhere else, once in a run. It is in no command
    line, result, log or diff.
  - A file that is open already is left as it is. Whether it is, the first bytes of it tell, which hold nothing of the
    key; what the Meeting Server says of it is not relied on.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.node
attributes:
  check_mode:
    support: full
    details:
      - Whether the passphrase is the right one shows only when it is tried.
  diff_mode:
    support: full
    details:
      - Shows what the file is, never its content.
  idempotent:
    support: full
notes:
  - A key that need not lie on the Meeting Server locked is unlocked on the way with M(certops.cms.pki_file) and its
    option O(certops.cms.pki_file#module:passphrase).
options:
  name:
    description:
      - The file of the private key on the Meeting Server. One of O(name) and O(user) is required.
    type: str
  user:
    description:
      - The user of the Meeting Server whose C(<user>.pub) is a PKCS#12 file.
    type: str
  passphrase:
    description:
      - The passphrase of the file. Keep it in Ansible Vault.
    type: str
    required: true
seealso:
  - module: certops.cms.pki_file
  - module: certops.cms.pkcs12
author:
  - certops.cms contributors (@certops)
"""

EXAMPLES = r"""
- name: Unlock the key that the partner sent
  certops.cms.pki_unlock:
    name: partner-g1.key
    passphrase: "{{ partner_key_passphrase }}"

- name: Make the PKCS#12 file of john his SSH key
  certops.cms.pki_unlock:
    user: john
    passphrase: "{{ john_pkcs12_passphrase }}"
"""

RETURN = r"""
name:
  description: The file on the node.
  returned: always
  type: str
  sample: partner-g1.key
kind:
  description: What it is, V(key) or V(ssh_key).
  returned: always
  type: str
  sample: key
public_key:
  description: The public SSH key of the user. Empty for a private key, and in check mode while it is to be made.
  returned: always
  type: str
  sample: ssh-rsa AAAAB3NzaC1yc2E...
fingerprint:
  description: Its fingerprint, as C(ssh-keygen -l) shows it; else empty.
  returned: always
  type: str
  sample: SHA256:uK6Qk1rkGyHLn0bM3nYg5R0mVQ5l5SgHkW9S0GJ2rXw
command:
  description: The command that the node is sent, where one is needed; else empty.
  returned: always
  type: str
  sample: pki unlock partner-g1.key
"""
