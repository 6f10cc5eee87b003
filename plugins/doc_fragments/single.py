# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that change one setting of one node."""

from __future__ import annotations


class ModuleDocFragment:
    """What the modules of a single change share."""

    DOCUMENTATION = r"""
options:
  survey_variable:
    description:
      - The name of the variable in which the surveys of the nodes (M(certops.cms.node_info)) were registered in this
        run. The links of this node are judged by them; this node is surveyed again.
    type: str
    default: cms_survey
  proof_timeout:
    description:
      - How many seconds a service may take after its restart until it serves what it should and its links are up.
      - If not set, the variable C(cms_proof_timeout); without it 60.
    type: int
"""
