# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a recording may show: secrets, names and addresses of the owner go, the words of the appliance stay.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .._mmp import terminal, texts
from .._mmp.masking import split_row
from . import patterns
from .pseudonyms import ADDRESS, DOMAIN, FILE, HARDWARE, HOST, IDENTIFIER, NAME, USER, Pseudonyms
from .words import KNOWN_FILES, generic, generic_name

SECRET, FINGERPRINT, PROSE = "secrets", "digits of certificates", "words of banner and welcome"
MASK = texts.MASK
#: What is shorter than this is masked in its row only: everywhere else it would hide what the appliance says.
_SHORTEST = 4

#: Stand-ins are put in as one character each until all rules have run: no rule sees the work of another.
_FIRST_MARK = 0xF0000
_MOST_MARKS = 0xFFF0

Found = re.Match[str]


class Mask:
    """Knows what is secret and what is private on one node, and takes it out of texts."""

    def __init__(self, secrets: Iterable[str] = (), words: Iterable[str] = ()) -> None:
        """``secrets`` go wherever they stand, and so do ``words``, whatever their case and also inside other words."""
        self.pseudonyms = Pseudonyms()
        self.times: Counter[str] = Counter()
        self._secrets = {secret for secret in secrets if len(secret) >= _SHORTEST}
        self._words = {word for word in words if len(word) > 1}
        self._names: dict[str, tuple[str, str]] = {}
        self._marks: list[tuple[str, int]] = []
        self._pattern: re.Pattern[str] | None = None
        for word in self._words:
            self._know(NAME, word)

    def __repr__(self) -> str:
        return f"Mask({len(self._secrets)} secrets, {len(self._names)} names)"

    # What is known ---------------------------------------------------------------------------------------------------

    def secret(self, value: str) -> None:
        """Know one more secret."""
        if len(value) >= _SHORTEST and value.lower() not in texts.ON_WORDS | texts.OFF_WORDS | {texts.NOTHING}:
            self._secrets.add(value)

    def name(self, kind: str, value: str | None) -> None:
        """Know one more name; words of the appliance itself are no names."""
        text = (value or "").strip()
        if kind == HOST and "." in text and not _address(text):
            host, _dot, domain = text.lstrip("*.").partition(".")
            self.name(HOST, host)
            # Two labels are a domain of their own as likely as a host in one.
            self._know(DOMAIN, domain if "." in domain else f"{host}.{domain}")
            # The middle of a domain is how its owner is called.
            self.name(NAME, domain.split(".")[-2] if "." in domain else host)
        elif len(text) > 2 and not generic_name(text) and not _address(text):
            self._know(kind, text)

    def host(self, value: str) -> None:
        """Know one more node by its name."""
        self.name(HOST, value)

    def _know(self, kind: str, text: str) -> None:
        self._names.setdefault(text.casefold(), (kind, text))
        self.pseudonyms.real.add(text.casefold())
        self._pattern = None

    def learn(self, text: str) -> None:
        """Find secrets and names in rows of a display, so that they are known in every other text too."""
        for line in terminal.plain_lines(text):
            row = _row_of(line)
            if not row:
                continue
            label, value = row
            if patterns.SECRET_LABEL.search(label):
                self.secret(value)
            elif patterns.PRIVATE_LABEL.search(label):
                for word in re.split(r"[\s,;=/]+", value):
                    if not patterns.FILE.fullmatch(word) and not _technical(word):
                        self.name(HOST if "." in word else USER if "user" in label.lower() else NAME, word)
        for found in patterns.FILE.finditer(text):
            self.name(FILE, found[1])
        for found in patterns.DIALLED.finditer(text):
            self.name(HOST, found[1])
        for found in patterns.ELEMENT.finditer(text):
            if patterns.PLACE.search(found["tag"]):
                self.name(HOST, found["text"])

    # Masking ---------------------------------------------------------------------------------------------------------

    def text(self, text: str, *, prose: bool = False, keep_numbers: bool = False, rows: bool = True) -> str:
        """Give the text without secrets and with stand-ins for names.

        ``prose``: a text that its owner wrote; words that the appliance would not say become ``xxxx``.
        ``keep_numbers``: the answer holds version numbers, which look like addresses. ``rows`` False: it is a text of
        help, whose words look like labels and their values.
        """
        self._marks = []
        text = re.sub(r"[\U000f0000-\U0010ffff]", "?", text)
        text = patterns.SEQUENCE.sub(lambda found: self._mark(found[0], len(found[0])), text)
        text = patterns.PEM_KEY.sub(self._secret, self._literally(text))
        if rows:
            text = "\n".join(self._row(line) for line in text.split("\n"))
        text = patterns.ASSIGNED.sub(self._assigned, text)
        text = patterns.ELEMENT.sub(self._element, text)
        text = "\n".join(self._subject(line) for line in text.split("\n"))
        text = self._marked_words(text)
        text = patterns.UUID.sub(self._stand_in(IDENTIFIER), text)
        text = patterns.HARDWARE.sub(self._stand_in(HARDWARE), text)
        text = patterns.HEX.sub(self._digits, text)
        text = patterns.IPV6.sub(self._ipv6, text)
        text = "\n".join(
            line if keep_numbers or patterns.VERSION_LABEL.search(line) else patterns.IPV4.sub(self._ipv4, line)
            for line in text.split("\n")
        )
        text = patterns.MAIL.sub(self._mail, text)
        text = patterns.FILE.sub(self._file, text)
        text = patterns.FQDN.sub(self._fqdn, text)
        text = self._known_names(text)
        text = patterns.DIALLED.sub(self._host, text)
        if rows:
            text = "\n".join(self._private_row(line) for line in self._written_below(text.split("\n")))
        text = patterns.LONG.sub(self._looks_secret, text)
        if prose:
            text = patterns.WORD.sub(self._foreign, text)
        return self._settled(text)

    def wire(self, data: bytes, *, prose: bool = False, keep_numbers: bool = False, rows: bool = True) -> bytes:
        """Mask bytes of the wire; what is no UTF-8 stays as it is."""
        text = data.decode("utf-8", "surrogateescape")
        masked = self.text(text, prose=prose, keep_numbers=keep_numbers, rows=rows)
        return masked.encode("utf-8", "surrogateescape")

    def file(self, name: str) -> str:
        """Give the stand-in of a file of the node; its extension stays."""
        if name.lower() in KNOWN_FILES:
            return name
        base, dot, extension = name.rpartition(".")
        base, extension = (base, dot + extension) if base and len(extension) <= 5 else (name, "")
        return base + extension if generic_name(base) else self._count(FILE, base) + extension

    def plain(self, data: Any) -> Any:
        """Mask every text in plain data."""
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, dict):
            return {self.text(str(key)): self.plain(value) for key, value in data.items()}
        return [self.plain(value) for value in data] if isinstance(data, list) else data

    def residue(self, text: str) -> list[str]:
        """Say of which kinds something is left in a written recording that is known and should have gone."""
        text = patterns.ESCAPED.sub(" ", text)
        found = {SECRET for secret in self._secrets if self._secret_pattern(secret).search(text)}
        if "PRIVATE KEY-----" in text:
            found.add(SECRET)
        stand_ins = {self.pseudonyms.of(kind, real).casefold() for kind, real in self._names.values()}
        for hit in self._names_pattern().finditer(text) if self._names else ():
            if hit[0].casefold() not in stand_ins:
                found.add(self._names[hit[0].casefold()][0])
        return sorted(found)

    def counts(self) -> dict[str, str]:
        """Say of each kind how much was masked."""
        found = {}
        for kind, times in sorted(self.times.items()):
            different = self.pseudonyms.given(kind)
            found[kind] = f"{different} different, {times} times in all" if different else f"{times} times"
        return found

    # Rules -----------------------------------------------------------------------------------------------------------

    def _mark(self, shown: str, length: int) -> str:
        if len(self._marks) >= _MOST_MARKS:
            return shown
        self._marks.append((shown, length))
        return chr(_FIRST_MARK + len(self._marks) - 1)

    def _count(self, kind: str, real: str) -> str:
        self.times[kind] += 1
        return self.pseudonyms.of(kind, real)

    def _stand_in(self, kind: str) -> Callable[[Found], str]:
        return lambda found: self._mark(self._count(kind, found[0]), len(found[0]))

    def _settled(self, text: str) -> str:
        """Put the stand-ins in; blanks behind one of another length make up for it, so that columns stay."""

        def put(found: Found) -> str:
            shown, length = self._marks[ord(found[1]) - _FIRST_MARK]
            blanks = found[2]
            more = length - len(shown)
            if len(blanks) > 1 and shown != MASK:
                blanks = " " * max(len(blanks) + more, 1)
            return shown + blanks

        return re.sub(r"([\U000f0000-\U000fffff])( *)", put, text)

    def _secret(self, found: Found) -> str:
        self.times[SECRET] += 1
        return self._mark(MASK, len(found[0]))

    @staticmethod
    def _secret_pattern(secret: str) -> re.Pattern[str]:
        # A short one may be part of an ordinary word.
        edges = (r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])") if len(secret) < 6 else ("", "")
        return re.compile(edges[0] + re.escape(secret) + edges[1])

    def _literally(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = self._secret_pattern(secret).sub(self._secret, text)
        return text

    def _row(self, line: str) -> str:
        row = _row_of(terminal.plain_lines(line)[0])
        if not row or not row[1]:
            return line
        label, value = row
        if patterns.SERIAL_LABEL.search(label):
            head, tail = line[: line.rfind(value)], line[line.rfind(value) :]
            return head + re.sub(r"(?:0x)?[0-9A-Fa-f]{4,}", self._digits, tail) if value in line else line
        words = texts.ON_WORDS | texts.OFF_WORDS | {texts.NOTHING}
        if not patterns.SECRET_LABEL.search(label) or value.lower() in words or _is_mark(value):
            return line
        self.times[SECRET] += 1
        if value in line:
            head, _value, tail = line.rpartition(value)
            return head + self._mark(MASK, len(value)) + tail
        # Something else stands between its letters: nothing of the line is worth the risk.
        return self._mark(MASK, len(line)) + ("\r" if line.endswith("\r") else "")

    def _assigned(self, found: Found) -> str:
        value = found["value"]
        if value.strip().lower() in texts.ON_WORDS | texts.OFF_WORDS | {texts.NOTHING} or _is_mark(value.strip()):
            return found[0]
        self.times[SECRET] += 1
        return found[0][: found.start("value") - found.start()] + self._mark(MASK, len(value))

    def _element(self, found: Found) -> str:
        tag, value = found["tag"], found["text"].strip()
        head = f"<{tag}{found['rest']}>"
        if patterns.SECRET_LABEL.search(tag) and value.lower() not in texts.ON_WORDS | texts.OFF_WORDS:
            self.times[SECRET] += 1
            return f"{head}{self._mark(MASK, len(value))}</{tag}>"
        if tag.lower().endswith("version"):
            return f"{head}{self._mark(value, len(value))}</{tag}>"
        if tag.lower().endswith("name") and not generic_name(value) and not patterns.FQDN.fullmatch(value):
            return f"{head}{self._mark(self._count(NAME, value), len(value))}</{tag}>"
        if patterns.PLACE.search(tag) and re.fullmatch(r"[\w-]+", value) and not generic_name(value):
            return f"{head}{self._mark(self._count(HOST, value), len(value))}</{tag}>"
        return found[0]

    def _subject(self, line: str) -> str:
        if not patterns.ABOUT_SUBJECT.search(line):
            return line

        def attribute(found: Found) -> str:
            shown = found[3].strip().strip('"')
            value = re.sub(r"\\(.)", r"\1", shown)
            own_rule = patterns.FQDN.fullmatch(value) or patterns.MAIL.fullmatch(value) or _address(value)
            if not value or own_rule:
                return found[0]
            self._know(NAME, value)
            head, _shown, rest = found[3].partition(shown)
            return f"{found[1]}{found[2]}{head}{self._mark(self._count(NAME, value), len(shown))}{rest}"

        return patterns.ATTRIBUTE.sub(attribute, line)

    def _marked_words(self, text: str) -> str:
        for word in sorted(self._words, key=len, reverse=True):
            text = re.sub(re.escape(word), self._stand_in(NAME), text, flags=re.IGNORECASE)
        return text

    def _digits(self, found: Found) -> str:
        self.times[FINGERPRINT] += 1
        return self._mark(re.sub(r"[0-9A-Fa-f]", "0", found[0].removeprefix("0x")), len(found[0]))

    def _ipv6(self, found: Found) -> str:
        if found[0].count(":") < 2 or not _address(found[0]) or patterns.KEPT_ADDRESSES.fullmatch(found[0]):
            return found[0]
        return self._mark(self._count(ADDRESS, found[0]), len(found[0]))

    def _ipv4(self, found: Found) -> str:
        if not _address(found[0]) or patterns.KEPT_ADDRESSES.fullmatch(found[0]):
            return found[0]
        return self._mark(self._count(ADDRESS, found[0]), len(found[0]))

    def _mail(self, found: Found) -> str:
        user = self._mark(self._count(USER, found[1]), len(found[1]))
        return f"{user}@{self._mark(self._count(DOMAIN, found[2]), len(found[2]))}"

    def _file(self, found: Found) -> str:
        if found[0].lower() in KNOWN_FILES or generic_name(found[1]):
            # Marked all the same: no later rule takes it for a name of a host.
            return self._mark(found[0], len(found[0]))
        return self._mark(self._count(FILE, found[1]), len(found[1])) + self._mark(f".{found[2]}", len(found[2]) + 1)

    def _fqdn(self, found: Found) -> str:
        if found[2].count(".") == 1 or found[0].casefold() in self._names:
            return self._mark(self._count(DOMAIN, found[0]), len(found[0]))
        domain = found[2][1:]
        host = found[1] if generic(found[1]) else self._mark(self._count(HOST, found[1]), len(found[1]))
        return f"{host}.{self._mark(self._count(DOMAIN, domain), len(domain))}"

    def _host(self, found: Found) -> str:
        return found[0] if generic_name(found[0]) else self._mark(self._count(HOST, found[0]), len(found[0]))

    def _names_pattern(self) -> re.Pattern[str]:
        if self._pattern is None:
            every = "|".join(re.escape(name) for name in sorted(self._names, key=len, reverse=True))
            self._pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{every})(?![A-Za-z0-9])", re.IGNORECASE)
        return self._pattern

    def _known_names(self, text: str) -> str:
        def known(found: Found) -> str:
            kind, real = self._names[found[0].casefold()]
            return self._mark(self._count(kind, real), len(found[0]))

        return self._names_pattern().sub(known, text) if self._names else text

    def _private_row(self, line: str) -> str:
        row = _row_of(terminal.plain_lines(line)[0])
        if not row or not patterns.PRIVATE_LABEL.search(row[0]) or row[1] not in line or not row[1]:
            return line
        head, value, tail = line.rpartition(row[1])
        return head + re.sub(r"[^\s,;=/:\U000f0000-\U000fffff]+", self._private_word, value) + tail

    def _written_below(self, lines: list[str]) -> Iterator[str]:
        label = ""
        for line in lines:
            below = patterns.WRITTEN_BELOW.search(label.rstrip()) and (
                not _row_of(line.rstrip()) or _indent(line) > _indent(label)
            )
            yield patterns.WORD.sub(self._foreign, line) if below else line
            label = line

    def _private_word(self, found: Found) -> str:
        if _technical(found[0]):
            return found[0]
        return self._mark(self._count(NAME, found[0]), len(found[0]))

    def _looks_secret(self, found: Found) -> str:
        parts = re.split(r"[_=/-]", found[0])
        # Base64 may have its strokes anywhere; a path has none of its other signs.
        if "+" in found[0] or found[0].endswith("="):
            parts.append("".join(parts))
        if any(_random(part) and not generic(part) for part in parts):
            return self._secret(found)
        return found[0]

    def _foreign(self, found: Found) -> str:
        if generic(found[0]) or found[0].isdigit():
            return found[0]
        self.times[PROSE] += 1
        return "x" * len(found[0])


