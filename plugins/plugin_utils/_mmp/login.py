# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One credential, one attempt: choose what the server takes, offer it once, and say what its refusal means.

Accounts lock. There is no agent, no default key, and no second method after a refusal (design rule S12).

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from typing import Any

from .._errors import (
    AuthenticationFailed,
    BadOption,
    CmsError,
    ConnectionFailed,
    KeyProblem,
    MissingLibrary,
    PasswordChangeRequired,
)
from . import texts
from .endpoint import Endpoint

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
except ImportError:
    pass

try:
    import paramiko

    HAS_PARAMIKO = True
except ImportError:
    HAS_PARAMIKO = False


def require_paramiko() -> None:
    """Raise MissingLibrary where paramiko is not installed."""
    if not HAS_PARAMIKO:
        raise MissingLibrary(
            "paramiko",
            "the Python library is not installed on the control node",
            "run: python3 -m pip install paramiko",
        )


class Credential:
    """The one credential of an endpoint, ready to be offered."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._node = str(endpoint)
        if not endpoint.user:
            raise BadOption("remote_user", f"no user is given for {self._node}", "set ansible_user")
        if not (endpoint.password or endpoint.private_key_file):
            raise BadOption(
                "password",
                f"neither a password nor a private key is given for {endpoint.user} on {self._node}",
                "set ansible_password (from a vault) or ansible_ssh_private_key_file",
            )
        self._key = _load_key(endpoint) if endpoint.private_key_file else None
        self._notices: list[str] = []
        self._sent = False
        self._problem: CmsError | None = None

    def __repr__(self) -> str:
        return f"Credential({self._endpoint.user!r}, {self._node})"

    def log_in(self, ssh: Any, last_words: Callable[[], str]) -> list[str]:
        """Authenticate an SSH connection, once. Gives the lines the server showed.

        Raises AuthenticationFailed, PasswordChangeRequired or ConnectionFailed.
        """
        user = self._endpoint.user
        try:
            offered = self._offered(ssh)
            if offered is None:
                return self._shown(ssh)
            if self._key is not None and "publickey" in offered:
                rest = _attempt(ssh, "publickey", user, self._key)
            elif self._endpoint.password and "password" in offered:
                rest = _attempt(ssh, "password", user, self._endpoint.password)
            elif self._endpoint.password and "keyboard-interactive" in offered:
                rest = _attempt(ssh, "interactive", user, self._answer)
            else:
                have = "a private key" if not self._endpoint.password else "a password"
                raise AuthenticationFailed(
                    self._node,
                    f"the node takes {', '.join(offered) or 'nothing'} and {user} has only {have}; nothing was tried",
                    "give the credential that the node takes",
                )
        except paramiko.SSHException as exc:
            raise self._refusal(ssh, exc, last_words()) from exc
        except (EOFError, OSError) as exc:
            raise self._ended(ssh, last_words() or str(exc)) from exc
        if rest or not ssh.is_authenticated():
            raise AuthenticationFailed(
                self._node,
                f"the node wants a second factor ({', '.join(rest) or 'unknown'}) after the first",
                "use a user whose one credential is enough",
                self._shown(ssh),
            )
        return self._shown(ssh)

    def _offered(self, ssh: Any) -> list[str] | None:
        """Ask which methods the server takes; this is no attempt. None: it let us in without asking."""
        try:
            _attempt(ssh, "none", self._endpoint.user)
        except paramiko.BadAuthenticationType as exc:
            return [str(name) for name in exc.allowed_types]
        return None

    def _shown(self, ssh: Any) -> list[str]:
        banner = ssh.get_banner() or b""
        text = banner.decode("utf-8", "replace") if isinstance(banner, bytes) else str(banner)
        return [line.rstrip() for line in [*text.splitlines(), *self._notices] if line.strip()]

    def _answer(self, title: str, instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        """Answer one hidden question of the server, once; everything else ends the login."""
        lines = f"{title}\n{instructions}".splitlines()
        asked = " ".join(question.strip() for question, _echo in prompts)
        if not prompts:
            self._notices += lines
            return []
        if texts.PASSWORD_CHANGE.search(asked) or texts.PASSWORD_CHANGE.search(" ".join(lines)):
            self._problem = self._change_required([*lines, asked])
        elif self._sent:
            self._problem = self._refused("the node asked once more", [*lines, asked])
        elif len(prompts) != 1 or prompts[0][1]:
            self._problem = AuthenticationFailed(
                self._node,
                "the node asks for something else than one password; nothing was sent",
                "use a user whose password is enough",
                [*lines, asked],
            )
        if self._problem:
            raise paramiko.SSHException("login given up")
        self._sent = True
        self._notices += lines
        return [self._endpoint.password or ""]

    def _refusal(self, ssh: Any, exc: Exception, last_words: str) -> CmsError:
        if self._problem:
            return self._problem
        text = str(exc)
        if "Illegal info request" in text:
            # The answer to a password that must be changed has the number of a question (RFC 4252, section 8).
            return self._change_required([])
        if isinstance(exc, paramiko.AuthenticationException):
            if "timeout" in text.lower():
                return AuthenticationFailed(
                    self._node,
                    f"no answer to the login of {self._endpoint.user} in {self._endpoint.connect_timeout:g} seconds;"
                    " one attempt was made",
                    "raise the connect timeout; do not repeat quickly, accounts lock",
                )
            if "EOF" in text or last_words:
                return self._ended(ssh, last_words)
            return self._refused("", self._shown(ssh))
        return self._ended(ssh, last_words or text)

    def _refused(self, detail: str, shown: list[str]) -> AuthenticationFailed:
        said = " ".join([detail, *shown])
        if texts.LOCKOUT.search(said):
            why = "the account is locked"
        elif texts.TOO_MANY_SESSIONS.search(said):
            why = "the user has too many sessions"
        else:
            why = "the node refused the credential" + (f" ({detail})" if detail else "")
        return AuthenticationFailed(
            self._node,
            f"{why} of {self._endpoint.user}; one attempt was made",
            "correct user and password, or unlock the account, before the next run: accounts lock after some failures",
            shown,
        )

    def _ended(self, ssh: Any, said: str) -> CmsError:
        if texts.LOCKOUT.search(said) or texts.TOO_MANY_SESSIONS.search(said) or "authentication" in said.lower():
            return self._refused(said, self._shown(ssh))
        return ConnectionFailed(
            self._node,
            f"the connection ended during the login of {self._endpoint.user}" + (f": {said}" if said else ""),
            "look at the node; one attempt was made, accounts lock after some failures",
            self._shown(ssh),
        )

    def _change_required(self, shown: list[str]) -> PasswordChangeRequired:
        return PasswordChangeRequired(
            self._node,
            f"the node wants a new password for {self._endpoint.user}; it was not answered",
            "log in by hand, set a new password, and put it into the inventory",
            shown,
        )


def _attempt(ssh: Any, method: str, *arguments: Any) -> list[str]:
    """Try one method of authentication; give what else the server wants. Raises paramiko's errors."""
    before = ssh.auth_handler
    handler: Any = paramiko.auth_handler.AuthHandler(ssh)
    ssh.auth_handler = handler
    if before is not None:
        handler.banner = before.banner
        # paramiko asks for the authentication service before every method, and some servers end the connection when
        # they are asked again: the handler is told at once that the service is there.
        handler._request_auth = lambda: handler._parse_service_accept(_service_accepted())
    event = threading.Event()
    getattr(handler, f"auth_{method}")(*arguments, event)
    return list(handler.wait_for_response(event) or [])


