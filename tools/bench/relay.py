# Copyright (c) 2026 certops.cms contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A relay that makes the way to the nodes long: ``python -m tools.bench.relay FROM TO MILLISECONDS NODES READY``.

Listens on 127.FROM.x.y where the nodes listen on 127.TO.x.y. Each direction takes half of the time, and a connection
takes all of it before the first byte travels, as TCP's handshake does. Where the kernel can delay packets itself
(netem) that would be the truer way; many kernels are built without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tools._run import ROOT
from tools.bench.fleets import BenchFleet

PORTS = (2222, 8443, 5061, 9443, 9999, 5349)
_BLOCK = 65536


@contextlib.contextmanager
def far_away(fleet: BenchFleet, milliseconds: int) -> Iterator[Path]:
    """Give an inventory whose nodes are this much of round-trip time away; the relay ends with the block."""
    directory = fleet.directory / "far"
    directory.mkdir()
    here, there = f"127.{fleet.network}.", f"127.{fleet.network + 1}."
    keys, inventory, ready = directory / "known_hosts", directory / "inventory.yml", directory / "ready"
    keys.write_text(fleet.known_hosts.read_text().replace(here, there))
    text = fleet.inventory.read_text().replace(str(fleet.known_hosts.resolve()), str(keys))
    inventory.write_text(text.replace(here, there))
    numbers = (fleet.network + 1, fleet.network, milliseconds, fleet.count)
    command = [sys.executable, "-m", "tools.bench.relay", *map(str, numbers), str(ready)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("The relay did not start.")
            time.sleep(0.05)
        yield inventory
    finally:
        process.terminate()
        process.wait(15)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass bytes on, each block when its time has come, in order and without holding up what follows."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def take() -> None:
        while True:
            try:
                data = await reader.read(_BLOCK)
            except OSError:
                data = b""
            waiting.put_nowait((loop.time() + delay, data))
            if not data:
                return

    taking = loop.create_task(take())
    try:
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                break
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        taking.cancel()
        with contextlib.suppress(OSError):
            writer.close()


async def _relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str, port: int, delay: float
) -> None:
    await asyncio.sleep(2 * delay)
    try:
        far_reader, far_writer = await asyncio.open_connection(address, port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_pipe(reader, far_writer, delay), _pipe(far_reader, writer, delay))


async def _serve(start: int, end: int, delay: float, count: int, ready: Path) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    loop.set_exception_handler(lambda _loop, _context: None)
    for node in range(count):
        place = f"{1 + node // 200}.{1 + node % 200}"
        for port in PORTS:
            target = f"127.{end}.{place}"
            # Where the node does not listen, the relay must not listen either.
            with contextlib.suppress(OSError):
                _reader, writer = await asyncio.open_connection(target, port)
                writer.close()
                relay = functools.partial(_relay, address=target, port=port, delay=delay)
                await asyncio.start_server(relay, f"127.{start}.{place}", port)
    ready.write_text("ready\n")
    await over.wait()


def main() -> int:
    """Relay until it is told to stop."""
    start, end, milliseconds, count = map(int, sys.argv[1:5])
    asyncio.run(_serve(start, end, milliseconds / 2000, count, Path(sys.argv[5])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
