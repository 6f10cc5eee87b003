# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CA of one's own makes chains that OpenSSL takes, guards its keys, and certifies nothing but what is wanted."""

from __future__ import annotations

import datetime
import os
import pathlib
import threading
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from ansible_collections.certops.cms.plugins.plugin_utils._errors import (
    CmsError,
    IssuerProblem,
    KeyProblem,
    StoreProblem,
)
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.base import Wanted
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.own_ca import OwnCa
from ansible_collections.certops.cms.plugins.plugin_utils._pki import certs, csr

from .conftest import (
    DAY,
    IDENTITY,
    NOW,
    PASSPHRASE,
    a_request,
    certify_again,
    kill_everywhere,
    needs_openssl,
    openssl,
    own_ca,
    tree,
    wanted,
)


def vars_of(**changes: Any) -> dict[str, Any]:
    return IDENTITY | changes


def one(pem: str) -> x509.Certificate:
    return certs.load_certificates(pem.encode(), "test")[0]


def test_nothing_exists_before_it_is_prepared(tmp_path: pathlib.Path) -> None:
    issuer = own_ca(tmp_path / "ca")
    assert issuer.will_create
    assert issuer.anchors() == []
    assert issuer.check(NOW) == []
    assert issuer.describe()["root"] == {
        "subject": "CN=Meeting Server Internal CA",
        "not_after": None,
        "sha256": None,
    }
    with pytest.raises(IssuerProblem, match="does not exist yet"):
        issuer.issue(wanted(), NOW)
    assert list(tmp_path.iterdir()) == []


def test_preparing_twice_keeps_the_ca(ca: OwnCa) -> None:
    before = tree(pathlib.Path(ca.settings.path))
    ca.prepare(NOW + 30 * DAY)
    assert tree(pathlib.Path(ca.settings.path)) == before
    assert not ca.will_create


def test_anchors_are_intermediate_and_root_last(ca: OwnCa) -> None:
    intermediate, root = (certs.describe(one(pem)) for pem in ca.anchors())
    assert root["self_signed"]
    assert root["path_length"] == 1
    assert intermediate["issuer"] == root["subject"]
    assert intermediate["aki"] == root["ski"]
    assert intermediate["path_length"] == 0
    for info in (root, intermediate):
        assert info["ca"]
        assert info["key_usage"] == ["keyCertSign", "cRLSign"]
        assert info["key_type"] == "ECDSA secp256r1"


def test_usage_and_constraints_of_a_ca_are_critical(ca: OwnCa) -> None:
    for pem in ca.anchors():
        extensions = one(pem).extensions
        assert extensions.get_extension_for_class(x509.KeyUsage).critical
        assert extensions.get_extension_for_class(x509.BasicConstraints).critical


def test_serial_numbers_are_long_and_random(ca: OwnCa) -> None:
    serials = {one(ca.issue(wanted(), NOW).leaf_pem).serial_number for _number in range(8)}
    assert len(serials) == 8
    assert max(serial.bit_length() for serial in serials) > 128
    assert all(serial.bit_length() <= 159 for serial in serials)


def test_a_leaf_is_what_was_wanted(ca: OwnCa) -> None:
    issued, findings = ca.obtain(wanted(), NOW)
    assert findings == []
    info = certs.describe(one(issued.leaf_pem))
    assert info["subject"] == "CN=core1.example.com,O=Example Inc."
    assert info["dns"] == ["core1.example.com"]
    assert info["ip"] == ["10.0.0.1"]
    assert info["extended_key_usage"] == ["serverAuth", "clientAuth"]
    assert info["key_usage"] == ["digitalSignature", "keyEncipherment"]
    assert info["ca"] is False
    assert info["not_before"] == "2026-11-23T14:55:00Z"
    assert info["not_after"] == "2027-12-25T15:00:00Z"
    assert list(issued.chain_pems) == ca.anchors()


def test_a_leaf_lives_no_longer_than_its_ca(tmp_path: pathlib.Path) -> None:
    issuer = own_ca(tmp_path / "ca", intermediate_days=100, root_days=60)
    issuer.prepare(NOW)
    assert {certs.not_after(one(pem)) for pem in issuer.anchors()} == {NOW + 60 * DAY}
    issued, findings = issuer.obtain(wanted(), NOW + 10 * DAY)
    assert certs.not_after(one(issued.leaf_pem)) == NOW + 60 * DAY
    assert findings == []
    assert "issuer-ca-expires-soon" in {finding.rule for finding in issuer.check(NOW + 10 * DAY)}


