# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read and write just enough DER for what the cryptography library does not show of a certificate or does with a key.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterator

INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OBJECT_IDENTIFIER = 0x06
SEQUENCE = 0x30
CONTEXT_0 = 0xA0


class DerError(ValueError):
    """The bytes are not DER. Never leaves this package."""


def read(data: bytes, offset: int = 0) -> tuple[int, bytes, int]:
    """Read one element: its tag byte, its content, and the offset after it."""
    if offset + 2 > len(data):
        raise DerError("the data ends inside an element")
    tag, length = data[offset], data[offset + 1]
    offset += 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or offset + count > len(data):
            raise DerError("a length that cannot be used")
        length = int.from_bytes(data[offset : offset + count], "big")
        offset += count
    if offset + length > len(data):
        raise DerError("an element is longer than the data")
    return tag, data[offset : offset + length], offset + length


def write(tag: int, content: bytes) -> bytes:
    """Write one element; its length as short as it can be."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(number: int) -> bytes:
    """Write a whole number that is not negative."""
    # One bit more than the number has: the first bit is the sign.
    return write(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def object_identifier(dotted: str) -> bytes:
    """Write an object identifier: its first two parts as one, each in digits of base 128, marked but for the last."""
    first, second, *others = (int(part) for part in dotted.split("."))
    content = b""
    for number in (first * 40 + second, *others):
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(number & 0x7F | 0x80)
        content += bytes(reversed(digits))
    return write(OBJECT_IDENTIFIER, content)


def elements(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Go through the elements of a constructed value: tag, content, and the whole element."""
    offset = 0
    while offset < len(content):
        tag, inner, end = read(content, offset)
        yield tag, inner, content[offset:end]
        offset = end


def children(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """Give the elements inside the one sequence that ``data`` holds."""
    tag, content, _end = read(data)
    if tag != SEQUENCE:
        raise DerError("not a sequence")
    return list(elements(content))


def bits(data: bytes) -> list[bool]:
    """Give the bits of a DER bit string, the first (most significant) one first."""
    tag, content, _end = read(data)
    if tag != BIT_STRING or not content or content[0] > 7:
        raise DerError("not a bit string")
    values = [bool(byte >> (7 - position) & 1) for byte in content[1:] for position in range(8)]
    return values[: len(values) - content[0]] if content[0] else values


def shape(data: bytes) -> str:
    """Guess what a DER file holds: ``pkcs7``, ``pkcs12``, ``encrypted key``, ``key``, ``signed`` or ``unknown``.

    ``signed`` is a certificate or a CSR, which look alike from outside.
    """
    try:
        parts = children(data)
        tags = [tag for tag, _content, _whole in parts]
        if tags[:2] == [OBJECT_IDENTIFIER, CONTEXT_0]:
            return "pkcs7"
        if tags[:3] == [SEQUENCE, SEQUENCE, BIT_STRING]:
            return "signed"
        if tags == [SEQUENCE, OCTET_STRING]:
            return "encrypted key"
        if tags[:2] == [0x02, SEQUENCE] and len(tags) > 2 and tags[2] == OCTET_STRING:
            return "key"
        if tags[:2] == [0x02, 0x02] or tags[:2] == [0x02, OCTET_STRING]:
            return "key"
        if tags[:2] == [0x02, SEQUENCE]:
            return "pkcs12"
    except DerError:
        pass
    return "unknown"
