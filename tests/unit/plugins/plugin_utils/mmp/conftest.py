# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Appliances on loopback, endpoints that point to them, and a home without known hosts."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.certops.cms.plugins.plugin_utils._mmp import hostkeys
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.session import Session
from ansible_collections.certops.cms.plugins.plugin_utils._mmp.transport import Endpoint
from tests.unit.plugins.plugin_utils.mmp.appliance import PASSWORD, USER, Appliance, Script

FIXTURES = pathlib.Path(__file__).parent / "fixtures"


@pytest.fixture(autouse=True)
def home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Give every test a home of its own, so that nobody's known hosts are read or written."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def appliance() -> Iterator[Callable[..., Appliance]]:
    """Start appliances with the given script; stop them after the test."""
    started: list[Appliance] = []

    def start(**script: Any) -> Appliance:
        started.append(Appliance(Script(**script)))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def know(one: Appliance, home: pathlib.Path) -> None:
    """Write the host key of an appliance into the known hosts of the home."""
    hostkeys.KnownHosts([], str(home / ".ssh" / "known_hosts")).remember(
        f"[127.0.0.1]:{one.port}", one.host_key.get_name(), one.host_key.asbytes()
    )


@pytest.fixture
def endpoint(home: pathlib.Path) -> Callable[..., Endpoint]:
    """Give an endpoint for an appliance whose host key is known."""

    def make(one: Appliance, **more: Any) -> Endpoint:
        know(one, home)
        point = Endpoint(
            host="127.0.0.1",
            port=one.port,
            user=USER,
            password=PASSWORD,
            connect_timeout=5,
            command_timeout=5,
            long_timeout=10,
        )
        return dataclasses.replace(point, **more)

    return make


@pytest.fixture
def session(endpoint: Callable[..., Endpoint]) -> Iterator[Callable[..., Session]]:
    """Give a session with an appliance; close it after the test."""
    opened: list[Session] = []

    def make(one: Appliance, **more: Any) -> Session:
        opened.append(Session(endpoint(one, **more)))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def fixture_text() -> Callable[[str], str]:
    """Read a display as it was printed, by the name of the command that printed it."""
    return lambda name: (FIXTURES / name).read_text(encoding="utf-8")
