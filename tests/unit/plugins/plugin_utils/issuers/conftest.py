# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests, a CA, and a way to kill a run at any of its steps on the disk."""

from __future__ import annotations

import contextlib
import datetime
import functools
import os
import pathlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ansible_collections.certops.cms.plugins.plugin_utils._issuers.base import Wanted
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.own_ca import OwnCa
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.registry import make_issuer
from ansible_collections.certops.cms.plugins.plugin_utils._pki import certs, csr, keys

NOW = datetime.datetime(2026, 11, 23, 15, 0, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
PASSPHRASE = "the CA's passphrase"

IDENTITY: dict[str, Any] = {
    "id": "core1/callbridge",
    "base": "callbridge-g2",
    "subject": {"CN": "core1.example.com", "O": "Example Inc."},
    "names": ["core1.example.com", "10.0.0.1"],
    "roles": ["server", "client"],
    "eku": ["serverAuth", "clientAuth"],
    "ku": ["digitalSignature", "keyEncipherment"],
    "key": {"where": "control", "type": "ecdsa", "size": "secp256r1"},
    "issuer": "internal",
}

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl program is not installed")


class KilledError(BaseException):
    """Stands for kill -9: nothing catches it, and nothing on the disk is tidied up after it."""


@functools.cache
def a_key(kind: str = "ecdsa", size: int | str | None = None, number: int = 0) -> Any:
    """Make a key once; ``number`` tells several of the same kind apart."""
    return keys.generate_key(kind, size)


def a_request(**changes: Any) -> csr.Request:
    identity = IDENTITY | changes
    return csr.Request.of(identity["subject"], identity["names"], identity["roles"], identity["eku"], identity["ku"])


def wanted(private: Any = None, csr_of: csr.Request | None = None, **changes: Any) -> Wanted:
    """Give what is wanted, with a CSR for it; ``csr_of`` makes the CSR say something else."""
    pem = csr.build_csr(csr_of or a_request(**changes), private or a_key()).decode()
    return Wanted.of(IDENTITY | changes, pem)


def own_ca(folder: pathlib.Path, **options: Any) -> OwnCa:
    options = {"type": "own_ca", "passphrase": PASSPHRASE, "path": str(folder)} | options
    issuer = make_issuer("internal", options, "/nowhere")
    if not isinstance(issuer, OwnCa):
        raise TypeError
    return issuer


def certify_again(issuer: OwnCa, level: str, *extra: x509.ExtensionType) -> None:
    """Replace a CA certificate on the disk by one that says more about what it may be used for."""
    folder = pathlib.Path(issuer.settings.path)
    old = certs.load_certificates((folder / f"{level}.crt").read_bytes(), level)[0]
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(old.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
    )
    for known in old.extensions:
        builder = builder.add_extension(known.value, known.critical)
    for more in extra:
        builder = builder.add_extension(more, critical=False)
    made = builder.sign(issuer._key("root"), hashes.SHA256())
    (folder / f"{level}.crt").write_text(certs.to_pem(made))


def tree(folder: pathlib.Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def openssl(*arguments: str | pathlib.Path) -> str:
    done = subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout


@contextlib.contextmanager
def killed_at(step: int) -> Iterator[None]:
    """Kill what runs inside at its ``step``-th call that changes the disk."""
    count = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(real)
        def wrapper(*args: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count >= step:
                raise KilledError
            return real(*args, **options)

        return wrapper

    with pytest.MonkeyPatch.context() as patch:
        for name in ("open", "mkdir", "replace", "fsync", "unlink"):
            patch.setattr(os, name, counted(getattr(os, name)))
        yield


def kill_everywhere(run: Callable[[int], None], check: Callable[[int], None]) -> int:
    """Run again and again, killed one step later each time, until it comes through; give the number of steps."""
    for step in range(1, 200):
        try:
            with killed_at(step):
                run(step)
        except KilledError:
            check(step)
        else:
            return step - 1
    raise AssertionError("it never came through")


@pytest.fixture
def ca(tmp_path: pathlib.Path) -> OwnCa:
    """Give a CA that is ready to issue."""
    made = own_ca(tmp_path / "ca")
    made.prepare(NOW)
    return made
