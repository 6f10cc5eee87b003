# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the module; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: record
short_description: Record how a real Meeting Server answers, without its secrets
version_added: 0.1.0
description:
  - Asks one Meeting Server a fixed list of commands that only display something, lists its files, reads the certificate
    files that its settings name and, with credentials for it, what a survey reads of its REST API. Nothing on it is
    changed, and no question of it is answered.
  - Leaves one file on the control node with every byte of the answers. Passwords, shared secrets and tokens are masked.
    Names, addresses and domains have stand-ins of the same length, so that the displays keep their form.
  - The file is for people to look through and to send to the project, where a test replays it. Nobody who wrote this
    collection has the appliance, so this is how its real texts reach it.
  - Private keys are never read. The page C(docs/recording.md) lists everything that is read, and what never is.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.node
  - certops.cms.node.api
attributes:
  check_mode:
    support: full
    details:
      - In check mode the node is asked the same, and the file is not written.
  diff_mode:
    support: N/A
    details:
      - This module changes nothing.
  idempotent:
    support: full
    details:
      - Nothing on a node is ever changed, and that is what C(changed) is about. The file is written anew by every run.
options:
  dest:
    description:
      - The folder on the control node for the files. Each is named after its host and readable for its owner only.
      - If not set, the variable C(cms_record_dir); without it the folder C(cms-recordings) beside the inventory.
    type: path
  mask:
    description:
      - Words to mask besides the names, addresses and secrets that are found, such as the name of the company, of a
        project or of a site. Their case does not matter, and they are masked inside other words too.
      - If not set, the variable C(cms_record_mask).
    type: list
    elements: str
  certificates:
    description:
      - Whether the public certificates are put into the file whole, with the names in them. Otherwise their kind, dates
        and usages are told, and the names in them have stand-ins.
      - If not set, the variable C(cms_record_certificates); without it V(false).
    type: bool
  api:
    description:
      - Whether to read the REST API behind Web Admin.
    type: bool
    default: true
seealso:
  - module: certops.cms.node_info
author:
  - certops.cms contributors (@certops)
"""

EXAMPLES = r"""
- name: Record how every node answers
  certops.cms.record:
    mask: [Initech, bluebird]
  register: recording

- name: See what was masked
  ansible.builtin.debug:
    var: recording.masked
"""

RETURN = r"""
file:
  description: The file on the control node.
  returned: success, or when the node broke off after its login
  type: str
  sample: /home/jo/fleet/cms-recordings/core1.yml
written:
  description: Whether it was written. In check mode it is not.
  returned: success, or when the node broke off after its login
  type: bool
  sample: true
read:
  description: What was read, counted by kind.
  returned: success, or when the node broke off after its login
  type: dict
  sample: {logins: 1, commands in exec channels: 51, commands in the shell: 9, file names listed: 13}
masked:
  description: What was masked, counted by kind.
  returned: success, or when the node broke off after its login
  type: dict
  sample: {secrets: 2 times, addresses: '1 different, 2 times in all'}
failed_questions:
  description: What could not be read, each with C(what) and C(why).
  returned: success, or when the node broke off after its login
  type: list
  elements: dict
  sample: []
not_understood:
  description: Which answers this collection cannot read, each with C(what) and C(why). These are the most useful ones.
  returned: success, or when the node broke off after its login
  type: list
  elements: dict
  sample: []
"""
