# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the module; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: command
short_description: Run one MMP command on a Meeting Server
version_added: 0.1.0
description:
  - Sends one command to the command line of a Meeting Server and returns what it printed, sorted into result lines
    and other lines.
  - A line that begins with C(FAILURE:) fails the task, and so does an answer that says that the command is not known.
  - This is for people and for what no other module of this collection does. It looks at nothing before it sends the
    command, so the safety rules that the other modules keep are the user's own here.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.node
attributes:
  check_mode:
    support: partial
    details:
      - Commands that are known to only display something run in check mode too; all others are not sent, and
        RV(sent=false) says so.
  diff_mode:
    support: none
  idempotent:
    support: N/A
    details:
      - What a second run changes depends on the command.
options:
  command:
    description:
      - The command with its arguments, on one line. An argument with blanks stands in double quotes.
      - Do not put a secret here where the appliance also asks for it, because the appliance logs its commands. Use
        O(answers) instead.
    type: str
    required: true
  confirm:
    description:
      - Whether the one question of the kind C((Y/n\)) that the command asks is answered with a capital C(Y).
      - Without it such a question is left, and the task fails.
    type: bool
    default: false
  answers:
    description:
      - Answers to what the command asks, in the order of the questions, each used once. With O(confirm) the
        confirmation comes before them.
      - A question that is not the next one expected is left, and the task fails.
    type: list
    elements: dict
    default: []
    suboptions:
      prompt:
        description:
          - A regular expression that the last line on the screen must match.
        type: str
        required: true
      answer:
        description:
          - The answer. It never appears in results or logs.
        type: str
        required: true
  timeout:
    description:
      - How many seconds to wait for the end of the command.
      - If not set, the connection's timeout for long operations.
    type: int
seealso:
  - plugin: certops.cms.mmp
    plugin_type: connection
author:
  - certops.cms contributors (@certops)
"""

EXAMPLES = r"""
- name: Show the Call Bridge
  certops.cms.command:
    command: callbridge
  register: display

- name: Name the files the appliance knows
  certops.cms.command:
    command: pki list

- name: Remove the lock of a key that was uploaded with a passphrase
  certops.cms.command:
    command: pki unlock partner.key
    answers:
      - prompt: '(?i)pass(word|phrase)'
        answer: "{{ partner_key_passphrase }}"
  when: partner_key_passphrase is defined
"""

RETURN = r"""
command:
  description: The command, secrets masked.
  returned: always
  type: str
  sample: pki list
sent:
  description: Whether the command was sent. In check mode only commands that display something are.
  returned: always
  type: bool
  sample: true
stdout:
  description: What the appliance printed, secrets masked.
  returned: always
  type: str
  sample: "SUCCESS: listen interface configured\nSUCCESS: Key and certificate pair match"
stdout_lines:
  description: The same by lines.
  returned: always
  type: list
  elements: str
  sample: ['SUCCESS: listen interface configured', 'SUCCESS: Key and certificate pair match']
results:
  description: The result lines among them, in order.
  returned: always
  type: list
  elements: dict
  contains:
    ok:
      description: Whether the line begins with C(SUCCESS:); otherwise with C(FAILURE:).
      type: bool
    text:
      description: The rest of the line.
      type: str
  sample: [{ok: true, text: Key and certificate pair match}]
"""
