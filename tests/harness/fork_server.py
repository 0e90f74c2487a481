# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A process that has imported what others need, and becomes them in forks of itself; driven by tests.harness.forks.

It has no threads, so that forking is safe, and a run costs milliseconds instead of the seconds that the imports take. A request is a line
of JSON with an "id"; the answers are {"id", "pid"} at once and {"id", "status", "seconds", "peak_kib"} at the end.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn


def become(streams: Sequence[int], environ: Mapping[str, str]) -> None:
    """Take these descriptors as standard input, output and error, and this environment."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in enumerate("rww"))
    os.environ.clear()
    os.environ.update(environ)


def run_to_end(program: Callable[[], object]) -> int:
    """The exit code that Python would end the program with. What it has printed is out."""
    code = 0
    try:
        program()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:  # noqa: BLE001  as the interpreter does at the end of a program
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def freeze() -> None:
    """What is there now is never garbage: a collector that looked through it would make each fork copy the memory that it touches."""
    gc.collect()
    gc.freeze()


class ForkServer:
    """Forks, reaps and reports.

    ``run`` and ``serve_link`` run in a fork and return its exit code, for a request and for who connects. ``prepare`` is called before that,
    in the server itself, with the request or None.
    """

    def __init__(
        self,
        run: Callable[[dict[str, Any]], int],
        serve_link: Callable[[socket.socket], int] | None = None,
        prepare: Callable[[dict[str, Any] | None], None] | None = None,
    ) -> None:
        self._run, self._serve_link, self._prepare = run, serve_link, prepare
        # Standard output is the program's in a fork; the answers go out through a descriptor that forks close.
        self._answers = os.dup(1)
        os.dup2(2, 1)
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._listener: socket.socket | None = None
        self._running: dict[int, tuple[int | None, float]] = {}
        self._text = b""

    def serve(self, address: str = "") -> None:
        """Until the standard input ends; then what still runs is killed. ``address``: where to listen, a path."""
        signal.set_wakeup_fd(self._wake_write)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        freeze()
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            if address:
                self._listener = socket.socket(socket.AF_UNIX)
                self._listener.bind(address)
                self._listener.listen()
                selector.register(self._listener, selectors.EVENT_READ)
            self._answer({"ready": True})
            while True:
                ready = [key.fd for key, _events in selector.select()]
                if self._wake_read in ready:
                    os.read(self._wake_read, 4096)
                    self._reap()
                if self._listener and self._listener.fileno() in ready:
                    self._accept(self._listener)
                if 0 in ready and not self._read():
                    break
        for pid in self._running:
            os.kill(pid, signal.SIGKILL)

    def _read(self) -> bool:
        block = os.read(0, 65536)
        *lines, self._text = (self._text + block).split(b"\n")
        for line in lines:
            request = json.loads(line)
            if self._prepare:
                self._prepare(request)
            pid = self._fork(request["id"], lambda request=request: self._run(request))
            self._answer({"id": request["id"], "pid": pid})
        return bool(block)

    def _accept(self, listener: socket.socket) -> None:
        link, _address = listener.accept()
        assert self._serve_link is not None
        serve_link = self._serve_link
        if self._prepare:
            self._prepare(None)
        self._fork(None, lambda: serve_link(link))
        link.close()

    def _fork(self, number: int | None, run: Callable[[], int]) -> int:
        pid = os.fork()
        if pid == 0:
            self._be(run)
        self._running[pid] = (number, time.monotonic())
        return pid

    def _be(self, run: Callable[[], int]) -> NoReturn:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in (self._answers, self._wake_read, self._wake_write):
            os.close(number)
        if self._listener:
            self._listener.close()
        code = 1
        try:
            code = run()
        except BaseException:  # noqa: BLE001  nothing may go on here as if it were the server
            traceback.print_exc()
        os._exit(code)

    def _reap(self) -> None:
        while self._running:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            number, began = self._running.pop(pid)
            if number is not None:
                ended = {"status": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - began, "peak_kib": usage.ru_maxrss}
                self._answer({"id": number, **ended})

    def _answer(self, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode() + b"\n"
        while data:
            data = data[os.write(self._answers, data) :]
