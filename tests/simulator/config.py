# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet file: what a simulated fleet consists of, read from YAML or a dictionary and checked at once."""

from __future__ import annotations

import ipaddress
import itertools
import json
import os
import random
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import yaml

from .faults import FaultError, FaultSpec
from .outside_config import OutsiderConfig, dial_plan, outsiders
from .switches import Switchboard, SwitchError

SERVICES = (
    "webadmin", "callbridge", "webbridge3", "turn", "recorder", "streamer", "uploader", "scheduler", "meetingapps",
)  # fmt: skip
#: The version that brought a service, where that was after 3.0.
SINCE = {"uploader": "3.2", "scheduler": "3.3", "meetingapps": "3.5"}
#: The kinds of links; ``outside`` are those that outsiders make.
LINKS = ("c2w", "scheduler", "cluster", "recorder", "streamer", "uploader", "ldap", "outside")
VERSION = "3.9"
OLD_VERSION = "3.2"
ROLES = ("admin", "crypto", "audit", "appadmin", "api")
PORTS = {"ssh": 2222, "webadmin": 8443, "sip": 5061, "https": 9443, "c2w": 9999, "turn": 5349,
         "recorder": 6061, "streamer": 6071, "scheduler": 8445, "meetingapps": 9445}  # fmt: skip
DURATIONS = {
    "restart": 3.0,  # callbridge restart; without a value in the fleet file the switch callbridge_restart decides
    "service": 0.5,  # restart or enable of the other services
    "api_start": 1.0,  # 503 after a Call Bridge came up
    "settle": 1.0,  # after a restart a link may still come back
    "reboot": 5.0,
    "lockout": 900.0,
    "csr": 0.2,
}


class ConfigError(ValueError):
    """The fleet file says something that cannot be."""


@dataclass(frozen=True)
class User:
    """An MMP user; ``public_keys`` are OpenSSH lines."""

    name: str
    password: str
    role: str = "admin"
    public_keys: tuple[str, ...] = ()
    must_change: bool = False


@dataclass
class NodeConfig:
    """One node as the fleet file has it, with addresses and ports filled in."""

    name: str
    fqdn: str
    services: tuple[str, ...]
    interfaces: dict[str, str]
    ports: dict[str, int]
    cluster: str
    calls: int = 0
    call_seconds: float = 0.0
    lacks: tuple[str, ...] = ()
    switches: dict[str, Any] = field(default_factory=dict)
    faults: list[FaultSpec] = field(default_factory=list)
    days_left: float | None = None
    version: str = VERSION

    @property
    def address(self) -> str:
        """The address of interface a, where SSH listens."""
        return self.interfaces["a"]


@dataclass
class Legacy:
    """How the certificates of a ``legacy`` start look, and which of the trusts that need not be set are."""

    days_left: float = 14.0
    ca_name: str = "Example Old"
    ca_passphrase: str = "old-ca-passphrase"
    key: str = "rsa2048"
    names: str = "underscore"
    trust: str = "ca"
    cluster_trust: bool = False
    sip_verify: str = ""
    ldap_verify: str = ""


@dataclass
class FleetConfig:
    """A whole fleet."""

    domain: str
    nodes: dict[str, NodeConfig]
    users: tuple[User, ...]
    start: str
    legacy: Legacy
    seed: int
    durations: dict[str, float]
    probe_ms: float
    registrations: dict[str, list[str]]
    rules: dict[str, int]
    ports_mode: str
    links: tuple[str, ...]
    dial_plan: dict[str, list[str]]
    outsiders: tuple[OutsiderConfig, ...]


def version_key(version: str) -> tuple[int, ...]:
    """A version as numbers, so that 3.12 comes after 3.9."""
    return tuple(int(part) for part in version.split("."))


def _only(mapping: Any, allowed: set[str], where: str) -> dict[str, Any]:
    if not isinstance(mapping, dict):
        raise ConfigError(f"{where}: a mapping is expected")
    unknown = set(mapping) - allowed
    if unknown:
        raise ConfigError(
            f"{where}: unknown {', '.join(sorted(map(str, unknown)))}; known: {', '.join(sorted(allowed))}"
        )
    return mapping


class _Ports:
    """Free ports below the ephemeral range, never given twice in this process."""

    _given: ClassVar[set[int]] = set()
    _random = random.Random(os.getpid() * 7919)

    @classmethod
    def take(cls, address: str) -> int:
        for _attempt in range(2000):
            port = cls._random.randrange(20000, 32000)
            if port in cls._given:
                continue
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((address, port))
                except OSError:
                    continue
            cls._given.add(port)
            return port
        raise ConfigError("no free port was found between 20000 and 32000")


_network_counter = itertools.count()


