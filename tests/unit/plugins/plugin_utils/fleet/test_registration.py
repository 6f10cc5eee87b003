# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done for a registration: others' stay, and what is done twice is done once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.certops.cms.plugins.plugin_utils._api.registrations import same_place
from ansible_collections.certops.cms.plugins.plugin_utils._fleet import registration
from ansible_collections.certops.cms.plugins.plugin_utils._fleet.registration import ABSENT, Change, Wanted

A, B, C = "c2w://a.example.com:9999", "c2w://b.example.com:9999", "c2w://c.example.com:9999"


def entry(ident: str, url: str | None, call_bridge: str | None = None, group: str | None = None) -> dict[str, Any]:
    return {"id": ident, "url": url, "call_bridge": call_bridge, "call_bridge_group": group}


def change(entries: list[dict[str, Any]], wanted: Wanted) -> Change:
    return registration.change(entries, wanted, same_place)


def test_what_is_there_in_another_spelling_is_there() -> None:
    there = entry("1", "C2W://A.Example.com:9999/", group="g")
    found = change([there, entry("2", B)], Wanted(A))
    assert (found.keep, found.changed, found.left) == (there, False, ())


def test_the_same_url_for_two_groups_is_two_registrations() -> None:
    first = entry("1", A, group="g")
    found = change([first], Wanted(A, call_bridge_group="h"))
    assert found.create == {"url": A, "call_bridge": None, "call_bridge_group": "h"}
    assert found.left == (first,)
    assert change([first], Wanted(A, call_bridge_group="")).create is not None


def test_purge_changes_one_and_removes_the_rest_of_ones_own() -> None:
    entries = [entry("1", B), entry("2", A, "cb"), entry("3", A), entry("4", C)]
    found = change(entries, Wanted(A, call_bridge_group="g", purge=True, owned=(C,)))
    assert found.update == (entries[1], {"url": A, "call_bridge": None, "call_bridge_group": "g"})
    assert found.remove == (entries[2], entries[3])
    assert registration.after(entries, found) == [entries[0], found.update[1]]


def test_a_new_name_keeps_for_whom_it_was() -> None:
    found = change([entry("1", C, group="g")], Wanted(A, purge=True, owned=(C,)))
    assert found.update is not None
    assert found.update[1] == {"url": A, "call_bridge": None, "call_bridge_group": "g"}


def test_absent_removes_what_it_says_and_no_more() -> None:
    entries = [entry("1", A, group="g"), entry("2", A, group="h"), entry("3", B), entry("4", C)]
    assert change(entries, Wanted(A, call_bridge_group="g", state=ABSENT)).remove == (entries[0],)
    assert change(entries, Wanted(A, state=ABSENT, owned=(C,))).remove == tuple(entries[:2])
    assert change(entries, Wanted(A, state=ABSENT, owned=(C,))).left == (entries[3],)
    assert change(entries, Wanted(A, state=ABSENT, purge=True, owned=(C,))).remove == (*entries[:2], entries[3])
    assert not change([entries[2]], Wanted(A, state=ABSENT)).changed


def test_a_registration_reads_well() -> None:
    names = {"cb": "core1", "g": "east"}
    texts = [registration.line(one, names) for one in (entry("1", A, "cb"), entry("2", A, None, "g"), entry("3", None))]
    assert texts == [f"{A} for Call Bridge core1", f"{A} for Call Bridge group east", "(no URL) for all Call Bridges"]


URLS = st.sampled_from([A, B, C, "https://old.example.com", None])
SCOPES = st.sampled_from([None, "x", "y"])
ENTRIES = st.lists(st.tuples(URLS, SCOPES, SCOPES), max_size=6).map(
    lambda drawn: [entry(str(number), *one) for number, one in enumerate(drawn)]
)
WANTED = st.builds(
    Wanted,
    url=st.sampled_from([A, B]),
    call_bridge=st.sampled_from([None, "", "x"]),
    call_bridge_group=st.sampled_from([None, "", "y"]),
    state=st.sampled_from(["present", "absent"]),
    purge=st.booleans(),
    owned=st.lists(st.sampled_from([B, C]), max_size=2).map(tuple),
).filter(lambda wanted: not (wanted.call_bridge and wanted.call_bridge_group))


@given(ENTRIES, WANTED)
def test_whatever_is_there_it_converges_and_others_stay(entries: list[dict[str, Any]], wanted: Wanted) -> None:
    first = change(entries, wanted)
    # What is made gets an id.
    after = [dict(one) if one.get("id") else {"id": "new", **one} for one in registration.after(entries, first)]
    assert not change(after, wanted).changed
    ours = [one for one in after if same_place(one["url"], wanted.url) and wanted.is_for(one)]
    assert bool(ours) is (wanted.state == "present")
    places = (wanted.url, *wanted.owned)
    strangers = [one for one in entries if not any(same_place(one["url"], url) for url in places)]
    assert all(one in after for one in strangers)
    if not wanted.purge and wanted.state == "present":
        assert all(one in after for one in entries)
