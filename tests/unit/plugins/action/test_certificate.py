# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module certificate: issue once, keep what serves, write nothing that was not asked for."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.action import certificate
from ansible_collections.certops.cms.plugins.plugin_utils._issuers.own_ca import OwnCa
from ansible_collections.certops.cms.plugins.plugin_utils._pki import bundles, certs, csr, keys
from tests.unit.plugins.action.acting import act, at_once

KEY = keys.generate_key("ecdsa")


def request(key: Any = KEY, **fields: Any) -> str:
    wanted = {"CN": "core1.example.com", "O": "Example Inc."} | fields.pop("subject", {})
    options = {"names": ["10.0.0.1"], "eku": (), "ku": ()} | fields
    return csr.build_csr(csr.Request.of(wanted, **options), key).decode()


def issuers(**settings: Any) -> dict[str, Any]:
    return {"internal": {"type": "own_ca", "passphrase": "lock-the-ca", **settings}}


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    return {
        "csr": request(),
        "base": "callbridge-g1",
        "dest": str(tmp_path / "certificates"),
        "issuer": "internal",
        "issuers": issuers(),
        "state_dir": str(tmp_path / "state"),
        "roles": ["server", "client"],
    }


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_check_apply_check_apply(options: dict[str, Any], tmp_path: Path) -> None:
    first = act("certificate", options, check=True, diff=True)
    assert (first["changed"], first["reason"], first["certificate"]) == (True, "there is no certificate yet", {})
    assert "valid for 397 days" in first["diff"]["after"]
    assert content(tmp_path) == {}
    second = act("certificate", options)
    written = content(tmp_path)
    third = act("certificate", options, check=True)
    fourth = act("certificate", options)
    assert [second["changed"], third["changed"], fourth["changed"]] == [True, False, False]
    assert second["certificate"] == fourth["certificate"]
    assert fourth["reason"] == ""
    assert content(tmp_path) == written
    assert set(first) - {"diff"} == set(second) == set(fourth)


