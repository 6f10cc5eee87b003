# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one chain check: OpenSSL's own, whose purposes are those of section 2.2 of the guide."""

from __future__ import annotations

from typing import Any

from OpenSSL import crypto

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME


class ChainError(Exception):
    """The chain does not verify; the text is OpenSSL's reason."""


def _openssl(certificate: Any) -> crypto.X509:
    return crypto.X509.from_cryptography(certificate)


def verify(
    leaf: Any, untrusted: list[Any], trusted: list[Any], *, partial: bool = False, any_time: bool = False
) -> None:
    """Verify a leaf against trusted certificates through untrusted ones.

    ``partial`` lets a trusted certificate that is no root end the chain. ``any_time`` leaves the dates
    out of it. ChainError with the reason when it fails.
    """
    store = crypto.X509Store()
    for certificate in trusted:
        store.add_cert(_openssl(certificate))
    if partial:
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    if any_time:
        store.set_flags(_NO_CHECK_TIME)
    context = crypto.X509StoreContext(store, _openssl(leaf), [_openssl(item) for item in untrusted])
    try:
        context.verify_certificate()
    except crypto.X509StoreContextError as exc:
        raise ChainError(str(exc)) from exc
