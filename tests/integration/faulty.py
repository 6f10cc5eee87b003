# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated fleet that is broken in many ways, by people and by time: what a report is for."""

from __future__ import annotations

from typing import Any

from tests.integration.estate import PAIR, Estate, assert_done
from tests.integration.harness import read_definition
from tests.simulator import certs

RAW = "ansible.builtin.raw"

CORE, EDGE = ["webadmin", "callbridge"], ["webbridge3", "turn"]

#: Two Call Bridges and two Web Bridges; the certificates of the second Call Bridge ended yesterday.
SMALL: dict[str, Any] = {
    **PAIR,
    "legacy": {"days_left": 120, "ca_name": "Example Old", "key": "ecdsa"},
    "nodes": [
        {"name": "core1", "services": CORE},
        {"name": "core2", "services": CORE, "days_left": -1},
        {"name": "edge1", "services": EDGE},
        {"name": "edge2", "services": EDGE},
    ],
}

#: How long the certificates of the large fleet have, where that is not as long as those of the others.
_DAYS_LEFT = {"core5": 9, "core6": -1, "edge1": 80, "edge3": 5, "apps1": 40}


def large() -> dict[str, Any]:
    """Give the twelve nodes of tests/simulator/fleets with certificates of many ages."""
    found = read_definition("twelve", {"network": "auto"})
    found["legacy"] |= {"days_left": 120, "key": "ecdsa"}
    for node in found["nodes"]:
        if node["name"] in _DAYS_LEFT:
            node["days_left"] = _DAYS_LEFT[node["name"]]
    return found


def break_it(estate: Estate, *, silent: str = "") -> None:
    """Break a fleet: trust, a pair, a restart that was forgotten, a self-signed certificate, files left lying.

    ``silent`` is a node that does not answer any more.
    """
    stranger = certs.Authority.create("A Stranger", 3000)
    old_leaf = stranger.issue(certs.pooled_key("ecdsa").public_key(), "core9.example.test", [], 40)
    (estate.workspace.directory / "stranger.pem").write_bytes(certs.cert_pem(stranger.root))
    (estate.workspace.directory / "gone.crt").write_bytes(certs.cert_pem(old_leaf))
    plays = [
        # Trust for somebody else, made live: every Call Bridge is refused there.
        _on(
            "edge2", _upload(estate, "stranger.pem"), *_type("webbridge3 c2w trust stranger.pem", "webbridge3 restart")
        ),
        # The browser's certificate made on the node itself.
        _on(
            "edge1", *_type("pki selfsigned quick", "webbridge3 https certs quick.key quick.crt", "webbridge3 restart")
        ),
        # Stored on Friday, never restarted; and a key that belongs to another certificate.
        _on("core1", *_type("callbridge certs core1_webadmin.key core1_callbridge.crt"), _upload(estate, "gone.crt")),
    ]
    assert_done(estate.run(plays))
    if silent:
        estate.fleet.control.set_fault(silent, {"kind": "unreachable", "count": 0})


def _on(host: str, *tasks: dict[str, Any]) -> dict[str, Any]:
    common = {"hosts": host, "gather_facts": False, "connection": "certops.cms.mmp"}
    return {"name": f"On {host}", **common, "tasks": list(tasks)}


def _type(*commands: str) -> list[dict[str, Any]]:
    return [{"name": command, RAW: command} for command in commands]


def _upload(estate: Estate, name: str) -> dict[str, Any]:
    where = str(estate.workspace.directory / name)
    return {"name": f"Upload {name}", "certops.cms.pki_file": {"src": where, "name": name}}
