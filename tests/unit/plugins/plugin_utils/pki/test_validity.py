# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When certificates are renewed."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption
from ansible_collections.certops.cms.plugins.plugin_utils._pki import certs, validity
from tests.unit.plugins.plugin_utils.pki import making
from tests.unit.plugins.plugin_utils.pki.making import DAY, NOW


@pytest.mark.parametrize(
    ("text", "lifetime_days", "reserve_days"),
    [
        (None, 398, 30),
        (None, 47, 47 / 3),
        ("30d", 398, 30),
        ("720h", 398, 30),
        ("33%", 100, 33),
        ("1.5 d", 100, 1.5),
        ("30D", 100, 30),
        # More than two thirds of the lifetime would be due for ever.
        ("30d", 6, 4),
        ("99%", 6, 4),
    ],
)
def test_the_time_before_the_end_follows_the_policy(text: str, lifetime_days: int, reserve_days: float) -> None:
    policy = validity.parse_renew_before(text)
    end = NOW + lifetime_days * DAY
    reserve = end - validity.renew_at(NOW, end, policy)
    assert reserve.total_seconds() == pytest.approx(reserve_days * 86400, abs=1)


@pytest.mark.parametrize("text", ["", "30", "soon", "-3d", "0d", "0%", "100%", "150%", "30 days", "1w", "9999999d"])
def test_nonsense_is_refused_by_the_name_of_the_option(text: str) -> None:
    with pytest.raises(BadOption) as caught:
        validity.parse_renew_before(text)
    assert caught.value.obj == "renew_before"


def test_due_begins_exactly_then_and_expired_is_always_due() -> None:
    info = certs.describe(making.make("x", start=NOW - 60 * DAY, end=NOW + 30 * DAY).cert)
    second = datetime.timedelta(seconds=1)
    policy = validity.parse_renew_before("30d")
    assert not validity.is_due(info, policy, NOW - second)
    assert validity.is_due(info, policy, NOW)
    for text in (None, "1h", "1%", "99%"):
        assert validity.is_due(info, validity.parse_renew_before(text), NOW + 31 * DAY)


@given(
    st.integers(1, 5000),
    st.one_of(st.none(), st.integers(1, 9999).map("{}d".format), st.integers(1, 99).map("{}%".format)),
)
def test_a_fresh_certificate_is_never_due(lifetime_hours: int, text: str | None) -> None:
    end = NOW + datetime.timedelta(hours=lifetime_hours)
    moment = validity.renew_at(NOW, end, validity.parse_renew_before(text))
    assert NOW < moment <= end


@pytest.mark.parametrize(
    ("text", "lifetime_days", "capped"),
    [
        (None, 1, False),
        (None, 400, False),
        ("30d", 90, False),
        ("60d", 90, False),
        ("61d", 90, True),
        ("30d", 7, True),
        ("66%", 90, False),
        ("67%", 90, True),
    ],
)
def test_a_time_that_cannot_be_kept_before_the_end_is_told(text: str | None, lifetime_days: int, capped: bool) -> None:
    policy = validity.parse_renew_before(text)
    info = certs.describe(making.make("x", start=NOW, end=NOW + lifetime_days * DAY).cert)
    assert validity.capped(info, policy) is capped
