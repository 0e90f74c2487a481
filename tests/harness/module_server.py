# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs modules in forks of itself: `python -m tests.harness.module_server`, driven by tests.harness.modules over its pipes.

The imports that every module needs are done once, here, in a process that has no threads, so that forking is safe and each run
costs a few milliseconds. A request is a line of JSON; the answers are {"id", "pid"} at once and {"id", "status", ...} at the end.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.testing import patch_module_args

MODULES = "ansible_collections.multicloud.recovery.plugins.modules"
OWN = ("ansible_collections.multicloud.recovery.plugins.module_utils", MODULES)
# What clients import when they are made.
LIBRARIES = ("_strptime", "requests", "google.cloud.compute_v1", "google.auth.transport.requests", "google.oauth2.credentials", "google.oauth2.service_account")
REAL_MONOTONIC = time.monotonic
PROFILES = "ansible.module_utils._internal._json._profiles"


def _own_modules() -> Iterator[str]:
    """Everything of the collection that a module may import, now or when it is needed, and Ansible's way of writing results."""
    for name in (*OWN, PROFILES):
        try:
            package = importlib.import_module(name)
        except ModuleNotFoundError:
            # Ansible's own may be elsewhere in another version.
            continue
        yield from (found.name for found in pkgutil.walk_packages(package.__path__, f"{name}."))


def run_module(request: dict[str, Any]) -> None:
    """Be the module: arguments and environment as asked, output into files, and leave as a module leaves."""
    with open(os.devnull, "rb") as nothing, open(request["stdout"], "wb") as out, open(request["stderr"], "wb") as err:
        for number, stream in enumerate((nothing, out, err)):
            os.dup2(stream.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in enumerate("rww"))
    os.environ.clear()
    os.environ.update(request["environ"])
    code = 0
    try:
        module = importlib.import_module(f"{MODULES}.{request['module']}")
        with patch_module_args(request["args"]):
            module.main()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # noqa: BLE001  as the interpreter does at the end of a program
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def speed_up(factor: float) -> None:
    """Let time pass faster for all Python code of this process and its forks: clocks run ahead, and sleeps and waits with a limit are shorter.

    Sockets keep the real time, as does whoever is at their other end.
    """
    monotonic, sleep, wait = REAL_MONOTONIC, time.sleep, threading.Condition.wait
    began = monotonic()

    def fast_monotonic() -> float:
        return began + (monotonic() - began) * factor

    def shorter_wait(self: threading.Condition, timeout: float | None = None) -> bool:
        return wait(self, None if timeout is None else timeout / factor)

    def shorter_sleep(seconds: float) -> None:
        sleep(seconds / factor)

    time.monotonic = fast_monotonic
    time.sleep = shorter_sleep  # type: ignore[assignment]
    threading._time = fast_monotonic  # type: ignore[attr-defined]
    threading.Condition.wait = shorter_wait  # type: ignore[method-assign]


class ModuleServer:
    """Forks, reaps and reports. `speed`: how much faster than the real time passes for the modules."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        # Standard output is the module's in a fork; the answers go out through a descriptor that forks close.
        self._answers = os.dup(1)
        os.dup2(2, 1)
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._running: dict[int, tuple[int, float]] = {}
        self._text = b""

    def serve(self) -> None:
        """Until the standard input ends; then what still runs is killed."""
        signal.set_wakeup_fd(self._wake_write)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        if self._speed != 1.0:
            speed_up(self._speed)
        for name in (*LIBRARIES, *_own_modules()):
            importlib.import_module(name)
        # The collector of a fork would touch, and so copy, all of it.
        gc.freeze()
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            self._answer({"ready": True})
            while True:
                ready = [key.fd for key, _events in selector.select()]
                if self._wake_read in ready:
                    os.read(self._wake_read, 4096)
                    self._reap()
                if 0 in ready and not self._read():
                    break
        for pid in self._running:
            os.kill(pid, signal.SIGKILL)

    def _read(self) -> bool:
        block = os.read(0, 65536)
        *lines, self._text = (self._text + block).split(b"\n")
        for line in lines:
            self._start(json.loads(line))
        return bool(block)

    def _start(self, request: dict[str, Any]) -> None:
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number in (self._answers, self._wake_read, self._wake_write):
                os.close(number)
            run_module(request)
        self._running[pid] = (request["id"], REAL_MONOTONIC())
        self._answer({"id": request["id"], "pid": pid})

    def _reap(self) -> None:
        while self._running:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            number, began = self._running.pop(pid)
            ended = {"status": os.waitstatus_to_exitcode(status), "seconds": (REAL_MONOTONIC() - began) * self._speed, "peak_kib": usage.ru_maxrss}
            self._answer({"id": number, **ended})

    def _answer(self, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode() + b"\n"
        while data:
            data = data[os.write(self._answers, data) :]


if __name__ == "__main__":
    ModuleServer(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0).serve()
