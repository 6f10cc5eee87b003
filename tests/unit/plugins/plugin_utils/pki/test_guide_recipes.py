# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates made with the openssl command as appendix A of the guide makes them."""

from __future__ import annotations

import datetime
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from ansible_collections.certops.cms.plugins.plugin_utils._pki import bundles, certs, csr, keys, profiles

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")

#: A configuration that adds nothing by itself, as on a system without OpenSSL's default file.
BARE = "[req]\ndistinguished_name = dn\nprompt = no\n[dn]\nCN = example\n"
INTERMEDIATE = (
    "[req]\ndistinguished_name = dn\nreq_extensions = v3_req\nprompt = no\n"
    "[dn]\nC = GB\nO = Example\nCN = intermediate\n[v3_req]\nbasicConstraints = CA:TRUE, pathlen:0\n"
)
SERVER = (
    "[req]\ndistinguished_name = dn\nreq_extensions = v3_req\nprompt = no\n"
    "[dn]\nC = GB\nO = Example\nCN = cb.example.com\n"
    "[v3_req]\nkeyUsage = digitalSignature, keyEncipherment, dataEncipherment\n"
    "extendedKeyUsage = serverAuth, clientAuth\nsubjectAltName = @alt_names\n"
    "[alt_names]\nDNS.1 = cb.example.com\n"
)


class Folder:
    """A folder in which openssl works."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name, text in {"bare": BARE, "intermediate": INTERMEDIATE, "server": SERVER}.items():
            (path / f"{name}.cnf").write_text(text)

    def openssl(self, command: str) -> None:
        done = subprocess.run(["openssl", *command.split()], cwd=self.path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def cert(self, name: str) -> x509.Certificate:
        [cert] = certs.load_certificates(self.read(name), name)
        return cert

    def errors(self, leaf: str, pool: tuple[str, ...], anchor: str, **options: object) -> list[str]:
        """Judge a chain of files; give the rules of the errors."""
        findings = profiles.check(
            self.cert(leaf),
            [self.cert(name) for name in pool],
            [self.cert(anchor)],
            profile=str(options.get("profile", "meeting_server")),
            roles=("client",) if "client" in leaf else ("server",) if "db" in leaf else ("server", "client"),
            now=datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1),
            name=str(options["name"]) if "name" in options else None,
            subject_label=leaf,
        )
        return [finding.rule for finding in findings if finding.blocks]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_csr_of_recipe_a_1_is_read_and_its_key_matches(folder: Folder) -> None:
    folder.openssl("req -out wb.csr -new -newkey rsa:2048 -nodes -keyout wb.key -config server.cnf")
    info = csr.describe_csr(folder.read("wb.csr"))
    assert info["subject"] == "CN=cb.example.com,O=Example,C=GB"
    assert info["dns"] == ["cb.example.com"]
    assert info["signature_valid"] is True
    key = keys.load_key(folder.read("wb.key"), None, "wb.key")
    assert keys.key_matches(key, csr.load_csr(folder.read("wb.csr")))


@pytest.mark.parametrize("config", ["", "-config bare.cnf"], ids=["default configuration", "no configuration"])
def test_a_self_signed_certificate_of_recipe_a_1_1_serves_where_it_is_pinned(folder: Folder, config: str) -> None:
    folder.openssl(
        f"req -x509 -nodes -days 100 -newkey rsa:2048 -keyout cb.key -out cb.crt -subj /CN=cb.example.com {config}"
    )
    assert folder.errors("cb.crt", (), "cb.crt", name="cb.example.com") == []
    assert bundles.problems(folder.read("cb.crt"), "certificate") == []


def test_the_ecdsa_chain_of_recipe_a_2_is_good(folder: Folder) -> None:
    for name in ("root", "intermediate", "server"):
        folder.openssl(f"ecparam -genkey -name prime256v1 -out {name}.key")
    folder.openssl("req -new -x509 -SHA256 -key root.key -out root.crt -days 3650 -subj /C=UK/O=Example/CN=example")
    folder.openssl("req -new -sha256 -key intermediate.key -out intermediate.csr -config intermediate.cnf")
    folder.openssl(
        "x509 -req -in intermediate.csr -CA root.crt -CAkey root.key -CAcreateserial -out intermediate.crt -days 3650 "
        "-SHA256 -extfile intermediate.cnf -extensions v3_req"
    )
    folder.openssl("req -new -SHA256 -key server.key -out server.csr -config server.cnf")
    folder.openssl(
        "x509 -req -in server.csr -CA intermediate.crt -CAkey intermediate.key -CAcreateserial -out server.crt "
        "-days 365 -SHA256 -extfile server.cnf -extensions v3_req"
    )
    assert folder.errors("server.crt", ("intermediate.crt",), "root.crt", name="cb.example.com") == []
    key = keys.load_key(folder.read("server.key"), None, "server.key")
    assert keys.key_matches(key, folder.cert("server.crt"))
    wanted = csr.Request.of({"CN": "cb.example.com", "O": "Example", "C": "GB"}, roles=("server", "client"))
    assert csr.differences(folder.cert("server.crt"), wanted) == []
    answer = folder.read("root.crt") + folder.read("server.crt") + folder.read("intermediate.crt")
    leaf, others = bundles.split(answer)
    assert leaf == folder.cert("server.crt")
    assert bundles.problems(bundles.bundle_bytes(others), "bundle") == []
    assert bundles.problems(bundles.full_chain_bytes(leaf, others), "full chain") == []


@pytest.mark.parametrize("config", ["", "-config bare.cnf"], ids=["default configuration", "no configuration"])
def test_the_database_certificates_of_recipe_a_3_are_good(folder: Folder, config: str) -> None:
    folder.openssl(
        "req -new -text -nodes -keyout dbca.key -out dbca.csr -subj /C=UK/O=Example/OU=/CN=example "
        f"-newkey rsa:2048 {config}"
    )
    folder.openssl(f"req -x509 -text -in dbca.csr -key dbca.key -out dbca.crt -days 3650 {config}")
    for name, common_name in (("dbserver", "server1"), ("dbclient", "postgres")):
        folder.openssl(
            f"req -new -nodes -keyout {name}.key -out {name}.csr -subj /C=UK/O=Example/CN={common_name} "
            f"-newkey rsa:2048 {config}"
        )
        folder.openssl(
            f"x509 -req -CAcreateserial -in {name}.csr -CA dbca.crt -CAkey dbca.key -out {name}.crt -days 3650"
        )
        assert folder.errors(f"{name}.crt", (), "dbca.crt", name=common_name) == []
        assert folder.errors(f"{name}.crt", (), "dbca.crt", name=common_name, profile="web_pki")
        assert csr.differences(folder.cert(f"{name}.crt"), csr.Request(common_name)) == []
    assert bundles.problems(folder.read("dbca.crt"), "trust") == ["there is text around the certificates"]


def test_sha_1_is_refused_below_the_anchor_only(folder: Folder) -> None:
    folder.openssl("req -x509 -newkey rsa:2048 -nodes -sha1 -keyout ca.key -out ca.crt -subj /CN=ca")
    folder.openssl("req -new -newkey rsa:2048 -nodes -keyout cb.key -out cb.csr -subj /CN=cb.example.com")
    for hash_name in ("sha1", "sha256"):
        folder.openssl(
            f"x509 -req -in cb.csr -CA ca.crt -CAkey ca.key -CAcreateserial -{hash_name} -out {hash_name}.crt"
        )
    assert folder.errors("sha1.crt", (), "ca.crt") == ["weak-signature"]
    assert folder.errors("sha256.crt", (), "ca.crt") == []
