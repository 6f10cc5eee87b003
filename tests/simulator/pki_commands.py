# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pki: keys, CSRs, certificates on the node, with real cryptography."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from OpenSSL import crypto

from . import certs
from .chain import ChainError, verify

if TYPE_CHECKING:
    from .mmp import Session
    from .node import Node

DESCRIPTION = "Manage keys and certificates"
USAGE = (
    "pki",
    "pki list",
    "pki inspect <filename>",
    "pki match <key> <certificate>",
    "pki verify <cert> <cert bundle/CA cert> [<CA cert>]",
    "pki unlock <key>",
    "pki csr <key/cert basename> [<attribute>:<value>]",
    "pki selfsigned <key/cert basename> [<attribute>:<value>]",
    "pki sign <csr/cert basename> <CA key/cert basename>",
    "pki pkcs12-to-ssh <username>",
)

_CERTIFICATE_ENDINGS = (".pem", ".der", ".cer", ".crt")


async def run(session: Session, words: list[str]) -> bool:
    """pki ...; False means wrong arguments."""
    match words:
        case []:
            _usage(session)
        case ["list"]:
            _list(session)
        case ["inspect", name]:
            _inspect(session, name)
        case ["match", key, certificate]:
            _match(session, key, certificate)
        case ["verify", certificate, _, *more] if len(more) <= 1:
            _verify(session, certificate, words[2:])
        case ["unlock", name]:
            await _unlock(session, name)
        case ["csr", base, _, *_]:
            return await _csr(session, base, words[2:])
        case ["selfsigned", base, *attributes]:
            return await _selfsigned(session, base, attributes)
        case ["sign", base, authority]:
            await _sign(session, base, authority)
        case ["pkcs12-to-ssh", user]:
            await _pkcs12(session, user)
        case _:
            return False
    return True


def _usage(session: Session) -> None:
    position = session.node.sw["pki_usage"]
    if position == "empty":
        return
    for name, where in sorted(session.node.files_in_use().items()):
        for setting in sorted(set(where)):
            session.out(f"{setting} : {name}" if position == "service_first" else f"{name} : {setting}")


def _list(session: Session) -> None:
    node = session.node
    found = node.files.pki_names()
    if node.sw.is_("pki_list_order", "none"):
        found.sort(key=lambda name: zlib.crc32(f"{node.world.config.seed}{name}".encode()))
    session.out("User supplied certificates and keys:")
    session.lines(found)
    ssh = [name for name in node.files.names() if name.endswith(".pub")]
    if ssh:
        session.out("User supplied SSH keys:")
        session.lines(ssh)


def _missing(session: Session, *names: str) -> bool:
    missing = [name for name in names if not session.node.files.exists(name)]
    for name in missing:
        session.out(f"FAILURE: file {name} not found")
    return bool(missing)


# --- inspect ---------------------------------------------------------------------------------------------------


def _inspect(session: Session, name: str) -> None:
    if _missing(session, name):
        return
    data = session.node.files.read(name)
    encoding = "PEM" if b"-----BEGIN" in data else "DER"
    if session.node.sw.is_("pki_inspect_form", "openssl_text"):
        session.out("Checking ssh public keys...not found")
        session.out("Checking user configured certificates and keys...found")
    kind, found = _kind(data)
    session.out(_told_kind(session, kind, encoding, locked=found == ["locked"]))
    if kind == "certificate":
        for item in found:
            _certificate_text(session, item)
    elif kind == "csr":
        session.out(f"Subject: {found[0].subject.rfc4514_string()}")


def _told_kind(session: Session, kind: str, encoding: str, *, locked: bool) -> str:
    """The sentence, or the row, that says what a file is."""
    if session.node.sw.is_("pki_inspect_form", "short_rows"):
        words = {"certificate": "certificate", "csr": "CSR", "key": "key, encrypted" if locked else "key"}
        return f"Type: {encoding} {words[kind]}" if kind in words else "Type: unknown"
    words = {
        "certificate": "certificate",
        "csr": "certificate signing request",
        "key": "private key, password protected" if locked else "private key",
    }
    return f"File contains a {encoding} encoded {words[kind]}" if kind in words else "File is of unknown type"


def _kind(data: bytes) -> tuple[str, list[Any]]:
    for kind, loader in (("certificate", certs.load_certs), ("csr", lambda raw: [certs.load_csr(raw)])):
        try:
            return kind, loader(data)
        except ValueError:
            continue
    try:
        certs.load_key(data)
        return "key", ["open"]
    except TypeError:
        return "key", ["locked"]
    except ValueError:
        return "unknown", []


def _certificate_text(session: Session, certificate: x509.Certificate) -> None:
    if session.node.sw.is_("pki_inspect_form", "openssl_text"):
        text = crypto.dump_certificate(crypto.FILETYPE_TEXT, crypto.X509.from_cryptography(certificate))
        session.lines(text.decode("utf-8", "replace").rstrip("\n").split("\n"))
        return
    form = "%b %d %H:%M:%S %Y GMT"
    session.out(f"Subject: {certificate.subject.rfc4514_string()}")
    session.out(f"Issuer: {certificate.issuer.rfc4514_string()}")
    session.out(f"Not Before: {certificate.not_valid_before_utc.strftime(form)}")
    session.out(f"Not After : {certificate.not_valid_after_utc.strftime(form)}")


