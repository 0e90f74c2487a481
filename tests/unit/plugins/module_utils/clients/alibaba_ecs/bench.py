# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AlibabaClient in front of a scripted server, on a clock that moves only when somebody sleeps."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote

from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs.client import AlibabaClient
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs.credentials import Credentials
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.http import Tls
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.retry import Retry

from tests.unit.fakes import FakeClock
from tests.unit.scripted_server import Asked, Reply, Served, serve

Wire = dict[str, Any]

SECRET = "kEy/sEcret+1"
KEY = Credentials("LTAI-own", SECRET)


def ok(**members: Any) -> Reply:
    return Reply(body=json.dumps({"RequestId": "R-1", **members}))


def refused(status: int, code: str, message: str = "It is refused.", **more: Any) -> Reply:
    """An answer as Alibaba Cloud refuses with."""
    return Reply(status, json.dumps({"RequestId": "R-2", "HostId": "ecs", "Code": code, "Message": message, "Recommend": "https://r", **more}))


def assumed(number: int = 1, **more: Any) -> Reply:
    """An answer of AssumeRole."""
    return ok(Credentials={"AccessKeyId": f"STS.{number}", "AccessKeySecret": f"sts-secret-{number}", "SecurityToken": f"sts+token/{number}==", **more})


def fields(asked: Asked) -> dict[str, str]:
    """The form of a request; nothing may stand in its address."""
    assert (asked.method, asked.path) == ("POST", "/")
    return dict(parse_qsl(asked.body, keep_blank_values=True, strict_parsing=True))


def signature(params: dict[str, str], secret: str) -> str:
    """What the signature must be, from Alibaba Cloud's description of it."""

    def encoded(text: str) -> str:
        return quote(text, safe="-_.~")

    query = "&".join(f"{encoded(name)}={encoded(value)}" for name, value in sorted(params.items()) if name != "Signature")
    return base64.b64encode(hmac.new(f"{secret}&".encode(), f"POST&%2F&{encoded(query)}".encode(), hashlib.sha1).digest()).decode()


@dataclass
class Bench:
    """A client, its server, its clock, and the secrets that it told of."""

    client: AlibabaClient
    server: Served
    clock: FakeClock
    waiter: Waiter
    secrets: list[str] = field(default_factory=list)

    @property
    def sent(self) -> list[dict[str, str]]:
        return [fields(asked) for asked in self.server.asked]

    def values(self, name: str) -> list[str | None]:
        return [sent.get(name) for sent in self.sent]


@contextmanager
def bench(*replies: Reply, retries: int = 3, timeout_s: float = 5.0, wait_s: float = 600.0, region: str = "cn-hangzhou", **options: Any) -> Iterator[Bench]:
    with serve(*replies) as server:
        clock = FakeClock()
        waiter = clock.waiter(wait_s)
        secrets: list[str] = []
        settings: Wire = {"credentials": KEY, "api_url": server.url, "tls": Tls(), **options}
        retry = Retry(retries, waiter.pause, lambda: waiter.remaining_s, jitter=lambda: 1.0)
        client = AlibabaClient(region, timeout_s=timeout_s, retry=retry, waiter=waiter, on_secret=secrets.append, **settings)
        yield Bench(client, server, clock, waiter, secrets)
