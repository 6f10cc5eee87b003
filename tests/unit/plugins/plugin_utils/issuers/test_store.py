# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The store keeps every generation whole, its keys locked, and its base names for ever."""

from __future__ import annotations

import errno
import os
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ansible_collections.certops.cms.plugins.plugin_utils._errors import BadOption, CmsError, StoreProblem
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.base import Issued
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.own_ca import OwnCa
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.store import Store
from ansible_collections.certops.cms.plugins.plugin_utils._pki import certs, keys

from .conftest import NOW, a_key, kill_everywhere, needs_openssl, openssl, tree, wanted

WHO = "core1/callbridge"
BASE = "callbridge-g2"
SECRET = "the store's passphrase"


def put(store: Store, ca: OwnCa, base: str = BASE, identity: str = WHO, **changes: Any) -> Issued:
    """Keep a request with its key, and the certificate for it."""
    plan = wanted(base=base, id=identity, **changes)
    store.put_request(identity, base, plan, plan.csr_pem, a_key())
    issued = ca.issue(plan, NOW)
    store.put_issued(identity, base, issued)
    return issued


def read_all(store: Store) -> None:
    store.get(WHO, BASE)
    store.load_key(WHO, BASE)


@pytest.fixture
def store(tmp_path: pathlib.Path) -> Store:
    return Store(str(tmp_path / "state" / "store"), SECRET)


def test_a_request_comes_back_as_it_was_kept(store: Store) -> None:
    plan = wanted()
    store.put_request(WHO, BASE, plan, plan.csr_pem, a_key())
    found = store.get(WHO, BASE)
    assert found is not None
    assert (found.state, found.wanted, found.csr_pem, found.issued, found.has_key) == (
        "requested", plan, plan.csr_pem, None, True,
    )  # fmt: skip
    assert keys.public_spki(store.load_key(WHO, BASE)) == keys.public_spki(a_key())


def test_what_was_issued_comes_back_with_its_chain(store: Store, ca: OwnCa) -> None:
    issued = put(store, ca)
    found = store.get(WHO, BASE)
    assert found is not None
    assert found.issued is not None
    assert (found.state, found.issued.leaf_pem, found.issued.chain_pems) == (
        "issued", issued.leaf_pem, tuple(ca.anchors()),
    )  # fmt: skip


def test_the_facts_of_a_generation_are_what_a_plan_is_made_from(store: Store, ca: OwnCa) -> None:
    plan = wanted()
    store.put_request(WHO, BASE, plan, plan.csr_pem, a_key())
    (facts,) = store.generations(WHO)
    assert (facts["base"], facts["state"], facts["issuer"], facts["leaf"]) == (BASE, "requested", "internal", None)
    assert facts["request"] == plan.request()
    issued = ca.issue(plan, NOW)
    store.put_issued(WHO, BASE, issued)
    (facts,) = store.all_generations()[WHO]
    leaf = certs.load_certificates(issued.leaf_pem.encode(), "leaf")[0]
    assert (facts["state"], facts["sha256"]) == ("issued", certs.fingerprint(leaf))
    assert facts["leaf"] == certs.describe(leaf)
    assert len(facts["chain"]) == 2


def test_a_request_whose_key_is_on_the_node_has_no_key_here(store: Store) -> None:
    plan = wanted()
    store.put_request(WHO, BASE, plan, plan.csr_pem)
    found = store.get(WHO, BASE)
    assert found is not None
    assert not found.has_key
    with pytest.raises(StoreProblem, match="no key in the store"):
        store.load_key(WHO, BASE)


def test_what_is_not_there_is_none(store: Store) -> None:
    assert store.get(WHO, BASE) is None
    assert store.generations(WHO) == []
    assert store.identities() == []