def test_a_leaf_does_not_begin_before_its_ca(ca: OwnCa) -> None:
    issued = ca.issue(wanted(), NOW - datetime.timedelta(minutes=3))
    assert certs.not_before(one(issued.leaf_pem)) == NOW - datetime.timedelta(minutes=5)


@needs_openssl
@pytest.mark.parametrize("key_type", ["ecdsa", "rsa"])
@pytest.mark.parametrize("use_intermediate", [True, False])
def test_openssl_verifies_the_chain_strictly(tmp_path: pathlib.Path, key_type: str, use_intermediate: bool) -> None:
    issuer = own_ca(tmp_path / "ca", key_type=key_type, use_intermediate=use_intermediate, organization="Example Inc.")
    issuer.prepare(NOW)
    issued = issuer.issue(wanted(), NOW)
    leaf, bundle = tmp_path / "leaf.crt", tmp_path / "bundle.pem"
    leaf.write_text(issued.leaf_pem)
    bundle.write_text("".join(issued.chain_pems))
    when = str(int(NOW.timestamp()))
    for purpose in ("sslserver", "sslclient"):
        said = openssl(
            "verify", "-x509_strict", "-purpose", purpose, "-attime", when, "-verify_hostname", "core1.example.com",
            "-CAfile", tmp_path / "ca" / "root.crt", "-untrusted", bundle, leaf,
        )  # fmt: skip
        assert said.endswith("OK\n")


@needs_openssl
def test_s4_keys_of_the_ca_are_encrypted_and_openssl_reads_them(ca: OwnCa) -> None:
    for name in ("root.key", "intermediate.key"):
        path = pathlib.Path(ca.settings.path) / name
        assert path.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        assert path.stat().st_mode & 0o777 == 0o600
        openssl("pkey", "-in", path, "-passin", f"pass:{PASSPHRASE}", "-noout")
        with pytest.raises(RuntimeError):
            openssl("pkey", "-in", path, "-passin", "pass:wrong", "-noout")
    assert pathlib.Path(ca.settings.path).stat().st_mode & 0o777 == 0o700


def test_killed_anywhere_while_it_is_made_the_next_run_finishes_it(tmp_path: pathlib.Path) -> None:
    def run(step: int) -> None:
        own_ca(tmp_path / str(step)).prepare(NOW)

    def check(step: int) -> None:
        folder = tmp_path / str(step)
        begun = tree(folder)
        issuer = own_ca(folder)
        assert [finding for finding in issuer.check(NOW) if finding.blocks] == []
        assert issuer.will_create == ("intermediate.crt" not in begun)
        assert len(issuer.anchors()) == (0 if issuer.will_create else 2)
        issuer.prepare(NOW)
        assert set(tree(folder)) == {"root.crt", "root.key", "intermediate.crt", "intermediate.key"}
        # What was whole already is kept.
        assert all(tree(folder)[name] == data for name, data in begun.items() if not name.startswith("."))
        _issued, findings = issuer.obtain(wanted(), NOW)
        assert findings == []

    assert kill_everywhere(run, check) > 12


