# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The log of requests: what arrived, where it went, what was answered, and what the contract says about it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-auth-token")


@dataclass
class Entry:
    """One request. `time` is seconds since the epoch; `token` is a short id of the token; `status` stays None when no answer was sent."""

    n: int
    time: float
    scope: str | None
    method: str
    path: str
    route: str | None
    query: list[list[str]]
    body: Any
    headers: dict[str, str]
    mutating: bool
    token: str | None = None
    contract_violations: list[str] = field(default_factory=list)
    status: int | None = None
    fault: str | None = None


class RequestLog:
    """Entries in the order of arrival. Numbers go on after a clear, so an old number never means a new request."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._next = 1

    def open(self, **values: Any) -> Entry:
        """Adds an entry as soon as the request is in, before anything is done about it."""
        entry = Entry(n=self._next, time=time.time(), **values)
        self._next += 1
        self._entries.append(entry)
        return entry

    def show(self, scope: str | None, since: int = 0) -> list[dict[str, Any]]:
        """Entries of one scope, or of all, with a number above `since`."""
        # Nothing of an entry is changed in place later on, so that it need not be copied through.
        return [dict(vars(entry)) for entry in self._entries if entry.n > since and (scope is None or entry.scope == scope)]

    def clear(self, scope: str | None) -> None:
        """Forgets the entries of one scope, or all."""
        self._entries = [] if scope is None else [entry for entry in self._entries if entry.scope != scope]


def short_digest(value: str) -> str:
    """Eight digits that tell one secret from another."""
    return hashlib.sha256(value.encode()).hexdigest()[:8]


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers, secrets replaced by a short digest that still tells one token from another."""
    return {name: f"sha256:{hashlib.sha256(value.encode()).hexdigest()[:12]}" if name in SECRET_HEADERS else value for name, value in headers.items()}
