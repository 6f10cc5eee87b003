# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How secrets, names and addresses look in what an appliance prints.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import re

SECRET_LABEL = re.compile(
    r"(?i)pass(?:wor|phras|wd|code)|secret|\btokens?\b|\bpsk\b|\bpin\b|credential|community|private.?key|api.?key"
)
PRIVATE_LABEL = re.compile(
    r"(?i)\buser\b|user ?name|\brealm\b|\bnfs\b|\bdomain\b|directory|\bpath\b|\bfolder\b|\bcontact\b|organi[sz]ation"
    r"|\blocation\b|\baddress\b|\bhost(?: ?name)?$|e-?mail|\bowner\b|ancestors|description|comment|\bname$|\bsite\b"
    r"|\bserver$|\bsmtp\b|\bholder\b|\blicensee\b|\bcustomer\b|\btext$"
)
#: Labels of a text that somebody wrote, which stands on the line below.
WRITTEN_BELOW = re.compile(r"(?i)(?:comment|description|explicit text)\s*:$")
#: A row without a blank at its colon.
TIGHT_ROW = re.compile(r"\s*([A-Za-z][\w .-]{0,60}?)\s*[:=](?!//)\s*(\S.*)")
#: A row without a colon and without a gap: one word that needs a mask behind a label that says so.
BARE_ROW = re.compile(
    r"(?i)\s*((?:[a-z]+[ _]){0,2}(?:password|passphrase|passcode|secret|token|psk|user ?name|realm))[ \t](\S+)\s*"
)
SERIAL_LABEL = re.compile(r"(?i)\bserial\b|fingerprint|\bkey id|identifier")
VERSION_LABEL = re.compile(r"(?i)\bversion\b|\brelease\b|\bbuild\b")
ASSIGNED = re.compile(
    r"(?i)(?P<label>[\w -]{0,40}(?:password|passwd|passphrase|passcode|secret|token|psk|api.?key)\"?)\s*[=:]\s*\"?"
    r"(?P<value>[^\s\"<>,;][^\r\n\"<>,;]*)"
)
PEM_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
HEX = re.compile(
    r"(?<![0-9A-Za-z:])[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){7,}:?(?![0-9A-Za-z])|\b(?=\w*\d)[0-9A-Fa-f]{16,}\b"
)
UUID = re.compile(r"\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b")
HARDWARE = re.compile(r"(?<![0-9A-Fa-f:])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![0-9A-Fa-f:])")
IPV6 = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f:]{2,}(?::\d+\.\d+\.\d+\.\d+)?(?![0-9A-Za-z])")
IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
MAIL = re.compile(r"(?<![\w.+-])([\w.+-]+)@([\w-]+(?:\.[\w-]+)*)")
FILE = re.compile(
    r"(?i)(?<![\w.-])([\w][\w.-]*)\.(pem|crt|cer|der|key|csr|pub|zip|bak|p12|pfx|json|lic|dat|img|pcap|log|txt|mib|tgz)\b"
)
FQDN = re.compile(
    r"(?<![\w-])(?<!\w\.)([A-Za-z0-9_](?:[\w-]*\w)?)((?:\.[A-Za-z0-9-]+)*\.(?:[a-z]{2,24}|[A-Z]{2,24}))(?![\w-])"
)
#: Of a name in a certificate: the attribute, the sign, the value. A comma or stroke with no attribute behind it is part
#: of the value.
ATTRIBUTE = re.compile(
    r"(?<!\w)((?:CN|O|OU|L|ST|C|DC|SN|GN|UID|title|emailAddress)(?=\s{0,4}[=:])"
    r"|(?!(?i:subject|issuer|dirname)\b)[A-Za-z0-9][\w.-]{0,40}(?=\s{0,4}=))(\s*[=:]\s*)"
    r"(\"(?:\\[^\r\n]|[^\"\\\r\n])*\"|(?:\\[^\r\n]|[^,/+<\\\r\n]|[,/+](?!\s{0,4}[\w.-]{1,41}\s{0,4}=))+)"
)
ABOUT_SUBJECT = re.compile(r"(?i)\b(?:subject|issuer|dirname)\b|\bCN\s*[=:]")
LONG = re.compile(r"[A-Za-z0-9+/=_-]{12,}")
#: A host without a domain where somebody dials it or a certificate names it.
DIALLED = re.compile(r"(?i)(?:(?<=://)|(?<=DNS:))([a-z0-9][\w-]{0,62})(?![\w.-])")
#: Elements that hold a host or a domain.
PLACE = re.compile(r"(?i)(?:address|domain|host|server)$")
ELEMENT = re.compile(r"<(?P<tag>[\w:-]+)(?P<rest>(?:\s[^<>]*)?)>(?P<text>[^<>]+)</(?P=tag)>")
WORD = re.compile(r"[^\W_]+")
KEPT_ADDRESSES = re.compile(r"127\.0\.0\.1|0\.0\.0\.0|255\.\d+\.\d+\.\d+|::1?")

#: Colours and the like; a name behind one of them begins there.
SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?=>! ]*[@-~]|[()*+#%][0-9A-Za-z]|[0-9A-Za-z=<>])")
ESCAPED = re.compile(r"\\x1b(?:\[[0-9;?=>! ]*[@-~])?|\\x[0-9a-f]{2}|\\[rnt]")
