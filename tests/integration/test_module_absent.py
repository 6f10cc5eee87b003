# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``state: absent`` of the modules service and trust: check, apply, check again, apply again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.estate import assert_done, close
from tests.integration.test_module_service import SERVICE, TRUST, Hand, play, surveyed, task
from tests.simulator import certs

COMMAND = "certops.cms.command"


@pytest.fixture(scope="module")
def hand(dialect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    made = Hand(tmp_path_factory.mktemp("hand"))
    yield made
    close(made.estate)


def test_settings_are_taken_back_where_no_link_needs_them(hand: Hand) -> None:
    file = hand.lay("core1", "branding.pem", certs.cert_pem(hand.old_ca.root))
    absent = {"state": "absent"}
    done = hand.run(
        play("core1", task("Set", COMMAND, {"command": f"callbridge trust branding {file}"})),
        play("edge3", task("Off", COMMAND, {"command": "turn disable"})),
        surveyed(),
        play("edge1", task("Needed trust", TRUST, {"service": "webbridge3", **absent}, ignore_errors=True)),
        play("core1", task("Needed certificate", SERVICE, {"service": "callbridge", **absent}, ignore_errors=True)),
        play("edge1", task("Running", SERVICE, {"service": "turn", **absent}, ignore_errors=True)),
        play(
            "core1", task("Too much", SERVICE, {"service": "callbridge", "key": "a.key", **absent}, ignore_errors=True)
        ),
    )
    assert_done(done)
    assert "edge1<core1 c2w_client" in done.one(task="Needed trust")["error"]["reason"]
    assert "presents no certificate" in done.one(task="Needed certificate")["error"]["reason"]
    assert "switch it off first" in done.one(task="Running")["msg"]
    assert "state is absent" in done.one(task="Too much")["msg"]

    trust = play("core1", task("Trust", TRUST, {"service": "callbridge", "trust": "branding", **absent}))
    slot = play("edge3", task("Slot", SERVICE, {"service": "turn", **absent}))
    changed = []
    for check in (True, False, True, False):
        since = hand.estate.now()
        done = hand.run(surveyed(), trust, slot, check=check, diff=True)
        assert_done(done)
        seen = hand.estate.seen(since)
        changed.append([done.one(task=name)["changed"] for name in ("Trust", "Slot")])
        if len(changed) == 2:
            assert seen.restarts == {"core1": {"callbridge": 1}}
            assert seen.broken_links == []
            assert "callbridge trust branding none" in seen.commands("core1")
            assert "turn certs none" in seen.commands("edge3")
        else:
            assert seen.changes == []
    assert changed == [[True, True], [True, True], [False, False], [False, False]]
    assert hand.stored("core1", "callbridge")["branding_trust"] is None
    assert hand.stored("edge3", "turn")["tls_certs"] is None
