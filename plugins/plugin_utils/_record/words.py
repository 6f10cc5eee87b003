# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words that say nothing about who owns a node: those of the appliance, of its displays, of certificates.

Names made of them alone stay as they are, and so does a welcome text as far as it consists of them.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .._services import catalogue

#: Files that every appliance may have under these names.
KNOWN_FILES = frozenset(
    {"cms.lic", "license.dat", "live.json", "boot.json", "upgrade.img", "banner.txt", "welcome.txt", "logbundle.tar.gz"}
)

_WORDS = """
acano access account accounts active add address admin administrator administrators after again against algorithm all
allowed an and answer any api apply are argument arguments as at attempt attempts audit authorised authority authorized
available bad banner basic be been before belong belongs bridge browser build bundle but by ca call can cannot cert
certificate certificates certs chain change changed channel check checked checks choose cisco client close closed
cluster cma cms cmm code command commands completed configuration configure configured confirm connect connected
connection connections core could created credential credentials crl crypto csr current data database date day days
debug default delete deleted denied der detached different digital disable disabled display displays do does done
download down edge email enable enabled end enroled enter enterprise entity error exist existing exists exit expire
expired expires expiry fail failed failure failures false features file files first follow for found friday from full
given go granted group hashing have help high host hour hours http https id identity if in incorrect info inspect
installed intermediate interface interfaces internal invalid is issuer issuing it its key keys known last latest ldap
legacy length license licence line lines link list listed listen listening live loaded loading local locked login logins
logged log logs main maintenance management manager master match matched matches matching may meeting message method
mib minute minutes missing mismatch mmp mode monday more must name names need needed needs network new next no node none
normal not notice now number of off ok old on one only open operation option optional options or other out over pair
password passwords path peer pem permission permitted pki please port postgres postgresql power press previous primary
privacy private problem process product progress prompt provided pub public re read ready really reboot recognised
recognized recorder refused registered reject rejected release remaining remote remove removed renew replaced replica
request requests require required reset restart restarted restarting result retry right role root rsa running saturday
save saved scheduler secure security see self selfsigned serial server servers service services session sessions set
setting settings sftp short show sign signed sip size software ssh ssl standalone start started starting state status
stop stopped storage stored streamer sub subject successful successfully sunday support supported sure syntax system tcp
template term terminal test that the then there this thursday time tls to too traffic true trust trusted trusts tuesday
turn type udp unable unauthorised unauthorized unavailable under unknown unlock until up update upgrade upload uploader
usage use used user username users using valid validity value verified verifies verify version via virtual wait warning
was we web webadmin webapp webbridge webbridges callbridge callbridges wednesday welcome when which who will with within
wrong year years yes yet you your united
january february march april may june july august september october november december
jan feb mar apr jun jul aug sep oct nov dec mon tue wed thu fri sat sun gmt utc am pm
sha1 sha224 sha256 sha384 sha512 sha256withrsaencryption sha384withrsaencryption sha512withrsaencryption
sha1withrsaencryption rsaencryption ecpublickey prime256v1 secp256r1 secp384r1 secp521r1 ecdsa ed25519 x509v1 x509v3
x509 pkcs7 pkcs8 pkcs10 pkcs12 base64 utf8 ipv4 ipv6 h264 h265 av1 720p 1080p 480p a b c d lo eth0 eth1 eth2 eth3 eth4
text html xml json text_xml utf iso xxx
ntp dns syslog snmp uptime hostname iface timezone health shutdown factory backup snapshot rollback user tls cdr
zz certops absent
comments ratings after vbrick rev hostname verification minimum min max dtls ciphers smtp mail ocsp strict verb mode
c2w s2s ucm imps axl wc3 jwt nfs rtmp rtmps sso csr crt cer g1 webrtc w3a
"""


def _own_words() -> Iterator[str]:
    for service in catalogue.SERVICES:
        said = [service.name, service.show, *service.rows, *service.activate, service.running_text or ""]
        # What stands in patterns for labels, without their signs.
        said += [re.sub(r"\\b|[?:|()^$.*]", " ", pattern) for pattern in service.words]
        said += [text for slot in service.slots for text in (slot.name, slot.identity, slot.command)]
        said += [text for trust in service.trusts for text in (trust.name, trust.command, trust.show)]
        for text in said:
            yield from re.split(r"[\W_]+", text.lower())


GENERIC = frozenset(filter(None, (*_WORDS.split(), *_own_words())))


def generic(word: str) -> bool:
    """Say whether this is a word of the appliance."""
    return word.casefold() in GENERIC


def generic_name(name: str) -> bool:
    """Say whether a name is put together from words of the appliance and small numbers: ``callbridge-g1``."""
    parts = [part for part in re.split(r"[\W_]+", name.casefold()) if part]
    return all(part in GENERIC or re.fullmatch(r"g?\d{1,2}", part) for part in parts)
