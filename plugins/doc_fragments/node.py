# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options about a node: its REST API and the calls on it."""

from __future__ import annotations


class ModuleDocFragment:
    """What the REST API needs, and what happens to calls in progress."""

    DOCUMENTATION = r"""
options: {}
notes:
  - The connection of the host must be P(certops.cms.mmp#connection).
"""

    API = r"""
options:
  api_user:
    description:
      - The user of the Web Admin REST API.
      - If not set, the variable C(cms_api_user); without it the user of the SSH login.
    type: str
  api_password:
    description:
      - The password of the REST API's user.
      - If not set, the variable C(cms_api_password); without it the password of the SSH login.
    type: str
"""

    CALLS = r"""
options:
  calls:
    description:
      - What to do when a Call Bridge that has to restart carries calls, because its restart drops them.
      - V(stop) refuses, V(wait) waits until the calls have ended, V(drop) restarts all the same.
      - If not set, the variable C(cms_calls); without it V(stop).
    type: str
    choices: [stop, wait, drop]
  calls_timeout:
    description:
      - How many seconds O(calls=wait) waits for the calls to end.
      - If not set, the variable C(cms_calls_timeout); without it 3600.
    type: int
  drain:
    description:
      - With O(calls=wait), lower the load limit of the Call Bridge meanwhile, so that new calls go to the others of its
        Call Bridge group, and set it back afterwards, whatever happens.
      - Where that moves no calls, because the Call Bridge is in no group, alone in it, or its group does not balance
        the load, it is left out and said so.
      - If not set, the variable C(cms_drain); without it V(false).
    type: bool
  drain_load_limit:
    description:
      - The load limit of a Call Bridge that is drained; 1 or more.
      - If not set, the variable C(cms_drain_load_limit); without it 1, which is below what one call needs.
    type: int
  alarm_timeout:
    description:
      - How many seconds an alarm that is new after a change is given to pass, before it is told.
      - If not set, the variable C(cms_alarm_timeout); without it 180.
    type: int
"""
