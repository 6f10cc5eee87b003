# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook rollback: from the new root back to the old one, by the door that people use."""

from __future__ import annotations

from typing import Any

from tests.integration.estate import (
    SITE,
    StartEstate,
    announced,
    assert_done,
    assert_untouched,
    flat,
    plan_of,
)
from tests.integration.wire import look_at_all

ROLLBACK = "certops.cms.rollback"
OLD_ROOT = "CN=Example Old Root CA,O=Example"
CONSENT = {"cms_accept_anchors": [OLD_ROOT], "cms_rollback_reason": "CUCM refuses the new ones"}


def test_a_fleet_goes_to_a_new_root_and_back_and_stays_there(estate: StartEstate) -> None:
    made = estate()
    old = made.fleet.state / "ca" / "root.crt"
    before = look_at_all(made.describe(), old)
    assert_done(made.run(SITE))

    # Whoever is outside must be thought of first (S17); nothing is touched by that, nor by a look.
    since = made.now()
    refused = made.run(ROLLBACK)
    assert refused.rc != 0
    assert f"run it again with cms_accept_anchors: ['{OLD_ROOT}']" in flat(refused)
    looked = made.run(ROLLBACK, check=True, diff=True, extra=CONSENT)
    assert_done(looked)
    assert "goes back to what it had before (CUCM refuses the new ones)" in flat(looked)
    assert_untouched(made.seen(since))

    since = made.now()
    done = made.run(ROLLBACK, extra=CONSENT)
    assert_done(done)
    assert plan_of(done)["plan"]["id"] == plan_of(looked)["plan"]["id"]
    seen = made.seen(since)
    each = {"core1": {"callbridge": 1, "webadmin": 1}, "edge1": {"webbridge3": 1, "turn": 1}}
    assert seen.restarts == announced(done) == each
    assert seen.of("sftp_put") == seen.of("csr_made") == []
    assert {e["command"] for e in seen.of("command") if e["command"].startswith("pki match")}
    after = look_at_all(made.describe(), old)
    assert {key: what.leaf for key, what in after.items()} == {key: what.leaf for key, what in before.items()}
    assert "proven" in flat(done)

    for playbook, extra in ((ROLLBACK, CONSENT), (SITE, {})):
        since = made.now()
        again = made.run(playbook, extra=extra)
        assert_done(again)
        assert again.changed == 0
        assert_untouched(made.seen(since))
    assert "was put back in place of callbridge-g1 (CUCM refuses the new ones)" in flat(again)

    # A person lets one node go on; what it had is taken up again.
    since = made.now()
    on: dict[str, Any] = {"cms_roll_forward": ["core1"]}
    assert_done(made.run(SITE, extra=on))
    seen = made.seen(since)
    assert seen.restarts == {"core1": each["core1"]}
    assert seen.of("csr_made") == []
    assert made.seen().broken_links == []