def _free_network() -> str:
    """A loopback /24 that no other fleet on this machine is likely to use."""
    for _attempt in range(500):
        number = (os.getpid() * 31 + next(_network_counter)) % (100 * 250)
        network = f"127.{100 + number // 250}.{1 + number % 250}"
        with socket.socket() as probe:
            try:
                probe.bind((f"{network}.1", PORTS["ssh"]))
            except OSError:
                continue
        return network
    raise ConfigError("no free loopback network was found")


def _users(raw: Any) -> tuple[User, ...]:
    users = []
    for entry in raw or []:
        entry = _only(entry, {"name", "password", "role", "public_keys", "must_change"}, "users")
        user = User(
            str(entry["name"]),
            str(entry.get("password", "")),
            str(entry.get("role", "admin")),
            tuple(entry.get("public_keys") or ()),
            bool(entry.get("must_change", False)),
        )
        if user.role not in ROLES:
            raise ConfigError(f"user {user.name}: role {user.role!r} is none of {', '.join(ROLES)}")
        users.append(user)
    if not users:
        raise ConfigError("users: at least one user is needed")
    return tuple(users)


_NODE_KEYS = {
    "name", "fqdn", "services", "address", "port", "interfaces", "ports", "cluster", "calls", "call_seconds", "lacks",
    "switches", "dialect", "faults", "days_left", "version",
}  # fmt: skip
_FLEET_KEYS = {
    "domain", "nodes", "users", "start", "legacy", "seed", "durations", "probe", "registrations", "rules",
    "switches", "dialect", "faults", "network", "ports", "calls", "call_seconds", "version",
    "links", "dial_plan", "outsiders",
}  # fmt: skip


def _places(state: Path | None) -> dict[str, Any]:
    """Addresses and ports an earlier run of this state directory chose, so that a fleet comes back where it was."""
    path = state / "places.json" if state is not None else None
    if path is not None and path.exists():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    return {}


def load(
    source: str | Path | dict[str, Any],
    *,
    ports: str | None = None,
    network: str | None = None,
    dialect: str | None = None,
    start: str | None = None,
    state: Path | None = None,
) -> FleetConfig:
    """Read a fleet file; ConfigError on nonsense.

    ``ports`` is shared (an address per node) or own (all on 127.0.0.1). ``network`` is the first three numbers of the
    addresses, or auto. ``dialect`` and ``start`` replace the fleet's. Chosen places are kept in the state directory.
    """
    raw = source if isinstance(source, dict) else yaml.safe_load(Path(source).read_text(encoding="utf-8"))
    raw = _only(raw, _FLEET_KEYS, "fleet")
    if dialect is not None:
        raw = {**raw, "dialect": dialect}
    mode = ports or str(raw.get("ports", "shared"))
    if mode not in ("shared", "own"):
        raise ConfigError("ports: shared or own")
    start = start or str(raw.get("start", "legacy"))
    if start not in ("legacy", "empty"):
        raise ConfigError("start: legacy or empty")
    domain = str(raw.get("domain", "example.test"))
    base = network or str(raw.get("network", "127.0.21"))
    places = _places(state)
    if base == "auto" and mode == "shared":
        base = str(places.get("network") or _free_network())
    try:
        legacy = Legacy(**(raw.get("legacy") or {}))
    except TypeError as exc:
        raise ConfigError(f"legacy: {exc}") from exc
    if {legacy.sip_verify, legacy.ldap_verify} - {"", "enable", "ocsp"}:
        raise ConfigError("legacy: sip_verify and ldap_verify are enable or ocsp, or are left out")
    durations = dict(DURATIONS)
    given = _only(raw.get("durations") or {}, set(DURATIONS), "durations")
    for name, value in given.items():
        durations[name] = float(value)
    if "restart" not in given:
        del durations["restart"]
    nodes: dict[str, NodeConfig] = {}
    for index, entry in enumerate(raw.get("nodes") or [], start=1):
        node = _node(_only(entry, _NODE_KEYS, "nodes"), index, domain, base, mode, raw)
        if mode == "own" and node.name in places.get("ports", {}):
            node.ports.update({key: int(value) for key, value in places["ports"][node.name].items()})
        if node.name in nodes:
            raise ConfigError(f"node {node.name} is there twice")
        nodes[node.name] = node
    if not nodes:
        raise ConfigError("nodes: at least one node is needed")
    if state is not None:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        chosen = {"network": base, "ports": {name: node.ports for name, node in nodes.items()}}
        (state / "places.json").write_text(json.dumps(chosen), encoding="utf-8")
    try:
        plan = dial_plan(raw.get("dial_plan"), nodes)
        outside = outsiders(raw.get("outsiders"), nodes, domain, base if mode == "shared" else None)
    except ValueError as exc:
        raise ConfigError(f"{exc}") from exc
    if mode == "own":
        outside = tuple(replace(item, port=_Ports.take(item.address)) for item in outside)
    probe = _only(raw.get("probe") or {}, {"interval_ms"}, "probe")
    return FleetConfig(
        domain,
        nodes,
        _users(raw.get("users")),
        start,
        legacy,
        int(raw.get("seed", 1)),
        durations,
        float(probe.get("interval_ms", 200)),
        _registrations(raw.get("registrations"), nodes),
        {str(k): int(v) for k, v in (raw.get("rules") or {}).items()},
        mode,
        _links(raw.get("links", LINKS)),
        plan,
        outside,
    )