# --- match and verify ------------------------------------------------------------------------------------------


def _verdict(session: Session, switch: str, good: bool, yes: str, no: str) -> None:
    position = session.node.sw[switch]
    if position == "result_lines":
        session.out(f"SUCCESS: {yes}" if good else f"FAILURE: {no}")
    elif position == "terse":
        session.out("OK" if good else "error")
    elif position == "opaque":
        session.out("1" if good else "0")
    else:
        session.out(yes if good else no)


def _match(session: Session, key_name: str, certificate_name: str) -> None:
    if _missing(session, key_name, certificate_name):
        return
    files = session.node.files
    try:
        key = certs.load_key(files.read(key_name))
        certificate = certs.load_certs(files.read(certificate_name))[0]
    except TypeError:
        session.out(f"FAILURE: {key_name} is password protected")
        return
    except ValueError:
        session.out("FAILURE: not a private key and a certificate")
        return
    good = certs.same_key(key, certificate)
    _verdict(session, "pki_match_words", good, "Key and certificate match", "Key and certificate do not match")


def _verify(session: Session, name: str, bundles: list[str]) -> None:
    if _missing(session, name, *bundles):
        return
    files = session.node.files
    try:
        chain = certs.load_certs(files.read(name))
        others = [item for bundle in bundles for item in certs.load_certs(files.read(bundle))]
    except ValueError:
        session.out("FAILURE: not a certificate")
        return
    roots = [item for item in others if item.issuer == item.subject]
    try:
        verify(chain[0], chain[1:] + others, roots)
    except ChainError as exc:
        _verdict(session, "pki_verify_words", False, "", f"{name}: error: {exc}")
        return
    _verdict(session, "pki_verify_words", True, f"{name}: OK", "")


# --- making things ---------------------------------------------------------------------------------------------


def _base_ok(session: Session, base: str) -> bool:
    pattern = r"[A-Za-z0-9-]+" if session.node.sw.is_("pki_underscore", "refused") else r"[A-Za-z0-9_-]+"
    if re.fullmatch(pattern, base):
        return True
    session.out(f"FAILURE: {base} is not a valid base name")
    return False


def _attributes(words: list[str]) -> dict[str, str] | None:
    found = {}
    for word in words:
        name, colon, value = word.partition(":")
        if not colon or not value or (name not in certs.ATTRIBUTES and name != "subjectAltName"):
            return None
        if name == "C" and len(value) != 2:
            return None
        found[name] = value
    return found


def _names(attributes: dict[str, str]) -> list[str]:
    """SAN entries; the CN is appended when there is a list."""
    listed = attributes.get("subjectAltName")
    if not listed:
        return []
    return list(dict.fromkeys([*(item.strip() for item in listed.split(",") if item.strip()), attributes["CN"]]))


def _made(session: Session, sentence: str) -> None:
    position = session.node.sw["pki_made_words"]
    if position == "result_lines":
        session.out(f"SUCCESS: {sentence}")
    elif position == "sentence":
        session.out(sentence)


async def _csr(session: Session, base: str, words: list[str]) -> bool:
    attributes = _attributes(words)
    if attributes is None or "CN" not in attributes:
        return False
    if not _base_ok(session, base):
        return True
    node = session.node
    used = node.files_in_use()
    if f"{base}.key" in used and node.sw.is_("csr_over_name_in_use", "refused"):
        session.out(f"FAILURE: {base}.key is in use")
        return True
    dots = asyncio.create_task(_dots(session))
    try:
        key = await asyncio.to_thread(certs.fresh_rsa)
        builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(attributes))
        names = _names(attributes)
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([certs.general_name(name) for name in names]), critical=False
            )
        request = builder.sign(key, hashes.SHA256())
    except ValueError as exc:
        dots.cancel()
        session.out(f"FAILURE: {exc}")
        return True
    await dots
    pem = certs.key_pem(key, str(node.sw["pki_key_form"]))
    node.files.write(f"{base}.key", pem)
    node.files.write(f"{base}.csr", request.public_bytes(serialization.Encoding.PEM))
    node.event("csr_made", base=base, in_use=f"{base}.key" in used)
    session.out(f"Created key file {base}.key and CSR {base}.csr")
    session.out(f"CSR file {base}.csr ready for download via SFTP")
    if f"{base}.key" in used and node.sw.is_("csr_over_name_in_use", "breaks"):
        for service in node.services.values():
            await service.key_replaced(f"{base}.key", pem)
    return True


async def _dots(session: Session) -> None:
    position = session.node.sw["pki_csr_dots"]
    pause = session.node.duration("csr") / 4
    for count in {"none": (), "one_line": (31,), "many_lines": (24, 10)}[position]:
        await asyncio.sleep(pause)
        session.out("." * count)


