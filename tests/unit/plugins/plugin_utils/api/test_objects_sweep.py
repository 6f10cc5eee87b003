# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Any objects a server may have, and any cut of its answers, in; the same objects, or a state that is not ok, out."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._api import objects
from ansible_collections.certops.cms.plugins.plugin_utils._api.client import NONSENSE, OK, ApiClient

#: With all examples these run for minutes.
pytestmark = pytest.mark.timeout(1800)

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=20
)
GUIDS = st.uuids().map(str)
STATES = st.sampled_from(["success", "connectionFailure", "unused", "Success", "up", "", None])
EXTRA = st.lists(st.tuples(st.sampled_from(["numAccessMethods", "x1", "tenant"]), WORDS), max_size=3)
URLS = st.builds(
    "c2w://{}.example.com:{}".format, st.from_regex(r"[a-z][a-z0-9]{0,9}", fullmatch=True), st.integers(1, 65535)
)


class Paper(ApiClient):
    """A client whose server is a dictionary of bodies."""

    def __init__(self, bodies: dict[str, bytes]) -> None:
        super().__init__("192.0.2.1", 445, "api", "secret-enough", pins=["0" * 64])
        self.bodies = bodies

    def _get(self, path: str, query: dict[str, int] | None) -> tuple[int, bytes]:
        self.state, self.detail = OK, ""
        return (200, self.bodies[path]) if path in self.bodies else (404, b"")


def element(tag: str, ident: str | None, fields: list[tuple[str, str | None]]) -> str:
    inside = "".join(f"<{name}>{escape(value or '')}</{name}>" for name, value in fields if value is not None)
    return f"<{tag}{' id=' + quoteattr(ident) if ident else ''}>{inside}</{tag}>"


@st.composite
def servers(draw: st.DrawFn) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Draw the answers of a server, and what they say."""
    calls = draw(st.integers(0, 10**6) | st.none())
    status: list[tuple[str, str | None]] = [("softwareVersion", "3.9"), *draw(EXTRA)]
    status.append(("callLegsActive", None if calls is None else str(calls)))
    bodies = {"system/status": element("status", None, draw(st.permutations(status)))}
    says: dict[str, Any] = {"calls": calls, "web_bridges": [], "call_bridges": [], "call_bridge_groups": []}
    for path, member in (
        ("webBridges", "webBridge"),
        ("callBridges", "callBridge"),
        ("callBridgeGroups", "callBridgeGroup"),
    ):
        listed = []
        for ident in draw(st.lists(GUIDS, max_size=3, unique=True)):
            name, url, state = draw(WORDS), draw(URLS), draw(STATES)
            fields: list[tuple[str, str | None]] = [("name", name), ("url", url), *draw(EXTRA)]
            bodies[f"{path}/{ident}"] = element(member, ident, draw(st.permutations(fields)))
            bodies[f"{path}/{ident}/status"] = element(member, None, [("status", state), *draw(EXTRA)])
            listed.append(element(member, ident, []))
            if path == "webBridges":
                known = {"success": "success", "connectionfailure": "connectionFailure", "unused": "unused"}
                says["web_bridges"].append((ident, url, known.get((state or "").lower())))
            else:
                says["call_bridges" if path == "callBridges" else "call_bridge_groups"].append((ident, name))
        bodies[path] = f'<{path} total="{len(listed)}">{"".join(listed)}</{path}>'
    head = draw(st.sampled_from(["", '<?xml version="1.0"?>\n', '<?xml version="1.0" encoding="utf-8"?>']))
    return {path: (head + body).encode() for path, body in bodies.items()}, says


def said(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "calls": found["status"]["call_legs_active"],
        "web_bridges": [(one["id"], one["url"], one["status"]) for one in found["web_bridges"]],
        "call_bridges": [(one["id"], one["name"]) for one in found["call_bridges"]],
        "call_bridge_groups": [(one["id"], one["name"]) for one in found["call_bridge_groups"]],
    }


@given(servers())
def test_any_objects_are_read_right(server: tuple[dict[str, bytes], dict[str, Any]]) -> None:
    bodies, says = server
    found = objects.survey_api(Paper(bodies))
    assert found["state"] == OK
    assert said(found) == says


@given(servers(), st.data())
def test_s8_an_answer_cut_anywhere_is_never_fewer_objects(
    server: tuple[dict[str, bytes], dict[str, Any]], data: st.DataObject
) -> None:
    bodies, says = server
    path = data.draw(st.sampled_from(sorted(bodies)))
    cut = bodies[path][: data.draw(st.integers(0, len(bodies[path]) - 1))]
    found = objects.survey_api(Paper({**bodies, path: cut}))
    assert found["state"] == NONSENSE or (path.startswith("call") and path.endswith("/status") and said(found) == says)
    assert "Next step" in found["detail"] or found["state"] == OK


@given(servers(), st.integers(1, 3))
def test_s8_a_list_that_counts_more_than_it_holds_is_not_ok(
    server: tuple[dict[str, bytes], dict[str, Any]], more: int
) -> None:
    bodies, says = server
    number = len(says["web_bridges"])
    bodies["webBridges"] = bodies["webBridges"].replace(b'total="%d"' % number, b'total="%d"' % (number + more))
    assert objects.survey_api(Paper(bodies))["state"] == NONSENSE


@given(st.text(max_size=60))
def test_a_url_is_a_place_or_nothing(url: str) -> None:
    host, port = objects.parse_c2w_url(url)
    assert (host is None) <= (port is None)
    assert port is None or 0 <= port < 65536
    assert host is None or (host == host.strip() and host)
