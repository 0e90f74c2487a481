# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request and its answer: what ends the reading, and who is asked before the request leaves.

requests limits the time between two bytes, so that a server which sends one byte now and then holds a task for ever. Here each read of the
socket asks the clock and the cancellation first: status line, headers, body, chunks and the answer of a proxy end together at one limit.
Looking up the host's name, connecting (10 s at most for each of its addresses) and the TLS handshake (10 s as a whole) end on their own,
without asking about the cancellation.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ..core.errors import Cancelled, ProviderFailure
from ..core.guard import before_sending

# The longest time that a cancellation goes unnoticed while a server is silent.
LOOK_S = 0.25
# An answer to a change tells what happened, which is worth a moment after a cancellation too: most answers come within a second.
_GRACE_S = 5.0


@dataclass(frozen=True)
class Limits:
    """What ends one exchange.

    ``seconds`` are given from connecting to the last byte of the answer. ``cancelled`` ends it at once, or shortly after when it
    ``changes`` something. ``remaining_s``, the seconds left to the task, bounds only the wait for a free connection.
    """

    seconds: float
    changes: bool = False
    cancelled: Callable[[], bool] = lambda: False
    remaining_s: Callable[[], float] = lambda: float("inf")


class Ended(Exception):
    """An answer was not read to its end, for one of our reasons; no exception of requests, so that its layers let it through."""

    def __init__(self, error: ProviderFailure | Cancelled) -> None:
        super().__init__(error.message)
        self.error = error


class Exchange:
    """One request and its answer: whether the request has left, and when the reading of the answer ends."""

    def __init__(self, server: str, limits: Limits, *, guarded: bool) -> None:
        self.server, self.limits, self.sent = server, limits, False
        self._guarded = guarded
        self._ends_at = time.monotonic() + limits.seconds
        self._cancelled_at: float | None = None

    def leave(self) -> None:
        """To be called when all that may take time is over, and the request's first byte leaves next. Raises Ended, and what the guard raises."""
        self.look()
        if self._guarded:
            before_sending()
        self.sent = True

    def look(self) -> float:
        """The seconds until this is to be called again, more than none. Raises Ended when the answer has had its time."""
        now = time.monotonic()
        if not self.limits.cancelled():
            self._cancelled_at = None
        else:
            self._cancelled_at = self._cancelled_at or now
            if not self.limits.changes or now >= self._cancelled_at + _GRACE_S:
                raise Ended(Cancelled(f"the task was cancelled before {self.server} had given a whole answer."))
        if now >= self._ends_at:
            raise Ended(ProviderFailure(f"{self.server} gave no whole answer within {self.limits.seconds:g} s.", transient=True))
        return min(LOOK_S, max(0.001, self._ends_at - now))


EXCHANGE: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


class _Reader(io.RawIOBase):
    """The bytes of an answer, each read of them within the limits of its exchange. ``file`` keeps the socket open meanwhile."""

    def __init__(self, sock: Any, file: Any, exchange: Exchange) -> None:
        self._sock, self._file, self._exchange = sock, file, exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            self._sock.settimeout(self._exchange.look())
            try:
                return int(self._sock.recv_into(buffer))
            except socket.timeout:  # Python 3.9 has no other name for it.
                continue

    def close(self) -> None:
        super().close()
        self._file.close()


class _Answer(http.client.HTTPResponse):
    """How http.client reads an answer, that of a proxy to CONNECT included."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        exchange = EXCHANGE.get()
        if exchange:
            self.fp = io.BufferedReader(_Reader(sock, self.fp, exchange))


def bounded_adapter(plain: Any, connections: int) -> Any:
    """An adapter of requests whose connections read through _Answer, and ask the guard when they are made."""

    def bounded(manager: Any) -> Any:
        # SOCKS has pools of its own, therefore they are looked up and not written down.
        manager.pool_classes_by_scheme = {scheme: _bounded_pool(pool) for scheme, pool in manager.pool_classes_by_scheme.items()}
        return manager

    def init_poolmanager(adapter: Any, *args: Any, **kwargs: Any) -> None:
        plain.init_poolmanager(adapter, *args, **kwargs)
        bounded(adapter.poolmanager)

    def proxy_manager_for(adapter: Any, proxy: str, **kwargs: Any) -> Any:
        known = adapter.proxy_manager.get(proxy)
        return known or bounded(plain.proxy_manager_for(adapter, proxy, **kwargs))

    return type("BoundedAdapter", (plain,), {"init_poolmanager": init_poolmanager, "proxy_manager_for": proxy_manager_for})(pool_maxsize=connections)


def _bounded_pool(pool: Any) -> Any:
    plain = pool.ConnectionCls

    def request(connection: Any, *args: Any, **kwargs: Any) -> Any:
        if connection.sock is None:
            connection.connect()
        exchange = EXCHANGE.get()
        if exchange:
            # The last answer on this connection has left it with the short limit of a look.
            connection.sock.settimeout(exchange.limits.seconds)
            exchange.leave()
        return plain.request(connection, *args, **kwargs)

    connection = type("BoundedConnection", (plain,), {"response_class": _Answer, "request": request})
    return type("BoundedPool", (pool,), {"ConnectionCls": connection})