@needs_openssl
def test_openssl_alone_reads_every_file(store: Store, ca: OwnCa) -> None:
    put(store, ca)
    folder = pathlib.Path(store.path) / "core1+callbridge"
    openssl("pkey", "-in", folder / f"{BASE}.key", "-passin", f"pass:{SECRET}", "-noout")
    openssl("req", "-in", folder / f"{BASE}.csr", "-verify", "-noout")
    when = str(int(NOW.timestamp()))
    bundle = folder / f"{BASE}.chain.pem"
    openssl("verify", "-attime", when, "-CAfile", bundle, folder / f"{BASE}.crt")


def test_s4_files_are_for_the_user_alone_and_keys_are_encrypted(store: Store, ca: OwnCa) -> None:
    before = os.umask(0)
    try:
        put(store, ca)
    finally:
        os.umask(before)
    root = pathlib.Path(store.path)
    assert {path.stat().st_mode & 0o777 for path in root.rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (root, root.parent, *root.iterdir())} == {0o700}
    for name, data in tree(root).items():
        assert b"-----BEGIN PRIVATE KEY" not in data
        assert b"-----BEGIN EC PRIVATE KEY" not in data
        assert (b"ENCRYPTED" in data) == name.endswith(".key")


def test_s4_nothing_the_store_says_holds_a_secret(store: Store, ca: OwnCa) -> None:
    put(store, ca)
    texts = [repr(store), repr(store.get(WHO, BASE)), str(store.all_generations())]
    for opened, base in ((Store(store.path, "a wrong secret"), BASE), (store, "x")):
        with pytest.raises(StoreProblem) as caught:
            opened.load_key(WHO, base)
        texts.append(repr(caught.value))
    assert not [text for text in texts if SECRET in text or "a wrong secret" in text or "PRIVATE KEY" in text]


def test_s2_every_name_that_was_used_stays_known_and_half_a_request_is_none(store: Store, ca: OwnCa) -> None:
    put(store, ca)
    put(store, ca, "callbridge-g3")
    put(store, ca, "web-g1", "shared/web")
    # A run that was killed before its request was complete.
    (pathlib.Path(store.path) / "core1+callbridge" / "callbridge-g4.key").write_bytes(b"half")
    assert [facts["base"] for facts in store.generations(WHO)] == [BASE, "callbridge-g3"]
    assert [facts["base"] for facts in store.generations("shared/web")] == ["web-g1"]


def test_generations_come_in_the_order_of_their_numbers(store: Store) -> None:
    for number in (10, 2, 1):
        plan = wanted(base=f"cb-g{number}")
        store.put_request(WHO, f"cb-g{number}", plan, plan.csr_pem)
    assert [facts["base"] for facts in store.generations(WHO)] == ["cb-g1", "cb-g2", "cb-g10"]


@pytest.mark.parametrize("identity", ["core1/callbridge", "shared/a+b", "core_1.example.com/web", ".x/../y", "ä/%2F"])
def test_identities_have_folders_of_their_own_inside_the_store(
    store: Store, identity: str, tmp_path: pathlib.Path
) -> None:
    plan = wanted()
    store.put_request(identity, BASE, plan, plan.csr_pem)
    assert store.identities() == [identity]
    assert [path.parent.parent for path in tmp_path.rglob("*.json")] == [pathlib.Path(store.path)]
    assert store.get(identity, BASE) is not None


def test_identities_that_look_alike_do_not_meet(store: Store) -> None:
    plan = wanted()
    for identity in ("a/b+c", "a+b/c", "a/b/c", "a%2Fb/c"):
        store.put_request(identity, BASE, plan, plan.csr_pem)
    assert store.identities() == sorted(["a/b+c", "a+b/c", "a/b/c", "a%2Fb/c"])


@pytest.mark.parametrize("base", ["", "../x", "a.b", "a_b", "a/b", "-a", "a b"])
def test_s2_a_base_name_the_appliance_would_not_take_is_refused(store: Store, base: str) -> None:
    plan = wanted()
    with pytest.raises(BadOption, match="letters, digits and hyphens"):
        store.put_request(WHO, base, plan, plan.csr_pem)


