# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as metrics, for the textfile collector of Prometheus' node exporter.

Names, units and the form follow the conventions of Prometheus: base units, a ``_timestamp_seconds`` for moments, no
label that changes while the thing it names stays the same.

Private to the certops.cms collection: no stable interface.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .._findings import SEVERITIES
from .inventory import ASSIGNED, SERVED, TRUST
from .words import clean

PREFIX = "certops_cms"

Sample = tuple[dict[str, str], float]


def text(report: dict[str, Any]) -> str:
    """Give the content of the file: each metric with its help, its type and its samples."""
    cleaned = clean(report)
    fleet = {"fleet": cleaned["fleet"]}
    found: list[str] = []
    for name, about, samples in _metrics(cleaned):
        found.append(f"# HELP {PREFIX}_{name} {about}")
        found.append(f"# TYPE {PREFIX}_{name} gauge")
        unique: dict[str, float] = {}
        for labels, value in samples:
            # Two samples of one series are an error to Prometheus: the earlier end, the lower state counts.
            key = _labels({**fleet, **labels})
            unique[key] = min(value, unique.get(key, value))
        found += [f"{PREFIX}_{name}{key} {_number(value)}" for key, value in unique.items()]
    return "\n".join(found) + "\n"


def _metrics(report: Mapping[str, Any]) -> Iterator[tuple[str, str, Iterable[Sample]]]:
    summary = report["summary"]
    yield "report_timestamp_seconds", "When the report was made.", [({}, _moment(report["made_at"]))]
    yield (
        "node_read",
        "Whether the node could be read (1) or not (0).",
        [({"node": node["name"]}, float(node["read"])) for node in report["nodes"]],
    )
    yield (
        "certificate_not_after_timestamp_seconds",
        "End of the certificate that a slot of a service serves or is assigned.",
        _slots(report, "not_after"),
    )
    yield (
        "certificate_not_before_timestamp_seconds",
        "Beginning of the certificate that a slot of a service serves or is assigned.",
        _slots(report, "not_before"),
    )
    yield (
        "trust_not_after_timestamp_seconds",
        "End of a certificate in the trust setting of a service.",
        _trusts(report),
    )
    yield (
        "link_up",
        "Whether a link is up (1) or down (0), by its API, else by trust, names and dates; absent where unknown.",
        [
            ({"kind": link["kind"], "verifier": link["verifier"], "presenter": link["presenter"]}, float(up))
            for link in report["links"]
            for up in [{"up": True, "unproven": True, "down": False}.get(link["state"])]
            if up is not None
        ],
    )
    yield (
        "causes",
        "Causes that the report names, by severity.",
        [({"severity": severity}, float(summary["causes"][severity])) for severity in SEVERITIES],
    )
    yield (
        "cause_nodes",
        "Nodes that a cause concerns, by its rule.",
        _by_rule(report["causes"]),
    )
    yield "certificates_expired", "Certificates of services that have expired.", [({}, float(summary["expired"]))]
    yield (
        "certificates_soon",
        "Certificates of services that end within the days that count as soon.",
        [({}, float(summary["soon"]))],
    )
    yield (
        "calls",
        "Call legs that are up, as the API says.",
        [({"node": node["name"]}, float(node["calls"])) for node in report["nodes"] if node["calls"] is not None],
    )
    yield (
        "alarms",
        "Alarms that the API raises.",
        [({"node": node["name"]}, float(len(node["alarms"]))) for node in report["nodes"] if node["api"] == "ok"],
    )


def _slots(report: Mapping[str, Any], moment: str) -> Iterator[Sample]:
    for entry in report["certificates"]:
        for place in entry["places"]:
            if place["how"] in (SERVED, ASSIGNED):
                labels = {"node": place["node"], "slot": place["slot"], "how": place["how"]}
                yield {**labels, "subject": entry["subject"], "issuer": entry["issuer"]}, _moment(entry[moment])


def _trusts(report: Mapping[str, Any]) -> Iterator[Sample]:
    for entry in report["certificates"]:
        for place in entry["places"]:
            if place["how"] == TRUST:
                labels = {"node": place["node"], "service": place["service"], "trust": place["trust"]}
                yield {**labels, "subject": entry["subject"], "serial": entry["serial"]}, _moment(entry["not_after"])


def _by_rule(causes: Iterable[Mapping[str, Any]]) -> list[Sample]:
    nodes: dict[tuple[str, str], set[str]] = {}
    for cause in causes:
        nodes.setdefault((cause["rule"], cause["severity"]), set()).update(cause["nodes"])
    return [({"rule": rule, "severity": severity}, float(len(found))) for (rule, severity), found in nodes.items()]


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _moment(text_of_it: str) -> float:
    return datetime.datetime.fromisoformat(text_of_it.replace("Z", "+00:00")).timestamp()


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
