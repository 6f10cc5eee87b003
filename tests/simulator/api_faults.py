# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers of the API that are wrong in their form: what stands in ``text`` of the fault ``api_form``."""

from __future__ import annotations

import re

#: What the text of the fault may be. Each spoils an answer that is right otherwise, but ``odd``, which says the same.
FORMS = (
    "truncated",  # half of the body, and the end of the connection
    "long_length",  # Content-Length says more than comes
    "short_length",  # Content-Length says less than comes
    "redirect",
    "html",
    "503",
    "doctype",  # a document type before the body
    "entities",  # entities that grow
    "not_utf8",
    "odd",  # comments, line breaks, an element nobody knows: the same to who reads it well
)
_GROWING = (
    '<?xml version="1.0"?><!DOCTYPE z [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefg", "bcdefgh", strict=True))
    + "]><status><softwareVersion>&h;</softwareVersion></status>"
)


def spoil(form: str, status: int, body: str) -> tuple[int, str, dict[str, str]]:
    """Give status, body and further headers of the spoiled answer; lengths are spoiled by ``cut``."""
    if form == "redirect":
        return 302, "", {"Location": "https://login.example.test/"}
    if form == "503":
        return 503, "", {}
    if form == "html":
        return (
            200,
            "<html><head><title>Sign in</title></head><body><p>Please sign in</p></body></html>",
            {"Content-Type": "text/html"},
        )
    if form == "entities":
        return 200, _GROWING, {}
    if form == "doctype":
        return status, body.replace("?>", '?><!DOCTYPE any SYSTEM "http://login.example.test/any.dtd">', 1), {}
    if form == "odd":
        return status, _odd(body), {}
    return status, body, {}


def _odd(body: str) -> str:
    """Say the same in other words; a list gets no members that it does not have."""
    found = re.match(r"(<\?xml[^>]*\?>)(<(\w+)(?=[\s>])[^>]*(?<!/)>)(.*)$", body, re.S)
    if found is None:
        return body
    head, opening, name, rest = found.groups()
    more = "" if "total=" in opening else '<introducedLater since="4.0"><and>more</and></introducedLater>'
    end = f"</{name}>"
    opening = opening.replace(f"<{name}", f'<{name}\n  introducedLater="yes"', 1)
    return f"{head}\n<!-- odd -->\n{opening}\n  {rest.removesuffix(end)}{more}\n{end}\n<!-- end -->"


def cut(form: str, head: list[str], body: bytes) -> tuple[list[str], bytes, bool]:
    """Spoil the length; gives the head, what is sent, and whether the connection ends after it."""
    sent, said = body, len(body)
    if form == "truncated":
        sent = body[: len(body) // 2]
    elif form == "long_length":
        said += 10
    elif form == "short_length":
        said //= 2
    elif form == "not_utf8":
        sent = body.replace(b"</", b"\xff\xfe</", 1)
        said = len(sent)
    else:
        return head, body, False
    kept = [line for line in head if not line.lower().startswith(("content-length:", "transfer-encoding:"))]
    return [*kept, f"Content-Length: {said}"], sent, form != "short_length"
