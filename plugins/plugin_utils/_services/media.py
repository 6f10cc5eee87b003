# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of the catalogue for what records, streams and uploads: servers of their own, tied to Call Bridges by SIP.

Their displays are those of 3.x (reference: command line notes, 5.5). What `tls sip` says stands in ``displays``.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from .shapes import BY_MODE, CERT_AND_BUNDLE, ENABLED, SERVER, UNUSED, WHEN_SET, Service, Slot, Trust

#: Mutual authentication on SIP (guide 4.8). One setting of a node, read by every service that speaks SIP there.
TLS_SIP = Trust("sip", "tls sip trust", "4.8", "CUCM and other SIP peers", show="tls sip", verifies=BY_MODE)
TLS_LDAP = Trust("ldap", "tls ldap trust", "4.8", "directory servers (LDAPS)", show="tls ldap", verifies=BY_MODE)


def _sip_rows(service: str) -> dict[str, str]:
    return {
        "Enabled": ENABLED,
        "SIP interfaces": f"{service} listen",
        "SIP key file": f"{service} key",
        "SIP certificate file": f"{service} certificate",
        "SIP CA Bundle file": f"{service} bundle",
        "SIP traffic trace": UNUSED,
    }


def _sip_slot(service: str) -> Slot:
    return Slot(
        name=service,
        identity=service,
        command=f"{service} sip certs",
        layout=CERT_AND_BUNDLE,
        roles=(SERVER,),
        section="2.1",
        tls_optional=True,
    )


RECORDER = Service(
    name="recorder",
    group="cms_recorder",
    show="recorder",
    rows={
        **_sip_rows("recorder"),
        "NFS domain name": UNUSED,
        "NFS directory": UNUSED,
        "Resolution": UNUSED,
        "Call Limit": UNUSED,
    },
    section="2.1",
    slots=(_sip_slot("recorder"),),
    trusts=(TLS_SIP,),
    before_assign=("recorder disable",),
    activate=("recorder enable",),
    restart_cost="recordings in progress end",
    hurt=32,
)

STREAMER = Service(
    name="streamer",
    group="cms_streamer",
    show="streamer",
    rows={
        **_sip_rows("streamer"),
        # The vendor's note says only that the label is another one than the recorder's.
        "SIP resolution": UNUSED,
        "Resolution": UNUSED,
        "Call Limit": UNUSED,
    },
    words={r"\bresolution\b": UNUSED},
    section="2.1",
    slots=(_sip_slot("streamer"),),
    trusts=(TLS_SIP,),
    before_assign=("streamer disable",),
    activate=("streamer enable",),
    restart_cost="streams in progress end",
    hurt=34,
)

UPLOADER = Service(
    name="uploader",
    group="cms_uploader",
    show="uploader",
    rows={"Enabled": ENABLED},
    # Sentences and snake_case side by side, it is said; nobody wrote down which.
    words={
        r"^(?:uploader )?enabled$": ENABLED,
        r"\b(?:cms|meeting server)\b.*\b(?:trust|trusted|ca|bundle|certs?|certificates?)\b": "cms trust",
        r"\b(?:rev|vbrick)\b.*\b(?:trust|trusted|ca|bundle|certs?|certificates?)\b": "rev trust",
        r"\b(?:cms|meeting server)\b.*\b(?:host|hostname|address|server)\b": "cms host",
        r"\b(?:rev|vbrick)\b.*\b(?:host|hostname|address|server)\b": "rev host",
        r"\b(?:cms|meeting server|rev|vbrick|nfs)\b": UNUSED,
        r"\b(?:comments?|ratings?|views?|delete|upload|access)\b": UNUSED,
    },
    section="2.1",
    slots=(),
    trusts=(
        Trust("cms", "uploader cms trust", "2.1", verifies=WHEN_SET),
        Trust("rev", "uploader rev trust", "2.1", "Vbrick Rev", verifies=WHEN_SET),
    ),
    before_assign=("uploader disable",),
    activate=("uploader enable",),
    restart_cost="uploads in progress end",
    hurt=15,
)
