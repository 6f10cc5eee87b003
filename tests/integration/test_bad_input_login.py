# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input on the way to a node: the run stops before any linked node is changed, and says what to do.

Every kind has a Web Bridge of its own, linked to the one Call Bridge, so that one run shows them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import asyncssh
import pytest

from tests.integration.bad_input import Bench, printed, says, stopped
from tests.integration.harness import Result

#: Node -> a part of what was found, and a part of the next step.
BAD_NODES = {
    "wrong-password": ("the node refused the credential of admin; one attempt was made", "correct user and password"),
    "locked-account": ("refused the credential of admin", "accounts lock after some failures"),
    "change-in-shell": ("wants a new password", "log in by hand, set a new password, and put it into the inventory"),
    "change-at-login": ("wants a new password", "log in by hand, set a new password, and put it into the inventory"),
    "unknown-key": ("the host key ssh-ed25519 SHA256:", "compare the fingerprint with the node's console"),
    "changed-key": ("known_hosts-changed:1); nothing was sent to it", "known_hosts-changed -R '["),
    "unreachable": ("cannot be reached: Connection refused", "check address and port, and that the node is up"),
    "silent-exec": ("command 'webbridge3': the command did not end in 1 second", "raise ansible_mmp_command_timeout"),
    "silent-shell": (
        "command 'webbridge3': the prompt did not come back in 1 second",
        "raise ansible_mmp_command_timeout",
    ),
    "no-password": ("neither a password nor a private key is given for admin", "set ansible_password (from a vault)"),
    "no-user": ("no user is given", "set ansible_user"),
    "locked-login-key": ("the private key is encrypted", "set ansible_ssh_private_key_passphrase (from a vault)"),
}


def edge(name: str) -> dict[str, Any]:
    return {"name": name, "services": ["webbridge3"], "lacks": ["turn"]}


@pytest.fixture(scope="module")
def bench(dialect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("login"), *map(edge, BAD_NODES))
    yield made
    made.close()


@pytest.fixture(scope="module")
def run(bench: Bench) -> tuple[Result, list[str]]:
    """One run of site on all the bad nodes; with the nodes that refused a login."""
    control, folder = bench.control, bench.folder()
    control.set_fault("locked-account", {"kind": "lockout", "count": 0})
    for node, where in (("change-in-shell", "in_shell"), ("change-at-login", "at_login")):
        control.set_switch(node, "password_change", where)
        control.set_fault(node, {"kind": "password_change", "count": 0})
    control.set_fault("unreachable", {"kind": "unreachable", "count": 0})
    control.set_switch("silent-exec", "exec_channel", "works")
    control.set_switch("silent-shell", "exec_channel", "refused")
    for node in ("silent-exec", "silent-shell"):
        control.set_fault(node, {"kind": "silence", "match": "webbridge3", "count": 0})
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    address = control.state("changed-key")["address"]
    (folder / "known_hosts-changed").write_text(f"[{address}]:2222 {other}")
    (folder / "known_hosts-empty").write_text("")
    locked = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    locked.write_private_key(str(folder / "id_admin"), passphrase="locked")
    before = control.last_event()
    with bench.untouched():
        result = bench.run(
            hosts={
                "wrong-password": {"ansible_password": "not-the-password"},
                "unknown-key": {"ansible_mmp_known_hosts_file": str(folder / "known_hosts-empty")},
                "changed-key": {"ansible_mmp_known_hosts_file": str(folder / "known_hosts-changed")},
                "no-password": {"ansible_password": ""},
                "no-user": {"ansible_user": ""},
                "locked-login-key": {
                    "ansible_password": "",
                    "ansible_ssh_private_key_file": str(folder / "id_admin"),
                },
            },
            arguments=["--forks", "16"],
            ansible_mmp_command_timeout=1,
        )
    assert (folder / "known_hosts-empty").read_text() == ""
    return result, [event["node"] for event in control.events(since=before, kind="login_failed")]


@pytest.mark.parametrize("node", BAD_NODES)
def test_a_node_that_cannot_be_read_is_named_with_reason_and_next_step(
    node: str, run: tuple[Result, list[str]]
) -> None:
    found, step = printed(run[0], node)
    reason, next_step = BAD_NODES[node]
    assert found.startswith("could not be read: ")
    assert reason in found
    assert next_step in step
    assert f"cms_skip_nodes: [{node}]" in step


def test_a_run_that_cannot_read_nodes_stops_with_all_of_them_before_any_change(run: tuple[Result, list[str]]) -> None:
    message = stopped(run[0])
    says(message, "nothing was changed", *(f"{node}: could not be read" for node in BAD_NODES))
    blocked = next(line for line in run[0].stdout.splitlines() if line.startswith("Blocked by these errors"))
    assert {"core1", "edge1", *BAD_NODES} <= {name.strip(" ,:") for name in blocked.split()}


def test_s12_a_refused_credential_is_offered_once(run: tuple[Result, list[str]]) -> None:
    assert sorted(run[1]) == ["locked-account", "wrong-password"]
