# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recorder: reads a real appliance, changes nothing, masks secrets, and leaves a file that a test can replay.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations
