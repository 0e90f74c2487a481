# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A GceClient in front of a scripted server, on a clock that moves only when somebody sleeps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.client import GceClient
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.session import Credentials
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.http import Tls
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.retry import Retry

from tests.unit.fakes import FakeClock
from tests.unit.scripted_server import Asked, Reply, Served, serve

Wire = dict[str, Any]

ROOT = "https://www.googleapis.com/compute/v1/projects/p"
HERE = "/compute/v1/projects/p"
TOKEN = "ya29.secret-token"


def operation_wire(status: str = "RUNNING", name: str = "operation-1", place: str = "zones/z-1", **more: Any) -> Wire:
    target = f"{ROOT}/{place}/disks/data"
    own = {"kind": "compute#operation", "name": name, "status": status, "operationType": "insert", "selfLink": f"{ROOT}/{place}/operations/{name}"}
    return {**own, "targetLink": target, **more}


def ok(wire: Wire) -> Reply:
    return Reply(body=json.dumps(wire))


def refused(status: int, reason: str = "", message: str = "no", headers: Mapping[str, str] | None = None) -> Reply:
    """An answer as Compute Engine refuses with."""
    errors = [{"message": message, "domain": "global", "reason": reason}] if reason else []
    return Reply(status, json.dumps({"error": {"code": status, "message": message, "errors": errors}}), headers or {})


@dataclass
class Bench:
    """A client, its server, its clock, and what it reported."""

    client: GceClient
    server: Served
    clock: FakeClock
    waiter: Waiter
    secrets: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def sent(self) -> list[str]:
        return [f"{asked.method} {asked.path.partition('?')[0]}" for asked in self.server.asked]

    @property
    def queries(self) -> list[dict[str, str]]:
        return [query(asked) for asked in self.server.asked]

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(asked.body) if asked.body else None for asked in self.server.asked]


def query(asked: Asked) -> dict[str, str]:
    return dict(parse_qsl(asked.path.partition("?")[2], keep_blank_values=True))


def authorization(asked: Asked) -> str | None:
    return next((value for name, value in asked.headers.items() if name.lower() == "authorization"), None)


@contextmanager
def bench(*replies: Reply, retries: int = 3, timeout_s: float = 5.0, wait_s: float = 600.0, **options: Any) -> Iterator[Bench]:
    with serve(*replies) as server:
        clock = FakeClock()
        waiter = clock.waiter(wait_s)
        secrets: list[str] = []
        warnings: list[str] = []
        settings: Wire = {"credentials": Credentials(access_token=TOKEN), "api_url": server.url, "tls": Tls(), **options}
        retry = Retry(retries, waiter.pause, lambda: waiter.remaining_s, jitter=lambda: 1.0)
        client = GceClient("p", timeout_s=timeout_s, retry=retry, waiter=waiter, on_secret=secrets.append, on_warning=warnings.append, **settings)
        yield Bench(client, server, clock, waiter, secrets, warnings)


@cache
def key_pem() -> str:
    """A private key, made once."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def service_account(token_uri: str) -> Wire:
    return {
        "type": "service_account",
        "client_email": "robot@p.iam.gserviceaccount.com",
        "private_key_id": "key-id",
        "private_key": key_pem(),
        "token_uri": token_uri,
        "project_id": "p",
    }
