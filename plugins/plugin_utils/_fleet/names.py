# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of generations and files (guide 3.1, 4.1, 4.2; safety rules S2 and S3).

A name says what the file is for and carries the number of its generation. It is derived from what is there, never
from the clock, so a run that died and the run after it choose the same name.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._errors import BadOption
from .._services import catalogue

_BASE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
#: The largest number of a generation; a longer one in a name on a node is nobody's of ours.
_LAST = 999_999

#: Permitted extensions (guide appendix B, tables 5 and 6), and what holds a request.
CERTIFICATE_EXTENSIONS = ("pem", "der", "cer", "crt")
KEY_EXTENSIONS = ("key", "pem", "der")


def check_base(base: str, option: str) -> str:
    """Give ``base`` back when it may name new files; raise BadOption when it may not (guide 3.1)."""
    if not _BASE.fullmatch(base):
        wrong = sorted({char for char in base if not re.match(r"[A-Za-z0-9-]", char)})
        edge = "begins or ends with a hyphen" if base else "is empty"
        reason = f"holds {', '.join(repr(char) for char in wrong)}" if wrong else edge
        raise BadOption(
            f"{option} {base!r}",
            f"{reason}, which a new file name must not (guide 3.1 and 4.2)",
            "use letters, digits and hyphens only, for example 'callbridge-g2'",
        )
    return base


def check_file(name: str, kinds: tuple[str, ...], option: str) -> str:
    """Give ``name`` back when it may be uploaded: a good base, one dot, a permitted extension (appendix B)."""
    base, dot, extension = name.partition(".")
    if not dot or "." in extension:
        raise BadOption(
            f"{option} {name!r}",
            "needs exactly one dot, directly before the extension (guide 4.2)",
            f"name it like '{base or 'callbridge'}.{kinds[0]}'",
        )
    if extension not in kinds:
        raise BadOption(
            f"{option} {name!r}",
            f"has the extension {extension!r}, which the guide does not permit here (appendix B)",
            "use one of: " + ", ".join(kinds),
        )
    check_base(base, option)
    return name


def comparable(text: str) -> str:
    """Bring a subject or a fingerprint, as a person wrote it, into the form in which it is compared."""
    return re.sub(r"\s*,\s*", ",", text.strip()).lower()


def stem(identity_name: str) -> str:
    """Give the part of a base name that says what an identity is for."""
    cleaned = re.sub(r"[^A-Za-z0-9]+", "-", identity_name).strip("-").lower()
    return cleaned or "identity"


def base(identity_name: str, generation: int) -> str:
    """Give the base name of one generation of an identity."""
    return f"{stem(identity_name)}-g{generation}"


def generation_of(name: str, wanted_stem: str) -> int | None:
    """Give the generation number that a file or base name carries for ``wanted_stem``, or None."""
    match = re.fullmatch(re.escape(wanted_stem) + r"-g(\d{1,6})(?:-[a-z]+)?(?:\.[a-z]+)?", name, re.ASCII)
    return int(match.group(1)) if match else None


def next_generation(wanted_stem: str, names: Iterable[str]) -> int:
    """Give a generation number of a stem that no name among ``names`` has used (S2): the one after the last.

    A node may show any name, so where the last one is taken it is the first that is free.
    """
    used = {generation_of(name, wanted_stem) or 0 for name in names}
    after = 1 + max(used, default=0)
    return after if after <= _LAST else next(number for number in range(1, len(used) + 2) if number not in used)


def next_base(base_name: str, taken: Iterable[str]) -> str:
    """Give the next generation of a base name that no file has used (S2)."""
    of = re.sub(r"-g\d+$", "", base_name)
    return f"{of}-g{next_generation(of, [*taken, base_name])}"


def files_of(base_name: str, chain: bool) -> dict[str, str]:
    """Give the file names of one generation."""
    files = {
        "key": f"{base_name}.key",
        "csr": f"{base_name}.csr",
        "certificate": f"{base_name}.crt",
        "fullchain": f"{base_name}-fullchain.crt",
    }
    if chain:
        files["bundle"] = f"{base_name}-bundle.crt"
    return files


def trust_stem(service: str, trust: str) -> str:
    """Give the stem of the files of a trust setting; one that several services read is named after its display."""
    show = catalogue.BY_NAME[service].trust(trust).show
    return f"{stem(show or f'{service}-{trust}')}-trust"
