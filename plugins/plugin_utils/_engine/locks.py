# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a node that were uploaded with a passphrase: whether one is locked, and ``pki unlock``, ``pkcs12-to-ssh``.

The passphrase is given at the prompt of the node, once (S12), and nowhere else. What the node prints then is not known,
so the file itself is looked at: that is what says whether it worked.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from .._errors import BadOption, CommandFailed, FileProblem, KeyProblem, NotUnderstood, UnexpectedPrompt
from .._mmp import texts
from .._mmp.session import Reply, quote
from .._pki import certs, heads, keys
from .._services import commands
from .node import Node

_LOOK = f"look at what it is: {commands.PKI_INSPECT}"
_ROLE = "use an account with the role admin, or crypto"


def kind_of_file(node: Node, name: str) -> str:
    """Say what a file on a node is, in the words of ``_pki.heads``; an open key is not read for that (S4)."""
    head = node.head(name, heads.FIRST)
    if heads.is_pem(head):
        head = node.head(name, heads.FIRST_OF_PEM)
    found = heads.kind(head)
    if found != heads.READ_ALL:
        return found
    data = node.get(name)
    if b"PRIVATE KEY-----" not in certs.as_text_bytes(data):
        return heads.OTHER
    return heads.LOCKED_KEY if keys.is_encrypted(data) else heads.OPEN_KEY


def needs_unlock(node: Node, name: str, key: bool) -> bool:
    """Say whether a key, or the PKCS#12 file of a user, waits for its passphrase. Raises FileProblem, KeyProblem."""
    if name not in node.files():
        raise FileProblem(
            f"{node.name} {name}",
            "there is no such file on the node",
            "upload it over SFTP first, as it is (guide 4.2, appendix C)",
        )
    found = kind_of_file(node, name)
    open_kind, locked_kind = (heads.OPEN_KEY, heads.LOCKED_KEY) if key else (heads.SSH_KEY, heads.PKCS12)
    if found not in (open_kind, locked_kind):
        if key and found == heads.PKCS12:
            raise KeyProblem(
                f"{node.name} {name}",
                "it is a PKCS#12 file, which no service can use",
                "take key and certificates out of it with certops.cms.pkcs12 (remote_src: true)",
            )
        wanted = "a private key" if key else "a PKCS#12 file, or an SSH public key"
        raise KeyProblem(f"{node.name} {name}", f"it is not {wanted}", _LOOK)
    return found == locked_kind


def unlock(node: Node, name: str, key: bool, passphrase: str) -> None:
    """Have the node take the passphrase off a file, and see that it did.

    Raises KeyProblem where the file is as before, and CommandFailed, NotUnderstood, BadOption.
    """
    _check_passphrase(node, name, passphrase)
    command = commands.pki_unlock(quote(name)) if key else commands.pki_pkcs12_to_ssh(quote(name.removesuffix(".pub")))
    reply: Reply | None = None
    asked_again = ""
    try:
        reply = node.tell_secret(command, texts.PASSWORD_QUESTION, passphrase)
    except UnexpectedPrompt as error:
        # It asked a second time; one attempt is all it gets (S12).
        asked_again, transcript = error.reason, error.transcript
    else:
        transcript = list(reply.lines)
    if reply is not None and texts.NOT_PERMITTED.search(reply.text):
        raise CommandFailed(f"{node.name}, command {command!r}", "the node does not permit it", _ROLE, transcript)
    if reply is not None and not reply.understood:
        raise NotUnderstood(
            f"{node.name}, command {command!r}",
            "the node does not know this command or its arguments",
            f"compare it with the answer to '{commands.HELP}' on the node",
            transcript,
        )
    if needs_unlock(node, name, key):
        said = asked_again or "; ".join(text for ok, text in (reply.results if reply else ()) if not ok)
        raise KeyProblem(
            f"{node.name} {name}",
            "it is still locked, the passphrase was tried once" + (f" ({said})" if said else ""),
            "try the passphrase on a copy of the file: openssl pkey -in FILE -noout"
            if key
            else "try the passphrase on a copy of the file: openssl pkcs12 -in FILE -info -noout",
            transcript,
        )


def _check_passphrase(node: Node, name: str, passphrase: str) -> None:
    """See that a passphrase can be typed at a prompt: a line break in it would end it, and begin another command."""
    if not passphrase or not passphrase.isprintable():
        raise BadOption(
            "passphrase",
            "holds control characters, which cannot be typed at a prompt" if passphrase else "is empty",
            f"give the passphrase of {node.name} {name} as it is typed, on one line",
        )
