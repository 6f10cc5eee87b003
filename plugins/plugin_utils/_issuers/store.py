# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The store on the control node: what was requested, what was issued, and the keys that live there.

One folder; below it one folder per identity; in it, per generation with the base name B::

    B.json       public facts, written last: what it does not mention has not happened
    B.csr        the request
    B.crt        the certificate, once it is issued
    B.chain.pem  its bundle: intermediates, root last
    B.key        encrypted PKCS#8, only when the key lives on the control node

Everything but the keys is fit for ``git``; everything is readable with OpenSSL alone.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from .._errors import BadOption, KeyProblem, StoreProblem
from .._pki import bundles, certs, csr, keys
from . import files
from .base import Issued, Wanted

if TYPE_CHECKING:
    from .._pki.keys import PrivateKey

SCHEMA = 1
REQUESTED, ISSUED = "requested", "issued"
_BASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_RESTORE = "put the file back from a backup, or remove this generation's files to have it made anew"


@dataclasses.dataclass(frozen=True)
class Generation:
    """One issuance of an identity: ``facts`` as in its JSON file, and the texts. ``issued`` is None before issuing."""

    identity: str
    base: str
    state: str
    wanted: Wanted
    csr_pem: str
    issued: Issued | None
    has_key: bool
    facts: dict[str, Any]