def test_two_runs_at_once_make_one_ca(tmp_path: pathlib.Path) -> None:
    seen: list[list[str]] = []

    def run() -> None:
        issuer = own_ca(tmp_path / "ca")
        issuer.prepare(NOW)
        seen.append(issuer.anchors())

    threads = [threading.Thread(target=run) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4
    assert all(anchors == seen[0] for anchors in seen)


def imported(folder: pathlib.Path, passphrase: str = PASSPHRASE, path_length: str = "") -> None:
    """Make root and intermediate the way of the guide's appendix A.2, with OpenSSL alone."""
    folder.mkdir()
    for level in ("root", "intermediate"):
        openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", folder / "plain.pem")
        openssl(
            "pkcs8", "-topk8", "-in", folder / "plain.pem", "-out", folder / f"{level}.key",
            "-passout", f"pass:{passphrase}",
        )  # fmt: skip
        (folder / "plain.pem").unlink()
    unlock = ("-passin", f"pass:{passphrase}")
    openssl(
        "req", "-new", "-x509", "-sha256", "-key", folder / "root.key", *unlock, "-out", folder / "root.crt",
        "-days", "3650", "-subj", "/O=Example/CN=Old root", *(("-addext", path_length) if path_length else ()),
    )  # fmt: skip
    conf = folder / "intermediate.conf"
    conf.write_text("basicConstraints = CA:TRUE, pathlen:0\nkeyUsage = keyCertSign\n")
    openssl(
        "req", "-new", "-sha256", "-key", folder / "intermediate.key", *unlock, "-out", folder / "intermediate.csr",
        "-subj", "/O=Example/CN=Old intermediate",
    )  # fmt: skip
    openssl(
        "x509", "-req", "-in", folder / "intermediate.csr", "-CA", folder / "root.crt", "-CAkey", folder / "root.key",
        *unlock, "-CAcreateserial", "-days", "1825", "-extfile", conf, "-out", folder / "intermediate.crt",
    )  # fmt: skip


@needs_openssl
@pytest.mark.parametrize("without_root_key", [False, True])
def test_a_ca_that_was_made_with_openssl_is_used(tmp_path: pathlib.Path, without_root_key: bool) -> None:
    imported(tmp_path / "ca")
    if without_root_key:
        (tmp_path / "ca" / "root.key").unlink()
    before = tree(tmp_path / "ca")
    issuer = own_ca(tmp_path / "ca")
    now = certs.not_before(one((tmp_path / "ca" / "intermediate.crt").read_text())) + DAY
    assert not issuer.will_create
    assert issuer.check(now) == []
    issuer.prepare(now)
    issued, findings = issuer.obtain(wanted(), now)
    assert findings == []
    assert certs.describe(one(issued.leaf_pem))["issuer"] == "CN=Old intermediate,O=Example"
    assert tree(tmp_path / "ca") == before


@needs_openssl
def test_files_of_an_imported_ca_that_do_not_fit_are_named(tmp_path: pathlib.Path) -> None:
    imported(tmp_path / "ca")
    imported(tmp_path / "other")
    now = certs.not_before(one((tmp_path / "ca" / "intermediate.crt").read_text())) + DAY
    for name, words in (
        ("intermediate.crt", "it was not issued by root.crt"),
        ("intermediate.key", "does not belong to intermediate.crt"),
        ("root.crt", "it was not issued by root.crt"),
    ):
        keep = (tmp_path / "ca" / name).read_bytes()
        (tmp_path / "ca" / name).write_bytes((tmp_path / "other" / name).read_bytes())
        (finding,) = own_ca(tmp_path / "ca").check(now)
        assert finding.blocks
        assert words in finding.found
        with pytest.raises(CmsError, match=words):
            own_ca(tmp_path / "ca").issue(wanted(), now)
        (tmp_path / "ca" / name).write_bytes(keep)
    assert own_ca(tmp_path / "ca").check(now) == []


@needs_openssl
def test_a_root_that_allows_no_intermediate_is_refused(tmp_path: pathlib.Path) -> None:
    imported(tmp_path / "ca", path_length="basicConstraints=critical,CA:TRUE,pathlen:0")
    now = certs.not_before(one((tmp_path / "ca" / "intermediate.crt").read_text())) + DAY
    (finding,) = own_ca(tmp_path / "ca").check(now)
    assert "path length of 0" in finding.found


@pytest.mark.parametrize("level", ["root", "intermediate"])
def test_a_ca_that_nobody_would_accept_for_every_role_is_found_before_anything_is_made(ca: OwnCa, level: str) -> None:
    certify_again(ca, level, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]))
    (finding,) = own_ca(pathlib.Path(ca.settings.path)).check(NOW)
    assert finding.blocks
    assert finding.rule == "eku-client-missing"
    assert "issuer internal" in finding.object


@pytest.mark.parametrize(
    ("removed", "words"),
    [("root.crt", "root.crt"), ("intermediate.key", "intermediate.key")],
)
def test_a_lost_file_is_never_replaced_by_a_new_one(ca: OwnCa, removed: str, words: str) -> None:
    folder = pathlib.Path(ca.settings.path)
    (folder / removed).unlink()
    before = tree(folder)
    again = own_ca(folder)
    (finding,) = again.check(NOW)
    assert words in finding.found
    for attempt in (lambda: again.prepare(NOW), lambda: again.issue(wanted(), NOW)):
        with pytest.raises(StoreProblem, match="missing"):
            attempt()
    assert tree(folder) == before


