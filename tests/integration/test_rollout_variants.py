# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same job on other fleets: one node with everything, a shared identity, many clusters, a CA that exists."""

from __future__ import annotations

import shutil

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.integration.estate import (
    PAIR,
    RENEW,
    SITE,
    STORE_PASSPHRASE,
    StartEstate,
    announced,
    assert_done,
    plan_of,
)
from tests.integration.wire import look_at_all

EVERYTHING = ["webadmin", "callbridge", "webbridge3", "turn"]


def test_one_node_with_everything(estate: StartEstate) -> None:
    made = estate("combined")
    assert_done(made.run(SITE))
    seen = made.seen()
    assert seen.restarts == {"cms1": {"webadmin": 1, "callbridge": 1, "webbridge3": 2, "turn": 1}}
    assert seen.broken_links == []
    shown = look_at_all(made.describe(), made.own_ca / "root.crt")
    assert {slot for _node, slot in shown} == {"webadmin", "callbridge", "webbridge3_https", "webbridge3_c2w", "turn"}
    assert {what.faults for what in shown.values()} == {()}
    since = made.now()
    again = made.run(SITE)
    assert_done(again)
    assert again.changed == 0
    assert made.seen(since).logins == {"cms1": 1}


def test_a_shared_identity_has_one_key_that_lives_encrypted_on_the_control_node(estate: StartEstate) -> None:
    web = {
        "shared": True,
        "slots": ["webbridge3_https", "turn"],
        "common_name": "join.example.test",
        "key_type": "ecdsa",
    }
    nodes = [*PAIR["nodes"], {"name": "edge2", "services": ["webbridge3", "turn"]}]
    made = estate({**PAIR, "nodes": nodes}, {"cms_identities": {"web": web}})
    done = made.run(SITE, verbosity=1)
    assert_done(done)
    assert made.seen().broken_links == []
    shown = look_at_all(made.describe(), made.own_ca / "root.crt")
    shared = [shown[node, slot] for node in ("edge1", "edge2") for slot in ("webbridge3_https", "turn")]
    leaf = shared[0].leaf
    assert leaf is not None
    assert {what.leaf for what in shared} == {leaf}
    assert {what.faults for what in shown.values()} == {()}
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)
    assert {"join.example.test", "edge1.example.test", "edge2.example.test"} <= shared[0].names
    assert shown["edge1", "webbridge3_c2w"].leaf != shown["edge2", "webbridge3_c2w"].leaf
    (key,) = (made.state / "store").rglob("*.key")
    assert b"ENCRYPTED" in key.read_bytes()
    private = load_pem_private_key(key.read_bytes(), STORE_PASSPHRASE.encode())
    assert private.public_key() == leaf.public_key()
    # No node makes or gives away a key: what is read back is the upload, to see that it arrived whole.
    seen = made.seen()
    assert {e["file"] for e in seen.of("sftp_get") if e["file"].endswith(".key")} <= {key.name}
    assert [e["base"] for e in seen.of("csr_made") if e["base"] == key.stem] == []
    again = made.run(SITE)
    assert_done(again)
    assert again.changed == 0


def test_clusters_that_share_no_link_proceed_in_waves_after_one_canary(estate: StartEstate) -> None:
    names = ("cms1", "cms2", "cms3")
    nodes = [{"name": name, "services": EVERYTHING, "cluster": name} for name in names]
    made = estate({**PAIR, "nodes": nodes, "registrations": {name: [name] for name in names}})
    done = made.run(SITE)
    assert_done(done)
    serial = plan_of(done)["plan"]["serial"]
    assert [entry["hosts"] for entry in serial] == [list(names)] * 3
    # Trust changes in the first two rounds; the last one switches what everybody trusts by then.
    assert [entry["waves"] for entry in serial] == [[1, 2], [1, 2], [3]]
    steps = [
        (e["event"], e["host"])
        for e in done.events
        if e["event"] in ("start", "result") and e["task"].endswith("Carry out the round")
    ]
    for wave in (steps[:6], steps[6:12]):
        assert wave[:2] == [("start", "cms1"), ("result", "cms1")]
        # Both others have begun before either is done.
        assert set(wave[2:4]) == {("start", "cms2"), ("start", "cms3")}
    assert {event for event, _host in steps[12:15]} == {"start"}
    assert made.seen().restarts == announced(done)
    assert made.seen().broken_links == []


def test_renew_under_a_ca_that_exists_already_adopts_it_and_touches_no_trust(estate: StartEstate) -> None:
    issuer = {"type": "own_ca", "path": "old-ca", "passphrase": "old-ca-passphrase"}
    made = estate(PAIR, {"cms_issuers": {"internal": issuer}, "cms_accept_anchors": None})
    made.workspace.secrets.append("old-ca-passphrase")
    old, ours = made.fleet.state / "ca", made.state / "old-ca"
    ours.mkdir(parents=True)
    for name, source in (("root", "root"), ("intermediate", "issuing")):
        for ending in ("crt", "key"):
            shutil.copy(old / f"{source}.{ending}", ours / f"{name}.{ending}")
    before = look_at_all(made.describe(), old / "root.crt")
    done = made.run(RENEW)
    assert_done(done)
    seen = made.seen()
    assert seen.restarts == {"core1": {"callbridge": 1, "webadmin": 1}, "edge1": {"webbridge3": 1, "turn": 1}}
    assert announced(done) == seen.restarts
    assert [e for e in seen.of("setting_stored") if e["setting"] == "c2w_trust"] == []
    assert seen.broken_links == []
    after = look_at_all(made.describe(), old / "root.crt")
    for key, shown in after.items():
        assert shown.leaf is not None, key
        assert shown.leaf != before[key].leaf, key
        assert shown.faults == (), key
    again = made.run(RENEW)
    assert_done(again)
    assert again.changed == 0
