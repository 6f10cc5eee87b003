# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What two surveys of one node do not agree on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: What belongs to one login or one moment.
PASSING = frozenset({"taken_at", "logins", "uptime_seconds", "active_seconds"})


def told(survey: Mapping[str, Any]) -> dict[str, Any]:
    """Give every value of a survey by its path."""
    return dict(_walk("", survey))


def _walk(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            if key not in PASSING:
                yield from _walk(f"{path}/{key}", inner)
    elif isinstance(value, (list, tuple)) and any(isinstance(inner, Mapping) for inner in value):
        for number, inner in enumerate(value):
            yield from _walk(f"{path}/{number}", inner)
    else:
        yield path, value


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Give the paths under which two surveys say something else."""
    before, after = told(one), told(other)
    return {
        path: (before.get(path), after.get(path))
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    }
