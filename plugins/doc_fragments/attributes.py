# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attributes of every module."""

from __future__ import annotations


class ModuleDocFragment:
    """The attributes of a module; each module adds its C(support) and, where partial, C(details)."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description:
      - Can run in C(check_mode) and return changed status prediction without modifying anything, on the node or on
        the control node.
  diff_mode:
    description:
      - Returns details on what has changed, or would change in C(check_mode), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation changes nothing.
"""

    # Modules of the group take defaults from module_defaults for group/certops.cms.cms.
    ACTION_GROUP = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/certops.cms.cms) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - certops.cms.cms
"""
