# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet with a certificate for many names on one node: what the rules say of it."""

from __future__ import annotations

import json

from tests.unit.plugins.plugin_utils.fleet.kit import OLD, findings, standard


def main() -> list[dict[str, object]]:
    fleet = standard(ends=150)
    fleet.give("edge1", "turn", OLD, ends=150, names=("edge1.example.com", *(f"n{i}.example.com" for i in range(20))))
    return [dict(one) for one in findings(fleet.plan(), "many-names")]


if __name__ == "__main__":
    print(json.dumps(main()))
