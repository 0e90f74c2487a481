# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends an answer over the socket, whole or broken in the way a fault asks for."""

from __future__ import annotations

import asyncio

from aiohttp import web

from .faults import FaultRule
from .messages import Answer

STUCK_S = 600.0
HTML = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center><hr></body></html>\n"


async def deliver(request: web.Request, answer: Answer) -> web.StreamResponse:
    """The whole answer."""
    response = web.Response(status=answer.status, body=answer.body)
    response.headers.update(answer.headers)
    return response


async def abort(request: web.Request) -> web.StreamResponse:
    """No answer: the connection is closed under the client."""
    if request.transport is not None:
        request.transport.abort()
    # aiohttp wants a response object; with the transport gone nothing of it is sent.
    return web.Response(status=500)


async def deliver_half(request: web.Request, answer: Answer, hang_s: float | None) -> web.StreamResponse:
    """Headers that promise the whole body, half of it, then silence for `hang_s` seconds (None: none), then the connection is closed."""
    response = web.StreamResponse(status=answer.status)
    response.headers.update(answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if hang_s is not None:
        await asyncio.sleep(hang_s)
    if request.transport is not None:
        # close() and not abort(): what was written still goes out, so the client sees a body that ends too early.
        request.transport.close()
    return response


def injected(rule: FaultRule, refuse: Answer) -> Answer:
    """The answer that a rule puts in place of the provider's, for kinds that answer at all. `refuse` is used when the rule gives no body."""
    answer = refuse
    if rule.kind == "html":
        answer = Answer.of_text(HTML, rule.status or 502, "text/html")
    elif rule.kind == "empty":
        answer = Answer(rule.status or 200, b"", {"Content-Type": "application/json"})
    elif rule.kind == "redirect":
        answer = Answer(rule.status or 302, b"", {"Location": rule.location or "/login"})
    elif isinstance(rule.body, str):
        answer = Answer.of_text(rule.body, refuse.status)
    elif rule.body is not None:
        answer = Answer.of_json(rule.body, refuse.status)
    if rule.retry_after is not None:
        answer.headers["Retry-After"] = str(rule.retry_after)
    return answer
