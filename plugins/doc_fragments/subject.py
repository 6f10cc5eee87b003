# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options about the subject of a request or certificate."""

from __future__ import annotations


class ModuleDocFragment:
    """The attributes that C(pki csr) and C(pki selfsigned) take."""

    DOCUMENTATION = r"""
options:
  common_name:
    description:
      - The common name (CN).
    type: str
  organization:
    description:
      - The organization (O).
    type: str
  organizational_unit:
    description:
      - The department (OU).
    type: str
  locality:
    description:
      - The city or town (L).
    type: str
  state_or_province:
    description:
      - The state, province, region or county (ST), not abbreviated.
    type: str
  country:
    description:
      - The country (C), as its ISO code of two letters.
    type: str
  email:
    description:
      - The e-mail address in the subject.
    type: str
"""
