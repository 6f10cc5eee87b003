# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every recording in tests/recordings is replayed, and what the collection does not understand of it is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._api.objects import survey_api
from ansible_collections.certops.cms.plugins.plugin_utils._errors import CmsError
from ansible_collections.certops.cms.plugins.plugin_utils._mmp import displays
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import Endpoint, Session
from ansible_collections.certops.cms.plugins.plugin_utils._record.questions import NO_WORD, PAIR
from ansible_collections.certops.cms.plugins.plugin_utils._services import catalogue
from tests.unit.plugins.plugin_utils.mmp.appliance import PASSWORD, USER
from tests.unit.plugins.plugin_utils.record.replay import Replay

ROOT = Path(__file__).resolve().parents[5]
FOLDER = ROOT / "tests" / "recordings"
RECORDINGS = sorted(FOLDER.glob("*.yml"))

CATALOGUE = "plugins/plugin_utils/_services/catalogue.py"
TEXTS = "plugins/plugin_utils/_mmp/texts.py"
DISPLAYS = "plugins/plugin_utils/_mmp/displays.py"
OBJECTS = "plugins/plugin_utils/_api/objects.py"


def faults(text: str, channel: str = "auto") -> Iterator[str]:
    """Say of everything in a recording that is not understood what it is, where to correct it, and why."""
    replay = Replay(text)
    appliance = replay.appliance()
    endpoint = Endpoint(
        host="127.0.0.1",
        port=appliance.port,
        user=USER,
        password=PASSWORD,
        host_key_checking=False,
        connect_timeout=5,
        command_timeout=2,
        channel=channel,
    )
    try:
        with Session(endpoint) as session:
            yield from _of_session(session)
        if channel == "auto":
            yield from _of_verdicts(replay)
            yield from _of_api(replay)
    finally:
        appliance.stop()


def _of_session(session: Session) -> Iterator[str]:
    try:
        version = session.show("version")
    except CmsError as error:
        yield _told("the first prompt or answer", f"{TEXTS} (PROMPT, or EXEC_UNUSABLE)", error.reason, error.transcript)
        return
    if displays.parse_version(version) is None:
        yield _told("the answer to 'version'", f"{DISPLAYS} (parse_version)", "no version number", version.splitlines())
    for row in catalogue.SERVICES:
        yield from _of_service(session, row)
    try:
        displays.parse_pki_list(session.show("pki list"))
    except CmsError as error:
        yield _told("the answer to 'pki list'", f"{DISPLAYS} (parse_pki_list)", error.reason, error.transcript)
    refused = session.run(NO_WORD, check=False)
    if refused.understood and not refused.failed:
        where = f"{TEXTS} (UNKNOWN_COMMAND)"
        yield _told("the refusal of an unknown command", where, "it is not seen as a refusal", refused.lines)


def _of_service(session: Session, row: catalogue.Service) -> Iterator[str]:
    what, where = f"the display of {row.name}", f"{CATALOGUE} (the row of {row.name})"
    try:
        text = session.show(row.show)
        found = displays.parse_service(row, text)
    except CmsError as error:
        yield _told(what, where, error.reason, error.transcript)
        return
    for label, value in found.get("unknown_trusts", []):
        why = f"the row {label!r} ({value!r}) may be a trust setting: give it a meaning in rows"
        yield _told(what, where, why, text.splitlines())


def _of_verdicts(replay: Replay) -> Iterator[str]:
    for one in replay.recording["commands"]:
        if one["purpose"] == PAIR and one["outcome"] == "ended" and one["channel"] == "exec":
            said = replay.answer(one["command"], "exec") or ""
            if displays.read_yes_no(said) is not True:
                where = f"{TEXTS} (SAYS_YES, SAYS_NO)"
                yield _told(f"the answer to {one['command']!r}", where, "it is not read as a yes", said.splitlines())


def _of_api(replay: Replay) -> Iterator[str]:
    client = replay.api()
    if client is not None:
        found = survey_api(client, more=False)
        if found["state"] != "ok":
            yield _told("the REST API", OBJECTS, f"{found['state']}: {found['detail']}", ())


def _told(what: str, where: str, why: str, lines: Any) -> str:
    shown = "\n".join(f"    {line}" for line in lines)
    return f"{what} is not understood: {why}\n  Correct it in: {where}\n  The appliance printed:\n{shown}"


def test_there_are_recordings_to_replay() -> None:
    assert RECORDINGS


@pytest.mark.parametrize("channel", ["auto", "shell"])
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recordings_are_understood(path: Path, channel: str) -> None:
    found = list(faults(path.read_text(), channel))
    assert not found, "\n".join([f"{path.name}, channel {channel}:", *found])


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recordings_say_whether_they_are_real(path: Path) -> None:
    simulated = "AsyncSSH" in path.read_text()
    said = "its SSH server is the simulator's: call it" if simulated else "it is from an appliance: do not call it"
    assert path.stem.startswith("simulated-") is simulated, f"{path.name}: {said} simulated-*.yml"


# The test itself -----------------------------------------------------------------------------------------------------

#: What to change in a recording, and what the test must then say.
STRANGE = {
    "a label": (r"Key file                : ", r"Schluessel              : ", "display of webadmin", CATALOGUE),
    "a trust row": (
        r"UCM verification mode     : disabled",
        r"UCM other trust bundle    : other.pem",
        "may be a trust setting",
        CATALOGUE,
    ),
    "a refusal": (r"zz-certops-unknown: command not recognised", "Hm.", "refusal of an unknown command", TEXTS),
    "a verdict": (r"Key and certificate match", "As you like it", "read as a yes", TEXTS),
    "a version": (r"3.9\n", r"three\n", "no version number", DISPLAYS),
    "the API": ("<callBridges ", "<bridges ", "REST API", OBJECTS),
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_strange_recording_is_named_with_the_place_to_correct(what: str) -> None:
    old, new, said, where = STRANGE[what]
    text = (FOLDER / "simulated-default.yml").read_text()
    assert old in text
    found = "\n".join(faults(text.replace(old, new)))
    assert said in found
    assert where in found


def test_the_places_are_those_of_the_documentation() -> None:
    page = (ROOT / "docs" / "development.md").read_text()
    for place in (CATALOGUE, TEXTS, DISPLAYS, OBJECTS):
        assert place in page
        assert (ROOT / place).exists()
