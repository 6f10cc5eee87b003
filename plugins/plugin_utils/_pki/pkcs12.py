# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take a PKCS#12 file apart: the one key, its certificate, and the chain above it (RFC 7292).

The cryptography library opens the file, and gives the first key of several. So the bags with keys are counted here; as
some programs write the file in BER, with lengths that stand at the end, that is read too.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .._errors import CertificateProblem, KeyProblem
from . import bundles, der, keys
from .x509util import is_self_signed, issuer_text, key_type, require_cryptography, subject_text

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import pkcs12
except ImportError:
    pass

if TYPE_CHECKING:
    from .keys import PrivateKey

_KEY_BAGS = tuple(
    der.object_identifier(f"1.2.840.113549.1.12.10.1.{number}")
    # keyBag, pkcs8ShroudedKeyBag
    for number in (1, 2)
)
_CONSTRUCTED = 0x20
_DEEPEST = 24
_FORM = "export it again, with its private key and all certificates of its chain, as PKCS#12 (.pfx, .p12)"


@dataclasses.dataclass(frozen=True)
class Contents:
    """What was in the file: ``chain`` are intermediates in order, root last; ``unused`` belongs to none of it."""

    key: PrivateKey = dataclasses.field(repr=False)
    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    unused: tuple[x509.Certificate, ...]


def take_apart(data: bytes, passphrase: str | None, name: str, more: Iterable[x509.Certificate] = ()) -> Contents:
    """Open a PKCS#12 file and put what is in it in order; ``more`` are CA certificates that it may lack.

    Raises KeyProblem for what is no PKCS#12, a wrong passphrase, no key or several, a kind of key that no service
    takes; CertificateProblem where no certificate belongs to the key, or the chain does not end at a root.
    """
    require_cryptography()
    if not _looks_like_pkcs12(data):
        raise KeyProblem(name, "it is not a PKCS#12 file", "give a .p12 or .pfx file; PEM is uploaded as it is")
    key, own, others = _open(data, passphrase, name)
    count = max(count_keys(data), int(key is not None))
    if count > 1:
        raise KeyProblem(
            name,
            f"there are {count} private keys in it, and it cannot be told which one is meant",
            "export each identity into a file of its own",
        )
    if key is None:
        raise KeyProblem(name, "there is no private key in it", _FORM)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise KeyProblem(name, f"its key is {key_type(key)}, which no service takes", "use an RSA or ECDSA key")
    certificates = [cert for cert in (own, *others) if cert is not None]
    if not certificates:
        raise CertificateProblem(name, "there is no certificate in it", _FORM)
    mine = [cert for cert in certificates if keys.key_matches(key, cert)]
    if not mine:
        held = ", ".join(subject_text(cert) for cert in certificates)
        raise CertificateProblem(name, f"none of its certificates belongs to its key; it holds {held}", _FORM)
    # The same key may have an old and a new certificate: the newer one is meant.
    leaf = max(mine, key=lambda cert: cert.not_valid_before_utc)
    given = list(more)
    chain = bundles.order_chain(leaf, [*certificates, *given])
    if not is_self_signed(chain[-1]):
        raise CertificateProblem(
            name,
            f"the certificate of {issuer_text(chain[-1])} is missing in its chain, which must end at the root",
            "export it again with all certificates of its chain, or give the CA certificates with chain_file",
        )
    unused = [cert for cert in dict.fromkeys(certificates) if cert not in chain]
    return Contents(key, leaf, tuple(chain[1:]), tuple(unused))


def _open(data: bytes, passphrase: str | None, name: str) -> tuple[Any, Any, list[Any]]:
    """Have the library open the file. What it says stays out of the error: the passphrase could stand in it."""
    # Programs that want no passphrase write none, or an empty one.
    for word in (passphrase.encode("utf-8"),) if passphrase else (None, b""):
        try:
            with warnings.catch_warnings():
                # That it is BER, for example.
                warnings.simplefilter("ignore")
                key, own, others = pkcs12.load_key_and_certificates(data, word)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        return key, own, list(others)
    if passphrase:
        reason, step = "the passphrase does not open it, or it is damaged", "give the passphrase it was exported with"
    else:
        reason, step = "it is locked, and no passphrase was given", "give the passphrase it was exported with"
    check = "; openssl pkcs12 -in FILE -info -noout tells whether it fits"
    raise KeyProblem(name, reason, step + check)


# How many keys -------------------------------------------------------------------------------------------------------


def count_keys(data: bytes) -> int:
    """Count the bags with keys that can be seen without decrypting; all known programs put them there."""
    try:
        return sum(1 for element in _walk(data, 0) if element in _KEY_BAGS)
    except der.DerError:
        return 0


def _looks_like_pkcs12(data: bytes) -> bool:
    try:
        inside = next(_elements(data))[1]
        tag, content = next(_elements(inside))
    except (der.DerError, StopIteration):
        return False
    return (tag, content) == (der.INTEGER, b"\x03")


def _walk(data: bytes, depth: int) -> Iterator[bytes]:
    """Go through every object identifier, also of what an octet string holds."""
    if depth > _DEEPEST:
        raise der.DerError("too deep")
    for tag, content in _elements(data):
        if tag == der.OBJECT_IDENTIFIER:
            yield der.write(tag, content)
        elif tag & _CONSTRUCTED and tag != der.OCTET_STRING | _CONSTRUCTED:
            yield from _walk(content, depth + 1)
        elif tag & ~_CONSTRUCTED == der.OCTET_STRING:
            inside = content
            if tag & _CONSTRUCTED:
                inside = b"".join(part for _tag, part in _elements(content))
            yield from _inside(inside, depth + 1)


def _inside(data: bytes, depth: int) -> Iterator[bytes]:
    """Go through an octet string if it holds a sequence; what is encrypted holds anything."""
    if data[:1] != bytes((der.SEQUENCE,)):
        return
    try:
        yield from list(_walk(data, depth))
    except der.DerError:
        return


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Go through BER elements: tag and content. A length of 0x80 is one that ends with two zero bytes."""
    offset = 0
    while offset < len(data):
        if data[offset : offset + 2] == b"\x00\x00":
            return
        if data[offset + 1 : offset + 2] == b"\x80":
            end = _end_of_contents(data, offset + 2, 0)
            yield data[offset], data[offset + 2 : end - 2]
            offset = end
        else:
            tag, content, offset = der.read(data, offset)
            yield tag, content


def _end_of_contents(data: bytes, offset: int, depth: int) -> int:
    """Find where the contents end that begin here; give the offset after their two zero bytes."""
    if depth > _DEEPEST:
        raise der.DerError("too deep")
    while data[offset : offset + 2] != b"\x00\x00":
        if data[offset + 1 : offset + 2] == b"\x80":
            offset = _end_of_contents(data, offset + 2, depth + 1)
        else:
            _tag, _content, offset = der.read(data, offset)
    return offset + 2
