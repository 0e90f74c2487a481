# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules for faults: which request they hit, how often, and what goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal as signals
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from .messages import Refused

# Whether the provider acts on a request that the fault hits, unless the rule's `act` says otherwise.
ACTS_BY_DEFAULT = {
    "status": False,
    "drop_before": False,
    "drop_after": True,
    "slow": True,
    "cut": True,
    "stuck": True,
    "expired_token": False,
    "html": False,
    "empty": True,
    "redirect": False,
    "signal": True,
    "barrier": True,
    "operation": True,
    "stall": True,
    "network_lost": True,
}
BARRIER_LIMIT_S = 30.0


@dataclass
class FaultRule:
    """One rule. None means: not narrowed. `nth` counts matching requests from 1 since the rule was made; `times` 0 means always.

    `act`: "before" (the provider acts, then the fault), "after" (slow and signal: the fault, then the provider acts) or "never"; None is the kind's own way.
    `status` kind: `status`, `body` or `reason` (the provider's own word), `retry_after`.
    `token` narrows a rule to the requests of one token, by its short id as the log shows it.
    `signal`: `signal` (9; a number or a name) goes to process `pid`; with `seconds` that much after the request arrived, the answer going out as usual.
    `barrier`: requests are held until `count` of them are, or for `seconds` (30), and then let go in order of arrival; rules of one `name` share a barrier.
    `stall`: process `pid` is stopped (SIGSTOP) when the request arrives: with `act` "before" when the provider has acted and the answer is on its way, else
    before the provider acts, which it then does only when the process goes on (SIGCONT).
    `network_lost`: from this request on all connections of its token are dropped, for `seconds`; the provider acts on this one unless `act` says otherwise.
    `operation`: the operation that the request starts ends with `error` {code, message} and, when given, `http_status`; or takes `seconds`; or `never_ends`;
    with `pid`, that process gets `signal` when the operation ends, or with `act` "before" as soon as it has begun.
    """

    id: int
    kind: str
    scope: str | None = None
    method: str | None = None
    route: str | None = None
    path: str | None = None
    nth: int | None = None
    times: int = 1
    status: int | None = None
    retry_after: float | str | None = None
    body: Any = None
    seconds: float | None = None
    act: str | None = None
    location: str | None = None
    reason: str | None = None
    pid: int | None = None
    signal: int | str | None = None
    count: int = 1
    name: str | None = None
    error: Mapping[str, Any] | None = None
    http_status: int | None = None
    never_ends: bool = False
    token: str | None = None
    seen: int = 0
    fired: int = 0

    def matches(self, scope: str | None, method: str, route: str | None, path: str, token: str | None) -> bool:
        """Whether the rule is about this request at all."""
        return (
            (self.token is None or self.token == token)
            and (self.scope is None or self.scope == scope)
            and (self.method is None or self.method.upper() == method)
            and (self.route is None or self.route == route)
            and (self.path is None or re.search(self.path, path) is not None)
        )

    def fires(self) -> bool:
        """Counts one matching request and says whether it is hit."""
        self.seen += 1
        return (self.nth is None or self.seen == self.nth) and (self.times == 0 or self.fired < self.times)

    @property
    def acts(self) -> bool:
        """Whether the provider does what was asked."""
        return ACTS_BY_DEFAULT[self.kind] if self.act is None or self.kind == "stall" else self.act != "never"


class Barrier:
    """Holds whoever arrives until enough are there."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._held: list[asyncio.Future[None]] = []

    async def pass_through(self, limit_s: float) -> None:
        """Returns when `count` are here, the first one first; or when the limit is reached."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held.append(future)
        if len(self._held) >= self._count:
            for held in self._held:
                if not held.done():
                    held.set_result(None)
            self._held.clear()
            # The last one lets those go first that it has just woken.
            for _turn in range(3):
                await asyncio.sleep(0)
            return
        try:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(future, limit_s)
        finally:
            if future in self._held:
                self._held.remove(future)


