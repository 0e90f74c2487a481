# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One provider on one port: every request passes contract, log and faults on its way to the provider."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from dataclasses import replace

from aiohttp import web

from .clock import Clock
from .delivery import STUCK_S, abort, deliver, deliver_half, injected
from .faults import BARRIER_LIMIT_S, FaultBook, FaultRule
from .messages import Answer, Call, Match
from .provider import Provider
from .request_log import Entry, RequestLog, shown_headers
from .settings import Settings
from .signals import is_stopped, send_signal

SIGNAL_PAUSE_S = 0.02


class Service:
    """Holds what belongs to one port. `settings` and `clock` are shared with the provider, which reads them."""

    def __init__(self, provider: Provider, settings: Settings, clock: Clock, contracts: str | None) -> None:
        self.provider = provider
        self.settings = settings
        self.clock = clock
        self.log = RequestLog()
        self.faults = FaultBook()
        self.contract = provider.load_contracts(contracts)
        # Requests that are being answered, by their number in the log.
        self._open: dict[int, tuple[str | None, web.Request]] = {}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answers one request to the provider's API."""
        path, _mark, query = request.raw_path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(request.method, path, query, headers, await request.read())
        match = self.provider.identify(call)
        violations = self.provider.contract_violations(call, match)
        token = self.provider.caller(call)
        entry = self.log.open(
            scope=match.scope,
            method=call.method,
            path=path,
            route=match.route,
            query=[list(pair) for pair in call.query],
            body=self.provider.log_body(call),
            headers=shown_headers(headers),
            mutating=self.provider.is_mutating(call, match),
            token=token,
            contract_violations=violations,
        )
        if self.faults.is_offline(token):
            entry.fault = "network_lost"
            return await abort(request)
        rule = self.faults.pick(match.scope, call.method, match.route, path, token)
        latency_s = self.settings.get("latency_s", match.scope)
        if latency_s:
            await asyncio.sleep(latency_s)
        self._open[entry.n] = (token, request)
        try:
            if rule is not None:
                entry.fault = rule.kind
                return await self._serve_fault(request, call, match, entry, rule)
            answer = await self._act(call, match, violations)
            if self.faults.is_offline(token):
                return await abort(request)
            entry.status = answer.status
            return await deliver(request, answer)
        finally:
            del self._open[entry.n]

    def lose_network(self, token: str | None, seconds: float) -> None:
        """All connections of a token are dropped, those that wait for an answer too, for so long."""
        self.faults.lose_network(token or "", seconds)
        for other, request in self._open.values():
            if other == token and request.transport is not None:
                request.transport.abort()

    async def _act(self, call: Call, match: Match, violations: list[str]) -> Answer:
        if violations and self.settings.get("strict_contract", match.scope):
            return self.provider.refuse(400, "contract: " + "; ".join(violations))
        try:
            answer = self.provider.handle(call, match)
            return await answer if inspect.isawaitable(answer) else answer
        except Exception as error:  # noqa: BLE001 - a bug in here must be seen by the test that met it
            traceback.print_exc()
            return self.provider.refuse(500, f"simulator bug: {type(error).__name__}: {error}")

    async def _serve_fault(self, request: web.Request, call: Call, match: Match, entry: Entry, rule: FaultRule) -> web.StreamResponse:
        if rule.kind == "slow" and rule.act == "after":
            await asyncio.sleep(rule.seconds or 0)
        elif rule.kind == "barrier":
            await self.faults.barrier(rule).pass_through(BARRIER_LIMIT_S if rule.seconds is None else rule.seconds)
        elif rule.kind == "signal" and rule.pid is not None:
            if rule.seconds:
                asyncio.get_running_loop().call_later(rule.seconds, send_signal, rule.pid, rule.signal)
            elif rule.act in ("after", "never"):
                send_signal(rule.pid, rule.signal)
        elif rule.kind == "stall" and rule.pid is not None and rule.act in ("after", "never"):
            await self._hold(rule.pid)
        elif rule.kind == "operation":
            match = replace(match, fault=rule)
        refusal = self.provider.refuse(rule.status or 503, "injected fault", rule.reason)
        answer = await self._act(call, match, entry.contract_violations) if rule.acts else refusal
        if rule.kind == "signal" or (rule.kind == "operation" and rule.pid is not None and rule.act == "before"):
            return await self._after_signal(request, entry, rule, answer)
        if rule.kind == "network_lost":
            self.lose_network(entry.token, rule.seconds or 0)
            return await abort(request)
        if rule.kind == "stall" and rule.pid is not None and rule.act in (None, "before"):
            send_signal(rule.pid, "SIGSTOP")
        if rule.kind in ("barrier", "operation", "stall"):
            entry.status = answer.status
            return await deliver(request, answer)
        if rule.kind in ("drop_before", "drop_after"):
            return await abort(request)
        if rule.kind in ("cut", "stuck"):
            entry.status = answer.status
            return await deliver_half(request, answer, (rule.seconds or STUCK_S) if rule.kind == "stuck" else None)
        if rule.kind == "slow":
            if rule.act != "after":
                await asyncio.sleep(rule.seconds or 0)
        elif rule.kind == "expired_token":
            answer = self.provider.reject_token(call, rule.scope)
        else:
            answer = injected(rule, refusal)
        entry.status = answer.status
        return await deliver(request, answer)

    async def _hold(self, pid: int) -> None:
        """Stops a process and returns when it goes on."""
        send_signal(pid, "SIGSTOP")
        await asyncio.sleep(SIGNAL_PAUSE_S)
        while is_stopped(pid):
            await asyncio.sleep(SIGNAL_PAUSE_S)

    async def _after_signal(self, request: web.Request, entry: Entry, rule: FaultRule, answer: Answer) -> web.StreamResponse:
        if rule.pid is not None and (not rule.seconds or rule.kind == "operation") and rule.act in (None, "before"):
            send_signal(rule.pid, rule.signal)
            # Whoever lives on handles the signal before it reads the answer.
            await asyncio.sleep(SIGNAL_PAUSE_S)
        if not rule.acts:
            return await abort(request)
        entry.status = answer.status
        return await deliver(request, answer)
