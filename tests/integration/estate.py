# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated fleet with everything a rollout needs, and what was seen of it: events, restarts, logins, links.

Nothing here knows how the collection works; it knows its playbooks, its variables, and what the simulator logs.
"""

from __future__ import annotations

import datetime
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.integration.harness import ROOT, Fleet, Result, Running, Workspace, read_definition, start_fleet

SITE, RENEW, NARROW = "certops.cms.site", "certops.cms.renew", "certops.cms.narrow"

CA_PASSPHRASE = "passphrase of the own CA 7319"
STORE_PASSPHRASE = "passphrase of the store 4402"

#: Services that come back quickly; ``settle`` is how long after a restart a link may still be down.
FAST = {"restart": 0.3, "service": 0.15, "api_start": 0.15, "settle": 1.5, "csr": 0.05}

#: One Call Bridge and one Web Bridge: the smallest fleet with a link.
PAIR = {
    "domain": "example.test",
    "start": "legacy",
    "legacy": {"days_left": 12, "ca_name": "Example Old"},
    "users": [{"name": "admin", "password": "Simulated-1", "role": "admin"}],
    "nodes": [
        {"name": "core1", "services": ["webadmin", "callbridge"]},
        {"name": "edge1", "services": ["webbridge3", "turn"]},
    ],
}

#: Two clusters in one inventory, each with one Call Bridge and one Web Bridge.
CLUSTERS = {
    **PAIR,
    "registrations": {"east": ["edge1"], "west": ["edge2"]},
    "nodes": [
        {"name": "core1", "services": ["webadmin", "callbridge"], "cluster": "east"},
        {"name": "core2", "services": ["webadmin", "callbridge"], "cluster": "west"},
        {"name": "edge1", "services": ["webbridge3", "turn"]},
        {"name": "edge2", "services": ["webbridge3", "turn"]},
    ],
}

#: What an event of the simulator's log is called when somebody changed something on a node.
CHANGES = frozenset(
    {
        "setting_stored", "sftp_put", "sftp_remove", "sftp_rename", "sftp_unfinished", "csr_made", "disabled",
        "restart_begin", "reboot_begin", "active_changed", "api_changed", "password_changed", "service_broken",
    }
)  # fmt: skip

Event = dict[str, Any]


def settings(state: Path, **more: Any) -> dict[str, Any]:
    """Give the variables of a fleet that moves to a CA of its own; ``more`` replaces some, None takes one away."""
    variables = {
        "cms_issuer": "internal",
        "cms_issuers": {"internal": {"type": "own_ca", "organization": "Example", "passphrase": CA_PASSPHRASE}},
        "cms_store_passphrase": STORE_PASSPHRASE,
        "cms_accept_anchors": ["internal"],
        "cms_state_dir": str(state),
        "cms_alarm_timeout": 15,
        **more,
    }
    return {name: value for name, value in variables.items() if value is not None}


@dataclass
class Seen:
    """What the simulator saw between two moments."""

    events: list[Event]

    def of(self, kind: str, node: str | None = None) -> list[Event]:
        """Give the events of a kind, of one node or of all."""
        return [e for e in self.events if e["kind"] == kind and node in (None, e["node"])]

    @property
    def changes(self) -> list[Event]:
        """Give every event that means that somebody changed something."""
        return [e for e in self.events if e["kind"] in CHANGES]

    @property
    def changed_nodes(self) -> set[str]:
        return {e["node"] for e in self.changes}

    @property
    def logins(self) -> dict[str, int]:
        """Count the SSH logins by node."""
        return dict(Counter(e["node"] for e in self.of("login")))

    @property
    def restarts(self) -> dict[str, dict[str, int]]:
        """Count by node and service how often a service was taken down."""
        found: dict[str, dict[str, int]] = {}
        for e in self.events:
            # A service that is disabled first goes down then; its enable is no second interruption.
            if e["kind"] == "disabled" or (e["kind"] == "restart_begin" and e["verb"] == "restart"):
                services = found.setdefault(e["node"], {})
                services[e["service"]] = services.get(e["service"], 0) + 1
        return found

    @property
    def broken_links(self) -> list[Event]:
        """Give the probes that failed and the links that broke outside a restart of one of their ends."""
        bad = [e for e in self.events if e["kind"] in ("link_down", "link_failing")]
        bad += [e for e in self.of("link_probe") if not e["ok"]]
        return [e for e in bad if not e["during_restart"]]

    def commands(self, node: str, starting: str = "") -> list[str]:
        """Give the commands a node was sent, in order."""
        return [e["command"] for e in self.of("command", node) if e["command"].startswith(starting)]

    def order(self, **parts: Any) -> list[int]:
        """Give the sequence numbers of the events that have these parts."""
        return [e["seq"] for e in self.events if all(e.get(key) == value for key, value in parts.items())]


@dataclass
class Estate:
    """A running fleet, a control node, and the variables of the fleet."""

    fleet: Fleet
    workspace: Workspace
    variables: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.variables = self.variables or settings(self.state)
        self.workspace.secrets += [*self.fleet.secrets, CA_PASSPHRASE, STORE_PASSPHRASE]

    @property
    def state(self) -> Path:
        """Give the folder where the collection keeps its state."""
        return self.workspace.directory / "state"

    def start(self, playbook: Any, *args: str, extra: Mapping[str, Any] | None = None, **options: Any) -> Running:
        """Start a playbook on the fleet with its variables; ``extra`` adds to them, None takes one away."""
        merged = {**self.variables, **(extra or {})}
        variables = {name: value for name, value in merged.items() if value is not None}
        return self.workspace.start(playbook, *args, inventory=self.fleet.inventory, extra=variables, **options)

    def run(self, playbook: Any, *args: str, **options: Any) -> Result:
        """Run a playbook to its end."""
        return self.start(playbook, *args, **options).wait()

    def seen(self, since: int = 0) -> Seen:
        """Give what the simulator saw after an event."""
        return Seen(self.fleet.control.events(since))

    def now(self) -> int:
        """Give the newest event's number, to look back to it later."""
        return self.fleet.control.last_event()

    def describe(self) -> dict[str, dict[str, Any]]:
        """Give the state of every node, as the simulator has it."""
        return {name: self.fleet.control.state(name) for name in self.fleet.control.nodes()}

    def certificates(self, node: str, file: str) -> list[x509.Certificate]:
        """Read the certificates of a file on a node."""
        return x509.load_pem_x509_certificates((self.fleet.state / "nodes" / node / "files" / file).read_bytes())

    def trusted(self, node: str, service: str) -> list[str]:
        """Give the subjects that the C2W trust file of a service holds, as it is stored."""
        file = self.fleet.control.state(node)["services"][service]["stored"]["c2w_trust"]
        return sorted(cert.subject.rfc4514_string() for cert in self.certificates(node, file))

    @property
    def own_ca(self) -> Path:
        return self.state / "issuers" / "internal"


