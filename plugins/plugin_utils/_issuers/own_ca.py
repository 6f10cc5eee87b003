# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CA of one's own: a folder on the control node with a root, an intermediate and their encrypted keys (guide A.2).

``root.crt``, ``root.key``, ``intermediate.crt``, ``intermediate.key``, all PEM and readable with OpenSSL alone. What is
there already is used, so a CA made elsewhere works; its root key may stay in a safe when there is an intermediate.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .._errors import CmsError, IssuerProblem, KeyProblem, StoreProblem
from .._findings import ERROR, Finding
from .._pki import certs, csr, keys, meeting_server_rules
from .._pki.x509util import constraints, is_ca, is_self_signed, issuer_key, public_key, signed_by, subject_key
from .._rules.found import find
from . import authority, files
from .base import Issued, Issuer, Wanted
from .options import LONGEST_CA_NAME, Option, Place, ca_name, key_type, organization, passphrase, text, truth
from .options import days as days_given

if TYPE_CHECKING:
    from cryptography import x509

    from .._pki.keys import PrivateKey

ROOT, INTERMEDIATE = "root", "intermediate"
#: The root allows one CA below it, so that an intermediate can be added later.
PATH_LENGTH = {ROOT: 1, INTERMEDIATE: 0}
_CA = "Use a CA certificate that may sign certificates, with no extended key usages or both serverAuth and clientAuth"


@dataclasses.dataclass(frozen=True)
class Settings:
    """How the CA is made and how long things live, in days."""

    path: str
    passphrase: str | None = dataclasses.field(default=None, repr=False)
    key_type: str = "ecdsa"
    root_common_name: str = "Meeting Server Internal CA"
    organization: str | None = None
    root_days: int = 3650
    intermediate_days: int = 1825
    leaf_days: int = 397
    use_intermediate: bool = True


