# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of the catalogue for the scheduler and for MeetingApps, whose displays nobody has written down.

Labels are taken to be built like those of webbridge3 (reference: command line notes, 5.6 and 5.7), and patterns take
others.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from .shapes import ALWAYS, CLIENT, ENABLED, FULL_CHAIN, SERVER, STATUS, UNUSED, Service, Slot, Trust

SCHEDULER = Service(
    name="scheduler",
    group="cms_scheduler",
    show="scheduler",
    rows={
        "Enabled": ENABLED,
        "HTTPS listening ports and interfaces": "https listen",
        "HTTPS Key file": "https key",
        "HTTPS Full chain certificate file": "https certificate",
        "C2W Key file": "c2w key",
        "C2W Full chain certificate file": "c2w certificate",
        "C2W Trust bundle": "c2w trust",
    },
    words={
        r"^(?:scheduler )?enabled$": ENABLED,
        r"^(?:scheduler )?(?:status|state)$": STATUS,
        r"\bc2w\b.*\btrust(?:ed)?\b": "c2w trust",
        r"\bc2w\b.*\bkey\b": "c2w key",
        r"\bc2w\b.*\b(?:certificate|cert|crt|chain|fullchain)\b": "c2w certificate",
        r"\bhttps\b.*\bkey\b": "https key",
        r"\bhttps\b.*\b(?:certificate|cert|crt|chain|fullchain)\b": "https certificate",
        r"\bhttps\b.*\b(?:listen|listening|interfaces?)\b": "https listen",
        r"\bhttps\b.*\bport\b": "https port",
        r"\b(?:email|mail|smtp|api|log|logging|timedlogging)\b": UNUSED,
    },
    section="4.5",
    slots=(
        Slot(
            name="https",
            identity="scheduler_https",
            command="scheduler https certs",
            layout=FULL_CHAIN,
            roles=(SERVER,),
            section="2.1",
            tls_optional=True,
            outside=("clients of the scheduler's API",),
        ),
        Slot(
            name="c2w",
            identity="scheduler_c2w",
            command="scheduler c2w certs",
            layout=FULL_CHAIN,
            roles=(CLIENT,),
            section="4.5",
        ),
    ),
    trusts=(Trust("c2w", "scheduler c2w trust", "4.5", verifies=ALWAYS),),
    before_assign=("scheduler disable",),
    activate=("scheduler enable",),
    restart_cost="meetings cannot be scheduled meanwhile",
    hurt=25,
    beside="callbridge",
)

MEETINGAPPS = Service(
    name="meetingapps",
    group="cms_meetingapps",
    show="meetingapps",
    rows={
        "Enabled": ENABLED,
        "HTTPS listening interface": "meetingapps listen",
        "HTTPS listening port": "meetingapps port",
        "HTTPS listening ports and interfaces": "meetingapps listen",
        "HTTPS Key file": "meetingapps key",
        "HTTPS Full chain certificate file": "meetingapps certificate",
    },
    words={
        r"^(?:meetingapps )?enabled$": ENABLED,
        r"^(?:meetingapps )?(?:status|state)$": STATUS,
        r"\bsecret\b": UNUSED,
        r"\bkey\b": "meetingapps key",
        r"\b(?:certificate|cert|crt|chain|fullchain)\b": "meetingapps certificate",
        r"\b(?:address|host)\b": UNUSED,
        r"\b(?:listen|listening|interfaces?)\b.*\bport\b": "meetingapps port",
        r"\b(?:listen|listening|interfaces?)\b": "meetingapps listen",
        r"\bport\b": "meetingapps port",
    },
    section="4.7",
    slots=(
        Slot(
            name="meetingapps",
            identity="meetingapps",
            command="meetingapps https certs",
            layout=FULL_CHAIN,
            roles=(SERVER,),
            section="4.7",
            public=True,
            outside=("browsers of web app users",),
            dedicated=True,
        ),
    ),
    trusts=(),
    before_assign=("meetingapps disable",),
    activate=("meetingapps enable",),
    restart_cost="files in web app meetings cannot be shared meanwhile",
    hurt=30,
)
