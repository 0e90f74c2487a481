# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python -m tests.simulator`: serves the simulated cloud until told to stop, and prints how to reach it."""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .clock import Clock
from .server import PROVIDERS, make_service, start

PARENT_POLL_S = 0.2


def main() -> int:
    """Reads the arguments and serves."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 of the first provider, the others follow; 0: the system chooses")
    parser.add_argument("--env-file", type=Path, help="file to write the export lines to; it appears when requests are answered")
    parser.add_argument("--contracts", help="folder with the published API descriptions; default: SIMULATOR_CONTRACTS, then ../shared/contracts")
    parser.add_argument("--seed", choices=["demo"], help="fill the default organisation with an example")
    parser.add_argument("--stop-with-parent", action="store_true", help="stop when the process that started this one is gone")
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments))
    return 0


async def _serve(arguments: argparse.Namespace) -> None:
    # Before anything slow: a parent that dies while we start must be noticed too.
    parent = os.getppid()
    # One clock: what is moved forward for one provider is later for all.
    clock = Clock()
    services = [make_service(name, arguments.contracts, clock) for name in PROVIDERS]
    if arguments.seed:
        for service in services:
            service.provider.seed(arguments.seed, None)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    started = [await start(service, arguments.port + number if arguments.port else 0) for number, service in enumerate(services)]
    text = "".join(export_lines(service.provider.environment(url)) for service, (_runner, url) in zip(services, started))
    if arguments.env_file:
        write_atomically(arguments.env_file, text)
    sys.stdout.write(text)
    sys.stdout.flush()
    while not stop.is_set():
        if arguments.stop_with_parent and os.getppid() != parent:
            break
        try:
            await asyncio.wait_for(stop.wait(), PARENT_POLL_S if arguments.stop_with_parent else None)
        except asyncio.TimeoutError:
            continue
    for runner, _url in started:
        await runner.cleanup()


def export_lines(environment: Mapping[str, str]) -> str:
    """Lines that a shell can source."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())


def write_atomically(path: Path, text: str) -> None:
    """Writes beside the file and renames, so that whoever waits for the file never reads half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.resolve().parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(temporary, path)


if __name__ == "__main__":
    sys.exit(main())
