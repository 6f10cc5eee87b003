# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet with a long chain on one node: what the rules say of it."""

from __future__ import annotations

import json

from tests.unit.plugins.plugin_utils.fleet.kit import OLD, authority, findings, standard


def main() -> list[dict[str, object]]:
    fleet = standard()
    node = fleet.nodes["edge1"]
    others = [pem for name in ("One", "Two", "Three") for pem in authority(name).pems]
    node.put("long.pem", "certificate", *OLD.pems, *others)
    node.slots["turn"]["bundle"] = "long.pem"
    return [dict(one) for one in findings(fleet.plan(), "long-chain")]


if __name__ == "__main__":
    print(json.dumps(main()))
