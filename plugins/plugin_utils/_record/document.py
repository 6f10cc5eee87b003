# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The form of a recording: YAML that a person reads from top to bottom, with every byte of the wire in it.

What was on the wire stands in blocks. A line of a block is a line of the wire, whose end is written out: ``\\r\\n`` or
``\\n``. Bytes that do not print are ``\\x1b``, a backslash is ``\\\\``.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import os
import re
import tempfile
from typing import Any

from .._errors import FileProblem

try:
    import yaml
except ImportError:
    pass

#: The version of this form.
FORMAT = 1
#: A line of the wire is a line of the block.
_NAMED = {0x0A: "\\n\n", 0x0D: "\\r", 0x09: "\\t", 0x5C: "\\\\"}
_BACK = {"n": b"\n", "r": b"\r", "t": b"\t", "\\": b"\\"}
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|([nrt\\]))")


class Block(str):
    """A text that is written as a block."""

    __slots__ = ()


def shown(data: bytes) -> Block:
    """Give bytes of the wire as text, line by line; ``wire`` gives them back."""
    text = "".join(_NAMED.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}") for byte in data)
    # A blank at the end of a line would be lost, for a reader and in YAML.
    text = re.sub(r" \Z", r"\\x20", text)
    return Block(text)


def shown_elements(data: bytes) -> Block:
    """Give XML as ``shown`` does, each element on a line of its own."""
    return Block(shown(data).replace("><", ">\n<"))


def wire(text: str) -> bytes:
    """Give the bytes that ``shown`` wrote. Raises ValueError for what it never writes."""
    out = bytearray()
    at = 0
    text = text.replace("\n", "")
    while at < len(text):
        char = text[at]
        if char != "\\":
            out += char.encode("ascii")
            at += 1
            continue
        found = _ESCAPE.match(text, at)
        if not found:
            raise ValueError(f"{text[at : at + 6]!r} is no escape of a recording")
        out += bytes([int(found.group(1), 16)]) if found.group(1) else _BACK[found.group(2)]
        at = found.end()
    return bytes(out)


def written(recording: dict[str, Any]) -> str:
    """Give a recording as YAML, its parts in the order in which they were put in."""

    class Dumper(yaml.SafeDumper):
        """Writes blocks as blocks, and no anchors: nobody reads those."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def block(dumper: Any, data: Block) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", str(data), style="|" if data else "'")

    Dumper.add_representer(Block, block)
    text = yaml.dump(recording, Dumper=Dumper, sort_keys=False, allow_unicode=False, width=200)
    return f"---\n{text}"


def collection_version() -> str:
    """Give the version of this collection, from what an installation or a checkout says; empty where neither does."""
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
    for name, find in (("MANIFEST.json", r'"version":\s*"([^"]+)"'), ("galaxy.yml", r"(?m)^version:\s*(\S+)")):
        try:
            with open(os.path.join(root, name), encoding="utf-8") as stream:
                found = re.search(find, stream.read())
        except OSError:
            continue
        if found:
            return found[1]
    return ""


def read(text: str) -> dict[str, Any]:
    """Read a recording. Raises ValueError for a file that is none."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"is not YAML ({error})") from error
    if not isinstance(found, dict) or "recording" not in found:
        raise ValueError("is no recording of certops.cms.record")
    if found["recording"] != FORMAT:
        raise ValueError(f"has the form {found['recording']!r}, and {FORMAT} is understood")
    return found


def write(path: str, text: str) -> None:
    """Write the file for its owner alone, in one step: a run that is killed leaves the old file or none."""
    folder = os.path.dirname(path)
    temporary = ""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".recording-", dir=folder)
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        temporary = ""
    except OSError as error:
        raise FileProblem(
            path,
            f"the recording cannot be written ({error.strerror or error})",
            "name a folder that you may write to with the variable cms_record_dir, or free space there",
        ) from error
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
