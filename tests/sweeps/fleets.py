# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleets that the sweeps run the job on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Services that come back at once; ``settle`` is how long after a restart a link may still be on its way up.
INSTANT = {"restart": 0.05, "service": 0.03, "api_start": 0.02, "settle": 4.0, "csr": 0.01}

OLD_CA = ("CN=Example Old Root CA,O=Example", "CN=Example Old Issuing CA,O=Example")


@dataclass(frozen=True)
class Fleet:
    """A fleet by name: what the simulator runs, and what the inventory says of every host."""

    name: str
    about: str
    definition: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    narrow_also: tuple[str, ...] = OLD_CA


BASE: dict[str, Any] = {
    "legacy": {"days_left": 12, "ca_name": "Example Old"},
    "durations": INSTANT,
    "probe": {"interval_ms": 250},
}

PAIR = Fleet("pair", "a Call Bridge and a Web Bridge, all links, keys made on the nodes", BASE)

SHELL = Fleet(
    "shell",
    "the same where exec channels are refused: every command goes through the shell",
    {**BASE, "switches": {"exec_channel": "refused"}},
)

TWINS = Fleet(
    "twins",
    "two of each, one certificate for web app and TURN on both edges, with its key on the control node",
    {
        **BASE,
        "nodes": [
            {"name": "core1", "services": ["webadmin", "callbridge"]},
            {"name": "core2", "services": ["webadmin", "callbridge"]},
            {"name": "edge1", "services": ["webbridge3", "turn"]},
            {"name": "edge2", "services": ["webbridge3", "turn"]},
        ],
    },
    {
        "cms_identities": {
            "web": {
                "shared": True,
                "slots": ["webbridge3_https", "turn"],
                "common_name": "join.example.test",
                "key_type": "ecdsa",
            }
        }
    },
)

FLEETS = {fleet.name: fleet for fleet in (PAIR, SHELL, TWINS)}