def _subject(attributes: dict[str, str]) -> x509.Name:
    return certs.subject(**{name: value for name, value in attributes.items() if name in certs.ATTRIBUTES})


async def _selfsigned(session: Session, base: str, words: list[str]) -> bool:
    attributes = _attributes(words)
    if attributes is None:
        return False
    if not _base_ok(session, base) or _refuses_to_replace(session, f"{base}.key", f"{base}.crt"):
        return True
    default = base if session.node.sw.is_("pki_selfsigned_name", "base_name") else session.node.hostname
    attributes.setdefault("CN", default)
    key = await asyncio.to_thread(certs.fresh_rsa)
    name = _subject(attributes)
    builder = _lasting(name, name, key.public_key())
    if session.node.sw.is_("pki_selfsigned_ca", "ca_flag"):
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    names = _names(attributes)
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([certs.general_name(item) for item in names]), critical=False
        )
    certificate = builder.sign(key, hashes.SHA256())
    pem = certs.key_pem(key, str(session.node.sw["pki_key_form"]))
    session.node.files.write(f"{base}.key", pem)
    session.node.files.write(f"{base}.crt", certs.cert_pem(certificate))
    _made(session, f"Created key file {base}.key and certificate {base}.crt")
    return True


def _refuses_to_replace(session: Session, *names: str) -> bool:
    """Whether the node keeps what has these names, and says so."""
    there = [name for name in names if session.node.files.exists(name)]
    if not there or session.node.sw.is_("pki_over_existing", "replaces"):
        return False
    session.out(f"FAILURE: {there[0]} exists already")
    return True


def _lasting(name: x509.Name, issuer: x509.Name, public_key: Any) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=365))
    )


async def _sign(session: Session, base: str, authority: str) -> None:
    names = (f"{base}.csr", f"{authority}.key", f"{authority}.crt")
    if _missing(session, *names):
        return
    files = session.node.files
    try:
        request = certs.load_csr(files.read(names[0]))
        key: Any = certs.load_key(files.read(names[1]))
        issuer = certs.load_certs(files.read(names[2]))[0]
    except (ValueError, TypeError):
        session.out("FAILURE: not a CSR and a CA")
        return
    if not certs.same_key(key, issuer):
        session.out("FAILURE: CA key and certificate do not match")
        return
    if _refuses_to_replace(session, f"{base}.crt"):
        return
    builder = _lasting(request.subject, issuer.subject, request.public_key())
    if session.node.sw.is_("pki_sign_names", "kept"):
        for extension in request.extensions:
            builder = builder.add_extension(extension.value, critical=extension.critical)
    files.write(f"{base}.crt", certs.cert_pem(builder.sign(key, hashes.SHA256())))
    _made(session, f"Created certificate {base}.crt")


async def _unlock(session: Session, name: str) -> None:
    if _missing(session, name):
        return
    data = session.node.files.read(name)
    kind, found = _kind(data)
    if kind != "key":
        session.out(f"FAILURE: {name} is not a private key")
        return
    position = session.node.sw["pki_unlock_open"]
    if found == ["open"] and position == "says_so":
        session.out(f"{name} is not password protected")
        return

    def opened(password: bytes) -> Any:
        return certs.load_key(data, password if found == ["locked"] or position == "asks_and_fails" else None)

    key = await _with_password(session, name, opened)
    if key is None:
        session.out("FAILURE: the key could not be unlocked")
        return
    session.node.files.write(name, certs.key_pem(key, str(session.node.sw["pki_key_form"])))
    _made(session, f"Unlocked key file {name}")


async def _with_password(session: Session, name: str, use: Callable[[bytes], Any]) -> Any:
    """Ask for the password of a file, hidden, and use it; None when it was not the right one."""
    prompts = {"password": "Enter password: ", "pass_phrase": f"Enter pass phrase for {name}:", "word": "Password "}
    for _attempt in range(3 if session.node.sw.is_("pki_wrong_password", "asks_again") else 1):
        password = await session.ask(prompts[session.node.sw["pki_password_prompt"]], hidden=True)
        if password is None:
            return None
        try:
            return use(password.encode())
        except (ValueError, TypeError):
            continue
    return None


async def _pkcs12(session: Session, user: str) -> None:
    name = f"{user}.pub"
    if _missing(session, name):
        return
    data = session.node.files.read(name)

    def opened(password: bytes) -> Any:
        key, certificate, _others = pkcs12.load_key_and_certificates(data, password or None)
        return certificate or key

    holder: Any = await _with_password(session, name, opened)
    if holder is None:
        session.out("FAILURE: not a PKCS#12 file, a wrong password, or no key in it")
        return
    line = holder.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    session.node.files.write(name, line + b"\n")
    _made(session, f"Extracted public key for {user}")


def public_keys(node: Node, user: str) -> list[str]:
    """OpenSSH lines of an uploaded <user>.pub."""
    name = f"{user}.pub"
    if not node.files.exists(name):
        return []
    text = node.files.read(name).decode("ascii", "replace")
    return [line for line in text.splitlines() if line.startswith(("ssh-", "ecdsa-"))]
