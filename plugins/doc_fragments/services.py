# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The services, slots and trusts to choose from: what the catalogue has, so that a new service is named once."""

from __future__ import annotations

from ansible_collections.certops.cms.plugins.plugin_utils._services import catalogue


def _choices(option: str, names: tuple[str, ...]) -> str:
    return f"options:\n  {option}:\n    choices: [{', '.join(names)}]\n"


class ModuleDocFragment:
    """The choices of the options that name a service or a part of one.

    The types keep ansible-test from taking the calls for texts: it reads plain assignments of a fragment as YAML.
    """

    #: Several services.
    DOCUMENTATION: str = _choices("services", tuple(catalogue.BY_NAME))
    #: One service.
    ONE: str = _choices("service", tuple(catalogue.BY_NAME))
    #: One that verifies somebody.
    VERIFIER: str = _choices("service", catalogue.VERIFIERS)
    #: A slot of a service that has several.
    SLOT: str = _choices("slot", catalogue.SLOT_NAMES)
