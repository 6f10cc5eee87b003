# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listen to what the REST API answers to a survey.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import dataclasses
import http.client
import time
from typing import Any

from .._api.client import ApiClient
from .._api.objects import survey_api
from .._errors import CmsError
from .._pki import certs
from .listener import Account

#: Of an answer's header lines, those that tell how its body is to be read.
_KEPT = ("Content-Type", "Content-Encoding", "Transfer-Encoding", "Server")


@dataclasses.dataclass(frozen=True)
class ApiPlace:
    """Where Web Admin is reached, and as whom. Without a port, it is the one that the node shows."""

    address: str
    port: int | None
    user: str
    password: str = dataclasses.field(repr=False)


class _ListeningClient(ApiClient):
    """A client that keeps what was answered."""

    heard: list[dict[str, Any]]

    def _once(self, target: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        started = time.monotonic()
        status, headers, body = super()._once(target)
        self.heard.append(
            {
                "get": target,
                "status": status,
                "headers": {name: headers[name] for name in _KEPT if headers[name]},
                "seconds": round(time.monotonic() - started, 3),
                "body": body,
            }
        )
        return status, headers, body


def read_api(account: Account, place: ApiPlace | None) -> None:
    """Ask the API what a survey asks it, and keep the answers; what goes wrong is noted, not raised.

    Web Admin is pinned to the certificate that was read over SSH, before any credential is sent. A node without a
    Web Admin, or without a certificate that could be read, is not asked.
    """
    shown = ((account.services.get("webadmin") or {}).get("slots") or {}).get("webadmin") or {}
    listening = [entry for entry in shown.get("listen") or [] if entry["interface"] != "lo"]
    file = shown.get("certificate")
    if place is None or not file or not (place.port or listening):
        return
    if file not in account.files:
        account.failed.append(("the REST API", "the certificate of Web Admin could not be read over SSH; not asked"))
        return
    try:
        pin = certs.fingerprint(certs.load_certificates(account.files[file], file)[0])
        client = _ListeningClient(
            place.address, int(place.port or listening[0]["port"]), place.user, place.password, pins=[pin]
        )
    except CmsError as error:
        account.failed.append(("the REST API", error.reason))
        return
    client.heard = account.api
    found = survey_api(client, more=False)
    if found["state"] != "ok":
        account.failed.append(("the REST API", str(found["detail"] or found["state"])))
