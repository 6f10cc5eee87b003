# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mutation testing of the code that decides: is there a test for every decision of ``_pki`` and ``_fleet``?

The general tools were tried first. mutmut makes 14,769 mutants of these files, most of them other wordings and
other arguments of constructors, and collects the tests again for each; cosmic-ray starts a Python for each. This one
changes what decides (comparisons, conditions, bounds, statements), puts the changed code object into the imported
function, and runs in a forked process the tests that reach the changed line, the quick ones first.
"""