def make_estate(directory: Path, source: Any, variables: Mapping[str, Any] | None = None, **overrides: Any) -> Estate:
    """Start a fleet with a control node in a directory; the caller closes it with ``close``."""
    overrides.setdefault("durations", FAST)
    fleet = start_fleet(read_definition(source, overrides), directory / "fleet")
    workspace = Workspace(directory / "control-node")
    return Estate(fleet, workspace, settings(workspace.directory / "state", **(variables or {})))


def close(estate: Estate) -> None:
    """End the runs and the fleet."""
    estate.workspace.close()
    estate.fleet.stop()


class StartEstate:
    """``estate(PAIR, {"cms_calls": "drop"}, calls=2)``: starts fleets for one test (PAIR); they end with it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._number = itertools.count()
        self.made: list[Estate] = []

    def __call__(self, source: Any = None, variables: Mapping[str, Any] | None = None, **overrides: Any) -> Estate:
        folder = self._directory / f"estate{next(self._number)}"
        made = make_estate(folder, PAIR if source is None else source, variables, **overrides)
        self.made.append(made)
        return made


def playbook_on_day(playbook: str, days: float) -> list[dict[str, Any]]:
    """Give the plays of ``site`` or ``renew`` with a plan that judges by a moment in ``days``."""
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    common = {"hosts": "cms", "gather_facts": False, "connection": "certops.cms.mmp"}
    return [
        {"name": "Survey", **common, "tasks": [{"import_role": {"name": "certops.cms.survey"}}]},
        {
            "name": "Plan",
            **common,
            "module_defaults": {"certops.cms.fleet_plan": {"now": moment.isoformat(timespec="seconds")}},
            "tasks": [
                {
                    "import_role": {"name": "certops.cms.plan"},
                    "vars": {"plan_intent": playbook.rpartition(".")[2]},
                }
            ],
        },
        {"name": "Carry it out", "import_playbook": str(ROOT / "playbooks" / "parts" / "rollout.yml")},
    ]


def fingerprint(certificate: x509.Certificate) -> str:
    """Give the SHA-256 of a certificate as lower-case hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def plan_of(result: Result) -> dict[str, Any]:
    """Give what the plan task of a run returned."""
    return result.one(action="certops.cms.fleet_plan", task="Plan the fleet")


def announced(result: Result) -> dict[str, dict[str, int]]:
    """Give the restarts that the plan of a run announced, by node and service; nothing where there is no plan."""
    found = result.results(action="certops.cms.fleet_plan", task="Plan the fleet")
    restarts: dict[str, dict[str, int]] = found[0]["result"]["cost"]["restarts"] if found else {}
    return restarts


def flat(result: Result) -> str:
    """Give what a run printed with every run of blanks and line ends as one blank: plans break long lines."""
    return " ".join(result.stdout.split())


def assert_done(result: Result) -> None:
    """Fail with all that was printed unless a run ended well."""
    assert result.rc == 0, result.stdout


def assert_untouched(seen: Seen, nodes: Iterable[str] | None = None) -> None:
    """Fail when something changed on one of these nodes, or on any."""
    changes = [e for e in seen.changes if nodes is None or e["node"] in set(nodes)]
    assert changes == []


def estates(directory: Path) -> Iterator[StartEstate]:
    """Give what starts fleets, and end them afterwards: the body of a fixture."""
    start = StartEstate(directory)
    yield start
    for made in start.made:
        close(made)
