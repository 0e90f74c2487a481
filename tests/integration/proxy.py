# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small HTTP proxy: forwards what it can, and in its error answers quotes what it was told, as careless proxies do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests


class Proxy:
    """`seen` holds the Proxy-Authorization header of each request. With `refuses` it forwards nothing."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.refuses = False
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            """One request, with the whole URL in its first line."""

            def do_GET(self) -> None:  # the name that http.server wants
                """Forward it, or refuse it."""
                told = self.headers.get("Proxy-Authorization", "")
                proxy.seen.append(told)
                if proxy.refuses:
                    self._answer(502, json.dumps({"message": f"no way to {self.path} for {told}"}).encode(), "application/json")
                    return
                headers = {"Authorization": self.headers.get("Authorization", "")}
                answer = requests.get(self.path, headers=headers, timeout=10, proxies={"http": "", "no_proxy": "*"})
                self._answer(answer.status_code, answer.content, "application/json")

            def _answer(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def running_proxy() -> Iterator[Proxy]:
    """A proxy for the length of a with block."""
    proxy = Proxy()
    thread = threading.Thread(target=proxy.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
        thread.join(5)
