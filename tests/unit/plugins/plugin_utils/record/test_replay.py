# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A recording of the simulator, replayed: the survey of the replay is the survey of the original, up to stand-ins."""

from __future__ import annotations

import datetime
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._api.client import ApiClient
from ansible_collections.certops.cms.plugins.plugin_utils._api.objects import survey_api
from ansible_collections.certops.cms.plugins.plugin_utils._engine.survey import survey
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import Session
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.transport import Endpoint
from ansible_collections.certops.cms.plugins.plugin_utils._pki import certs
from ansible_collections.certops.cms.plugins.plugin_utils._record import recording
from ansible_collections.certops.cms.plugins.plugin_utils._record.api import ApiPlace, read_api
from ansible_collections.certops.cms.plugins.plugin_utils._record.listener import Listener
from ansible_collections.certops.cms.plugins.plugin_utils._record.masking import Mask
from tests.simulator.dialects import DIALECTS
from tests.simulator.fleet import SimulatedFleet
from tests.unit.plugins.plugin_utils.mmp.appliance import PASSWORD as REPLAY_PASSWORD
from tests.unit.plugins.plugin_utils.mmp.appliance import USER as REPLAY_USER
from tests.unit.plugins.plugin_utils.record.replay import Replay

NODE = "london-cms1"
PASSWORD = "Simulated-of-the-tests-1"
CONFIG: dict[str, Any] = {
    "domain": "collab.initech.example",
    "start": "legacy",
    "legacy": {"days_left": 12, "ca_name": "Initech Old"},
    "users": [{"name": "operator7", "password": PASSWORD, "role": "admin"}],
    "durations": {"restart": 0.1, "service": 0.05, "api_start": 0.05},
    "nodes": [{"name": NODE, "services": ["webadmin", "callbridge", "webbridge3", "turn"]}],
}
NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)
#: What of a certificate survives in its stand-in.
SAME = ("dns", "ip", "key_type", "ca", "path_length", "key_usage", "extended_key_usage", "self_signed", "common_name")
#: Drawn dialects: one here, more in the sweeps.
DRAWN = [f"random:{seed}" for seed in range(1, 21 if os.environ.get("CERTOPS_SWEEPS") == "all" else 2)]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedFleet]:
    with SimulatedFleet(CONFIG, tmp_path_factory.mktemp("fleet")) as running:
        yield running


def endpoint_of(fleet: SimulatedFleet) -> Endpoint:
    host = fleet.inventory()["all"]["children"]["cms"]["hosts"][NODE]
    return Endpoint(
        host=host["ansible_host"],
        port=host["ansible_port"],
        user="operator7",
        password=PASSWORD,
        known_hosts_file=str(pathlib.Path(fleet.directory) / "known_hosts"),
        pacing=0.03,
        connect_timeout=5,
        command_timeout=5,
        name=NODE,
    )


def surveyed(endpoint: Endpoint) -> dict[str, Any]:
    with Session(endpoint) as session:
        return survey(
            session,
            host=NODE,
            address=endpoint.host,
            services_expected=CONFIG["nodes"][0]["services"],
            probe=None,
            api_access=None,
            now=NOW,
        )


def replayed(text: str, channel: str = "auto") -> dict[str, Any]:
    appliance = Replay(text).appliance()
    try:
        return surveyed(
            Endpoint(
                host="127.0.0.1",
                port=appliance.port,
                user=REPLAY_USER,
                password=REPLAY_PASSWORD,
                host_key_checking=False,
                connect_timeout=5,
                command_timeout=5,
                channel=channel,
            )
        )
    finally:
        appliance.stop()


def recorded(endpoint: Endpoint, *, whole: bool = False) -> tuple[str, Mask]:
    mask = Mask([PASSWORD])
    about = recording.About((NODE, endpoint.host), ("operator7",), "2026-11-23", {}, whole)
    made = recording.compose(Listener(endpoint).listen(), about, mask)
    return recording.render(made, mask, NODE), mask


