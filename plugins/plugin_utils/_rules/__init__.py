# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of rules: what each is called, how grave it is, where it stands in the guide, what to do next.

Rows alone, so that every layer can take them from here. What looks for them stands in the layer that knows enough.

Private to the certops.cms collection: no stable interface.
"""
