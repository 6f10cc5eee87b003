# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every text of the appliance that this collection knows, in one place, easy to correct once the real ones are seen.

What is documented and what is inferred stands in the reference on the command line; where a text is unknown, the
pattern is wide and its use is careful: an unknown text never counts as success.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import re

# Session --------------------------------------------------------------------------------------------------------------

#: What a first prompt may look like: host name and ``>``, or a bare ``>``. Only used to learn the exact prompt.
PROMPT = re.compile(r"^(?:[A-Za-z0-9][A-Za-z0-9._-]*)?>[ \t]?$")

#: The appliance wants a new password. Never answered.
PASSWORD_CHANGE = re.compile(
    r"(?i)\b(?:new|re-?enter|retype|confirm|repeat|change|choose)\b[^\n]{0,40}\bpassw(?:or)?d\b"
    r"|\bpassw(?:or)?d\b[^\n]{0,60}\b(?:must|has to|needs to|required to)\b[^\n]{0,20}\bchange"
    r"|\bmust\b[^\n]{0,20}\bchange\b[^\n]{0,20}\bpassw(?:or)?d\b"
    r"|\bpassw(?:or)?d\b (?:has |is )?expired\b"
)

#: A line that waits for a hidden value; it may name a file.
PASSWORD_QUESTION = re.compile(r"(?i)\b(?:passw(?:or)?d|pass ?phrase|secret)\b[^:?>]{0,80}[:?]?[ \t]*$")

#: The appliance's own way to ask for a confirmation.
CONFIRMATION = re.compile(r"\(\s*Y\s*/\s*n\s*\)\s*[:?]?\s*$")

#: Any other question for yes or no. Never answered.
YES_NO_QUESTION = re.compile(r"(?i)[(\[]\s*y(?:es)?\s*/\s*no?\s*[)\]]\s*[:?]?\s*$")

#: The only answer that confirms. A small letter does not proceed.
YES = "Y"

#: Known pager markers; a blank asks for the next page.
PAGER = re.compile(
    r"(?i)^\s*(?:-{2,}\s*\(?more\)?\s*-{0,}|<-+\s*more\s*-+>|--more--\s*\(\d+%\)|:|\(END\)"
    r"|press (?:the )?space[^\n]*)\s*$"
)
#: A marker that nothing wiped off: it stands before what came next.
PAGER_MARK = re.compile(r"(?i)^\s*(?:-{2,}\s*\(?more\)?\s*-{2,}(?:\s*\(\d+%\))?|<-+\s*more\s*-+>)\s*")
PAGER_ANSWER = " "
#: A pager that has nothing more to show wants to be left.
PAGER_END = re.compile(r"(?i)^\s*\(END\)\s*$")
PAGER_LEAVE = "q"

#: The account cannot be used now, whatever the password.
LOCKOUT = re.compile(r"(?i)\block(?:ed)?[ -]?out\b|\baccount\b[^\n]{0,40}\b(?:locked|disabled|expired)\b|\blocked\b")
TOO_MANY_SESSIONS = re.compile(
    r"(?i)\b(?:too many|maximum|max(?:imum)? number of)\b[^\n]{0,30}\b(?:sessions?|logins?|connections?)\b"
    r"|\bsession limit\b|\bmax_sessions\b"
)

#: What to do when a command neither ended nor failed.
AFTER_SILENCE = (
    "log in and look whether the command still runs; if the node is only slow, raise ansible_mmp_command_timeout "
    "(ansible_mmp_long_timeout for restarts and keys)"
)

#: Lines before the prompt that a person should hear of.
EXPIRY_NOTICE = re.compile(
    r"(?i)\bpassw(?:or)?d\b[^\n]*\bexpir|\bexpir[^\n]*\bpassw(?:or)?d\b|\bcertificate\b[^\n]*\bexpir"
)

#: Exec channels that are opened but lead nowhere.
EXEC_UNUSABLE = re.compile(
    r"(?i)\bexec\b[^\n]*\b(?:not|disabled|denied|refused|unsupported)\b|\b(?:shell|interactive)\b[^\n]*\bonly\b"
    r"|\badministratively prohibited\b|\bnot? (?:an? )?(?:interactive|terminal|tty)\b"
)

# Results --------------------------------------------------------------------------------------------------------------