class Store:
    """The store in the folder ``path``.

    ``passphrase`` (or a function that gives it, called when a key is first touched) encrypts the keys. With
    ``read_only`` (check mode) nothing is ever made or changed. All methods raise StoreProblem.
    """

    def __init__(
        self, path: str, passphrase: Callable[[], str | None] | str | None = None, *, read_only: bool = False
    ) -> None:
        self.path = os.path.abspath(path)
        self.read_only = read_only
        self._passphrase = passphrase
        self._proven: str | None = None

    def __repr__(self) -> str:
        return f"Store({self.path!r})"

    def ensure_writable(self) -> None:
        """Make the folder and try to write there, before anything else is done."""
        self._may_change(self.path)
        files.check_writable(self.path)

    def check_passphrase(self) -> None:
        """See that there is a passphrase, and that it is the one the keys here were encrypted with."""
        self._unlocking_passphrase()

    def identities(self) -> list[str]:
        """Name the identities that the store knows."""
        return sorted(
            _identity_of(name) for name in files.entries(self.path) if os.path.isdir(os.path.join(self.path, name))
        )

    def generations(self, identity: str) -> list[dict[str, Any]]:
        """Give the public facts of all generations of an identity, oldest name first.

        Each has ``identity``, ``base``, ``state`` (``requested`` or ``issued``), ``issuer``, ``request``, ``wanted``,
        ``spki_sha256``, ``has_key``, and once issued ``sha256``, ``chain`` (fingerprints, root last) and ``leaf`` (the
        certificate's description).
        """
        folder = self._folder(identity)
        bases = [name.removesuffix(".json") for name in files.entries(folder) if name.endswith(".json")]
        return [self._facts(identity, base) for base in sorted(bases, key=_natural)]

    def all_generations(self) -> dict[str, list[dict[str, Any]]]:
        """Give the public facts of all generations by identity."""
        return {identity: self.generations(identity) for identity in self.identities()}

    def put_request(
        self, identity: str, base: str, wanted: Wanted, csr_pem: str, key: PrivateKey | None = None
    ) -> Generation:
        """Keep a request, with its key when the key lives on the control node. The same again changes nothing."""
        folder = self._folder(identity)
        path = self._file(identity, base, "json")
        self._may_change(path)
        info = csr.describe_csr(csr_pem, f"CSR {base} of {identity}")
        if key is not None and not keys.key_matches(key, csr.load_csr(csr_pem.encode("ascii", "replace"))):
            raise StoreProblem(path, "the key does not belong to the CSR", "make key and CSR anew under a new name")
        facts = {
            "schema": SCHEMA,
            "identity": identity,
            "base": base,
            "state": REQUESTED,
            "issuer": wanted.issuer,
            "request": wanted.request(),
            "wanted": wanted.as_dict(),
            "spki_sha256": info["spki_sha256"],
            "has_key": key is not None,
            "sha256": None,
            "chain": [],
            "leaf": None,
        }
        locked = keys.serialise_encrypted(key, self._unlocking_passphrase()) if key is not None else None
        with files.changing(folder):
            known = files.read(path)
            if known is not None:
                self._same_request(identity, base, info["spki_sha256"])
                return self._need(identity, base)
            if locked is not None:
                files.write(self._file(identity, base, "key"), locked)
            files.write(self._file(identity, base, "csr"), csr_pem.encode("ascii"))
            files.write(path, _json(facts))
        return self._need(identity, base)

    def put_issued(self, identity: str, base: str, issued: Issued) -> Generation:
        """Keep the certificate and chain of a request. The same certificate again changes nothing."""
        path = self._file(identity, base, "json")
        self._may_change(path)
        name = f"certificate {base} of {identity}"
        leaf = certs.load_certificates(issued.leaf_pem.encode("ascii"), name)[0]
        chain = [cert for pem in issued.chain_pems for cert in certs.load_certificates(pem.encode("ascii"), name)]
        with files.changing(self._folder(identity)):
            facts = self._facts(identity, base)
            info = certs.describe(leaf)
            if info["spki_sha256"] != facts["spki_sha256"]:
                raise StoreProblem(
                    path, "the certificate belongs to another key than the request", "have it issued for this CSR"
                )
            if facts["state"] == ISSUED:
                if facts["sha256"] == info["sha256"]:
                    return self._need(identity, base)
                raise StoreProblem(
                    path, "this generation has another certificate already", "use a new generation, with a new name"
                )
            facts |= {
                "state": ISSUED,
                "sha256": info["sha256"],
                "chain": [certs.fingerprint(cert) for cert in chain],
                "leaf": info,
            }
            files.write(self._file(identity, base, "crt"), certs.to_pem(leaf).encode("ascii"))
            files.write(self._file(identity, base, "chain.pem"), bundles.bundle_bytes(chain))
            files.write(path, _json(facts))
        return self._need(identity, base)

    def put_back(self, identity: str, base: str, in_place: str, reason: str, plan: str) -> None:
        """Note that a rollback put the certificate with SHA-256 ``in_place`` back in place of this generation.

        Then no run takes this generation up again by itself. The same again changes nothing.
        """
        path = self._file(identity, base, "json")
        self._may_change(path)
        with files.changing(self._folder(identity)):
            facts = self._facts(identity, base)
            known = facts.get("put_back") or {"in_place": []}
            shown = sorted({*known["in_place"], in_place})
            note = {"in_place": shown, "reason": reason, "plan": plan}
            if facts.get("put_back") != note:
                files.write(path, _json({**facts, "put_back": note}))

    def get(self, identity: str, base: str) -> Generation | None:
        """Give one generation with its texts, each compared with its fingerprint; None when there is none."""
        if files.read(self._file(identity, base, "json")) is None:
            return None
        return self._need(identity, base)

    def load_key(self, identity: str, base: str) -> PrivateKey:
        """Unlock the key of a generation."""
        path = self._file(identity, base, "key")
        data = files.read(path)
        if data is None:
            raise StoreProblem(path, "there is no key in the store", "if the key is on the node, nothing to do here")
        key = self._open(path, data, self._need_passphrase())
        if hashlib.sha256(keys.public_spki(key)).hexdigest() != self._facts(identity, base)["spki_sha256"]:
            raise StoreProblem(path, "the key does not belong to its request", _RESTORE)
        return key

    def _need(self, identity: str, base: str) -> Generation:
        facts = self._facts(identity, base)
        csr_pem = self._text(identity, base, "csr")
        issued = None
        if csr.describe_csr(csr_pem, self._file(identity, base, "csr"))["spki_sha256"] != facts["spki_sha256"]:
            raise StoreProblem(self._file(identity, base, "csr"), "it is not the CSR of this generation", _RESTORE)
        if facts["state"] == ISSUED:
            issued = Issued(self._text(identity, base, "crt"), self._bundle(identity, base))
            seen = [
                _fingerprint(self._file(identity, base, "crt"), pem) for pem in (issued.leaf_pem, *issued.chain_pems)
            ]
            if seen != [facts["sha256"], *facts["chain"]]:
                path = self._file(identity, base, "crt")
                raise StoreProblem(path, "certificate or chain are not those of this generation", _RESTORE)
        wanted = Wanted.from_dict(facts["wanted"], csr_pem)
        return Generation(identity, base, facts["state"], wanted, csr_pem, issued, bool(facts["has_key"]), facts)

    def _facts(self, identity: str, base: str) -> dict[str, Any]:
        """Read the JSON file of a generation."""
        path = self._file(identity, base, "json")
        data = files.read(path)
        if data is None:
            raise StoreProblem(path, "there is no such request in the store", "make key and CSR first")
        try:
            facts: dict[str, Any] = json.loads(data)
            right = (facts["schema"], facts["identity"], facts["base"]) == (SCHEMA, identity, base)
            if not right or facts["state"] not in (REQUESTED, ISSUED):
                raise ValueError("other content")
        except (ValueError, KeyError, TypeError) as error:
            raise StoreProblem(path, "it is damaged, or from another version of the store", _RESTORE) from error
        return facts

    def _same_request(self, identity: str, base: str, spki: str) -> None:
        if self._facts(identity, base)["spki_sha256"] != spki:
            raise StoreProblem(
                self._file(identity, base, "json"),
                "this base name holds another request already",
                "use a base name that was never used",
            )

    def _bundle(self, identity: str, base: str) -> tuple[str, ...]:
        path = self._file(identity, base, "chain.pem")
        data = files.read(path)
        if data is None:
            raise StoreProblem(path, "it is missing", _RESTORE)
        if not data.strip():
            return ()
        return tuple(certs.to_pem(cert) for cert in certs.load_certificates(data, path))

    def _text(self, identity: str, base: str, kind: str) -> str:
        path = self._file(identity, base, kind)
        data = files.read(path)
        if data is None:
            raise StoreProblem(path, "it is missing", _RESTORE)
        return data.decode("ascii", "replace")

    def _folder(self, identity: str) -> str:
        return os.path.join(self.path, _folder_name(identity))

    def _file(self, identity: str, base: str, kind: str) -> str:
        if not _BASE.fullmatch(base):
            raise BadOption("base name", f"{base!r} is not usable (guide 3.1)", "use letters, digits and hyphens")
        return os.path.join(self._folder(identity), f"{base}.{kind}")

    def _may_change(self, path: str) -> None:
        if self.read_only:
            raise StoreProblem(path, "the store is open for reading only (check mode)", "run without check mode")

    def _need_passphrase(self) -> str:
        found = self._passphrase() if callable(self._passphrase) else self._passphrase
        if not found:
            raise StoreProblem(
                self.path,
                "there is no passphrase for the keys in the store",
                "set cms_store_passphrase, from Ansible Vault",
            )
        return str(found)

    def _unlocking_passphrase(self) -> str:
        """Give the passphrase for a new key, after it has opened an older one: a typing error shows at once."""
        passphrase = self._proven_passphrase()
        try:
            keys.check_new_passphrase(passphrase, "cms_store_passphrase")
        except KeyProblem as error:
            raise StoreProblem(error.obj, error.reason, error.next_step) from error
        return passphrase

    def _proven_passphrase(self) -> str:
        passphrase = self._need_passphrase()
        if self._proven == passphrase:
            return passphrase
        for identity in self.identities():
            folder = self._folder(identity)
            for name in files.entries(folder):
                data = files.read(os.path.join(folder, name)) if name.endswith(".key") else None
                if data is not None:
                    self._open(os.path.join(folder, name), data, passphrase)
                    self._proven = passphrase
                    return passphrase
        return passphrase

    def _open(self, path: str, data: bytes, passphrase: str) -> PrivateKey:
        if not keys.is_encrypted(data):
            raise StoreProblem(path, "the key is not encrypted", f"encrypt it: openssl pkcs8 -topk8 -in {path}")
        try:
            return keys.load_key(data, passphrase, path)
        except KeyProblem as error:
            raise StoreProblem(
                path, error.reason, "set cms_store_passphrase to the one this store was made with"
            ) from error


def _folder_name(identity: str) -> str:
    """Give the folder of an identity: ``core1/callbridge`` is ``core1+callbridge``, and no two are the same."""
    if not identity:
        raise AssertionError("Contract violation: an identity without id")
    name = "+".join(quote(part, safe="") for part in identity.split("/"))
    return "%2E" + name[1:] if name.startswith(".") else name


def _identity_of(folder: str) -> str:
    return "/".join(unquote(part) for part in folder.split("+"))


def _natural(text: str) -> list[tuple[int, str]]:
    """Sort g2 before g10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", text)]


def _json(facts: dict[str, Any]) -> bytes:
    return (json.dumps(facts, indent=1, sort_keys=True) + "\n").encode("ascii")


def _fingerprint(path: str, pem: str) -> str:
    return certs.fingerprint(certs.load_certificates(pem.encode("ascii", "replace"), path)[0])