def comparable(found: dict[str, Any]) -> dict[str, Any]:
    """Give what of a survey is the same in a replay.

    Not the prompt: whether a survey sees one depends on the channels that the node has left for it.
    """
    files = {
        name: {
            "problems": entry["problems"],
            "certificates": [{key: one["info"][key] for key in SAME} for one in entry["certificates"]],
        }
        for name, entry in found["certificates"].items()
    }
    return {
        **{name: found[name] for name in ("services", "files", "version")},
        "certificates": files,
    }


def known(found: dict[str, Any]) -> dict[str, Any]:
    """Give the services of a survey without the rows that nobody knows."""
    return {name: {**state, "unknown_rows": []} for name, state in found["services"].items()}


@pytest.mark.parametrize("dialect", [*DIALECTS, *DRAWN])
def test_the_survey_of_a_replay_is_the_survey_of_the_original(fleet: SimulatedFleet, dialect: str) -> None:
    fleet.control.set_switch("all", "dialect", dialect)
    endpoint = endpoint_of(fleet)
    original = surveyed(endpoint)
    text, mask = recorded(endpoint)
    expected = comparable(mask.plain(original))
    for channel in ("auto", "shell"):
        again = comparable(replayed(text, channel))
        if fleet.control.state(NODE)["switches"]["nothing_set"] == "none":
            assert {**again, "prompt": ""} == {**expected, "prompt": ""}
        # Elsewhere an unknown row may stand behind a secret that is empty, and is masked with it.
        assert {**again, "services": known(again)} == {**expected, "services": known(expected)}
    # Nothing of the owner is left, in any dialect.
    for word in ("london", "initech", "collab", "operator7", "turnuser", "turn-1-secret", PASSWORD, endpoint.host):
        assert word not in text.lower()


def test_whole_certificates_are_replayed_as_they_were(fleet: SimulatedFleet) -> None:
    fleet.control.set_switch("all", "dialect", "default")
    text, mask = recorded(endpoint_of(fleet), whole=True)
    assert "-----BEGIN CERTIFICATE-----" in text
    original = surveyed(endpoint_of(fleet))["certificates"]
    found = replayed(text)["certificates"]
    assert {name: _prints(entry) for name, entry in found.items()} == {
        mask.file(name): _prints(entry) for name, entry in original.items()
    }


def _prints(entry: dict[str, Any]) -> list[str]:
    return [one["info"]["sha256"] for one in entry["certificates"]]


def test_the_api_is_replayed(fleet: SimulatedFleet) -> None:
    fleet.control.set_switch("all", "dialect", "default")
    endpoint, mask = endpoint_of(fleet), Mask([PASSWORD])
    account = Listener(endpoint).listen()
    read_api(account, ApiPlace(endpoint.host, None, "operator7", PASSWORD))
    assert account.failed == []
    about = recording.About((NODE, endpoint.host), ("operator7",), "2026-11-23", {})
    text = recording.render(recording.compose(account, about, mask), mask, NODE)
    slot = account.services["webadmin"]["slots"]["webadmin"]
    pin = certs.fingerprint(certs.load_certificates(account.files[slot["certificate"]], "webadmin")[0])
    original = survey_api(
        ApiClient(endpoint.host, slot["listen"][0]["port"], "operator7", PASSWORD, pins=[pin]), more=False
    )
    found = survey_api(Replay(text).api(), more=False)
    assert found["state"] == "ok"
    for part in ("web_bridges", "call_bridges", "call_bridge_groups"):
        assert len(found[part]) == len(original[part])
    assert found["web_bridges"][0]["status"] == original["web_bridges"][0]["status"]
    assert found["web_bridges"][0]["host"] == mask.text(original["web_bridges"][0]["host"])
    assert found["status"]["software_version"] == original["status"]["software_version"]
