# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.simulator``: ``serve`` runs a fleet in the foreground, ``ctl`` asks one, ``dialect`` explains."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import yaml

from . import config as fleet_config
from .config import ConfigError
from .control import Control, ControlError
from .dialects import DIALECTS
from .fleet import Fleet, quiet
from .switches import DIALECT_NAMES, SWITCHES, Switchboard


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulator", description="A simulated fleet of Meeting Servers."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run a fleet in the foreground")
    serve.add_argument("--fleet", required=True, help="fleet file (YAML)")
    serve.add_argument("--state", required=True, help="state directory; a stopped fleet goes on where it was")
    serve.add_argument("--inventory", help="write an Ansible inventory here")
    serve.add_argument("--ready-file", help="written when everything listens")
    serve.add_argument("--parent-pid", type=int, help="stop when this process is gone")
    serve.add_argument("--max-seconds", type=float, help="stop after this many seconds")
    serve.add_argument("--ports", choices=("shared", "own"), help="own: all nodes on 127.0.0.1 with ports of their own")
    serve.add_argument("--network", help="first three numbers of the loopback addresses, or auto")
    serve.add_argument("--dialect", help=f"{DIALECT_NAMES}; in place of the one of the fleet file")
    serve.add_argument("--start", choices=("legacy", "empty"), help="in place of the one of the fleet file")
    dialect = commands.add_parser("dialect", help="print what a dialect sets, or the names of all")
    dialect.add_argument("name", nargs="?", help=DIALECT_NAMES)
    dialect.add_argument("--all", action="store_true", help="also what stands at its default")
    ctl = commands.add_parser("ctl", help="ask or change a running fleet")
    ctl.add_argument("--state", required=True)
    asks = ctl.add_subparsers(dest="ask", required=True)
    events = asks.add_parser("events")
    events.add_argument("--since", type=int, default=0)
    events.add_argument("--kind")
    events.add_argument("--node")
    for name in ("state", "commands", "logins"):
        asks.add_parser(name).add_argument("node")
    for name in ("links", "probe"):
        asks.add_parser(name).add_argument("--kind", choices=fleet_config.LINKS)
    for name in ("counters", "nodes", "shutdown"):
        asks.add_parser(name)
    restarts = asks.add_parser("restarts")
    restarts.add_argument("node")
    restarts.add_argument("service")
    fault = asks.add_parser("fault")
    fault.add_argument("node", help="a node or all")
    fault.add_argument("fault", help="kind[:match], JSON, or clear")
    switch = asks.add_parser("switch")
    switch.add_argument("node", help="a node or all")
    switch.add_argument("name")
    switch.add_argument("value")
    calls = asks.add_parser("calls")
    calls.add_argument("node")
    calls.add_argument("number", type=int, nargs="?")
    calls.add_argument("--seconds", type=float, help="how long each lasts; 0 is without end")
    alarm = asks.add_parser("alarm")
    alarm.add_argument("node", help="a node or all")
    alarm.add_argument("alarm", help="a type, or clear")
    return parser


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state not in ("Z", "X")


async def _watch(pid: int, end: asyncio.Event) -> None:
    while _alive(pid):
        await asyncio.sleep(0.5)
    end.set()


async def _serve(args: argparse.Namespace) -> None:
    state = Path(args.state)
    config = fleet_config.load(
        args.fleet, ports=args.ports, network=args.network, dialect=args.dialect, start=args.start, state=state
    )
    fleet = Fleet(config, state)
    loop = asyncio.get_running_loop()
    quiet(loop)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, fleet.end.set)
    if args.max_seconds:
        loop.call_later(args.max_seconds, fleet.end.set)
    watcher = loop.create_task(_watch(args.parent_pid, fleet.end)) if args.parent_pid else None
    try:
        await fleet.start()
        if args.inventory:
            Path(args.inventory).write_text(yaml.safe_dump(fleet.inventory(), sort_keys=False), encoding="utf-8")
            os.chmod(args.inventory, 0o600)
        for node in fleet.world.nodes.values():
            where = f"{node.cfg.address}:{node.cfg.ports['ssh']}"
            services = " ".join(node.cfg.services)
            print(f"{node.name:<12} ssh {where:<22} {services:<32} dialect {node.sw.dialect}", flush=True)
        print(f"events: {state / 'events.jsonl'}", flush=True)
        if args.ready_file:
            ready = {"pid": os.getpid(), "state": str(state.resolve()), "nodes": list(fleet.world.nodes)}
            # In one step: who waits for the file reads it at once.
            written = Path(f"{args.ready_file}.new")
            written.write_text(json.dumps(ready) + "\n", encoding="utf-8")
            written.replace(args.ready_file)
        await fleet.end.wait()
    finally:
        if watcher is not None:
            watcher.cancel()
        await fleet.stop()


def _fault(text: str) -> dict[str, Any]:
    if text.startswith("{"):
        parsed: dict[str, Any] = json.loads(text)
        return parsed
    kind, _colon, match = text.partition(":")
    return {"kind": kind, "match": match}


def _ask(args: argparse.Namespace) -> Any:
    control = Control(args.state)
    match args.ask:
        case "events":
            return control.events(args.since, args.kind, args.node)
        case "state":
            return control.state(args.node)
        case "commands":
            return control.commands(args.node)
        case "logins":
            return control.login_count(args.node)
        case "links":
            return control.links(args.kind)
        case "probe":
            return control.probe_links(args.kind)
        case "counters":
            return control.counters()
        case "nodes":
            return control.nodes()
        case "restarts":
            return control.restarts(args.node, args.service)
        case "fault":
            if args.fault == "clear":
                return control.clear_faults(args.node)
            return control.set_fault(args.node, _fault(args.fault))
        case "switch":
            return control.set_switch(args.node, args.name, args.value)
        case "calls":
            if args.number is None:
                return control.calls(args.node)
            return control.set_calls(args.node, args.number, args.seconds)
        case "alarm":
            return (
                control.clear_alarms(args.node) if args.alarm == "clear" else control.raise_alarm(args.node, args.alarm)
            )
        case _:
            return control.shutdown()


def _dialect(name: str | None, *, everything: bool) -> str:
    """What a dialect sets, one switch a line with its question; or the names."""
    if name is None:
        return "\n".join([*DIALECTS, "random:<seed>"])
    board = Switchboard({"dialect": name})
    lines = []
    for switch, position in board.as_dict().items():
        row = SWITCHES[switch]
        if everything or position != row.default:
            other = "" if position == row.default else f" (default: {row.default})"
            lines.append(f"{switch:<31}{position!s:<20}{row.about}{other}")
    return "\n".join(lines)


def main() -> int:
    """The command line; 0, or 1 with one line on standard error."""
    args = _parser().parse_args()
    try:
        if args.command == "serve":
            asyncio.run(_serve(args))
            return 0
        if args.command == "dialect":
            print(_dialect(args.name, everything=args.all))
            return 0
        result = _ask(args)
        if isinstance(result, list) and result and isinstance(result[0], dict):
            for item in result:
                print(json.dumps(item))
        elif result is not None:
            print(json.dumps(result, indent=1))
    except BrokenPipeError:
        return 0
    except (ConfigError, ControlError, OSError, ValueError) as exc:
        print(f"simulator: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