def test_the_same_again_changes_nothing(store: Store, ca: OwnCa) -> None:
    issued = put(store, ca)
    before = tree(pathlib.Path(store.path))
    plan = wanted()
    kept = store.get(WHO, BASE)
    assert kept is not None
    store.put_request(WHO, BASE, plan, kept.csr_pem, a_key())
    store.put_issued(WHO, BASE, issued)
    assert tree(pathlib.Path(store.path)) == before


def test_s13_a_generation_that_was_rolled_back_says_for_what_and_why(store: Store, ca: OwnCa) -> None:
    put(store, ca)
    for sha256 in ("bb" * 32, "aa" * 32, "bb" * 32):
        store.put_back(WHO, BASE, sha256, "CUCM refuses it", "p-0123456789ab")
    note = {"in_place": ["aa" * 32, "bb" * 32], "reason": "CUCM refuses it", "plan": "p-0123456789ab"}
    assert store.generations(WHO)[0]["put_back"] == note
    # It is whole beside that, and the same again changes nothing.
    assert store.get(WHO, BASE) is not None
    before = tree(pathlib.Path(store.path))
    store.put_back(WHO, BASE, "aa" * 32, "CUCM refuses it", "p-0123456789ab")
    assert tree(pathlib.Path(store.path)) == before
    with pytest.raises(StoreProblem):
        store.put_back(WHO, "callbridge-g9", "aa" * 32, "", "p-0123456789ab")
    with pytest.raises(StoreProblem):
        Store(store.path, read_only=True).put_back(WHO, BASE, "cc" * 32, "", "p-0123456789ab")


def test_another_request_or_certificate_under_the_same_name_is_refused(store: Store, ca: OwnCa) -> None:
    put(store, ca)
    before = tree(pathlib.Path(store.path))
    other = wanted(a_key(number=1))
    with pytest.raises(StoreProblem, match="holds another request"):
        store.put_request(WHO, BASE, other, other.csr_pem, a_key(number=1))
    with pytest.raises(StoreProblem, match="another certificate already"):
        store.put_issued(WHO, BASE, ca.issue(wanted(), NOW))
    assert tree(pathlib.Path(store.path)) == before


def test_key_csr_and_certificate_must_belong_together(store: Store, ca: OwnCa) -> None:
    plan = wanted()
    with pytest.raises(StoreProblem, match="does not belong to the CSR"):
        store.put_request(WHO, BASE, plan, plan.csr_pem, a_key(number=1))
    store.put_request(WHO, BASE, plan, plan.csr_pem, a_key())
    with pytest.raises(StoreProblem, match="another key than the request"):
        store.put_issued(WHO, BASE, ca.issue(wanted(a_key(number=1)), NOW))
    with pytest.raises(StoreProblem, match="no such request"):
        store.put_issued(WHO, "callbridge-g9", ca.issue(plan, NOW))


