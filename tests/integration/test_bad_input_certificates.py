# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad certificates, keys and file names: refused before a setting is stored, with object, reason and next step.

The files lie on the nodes already, as if somebody had put them there; one run tries to use them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.integration.bad_input import SURVEY, Bench, ignored, play, says, stopped
from tests.integration.harness import Result
from tests.simulator import certs
from tests.simulator.switches import Switchboard

CORE, EDGE = "core1.example.test", "edge1.example.test"
#: Written by the fixture ``files``; the old CA's bundle lies on every node.
BUNDLE = "old_ca.pem"


def callbridge(name: str, *, key: str = "good.key", certificate: str = "", bundle: str = BUNDLE) -> dict[str, Any]:
    return {"service": "callbridge", "key": key, "certificate": certificate or f"{name}.crt", "bundle": bundle}


def c2w(name: str) -> dict[str, Any]:
    return {"service": "webbridge3", "slot": "c2w", "key": "good.key", "certificate": f"{name}.crt"}


#: Kind -> node, options of certops.cms.service, parts of what is said.
ASSIGNMENTS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "a key of another certificate": (
        "core1",
        callbridge("good", key="other.key"),
        ["core1 good.crt: does not fit the key other.key", "'pki match' says ", "name the key that"],
    ),
    "an encrypted key": (
        "core1",
        callbridge("good", key="locked.key"),
        [
            "core1 good.crt: does not fit the key locked.key",
            "FAILURE: locked.key is password protected",
            "unlock a key",
        ],
    ),
    "a chain that does not build": (
        "core1",
        callbridge("stranger"),
        ["certificate of its issuer CN=Stranger Issuing CA,O=Example is missing", "Add the missing CA certificate"],
    ),
    "an expired certificate": (
        "core1",
        callbridge("expired"),
        ["core1 callbridge: ", "expired", "Renew the certificate", "have a new one issued"],
    ),
    "clientAuth missing on a Call Bridge": (
        "core1",
        callbridge("serveronly"),
        ["core1 callbridge: ", "as TLS client it needs clientAuth", "Have it issued by a CA"],
    ),
    "a certificate in DER": (
        "core1",
        callbridge("der"),
        ["core1 der.crt: it is in DER, PEM is wanted: openssl x509 -inform der", "write the file again (PEM, "],
    ),
    "a bundle in the wrong order": (
        "core1",
        callbridge("good", bundle="turned.pem"),
        ["core1 turned.pem: wrong order: CN=Example Old Issuing CA,O=Example did not", "write the file again (PEM, "],
    ),
    "a bundle with blank lines": (
        "core1",
        callbridge("good", bundle="blank.pem"),
        ["core1 blank.pem: there are blank lines or blanks between certificates", "write the file again (PEM, "],
    ),
    "a bundle without its root": (
        "core1",
        callbridge("good", bundle="rootless.pem"),
        ["core1 rootless.pem: the root certificate is missing, it must stand last"],
    ),
    "an extension the guide does not permit": (
        "core1",
        callbridge("good", certificate="good.txt"),
        ["core1 good.txt: has no extension that the guide permits for a certificate", "pem, der, cer, crt"],
    ),
    "a key extension the guide does not permit": (
        "core1",
        callbridge("good", key="good.pk8"),
        ["core1 good.pk8: has no extension that the guide permits for a key", "key, pem, der"],
    ),
    "a file that is not there": (
        "core1",
        callbridge("absent"),
        ["core1 absent.crt: the certificate is not on the node", "certops.cms.pki_file"],
    ),
    "a SAN that misses the C2W host": (
        "edge1",
        c2w("misnamed"),
        [f"core1<edge1 c2w_server: core1 dials {EDGE}, which is not among", f"issued that names {EDGE}"],
    ),
    "a full chain in DER": (
        "edge1",
        c2w("der"),
        ["edge1 der.crt: it is in DER, PEM is wanted", "write the file again (PEM, "],
    ),
    "a full chain in the wrong order": (
        "edge1",
        c2w("turned"),
        ["edge1 turned.crt: it does not begin with the service's own certificate", "write the file again (PEM, "],
    ),
    "a certificate of a CA that nobody trusts": (
        "edge1",
        c2w("stranger"),
        ["core1<edge1 c2w_server: ", "widen the trust of core1 first (certops.cms.trust)"],
    ),
}

#: Kind -> module and options, parts of what is said.
FILES: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "a base name with an underscore": (
        "csr",
        {"base": "call_bridge", "common_name": CORE},
        ["base 'call_bridge': holds '_'", "use letters, digits and hyphens only"],
    ),
    "a base name with a dot": (
        "csr",
        {"base": "call.bridge", "common_name": CORE},
        ["base 'call.bridge': holds '.'", "use letters, digits and hyphens only"],
    ),
    "a file name with an underscore": (
        "pki_file",
        {"name": "call_bridge.crt", "src": "good.crt"},
        ["name 'call_bridge'", "holds '_'", "use letters, digits and hyphens only"],
    ),
    "a file name with two dots": (
        "pki_file",
        {"name": "call.bridge.crt", "src": "good.crt"},
        ["name 'call.bridge.crt': needs exactly one dot", "name it like 'call."],
    ),
    "an upload with another extension": (
        "pki_file",
        {"name": "callbridge.txt", "src": "good.crt"},
        ["has the extension 'txt', which the guide does not permit", "use one of: pem, cer, crt"],
    ),
    "an upload of an encrypted key": (
        "pki_file",
        {"name": "callbridge.key", "src": "locked.key"},
        ["callbridge.key: the key is encrypted", "give its passphrase"],
    ),
    "an upload of DER under a name for PEM": (
        "pki_file",
        {"name": "callbridge.crt", "src": "der.crt"},
        ["callbridge.crt: ", "it is in DER, PEM is wanted", "nothing was sent"],
    ),
    "an upload of a bundle with blank lines": (
        "pki_file",
        {"name": "callbridge-bundle.crt", "src": "blank.pem", "kind": "bundle"},
        ["cannot be used as bundle: there are blank lines", "nothing was sent"],
    ),
    "an upload of a bundle in the wrong order": (
        "pki_file",
        {"name": "callbridge-bundle.crt", "src": "turned.pem", "kind": "bundle"},
        ["cannot be used as bundle: wrong order", "nothing was sent"],
    ),
    "an upload onto a file in use": (
        "pki_file",
        {"name": "core1_callbridge.crt", "src": "good.crt", "force": True},
        ["callbridge names it: it is never replaced", "upload under a name that was never used"],
    ),
    "a trust without a certificate": (
        "trust",
        {"service": "callbridge", "certificates": ["no certificate"]},
        ["certificates, entry 1: ", "it is not a certificate", "give a certificate in PEM"],
    ),
    "a trust that would cut a link": (
        "trust",
        {"service": "callbridge", "mode": "exact", "certificates": ["{{ stranger }}"]},
        ["core1<edge1 c2w_server: ", "nothing was changed"],
    ),
}


