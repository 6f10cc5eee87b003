# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a recording may show: no secret, no name of the owner, and every word of the appliance."""

from __future__ import annotations

import datetime
import re
import zlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._record import document, recording
from ansible_collections.certops.cms.plugins.plugin_utils._record.certificates import Certificates
from ansible_collections.certops.cms.plugins.plugin_utils._record.listener import Account
from ansible_collections.certops.cms.plugins.plugin_utils._record.masking import Mask
from ansible_collections.certops.cms.plugins.plugin_utils._record.pseudonyms import ADDRESS, FILE, HOST, Pseudonyms
from ansible_collections.certops.cms.plugins.plugin_utils._record.words import generic

#: Texts of the appliance, as far as they are published or expected, that no rule may touch.
TEXTS = """\
SUCCESS: Key and certificate pair match
SUCCESS: listen interface configured
SUCCESS: certificate verified against CA bundle
SUCCESS: Webbridge3 enabled
FAILURE: Key and certificate problem: certificate and key do not match
FAILURE: webadmin configuration not complete
Usage :
    callbridge listen <interface allowed list>
    callbridge certs <key-file> <crt-file> [<cert-bundle>]
    turn short_term_credentials <shared secret> <realm>
    pki csr <key/cert basename> [<attribute>:<value>]
Enabled                               : true
HTTPS listening ports and interfaces  : a:443 c:8443
STATUS                  : webadmin running
SIP interfaces          : tcp a:5060, tls a:5061
WC3 JWT Expiry in hours   : 12
Short term credentials   : Enabled
Listen interface         a
CA Bundle file          : none
User supplied certificates and keys:
callbridge-g1.crt
Checking ssh public keys...not found
        Signature Algorithm: sha256WithRSAEncryption
            Not Before: Jan  2 03:04:05 2026 GMT
            X509v3 Extended Key Usage:
                TLS Web Server Authentication, TLS Web Client Authentication
Status                   : Disabled
Your password has expired, please set a new password
--More--
zz-certops-unknown: command not recognised
FAILURE: file zz-certops-absent.crt not found
Version   : 3.9.0.17
<status><softwareVersion>3.9.0.17</softwareVersion><uptimeSeconds>4</uptimeSeconds></status>
"""

#: Characters of a hostile answer: as much as the recorder keeps.
N_LONG = 128 * 1024
LABELS = ("Password", "Shared Secret", "Some passphrase", "Access token", "API key")
_SECRETS = st.text(
    st.characters(codec="ascii", categories=("L", "N", "P", "S"), exclude_characters="\x7f"), min_size=4, max_size=40
)


@pytest.mark.parametrize("line", TEXTS.splitlines())
def test_the_words_of_the_appliance_stay(line: str) -> None:
    mask = Mask(["Simulated-1"])
    mask.learn(TEXTS)
    assert mask.text(line) == line


@given(
    _SECRETS,
    st.sampled_from(LABELS),
    st.sampled_from([" : ", "   : ", ": ", "         ", " \t: "]),
    st.sampled_from(["", "\r", " \r", "\x1b[0m\r"]),
    st.sampled_from(["", "\x1b[1;33m"]),
)
def test_a_value_of_a_secret_row_is_nowhere(value: str, label: str, gap: str, end: str, colour: str) -> None:
    assume(set(value) != {"*"})
    assume(value.lower() not in ("none", "true", "false", "enabled", "disabled", "yes", "off"))
    assume(value not in label)
    assume(value not in colour + end)
    shown = f"Enabled : true\r\n{label}{gap}{colour}{value}{end}\nlater: {value}!\n"
    mask = Mask()
    mask.learn(shown)
    masked = mask.text(shown)
    row = masked.split("\n")[1]
    assert value not in row.removeprefix(label)
    assert "Enabled : true\r\n" in masked


@given(_SECRETS, st.text(st.characters(codec="ascii", categories=("L", "Z"), exclude_characters="\n"), max_size=20))
def test_a_known_secret_is_nowhere(value: str, around: str) -> None:
    assume(len(value) >= 6)
    assume(value not in "*" * 40)
    masked = Mask([value]).text(f"{around}{value}{around}\r\n{value}{value}\n")
    assert value not in masked


_LABEL = st.from_regex(r"[a-z][a-z0-9]{3,14}(?:-[a-z0-9]{2,8})?", fullmatch=True).filter(
    lambda label: not any(generic(part) for part in re.split(r"[\W_]+", label))
)


