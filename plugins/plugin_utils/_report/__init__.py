# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report: surveys and plan -> what there is, what is wrong and what cures it; plain data, then text.

Private to the certops.cms collection: no stable interface. The form of the JSON file is stable: docs/report.md.
"""