SUCCESS = re.compile(r"^\s*SUCCESS:\s*(.*?)\s*$")
FAILURE = re.compile(r"^\s*FAILURE:\s*(.*?)\s*$")

#: Printed for wrong arguments, and by ``help``.
USAGE = re.compile(r"(?im)^\s*usage\s*:")

#: Complaints about a command the appliance does not know. Its wording is unknown, hence the width.
UNKNOWN_COMMAND = re.compile(
    r"(?i)\b(?:unknown|unrecogni[sz]ed|invalid|bad|no such|unsupported)\b[^\n]{0,30}"
    r"\b(?:command|service|argument|option|keyword)"
    r"|\bcommand\b[^\n]{0,80}\b(?:not (?:found|known|recogni[sz]ed|supported|available)|unknown|unrecogni[sz]ed)\b"
    r"|\bsyntax error\b|\bnot (?:a )?(?:known|recogni[sz]ed|valid)\b[^\n]{0,20}\bcommand"
)

#: The user may not do this.
NOT_PERMITTED = re.compile(
    r"(?i)\bpermission (?:was )?denied\b|\bnot (?:permitted|authori[sz]ed|allowed)\b|\baccess denied\b"
)

#: A display that says that the service is not on this node.
ABSENT_SERVICE = re.compile(
    r"(?i)\b(?:not (?:available|installed|present|supported|licensed|found)|no longer (?:available|supported)"
    r"|unavailable|does not (?:exist|support))\b"
)

#: Lines besides SUCCESS and FAILURE that a command may print without anything being wrong.
KNOWN_NOTICES = (
    re.compile(r"^[\s.+*]*$"),
    re.compile(
        r"(?i)\b(?:reboot|restart)(?:ed)?\b[^\n]*\b(?:needed|required|necessary|for\b[^\n]*\beffect|to apply|to take)"
    ),
    re.compile(r"(?i)\b(?:please|you (?:must|need to|should))\b[^\n]*\b(?:reboot|restart)\b"),
    EXPIRY_NOTICE,
)

# pki ------------------------------------------------------------------------------------------------------------------

#: ``pki match`` and ``pki verify``: "no" is looked for first, everything that is neither is "don't know".
SAYS_NO = re.compile(
    r"(?i)\b(?:does|do|did)(?: not|n't) (?:match|verify|belong)|\bnot (?:a )?match|\bmis-?match|fail|error|\bunable\b"
    r"|\bnot (?:ok|valid|verified|trusted)\b|\binvalid\b|\buntrusted\b"
)
SAYS_YES = re.compile(r"(?i)\bmatch(?:es|ed)?\b|\bOK\b|\bSUCCESS\b")
#: Words that may turn a yes into something else, and a question or a label that its answer would follow.
SAYS_PERHAPS = re.compile(
    r"(?i)\b(?:no|not|none|never|neither|nor|without|cannot|false|zero|0|partly|partial|unless|if|unknown|un\w+ed)\b"
    r"|n't\b|[?:=]\s*$"
)

#: ``pki inspect``: what the line says that tells the kind of a file, the first that fits; and that a key is locked.
INSPECT_KINDS = (
    ("unknown", re.compile(r"(?i)\bunknown\b|\bunrecogni[sz]ed\b|\bneither\b")),
    ("csr", re.compile(r"(?i)\b(?:certificate (?:signing )?request|csr)\b")),
    ("key", re.compile(r"(?i)\b(?:private key|key)\b")),
    ("certificate", re.compile(r"(?i)\bcertificate\b")),
)
#: The lines that are about the search for the file, and those that are about the file.
INSPECT_SEARCH = re.compile(r"(?i)\bchecking\b|\.{3}\s*(?:not )?found\s*$")
INSPECT_FILE = re.compile(r"(?i)\b(?:file|type|contains?|format|encoded)\b")
INSPECT_LOCKED = re.compile(r"(?i)\b(?:encrypted|password[- ]protected|protected by|locked|passphrase)\b")
#: The rows of a certificate, whatever stands around them, as OpenSSL and others write them.
INSPECT_ROWS = {
    "not_before": re.compile(r"(?i)^\s*(?:not before|notbefore|valid from)\s*[:=]\s*(\S.*?)\s*$"),
    "not_after": re.compile(r"(?i)^\s*(?:not after|notafter|valid (?:to|until)|expires)\s*[:=]\s*(\S.*?)\s*$"),
    "subject": re.compile(r"(?i)^\s*subject\s*[:=]\s*(\S.*?)\s*$"),
    "issuer": re.compile(r"(?i)^\s*issuer\s*[:=]\s*(\S.*?)\s*$"),
}
INSPECT_DNS = re.compile(r"(?i)\bDNS:\s*([^,\s]+)")

