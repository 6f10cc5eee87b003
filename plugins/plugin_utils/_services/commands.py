# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The appliance's commands that belong to no service, each spelled here and nowhere else.

Those of a service stand in its row of the catalogue. Facts: sections 2.5 and 4 of the command line notes; guide 3.1 and
appendix C.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterable

from . import catalogue

VERSION = "version"
HELP = "help"
PKI = "pki"
PKI_LIST = "pki list"
PKI_INSPECT = "pki inspect"
PKI_MATCH = "pki match"
PKI_VERIFY = "pki verify"
PKI_CSR = "pki csr"
PKI_UNLOCK = "pki unlock"
PKI_SELFSIGNED = "pki selfsigned"
PKI_SIGN = "pki sign"
PKI_PKCS12_TO_SSH = "pki pkcs12-to-ssh"
USER_LIST = "user list"
USER_INFO = "user info"

#: The word that takes a setting back.
NONE = "none"

#: The attributes of ``pki csr`` in the order of guide table 4, and the one for alternative names.
CSR_ATTRIBUTES = ("CN", "OU", "O", "L", "ST", "C", "emailAddress")
CSR_NAMES = "subjectAltName"

#: Displays that belong to no service of the catalogue.
OTHER_DISPLAYS = ("database cluster status",)
#: Displays of settings that several services read.
SETTING_DISPLAYS = tuple(dict.fromkeys(show for service in catalogue.SERVICES for show in service.shows))
#: Commands that only show something.
DISPLAYS = frozenset(
    [VERSION, PKI, PKI_LIST, USER_LIST, *SETTING_DISPLAYS, *OTHER_DISPLAYS]
    + [service.show for service in catalogue.SERVICES]
    + [f"{service.name} status" for service in catalogue.SERVICES]
)
#: Commands that only show something, and take arguments.
QUESTIONS = (HELP, PKI_INSPECT, PKI_MATCH, PKI_VERIFY, USER_INFO)


def pki_csr(base: str, attributes: Iterable[tuple[str, str]]) -> str:
    """Give the command that makes a key and a CSR; quoting the values is the caller's."""
    return " ".join([PKI_CSR, base, *(f"{name}:{value}" for name, value in attributes)])


def pki_selfsigned(base: str, attributes: Iterable[tuple[str, str]]) -> str:
    """Give the command that makes a key and a self-signed certificate; quoting the values is the caller's."""
    return " ".join([PKI_SELFSIGNED, base, *(f"{name}:{value}" for name, value in attributes)])


def pki_sign(request: str, authority: str) -> str:
    """Give the command that signs the CSR of a base name with key and certificate of another one."""
    return f"{PKI_SIGN} {request} {authority}"


def pki_unlock(key: str) -> str:
    """Give the command that takes the passphrase off a key; it asks for it."""
    return f"{PKI_UNLOCK} {key}"


def pki_pkcs12_to_ssh(user: str) -> str:
    """Give the command that makes the PKCS#12 file of a user his public SSH key; it asks for the passphrase."""
    return f"{PKI_PKCS12_TO_SSH} {user}"


def pki_inspect(file: str) -> str:
    """Give the command that says what a file is."""
    return f"{PKI_INSPECT} {file}"


def pki_match(key: str, certificate: str) -> str:
    """Give the command that asks whether a key and a certificate belong together."""
    return f"{PKI_MATCH} {key} {certificate}"


def pki_verify(certificate: str, bundle: str, authority: str | None = None) -> str:
    """Give the command that asks whether a chain verifies; the root may stand in a file of its own."""
    return " ".join(word for word in (PKI_VERIFY, certificate, bundle, authority) if word)


def disable(service: str) -> str:
    """Give the command that switches a service off."""
    return f"{service} disable"


def enable(service: str) -> str:
    """Give the command that switches a service on."""
    return f"{service} enable"
