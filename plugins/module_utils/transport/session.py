# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP session for many threads, whose answers are bounded in time and in size, and whose connections are bounded in number.

requests limits the time between two bytes, so that a server which sends one byte now and then holds a task for ever. Here each read of the
socket asks the clock and the cancellation first: status line, headers, body, chunks and the answer of a proxy end together at one limit.
Of one answer at most LARGEST_ANSWER bytes are read, unpacked ones included. Looking up the host's name, connecting (10 s at most for each
of its addresses) and the TLS handshake (10 s as a whole) end on their own, without asking about the cancellation.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from ..core.errors import Cancelled, MissingLibrary, ProviderFailure
from ..core.guard import before_sending
from .failures import Unanswered, unanswered, unusable

LARGEST_ANSWER = 64 * 1024 * 1024
# Far below the 256 file descriptors that some systems allow a process.
CONNECTIONS = 64

_CONNECT_TIMEOUT_S = 10.0
# The longest time that a cancellation goes unnoticed while a server is silent.
_LOOK_S = 0.25
# An answer to a change tells what happened, which is worth a moment after a cancellation too: most answers come within a second.
_GRACE_S = 5.0
_PIECE = 256 * 1024


@dataclass(frozen=True)
class Tls:
    """How the server is verified and how we identify ourselves; the paths are PEM files."""

    verify: bool = True
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None


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


@dataclass(frozen=True)
class Reply:
    """An answer that was read whole; the names of the fields are those of requests, which Google's SDK reads as well."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


class _Lock(Protocol):
    def acquire(self, blocking: bool = ..., timeout: float = ...) -> bool: ...


class _Ended(Exception):
    """An answer was not read to its end, for one of our reasons; no exception of requests, so that its layers let it through."""

    def __init__(self, error: ProviderFailure | Cancelled) -> None:
        super().__init__(error.message)
        self.error = error


class _Exchange:
    """One request and its answer: whether the request has left, and when the reading of the answer ends."""

    def __init__(self, server: str, limits: Limits, *, guarded: bool) -> None:
        self.server, self.limits, self.sent = server, limits, False
        self._guarded = guarded
        self._ends_at = time.monotonic() + limits.seconds
        self._cancelled_at: float | None = None

    def leave(self) -> None:
        """To be called when all that may take time is over, and the request's first byte leaves next. Raises _Ended, and what the guard raises."""
        self.look()
        if self._guarded:
            before_sending()
        self.sent = True

    def look(self) -> float:
        """The seconds until this is to be called again, more than none. Raises _Ended when the answer has had its time."""
        now = time.monotonic()
        if not self.limits.cancelled():
            self._cancelled_at = None
        else:
            self._cancelled_at = self._cancelled_at or now
            if not self.limits.changes or now >= self._cancelled_at + _GRACE_S:
                raise _Ended(Cancelled(f"the task was cancelled before {self.server} had given a whole answer."))
        if now >= self._ends_at:
            raise _Ended(ProviderFailure(f"{self.server} gave no whole answer within {self.limits.seconds:g} s.", transient=True))
        return min(_LOOK_S, max(0.001, self._ends_at - now))


_EXCHANGE: ContextVar[_Exchange | None] = ContextVar("exchange", default=None)


class _Reader(io.RawIOBase):
    """The bytes of an answer, each read of them within the limits of its exchange. ``file`` keeps the socket open meanwhile."""

    def __init__(self, sock: Any, file: Any, exchange: _Exchange) -> None:
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
        exchange = _EXCHANGE.get()
        if exchange:
            self.fp = io.BufferedReader(_Reader(sock, self.fp, exchange))


