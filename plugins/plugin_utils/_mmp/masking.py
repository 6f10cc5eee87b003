# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep secrets out of everything that leaves a session: transcripts, errors, replies, repr.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from . import texts

_PEM_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_COLON = re.compile(r":(?=[ \t]|$)|(?<=[ \t]):")
_GAP = re.compile(r"\t|[ \t]{2,}")


def split_row(line: str) -> tuple[str, str] | None:
    """Split a display row at its first colon with a blank on a side, or else at its first wide gap."""
    colon = _COLON.search(line)
    if colon:
        return line[: colon.start()].strip(), line[colon.end() :].strip()
    gap = _GAP.search(line.strip())
    if gap:
        body = line.strip()
        return body[: gap.start()].strip(), body[gap.end() :].strip()
    return None


def mask_row(line: str) -> str:
    """Mask the value of a display row whose label names a secret."""
    for parts in (split_row(line), _split_gap(line)):
        if parts and parts[1] and texts.SECRET_LABEL.search(parts[0]) and parts[1].lower() != texts.NOTHING:
            at = line.find(parts[1], len(line) - len(line.lstrip()) + len(parts[0]))
            return line[:at] + texts.MASK if at >= 0 else texts.MASK
    return line


def _split_gap(line: str) -> tuple[str, str] | None:
    body = line.strip()
    gap = _GAP.search(body)
    return (body[: gap.start()].rstrip(" :"), body[gap.end() :].lstrip(" :\t")) if gap else None


def mask_command(command: str) -> str:
    """Mask the arguments of a command line that are known to be secret."""
    for pattern in texts.SECRET_COMMANDS:
        found = pattern.match(command)
        if found:
            start, end = found.span("s1")
            command = command[:start] + texts.MASK + command[end:]
    return command


class Masker:
    """Replace known secrets, secret rows and private keys in text."""

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        self._secrets: set[str] = set()
        for secret in secrets:
            self.add(secret)

    def __repr__(self) -> str:
        return f"Masker({len(self._secrets)} secrets)"

    def add(self, secret: str | None) -> None:
        """Know one more secret."""
        if secret:
            self._secrets.add(secret)

    def literal(self, text: str) -> str:
        """Mask only the secrets themselves, wherever they stand."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            if len(secret) >= 6:
                text = text.replace(secret, texts.MASK)
            else:
                # A short one may be part of an ordinary word.
                text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", texts.MASK, text)
        return text

    def text(self, text: str) -> str:
        """Mask secrets, private keys and secret rows."""
        text = _PEM_KEY.sub(texts.MASK, self.literal(text))
        return "\n".join(mask_row(line) for line in text.split("\n"))

    def lines(self, lines: Iterable[str]) -> list[str]:
        """Mask several lines."""
        return self.text("\n".join(lines)).split("\n") if lines else []

    def command(self, command: str) -> str:
        """Mask a command line."""
        return mask_command(self.literal(command))
