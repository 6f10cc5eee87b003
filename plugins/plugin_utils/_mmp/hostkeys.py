# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Known hosts: is this the node we knew, one we never met, or somebody else?

Reads the files of OpenSSH (plain and hashed names, ports, wildcards, revoked keys) and adds to them in one atomic step.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import fcntl
import fnmatch
import hashlib
import hmac
import os
import tempfile
from collections.abc import Iterable

from .._errors import HostKeyProblem

KNOWN = "known"
UNKNOWN = "unknown"
CHANGED = "changed"
REVOKED = "revoked"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of a known_hosts file."""

    marker: str
    hosts: tuple[str, ...]
    key_type: str
    key: bytes
    where: str

    def names(self, host: str) -> bool:
        """Say whether this line is about ``host`` (as written by ``host_name``)."""
        matched = False
        for pattern in self.hosts:
            if pattern.startswith("|1|"):
                matched = matched or _hashed(pattern, host)
            elif pattern.startswith("!"):
                if _fits(host, pattern[1:]):
                    return False
            elif _fits(host, pattern):
                matched = True
        return matched


def _fits(host: str, pattern: str) -> bool:
    host, pattern = host.lower(), pattern.lower()
    if "*" not in pattern and "?" not in pattern:
        # The file of a fleet has a line per node, and each login reads them all: no expression for a plain name.
        return host == pattern
    # Brackets belong to [host]:port and are no character classes.
    return fnmatch.fnmatchcase(host, pattern.replace("[", "[[]"))


def _hashed(pattern: str, host: str) -> bool:
    try:
        _empty, _one, salt, digest = pattern.split("|")
        wanted = base64.b64decode(digest)
        return hmac.compare_digest(hmac.new(base64.b64decode(salt), host.encode(), hashlib.sha1).digest(), wanted)
    except (ValueError, binascii.Error):
        return False


def host_name(host: str, port: int) -> str:
    """Write a host as known_hosts files do: bare on port 22, else ``[host]:port``."""
    return host if port == 22 else f"[{host}]:{port}"


def fingerprint(key: bytes) -> str:
    """Give the fingerprint as OpenSSH prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


class KnownHosts:
    """The known hosts of some files; ``writable`` is the one that new keys go to."""

    def __init__(self, files: Iterable[str], writable: str) -> None:
        self.files = list(dict.fromkeys(os.path.expanduser(name) for name in files))
        self.writable = os.path.expanduser(writable)
        self.entries = [entry for name in self.files for entry in _read(name)]

    def about(self, host: str) -> list[Entry]:
        """Give the lines about a host."""
        return [entry for entry in self.entries if entry.names(host) and entry.marker != "@cert-authority"]

    def key_types(self, host: str) -> list[str]:
        """Give the key types that are known of a host, so that the server is asked for one of them."""
        return list(dict.fromkeys(entry.key_type for entry in self.about(host) if not entry.marker))

    def verdict(self, host: str, key: bytes) -> str:
        """Judge a presented key."""
        lines = self.about(host)
        if any(entry.marker == "@revoked" and entry.key == key for entry in lines):
            return REVOKED
        plain = [entry for entry in lines if not entry.marker]
        if any(entry.key == key for entry in plain):
            return KNOWN
        return CHANGED if plain else UNKNOWN

    def remember(self, host: str, key_type: str, key: bytes) -> None:
        """Add a key to the writable file, atomically and safe against others who do the same at the same time."""
        line = f"{host} {key_type} {base64.b64encode(key).decode()}\n"
        target = os.path.realpath(self.writable)
        folder = os.path.dirname(target)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            with open(f"{target}.lock", "a", encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                _append(target, folder, line)
        except OSError as exc:
            raise HostKeyProblem(
                f"{host} in {self.writable}",
                f"the new host key cannot be written down ({exc.strerror})",
                "make the file writable, or add the key yourself",
            ) from exc
        self.entries.append(Entry("", (host,), key_type, key, self.writable))


def _append(target: str, folder: str, line: str) -> None:
    mode = 0o600
    content = ""
    if os.path.exists(target):
        mode = os.stat(target).st_mode & 0o777
        with open(target, encoding="utf-8", errors="surrogateescape") as stream:
            content = stream.read()
    if line in content.splitlines(keepends=True):
        return
    if content and not content.endswith("\n"):
        content += "\n"
    handle, temporary = tempfile.mkstemp(prefix=".known_hosts-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(content + line)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except OSError:
        os.unlink(temporary)
        raise


def _read(name: str) -> list[Entry]:
    try:
        with open(name, encoding="utf-8", errors="replace") as stream:
            lines = stream.readlines()
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise HostKeyProblem(
            name, f"the file of known hosts cannot be read ({exc.strerror})", "make it readable, or name another"
        ) from exc
    entries = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        if len(words) < 3:
            continue
        try:
            key = base64.b64decode(words[2], validate=True)
        except (ValueError, binascii.Error):
            continue
        entries.append(Entry(marker, tuple(words[0].split(",")), words[1], key, f"{name}:{number}"))
    return entries