def test_killed_anywhere_the_store_stays_readable_and_the_next_run_finishes(tmp_path: pathlib.Path, ca: OwnCa) -> None:
    plan = wanted()
    issued = ca.issue(plan, NOW)

    def once(path: pathlib.Path) -> None:
        store = Store(str(path), SECRET)
        store.put_request(WHO, BASE, plan, plan.csr_pem, a_key())
        store.put_issued(WHO, BASE, issued)

    def check(step: int) -> None:
        path = tmp_path / "stores" / str(step)
        store = Store(str(path), SECRET)
        for facts in store.generations(WHO):
            found = store.get(WHO, facts["base"])
            assert found is not None
            assert (found.issued is not None) == (found.state == "issued")
            assert keys.key_matches(store.load_key(WHO, BASE), x509.load_pem_x509_csr(found.csr_pem.encode()))
        assert {facts["base"] for facts in store.generations(WHO)} <= {BASE}
        if store.get(WHO, BASE) is None:
            # A run that finds no request makes key and CSR anew.
            again = wanted(a_key(number=1))
            store.put_request(WHO, BASE, again, again.csr_pem, a_key(number=1))
            store.put_issued(WHO, BASE, ca.issue(again, NOW))
            assert keys.key_matches(store.load_key(WHO, BASE), x509.load_pem_x509_csr(again.csr_pem.encode()))
        else:
            once(path)
        after = store.get(WHO, BASE)
        assert after is not None
        assert after.state == "issued"
        assert {name.rpartition("/")[2] for name in tree(path)} == {
            f"{BASE}.{kind}" for kind in ("json", "csr", "crt", "chain.pem", "key")
        }

    steps = kill_everywhere(lambda step: once(tmp_path / "stores" / str(step)), check)
    assert steps > 20


def test_check_mode_makes_no_folder_and_changes_nothing(tmp_path: pathlib.Path, ca: OwnCa) -> None:
    store = Store(str(tmp_path / "store"), SECRET, read_only=True)
    plan = wanted()
    assert store.all_generations() == {}
    for action in (
        store.ensure_writable,
        lambda: store.put_request(WHO, BASE, plan, plan.csr_pem, a_key()),
        lambda: store.put_issued(WHO, BASE, ca.issue(plan, NOW)),
    ):
        with pytest.raises(StoreProblem, match="check mode"):
            action()
    assert not (tmp_path / "store").exists()
    put(Store(store.path, SECRET), ca)
    (tmp_path / "store" / "core1+callbridge" / ".new-left-behind").write_bytes(b"half")
    before = tree(tmp_path)
    assert [facts["base"] for facts in store.generations(WHO)] == [BASE]
    assert store.load_key(WHO, BASE)
    assert tree(tmp_path) == before


def test_a_wrong_passphrase_names_the_file_and_the_next_step(store: Store, ca: OwnCa) -> None:
    put(store, ca)
    with pytest.raises(StoreProblem) as caught:
        Store(store.path, "wrong").load_key(WHO, BASE)
    assert f"{BASE}.key" in caught.value.obj
    assert "cms_store_passphrase" in caught.value.next_step


def test_a_mistyped_passphrase_is_found_before_a_new_key_is_locked_with_it(store: Store, ca: OwnCa) -> None:
    put(store, ca)
    before = tree(pathlib.Path(store.path))
    plan = wanted(a_key(number=1), base="callbridge-g3")
    with pytest.raises(StoreProblem, match="does not open"):
        Store(store.path, "mistyped").put_request(WHO, "callbridge-g3", plan, plan.csr_pem, a_key(number=1))
    assert tree(pathlib.Path(store.path)) == before


@pytest.mark.parametrize("passphrase", [None, "", lambda: None])
def test_without_a_passphrase_no_key_is_kept(
    tmp_path: pathlib.Path, passphrase: Callable[[], str | None] | str | None
) -> None:
    store = Store(str(tmp_path / "store"), passphrase)
    plan = wanted()
    with pytest.raises(StoreProblem, match="no passphrase"):
        store.put_request(WHO, BASE, plan, plan.csr_pem, a_key())
    assert not (tmp_path / "store").exists()
    # Public parts need none.
    store.put_request(WHO, BASE, plan, plan.csr_pem)


def test_the_passphrase_is_asked_for_only_when_a_key_is_touched(tmp_path: pathlib.Path, ca: OwnCa) -> None:
    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        return SECRET

    store = Store(str(tmp_path / "store"), ask)
    plan = wanted()
    store.put_request(WHO, BASE, plan, plan.csr_pem)
    store.put_issued(WHO, BASE, ca.issue(plan, NOW))
    store.all_generations()
    assert asked == []