@pytest.mark.parametrize(
    "content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"]
)
def test_a_damaged_certificate_is_named(ca: OwnCa, content: bytes) -> None:
    folder = pathlib.Path(ca.settings.path)
    (folder / "root.crt").write_bytes(content)
    (finding,) = own_ca(folder).check(NOW)
    assert "root.crt" in finding.found


def test_a_wrong_passphrase_names_the_file_and_never_itself(ca: OwnCa) -> None:
    wrong = own_ca(pathlib.Path(ca.settings.path), passphrase="not the right one")
    with pytest.raises(StoreProblem) as caught:
        wrong.issue(wanted(), NOW)
    (finding,) = wrong.check(NOW)
    for text in (str(caught.value), str(finding), repr(caught.value)):
        assert "intermediate.key" in text or "root.key" in text
        assert "cms_issuers.internal.passphrase" in text
        assert "not the right one" not in text
    for text in (repr(wrong), repr(wrong.settings), str(wrong.describe())):
        assert "not the right one" not in text


def test_without_a_passphrase_nothing_is_made(tmp_path: pathlib.Path) -> None:
    issuer = own_ca(tmp_path / "ca", passphrase=None)
    (finding,) = issuer.check(NOW)
    assert finding.rule == "issuer-passphrase-missing"
    assert finding.blocks
    with pytest.raises(StoreProblem, match="no passphrase"):
        issuer.prepare(NOW)
    assert list(tmp_path.iterdir()) == []


@needs_openssl
def test_s4_an_open_key_is_refused(ca: OwnCa) -> None:
    folder = pathlib.Path(ca.settings.path)
    path = folder / "intermediate.key"
    openssl("pkey", "-in", path, "-passin", f"pass:{PASSPHRASE}", "-out", folder / "open")
    path.write_bytes((folder / "open").read_bytes())
    with pytest.raises(StoreProblem, match="not encrypted"):
        own_ca(folder).issue(wanted(), NOW)


@pytest.mark.parametrize(
    ("moment", "rule"),
    [
        (NOW - DAY, "issuer-ca-not-yet-valid"),
        (NOW + 1825 * DAY, "issuer-ca-expired"),
        (NOW + 5000 * DAY, "issuer-ca-expired"),
    ],
)
def test_a_ca_that_is_not_valid_now_issues_nothing(ca: OwnCa, moment: datetime.datetime, rule: str) -> None:
    assert rule in {finding.rule for finding in ca.check(moment) if finding.blocks}
    with pytest.raises(IssuerProblem):
        ca.issue(wanted(), moment)


def test_a_ca_that_ends_before_what_it_would_issue_is_a_warning(ca: OwnCa) -> None:
    (finding,) = ca.check(NOW + 1500 * DAY)
    assert (finding.rule, finding.blocks) == ("issuer-ca-expires-soon", False)


SMALL = {"where": "node", "type": "rsa", "size": 2048}


