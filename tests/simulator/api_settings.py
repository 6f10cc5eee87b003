# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the API keeps for a single server beside the objects that its cluster shares, and what follows from both."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .node import Node

TRUE_WORDS = ("true", "1", "yes", "enabled")


def server(node: Node) -> dict[str, str]:
    """``system/configuration/cluster`` of this server, without what is unset."""
    return node.world.cluster_of(node).collection("servers").get(node.name, {})


def group_of(node: Node) -> str:
    """The id of the Call Bridge group this server is in; empty when it is in none."""
    bridges = node.world.cluster_of(node).collection("callBridges").values()
    return next((item.get("callBridgeGroup", "") for item in bridges if item.get("name") == node.name), "")


def balanced(node: Node) -> bool:
    """Whether the load is balanced in the group of this server."""
    group = node.world.cluster_of(node).collection("callBridgeGroups").get(group_of(node), {})
    return group.get("loadBalancingEnabled", "") in TRUE_WORDS
