# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings that cost something to know are found out only when somebody looks: unlocking a key takes time."""

from __future__ import annotations

import dataclasses

from ansible_collections.certops.cms.plugins.plugin_utils._findings import ERROR, Finding, Later
from tests.unit.plugins.plugin_utils.fleet import kit
from tests.unit.plugins.plugin_utils.fleet.kit import OLD, standard

LOCKED = Finding(ERROR, "issuer-unusable", "A.2", "issuer internal", "the key does not open", "Give the passphrase")


def asked() -> tuple[list[int], Later]:
    """Give what counts the looks, and findings that are counted."""
    looks: list[int] = []

    def find() -> list[Finding]:
        looks.append(1)
        return [LOCKED]

    return looks, Later(find)


def test_they_are_found_out_once_and_not_before_somebody_looks() -> None:
    looks, later = asked()
    assert not looks
    assert list(later) == [LOCKED]
    assert (len(later), later[0], later[:1]) == (1, LOCKED, [LOCKED])
    assert looks == [1]


def with_counted_issuer(ends: int) -> tuple[list[int], dict[str, object]]:
    looks, later = asked()
    fleet = standard(1, 1, issuer=OLD, ends=ends)
    name = next(iter(fleet.issuers))
    fleet.issuers[name] = dataclasses.replace(fleet.issuers[name], findings=later)
    return looks, fleet.plan(kit.RENEW)


def test_a_renewal_with_nothing_due_unlocks_nothing() -> None:
    looks, plan = with_counted_issuer(ends=150)
    assert not plan["blocked"]
    assert not looks


def test_a_renewal_with_something_due_does() -> None:
    looks, plan = with_counted_issuer(ends=9)
    assert plan["blocked"]
    assert looks == [1]
