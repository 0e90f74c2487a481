# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module as a real process in a few milliseconds, with its result, its output and its process id."""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import ROOT

# Far above what a task needs, and above its own deadlines, on a machine that is busy with other things.
LIMIT_S = 400


@dataclass(frozen=True)
class Result:
    """What a module left: `value` is its JSON result, {} when there is none (killed, or a crash before it); `seconds` are those of its own clock."""

    value: dict[str, Any]
    status: int
    stdout: str
    stderr: str
    seconds: float
    peak_kib: int

    def __getitem__(self, key: str) -> Any:
        return self.value[key]

    @property
    def failed(self) -> bool:
        """Whether the module says that it failed, or says nothing."""
        return bool(self.value.get("failed")) or not self.value

    @property
    def kind(self) -> str:
        """The kind of the error, empty when there is none."""
        return str((self.value.get("error") or {}).get("kind") or "")

    @property
    def message(self) -> str:
        """The message for the user."""
        return str(self.value.get("msg") or self.value.get("message") or "")

    @property
    def warnings(self) -> str:
        """All warnings as one text, however this ansible-core spells them in a result."""
        return json.dumps(self.value.get("warnings") or [])


class Run:
    """A module that runs."""

    def __init__(self, stdout: Path, stderr: Path) -> None:
        self._stdout, self._stderr = stdout, stderr
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

    def result(self, limit_s: float = LIMIT_S) -> Result:
        """What it left, as soon as it has ended."""
        ended = self._ended.result(limit_s)
        stdout, stderr = (path.read_text("utf-8", "replace") for path in (self._stdout, self._stderr))
        lines = [line for line in stdout.splitlines() if line.startswith("{")]
        value = json.loads(lines[-1]) if lines else {}
        return Result(value, ended["status"], stdout, stderr, ended["seconds"], ended["peak_kib"])

    def take(self, answer: Mapping[str, Any]) -> None:
        """An answer of the server about this run."""
        if "pid" in answer:
            self._pid.set_result(answer["pid"])
        else:
            self._ended.set_result(dict(answer))


class Modules:
    """Starts modules. Many threads may share one. `speed`: how much faster time passes for them than for everybody else."""

    def __init__(self, folder: Path, collections: str, speed: float = 1.0) -> None:
        self._folder, self.speed = folder, speed
        self._numbers = itertools.count(1)
        self._runs: dict[int, Run] = {}
        self._lock = threading.Lock()
        paths = os.pathsep.join([str(ROOT), collections])
        environ = {**base_environment(folder), "PYTHONPATH": paths}
        command = [sys.executable, "-m", "tests.harness.module_server", str(speed)]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, cwd=folder)
        assert self._server.stdout is not None
        if not self._server.stdout.readline():
            raise RuntimeError("the module server did not start")
        self._reader = threading.Thread(target=self._read, name="module server", daemon=True)
        self._reader.start()

    def start(
        self,
        module: str,
        options: Mapping[str, Any],
        *,
        check: bool = False,
        diff: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> Run:
        """Start a module."""
        number = next(self._numbers)
        run = self._runs[number] = Run(self._folder / f"{number}.out", self._folder / f"{number}.err")
        request = {
            "id": number,
            "module": module,
            "args": {**options, "_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_remote_tmp": str(self._folder)},
            "environ": {**base_environment(self._folder), **(environ or {})},
            "stdout": str(self._folder / f"{number}.out"),
            "stderr": str(self._folder / f"{number}.err"),
        }
        line = json.dumps(request).encode() + b"\n"
        assert self._server.stdin is not None
        with self._lock:
            self._server.stdin.write(line)
            self._server.stdin.flush()
        return run

    def run(self, module: str, options: Mapping[str, Any], **how: Any) -> Result:
        """Start a module and wait for its end."""
        return self.start(module, options, **how).result()

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
            self._runs[answer.pop("id")].take(answer)


def base_environment(home: Path) -> dict[str, str]:
    """A clean environment: no proxies, no credentials, no settings of whoever runs the tests."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {"PATH": path, "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
