# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options about the state on the control node."""

from __future__ import annotations


class ModuleDocFragment:
    """The state folder, and its encrypted store with the issuers."""

    DOCUMENTATION = r"""
options:
  state_dir:
    description:
      - The folder on the control node that holds the plans, the journal, the lock and the encrypted store of the fleet.
      - If not set, the variable C(cms_state_dir); without it the folder C(.certops-cms) beside the inventory.
      - It must belong to the user who runs Ansible, and nobody else may write there; it is made so.
    type: path
"""

    STORE = r"""
options:
  store_passphrase:
    description:
      - The passphrase that encrypts private keys in the store on the control node.
      - If not set, the variable C(cms_store_passphrase). Keep it in Ansible Vault.
    type: str
"""

    ISSUERS = r"""
options:
  issuers:
    description:
      - The issuers by name, each with its kind and its settings.
      - If not set, the variable C(cms_issuers).
    type: dict
"""