def _service_accepted() -> Any:
    message = paramiko.Message()
    message.add_string("ssh-userauth")
    message.rewind()
    return message


def _load_key(endpoint: Endpoint) -> Any:
    path = os.path.expanduser(endpoint.private_key_file or "")
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except OSError as exc:
        raise BadOption(
            "private_key_file", f"{path} cannot be read ({exc.strerror})", "name the private key of the user"
        ) from exc
    secret = endpoint.passphrase.encode() if endpoint.passphrase else None
    try:
        return _as_ssh_key(_decrypt(data, secret))
    except TypeError as exc:
        # That is how the library reports a missing passphrase.
        raise KeyProblem(
            path, "the private key is encrypted", "set ansible_ssh_private_key_passphrase (from a vault)"
        ) from exc
    except (ValueError, UnsupportedAlgorithm, paramiko.SSHException) as exc:
        reason = "the passphrase is wrong, or it" if secret else "it"
        raise KeyProblem(
            path, f"{reason} is no RSA, ECDSA or Ed25519 private key for SSH", "check the file and its passphrase"
        ) from exc


def _decrypt(data: bytes, secret: bytes | None) -> Any:
    load: Any = serialization.load_pem_private_key
    if b"BEGIN OPENSSH PRIVATE KEY" in data:
        load = serialization.load_ssh_private_key
    try:
        return load(data, secret)
    except (TypeError, ValueError):
        # A passphrase for a key that has none is no reason to fail.
        if secret is None:
            raise
        try:
            return load(data, None)
        except TypeError as exc:
            raise ValueError("wrong passphrase") from exc


def _as_ssh_key(key: Any) -> Any:
    """Hand a key to paramiko in the one form that all its versions read."""
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()
    kinds: tuple[tuple[Any, Any], ...] = (
        (rsa.RSAPrivateKey, paramiko.RSAKey),
        (ec.EllipticCurvePrivateKey, paramiko.ECDSAKey),
        (ed25519.Ed25519PrivateKey, paramiko.Ed25519Key),
    )
    for kind, ssh_kind in kinds:
        if isinstance(key, kind):
            return ssh_kind.from_private_key(io.StringIO(plain))
    raise ValueError("not a kind of key that SSH uses")
