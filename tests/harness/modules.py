# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module as a real process in a few milliseconds, with its result, its output and its process id."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import ROOT
from .forks import LIMIT_S, Fork, Forks

# Hands its program and streams over to the server, waits, and ends as that has ended.
_PYTHON = """\
#!{python} -IS
import marshal, os, socket, sys
with socket.socket(socket.AF_UNIX) as link:
    link.connect({address!r})
    socket.send_fds(link, [b"0"], [0, 1, 2])
    link.sendall(marshal.dumps((sys.argv[1:], dict(os.environ), os.getcwd())))
    link.shutdown(socket.SHUT_WR)
    sys.exit(int(link.recv(8) or 255))
"""


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

    def __init__(self, fork: Fork, stdout: Path, stderr: Path) -> None:
        self._fork, self._stdout, self._stderr = fork, stdout, stderr

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._fork.pid

    @property
    def is_over(self) -> bool:
        """Whether the process has ended."""
        return self._fork.is_over

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it, unless it has ended."""
        self._fork.send(number)

    def result(self, limit_s: float = LIMIT_S) -> Result:
        """What it left, as soon as it has ended."""
        ended = self._fork.ended(limit_s)
        stdout, stderr = (path.read_text("utf-8", "replace") for path in (self._stdout, self._stderr))
        lines = [line for line in stdout.splitlines() if line.startswith("{")]
        value = json.loads(lines[-1]) if lines else {}
        return Result(value, ended["status"], stdout, stderr, ended["seconds"], ended["peak_kib"])


class Modules:
    """Starts modules. Many threads may share one. ``speed``: how much faster time passes for them than for everybody else."""

    def __init__(self, folder: Path, collections: str, speed: float = 1.0) -> None:
        self._folder, self.speed = folder, speed
        self._numbers = itertools.count(1)
        environ = {**base_environment(folder), "PYTHONPATH": os.pathsep.join([str(ROOT), collections])}
        address = folder / "python.socket"
        self._forks = Forks("tests.harness.module_server", str(address), str(speed), environ=environ, folder=folder)
        self._python = folder / "python"
        self._python.write_text(_PYTHON.format(python=sys.executable, address=str(address)), "utf-8")
        self._python.chmod(0o755)

    @property
    def python(self) -> Path:
        """An interpreter for others who start modules, such as ansible-playbook.

        It has imported already what modules need, save the collection itself.
        """
        self._forks.wait_until_ready()
        return self._python

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
        stdout, stderr = (self._folder / f"{number}.{kind}" for kind in ("out", "err"))
        request = {
            "module": module,
            "args": {**options, "_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_remote_tmp": str(self._folder)},
            "environ": {**base_environment(self._folder), **(environ or {})},
            "stdout": str(stdout),
            "stderr": str(stderr),
        }
        return Run(self._forks.start(request), stdout, stderr)

    def run(self, module: str, options: Mapping[str, Any], **how: Any) -> Result:
        """Start a module and wait for its end."""
        return self.start(module, options, **how).result()

    def close(self) -> None:
        """End the server and what still runs."""
        self._forks.close()


def base_environment(home: Path) -> dict[str, str]:
    """A clean environment: no proxies, no credentials, no settings of whoever runs the tests."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {"PATH": path, "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
