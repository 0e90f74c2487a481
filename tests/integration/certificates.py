# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate authority, certificates of it, and a small TLS server, for the TLS options."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files: the authority, and certificate and key of a server on 127.0.0.1 and of a client."""

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _build(subject: str, key: Any, issuer: str, signing_key: Any, authority: bool) -> x509.Certificate:
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer)).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1)).add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    if not authority:
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    if authority:
        use = {name: False for name in ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")}
        usage = x509.KeyUsage(**use, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False)
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(signing_key, hashes.SHA256())


def make_certificates(folder: Path) -> Certificates:
    """Fresh ones in the folder."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    made = Certificates(*(folder / f"{name}.pem" for name in ("authority", "server", "server_key", "client", "client_key")))
    made.authority.write_bytes(_build("authority", root_key, "authority", root_key, True).public_bytes(serialization.Encoding.PEM))
    for name, path, key_path in (("server", made.server, made.server_key), ("client", made.client, made.client_key)):
        key = ec.generate_private_key(ec.SECP256R1())
        path.write_bytes(_build(name, key, "authority", root_key, False).public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return made


class TlsServer:
    """Answers every GET with an empty list, and notes who asked: `clients` holds a common name, or "", for each request."""

    def __init__(self, certificates: Certificates) -> None:
        self.clients: list[str] = []
        clients = self.clients

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            def do_GET(self) -> None:  # the name that http.server wants
                """Note the client, answer nothing found."""
                shown: Any = self.connection.getpeercert() or {}  # type: ignore[attr-defined]
                clients.append("".join(value for part in shown.get("subject", ()) for _key, value in part))
                body = json.dumps({"complete": True}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.server, certificates.server_key)
        context.load_verify_locations(certificates.authority)
        context.verify_mode = ssl.CERT_OPTIONAL
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_arguments: None  # type: ignore[method-assign]  a refused handshake is what tests want
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def running_tls_server(certificates: Certificates) -> Iterator[TlsServer]:
    """A server for the length of a with block."""
    tls = TlsServer(certificates)
    thread = threading.Thread(target=tls.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield tls
    finally:
        tls.server.shutdown()
        tls.server.server_close()
        thread.join(5)
