# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of certops.cms.report; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Say what is wrong with a Meeting Server fleet and when each certificate ends
version_added: 0.1.0
description:
  - Takes the surveys of all nodes (M(certops.cms.node_info)) and the plan that M(certops.cms.fleet_plan) would make of
    them, and names each cause of what is wrong with its cure, the gravest first, once for all nodes that it concerns.
  - Lists every certificate of every node (served, assigned, on disk where it was surveyed with
    O(certops.cms.node_info#module:whole=true), in trust settings) with its days left, who uses it and what verifies it.
  - Writes it as text for people, JSON for machines, a text file for the node exporter of Prometheus, and one HTML page
    that needs nothing else. The page C(docs/report.md) describes each.
  - Runs once for all hosts, touches no node, takes no lock, and writes nothing but these files.
attributes:
  check_mode:
    support: full
    details:
      - In check mode everything is made and printed, and no file is written.
  diff_mode:
    support: N/A
    details:
      - This module changes nothing.
  idempotent:
    support: full
    details:
      - Nothing of the fleet is ever changed, and that is what C(changed) is about. The files are written by every run.
extends_documentation_fragment:
  - certops.cms.attributes
  - certops.cms.attributes.action_group
  - certops.cms.state
  - certops.cms.state.store
  - certops.cms.state.issuers
options:
  dest:
    description:
      - The folder on the control node for the files.
      - If not set, the variable C(cms_report_dir); without it the folder C(cms-report) beside the inventory.
    type: path
  formats:
    description:
      - The forms to write.
      - If not set, the variable C(cms_report_formats); without it all of them.
    type: list
    elements: str
    choices: [text, json, prometheus, html]
  paths:
    description:
      - For a form, the path of its file, where that is not to be in O(dest). The folder of the textfile collector for
        V(prometheus), or that of a web server for V(html).
      - If not set, the variable C(cms_report_paths).
    type: dict
  soon:
    description:
      - The days before its end in which a certificate counts as soon to expire.
      - If not set, the variable C(cms_report_soon); without it 14, by which C(certops.cms.renew) should long have
        renewed it.
    type: int
  fail_on:
    description:
      - What makes RV(verdict.fails) true. The playbook C(certops.cms.report) fails then, after the files are written,
        so that C(ansible-playbook) ends with 2; the task itself does not.
      - V(error) and V(warning) are causes of that severity, V(expired) and V(soon) certificates of services, V(unread)
        nodes that could not be read. With an empty list it never is.
      - If not set, the variable C(cms_report_fail_on); without it V(error), V(expired) and V(soon).
    type: list
    elements: str
    choices: [error, warning, expired, soon, unread]
  intent:
    description:
      - Which plan the report draws, that of C(certops.cms.site) or that of C(certops.cms.renew).
    type: str
    choices: [site, renew]
    default: site
  skip_nodes:
    description:
      - Nodes to leave out on purpose, for instance because they are down.
      - If not set, the variable C(cms_skip_nodes).
    type: list
    elements: str
  survey_variable:
    description:
      - The name of the variable that each host's survey was registered in.
    type: str
    default: cms_survey
  now:
    description:
      - The time to judge by, in ISO 8601. For rehearsals; without it the present.
    type: str
  print:
    description:
      - Whether to print the causes as text, in colour on a terminal.
    type: bool
    default: true
author:
  - certops.cms contributors (@certops)
seealso:
  - module: certops.cms.node_info
  - module: certops.cms.fleet_plan
"""

EXAMPLES = r"""
- name: Survey every node
  hosts: cms
  gather_facts: false
  connection: certops.cms.mmp
  tasks:
    - name: Read the node, and every certificate on it
      certops.cms.node_info:
        whole: true
      register: cms_survey

- name: Report
  hosts: cms
  gather_facts: false
  connection: certops.cms.mmp
  tasks:
    - name: Write the page and the metrics
      certops.cms.report:
        formats: [html, prometheus]
        fail_on: [expired]
      register: report
      run_once: true

    - name: Say what somebody should know
      ansible.builtin.debug:
        msg: "{{ report.verdict.because }}"
      run_once: true
"""

RETURN = r"""
files:
  description: The path of the file of each form.
  returned: when a report was made
  type: dict
  sample: {html: /home/jo/fleet/cms-report/report.html}
written:
  description: Whether they were written. In check mode they are not.
  returned: when a report was made
  type: bool
  sample: true
summary:
  description: The numbers at the head of the report.
  returned: when a report was made
  type: dict
causes:
  description:
    - What is wrong, the gravest first, each with C(severity), C(rule), C(section), C(nodes), C(objects), C(found) and
      C(cure).
  returned: when a report was made
  type: list
  elements: dict
verdict:
  description: Whether somebody should be told (C(fails)), and C(because) of what.
  returned: when a report was made
  type: dict
  contains:
    fails:
      description: Whether something is there that O(fail_on) names.
      type: bool
      sample: true
    because:
      description: What, in words.
      type: list
      elements: str
      sample: [2 expired certificates]
    fail_on:
      description: What was looked for.
      type: list
      elements: str
      sample: [error, expired, soon]
"""