class FaultBook:
    """All rules of a service; spent ones stay listed with their counts until removed."""

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []
        self._barriers: dict[str, Barrier] = {}
        # Tokens without a network, to the moment (monotonic) at which it comes back.
        self._offline: dict[str, float] = {}
        self._next = 1

    def barrier(self, rule: FaultRule) -> Barrier:
        """The barrier of a rule; rules with one name, in one scope, share theirs."""
        key = f"{rule.scope}/{rule.name}" if rule.name else str(rule.id)
        return self._barriers.setdefault(key, Barrier(rule.count))

    def add(self, values: Mapping[str, Any]) -> FaultRule:
        """Makes a rule. Raises Refused for unknown fields or kinds and for a path that is no regular expression."""
        own = {item.name for item in fields(FaultRule)} - {"id", "seen", "fired"}
        unknown = sorted(set(values) - own)
        if unknown:
            raise Refused(f"unknown field(s) in a fault rule: {', '.join(unknown)}; known: {', '.join(sorted(own))}")
        if values.get("kind") not in ACTS_BY_DEFAULT:
            raise Refused(f"kind must be one of {', '.join(ACTS_BY_DEFAULT)}, not {values.get('kind')!r}")
        if values.get("act") not in (None, "before", "after", "never"):
            raise Refused(f"act must be before, after or never, not {values['act']!r}")
        try:
            re.compile(values.get("path") or "")
        except re.error as error:
            raise Refused(f"path is not a regular expression: {error}") from error
        _check_kind(values)
        # A barrier is one thing that happens to `count` requests.
        values = {"times": values.get("count", 1), **values} if values["kind"] == "barrier" else values
        rule = FaultRule(id=self._next, **values)
        self._next += 1
        self._rules.append(rule)
        return rule

    def lose_network(self, token: str, seconds: float) -> None:
        """Nothing of this token comes through for so long; 0: it does again."""
        self._offline[token] = time.monotonic() + seconds

    def is_offline(self, token: str | None) -> bool:
        """Whether nothing of this token comes through."""
        return token is not None and time.monotonic() < self._offline.get(token, 0)

    def pick(self, scope: str | None, method: str, route: str | None, path: str, token: str | None = None) -> FaultRule | None:
        """The first rule that hits this request; every matching rule counts it."""
        hit = None
        for rule in self._rules:
            if rule.matches(scope, method, route, path, token) and rule.fires() and hit is None:
                hit = rule
                rule.fired += 1
        return hit

    def show(self, scope: str | None) -> list[dict[str, Any]]:
        """All rules, or those of one scope."""
        return [asdict(rule) for rule in self._rules if scope is None or rule.scope == scope]

    def clear(self, scope: str | None) -> None:
        """Removes all rules, or those of one scope."""
        self._rules = [] if scope is None else [rule for rule in self._rules if rule.scope != scope]


def _check_kind(values: Mapping[str, Any]) -> None:
    """Raises Refused for a rule whose kind lacks what it needs."""
    kind, pid = values["kind"], values.get("pid")
    if kind in ("signal", "stall") and pid is None:
        raise Refused(f"a {kind} needs a pid")
    if kind == "network_lost" and not values.get("seconds"):
        raise Refused("network_lost needs seconds")
    if pid is not None and (not isinstance(pid, int) or pid <= 1):
        raise Refused(f"pid must be a process, not {pid!r}")
    number = values.get("signal")
    if number is not None and (number not in signals.Signals.__members__ if isinstance(number, str) else number not in set(signals.Signals)):
        raise Refused(f"no such signal: {number!r}")
    if kind == "barrier" and not (isinstance(values.get("count"), int) and values["count"] >= 1):
        raise Refused("a barrier needs a count of at least 1")
    if kind == "operation" and not (values.get("error") or values.get("never_ends") or values.get("seconds") is not None or pid is not None):
        raise Refused("an operation rule needs error, never_ends, seconds or pid")