@given(
    _LABEL, st.lists(_LABEL, min_size=1, max_size=2, unique=True), st.sampled_from(["com", "net", "example", "gov.uk"])
)
def test_host_and_domain_are_nowhere_and_columns_stay(host: str, middle: list[str], top: str) -> None:
    domain = ".".join([*middle, top])
    assume(len({host, *middle}) == 1 + len(middle))
    # Parts of one name inside another, or inside a stand-in, prove nothing.
    words = "user host name domain file test xxx certs c2w trusted url status up"
    assume(
        not any(one in other or one in words for one in (host, *middle) for other in (host, *middle) if one != other)
    )
    assume(not any(one in words for one in (host, *middle)))
    text = f"{host}> \r\nC2W trusted certs : {host}-wb.pem\r\nurl {host}.{domain}      up\r\nc2w://{host.upper()}.{domain}:9999\n"
    mask = Mask()
    mask.name(HOST, f"{host}.{domain}")
    masked = mask.text(text)
    for word in (host, *middle):
        assert not re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", masked.lower()), masked
    assert masked.split("\r\n")[2].index(" up") == text.split("\r\n")[2].index(" up") or len(domain) < 7


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_addresses_are_stand_ins_of_the_documentation_networks(address: object) -> None:
    masked = Mask().text(f"Relay address : {address}\r\npeer {address}      up\n")
    kept = ("0.0.0.0", "127.0.0.1", "::", "::1")
    ours = ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8::")
    if str(address) not in kept and not str(address).startswith(("255.", *ours)):
        assert str(address) not in masked
        assert any(network in masked for network in ours)


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("key x7Kq9ZbT2mPw4LsD set", "x7Kq9ZbT2mPw4LsD"),
        ("value=QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "QWxhZGRpbjpvcGVuIHNlc2FtZQ"),
        ("id 9f86d081884c7d659a2feaa0c55ad015", "9f86d081"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEow and no end", "MIIEow"),
        ("password=hunter2", "hunter2"),
        ('"secret": "hunter2"', "hunter2"),
        ("<sharedSecret>hunter2</sharedSecret>", "hunter2"),
        ("Subject: C=GB, O=Wayne, CN=Bruce", "Wayne"),
        ("Issuer: CN = Bruce Wayne, O = Cave", "Bruce"),
        ("contact bruce.wayne@cave.example", "wayne"),
        ("NFS directory : /srv/gotham/recordings", "gotham"),
        ("MAC 0c:d2:92:4e:11:9a", "92:4e"),
        ("Serial Number: 0a:1b:2c:3d:4e:5f:60:71:82", "1b:2c"),
        ("License serial : 123456789", "123456789"),
        ("<name>Gotham</name>", "Gotham"),
        ("cms_user : alfred", "alfred"),
        ("cms_user:alfred", "alfred"),
        ("access_token : butler-1", "butler-1"),
        ("friendlyName: Gotham main", "Gotham"),
        ("HTTPS Frame-Ancestors : https://*.gotham.com", "gotham"),
        ("DNS:*.gotham.com, DNS:join.gotham.com", "gotham"),
        ("Nodes: 10.9.8.7 (me) : Connected Primary", "10.9.8.7"),
        ("Password : abc", "abc"),
        ("Password hunter2", "hunter2"),
        ("Shared Secret hunter2", "hunter2"),
        ("Username alfred", "alfred"),
        ('Subject: C = GB, O = "Wayne, Fox and Partners", CN = cave.example', "Fox"),
        ("Subject: C=GB, O=Wayne, Fox and Partners, CN=cave.example", "Fox"),
        ("Subject: CN=cave.example,O=Wayne\\, Fox and Partners,C=GB", "Fox"),
        ("subject=/C=GB/O=Wayne, Fox and Partners/CN=cave.example", "Fox"),
        ("Issuer: C=GB, street=10 Cave Street, CN=x", "Cave"),
        ("Issuer: C=GB, 2.5.4.17=CA1 7VE, organizationIdentifier=VATGB-12345, CN=x", "CA1"),
        ("Issuer: C=GB, postalCode=CA1 7VE, organizationIdentifier=VATGB-12345, CN=x", "12345"),
        ("Netscape Comment: \n                Gotham internal only\n", "Gotham"),
        ("  Netscape Comment: \r\n      Use: Gotham internal only\r\n", "Gotham"),
        ("        Explicit Text: Gotham policy", "Gotham"),
        ("SMTP server : gotham1", "gotham1"),
        ("License holder : Gotham Water", "Water"),
        ("<url>c2w://gotham1:9999</url>", "gotham1"),
        ("ldap://cb/o=x", "cb"),
        ("DNS:gotham1, DNS:a.cave.example", "gotham1"),
        ("<callBridge><address>gotham1</address></callBridge>", "gotham1"),
        ("<sipDomain>gotham</sipDomain>", "gotham"),
    ],
)
def test_what_nobody_listed_is_masked_by_its_looks_or_its_place(text: str, gone: str) -> None:
    assert gone not in Mask().text(text)


