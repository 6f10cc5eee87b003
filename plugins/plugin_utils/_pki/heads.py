# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell from the first bytes of a file whether it is a locked key, without reading the key (S4).

The numbers of bytes are such that none of them belongs to the secret part of an open key, in any form a key has.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import re

from . import der

#: How many bytes to read first, and how many more where they begin like PEM.
FIRST, FIRST_OF_PEM = 7, 38

OPEN_KEY, LOCKED_KEY, PKCS12, SSH_KEY = "open key", "locked key", "pkcs12", "ssh public key"
#: Not made by an appliance, so that all of it may be read; and nothing of all this.
READ_ALL, OTHER = "read all", "other"

_PEM = b"-----BEGIN "
_HEADER = re.compile(rb"-----BEGIN (?P<label>(?:[A-Z0-9]+ )?PRIVATE KEY)-----\r?\n(?P<rest>.*)", re.DOTALL)
_SSH = (b"ssh-", b"ecdsa-", b"sk-ssh", b"sk-ecd")


def is_pem(head: bytes) -> bool:
    """Say whether a file may be PEM from its first line on: then its kind is told by FIRST_OF_PEM bytes."""
    return len(head) >= FIRST and _PEM.startswith(head[:FIRST])


def kind(head: bytes) -> str:
    """Say what a file is, from its first FIRST or FIRST_OF_PEM bytes."""
    if is_pem(head):
        return _pem(head)
    if head.startswith(_SSH):
        return SSH_KEY
    if head[:1] == b"\x30":
        return _der(head)
    # Text before a key, a mark of an editor: people and programs write that, an appliance does not.
    return READ_ALL if head.strip() else OTHER


def _pem(head: bytes) -> str:
    if head.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY"):
        return LOCKED_KEY
    if head.startswith(b"-----BEGIN OPENSSH"):
        return READ_ALL
    found = _HEADER.match(head)
    if found is None:
        return OTHER
    # The old form says in a line of its own that it is locked: Proc-Type.
    old = found["label"] != b"PRIVATE KEY" and found["rest"].startswith(b"Proc")
    return LOCKED_KEY if old else OPEN_KEY


def _der(head: bytes) -> str:
    """Look at the first element inside the sequence: a version, or the algorithm that a key is locked with."""
    inside = head[2 + (head[1] & 0x7F if head[1] & 0x80 else 0) :]
    if inside[:3] == b"\x02\x01\x03":
        return PKCS12
    if inside[:2] == b"\x02\x01":
        return OPEN_KEY
    algorithm = inside[:1] == bytes((der.SEQUENCE,)) and inside[1:2] and not inside[1] & 0x80
    return LOCKED_KEY if algorithm and inside[2:3] == bytes((der.OBJECT_IDENTIFIER,)) else OTHER