class OwnCa(Issuer):
    """Issues from the CA in a folder of the control node."""

    kind: ClassVar[str] = "own_ca"
    options: ClassVar[Mapping[str, Option]] = {
        "path": Option(text, "the path of a folder"),
        "passphrase": Option(passphrase, "a text that is not empty"),
        "key_type": Option(key_type, "ecdsa or rsa"),
        "root_common_name": Option(ca_name, f"a text of at most {LONGEST_CA_NAME} characters"),
        "organization": Option(organization, "a text of at most 64 characters"),
        "root_days": Option(days_given, "a number of days, 1 to 99999"),
        "intermediate_days": Option(days_given, "a number of days, 1 to 99999"),
        "leaf_days": Option(days_given, "a number of days, 1 to 99999"),
        "use_intermediate": Option(truth, "true or false"),
    }

    @classmethod
    def create(cls, name: str, values: Mapping[str, Any], place: Place) -> OwnCa:
        """Keep it in ``issuers/<name>``, locked with the passphrase it is given by its name, unless told otherwise."""
        settings = {"passphrase": place.passphrase, **values}
        path = place.path(settings.pop("path", os.path.join("issuers", name)))
        return cls(name, Settings(path=path, **settings))

    def __init__(self, name: str, settings: Settings) -> None:
        super().__init__(name)
        self.settings = settings
        self._keys: dict[str, PrivateKey] = {}

    @property
    def days(self) -> int | None:
        """Give the days its certificates live."""
        return self.settings.leaf_days

    @property
    def validity(self) -> str:
        """Say how long its certificates live."""
        return f"{self.settings.leaf_days} days"

    @property
    def will_create(self) -> bool:
        """Say whether a CA certificate is still to be made. Raises CmsError when the folder cannot be read."""
        return any(self._certificate(level) is None for level in self._levels)

    def anchors(self) -> list[str]:
        """Give intermediate and root, or nothing while one of them is still to be made."""
        chain = self._chain()
        return [certs.to_pem(cert) for cert in chain] if len(chain) == len(self._levels) else []

    def describe(self) -> dict[str, Any]:
        """Describe it: what is there, or what will be made."""
        found: dict[str, Any] = {
            "name": self.name,
            "type": self.kind,
            "validity": self.validity,
            "path": self.settings.path,
            "will_create": False,
        }
        for level in (ROOT, INTERMEDIATE):
            if level not in self._levels:
                found[level] = None
                continue
            cert = self._certificate(level)
            if cert is None:
                found["will_create"] = True
                name = authority.ca_name(self._common_name(level), self.settings.organization)
                found[level] = {"subject": name.rfc4514_string(), "not_after": None, "sha256": None}
            else:
                info = certs.describe(cert)
                found[level] = {key: info[key] for key in ("subject", "not_after", "sha256")}
        return found

    def check(self, now: datetime.datetime) -> list[Finding]:
        """Look at files, dates and passphrase, without changing anything."""
        findings: list[Finding] = []
        obj = f"issuer {self.name}"
        if not self.settings.passphrase:
            step = f"Set {self._where_passphrase}, from Ansible Vault"
            found = "there is no passphrase for the keys of this CA"
            return [find("issuer-passphrase-missing", obj, found, step)]
        try:
            self._check_files()
            chain = self._chain()
            if len(chain) < len(self._levels):
                files.check_may_write(self.settings.path)
                keys.check_new_passphrase(self.settings.passphrase, self._where_passphrase)
            findings += [finding for cert in chain for finding in self._check_dates(cert, now)]
            self._check_chain(chain)
            findings += [finding for cert in chain for finding in self._check_usages(cert)]
            for level in self._levels:
                # The key of a root above a complete intermediate may be kept elsewhere.
                if files.read(self._file(level, "key")) is not None:
                    self._key(level)
        except CmsError as error:
            text = f"{error.obj}: {error.reason}"
            step = error.next_step[:1].upper() + error.next_step[1:]
            findings.append(find("issuer-unusable", obj, text, step, section="A.2"))
        return findings

    def prepare(self, now: datetime.datetime) -> None:
        """Make the CA certificates that are missing; each file appears whole, the key before its certificate."""
        self._need_passphrase()
        self._check_files()
        if not self.will_create:
            return
        keys.check_new_passphrase(self._need_passphrase(), self._where_passphrase)
        with files.changing(self.settings.path):
            for position, level in enumerate(self._levels):
                if self._certificate(level) is None:
                    self._make(level, now, self._levels[position - 1] if position else None)

    def issue(self, wanted: Wanted, now: datetime.datetime) -> Issued:
        """Certify a CSR that asks for exactly what is wanted."""
        self._need_passphrase()
        self._check_files()
        chain = self._chain()
        if self.will_create:
            raise IssuerProblem(
                f"issuer {self.name}",
                "its CA does not exist yet",
                "run the playbook without check mode, it makes the CA",
            )
        self._check_chain(chain)
        for finding in (finding for cert in chain for finding in self._check_dates(cert, now)):
            if finding.severity == ERROR:
                raise IssuerProblem(finding.object, finding.found, finding.next_step)
        request = wanted.as_request()
        refused = authority.refusals(wanted.csr_pem, request, wanted.key)
        if refused:
            raise IssuerProblem(
                f"CSR {wanted.base} of {wanted.identity}",
                f"issuer {self.name} does not certify it, it differs from what is wanted: {'; '.join(refused)}",
                "make a new key and CSR for this identity under a new name",
            )
        loaded = csr.load_csr(wanted.csr_pem.encode("ascii"))
        leaf = authority.make_leaf(
            request,
            public_key(loaded),
            authority.span(now, self.settings.leaf_days, chain),
            (chain[0], self._key(self._levels[-1])),
        )
        return Issued(certs.to_pem(leaf), tuple(certs.to_pem(cert) for cert in chain), {"issuer": self.name})

    @property
    def _levels(self) -> tuple[str, ...]:
        return (ROOT, INTERMEDIATE) if self.settings.use_intermediate else (ROOT,)

    def _file(self, level: str, kind: str) -> str:
        return os.path.join(self.settings.path, f"{level}.{kind}")

    def _common_name(self, level: str) -> str:
        return self.settings.root_common_name + (" Intermediate" if level == INTERMEDIATE else "")

    def _certificate(self, level: str) -> x509.Certificate | None:
        """Read the certificate of a level; None when it is not there."""
        path = self._file(level, "crt")
        data = files.read(path)
        if data is None:
            return None
        found = certs.load_certificates(data, path)
        if len(found) != 1:
            raise StoreProblem(
                path, f"it holds {len(found)} certificates", f"leave only the certificate of the {level} in it"
            )
        return found[0]

    def _chain(self) -> list[x509.Certificate]:
        """Give the CA certificates that exist, root last."""
        found = (self._certificate(level) for level in reversed(self._levels))
        return [cert for cert in found if cert is not None]

    def _key(self, level: str) -> PrivateKey:
        """Unlock the key of a level and see that it belongs to its certificate."""
        if level in self._keys:
            return self._keys[level]
        path = self._file(level, "key")
        data = files.read(path)
        if data is None:
            raise StoreProblem(path, "the key is missing", "put it back from a backup, encrypted with the passphrase")
        if not keys.is_encrypted(data):
            raise StoreProblem(
                path,
                "the key is not encrypted",
                f"encrypt it: openssl pkcs8 -topk8 -in {path} -out NEWFILE, then put NEWFILE in its place",
            )
        try:
            key = keys.load_key(data, self.settings.passphrase, path)
        except KeyProblem as error:
            raise StoreProblem(
                path, error.reason, f"set {self._where_passphrase} to the one this key was encrypted with"
            ) from error
        cert = self._certificate(level)
        if cert is not None and not keys.key_matches(key, cert):
            raise StoreProblem(
                path, f"the key does not belong to {level}.crt", "put key and certificate of the same CA there"
            )
        self._keys[level] = key
        return key

    def _make(self, level: str, now: datetime.datetime, above: str | None) -> None:
        """Make key and certificate of one level; a key that a killed run left is taken."""
        issuer = None
        days = self.settings.intermediate_days if above else self.settings.root_days
        chain: list[x509.Certificate] = []
        if above is not None:
            cert = self._certificate(above)
            if cert is None:
                raise AssertionError("Contract violation: an intermediate is made before its root")
            issuer = (cert, self._key(above))
            chain = [cert]
            for finding in self._check_dates(cert, now):
                if finding.severity == ERROR:
                    raise IssuerProblem(finding.object, finding.found, finding.next_step)
        path = self._file(level, "key")
        if files.read(path) is None:
            made = keys.generate_key(self.settings.key_type, 3072 if self.settings.key_type == "rsa" else None)
            files.write(path, keys.serialise_encrypted(made, self._need_passphrase(), self._where_passphrase))
        key = self._key(level)
        name = authority.ca_name(self._common_name(level), self.settings.organization)
        cert = authority.make_ca(name, key, PATH_LENGTH[level], authority.span(now, days, chain), issuer)
        files.write(self._file(level, "crt"), certs.to_pem(cert).encode("ascii"))

    @property
    def _where_passphrase(self) -> str:
        return f"cms_store_passphrase (or, for this CA alone, cms_issuers.{self.name}.passphrase)"

    def _need_passphrase(self) -> str:
        if not self.settings.passphrase:
            raise StoreProblem(
                f"issuer {self.name}",
                "there is no passphrase for the keys of this CA",
                f"set {self._where_passphrase}, from Ansible Vault",
            )
        return self.settings.passphrase

    def _check_files(self) -> None:
        """See that what is there can be completed: nothing is made anew above or beside what exists."""
        have = {
            name: files.read(os.path.join(self.settings.path, name)) is not None
            for name in ("root.crt", "root.key", "intermediate.crt", "intermediate.key")
        }
        missing = None
        if self.settings.use_intermediate and have["intermediate.crt"]:
            missing = next((name for name in ("root.crt", "intermediate.key") if not have[name]), None)
        elif have["root.crt"] and not have["root.key"]:
            missing = "root.key"
        if missing:
            raise StoreProblem(
                os.path.join(self.settings.path, missing),
                "it is missing, and the rest of this CA is there",
                "put it back from a backup, or let cms_issuers name an empty folder for a new CA",
            )

    def _check_dates(self, cert: x509.Certificate, now: datetime.datetime) -> list[Finding]:
        """Find CA certificates that are not valid now, or that end before what would be issued now."""
        info = certs.describe(cert)
        obj = f"issuer {self.name}: {info['subject']}"
        if now < certs.not_before(cert):
            step = "Check the clock of the control node, or wait until then"
            return [find("issuer-ca-not-yet-valid", obj, f"it is valid from {info['not_before']} only", step)]
        if now >= certs.not_after(cert):
            step = "Let cms_issuers name an empty folder for a new CA, and roll it out with the site playbook"
            return [find("issuer-ca-expired", obj, f"it expired on {info['not_after']}", step)]
        if certs.not_after(cert) - now < datetime.timedelta(days=self.settings.leaf_days):
            step = "Plan a new CA: certificates from this one cannot live longer than it"
            found = f"it ends on {info['not_after']}, sooner than {self.validity} from now"
            return [find("issuer-ca-expires-soon", obj, found, step)]
        return []

    def _check_usages(self, cert: x509.Certificate) -> list[Finding]:
        """Find marks on a CA certificate for which Meeting Servers refuse what it issued, on one side or the other."""
        anchor = is_self_signed(cert)
        return [
            find(
                problem.rule,
                f"issuer {self.name}: {problem.certificate}",
                problem.found,
                _CA,
                section=problem.section,
            )
            for problem in meeting_server_rules.check_ca(cert, meeting_server_rules.ROLES, anchor=anchor)
            if problem.severity == ERROR
        ]

    def _check_chain(self, chain: list[x509.Certificate]) -> None:
        """See that intermediate and root belong together and may issue."""
        if len(chain) < len(self._levels):
            return
        root = chain[-1]
        if not is_self_signed(root):
            raise StoreProblem(self._file(ROOT, "crt"), "it is not self-signed", "put the root of this CA there")
        for cert, level in zip(reversed(chain), self._levels, strict=True):
            path = self._file(level, "crt")
            if not is_ca(cert):
                raise StoreProblem(path, "it is not marked as CA", "put a CA certificate there")
            length = constraints(cert)[1]
            if level == ROOT and len(chain) > 1 and length == 0:
                step = "set use_intermediate to false, or use a root that allows a path length of 1"
                raise StoreProblem(path, "its path length of 0 allows no intermediate", step)
            if level == INTERMEDIATE and (issuer_key(cert) != subject_key(root) or not signed_by(cert, root)):
                raise StoreProblem(path, "it was not issued by root.crt", "put root and intermediate of one CA there")
