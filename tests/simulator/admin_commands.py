# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands beside services and pki: version, hostname, users, reboot, backup, the database cluster's place."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .mmp import Session

Handler = Callable[["Session", list[str]], Awaitable[bool]]


async def _version(session: Session, words: list[str]) -> bool:
    if words:
        return False
    form = session.node.sw["version_form"]
    version = session.node.cfg.version
    if form == "rows":
        session.lines([f"Version   : {version}", f"Build     : {version}.0.17"])
    elif form == "sentence":
        session.out(f"Cisco Meeting Server version {version}")
    else:
        session.out(version)
    return True


async def _hostname(session: Session, words: list[str]) -> bool:
    node = session.node
    if not words:
        session.out(node.hostname)
        return True
    if len(words) != 1 or not re.fullmatch(r"[A-Za-z0-9-]+", words[0]):
        return False
    node.new_hostname = words[0]
    node.save()
    session.out("A reboot is required for the change to take effect")
    return True


async def _uptime(session: Session, words: list[str]) -> bool:
    if words:
        return False
    session.out(f"{int(time.time() - session.node.booted_at)} seconds")
    return True


async def _user(session: Session, words: list[str]) -> bool:
    node = session.node
    if words == ["list"]:
        session.out(f"{'USERNAME':<20}{'ROLE':<10}{'PASSWORD EXPIRY':<18}LOGGED IN")
        for user in node.world.config.users:
            logged_in = "yes" if node.sessions.get(user.name) else "no"
            session.out(f"{user.name:<20}{user.role:<10}{'10000-Jan-01':<18}{logged_in}")
        return True
    if len(words) == 2 and words[0] == "info":
        found = node.user(words[1])
        if found is None:
            session.out(f"FAILURE: user {words[1]} not found")
            return True
        session.lines([f"Username : {found.name}", f"Role     : {found.role}"])
        return True
    return False


async def _passwd(session: Session, words: list[str]) -> bool:
    if words:
        return False
    node = session.node
    old = await session.ask("Old password: ", hidden=True)
    if old is None or not node.password_ok(session.user, old):
        session.out("FAILURE: wrong password")
        return True
    first = await session.ask("New password: ", hidden=True)
    second = await session.ask("New password again: ", hidden=True)
    if not first or first != second:
        session.out("FAILURE: passwords do not match")
        return True
    node.set_password(session.user, first)
    session.out("SUCCESS: password changed")
    return True


async def _reboot(session: Session, words: list[str]) -> bool:
    if words:
        return False
    node = session.node
    asks = node.sw.is_("reboot_question", "asks")
    if asks and not await session.confirm("This will reboot the server. Are you sure?"):
        return True
    session.out("Rebooting")
    node.world.reboot(node)
    return True


async def _backup(session: Session, words: list[str]) -> bool:
    node = session.node
    if words == ["list"]:
        session.lines([name for name in node.files.names() if name.endswith(".bak")])
        return True
    if len(words) == 2 and words[0] == "snapshot":
        base = words[1]
        if not re.fullmatch(r"[A-Za-z0-9_-]+", base):
            session.out(f"FAILURE: {base} is not a valid name")
            return True
        content: dict[str, Any] = {"node": node.name, "files": node.files.pki_names(), "time": int(time.time())}
        node.files.write(f"{base}.bak", json.dumps(content).encode() + b"\n")
        node.files.write(f"{base}.json", json.dumps({"simulated": True}).encode() + b"\n")
        session.out(f"{base}.bak ready for download")
        return True
    return False


async def _database(session: Session, words: list[str]) -> bool:
    """The place of the database cluster: a node that is in none says so."""
    if words == ["cluster", "status"]:
        session.out("Status                   : Disabled")
        return True
    return False


COMMANDS: dict[str, tuple[Handler, str, tuple[str, ...]]] = {
    "version": (_version, "Show the software version", ("version",)),
    "hostname": (_hostname, "Show or set the host name", ("hostname", "hostname <name>")),
    "uptime": (_uptime, "", ("uptime",)),
    "user": (_user, "Manage users", ("user list", "user info <name>")),
    "passwd": (_passwd, "Change the password", ("passwd",)),
    "reboot": (_reboot, "Reboot the server", ("reboot",)),
    "backup": (_backup, "Snapshots of the configuration", ("backup snapshot <name>", "backup list")),
    "database": (_database, "", ("database cluster status",)),
}
