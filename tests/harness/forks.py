# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks a server of tests.harness.fork_server for processes."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

# Far above what a task needs, and above its own deadlines, on a machine that is busy with other things.
LIMIT_S = 400


class Fork:
    """A process that a server has forked."""

    def __init__(self) -> None:
        self._pid: Future[int] = Future()
        self._ended: Future[dict[str, Any]] = Future()

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._pid.result(LIMIT_S)

    @property
    def is_over(self) -> bool:
        """Whether the process has ended."""
        return self._ended.done()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it, unless it has ended."""
        if not self._ended.done():
            os.kill(self.pid, number)

    def ended(self, limit_s: float = LIMIT_S) -> dict[str, Any]:
        """Its "status", "seconds" and "peak_kib", as soon as it has ended."""
        return self._ended.result(limit_s)

    @property
    def awaited(self) -> tuple[Future[Any], ...]:
        """What the server has yet to answer, or has answered."""
        return self._pid, self._ended

    def take(self, answer: Mapping[str, Any]) -> None:
        """An answer of the server about this process."""
        if "pid" in answer:
            self._pid.set_result(answer["pid"])
        else:
            self._ended.set_result(dict(answer))


class Forks:
    """A server, and what it answers. Many threads may share one."""

    def __init__(self, server: str, *arguments: str, environ: Mapping[str, str], folder: Path) -> None:
        """Start `python -m server`, with an environment of its own."""
        command = [sys.executable, "-m", server, *arguments]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, cwd=folder)
        self._numbers = itertools.count(1)
        self._forks: dict[int, Fork] = {}
        self._lock = threading.Lock()
        self._ready: Future[bool] = Future()
        self._reader = threading.Thread(target=self._read, name=server, daemon=True)
        self._reader.start()

    def wait_until_ready(self) -> None:
        """Until the server listens. A request need not wait for that."""
        self._ready.result(LIMIT_S)

    def start(self, request: Mapping[str, Any]) -> Fork:
        """Ask for a process."""
        fork = Fork()
        assert self._server.stdin is not None
        with self._lock:
            number = next(self._numbers)
            self._forks[number] = fork
            self._server.stdin.write(json.dumps({**request, "id": number}).encode() + b"\n")
            self._server.stdin.flush()
        return fork

    def close(self) -> None:
        """End the server and what still runs."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(10)
        self._reader.join(10)

    def _read(self) -> None:
        assert self._server.stdout is not None
        for line in self._server.stdout:
            answer = json.loads(line)
            if "ready" in answer:
                self._ready.set_result(True)
            else:
                self._forks[answer.pop("id")].take(answer)
        error = RuntimeError(f"{self._reader.name} has ended")
        for future in [self._ready, *(future for fork in list(self._forks.values()) for future in fork.awaited)]:
            if not future.done():
                future.set_exception(error)
