# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encrypt a private key so that its passphrase is expensive to guess.

The cryptography library encrypts PKCS#8 with 2048 rounds of PBKDF2, however good its cipher is, and has no option for
more. So the EncryptedPrivateKeyInfo of RFC 5958 is put together here, with PBES2 and PBKDF2 of RFC 8018: forms that
OpenSSL and the library itself read.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import base64
import os
import textwrap

from .der import NULL, OCTET_STRING, SEQUENCE, integer, object_identifier, write

try:
    from cryptography.hazmat.primitives import hashes, padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
except ImportError:
    pass

#: Rounds of PBKDF2 for a new file. Opening a key takes as long, some tenths of a second. Tests take fewer.
ITERATIONS = 600_000

_PBES2 = "1.2.840.113549.1.5.13"
_PBKDF2 = "1.2.840.113549.1.5.12"
_HMAC_SHA256 = "1.2.840.113549.2.9"
_AES256_CBC = "2.16.840.1.101.3.4.1.42"
_KEY_BYTES, _SALT_BYTES, _BLOCK_BYTES = 32, 16, 16


def encrypt(private_key_info: bytes, passphrase: bytes) -> bytes:
    """Encrypt an open PKCS#8 key in DER; give PEM (``ENCRYPTED PRIVATE KEY``)."""
    salt, start = os.urandom(_SALT_BYTES), os.urandom(_BLOCK_BYTES)
    secret = PBKDF2HMAC(hashes.SHA256(), _KEY_BYTES, salt, ITERATIONS).derive(passphrase)
    padder = padding.PKCS7(_BLOCK_BYTES * 8).padder()
    cipher = Cipher(algorithms.AES(secret), modes.CBC(start)).encryptor()
    locked = cipher.update(padder.update(private_key_info) + padder.finalize()) + cipher.finalize()
    whole = _sequence(_algorithm(salt, ITERATIONS, start), write(OCTET_STRING, locked))
    body = "\n".join(textwrap.wrap(base64.b64encode(whole).decode("ascii"), 64))
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{body}\n-----END ENCRYPTED PRIVATE KEY-----\n".encode("ascii")


def _algorithm(salt: bytes, iterations: int, start: bytes) -> bytes:
    """Give the AlgorithmIdentifier PBES2: how the key is derived (A.2 of RFC 8018), and the cipher with its start."""
    pseudorandom = _sequence(object_identifier(_HMAC_SHA256), write(NULL, b""))
    # The length of the key is left out, as OpenSSL does: the cipher says it.
    derivation = _sequence(write(OCTET_STRING, salt), integer(iterations), pseudorandom)
    cipher = _sequence(object_identifier(_AES256_CBC), write(OCTET_STRING, start))
    return _sequence(object_identifier(_PBES2), _sequence(_sequence(object_identifier(_PBKDF2), derivation), cipher))


def _sequence(*parts: bytes) -> bytes:
    return write(SEQUENCE, b"".join(parts))