def _row_of(line: str) -> tuple[str, str] | None:
    """Split a row into label and value; the words of the label stand apart, however they were joined."""
    row = split_row(line)
    if row is None:
        tight = patterns.TIGHT_ROW.fullmatch(line.strip()) or patterns.BARE_ROW.fullmatch(line)
        row = (tight[1], tight[2]) if tight else None
    if row is None:
        return None
    return re.sub(r"_|(?<=[a-z])(?=[A-Z])", " ", row[0]), row[1]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_mark(text: str) -> bool:
    return len(text) == 1 and ord(text) >= _FIRST_MARK


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _technical(word: str) -> bool:
    """Say whether a word says nothing about its owner: a number, an interface, a word of the appliance."""
    return bool(re.fullmatch(r"[a-e]|lo|eth\d|[\d.]+|[\W_]+", word)) or generic(word)


def _random(part: str) -> bool:
    """Say whether a part of a word looks as if no person had thought of it."""
    if len(part) < 12:
        return False
    entropy = -sum(n / len(part) * math.log2(n / len(part)) for n in Counter(part).values())
    mixed = any(char.isdigit() for char in part) and any(char.isalpha() for char in part)
    jumps = len(re.findall(r"[a-z][A-Z]", part)) + len(re.findall(r"[A-Z]{2}[a-z]", part))
    return entropy > 2.8 and (mixed or (len(part) >= 16 and jumps >= 4))
