# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP server on loopback that answers what a test has written down, in order, and notes what it was asked."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import pathlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One answer. ``drop`` closes the connection instead; ``hold`` is waited for before; ``cut`` sends only so many bytes of the body.

    ``wire`` is sent as it is, instead of everything else. With ``pace_s``, all but the first ``at_once`` bytes of it leave one by one with
    such a pause before each, until the client hangs up.
    """

    status: int = 200
    body: str = '{"ok": true}'
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    hold: threading.Event | None = None
    cut: int | None = None
    wire: bytes | None = None
    pace_s: float = 0.0
    at_once: int = 0


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; ``connection`` counts the connections of the server from 1."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    connection: int


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, replies: Sequence[Reply], tls: ssl.SSLContext | None) -> None:
        self.replies, self.lock = list(replies), threading.Lock()
        self.asked: list[Asked] = []
        self.accepted: list[Any] = []
        self._tls = tls
        self.ended = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self.lock:
            self.accepted.append(address)
        return (self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) if self._tls else connection), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that refuse the certificate are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in two writes; with Nagle's algorithm the second would wait 40 ms.
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.number = self.server.accepted.index(self.client_address) + 1

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            super().handle_one_request()
            return
        self.close_connection = True

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        with self.server.lock:
            self.server.asked.append(Asked(self.command, self.path, dict(self.headers.items()), body, self.number))
            # The last answer is given for ever.
            reply = self.server.replies.pop(0) if len(self.server.replies) > 1 else self.server.replies[0]
        if reply.hold:
            reply.hold.wait(10)
        if reply.drop:
            self.close_connection = True
            return
        if reply.wire is not None:
            self._send_slowly(reply, reply.wire)
            return
        payload = reply.body.encode()
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(payload)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload[: reply.cut])
        if reply.cut is not None:
            self.close_connection = True

    def _send_slowly(self, reply: Reply, wire: bytes) -> None:
        self.close_connection = True
        first = reply.at_once if reply.pace_s else len(wire)
        self.wfile.write(wire[:first])
        for byte in wire[first:]:
            if self.server.ended.wait(reply.pace_s):
                return
            self.wfile.write(bytes([byte]))

    do_GET = do_POST = do_PUT = do_DELETE = do_CONNECT = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the tests look at ``asked``."""


@dataclass(frozen=True)
class Served:
    """A running server: its address, what it was asked so far, and the addresses of the connections that it has accepted."""

    url: str
    port: int
    asked: list[Asked]
    accepted: list[Any]


@contextlib.contextmanager
def serve(*replies: Reply, tls: ssl.SSLContext | None = None) -> Iterator[Served]:
    """Serve ``replies`` in order, the last one again and again; one Reply() when there is none."""
    server = _Server(replies or (Reply(),), tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        port = server.server_address[1]
        yield Served(f"{'https' if tls else 'http'}://127.0.0.1:{port}", port, server.asked, server.accepted)
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def self_signed(folder: pathlib.Path) -> pathlib.Path:
    """One PEM file with a key and a certificate for 127.0.0.1 that nobody else vouches for. Raises ImportError without cryptography."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - datetime.timedelta(1), now + datetime.timedelta(1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(private + certificate.public_bytes(encoding))
    return path


def server_context(pem: pathlib.Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
