# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A finding: one rule broken, by what, and what to do next.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, overload

from ._text import printable

ERROR = "error"
WARNING = "warning"
REMARK = "remark"
SEVERITIES = (ERROR, WARNING, REMARK)


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    """One rule broken.

    ``rule`` is a stable id in kebab case, ``section`` the paragraph it comes from (a section of the certificate guide
    such as ``2.2``, or a safety rule such as ``S5``). ``cured`` marks a fault of today that the plan removes: it is
    shown, and does not block (S1). ``lowered_from`` and ``lowered_because`` say from what the inventory lowered its
    severity, and with which reason; both are empty where it did not.
    """

    severity: str
    rule: str
    section: str
    object: str
    found: str
    next_step: str
    cured: bool = False
    lowered_from: str = ""
    lowered_because: str = ""

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise AssertionError(f"Contract violation: severity {self.severity!r}")

    @property
    def blocks(self) -> bool:
        """Say whether this finding forbids changes."""
        return self.severity == ERROR and not self.cured

    def as_dict(self) -> dict[str, Any]:
        """Give the finding as plain data."""
        return dataclasses.asdict(self)

    def as_cured(self) -> Finding:
        """Give the same finding, marked as removed by the plan."""
        return dataclasses.replace(self, cured=True)

    def as_lowered(self, severity: str, reason: str) -> Finding:
        """Give the same finding with a lower severity, which the inventory gives a reason for."""
        return dataclasses.replace(
            self, severity=severity, lowered_from=self.lowered_from or self.severity, lowered_because=reason
        )

    @property
    def lowering(self) -> str:
        """Say from what it was lowered and why; nothing where it was not."""
        return f"lowered from {self.lowered_from} by cms_rules: {self.lowered_because}" if self.lowered_from else ""

    def __str__(self) -> str:
        source = f"rule {self.section}" if self.section.startswith("S") else f"guide {self.section}"
        cured = " (cured by this plan)" if self.cured else ""
        return printable(
            f"{self.severity}{cured} [{self.rule}, {source}] {self.object}: {self.found}. {self.next_step}."
            + (f" ({self.lowering})" if self.lowered_from else "")
        )


class Later(Sequence[Finding]):
    """Findings that take time to find out, such as unlocking a key; ``find`` is called when somebody looks, once."""

    def __init__(self, find: Callable[[], list[Finding]]) -> None:
        self._find = functools.cache(find)

    def __len__(self) -> int:
        return len(self._find())

    @overload
    def __getitem__(self, place: int) -> Finding: ...

    @overload
    def __getitem__(self, place: slice) -> list[Finding]: ...

    def __getitem__(self, place: int | slice) -> Finding | list[Finding]:
        return self._find()[place]


def refusal(findings: Iterable[Finding]) -> tuple[str, str]:
    """Give reason and next step of a refusal because of these findings; several are numbered, so that they pair up."""
    found = list(findings)
    if len(found) == 1:
        return f"nothing was changed, because of {found[0].object}: {found[0].found}", found[0].next_step
    reasons = "; ".join(f"({number}) {each.object}: {each.found}" for number, each in enumerate(found, 1))
    steps: dict[str, list[str]] = {}
    for number, each in enumerate(found, 1):
        steps.setdefault(each.next_step, []).append(f"({number})")
    told = "; ".join(f"{', '.join(numbers)} {step}" for step, numbers in steps.items())
    return f"nothing was changed, because of {len(found)} errors: {reasons}", told


def from_dict(data: dict[str, Any]) -> Finding:
    """Build a finding from ``as_dict`` output."""
    return Finding(**{field.name: data[field.name] for field in dataclasses.fields(Finding) if field.name in data})