@pytest.mark.parametrize(
    ("csr_changes", "wanted_changes", "words"),
    [
        ({"names": ["core1.example.com"]}, {}, "names missing: 10.0.0.1"),
        ({"names": ["core1.example.com", "10.0.0.1", "evil.example.com"]}, {}, "not wanted: evil.example.com"),
        ({"subject": {"CN": "core2.example.com", "O": "Example Inc."}}, {}, "common name is 'core2.example.com'"),
        ({"subject": {"CN": "core1.example.com"}}, {}, "subject O is absent"),
        ({"subject": {"CN": "core1.example.com", "O": "Other"}}, {}, "subject O is 'Other'"),
        ({}, {"key": SMALL}, "its key is ECDSA, wanted RSA"),
        ({}, {"key": {"where": "control", "type": "ecdsa", "size": "secp384r1"}}, "wanted size secp384r1"),
        ({"eku": ["serverAuth"]}, {}, "clientAuth"),
    ],
)
def test_a_csr_that_differs_is_refused_with_the_difference(
    ca: OwnCa, csr_changes: dict[str, Any], wanted_changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(IssuerProblem) as caught:
        ca.issue(wanted(csr_of=a_request(**csr_changes), **wanted_changes), NOW)
    assert words in str(caught.value)
    assert "core1/callbridge" in str(caught.value)


@needs_openssl
def test_a_short_rsa_key_is_refused(ca: OwnCa, tmp_path: pathlib.Path) -> None:
    openssl(
        "req", "-new", "-newkey", "rsa:1024", "-nodes", "-keyout", tmp_path / "k", "-out", tmp_path / "csr",
        "-subj", "/O=Example Inc./CN=core1.example.com",
        "-addext", "subjectAltName=DNS:core1.example.com,IP:10.0.0.1",
    )  # fmt: skip
    plan = Wanted.of(vars_of(key=SMALL), (tmp_path / "csr").read_text())
    with pytest.raises(IssuerProblem, match="1024 bits"):
        ca.issue(plan, NOW)


@needs_openssl
def test_a_csr_as_a_node_makes_it_gets_the_usages_that_are_wanted(ca: OwnCa, tmp_path: pathlib.Path) -> None:
    openssl(
        "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "k", "-out", tmp_path / "csr",
        "-subj", "/CN=core1.example.com/O=Example Inc.",
        "-addext", "subjectAltName=IP:10.0.0.1,DNS:core1.example.com",
    )  # fmt: skip
    plan = Wanted.of(vars_of(key=SMALL), (tmp_path / "csr").read_text())
    issued, findings = ca.obtain(plan, NOW)
    assert findings == []
    assert certs.describe(one(issued.leaf_pem))["extended_key_usage"] == ["serverAuth", "clientAuth"]


def test_a_csr_with_a_broken_signature_is_refused(ca: OwnCa) -> None:
    good = wanted()
    der = bytearray(x509.load_pem_x509_csr(good.csr_pem.encode()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    broken = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(IssuerProblem, match="signature"):
        ca.issue(Wanted.of(vars_of(), broken), NOW)


def test_what_is_no_csr_is_refused(ca: OwnCa) -> None:
    with pytest.raises(CmsError, match="CSR"):
        ca.issue(Wanted.of(vars_of(), "no CSR"), NOW)


def test_an_intermediate_can_be_added_below_an_existing_root(tmp_path: pathlib.Path) -> None:
    plain = own_ca(tmp_path / "ca", use_intermediate=False)
    plain.prepare(NOW)
    (root,) = plain.anchors()
    deeper = own_ca(tmp_path / "ca")
    assert deeper.will_create
    assert deeper.anchors() == []
    deeper.prepare(NOW + DAY)
    assert deeper.anchors()[-1] == root
    _issued, findings = deeper.obtain(wanted(), NOW + DAY)
    assert findings == []


def test_a_full_disk_leaves_no_half_ca(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "ca").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreProblem, match="full"):
            own_ca(tmp_path / "ca").prepare(NOW)
    assert tree(tmp_path / "ca") == {}
    own_ca(tmp_path / "ca").prepare(NOW)


def test_a_folder_that_cannot_be_made_is_found_before_anything_is_changed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    (finding,) = own_ca(tmp_path / "file" / "ca").check(NOW)
    assert finding.blocks
    assert str(tmp_path / "file") in finding.found


def test_the_request_of_a_wanted_certificate_is_what_plans_compare() -> None:
    plan = wanted(names=["b.example.com", "a.example.com", "core1.example.com"])
    assert plan.request()["names"] == ["a.example.com", "b.example.com", "core1.example.com"]
    assert Wanted.from_dict(plan.as_dict(), plan.csr_pem) == plan
    assert csr.describe_csr(plan.csr_pem)["common_name"] == "core1.example.com"


def test_a_new_ca_is_not_made_under_a_short_passphrase_and_the_plan_says_so(tmp_path: pathlib.Path) -> None:
    issuer = own_ca(tmp_path / "ca", passphrase="short")
    (finding,) = issuer.check(NOW)
    assert finding.blocks
    assert "cms_store_passphrase" in finding.found
    assert "fewer than 8 characters" in finding.found
    with pytest.raises(KeyProblem, match="fewer than 8 characters"):
        issuer.prepare(NOW)
    assert list(tmp_path.iterdir()) == []


@needs_openssl
def test_a_ca_whose_keys_have_a_short_passphrase_goes_on_issuing(tmp_path: pathlib.Path) -> None:
    imported(tmp_path / "ca", passphrase="short")
    issuer = own_ca(tmp_path / "ca", passphrase="short")
    now = datetime.datetime.now(datetime.UTC) + DAY
    assert issuer.check(now) == []
    assert issuer.issue(wanted(), now).leaf_pem
