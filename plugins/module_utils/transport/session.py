# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP session for many threads, whose answers are bounded in time and in size, and whose connections are bounded in number.

Of one answer at most LARGEST_ANSWER bytes are read, unpacked ones included; exchange.py says how its time ends.
"""

from __future__ import annotations

import threading
import traceback
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from ..core.errors import Cancelled, MissingLibrary, ProviderFailure
from .exchange import EXCHANGE, LOOK_S, Ended, Exchange, Limits, bounded_adapter
from .failures import Unanswered, unanswered, unusable

LARGEST_ANSWER = 64 * 1024 * 1024
# Far below the 256 file descriptors that some systems allow a process.
CONNECTIONS = 64

_CONNECT_TIMEOUT_S = 10.0
_PIECE = 256 * 1024


@dataclass(frozen=True)
class Tls:
    """How the server is verified and how we identify ourselves; the paths are PEM files."""

    verify: bool = True
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None


@dataclass(frozen=True)
class Reply:
    """An answer that was read whole; the names of the fields are those of requests, which Google's SDK reads as well."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


class _Lock(Protocol):
    def acquire(self, blocking: bool = ..., timeout: float = ...) -> bool: ...


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
            session.mount(scheme, bounded_adapter(requests.adapters.HTTPAdapter, connections))
        self._session = session

    def exchange(self, method: str, url: str, *, limits: Limits, guarded: bool = True, cert: Any = None, **request: Any) -> Reply:
        """The whole answer to one request; ``request`` is what requests takes, ``cert`` another certificate than ours. No redirect is followed.

        Raises Unanswered. Immediately before the request leaves, the guard is asked, unless it is not ``guarded``; what it raises goes through.
        """
        server = server_of(url)
        acquire(self._free, limits, f"a connection to {server}")
        exchange = Exchange(server, limits, guarded=guarded)
        token = EXCHANGE.set(exchange)
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
        except Ended as ended:
            raise Unanswered(ended.error, acted=exchange.sent) from ended
        except self._failures as cause:
            raise unanswered(cause, server, limits.seconds, sent=exchange.sent) from cause
        except ValueError as cause:
            if exchange.sent:
                raise
            raise unusable(server) from cause
        finally:
            EXCHANGE.reset(token)
            self._free.release()

    def close(self) -> None:
        """Close the connections that are not in use; the others close when their answers are read."""
        self._session.close()


def acquire(lock: _Lock, limits: Limits, what: str) -> None:
    """Take a lock or a free place within the limits. Raises Unanswered when the task is cancelled or has no time left: then nothing was sent."""
    while not lock.acquire(timeout=LOOK_S):
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
    """The body, unpacked. Raises Ended for one that is too large or packed in a way that was not asked for."""
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise Ended(ProviderFailure(f"{server} packed its answer in a way that was not asked for: {coding[:40]}."))
    unpacker = zlib.decompressobj(zlib.MAX_WBITS + 32) if coding not in ("", "identity") else None
    body, read = bytearray(), 0
    while piece := response.raw.read(_PIECE, decode_content=False):
        read += len(piece)
        body += unpacker.decompress(piece, LARGEST_ANSWER + 1 - len(body)) if unpacker else piece
        # What follows the end of a packed body is kept by zlib, and counts as well.
        if max(read, len(body)) > LARGEST_ANSWER:
            raise Ended(ProviderFailure(f"{server} gave an answer of more than {LARGEST_ANSWER // 1024**2} MiB, which is not read."))
    # Before version 2, urllib3 takes a body for whole that is shorter than was announced.
    if (unpacker and read and not unpacker.eof) or response.raw.length_remaining:
        raise Ended(ProviderFailure(f"{server} gave no whole answer before the connection broke.", transient=True))
    return bytes(body)