@needs_openssl
def test_s4_a_key_that_somebody_unlocked_is_refused(store: Store, ca: OwnCa) -> None:
    put(store, ca)
    path = pathlib.Path(store.path) / "core1+callbridge" / f"{BASE}.key"
    path.write_bytes(keys.serialise_plain(a_key()))
    with pytest.raises(StoreProblem, match="not encrypted"):
        store.load_key(WHO, BASE)


@pytest.mark.parametrize("kind", ["json", "csr", "crt", "chain.pem", "key"])
@pytest.mark.parametrize("damage", ["gone", "empty", "garbage", "another"])
def test_a_damaged_file_is_named(store: Store, ca: OwnCa, kind: str, damage: str) -> None:
    put(store, ca)
    other = wanted(a_key(number=1))
    store.put_request("other/x", BASE, other, other.csr_pem, a_key(number=1))
    store.put_issued("other/x", BASE, Issued(ca.issue(other, NOW).leaf_pem, tuple(ca.anchors()[1:])))
    root = pathlib.Path(store.path)
    path = root / "core1+callbridge" / f"{BASE}.{kind}"
    if damage == "gone":
        path.unlink()
    else:
        another = (root / "other+x" / path.name).read_bytes()
        path.write_bytes({"empty": b"", "garbage": b"\xffnonsense", "another": another}[damage])
    if (kind, damage) == ("json", "gone"):
        assert store.get(WHO, BASE) is None
        return
    with pytest.raises(CmsError) as caught:
        read_all(store)
    assert "core1+callbridge" in str(caught.value)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "full"),
        (errno.EDQUOT, "full"),
        (errno.EACCES, "make the folder accessible"),
        (errno.EROFS, "make the folder accessible"),
        (errno.EIO, "check the folder"),
    ],
)
def test_a_disk_that_will_not_take_it_is_told_with_the_next_step(
    store: Store, ca: OwnCa, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def fail(*_args: Any) -> None:
        raise OSError(number, os.strerror(number))

    put(store, ca)
    before = tree(pathlib.Path(store.path))
    plan = wanted(base="callbridge-g3")
    for call in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            with pytest.raises(StoreProblem, match=words) as caught:
                store.put_request(WHO, "callbridge-g3", plan, plan.csr_pem, a_key())
        assert store.path in caught.value.obj
        assert {name: data for name, data in tree(pathlib.Path(store.path)).items() if name in before} == before
        assert len(store.generations(WHO)) == 1


def test_a_store_that_cannot_be_made_is_found_at_once(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreProblem) as caught:
        Store(str(tmp_path / "file" / "store"), SECRET).ensure_writable()
    assert str(tmp_path / "file") in caught.value.obj


def test_checking_that_it_is_writable_leaves_nothing_behind(store: Store) -> None:
    store.ensure_writable()
    assert tree(pathlib.Path(store.path)) == {}
    assert store.identities() == []


def test_a_short_passphrase_opens_old_keys_and_encrypts_no_new_one(tmp_path: pathlib.Path) -> None:
    store = Store(str(tmp_path / "store"), "short")
    plan = wanted()
    for act in (store.check_passphrase, lambda: store.put_request(WHO, BASE, plan, plan.csr_pem, a_key())):
        with pytest.raises(StoreProblem, match=r"cms_store_passphrase: .*fewer than 8 characters"):
            act()
    assert not (tmp_path / "store").exists()
    Store(store.path, SECRET).put_request(WHO, BASE, plan, plan.csr_pem, a_key())
    (path,) = (tmp_path / "store").rglob("*.key")
    path.write_bytes(
        a_key().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"short"),
        )
    )
    assert keys.public_spki(store.load_key(WHO, BASE)) == keys.public_spki(a_key())
    with pytest.raises(StoreProblem, match="fewer than 8 characters"):
        store.check_passphrase()
    with pytest.raises(StoreProblem, match="does not open"):
        Store(store.path, "shorty").check_passphrase()
