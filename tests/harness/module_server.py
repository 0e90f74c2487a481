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
import time
import traceback
from typing import Any

from ansible.module_utils.testing import patch_module_args

PLUGINS = "ansible_collections.multicloud.recovery.plugins"
MODULES = f"{PLUGINS}.modules"
LIBRARIES = (
    "requests",
    "google.auth.transport.requests",
    "google.cloud.compute_v1",
    "google.oauth2.credentials",
    "google.oauth2.service_account",
)


def import_all() -> None:
    """Import what the modules may come to import while they run: the collection, and the libraries of its providers."""
    for name in LIBRARIES:
        importlib.import_module(name)
    plugins = importlib.import_module(PLUGINS)
    for found in pkgutil.walk_packages(plugins.__path__, f"{PLUGINS}."):
        if found.name.startswith((MODULES, f"{PLUGINS}.module_utils")):
            importlib.import_module(found.name)


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


class ModuleServer:
    """Forks, reaps and reports."""

    def __init__(self) -> None:
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
        import_all()
        # What is there now is never garbage: a collector that looked through it would make each fork copy the memory that it touches.
        gc.collect()
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
        self._running[pid] = (request["id"], time.monotonic())
        self._answer({"id": request["id"], "pid": pid})

    def _reap(self) -> None:
        while self._running:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            number, began = self._running.pop(pid)
            ended = {"status": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - began, "peak_kib": usage.ru_maxrss}
            self._answer({"id": number, **ended})

    def _answer(self, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode() + b"\n"
        while data:
            data = data[os.write(self._answers, data) :]


if __name__ == "__main__":
    ModuleServer().serve()
