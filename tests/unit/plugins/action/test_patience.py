# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the variables about calls, draining and waiting may say, and how the rest is refused."""

from __future__ import annotations

from typing import Any, cast

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._action import CmsAction
from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption
from ansible_collections.certops.cms.plugins.plugin_utils._gather import patience


class Variables:
    """An action of which only options and variables are asked for."""

    def __init__(self, **known: Any) -> None:
        self.known = known

    def option(self, _name: str, variable: str, default: Any = None) -> Any:
        value = self.known.get(variable)
        return default if value is None else value


def given(**known: Any) -> dict[str, Any]:
    return patience(cast(CmsAction, Variables(**known)))


def test_nothing_set_stops_at_calls_drains_nobody_and_gives_alarms_three_minutes() -> None:
    assert given() == {
        "calls": "stop",
        "calls_timeout": 3600.0,
        "proof_timeout": 60.0,
        "alarm_timeout": 180.0,
        "drain": False,
        "drain_load_limit": 1,
    }


@pytest.mark.parametrize("word", [True, "true", "Yes"])
def test_draining_goes_with_waiting(word: Any) -> None:
    found = given(cms_calls="wait", cms_drain=word, cms_drain_load_limit="250")
    assert (found["drain"], found["drain_load_limit"]) == (True, 250)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"cms_drain": True}, "cms_drain: is on, and cms_calls is stop"),
        ({"cms_drain": True, "cms_calls": "drop"}, "cms_calls is drop"),
        ({"cms_drain": "perhaps"}, "cms_drain: is 'perhaps'"),
        # Nobody knows whether that stops all calls or allows all.
        ({"cms_drain_load_limit": 0}, "cms_drain_load_limit: is 0"),
        ({"cms_drain_load_limit": -1}, "cms_drain_load_limit: is -1"),
        ({"cms_drain_load_limit": True}, "cms_drain_load_limit: is True"),
        ({"cms_alarm_timeout": "a while"}, "cms_alarm_timeout: is 'a while'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_does(known: dict[str, Any], said: str) -> None:
    with pytest.raises(BadOption) as caught:
        given(**known)
    assert said in str(caught.value)
    assert caught.value.next_step
