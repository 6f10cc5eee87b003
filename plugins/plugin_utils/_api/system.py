# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the REST API says of a single server: status, load, alarms, cluster settings. The latter can be set.

Facts about the objects: database and API reference, sections 5.2, 5.3 and 6.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from .._errors import ApiProblem
from .answers import number, text_of
from .client import ApiClient

CLUSTER = "system/configuration/cluster"

#: What an alarm says that may differ between two looks at the same trouble: neither tells alarms apart.
_FLEETING = frozenset({"activetimeseconds", "failurereason"})

#: How often a setting is sent at most: once by each method, and once more when an answer was lost.
SENDS = 3

#: Seconds by which what an alarm says of its age may be off.
AGE_SLACK = 3.0


def system_status(client: ApiClient) -> dict[str, Any]:
    """Read the version, how long the Call Bridge has run, and how many call legs are up. Raises ApiProblem."""
    root = client.get("system/status")
    found = {
        "software_version": text_of(root, "softwareVersion"),
        "uptime_seconds": number(text_of(root, "uptimeSeconds")),
        "call_legs_active": number(text_of(root, "callLegsActive")),
    }
    if all(value is None for value in found.values()):
        raise client.nonsense("system/status", "holds none of the fields of a status")
    return found


def load(client: ApiClient) -> int | None:
    """Read the media processing load; None when the server does not say. Raises ApiProblem."""
    return number(text_of(client.get("system/load", missing_ok=True), "mediaProcessingLoad"))


def alarms(client: ApiClient) -> list[dict[str, Any]]:
    """Read the alarms that are active. Raises ApiProblem, also for a server that has no alarms to show.

    ``type`` is an open list. ``active_seconds`` is None where the server does not say it. ``details`` is all else that
    an alarm says, whether as attributes or as elements, by names in lower case.
    """
    return [_alarm(element) for element in client.collection("alarms", "alarm", at="system/alarms")]


def _alarm(element: Element) -> dict[str, Any]:
    said = {name.lower(): value.strip() for name, value in element.attrib.items()}
    for child in element.iter():
        text = (child.text or "").strip()
        if child is not element and text:
            said.setdefault(child.tag.lower(), text)
        if child is not element:
            for name, value in child.attrib.items():
                said.setdefault(f"{child.tag}.{name}".lower(), value.strip())
    return {
        "id": said.pop("id", ""),
        "type": said.pop("type", "") or "unknown",
        "active_seconds": number(said.pop("activetimeseconds", None)),
        "details": dict(sorted(said.items())),
    }


def alarms_since(
    before: Iterable[Mapping[str, Any]] | None, after: Iterable[Mapping[str, Any]], seconds: float
) -> list[Mapping[str, Any]]:
    """Give the alarms of ``after`` that a change ``seconds`` ago may have raised.

    What was there ``before`` is not ours, and is told by what it says, not by its id: an alarm that comes again may
    have a new one. What is older than the change is not ours either; that is all there is to go by where nobody could
    look before (None).
    """
    known = Counter(_what(alarm) for alarm in before or ())
    new = []
    for alarm in after:
        if known[_what(alarm)] > 0:
            known[_what(alarm)] -= 1
        elif alarm["active_seconds"] is None or alarm["active_seconds"] <= seconds + AGE_SLACK:
            new.append(alarm)
    return new


def alarm_text(alarm: Mapping[str, Any]) -> str:
    """Name an alarm for people."""
    told = ", ".join(f"{name} {value}" for name, value in alarm["details"].items())
    return f"{alarm['type']}" + (f" ({told})" if told else "")


def _what(alarm: Mapping[str, Any]) -> tuple[Any, ...]:
    details = tuple((name, value) for name, value in sorted(alarm["details"].items()) if name not in _FLEETING)
    return (str(alarm["type"]).lower(), details)


def cluster_settings(client: ApiClient) -> dict[str, Any]:
    """Read the settings of this server in its cluster; those that are unset are None. Raises ApiProblem."""
    root = client.get(CLUSTER)
    found: dict[str, Any] = {"unique_name": text_of(root, "uniqueName")}
    for name, tag in (
        ("load_limit", "loadLimit"),
        ("new_conference_basis_points", "newConferenceLoadLimitBasisPoints"),
        ("existing_conference_basis_points", "existingConferenceLoadLimitBasisPoints"),
        ("participant_limit", "participantLimit"),
    ):
        found[name] = number(text_of(root, tag))
    if text_of(root, "loadLimit") is not None and found["load_limit"] is None:
        raise client.nonsense(CLUSTER, f"has a loadLimit of {str(text_of(root, 'loadLimit'))[:40]!r}")
    return found


def set_load_limit(client: ApiClient, limit: int | None) -> bool:
    """Set the load limit of this server, None to unset it; say whether anything had to be sent. Raises ApiProblem.

    What is there is read before and after. A change whose answer was lost is sent again only when reading shows that
    it was not carried out. PUT is the documented method; one public text says POST, so that is tried where a server
    does not know the other.
    """
    method, sent = "PUT", False
    trouble = ApiProblem(
        f"API {client.base}",
        f"the load limit is not {'unset' if limit is None else limit} after it was set so",
        "set loadLimit in Web Admin, Configuration > API, system/configuration/cluster",
    )
    for _attempt in range(SENDS):
        if cluster_settings(client)["load_limit"] == limit:
            return sent
        sent = True
        try:
            client.send(method, CLUSTER, {"loadLimit": "" if limit is None else str(limit)})
        except ApiProblem as error:
            if "invalidOperation" in error.failures and method == "PUT":
                method = "POST"
            elif not error.lost:
                raise
            trouble = error
    if cluster_settings(client)["load_limit"] == limit:
        return True
    raise trouble