def test_nothing_of_a_certificate_file_names_its_owner() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Arkham=Bane, Fox"),
            x509.NameAttribute(NameOID.STREET_ADDRESS, "10 Cave Street"),
        ]
    )
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Wayne+Fox, Lucius=Partners"),
            x509.NameAttribute(NameOID.COMMON_NAME, "cave.example"),
        ]
    )
    start = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(5).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=9))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    data = b"# Gotham main chain, made by Alfred\nfriendlyName: Gotham chain\n" + pem + b"the butler did it\n"
    certificates = Certificates(Mask(), whole=False)
    certificates.learn(data, "cave.pem")
    shown = f"{certificates.layout(data)} {certificates.told()}".lower()
    for word in ("gotham", "alfred", "butler", "wayne", "fox", "lucius", "partners", "arkham", "bane", "cave"):
        assert word not in shown


def test_a_host_that_one_answer_dials_is_masked_in_the_others() -> None:
    mask = Mask()
    mask.learn("<url>c2w://gotham1:9999</url><address>gotham2</address>\nDNS:gotham3\nhttps://webbridge3:443")
    masked = mask.text("cannot resolve gotham1, gotham2 or gotham3 for webbridge3")
    assert "gotham" not in masked
    assert masked.endswith("for webbridge3")


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("deflate", zlib.compress(b"<name>gotham1</name>")), ("identity", "<name>gotham1</name>".encode("utf-16"))],
)
def test_an_answer_in_which_no_name_can_be_found_is_not_kept(encoding: str, body: bytes) -> None:
    answer = {"get": "/api", "status": 200, "headers": {"Content-Encoding": encoding}, "seconds": 0.1, "body": body}
    made = recording.compose(
        Account(api=[answer]), recording.About(hosts=(), users=(), taken_at="2026-01-01", libraries={}), Mask()
    )
    assert made["api"][0]["body"] == f"<{len(body)} bytes in a form that cannot be masked>"


def test_words_of_the_user_are_masked_inside_other_words() -> None:
    masked = Mask(words=["gotham"]).text("GothamCity Relay at gotham-dc1\r\n")
    assert "gotham" not in masked.lower()


def test_the_same_name_has_the_same_stand_in_everywhere() -> None:
    mask = Mask()
    mask.name(HOST, "gotham1.cave.example")
    first, second, third = mask.text("gotham1> a\ngotham1.cave.example\nGOTHAM1 again").split("\n")
    name = first.partition(">")[0]
    assert second.startswith(f"{name}.")
    assert third.startswith(f"{name} ")
    assert len(name) == len("gotham1")


def test_prose_keeps_the_words_of_the_appliance_only() -> None:
    text = "Welcome to Gotham\r\nYour password will expire in 5 days\r\nMaintenance> every Friday\r\n"
    masked = Mask().text(text, prose=True)
    assert masked == "Welcome to xxxxxx\r\nYour password will expire in 5 days\r\nMaintenance> xxxxx Friday\r\n"


def test_what_is_left_is_found_before_it_is_written() -> None:
    mask = Mask(["hunter2-and-more"])
    mask.name(HOST, "gotham1.cave.example")
    assert mask.residue(r"fine\r\n") == []
    assert mask.residue(r"\x1b[1mgotham1> \x1b[0m\r\n") == ["host names"]
    assert mask.residue(r"x hunter2-and-more") == ["secrets"]


@given(st.lists(st.tuples(st.sampled_from([HOST, FILE]), _LABEL), min_size=1, max_size=30))
def test_stand_ins_are_never_shared(names: list[tuple[str, str]]) -> None:
    given_out = Pseudonyms()
    found = {(kind, name.casefold()): given_out.of(kind, name) for kind, name in names}
    assert len(set(found.values())) == len(found)
    assert all(len(stand_in) == len(name) for (_kind, name), stand_in in found.items())


def test_more_addresses_than_the_documentation_networks_hold_are_not_mixed_up() -> None:
    given_out = Pseudonyms()
    found = {given_out.of(ADDRESS, f"10.{number // 250}.{number % 250}.7") for number in range(1000)}
    assert len(found) == 1000


@pytest.mark.parametrize(
    "text",
    [
        "a" * N_LONG,
        "<" + "a" * N_LONG,
        "a:x" + " " * N_LONG + "y",
        "a." * N_LONG,
        "0:" * N_LONG,
        "-----BEGIN " * (N_LONG // 10),
        "\x1b[" * N_LONG,
        "a@" * N_LONG,
        "password " * (N_LONG // 8),
        " " * N_LONG,
        "CN=" * N_LONG,
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_a_hostile_answer_is_masked_in_the_time_of_its_length(text: str) -> None:
    """The time limit of every test is what fails here: a rule that looks at every pair of places takes hours."""
    mask = Mask(["hunter2"])
    mask.learn(text)
    data = mask.wire(text.encode())
    assert document.wire(document.shown(data)) == data
