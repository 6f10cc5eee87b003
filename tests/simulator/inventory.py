# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Ansible inventory and the known_hosts file of a fleet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fleet import Fleet


def known_hosts(fleet: Fleet, path: Path) -> None:
    """Write the hosts' public keys."""
    path.write_text("".join(f"{door.known_host}\n" for door in fleet.doors.values()), encoding="utf-8")


def inventory(fleet: Fleet) -> dict[str, Any]:
    """Group ``cms`` with all hosts, and a group ``cms_<service>`` for each service some node runs."""
    admin = next((user for user in fleet.config.users if user.role == "admin"), fleet.config.users[0])
    path = str((fleet.directory / "known_hosts").resolve())
    hosts: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {}
    for node in fleet.world.nodes.values():
        hosts[node.name] = {
            "ansible_host": node.cfg.address,
            "ansible_port": node.cfg.ports["ssh"],
            "cms_fqdn": node.cfg.fqdn,
            "simulated_dialect": node.sw.dialect,
        }
        if node.cfg.ports["sip"] != 5061 and "callbridge" in node.cfg.services:
            hosts[node.name]["cms_sip_port"] = node.cfg.ports["sip"]
        for service in node.cfg.services:
            groups.setdefault(f"cms_{service}", {"hosts": {}})["hosts"][node.name] = {}
    return {
        "all": {
            "children": {
                "cms": {
                    "hosts": hosts,
                    "vars": {
                        "ansible_user": admin.name,
                        "ansible_password": admin.password,
                        "ansible_mmp_known_hosts_file": path,
                    },
                },
                **groups,
            }
        }
    }