def _links(raw: Any) -> tuple[str, ...]:
    """The kinds of links that are kept and probed."""
    if not isinstance(raw, (list, tuple)) or set(raw) - set(LINKS):
        raise ConfigError(f"links: a list of {', '.join(LINKS)}")
    return tuple(raw)


def _node(entry: dict[str, Any], index: int, domain: str, base: str, mode: str, raw: dict[str, Any]) -> NodeConfig:
    name = str(entry["name"])
    services = tuple(entry.get("services") or ())
    for service in services + tuple(entry.get("lacks") or ()):
        if service not in SERVICES:
            raise ConfigError(f"node {name}: service {service!r} is none of {', '.join(SERVICES)}")
    address = "127.0.0.1" if mode == "own" else str(entry.get("address", f"{base}.{index}"))
    interfaces = {"a": address, "b": address, "c": address, "d": address}
    if mode == "shared":
        interfaces.update({str(k): str(v) for k, v in (entry.get("interfaces") or {}).items()})
    for where in interfaces.values():
        if not ipaddress.ip_address(where).is_loopback:
            raise ConfigError(f"node {name}: {where} is no loopback address")
    ports = dict(PORTS)
    if mode == "own":
        ports = {key: _Ports.take(address) for key in PORTS}
    else:
        ports.update(_only(entry.get("ports") or {}, set(PORTS), f"node {name} ports"))
        ports["ssh"] = int(entry.get("port", ports["ssh"]))
    switches: dict[str, Any] = {}
    for level in (raw, entry):  # what a node says comes after what the fleet says, a switch after the dialect
        switches.update({"dialect": level["dialect"]} if "dialect" in level else {})
        switches.update(level.get("switches") or {})
    faults = []
    try:
        board = Switchboard(switches)
        for spec in [*(raw.get("faults") or []), *(entry.get("faults") or [])]:
            faults.append(FaultSpec.from_dict(spec))
    except (SwitchError, FaultError) as exc:
        raise ConfigError(f"node {name}: {exc}") from exc
    version = _version(name, entry.get("version", raw.get("version")), board.dialect)
    lacks = [service for service, since in SINCE.items() if version_key(version) < version_key(since)]
    for service in services:
        if service in lacks:
            raise ConfigError(f"node {name}: {service} came with {SINCE[service]}, this node is {version}")
    lacks = [*dict.fromkeys([*(entry.get("lacks") or ()), *lacks])]
    return NodeConfig(
        name,
        str(entry.get("fqdn", f"{name}.{domain}")),
        services,
        interfaces,
        {key: int(value) for key, value in ports.items()},
        str(entry.get("cluster", "main")),
        int(entry.get("calls", raw.get("calls", 0) if "callbridge" in services else 0)),
        float(entry.get("call_seconds", raw.get("call_seconds", 0))),
        tuple(lacks),
        switches,
        faults,
        None if entry.get("days_left") is None else float(entry["days_left"]),
        version,
    )


def _version(name: str, wanted: Any, dialect: str) -> str:
    """The version of a node; ``dialect`` stands for the one that its dialect speaks of."""
    if wanted is None:
        return VERSION
    if wanted == "dialect":
        return OLD_VERSION if dialect == "old" else VERSION
    if not isinstance(wanted, str) or not all(part.isdigit() for part in wanted.split(".")):
        raise ConfigError(f"node {name}: version {wanted!r} is neither a text such as '3.9' nor the word dialect")
    return wanted


def _registrations(raw: Any, nodes: dict[str, NodeConfig]) -> dict[str, list[str]]:
    """Cluster name -> c2w URLs, given as URLs or node names; by default every Web Bridge, in every cluster."""
    clusters = {node.cluster for node in nodes.values() if "callbridge" in node.services}
    result: dict[str, list[str]] = {}
    for cluster in sorted(clusters):
        wanted = raw.get(cluster) if isinstance(raw, dict) else raw
        if wanted is None:
            wanted = [node.name for node in nodes.values() if "webbridge3" in node.services]
        urls = []
        for item in wanted:
            if item in nodes:
                urls.append(f"c2w://{nodes[item].fqdn}:{nodes[item].ports['c2w']}")
            elif str(item).startswith("c2w://"):
                urls.append(str(item))
            else:
                raise ConfigError(f"registrations: {item!r} is neither a node nor a c2w:// URL")
        result[cluster] = urls
    return result