KEY_EXTENSIONS = (".key",)
CSR_EXTENSIONS = (".csr",)
CERTIFICATE_EXTENSIONS = (".crt", ".cer")
#: Either: the name alone does not tell.
AMBIGUOUS_EXTENSIONS = (".pem", ".der")
#: How the names of files end that a service can be given.
ASSIGNED_EXTENSIONS = (*KEY_EXTENSIONS, *CERTIFICATE_EXTENSIONS, *AMBIGUOUS_EXTENSIONS)
#: How the names end that ``pki list`` shows.
LISTED_EXTENSIONS = (*ASSIGNED_EXTENSIONS, *CSR_EXTENSIONS, ".pub")

# Displays -------------------------------------------------------------------------------------------------------------

NOTHING = "none"
ON_WORDS = frozenset({"true", "enabled", "yes", "on"})
OFF_WORDS = frozenset({"false", "disabled", "no", "off"})
NOT_RUNNING = re.compile(
    r"(?i)\b(?:not|stopped|stopping|failed|failing|down|dead|disabled|crash\w*|restarting|starting)\b"
)
#: Labels whose values are printed in clear and must go nowhere.
SECRET_LABEL = re.compile(r"(?i)passw(?:or)?d|secret|passphrase|private key data")
#: Labels of rows that may hold a trust setting this collection does not know.
TRUST_LABEL = re.compile(r"(?i)trust|\bcerts\b")
#: Where one value says where each transport listens: ``tcp a:6000, tls a:6001``.
TRANSPORT = re.compile(r"(?i)\b(?:tcp|tls)\s")
TLS_TRANSPORT = re.compile(r"(?i)\btls\s+([^,]+)")
#: Such a row may have one blank only, and no colon.
LISTEN_ROW = re.compile(r"(?i)^(listen(?:ing)? interface) ([a-z][a-z0-9_.-]*)$")
LISTEN_LABEL = re.compile(r"(?i)\blisten")
#: A name or an address as a display holds it.
HOST = re.compile(r"(?i)[a-z0-9](?:[a-z0-9.:-]*[a-z0-9])?")
#: Rows of ``tls sip`` and ``tls ldap``, whose labels nobody has written down: what is trusted, and whether it counts.
SETTING_TRUST = re.compile(r"(?i)trust|bundle|\bca\b|\bcerts?\b|certificate auth")
SETTING_MODE = re.compile(r"(?i)verif")
#: What the mode of verification may be called. Any other word is unknown.
MODES = {
    **dict.fromkeys(("enable", *sorted(ON_WORDS)), "enabled"),
    **dict.fromkeys(("disable", *sorted(OFF_WORDS)), "disabled"),
    "ocsp": "ocsp",
}
VERSION_LABEL = re.compile(r"(?i)\b(?:version|release)\b")
VERSION = re.compile(r"(?i)(?<![\w.])v?(\d+\.\d+(?:\.\d+){0,3})(?!\.?\w)")

#: Commands that carry a secret; the groups that must not be shown are named s1, s2, ...
SECRET_COMMANDS = (
    re.compile(r"(?i)^\s*turn\s+credentials\s+\S+\s+(?P<s1>\"[^\"]*\"|\S+)"),
    re.compile(r"(?i)^\s*turn\s+short_term_credentials\s+(?P<s1>\"[^\"]*\"|\S+)"),
    re.compile(r"(?i)^\s*webbridge3?\s+meetingapps\s+add\s+\S+\s+\S+\s+(?P<s1>\"[^\"]*\"|\S+)"),
    re.compile(r"(?i)^\s*callbridge\s+ucm\s+add\s+\S+\s+\S+\s+\S+\s+(?P<s1>.+)$"),
    re.compile(r"(?i)^.*\b(?:password|passwd|secret)\s+(?P<s1>\S.*)$"),
)
MASK = "********"