class HttpSession:
    """Connections to servers under the same TLS options; proxies are taken from the environment, as requests does.

    ``use`` says what requests is needed for. Raises MissingLibrary when it is not installed.
    """

    def __init__(self, tls: Tls, *, use: str, library: str = "requests", connections: int = CONNECTIONS) -> None:
        try:
            import requests
            import requests.adapters
            import urllib3
        except ImportError as error:
            raise MissingLibrary(use, library=library, trace=traceback.format_exc()) from error
        if not tls.verify:
            # The user has decided; a warning with each request would only bury what matters.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._failures = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, zlib.error)
        self._free = threading.BoundedSemaphore(connections)
        # Given with each request: on the session, REQUESTS_CA_BUNDLE in the environment would win over it.
        self._verify = (tls.ca_path or True) if tls.verify else False
        self._cert = (tls.client_cert, tls.client_key) if tls.client_cert and tls.client_key else tls.client_cert
        session: Any = requests.Session()
        # Otherwise requests reads the body of a redirect, whatever its size, although it is not to follow it.
        session.get_redirect_target = lambda _response: None
        session.headers["Accept-Encoding"] = "gzip"
        for scheme in ("http://", "https://"):
            session.mount(scheme, _adapter(requests.adapters.HTTPAdapter, connections))
        self._session = session

    def exchange(self, method: str, url: str, *, limits: Limits, guarded: bool = True, cert: Any = None, **request: Any) -> Reply:
        """The whole answer to one request; ``request`` is what requests takes, ``cert`` another certificate than ours. No redirect is followed.

        Raises Unanswered. Immediately before the request leaves, the guard is asked, unless it is not ``guarded``; what it raises goes through.
        """
        server = server_of(url)
        acquire(self._free, limits, f"a connection to {server}")
        exchange = _Exchange(server, limits, guarded=guarded)
        token = _EXCHANGE.set(exchange)
        try:
            response = self._session.request(
                method,
                url,
                # An auth callable keeps requests from replacing the header by what it finds in a .netrc file.
                auth=_unchanged,
                stream=True,
                timeout=(min(limits.seconds, _CONNECT_TIMEOUT_S), limits.seconds),
                verify=self._verify,
                cert=cert or self._cert,
                # A token must not follow a redirect, and a redirected POST would arrive as a GET.
                allow_redirects=False,
                **request,
            )
            try:
                return Reply(response.status_code, response.headers, _whole(response, server))
            finally:
                response.close()
        except _Ended as ended:
            raise Unanswered(ended.error, acted=exchange.sent) from ended
        except self._failures as cause:
            raise unanswered(cause, server, limits.seconds, sent=exchange.sent) from cause
        except ValueError as cause:
            if exchange.sent:
                raise
            raise unusable(server) from cause
        finally:
            _EXCHANGE.reset(token)
            self._free.release()

    def close(self) -> None:
        """Close the connections that are not in use; the others close when their answers are read."""
        self._session.close()


def acquire(lock: _Lock, limits: Limits, what: str) -> None:
    """Take a lock or a free place within the limits. Raises Unanswered when the task is cancelled or has no time left: then nothing was sent."""
    while not lock.acquire(timeout=_LOOK_S):
        if limits.cancelled():
            raise Unanswered(Cancelled(f"the task was cancelled while it waited for {what}."), acted=False)
        if limits.remaining_s() <= 0:
            raise Unanswered(ProviderFailure(f"there was no time left to wait for {what}.", transient=True), acted=False)


def server_of(url: str) -> str:
    """Scheme, host and port: what may be shown of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _unchanged(request: Any) -> Any:
    return request


def _whole(response: Any, server: str) -> bytes:
    """The body, unpacked. Raises _Ended for one that is too large or packed in a way that was not asked for."""
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise _Ended(ProviderFailure(f"{server} packed its answer in a way that was not asked for: {coding[:40]}."))
    unpacker = zlib.decompressobj(zlib.MAX_WBITS + 32) if coding not in ("", "identity") else None
    body, began = bytearray(), False
    while piece := response.raw.read(_PIECE, decode_content=False):
        began = True
        body += unpacker.decompress(piece, LARGEST_ANSWER + 1 - len(body)) if unpacker else piece
        if len(body) > LARGEST_ANSWER:
            raise _Ended(ProviderFailure(f"{server} gave an answer of more than {LARGEST_ANSWER // 1024**2} MiB, which is not read."))
    if unpacker and began and not unpacker.eof:
        raise _Ended(ProviderFailure(f"{server} gave no whole answer before the connection broke.", transient=True))
    return bytes(body)


def _adapter(plain: Any, connections: int) -> Any:
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
        exchange = _EXCHANGE.get()
        if exchange:
            exchange.leave()
        return plain.request(connection, *args, **kwargs)

    connection = type("BoundedConnection", (plain,), {"response_class": _Answer, "request": request})
    return type("BoundedPool", (pool,), {"ConnectionCls": connection})