@pytest.fixture(scope="module")
def bench(dialect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("certificates"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def files(bench: Bench) -> dict[str, bytes]:
    """Put good and bad files on both nodes."""
    found: dict[str, bytes] = {}
    for node, fqdn in (("core1", CORE), ("edge1", EDGE)):
        old, stranger = bench.old_ca(), certs.Authority.create("Stranger", 100)
        key, other = certs.pooled_key("ecdsa"), certs.pooled_key("ecdsa")

        def issue(
            ca: certs.Authority = old, name: str = fqdn, days: float = 90, client: bool = True, key: Any = key
        ) -> Any:
            return ca.issue(key.public_key(), name, [], days, client=client)

        good = issue()
        root, issuing = certs.cert_pem(old.root), certs.cert_pem(old.intermediate)
        # A Web Bridge takes leaf and chain in one file (guide 4.5).
        above = issuing + root if node == "edge1" else b""
        stranger_above = certs.cert_pem(stranger.intermediate, stranger.root) if node == "edge1" else b""
        found = {
            "good.key": certs.key_pem(key),
            "good.pk8": certs.key_pem(key),
            "other.key": certs.key_pem(other),
            "locked.key": certs.key_pem(key, passphrase=b"locked"),
            "good.crt": certs.cert_pem(good) + above,
            "good.txt": certs.cert_pem(good) + above,
            "stranger.crt": certs.cert_pem(issue(stranger)) + stranger_above,
            "expired.crt": certs.cert_pem(issue(days=-2)) + above,
            "serveronly.crt": certs.cert_pem(issue(client=False)) + above,
            "misnamed.crt": certs.cert_pem(issue(name="other.example.test")) + above,
            "der.crt": good.public_bytes(Encoding.DER),
            "turned.crt": root + issuing + certs.cert_pem(good),
            "turned.pem": root + issuing,
            "blank.pem": issuing + b"\n" + root,
            "rootless.pem": issuing,
            "stranger.pem": certs.cert_pem(stranger.root),
        }
        for name, data in found.items():
            (bench.node_folder(node) / name).write_bytes(data)
    return found


def _source(folder: Path, options: dict[str, Any]) -> dict[str, str]:
    return {"src": str(folder / options["src"])} if "src" in options else {}


@pytest.fixture(scope="module")
def run(bench: Bench, files: dict[str, bytes]) -> Result:
    folder = bench.folder()
    for name, data in files.items():
        (folder / name).write_bytes(data)

    plays = [play(SURVEY)]
    for node in ("core1", "edge1"):
        work = [(kind, "service", options) for kind, (host, options, _parts) in ASSIGNMENTS.items() if host == node]
        if node == "core1":
            work += [(kind, module, options) for kind, (module, options, _parts) in FILES.items()]
        tasks = [
            {"name": kind, f"certops.cms.{module}": {**options, **_source(folder, options)}, "ignore_errors": True}
            for kind, module, options in work
        ]
        plays.append(play(*tasks, hosts=node))
    with bench.untouched():
        return bench.run(plays, stranger=files["stranger.pem"].decode())


@pytest.mark.parametrize("kind", ASSIGNMENTS)
def test_what_a_service_could_not_use_is_refused(kind: str, run: Result) -> None:
    says(ignored(run, kind), *ASSIGNMENTS[kind][2])


#: What the appliance says of a pair that does not fit, as its switch stands.
DOES_NOT_FIT = {
    "plain": "'pki match' says Key and certificate do not match",
    "result_lines": "'pki match' says FAILURE: Key and certificate do not match",
    "terse": "'pki match' says error",
    "opaque": "'pki match' says 0",
}


def test_the_words_of_the_node_about_a_wrong_key_are_repeated(dialect: str, run: Result) -> None:
    position = Switchboard({"dialect": dialect})["pki_match_words"]
    says(ignored(run, "a key of another certificate"), DOES_NOT_FIT[position])


@pytest.mark.parametrize("kind", FILES)
def test_what_a_node_should_not_get_is_refused(kind: str, run: Result) -> None:
    says(ignored(run, kind), *FILES[kind][2])


def test_a_refused_assignment_stops_a_playbook(bench: Bench, files: dict[str, bytes]) -> None:
    assert files
    task = {"name": "Assign", "certops.cms.service": callbridge("serveronly")}
    with bench.untouched():
        result = bench.run([play(SURVEY), play(task, hosts="core1")])
    says(stopped(result), "core1 callbridge: ", "clientAuth")
