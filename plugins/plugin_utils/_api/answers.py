# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an answer of the REST API says: its words for numbers, flags and failures.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from .._errors import ApiProblem

#: The name of a failure where the server has none for it: HTTP 404.
MISSING = "noSuchObject"
TRUE_WORDS = ("true", "1", "yes", "enabled")
FALSE_WORDS = ("false", "0", "no", "disabled")


def number(text: str | None) -> int | None:
    """Read a count that is zero or more; None for anything else."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def is_missing(error: ApiProblem) -> bool:
    """Say whether an error is that there is no such object."""
    return any(_names_missing(name) for name in error.failures)


def says_missing(status: int, failure: list[str]) -> bool:
    """Say whether an answer means that there is no such object."""
    return status == 404 or any(_names_missing(name) for name in failure)


def _names_missing(name: str) -> bool:
    return name in (MISSING, "unrecognisedObject") or name.endswith("DoesNotExist")


def details_in(root: Element | None) -> str:
    """Give what stands in the reasons, whatever it is called: a parameter, what is wrong with it."""
    said = []
    for element in root.iter() if root is not None else ():
        said += [f"{name[:40]}={value[:80]}" for name, value in element.attrib.items()]
        text = (element.text or "").strip()
        said += [text[:80]] if text else []
    return ": " + ", ".join(said[:6]) if said else ""


def failures_in(root: Element | None) -> list[str]:
    """Give the reasons in ``<failureDetails>``; the names of the elements are what can be relied on."""
    if root is None or root.tag != "failureDetails":
        return []
    return [element.tag[:60] for element in root.iter() if element is not root] or ["failureDetails"]


def truth(word: str | None) -> bool | None:
    """Read a flag; None when it is unset or not understood."""
    if word is None:
        return None
    return True if word.lower() in TRUE_WORDS else False if word.lower() in FALSE_WORDS else None


def text_of(root: Element | None, tag: str) -> str | None:
    """Give the text of the first element of this name, None when there is none or it is empty."""
    if root is not None:
        for element in root.iter():
            text = (element.text or "").strip()
            if element.tag.lower() == tag.lower() and text:
                return text
    return None
