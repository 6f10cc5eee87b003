# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a text and a row of the TURN display are understood: standard input, read as the answer to 'turn'."""

from __future__ import annotations

import json
import sys

from ansible_collections.certops.cms.plugins.plugin_utils._errors import NotUnderstood
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.displays import parse_service
from ansible_collections.certops.cms.plugins.plugin_utils._services.catalogue import BY_NAME

if __name__ == "__main__":
    try:
        print(json.dumps(parse_service(BY_NAME["turn"], sys.stdin.read())))
    except NotUnderstood as error:
        print(json.dumps({"refused": error.reason}))