def test_the_same_certificate_for_two_hosts_at_once_is_one_certificate(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = at_once(lambda: act("certificate", options), monkeypatch, certificate.files, "callbridge-g1.crt")
    kept = (Path(options["dest"]) / "callbridge-g1.crt").read_text()
    assert {result["pem"] for result in results} == {kept}
    assert sorted(result["changed"] for result in results) == [False, True]


def test_a_certificate_may_lie_in_the_folder_of_its_ca(options: dict[str, Any], tmp_path: Path) -> None:
    folder = str(tmp_path / "ca")
    result = act("certificate", {**options, "dest": folder, "issuers": issuers(path=folder)})
    assert result["changed"] is True
    assert (tmp_path / "ca" / "callbridge-g1.crt").read_text() == result["pem"]


def test_the_three_files_are_in_the_form_the_guide_wants(options: dict[str, Any]) -> None:
    result = act("certificate", options)
    files = {part: Path(path) for part, path in result["files"].items()}
    assert [path.name for path in files.values()] == [
        "callbridge-g1.crt",
        "callbridge-g1-bundle.crt",
        "callbridge-g1-fullchain.crt",
    ]
    assert bundles.problems(files["certificate"].read_bytes(), bundles.CERTIFICATE) == []
    assert bundles.problems(files["bundle"].read_bytes(), bundles.BUNDLE) == []
    assert bundles.problems(files["full_chain"].read_bytes(), bundles.FULL_CHAIN) == []
    assert result["full_chain_pem"] == result["pem"] + result["bundle_pem"]


def test_what_the_request_says_is_certified(options: dict[str, Any]) -> None:
    info = act("certificate", options)["certificate"]
    assert info["subject"] == "CN=core1.example.com,O=Example Inc."
    assert info["dns"] + info["ip"] == ["core1.example.com", "10.0.0.1"]
    assert info["extended_key_usage"] == ["serverAuth", "clientAuth"]
    assert info["key_usage"] == ["digitalSignature"]


def test_a_request_that_names_usages_decides_the_roles(options: dict[str, Any]) -> None:
    del options["roles"]
    options["csr"] = request(eku=("clientAuth",))
    assert act("certificate", options)["certificate"]["extended_key_usage"] == ["clientAuth"]


def test_a_role_the_request_excludes_is_refused(options: dict[str, Any], tmp_path: Path) -> None:
    options["csr"] = request(eku=("serverAuth",))
    result = act("certificate", options)
    assert "clientAuth is not among them" in result["msg"]
    assert content(tmp_path) == {}


def test_a_due_certificate_is_issued_anew_for_the_same_request(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = act("certificate", options)
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=380)
    monkeypatch.setattr(certificate.ActionModule, "now", staticmethod(lambda: later))
    assert act("certificate", {**options, "renew_before": "10d"})["changed"] is False
    new = act("certificate", options)
    assert new["reason"] == f"it ends at {old['certificate']['not_after']}"
    assert new["certificate"]["spki_sha256"] == old["certificate"]["spki_sha256"]
    assert new["certificate"]["not_after"] > old["certificate"]["not_after"]
    assert act("certificate", options)["changed"] is False


def test_other_roles_or_names_have_it_issued_anew(options: dict[str, Any]) -> None:
    first = act("certificate", {**options, "roles": ["server"]})
    second = act("certificate", options)
    assert "clientAuth" in second["reason"]
    assert second["certificate"]["sha256"] != first["certificate"]["sha256"]
    third = act("certificate", {**options, "csr": request(names=["10.0.0.1", "join.example.com"])})
    assert "join.example.com" in third["reason"]


def test_another_issuer_has_it_issued_anew(options: dict[str, Any]) -> None:
    act("certificate", options)
    both = {**issuers(), "second": {"type": "own_ca", "passphrase": "lock-the-ca", "root_common_name": "Second CA"}}
    result = act("certificate", {**options, "issuers": both, "issuer": "second"})
    assert result["reason"] == "it is not from the issuer second"
    assert result["certificate"]["issuer"] == "CN=Second CA Intermediate"


def test_files_that_do_not_belong_together_are_made_anew(options: dict[str, Any]) -> None:
    first = act("certificate", options)
    Path(first["files"]["bundle"]).unlink()
    assert act("certificate", options)["changed"] is True
    assert act("certificate", options)["changed"] is False


def test_s2_the_name_of_another_key_is_refused_with_the_next_free_one(options: dict[str, Any], tmp_path: Path) -> None:
    act("certificate", options)
    before = content(tmp_path)
    result = act("certificate", {**options, "csr": request(keys.generate_key("ecdsa"))})
    assert "base: callbridge-g2" in result["msg"]
    assert content(tmp_path) == before


def test_a_request_file_names_the_files(options: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "webadmin-g7.csr").write_text(options.pop("csr"))
    del options["base"]
    result = act("certificate", {**options, "csr_file": str(tmp_path / "webadmin-g7.csr")})
    assert Path(result["files"]["certificate"]).name == "webadmin-g7.crt"


def test_in_check_mode_a_request_that_is_still_to_be_made_is_understood(options: dict[str, Any]) -> None:
    result = act("certificate", {**options, "csr": ""}, check=True)
    assert (result["changed"], result["reason"]) == (True, "there is no request yet")
    assert "is empty" in act("certificate", {**options, "csr": ""})["msg"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"base": "call_bridge"}, "'call_bridge'"),
        ({"issuer": "nobody"}, "name: internal"),
        ({"issuer": None}, "cms_issuer"),
        ({"renew_before": "soon"}, "30d"),
        (
            {"csr": "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n"},
            "CSR callbridge-g1",
        ),
        ({"issuers": {"internal": {"type": "own_ca"}}}, "passphrase"),
    ],
)
def test_bad_input_is_told_and_nothing_is_written(
    options: dict[str, Any], tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    result = act("certificate", {**options, **change})
    assert result["failed"] is True
    assert said in result["msg"]
    assert content(tmp_path) == {}


def test_a_certificate_that_is_not_what_was_asked_for_is_not_written(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = act("certificate", {**options, "csr": request(keys.generate_key("ecdsa")), "base": "other-g1"})
    real = OwnCa.issue

    def wrong(self: OwnCa, wanted: Any, now: Any) -> Any:
        issued = real(self, wanted, now)
        return type(issued)(other["pem"], issued.chain_pems)

    monkeypatch.setattr(OwnCa, "issue", wrong)
    before = content(tmp_path)
    result = act("certificate", options)
    assert result["error"]["kind"] == "IssuerProblem"
    assert "another key" in result["msg"]
    assert content(tmp_path) == before


def test_s4_no_passphrase_of_a_ca_is_in_the_result(options: dict[str, Any]) -> None:
    assert "lock-the-ca" not in str(act("certificate", options))


def test_the_leaf_is_valid_under_its_chain(options: dict[str, Any]) -> None:
    result = act("certificate", options)
    leaf, *above = certs.load_certificates(result["full_chain_pem"].encode(), "chain")
    assert bundles.order_chain(leaf, above) == [leaf, *above]
