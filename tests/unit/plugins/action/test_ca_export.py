# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ca_export: files for browsers, named after their subjects, and none replaced by another CA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.certops.cms.plugins.plugin_utils._issuers.base import Issued, Wanted
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.store import Store
from ansible_collections.certops.cms.plugins.plugin_utils._pki import certs, csr, keys
from tests.unit.plugins.action.acting import WEBADMIN, FakeSession, act
from tests.unit.plugins.plugin_utils.pki.making import pem, root

ROOT = root("Example Root CA")
SUB = ROOT.sub_ca("Example Issuing CA: EU")
LEAF = SUB.issue()
WITH_BUNDLE = WEBADMIN.replace("CA Bundle file          : none", "CA Bundle file          : ca.pem")
NAMES = {"Example-Root-CA.pem", "Example-Root-CA.der", "Example-Issuing-CA-EU.pem", "Example-Issuing-CA-EU.der"}


def session(leaf: bytes = pem(LEAF), bundle: bytes | None = pem(SUB, ROOT)) -> FakeSession:
    files = {"wa.key": b"", "wa.crt": leaf, **({} if bundle is None else {"ca.pem": bundle})}
    return FakeSession({"webadmin": WEBADMIN if bundle is None else WITH_BUNDLE}, files)


def export(folder: Path, node: FakeSession | None = None, **options: Any) -> dict[str, Any]:
    run = {key: options.pop(key) for key in ("check", "diff", "variables") if key in options}
    args = options or {"service": "webadmin"}
    return act("ca_export", {"dest": str(folder / "out"), **args}, node or session(), **run)


def test_check_apply_check_apply(tmp_path: Path) -> None:
    runs = [export(tmp_path, check=check, diff=True) for check in (True, False, True, False)]
    assert [run["changed"] for run in runs] == [True, True, False, False]
    assert runs[0]["diff"]["before"] == ""
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {*NAMES, "README.txt"}
    assert (out / "Example-Root-CA.pem").read_bytes() == pem(ROOT)
    assert (out / "Example-Issuing-CA-EU.der").read_bytes() == SUB.cert.public_bytes(Encoding.DER)
    assert [(one["role"], one["store"]) for one in runs[0]["certificates"]] == [
        ("root", "Trusted Root Certification Authorities"),
        ("intermediate", "Intermediate Certification Authorities"),
    ]
    text = (out / "README.txt").read_text()
    assert text == runs[0]["text"] == runs[3]["text"]
    fingerprint = certs.fingerprint(ROOT.cert).upper()
    assert ":".join(fingerprint[at : at + 2] for at in range(0, 32, 2)) in text
    assert {frozenset(run) for run in runs} == {frozenset(runs[0])}


def test_a_full_chain_and_a_self_signed_certificate_give_what_a_browser_needs(tmp_path: Path) -> None:
    found = export(tmp_path, session(pem(LEAF, SUB, ROOT), None))
    assert len(found["certificates"]) == 2
    own = root("core1.example.com")
    found = export(tmp_path, session(pem(own), None))
    assert [(one["role"], one["self_signed"]) for one in found["certificates"]] == [("root", True)]


def test_a_renewed_ca_of_the_same_subject_gets_a_name_of_its_own(tmp_path: Path) -> None:
    export(tmp_path)
    out = tmp_path / "out"
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.name != "README.txt"}
    new = root("Example Root CA")
    sub = new.sub_ca("Example Issuing CA: EU")
    node = session(pem(sub.issue()), pem(sub, new))
    assert [export(tmp_path, node)["changed"] for _run in range(2)] == [True, False]
    assert {name: (out / name).read_bytes() for name in before} == before
    named = f"Example-Root-CA-{certs.fingerprint(new.cert)[:8]}.pem"
    assert (out / named).read_bytes() == pem(new)


def test_two_cas_of_one_name_in_one_chain_have_two_files(tmp_path: Path) -> None:
    sub = ROOT.sub_ca("Example Root CA", organization="Other")
    found = export(tmp_path, session(pem(sub.issue()), pem(sub, ROOT)))
    assert len({one["pem"] for one in found["certificates"]}) == 2


def test_the_newest_certificate_of_an_identity_counts(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    store = Store(str(state / "store"), "lock these keys")
    for base, issuing in (("web-g1", root("Old Root")), ("web-g2", ROOT)):
        key = keys.generate_key("ecdsa")
        request = csr.build_csr(csr.Request.of({"CN": "core1.example.com"}), key).decode()
        subject = {"CN": "core1.example.com"}
        wanted = Wanted("core1/webadmin", base, subject["CN"], subject, (), ("server",), (), (), request)
        store.put_request("core1/webadmin", base, wanted, request)
        leaf = issuing.issue(key=key)
        store.put_issued("core1/webadmin", base, Issued(leaf.pem, (issuing.pem,)))
    variables = {"cms_state_dir": str(state)}
    found = export(tmp_path, identity="core1/webadmin", variables=variables)
    assert [one["subject"] for one in found["certificates"]] == ["CN=Example Root CA"]
    wrong = export(tmp_path, identity="core1/turn", variables=variables)
    assert "name one that the store has: core1/webadmin" in wrong["error"]["next_step"]


def test_an_issuer_gives_its_own_once_it_has_them(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    variables = {
        "cms_state_dir": str(state),
        "cms_issuers": {"internal": {"type": "own_ca", "passphrase": "lock these keys"}},
    }
    assert "has no CA certificates yet" in export(tmp_path, issuer="internal", variables=variables)["msg"]
    assert "is not in cms_issuers" in export(tmp_path, issuer="other", variables=variables)["msg"]
    request = csr.build_csr(csr.Request.of({"CN": "core1.example.com"}), keys.generate_key("ecdsa")).decode()
    asked = {"issuer": "internal", "csr": request, "base": "core1-g1", "dest": str(tmp_path / "made")}
    made = act("certificate", asked, variables=variables)
    assert "failed" not in made, made
    found = export(tmp_path, issuer="internal", variables=variables)
    assert [one["role"] for one in found["certificates"]] == ["root", "intermediate"]


@pytest.mark.parametrize(
    ("node", "options", "said"),
    [
        (session(bundle=pem(SUB)), {}, "the certificate of CN=Example Root CA is missing"),
        (session(bundle=None), {}, "the certificate of CN=Example Issuing CA: EU is missing"),
        (FakeSession({"webadmin": WEBADMIN.replace("wa.crt", "none").replace("wa.key", "none")}), {}, "no certificate"),
        (None, {"service": "webbridge3"}, "slot: is needed for webbridge3"),
        (None, {"service": "webadmin", "slot": "c2w"}, "is not for webadmin"),
        (None, {"service": "webadmin", "issuer": "internal"}, "mutually exclusive"),
    ],
)
def test_bad_input_writes_nothing(tmp_path: Path, node: FakeSession | None, options: dict[str, Any], said: str) -> None:
    try:
        told = str(export(tmp_path, node, **options)["msg"])
    except Exception as error:  # Ansible's own refusal of options
        told = str(error)
    assert said in told
    assert not (tmp_path / "out").exists()
