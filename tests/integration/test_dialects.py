# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job under drawn dialects of the appliance: any answer where nobody knows the answer, all at once.

The dialects are seeds 1 to 5, with ``CERTOPS_SWEEPS=all`` 1 to 200; ``--dialect random:17`` runs one.
"""

from __future__ import annotations

import pytest

from tests.integration.estate import NARROW, PAIR, SITE, StartEstate, announced, assert_done
from tests.integration.wire import look_at_all

ROOT, ISSUING = "CN=Example Old Root CA,O=Example", "CN=Example Old Issuing CA,O=Example"
SLOTS = {("core1", "webadmin"), ("core1", "callbridge")} | {
    ("edge1", slot) for slot in ("webbridge3_https", "webbridge3_c2w", "turn")
}


@pytest.mark.drawn_dialects(sweep=200)
def test_a_rollout_its_repetition_and_its_end(estate: StartEstate) -> None:
    made = estate(PAIR)
    done = made.run(SITE)
    assert_done(done)
    seen = made.seen()
    assert seen.broken_links == []
    assert seen.restarts == announced(done)
    assert seen.restarts == {"core1": {"callbridge": 1, "webadmin": 1}, "edge1": {"webbridge3": 2, "turn": 1}}
    shown = look_at_all(made.describe(), made.own_ca / "root.crt")
    assert set(shown) == SLOTS
    assert {what.faults for what in shown.values()} == {()}

    since = made.now()
    again = made.run(SITE)
    assert_done(again)
    assert again.changed == 0
    assert made.seen(since).changes == []
    assert made.seen(since).logins == {"core1": 1, "edge1": 1}

    since = made.now()
    assert_done(made.run(NARROW, extra={"cms_narrow_also": [ROOT, ISSUING]}))
    assert made.seen(since).restarts == {}
    for node, service in (("core1", "callbridge"), ("edge1", "webbridge3")):
        trusted = made.trusted(node, service)
        assert trusted
        assert not {ROOT, ISSUING} & set(trusted)
    assert {link["ok"] for link in made.fleet.control.probe_links()} == {True}
